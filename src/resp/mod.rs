//! RESP2 and RESP3: bytes in, frames or commands out. Needs neither `std` nor an allocator.
//!
//! Each grammar has a parser of its own, because the grammars contradict each other:
//!
//! | bytes | parser | result |
//! | --- | --- | --- |
//! | replies and pushes of a server | [`FrameParser`] | [`Frame`]: every type of RESP2 and RESP3 |
//! | the same, one element after another | [`TokenParser`] | [`Token`] |
//! | a replication stream | [`CommandParser::stream`] | [`Command`]: arrays of bulk strings; newlines between them are counted and skipped |
//! | an append-only file | [`CommandParser::aof`] | the same; `#` annotation lines are skipped |
//! | a replication stream with huge values | [`PartsParser`] | [`Command`], or [`Part`]s of one |
//! | requests of a client | [`RequestParser`] | [`Command`] or [`Inline`] |
//!
//! | purpose | items |
//! | --- | --- |
//! | commands | [`Command`], [`Args`], [`Quoted`], [`encode_command`], [`encode_args`], [`encoded_len`] |
//! | requests of clients | [`Request`], [`Inline`], [`InlineArgs`], [`InlineArg`], [`InlineBytes`] |
//! | frames | [`Frame`], [`Kind`], [`Items`], [`Pairs`], [`Chunks`], [`Tokens`], [`Token`] |
//! | values in parts | [`PartsParser`], [`PartsItem`], [`PartsPoll`], [`Part`] |
//! | keys of commands | [`Keys`], [`KeyArgs`], [`KeyIndices`], [`KeyIndex`], [`KeyFinder`], [`Reach`], [`Access`], [`CommandSpec`] |
//! | patterns of keys | [`glob_matches`] |
//! | results and errors | [`Status`], [`Poll`], [`Byte`], [`BufferTooSmall`] |
//!
//! The grammars follow the [RESP specification](https://redis.io/docs/latest/develop/reference/protocol-spec/) and the
//! servers' `networking.c`, `replication.c` and `aof.c`.
//!
//! # The convention
//!
//! Parsers own no bytes. The caller keeps a buffer and passes its unread part. `next` advances that slice past the
//! bytes used up and returns items that borrow from it.
//!
//! An incomplete item stays in the buffer. The caller appends at least [`needed`](Status::Incomplete) bytes and passes
//! the item again from its first byte. The parser does not read bytes twice.
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
//! A loop that reads between two calls can't hold the borrow that `next` returns. It uses two steps. `poll` returns the
//! position of the item as numbers. After the loop `command` (or `frame`, `request`, `item`) builds the borrowed item
//! from the same slice.
//!
//! # Errors
//!
//! A [`ProtocolError`](crate::ProtocolError) is final. Its offset is that of the first byte that the grammar does not
//! allow. For a length or count over a limit it is the first digit; for nesting too deep, the type byte of the
//! aggregate.

mod command;
mod commands;
mod encode;
mod fast_lexeme;
mod frame;
mod frames;
mod glob;
mod inline;
mod keys;
mod kind;
mod lexeme;
mod lexer;
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
mod token;

pub use command::{Args, Command};
pub use commands::CommandParser;
pub use encode::{BufferTooSmall, encode_args, encode_command, encoded_len};
pub use frame::{Chunks, Frame, Items, Pairs};
pub use frames::FrameParser;
pub use glob::glob_matches;
pub use inline::{Inline, InlineArg, InlineArgs, InlineBytes};
pub use keys::{Access, CommandSpec, KeyArgs, KeyFinder, KeyIndex, KeyIndices, Keys, Reach};
pub use kind::Kind;
pub use parts::{Part, PartsItem, PartsParser, PartsPoll};
pub use poll::Poll;
pub use quoted::Quoted;
pub use request::{Request, RequestParser};
pub use token::{Token, TokenParser, Tokens};

pub use crate::base::error::Byte;
pub use crate::base::status::Status;

// For the other rooms of the library. They are not part of the interface: any release may change them.
#[doc(hidden)]
pub use command::ArgCursor;
#[doc(hidden)]
pub use fast_lexeme::digits_value;
#[doc(hidden)]
pub use keys::find_keys;
#[doc(hidden)]
pub use lexeme::{Element, Lexeme, Shape};
#[doc(hidden)]
pub use lexer::FoldTokens;
#[doc(hidden)]
pub use number::{double_value, integer_value};
#[doc(hidden)]
pub use span::Span;
