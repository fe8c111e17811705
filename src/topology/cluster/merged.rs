//! All shards as one stream of events that own what they hold.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::owned::{OwnedCommand, OwnedContent, OwnedEvent};
use crate::replication::{Event, Position, Start};
use crate::topology::cluster::coordinator::{Following, Notice, Stopper};
use crate::topology::cluster::positions::{Positions, SavedShard};
use crate::topology::cluster::shard::Shard;
use crate::topology::cluster::{Cluster, ClusterError};

/// What a [`Merged`] stream tells.
#[derive(Debug)]
pub enum ClusterEvent {
    /// Something about the cluster.
    Notice(Notice),
    /// An event of a shard.
    Shard {
        /// The shard.
        shard: Shard,
        /// The event.
        event: OwnedEvent,
    },
}

/// All shards of a cluster as one stream: an iterator that ends when it is stopped. Each shard's events come in their order; those of
/// different shards in any.
///
/// It holds a limited number of events (and of bytes, 64 MiB). Where its reader is slow the shards' threads wait, and go on telling their
/// primaries each second that they live.
#[derive(Debug)]
pub struct Merged {
    following: Following,
    queue: Arc<Queue>,
    /// How far what was handed out goes.
    reached: Vec<(Shard, Option<Position>)>,
    /// Saved places of shards that nothing was heard of yet.
    saved: Vec<SavedShard>,
}

impl Merged {
    pub(super) fn begin(mut cluster: Cluster, capacity: usize) -> Result<Self, ClusterError> {
        let saved = std::mem::take(&mut cluster.positions);
        cluster.positions.clone_from(&saved);
        let queue = Arc::new(Queue::new(capacity.max(1)));
        let (notices, events) = (Arc::clone(&queue), Arc::clone(&queue));
        let notice = move |notice| {
            // Where nobody takes it any more, nobody misses it.
            let _ = notices.push(ClusterEvent::Notice(notice), || {});
        };
        let factory = move |_: &Shard| {
            let queue = Arc::clone(&events);
            let mut told = None;
            move |shard: &Shard, event: Event<'_>| {
                if let Event::Idle(idle) = event {
                    // Only so that the position moves on.
                    if std::mem::replace(&mut told, idle.position) == idle.position {
                        return ControlFlow::Continue(());
                    }
                }
                let event = ClusterEvent::Shard { shard: shard.clone(), event: event.to_owned_event() };
                // A link that can't be written to is noticed by whoever reads it next.
                queue.push(event, || drop(shard.handle().heartbeat()))
            }
        };
        let following = cluster.follow(notice, factory)?;
        following.common().on_stop(Arc::clone(&queue));
        Ok(Self { following, queue, reached: Vec::new(), saved: saved.shards })
    }

    /// Everything up to and with what was handed out last. To be saved once that is safely kept.
    pub fn positions(&self) -> Positions {
        let reached = self.reached.iter().filter_map(|(shard, position)| shard.saved(*position));
        // What is lost is told once, but stays where nobody has agreed to that.
        let mut lost = self.following.lost();
        lost.retain(|lost| !self.saved.contains(lost));
        Positions { shards: reached.chain(self.saved.iter().cloned()).chain(lost).collect() }
    }

    /// How far all is safely kept, as [`Following::committed`].
    pub fn committed(&self) -> Positions {
        self.following.committed()
    }

    /// The shards that are followed.
    pub fn shards(&self) -> Vec<Shard> {
        self.following.shards()
    }

    /// To end it from another thread or a signal: what waits is still handed out, and then the end.
    pub fn stopper(&self) -> Stopper {
        self.following.stopper()
    }

    /// Ends all followers and waits for their threads. What waits is still handed out.
    pub fn stop(&mut self) {
        self.following.stop();
    }

    /// The next event; waits at most so long. `None` when nothing came, or it has ended.
    pub fn next_timeout(&mut self, limit: Duration) -> Option<ClusterEvent> {
        let event = self.queue.pop(Some(limit))?;
        self.track(&event);
        Some(event)
    }

    fn track(&mut self, event: &ClusterEvent) {
        match event {
            ClusterEvent::Notice(Notice::Added { shard, start }) => {
                let position = match start {
                    Start::At(position) => {
                        self.saved.retain(|saved| saved.position != *position);
                        Some(*position)
                    }
                    _ => None,
                };
                self.reached.push((shard.clone(), position));
            }
            ClusterEvent::Notice(Notice::Removed { shard, .. }) => self.reached.retain(|(one, _)| one != shard),
            ClusterEvent::Notice(Notice::Lost(lost)) => self.saved.retain(|saved| saved != lost),
            ClusterEvent::Notice(_) => {}
            ClusterEvent::Shard { shard, event } => {
                if let Some((_, reached)) = self.reached.iter_mut().find(|(one, _)| one == shard) {
                    match event {
                        OwnedEvent::SnapshotBegin(_) => *reached = None,
                        _ => *reached = position(event).or(*reached),
                    }
                }
            }
        }
    }
}

impl Iterator for Merged {
    type Item = ClusterEvent;

    fn next(&mut self) -> Option<ClusterEvent> {
        let event = self.queue.pop(None)?;
        self.track(&event);
        Some(event)
    }
}

impl Drop for Merged {
    fn drop(&mut self) {
        // A thread that waits for room would be waited for.
        self.queue.close();
    }
}

/// The place after the event.
fn position(event: &OwnedEvent) -> Option<Position> {
    match event {
        OwnedEvent::Attached(attached) => attached.position,
        OwnedEvent::SnapshotEnd(end) => end.position,
        OwnedEvent::Command(OwnedCommand { position, .. })
        | OwnedEvent::Exec(OwnedCommand { position, .. })
        | OwnedEvent::Control(OwnedCommand { position, .. }) => *position,
        OwnedEvent::Part(part) => part.position,
        OwnedEvent::Idle(idle) => idle.position,
        _ => None,
    }
}

/// A queue with room for so much and no more.
#[derive(Debug)]
pub(super) struct Queue {
    capacity: usize,
    state: Mutex<Waiting>,
    room: Condvar,
    filled: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<(ClusterEvent, usize)>,
    bytes: usize,
    closed: bool,
}

const MOST_BYTES: usize = 64 << 20;
/// How often a thread that waits for room says that its link lives.
const BEAT: Duration = Duration::from_secs(1);

impl Queue {
    fn new(capacity: usize) -> Self {
        Self { capacity, state: Mutex::default(), room: Condvar::new(), filled: Condvar::new() }
    }

    /// Waits for room; breaks if there will be none.
    fn push(&self, event: ClusterEvent, beat: impl Fn()) -> ControlFlow<()> {
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

    fn pop(&self, limit: Option<Duration>) -> Option<ClusterEvent> {
        let end = limit.and_then(|limit| Instant::now().checked_add(limit));
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
                Some(Duration::ZERO) => return None,
                Some(left) => self.filled.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
    }

    /// Takes nothing more.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.room.notify_all();
        self.filled.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// About how many bytes an event holds.
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
        ClusterEvent::Notice(_) => 0,
    };
    held + size_of::<ClusterEvent>()
}
