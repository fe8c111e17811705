//! Why a session ended.

use thiserror::Error;

use crate::base::error::ProtocolError;
use crate::base::excerpt::Excerpt;
use crate::rdb::RdbError;
use crate::replication::event::{DisconnectReason, Gap};

/// Why a session is over. Final: a session that has given one gives it again at every later call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SessionError {
    /// What came is not the replication protocol, or passes a limit. A reconnect would meet the same bytes.
    #[error("{stage}: {source}")]
    Protocol {
        /// What was being read, and what the offset in the source counts.
        stage: SessionStage,
        /// What is wrong, and where.
        source: ProtocolError,
    },
    /// The server answered with something no primary answers at this point.
    #[error("unexpected answer to {asked}: {answer}")]
    Unexpected {
        /// The command that was answered.
        asked: &'static str,
        /// The answer.
        answer: Excerpt<200>,
    },
    /// The server refuses, and will go on refusing until somebody changes something.
    #[error("{advice} (the server said: {words})")]
    Refused {
        /// The server's words.
        words: Excerpt<200>,
        /// What is wrong and what to do.
        advice: &'static str,
    },
    /// The primary no longer has the history after the position asked for.
    #[error("history lost: {0}")]
    HistoryLost(Gap),
    /// The server keeps no backlog, so there is no position to start from without a fork.
    #[error(
        "the server keeps no backlog yet, so INFO tells no position to start from; attach any replica once (it makes the backlog), \
         or start from a snapshot, or allow a probe (the primary then dumps its data set to its own disk once)"
    )]
    NoBacklog,
    /// A position can be found only by asking INFO, which the server does not allow.
    #[error(
        "INFO is not allowed here, and this start needs it to find the position: allow it (ACL SETUSER name +info), \
         or start with a filtered snapshot (Start::Now on Redis 7.0 or later, or Valkey)"
    )]
    InfoNeeded,
    /// A start needs a second connection, and the session has only one.
    #[error("this start needs a second connection, and only one was given: use a connector, or another start")]
    SecondLinkNeeded,
    /// After SYNC there is no position to resume from.
    #[error("the link was lost, and a stream started with SYNC can't be resumed: {0}")]
    NotResumable(DisconnectReason),
    /// A snapshot broke off.
    #[error(
        "the snapshot broke off after {received} bytes: {reason}; it is not asked for again unless you say so, since each attempt makes the primary fork and send everything"
    )]
    SnapshotBroken {
        /// The bytes of the snapshot received until then.
        received: u64,
        /// Why.
        reason: DisconnectReason,
    },
    /// A snapshot that should be empty is not.
    #[error("the server was asked for a snapshot without data, and sent more than {limit} bytes")]
    SnapshotNotEmpty {
        /// The largest size taken for empty.
        limit: u64,
    },
    /// What came as a snapshot is not one that a server would write, or, where items were asked for, holds what is not known here.
    #[error("in the snapshot: {0}")]
    Snapshot(RdbError),
    /// A snapshot is at its end, but what frames it is not.
    #[error("the snapshot is whole after {ended_at} bytes, but {expected}")]
    SnapshotFrame {
        /// The bytes of the snapshot.
        ended_at: u64,
        /// What the frame should have been.
        expected: &'static str,
    },
    /// User, password or both are too long to send.
    #[error(
        "user and password are longer than {limit} bytes together, more than a server accepts before authentication"
    )]
    CredentialsTooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// The link was lost, and no attempt is left or none was wanted.
    #[error("{}{reason}{}", subject_of(reason), failed_attempts(*attempts))]
    Lost {
        /// Why the last link was lost or could not be made.
        reason: DisconnectReason,
        /// How many attempts in a row have failed.
        attempts: u32,
    },
}

/// What was being read when the bytes went wrong.
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

/// The system's words alone do not say what they are about.
const fn subject_of(reason: &DisconnectReason) -> &'static str {
    match reason {
        DisconnectReason::Io(_) => "the link failed: ",
        DisconnectReason::Closed | DisconnectReason::Silence(_) | DisconnectReason::Refused(_) => "",
    }
}

fn failed_attempts(count: u32) -> Excerpt<48> {
    match count {
        0 | 1 => Excerpt::EMPTY,
        _ => Excerpt::of(format_args!(" ({count} attempts failed)")),
    }
}
