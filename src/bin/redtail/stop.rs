//! Signals that ask for an end.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::Failure;
use crate::save;

static WANTED: AtomicBool = AtomicBool::new(false);

/// The first signal lets us end in order: whoever works in a loop asks whether that [is wanted](is_wanted). A second one ends us where we
/// stand: whoever reads our output may not be reading.
pub(crate) fn on_signals() -> Result<(), Failure> {
    on_signals_do(|| {})
}

/// The same, where the first signal does something besides.
pub(crate) fn on_signals_do(end: impl Fn() + Send + 'static) -> Result<(), Failure> {
    let stop = move || {
        if WANTED.swap(true, Ordering::SeqCst) {
            save::abandon();
            std::process::exit(130);
        }
        end();
    };
    ctrlc::set_handler(stop).map_err(|error| Failure::Words(format!("can't listen for Ctrl-C: {error}")))
}

pub(crate) fn is_wanted() -> bool {
    WANTED.load(Ordering::SeqCst)
}
