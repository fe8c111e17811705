//! The blocking shell.
mod follower;
pub use follower::{Builder, Error, Follower, Handle};
