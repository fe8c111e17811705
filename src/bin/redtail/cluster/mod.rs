//! `redtail tail --cluster`: follows every primary of a cluster.

mod page;
mod told;

use std::fmt::Display;
use std::fs::File;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use redtail::replication::Idle;
use redtail::topology::{Cluster, ClusterCheckpoint, Following, Positions, Shard, Stopper};
use redtail::{Backoff, Event, Start};

use crate::args::{self, AckChoice, Format, Server, Tail};
use crate::checkpoint::{age, regular_output, two_starts};
use crate::failure::Failure;
use crate::heartbeat::Heartbeat;
use crate::output::Output;
use crate::place::Place;
use crate::stats::ClusterStats;
use crate::target::{Address, Security};
use crate::{notes, stop};
use page::{Count, Lines, Page};

pub(crate) fn run(options: &Tail) -> Result<(), Failure> {
    let (cluster, target) = cluster(options)?;
    let (keeper, cluster) = Keeper::open(options, &target, cluster)?;
    stop::on_signals_do(|| match STOPPER.get() {
        Some(stopper) => stopper.stop(),
        None => std::process::exit(130),
    })?;
    let page = Arc::new(Page::new(options));
    let stats = ClusterStats::start(&options.output).map(Arc::new);
    let (notices, events, tallies) = (Arc::clone(&page), Arc::clone(&page), stats.clone());
    let (heartbeat, settings) = (options.heartbeat, args::Output { stats: false, ..options.output.clone() });
    let handler = move |shard: &Shard| {
        let output = Output::new(Lines::of(shard, &events), &settings, shard.target().to_string()).of_cluster();
        let output = output.counting(tallies.as_ref().map(|stats| stats.tally()));
        let mut printer = Printer {
            output,
            count: Count::new(&events, &settings),
            heartbeat: heartbeat.map(Heartbeat::new),
            format: settings.format,
            all: settings.all,
        };
        let page = Arc::clone(&events);
        move |shard: &Shard, event: Event<'_>| match printer.event(shard, &event) {
            Ok(true) => ControlFlow::Break(()),
            Ok(false) => ControlFlow::Continue(()),
            Err(failure) => {
                page.fail(failure);
                ControlFlow::Break(())
            }
        }
    };
    let notice = move |notice| {
        if notices.notice(notice) {
            end();
        }
    };
    let following = cluster.follow(notice, handler).map_err(words)?;
    if STOPPER.set(following.stopper()).is_err() || stop::is_wanted() || ENDED.load(Ordering::SeqCst) {
        following.stopper().stop();
    }
    let outcome = keep(&page, following, keeper);
    if let Some(stats) = stats.and_then(Arc::into_inner) {
        stats.finish();
    }
    match page.failure().take().map_or(outcome, Err) {
        Err(Failure::ClosedPipe) => Ok(()),
        outcome => outcome,
    }
}

/// Flushes, saves, and speaks up while whoever reads our output does not, until all is over.
fn keep(page: &Page, mut following: Following, mut keeper: Keeper) -> Result<(), Failure> {
    let stopper = following.stopper();
    let kept = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stopper.is_stopped() {
                for shard in following.shards() {
                    // Without a link there is nobody to speak to.
                    let _ = shard.handle().heartbeat();
                }
                std::thread::sleep(TICK * 20);
            }
        });
        while !stopper.is_stopped() {
            std::thread::sleep(TICK);
            let outcome = if keeper.is_due(page) { keeper.save(page, &following) } else { page.flush() };
            if outcome.is_err() {
                stopper.stop();
                return outcome;
            }
        }
        Ok(())
    });
    following.stop();
    kept.and_then(|()| keeper.save(page, &following))
}

/// What was printed waits at most so long.
const TICK: Duration = Duration::from_millis(50);

/// Prints what one shard tells.
struct Printer {
    output: Output<Lines>,
    count: Count,
    heartbeat: Option<Heartbeat>,
    format: Format,
    all: bool,
}

impl Printer {
    /// Tells whether that is all that was wanted.
    fn event(&mut self, shard: &Shard, event: &Event<'_>) -> Result<bool, Failure> {
        let mut is_said = false;
        if !matches!(event, Event::Idle(_)) {
            if let Event::Attached(_) = event {
                self.output.come_from(shard.target().to_string());
            }
            self.output.event(event)?;
            // With JSON or not, that it is attached has been told with the shard.
            if !matches!(event, Event::Attached(_)) {
                notes::event_of(&shard.target(), event, Format::Json, "");
            }
            is_said = self.output.is_printed() && (self.all || !matches!(event, Event::Control(_)));
        }
        let is_enough = self.count.is_enough(event, self.output.is_printed());
        if let Some(heartbeat) = &mut self.heartbeat {
            if is_said {
                heartbeat.restart();
            } else if heartbeat.left().is_zero() {
                heartbeat.restart();
                let idle = Event::Idle(Idle::at(shard.position()));
                self.output.event(&idle)?;
                notes::event_of(&shard.target(), &idle, self.format, "");
            }
        }
        self.output.flush()?;
        Ok(is_enough)
    }
}

/// Keeps the places of all shards in a file, each only after the output before it is safe.
struct Keeper {
    checkpoint: Option<ClusterCheckpoint>,
    /// Standard output, where it is a regular file, which is to be synced.
    file: Option<File>,
    is_applied: bool,
    /// Commands and keys that had been printed at the last look.
    printed: u64,
    /// A shard had just begun.
    has_begun: bool,
}

impl Keeper {
    /// Reads the checkpoint that was asked for, and has the cluster start there.
    fn open(options: &Tail, target: &str, cluster: Cluster) -> Result<(Self, Cluster), Failure> {
        let keeper = |checkpoint| Self {
            checkpoint,
            file: regular_output(),
            is_applied: options.ack == AckChoice::Applied,
            printed: 0,
            has_begun: false,
        };
        let Some(path) = &options.checkpoint else { return Ok((keeper(None), cluster)) };
        let checkpoint = ClusterCheckpoint::open(path, target)?;
        let checkpoint = checkpoint.every(options.checkpoint_commands, options.checkpoint_interval);
        let cluster = match checkpoint.saved() {
            None => cluster,
            Some(_) if options.from.is_some() => two_starts(options, path),
            Some(saved) => {
                let (count, age) = (saved.position.shards.len(), age(saved.saved_ms));
                let path = path.display();
                notes::say(format_args!(
                    "the checkpoint {path} says where to start: {count} shards, saved {age} s ago"
                ));
                if saved.target != target {
                    notes::say(format_args!("it was saved while {} was followed", saved.target));
                }
                cluster.positions(saved.position.clone())
            }
        };
        Ok((keeper(Some(checkpoint)), cluster))
    }

    fn is_due(&mut self, page: &Page) -> bool {
        let Some(checkpoint) = &mut self.checkpoint else { return false };
        let printed = page.printed();
        checkpoint.count(printed - self.printed);
        self.printed = printed;
        // The place counts only once the shard's handler has returned, which may be behind this look.
        let has_begun = page.take_begun();
        std::mem::replace(&mut self.has_begun, has_begun) || has_begun || checkpoint.is_due()
    }

    /// Writes what was printed, and saves the places after it.
    fn save(&mut self, page: &Page, following: &Following) -> Result<(), Failure> {
        let places: Vec<_> = following.shards().into_iter().filter_map(|shard| Some((shard.place()?, shard))).collect();
        page.flush()?;
        // What a shard could not print it may have counted as done.
        if matches!(*page.failure(), Some(Failure::Output(_) | Failure::ClosedPipe)) {
            return Ok(());
        }
        let Some(checkpoint) = &mut self.checkpoint else { return Ok(()) };
        let shards = places.iter().map(|(place, _)| place.clone());
        let positions = Positions { shards: shards.chain(following.lost()).collect() };
        if let Some(file) = &self.file
            && checkpoint.saved().is_none_or(|saved| saved.position != positions)
        {
            file.sync_data()?;
        }
        checkpoint.save(positions)?;
        for (place, shard) in places.iter().filter(|_| self.is_applied) {
            shard.handle().commit(place.position);
        }
        Ok(())
    }
}

/// What to follow, and what it is called.
fn cluster(options: &Tail) -> Result<(Cluster, String), Failure> {
    // That is the way of Sentinels to say it.
    let server = Server { prefer_replica: false, ..options.server.clone() };
    let address = Address::of(&server).unwrap_or_else(|words| options.wrong_usage(words));
    let Address { place, login, security, .. } = address;
    let Place::Server(target) = place else {
        options.wrong_usage("--cluster finds its nodes by itself: give the address of one of them, not of Sentinels");
    };
    let target = target.to_string();
    let cluster = Cluster::new([&target]).map_err(words)?.login(move || login.read());
    let cluster = match security {
        Security::Plain => cluster,
        #[cfg(feature = "tls")]
        Security::Tls(tls) => cluster.tls(tls),
    };
    // A failover takes about as long as the nodes need to notice; nobody should sleep for long behind it.
    let backoff = options.reconnect.unwrap_or(Backoff::new(Backoff::default().first, Duration::from_secs(1)));
    let mut settings = options.output.settings();
    (settings.allow_probe, settings.backoff) = (options.allow_probe, backoff);
    let cluster = cluster.options(settings).on_gap(options.on_gap.into()).ack(options.ack.into());
    let cluster = cluster.prefer_replica(options.server.prefer_replica);
    Ok((cluster.start(options.from.unwrap_or_default()), target))
}

fn words(error: impl Display) -> Failure {
    Failure::Words(error.to_string())
}

impl Tail {
    /// What makes no sense with many shards.
    pub(crate) fn check_cluster(&self) -> Result<(), &'static str> {
        let refused = [
            (
                self.output.format == Format::Resp,
                "--format resp can't be used with --cluster: transactions of several shards would mix; choose --format json",
            ),
            (self.output.until.is_some(), "--until is an offset, and each shard of a cluster has its own: remove it"),
            (self.snapshot_to.is_some(), "--snapshot-to writes the snapshot of one server: remove --cluster"),
            (
                matches!(self.from, Some(Start::At(_) | Start::Sync)),
                "with --cluster, --from takes now, now-without-fork or snapshot; positions of all shards are kept by --checkpoint FILE",
            ),
        ];
        refused.into_iter().find(|(is_wrong, _)| *is_wrong).map_or(Ok(()), |(_, words)| Err(words))
    }
}

static STOPPER: OnceLock<Stopper> = OnceLock::new();
/// It may come before there is anything to stop.
static ENDED: AtomicBool = AtomicBool::new(false);

fn end() {
    ENDED.store(true, Ordering::SeqCst);
    if let Some(stopper) = STOPPER.get() {
        stopper.stop();
    }
}
