//! A line on standard error that tells how it goes, where that is a terminal.

use std::fmt::Display;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::progress;

/// Gone again when dropped.
pub(crate) struct Status {
    bar: ProgressBar,
    next: Instant,
}

const INTERVAL: Duration = Duration::from_millis(250);

impl Status {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, progress::terminal());
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        Self { bar, next: Instant::now() }
    }

    /// How long until something is to be shown; `None`: nobody looks.
    pub(crate) fn patience(&self) -> Option<Duration> {
        (!self.bar.is_hidden()).then(|| self.next.saturating_duration_since(Instant::now()))
    }

    pub(crate) fn show(&mut self, words: impl Display) {
        self.bar.set_message(words.to_string());
        self.bar.tick();
        self.next = Instant::now() + INTERVAL;
    }

    /// Does what writes lines of its own.
    pub(crate) fn aside(&self, work: impl FnOnce()) {
        self.bar.suspend(work);
    }
}

impl Drop for Status {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
