//! How long the readers of standard output and standard error make this process wait.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Writes to one of the outputs. One write at a time is in progress.
pub(crate) struct Writes {
    since: Mutex<Option<Instant>>,
    waited_ns: AtomicU64,
}

/// The writes of the output.
pub(crate) static OUTPUT: Writes = Writes::new();
/// The writes of messages. Their reader may be the one of the output, as after `2>&1`.
pub(crate) static MESSAGES: Writes = Writes::new();

impl Writes {
    const fn new() -> Self {
        Self { since: Mutex::new(None), waited_ns: AtomicU64::new(0) }
    }

    /// Runs a write, which may wait for its reader.
    pub(crate) fn during<T>(&self, write: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        self.set(Some(begun));
        let result = write();
        self.set(None);
        let waited = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.waited_ns.fetch_add(waited, Ordering::Relaxed);
        result
    }

    /// How long the current write has taken so far. `None`: no write is in progress.
    pub(crate) fn in_progress(&self) -> Option<Duration> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner).map(|since| since.elapsed())
    }

    /// The time that all writes have taken.
    pub(crate) fn waited(&self) -> Duration {
        Duration::from_nanos(self.waited_ns.load(Ordering::Relaxed)) + self.in_progress().unwrap_or_default()
    }

    /// Since when the current write has taken at least this long. `None`: no write has.
    pub(crate) fn stuck_for(&self, limit: Duration) -> Option<Instant> {
        let since = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.filter(|since| since.elapsed() >= limit)
    }

    fn set(&self, since: Option<Instant>) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}
