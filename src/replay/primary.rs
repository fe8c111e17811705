//! The listener and its threads.

use std::collections::HashMap;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use std::{io, thread};

use crate::replay::client::Client;
use crate::replay::recording::Recording;

/// How a recording is played. Unless said otherwise: as fast as the follower reads.
#[derive(Debug, Clone, Default)]
pub struct Play {
    /// Commands sent in a second, as evenly as the system's clock allows. Default: no limit.
    pub commands_per_second: Option<u32>,
    /// So many times as fast as it was recorded; 1 is its own time. Of a recording that tells no times nothing waits. Default: no limit.
    pub times: Option<f64>,
    /// Once all is sent, a PING each so long, as servers send them, so that no follower takes the silence for a dead link. They are bytes
    /// of the stream like any other, so offsets grow beyond those of the recording. Default: none.
    pub ping: Option<Duration>,
    /// The most bytes handed to the system at once, so that a follower receives everything in pieces. Default: no limit.
    pub piece: Option<usize>,
    /// The first connection that asks for the stream is closed after so many bytes of the answer (reply line, snapshot and stream
    /// together), the second after the second number, and so on. Those beyond are not closed. Default: none.
    pub cuts: Vec<u64>,
    /// What AUTH has to bring before anything else is answered. Default: no password.
    pub password: Option<Vec<u8>>,
}

/// A primary that answers followers as Redis 7.0 does, plays its recording to each, and then stays silent until they leave.
///
/// A follower may start with an empty snapshot, with the recorded one, at any offset of the recording, or with the plain SYNC. Where no
/// data was recorded, whoever asks for a snapshot gets an empty one: see [`Segment::has_snapshot`](crate::replay::Segment::has_snapshot).
/// What INFO calls its offset is the furthest that any follower has been sent: before the first one, the offset of the snapshot. A
/// position that is not in the recording is answered with a full resynchronisation.
///
/// At a gap of the recording the link is closed. Who then asks for what follows gets what is there: the beginning of the next
/// [segment](crate::replay::Segment), by a full resynchronisation, which is a gap to it too.
///
/// Dropping it ends all its connections and threads.
#[derive(Debug)]
pub struct Primary {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Mutex<Option<JoinHandle<()>>>,
}

/// More clients than this are turned away.
const MAX_CLIENTS: usize = 64;

/// A client that takes nothing for so long is dropped.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

impl Primary {
    /// Serves `recording`, as fast as followers read it.
    ///
    /// # Errors
    /// What the system says of the port or the thread.
    pub fn serve(recording: Recording) -> io::Result<Self> {
        Self::serve_as(recording, Play::default())
    }

    /// Serves `recording` as `play` says, on a free port of the loopback address.
    ///
    /// # Errors
    /// As [`serve`](Self::serve).
    pub fn serve_as(recording: Recording, play: Play) -> io::Result<Self> {
        Self::serve_on((Ipv4Addr::LOCALHOST, 0), recording, play)
    }

    /// Serves `recording` as `play` says, on this address; port 0 is a free one. Whoever reaches it gets what is in the recording, if
    /// [`Play::password`] does not stand before it.
    ///
    /// # Errors
    /// As [`serve`](Self::serve).
    pub fn serve_on(address: impl ToSocketAddrs, recording: Recording, play: Play) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let state =
            State { place: SegmentOffset { segment: 0, offset: recording.first().start_offset() }, ..State::default() };
        let shared = Arc::new(Shared { state: Mutex::new(state), left: Condvar::new(), recording, play });
        let accepting = thread::Builder::new().name("redtail-replay".into()).spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        })?;
        Ok(Self { address, shared, accepting: Mutex::new(Some(accepting)) })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it plays.
    pub fn recording(&self) -> &Recording {
        &self.shared.recording
    }

    /// Waits until a follower that was sent everything has left, or until [`stop`](Self::stop) is called.
    pub fn wait_until_played(&self) {
        let state = self.shared.state();
        // What holds the lock never panics.
        drop(self.shared.left.wait_while(state, |state| !state.played && !state.stopped));
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

/// What the threads of a primary have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) recording: Recording,
    pub(super) play: Play,
    state: Mutex<State>,
    /// Somebody who was sent everything has left, or it is over.
    left: Condvar,
}

/// How far a follower has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SegmentOffset {
    pub(super) segment: usize,
    pub(super) offset: u64,
}

#[derive(Debug, Default)]
struct State {
    stopped: bool,
    clients: HashMap<u64, TcpStream>,
    next_client: u64,
    players: usize,
    /// The furthest that anybody was sent.
    place: SegmentOffset,
    played: bool,
    /// Bytes of PINGs behind the end, and when the next one is due.
    pings: u64,
    next_ping: Option<Instant>,
}

impl Shared {
    /// The place INFO tells.
    pub(super) fn place(&self) -> SegmentOffset {
        self.state().place
    }

    /// A follower has been sent everything up to this place.
    pub(super) fn reached(&self, place: SegmentOffset) {
        let mut state = self.state();
        state.place = state.place.max(place);
    }

    /// A follower that was sent everything has left.
    pub(super) fn played(&self) {
        self.state().played = true;
        self.left.notify_all();
    }

    /// Bytes of PINGs there are behind the end.
    pub(super) fn pings(&self) -> u64 {
        self.state().pings
    }

    /// The same, with another one where it is due, and how long until the next. All followers are sent the same stream, so they share
    /// this clock; it begins when the first one is at the end.
    pub(super) fn ping(&self, interval: Duration, length: u64) -> (u64, Duration) {
        let mut state = self.state();
        let now = Instant::now();
        let due = *state.next_ping.get_or_insert(now + interval);
        if due <= now {
            state.pings += length;
            state.next_ping = Some(now + interval);
        }
        (state.pings, state.next_ping.map_or(interval, |next| next.saturating_duration_since(now)))
    }

    /// After how many bytes the next connection that is played to is to be closed.
    pub(super) fn next_cut(&self) -> Option<u64> {
        let mut state = self.state();
        let player = state.players;
        state.players += 1;
        self.play.cuts.get(player).copied()
    }

    fn enter(&self, stream: &TcpStream) -> Entry {
        let mut state = self.state();
        if state.stopped {
            return Entry::Stopped;
        }
        if state.clients.len() >= MAX_CLIENTS {
            return Entry::Refused;
        }
        let Ok(twin) = stream.try_clone() else { return Entry::Refused };
        let number = state.next_client;
        state.next_client += 1;
        state.clients.insert(number, twin);
        Entry::Admitted(number)
    }

    fn leave(&self, number: u64) {
        self.state().clients.remove(&number);
    }

    fn stop(&self) {
        let mut state = self.state();
        state.stopped = true;
        for stream in state.clients.values() {
            // One that is gone already is what is wanted.
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.left.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Entry {
    Admitted(u64),
    Refused,
    Stopped,
}

/// Ends when it is told to, after all its clients have.
fn accept(listener: &TcpListener, shared: &Shared) {
    thread::scope(|scope| {
        loop {
            let Ok((mut stream, _)) = listener.accept() else {
                // Out of descriptors, or a client that left in the queue: neither ends the listener, nor may it spin.
                thread::sleep(Duration::from_millis(10));
                if shared.state().stopped {
                    return;
                }
                continue;
            };
            match shared.enter(&stream) {
                Entry::Stopped => return,
                Entry::Refused => {
                    let _ = stream.write_all(b"-ERR max number of clients reached\r\n");
                }
                Entry::Admitted(number) => {
                    let run = move || {
                        // How a client's link ends is the client's affair.
                        let _ = serve(&stream, shared);
                        shared.leave(number);
                    };
                    if thread::Builder::new().name("redtail-replay".into()).spawn_scoped(scope, run).is_err() {
                        shared.leave(number);
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
