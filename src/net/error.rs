//! Errors of a follower.

use std::io;

use thiserror::Error;

use crate::io::{BufferFull, SpaceError};
use crate::net::target::TargetError;
use crate::replication::SessionError;

/// Why a follower ended.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The session is over.
    #[error(transparent)]
    Session(Box<SessionError>),
    /// The first connection could not be made.
    #[error("can't connect to {target}: {source}")]
    Connect {
        /// The address as it was given.
        target: String,
        /// The system's words.
        source: io::Error,
    },
    /// The address can't be read.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// User and password could not be had at the first connect. Later that is an attempt to reconnect that failed.
    #[error("can't get user and password: {0}")]
    Login(io::Error),
    /// There is no memory, or the buffer's limit is smaller than what the parser was allowed to wait for.
    #[error(transparent)]
    Buffer(#[from] BufferFull),
    /// What comes can't be written down, as [`Builder::record`](crate::Builder::record) asked for.
    #[error("can't write the recording: {0}")]
    Recording(io::Error),
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
