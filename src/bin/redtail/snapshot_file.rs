//! `snapshot -o` and `tail --snapshot-to`: write the snapshot to a file or to standard output.

use std::fmt::{self, Display};
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use indicatif::HumanBytes;
use redtail::{Event, OnGap, SnapshotEnd, SnapshotFile, SnapshotFileError};

use crate::args::{Follow, SnapshotTo};
use crate::failure::Failure;
use crate::output_writer::OutputWriter;
use crate::terminal::log;
use crate::terminal::progress::Progress;

/// Writes the snapshot that the events contain.
pub(crate) struct Saver {
    to: To,
    received: u64,
    begun: Instant,
    progress: Option<Progress>,
    is_whole: bool,
}

enum To {
    File(SnapshotFile),
    Output(OutputWriter),
}

impl Saver {
    /// Creates the file before the server is asked for a snapshot, so that an unwritable file is reported at once. A run
    /// that resumes has the snapshot of an earlier run, which only a gap can replace.
    pub(crate) fn open(options: &Follow, resumes: bool) -> Result<Option<Self>, Failure> {
        let Some(SnapshotTo { path, force }) = &options.snapshot_to else { return Ok(None) };
        if resumes && options.on_gap != OnGap::Snapshot {
            return Ok(None);
        }
        let to = match path.as_os_str() == "-" {
            true => To::Output(OutputWriter::stdout()),
            false => To::File(begin(path, *force || resumes)?),
        };
        Ok(Some(Self { to, received: 0, begun: Instant::now(), progress: None, is_whole: resumes }))
    }

    pub(crate) fn event(&mut self, event: &Event<'_>) -> Result<(), Failure> {
        if let To::File(file) = &mut self.to {
            let was = file.temporary().is_some();
            file.event(event)?;
            if was != file.temporary().is_some() {
                set_unfinished(file);
            }
        }
        match event {
            Event::SnapshotBegin(begin) => {
                (self.received, self.begun, self.is_whole) = (0, Instant::now(), false);
                self.progress = Some(Progress::new(begin.length));
            }
            Event::SnapshotBytes(bytes) => {
                if let To::Output(out) = &mut self.to {
                    out.write_all(bytes).map_err(not_taken)?;
                }
                self.received += bytes.len() as u64;
                if let Some(progress) = &self.progress {
                    progress.at(self.received);
                }
            }
            Event::SnapshotEnd(end) => self.whole(end)?,
            // The progress bar makes room for a message.
            _ => self.progress = None,
        }
        Ok(())
    }

    /// Completes the run. An incomplete snapshot is a failure, whatever the reason.
    pub(crate) fn finish(mut self, outcome: Result<(), Failure>) -> Result<(), Failure> {
        self.progress = None;
        match (outcome, &self.to) {
            // The rest of the buffer may be written by another writer.
            (Err(Failure::ClosedPipe), To::Output(_)) if !self.is_whole => {
                Err(not_taken(io::ErrorKind::BrokenPipe.into()))
            }
            (Err(Failure::Output(error)), To::Output(_)) if !self.is_whole => Err(not_taken(error)),
            (Ok(()), To::File(file)) if !self.is_whole => Err(Failure::Message(format!(
                "the run ended before the snapshot was complete; {} was not written",
                file.path().display()
            ))),
            (Ok(()), To::Output(_)) if !self.is_whole => Err(Failure::Message(
                "the run ended before the snapshot was complete: discard the data on standard output".into(),
            )),
            (outcome, _) => outcome,
        }
    }

    fn whole(&mut self, end: &SnapshotEnd) -> Result<(), Failure> {
        self.progress = None;
        let name = match &mut self.to {
            To::File(file) => file.path().display().to_string(),
            To::Output(out) => {
                out.flush().map_err(not_taken)?;
                "the snapshot to standard output".into()
            }
        };
        self.is_whole = true;
        let (bytes, seconds) = (self.received, self.begun.elapsed().as_secs_f64());
        log::say(format_args!("wrote {name}: {bytes} bytes{} in {seconds:.1} s", InParentheses(bytes)));
        if end.verified < end.bytes {
            let rest = match &self.to {
                To::File(file) if file.has_checksum() => "the checksum of all bytes is right",
                To::File(_) => "nothing verifies them, since the server wrote no checksum (rdbchecksum)",
                To::Output(_) => "the checksum at the end was not verified",
            };
            say_unverified(end, rest);
        }
        Ok(())
    }
}

/// Says from where on a snapshot is not verified, and what verifies the rest.
pub(crate) fn say_unverified(end: &SnapshotEnd, rest: &str) {
    let (at, left) = (end.verified, end.bytes - end.verified);
    let why = match end.beyond_templates {
        Some(limit) => format!("since the hash templates need more than {limit} bytes of memory"),
        None => "where data of a later server begins that this version of redtail does not know".into(),
    };
    log::say(format_args!(
        "the structure is verified up to byte {at}, {why}; of the {left} bytes from there on, {rest}"
    ));
}

impl From<SnapshotFileError> for Failure {
    fn from(error: SnapshotFileError) -> Self {
        let hint = match &error {
            SnapshotFileError::NotAFile { path } if path.is_dir() => "; it is a folder: give the path of a file",
            SnapshotFileError::Exists { .. } => "; --force replaces it once the new snapshot is complete",
            SnapshotFileError::NotAFile { .. } => "; use -o - and redirect standard output",
            _ => "",
        };
        Self::Message(format!("{error}{hint}"))
    }
}

/// A size in larger units, for more than a few bytes.
struct InParentheses(u64);

impl Display for InParentheses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ..1024 => Ok(()),
            bytes => write!(f, " ({})", HumanBytes(bytes)),
        }
    }
}

/// A failure even for a closed pipe, since half a snapshot is useless.
fn not_taken(error: io::Error) -> Failure {
    Failure::Message(format!(
        "can't write the snapshot to standard output: {error}; the data written there is incomplete"
    ))
}

/// Creates the file for a snapshot. With `force` it may replace an existing file.
pub(crate) fn begin(path: &Path, force: bool) -> Result<SnapshotFile, SnapshotFileError> {
    let file = if force { SnapshotFile::create(path) } else { SnapshotFile::create_new(path) }?;
    set_unfinished(&file);
    Ok(file)
}

/// The file to remove if the process ends at once.
static UNFINISHED: Mutex<Option<PathBuf>> = Mutex::new(None);

pub(crate) fn set_unfinished(file: &SnapshotFile) {
    if let Ok(mut unfinished) = UNFINISHED.lock() {
        *unfinished = file.temporary().map(Into::into);
    }
}

/// Removes the unfinished file before the process ends at once. Returns whether there was one.
pub(crate) fn abandon() -> bool {
    let unfinished = UNFINISHED.lock().ok().and_then(|mut unfinished| unfinished.take());
    unfinished.is_some_and(|path| fs::remove_file(path).is_ok())
}
