//! The capabilities of the terminal.

use std::env;

use indicatif::ProgressDrawTarget;

/// Whether the terminal has no colors and can't rewrite a line.
pub(crate) fn is_dumb() -> bool {
    env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// The target for changing lines. Hidden if standard error is not a terminal, or is a dumb one.
pub(crate) fn draw_target() -> ProgressDrawTarget {
    if is_dumb() { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(10) }
}
