//! Options of a session.

use core::fmt;
use core::time::Duration;

use crate::base::excerpt::Excerpt;
use crate::base::limits::Limits;
use crate::replication::backoff::Backoff;
use crate::replication::position::Position;

/// Options of a session. With the defaults, the primary never sends its data set.
///
/// ```
/// # use redtail::{Options, Start};
/// let mut options = Options::default();
/// options.start = Start::NowWithoutFork;
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Options {
    /// Where to start.
    pub start: Start,
    /// The reaction to lost history: the primary no longer has the bytes after the requested position. Default: stop.
    pub on_gap: OnGap,
    /// The offset to acknowledge. Default: 0, on which neither WAIT nor FAILOVER counts.
    pub ack: Ack,
    /// Whether [`Start::Now`] may fall back to a probe on servers before 7.0 without a backlog: the primary then dumps
    /// its data set to its own disk once. Default: no. [`Start::At`] accepts it, so that one set of options serves a
    /// first run and those that resume.
    pub allow_probe: bool,
    /// Whether to retry after a temporary failure of the first attempt, such as a server that is down or loads its data
    /// (LOADING). Default: no, so that a wrong address is reported at once. A program that resumes at a saved position
    /// has reached its server before, and is better off with it.
    pub retry_first: bool,
    /// Whether to request a snapshot again if one ends early. Default: no, since each attempt makes the primary fork
    /// and send its data set.
    pub retry_snapshot: bool,
    /// Whether to connect again after a refusal that a person can fix, and how long after it: a wrong password, a
    /// missing permission, protected mode, an answer of something that is not a server (see
    /// [`SessionError::recovery`](crate::SessionError::recovery)). Each refusal is delivered as a
    /// [`DisconnectReason::NeedsFix`](crate::DisconnectReason::NeedsFix), and counts as a failed attempt of
    /// [`backoff`](Self::backoff). Before the first success, it is tried again only with
    /// [`retry_first`](Self::retry_first). Default: `None`, the session fails at once.
    pub retry_refused: Option<Duration>,
    /// Whether there is only one connection: reconnection is off, and a start that needs a second connection is an
    /// error.
    pub single_link: bool,
    /// Whether SELECT, PING and REPLCONF are delivered as [`Event::Control`](crate::Event::Control). Default: no.
    pub control: bool,
    /// A command with a bulk string of at least this number of bytes is delivered in [parts](crate::resp::Part).
    /// `None`, the default: every command is delivered whole, up to [`Limits::command`]. With parts, that limit is at
    /// least 2 KiB, so that SELECT, MULTI and EXEC are whole.
    pub parts: Option<u64>,
    /// The form in which a snapshot is delivered. Default: bytes.
    pub snapshot: SnapshotForm,
    /// Whether items are read from a snapshot with broken values, too. Broken values are skipped and delivered as
    /// [`Item::Skipped`](crate::rdb::Item::Skipped). Default: no, such a snapshot is an error.
    pub lenient: bool,
    /// The address that the primary shows for us in INFO and ROLE. Default: `redtail.invalid`. Through Sentinels and in
    /// a cluster it is also the name of the connections in `CLIENT LIST`.
    pub label: ReplicaLabel,
    /// The port that the primary shows for us. Default: none is announced.
    pub listening_port: Option<u16>,
    /// The pauses between attempts to connect. Default: from 100 ms to 10 s, without an end. [`Backoff::OFF`]: no
    /// reconnection.
    pub backoff: Backoff,
    /// The time without a byte from the primary after which the connection counts as lost, in whole milliseconds and at
    /// least one; `None`: no limit. Default: 60 s, the servers' `repl-timeout`. Servers send a PING every 10 s, but a
    /// paused primary is silent for longer. So is one in a long script, or with a key that takes long to dump.
    pub silence: Option<Duration>,
    /// The seed of the jitter: any number that differs between processes.
    pub seed: u64,
    /// The limits of the parser.
    pub limits: Limits,
}

impl Options {
    /// The reason why an option has no effect beside another one, with the remedy.
    #[cfg(feature = "std")]
    pub(crate) const fn contradiction(&self) -> Option<&'static str> {
        let reconnects = !self.single_link && !matches!(self.backoff.attempts, Some(0));
        if self.lenient && matches!(self.snapshot, SnapshotForm::Bytes) {
            return Some("lenient has no effect on a snapshot delivered as bytes: set snapshot to SnapshotForm::Items");
        }
        // A program that saves its position starts at it the next time, with the options of its first run.
        let may_probe = matches!(self.start, Start::Now | Start::At(_)) || matches!(self.on_gap, OnGap::Continue);
        if self.allow_probe && !may_probe {
            return Some("allow_probe has no effect on this start: it is for Start::Now and OnGap::Continue");
        }
        if matches!(self.start, Start::Sync) && !matches!(self.on_gap, OnGap::Stop) {
            return Some("on_gap has no effect on Start::Sync, whose stream has no position to resume from");
        }
        if reconnects {
            return None;
        }
        if self.retry_first {
            Some("retry_first has no effect where reconnection is off: remove one of them")
        } else if self.retry_snapshot {
            Some("retry_snapshot has no effect where reconnection is off: remove one of them")
        } else if self.retry_refused.is_some() {
            Some("retry_refused has no effect where reconnection is off: remove one of them")
        } else {
            None
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            start: Start::Now,
            on_gap: OnGap::Stop,
            ack: Ack::Observe,
            allow_probe: false,
            retry_first: false,
            retry_snapshot: false,
            retry_refused: None,
            single_link: false,
            control: false,
            parts: None,
            snapshot: SnapshotForm::Bytes,
            lenient: false,
            label: ReplicaLabel::DEFAULT,
            listening_port: None,
            backoff: Backoff::default(),
            silence: Some(Duration::from_secs(60)),
            seed: 0,
            limits: Limits::DEFAULT,
        }
    }
}

/// The position at which a follower starts.
///
/// ```
/// use redtail::{Follower, Start};
///
/// let saved = "26e9aa58837d8095338f33e660463dbdf56c86c9:1311:0".parse()?;
/// let follower = Follower::builder("127.0.0.1:6379").start(Start::At(saved));
/// # Ok::<(), redtail::PositionError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Start {
    /// At the fork for a snapshot without data (about 200 bytes), which has the position and the database. The primary
    /// forks up to its `repl-diskless-sync-delay` (5 seconds by default) after the request. Earlier writes are not
    /// delivered; [`Event::Attached`](crate::Event::Attached) marks the point. Needs Redis 7.0
    /// or any Valkey; on older servers it acts as [`Start::NowWithoutFork`].
    ///
    /// The first write may arrive about 100 ms late: the primary sends no write before its timer (`hz`, 10 times a
    /// second) has seen the end of the fork. Later writes are not delayed.
    #[default]
    Now,
    /// At the next write, from the position in INFO, without a fork. Needs permission for INFO and an existing backlog.
    /// The database is unknown until the first SELECT. Reconnects do the same: a position outside of the backlog is a
    /// gap, without a request to the primary. If the position leaves the backlog between INFO and PSYNC, the primary
    /// does fork.
    NowWithoutFork,
    /// With the data set, then the writes after it, without a gap between them. The primary forks and sends its data
    /// set.
    Snapshot,
    /// After a saved position.
    At(Position),
    /// With SYNC: the data set, then the writes. There is no position to resume from; offsets count the bytes after the
    /// snapshot. For servers without PSYNC.
    Sync,
}

/// As the name of the start, or as the position.
impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now => f.write_str("now"),
            Self::NowWithoutFork => f.write_str("now-without-fork"),
            Self::Snapshot => f.write_str("snapshot"),
            Self::At(position) => position.fmt(f),
            Self::Sync => f.write_str("sync"),
        }
    }
}

/// The form in which a snapshot is delivered.
///
/// In both forms its structure is parsed, so that no value is mistaken for its end, and its checksum is verified.
///
/// ```
/// use redtail::{Options, SnapshotForm, Start};
///
/// let mut options = Options::default();
/// (options.start, options.snapshot) = (Start::Snapshot, SnapshotForm::Items);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SnapshotForm {
    /// As [`Event::SnapshotBytes`](crate::Event::SnapshotBytes): the bytes of an RDB file, in pieces. Unknown data of a
    /// later server is delivered too; after it, only the frame shows where the snapshot ends.
    #[default]
    Bytes,
    /// As [`Event::SnapshotItem`](crate::Event::SnapshotItem): keys and their elements, as
    /// [`rdb::Decoder`](crate::rdb::Decoder) finds them. Needs a receive buffer of at least
    /// [`rdb::MIN_INPUT`](crate::rdb::MIN_INPUT) bytes.
    Items,
}

/// The reaction to lost history. The gap itself is always delivered as an event.
///
/// ```
/// use redtail::{Follower, OnGap};
///
/// let follower = Follower::builder("127.0.0.1:6379").on_gap(OnGap::Continue);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnGap {
    /// Fail with [`SessionError::HistoryLost`](crate::SessionError::HistoryLost).
    #[default]
    Stop,
    /// Continue with the writes from now on.
    Continue,
    /// Request a snapshot, then continue with the writes after it.
    Snapshot,
}

/// The offset that is acknowledged to the primary, once a second.
///
/// ```
/// use redtail::{Ack, Follower};
///
/// // WAIT on the primary waits for what this program commits.
/// let follower = Follower::builder("127.0.0.1:6379").ack(Ack::Applied);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Ack {
    /// Offset 0: the connection is kept alive, and neither WAIT nor FAILOVER counts on us. A primary that shuts down
    /// waits its `shutdown-timeout` (10 s) for us, and `min-replicas-to-write` counts us, as it counts every replica
    /// that sends acknowledgements.
    #[default]
    Observe,
    /// The offset received. WAIT counts us, though nothing is stored. A plain FAILOVER may choose us, and then leaves
    /// the primary read-only until FAILOVER ABORT.
    Received,
    /// The offset that the caller has committed. WAIT then waits for the caller's sink; FAILOVER acts as above.
    Applied,
}

/// The text sent as `REPLCONF ip-address`: the address that INFO and ROLE show for us.
///
/// The default is a name that does not resolve, so that a Sentinel does not promote us.
///
/// ```
/// use redtail::Options;
/// use redtail::replication::ReplicaLabel;
///
/// let mut options = Options::default();
/// options.label = ReplicaLabel::new("orders.feed.invalid").ok_or("at most 255 bytes")?;
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplicaLabel(Excerpt<255>);

impl ReplicaLabel {
    const DEFAULT_TEXT: &str = "redtail.invalid";

    const DEFAULT: Self = Self(Excerpt::EMPTY);

    /// A label of 1 to 255 bytes without spaces or control characters; otherwise `None`. Servers accept no other.
    pub fn new(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && text.len() <= 255 && text.bytes().all(|b| b.is_ascii_graphic() || b >= 0x80);
        fits.then(|| Self(Excerpt::new(text.as_bytes())))
    }

    /// The text.
    pub fn as_bytes(&self) -> &[u8] {
        match self.0.as_bytes() {
            [] => Self::DEFAULT_TEXT.as_bytes(),
            text => text,
        }
    }

    /// The text, unless it is the default.
    pub(crate) fn given(&self) -> Option<&str> {
        core::str::from_utf8(self.0.as_bytes()).ok().filter(|text| !text.is_empty())
    }
}

impl Default for ReplicaLabel {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// User and password, borrowed while connecting. The default has neither: no AUTH is sent.
///
/// ```
/// use redtail::replication::Credentials;
///
/// let credentials = Credentials::new(Some(b"cdc"), b"secret");
/// assert_eq!(credentials.user, Some(&b"cdc"[..]));
/// ```
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct Credentials<'a> {
    /// The ACL user; `None` for the default user. A user without a password is
    /// [`SessionError::PasswordMissing`](crate::SessionError::PasswordMissing).
    pub user: Option<&'a [u8]>,
    /// The password; `None`: no AUTH is sent. A `nopass` user has an empty one: `Some(b"")`.
    pub password: Option<&'a [u8]>,
}

impl<'a> Credentials<'a> {
    /// The password of an ACL user, or of the default user.
    #[must_use]
    pub const fn new(user: Option<&'a [u8]>, password: &'a [u8]) -> Self {
        Self { user, password: Some(password) }
    }
}
