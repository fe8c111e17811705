//! The room `net`: buffer, links, readers.
#![cfg(feature = "std")]

#[path = "net/ring.rs"]
mod ring;
#[path = "net/transport.rs"]
mod transport;
