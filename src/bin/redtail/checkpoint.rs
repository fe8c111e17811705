//! `--checkpoint`: the position of what has been written, kept in a file.

use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redtail::io::Saved;
use redtail::{Ack, Checkpoint, CheckpointError, Event, Follower, Position, Start};

use crate::args::{AckChoice, Tail};
use crate::failure::Failure;
use crate::notes;
use crate::output::Output;

/// Saves positions, each only after the output before it is safe.
pub(crate) struct Keeper {
    checkpoint: Checkpoint,
    /// Standard output, where it is a regular file, which is to be synced.
    file: Option<std::fs::File>,
    applied: bool,
}

/// Reads the checkpoint that was asked for, and tells where to start. Ends the process where that can't be both.
pub(crate) fn open(options: &Tail, target: &str) -> Result<(Option<Keeper>, Start), Failure> {
    let start = options.from.unwrap_or_default();
    let Some(path) = &options.checkpoint else { return Ok((None, start)) };
    let checkpoint = Checkpoint::open(path, target)?.every(options.checkpoint_commands, options.checkpoint_interval);
    let start = match (checkpoint.saved(), options.from) {
        (None, _) => start,
        (Some(_), Some(_)) => two_starts(options, path),
        (Some(saved), None) => {
            notes::say(format_args!("the checkpoint {} says where to start: {}", path.display(), Words(saved)));
            if saved.target != target {
                notes::say(format_args!("it was saved while {} was followed", saved.target));
            }
            Start::At(saved.position)
        }
    };
    let keeper = Keeper { checkpoint, file: regular_output(), applied: options.ack == AckChoice::Applied };
    Ok((Some(keeper), start))
}

/// Ends the process: both say where to start.
pub(crate) fn two_starts(options: &Tail, path: &Path) -> ! {
    options.wrong_usage(format_args!(
        "--from can't be used with the checkpoint {}, which says where to start; to start elsewhere, remove that file",
        path.display()
    ))
}

impl From<AckChoice> for Ack {
    fn from(choice: AckChoice) -> Self {
        match choice {
            AckChoice::Observe => Self::Observe,
            AckChoice::Applied => Self::Applied,
        }
    }
}

impl From<CheckpointError> for Failure {
    fn from(error: CheckpointError) -> Self {
        Self::Words(error.to_string())
    }
}

impl Keeper {
    /// At an event that begins a stretch of the stream, before it is printed: what was printed until then, a gap among it, is written,
    /// and where the stretch begins is saved.
    pub(crate) fn before<W: Write>(
        &mut self,
        event: &Event<'_>,
        output: &mut Output<W>,
    ) -> Result<Option<Position>, Failure> {
        match event {
            Event::Attached(attached) if attached.position.is_some() => self.save(attached.position, output),
            _ => Ok(None),
        }
    }

    /// Counts what was printed.
    pub(crate) fn printed(&mut self, event: &Event<'_>) {
        match event {
            Event::Command(_) | Event::Part(_) => self.checkpoint.count(1),
            // What follows a whole snapshot is not to begin with another one.
            Event::SnapshotEnd(_) => self.checkpoint.count(u64::MAX),
            _ => {}
        }
    }

    /// How long it may take until the next save, if there is something to save.
    pub(crate) fn patience(&self, position: Option<Position>) -> Option<Duration> {
        (position.is_some() && position != self.checkpoint.position()).then(|| self.checkpoint.due_in())
    }

    pub(crate) fn is_due(&self) -> bool {
        self.checkpoint.is_due()
    }

    /// Writes what was printed, and saves the position after it.
    pub(crate) fn save<W: Write>(
        &mut self,
        position: Option<Position>,
        output: &mut Output<W>,
    ) -> Result<Option<Position>, Failure> {
        // Before the first position, as in a snapshot, there is nothing to go on from.
        let Some(position) = position else { return Ok(None) };
        output.flush()?;
        if self.checkpoint.position() != Some(position)
            && let Some(file) = &self.file
        {
            file.sync_data()?;
        }
        self.checkpoint.save(position)?;
        Ok(Some(position))
    }

    /// Tells the primary, if that was asked for.
    pub(crate) fn acknowledge(&self, follower: &mut Follower, saved: Option<Position>) {
        if let Some(position) = saved.filter(|_| self.applied) {
            follower.commit(position);
        }
    }
}

/// Standard output, where it is a file that can be synced.
pub(crate) fn regular_output() -> Option<std::fs::File> {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd;
        let file = std::fs::File::from(io::stdout().as_fd().try_clone_to_owned().ok()?);
        file.metadata().is_ok_and(|metadata| metadata.is_file()).then_some(file)
    }
    #[cfg(not(unix))]
    None
}

struct Words<'a>(&'a Saved);

impl std::fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, saved {} s ago", self.0.position, age(self.0.saved_ms))
    }
}

/// Seconds since a checkpoint was saved.
pub(crate) fn age(saved_ms: u64) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.saturating_sub(Duration::from_millis(saved_ms)).as_secs()
}
