//! What can be wrong with a snapshot, and where.

use thiserror::Error;

use crate::base::excerpt::Excerpt;
use crate::rdb::format::Format;

/// Bytes that are not a snapshot a server would write, and the offset of the item where that shows.
///
/// Final: a decoder that has given one gives it again at every later call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{kind}, at byte {offset} of the snapshot")]
pub struct RdbError {
    /// What is wrong.
    pub kind: RdbErrorKind,
    /// Where the item that is wrong begins: bytes counted from the first of the snapshot, which is number 0 unless the decoder
    /// was told another number to start at. For what shows only once compressed data is undone: the first compressed byte.
    pub offset: u64,
}

/// What is wrong with a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RdbErrorKind {
    /// The first nine bytes are no magic.
    #[error("not a snapshot: expected REDIS and four digits or VALKEY and three, found \"{0}\"")]
    NotRdb(Excerpt<9>),
    /// A version that came after this decoder. [`Decoder::any_version`](super::Decoder::any_version) goes on.
    #[error("{0} is a version not known here: expected REDIS0001 to REDIS0014, VALKEY080 or VALKEY081")]
    UnknownVersion(Format),
    /// A byte where a value's type or an opcode should stand, which this format does not have.
    #[error("unknown type or opcode {number} in a {format} snapshot: expected {expected}")]
    UnknownNumber {
        /// The byte.
        number: u8,
        /// The magic and version, on which the meaning of the number hangs.
        format: Format,
        /// What could stand there.
        expected: &'static str,
    },
    /// A type or opcode that is known, but whose length can't be, or that servers refuse themselves.
    #[error("type or opcode {number} in a {format} snapshot can't be read: {why}")]
    Refused {
        /// The byte.
        number: u8,
        /// The magic and version.
        format: Format,
        /// Why.
        why: &'static str,
    },
    /// An encoding inside a value that does not exist.
    #[error("unknown {what} {number}: expected {expected}")]
    UnknownEncoding {
        /// Encoding of what.
        what: &'static str,
        /// The number found.
        number: u64,
        /// What could stand there.
        expected: &'static str,
    },
    /// A value that can't stand where it stands.
    #[error("invalid {what}: expected {expected}")]
    Invalid {
        /// What it should have been.
        what: &'static str,
        /// What is asked of it.
        expected: &'static str,
    },
    /// A part that reaches beyond the end of what it is a part of.
    #[error("{what} of {length} bytes or more reaches beyond its container, which ends after {left}")]
    Overrun {
        /// The part.
        what: &'static str,
        /// The bytes it declares.
        length: u64,
        /// The bytes that are left.
        left: u64,
    },
    /// Two numbers that should agree.
    #[error("{what}: {declared} declared, {found} found")]
    Mismatch {
        /// Of what.
        what: &'static str,
        /// What the snapshot declares.
        declared: u64,
        /// What is there.
        found: u64,
    },
    /// Compressed data that can't be undone.
    #[error("broken compression: {0}")]
    Compression(&'static str),
    /// The checksum at the end is not that of the bytes.
    #[error("checksum {stored:016x} at the end, but that of the bytes is {computed:016x}")]
    Checksum {
        /// The one that is stored.
        stored: u64,
        /// The one that was computed.
        computed: u64,
    },
    /// The bytes end before the snapshot does.
    #[error("the snapshot is cut short: expected {0}")]
    Truncated(&'static str),
}
