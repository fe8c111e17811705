//! Signals: SIGINT and SIGTERM end a run, SIGHUP opens the output again, SIGUSR1 prints the status.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::blocked::{MESSAGES, OUTPUT};
use crate::failure::Failure;
use crate::snapshot_file;
use crate::terminal::log;

static STOPPED: AtomicBool = AtomicBool::new(false);
static ON_STOP: OnceLock<Box<dyn Fn() + Send + Sync>> = OnceLock::new();

/// How long a run may wait for the reader of its output after the first signal.
const LAST_WRITE: Duration = Duration::from_millis(1500);

/// Listens for signals. The first SIGINT or SIGTERM calls the function of [`on_stop`], or `otherwise` if there is none
/// yet. The second one ends the process with exit code 130, and so does a reader of the output that is stuck then.
pub(crate) fn listen(otherwise: impl Fn() + Send + Sync + 'static) -> Result<(), Failure> {
    let stop = move || {
        if STOPPED.swap(true, Ordering::SeqCst) {
            end();
        }
        crate::background::start("signal", end_if_stuck);
        match ON_STOP.get() {
            Some(stop) => stop(),
            None => otherwise(),
        }
    };
    system::listen(stop).map_err(|error| Failure::Message(format!("can't listen for signals: {error}")))
}

/// Sets what the first signal calls. Calls it at once after a signal.
pub(crate) fn on_stop(stop: impl Fn() + Send + Sync + 'static) {
    let stop = ON_STOP.get_or_init(|| Box::new(stop));
    if is_stopped() {
        stop();
    }
}

/// Whether a signal has arrived.
pub(crate) fn is_stopped() -> bool {
    STOPPED.load(Ordering::SeqCst)
}

/// The result of a run whose stream has ended: a failure unless a signal has arrived.
pub(crate) fn end_of_stream() -> Result<(), Failure> {
    match is_stopped() {
        true => Ok(()),
        false => Err(Failure::Message("the server closed the connection, and --reconnect never is set".into())),
    }
}

fn end() -> ! {
    snapshot_file::abandon();
    std::process::exit(130);
}

/// Ends the process if a write of the run waits for its reader.
fn end_if_stuck() {
    let begun = Instant::now();
    loop {
        thread::sleep(Duration::from_millis(50));
        let write = OUTPUT.in_progress().max(MESSAGES.in_progress()).unwrap_or_default();
        if begun.elapsed() >= LAST_WRITE && write >= LAST_WRITE / 3 {
            // The same program may read the messages.
            let say = || log::fail("ended by a signal: the reader of the output does not read");
            let message = thread::Builder::new().spawn(say);
            let deadline = Instant::now() + LAST_WRITE / 10;
            while message.as_ref().is_ok_and(|message| !message.is_finished()) && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(5));
            }
            end();
        }
    }
}

#[cfg(unix)]
mod system {
    use std::fs;
    use std::io;

    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
    use signal_hook::iterator::Signals;

    use crate::background;
    use crate::output_writer;
    use crate::stats::say_status;

    /// Calls `stop` in a thread for each signal that ends a run. Signals that the parent ignores stay ignored.
    pub(super) fn listen(stop: impl Fn() + Send + 'static) -> io::Result<()> {
        let ignored = ignored();
        let is_wanted = |signal: &i32| ignored & (1 << (signal - 1)) == 0;
        let wanted = [SIGHUP, SIGINT, SIGTERM, SIGUSR1].into_iter().filter(is_wanted);
        let mut signals = Signals::new(wanted)?;
        let had_terminal = has_terminal();
        background::start("signals", move || {
            for signal in signals.forever() {
                match signal {
                    SIGHUP => {
                        let has_file = output_writer::reopen();
                        // A run ends with its terminal. A run without one is asked to open its output again.
                        if had_terminal && !(has_file && has_terminal()) {
                            stop();
                        }
                    }
                    SIGUSR1 => {
                        // The reader of the messages may be stuck, and further signals must be heard.
                        background::start("status", say_status);
                    }
                    _ => stop(),
                }
            }
        });
        Ok(())
    }

    /// The set of ignored signals, with bit 0 for signal 1. Only Linux shows it.
    fn ignored() -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0)
    }

    fn has_terminal() -> bool {
        fs::File::open("/dev/tty").is_ok()
    }
}

#[cfg(windows)]
mod system {
    use std::io;

    /// Calls `stop` in a thread for each signal.
    pub(super) fn listen(stop: impl Fn() + Send + 'static) -> io::Result<()> {
        ctrlc::set_handler(stop).map_err(io::Error::other)
    }
}
