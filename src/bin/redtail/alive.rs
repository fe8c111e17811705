//! Keeps the link alive while whoever reads our output does not.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use redtail::Handle;

/// Odd while we print: then nobody reads what the server sends, and nobody acknowledges it.
static PRINTING: AtomicU64 = AtomicU64::new(0);

/// Servers drop a replica that is silent for a minute.
const INTERVAL: Duration = Duration::from_secs(1);

/// Starts a thread that speaks up when printing takes long.
pub(crate) fn watch(handle: Handle) {
    thread::spawn(move || {
        let mut before = 0;
        loop {
            thread::sleep(INTERVAL);
            let now = PRINTING.load(Ordering::Relaxed);
            if now % 2 == 1 && now == before {
                // Without a link there is nobody to speak to.
                let _ = handle.heartbeat();
            }
            before = now;
        }
    });
}

/// Runs what may wait for the reader of our output.
pub(crate) fn while_printing<T>(work: impl FnOnce() -> T) -> T {
    // One thread counts, so that this needs no more than a load and a store.
    let before = PRINTING.load(Ordering::Relaxed);
    PRINTING.store(before + 1, Ordering::Relaxed);
    let result = work();
    PRINTING.store(before + 2, Ordering::Relaxed);
    result
}
