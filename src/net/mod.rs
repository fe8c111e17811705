//! Sockets: transports, TLS, questions to a server, and the blocking follower.

mod builder;
mod client;
mod error;
mod follower;
mod follower_recording;
mod handle;
mod login;
mod socket;
mod target;
#[cfg(feature = "tls")]
mod tls;
mod transport;

pub use builder::Builder;
pub use client::{Answer, Talk, TalkError};
pub use error::Error;
pub use follower::{Events, Follower};
pub use handle::Handle;
pub use login::Login;
pub use socket::{Socket, Timeouts};
pub use target::{Target, TargetError};
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsError, TlsStream, Verify};
pub use transport::{Remote, Transport};
