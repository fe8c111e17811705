//! `--heartbeat`: the time since the last output.

use std::time::{Duration, Instant};

/// A timer that each output restarts.
pub(crate) struct Heartbeat {
    every: Duration,
    last: Instant,
}

impl Heartbeat {
    pub(crate) fn new(every: Duration) -> Self {
        Self { every, last: Instant::now() }
    }

    /// The time until the next heartbeat.
    pub(crate) fn left(&self) -> Duration {
        self.every.saturating_sub(self.last.elapsed())
    }

    pub(crate) fn restart(&mut self) {
        self.last = Instant::now();
    }
}
