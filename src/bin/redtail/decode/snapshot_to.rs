//! `decode --snapshot-to`: writes the snapshot to a file.

use std::fmt::Display;

use redtail::{Event, SnapshotFile, SnapshotFileError};

use crate::args::Decode;
use crate::failure::Failure;
use crate::signals;
use crate::snapshot_file;
use crate::snapshot_file::set_unfinished;
use crate::terminal::log;

/// Writes the first snapshot that the events contain.
pub(crate) struct Save {
    file: SnapshotFile,
    whole: bool,
}

impl Save {
    /// Creates the file at once, so that an unwritable file is reported before reading.
    pub(crate) fn open(options: &Decode) -> Result<Option<Self>, Failure> {
        let Some(path) = &options.snapshot_to else { return Ok(None) };
        // An interrupted run leaves no file behind.
        signals::listen(|| {})?;
        let file = snapshot_file::begin(path, options.force).map_err(not_saved)?;
        Ok(Some(Self { file, whole: false }))
    }

    /// Handles an event of the input `name`. The snapshot must precede all commands.
    pub(crate) fn event(&mut self, event: &Event<'_>, name: &dyn Display) -> Result<(), Failure> {
        match event {
            Event::SnapshotBegin(_) if self.whole => {
                let file = self.file.path().display();
                return Err(Failure::Message(format!(
                    "there is a second snapshot in {name}; {file} contains the first"
                )));
            }
            Event::Command(_) | Event::Multi(_) | Event::Control(_) | Event::Part(_) if !self.whole => {
                return Err(self.nothing(name));
            }
            event => {
                if self.file.event(event).map_err(not_saved)? {
                    self.whole = true;
                    set_unfinished(&self.file);
                    log::say(format_args!("wrote {}: {} bytes", self.file.path().display(), self.file.bytes()));
                    if let Event::SnapshotEnd(end) = event
                        && end.verified < end.bytes
                    {
                        let rest = match self.file.has_checksum() {
                            true => "the checksum of all bytes is right",
                            false => "nothing verifies them, since the server wrote no checksum (rdbchecksum)",
                        };
                        snapshot_file::say_unverified(end, rest);
                    }
                }
            }
        }
        Ok(())
    }

    /// Completes the run.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        match self.whole {
            true => Ok(()),
            false if signals::is_stopped() => Err(Failure::Message(format!(
                "interrupted; {} was not written: run it again",
                self.file.path().display()
            ))),
            false => Err(self.nothing(&"the input")),
        }
    }

    fn nothing(&self, name: &dyn Display) -> Failure {
        let file = self.file.path().display();
        Failure::Message(format!("{name} does not begin with a snapshot; {file} was not written: remove --snapshot-to"))
    }
}

fn not_saved(error: SnapshotFileError) -> Failure {
    let hint = match error {
        SnapshotFileError::Exists { .. } => "; --force replaces it once the new snapshot is complete",
        _ => "",
    };
    Failure::Message(format!("{error}{hint}"))
}
