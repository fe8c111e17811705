//! Follows one server.

use std::time::{Duration, Instant};

use redtail::net::Socket;
use redtail::{Ack, Attached, Event, Follower, Handle, Position, SnapshotForm, Start};

use crate::args::{Follow, OutputFormat, survive, wrong_usage};
use crate::failure;
use crate::failure::Failure;
use crate::follow::event_sink::{EventSink, Source};
use crate::follow::keeper::Keeper;
use crate::keepalive::Keepalive;
use crate::output::Printer;
use crate::output_writer::OutputWriter;
use crate::signals;
use crate::snapshot_file;
use crate::snapshot_file::Saver;
use crate::stats::{Watching, tally_of_stream, watch_lag};
use crate::stop_condition::StopCondition;
use crate::target::address::{Address, Security};
use crate::target::command_specs;
use crate::target::endpoint::Endpoint;
use crate::target::offset::{OffsetError, offset};
use crate::terminal::log;

pub(super) fn run(options: &Follow) -> Result<(), Failure> {
    let address = Address::of(&options.server).unwrap_or_else(|message| wrong_usage(options.verb, message));
    let target = address.endpoint.to_string();
    signals::listen(|| std::process::exit(i32::from(snapshot_file::abandon())))?;
    let keeper = Keeper::open(options, &target)?;
    let saved = keeper.as_ref().and_then(Keeper::saved);
    let saver = Saver::open(options, saved.is_some())?;
    let start = saved.map_or(options.start.unwrap_or_default(), Start::At);
    let is_plain = address.security == Security::Plain;
    // Before the primary is asked for anything.
    let out = OutputWriter::open(&options.output)?;
    let output = Printer::new(out, &options.output, target.clone(), tally_of_stream(None));
    if let Endpoint::Server(target) = &address.endpoint {
        output.tally().set_address(target.to_string());
    }
    let watching = Watching::start(&options.watch)?;
    let mut follower = connect(options, start, address.clone())?;
    let handle = follower.handle();
    command_specs::ask_at(address.clone());
    if output.is_status_shown() || options.watch.is_any() {
        watch_lag(output.tally(), address.clone());
    }
    let stop = StopCondition::new(&options.output);
    let mut run = Run {
        options,
        address,
        sink: EventSink::new(Source::Server(target.clone()), output, stop, options).saving(saver),
        keeper,
        keepalive: Keepalive::watch(&handle),
        goal: Goal::default(),
        is_caught_up: false,
        printed: None,
        written: None,
    };
    signals::on_stop(move || handle.stop());
    let outcome = run.follow(&mut follower);
    drop(watching);
    let is_new = follower.position().is_none();
    let named = |failure: Failure| match is_plain && is_new {
        true => failure.without_tls(&target).at(&target),
        false => failure.at(&target),
    };
    run.finish(outcome.map_err(named))
}

fn connect(options: &Follow, start: Start, address: Address) -> Result<Follower, Failure> {
    let mut settings = options.output.settings();
    if options.snapshot_to.is_some() {
        settings.snapshot = SnapshotForm::Bytes;
    }
    settings.ack = options.ack;
    settings.label = options.watch.name.as_deref().copied().unwrap_or_default();
    settings.start = start;
    settings.allow_probe = options.allow_probe;
    survive(options.reconnect, options.on_gap, &mut settings);
    address.follow(Handle::new(), settings, None)
}

struct Run<'a> {
    options: &'a Follow,
    address: Address,
    sink: EventSink<OutputWriter>,
    keeper: Option<Keeper<Position>>,
    keepalive: Keepalive,
    goal: Goal,
    /// The goal of --until-caught-up is reached: nothing is left to resume.
    is_caught_up: bool,
    /// The position after the last printed event.
    printed: Option<Position>,
    /// The position after the last event that has left the buffer.
    written: Option<Position>,
}

/// What the last printed event asks for. An attach is rare, and large.
struct Printed {
    attached: Option<Box<Attached>>,
    was_lost: bool,
    /// The stream begins or continues here.
    is_start: bool,
    is_last: bool,
}

impl Run<'_> {
    fn follow(&mut self, follower: &mut Follower) -> Result<(), Failure> {
        loop {
            self.printed = follower.position();
            self.save_if_due(follower)?;
            // An event is large, so it stays where it was built.
            let printed = match &follower.try_next() {
                Some(event) => Some(self.print(event)?),
                None => None,
            };
            let printed = match printed {
                Some(printed) => printed,
                None => {
                    self.flush()?;
                    let next = match self.wait_at_most() {
                        Some(timeout) => follower.next_timeout(timeout)?,
                        None => follower.next_event()?,
                    };
                    match &next {
                        Some(event) => self.print(event)?,
                        None if self.options.until_caught_up && signals::is_stopped() => {
                            return Err(Failure::Message("ended by a signal before it was caught up".into()));
                        }
                        None => return signals::end_of_stream(),
                    }
                }
            };
            if self.is_over(printed, follower)? {
                self.sink.enough();
                self.printed = follower.position();
                return Ok(());
            }
        }
    }

    fn print(&mut self, event: &Event<'_>) -> Result<Printed, Failure> {
        let Self { options, sink, keeper, keepalive, goal, printed, .. } = self;
        let attached = match event {
            Event::Attached(attached) => Some(Box::new(*attached)),
            _ => None,
        };
        let was_lost = sink.is_lost();
        // Before a snapshot there is no position.
        let is_start = matches!(event, Event::Attached(Attached { position: Some(_), .. }) | Event::SnapshotEnd(_));
        if options.until_caught_up && (is_start || attached.is_some()) {
            // The goal of an earlier connection is void. A snapshot has none.
            goal.due = is_start.then(Instant::now);
            sink.stop_at(u64::MAX, 0);
        } else if matches!(event, Event::Disconnected(_)) {
            // The next connection may be to another server, and begin with a snapshot.
            goal.due = None;
        }
        let is_last = keepalive.while_printing(|| {
            if matches!(event, Event::Multi(_))
                && let Some(position) = *printed
            {
                sink.mark(position, true)?;
            }
            if let Some(keeper) = keeper {
                before(event, keeper, sink)?;
                keeper.count(commands(event));
            }
            sink.event(event)
        })?;
        let is_last = is_last || (options.only_snapshot && matches!(event, Event::SnapshotEnd(_)));
        Ok(Printed { attached, was_lost, is_start, is_last })
    }

    /// Whether the printed event was the last one wanted. The follower is past it.
    fn is_over(&mut self, printed: Printed, follower: &Follower) -> Result<bool, Failure> {
        let Self { options, address, sink, keepalive, goal, is_caught_up, .. } = self;
        let Printed { attached, was_lost, is_start, is_last } = printed;
        if let Some(attached) = attached {
            sink.attached(&attached, was_lost, peer(follower));
        }
        let is_last = is_last
            || (goal.is_due() && keepalive.while_printing(|| goal.is_reached(address, follower.position(), sink))?);
        if is_last {
            if options.until_caught_up {
                log::say("caught up: every write that the server had when it was asked is printed");
                *is_caught_up = true;
            }
            return Ok(true);
        }
        if sink.has_marks()
            && let Some(position) = follower.position()
        {
            keepalive.while_printing(|| sink.mark(position, is_start))?;
        }
        if sink.is_beat_due() {
            keepalive.while_printing(|| sink.beat(follower.position()))?;
        }
        Ok(false)
    }

    /// The time until something is due that no event causes.
    fn wait_at_most(&self) -> Option<Duration> {
        let save_in = self.keeper.as_ref().zip(self.printed).and_then(|(keeper, position)| keeper.due_in(&position));
        save_in.into_iter().chain(self.sink.until_beat()).chain(self.goal.due_in()).min()
    }

    /// Writes the buffered output, which ends at the last printed event.
    fn flush(&mut self) -> Result<(), Failure> {
        let Self { sink, keepalive, printed, written, .. } = self;
        keepalive.while_printing(|| {
            printed.map_or(Ok(()), |position| sink.mark(position, true))?;
            sink.flush()
        })?;
        *written = *printed;
        Ok(())
    }

    /// Saves the position, if that is due.
    fn save_if_due(&mut self, follower: &mut Follower) -> Result<(), Failure> {
        // A position is large: it is not copied for each event.
        if !self.keeper.as_ref().is_some_and(Keeper::is_due) {
            return Ok(());
        }
        let Some(position) = self.printed else { return Ok(()) };
        self.flush()?;
        let Self { options, keeper, keepalive, .. } = self;
        if let Some(keeper) = keeper {
            keepalive.while_printing(|| keeper.save(position))?;
        }
        if options.ack == Ack::Applied {
            follower.commit(position);
        }
        Ok(())
    }

    /// Completes the output, saves the position, and says how to resume.
    fn finish(mut self, outcome: Result<(), Failure>) -> Result<(), Failure> {
        let marked =
            self.printed.map_or(Ok(()), |position| self.keepalive.while_printing(|| self.sink.mark(position, true)));
        let complete = match self.is_caught_up {
            true => marked.and_then(|()| self.keepalive.while_printing(|| self.sink.mark_caught_up())),
            false => marked,
        };
        let outcome = outcome.and(complete);
        let (outcome, mut finished) = self.keepalive.while_printing(|| self.sink.finish(outcome));
        let is_lost = outcome.as_ref().is_err_and(Failure::is_history_lost);
        let is_full = |result: &Result<(), Failure>| matches!(result, Err(Failure::Output(_)));
        let is_unwritten =
            |result: &Result<(), Failure>| matches!(result, Err(Failure::Output(_) | Failure::ClosedPipe));
        let mut saved = None;
        if let (Some(keeper), Some(position)) = (&mut self.keeper, self.printed)
            && finished.is_ok()
            && !is_lost
            && !is_unwritten(&outcome)
        {
            finished = keeper.save(position);
            saved = finished.is_ok().then_some(position);
        }
        // A disk that is full soon after each restart would otherwise receive the same writes again and again.
        if let (Some(keeper), Some(position)) = (&mut self.keeper, self.written)
            && (is_full(&outcome) || is_full(&finished))
            && !is_lost
        {
            saved = keeper.save(position).is_ok().then_some(position).or(saved);
        }
        let position = if is_unwritten(&outcome) || is_unwritten(&finished) { self.written } else { self.printed };
        // An output that is not written is not complete.
        self.is_caught_up &= outcome.is_ok() && finished.is_ok();
        if let Some(position) = position.filter(|_| !is_lost) {
            self.say_resume(position, saved);
        }
        failure::first(outcome, finished)
    }

    /// `saved`: the position that the end of this run has saved.
    fn say_resume(&self, position: Position, saved: Option<Position>) {
        let before = self.keeper.as_ref().and_then(Keeper::saved);
        match (saved, before) {
            (Some(saved), _) => {
                log::say(format_args!("saved the position to resume from in the checkpoint: {saved}"));
            }
            (None, Some(before)) => {
                log::say(format_args!("the checkpoint was not saved again: the next run resumes from {before}"));
            }
            _ if self.is_caught_up => {}
            _ if self.options.only_snapshot => {
                log::say(format_args!("to print the writes after it: redtail tail --from {position}"));
            }
            _ => {
                if self.options.output.format == OutputFormat::Resp {
                    log::say("if the reader of this output was cut off, it has loaded less than this position says:");
                }
                log::say(format_args!("resume with --from {position}"));
            }
        }
    }
}

/// The offset to end at, with --until-caught-up.
#[derive(Default)]
struct Goal {
    /// When the server is asked for it. `None` while it is known or not wanted.
    due: Option<Instant>,
    last_reason: String,
}

impl Goal {
    /// The time between two questions.
    const PAUSE: Duration = Duration::from_secs(1);

    fn due_in(&self) -> Option<Duration> {
        self.due.map(|due| due.saturating_duration_since(Instant::now()))
    }

    fn is_due(&self) -> bool {
        self.due_in() == Some(Duration::ZERO)
    }

    /// Asks the server. Returns whether everything that it had then is printed.
    fn is_reached(
        &mut self,
        address: &Address,
        position: Option<Position>,
        sink: &mut EventSink<OutputWriter>,
    ) -> Result<bool, Failure> {
        let Some(position) = position else {
            return Err(Failure::Message(
                "--until-caught-up needs an offset, and a stream that began with SYNC has none".into(),
            ));
        };
        match offset(address, position.replid) {
            Ok(offset) => {
                self.due = None;
                Ok(sink.stop_at(offset, position.offset))
            }
            Err(OffsetError::Denied(why)) => Err(Failure::Message(format!(
                "can't ask the server for its offset (INFO replication, permission +info), which --until-caught-up \
                 needs: {why}"
            ))),
            Err(OffsetError::Other(why)) => {
                if self.last_reason != why {
                    log::say(format_args!(
                        "--until-caught-up does not know the offset to end at: {why}; the server is asked again"
                    ));
                    self.last_reason = why;
                }
                self.due = Some(Instant::now() + Self::PAUSE);
                Ok(false)
            }
        }
    }
}

/// The address of the server at the other end, where only Sentinels know it.
fn peer(follower: &Follower) -> Option<String> {
    match follower.transport() {
        Some(Socket::Tcp(stream)) => stream.peer_addr().ok().map(|address| address.to_string()),
        _ => None,
    }
}

/// Saves the position of a new connection before it is printed. A gap before it is then part of the written output.
fn before(event: &Event<'_>, keeper: &mut Keeper<Position>, sink: &mut EventSink<OutputWriter>) -> Result<(), Failure> {
    let Event::Attached(Attached { position: Some(position), .. }) = event else { return Ok(()) };
    sink.flush()?;
    keeper.save(*position)
}

/// What an event counts for --checkpoint-commands. The end of a snapshot is saved at once, so that no run repeats the
/// snapshot.
fn commands(event: &Event<'_>) -> u64 {
    match event {
        Event::Command(_) | Event::Part(_) => 1,
        Event::SnapshotEnd(_) => u64::MAX,
        _ => 0,
    }
}
