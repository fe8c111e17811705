//! The statistics of all shards of a cluster together.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crate::args;
use crate::background;
use crate::stats::line::{Sample, Summary};
use crate::stats::streams;
use crate::stats::ticker::show;
use crate::terminal::log;
use crate::terminal::status::Status;

pub(crate) struct ClusterStats {
    is_over: Arc<AtomicBool>,
    begun: Instant,
    is_filtered: bool,
    status: Status,
}

impl ClusterStats {
    /// Returns `None` without `--stats`. Shows the status line if standard error is a terminal.
    pub(crate) fn start(options: &args::Output) -> Option<Self> {
        if !options.stats {
            return None;
        }
        let (status, is_over) = (Status::new(), Arc::<AtomicBool>::default());
        if status.due_in().is_some() {
            let (bar, is_over) = (status.bar(), is_over.clone());
            background::start("stats", move || show(&bar, || is_over.load(Ordering::Relaxed), sample));
        }
        Some(Self { is_over, begun: Instant::now(), is_filtered: options.filter.is_any(), status })
    }

    /// Removes the status line, and prints the summary.
    pub(crate) fn finish(self) {
        let Self { is_over, begun, is_filtered, status } = self;
        is_over.store(true, Ordering::Relaxed);
        drop(status);
        log::say(Summary { sample: sample(), elapsed: begun.elapsed(), is_filtered });
    }
}

fn sample() -> Sample {
    let shards = streams::all();
    let followed = shards.iter().filter(|one| !one.is_over.load(Ordering::Relaxed));
    Sample::of_shards(shards.iter().map(|one| Sample::of(one)), followed.count())
}
