//! The queue of messages for the broker: in order, and of limited size.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use redtail::Position;
use tokio::sync::Notify;

use crate::lane::Lane;
use crate::message::Message;
use crate::metrics::Metrics;

/// The interval of heartbeats while a thread waits for room.
const BEAT: Duration = Duration::from_secs(1);

pub(crate) enum Item {
    Message(Message),
    /// Everything that this lane has put in earlier is before this position.
    Reached(Lane, Position),
    /// Raised once everything put in earlier is confirmed.
    Flag(Arc<AtomicBool>),
}

impl Item {
    /// The approximate size in bytes.
    pub(crate) fn size(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Message(message) => message.size(),
                Self::Reached(..) | Self::Flag(_) => 0,
            }
    }
}

pub(crate) struct Outbox {
    limit: usize,
    metrics: Arc<Metrics>,
    state: Mutex<State>,
    room: Condvar,
    filled: Notify,
}

#[derive(Default)]
struct State {
    items: VecDeque<Item>,
    /// The size of all unconfirmed messages, taken out or not.
    bytes: usize,
    is_sealed: bool,
    is_closed: bool,
}

impl Outbox {
    pub(crate) fn new(limit: usize, metrics: Arc<Metrics>) -> Self {
        Self { limit, metrics, state: Mutex::default(), room: Condvar::new(), filled: Notify::new() }
    }

    /// Waits for room, with heartbeats; breaks once the outbox is closed.
    pub(crate) fn push(&self, item: Item, beat: impl Fn()) -> ControlFlow<()> {
        let size = item.size();
        let mut beaten = Instant::now();
        let mut state = self.state();
        let mut blocked = None;
        loop {
            if state.is_sealed || state.is_closed {
                return ControlFlow::Break(());
            }
            if state.bytes == 0 || state.bytes.saturating_add(size) <= self.limit {
                state.bytes += size;
                state.items.push_back(item);
                self.filled.notify_one();
                return ControlFlow::Continue(());
            }
            blocked.get_or_insert_with(|| self.metrics.blocked());
            state = self.room.wait_timeout(state, BEAT).unwrap_or_else(PoisonError::into_inner).0;
            if beaten.elapsed() >= BEAT {
                drop(state);
                beat();
                beaten = Instant::now();
                state = self.state();
            }
        }
    }

    pub(crate) fn take(&self) -> Option<Item> {
        self.state().items.pop_front()
    }

    /// A message may have arrived since the last `take` that returned nothing.
    pub(crate) async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Frees this number of confirmed bytes.
    pub(crate) fn release(&self, bytes: usize) {
        self.state().bytes -= bytes;
        self.room.notify_all();
    }

    /// Closes the outbox to new messages and wakes all that wait for room. Messages inside are still published.
    pub(crate) fn seal(&self) {
        self.state().is_sealed = true;
        self.room.notify_all();
    }

    /// Waits until all messages are confirmed, up to the given time.
    pub(crate) fn finish(&self, limit: Duration) {
        drop(self.room.wait_timeout_while(self.state(), limit, |state| state.bytes > 0 && !state.is_closed));
    }

    pub(crate) fn close(&self) {
        self.state().is_closed = true;
        self.room.notify_all();
        self.filled.notify_one();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state().is_closed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
