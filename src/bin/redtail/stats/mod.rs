//! `--stats`: how much comes, how fast, and how far behind the server we are.

mod cluster;
mod lag;
mod line;

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use redtail::rdb::Item;
use redtail::resp::Part;
use redtail::{Event, ReplicationId};

use crate::status::{self, Status};
use crate::target::Address;
use crate::{args, notes};
pub(crate) use cluster::ClusterStats;
use line::{Line, Sample, Summary};

const INTERVAL: Duration = Duration::from_secs(1);

/// What has come until now. Written by one thread and read by others; nothing hangs on their order.
#[derive(Debug, Default)]
struct Counters {
    commands: AtomicU64,
    keys: AtomicU64,
    printed: AtomicU64,
    bytes: AtomicU64,
    /// The place of the last command, and its database and one, or 0.
    offset: AtomicU64,
    db: AtomicU64,
    /// Where the primary stands, and one; 0 while that is not known.
    primary: AtomicU64,
    in_snapshot: AtomicBool,
    /// The server's offset can be asked for.
    is_asked: AtomicBool,
    /// The link is there.
    is_attached: AtomicBool,
    /// The server lets us ask.
    may_ask: AtomicBool,
    is_over: AtomicBool,
    replid: Mutex<Option<ReplicationId>>,
}

impl Counters {
    fn replid(&self) -> Option<ReplicationId> {
        *self.replid.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds to a counter that nobody else writes.
fn add(to: &AtomicU64, count: u64) {
    to.store(to.load(Ordering::Relaxed) + count, Ordering::Relaxed);
}

/// Counts what one stream brings.
pub(crate) struct Tally(Arc<Counters>);

pub(crate) struct Stats {
    counters: Arc<Counters>,
    begun: Instant,
    is_filtered: bool,
    /// Where standard error is a terminal.
    status: Status,
}

impl Stats {
    /// `None` where nobody asked for it. Shows the line where standard error is a terminal.
    pub(crate) fn start(options: &args::Output) -> Option<Self> {
        if !options.stats {
            return None;
        }
        let (status, counters) = (Status::new(), Arc::<Counters>::default());
        if status.patience().is_some() {
            let (bar, counters) = (status.bar(), counters.clone());
            thread::spawn(move || show(&bar, || counters.is_over.load(Ordering::Relaxed), || Sample::of(&counters)));
        }
        Some(Self { counters, begun: Instant::now(), is_filtered: options.filter.is_any(), status })
    }

    /// What counts for it.
    pub(crate) fn tally(&self) -> Tally {
        Tally(self.counters.clone())
    }

    /// Asks the server each second, over a connection of its own, where it stands.
    pub(crate) fn watch_lag(&self, address: Address) {
        if self.status.patience().is_some() {
            self.counters.is_asked.store(true, Ordering::Relaxed);
            let counters = self.counters.clone();
            thread::spawn(move || lag::watch(&address, &counters));
        }
    }

    /// Takes the line away, and says what it came to.
    pub(crate) fn finish(self) {
        let Self { counters, begun, is_filtered, status } = self;
        counters.is_over.store(true, Ordering::Relaxed);
        drop(status);
        notes::say(Summary { sample: Sample::of(&counters), elapsed: begun.elapsed(), is_filtered });
    }
}

impl Tally {
    /// Counts an event; `is_printed`: no filter kept it back.
    pub(crate) fn event(&self, event: &Event<'_>, is_printed: bool) {
        let counters = &self.0;
        let offset = match event {
            Event::Command(command) => {
                self.command(is_printed);
                add(&counters.bytes, command.raw().len() as u64);
                (command.offset, command.db)
            }
            Event::Multi(command) | Event::Exec(command) | Event::Control(command) => {
                add(&counters.bytes, command.raw().len() as u64);
                (command.offset, command.db)
            }
            Event::Part(part) => {
                if let Part::Piece(bytes) = part.part {
                    add(&counters.bytes, bytes.len() as u64);
                }
                let Some(offset) = part.offset else { return };
                self.command(is_printed);
                (offset, part.db)
            }
            Event::Disconnected(_) => return counters.is_attached.store(false, Ordering::Relaxed),
            Event::SnapshotBegin(_) => return counters.in_snapshot.store(true, Ordering::Relaxed),
            Event::SnapshotItem(item) => return self.item(item, is_printed),
            Event::SnapshotBytes(bytes) => return add(&counters.bytes, bytes.len() as u64),
            Event::SnapshotEnd(end) => {
                counters.in_snapshot.store(false, Ordering::Relaxed);
                (end.offset, end.db)
            }
            Event::Attached(attached) => {
                *counters.replid.lock().unwrap_or_else(PoisonError::into_inner) = attached.replid;
                counters.may_ask.store(attached.server.is_some(), Ordering::Relaxed);
                counters.is_attached.store(true, Ordering::Relaxed);
                (attached.offset, attached.db)
            }
            _ => return,
        };
        counters.offset.store(offset.0, Ordering::Relaxed);
        counters.db.store(offset.1.map_or(0, |db| u64::from(db) + 1), Ordering::Relaxed);
    }

    fn command(&self, is_printed: bool) {
        add(&self.0.commands, 1);
        add(&self.0.printed, u64::from(is_printed));
    }

    /// Counts what stands in a snapshot.
    pub(crate) fn item(&self, item: &Item<'_>, is_printed: bool) {
        let counters = &self.0;
        add(&counters.bytes, item.bytes().len() as u64);
        match item {
            Item::Start(_) => counters.in_snapshot.store(true, Ordering::Relaxed),
            Item::KeyEnd => {
                add(&counters.keys, 1);
                add(&counters.printed, u64::from(is_printed));
            }
            _ => {}
        }
    }

    /// The snapshot of a file is at its end.
    pub(crate) fn snapshot_end(&self) {
        self.0.in_snapshot.store(false, Ordering::Relaxed);
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.0.is_attached.store(false, Ordering::Relaxed);
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}

fn show(bar: &ProgressBar, is_over: impl Fn() -> bool, sample: impl Fn() -> Sample) {
    let (mut before, mut then) = (sample(), Instant::now());
    loop {
        thread::sleep(INTERVAL);
        if is_over() {
            return;
        }
        let (now, sample) = (Instant::now(), sample());
        bar.set_message(Line { sample: &sample, before: &before, elapsed: now - then }.to_string());
        (before, then) = (sample, now);
    }
}

/// Standard output, beside the line if both are in the terminal.
pub(crate) struct Beside<W> {
    to: W,
    is_shared: bool,
}

impl<W> Beside<W> {
    pub(crate) fn new(to: W, options: &args::Output) -> Self {
        Self { to, is_shared: options.stats && io::stdout().is_terminal() }
    }
}

impl<W: Write> Write for Beside<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.is_shared {
            // What the terminal's own buffer keeps back would come under the line.
            true => status::aside(|| self.to.write(bytes).and_then(|count| self.to.flush().and(Ok(count)))),
            false => self.to.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
