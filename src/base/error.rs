//! What can be wrong with bytes, and where.

use core::fmt;

use thiserror::Error;

/// Bytes that break the protocol or pass a limit, and the offset of the byte where that shows.
///
/// Final: a parser that has given one gives it again at every later call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{kind}, at byte {offset}")]
pub struct ProtocolError {
    /// What is wrong.
    pub kind: ProtocolErrorKind,
    /// Where: bytes counted from the first byte the parser was ever shown, which is number 0 unless the parser was told
    /// another number to start at.
    pub offset: u64,
}

/// What is wrong with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProtocolErrorKind {
    /// A byte that can't stand here.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What the grammar asks for.
        expected: &'static str,
        /// The byte that is there.
        found: Byte,
    },
    /// A length or count that is not a decimal number as servers write it: no sign, no leading zero, nothing but digits.
    #[error("invalid length: {0}")]
    InvalidLength(&'static str),
    /// An integer, double, boolean or big number whose text is not one.
    #[error("invalid {0}")]
    InvalidValue(&'static str),
    /// The payload is not followed by CR LF: the length before it was wrong, or the stream is out of step.
    #[error("expected CR LF after a payload of {length} bytes, found {found}")]
    MissingCrlf {
        /// The declared length of the payload.
        length: u64,
        /// The byte that stands where CR or LF should.
        found: Byte,
    },
    /// A bulk string, bulk error, verbatim string or chunk longer than [`Limits::bulk`](crate::Limits::bulk).
    #[error("a bulk string of {length} bytes is over the limit of {limit} bytes (Limits::bulk)")]
    BulkTooLong {
        /// The declared length; `u64::MAX` if it does not fit in 64 bits.
        length: u64,
        /// The limit.
        limit: u64,
    },
    /// A command or frame longer than [`Limits::command`](crate::Limits::command).
    #[error("a command or frame of at least {length} bytes is over the limit of {limit} bytes (Limits::command)")]
    CommandTooLong {
        /// What is known of the length so far.
        length: u64,
        /// The limit.
        limit: u64,
    },
    /// More arguments or elements than [`Limits::arguments`](crate::Limits::arguments).
    #[error("{count} arguments or elements are over the limit of {limit} (Limits::arguments)")]
    TooManyArguments {
        /// The declared count; `u64::MAX` if it does not fit in 64 bits.
        count: u64,
        /// The limit.
        limit: u64,
    },
    /// Aggregates nested deeper than [`Limits::depth`](crate::Limits::depth).
    #[error("nesting deeper than {limit} (Limits::depth)")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
    /// A line that does not end within [`Limits::line`](crate::Limits::line).
    #[error("a line of more than {limit} bytes (Limits::line)")]
    LineTooLong {
        /// The limit.
        limit: usize,
    },
    /// An inline command whose quotes do not close, or whose closing quote is not followed by a space.
    #[error("unbalanced quotes in an inline command")]
    UnbalancedQuotes,
}

/// One byte, shown as a person would want to read it: `'a'`, `CR`, `0x00`.
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
