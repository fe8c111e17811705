//! Errors of compressed files.

use std::{fmt, io};

use crate::base::compression::{Compression, Remedy};

/// The largest window or dictionary of compressed data that is accepted, in bytes: 128 MiB, the limit of `zstd` and
/// twice that of `xz -9`. A decompressor needs about as much memory, and up to three times as much while the buffer of
/// a zstd frame grows.
pub const MAX_WINDOW: u64 = 128 << 20;

/// A compressed file that can't be decompressed. Final.
///
/// ```
/// use redtail::io::{CompressionErrorKind, ReadError, SnapshotReader};
///
/// let truncated: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0\x03";
/// match SnapshotReader::new(truncated).next_item() {
///     Err(ReadError::Compression(error)) if error.kind == CompressionErrorKind::NotBuilt => {
///         eprintln!("build redtail with the feature compression");
///     }
///     Err(ReadError::Compression(error)) => eprintln!("{error}, after {} bytes", error.offset),
///     _ => unreachable!(),
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompressionError {
    /// How the file is compressed.
    pub compression: Compression,
    /// The number of compressed bytes that were read. The first wrong byte is one of the last of them.
    pub offset: u64,
    /// The number of decompressed bytes that were delivered before.
    pub delivered: u64,
    /// The kind of the error.
    pub kind: CompressionErrorKind,
}

/// The kind of a [`CompressionError`].
///
/// ```
/// # use redtail::io::{CompressionError, CompressionErrorKind};
/// fn is_transfer_incomplete(error: &CompressionError) -> bool {
///     error.kind == CompressionErrorKind::Truncated
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CompressionErrorKind {
    /// This build has no feature `compression`.
    NotBuilt,
    /// An envelope of Valkey with another version, codec or content than 9.2 writes. Contains its first seven bytes.
    UnknownEnvelope([u8; 7]),
    /// The data ends early.
    Truncated,
    /// The data breaks its format, or its checksum is wrong. Contains the message of the decompressor.
    Corrupt(String),
    /// The data needs a window or dictionary of more than [`MAX_WINDOW`] bytes.
    Window,
    /// The source failed before. The bytes read until then can't be continued.
    Source(io::ErrorKind),
}

impl fmt::Display for CompressionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { compression, offset, delivered, kind } = self;
        match kind {
            CompressionErrorKind::NotBuilt => write!(
                f,
                "the file is compressed ({compression}), and this build has no feature compression: {}",
                Remedy(*compression)
            ),
            CompressionErrorKind::UnknownEnvelope(head) => {
                f.write_str("unknown VCS envelope: expected 56 43 53 01, codec 01 or 02, 00 and content 01, found")?;
                head.iter().try_for_each(|byte| write!(f, " {byte:02x}"))?;
                write!(f, "; {}", Remedy(Compression::VcsUnknown))
            }
            CompressionErrorKind::Truncated => write!(
                f,
                "the compressed data ({compression}) is cut off at byte {offset}, after {delivered} decompressed bytes"
            ),
            CompressionErrorKind::Corrupt(reason) => write!(
                f,
                "the compressed data ({compression}) is corrupt before byte {offset}, after {delivered} decompressed \
                 bytes: {reason}"
            ),
            CompressionErrorKind::Window => write!(
                f,
                "the compressed data ({compression}) needs a window of more than {MAX_WINDOW} bytes, before byte \
                 {offset}; {}",
                Remedy(*compression)
            ),
            CompressionErrorKind::Source(kind) => write!(
                f,
                "reading the compressed data ({compression}) failed before byte {offset} and can't be continued: {kind}"
            ),
        }
    }
}

impl std::error::Error for CompressionError {}

impl From<CompressionError> for io::Error {
    fn from(error: CompressionError) -> Self {
        let kind = match error.kind {
            CompressionErrorKind::NotBuilt | CompressionErrorKind::UnknownEnvelope(_) => io::ErrorKind::Unsupported,
            CompressionErrorKind::Truncated => io::ErrorKind::UnexpectedEof,
            CompressionErrorKind::Corrupt(_) => io::ErrorKind::InvalidData,
            CompressionErrorKind::Window => io::ErrorKind::OutOfMemory,
            CompressionErrorKind::Source(kind) => kind,
        };
        Self::new(kind, error)
    }
}
