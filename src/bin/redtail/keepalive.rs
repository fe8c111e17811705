//! Keeps connections alive while the reader of the output is slow.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use redtail::Handle;

use crate::background;

/// Servers disconnect a replica that is silent for a minute.
const INTERVAL: Duration = Duration::from_secs(1);

/// Sends heartbeats over one connection while [`while_printing`](Self::while_printing) takes long.
pub(crate) struct Keepalive {
    /// Odd while its thread prints: then nothing reads the connection, and nothing is acknowledged.
    printing: Arc<AtomicU64>,
}

struct Watched {
    printing: Weak<AtomicU64>,
    handle: Handle,
    before: u64,
}

static WATCHED: Mutex<Vec<Watched>> = Mutex::new(Vec::new());

impl Keepalive {
    /// Watches the connection of this handle until dropped.
    pub(crate) fn watch(handle: &Handle) -> Self {
        static STARTED: Once = Once::new();
        STARTED.call_once(|| background::start("heartbeat", beat));
        let printing = Arc::default();
        let watched = Watched { printing: Arc::downgrade(&printing), handle: handle.clone(), before: 0 };
        WATCHED.lock().unwrap_or_else(PoisonError::into_inner).push(watched);
        Self { printing }
    }

    /// Runs work that may wait for the reader of the output.
    pub(crate) fn while_printing<T>(&self, work: impl FnOnce() -> T) -> T {
        // One thread counts, so a load and a store are enough.
        let before = self.printing.load(Ordering::Relaxed);
        self.printing.store(before + 1, Ordering::Relaxed);
        let result = work();
        self.printing.store(before + 2, Ordering::Relaxed);
        result
    }
}

fn beat() {
    loop {
        thread::sleep(INTERVAL);
        WATCHED.lock().unwrap_or_else(PoisonError::into_inner).retain_mut(|watched| {
            let Some(printing) = watched.printing.upgrade() else { return false };
            let now = printing.load(Ordering::Relaxed);
            if now % 2 == 1 && now == watched.before {
                // Fails without a connection, which then needs no heartbeat.
                let _ = watched.handle.heartbeat();
            }
            watched.before = now;
            true
        });
    }
}
