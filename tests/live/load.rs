//! Writes that continue while primaries change.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::client::Client;
use crate::help::eventually;

/// Writes one round after another to the present primary, until it is dropped. A missing or repeated round shows in
/// the data.
pub(crate) struct Load {
    stopped: Arc<AtomicBool>,
    /// Rounds that were answered.
    rounds: Arc<AtomicU32>,
    thread: Option<JoinHandle<()>>,
}

impl Load {
    /// Asks `primary` for a port at the start, and whenever a server is gone or no longer accepts writes.
    pub(crate) fn start(primary: impl Fn() -> std::io::Result<u16> + Send + 'static) -> Load {
        let mut client = None;
        Load::of(move |number, _| {
            if client.is_none() {
                client = primary().and_then(|port| Client::connect(port, None)).ok();
            }
            let done = client.as_mut().and_then(|client| round(client, number)).is_some();
            if !done {
                client = None;
            }
            done
        })
    }

    /// Rounds of another kind. Each gets its number, and a flag that asks it to give up. It returns whether it was
    /// done; otherwise it is repeated.
    pub(crate) fn of(mut round: impl FnMut(u32, &AtomicBool) -> bool + Send + 'static) -> Load {
        let (stopped, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let (end, count) = (stopped.clone(), rounds.clone());
        let thread = std::thread::spawn(move || {
            while !end.load(Ordering::Acquire) {
                if round(count.load(Ordering::Acquire), &end) {
                    count.fetch_add(1, Ordering::AcqRel);
                }
                // Slow enough for the smallest backlog to hold some seconds of it.
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let load = Load { stopped, rounds, thread: Some(thread) };
        load.goes_on();
        load
    }

    /// Waits until more has been written.
    pub(crate) fn goes_on(&self) {
        self.goes_on_by(50);
    }

    /// Waits until this number of further rounds were done.
    pub(crate) fn goes_on_by(&self, rounds: u32) {
        let from = self.rounds.load(Ordering::Acquire);
        eventually("the load goes on", || self.rounds.load(Ordering::Acquire) >= from + rounds);
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A transaction and a separate command, in one of three databases. `None` if the server did not accept all of it.
fn round(client: &mut Client, number: u32) -> Option<()> {
    let (db, number) = ((number % 3).to_string(), number.to_string());
    let commands: [&[&str]; 6] = [
        &["SELECT", &db],
        &["MULTI"],
        &["INCR", "rounds"],
        &["RPUSH", "numbers", &number],
        &["EXEC"],
        &["APPEND", "text", &number],
    ];
    for command in commands {
        let reply = client.try_call(command).ok()?;
        if reply.is_error() {
            return None;
        }
    }
    Some(())
}
