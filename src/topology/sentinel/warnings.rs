//! Warnings about the Sentinels of a follower that continues without them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::topology::sentinel::error::SentinelError;

type Call = Box<dyn FnMut(&SentinelError) + Send>;

/// The caller's function. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Warnings(Arc<Mutex<Option<Call>>>);

impl Warnings {
    pub(super) fn new(call: impl FnMut(&SentinelError) + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Some(Box::new(call)))))
    }

    pub(super) fn warn(&self, error: &SentinelError) {
        if let Some(call) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            call(error);
        }
    }

    /// Drops the function. A call in progress ends first.
    pub(super) fn end(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl fmt::Debug for Warnings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Warnings")
    }
}
