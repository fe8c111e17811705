//! All shards as one stream of events that own their data.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::net::Builder;
use crate::owned::{OwnedCommand, OwnedEvent};
use crate::replication::{Event, Position, Start};
use crate::topology::cluster::error::ClusterError;
use crate::topology::cluster::event::{ClusterEvent, Notice};
use crate::topology::cluster::handle::{ClusterHandle, Stopper};
use crate::topology::cluster::positions::{Positions, SavedShard};
use crate::topology::cluster::queue::Queue;
use crate::topology::cluster::shard::Shard;
use crate::topology::cluster::source::Cluster;

/// All shards of a cluster as one stream of events, with the methods of a [`Follower`](crate::Follower). The events of
/// each shard are in order. There is no order across shards.
///
/// The stream holds a limited number of events, and at most 64 MiB of them. If its reader is slow, the shards' threads
/// wait, and send a heartbeat to their primaries each second.
///
/// ```no_run
/// use redtail::topology::{Cluster, ClusterEvent};
///
/// let mut merged = Cluster::builder(["10.0.0.1:6379"])?.merged(1024)?;
/// while let Some(event) = merged.next_event() {
///     match event {
///         ClusterEvent::Shard { shard, event } => println!("{}: {event:?}", shard.slots()),
///         ClusterEvent::Notice(notice) => eprintln!("{notice}"),
///         _ => {}
///     }
/// }
/// # Ok::<(), redtail::topology::ClusterError>(())
/// ```
#[derive(Debug)]
pub struct Merged {
    handle: ClusterHandle,
    queue: Arc<Queue>,
    /// The position of each shard in the delivered events.
    reached: Vec<(Shard, Option<Position>)>,
    /// The saved positions of shards that are not announced yet.
    saved: Vec<SavedShard>,
}

impl Builder<Cluster> {
    /// Follows every primary, and gives all their events as one stream. The stream holds up to `capacity` events.
    ///
    /// # Errors
    /// As [`follow`](Self::follow).
    pub fn merged(self, capacity: usize) -> Result<Merged, ClusterError> {
        let saved = self.source.positions.shards.clone();
        let queue = Arc::new(Queue::new(capacity.max(1)));
        let (notices, events) = (Arc::clone(&queue), Arc::clone(&queue));
        let notice = move |notice| {
            // A closed queue has no reader.
            let _ = notices.push(ClusterEvent::Notice(notice), || {});
        };
        let factory = move |_: &Shard| {
            let queue = Arc::clone(&events);
            let mut delivered = None;
            move |shard: &Shard, event: Event<'_>| {
                if let Event::Idle(idle) = event {
                    // Only a new position is news.
                    if std::mem::replace(&mut delivered, idle.position) == idle.position {
                        return ControlFlow::Continue(());
                    }
                }
                let event = ClusterEvent::Shard { shard: shard.clone(), event: event.to_owned_event() };
                // The next read notices a connection that can't be written to.
                queue.push(event, || drop(shard.handle().heartbeat()))
            }
        };
        let handle = self.follow(notice, factory)?;
        handle.close_at_end(Arc::clone(&queue));
        Ok(Merged { handle, queue, reached: Vec::new(), saved })
    }
}

impl Merged {
    /// The next event; waits for it. `None` once the stream was stopped and its buffered events are delivered. While
    /// nobody writes, it waits until a shard's position changes: by a PING of its primary, every 10 s by default.
    pub fn next_event(&mut self) -> Option<ClusterEvent> {
        self.next_until(None)
    }

    /// The next event; waits at most `limit` for it, then returns [`ClusterEvent::Idle`]. `None` as
    /// [`next_event`](Self::next_event).
    pub fn next_timeout(&mut self, limit: Duration) -> Option<ClusterEvent> {
        // A limit beyond all clocks is none.
        self.next_until(Instant::now().checked_add(limit))
    }

    /// All further events as an iterator, which ends as [`next_event`](Self::next_event) does.
    pub fn events(&mut self) -> impl Iterator<Item = ClusterEvent> {
        std::iter::from_fn(|| self.next_event())
    }

    /// The positions after the last delivered event. To be saved once that event is stored.
    pub fn positions(&self) -> Positions {
        let reached = self.reached.iter().filter_map(|(shard, position)| shard.saved_at(*position));
        // A lost position is reported once, but remains with `OnGap::Stop`.
        let mut lost = self.handle.lost();
        lost.retain(|lost| !self.saved.contains(lost));
        Positions { shards: reached.chain(self.saved.iter().cloned()).chain(lost).collect() }
    }

    /// For [`Ack::Applied`](crate::Ack::Applied): everything up to these positions is safely kept; see
    /// [`ClusterHandle::commit`].
    pub fn commit(&self, positions: &Positions) {
        self.handle.commit(positions);
    }

    /// The committed positions; see [`ClusterHandle::committed`].
    pub fn committed(&self) -> Positions {
        self.handle.committed()
    }

    /// The shards that are followed.
    pub fn shards(&self) -> Vec<Shard> {
        self.handle.shards()
    }

    /// Ends the stream from another thread or a signal handler's thread. Buffered events are still delivered.
    pub fn stopper(&self) -> Stopper {
        self.handle.stopper()
    }

    /// Ends all followers and waits for their threads. Buffered events are still delivered.
    pub fn stop(&mut self) {
        self.handle.stop();
    }

    fn next_until(&mut self, end: Option<Instant>) -> Option<ClusterEvent> {
        let event = self.queue.pop(end)?;
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
            ClusterEvent::Notice(_) | ClusterEvent::Idle => {}
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

impl Drop for Merged {
    fn drop(&mut self) {
        // The handle's drop waits for the threads, and they may wait for room.
        self.queue.close();
    }
}

/// The position after the event.
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
