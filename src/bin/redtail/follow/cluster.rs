//! Follows every primary of a cluster. Each shard is followed and printed on a thread of its own.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;

use redtail::topology::{Cluster, ClusterHandle, Positions, Shard};
use redtail::{Ack, Backoff, Builder, Event};

use crate::args;
use crate::args::{Follow, survive, wrong_usage};
use crate::failure::Failure;
use crate::follow::event_sink::{EventSink, Source};
use crate::follow::keeper::Keeper;
use crate::follow::shared_stdout::{ShardWriter, SharedStdout};
use crate::keepalive::Keepalive;
use crate::output::Printer;
use crate::signals;
use crate::stats::{ClusterStats, Watching, tally_of_stream, watch_lag};
use crate::stop_condition::StopCondition;
use crate::target::address::{Address, Security};
use crate::target::command_specs;
use crate::target::endpoint::Endpoint;
use crate::terminal::log;

pub(super) fn run(options: &Follow) -> Result<(), Failure> {
    let address = Address::of(&options.server).unwrap_or_else(|message| wrong_usage(options.verb, message));
    let (cluster, target) = cluster(options, address.clone())?;
    let keeper = Keeper::open(options, &target)?;
    let saved = keeper.as_ref().and_then(Keeper::saved);
    let mut cluster = saved.into_iter().fold(cluster, Builder::positions);
    // Nothing is printed yet.
    signals::listen(|| std::process::exit(0))?;
    let stdout = Arc::new(SharedStdout::new(options)?);
    let stats = ClusterStats::start(&options.output);
    let watching = Watching::start(&options.watch)?;
    if let Some(backoff) = options.reconnect {
        find_nodes(&mut cluster, backoff)?;
    }
    let sinks = Sinks { options: options.clone(), address, stdout: Arc::clone(&stdout), printed: Arc::default() };
    let notices = Arc::clone(&stdout);
    let following = cluster.follow(move |notice| notices.notice(notice), move |shard: &Shard| sinks.handler(shard));
    let following = following?;
    stdout.stop_with(following.stopper());
    let stopper = following.stopper();
    signals::on_stop(move || stopper.stop());
    let outcome = keep(&stdout, following, keeper, options);
    drop(watching);
    if let Some(stats) = stats {
        stats.finish();
    }
    stdout.failure().take().map_or(outcome, Err)
}

/// Makes the output of each shard.
struct Sinks {
    options: Follow,
    address: Address,
    stdout: Arc<SharedStdout>,
    /// Commands and keys that all shards have printed.
    printed: Arc<AtomicU64>,
}

impl Sinks {
    fn handler(&self, shard: &Shard) -> impl FnMut(&Shard, Event<'_>) -> ControlFlow<()> + Send + use<> {
        let (options, stdout) = (&self.options, Arc::clone(&self.stdout));
        let settings = args::Output { stats: false, ..options.output.clone() };
        let (target, tally) = (shard.target(), tally_of_stream(Some(shard.id())));
        if options.watch.is_any() {
            let mut address = self.address.clone();
            address.endpoint = Endpoint::Server(target.clone());
            watch_lag(&tally, address);
        }
        let output = Printer::new(ShardWriter::new(shard, &stdout), &settings, target.to_string(), tally);
        let stop = StopCondition::shared(&settings, &self.printed);
        let mut sink = EventSink::new(Source::Shard(shard.clone()), output, stop, options);
        let keepalive = Keepalive::watch(shard.handle());
        move |shard, event| {
            let outcome = keepalive.while_printing(|| {
                let is_last = sink.event(&event)?;
                stdout.note(&event);
                if sink.is_beat_due() {
                    sink.beat(shard.position())?;
                }
                sink.flush()?;
                Ok(is_last)
            });
            match outcome {
                Ok(false) => ControlFlow::Continue(()),
                Ok(true) => ControlFlow::Break(()),
                Err(failure) => {
                    stdout.fail(failure);
                    ControlFlow::Break(())
                }
            }
        }
    }
}

/// The longest time that a printed line waits in the buffer.
const TICK: Duration = Duration::from_millis(50);

/// Flushes the output and saves the positions until the cluster is no longer followed.
fn keep(
    stdout: &SharedStdout,
    mut following: ClusterHandle,
    mut keeper: Option<Keeper<Positions>>,
    options: &Follow,
) -> Result<(), Failure> {
    let stopper = following.stopper();
    let mut had_begun = false;
    while !stopper.is_stopped() {
        sleep(TICK);
        let mut is_due = false;
        if let Some(keeper) = &mut keeper {
            keeper.count(stdout.uncounted.swap(0, Ordering::AcqRel));
            // A shard has its position only once its handler has returned, which may be after this tick.
            let has_begun = stdout.has_begun.swap(false, Ordering::AcqRel);
            is_due = std::mem::replace(&mut had_begun, has_begun) || has_begun || keeper.is_due();
        }
        let outcome = match &mut keeper {
            Some(keeper) if is_due => save(keeper, stdout, &following, options),
            _ => stdout.flush(),
        };
        if outcome.is_err() {
            following.stop();
            return outcome;
        }
    }
    following.stop();
    match &mut keeper {
        Some(keeper) => save(keeper, stdout, &following, options),
        None => stdout.flush(),
    }
}

/// Flushes the output, and saves the positions before it.
fn save(
    keeper: &mut Keeper<Positions>,
    stdout: &SharedStdout,
    following: &ClusterHandle,
    options: &Follow,
) -> Result<(), Failure> {
    let shards = following.shards();
    let positions: Vec<_> = shards.iter().filter_map(|shard| Some((shard, shard.saved()?))).collect();
    stdout.flush()?;
    // The position of a shard also counts events that it failed to print.
    if matches!(*stdout.failure(), Some(Failure::Output(_) | Failure::ClosedPipe)) {
        return Ok(());
    }
    let saved = positions.iter().map(|(_, saved)| saved.clone()).chain(following.lost());
    keeper.save(saved.collect())?;
    if options.ack == Ack::Applied {
        positions.iter().for_each(|(shard, saved)| shard.handle().commit(saved.position));
    }
    Ok(())
}

/// The cluster to follow, and its address for messages.
fn cluster(options: &Follow, address: Address) -> Result<(Builder<Cluster>, String), Failure> {
    command_specs::ask_at(address.clone());
    let Address { endpoint, login, security, .. } = address;
    let Endpoint::Server(target) = endpoint else {
        wrong_usage(options.verb, "--cluster takes the address of one of the nodes, not of Sentinels");
    };
    let target = target.to_string();
    let cluster = Cluster::builder([&target])?.login(move || login.read());
    let cluster = match security {
        Security::Plain => cluster,
        #[cfg(feature = "tls")]
        Security::Tls(tls) => cluster.tls(tls),
    };
    let mut settings = options.output.settings();
    (settings.allow_probe, settings.backoff) = (options.allow_probe, Cluster::BACKOFF);
    settings.label = options.watch.name.as_deref().copied().unwrap_or_default();
    survive(options.reconnect, options.on_gap, &mut settings);
    let cluster = cluster.options(settings).ack(options.ack);
    let cluster = cluster.prefer_replica(options.server.prefer_replica);
    Ok((cluster.start(options.start.unwrap_or_default()), target))
}

/// Asks for the nodes until one answers: with --reconnect the first connect is retried.
fn find_nodes(cluster: &mut Builder<Cluster>, backoff: Backoff) -> Result<(), Failure> {
    for attempt in 0.. {
        let Err(error) = cluster.discover() else { break };
        let Some(delay) = backoff.delay(attempt, u64::from(std::process::id())) else { return Err(error.into()) };
        log::warn(format_args!("{error}; trying again in {} ms", delay.as_millis()));
        sleep(delay);
    }
    Ok(())
}
