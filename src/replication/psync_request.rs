//! How a link to a primary was opened.

use core::fmt;

use crate::replication::event::{AttachMethod, Role, Server};
use crate::replication::position::Position;

/// What was asked for on a link, and what was known of the server then: with the bytes that came after that, all it takes to tell the
/// link's events once more. See [`Session::psync_request`](crate::replication::Session::psync_request).
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
    /// How the place in the stream is found if the server gives what it is asked for.
    pub method: AttachMethod,
    /// The place after which the stream was asked for; `None`: from wherever the server stands.
    pub from: Option<Position>,
    /// What becomes of a full resynchronisation.
    pub on_full: OnFull,
    /// What the server said it is, where it might be asked.
    pub server: Option<Server>,
    /// Whether it was a primary or itself a replica, where it might be asked.
    pub role: Option<Role>,
}

impl PsyncRequest {
    /// A request to a server of which nothing is known.
    #[must_use]
    pub const fn new(method: AttachMethod, from: Option<Position>, on_full: OnFull) -> Self {
        Self { method, from, on_full, server: None, role: None }
    }
}

/// What a follower does with a snapshot, wanted or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnFull {
    /// Hands it out.
    Deliver,
    /// Takes it for the place it tells: there is no data in it.
    PassOver,
    /// Leaves with the first line of the answer.
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
            // It names the first byte wanted, a position the last byte there is.
            (_, Some(from)) => write!(f, "PSYNC {} {}", from.replid, from.offset.saturating_add(1)),
        }
    }
}
