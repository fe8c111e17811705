//! When a server had the offset that is reached now.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use redtail::ReplicationId;

/// The offsets of a server at the times when it was asked, the oldest first.
#[derive(Debug, Default)]
pub(super) struct OffsetHistory {
    replid: Option<ReplicationId>,
    offsets: VecDeque<(Instant, u64)>,
    /// The least time between two of them, but for the last one.
    step: Duration,
}

impl OffsetHistory {
    /// The offsets that are kept: an hour with one per second. Then every second one is dropped.
    const MOST: usize = 3600;

    /// Notes the offset that the server had at this time.
    pub(super) fn note(&mut self, at: Instant, replid: Option<ReplicationId>, offset: u64) {
        let is_less = self.offsets.back().is_some_and(|&(_, last)| last > offset);
        if is_less || replid != self.replid {
            *self = Self { replid, ..Self::default() };
        }
        if self.offsets.len() >= Self::MOST {
            let mut index = 0;
            self.offsets.retain(|_| {
                index += 1;
                index % 2 == 1
            });
            self.step = (self.step * 2).max(Duration::from_secs(2));
        }
        let before_last = self.offsets.len().checked_sub(2).and_then(|index| self.offsets.get(index));
        if before_last.is_some_and(|&(then, _)| at.saturating_duration_since(then) <= self.step) {
            self.offsets.pop_back();
        }
        self.offsets.push_back((at, offset));
    }

    /// The time since the server had nothing that is missing at `reached`. At least this time, if something was missing
    /// already when the server was first asked.
    pub(super) fn behind(&mut self, reached: u64, now: Instant) -> Option<Duration> {
        while self.offsets.get(1).is_some_and(|&(_, offset)| offset <= reached) {
            self.offsets.pop_front();
        }
        let &(at, _) = self.offsets.front()?;
        let is_level = self.offsets.back().is_some_and(|&(_, offset)| offset <= reached);
        Some(if is_level { Duration::ZERO } else { now.saturating_duration_since(at) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(letter: &str) -> Option<ReplicationId> {
        letter.repeat(40).parse().ok()
    }

    #[test]
    fn the_time_is_that_of_the_last_offset_reached() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let mut history = OffsetHistory::default();
        assert_eq!(history.behind(100, begun), None);
        history.note(at(0), id("a"), 100);
        assert_eq!(history.behind(100, at(9)), seconds(0));
        // Something was missing before the first question.
        assert_eq!(history.behind(50, at(9)), seconds(9));
        for (time, offset) in [(1, 200), (2, 200), (3, 300)] {
            history.note(at(time), id("a"), offset);
        }
        assert_eq!(history.behind(150, at(10)), seconds(10));
        assert_eq!(history.behind(200, at(10)), seconds(8));
        assert_eq!(history.behind(299, at(10)), seconds(8));
        assert_eq!(history.behind(300, at(10)), seconds(0));
        // Another history has offsets of its own.
        history.note(at(11), id("b"), 500);
        assert_eq!(history.behind(400, at(12)), seconds(1));
        history.note(at(13), id("b"), 450);
        assert_eq!(history.behind(400, at(15)), seconds(2));
    }

    #[test]
    fn a_long_history_takes_little_memory() {
        let begun = Instant::now();
        let mut history = OffsetHistory::default();
        for second in 0..100_000 {
            history.note(begun + Duration::from_secs(second), id("a"), second);
            assert!(history.offsets.len() <= OffsetHistory::MOST);
        }
        let now = begun + Duration::from_secs(100_000);
        assert_eq!(history.behind(0, now), Some(Duration::from_secs(100_000)));
        let behind = history.behind(50_000, now).map_or(0, |time| time.as_secs());
        assert!((50_000..50_100).contains(&behind), "{behind}");
    }
}
