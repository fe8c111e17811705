//! The end of the bridge: by a signal, or by a failure.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The reason of the end, and the exit code: 1 for a temporary failure, 2 for arguments and settings, 4 for lost
/// history.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    pub(crate) words: String,
}

impl Failure {
    pub(crate) fn new(code: u8, words: impl Into<String>) -> Self {
        Self { code, words: words.into() }
    }
}

#[derive(Default)]
pub(crate) struct End {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    is_over: bool,
    failure: Option<Failure>,
}

impl End {
    pub(crate) fn stop(&self) {
        self.state().is_over = true;
        self.changed.notify_all();
    }

    /// The first failure counts: later ones usually follow from it.
    pub(crate) fn fail(&self, failure: Failure) {
        self.state().failure.get_or_insert(failure);
        self.stop();
    }

    /// Waits up to the given time. Returns whether the bridge has ended.
    pub(crate) fn wait(&self, limit: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.state(), limit, |state| !state.is_over);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_over
    }

    pub(crate) fn failure(&self) -> Option<Failure> {
        self.state().failure.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
