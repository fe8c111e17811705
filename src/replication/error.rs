//! Errors that end a session.

use thiserror::Error;

use crate::base::error::ProtocolError;
use crate::base::excerpt::Excerpt;
use crate::base::speaker::Answers;
use crate::rdb::RdbError;
use crate::replication::event::{DisconnectReason, Gap};
use crate::replication::server::Server;

/// The error that ended a session. It is final: every later call returns it again.
///
/// ```
/// use redtail::{Error, SessionError};
///
/// fn is_history_lost(error: &Error) -> bool {
///     matches!(error, Error::Session(error) if matches!(**error, SessionError::HistoryLost(_)))
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The bytes received are not the replication protocol, or exceed a limit. A reconnect would receive the same
    /// bytes.
    #[error("{}{stage}: {source}", heard_from(heard))]
    Protocol {
        /// The stage of the connection, which says what the offset in `source` counts.
        stage: SessionStage,
        /// The error and its offset.
        source: ProtocolError,
        /// In the handshake: the first bytes of the answer that no server gives. Otherwise empty.
        heard: Excerpt<80>,
    },
    /// An answer that no primary gives at this point.
    #[error("unexpected answer to {asked}: {answer}; check for a proxy in front of the server")]
    Unexpected {
        /// The command that was answered.
        asked: &'static str,
        /// The answer.
        answer: Excerpt<200>,
    },
    /// The server refuses, and will refuse again until its settings or ours are changed.
    #[error("{advice} (the server said: {message})")]
    Refused {
        /// The server's message.
        message: Excerpt<200>,
        /// The cause, and the remedy.
        advice: &'static str,
    },
    /// The primary no longer has the history after the position asked for.
    #[error("history lost: {0}")]
    HistoryLost(Gap),
    /// The server has no backlog, so there is no position to start from without a fork.
    #[error(
        "the server has no backlog yet, so INFO shows no position to start from. Attach any replica once, which creates the \
         backlog; or start from a snapshot; or allow a probe: the primary then dumps its data set to its own disk once"
    )]
    NoBacklog,
    /// The start needs a position from INFO, which the server does not allow.
    #[error(
        "INFO is not allowed here, and this start needs it to find the position: allow it (ACL SETUSER name +info), \
         or start with a filtered snapshot (Start::Now on Redis 7.0 or later, or Valkey)"
    )]
    InfoNeeded,
    /// The start needs a second connection, and the session has only one.
    #[error("this start needs a second connection, and only one was given: use a connector, or another start")]
    SecondLinkNeeded,
    /// After SYNC there is no position to resume from.
    #[error("the link was lost, and a stream started with SYNC can't be resumed: {0}")]
    NotResumable(DisconnectReason),
    /// A snapshot ended early, and [`Options::retry_snapshot`](crate::Options::retry_snapshot) is not set.
    #[error(
        "the snapshot broke off after {received} bytes: {reason}{}; it is not requested again unless the options allow it, \
         since each attempt makes the primary fork and send its data set",
        format_of(*newer)
    )]
    SnapshotBroken {
        /// The bytes of the snapshot received by then.
        received: u64,
        /// The reason.
        reason: DisconnectReason,
        /// The server, if it closed the connection after it was asked for the format of an earlier release than its
        /// own, which may not hold its data. After two such attempts in a row a session asks for the server's own
        /// format.
        newer: Option<Server>,
    },
    /// A snapshot that was requested without data has data.
    #[error("the server was asked for a snapshot without data, and sent more than {limit} bytes")]
    SnapshotNotEmpty {
        /// The largest size accepted as empty.
        limit: u64,
    },
    /// The snapshot is invalid, or, with items, of an unknown version or type.
    #[error("in the snapshot: {0}")]
    Snapshot(RdbError),
    /// The data of a snapshot has ended, but its frame has not.
    #[error("the snapshot is whole after {ended_at} bytes, but {expected}")]
    SnapshotFrame {
        /// The bytes of the snapshot.
        ended_at: u64,
        /// The expected frame.
        expected: &'static str,
    },
    /// User and password are too long to send.
    #[error(
        "user and password are longer than {limit} bytes together, more than a server accepts before authentication"
    )]
    CredentialsTooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// The credentials have a user and no password. Without AUTH the connection would be the default user's.
    #[error(
        "there is a user without a password, so the connection would be the default user's: give the password, or an \
         empty one for a nopass user"
    )]
    PasswordMissing,
    /// The connection was lost or could not be made, and no attempt is left or reconnection is off. Before the first
    /// success there is one attempt, unless [`Options::retry_first`](crate::Options::retry_first) is set.
    #[error("{}{reason}{}", subject_of(reason, *answered), failed_attempts(*attempts))]
    Lost {
        /// The reason of the last disconnect.
        reason: DisconnectReason,
        /// The number of failed attempts in a row.
        attempts: u32,
        /// Whether anything was received on the last connection. If not, it may never have been made.
        answered: bool,
    },
}

impl SessionError {
    /// Whether another connection can succeed where this session has failed.
    ///
    /// With [`Options::retry_refused`](crate::Options::retry_refused), a session survives the errors of
    /// [`Recovery::Fix`], and connects again.
    pub const fn recovery(&self) -> Recovery {
        match self {
            Self::Lost { .. } | Self::SnapshotBroken { .. } => Recovery::Retry,
            Self::Refused { .. }
            | Self::Unexpected { .. }
            | Self::NoBacklog
            | Self::InfoNeeded
            | Self::CredentialsTooLong { .. }
            | Self::PasswordMissing
            | Self::Protocol { stage: SessionStage::Handshake | SessionStage::SnapshotHeader, .. } => Recovery::Fix,
            Self::Protocol { stage: SessionStage::Stream, .. }
            | Self::HistoryLost(_)
            | Self::SecondLinkNeeded
            | Self::NotResumable(_)
            | Self::SnapshotNotEmpty { .. }
            | Self::Snapshot(_)
            | Self::SnapshotFrame { .. } => Recovery::Never,
        }
    }
}

/// Whether another connection can succeed where a session has failed.
///
/// ```
/// use redtail::SessionError;
/// use redtail::replication::Recovery;
///
/// fn is_worth_a_retry(error: &SessionError) -> bool {
///     error.recovery() == Recovery::Retry
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recovery {
    /// It can succeed without a change. After [`SessionError::SnapshotBroken`] it costs the primary another fork.
    Retry,
    /// It can succeed once a person has changed the server, the network between, or the credentials.
    Fix,
    /// It receives the same bytes, or needs other options.
    Never,
}

/// The stage of a connection at which an error was found.
///
/// ```
/// use redtail::SessionError;
/// use redtail::replication::SessionStage;
///
/// fn offset_in_stream(error: &SessionError) -> Option<u64> {
///     match error {
///         SessionError::Protocol { stage: SessionStage::Stream, source, .. } => Some(source.offset),
///         _ => None,
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SessionStage {
    /// Replies of the handshake; offsets count the bytes received on this connection.
    #[error("in the handshake (bytes of this connection)")]
    Handshake,
    /// The line before the snapshot; offsets count the bytes received on this connection.
    #[error("before the snapshot (bytes of this connection)")]
    SnapshotHeader,
    /// The stream; offsets are replication offsets.
    #[error("in the stream (replication offsets)")]
    Stream,
}

/// The answer of another program than a server, for the beginning of a message.
fn heard_from(heard: &Excerpt<80>) -> Excerpt<400> {
    match heard.as_bytes() {
        [] => Excerpt::EMPTY,
        bytes => Excerpt::of(format_args!("{}; ", Answers(bytes))),
    }
}

/// The system's message does not name its subject.
const fn subject_of(reason: &DisconnectReason, answered: bool) -> &'static str {
    match reason {
        DisconnectReason::Io(_) if answered => "the connection failed: ",
        DisconnectReason::Io(_) => "can't connect: ",
        DisconnectReason::Closed
        | DisconnectReason::Silence(_)
        | DisconnectReason::Refused(_)
        | DisconnectReason::NeedsFix(_) => "",
    }
}

/// Valkey from 9.1 on writes snapshots in the format of the version that a replica announces. Source: its `rdb.c`.
fn format_of(newer: Option<Server>) -> Excerpt<256> {
    match newer {
        None => Excerpt::EMPTY,
        Some(server) => Excerpt::of(format_args!(
            ". {server} was asked for the snapshot format of an earlier release, which redtail reads. If its log says \
             \"Can't store key\", it holds data that this format can't hold"
        )),
    }
}

fn failed_attempts(count: u32) -> Excerpt<48> {
    match count {
        0 | 1 => Excerpt::EMPTY,
        _ => Excerpt::of(format_args!(" ({count} attempts failed)")),
    }
}
