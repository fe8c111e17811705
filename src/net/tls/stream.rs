//! A connection over TLS.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{fmt, io};

use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, ClientConnection};

use crate::net::tls::error::TlsError;
use crate::net::transport::{Remote, Transport};

/// A TCP socket with TLS on it, made by [`Tls::connect`](crate::net::Tls::connect).
///
/// A read that waits holds no lock, so that another thread can send meanwhile. Dropping it sends `close_notify`.
///
/// ```no_run
/// use std::net::TcpStream;
/// use std::time::Duration;
/// use redtail::Follower;
/// use redtail::net::Tls;
///
/// let socket = TcpStream::connect("10.0.0.1:6379")?;
/// let stream = Tls::new().connect("db.example.org", socket, Duration::from_secs(5))?;
/// let follower = Follower::with_stream(stream).connect()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TlsStream {
    shared: Arc<TlsState>,
    /// The verifier of the certificate, and the expected name.
    verifier: Arc<dyn ServerCertVerifier>,
    name: ServerName<'static>,
    /// Ciphertext that is not decrypted yet: `start..end`.
    received: Box<[u8]>,
    start: usize,
    end: usize,
}

struct TlsState {
    /// A thread may write while it holds the lock. It never waits for a read.
    connection: Mutex<ClientConnection>,
    socket: TcpStream,
    with_identity: bool,
}

/// Room for a few records of at most 16 KiB and their headers.
const RECEIVED: usize = 64 << 10;

/// The time that a drop may wait for a server that takes no bytes.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(100);

impl TlsStream {
    /// The socket below, to wait for.
    pub(crate) fn as_tcp(&self) -> &TcpStream {
        &self.shared.socket
    }

    pub(super) fn connect(
        config: ClientConfig,
        verifier: Arc<dyn ServerCertVerifier>,
        name: ServerName<'static>,
        socket: TcpStream,
        limit: Duration,
    ) -> io::Result<Self> {
        let with_identity = config.client_auth_cert_resolver.has_certs();
        let connection = ClientConnection::new(Arc::new(config), name.clone())
            .map_err(|error| TlsError::of(error, with_identity))?;
        let shared = Arc::new(TlsState { connection: Mutex::new(connection), socket, with_identity });
        let received = vec![0; RECEIVED].into();
        let mut stream = Self { shared, verifier, name, received, start: 0, end: 0 };
        stream.handshake(limit).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => TlsError::TimedOut(limit).into(),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => TlsError::Closed.into(),
            _ => error,
        })?;
        Ok(stream)
    }

    /// The time until the server's certificate, or an intermediate one, expires, if that is less than `time`.
    ///
    /// `None` also if the dates are not verified: with [`Verify::Nothing`](crate::net::Verify::Nothing), and for a
    /// certificate that is itself trusted.
    pub fn expires_within(&self, time: Duration) -> Option<Duration> {
        let connection = self.shared.lock();
        let (certificate, others) = connection.peer_certificates()?.split_first()?;
        let now = UnixTime::now();
        let then = UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs()).saturating_add(time));
        match self.verifier.verify_server_cert(certificate, others, &self.name, &[], then) {
            Err(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
                Some(Duration::from_secs(not_after.as_secs().saturating_sub(now.as_secs())))
            }
            _ => None,
        }
    }

    fn handshake(&mut self, limit: Duration) -> io::Result<()> {
        let end = Instant::now() + limit;
        loop {
            let mut connection = self.shared.lock();
            match self.shared.flush_tls(&mut connection) {
                // The server has closed the connection. Its alert, sent before, says why.
                Err(error) if is_disconnect(&error) => {}
                other => other?,
            }
            if !connection.is_handshaking() {
                return Ok(());
            }
            drop(connection);
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.shared.socket.set_read_timeout(Some(left))?;
            self.shared.socket.set_write_timeout(Some(left))?;
            if self.receive()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            while self.start < self.end {
                let mut connection = self.shared.lock();
                let received = &self.received[self.start..self.end];
                self.start +=
                    self.shared.decrypt(&mut connection, received).map_err(|error| quoting(error, received))?;
                if !connection.is_handshaking() {
                    // The bytes after the handshake stay for the first read.
                    break;
                }
            }
        }
    }

    /// Reads from the socket, once all earlier bytes are decrypted.
    fn receive(&mut self) -> io::Result<usize> {
        let count = (&self.shared.socket).read(&mut self.received)?;
        (self.start, self.end) = (0, count);
        Ok(count)
    }
}

impl Read for TlsStream {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let (mut filled, mut has_received) = (0, false);
        loop {
            {
                let mut connection = self.shared.lock();
                while let Some(rest) = space.get_mut(filled..).filter(|rest| !rest.is_empty()) {
                    match connection.reader().read(rest) {
                        // The server has sent `close_notify`.
                        Ok(0) => return Ok(filled),
                        Ok(count) => filled += count,
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                            let Some(came @ [_, ..]) = self.received.get(self.start..self.end) else { break };
                            self.start += self.shared.decrypt(&mut connection, came)?;
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
            if filled > 0 || space.is_empty() {
                return Ok(filled);
            }
            // A record that arrives bit by bit must not keep the caller from its deadlines.
            if std::mem::replace(&mut has_received, true) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            // Servers seldom send `close_notify`. A stream that resumes by its position does not need it.
            if self.receive()? == 0 {
                return Ok(0);
            }
        }
    }
}

impl Write for TlsStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.shared.send(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for TlsStream {
    fn set_read_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        Transport::set_read_timeout(&self.shared.socket, limit)
    }

    fn set_write_timeout(&self, limit: Option<Duration>) -> io::Result<()> {
        Transport::set_write_timeout(&self.shared.socket, limit)
    }

    fn remote(&self) -> io::Result<Option<Box<dyn Remote>>> {
        Ok(Some(Box::new(TlsRemote(Arc::clone(&self.shared)))))
    }
}

impl Drop for TlsStream {
    fn drop(&mut self) {
        // Best effort: a drop does not wait for a lock.
        if let Ok(mut connection) = self.shared.connection.try_lock() {
            connection.send_close_notify();
            let _ = self.shared.socket.set_write_timeout(Some(CLOSE_TIMEOUT));
            let _ = self.shared.flush_tls(&mut connection);
        }
    }
}

impl fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream").field("socket", &self.shared.socket).finish_non_exhaustive()
    }
}

/// The socket without its vectored write. rustls would use that, and the system answers it with SIGPIPE once the server
/// has closed the connection. The signal ends a C program. The plain write of the standard library prevents the signal.
struct WithoutSignal<'a>(&'a TcpStream);

impl Write for WithoutSignal<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct TlsRemote(Arc<TlsState>);

impl Remote for TlsRemote {
    fn stop(&self) {
        // Below TLS and without a lock: it must also end a `send` that waits.
        let _ = self.0.socket.shutdown(Shutdown::Both);
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        self.0.send(bytes)
    }
}

impl TlsState {
    fn lock(&self) -> MutexGuard<'_, ClientConnection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn send(&self, mut bytes: &[u8]) -> io::Result<()> {
        let mut connection = self.lock();
        while !bytes.is_empty() {
            let count = connection.writer().write(bytes)?;
            bytes = bytes.get(count..).unwrap_or_default();
            self.flush_tls(&mut connection)?;
        }
        Ok(())
    }

    fn flush_tls(&self, connection: &mut ClientConnection) -> io::Result<()> {
        while connection.wants_write() {
            connection.write_tls(&mut WithoutSignal(&self.socket)).map_err(|error| match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                    io::Error::new(io::ErrorKind::TimedOut, "the server took no bytes within the write timeout")
                }
                _ => error,
            })?;
        }
        Ok(())
    }

    /// Decrypts some of the received bytes, and returns their number.
    fn decrypt(&self, connection: &mut ClientConnection, mut received: &[u8]) -> io::Result<usize> {
        let count = connection.read_tls(&mut received)?;
        let done = connection.process_new_packets().map_err(|error| TlsError::of(error, self.with_identity));
        // Also after an error: the alert says what was wrong.
        let sent = self.flush_tls(connection);
        done?;
        match sent {
            // The received bytes are decrypted all the same. The next send tries again, and returns the error. If the
            // server has closed the connection, its alert may be among the bytes that are not read yet.
            Err(error) if error.kind() == io::ErrorKind::TimedOut || is_disconnect(&error) => Ok(count),
            sent => sent.map(|()| count),
        }
    }
}

/// Adds the bytes of the reply to the error that they are not TLS.
fn quoting(error: io::Error, received: &[u8]) -> io::Error {
    const LONGEST: usize = 80;
    match TlsError::find(&error) {
        Some(TlsError::NotTls { .. }) => {
            let heard = received.iter().take(LONGEST).copied().collect();
            TlsError::NotTls { heard }.into()
        }
        _ => error,
    }
}

fn is_disconnect(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    matches!(error.kind(), BrokenPipe | ConnectionReset | ConnectionAborted)
}
