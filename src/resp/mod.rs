//! RESP2 and RESP3: bytes in, frames or commands out. Usable alone, without `std` and without an allocator.
//!
//! Four grammars that contradict each other, so each has its own entry:
//!
//! | bytes | parser | gives |
//! | --- | --- | --- |
//! | what a server answers | [`FrameParser`] | [`Frame`]: every type of RESP2 and RESP3 |
//! | a replication stream | [`CommandParser::stream`] | [`Command`]: arrays of bulk strings; lone newlines are counted and skipped |
//! | an append-only file | [`CommandParser::aof`] | the same, and `#` annotation lines are skipped |
//! | a replication stream with huge values | [`PartsParser`] | [`Command`], or [`Part`]s of one |
//! | what a client sends | [`RequestParser`] | [`Command`] or [`Inline`] |
//!
//! # The convention
//!
//! Parsers own no bytes. The caller keeps a buffer and shows its unread part; `next` advances that slice past what is used
//! up and hands out items that borrow from it. What is not yet complete stays: the caller appends at least
//! [`needed`](Status::Incomplete) bytes and shows the unfinished item again, from its first byte. What a parser has seen is
//! not read again.
//!
//! ```
//! use redtail::resp::{CommandParser, Status};
//!
//! let mut parser = CommandParser::stream();
//! let mut input: &[u8] = b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n*1\r\n$4\r\nPI";
//! while let Status::Complete(command) = parser.next(&mut input)? {
//!     assert_eq!(command.to_string(), r#""INCR" "n""#);
//! }
//! assert_eq!(input, b"*1\r\n$4\r\nPI");
//! assert_eq!(parser.next(&mut input)?, Status::Incomplete { needed: 4 });
//! # Ok::<(), redtail::ProtocolError>(())
//! ```
//!
//! A loop that reads more in between can't hold the borrow that `next` returns. For it there are two steps: `poll` tells
//! by numbers what lies at the front, and `command` (or `frame`, `request`, `item`) builds the borrowed item from the same
//! slice after the loop.
//!
//! # Errors
//!
//! A [`ProtocolError`](crate::ProtocolError) is final. Its offset is the first byte that can't stand where it stands; for a
//! length or count over a limit, its first digit; for nesting too deep, the type byte of the aggregate.

mod command;
mod commands;
mod elements;
mod encode;
mod frame;
mod frames;
mod inline;
mod keys;
mod number;
mod parts;
mod quoted;
mod render;
mod request;
mod stack;
mod tape;
mod templates;
mod tokens;

#[cfg(feature = "capi")]
pub(crate) use self::command::Place;
#[cfg(feature = "capi")]
pub(crate) use self::commands::Known;
#[cfg(feature = "capi")]
pub(crate) use self::keys::find as find_keys;
#[cfg(feature = "std")]
pub(crate) use self::tape::Span;
#[cfg(feature = "capi")]
pub(crate) use self::tokens::Nesting;
pub use command::{Args, Command};
pub use commands::CommandParser;
pub use encode::{BufferTooSmall, encode_args, encode_command, encoded_len};
pub use frame::{Chunks, Frame, Items, Kind, Pairs};
pub use frames::FrameParser;
pub use inline::{Inline, InlineArg, InlineArgs, InlineBytes};
pub use keys::{KeyArgs, KeyFinder, Keys, Reach};
pub use parts::{Item, Part, PartsParser, PartsPoll};
pub use quoted::Quoted;
pub use request::{Request, RequestParser};
pub use tokens::{Token, Tokens};

pub use crate::Status;

/// What lies at the front of the input, in numbers: the first of the two steps that hold no borrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Poll {
    /// A whole item.
    Complete {
        /// Bytes before the item that carry none: newlines, empty commands, annotations.
        skipped: usize,
        /// Bytes of the item.
        length: usize,
    },
    /// Not an error: the item goes on after the bytes that are there.
    Incomplete {
        /// Bytes at the front that carry no item and are used up; the unfinished item, if any, begins after them.
        skipped: usize,
        /// As in [`Status::Incomplete`].
        needed: usize,
    },
}

impl Poll {
    /// Bytes at the front of the input that are used up, which the next call is not to be shown again.
    #[must_use]
    pub fn used(&self) -> usize {
        match *self {
            Self::Complete { skipped, length } => skipped.saturating_add(length),
            Self::Incomplete { skipped, .. } => skipped,
        }
    }
}

/// What is wrong, and where from the first byte of the item being read.
#[derive(Debug, Clone, Copy)]
struct Fault {
    kind: crate::ProtocolErrorKind,
    at: u64,
}

impl Fault {
    fn new(kind: crate::ProtocolErrorKind, at: usize) -> Self {
        Self { kind, at: at as u64 }
    }

    fn unexpected(expected: &'static str, found: u8, at: usize) -> Self {
        Self::new(crate::ProtocolErrorKind::Unexpected { expected, found: crate::Byte(found) }, at)
    }

    fn error(self, base: u64) -> crate::ProtocolError {
        crate::ProtocolError { kind: self.kind, offset: base.saturating_add(self.at) }
    }
}

/// A count of bytes as the caller's machine can hold it.
fn as_size(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
