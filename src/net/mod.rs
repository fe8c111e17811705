//! The blocking shell.

mod builder;
mod follower;
mod handle;
mod ring;
mod socket;
mod target;
mod transport;

pub use builder::Builder;
pub use follower::{Error, Follower, Login};
pub use handle::Handle;
pub use ring::{Full, Ring};
pub use socket::{Socket, Timeouts};
pub use target::{Target, TargetError};
pub use transport::{Remote, Transport};
