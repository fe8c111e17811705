//! Shows the status line once a second.

use std::thread;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;

use crate::stats::line::{RateLine, Sample};

pub(super) const INTERVAL: Duration = Duration::from_secs(1);

pub(super) fn show(bar: &ProgressBar, is_over: impl Fn() -> bool, sample: impl Fn() -> Sample) {
    let (mut before, mut then) = (sample(), Instant::now());
    loop {
        thread::sleep(INTERVAL);
        if is_over() {
            return;
        }
        let (now, sample) = (Instant::now(), sample());
        bar.set_message(RateLine { sample: &sample, before: &before, elapsed: now - then }.to_string());
        (before, then) = (sample, now);
    }
}
