//! The bounded queue of a merged stream.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::owned::{OwnedContent, OwnedEvent};
use crate::topology::cluster::event::ClusterEvent;

/// Holds a limited number of events and bytes.
#[derive(Debug)]
pub(super) struct Queue {
    capacity: usize,
    state: Mutex<Queued>,
    room: Condvar,
    filled: Condvar,
}

#[derive(Debug, Default)]
struct Queued {
    events: VecDeque<(ClusterEvent, usize)>,
    bytes: usize,
    closed: bool,
}

const MOST_BYTES: usize = 64 << 20;
/// How often a thread that waits for room sends a heartbeat.
const BEAT: Duration = Duration::from_secs(1);

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, state: Mutex::default(), room: Condvar::new(), filled: Condvar::new() }
    }

    /// Waits for room, and calls `beat` meanwhile. Breaks if the queue is closed.
    pub(super) fn push(&self, event: ClusterEvent, beat: impl Fn()) -> ControlFlow<()> {
        let size = size(&event);
        let mut beaten = Instant::now();
        let mut state = self.state();
        loop {
            if state.closed {
                return ControlFlow::Break(());
            }
            let fits = state.bytes == 0 || state.bytes.saturating_add(size) <= MOST_BYTES;
            if fits && state.events.len() < self.capacity {
                state.events.push_back((event, size));
                state.bytes += size;
                self.filled.notify_one();
                return ControlFlow::Continue(());
            }
            state = self.room.wait_timeout(state, BEAT).unwrap_or_else(PoisonError::into_inner).0;
            if beaten.elapsed() >= BEAT {
                drop(state);
                beat();
                beaten = Instant::now();
                state = self.state();
            }
        }
    }

    /// The next event; waits for it until `end`, then returns [`ClusterEvent::Idle`]. `None`: the queue is closed and
    /// empty.
    pub(super) fn pop(&self, end: Option<Instant>) -> Option<ClusterEvent> {
        let mut state = self.state();
        loop {
            if let Some((event, size)) = state.events.pop_front() {
                state.bytes -= size;
                self.room.notify_one();
                return Some(event);
            }
            if state.closed {
                return None;
            }
            state = match end.map(|end| end.saturating_duration_since(Instant::now())) {
                None => self.filled.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return Some(ClusterEvent::Idle),
                Some(left) => self.filled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    /// Refuses further events. Those in the queue remain.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.room.notify_all();
        self.filled.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, Queued> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The approximate size of an event in bytes.
fn size(event: &ClusterEvent) -> usize {
    let held = match event {
        ClusterEvent::Shard { event, .. } => match event {
            OwnedEvent::Command(command)
            | OwnedEvent::Multi(command)
            | OwnedEvent::Exec(command)
            | OwnedEvent::Control(command) => command.raw().len(),
            OwnedEvent::SnapshotBytes(bytes) => bytes.len(),
            OwnedEvent::SnapshotItem(item) => item.item().bytes().len(),
            OwnedEvent::Part(part) => match &part.content {
                OwnedContent::Piece(bytes) => bytes.len(),
                _ => 0,
            },
            _ => 0,
        },
        ClusterEvent::Notice(_) | ClusterEvent::Idle => 0,
    };
    held + size_of::<ClusterEvent>()
}
