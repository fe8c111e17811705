//! A status line, if standard error is a terminal.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::terminal::capability::draw_target;

use indicatif::{ProgressBar, ProgressStyle};

/// The current status line. Other output to the terminal hides it meanwhile.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

fn shown() -> std::sync::MutexGuard<'static, Option<ProgressBar>> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `work` while the status line is hidden.
pub(crate) fn while_hidden<T>(work: impl FnOnce() -> T) -> T {
    let line = shown().clone();
    match line {
        Some(line) => line.suspend(work),
        None => work(),
    }
}

/// Whether a status line is shown.
pub(crate) fn is_shown() -> bool {
    shown().as_ref().is_some_and(|line| !line.is_hidden())
}

/// The status line. There is one at a time; it is removed when dropped.
pub(crate) struct Status {
    bar: ProgressBar,
    next: Instant,
}

const INTERVAL: Duration = Duration::from_millis(250);

impl Status {
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, draw_target());
        if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
            bar.set_style(style);
        }
        *shown() = Some(bar.clone());
        Self { bar, next: Instant::now() }
    }

    /// The bar, for a thread that updates it.
    pub(crate) fn bar(&self) -> ProgressBar {
        self.bar.clone()
    }

    /// The time until the next update. `None` without a terminal.
    pub(crate) fn due_in(&self) -> Option<Duration> {
        (!self.bar.is_hidden()).then(|| self.next.saturating_duration_since(Instant::now()))
    }

    pub(crate) fn show(&mut self, message: impl Display) {
        self.bar.set_message(message.to_string());
        self.bar.tick();
        self.next = Instant::now() + INTERVAL;
    }
}

impl Drop for Status {
    fn drop(&mut self) {
        *shown() = None;
        self.bar.finish_and_clear();
    }
}
