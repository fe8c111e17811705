//! redtail follows the replication stream of a Redis or Valkey server as a replica that stores nothing.
#![cfg_attr(not(feature = "std"), no_std)]

#[cfg(feature = "capi")]
#[doc(hidden)]
pub mod capi;
mod error;
mod excerpt;
mod limits;
#[cfg(feature = "std")]
pub mod net;
#[cfg(feature = "std")]
pub mod rdb;
#[cfg(feature = "std")]
pub mod replay;
#[cfg(feature = "std")]
pub mod replication;
pub mod resp;

pub use error::{Byte, ProtocolError, ProtocolErrorKind};
pub use excerpt::Excerpt;
pub use limits::{BUFFER_CAPACITY, Limits, MAX_COMMAND, MAX_DEPTH, MIN_PARTS_THRESHOLD, TAPE_LENGTH};
#[cfg(feature = "std")]
pub use net::{Builder, Error, Follower, Handle};
#[cfg(feature = "std")]
pub use replication::{
    Ack, Attached, Backoff, Credentials, Database, Disconnected, Event, ForkReason, Forking, Gap, Idle, Label, Method,
    OnGap, Options, Position, PositionError, ReplicationId, Role, Server, ServerKind, SessionError, SnapshotBegin,
    SnapshotEnd, Stage, Start, StreamCommand, StreamPart, Why,
};
pub use resp::{Command, CommandParser, Frame, FrameParser, Status};
