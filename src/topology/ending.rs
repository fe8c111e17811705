//! The end of a thread that waits for servers.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fmt, io};

use crate::net::Remote;

/// Ends the connections and the pauses of one thread, from another thread.
#[derive(Default)]
pub(super) struct Ending {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    has_ended: bool,
    connections: Vec<Box<dyn Remote>>,
}

impl Ending {
    /// Ends the connections and the pause of the thread. It never blocks.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.has_ended = true;
        state.connections.iter().for_each(|connection| connection.stop());
        self.ended.notify_all();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state().has_ended
    }

    /// Adds a connection of the thread, or an attempt to connect, until the present [`scope`](Self::scope) ends.
    ///
    /// # Errors
    /// If the thread is to end.
    pub(super) fn add(&self, connection: Box<dyn Remote>) -> io::Result<()> {
        let mut state = self.state();
        if state.has_ended {
            return Err(io::Error::other("stopped"));
        }
        state.connections.push(connection);
        Ok(())
    }

    /// Runs `work`. The connections that it makes end with it, because a remote control keeps a socket open.
    pub(super) fn scope<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = self.state().connections.len();
        let result = work();
        self.state().connections.truncate(before);
        result
    }

    /// Waits.
    pub(super) fn pause(&self, limit: Duration) {
        let _woken = self.ended.wait_timeout_while(self.state(), limit, |state| !state.has_ended);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ending").finish_non_exhaustive()
    }
}
