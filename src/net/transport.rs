//! The requirements for a connection to a server.

use std::io;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A connection to a server: it reads with a timeout, and writes.
///
/// A follower can use any type that implements it. [`TcpStream`], `UnixStream` and [`Socket`](crate::net::Socket) do.
pub trait Transport: Read + Write {
    /// Sets the time after which a read fails with [`TimedOut`](io::ErrorKind::TimedOut) or
    /// [`WouldBlock`](io::ErrorKind::WouldBlock); `None`: never. Zero means the shortest possible time.
    ///
    /// # Errors
    /// The error of the system.
    fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()>;

    /// Sets the same for a write. The default implementation does nothing.
    ///
    /// # Errors
    /// The error of the system.
    fn set_write_timeout(&self, _limit: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    /// A remote control for other threads: to end this connection, or to send on it, while it is blocked in a read.
    /// With `None`, the default implementation, they can do neither before the read ends.
    ///
    /// # Errors
    /// The error of the system.
    fn remote(&self) -> io::Result<Option<Box<dyn Remote>>> {
        Ok(None)
    }
}

/// The remote control of a [`Transport`]. It works from any thread, also while the transport is blocked in a read.
pub trait Remote: Send + Sync {
    /// Ends the connection: a read or write that waits, and all later ones, end at once. It never blocks.
    fn stop(&self);

    /// Sends all of `bytes`. The bytes of calls from several threads do not mix.
    ///
    /// # Errors
    /// The error of the system. Some bytes may have been sent, so the connection is unusable then.
    fn send(&self, bytes: &[u8]) -> io::Result<()>;
}

impl<T: Transport + ?Sized> Transport for Box<T> {
    fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        (**self).set_read_timeout(limit)
    }

    fn set_write_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        (**self).set_write_timeout(limit)
    }

    fn remote(&self) -> io::Result<Option<Box<dyn Remote>>> {
        (**self).remote()
    }
}

impl Transport for TcpStream {
    fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        Self::set_read_timeout(self, limit.map(not_zero))
    }

    fn set_write_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        Self::set_write_timeout(self, limit.map(not_zero))
    }

    fn remote(&self) -> io::Result<Option<Box<dyn Remote>>> {
        Ok(Some(Box::new(Twin { stream: self.try_clone()?, sending: Mutex::new(()) })))
    }
}

impl Remote for Twin<TcpStream> {
    fn stop(&self) {
        // An error means that the connection has ended already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let _one_at_a_time = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        send_all(&self.stream, bytes)
    }
}

#[cfg(unix)]
impl Transport for UnixStream {
    fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        Self::set_read_timeout(self, limit.map(not_zero))
    }

    fn set_write_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        Self::set_write_timeout(self, limit.map(not_zero))
    }

    fn remote(&self) -> io::Result<Option<Box<dyn Remote>>> {
        Ok(Some(Box::new(Twin { stream: self.try_clone()?, sending: Mutex::new(()) })))
    }
}

#[cfg(unix)]
impl Remote for Twin<UnixStream> {
    fn stop(&self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let _one_at_a_time = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        send_all(UnixSender(&self.stream), bytes)
    }
}

/// A second handle of the same socket. `stop` takes no lock: it must also end a `send` that waits.
struct Twin<S> {
    stream: S,
    sending: Mutex<()>,
}

/// The bytes of a Unix socket, sent without SIGPIPE. Every supported version of the standard library does that for TCP,
/// and only later ones for Unix sockets.
#[cfg(unix)]
pub(super) struct UnixSender<'a>(pub(super) &'a UnixStream);

#[cfg(unix)]
impl Write for UnixSender<'_> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        const MSG_NOSIGNAL: i32 = 0x4000;
        socket2::SockRef::from(self.0).send_with_flags(bytes, MSG_NOSIGNAL)
    }

    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&mut &*self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn send_all(mut stream: impl Write, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).map_err(|error| match error.kind() {
        // The system's message for a timeout is "resource temporarily unavailable".
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            io::Error::new(io::ErrorKind::TimedOut, "the server took no bytes within the write timeout")
        }
        _ => error,
    })
}

/// The standard library refuses a timeout of zero.
fn not_zero(limit: Duration) -> Duration {
    limit.max(Duration::from_millis(1))
}
