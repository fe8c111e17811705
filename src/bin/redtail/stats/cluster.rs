//! The statistics of all shards of a cluster together.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::args;
use crate::background;
use crate::stats::line::{Sample, Summary};
use crate::stats::tally::{Counters, Tally};
use crate::stats::ticker::show;
use crate::terminal::log;
use crate::terminal::status::Status;

/// The counters of each shard.
#[derive(Default)]
struct Shards {
    counters: Mutex<Vec<Arc<Counters>>>,
    is_over: AtomicBool,
}

pub(crate) struct ClusterStats {
    shards: Arc<Shards>,
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
        let (status, shards) = (Status::new(), Arc::<Shards>::default());
        if status.due_in().is_some() {
            let (bar, shards) = (status.bar(), shards.clone());
            background::start("stats", move || {
                show(&bar, || shards.is_over.load(Ordering::Relaxed), || shards.sample())
            });
        }
        Some(Self { shards, begun: Instant::now(), is_filtered: options.filter.is_any(), status })
    }

    /// The counter for one more shard.
    pub(crate) fn tally(&self) -> Tally {
        let counters = Arc::<Counters>::default();
        self.shards.counters().push(counters.clone());
        Tally(counters)
    }

    /// Removes the status line, and prints the summary.
    pub(crate) fn finish(self) {
        let Self { shards, begun, is_filtered, status } = self;
        shards.is_over.store(true, Ordering::Relaxed);
        drop(status);
        log::say(Summary { sample: shards.sample(), elapsed: begun.elapsed(), is_filtered });
    }
}

impl Shards {
    fn counters(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Counters>>> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sample(&self) -> Sample {
        let counters = self.counters();
        let followed = counters.iter().filter(|one| !one.is_over.load(Ordering::Relaxed));
        Sample::of_shards(counters.iter().map(|one| Sample::of(one)), followed.count())
    }
}
