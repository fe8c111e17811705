//! The statistics of one server or file.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::args;
use crate::background;
use crate::stats::line::{Sample, Summary};
use crate::stats::tally::{Counters, Tally};
use crate::stats::ticker::show;
use crate::terminal::log;
use crate::terminal::status::Status;

pub(crate) struct Stats {
    counters: Arc<Counters>,
    begun: Instant,
    is_filtered: bool,
    /// Hidden if standard error is not a terminal.
    status: Status,
}

impl Stats {
    /// Returns `None` without `--stats`. Shows the status line if standard error is a terminal.
    pub(crate) fn start(options: &args::Output, tally: &Tally) -> Option<Self> {
        if !options.stats {
            return None;
        }
        let (status, counters) = (Status::new(), tally.counters.clone());
        if status.due_in().is_some() {
            let (bar, counters) = (status.bar(), counters.clone());
            background::start("stats", move || {
                show(&bar, || counters.is_over.load(Ordering::Relaxed), || Sample::of(&counters))
            });
        }
        Some(Self { counters, begun: Instant::now(), is_filtered: options.filter.is_any(), status })
    }

    /// Whether the status line is shown.
    pub(crate) fn is_shown(&self) -> bool {
        self.status.due_in().is_some()
    }

    /// Removes the status line, and prints the summary.
    pub(crate) fn finish(self) {
        let Self { counters, begun, is_filtered, status } = self;
        counters.is_over.store(true, Ordering::Relaxed);
        drop(status);
        log::say(Summary { sample: Sample::of(&counters), elapsed: begun.elapsed(), is_filtered });
    }
}
