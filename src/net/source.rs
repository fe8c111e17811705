//! Sources of connections: the state of a [`Builder`](crate::Builder) decides which setters it has.

use std::io;

use crate::net::dialer::Dialer;
use crate::net::error::Error;
use crate::net::handle::Handle;
use crate::net::login::{Ask, LoginSource};
use crate::net::socket::{Socket, Timeouts};
use crate::net::target::Target;
use crate::net::transport::Transport;
use crate::replication::ReplicaLabel;

/// A source of connections to one server: [`Address`], [`Connector`], [`Connected`], or a
/// [`Sentinel`](crate::topology::Sentinel) deployment. Sealed.
pub trait Source: sealed::Sealed {
    /// The type of the connections.
    type Transport: Transport + 'static;

    #[doc(hidden)]
    fn open(self, login: &LoginSource, handle: &Handle, label: &ReplicaLabel)
    -> Result<Opened<Self::Transport>, Error>;
}

/// A source whose connections this crate opens, so that timeouts and TLS can be chosen: [`Address`], a
/// [`Sentinel`](crate::topology::Sentinel) deployment, or a [`Cluster`](crate::topology::Cluster). Sealed.
pub trait Dial: sealed::Sealed {
    #[doc(hidden)]
    fn dialer(&mut self) -> &mut Dialer;
}

/// A source that can supply another connection after one is lost: every source but [`Connected`]. Sealed.
pub trait Reconnect: sealed::Sealed {}

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// A source that is ready to connect.
pub struct Opened<T> {
    /// The name of the server in error messages.
    pub(crate) name: String,
    pub(crate) connector: Box<Ask<T>>,
}

/// The address of one server. Made by [`Follower::builder`](crate::Follower::builder).
///
/// ```
/// use redtail::net::{Address, Builder};
/// use redtail::{Ack, Follower};
///
/// fn configured(address: &str) -> Builder<Address> {
///     Follower::builder(address).ack(Ack::Applied)
/// }
/// ```
#[derive(Debug)]
pub struct Address {
    text: String,
    dialer: Dialer,
}

/// A function that makes connections. Made by [`Follower::with_connector`](crate::Follower::with_connector).
///
/// ```no_run
/// use std::net::TcpStream;
/// use redtail::Follower;
///
/// // Through a tunnel, at each connect.
/// let follower = Follower::with_connector(|| TcpStream::connect("127.0.0.1:7000")).named("orders").connect()?;
/// # Ok::<(), redtail::Error>(())
/// ```
pub struct Connector<T> {
    pub(super) name: String,
    connect: Box<Ask<T>>,
}

/// A connection that exists already. Made by [`Follower::with_stream`](crate::Follower::with_stream).
///
/// ```no_run
/// use std::net::TcpStream;
/// use redtail::Follower;
///
/// let follower = Follower::with_stream(TcpStream::connect("127.0.0.1:6379")?).connect()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Connected<T> {
    stream: T,
}

impl Address {
    pub(super) fn new(text: String) -> Self {
        Self { text, dialer: Dialer::new(Timeouts::default()) }
    }
}

impl sealed::Sealed for Address {}

impl Reconnect for Address {}

impl Dial for Address {
    fn dialer(&mut self) -> &mut Dialer {
        &mut self.dialer
    }
}

impl Source for Address {
    type Transport = Socket;

    fn open(self, _: &LoginSource, handle: &Handle, _: &ReplicaLabel) -> Result<Opened<Socket>, Error> {
        let target: Target = self.text.parse()?;
        let (dialer, handle, name) = (self.dialer, handle.clone(), target.to_string());
        let connect = move || dialer.connect(&target, &|attempt| handle.controls(attempt));
        Ok(Opened { name, connector: Box::new(connect) })
    }
}

impl<T> Connector<T> {
    pub(super) fn new(connect: impl FnMut() -> io::Result<T> + Send + 'static) -> Self {
        Self { name: "the server".into(), connect: Box::new(connect) }
    }
}

impl<T> sealed::Sealed for Connector<T> {}

impl<T> Reconnect for Connector<T> {}

impl<T: Transport + 'static> Source for Connector<T> {
    type Transport = T;

    fn open(self, _: &LoginSource, _: &Handle, _: &ReplicaLabel) -> Result<Opened<T>, Error> {
        Ok(Opened { name: self.name, connector: self.connect })
    }
}

impl<T> Connected<T> {
    pub(super) const fn new(stream: T) -> Self {
        Self { stream }
    }
}

impl<T> sealed::Sealed for Connected<T> {}

impl<T: Transport + Send + 'static> Source for Connected<T> {
    type Transport = T;

    fn open(self, _: &LoginSource, _: &Handle, _: &ReplicaLabel) -> Result<Opened<T>, Error> {
        let mut stream = Some(self.stream);
        let connect = move || stream.take().ok_or_else(|| io::Error::other("the only connection is used up"));
        Ok(Opened { name: "the server".into(), connector: Box::new(connect) })
    }
}
