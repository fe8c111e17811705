//! A bar on standard error while a snapshot comes, where that is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::terminal::capability::draw_target;
use crate::terminal::status;

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
        let target = if status::is_shown() { ProgressDrawTarget::hidden() } else { draw_target() };
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
