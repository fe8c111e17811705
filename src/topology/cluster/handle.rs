//! The handle of a cluster that is followed.

use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::topology::cluster::positions::{Positions, SavedShard};
use crate::topology::cluster::queue::Queue;
use crate::topology::cluster::shard::Shard;
use crate::topology::cluster::shared::Shared;

/// The followers of all primaries of a cluster, at work. Dropping it ends them all.
///
/// ```no_run
/// use std::ops::ControlFlow;
/// use redtail::topology::{Cluster, Shard};
/// use redtail::Event;
///
/// let print = |shard: &Shard, event: Event<'_>| {
///     println!("{}: {event:?}", shard.slots());
///     ControlFlow::Continue(())
/// };
/// let mut cluster =
///     Cluster::builder(["10.0.0.1:6379"])?.follow(|notice| eprintln!("{notice}"), move |_| print)?;
/// let stopper = cluster.stopper(); // for another thread
/// cluster.wait();
/// # Ok::<(), redtail::topology::ClusterError>(())
/// ```
#[derive(Debug)]
pub struct ClusterHandle {
    shared: Arc<Shared>,
    coordinator: Option<JoinHandle<()>>,
    /// Its sender ends with the coordinator.
    end: Mutex<Receiver<()>>,
}

/// Ends the followers of a [`ClusterHandle`] from any thread.
///
/// ```
/// # use redtail::topology::Stopper;
/// fn on_signal(stopper: &Stopper) {
///     stopper.stop();
///     assert!(stopper.is_stopped());
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Stopper {
    shared: Arc<Shared>,
}

impl ClusterHandle {
    pub(super) const fn new(shared: Arc<Shared>, coordinator: JoinHandle<()>, end: Receiver<()>) -> Self {
        Self { shared, coordinator: Some(coordinator), end: Mutex::new(end) }
    }

    /// The shards that are followed.
    pub fn shards(&self) -> Vec<Shard> {
        self.shared.shards().clone()
    }

    /// The position of each shard up to which its handler has returned, with the [`lost`](Self::lost) positions. A
    /// shard in the middle of a snapshot has none.
    pub fn positions(&self) -> Positions {
        let shards: Vec<_> = self.shared.shards().iter().filter_map(Shard::saved).collect();
        Positions { shards: shards.into_iter().chain(self.lost()).collect() }
    }

    /// The saved positions that no shard continues, with [`OnGap::Stop`](crate::OnGap::Stop).
    pub fn lost(&self) -> Vec<SavedShard> {
        self.shared.lost()
    }

    /// For [`Ack::Applied`](crate::Ack::Applied): everything up to these [`positions`](Self::positions) is safely kept.
    /// Commits each position to the [`Shard::handle`] of its shard. A position whose shard has left, or of a history
    /// that a gap has ended, is ignored.
    pub fn commit(&self, positions: &Positions) {
        let shards = self.shards();
        let owner = |saved: &SavedShard| {
            let mut continuing = shards.iter().filter(|shard| shard.continues(&saved.position));
            continuing.clone().find(|shard| shard.has_node(&saved.node)).or_else(|| continuing.next())
        };
        for saved in &positions.shards {
            if let Some(shard) = owner(saved) {
                shard.handle().commit(saved.position);
            }
        }
    }

    /// The furthest position of each shard that was committed to [`Shard::handle`], with the [`lost`](Self::lost)
    /// positions. For handlers that return before their sink has stored the event.
    ///
    /// A shard without a commit has the saved position from which it started, or none. A shard that has left the
    /// cluster is included until its last position is committed.
    pub fn committed(&self) -> Positions {
        self.shared.left().retain(|shard| shard.committed() != shard.position());
        let (shards, left) = (self.shared.shards().clone(), self.shared.left().clone());
        // A shard that is just leaving may be in both.
        let all = shards.iter().chain(left.iter().filter(|shard| !shards.contains(shard)));
        Positions { shards: all.filter_map(|shard| shard.saved_at(shard.committed())).chain(self.lost()).collect() }
    }

    /// Ends the followers from another thread, a handler or a signal handler's thread.
    pub fn stopper(&self) -> Stopper {
        Stopper { shared: Arc::clone(&self.shared) }
    }

    /// Ends all followers and waits for their threads, until the handlers return. Outside Linux it also waits for
    /// attempts to connect. Not to be called in a handler, which returns
    /// [`ControlFlow::Break`](std::ops::ControlFlow::Break) or uses a [`Stopper`].
    ///
    /// # Panics
    /// If a handler has panicked.
    pub fn stop(&mut self) {
        self.shared.stop();
        self.wait();
    }

    /// Waits until a handler or a [`Stopper`] ends the followers.
    ///
    /// # Panics
    /// If a handler has panicked.
    pub fn wait(&mut self) {
        if let Some(Err(panic)) = self.coordinator.take().map(JoinHandle::join) {
            resume_unwind(panic);
        }
    }

    /// Waits as [`wait`](Self::wait), at most `limit`. Returns whether the followers have ended.
    ///
    /// # Panics
    /// If a handler has panicked.
    pub fn wait_timeout(&mut self, limit: Duration) -> bool {
        let end = self.end.get_mut().unwrap_or_else(PoisonError::into_inner);
        let has_ended = end.recv_timeout(limit) == Err(RecvTimeoutError::Disconnected);
        if has_ended {
            self.wait();
        }
        has_ended
    }

    pub(super) fn close_at_end(&self, queue: Arc<Queue>) {
        self.shared.close_at_end(queue);
    }
}

impl Drop for ClusterHandle {
    fn drop(&mut self) {
        self.shared.stop();
        if let Some(coordinator) = self.coordinator.take() {
            // Its panic was printed. Another panic in a destructor would abort the process.
            let _ = coordinator.join();
        }
    }
}

impl Stopper {
    /// Ends all followers. It does not wait for their threads.
    pub fn stop(&self) {
        self.shared.stop();
    }

    /// Whether the followers were stopped: by any stopper, a handler, or a panic.
    pub fn is_stopped(&self) -> bool {
        self.shared.is_stopped()
    }
}
