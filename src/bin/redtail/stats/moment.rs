//! Points in time, which one thread sets and others read.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A point in time, or never.
#[derive(Debug, Default)]
pub(super) struct Moment(AtomicU64);

impl Moment {
    pub(super) const fn never() -> Self {
        Self(AtomicU64::new(0))
    }

    pub(super) fn set(&self) {
        self.0.store(now_ms() + 1, Ordering::Relaxed);
    }

    /// The time since then. `None`: it was never set.
    pub(super) fn age(&self) -> Option<Duration> {
        let at = self.0.load(Ordering::Relaxed).checked_sub(1)?;
        Some(Duration::from_millis(now_ms().saturating_sub(at)))
    }
}

/// The time since the first call, with which the run begins.
pub(super) fn run_age() -> Duration {
    BEGUN.elapsed()
}

fn now_ms() -> u64 {
    u64::try_from(run_age().as_millis()).unwrap_or(u64::MAX)
}
