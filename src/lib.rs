//! redtail follows the replication stream of a Redis or Valkey server as a replica that stores nothing: every write the primary
//! accepts comes out as an [`Event`], in order, with the exact [`Position`] it stands at.
//!
//! ```no_run
//! use redtail::{Event, Follower};
//!
//! let mut follower = Follower::builder("127.0.0.1:6379").connect()?;
//! while let Some(event) = follower.next()? {
//!     match event {
//!         Event::Command(command) => println!("{command}"), // 1311 [0] "SET" "k" "v"
//!         Event::Gap(gap) => eprintln!("history lost: {gap}"),
//!         _ => {}
//!     }
//! }
//! # Ok::<(), redtail::Error>(())
//! ```
//!
//! # Three ways in
//!
//! | you have | you use |
//! | --- | --- |
//! | an address, and blocking code | [`Follower`]: connects, reconnects, resumes, acknowledges |
//! | an event loop, or sockets of your own | [`replication::Session`]: the same engine without I/O, clock or thread |
//! | bytes | [`resp`]: the parser alone, RESP2 and RESP3, no `std`, no allocation |
//!
//! # Where to start, and what it costs
//!
//! [`Start`] says where the stream begins and what that asks of the primary; the default never makes it send its data set.
//! [`Ack`] says what the primary is told of our progress; the default is nothing that WAIT or FAILOVER would count on.
//! [`OnGap`] says what to do when history was lost; the loss itself is always an event.
//!
//! # Going on after a restart
//!
//! Keep [`Follower::position`] once the work on an event is done, and start with [`Start::At`]. Delivery is at least once: what came
//! after the last resumable position (an open transaction, a half-streamed value) comes again after a lost link. The history and
//! offset of a command ([`StreamCommand::history`], [`StreamCommand::offset`]) name it once and for all, also across a failover.
//!
//! # Features
//!
//! - `std` (default): the session, the follower and the embedded primary ([`replay`]). Without it: the parser alone, `no_std`.
//! - `tls`: links over TLS, with rustls (`net::Tls`).
//! - `cli`: the command-line tool. It adds dependencies to the tool, and nothing to the library.
//!
//! # Errors and panics
//!
//! Nothing in this library panics on any input. Errors say what, where (which byte, which offset) and what to do.
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(
    not(feature = "std"),
    allow(rustdoc::broken_intra_doc_links, reason = "this page speaks of the whole crate")
)]

mod base;
#[cfg(feature = "capi")]
#[doc(hidden)]
pub mod capi;
#[cfg(feature = "std")]
pub mod io;
#[cfg(feature = "std")]
pub mod net;
#[cfg(feature = "std")]
pub mod owned;
pub mod rdb;
#[cfg(feature = "std")]
pub mod replay;
#[cfg(feature = "std")]
pub mod replication;
pub mod resp;
#[cfg(feature = "std")]
pub mod topology;

pub use base::error::{ProtocolError, ProtocolErrorKind};
pub use base::excerpt::Excerpt;
#[cfg(feature = "std")]
pub use base::limits::BUFFER_CAPACITY;
pub use base::limits::{Limits, MAX_COMMAND, MAX_DEPTH, MIN_PARTS_THRESHOLD, TAPE_LENGTH};
pub use base::status::Status;
#[cfg(feature = "std")]
pub use io::{Checkpoint, CheckpointError, SnapshotFile, SnapshotFileError};
#[cfg(feature = "std")]
pub use net::{Builder, Error, Follower, Handle};
#[cfg(feature = "std")]
pub use replication::{
    Ack, AttachMethod, Attached, Backoff, Credentials, Database, DisconnectReason, Disconnected, Event, ForkReason,
    Forking, Gap, OnGap, Options, Position, PositionError, ReplicaLabel, ReplicationId, Role, Server, ServerKind,
    SessionError, SessionStage, SnapshotBegin, SnapshotEnd, SnapshotForm, Start, StreamCommand, StreamPart,
};
pub use resp::{Command, CommandParser, Frame, FrameParser};

#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../README.md")]
struct Readme;
