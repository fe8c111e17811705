//! The status of each error of the library.

use crate::base::error::ProtocolErrorKind;
use crate::capi::basics::*;
use crate::io::BufferFull;
use crate::net::Error;
use crate::replication::SessionError;

/// The status of a parser's error.
pub(in crate::capi) const fn protocol_status(kind: &ProtocolErrorKind) -> redtail_status {
    use ProtocolErrorKind as Kind;
    match kind {
        Kind::Unexpected { .. }
        | Kind::InvalidLength(_)
        | Kind::InvalidValue(_)
        | Kind::MissingCrlf { .. }
        | Kind::UnbalancedQuotes => REDTAIL_ERROR_PROTOCOL,
        Kind::BulkTooLong { .. }
        | Kind::CommandTooLong { .. }
        | Kind::TooManyArguments { .. }
        | Kind::TooDeep { .. }
        | Kind::LineTooLong { .. } => REDTAIL_ERROR_LIMIT,
    }
}

/// The status of a session's error.
pub(in crate::capi) const fn session_status(error: &SessionError) -> redtail_status {
    match error {
        SessionError::Protocol { source, .. } => protocol_status(&source.kind),
        SessionError::Unexpected { .. } => REDTAIL_ERROR_UNEXPECTED,
        SessionError::Refused { .. } => REDTAIL_ERROR_REFUSED,
        SessionError::HistoryLost(_) => REDTAIL_ERROR_HISTORY_LOST,
        SessionError::NoBacklog => REDTAIL_ERROR_NO_BACKLOG,
        SessionError::InfoNeeded => REDTAIL_ERROR_INFO_NEEDED,
        SessionError::SecondLinkNeeded => REDTAIL_ERROR_SECOND_LINK,
        SessionError::NotResumable(_) => REDTAIL_ERROR_NOT_RESUMABLE,
        SessionError::Snapshot(_) | SessionError::SnapshotFrame { .. } => REDTAIL_ERROR_SNAPSHOT,
        SessionError::SnapshotBroken { .. } => REDTAIL_ERROR_SNAPSHOT_BROKEN,
        SessionError::SnapshotNotEmpty { .. } => REDTAIL_ERROR_SNAPSHOT_NOT_EMPTY,
        SessionError::CredentialsTooLong { .. } | SessionError::PasswordMissing => REDTAIL_ERROR_CREDENTIALS,
        SessionError::Lost { .. } => REDTAIL_ERROR_LOST,
    }
}

/// The status of a buffer that can't grow.
pub(in crate::capi) const fn full_status(full: &BufferFull) -> redtail_status {
    match full {
        BufferFull::Limit { .. } => REDTAIL_ERROR_LIMIT,
        BufferFull::Memory { .. } => REDTAIL_ERROR_MEMORY,
    }
}

/// The status of a follower's error.
pub(in crate::capi) const fn follower_status(error: &Error) -> redtail_status {
    match error {
        Error::Session(error) => session_status(error),
        Error::Connect { .. } => REDTAIL_ERROR_CONNECT,
        Error::Target(_) => REDTAIL_ERROR_ADDRESS,
        Error::Buffer(full) => full_status(full),
        Error::Recording(_) => REDTAIL_ERROR_RECORDING,
        Error::Options(_) => REDTAIL_ERROR_ARGUMENT,
        // Cannot come about through C.
        Error::Login(_) => REDTAIL_ERROR_STATE,
    }
}
