//! What a link to a server must be able to do.

use std::io;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A link to a server: bytes both ways, and reads that end in time.
///
/// A follower can use any type that has this; it is here for [`TcpStream`], `UnixStream` and [`Socket`](crate::net::Socket).
pub trait Transport: Read + Write {
    /// How long a read may wait before it fails with [`TimedOut`](io::ErrorKind::TimedOut) or
    /// [`WouldBlock`](io::ErrorKind::WouldBlock); `None`: for ever. A zero is to be read as the shortest time there is.
    ///
    /// # Errors
    /// What the system says.
    fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()>;

    /// How long a write may wait, likewise. Does nothing unless written.
    ///
    /// # Errors
    /// What the system says.
    fn set_write_timeout(&self, _limit: Option<Duration>) -> io::Result<()> {
        Ok(())
    }

    /// What other threads need to end this link, or to send on it, while it is blocked in a read. Without it (`None`, unless
    /// written) they can do neither before the read ends.
    ///
    /// # Errors
    /// What the system says.
    fn remote(&self) -> io::Result<Option<Box<dyn Remote>>> {
        Ok(None)
    }
}

/// The far end of a string tied to a [`Transport`]: works from any thread, also while the transport is blocked in a read.
pub trait Remote: Send + Sync {
    /// Ends the link both ways: a read or write that waits, and all later ones, end at once. Never blocks.
    fn stop(&self);

    /// Sends all of `bytes`. Calls from several threads follow one another: their bytes don't mix.
    ///
    /// # Errors
    /// What the system says. A part may have been sent then, so the link is of no more use.
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
        // A link that is gone already is what was wanted.
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
        send_all(&self.stream, bytes)
    }
}

/// A second handle of the same socket. `stop` takes no lock: it must also end a `send` that waits.
struct Twin<S> {
    stream: S,
    sending: Mutex<()>,
}

fn send_all(mut stream: impl Write, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).map_err(|error| match error.kind() {
        // What the system says of a time-out is "resource temporarily unavailable", which tells nobody anything.
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            io::Error::new(io::ErrorKind::TimedOut, "the server took no bytes within the write time-out")
        }
        _ => error,
    })
}

/// The standard library refuses a time-out of zero.
fn not_zero(limit: Duration) -> Duration {
    limit.max(Duration::from_millis(1))
}
