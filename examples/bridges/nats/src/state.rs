//! The checkpoint: the position that the broker has confirmed.

use std::fs::{File, TryLockError};
use std::io;
use std::time::{Duration, SystemTime};

use redtail::Checkpoint;
use redtail::io::{CheckpointFile, CheckpointPosition};

use crate::args::Args;
use crate::end::Failure;

/// The lock of this bridge. Two bridges with one file would lose the unconfirmed messages of the slower one.
pub(crate) fn lock(args: &Args) -> Result<File, Failure> {
    let mut name = Checkpoint::file(&args.checkpoint).into_os_string();
    name.push(".lock");
    let failed = |error: io::Error| Failure::new(2, format!("can't use {}: {error}", name.display()));
    let file = File::create(&name).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(Failure::new(1, format!("another bridge is running with --checkpoint {}", args.checkpoint.display())))
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Reads the file, if it exists.
pub(crate) fn open<P: CheckpointPosition>(args: &Args) -> Result<CheckpointFile<P>, Failure> {
    let target = args.target.hosts.join(" ");
    let file = CheckpointFile::open(&args.checkpoint, &target).map_err(|error| Failure::new(2, error.to_string()))?;
    if let Some(saved) = file.saved() {
        warn_of_repetitions(args, SystemTime::UNIX_EPOCH + Duration::from_millis(saved.saved_ms));
    }
    Ok(file)
}

/// The primary's PINGs advance the position: the file's time is the last time a bridge ran.
fn warn_of_repetitions(args: &Args, saved_at: SystemTime) {
    let age = saved_at.elapsed().unwrap_or_default();
    if age > args.window {
        eprintln!(
            "redtail-nats: the position in {} is {} old, more than the window of {}: if the last run was killed, its messages after that \
             position are in the stream twice",
            args.checkpoint.display(),
            humantime::format_duration(Duration::from_secs(age.as_secs())),
            humantime::format_duration(args.window)
        );
    }
}

/// Saves a position. Returns whether the file has changed.
pub(crate) fn save<P: CheckpointPosition>(file: &mut CheckpointFile<P>, position: P) -> Result<bool, Failure> {
    let saved_ms = |file: &CheckpointFile<P>| file.saved().map(|saved| saved.saved_ms);
    let before = saved_ms(file);
    file.save(position).map_err(|error| Failure::new(1, error.to_string()))?;
    Ok(saved_ms(file) != before)
}
