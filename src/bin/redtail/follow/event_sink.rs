//! Prints the events of one stream. A server has one stream, a cluster has one per shard.

use std::io::Write;
use std::time::{Duration, Instant};

use redtail::replication::Idle;
use redtail::topology::Shard;
use redtail::{Attached, Event, Position};

use crate::args::{Follow, OutputFormat};
use crate::failure::Failure;
use crate::follow::heartbeat::Heartbeat;
use crate::output::Printer;
use crate::snapshot_file::Saver;
use crate::stop_condition::StopCondition;
use crate::terminal::log;

/// The output of one stream: lines, the snapshot file, messages and heartbeats.
pub(super) struct EventSink<W: Write> {
    source: Source,
    output: Printer<W>,
    saver: Option<Saver>,
    stop: StopCondition,
    heartbeat: Option<Heartbeat>,
    format: OutputFormat,
    all: bool,
    /// When the connection was lost.
    lost: Option<Instant>,
}

/// The server whose events are printed.
pub(super) enum Source {
    /// The address or URL as given.
    Server(String),
    Shard(Shard),
}

impl<W: Write> EventSink<W> {
    pub(super) fn new(source: Source, output: Printer<W>, stop: StopCondition, options: &Follow) -> Self {
        let (heartbeat, args) = (options.heartbeat.map(Heartbeat::new), &options.output);
        let mut output = output;
        if options.positions {
            output.with_positions();
        }
        Self { source, output, saver: None, stop, heartbeat, format: args.format, all: args.all, lost: None }
    }

    /// Writes snapshots with `saver` instead of printing their keys.
    pub(super) fn saving(mut self, saver: Option<Saver>) -> Self {
        if saver.is_some() {
            self.output.without_keys();
        }
        Self { saver, ..self }
    }

    /// Prints an event. Returns whether it is the last one wanted.
    pub(super) fn event(&mut self, event: &Event<'_>) -> Result<bool, Failure> {
        if matches!(event, Event::Idle(_)) {
            return Ok(false);
        }
        if let (Event::Attached(_), Source::Shard(shard)) = (event, &self.source) {
            let target = shard.target().to_string();
            self.output.tally().set_address(target.clone());
            self.output.set_target(target);
        }
        self.print(event)?;
        match event {
            Event::Disconnected(_) => self.lost = self.lost.or_else(|| Some(Instant::now())),
            Event::Attached(_) => self.lost = None,
            _ => {}
        }
        // A control command prints nothing without --all.
        let is_line = self.output.is_printed() && (self.all || !matches!(event, Event::Control(_)));
        if let Some(heartbeat) = self.heartbeat.as_mut().filter(|_| is_line) {
            heartbeat.restart();
        }
        Ok(self.stop.after(event, self.output.is_printed()))
    }

    /// Whether the connection is lost.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// Reports a connection that is back. `peer`: the address at its other end.
    pub(super) fn attached(&self, attached: &Attached, was_lost: bool, peer: Option<String>) {
        let Source::Server(target) = &self.source else { return };
        let peer = peer.filter(|_| target.contains("+sentinel://"));
        if was_lost {
            log::attached_again(peer.as_ref().unwrap_or(target), attached);
        }
        if let Some(peer) = peer {
            self.output.tally().set_address(peer);
        }
    }

    /// Whether nothing was printed during the interval of `--heartbeat`.
    pub(super) fn is_beat_due(&self) -> bool {
        self.until_beat().is_some_and(|left| left.is_zero())
    }

    /// Prints the position of a heartbeat.
    pub(super) fn beat(&mut self, position: Option<Position>) -> Result<(), Failure> {
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat.restart();
        }
        self.print(&Event::Idle(Idle::at(position)))
    }

    /// The time until the next heartbeat. `None` without `--heartbeat`.
    pub(super) fn until_beat(&self) -> Option<Duration> {
        self.heartbeat.as_ref().map(Heartbeat::left)
    }

    /// Whether [`mark`](Self::mark) may write something.
    pub(super) fn has_marks(&self) -> bool {
        self.output.has_marks()
    }

    /// Writes the position of everything printed, with --positions. `is_due`: even if it is near the last one.
    pub(super) fn mark(&mut self, position: Position, is_due: bool) -> Result<(), Failure> {
        Ok(self.output.mark(position, is_due)?)
    }

    /// Writes that the output is complete, with --positions.
    pub(super) fn mark_caught_up(&mut self) -> Result<(), Failure> {
        Ok(self.output.mark_caught_up()?)
    }

    /// Ends at this offset. Returns whether everything before `reached`, which is printed, includes it.
    pub(super) fn stop_at(&mut self, offset: u64, reached: u64) -> bool {
        self.stop.set_until(offset, reached)
    }

    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        Ok(self.output.flush()?)
    }

    /// Everything wanted has been printed, even if a snapshot is incomplete.
    pub(super) fn enough(&mut self) {
        self.output.enough();
    }

    /// Completes the output. Returns the result of the run, and of the output.
    pub(super) fn finish(&mut self, outcome: Result<(), Failure>) -> (Result<(), Failure>, Result<(), Failure>) {
        let outcome = match self.saver.take() {
            Some(saver) => saver.finish(outcome),
            None => outcome,
        };
        (outcome, self.output.finish())
    }

    fn print(&mut self, event: &Event<'_>) -> Result<(), Failure> {
        if let Some(saver) = &mut self.saver {
            saver.event(event)?;
        }
        self.output.event(event)?;
        self.log(event);
        Ok(())
    }

    fn log(&self, event: &Event<'_>) {
        match (&self.source, event) {
            // The caller knows the address.
            (Source::Server(_), Event::Attached(_)) if self.lost.is_some() => {}
            (Source::Shard(shard), Event::Attached(attached)) if self.lost.is_some() => {
                log::attached_again(&shard.target().to_string(), attached);
            }
            (_, Event::Idle(idle)) if self.format != OutputFormat::Json && self.lost.is_some() => {
                log::stale(idle.position, self.lost.map_or(Duration::ZERO, |lost| lost.elapsed()));
            }
            // The saver reports the snapshot.
            (_, Event::SnapshotBegin(_) | Event::SnapshotEnd(_)) if self.saver.is_some() => {}
            (Source::Server(target), event) => log::event(event, self.format, target),
            // A notice has named the shard.
            (Source::Shard(_), Event::Attached(_) | Event::SnapshotEnd(_)) => {}
            (Source::Shard(shard), event) => log::event_of(&shard.target(), event, self.format),
        }
    }
}
