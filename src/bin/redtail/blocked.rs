//! How long the readers of standard output and standard error make this process wait.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Writes to one of the outputs. One write at a time is in progress.
pub(crate) struct Writes {
    since: Mutex<Option<Instant>>,
}

/// The writes of the output.
pub(crate) static OUTPUT: Writes = Writes::new();
/// The writes of messages. Their reader may be the one of the output, as after `2>&1`.
pub(crate) static MESSAGES: Writes = Writes::new();

impl Writes {
    const fn new() -> Self {
        Self { since: Mutex::new(None) }
    }

    /// Runs a write, which may wait for its reader.
    pub(crate) fn during<T>(&self, write: impl FnOnce() -> T) -> T {
        self.set(Some(Instant::now()));
        let result = write();
        self.set(None);
        result
    }

    /// How long the current write has taken so far. `None`: no write is in progress.
    pub(crate) fn in_progress(&self) -> Option<Duration> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner).map(|since| since.elapsed())
    }

    fn set(&self, since: Option<Instant>) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}
