//! The room `net`: buffer, links, readers.
#![cfg(feature = "std")]
#![allow(clippy::unwrap_used)]

#[path = "net/append_only.rs"]
mod append_only;
#[path = "net/checkpoint.rs"]
mod checkpoint;
#[path = "net/databases.rs"]
mod databases;
#[path = "net/readers.rs"]
mod readers;
#[path = "net/recorded.rs"]
mod recorded;
#[path = "net/recording/mod.rs"]
mod recording;
#[path = "net/replay.rs"]
mod replay;
#[path = "net/ring.rs"]
mod ring;
#[path = "net/snapshot_file.rs"]
mod snapshot_file;
#[path = "net/transport.rs"]
mod transport;
