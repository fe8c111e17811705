//! The results of a session, and what its caller tells it about a connection.

use core::time::Duration;

use crate::base::excerpt::Excerpt;
use crate::replication::error::SessionError;
use crate::replication::event::DisconnectReason;

/// What [`Session::poll`](crate::replication::Session::poll) found.
///
/// ```
/// use redtail::Options;
/// use redtail::replication::{Progress, Session};
///
/// let stream = b"*1\r\n$4\r\nPING\r\n*2\r\n";
/// let mut session = Session::commands(Options::default(), 0);
/// let mut used = 0;
/// loop {
///     match session.poll(&stream[used..], 0) {
///         Progress::Event => println!("{:?}", session.event(&stream[used..])),
///         Progress::Space { at_least } => break println!("read at least {at_least} bytes"),
///         other => break println!("{other:?}"),
///     }
///     used += session.consumed();
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// An event: take it with [`Session::event`](crate::replication::Session::event), from the same bytes; then drop
    /// [`Session::consumed`](crate::replication::Session::consumed) bytes.
    Event,
    /// The bytes hold no further event. Drop [`Session::consumed`](crate::replication::Session::consumed) bytes, send,
    /// read more, and poll again at the latest at [`Session::deadline_ms`](crate::replication::Session::deadline_ms).
    Space {
        /// The least number of further bytes that can complete anything. The buffer must have room for them at some
        /// time, but never for more than [`Limits::command`](crate::Limits::command), or
        /// [`rdb::MIN_INPUT`](crate::rdb::MIN_INPUT) if that is more. A unit that passes its limit is an error before
        /// all of it was received.
        at_least: usize,
    },
    /// There is no connection, or it is of no more use. Drop it and all unread bytes, wait, connect, and call
    /// [`Session::connected`](crate::replication::Session::connected).
    Reconnect {
        /// The time to wait; zero: connect at once.
        after: Duration,
    },
    /// The session has failed, for this reason. Final: drop the connection.
    Failed(SessionError),
    /// The session has ended: the other side closed the connection, and reconnection is off. Final.
    Ended,
}

/// How a connection ended, as the caller saw it.
///
/// ```
/// use redtail::Options;
/// use redtail::replication::{Closed, Credentials, Progress, Session};
///
/// let mut session = Session::new(Options::default());
/// session.connected(Credentials::default(), 0);
/// session.closed(Closed::Failed("connection reset by peer"), 0);
/// assert!(matches!(session.poll(b"", 0), Progress::Event | Progress::Failed(_)));
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Closed<'a> {
    /// The other side closed it.
    ByPeer,
    /// It could not be made, or reading or writing failed: the system's message.
    Failed(&'a str),
}

impl Closed<'_> {
    /// The reason, as events carry it.
    pub(crate) fn reason(&self) -> DisconnectReason {
        match self {
            Self::ByPeer => DisconnectReason::Closed,
            Self::Failed(message) => DisconnectReason::Io(Excerpt::new(message.as_bytes())),
        }
    }
}

/// The message that keeps the connection alive at this moment.
///
/// ```
/// use redtail::replication::{Heartbeat, Session};
///
/// fn confirmed(session: &Session) -> Option<u64> {
///     match session.heartbeat()? {
///         Heartbeat::Ack(offset) => Some(offset),
///         _ => None,
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Heartbeat {
    /// A bare newline, while a snapshot arrives. An acknowledgement could start the stream before the snapshot's mark
    /// was received.
    Newline,
    /// `REPLCONF ACK` with this offset.
    Ack(u64),
}
