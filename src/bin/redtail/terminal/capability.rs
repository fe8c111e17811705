//! The capabilities of the terminal.

use std::env;
use std::io::{self, IsTerminal};

use indicatif::ProgressDrawTarget;

/// Whether the terminal has no colors and can't rewrite a line.
pub(crate) fn is_dumb() -> bool {
    env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Whether standard output is a terminal that shows UTF-8.
pub(crate) fn is_utf8_terminal() -> bool {
    io::stdout().is_terminal() && (cfg!(windows) || is_utf8_locale())
}

/// Whether the first of the variables that decide it names UTF-8.
fn is_utf8_locale() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(env::var_os).find(|value| !value.is_empty());
    let name = set.unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    name.ends_with("utf-8") || name.ends_with("utf8") || name.contains("utf-8@") || name.contains("utf8@")
}

/// The target for changing lines. Hidden if standard error is not a terminal, or is a dumb one.
pub(crate) fn draw_target() -> ProgressDrawTarget {
    if is_dumb() { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(10) }
}
