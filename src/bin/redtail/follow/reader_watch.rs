//! Reports a reader of the output that does not read.

use std::thread;
use std::time::{Duration, Instant};

use crate::background;
use crate::blocked::OUTPUT;
use crate::output_writer;
use crate::terminal::log;

/// How long a reader may take without a message.
const LIMIT: Duration = Duration::from_secs(10);

/// Reports the reader from a thread of its own, until the process ends.
pub(super) fn start() {
    background::start("reader", || {
        let mut reported: Option<Instant> = None;
        loop {
            thread::sleep(Duration::from_millis(500));
            let stuck = OUTPUT.stuck_for(LIMIT);
            if stuck == reported {
                continue;
            }
            let name = output_writer::name();
            if let Some(since) = reported {
                log::say(format_args!(
                    "the reader of {name} reads again, after {:.0} s",
                    since.elapsed().as_secs_f64()
                ));
            }
            if stuck.is_some() {
                log::warn(format_args!(
                    "the reader of {name} has not read for {} s. The run waits for it; the server disconnects a \
                     follower that does not read (client-output-buffer-limit), and its backlog covers a limited time",
                    LIMIT.as_secs()
                ));
            }
            reported = stuck;
        }
    });
}
