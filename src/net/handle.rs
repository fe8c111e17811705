//! What must work while an event is borrowed or a read blocks.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::net::Remote;
use crate::replication::Heartbeat;
use crate::resp::encode_command;

/// Works on a [`Follower`](crate::Follower) from any thread, and may outlive it.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    /// Ends the follower: what blocks in it returns, and `next` gives `None` from now on. Only connecting is not cut short: it ends with
    /// its own time-out, or when the caller's connector returns.
    pub fn stop(&self) {
        self.shared.stopped.store(true, Ordering::Release);
        if let Some(remote) = self.shared.remote() {
            remote.stop();
        }
        // Under the lock, so that a pause that is just about to begin is not missed.
        let _lock = self.shared.link();
        self.shared.wake.notify_all();
    }

    /// Whether [`stop`](Self::stop) was called.
    pub fn is_stopped(&self) -> bool {
        self.shared.stopped.load(Ordering::Acquire)
    }

    /// Tells the primary that the link lives, at once, as `next` does each second. For consumers that work on one event for longer
    /// than the primary's `repl-timeout` (60 s). Does nothing while there is no link, or none that may be spoken on.
    ///
    /// # Errors
    /// What the system says of the write; the link is then of no more use, which `next` will notice.
    pub fn heartbeat(&self) -> io::Result<()> {
        let (Some(remote), Some(beat)) = (self.shared.remote(), self.shared.heartbeat()) else { return Ok(()) };
        match beat {
            Heartbeat::Newline => remote.send(b"\n"),
            Heartbeat::Ack(offset) => {
                let mut bytes = [0; 64];
                let length = encode_command(&mut bytes, &[b"REPLCONF", b"ACK", offset.to_string().as_bytes()])
                    .map_err(io::Error::other)?;
                remote.send(bytes.get(..length).unwrap_or_default())
            }
        }
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Handle(stopped: {})", self.is_stopped())
    }
}

/// What follower and handles share.
#[derive(Default)]
pub(super) struct Shared {
    stopped: AtomicBool,
    beat: AtomicU64,
    link: Mutex<Option<Arc<dyn Remote>>>,
    wake: Condvar,
}

/// Offsets are below 2^63, so the highest values are free to mean something else.
const NO_BEAT: u64 = u64::MAX;
const NEWLINE: u64 = u64::MAX - 1;

impl Shared {
    pub(super) fn handle(self: &Arc<Self>) -> Handle {
        Handle { shared: Arc::clone(self) }
    }

    #[inline]
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    #[inline]
    pub(super) fn set_heartbeat(&self, beat: Option<Heartbeat>) {
        let value = match beat {
            None => NO_BEAT,
            Some(Heartbeat::Newline) => NEWLINE,
            Some(Heartbeat::Ack(offset)) => offset,
        };
        self.beat.store(value, Ordering::Relaxed);
    }

    pub(super) fn set_link(&self, remote: Option<Arc<dyn Remote>>) {
        self.set_heartbeat(None);
        *self.link() = remote;
    }

    /// Waits, but no longer than until somebody stops the follower.
    pub(super) fn pause(&self, time: Duration) {
        let lock = self.link();
        let _ = self.wake.wait_timeout_while(lock, time, |_| !self.is_stopped());
    }

    fn heartbeat(&self) -> Option<Heartbeat> {
        match self.beat.load(Ordering::Relaxed) {
            NO_BEAT => None,
            NEWLINE => Some(Heartbeat::Newline),
            offset => Some(Heartbeat::Ack(offset)),
        }
    }

    fn remote(&self) -> Option<Arc<dyn Remote>> {
        self.link().clone()
    }

    /// A panic elsewhere leaves nothing half-done under this lock.
    fn link(&self) -> MutexGuard<'_, Option<Arc<dyn Remote>>> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
