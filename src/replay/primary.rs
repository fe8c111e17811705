//! The listener and its threads.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{io, thread};

use crate::replay::client::Client;
use crate::replay::playback::Playback;
use crate::replay::recording::Recording;
use crate::replay::shared::{Entry, Shared};

/// A primary that answers followers as Redis 7.0 does, plays its recording to each, and is then silent until they
/// disconnect.
///
/// A follower may start with an empty snapshot, with the recorded one, at any offset of the recording, or with SYNC. If
/// no data was recorded, snapshots are empty: see [`Segment::has_snapshot`](crate::replay::Segment::has_snapshot). The
/// offset in INFO is the furthest one that any follower was sent; before the first follower, that of the snapshot. A
/// position that is not in the recording is answered with a full resynchronisation.
///
/// At a gap of the recording the connection is closed. A follower that then requests the end of the segment gets a full
/// resynchronisation at the beginning of the next [segment](crate::replay::Segment), which is a gap, too.
///
/// Dropping it ends all its connections and threads.
///
/// ```
/// use redtail::replay::{Primary, Recording};
/// use redtail::{Event, Follower, Start};
///
/// let primary = Primary::serve(Recording::of([["SET", "k", "v"]])?)?;
/// let start = Start::At(primary.recording().first().start_position());
/// let mut follower = Follower::builder(primary.address().to_string()).start(start).connect()?;
/// while let Some(event) = follower.next_event()? {
///     if let Event::Command(command) = event {
///         assert_eq!(command.arg(2), Some(&b"v"[..]));
///         break;
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Primary {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

/// A client that reads nothing for this time is disconnected.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

impl Primary {
    /// Serves `recording`, as fast as followers read it.
    ///
    /// # Errors
    /// The system's error for the port or the thread.
    pub fn serve(recording: Recording) -> io::Result<Self> {
        Self::serve_as(recording, Playback::default())
    }

    /// Serves `recording` as `playback` says, on a free port of the loopback address.
    ///
    /// # Errors
    /// As [`serve`](Self::serve).
    pub fn serve_as(recording: Recording, playback: Playback) -> io::Result<Self> {
        Self::serve_on((Ipv4Addr::LOCALHOST, 0), recording, playback)
    }

    /// Serves `recording` as `playback` says, on this address; port 0 is a free one. Without a [`Playback::password`],
    /// every client that reaches it can read the recording.
    ///
    /// # Errors
    /// As [`serve`](Self::serve).
    pub fn serve_on(address: impl ToSocketAddrs, recording: Recording, playback: Playback) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(recording, playback));
        let accepting = thread::Builder::new().name("redtail-replay".into()).spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        })?;
        Ok(Self { address, shared, accepting: Mutex::new(Some(accepting)) })
    }

    /// The address it listens on.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The recording it plays.
    pub fn recording(&self) -> &Recording {
        &self.shared.recording
    }

    /// The system's last error that kept a client out, such as too many open files; `None` if there was none since the
    /// last call. The primary continues, and accepts clients again once it can. A client that is one too many receives
    /// an error instead, as from a server.
    ///
    /// ```
    /// use redtail::replay::{Primary, Recording};
    ///
    /// let primary = Primary::serve(Recording::of([["SET", "k", "v"]])?)?;
    /// assert!(primary.take_accept_error().is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn take_accept_error(&self) -> Option<io::Error> {
        self.shared.take_accept_error()
    }

    /// Waits until a follower that was sent everything has left, or until [`stop`](Self::stop) is called.
    pub fn wait_until_played(&self) {
        self.shared.wait_until_played();
    }

    /// Ends all connections and stops listening, and waits until that is done. A second call does nothing.
    pub fn stop(&self) {
        let mut accepting = self.accepting.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(accepting) = accepting.take() else { return };
        self.shared.stop();
        // The listener waits for a connection, and this is one.
        let _ = TcpStream::connect(reachable(self.address));
        // It never panics; if it did, there would be nobody to tell.
        let _ = accepting.join();
    }
}

impl Drop for Primary {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Accepts clients until it is stopped, and then waits for them to end.
fn accept(listener: &TcpListener, shared: &Shared) {
    thread::scope(|scope| {
        loop {
            let mut stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // A client that left in the queue is no failure.
                    if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted) {
                        shared.not_accepted(error);
                    }
                    // Out of descriptors: this does not end the listener, but it must not spin.
                    thread::sleep(Duration::from_millis(10));
                    if shared.is_stopped() {
                        return;
                    }
                    continue;
                }
            };
            match shared.enter(&stream) {
                Entry::Stopped => return,
                Entry::Refused => {
                    let _ = stream.write_all(b"-ERR max number of clients reached\r\n");
                }
                Entry::Failed(error) => shared.not_accepted(error),
                Entry::Admitted(number) => {
                    let run = move || {
                        // How a client's link ends is the client's affair.
                        let _ = serve(&stream, shared);
                        shared.leave(number);
                    };
                    if let Err(error) = thread::Builder::new().name("redtail-replay".into()).spawn_scoped(scope, run) {
                        shared.leave(number);
                        shared.not_accepted(error);
                    }
                }
            }
        }
    });
}

/// Where a listener can be reached that listens on all addresses.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
    Client::new(stream, shared).serve()
}
