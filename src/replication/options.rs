//! What a caller may choose.

use core::fmt;
use core::time::Duration;

use crate::base::excerpt::Excerpt;
use crate::base::limits::Limits;
use crate::replication::backoff::Backoff;
use crate::replication::position::Position;

/// Everything a session may be told. The defaults surprise no primary.
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
    /// What to do when the primary no longer has the history after the position asked for. Default: stop.
    pub on_gap: OnGap,
    /// What to acknowledge. Default: nothing that anybody would count on.
    pub ack: Ack,
    /// Whether [`Start::Now`] may fall back to a probe on servers before 7.0 that keep no backlog: the primary then dumps its data set
    /// to its own disk once. Default no.
    pub allow_probe: bool,
    /// Whether to retry when the very first attempt to attach fails in a way that may pass. Default no: a wrong address or password
    /// should show at once.
    pub retry_first: bool,
    /// Whether to ask for a snapshot again when one breaks off. Default no: each attempt makes the primary fork and send everything.
    pub retry_snapshot: bool,
    /// Whether the link is the only one there will be: reconnection is off, and a start that needs a second connection is an error.
    pub single_link: bool,
    /// Whether SELECT, PING and REPLCONF come out as [`Event::Control`](crate::Event::Control). Default no.
    pub control: bool,
    /// A command with a bulk string of at least this many bytes comes in parts (see [`Part`](crate::resp::Part)); `None`, the
    /// default: every command comes whole, up to [`Limits::command`]. With parts, that limit is at least 2 KiB, so that SELECT, MULTI
    /// and EXEC come whole.
    pub parts: Option<u64>,
    /// How a snapshot is handed out. Default: as the bytes it consists of.
    pub snapshot: SnapshotForm,
    /// Whether items may also be had from a snapshot that is of a version from the future or holds broken values: what can be passed
    /// over is, and comes as [`Item::Skipped`](crate::rdb::Item::Skipped). Default no: such a snapshot is an error.
    pub lenient: bool,
    /// How the primary shows us in INFO and ROLE. Default `redtail.invalid`.
    pub label: ReplicaLabel,
    /// The port the primary shows for us. Default: none is announced.
    pub listening_port: Option<u16>,
    /// When to reconnect. Default: for ever, from 100 ms to 10 s. [`Backoff::OFF`]: never.
    pub backoff: Backoff,
    /// How long the primary may be silent before the link counts as dead, in whole milliseconds and at least one; `None`: no limit.
    /// Default 60 s, the servers' `repl-timeout`. They send a PING every 10 s, but a paused primary is silent for longer, and so is one
    /// in a long script or with a key that takes long to dump.
    pub silence: Option<Duration>,
    /// Any number that differs between processes: the seed of the jitter.
    pub seed: u64,
    /// The parser's limits.
    pub limits: Limits,
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

/// Where a follower starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Start {
    /// With the next write. The primary is asked for a snapshot with nothing in it (about 200 bytes), which gives position and
    /// database; it forks for it. Needs Redis 7.0 or any Valkey; on older servers as [`Start::NowWithoutFork`].
    #[default]
    Now,
    /// With the next write, from the position that INFO tells; the primary does nothing. Needs permission for INFO and an existing
    /// backlog. The database is unknown until the first SELECT passes. The same holds for reconnects: a position outside the backlog is a gap
    /// without asking the primary. Between INFO and PSYNC the backlog may move on; then the primary does fork.
    NowWithoutFork,
    /// With the whole data set, then the writes after it, no gap between. The primary forks and sends everything.
    Snapshot,
    /// After a position that was reached before.
    At(Position),
    /// With the old SYNC: the whole data set, then the writes. There is no position and no resuming; offsets count the bytes after the
    /// snapshot. For servers that know no PSYNC.
    Sync,
}

/// In one word, or as the position.
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

/// How a snapshot is handed out.
///
/// In either form it is walked by its structure while it passes, so that no value in it can be taken for its end, and its checksum is
/// verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SnapshotForm {
    /// As [`Event::SnapshotBytes`](crate::Event::SnapshotBytes): the bytes of an RDB file, in pieces. What a later server may write is
    /// handed on like all else; behind it only the frame tells where the snapshot ends.
    #[default]
    Bytes,
    /// As [`Event::SnapshotItem`](crate::Event::SnapshotItem): keys and their elements, as [`rdb::Decoder`](crate::rdb::Decoder) finds
    /// them. The caller's buffer must come to hold [`rdb::MIN_INPUT`](crate::rdb::MIN_INPUT) bytes.
    Items,
}

/// What to do when history was lost. The gap itself is always delivered as an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnGap {
    /// End with [`SessionError::HistoryLost`](crate::SessionError::HistoryLost).
    #[default]
    Stop,
    /// Go on with the writes from now on.
    Continue,
    /// Take a snapshot, then go on with the writes after it.
    Snapshot,
}

/// What the primary is told of our progress, each second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Ack {
    /// Offset 0: the link lives, and neither WAIT nor FAILOVER counts on us. A primary that shuts down waits its
    /// `shutdown-timeout` (10 s) for us, and `min-replicas-to-write` counts us, as it counts whoever acknowledges anything.
    #[default]
    Observe,
    /// The offset received. WAIT counts us, though nothing is stored; a plain FAILOVER may choose us, and then leaves the primary
    /// read-only until FAILOVER ABORT.
    Received,
    /// The offset that the caller has committed. WAIT then means "my sink has it"; of FAILOVER the same as above holds.
    Applied,
}

/// The text sent as `REPLCONF ip-address`: what INFO and ROLE show of us.
///
/// The default is a name that cannot be resolved, so that a Sentinel does not take us for a replica it could promote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplicaLabel(Excerpt<255>);

impl ReplicaLabel {
    const DEFAULT_TEXT: &str = "redtail.invalid";

    const DEFAULT: Self = Self(Excerpt::EMPTY);

    /// A label of 1 to 255 bytes without spaces or control characters; else `None`. Servers take no more.
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
}

impl Default for ReplicaLabel {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Who we are to the primary, borrowed for the moment of connecting.
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct Credentials<'a> {
    /// The ACL user; `None` for the default user.
    pub user: Option<&'a [u8]>,
    /// The password; `None`: no AUTH is sent.
    pub password: Option<&'a [u8]>,
}

impl<'a> Credentials<'a> {
    /// The password of an ACL user, or of the default user.
    #[must_use]
    pub const fn new(user: Option<&'a [u8]>, password: &'a [u8]) -> Self {
        Self { user, password: Some(password) }
    }
}
