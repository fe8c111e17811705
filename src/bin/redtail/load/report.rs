//! Progress on standard error: a line that changes in a terminal, else a line every ten seconds.

use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanCount};

use crate::load::counts::Counts;
use crate::terminal::log;
use crate::terminal::status::Status;

const INTERVAL: Duration = Duration::from_secs(10);

pub(super) struct Report {
    status: Option<Status>,
    begun: Instant,
    next: Instant,
    /// The commands of the last line.
    before: u64,
}

impl Report {
    pub(super) fn new() -> Self {
        let begun = Instant::now();
        Self { status: Some(Status::new()), begun, next: begun + INTERVAL, before: 0 }
    }

    pub(super) fn tick(&mut self, counts: &Counts) {
        let Some(status) = &mut self.status else { return };
        match status.due_in() {
            Some(left) if left.is_zero() => status.show(line(counts)),
            None if Instant::now() >= self.next && counts.confirmed != self.before => {
                log::say(line(counts));
                (self.next, self.before) = (Instant::now() + INTERVAL, counts.confirmed);
            }
            _ => {}
        }
    }

    pub(super) fn finish(&mut self, counts: &Counts) {
        if self.status.take().is_some() {
            log::say(format_args!("{}, in {:.1} s", line(counts), self.begun.elapsed().as_secs_f64()));
        }
    }
}

fn line(counts: &Counts) -> String {
    let Counts { confirmed, bytes, refused, position } = counts;
    let refused = match refused {
        0 => String::new(),
        refused => format!(", {} refused", HumanCount(*refused)),
    };
    let position = position.map_or(String::new(), |position| format!(", up to {position}"));
    format!("{} commands confirmed ({}){refused}{position}", HumanCount(*confirmed), HumanBytes(*bytes))
}
