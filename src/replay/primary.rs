//! The listener and its threads.

use std::collections::HashMap;
use std::io::{self, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::replay::Recording;
use crate::replay::client::Client;

/// How a recording is played.
#[derive(Debug, Clone, Default)]
pub struct Play {
    /// Commands sent in a second, as evenly as the system's clock allows. `None`, the default: as fast as the follower reads.
    pub commands_per_second: Option<u32>,
    /// The most bytes handed to the system at once, so that a follower receives everything in pieces. Default: no limit.
    pub piece: Option<usize>,
    /// The first connection that asks for the stream is closed after so many bytes of the answer (reply line, snapshot and stream
    /// together), the second after the second number, and so on. Those beyond are not closed. Default: none.
    pub cuts: Vec<u64>,
    /// What AUTH has to bring before anything else is answered. Default: no password.
    pub password: Option<Vec<u8>>,
}

/// A primary on a port of the loopback address. It answers followers as Redis 7.0 does, plays its recording to each, and
/// then stays silent until they leave.
///
/// A follower may start with an empty snapshot, with the recorded one, at any offset of the recording, or with the plain SYNC. What INFO
/// calls its offset is the furthest that any follower has been sent: before the first one, the offset of the snapshot. A position that
/// is not in the recording is answered with a full resynchronisation.
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

    /// Serves `recording` as `play` says.
    ///
    /// # Errors
    /// As [`serve`](Self::serve).
    pub fn serve_as(recording: Recording, play: Play) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State { offset: recording.start_offset(), ..State::default() }),
            recording,
            play,
        });
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

    /// Ends all connections and stops listening, and waits until that is done. A second call does nothing.
    pub fn stop(&self) {
        let mut accepting = self.accepting.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(accepting) = accepting.take() else { return };
        self.shared.stop();
        // The listener waits for a connection, and this is one.
        let _ = TcpStream::connect(self.address);
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
}

#[derive(Debug, Default)]
struct State {
    stopped: bool,
    clients: HashMap<u64, TcpStream>,
    next_client: u64,
    players: usize,
    offset: u64,
}

impl Shared {
    /// The offset INFO tells.
    pub(super) fn offset(&self) -> u64 {
        self.state().offset
    }

    /// A follower has been sent everything up to `offset`.
    pub(super) fn reached(&self, offset: u64) {
        let mut state = self.state();
        state.offset = state.offset.max(offset);
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

fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
    Client::new(stream, shared).serve()
}
