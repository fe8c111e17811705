//! The text of `--stats`.

use std::fmt::{self, Display};
use std::sync::atomic::Ordering;
use std::time::Duration;

use indicatif::{HumanBytes, HumanCount};
use redtail::ReplicationId;
use redtail::replication::Database;

use crate::stats::tally::Counters;

/// A copy of the counters.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) commands: u64,
    pub(super) keys: u64,
    pub(super) printed: u64,
    pub(super) bytes: u64,
    pub(super) in_snapshot: bool,
    pub(super) is_attached: bool,
    pub(super) offset: u64,
    pub(super) db: Option<u32>,
    pub(super) replid: Option<ReplicationId>,
    pub(super) lag: Lag,
    /// For a cluster: the numbers of attached and of followed shards.
    pub(super) shards: Option<(usize, usize)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lag {
    /// There is no server.
    None,
    Unknown,
    Bytes(u64),
}

impl Sample {
    pub(super) fn of(counters: &Counters) -> Self {
        // The offset of the primary is read first, so that the lag is never negative.
        let primary = counters.primary.load(Ordering::Relaxed);
        let offset = counters.offset.load(Ordering::Relaxed);
        let db = counters.db.load(Ordering::Relaxed).checked_sub(1).and_then(|db| u32::try_from(db).ok());
        let lag = match (counters.is_asked.load(Ordering::Relaxed), primary.checked_sub(1)) {
            (false, _) => Lag::None,
            (true, None) => Lag::Unknown,
            (true, Some(primary)) => Lag::Bytes(primary.saturating_sub(offset)),
        };
        Self {
            commands: counters.commands.load(Ordering::Relaxed),
            keys: counters.keys.load(Ordering::Relaxed),
            printed: counters.printed.load(Ordering::Relaxed),
            bytes: counters.bytes.load(Ordering::Relaxed),
            in_snapshot: counters.in_snapshot.load(Ordering::Relaxed),
            is_attached: counters.is_attached.load(Ordering::Relaxed),
            offset,
            db,
            replid: counters.replid(),
            lag,
            shards: None,
        }
    }

    /// The sum of all shards. `followed`: the number of shards that are followed now.
    pub(super) fn of_shards(samples: impl Iterator<Item = Self>, followed: usize) -> Self {
        let none = Self {
            commands: 0,
            keys: 0,
            printed: 0,
            bytes: 0,
            in_snapshot: false,
            is_attached: true,
            offset: 0,
            db: None,
            replid: None,
            lag: Lag::None,
            shards: Some((0, followed)),
        };
        samples.fold(none, |all, one| Self {
            commands: all.commands + one.commands,
            keys: all.keys + one.keys,
            printed: all.printed + one.printed,
            bytes: all.bytes + one.bytes,
            shards: all.shards.map(|(attached, followed)| (attached + usize::from(one.is_attached), followed)),
            ..all
        })
    }
}

/// The count per second.
fn rate(count: u64, elapsed: Duration) -> u64 {
    (count as f64 / elapsed.as_secs_f64().max(0.001)).round() as u64
}

/// The status line: the rates since `before`.
pub(super) struct RateLine<'a> {
    pub(super) sample: &'a Sample,
    pub(super) before: &'a Sample,
    pub(super) elapsed: Duration,
}

impl Display for RateLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sample, before, elapsed } = self;
        if sample.lag != Lag::None && !sample.is_attached {
            return f.write_str("not attached");
        }
        let bytes = rate(sample.bytes - before.bytes, *elapsed);
        if let Some((attached, followed)) = sample.shards {
            let commands = HumanCount(rate(sample.commands - before.commands, *elapsed));
            if sample.keys > before.keys {
                write!(f, "{} keys/s, ", HumanCount(rate(sample.keys - before.keys, *elapsed)))?;
            }
            return write!(
                f,
                "{commands} commands/s, {}/s, {attached} of {followed} shards attached",
                HumanBytes(bytes)
            );
        }
        if sample.in_snapshot {
            if sample.keys == 0 {
                // The snapshot goes to a file.
                let all = HumanBytes(sample.bytes);
                return write!(f, "{}/s; {all} of the snapshot", HumanBytes(bytes));
            }
            let keys = rate(sample.keys - before.keys, *elapsed);
            let (all, keys) = (HumanCount(sample.keys), HumanCount(keys));
            return write!(f, "{keys} keys/s, {}/s; {all} keys of the snapshot", HumanBytes(bytes));
        }
        let commands = HumanCount(rate(sample.commands - before.commands, *elapsed));
        write!(f, "{commands} commands/s, {}/s", HumanBytes(bytes))?;
        write!(f, "{}", OfLag(sample.lag))?;
        match sample.replid {
            Some(replid) => {
                let short = replid.as_str().get(..8).unwrap_or_default();
                write!(f, ", at {short}..:{}:{}", sample.offset, Database(sample.db))
            }
            None => write!(f, ", at {}", sample.offset),
        }
    }
}

struct OfLag(Lag);

impl Display for OfLag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Lag::None => Ok(()),
            Lag::Unknown => f.write_str(", lag unknown"),
            Lag::Bytes(bytes) => write!(f, ", lag {}", HumanBytes(bytes)),
        }
    }
}

/// The summary of a run.
pub(super) struct Summary {
    pub(super) sample: Sample,
    pub(super) elapsed: Duration,
    pub(super) is_filtered: bool,
}

impl Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sample, elapsed, is_filtered } = self;
        let Sample { commands, keys, printed, bytes, lag, .. } = *sample;
        if keys > 0 {
            write!(f, "{} keys and ", HumanCount(keys))?;
        }
        write!(f, "{} commands", HumanCount(commands))?;
        if *is_filtered {
            write!(f, ", {} of them printed", HumanCount(printed))?;
        }
        write!(f, ", {} in {:.1} s", HumanBytes(bytes), elapsed.as_secs_f64())?;
        write!(f, ": {}/s, {}/s", HumanCount(rate(commands + keys, *elapsed)), HumanBytes(rate(bytes, *elapsed)))?;
        write!(f, "{}", OfLag(lag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Sample {
        Sample {
            commands: 1_204_113,
            keys: 0,
            printed: 12,
            bytes: 81_260_000,
            in_snapshot: false,
            is_attached: true,
            offset: 83_719_371,
            db: Some(0),
            replid: "26e9aa58837d8095338f33e660463dbdf56c86c9".parse().ok(),
            lag: Lag::Bytes(12_400_000),
            shards: None,
        }
    }

    #[test]
    fn a_line_tells_what_the_last_second_brought() {
        let before = Sample { commands: 1_100_000, bytes: 73_000_000, keys: 0, ..sample() };
        let elapsed = Duration::from_millis(2000);
        let line = |sample: &Sample| RateLine { sample, before: &before, elapsed }.to_string();
        assert_eq!(line(&sample()), "52,057 commands/s, 3.94 MiB/s, lag 11.83 MiB, at 26e9aa58..:83719371:0");
        assert!(line(&sample()).len() < 80);
        let unknown = Sample { lag: Lag::Unknown, db: None, ..sample() };
        assert_eq!(line(&unknown), "52,057 commands/s, 3.94 MiB/s, lag unknown, at 26e9aa58..:83719371:?");
        let lost = Sample { is_attached: false, ..sample() };
        assert_eq!(line(&lost), "not attached");
        let of_file = Sample { lag: Lag::None, is_attached: false, replid: None, ..sample() };
        assert_eq!(line(&of_file), "52,057 commands/s, 3.94 MiB/s, at 83719371");
        let cluster = Sample::of_shards([sample(), sample(), lost].into_iter(), 3);
        let before_it = Sample::of_shards([before.clone(), before.clone(), before.clone()].into_iter(), 3);
        let line_of_all = RateLine { sample: &cluster, before: &before_it, elapsed }.to_string();
        assert_eq!(line_of_all, "156,170 commands/s, 11.82 MiB/s, 2 of 3 shards attached");
        let snapshot = Sample { in_snapshot: true, keys: 5000, ..sample() };
        assert_eq!(line(&snapshot), "2,500 keys/s, 3.94 MiB/s; 5,000 keys of the snapshot");
    }

    #[test]
    fn a_summary_tells_what_all_came_to() {
        let summary = |sample: Sample, is_filtered| {
            Summary { sample, elapsed: Duration::from_millis(2500), is_filtered }.to_string()
        };
        assert_eq!(
            summary(sample(), false),
            "1,204,113 commands, 77.50 MiB in 2.5 s: 481,645/s, 31.00 MiB/s, lag 11.83 MiB"
        );
        let all = Sample { keys: 2000, lag: Lag::None, ..sample() };
        let expected =
            "2,000 keys and 1,204,113 commands, 12 of them printed, 77.50 MiB in 2.5 s: 482,445/s, 31.00 MiB/s";
        assert_eq!(summary(all, true), expected);
    }

    #[test]
    fn no_time_at_all_is_no_error() {
        assert!(rate(5, Duration::ZERO) > 0);
    }
}
