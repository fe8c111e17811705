//! redtail follows the replication stream of a Redis or Valkey server as a replica that stores nothing.
#![cfg_attr(not(feature = "std"), no_std)]
#![forbid(unsafe_op_in_unsafe_fn)]

mod error;
mod limits;
pub mod resp;

pub use error::{Byte, ProtocolError, ProtocolErrorKind};
pub use limits::{Limits, MAX_COMMAND, MAX_DEPTH, MIN_PARTS_THRESHOLD, TAPE_LENGTH};
pub use resp::{Command, CommandParser, Frame, FrameParser, Status};
