//! Control of a follower from other threads: stop, reconnect, heartbeat, commit.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use crate::net::transport::Remote;
use crate::replication::{Commits, Heartbeat, Position};
use crate::resp::encode_command;

/// Controls a [`Follower`](crate::Follower) from any thread, and may outlive it. Clones control the same follower.
///
/// ```
/// let handle = redtail::Handle::new();
/// let of_another_thread = handle.clone();
/// of_another_thread.stop();
/// assert!(handle.is_stopped());
/// ```
#[derive(Clone, Default)]
pub struct Handle {
    pub(super) shared: Arc<HandleState>,
}

impl Handle {
    /// A handle for a future follower: pass it to [`Builder::handle`](crate::Builder::handle).
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends the follower: a call that blocks returns, and every later call returns that the follower has ended. A read
    /// or write ends at once, a pause before a reconnect within 100 ms. An attempt to connect over TCP ends at once on
    /// Linux; elsewhere, and while a name is resolved, it ends when it succeeds or fails. So does an attempt of the
    /// caller's own connector.
    ///
    /// A signal handler may call this: it takes no lock, allocates nothing and never waits. It sets a flag and shuts
    /// the socket down. For the caller's own [`Transport`](crate::net::Transport) this depends on its [`Remote::stop`].
    pub fn stop(&self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        self.shared.stop_link();
    }

    /// Ends the present connection, so that the follower connects again and resumes: for callers that know that the
    /// server is no longer the right one. Does nothing without a connection, or if its transport has no
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

    /// Sends an acknowledgement to the primary now, as the follower does each second while it waits for an event: for
    /// consumers that work on one event for longer than the primary's `repl-timeout` (60 s). Its offset contains all
    /// earlier [commits](Self::commit).
    ///
    /// Does nothing without a connection, during the handshake, or if the transport has no
    /// [`remote`](crate::net::Transport::remote).
    ///
    /// # Errors
    /// The error of the write. The connection is unusable then, and the follower replaces it.
    pub fn heartbeat(&self) -> io::Result<()> {
        let (Some(remote), Some(beat)) = (self.shared.remote(), self.shared.heartbeat()) else { return Ok(()) };
        match beat {
            Heartbeat::Newline => remote.send(b"\n"),
            Heartbeat::Ack(reached) => {
                let offset = self.shared.commits().copy.acknowledge(reached);
                let mut bytes = [0; 64];
                let length = encode_command(&mut bytes, &[b"REPLCONF", b"ACK", offset.to_string().as_bytes()])
                    .map_err(io::Error::other)?;
                remote.send(bytes.get(..length).unwrap_or_default())
            }
        }
    }

    /// As [`Follower::commit`](crate::Follower::commit), for a sink on another thread: everything up to this position
    /// is stored. Of two commits in quick succession the later one counts.
    ///
    /// If the primary has requested an acknowledgement that this commit makes possible (WAIT), this call sends it.
    /// Otherwise the follower's thread acknowledges the position within a second.
    pub fn commit(&self, position: Position) {
        if self.shared.commit(position) {
            // If the write fails, the follower finds the connection lost.
            let _ = self.heartbeat();
        }
    }

    /// Makes [`stop`](Self::stop) end this attempt to connect, or this connection. An error if it was called already.
    pub(crate) fn controls(&self, remote: Box<dyn Remote>) -> io::Result<()> {
        self.shared.set_link(Some(Arc::from(remote)));
        if self.is_stopped() { Err(io::Error::other("stopped")) } else { Ok(()) }
    }

    /// The furthest committed position; of several histories, in the last one.
    pub(crate) fn committed(&self) -> Option<Position> {
        self.shared.commits().furthest
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Handle(stopped: {})", self.is_stopped())
    }
}

/// The state that a follower shares with its handles.
#[derive(Default)]
pub(super) struct HandleState {
    stopped: AtomicBool,
    beat: AtomicU64,
    link: Mutex<Option<Arc<dyn Remote>>>,
    commits: Mutex<SharedCommits>,
    /// Whether there is a commit that the follower has not taken yet: it checks this without the lock.
    has_committed: AtomicBool,
}

/// The positions that were committed to handles.
#[derive(Default)]
struct SharedCommits {
    /// The commit that the follower has not taken yet.
    news: Option<Position>,
    furthest: Option<Position>,
    /// The follower's own commits when it last changed them, and those of handles since.
    copy: Commits,
}

impl SharedCommits {
    fn add(&mut self, position: Position) {
        self.copy.commit(position);
        let is_behind = |other: &Position| other.history == position.history && other.offset > position.offset;
        if !self.news.as_ref().is_some_and(is_behind) {
            self.news = Some(position);
        }
        if !self.furthest.as_ref().is_some_and(is_behind) {
            self.furthest = Some(position);
        }
    }
}

/// Offsets are below 2^63, so the highest values can have other meanings.
const NO_BEAT: u64 = u64::MAX;
const NEWLINE: u64 = u64::MAX - 1;

impl HandleState {
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
        // The former link is dropped after the lock is released.
        let _before = self.with_link(|link| std::mem::replace(link, remote));
    }

    /// The commit since the last call.
    #[inline]
    pub(super) fn take_committed(&self) -> Option<Position> {
        if !self.has_committed.load(Ordering::Acquire) {
            return None;
        }
        self.has_committed.store(false, Ordering::Relaxed);
        self.commits().news.take()
    }

    /// Replaces the copy by the result of `update`, which receives the commit since the last call.
    pub(super) fn share_commits(&self, update: impl FnOnce(Option<Position>) -> Commits) {
        let mut commits = self.commits();
        let news = commits.news.take();
        commits.copy = update(news);
    }

    /// Keeps a commit for the follower. Returns whether the primary waits for it.
    fn commit(&self, position: Position) -> bool {
        let mut commits = self.commits();
        commits.add(position);
        self.has_committed.store(true, Ordering::Release);
        matches!(self.heartbeat(), Some(Heartbeat::Ack(reached)) if commits.copy.is_awaited(reached))
    }

    fn commits(&self) -> MutexGuard<'_, SharedCommits> {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps, in short naps, until the time has passed or the follower is stopped. A wake-up would need a function
    /// that a signal handler may not call on every system.
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

    /// Every use of the link except by `stop_link`. If `stop_link` finds the lock taken, the holder has to stop the
    /// link, and the holder is here.
    fn with_link<R>(&self, work: impl FnOnce(&mut Option<Arc<dyn Remote>>) -> R) -> R {
        // A panic elsewhere leaves nothing half-done under this lock.
        let result = work(&mut self.link.lock().unwrap_or_else(PoisonError::into_inner));
        fence(Ordering::SeqCst);
        if self.is_stopped() {
            self.stop_link();
        }
        result
    }

    /// There is a fence between setting the flag and trying the lock, and another between releasing the lock and
    /// reading the flag. So at least one side sees the action of the other.
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

/// The delay after which a pause notices a stop.
const LONGEST_NAP: Duration = Duration::from_millis(100);

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails is to stop")]
mod tests {
    use super::*;

    #[test]
    fn the_furthest_committed_position_is_kept() {
        let at = |digit: &str, offset: u64| -> Position { format!("{}:{offset}:0", digit.repeat(40)).parse().unwrap() };
        let handle = Handle::new();
        assert_eq!(handle.committed(), None);
        for (committed, furthest) in [(at("a", 5), at("a", 5)), (at("a", 3), at("a", 5)), (at("b", 1), at("b", 1))] {
            handle.commit(committed);
            assert_eq!(handle.committed(), Some(furthest));
            // The follower receives the last commit, even if it is not the furthest.
            assert_eq!(handle.shared.take_committed(), Some(committed));
        }
        assert_eq!((handle.shared.take_committed(), handle.committed()), (None, Some(at("b", 1))));
    }
}
