//! `--heartbeat`: when the silence has lasted long enough.

use std::time::{Duration, Instant};

/// Runs from the last thing that was said.
pub(crate) struct Heartbeat {
    every: Duration,
    last: Instant,
}

impl Heartbeat {
    pub(crate) fn new(every: Duration) -> Self {
        Self { every, last: Instant::now() }
    }

    pub(crate) fn left(&self) -> Duration {
        self.every.saturating_sub(self.last.elapsed())
    }

    pub(crate) fn restart(&mut self) {
        self.last = Instant::now();
    }
}
