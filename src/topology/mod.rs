//! Where the primaries are: followers that find their server by themselves.
//!
//! This is the only room that starts threads of its own.

mod sentinel;
mod talk;
mod way;

pub use sentinel::{Found, Sentinel, SentinelError};
