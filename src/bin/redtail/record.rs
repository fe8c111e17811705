//! `redtail record`: saves the stream of a server to a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use indicatif::HumanBytes;
use redtail::io::recording;
use redtail::io::recording::Recorder;
use redtail::{Error, Event, Follower, Handle, OnGap, Position, Start};

use crate::args::{OutputFormat, Record, survive, wrong_usage};
use crate::failure::Failure;
use crate::keepalive::Keepalive;
use crate::output_writer::OutputWriter;
use crate::signals;
use crate::stats::{Tally, Watching, tally_of_stream, watch_lag};
use crate::stop_condition::StopCondition;
use crate::target::address::Address;
use crate::target::endpoint::Endpoint;
use crate::terminal::log;
use crate::terminal::status::Status;

pub(crate) fn run(options: &Record) -> Result<(), Failure> {
    let address = Address::of(&options.server).unwrap_or_else(|message| wrong_usage("record", message));
    let handle = Handle::new();
    signals::listen(|| {})?;
    let stopper = handle.clone();
    signals::on_stop(move || stopper.stop());
    let target = address.endpoint.to_string();
    let name = options.output.display().to_string();
    let watching = Watching::start(&options.watch)?;
    let destination = Destination::open(options, &target)?;
    let mut tally = tally_of_stream(None);
    if let Endpoint::Server(target) = &address.endpoint {
        tally.set_address(target.to_string());
    }
    if options.watch.is_any() {
        watch_lag(&tally, address.clone());
    }
    let mut settings = recording_options();
    settings.start = destination.start;
    settings.allow_probe = options.allow_probe;
    settings.label = options.watch.name.as_deref().copied().unwrap_or_default();
    // Only a recording that is continued may have a gap, and a stream of --from sync is not.
    let on_gap = if settings.start == Start::Sync { OnGap::Stop } else { options.on_gap.into() };
    survive(options.reconnect, on_gap, &mut settings);
    let followed = address.follow(handle.clone(), settings, Some(destination.recorder)).and_then(|mut follower| {
        let keepalive = Keepalive::watch(&handle);
        let mut recorded = Recorded::default();
        let outcome = follow(&mut follower, &keepalive, (&mut recorded, &mut tally), options, &target);
        let written =
            follower.finish_recording().and_then(|()| destination.kept.as_ref().map_or(Ok(()), RecordingFile::sync));
        if recorded.attached {
            let bytes = HumanBytes(follower.recorded_bytes());
            let position = follower.position().map_or(String::new(), |position| format!(", up to {position}"));
            log::say(format_args!("recorded {} commands ({bytes}) in {name}{position}", recorded.commands));
        }
        outcome.and(written.map_err(|error| Error::Recording(error).into()))
    });
    drop(watching);
    if let Some(kept) = &destination.kept {
        kept.remove_if_empty(&options.output);
    }
    match followed {
        Err(Failure::Follower(Error::Recording(error)))
            if options.is_standard_output() && error.kind() == io::ErrorKind::BrokenPipe =>
        {
            Err(Failure::ClosedPipe.of_feed())
        }
        Err(Failure::Follower(Error::Recording(error))) => Err(Failure::Message(format!(
            "can't write {name}: {error}; it stays readable up to its last complete command"
        ))),
        followed => followed.map_err(|failure| failure.at(&target)),
    }
}

/// Snapshots are recorded as bytes, and large values in parts.
fn recording_options() -> redtail::Options {
    let parts = 64 << 10;
    let mut limits = redtail::Limits::default();
    (limits.command, limits.bulk) = (4 << 20, 1 << 40);
    let mut options = redtail::Options::default();
    (options.parts, options.limits) = (Some(parts), limits);
    // PINGs are signs of life for those who watch the run.
    options.control = true;
    options
}

#[derive(Default)]
struct Recorded {
    attached: bool,
    commands: u64,
}

fn follow(
    follower: &mut Follower,
    keepalive: &Keepalive,
    (recorded, tally): (&mut Recorded, &mut Tally),
    options: &Record,
    target: &str,
) -> Result<(), Failure> {
    let mut end = StopCondition::at(options.count, options.until);
    let deadline = options.duration.map(|duration| Instant::now() + duration);
    let mut status = Status::new();
    loop {
        if follower.is_drained() {
            tally.flush();
        }
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) && end.open_transaction().is_none() {
            return Ok(());
        }
        let timeout = left.filter(|left| !left.is_zero()).into_iter().chain(status.due_in()).min();
        // The reader of a pipe may block the recording.
        let next = keepalive.while_printing(|| match timeout {
            Some(timeout) => follower.next_timeout(timeout),
            None => follower.next_event(),
        })?;
        let Some(event) = next else { return signals::end_of_stream() };
        tally.event(&event, true);
        match &event {
            Event::Command(_) => recorded.commands += 1,
            Event::Part(part) => recorded.commands += u64::from(part.offset.is_some()),
            Event::Attached(_) => recorded.attached = true,
            _ => {}
        }
        let enough = end.after(&event, true);
        if !matches!(event, Event::Idle(_) | Event::Command(_) | Event::SnapshotBytes(_)) {
            log::event(&event, OutputFormat::Text, target);
        }
        if enough {
            return Ok(());
        }
        if status.due_in().is_some_and(|timeout| timeout.is_zero()) {
            let bytes = HumanBytes(follower.recorded_bytes());
            let offset = follower.position().map_or(String::new(), |position| format!(", offset {}", position.offset));
            status.show(format_args!("{} commands, {bytes}{offset}  (Ctrl-C ends the recording)", recorded.commands));
        }
    }
}

/// The output of the recording, and its start.
struct Destination {
    recorder: Recorder,
    start: Start,
    /// The file, unless the output is a pipe or a device.
    kept: Option<RecordingFile>,
}

struct RecordingFile {
    file: File,
    /// This run has created it.
    created: bool,
}

impl Destination {
    fn open(options: &Record, target: &str) -> Result<Self, Failure> {
        let start = options.from.unwrap_or_default();
        if options.is_standard_output() {
            return Ok(Self { recorder: Recorder::new(OutputWriter::stdout(), target), start, kept: None });
        }
        let path = &options.output;
        let unwritable = |error: io::Error| Failure::Message(format!("can't write {}: {error}", path.display()));
        let there = match fs::metadata(path) {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(unwritable(error)),
        };
        // A device or a pipe has no contents to overwrite.
        if there.as_ref().is_some_and(|there| !there.is_file() && !there.is_dir()) {
            let file = OpenOptions::new().write(true).open(path).map_err(unwritable)?;
            return Ok(Self { recorder: Recorder::new(file, target), start, kept: None });
        }
        let created = there.is_none();
        if there.is_some_and(|there| there.is_file()) && !options.append && !options.force {
            return Err(Failure::Message(format!(
                "{} exists already; --append continues it, --force overwrites it",
                path.display()
            )));
        }
        let mut how = OpenOptions::new();
        let file = how.read(true).write(true).create(true).create_new(created).open(path).map_err(unwritable)?;
        let kept = RecordingFile { file: file.try_clone().map_err(unwritable)?, created };
        if !options.append {
            let file = Fresh { file, begun: false };
            return Ok(Self { recorder: Recorder::new(file, target), start, kept: Some(kept) });
        }
        let (recorder, position) = recording::append(file, target)
            .map_err(|error| Failure::Message(format!("can't append to {}: {error}", path.display())))?;
        let start = Self::go_on(options, position);
        Ok(Self { recorder, start, kept: Some(kept) })
    }

    /// The end of the existing recording, or the chosen start if it is empty.
    fn go_on(options: &Record, position: Option<Position>) -> Start {
        let path = options.output.display();
        match (position, options.from) {
            (Some(_), Some(_)) => wrong_usage(
                "record",
                format_args!(
                    "--from can't be used with --append here: the recording in {path} contains the position to resume \
                     from; use another file, or --force"
                ),
            ),
            (Some(position), None) => {
                log::say(format_args!("resuming after {position}, the end of the recording in {path}"));
                Start::At(position)
            }
            (None, from) => from.unwrap_or_default(),
        }
    }
}

impl RecordingFile {
    fn is_empty(&self) -> bool {
        self.file.metadata().is_ok_and(|metadata| metadata.len() == 0)
    }

    /// Some systems report a full disk only here.
    fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn remove_if_empty(&self, path: &Path) {
        if self.created && self.is_empty() {
            // An empty file does no harm.
            let _ = fs::remove_file(path);
        }
    }
}

/// A file that keeps its old contents until the first write.
struct Fresh {
    file: File,
    begun: bool,
}

impl Write for Fresh {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.begun {
            self.file.set_len(0)?;
            self.begun = true;
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
