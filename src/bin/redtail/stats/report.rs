//! What a run is doing, as a message and as an object of JSON.

use std::fmt::{self, Display};
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use indicatif::{HumanBytes, HumanCount};
use redtail::ReplicationId;
use redtail::replication::Database;
use serde_json::{Value, json};

use crate::blocked::OUTPUT;
use crate::stats::moment::run_age;
use crate::stats::streams;
use crate::stats::tally::{About, Behind, Counters};

/// The state of the run.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) streams: Vec<Stream>,
    /// The time that writes of the output have taken, and the current one.
    pub(super) waited: Duration,
    pub(super) waiting: Duration,
    /// The time since the last checkpoint.
    pub(super) checkpoint: Option<Duration>,
    /// The time since the run has begun.
    pub(super) age: Duration,
}

/// The state of the stream of a server or of a shard.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) about: About,
    pub(super) shard: Option<String>,
    pub(super) is_attached: bool,
    /// The time since it has attached, or lost its connection.
    pub(super) since: Option<Duration>,
    pub(super) replid: Option<ReplicationId>,
    pub(super) offset: u64,
    pub(super) db: Option<u32>,
    /// If the server was asked.
    pub(super) lag: Option<Behind>,
    pub(super) last_write: Option<Duration>,
    pub(super) last_byte: Option<Duration>,
    pub(super) events: u64,
    pub(super) commands: u64,
    pub(super) keys: u64,
    pub(super) printed: u64,
    pub(super) refused: u64,
    pub(super) bytes: u64,
    pub(super) gaps: u64,
    pub(super) missed: u64,
    pub(super) reconnects: u64,
    pub(super) in_snapshot: bool,
    pub(super) snapshot_bytes: u64,
    pub(super) snapshot_length: Option<u64>,
}

impl Report {
    /// The present state.
    pub(super) fn now() -> Self {
        let streams = streams::all();
        let followed = streams.iter().filter(|stream| !stream.is_over.load(Ordering::Relaxed));
        Self {
            streams: followed.map(|counters| Stream::of(counters)).collect(),
            waited: OUTPUT.waited(),
            waiting: OUTPUT.in_progress().unwrap_or_default(),
            checkpoint: streams::checkpoint_age(),
            age: run_age(),
        }
    }

    pub(super) fn json(&self) -> Value {
        let streams: Vec<Value> = self.streams.iter().map(Stream::json).collect();
        json!({
            "version": env!("CARGO_PKG_VERSION"),
            "pid": std::process::id(),
            "written_ms": unix_ms(),
            "running_s": seconds(self.age),
            "blocked_s": seconds(self.waited),
            "blocked_now_s": seconds(self.waiting),
            "checkpoint_s": self.checkpoint.map(seconds),
            "streams": streams,
        })
    }
}

impl Stream {
    fn of(counters: &Counters) -> Self {
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        // The offset of the primary is read first.
        let lag = counters.lag();
        Self {
            about: counters.about(),
            shard: counters.shard.clone(),
            is_attached: counters.is_attached.load(Ordering::Relaxed),
            since: counters.changed.age(),
            replid: counters.replid(),
            offset: count(&counters.offset),
            db: count(&counters.db).checked_sub(1).and_then(|db| u32::try_from(db).ok()),
            lag,
            last_write: counters.last_write.age(),
            last_byte: counters.last_byte.age(),
            events: count(&counters.events),
            commands: count(&counters.commands),
            keys: count(&counters.keys),
            printed: count(&counters.printed),
            refused: count(&counters.refused),
            bytes: count(&counters.bytes),
            gaps: count(&counters.gaps),
            missed: count(&counters.missed),
            reconnects: count(&counters.reconnects),
            in_snapshot: counters.in_snapshot.load(Ordering::Relaxed),
            snapshot_bytes: count(&counters.bytes).saturating_sub(count(&counters.before_snapshot)),
            snapshot_length: count(&counters.snapshot_length).checked_sub(1),
        }
    }

    fn json(&self) -> Value {
        let snapshot = self.in_snapshot.then(|| json!({"bytes": self.snapshot_bytes, "length": self.snapshot_length}));
        json!({
            "shard": self.shard,
            "attached": self.is_attached,
            "since_s": self.since.map(seconds),
            "address": self.about.address,
            "server": self.about.server,
            "run_id": self.about.run_id,
            "replid": self.replid.map(|replid| replid.to_string()),
            "offset": self.offset,
            "db": self.db,
            "lag_bytes": self.lag.map(|lag| lag.bytes),
            "lag_s": self.lag.and_then(|lag| lag.time).map(seconds),
            "last_write_s": self.last_write.map(seconds),
            "last_byte_s": self.last_byte.map(seconds),
            "events": self.events,
            "commands": self.commands,
            "keys": self.keys,
            "printed": self.printed,
            "refused": self.refused,
            "bytes": self.bytes,
            "gaps": self.gaps,
            "missed_bytes": self.missed,
            "reconnects": self.reconnects,
            "snapshot": snapshot,
        })
    }
}

/// The message of a whole run: a line for each stream, and one for the output.
impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("status: ")?;
        for stream in &self.streams {
            write!(f, "{stream}; ")?;
        }
        if self.streams.is_empty() {
            f.write_str("no server is followed; ")?;
        }
        write!(f, "waited {} for the reader", Seconds(self.waited))?;
        match self.checkpoint {
            Some(age) => write!(f, "; checkpoint saved {} ago", Seconds(age)),
            None => Ok(()),
        }
    }
}

impl Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(shard) = &self.shard {
            write!(f, "shard {}: ", shard.get(..8).unwrap_or(shard))?;
        }
        f.write_str(if self.is_attached { "attached" } else { "not attached" })?;
        if let Some(address) = &self.about.address {
            write!(f, " to {address}")?;
        }
        if let Some(server) = &self.about.server {
            write!(f, " ({server})")?;
        }
        if let Some(since) = self.since {
            write!(f, " for {}", Seconds(since))?;
        }
        if let Some(replid) = self.replid {
            write!(f, ", at {replid}:{}:{}", self.offset, Database(self.db))?;
        }
        if self.in_snapshot {
            write!(f, ", in a snapshot: {} keys, {}", HumanCount(self.keys), HumanBytes(self.snapshot_bytes))?;
        }
        if let Some(age) = self.last_write {
            write!(f, ", last write {} ago", Seconds(age))?;
        }
        if let Some(age) = self.last_byte {
            write!(f, ", last byte {} ago", Seconds(age))?;
        }
        if let Some(lag) = self.lag {
            write!(f, ", lag {}", HumanBytes(lag.bytes))?;
            if let Some(time) = lag.time {
                write!(f, " and {}", Seconds(time))?;
            }
        }
        let (commands, bytes) = (HumanCount(self.commands), HumanBytes(self.bytes));
        write!(f, ", {commands} commands, {bytes}, {} gaps, {} reconnects", self.gaps, self.reconnects)
    }
}

/// With one digit after the point.
struct Seconds(Duration);

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} s", self.0.as_secs_f64())
    }
}

/// Milliseconds since 1970.
fn unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// Rounded to milliseconds.
fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}
