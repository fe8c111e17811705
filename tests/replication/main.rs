//! The session, without a socket.
#![cfg(feature = "std")]
#![allow(clippy::unwrap_used, reason = "in a test a panic is a report")]

#[macro_use]
#[path = "../help/options.rs"]
mod options;

mod acks;
mod batch;
mod corpus;
mod deadlines;
mod future;
mod handshake;
mod hostile;
mod loss;
mod model;
mod pitfalls;
mod shell;
mod snapshots;
mod touches;
mod wrapped;
