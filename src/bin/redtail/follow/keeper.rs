//! `--checkpoint`: a file with the position of the output, or the positions of all shards.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redtail::io::{CheckpointFile, CheckpointPosition};
use redtail::topology::Positions;
use redtail::{CheckpointError, Position, Start};

use crate::args::{Follow, wrong_usage};
use crate::failure::Failure;
use crate::follow::owner::Owner;
use crate::output_writer;
use crate::stats::checkpoint_saved;
use crate::terminal::log;

/// Saves positions. Each is saved only after the output before it has been written.
pub(super) struct Keeper<P> {
    checkpoint: CheckpointFile<P>,
    _owner: Owner,
}

/// What a checkpoint holds, for a message.
pub(super) trait Describe {
    fn describe(&self) -> String;
}

impl Describe for Position {
    fn describe(&self) -> String {
        self.to_string()
    }
}

impl Describe for Positions {
    fn describe(&self) -> String {
        format!("{} shards", self.shards.len())
    }
}

impl<P: CheckpointPosition + Describe> Keeper<P> {
    /// Locks and opens the file of `--checkpoint`. Returns `None` without that option. A position in the file takes
    /// precedence over `--from`, so that one command line serves every run.
    pub(super) fn open(options: &Follow, target: &str) -> Result<Option<Self>, Failure> {
        let Some(wanted) = &options.checkpoint else { return Ok(None) };
        let path = wanted.path.display();
        let owner = Owner::of(&wanted.path)?;
        let checkpoint = match CheckpointFile::<P>::open(&wanted.path, target) {
            // A restart changes nothing.
            Err(error @ (CheckpointError::Invalid { .. } | CheckpointError::Position { .. })) => {
                wrong_usage(options.verb, error)
            }
            opened => opened?.every(wanted.commands, wanted.interval),
        };
        if let Some(saved) = checkpoint.saved() {
            if let Some(Start::At(_)) = options.start {
                wrong_usage(
                    options.verb,
                    format_args!(
                        "--from POSITION can't be used with the checkpoint {path}, which contains a position; to start \
                         elsewhere, remove that file"
                    ),
                );
            }
            let (position, age) = (saved.position.describe(), age(saved.saved_ms));
            let first =
                options.start.map_or_else(String::new, |start| format!("; --from {start} was for the first run"));
            log::say(format_args!("resuming from the checkpoint {path}: {position}, saved {age} s ago{first}"));
            if saved.target != target {
                log::say(format_args!("the checkpoint was saved for another target: {}", saved.target));
            }
        } else if let Some(output) = &options.output.output
            && matches!(options.start, None | Some(Start::Now | Start::NowWithoutFork))
            && fs::metadata(output).is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0)
        {
            log::warn(format_args!(
                "{} has output of an earlier run, and there is no checkpoint {path}: the writes since that output are \
                 left out. If the checkpoint was lost, end this run, and start once with --from POSITION, made from the \
                 last line",
                output.display()
            ));
        }
        Ok(Some(Self { checkpoint, _owner: owner }))
    }

    /// The saved position.
    pub(super) fn saved(&self) -> Option<P> {
        self.checkpoint.position()
    }

    /// Counts commands that were printed or filtered out.
    pub(super) fn count(&mut self, commands: u64) {
        self.checkpoint.count(commands);
    }

    pub(super) fn is_due(&self) -> bool {
        self.checkpoint.is_due()
    }

    /// The time until `position` has to be saved. `None` if it is saved already.
    pub(super) fn due_in(&self, position: &P) -> Option<Duration> {
        let is_saved = self.checkpoint.saved().is_some_and(|saved| saved.position == *position);
        (!is_saved).then(|| self.checkpoint.due_in())
    }

    /// Saves the position after the output, which the caller has flushed.
    pub(super) fn save(&mut self, position: P) -> Result<(), Failure> {
        let is_saved = self.checkpoint.saved().is_some_and(|saved| saved.position == position);
        if !is_saved {
            output_writer::sync_to_disk()?;
        }
        self.checkpoint.save(position)?;
        checkpoint_saved();
        Ok(())
    }
}

impl From<CheckpointError> for Failure {
    fn from(error: CheckpointError) -> Self {
        Self::Message(error.to_string())
    }
}

/// Seconds since `saved_ms`, a Unix time in milliseconds.
fn age(saved_ms: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.saturating_sub(Duration::from_millis(saved_ms)).as_secs()
}
