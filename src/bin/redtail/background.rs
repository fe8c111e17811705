//! Threads that run beside the work.

use std::{io, thread};

use crate::terminal::log;

/// Starts a thread. Ends the process with a message if the system refuses it, since the run would lack a part.
pub(crate) fn start(name: &str, work: impl FnOnce() + Send + 'static) {
    if let Err(error) = thread::Builder::new().name(format!("redtail-{name}")).spawn(work) {
        log::fail(not_started(name, &error));
        std::process::exit(1);
    }
}

/// The message about a thread that the system refuses.
pub(crate) fn not_started(name: &str, error: &io::Error) -> String {
    format!(
        "can't start a thread ({name}): {error}; a limit of memory (ulimit -v) or of processes (ulimit -u) is too low"
    )
}
