//! Errors of a follower.

use std::{fmt, io};

use thiserror::Error;

use crate::io::{BufferFull, SpaceError};
use crate::net::named::named;
use crate::net::target::TargetError;
use crate::replication::SessionError;

/// The reason why a follower could not start, or has ended.
///
/// `Debug` writes the message too, which is how a `main` that returns this error ends.
///
/// ```
/// use redtail::Follower;
///
/// let error = Follower::builder("127.0.0.1").connect().err();
/// assert!(error.is_some_and(|error| error.to_string().contains("has no port")));
/// ```
#[derive(Error)]
#[non_exhaustive]
pub enum Error {
    /// The session ended with an error.
    #[error(transparent)]
    Session(Box<SessionError>),
    /// The first connection could not be made.
    #[error("can't connect to {}", named(target, source))]
    Connect {
        /// The address, or the name of the primary among Sentinels.
        target: String,
        /// The error of the system, of TLS, or of the Sentinels.
        source: io::Error,
    },
    /// The address is invalid.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// For the first connection the login function failed, or returned a user without a password. Later this counts as
    /// a failed attempt to reconnect.
    #[error("can't get user and password: {0}")]
    Login(io::Error),
    /// An option has no effect beside another one. The message names both.
    #[error("{0}")]
    Options(&'static str),
    /// There is no memory for the buffer, or its limit is too small for the parser's limits.
    #[error(transparent)]
    Buffer(#[from] BufferFull),
    /// The [recording](crate::Builder::record) can't be written.
    #[error("can't write the recording: {0}")]
    Recording(io::Error),
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl From<SpaceError> for Error {
    fn from(error: SpaceError) -> Self {
        match error {
            SpaceError::Buffer(full) => Self::Buffer(full),
            SpaceError::Recording(error) => Self::Recording(error),
        }
    }
}

impl From<SessionError> for Error {
    fn from(error: SessionError) -> Self {
        Self::Session(Box::new(error))
    }
}
