//! SIGINT, SIGTERM and SIGHUP.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::Failure;
use crate::snapshot_file;

static STOPPED: AtomicBool = AtomicBool::new(false);
static ON_STOP: OnceLock<Box<dyn Fn() + Send + Sync>> = OnceLock::new();

/// Listens for signals. The first one calls the function of [`on_stop`], or `otherwise` if there is none yet.
/// The second one ends the process with exit code 130, since the reader of the output may be stuck.
pub(crate) fn listen(otherwise: impl Fn() + Send + 'static) -> Result<(), Failure> {
    let stop = move || {
        if STOPPED.swap(true, Ordering::SeqCst) {
            snapshot_file::abandon();
            std::process::exit(130);
        }
        match ON_STOP.get() {
            Some(stop) => stop(),
            None => otherwise(),
        }
    };
    ctrlc::set_handler(stop).map_err(|error| Failure::Message(format!("can't listen for Ctrl-C: {error}")))
}

/// Sets what the first signal calls. Calls it at once after a signal.
pub(crate) fn on_stop(stop: impl Fn() + Send + Sync + 'static) {
    let stop = ON_STOP.get_or_init(|| Box::new(stop));
    if is_stopped() {
        stop();
    }
}

/// Whether a signal has arrived.
pub(crate) fn is_stopped() -> bool {
    STOPPED.load(Ordering::SeqCst)
}

/// The result of a run whose stream has ended: a failure unless a signal has arrived.
pub(crate) fn end_of_stream() -> Result<(), Failure> {
    match is_stopped() {
        true => Ok(()),
        false => Err(Failure::Message("the server closed the connection, and --reconnect never is set".into())),
    }
}
