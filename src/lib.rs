//! redtail follows the replication stream of a Redis or Valkey server, as a replica that stores nothing. Every write
//! that the primary accepts is delivered as an [`Event`], in order, with its exact [`Position`].
//!
//! ```no_run
//! use redtail::{Event, Follower};
//!
//! let mut follower = Follower::builder("127.0.0.1:6379").connect()?;
//! while let Some(event) = follower.next_event()? {
//!     match event {
//!         Event::Command(command) => println!("{command}"), // 1311 [0] "SET" "k" "v"
//!         Event::Gap(gap) => eprintln!("history lost: {gap}"),
//!         _ => {}
//!     }
//! }
//! # Ok::<(), redtail::Error>(())
//! ```
//!
//! - A [`Follower`] is one connection to a server, kept for as long as the program runs. It reconnects and resumes.
//!   [`Follower::next_event`] blocks until the next event.
//! - An [`Event`] is a write ([`Event::Command`]), or a fact about the stream: it is attached, a transaction begins or
//!   ends, a snapshot begins or ends, the connection is lost, history is lost ([`Event::Gap`]). Events borrow from the
//!   follower's buffer until the next call; [`owned::OwnedEvent`] is a copy.
//! - A [`Position`] is a point in the stream: the name of its history, the offset in bytes, and the selected database.
//!   A saved position is all that a program needs to continue after a restart.
//!
//! # Which API to use
//!
//! | you have | you use |
//! | --- | --- |
//! | an address, and blocking code | [`Follower`]: connects, reconnects, resumes, acknowledges |
//! | an event loop, or asynchronous code | [`io::BufferedSession`]: the follower's engine and buffer, without sockets |
//! | your own sockets and buffers | [`replication::Session`]: the same engine without buffer, I/O, clock or thread |
//! | the bytes of a stream | [`resp`]: the parsers for RESP2 and RESP3, without `std` or allocation |
//! | the bytes of a snapshot | [`rdb`]: the decoder for `dump.rdb`, without `std` or allocation |
//! | Sentinels, or a cluster | [`topology`]: followers that find their servers |
//!
//! The items of this page:
//!
//! | purpose | items |
//! | --- | --- |
//! | the follower | [`Follower`], [`Builder`], [`Handle`], [`Error`] |
//! | events | [`Event`], [`StreamCommand`], [`StreamPart`], [`Attached`], [`AttachMethod`], [`SnapshotBegin`], [`SnapshotEnd`], [`Gap`], [`Disconnected`], [`DisconnectReason`], [`Forking`], [`ForkReason`], [`SessionError`] |
//! | options | [`Options`], [`Start`], [`Ack`], [`OnGap`], [`SnapshotForm`], [`Backoff`] |
//! | positions | [`Position`], [`ReplicationId`], [`PositionError`], [`Checkpoint`], [`CheckpointError`] |
//! | the server | [`Server`], [`Product`], [`Role`] |
//! | snapshots as files | [`SnapshotFile`], [`SnapshotFileError`], [`Compression`] |
//! | parsers | [`Command`], [`CommandParser`], [`Frame`], [`FrameParser`], [`Status`], [`ProtocolError`], [`ProtocolErrorKind`], [`Excerpt`] |
//! | limits | [`Limits`], [`MAX_COMMAND`], [`MAX_DEPTH`], [`MIN_PARTS_THRESHOLD`], [`TAPE_LENGTH`], [`BUFFER_CAPACITY`] |
//!
//! # Options and their cost
//!
//! [`Start`] chooses where the stream begins. By default, the primary never sends its data set. [`Ack`] chooses the
//! offset that is acknowledged to the primary. By default, WAIT and FAILOVER do not count the follower. [`OnGap`]
//! chooses the reaction to lost history, that is, when the server no longer has the writes after the position. Lost
//! history is always reported as an event.
//!
//! # Resuming after a restart
//!
//! Save [`Follower::position`] once the work on an event is done. After a restart, start with [`Start::At`] and the
//! saved position. Delivery is at least once: after a lost connection, all events after the last resumable position are
//! delivered again. No position inside a transaction or inside a partly received value is resumable. The history and
//! offset of a command ([`StreamCommand::history`], [`StreamCommand::offset`]) identify the command permanently, also
//! across a failover.
//!
//! # Features
//!
//! - `std` (default): everything but the parsers. Without `std`, the crate is `no_std` and contains [`resp`] and
//!   [`rdb`].
//! - `tls`: connections over TLS, with rustls (`net::Tls`).
//! - `compression`: compressed snapshots and append-only files (`io::DecompressReader`): gzip, LZ4, xz, zstd, and
//!   the envelope of Valkey 9.2.
//! - `serde`: `Serialize` and `Deserialize` for positions and [owned events](owned::OwnedEvent).
//! - `cli`: the command-line tool. It adds dependencies for the tool, none for the library.
//! - `capi`: the C functions, for the shared and the static library that the Makefile builds.
//!
//! # From C
//!
//! The Makefile of the repository builds the shared library, the static library and `redtail.h`. `docs/c.md` of the
//! repository is their guide.
//!
//! # Errors and panics
//!
//! Nothing in this library panics on any input. An error describes what failed, at which byte or offset, and what to
//! do.
#![cfg_attr(not(feature = "std"), no_std)]
// docs.rs shows the feature that each item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(feature = "std"),
    allow(rustdoc::broken_intra_doc_links, reason = "this page describes the whole crate")
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

pub use base::compression::Compression;
pub use base::error::{ProtocolError, ProtocolErrorKind};
pub use base::excerpt::Excerpt;
#[cfg(feature = "std")]
pub use base::limits::BUFFER_CAPACITY;
pub use base::limits::{Limits, MAX_COMMAND, MAX_DEPTH, MIN_PARTS_THRESHOLD, TAPE_LENGTH};
pub use base::status::Status;
#[cfg(feature = "std")]
#[doc(inline)]
pub use io::{Checkpoint, CheckpointError, SnapshotFile, SnapshotFileError};
#[cfg(feature = "std")]
#[doc(inline)]
pub use net::{Builder, Error, Follower, Handle};
#[cfg(feature = "std")]
#[doc(inline)]
pub use replication::{
    Ack, AttachMethod, Attached, Backoff, DisconnectReason, Disconnected, Event, ForkReason, Forking, Gap, OnGap,
    Options, Position, PositionError, Product, ReplicationId, Role, Server, SessionError, SnapshotBegin, SnapshotEnd,
    SnapshotForm, Start, StreamCommand, StreamPart,
};
#[doc(inline)]
pub use resp::{Command, CommandParser, Frame, FrameParser};

/// The programs of README and docs, compiled by the tests of the documentation.
#[cfg(all(doctest, feature = "std"))]
mod pages {
    #[doc = include_str!("../README.md")]
    struct Readme;
    // The package for crates.io lacks them, and only the repository has a use for this feature.
    #[cfg(feature = "header")]
    mod book {
        #[doc = include_str!("../docs/cluster.md")]
        struct Cluster;
        #[doc = include_str!("../docs/parser.md")]
        struct Parser;
        #[doc = include_str!("../docs/recordings.md")]
        struct Recordings;
        #[doc = include_str!("../docs/sentinel.md")]
        struct Sentinel;
        #[doc = include_str!("../docs/tls.md")]
        struct Tls;
    }
}
