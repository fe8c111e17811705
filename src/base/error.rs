//! The errors of the RESP parsers.

use core::fmt;

use thiserror::Error;

/// An error in RESP bytes: its kind, and the offset of the byte at which it shows.
///
/// The error is final: the parser returns it again from every later call.
///
/// The fields are complete: an error of a parser is a kind and an offset. New kinds go into [`ProtocolErrorKind`].
///
/// ```
/// let mut input: &[u8] = b"$x\r\n";
/// let error = redtail::FrameParser::new().next(&mut input).unwrap_err();
/// assert_eq!(error.offset, 1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{kind}, at byte {offset}")]
pub struct ProtocolError {
    /// The kind of the error.
    pub kind: ProtocolErrorKind,
    /// The offset of the byte, counted from the first byte that the parser received. That byte has offset 0, or the
    /// offset given to `starting_at`.
    pub offset: u64,
}

/// The kind of a [`ProtocolError`].
///
/// ```
/// use redtail::{FrameParser, ProtocolErrorKind};
///
/// let mut input: &[u8] = b"$x\r\n";
/// let error = FrameParser::new().next(&mut input).unwrap_err();
/// assert!(matches!(error.kind, ProtocolErrorKind::Unexpected { .. }));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProtocolErrorKind {
    /// A byte that the grammar does not allow here.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// The bytes that the grammar allows.
        expected: &'static str,
        /// The byte found.
        found: Byte,
    },
    /// A length or count that is not written as servers write it: decimal digits only, no sign, no leading zero.
    #[error("invalid length: {0}")]
    InvalidLength(&'static str),
    /// An integer, double, boolean or big number with a malformed text.
    #[error("invalid {0}")]
    InvalidValue(&'static str),
    /// A payload that is not followed by CR LF. Either its declared length was wrong, or the stream is out of step.
    #[error("expected CR LF after a payload of {length} bytes, found {found}")]
    MissingCrlf {
        /// The declared length of the payload.
        length: u64,
        /// The byte found instead of CR or LF.
        found: Byte,
    },
    /// A bulk string, bulk error, verbatim string or chunk longer than [`Limits::bulk`](crate::Limits::bulk).
    #[error("a bulk string of {length} bytes exceeds the limit of {limit} bytes (limit: bulk)")]
    BulkTooLong {
        /// The declared length in bytes; `u64::MAX` if it does not fit in 64 bits.
        length: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A command or frame longer than [`Limits::command`](crate::Limits::command).
    #[error("a command or frame of at least {length} bytes exceeds the limit of {limit} bytes (limit: command)")]
    CommandTooLong {
        /// The least length that the bytes so far imply, in bytes.
        length: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// More arguments or elements than [`Limits::arguments`](crate::Limits::arguments).
    #[error("{count} arguments or elements exceed the limit of {limit} (limit: arguments)")]
    TooManyArguments {
        /// The declared count; `u64::MAX` if it does not fit in 64 bits.
        count: u64,
        /// The limit.
        limit: u64,
    },
    /// Aggregates nested deeper than [`Limits::depth`](crate::Limits::depth).
    #[error("aggregates nested deeper than {limit} levels (limit: depth)")]
    TooDeep {
        /// The limit: open aggregates.
        limit: usize,
    },
    /// A line that does not end within [`Limits::line`](crate::Limits::line).
    #[error("a line longer than {limit} bytes (limit: line, in a frame reply_line)")]
    LineTooLong {
        /// The limit in bytes, without CR LF.
        limit: usize,
    },
    /// An inline command with an unclosed quote, or with a closing quote that no space follows.
    #[error("unbalanced quotes in an inline command")]
    UnbalancedQuotes,
}

/// One byte. Prints in a readable form: `'a'`, `CR`, `0x00`.
///
/// ```
/// use redtail::resp::Byte;
///
/// assert_eq!(Byte(b'a').to_string(), "'a'");
/// assert_eq!(Byte(b'\r').to_string(), "CR");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Byte(pub u8);

impl fmt::Display for Byte {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            b'\r' => f.write_str("CR"),
            b'\n' => f.write_str("LF"),
            b @ 0x20..=0x7e => write!(f, "'{}'", b as char),
            b => write!(f, "0x{b:02x}"),
        }
    }
}
