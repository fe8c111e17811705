//! How long to wait before the next attempt.

use core::time::Duration;

use crate::replication::millis::millis;

/// Exponential backoff with jitter, as a value: it has no clock and does not sleep.
///
/// Attempt `n` (from 0) waits a random time between half of `first · 2^n` and all of it, at most `longest`. Delays are
/// whole milliseconds. Less than one is read as one: attempts without any pause would be a storm. The jitter keeps many
/// followers of one primary from returning in one moment.
///
/// ```
/// # use core::time::Duration;
/// # use redtail::Backoff;
/// let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10)).give_up_after(3);
/// assert!((50..=100).contains(&backoff.delay(0, 12345).unwrap().as_millis()));
/// assert!((100..=200).contains(&backoff.delay(1, 67890).unwrap().as_millis()));
/// assert_eq!(backoff.delay(3, 0), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backoff {
    /// The first delay. Default 100 ms.
    pub first: Duration,
    /// The longest delay. Default 10 s.
    pub longest: Duration,
    /// Failed attempts in a row before giving up. `None`, the default: never give up. `Some(0)`: do not reconnect.
    pub attempts: Option<u32>,
}

impl Backoff {
    /// No reconnection at all.
    pub const OFF: Self = Self::new(Duration::ZERO, Duration::ZERO).give_up_after(0);

    /// Delays from `first` to `longest`; never gives up.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, attempts: None }
    }

    /// The same delays, at most `attempts` times in a row.
    #[must_use]
    pub const fn give_up_after(self, attempts: u32) -> Self {
        Self { attempts: Some(attempts), ..self }
    }

    /// The delay before attempt `attempt`, counted from 0 since the last success; `None` once the attempts are used up.
    /// `random` is any number that differs between calls and between processes.
    pub fn delay(&self, attempt: u32, random: u64) -> Option<Duration> {
        if self.attempts.is_some_and(|most| attempt >= most) {
            return None;
        }
        let (first, longest) = (millis(self.first).max(1), millis(self.longest).max(1));
        let full = first.saturating_mul(1_u64 << attempt.min(40)).min(longest);
        let half = full.div_ceil(2);
        Some(Duration::from_millis(half + random % (full - half + 1)))
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new(Duration::from_millis(100), Duration::from_secs(10))
    }
}
