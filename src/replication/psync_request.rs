//! The request that begins a connection's stream.

use core::fmt;

use crate::replication::event::{AttachMethod, Role};
use crate::replication::position::Position;
use crate::replication::server::Server;

/// The request sent on a connection, and the facts known about the server. With the bytes received after it, the events
/// of the connection can be delivered again. See
/// [`Session::psync_request`](crate::replication::Session::psync_request).
///
/// It prints as the request that was sent.
///
/// ```
/// use redtail::AttachMethod;
/// use redtail::replication::{PsyncRequest, OnFull};
///
/// let from = "26e9aa58837d8095338f33e660463dbdf56c86c9:1311:0".parse()?;
/// let psync_request = PsyncRequest::new(AttachMethod::Continued, Some(from), OnFull::PassOver);
/// assert_eq!(psync_request.to_string(), "PSYNC 26e9aa58837d8095338f33e660463dbdf56c86c9 1312");
/// # Ok::<(), redtail::PositionError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PsyncRequest {
    /// The method by which the position is found if the server accepts the request.
    pub method: AttachMethod,
    /// The position after which the stream was requested; `None`: from the server's present position.
    pub from: Option<Position>,
    /// The use of a full resynchronisation.
    pub on_full: OnFull,
    /// Family and version of the server, where INFO is allowed.
    pub server: Option<Server>,
    /// Whether the server was a primary or a replica, where INFO is allowed.
    pub role: Option<Role>,
}

impl PsyncRequest {
    /// A request to a server about which nothing is known.
    #[must_use]
    pub const fn new(method: AttachMethod, from: Option<Position>, on_full: OnFull) -> Self {
        Self { method, from, on_full, server: None, role: None }
    }
}

/// The use a follower makes of a full resynchronisation.
///
/// ```
/// use redtail::replication::OnFull;
///
/// assert_eq!(OnFull::from_name(OnFull::Deliver.as_str()), Some(OnFull::Deliver));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnFull {
    /// Delivers the snapshot.
    Deliver,
    /// Reads the position from it: it has no data.
    PassOver,
    /// Disconnects after the first line of the answer.
    Abandon,
}

impl OnFull {
    /// Its name in recordings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deliver => "deliver",
            Self::PassOver => "pass-over",
            Self::Abandon => "abandon",
        }
    }

    /// The one of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Deliver, Self::PassOver, Self::Abandon].into_iter().find(|it| it.as_str() == name)
    }
}

impl fmt::Display for PsyncRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.method, self.from) {
            (AttachMethod::Sync, _) => f.write_str("SYNC"),
            (_, None) => f.write_str("PSYNC ? -1"),
            // PSYNC names the next byte, a position the last one.
            (_, Some(from)) => write!(f, "PSYNC {} {}", from.replid, from.offset.saturating_add(1)),
        }
    }
}
