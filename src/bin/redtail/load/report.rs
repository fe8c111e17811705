//! Progress on standard error: a line that changes in a terminal, else a line every ten seconds. A thread of its own
//! prints it, also while the target does not reply.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount, ProgressBar};

use crate::background;
use crate::load::counts::Counts;
use crate::stats::Tally;
use crate::terminal::log;
use crate::terminal::status::Status;

const INTERVAL: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(250);

pub(super) struct Report {
    shared: Arc<Mutex<Shared>>,
    status: Option<Status>,
    begun: Instant,
}

/// The progress that the thread prints.
struct Shared {
    tally: Tally,
    counts: Counts,
    is_over: bool,
}

impl Report {
    pub(super) fn start(tally: Tally) -> Self {
        let shared = Arc::new(Mutex::new(Shared { tally, counts: Counts::default(), is_over: false }));
        let (status, shown) = (Status::new(), Arc::clone(&shared));
        let bar = status.due_in().map(|_| status.bar());
        background::start("progress", move || match bar {
            Some(bar) => draw(&shown, &bar),
            None => print(&shown),
        });
        Self { shared, status: Some(status), begun: Instant::now() }
    }

    pub(super) fn update(&mut self, counts: &Counts) {
        let mut shared = locked(&self.shared);
        shared.counts = *counts;
        shared.tally.loaded(counts.confirmed, counts.bytes, counts.refused, counts.position);
    }

    pub(super) fn finish(&mut self, counts: &Counts) {
        self.update(counts);
        let line = {
            let mut shared = locked(&self.shared);
            shared.is_over = true;
            shared.line()
        };
        if self.status.take().is_some() {
            log::say(format_args!("{line}, in {:.1} s", self.begun.elapsed().as_secs_f64()));
        }
    }
}

fn locked(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn draw(shared: &Mutex<Shared>, bar: &ProgressBar) {
    loop {
        let shared = locked(shared);
        if shared.is_over {
            return;
        }
        bar.set_message(shared.line());
        bar.tick();
        drop(shared);
        sleep(TICK);
    }
}

/// Prints a line if there is progress, or if the target is behind.
fn print(shared: &Mutex<Shared>) {
    let (mut next, mut before) = (Instant::now() + INTERVAL, (0, 0));
    loop {
        sleep(TICK);
        let shared = locked(shared);
        if shared.is_over {
            return;
        }
        if Instant::now() < next {
            continue;
        }
        let now = (shared.counts.confirmed, shared.tally.lag().map_or(0, |lag| lag.bytes));
        if now != before || now.1 > 0 {
            log::say(shared.line());
            (next, before) = (Instant::now() + INTERVAL, now);
        }
    }
}

impl Shared {
    fn line(&self) -> String {
        let Counts { confirmed, bytes, refused, position } = &self.counts;
        let refused = match refused {
            0 => String::new(),
            refused => format!(", {} refused", HumanCount(*refused)),
        };
        let position = position.map_or(String::new(), |position| format!(", up to {position}"));
        let lag = match self.tally.lag() {
            None if !self.tally.is_asked() => String::new(),
            None if self.counts.position.is_none() => ", the lag is unknown until the target stores a position".into(),
            None => ", the lag is unknown".into(),
            Some(lag) => match (lag.bytes, lag.time) {
                (0, _) => ", level with the source".into(),
                (bytes, None) => format!(", {} behind the source", HumanBytes(bytes)),
                (bytes, Some(time)) => {
                    format!(", {} and {:.1} s behind the source", HumanBytes(bytes), time.as_secs_f64())
                }
            },
        };
        format!("{} commands confirmed ({}){refused}{lag}{position}", HumanCount(*confirmed), HumanBytes(*bytes))
    }
}
