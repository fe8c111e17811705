//! Connections: TCP and Unix sockets, and TLS over TCP.

use std::io;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
#[cfg(unix)]
use std::os::fd::{AsRawFd, RawFd};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
#[cfg(windows)]
use std::os::windows::io::{AsRawSocket, RawSocket};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, TcpKeepalive, Type};

use crate::net::named::at;
use crate::net::target::Target;
#[cfg(feature = "tls")]
use crate::net::tls::Tls;
#[cfg(feature = "tls")]
use crate::net::tls::TlsStream;
#[cfg(unix)]
use crate::net::transport::UnixSender;
use crate::net::transport::{Remote, Transport};

/// A connected TCP or Unix socket, or TLS over TCP.
///
/// ```no_run
/// use std::time::Duration;
/// use redtail::net::{Socket, Timeouts};
///
/// let socket = Socket::connect(&"unix:/run/redis.sock".parse()?, &Timeouts::all(Duration::from_secs(5)))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Socket {
    /// A TCP socket.
    Tcp(TcpStream),
    /// A Unix socket.
    #[cfg(unix)]
    Unix(UnixStream),
    /// TLS over TCP.
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream>),
}

/// Receives the remote control of each attempt to connect over TCP, before it begins. An error ends the attempt.
pub(crate) type Announce<'a> = dyn Fn(Box<dyn Remote>) -> io::Result<()> + 'a;

/// The timeouts of a socket.
///
/// ```
/// use std::time::Duration;
/// use redtail::net::Timeouts;
///
/// let timeouts = Timeouts::all(Duration::from_secs(5));
/// assert_eq!(timeouts.read, Some(Duration::from_secs(5)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// For each address that is tried in connecting, and once more for a TLS handshake. Default 5 s.
    pub connect: Duration,
    /// For a read; `None`: for ever. Default 60 s. A follower sets its own, shorter one.
    pub read: Option<Duration>,
    /// For a write; `None`: for ever. Default 10 s.
    pub write: Option<Duration>,
}

impl Timeouts {
    /// The same limit for all three.
    #[must_use]
    pub const fn all(limit: Duration) -> Self {
        Self { connect: limit, read: Some(limit), write: Some(limit) }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            read: Some(Duration::from_secs(60)),
            write: Some(Duration::from_secs(10)),
        }
    }
}

impl Socket {
    /// Connects. The name is resolved now, and its addresses are tried in turn. TCP sockets send at once
    /// (`TCP_NODELAY`) and detect a dead peer: after 30 s without traffic the system probes it every 10 s, three times
    /// (on Windows, as often as Windows does: ten times).
    ///
    /// # Errors
    /// The error of the system, with the target in front: the socket of an error does not exist, so nothing else names
    /// its address. If the name has several addresses: the error of each.
    pub fn connect(target: &Target, timeouts: &Timeouts) -> io::Result<Self> {
        Self::open(target, timeouts, &|_| Ok(()))
    }

    pub(super) fn open(target: &Target, timeouts: &Timeouts, announce: &Announce<'_>) -> io::Result<Self> {
        Self::open_plain(target, timeouts, announce).map_err(|error| at(target, error))
    }

    fn open_plain(target: &Target, timeouts: &Timeouts, announce: &Announce<'_>) -> io::Result<Self> {
        let socket = match target {
            Target::Tcp { host, port } => Self::Tcp(connect_tcp(host, *port, timeouts.connect, announce)?),
            #[cfg(unix)]
            Target::Unix(path) => Self::Unix(connect_unix(path, timeouts.connect)?),
            #[cfg(not(unix))]
            Target::Unix(_) => {
                return Err(io::Error::new(io::ErrorKind::Unsupported, "there are no Unix sockets on this system"));
            }
        };
        socket.set_read_timeout(timeouts.read)?;
        socket.set_write_timeout(timeouts.write)?;
        Ok(socket)
    }

    /// Connects over TLS.
    ///
    /// # Errors
    /// As [`connect`](Self::connect), and [`TlsError`](crate::net::TlsError) inside an [`io::Error`]. A Unix socket has
    /// no TLS.
    #[cfg(feature = "tls")]
    pub fn connect_tls(target: &Target, timeouts: &Timeouts, tls: &Tls) -> io::Result<Self> {
        Self::open_tls(target, timeouts, tls, &|_| Ok(()))
    }

    #[cfg(feature = "tls")]
    pub(super) fn open_tls(
        target: &Target,
        timeouts: &Timeouts,
        tls: &Tls,
        announce: &Announce<'_>,
    ) -> io::Result<Self> {
        Self::open_encrypted(target, timeouts, tls, announce).map_err(|error| at(target, error))
    }

    #[cfg(feature = "tls")]
    fn open_encrypted(target: &Target, timeouts: &Timeouts, tls: &Tls, announce: &Announce<'_>) -> io::Result<Self> {
        let Target::Tcp { host, port } = target else {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "there is no TLS over a Unix socket"));
        };
        let stream = connect_tcp(host, *port, timeouts.connect, announce)?;
        let socket = Self::Tls(Box::new(tls.connect(host, stream, timeouts.connect)?));
        socket.set_read_timeout(timeouts.read)?;
        socket.set_write_timeout(timeouts.write)?;
        Ok(socket)
    }

    fn as_transport(&self) -> &dyn Transport {
        match self {
            Self::Tcp(stream) => stream,
            #[cfg(unix)]
            Self::Unix(stream) => stream,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => &**stream,
        }
    }
}

#[cfg(unix)]
impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Self::Tcp(stream) => stream.as_raw_fd(),
            Self::Unix(stream) => stream.as_raw_fd(),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.as_tcp().as_raw_fd(),
        }
    }
}

#[cfg(windows)]
impl AsRawSocket for Socket {
    fn as_raw_socket(&self) -> RawSocket {
        match self {
            Self::Tcp(stream) => stream.as_raw_socket(),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.as_tcp().as_raw_socket(),
        }
    }
}

impl Transport for Socket {
    fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        self.as_transport().set_read_timeout(limit)
    }

    fn set_write_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        self.as_transport().set_write_timeout(limit)
    }

    fn remote(&self) -> io::Result<Option<Box<dyn Remote>>> {
        self.as_transport().remote()
    }
}

impl Read for Socket {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(space),
            #[cfg(unix)]
            Self::Unix(stream) => stream.read(space),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.read(space),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            #[cfg(unix)]
            Self::Unix(stream) => UnixSender(stream).write(bytes),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn connect_tcp(host: &str, port: u16, limit: Duration, announce: &Announce<'_>) -> io::Result<TcpStream> {
    let mut failures = Vec::new();
    for address in (host, port).to_socket_addrs()? {
        // From `socket2`, because its socket exists before the connection: another thread can shut it down.
        let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        let twin: TcpStream = socket.try_clone()?.into();
        if let Some(remote) = twin.remote()? {
            announce(remote)?;
        }
        match socket.connect_timeout(&address.into(), limit) {
            Ok(()) => {
                let stream = TcpStream::from(socket);
                stream.set_nodelay(true)?;
                SockRef::from(&stream).set_tcp_keepalive(&keepalive())?;
                return Ok(stream);
            }
            Err(error) => failures.push((address, error)),
        }
    }
    Err(all_of(failures))
}

fn keepalive() -> TcpKeepalive {
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(30));
    #[cfg(any(target_vendor = "apple", target_os = "linux", target_os = "android", target_os = "freebsd"))]
    let keepalive = keepalive.with_interval(Duration::from_secs(10)).with_retries(3);
    // Windows before 10.1703, and Wine, refuse a number of probes.
    #[cfg(windows)]
    let keepalive = keepalive.with_interval(Duration::from_secs(10));
    keepalive
}

/// One error for all addresses, with the kind of the last one.
fn all_of(mut failures: Vec<(SocketAddr, io::Error)>) -> io::Error {
    let Some((address, last)) = failures.pop() else {
        return io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    };
    if failures.is_empty() {
        return last;
    }
    let kind = last.kind();
    failures.push((address, last));
    let each: Vec<String> = failures.iter().map(|(address, error)| format!("{address}: {error}")).collect();
    io::Error::new(kind, each.join("; "))
}

/// Uses `socket2`, because the standard library has no timeout here. A server that hangs does not empty its queue of
/// connections, and a full queue blocks.
#[cfg(unix)]
fn connect_unix(path: &std::path::Path, limit: Duration) -> io::Result<UnixStream> {
    let socket = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None)?;
    match socket.connect_timeout(&socket2::SockAddr::unix(path)?, limit) {
        Ok(()) => Ok(socket.into()),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(io::Error::new(io::ErrorKind::TimedOut, "the server accepts no connections: its queue is full"))
        }
        Err(error) => Err(error),
    }
}
