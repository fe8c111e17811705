//! Sockets: transports, TLS, a client for requests, and the blocking follower.
//!
//! | purpose | items |
//! | --- | --- |
//! | the follower | [`Follower`], [`Builder`], [`Handle`], [`Events`], [`Error`] |
//! | the server, and how it is reached | [`Target`], [`TargetError`], [`Login`], [`Timeouts`], [`Socket`] |
//! | a connection of your own | [`Source`], [`Dial`], [`Reconnect`], [`Connector`], [`Connected`], [`Address`], [`Transport`], [`Remote`] |
//! | requests to a server | [`Client`], [`Reply`], [`ClientError`], [`ClientErrorKind`] |
//!
//! TLS (feature `tls`): `Tls`, `TlsStream`, `Verify`, `TlsError`.

mod builder;
mod client;
mod dialer;
mod error;
mod follower;
mod follower_recording;
mod handle;
mod login;
mod named;
mod socket;
mod source;
mod target;
#[cfg(feature = "tls")]
mod tls;
mod transport;

pub use builder::Builder;
pub use client::{Client, ClientError, ClientErrorKind, Reply};
pub(crate) use dialer::Dialer;
pub use error::Error;
pub use follower::{Events, Follower};
pub use handle::Handle;
pub use login::Login;
pub(crate) use login::{Ask, LoginSource};
pub(crate) use named::bare;
pub use socket::{Socket, Timeouts};
pub use source::{Address, Connected, Connector, Dial, Reconnect, Source};
pub(crate) use source::{Opened, sealed};
pub use target::{Target, TargetError};
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsError, TlsStream, Verify};
pub use transport::{Remote, Transport};
