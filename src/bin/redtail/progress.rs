//! A bar on standard error while a snapshot comes, where that is a terminal.

use std::env;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::status;

/// Gone again when dropped.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// `length`: how many bytes will come, where the server has told it.
    pub(crate) fn new(length: Option<u64>) -> Self {
        let template = match length {
            Some(_) => "{bytes} of {total_bytes} [{wide_bar}] {percent}% {bytes_per_sec}, {eta} left",
            None => "{spinner} {bytes}, {bytes_per_sec}, {elapsed} so far (how much will come is not known)",
        };
        // Two of them would write over each other.
        let target = if status::is_shown() { ProgressDrawTarget::hidden() } else { terminal() };
        let bar = ProgressBar::with_draw_target(length, target);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> ").tick_chars("|/-\\ "));
        }
        // So that a stall shows as one.
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    pub(crate) fn at(&self, bytes: u64) {
        self.0.set_position(bytes);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Where such things are drawn.
pub(crate) fn terminal() -> ProgressDrawTarget {
    match env::var_os("TERM") {
        // It can't go back to the start of a line.
        Some(term) if term == "dumb" => ProgressDrawTarget::hidden(),
        // Hidden too where it is no terminal.
        _ => ProgressDrawTarget::stderr_with_hz(10),
    }
}
