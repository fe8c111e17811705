//! How long to wait before the next attempt.

/// Exponential backoff with jitter, as a value: it knows no clock and does not sleep.
///
/// Attempt `n` (from 0) waits a random time between half of `first_ms · 2^n` and all of it, at most `longest_ms`.
/// A zero is read as 1: attempts without any pause would be a storm.
/// The jitter keeps many followers of one primary from returning in one moment.
///
/// ```
/// # use redtail::Backoff;
/// let backoff = Backoff { attempts: Some(3), ..Backoff::default() };
/// assert!((50..=100).contains(&backoff.delay_ms(0, 12345).unwrap()));
/// assert!((100..=200).contains(&backoff.delay_ms(1, 67890).unwrap()));
/// assert_eq!(backoff.delay_ms(3, 0), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The first delay, in milliseconds. Default 100.
    pub first_ms: u64,
    /// The longest delay, in milliseconds. Default 10,000.
    pub longest_ms: u64,
    /// Attempts in a row without success before giving up; `None`: never give up (the default); `Some(0)`: reconnection is off.
    pub attempts: Option<u32>,
}

impl Backoff {
    /// No reconnection at all.
    pub const OFF: Self = Self { first_ms: 0, longest_ms: 0, attempts: Some(0) };

    /// The delay in milliseconds before attempt `attempt`, counted from 0 since the last success; `None` once the attempts are used up.
    /// `random` is any number that differs between calls and between processes.
    pub fn delay_ms(&self, attempt: u32, random: u64) -> Option<u64> {
        if self.attempts.is_some_and(|most| attempt >= most) {
            return None;
        }
        let full = self.first_ms.max(1).saturating_mul(1_u64 << attempt.min(40)).min(self.longest_ms.max(1));
        let half = full.div_ceil(2);
        Some(half + random % (full - half + 1))
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first_ms: 100, longest_ms: 10_000, attempts: None }
    }
}
