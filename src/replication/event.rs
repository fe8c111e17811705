//! Events of a session.

use core::fmt;
use core::time::Duration;

use crate::base::excerpt::Excerpt;
use crate::rdb::Item;
use crate::replication::position::{Lineage, Position, ReplicationId};
use crate::replication::server::Server;
use crate::resp::{Command, Part};

/// An event of the stream, in order. Borrowed slices live until the next call on the follower, reader or session that
/// delivered it.
///
/// Offsets are the primary's: bytes of the stream since its history began, the last byte of the event included.
///
/// ```no_run
/// use redtail::{Event, Follower, OnGap};
///
/// let mut follower = Follower::builder("127.0.0.1:6379").on_gap(OnGap::Continue).connect()?;
/// while let Some(event) = follower.next_event()? {
///     match event {
///         Event::Command(command) => println!("{command}"),
///         Event::Attached(attached) => println!("attached at {}", attached.offset),
///         Event::Gap(gap) => println!("history lost: {gap}"),
///         Event::Disconnected(lost) => println!("{lost}"),
///         _ => {}
///     }
/// }
/// # Ok::<(), redtail::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The next request makes the primary fork. Not delivered before a resume, because the primary alone decides
    /// whether it resumes. If it no longer has the history, it waits for its `repl-diskless-sync-delay` (5 s by
    /// default), forks, and only then refuses, with every [`OnGap`](crate::OnGap). (Servers before 7.0 that permit INFO
    /// are not asked: INFO shows the refusal.)
    Forking(Forking),
    /// The primary has accepted us. Once on every connection, before its first command.
    Attached(Attached),
    /// A snapshot begins. A second begin voids a first one without an end.
    SnapshotBegin(SnapshotBegin),
    /// The next bytes of the snapshot, an RDB file without frame or mark.
    SnapshotBytes(&'a [u8]),
    /// The next item of the snapshot, with [`SnapshotForm::Items`](crate::SnapshotForm::Items): a key, an element, and
    /// so on. Void unless [`Event::SnapshotEnd`] is delivered.
    SnapshotItem(Item<'a>),
    /// The snapshot is complete. The stream follows without a gap.
    SnapshotEnd(SnapshotEnd),
    /// A command as the primary replicates it. A KeyDB active replica wraps each write in RREPLAY: see
    /// [`Wrapped`](crate::replication::Wrapped).
    Command(StreamCommand<'a>),
    /// A part of a command that is too large to be delivered whole, with [`Options::parts`](crate::Options::parts).
    Part(StreamPart<'a>),
    /// A transaction begins. Its commands are provisional until its EXEC. The command is MULTI, or an RREPLAY with it.
    Multi(StreamCommand<'a>),
    /// The transaction is complete.
    Exec(StreamCommand<'a>),
    /// SELECT, PING or REPLCONF, with [`Options::control`](crate::Options::control). A SELECT carries the database it
    /// selects.
    Control(StreamCommand<'a>),
    /// Writes were lost between two positions.
    Gap(Gap),
    /// The connection was lost. Events after `resume` are void: they are delivered again or, by another primary,
    /// never. So are those after an attach with [`AttachMethod::Rewound`].
    Disconnected(Disconnected),
    /// No event arrived in the time given to `next_timeout`.
    Idle(Idle),
}

/// A command of the stream with its position. It dereferences to [`Command`], which has its arguments.
///
/// ```
/// use redtail::io::RecordingReader;
/// use redtail::{Event, Options};
///
/// let stream: &[u8] = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n";
/// let mut reader = RecordingReader::commands(stream, Options::default(), 0);
/// while let Some(Event::Command(command)) = reader.next_event()? {
///     assert!(command.is(b"set") && command.arg(1) == Some(b"k"));
///     assert_eq!((command.offset, command.db, command.tx), (50, Some(0), None));
///     assert_eq!(command.to_string(), r#"50 [0] "SET" "k" "v""#);
/// }
/// # Ok::<(), redtail::io::ReadError>(())
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct StreamCommand<'a> {
    /// The replication offset once this command is processed.
    pub offset: u64,
    /// The database it applies to; `None` while no SELECT has passed.
    pub db: Option<u32>,
    /// The offset of the MULTI of its transaction. MULTI and EXEC belong to their transaction.
    ///
    /// In RREPLAY each origin has transactions of its own. A transaction that begins inside of another origin's is not
    /// tracked: its commands have no `tx`.
    pub tx: Option<u64>,
    /// The time its last byte was received, as [`Session::stamp`](crate::replication::Session::stamp) set it: for a
    /// follower, milliseconds since 1970. `None` if it was not set.
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

    /// The position after this command, to resume from; `None` inside a transaction (its EXEC has one) and while the
    /// history is unknown. A follower's own `position` is always the one to store once the work on an event is done.
    pub fn position(&self) -> Option<Position> {
        let lineage = self.lineage.filter(|_| self.resumable)?;
        Some(lineage.position(self.offset, self.db))
    }

    /// A command that this one contains, at the offset and in the transaction of this one: see
    /// [`Wrapped`](crate::replication::Wrapped). It has no [`position`](Self::position), since the stream resumes after
    /// the whole command.
    #[must_use]
    pub const fn containing<'b>(self, command: Command<'b>, db: Option<u32>) -> StreamCommand<'b>
    where
        'a: 'b,
    {
        StreamCommand { command, db, resumable: false, ..self }
    }

    /// The history of this command. With the offset it identifies the command for good, also across a failover. `None`
    /// after SYNC.
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
///
/// ```
/// use redtail::resp::Part;
///
/// # fn react(event: redtail::Event<'_>) {
/// if let redtail::Event::Part(part) = event {
///     match part.part {
///         Part::Piece(bytes) => println!("{} bytes of a large value", bytes.len()),
///         Part::End => println!("complete at offset {:?}", part.offset),
///         _ => {}
///     }
/// }
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct StreamPart<'a> {
    /// The part.
    pub part: Part<'a>,
    /// The database the command applies to; `None` while no SELECT has passed.
    pub db: Option<u32>,
    /// The offset of the MULTI of its transaction.
    pub tx: Option<u64>,
    /// The time its last byte was received, as in [`StreamCommand`].
    pub received_ms: Option<u64>,
    /// In the last part: the replication offset once the command is processed.
    pub offset: Option<u64>,
    pub(crate) lineage: Option<&'a Lineage>,
}

impl StreamPart<'_> {
    /// In the last part of a command outside a transaction: the position after it.
    pub fn position(&self) -> Option<Position> {
        let lineage = self.lineage.filter(|_| self.tx.is_none())?;
        Some(lineage.position(self.offset?, self.db))
    }

    /// The history of the command, as in [`StreamCommand::history`].
    pub fn history(&self) -> Option<ReplicationId> {
        self.lineage.map(|lineage| lineage.history)
    }
}

/// A request that makes the primary fork, and the primary's size from INFO.
///
/// ```
/// # fn react(event: redtail::Event<'_>) {
/// if let redtail::Event::Forking(forking) = event {
///     eprintln!("the primary forks; its last fork took {:?}", forking.last_fork);
/// }
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Forking {
    /// The request.
    pub reason: ForkReason,
    /// The primary's memory in bytes (`used_memory`), where INFO is allowed.
    pub used_memory: Option<u64>,
    /// How long its last fork took (`latest_fork_usec`), where INFO is allowed; zero if it never forked.
    pub last_fork: Option<Duration>,
    /// The server. Valkey from 9.2 on needs no fork with `forkless-infrastructure-enabled yes`; `last_fork` then says
    /// nothing about it.
    pub server: Option<Server>,
}

impl Forking {
    /// A fork of a primary of which nothing else is known.
    #[must_use]
    pub const fn new(reason: ForkReason) -> Self {
        Self { reason, used_memory: None, last_fork: None, server: None }
    }
}

/// The request that makes a primary fork.
///
/// ```
/// use redtail::{ForkReason, Forking};
///
/// let forking = Forking::new(ForkReason::Filtered);
/// assert_eq!(forking.reason, ForkReason::Filtered);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ForkReason {
    /// A snapshot without data, for its position and database.
    Filtered,
    /// A snapshot of the data set, sent to us.
    Snapshot,
    /// A dump to its own disk that nobody reads, for its position.
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
        if self.server.is_some_and(|server| server.is_since(None, Some((9, 2)))) {
            f.write_str("; with forkless-infrastructure-enabled it does so without a fork")?;
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

/// A readable size: `940 KiB`, `3.1 GiB`.
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

/// The connection has reached the stream: by which method, at which position, on which server.
///
/// ```
/// # fn react(event: redtail::Event<'_>) {
/// if let redtail::Event::Attached(attached) = event {
///     println!("attached at offset {}, database {:?}", attached.offset, attached.db);
/// }
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Attached {
    /// The method by which the position was found.
    pub method: AttachMethod,
    /// The replication id; `None` after SYNC.
    pub replid: Option<ReplicationId>,
    /// The history of the events from here on; `None` after SYNC.
    pub history: Option<ReplicationId>,
    /// The offset of the byte before the stream's next byte. After SYNC: 0.
    pub offset: u64,
    /// The database selected there; `None` while unknown.
    pub db: Option<u32>,
    /// The position to resume from; `None` after SYNC and before a full snapshot.
    pub position: Option<Position>,
    /// Family and version of the server, where INFO is allowed.
    pub server: Option<Server>,
    /// Whether the server is a primary or a replica, where INFO is allowed.
    pub role: Option<Role>,
    /// With [`AttachMethod::Rewound`], the position reached before. Events between `offset` and that position are void:
    /// they changed no data, and the primary's history does not contain them.
    pub rewound_from: Option<Position>,
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
            rewound_from: None,
        }
    }
}

/// The method by which a follower found its position in the stream.
///
/// ```
/// assert_eq!(redtail::AttachMethod::Continued.as_str(), "continued");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum AttachMethod {
    /// From a snapshot without data.
    Filtered,
    /// From INFO.
    Info,
    /// A full snapshot begins.
    Full,
    /// The primary had the history after the position asked for.
    Continued,
    /// The primary's own history begins before the position reached, and nothing received between the two changes data
    /// (see [`Position::data_offset`]). No write is lost or repeated: the stream continues where that history begins.
    /// [`Attached::history`] is a new id, because other commands follow at the same offsets. The database is unknown
    /// until the first SELECT, which a promoted primary sends before its first command. Needs permission for INFO.
    Rewound,
    /// From an abandoned full resynchronisation.
    Probed,
    /// With SYNC, which has no position.
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
            Self::Rewound => "rewound",
            Self::Probed => "probed",
            Self::Sync => "sync",
        }
    }
}

/// The role of a server in replication.
///
/// ```
/// assert_eq!(redtail::Role::Primary.as_str(), "master");
/// ```
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
    /// The role as INFO names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "master",
            Self::Replica => "slave",
        }
    }
}

/// A snapshot begins.
///
/// ```
/// # fn react(event: redtail::Event<'_>) {
/// if let redtail::Event::SnapshotBegin(begin) = event {
///     println!("the data at offset {} follows: drop the older copy", begin.offset);
/// }
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct SnapshotBegin {
    /// The replication id; `None` after SYNC.
    pub replid: Option<ReplicationId>,
    /// The offset of the data set. The stream continues after it.
    pub offset: u64,
    /// The size of the snapshot in bytes, if the primary announces it.
    pub length: Option<u64>,
}

impl SnapshotBegin {
    /// A snapshot at this position, of a length that is not announced.
    #[must_use]
    pub const fn new(replid: Option<ReplicationId>, offset: u64) -> Self {
        Self { replid, offset, length: None }
    }
}

/// A snapshot is complete.
///
/// ```
/// # fn react(event: redtail::Event<'_>) {
/// if let redtail::Event::SnapshotEnd(end) = event {
///     println!("{} bytes; the writes after offset {} follow", end.bytes, end.offset);
/// }
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct SnapshotEnd {
    /// Its size in bytes.
    pub bytes: u64,
    /// The number of bytes whose structure was verified. Fewer than `bytes` only in the form
    /// [`Bytes`](crate::SnapshotForm::Bytes), if data begins there that this version of redtail can't read, probably of
    /// a later server. Only the length of the frame and the checksum at the end cover the rest.
    pub verified: u64,
    /// The reason for that is not a later server: the hash templates need more than this number of bytes, the
    /// [`Limits::templates`](crate::Limits::templates).
    pub beyond_templates: Option<u64>,
    /// The offset after which the stream continues.
    pub offset: u64,
    /// The database selected there.
    pub db: Option<u32>,
    /// The position to resume from; `None` after SYNC.
    pub position: Option<Position>,
}

impl SnapshotEnd {
    /// The end of a verified snapshot of this size, at this position.
    #[must_use]
    pub const fn new(bytes: u64, position: Position) -> Self {
        Self {
            bytes,
            verified: bytes,
            beyond_templates: None,
            offset: position.offset,
            db: position.db,
            position: Some(position),
        }
    }
}

/// Lost history: writes between two positions. An open transaction is void.
///
/// ```
/// # fn react(event: redtail::Event<'_>) {
/// if let redtail::Event::Gap(gap) = event {
///     eprintln!("lost between {} and {}: {:?} bytes", gap.from, gap.to, gap.missed);
/// }
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Gap {
    /// The last position reached.
    pub from: Position,
    /// The position at which the stream continues. May be below `from`.
    pub to: Position,
    /// The number of bytes of the stream that are missing; `None` if the histories differ: the new primary may then
    /// also have undone the last events before the gap. `Some(0)` with `to` below `from`: a server of the same history
    /// that is behind, a replica that lags. Nothing is missing then, and the events between the two are delivered
    /// again.
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
            None => write!(
                f,
                "the server has another history, which does not contain {}. It was restarted without its data, has \
                 taken over without the last writes, or is another server. Writes after that position are lost, and \
                 the last ones before it may be undone. The stream continues at {}; only a snapshot has all data of \
                 the server",
                self.from, self.to
            ),
        }
    }
}

/// The connection was lost, or could not be made.
///
/// ```
/// # fn react(event: redtail::Event<'_>) {
/// if let redtail::Event::Disconnected(lost) = event {
///     eprintln!("{}; everything after {:?} is void", lost.reason, lost.resume);
/// }
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Disconnected {
    /// The reason.
    pub reason: DisconnectReason,
    /// The last resumable position, at which the next connection continues; `None` before the first one.
    pub resume: Option<Position>,
    /// The time until the next attempt; `None`: there will be none.
    pub retry_in: Option<Duration>,
}

impl Disconnected {
    /// The end of a connection that is not made again.
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

/// The reason why a connection was lost or could not be made.
///
/// ```
/// use redtail::DisconnectReason;
///
/// assert_eq!(DisconnectReason::Closed.to_string(), "the server closed the connection");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The primary closed the connection.
    Closed,
    /// Connecting, reading or writing failed, with the system's message.
    Io(Excerpt<200>),
    /// No byte arrived for this long.
    Silence(Duration),
    /// The primary refuses for a time, with its message: it loads its data (LOADING), or has too many clients. The next
    /// attempt follows; after the first one only with [`Options::retry_first`](crate::Options::retry_first).
    Refused(Excerpt<200>),
    /// The primary refused, or something else answered, until a person fixes it: the other side's message, then advice.
    /// Only with [`Options::retry_refused`](crate::Options::retry_refused).
    NeedsFix(Excerpt<200>),
}

impl fmt::Display for DisconnectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the server closed the connection"),
            Self::Io(message) => write!(f, "{message}"),
            Self::Silence(limit) => write!(f, "nothing came from the server for {} ms", limit.as_millis()),
            Self::Refused(message) => write!(f, "the server refused for now: {message}"),
            Self::NeedsFix(message) => write!(f, "refused until this is fixed: {message}"),
        }
    }
}

/// No event arrived in time.
///
/// ```
/// # fn react(event: redtail::Event<'_>) {
/// if let redtail::Event::Idle(idle) = event {
///     println!("nothing was written; the position is {:?}", idle.position);
/// }
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Idle {
    /// The last resumable position.
    pub position: Option<Position>,
}

impl Idle {
    /// No event since this position.
    #[must_use]
    pub const fn at(position: Option<Position>) -> Self {
        Self { position }
    }
}

/// A database number, or `?`.
///
/// ```
/// use redtail::replication::Database;
///
/// assert_eq!((Database(Some(3)).to_string(), Database(None).to_string()), ("3".into(), "?".into()));
/// ```
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
