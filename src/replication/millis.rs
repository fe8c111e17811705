//! Durations in the unit of the caller's clock.

use core::time::Duration;

/// The whole milliseconds of a duration; `u64::MAX` where they are more than that.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
