//! The errors of the snapshot decoder.

use core::fmt;

use thiserror::Error;

use crate::base::compression::{Compression, Remedy};
use crate::base::excerpt::Excerpt;
use crate::rdb::format::Format;

/// An error in a snapshot or in a payload of `DUMP`: its kind, and the offset of the item at which it shows.
///
/// The error is final: the decoder returns it again from every later call.
///
/// The fields are complete: an error of the decoder is a kind and an offset. New kinds go into [`RdbErrorKind`].
///
/// ```
/// let mut input: &[u8] = b"no snapshot at all";
/// let error = redtail::rdb::Decoder::new().next(&mut input).unwrap_err();
/// assert!(error.to_string().starts_with("not a snapshot"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{kind}, at byte {offset}")]
pub struct RdbError {
    /// The kind of the error.
    pub kind: RdbErrorKind,
    /// The offset of the item, counted from the first byte of the snapshot or payload. That byte has offset 0, or the
    /// offset given to [`Decoder::starting_at`](super::Decoder::starting_at). For an error that shows only after
    /// decompression: the offset of the first compressed byte.
    pub offset: u64,
}

/// The kind of an [`RdbError`].
///
/// ```
/// use redtail::rdb::{Decoder, RdbErrorKind};
///
/// let mut input: &[u8] = b"\x1f\x8b\x08\0\0\0\0\0\0";
/// let error = Decoder::new().next(&mut input).unwrap_err();
/// assert!(matches!(error.kind, RdbErrorKind::Compressed(_)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RdbErrorKind {
    /// The first bytes are not a magic. Contains at most nine of them.
    #[error("not a snapshot: expected REDIS0001 to REDIS0079 or VALKEY080 to VALKEY199, found \"{0}\"")]
    NotRdb(Excerpt<9>),
    /// A version that no server has: those of Redis are 1 to 79, those of Valkey 80 to 199.
    #[error("unknown version {0} of a snapshot: expected REDIS0001 to REDIS0079 or VALKEY080 to VALKEY199")]
    UnknownVersion(Format),
    /// The snapshot is compressed. `io::DecompressReader` decompresses it.
    #[error("the snapshot is compressed ({0}; {remedy})", remedy = Remedy(*.0))]
    Compressed(Compression),
    /// A number that is neither a type nor an opcode of this format.
    #[error("unknown type or opcode {number} in {format} data{}", InParentheses(writer))]
    UnknownNumber {
        /// The byte.
        number: u8,
        /// The magic and version. They define the meaning of the number.
        format: Format,
        /// The auxiliary field `redis-ver` or `valkey-ver` and its value, in which the server states its version. Empty
        /// if the snapshot has none before the number.
        writer: Excerpt<24>,
    },
    /// A known type or opcode whose data has no known length, or that servers refuse themselves.
    #[error("type or opcode {number} in {format} data{} can't be read: {why}", InParentheses(writer))]
    Refused {
        /// The byte.
        number: u8,
        /// The magic and version.
        format: Format,
        /// The auxiliary field that states the version of the server, as in [`UnknownNumber`](Self::UnknownNumber).
        writer: Excerpt<24>,
        /// The reason.
        why: &'static str,
    },
    /// An encoding that does not exist.
    #[error("unknown {what} {number}: expected {expected}")]
    UnknownEncoding {
        /// The thing that is encoded.
        what: &'static str,
        /// The number found.
        number: u64,
        /// The numbers that the format allows.
        expected: &'static str,
    },
    /// A value that the format does not allow.
    #[error("invalid {what}: expected {expected}")]
    Invalid {
        /// The name of the value.
        what: &'static str,
        /// The values that the format allows.
        expected: &'static str,
    },
    /// A part that exceeds its container.
    #[error("{what} of at least {length} bytes exceeds its container, which has {left} bytes left")]
    Overrun {
        /// The name of the part.
        what: &'static str,
        /// The declared length of the part in bytes.
        length: u64,
        /// The number of bytes left in the container.
        left: u64,
    },
    /// Two numbers that should be equal.
    #[error("{what}: {declared} declared, {found} found")]
    Mismatch {
        /// The name of the number.
        what: &'static str,
        /// The number that the snapshot declares.
        declared: u64,
        /// The number found.
        found: u64,
    },
    /// A compressed (LZF) string that can't be decompressed. Contains the reason.
    #[error("invalid compressed (LZF) string: {0}")]
    Compression(&'static str),
    /// The hash templates need more memory than the caller has supplied; see [`TemplateMemory`](super::TemplateMemory)
    /// and [`Limits::templates`](crate::Limits::templates).
    #[error("the hash templates of the snapshot need more than {limit} bytes of memory (Limits::templates)")]
    Templates {
        /// The most bytes that the memory can have.
        limit: u64,
    },
    /// The checksum at the end differs from the checksum of the bytes.
    #[error("wrong checksum: {stored:016x} is stored, {computed:016x} is computed")]
    Checksum {
        /// The stored checksum.
        stored: u64,
        /// The computed checksum.
        computed: u64,
    },
    /// The input ends before the snapshot does. Contains the missing part.
    #[error("the data is cut short: expected {0}")]
    Truncated(&'static str),
}

impl RdbErrorKind {
    /// The limit of the memory for hash templates, if it is the error.
    #[cfg(feature = "std")]
    pub(crate) const fn template_limit(self) -> Option<u64> {
        match self {
            Self::Templates { limit } => Some(limit),
            _ => None,
        }
    }

    /// What this decoder can't read although a server may write it, as against what none would. A version newer than
    /// the decoder may change the layout of all data.
    #[cfg(feature = "std")]
    pub(crate) const fn is_unknown(self, format: Format) -> bool {
        let is_of_a_server = matches!(
            self,
            Self::UnknownNumber { .. } | Self::UnknownEncoding { .. } | Self::Refused { .. } | Self::Templates { .. }
        );
        is_of_a_server || (format.is_newer() && !matches!(self, Self::Checksum { .. }))
    }
}

/// A text after a blank, in parentheses. Nothing if it is empty.
struct InParentheses<'a>(&'a Excerpt<24>);

impl fmt::Display for InParentheses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.as_bytes().is_empty() { Ok(()) } else { write!(f, " ({})", self.0) }
    }
}
