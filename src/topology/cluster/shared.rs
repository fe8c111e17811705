//! The state that all threads of a cluster share, and the messages to the coordinator.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::net::Error;
use crate::topology::cluster::positions::SavedShard;
use crate::topology::cluster::queue::Queue;
use crate::topology::cluster::shard::Shard;
use crate::topology::ending::Ending;

#[derive(Debug)]
pub(super) struct Shared {
    stopped: AtomicBool,
    shards: Mutex<Vec<Shard>>,
    /// Removed shards with a last position that is not committed yet.
    left: Mutex<Vec<Shard>>,
    /// Saved positions that the next start reports again.
    lost: OnceLock<Vec<SavedShard>>,
    /// The queue of a merged stream.
    queue: OnceLock<Arc<Queue>>,
    coordinator: Sender<Message>,
    /// Ends the coordinator's connections to nodes.
    ending: Arc<Ending>,
}

/// A message to the coordinator.
#[derive(Debug)]
pub(super) enum Message {
    /// A shard has lost its connection.
    ConnectionLost,
    /// The thread of a shard has ended; `None`: it panicked.
    Ended(Shard, Option<Result<(), Error>>),
    Stop,
}

impl Shared {
    pub(super) fn new(coordinator: Sender<Message>) -> Self {
        Self {
            stopped: AtomicBool::new(false),
            shards: Mutex::new(Vec::new()),
            left: Mutex::new(Vec::new()),
            lost: OnceLock::new(),
            queue: OnceLock::new(),
            coordinator,
            ending: Arc::default(),
        }
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.tell(Message::Stop);
        self.ending.end();
        self.shards().iter().for_each(|shard| shard.handle().stop());
        if let Some(queue) = self.queue.get() {
            queue.close();
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    pub(super) fn ending(&self) -> &Arc<Ending> {
        &self.ending
    }

    /// Sends a message to the coordinator. Nobody reads it once the coordinator has ended.
    pub(super) fn tell(&self, message: Message) {
        let _ = self.coordinator.send(message);
    }

    /// Closes this queue at the end, so that no thread waits for room in it.
    pub(super) fn close_at_end(&self, queue: Arc<Queue>) {
        let queue = self.queue.get_or_init(|| queue);
        if self.is_stopped() {
            queue.close();
        }
    }

    pub(super) fn shards(&self) -> MutexGuard<'_, Vec<Shard>> {
        self.shards.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn left(&self) -> MutexGuard<'_, Vec<Shard>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// To be called once, before the threads start.
    pub(super) fn set_lost(&self, lost: Vec<SavedShard>) {
        self.lost.get_or_init(|| lost);
    }

    pub(super) fn lost(&self) -> Vec<SavedShard> {
        self.lost.get().cloned().unwrap_or_default()
    }
}
