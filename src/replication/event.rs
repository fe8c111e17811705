//! What a session tells its caller.

use core::fmt;
use core::time::Duration;

use crate::base::excerpt::Excerpt;
use crate::rdb::Item;
use crate::replication::position::{Lineage, Position, ReplicationId};
use crate::resp::{Command, Part};

/// One thing that happened, in the order of the stream. Borrowed slices live until the next call on what gave the event.
///
/// Offsets are the primary's: bytes of the stream since the history began, up to and with the last byte of what the event tells.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The primary is about to be asked for something that makes it fork.
    Forking(Forking),
    /// The primary has accepted us; the stream goes on from here. Once on every connection.
    Attached(Attached),
    /// A snapshot begins. A second begin voids a first that never ended.
    SnapshotBegin(SnapshotBegin),
    /// The next bytes of the snapshot, an RDB file without frame or mark.
    SnapshotBytes(&'a [u8]),
    /// What stands next in the snapshot, where [`SnapshotForm::Items`](crate::SnapshotForm::Items) was asked for: a key, an element, and
    /// so on. Void if no [`Event::SnapshotEnd`] comes.
    SnapshotItem(Item<'a>),
    /// The snapshot is whole; the stream follows without a gap.
    SnapshotEnd(SnapshotEnd),
    /// A command as the primary replicates it.
    Command(StreamCommand<'a>),
    /// A piece of a command too large to come whole, where parts were asked for.
    Part(StreamPart<'a>),
    /// A transaction begins: what follows is provisional until its EXEC.
    Multi(StreamCommand<'a>),
    /// The transaction is complete.
    Exec(StreamCommand<'a>),
    /// SELECT, PING or REPLCONF, where they were asked for. A SELECT carries the database it selects.
    Control(StreamCommand<'a>),
    /// Writes were lost between two positions.
    Gap(Gap),
    /// The link was lost. What came after `resume` is void: it comes again, or, from another primary, never.
    Disconnected(Disconnected),
    /// Nothing has come in the time given to `next_timeout`.
    Idle(Idle),
}

/// A command of the stream with its place. Its arguments are those of [`Command`], to which it dereferences.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct StreamCommand<'a> {
    /// The replication offset once this command is processed.
    pub offset: u64,
    /// The database it applies to; `None` while no SELECT has passed.
    pub db: Option<u32>,
    /// The offset of the MULTI whose transaction this command belongs to. MULTI and EXEC belong to their transaction.
    pub tx: Option<u64>,
    /// When its last byte was received, as the caller's shell stamped it (the follower: milliseconds since 1970); `None` where nobody did.
    pub received_ms: Option<u64>,
    pub(crate) command: Command<'a>,
    pub(crate) lineage: Option<&'a Lineage>,
    pub(crate) resumable: bool,
}

impl<'a> StreamCommand<'a> {
    /// The command itself.
    pub const fn command(&self) -> Command<'a> {
        self.command
    }

    /// The place after this command to resume from; `None` inside a transaction (its EXEC has one) and where the history is unknown.
    pub fn position(&self) -> Option<Position> {
        let lineage = self.lineage.filter(|_| self.resumable)?;
        Some(lineage.position(self.offset, self.db))
    }

    /// The history this command belongs to: with the offset its name once and for all, also across a failover.
    /// `None` after a plain SYNC.
    pub fn history(&self) -> Option<ReplicationId> {
        self.lineage.map(|lineage| lineage.history)
    }
}

impl<'a> core::ops::Deref for StreamCommand<'a> {
    type Target = Command<'a>;

    fn deref(&self) -> &Command<'a> {
        &self.command
    }
}

/// `1311 [0] "SET" "k" "v"`: offset, database (`?` while unknown), arguments quoted as redis-cli quotes them.
impl fmt::Display for StreamCommand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}] {}", self.offset, Database(self.db), self.command)
    }
}

impl fmt::Debug for StreamCommand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamCommand({self})")
    }
}

/// A part of a command of the stream.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct StreamPart<'a> {
    /// The part.
    pub part: Part<'a>,
    /// The database the command applies to; `None` while no SELECT has passed.
    pub db: Option<u32>,
    /// The offset of the MULTI whose transaction the command belongs to.
    pub tx: Option<u64>,
    /// When its last byte was received, as in [`StreamCommand`].
    pub received_ms: Option<u64>,
    /// At the end of the command, the replication offset once it is processed.
    pub offset: Option<u64>,
    pub(crate) lineage: Option<&'a Lineage>,
}

impl StreamPart<'_> {
    /// At the end of a command outside a transaction: the place after it.
    pub fn position(&self) -> Option<Position> {
        let lineage = self.lineage.filter(|_| self.tx.is_none())?;
        Some(lineage.position(self.offset?, self.db))
    }

    /// The history the command belongs to, as in [`StreamCommand::history`].
    pub fn history(&self) -> Option<ReplicationId> {
        self.lineage.map(|lineage| lineage.history)
    }
}

/// What is about to make the primary fork, and what the primary says of its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Forking {
    /// What will be asked for.
    pub reason: ForkReason,
    /// The primary's memory in bytes (`used_memory`), where INFO is allowed.
    pub used_memory: Option<u64>,
    /// How long its last fork took (`latest_fork_usec`), where INFO is allowed; zero if it never forked.
    pub last_fork: Option<Duration>,
}

impl Forking {
    /// A fork of a primary of which nothing else is known.
    #[must_use]
    pub const fn new(reason: ForkReason) -> Self {
        Self { reason, used_memory: None, last_fork: None }
    }
}

/// Why a primary forks for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ForkReason {
    /// A snapshot without data, to learn position and database.
    Filtered,
    /// A snapshot of everything, sent to us.
    Snapshot,
    /// A dump to its own disk that nobody reads, to learn the position.
    Probe,
}

impl fmt::Display for Forking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.reason {
            ForkReason::Filtered => "the primary forks once, for a snapshot without data",
            ForkReason::Snapshot => "the primary forks and sends its whole data set",
            ForkReason::Probe => "the primary forks and dumps its whole data set to its own disk",
        })?;
        if let Some(bytes) = self.used_memory {
            write!(f, "; it uses {} of memory", Size(bytes))?;
        }
        match self.last_fork {
            Some(Duration::ZERO) => f.write_str("; it has not forked before"),
            Some(time) => {
                write!(f, "; its last fork took {}.{:03} ms", time.as_millis(), time.subsec_micros() % 1000)
            }
            None => Ok(()),
        }
    }
}

/// A size as a person reads it: `940 KiB`, `3.1 GiB`.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = match self.0 {
            ..=0xf_ffff => return write!(f, "{} KiB", self.0 >> 10),
            0x10_0000..=0x3fff_ffff => (1 << 20, "MiB"),
            _ => (1 << 30, "GiB"),
        };
        write!(f, "{}.{} {name}", self.0 / unit, self.0 % unit * 10 / unit)
    }
}

/// How, where and to what we are attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Attached {
    /// How the place was found.
    pub method: AttachMethod,
    /// The replication id; `None` after SYNC.
    pub replid: Option<ReplicationId>,
    /// The history that the events' ids name from here on; `None` after SYNC.
    pub history: Option<ReplicationId>,
    /// The last offset before the stream's next byte. After SYNC: 0.
    pub offset: u64,
    /// The database selected there; `None` while unknown.
    pub db: Option<u32>,
    /// The place to resume from; `None` after SYNC, which has none, and while a full snapshot is still to come.
    pub position: Option<Position>,
    /// What the server says it is, where it may be asked.
    pub server: Option<Server>,
    /// Whether it is a primary or itself a replica, where it may be asked.
    pub role: Option<Role>,
}

impl Attached {
    /// An attach at this position, to a server of which nothing else is known.
    #[must_use]
    pub const fn new(method: AttachMethod, position: Position) -> Self {
        Self {
            method,
            replid: Some(position.replid),
            history: Some(position.history),
            offset: position.offset,
            db: position.db,
            position: Some(position),
            server: None,
            role: None,
        }
    }
}

/// How a follower found its place in the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum AttachMethod {
    /// A snapshot without data told it.
    Filtered,
    /// INFO told it.
    Info,
    /// A full snapshot begins.
    Full,
    /// The primary had the history after the position asked for.
    Continued,
    /// An abandoned full resynchronisation told it.
    Probed,
    /// The old SYNC, which tells nothing.
    Sync,
}

impl AttachMethod {
    /// The name used in the tool's JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Filtered => "filtered",
            Self::Info => "info",
            Self::Full => "full",
            Self::Continued => "continued",
            Self::Probed => "probed",
            Self::Sync => "sync",
        }
    }
}

/// Which server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Server {
    /// The family.
    pub kind: ServerKind,
    /// Its version, `7.0.15`.
    pub version: Excerpt<24>,
}

impl Server {
    /// A server of this family and version.
    #[must_use]
    pub fn new(kind: ServerKind, version: &str) -> Self {
        Self { kind, version: Excerpt::new(version.as_bytes()) }
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.as_str(), self.version)
    }
}

/// A family of servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ServerKind {
    /// Redis, or whatever calls itself that.
    Redis,
    /// Valkey.
    Valkey,
}

impl ServerKind {
    /// Its name in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Valkey => "valkey",
        }
    }
}

/// The server's own part in replication, by the servers' word for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Role {
    /// It accepts writes: `master`.
    Primary,
    /// It follows another: `slave`.
    Replica,
}

impl Role {
    /// The word INFO uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "master",
            Self::Replica => "slave",
        }
    }
}

/// A snapshot begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct SnapshotBegin {
    /// The replication id; `None` after SYNC.
    pub replid: Option<ReplicationId>,
    /// The offset at which the data set stands, and after which the stream goes on.
    pub offset: u64,
    /// The size of the snapshot in bytes, where the primary tells it.
    pub length: Option<u64>,
}

impl SnapshotBegin {
    /// A snapshot at this position, of a length that is not announced.
    #[must_use]
    pub const fn new(replid: Option<ReplicationId>, offset: u64) -> Self {
        Self { replid, offset, length: None }
    }
}

/// A snapshot is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct SnapshotEnd {
    /// Its size in bytes.
    pub bytes: u64,
    /// The offset after which the stream goes on.
    pub offset: u64,
    /// The database selected there.
    pub db: Option<u32>,
    /// The place to resume from; `None` after SYNC.
    pub position: Option<Position>,
}

impl SnapshotEnd {
    /// The end of a snapshot of this size, at this position.
    #[must_use]
    pub const fn new(bytes: u64, position: Position) -> Self {
        Self { bytes, offset: position.offset, db: position.db, position: Some(position) }
    }
}

/// Writes were lost. An open transaction is void.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Gap {
    /// The last place reached.
    pub from: Position,
    /// The place where the stream can go on. May lie below `from`.
    pub to: Position,
    /// The number of bytes of the stream that are missing; `None` if the histories differ: the new primary may then also have undone
    /// the last events before the gap. `Some(0)` with `to` below `from`: a server of the same history that is behind, a replica that
    /// lags. Nothing is missing then, and the events between the two are delivered again.
    pub missed: Option<u64>,
}

impl Gap {
    /// The gap between two positions.
    #[must_use]
    pub fn between(from: Position, to: Position) -> Self {
        let missed = (from.replid == to.replid).then(|| to.offset.saturating_sub(from.offset));
        Self { from, to, missed }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.missed {
            Some(0) => write!(
                f,
                "this server is at {}, {} bytes behind {}: it is a replica that lags, or has lost its last writes",
                self.to,
                self.from.offset.saturating_sub(self.to.offset),
                self.from
            ),
            Some(bytes) => write!(f, "{bytes} bytes of the stream are missing between {} and {}", self.from, self.to),
            None => write!(f, "another history: {} is not part of it, the stream continues at {}", self.from, self.to),
        }
    }
}

/// The link is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Disconnected {
    /// Why.
    pub reason: DisconnectReason,
    /// The last resumable place, from which the next link goes on; `None` where there is none yet.
    pub resume: Option<Position>,
    /// The time until the next attempt; `None`: there will be none.
    pub retry_in: Option<Duration>,
}

impl Disconnected {
    /// The end of a link that is not made again.
    #[must_use]
    pub const fn new(reason: DisconnectReason, resume: Option<Position>) -> Self {
        Self { reason, resume, retry_in: None }
    }
}

impl fmt::Display for Disconnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reason)?;
        match self.retry_in {
            Some(delay) => write!(f, "; trying again in {} ms", delay.as_millis()),
            None => Ok(()),
        }
    }
}

/// Why a link was lost or could not be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The primary closed the connection.
    Closed,
    /// Connecting, reading or writing failed: the system's words.
    Io(Excerpt<160>),
    /// No byte arrived for this long.
    Silence(Duration),
    /// The primary refused for now: its words.
    Refused(Excerpt<200>),
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the server closed the connection"),
            Self::Io(words) => write!(f, "{words}"),
            Self::Silence(limit) => write!(f, "nothing came from the server for {} ms", limit.as_millis()),
            Self::Refused(words) => write!(f, "the server refused for now: {words}"),
        }
    }
}

/// Nothing came in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Idle {
    /// The last resumable place.
    pub position: Option<Position>,
}

impl Idle {
    /// Nothing came at this position.
    #[must_use]
    pub const fn at(position: Option<Position>) -> Self {
        Self { position }
    }
}

/// A database number, or `?`.
#[derive(Debug, Clone, Copy)]
pub struct Database(pub Option<u32>);

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(db) => write!(f, "{db}"),
            None => f.write_str("?"),
        }
    }
}
