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
mod element;
mod encode;
mod fast_elements;
mod frame;
mod frames;
mod inline;
mod keys;
mod kind;
mod number;
mod parse_error;
mod parts;
mod poll;
mod quoted;
mod render;
mod request;
mod span;
mod stack;
mod swar;
mod tape;
mod templates;
mod token_walk;

pub use command::{Args, Command};
pub use commands::CommandParser;
pub use encode::{BufferTooSmall, encode_command, encoded_len};
pub use frame::{Chunks, Frame, Items, Pairs};
pub use frames::FrameParser;
pub use inline::{Inline, InlineArg, InlineArgs, InlineBytes};
pub use keys::{KeyArgs, KeyFinder, Keys, Reach};
pub use kind::Kind;
pub use parts::{Part, PartsItem, PartsParser, PartsPoll};
pub use poll::Poll;
pub use quoted::Quoted;
pub use request::{Request, RequestParser};
pub use token_walk::{Token, Tokens};

pub use crate::base::error::Byte;
pub use crate::base::status::Status;

/// What the C functions use beside the public types. No part of the interface: any release may change it.
#[doc(hidden)]
pub mod internals {
    pub use super::command::ArgCursor;
    pub use super::element::WalkStack;
    pub use super::keys::{KeyIndices, find_keys};
    pub use super::span::Span;
}
