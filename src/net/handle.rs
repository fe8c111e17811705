//! What must work while an event is borrowed or a read blocks.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use crate::net::transport::Remote;
use crate::replication::{Heartbeat, Position};
use crate::resp::encode_command;

/// Works on a [`Follower`](crate::Follower) from any thread, and may outlive it.
#[derive(Clone, Default)]
pub struct Handle {
    pub(super) shared: Arc<Shared>,
}

impl Handle {
    /// A handle for a follower that is still to be made: give it to [`Builder::handle`](crate::Builder::handle).
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the follower: what blocks in it returns, and `next` gives `None` from now on. A read or write ends at once, a pause
    /// before a reconnect within a tenth of a second, an attempt to connect when it is through.
    ///
    /// Takes no lock, allocates nothing and never waits, so that a signal handler may call it; it sets a flag and shuts the socket
    /// down. (Over the caller's own [`Transport`](crate::net::Transport) that holds if its [`Remote::stop`] keeps to it.)
    pub fn stop(&self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.shared.stop_link();
    }

    /// Ends the present link, so that the follower connects anew, by its connector, and goes on where it was. For those who know that the
    /// server behind the link is no longer the right one. Does nothing while there is no link, or over a transport that has no
    /// [`remote`](crate::net::Transport::remote).
    pub fn reconnect(&self) {
        if let Some(remote) = self.shared.remote() {
            remote.stop();
        }
    }

    /// Whether [`stop`](Self::stop) was called.
    pub fn is_stopped(&self) -> bool {
        self.shared.stopped.load(Ordering::Acquire)
    }

    /// Tells the primary that the link lives, at once, as `next` does each second. For consumers that work on one event for longer
    /// than the primary's `repl-timeout` (60 s). Does nothing while there is no link, or none that may be spoken on, or over
    /// a transport that has no [`remote`](crate::net::Transport::remote).
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

    /// As [`Follower::commit`](crate::Follower::commit), for a sink with a thread of its own: everything up to this position is safely
    /// kept. Of two that come close together only the later one counts. The primary hears of it from the thread that is in `next`, within
    /// a second or when it asks.
    pub fn commit(&self, position: Position) {
        self.shared.committed().take_in(position);
        self.shared.has_committed.store(true, Ordering::Release);
    }

    /// The furthest place that was committed; of several histories, in the last.
    pub(crate) fn committed(&self) -> Option<Position> {
        self.shared.committed().furthest
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
    /// What was committed; and whether anything was since the follower last looked, so that it looks without the lock.
    committed: Mutex<Committed>,
    has_committed: AtomicBool,
}

/// What was committed through handles.
#[derive(Default)]
struct Committed {
    /// Since the follower last looked.
    news: Option<Position>,
    furthest: Option<Position>,
}

impl Committed {
    fn take_in(&mut self, position: Position) {
        self.news = Some(position);
        let is_behind = |other: &Position| other.history == position.history && other.offset > position.offset;
        if !self.furthest.as_ref().is_some_and(is_behind) {
            self.furthest = Some(position);
        }
    }
}

/// Offsets are below 2^63, so the highest values are free to mean something else.
const NO_BEAT: u64 = u64::MAX;
const NEWLINE: u64 = u64::MAX - 1;

impl Shared {
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
        // What was there is dropped only after the lock is free again.
        let _before = self.with_link(|link| std::mem::replace(link, remote));
    }

    /// What was committed through a handle since this was last asked.
    #[inline]
    pub(super) fn take_committed(&self) -> Option<Position> {
        if !self.has_committed.load(Ordering::Acquire) {
            return None;
        }
        self.has_committed.store(false, Ordering::Relaxed);
        self.committed().news.take()
    }

    fn committed(&self) -> MutexGuard<'_, Committed> {
        self.committed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits, but not much longer than until somebody stops the follower. It looks again and again because nothing that could wake it
    /// may be called in a signal handler on every system.
    pub(super) fn pause(&self, time: Duration) {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()).filter(|_| !self.is_stopped()) {
            std::thread::sleep(left.min(LONGEST_NAP));
        }
    }

    fn heartbeat(&self) -> Option<Heartbeat> {
        match self.beat.load(Ordering::Relaxed) {
            NO_BEAT => None,
            NEWLINE => Some(Heartbeat::Newline),
            offset => Some(Heartbeat::Ack(offset)),
        }
    }

    fn remote(&self) -> Option<Arc<dyn Remote>> {
        self.with_link(|link| link.clone())
    }

    /// Every use of the link but that of `stop_link`. A stop that finds the lock taken leaves its work to whoever holds it, and that
    /// is here.
    fn with_link<R>(&self, work: impl FnOnce(&mut Option<Arc<dyn Remote>>) -> R) -> R {
        // A panic elsewhere leaves nothing half-done under this lock.
        let result = work(&mut self.link.lock().unwrap_or_else(PoisonError::into_inner));
        fence(Ordering::SeqCst);
        if self.is_stopped() {
            self.stop_link();
        }
        result
    }

    /// Between setting the flag and trying the lock lies a fence, and between freeing the lock and reading the flag another: at least one
    /// side sees what the other has done.
    fn stop_link(&self) {
        fence(Ordering::SeqCst);
        let link = match self.link.try_lock() {
            Ok(link) => link,
            Err(TryLockError::Poisoned(error)) => error.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        if let Some(remote) = &*link {
            remote.stop();
        }
    }
}

/// How late a pause may notice that it is to end.
const LONGEST_NAP: Duration = Duration::from_millis(100);

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails is to stop")]
mod tests {
    use super::*;

    #[test]
    fn the_furthest_place_that_was_committed_is_kept() {
        let at = |digit: &str, offset: u64| -> Position { format!("{}:{offset}:0", digit.repeat(40)).parse().unwrap() };
        let handle = Handle::new();
        assert_eq!(handle.committed(), None);
        for (committed, furthest) in [(at("a", 5), at("a", 5)), (at("a", 3), at("a", 5)), (at("b", 1), at("b", 1))] {
            handle.commit(committed);
            assert_eq!(handle.committed(), Some(furthest));
            // The follower hears the last word, as it always did.
            assert_eq!(handle.shared.take_committed(), Some(committed));
        }
        assert_eq!((handle.shared.take_committed(), handle.committed()), (None, Some(at("b", 1))));
    }
}
