//! The progress of a snapshot: a bar if standard error is a terminal, else a line every ten seconds.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::terminal::capability::draw_target;
use crate::terminal::log;
use crate::terminal::status;

/// The bar is removed when dropped.
pub(crate) struct Progress {
    bar: ProgressBar,
    /// Without a terminal.
    lines: Option<Mutex<Lines>>,
}

impl Progress {
    /// `length`: the size of the snapshot in bytes, if the server has sent it.
    pub(crate) fn new(length: Option<u64>) -> Self {
        let template = match length {
            Some(_) => "{bytes} of {total_bytes} [{wide_bar}] {percent}% {bytes_per_sec}, {eta} left",
            None => "{spinner} {bytes}, {bytes_per_sec}, {elapsed} so far (total size unknown)",
        };
        // Two changing lines would overwrite each other.
        let target = if status::is_shown() { ProgressDrawTarget::hidden() } else { draw_target() };
        let lines = (target.is_hidden() && !status::is_shown()).then(|| Mutex::new(Lines::new(length, Instant::now())));
        let bar = ProgressBar::with_draw_target(length, target);
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> ").tick_chars("|/-\\ "));
        }
        // Keeps the rate current during a stall.
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, lines }
    }

    pub(crate) fn at(&self, bytes: u64) {
        self.bar.set_position(bytes);
        let Some(lines) = &self.lines else { return };
        if let Some(line) = lines.lock().unwrap_or_else(PoisonError::into_inner).at(bytes, Instant::now()) {
            log::say(line);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// The lines without a terminal.
struct Lines {
    length: Option<u64>,
    /// The time and the bytes of the last line.
    last: (Instant, u64),
}

impl Lines {
    const INTERVAL: Duration = Duration::from_secs(10);

    fn new(length: Option<u64>, now: Instant) -> Self {
        Self { length, last: (now, 0) }
    }

    /// The line that is due.
    fn at(&mut self, bytes: u64, now: Instant) -> Option<String> {
        let (then, before) = self.last;
        let elapsed = now.saturating_duration_since(then);
        if elapsed < Self::INTERVAL {
            return None;
        }
        self.last = (now, bytes);
        let rate = HumanBytes((bytes.saturating_sub(before) as f64 / elapsed.as_secs_f64()) as u64);
        let of = match self.length.filter(|&length| length > 0) {
            Some(length) => {
                format!(" of {} ({} %)", HumanBytes(length), u128::from(bytes) * 100 / u128::from(length))
            }
            None => String::new(),
        };
        Some(format!("received {}{of} of the snapshot, {rate}/s", HumanBytes(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_terminal_a_line_is_due_every_ten_seconds() {
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        let mut lines = Lines::new(Some(400 << 20), begun);
        assert_eq!(lines.at(10 << 20, after(9)), None);
        let line = lines.at(100 << 20, after(10));
        assert_eq!(line.as_deref(), Some("received 100.00 MiB of 400.00 MiB (25 %) of the snapshot, 10.00 MiB/s"));
        assert_eq!(lines.at(150 << 20, after(19)), None);
        assert!(lines.at(200 << 20, after(20)).is_some_and(|line| line.contains("(50 %)")));
        let mut unknown = Lines::new(None, begun);
        let line = unknown.at(5 << 20, after(10));
        assert_eq!(line.as_deref(), Some("received 5.00 MiB of the snapshot, 512.00 KiB/s"));
    }
}
