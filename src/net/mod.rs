//! The blocking shell.
mod follower;
mod ring;
mod socket;
mod target;
mod transport;

pub use follower::{Builder, Error, Follower, Handle};
pub use ring::{Full, Ring};
pub use socket::{Socket, Timeouts};
pub use target::{Target, TargetError};
pub use transport::{Remote, Transport};
