//! A progress bar for a snapshot, if standard error is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::terminal::capability::draw_target;
use crate::terminal::status;

/// Removed when dropped.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// `length`: the size of the snapshot in bytes, if the server has sent it.
    pub(crate) fn new(length: Option<u64>) -> Self {
        let template = match length {
            Some(_) => "{bytes} of {total_bytes} [{wide_bar}] {percent}% {bytes_per_sec}, {eta} left",
            None => "{spinner} {bytes}, {bytes_per_sec}, {elapsed} so far (total size unknown)",
        };
        // Two changing lines would overwrite each other.
        let target = if status::is_shown() { ProgressDrawTarget::hidden() } else { draw_target() };
        let bar = ProgressBar::with_draw_target(length, target);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> ").tick_chars("|/-\\ "));
        }
        // Keeps the rate current during a stall.
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
