//! State shared by the threads of a primary.

use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::replay::playback::{Cut, Playback};
use crate::replay::recording::Recording;

/// More clients than this are turned away.
const MAX_CLIENTS: usize = 64;

/// What the threads of a primary have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) recording: Recording,
    pub(super) playback: Playback,
    state: Mutex<State>,
    /// Signals that a follower that was sent everything has disconnected, or that all is stopped.
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
    /// The furthest that any follower was sent.
    reached: SegmentOffset,
    played: bool,
    /// Bytes of PINGs after the end, and when the next one is due.
    pings: u64,
    next_ping: Option<Instant>,
    /// Why the last client that was not admitted was not.
    accept_error: Option<io::Error>,
}

impl Shared {
    pub(super) fn new(recording: Recording, playback: Playback) -> Self {
        let reached = SegmentOffset { segment: 0, offset: recording.first().start_offset() };
        let state = State { reached, ..State::default() };
        Self { state: Mutex::new(state), left: Condvar::new(), recording, playback }
    }

    /// The furthest that any follower was sent: what INFO tells.
    pub(super) fn reached(&self) -> SegmentOffset {
        self.state().reached
    }

    /// A follower has been sent everything up to this position.
    pub(super) fn advance(&self, to: SegmentOffset) {
        let mut state = self.state();
        state.reached = state.reached.max(to);
    }

    /// A follower that was sent everything has left.
    pub(super) fn played(&self) {
        self.state().played = true;
        self.left.notify_all();
    }

    /// The bytes of PINGs after the end.
    pub(super) fn pings(&self) -> u64 {
        self.state().pings
    }

    /// The same, with another one where it is due, and how long until the next. All followers are sent the same stream,
    /// so they share this clock; it begins when the first one is at the end.
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

    /// Where the next connection that is played to is to be closed.
    pub(super) fn next_cut(&self) -> Option<Cut> {
        let mut state = self.state();
        let player = state.players;
        state.players += 1;
        self.playback.cuts.get(player).copied()
    }

    pub(super) fn enter(&self, stream: &TcpStream) -> Entry {
        let mut state = self.state();
        if state.stopped {
            return Entry::Stopped;
        }
        if state.clients.len() >= MAX_CLIENTS {
            return Entry::Refused;
        }
        let twin = match stream.try_clone() {
            Ok(twin) => twin,
            Err(error) => return Entry::Failed(error),
        };
        let number = state.next_client;
        state.next_client += 1;
        state.clients.insert(number, twin);
        Entry::Admitted(number)
    }

    pub(super) fn not_accepted(&self, error: io::Error) {
        self.state().accept_error = Some(error);
    }

    pub(super) fn take_accept_error(&self) -> Option<io::Error> {
        self.state().accept_error.take()
    }

    pub(super) fn leave(&self, number: u64) {
        self.state().clients.remove(&number);
    }

    pub(super) fn stop(&self) {
        let mut state = self.state();
        state.stopped = true;
        for stream in state.clients.values() {
            // One that is gone already is what is wanted.
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.left.notify_all();
    }

    /// Waits until a follower that was sent everything has left, or until all is stopped.
    pub(super) fn wait_until_played(&self) {
        let state = self.state();
        // Code under the lock never panics.
        drop(self.left.wait_while(state, |state| !state.played && !state.stopped));
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.state().stopped
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) enum Entry {
    Admitted(u64),
    Refused,
    Failed(io::Error),
    Stopped,
}
