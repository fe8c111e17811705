//! Recordings that can't be played.

use std::io;

use thiserror::Error;

use crate::base::compression::{Compression, Remedy};
use crate::base::error::Byte;
use crate::io::ReadError;

/// The bytes are not a [`Recording`](crate::replay::Recording) that can be played.
///
/// ```
/// use redtail::replay::{Recording, RecordingError};
///
/// let error = Recording::parse(b"REDIS0011").unwrap_err();
/// assert!(matches!(error, RecordingError::Foreign(_)));
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// The file can't be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is not a recording, or a broken one.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It is a file of another kind.
    #[error(
        "this is not a recording: one begins with \"redtail recording\", or with what a server answers to PSYNC, and this with {0}"
    )]
    Foreign(Byte),
    /// It is compressed. `io::DecompressReader` decompresses it for [`Recording::parse`](super::Recording::parse).
    #[error("the recording is compressed ({0}; {remedy})", remedy = Remedy(*.0))]
    Compressed(Compression),
    /// No connection in it reached the stream.
    #[error("there is nothing in this recording to be played: it ends before a stream begins; record again")]
    Nothing,
    /// It was recorded after SYNC.
    #[error(
        "this was recorded with the old SYNC: its stream has no replication id and no offsets that a follower could ask for"
    )]
    NoPositions,
    /// It was recorded after `+CONTINUE`, without a head.
    #[error(
        "this recording does not have the offset at which its stream begins: give the bytes from the reply to PSYNC on"
    )]
    NoOffset,
}
