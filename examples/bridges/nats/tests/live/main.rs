//! The bridge between real servers that are killed.

mod away;
mod failover;
mod lost;
mod moving;
mod random;
mod servers;
mod silence;
mod single;
mod snapshot;
mod soak;
mod stream;
#[cfg(feature = "tls")]
mod tls;
#[path = "../../../../../tests/help/value_parts.rs"]
mod value_parts;
mod writer;
