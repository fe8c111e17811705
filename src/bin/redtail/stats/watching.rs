//! `--metrics`, `--status` and SIGUSR1: others watch the run.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use crate::args;
use crate::background;
use crate::failure::Failure;
use crate::stats::metrics;
use crate::stats::report::Report;
use crate::stats::ticker::INTERVAL;
use crate::target::introduction;
use crate::terminal::log;

/// Shows the state of the run until dropped.
pub(crate) struct Watching {
    status: Option<PathBuf>,
}

impl Watching {
    /// Begins before the server is asked for anything, so that a wrong address or path is reported at once.
    pub(crate) fn start(options: &args::Watch) -> Result<Self, Failure> {
        introduction::set_name(options.name.as_deref());
        if let Some(address) = &options.metrics {
            let unusable = |error| Failure::Message(format!("can't listen on {address} for --metrics: {error}"));
            let address = metrics::serve(address).map_err(unusable)?;
            log::say(format_args!("metrics are at http://{address}/metrics"));
        }
        if let Some(path) = &options.status {
            write(path).map_err(|error| unwritable(path, &error))?;
            let path = path.clone();
            background::start("status", move || keep(&path));
        }
        Ok(Self { status: options.status.clone() })
    }
}

impl Drop for Watching {
    /// The file shows the end of the run.
    fn drop(&mut self) {
        if let Some(path) = &self.status {
            let _ = write(path);
        }
    }
}

/// Prints the state of the run.
#[cfg(unix)]
pub(crate) fn say_status() {
    log::say(Report::now());
}

/// Replaces the file once a second. A failure is reported once, until it works again.
fn keep(path: &Path) {
    let mut is_failing = false;
    loop {
        thread::sleep(INTERVAL);
        let outcome = write(path);
        if let (Err(error), false) = (&outcome, is_failing) {
            unwritable(path, error).report();
        }
        is_failing = outcome.is_err();
    }
}

/// Replaces the file as a whole.
fn write(path: &Path) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    fs::write(&new, format!("{}\n", Report::now().json()))?;
    fs::rename(&new, path)
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::Message(format!("can't write {} for --status: {error}", path.display()))
}
