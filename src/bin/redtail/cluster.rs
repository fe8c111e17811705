//! `redtail tail --cluster`: follows every primary of a cluster.

use std::fs::{self, File};
use std::io::{self, BufWriter, Stdout, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use redtail::resp::Part;
use redtail::topology::{Cluster, Following, Notice, Positions, Shard, Stopper};
use redtail::{Event, Options, Start};
use serde_json::{Value, json};

use crate::args::{Format, Tail};
use crate::failure::Failure;
use crate::notes;
use crate::output::Output;
use crate::place::Place;
use crate::target::{Address, Security};

pub(crate) fn run(options: &Tail) -> Result<(), Failure> {
    let cluster = cluster(options)?;
    ctrlc::set_handler(interrupted).map_err(|error| Failure::Words(format!("can't listen for Ctrl-C: {error}")))?;
    let page = Arc::new(Page::new(options));
    let (notices, events) = (Arc::clone(&page), Arc::clone(&page));
    let (settings, target) = (options.output.clone(), options.server.target.clone());
    let handler = move |shard: &Shard| {
        let lines = Lines { shard: shard.clone(), page: Arc::clone(&events), held: Vec::new() };
        let mut output = Output::new(lines, &settings, target.clone());
        let page = Arc::clone(&events);
        move |_: &Shard, event: Event<'_>| {
            if !matches!(event, Event::Attached(_) | Event::Idle(_)) {
                notes::event(&event, Format::Json, "");
            }
            if matches!(event, Event::Idle(_)) {
                return ControlFlow::Continue(());
            }
            if let Err(failure) = output.event(&event).and_then(|()| Ok(output.flush()?)) {
                page.fail(failure);
                return ControlFlow::Break(());
            }
            if page.is_enough(&event) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    };
    let following = cluster.follow(move |notice| notices.notice(notice), handler);
    let mut following = following.map_err(|error| Failure::Words(error.to_string()))?;
    if STOPPER.set(following.stopper()).is_err() || STOPPED.load(Ordering::SeqCst) {
        following.stopper().stop();
    }
    let kept = keep(&page, &following, options);
    following.stop();
    let finished = kept.and_then(|()| save(&page, &following, options));
    let failed = page.failure().take();
    match failed.map_or(finished, Err) {
        Err(Failure::ClosedPipe) => Ok(()),
        outcome => outcome,
    }
}

/// Flushes, saves, and speaks up while whoever reads our output does not, until all is over.
fn keep(page: &Page, following: &Following, options: &Tail) -> Result<(), Failure> {
    let stopper = following.stopper();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stopper.is_stopped() {
                for shard in following.shards() {
                    // Without a link there is nobody to speak to.
                    let _ = shard.handle().heartbeat();
                }
                std::thread::sleep(TICK * 20);
            }
        });
        let mut saved = Instant::now();
        while !stopper.is_stopped() {
            std::thread::sleep(TICK);
            let is_due = saved.elapsed() >= options.checkpoint_interval;
            let outcome = if is_due { save(page, following, options) } else { page.flush() };
            if is_due {
                saved = Instant::now();
            }
            if outcome.is_err() {
                stopper.stop();
                return outcome;
            }
        }
        Ok(())
    })
}

/// What was printed waits at most so long.
const TICK: Duration = Duration::from_millis(50);

/// Flushes, and then keeps the places in the file: what is kept has been written.
fn save(page: &Page, following: &Following, options: &Tail) -> Result<(), Failure> {
    let positions = following.positions();
    page.flush()?;
    let Some(path) = options.checkpoint.as_deref().filter(|_| !positions.shards.is_empty()) else { return Ok(()) };
    replace(path, &format!("{}\n", positions.to_string().replace(';', "\n")))
        .map_err(|error| Failure::Words(format!("can't write the checkpoint {}: {error}", path.display())))
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let fresh = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = File::create(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, path)
}

fn cluster(options: &Tail) -> Result<Cluster, Failure> {
    let address = Address::of(&options.server).unwrap_or_else(|words| options.wrong_usage(words));
    let Address { place, login, security, .. } = address;
    let Place::Server(target) = place else {
        options.wrong_usage("--cluster finds its nodes by itself: give the address of one of them, not of Sentinels");
    };
    let words = |error: &dyn std::fmt::Display| Failure::Words(error.to_string());
    let cluster = Cluster::new([target.to_string()]).map_err(|error| words(&error))?;
    let cluster = cluster.login(move || login.read());
    let cluster = match security {
        Security::Plain => cluster,
        #[cfg(feature = "tls")]
        Security::Tls(tls) => cluster.tls(tls),
    };
    let longest = Options { allow_probe: options.allow_probe, ..options.output.settings() };
    let backoff = options.reconnect.unwrap_or(redtail::Backoff { longest_ms: 1000, ..redtail::Backoff::default() });
    let cluster = cluster.options(Options { backoff, ..longest }).on_gap(options.on_gap.into());
    let cluster = cluster.start(options.from.unwrap_or_default());
    Ok(match &options.checkpoint {
        Some(path) if path.exists() => {
            let unreadable = |error: &dyn std::fmt::Display| {
                let path = path.display();
                Failure::Words(format!(
                    "{path} is no checkpoint of a cluster: {error}; to start afresh on purpose, remove it"
                ))
            };
            let text = fs::read_to_string(path).map_err(|error| unreadable(&error))?;
            let positions: Positions = text.parse().map_err(|error| unreadable(&error))?;
            if positions.shards.is_empty() {
                return Err(unreadable(&"it is empty"));
            }
            cluster.positions(positions)
        }
        _ => cluster,
    })
}

impl Tail {
    /// What makes no sense with many shards, or is not there yet.
    pub(crate) fn check_cluster(&self) -> Result<(), &'static str> {
        let refused = [
            (
                self.output.format == Format::Resp,
                "--format resp can't be used with --cluster: transactions of several shards would mix; choose --format json",
            ),
            (self.output.until.is_some(), "--until is an offset, and each shard of a cluster has its own: remove it"),
            (self.heartbeat.is_some(), "--heartbeat can't be used with --cluster: remove it"),
            (self.snapshot_to.is_some(), "--snapshot-to writes the snapshot of one server: remove --cluster"),
            (
                matches!(self.from, Some(Start::At(_) | Start::Sync)),
                "with --cluster, --from takes now, now-without-fork or snapshot; positions of all shards are kept by --checkpoint FILE",
            ),
            (self.ack == crate::args::AckChoice::Applied, "--ack applied can't be used with --cluster: remove it"),
        ];
        refused.into_iter().find(|(is_wrong, _)| *is_wrong).map_or(Ok(()), |(_, words)| Err(words))
    }
}

/// Standard output, which all shards share.
struct Page {
    out: Mutex<BufWriter<Stdout>>,
    format: Format,
    count: Option<u64>,
    printed: AtomicU64,
    failure: Mutex<Option<Failure>>,
}

impl Page {
    fn new(options: &Tail) -> Self {
        let out = Mutex::new(BufWriter::with_capacity(64 << 10, io::stdout()));
        let (format, count) = (options.output.format, options.output.count);
        Self { out, format, count, printed: AtomicU64::new(0), failure: Mutex::new(None) }
    }

    fn out(&self) -> MutexGuard<'_, BufWriter<Stdout>> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failure(&self) -> MutexGuard<'_, Option<Failure>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn flush(&self) -> Result<(), Failure> {
        Ok(self.out().flush()?)
    }

    /// The first failure is the one that counts.
    fn fail(&self, failure: Failure) {
        self.failure().get_or_insert(failure);
    }

    fn is_enough(&self, event: &Event<'_>) -> bool {
        let is_one = match event {
            Event::Command(_) => true,
            Event::Part(part) => matches!(part.part, Part::End),
            _ => false,
        };
        let printed = self.printed.fetch_add(u64::from(is_one), Ordering::AcqRel) + u64::from(is_one);
        is_one && self.count.is_some_and(|count| printed >= count)
    }

    /// One that ends, ends all: a cluster without one of its shards is not what was asked for.
    fn notice(&self, notice: Notice) {
        let (words, line) = told(&notice);
        notes::say(words);
        if let (Format::Json, Some(line)) = (self.format, line)
            && let Err(error) = writeln!(self.out(), "{line}")
        {
            self.fail(error.into());
            stop();
        }
        if let Notice::Ended { error: Some(error), .. } = notice {
            self.fail(Failure::Follower(error));
            stop();
        }
    }
}

/// What happened, for a person and for a program.
fn told(notice: &Notice) -> (String, Option<Value>) {
    let line = match notice {
        Notice::Added { shard, start } => {
            let (id, target, slots) = (shard.id(), shard.target().to_string(), shard.slots().to_string());
            let start = start.to_string();
            json!({"event": "shard_added", "shard": id, "target": target, "slots": slots, "start": start})
        }
        Notice::FailedOver { shard, from, to } => {
            let (id, from, to) = (shard.id(), from.to_string(), to.to_string());
            json!({"event": "shard_failed_over", "shard": id, "from": from, "to": to})
        }
        Notice::SlotsMoved { shard, gained, lost } => {
            let (id, gained, lost) = (shard.id(), gained.to_string(), lost.to_string());
            json!({"event": "slots_moved", "shard": id, "gained": gained, "lost": lost})
        }
        Notice::Removed { shard, position } => {
            let position = position.map(|position| position.to_string());
            json!({"event": "shard_removed", "shard": shard.id(), "position": position})
        }
        Notice::Lost(saved) => json!({"event": "place_lost", "position": saved.to_string()}),
        // The error is said at the end.
        Notice::Ended { shard, .. } => return (format!("shard {} is no longer followed", shard.id()), None),
        other => return (other.to_string(), None),
    };
    (notice.to_string(), Some(line))
}

/// The output of one shard: whole lines, marked with the shard, go to the page.
struct Lines {
    shard: Shard,
    page: Arc<Page>,
    held: Vec<u8>,
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let Some(end) = self.held.iter().rposition(|&byte| byte == b'\n') else { return Ok(()) };
        let target = self.shard.target();
        let mut out = self.page.out();
        for line in self.held[..=end].split_inclusive(|&byte| byte == b'\n') {
            match (self.page.format, line.strip_prefix(b"{")) {
                (Format::Json, Some(rest)) => {
                    write!(out, "{{\"shard\":\"{}\",", self.shard.id())?;
                    out.write_all(rest)?;
                }
                _ => {
                    write!(out, "{target} ")?;
                    out.write_all(line)?;
                }
            }
        }
        drop(out);
        self.held.drain(..=end);
        Ok(())
    }
}

static STOPPER: OnceLock<Stopper> = OnceLock::new();
static STOPPED: AtomicBool = AtomicBool::new(false);

fn stop() {
    STOPPED.store(true, Ordering::SeqCst);
    if let Some(stopper) = STOPPER.get() {
        stopper.stop();
    }
}

/// The first signal ends all in order, a second one where we stand.
fn interrupted() {
    if STOPPED.load(Ordering::SeqCst) || STOPPER.get().is_none() {
        std::process::exit(130);
    }
    stop();
}
