//! What the terminal can do.

use std::env;

use indicatif::ProgressDrawTarget;

/// It knows no colours, and can't go back to the start of a line.
pub(crate) fn is_dumb() -> bool {
    env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Where lines are drawn that change: nowhere, if standard error is no terminal or a dumb one.
pub(crate) fn draw_target() -> ProgressDrawTarget {
    if is_dumb() { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(10) }
}
