//! The source: a cluster, a server, or the primary of Sentinels.

use std::fmt::Display;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use redtail::net;
use redtail::replication::{ReplicaLabel, SessionError};
use redtail::topology::{Cluster, ClusterCheckpoint, ClusterHandle, Notice, Positions, Sentinel, Shard};
use redtail::{Ack, Builder, Checkpoint, Error, Event, Follower, Handle, OnGap, Position, SnapshotForm, Start};

use crate::args::{self, Args};
use crate::end::{End, Failure};
use crate::lane::{Lane, Single};
use crate::message::Message;
use crate::outbox::{Item, Outbox};
use crate::reader::{Reader, Settings};
use crate::state;

/// The delay until a new shard is noticed. Earlier writes to it are not in the stream.
const REFRESH: Duration = Duration::from_secs(1);

pub(crate) enum Source {
    /// `may_save`: all saved positions that no shard continues have been published as lost. The next save removes
    /// them.
    Cluster {
        following: ClusterHandle,
        checkpoint: ClusterCheckpoint,
        may_save: Arc<AtomicBool>,
    },
    Single {
        single: Arc<Single>,
        thread: Option<JoinHandle<()>>,
        checkpoint: Checkpoint,
    },
}

/// Starts to follow, from the saved position or with the next write.
pub(crate) fn start(
    args: &Args,
    settings: &Arc<Settings>,
    outbox: &Arc<Outbox>,
    end: &Arc<End>,
) -> Result<Source, Failure> {
    let reader = {
        let (settings, outbox, end) = (Arc::clone(settings), Arc::clone(outbox), Arc::clone(end));
        move |lane, resumes| Reader::new(lane, Arc::clone(&settings), Arc::clone(&outbox), Arc::clone(&end), resumes)
    };
    match args.cluster {
        true => cluster(args, reader, outbox, end),
        false => single(args, &reader, end),
    }
}

impl Source {
    /// Saves the position that the broker has confirmed. Returns whether the file has changed.
    pub(crate) fn save(&mut self) -> Result<bool, Failure> {
        match self {
            Self::Cluster { may_save, .. } if !may_save.load(Ordering::Acquire) => Ok(false),
            Self::Cluster { following, checkpoint, .. } => state::save(checkpoint, following.committed()),
            Self::Single { single, checkpoint, .. } => match single.committed() {
                Some(position) => state::save(checkpoint, position),
                None => Ok(false),
            },
        }
    }

    pub(crate) fn stop(&mut self) {
        match self {
            Self::Cluster { following, .. } => following.stop(),
            Self::Single { single, thread, .. } => {
                single.handle.stop();
                // The thread has already printed its panic.
                let _ = thread.take().map(JoinHandle::join);
            }
        }
    }
}

fn cluster(
    args: &Args,
    reader: impl Fn(Lane, bool) -> Reader + Send + 'static,
    outbox: &Arc<Outbox>,
    end: &Arc<End>,
) -> Result<Source, Failure> {
    let checkpoint: ClusterCheckpoint = state::open(args)?;
    let positions = match checkpoint.position() {
        Some(positions) => positions,
        None => args.position::<Positions>().map_err(|error| Failure::new(2, error))?.unwrap_or_default(),
    };
    let mut cluster = Cluster::builder(&args.target.hosts).map_err(|error| Failure::new(2, error.to_string()))?;
    #[cfg(feature = "tls")]
    if let Some(tls) = args.tls() {
        cluster = cluster.tls(tls);
    }
    // A shard without a saved position is new, or its position is lost.
    let added = if args.on_gap == args::OnGap::Snapshot { Start::Snapshot } else { args.start() };
    cluster = cluster.login(args.login()).start(args.start()).added(added).positions(positions).ack(args.ack());
    cluster = cluster.retry_snapshot(args.on_gap == args::OnGap::Snapshot);
    cluster = cluster.on_gap(on_gap(args)).refresh(REFRESH).snapshot(SnapshotForm::Items).label(args.label());
    let (may_lose, partitions) = (args.on_gap != args::OnGap::Stop, args.partitions);
    let (outbox, end) = (Arc::clone(outbox), Arc::clone(end));
    let may_save = Arc::new(AtomicBool::new(false));
    // Lost positions are published before any shard is added.
    let mut told = Some(Arc::clone(&may_save));
    let put = move |item| {
        // If the outbox accepts nothing any more, this ends.
        let _ = outbox.push(item, || {});
    };
    let notice = move |notice| match &notice {
        Notice::Added { .. } => {
            eprintln!("redtail-nats: {notice}");
            if let Some(flag) = told.take() {
                put(Item::Flag(flag));
            }
        }
        Notice::Ended { error: Some(error), .. } => end.fail(failure(&notice, error)),
        // Nothing is saved any more: the next start reports it again. With a position of the shard that has its slots
        // now, that start would not begin the shard with a snapshot.
        Notice::Lost(_) if !may_lose => {
            told = None;
            end.fail(Failure::new(4, format!("{notice}{LOST}")));
        }
        Notice::Lost(saved) => {
            eprintln!("redtail-nats: {notice}; a gap is published");
            for message in Message::gap(Some(&saved.node), saved.position, None, None, partitions) {
                put(Item::Message(message));
            }
        }
        _ => eprintln!("redtail-nats: {notice}"),
    };
    let handler = move |shard: &Shard| {
        let mut reader = reader(Lane::Shard(shard.clone()), shard.committed().is_some());
        move |_: &Shard, event: Event<'_>| reader.event(&event)
    };
    let following = cluster.follow(notice, handler).map_err(|error| Failure::new(1, error.to_string()))?;
    Ok(Source::Cluster { following, checkpoint, may_save })
}

/// The start of one server, found by its address or through Sentinels.
struct Begin {
    position: Option<Position>,
    start: Start,
    on_gap: OnGap,
    ack: Ack,
    label: ReplicaLabel,
    handle: Handle,
}

impl Begin {
    fn connect<S: net::Source + net::Reconnect>(self, builder: Builder<S>) -> Result<Follower<S::Transport>, Error> {
        let builder = builder
            .snapshot(SnapshotForm::Items)
            .start(self.position.map_or(self.start, Start::At))
            .on_gap(self.on_gap)
            .retry_snapshot(self.on_gap == OnGap::Snapshot)
            .ack(self.ack)
            .label(self.label);
        // A server that is down when the bridge restarts is waited for.
        builder.retry_first(self.position.is_some()).handle(self.handle).connect()
    }
}

fn single(args: &Args, reader: &impl Fn(Lane, bool) -> Reader, end: &Arc<End>) -> Result<Source, Failure> {
    let checkpoint: Checkpoint = state::open(args)?;
    let position = match checkpoint.position() {
        Some(position) => Some(position),
        None => args.position().map_err(|error| Failure::new(2, error))?,
    };
    let single = Arc::new(Single::default());
    let handle = single.handle.clone();
    let (ack, label) = (args.ack(), args.label());
    let start = Begin { position, start: args.start(), on_gap: on_gap(args), ack, label, handle };
    let followed = match &args.target.name {
        Some(name) => {
            let sentinel =
                Sentinel::builder(&args.target.hosts, name).map_err(|error| Failure::new(2, error.to_string()))?;
            #[cfg(feature = "tls")]
            let sentinel = match args.tls() {
                Some(tls) => sentinel.tls(tls),
                None => sentinel,
            };
            #[cfg(feature = "tls")]
            let sentinel = match args.sentinel_tls() {
                Some(tls) => sentinel.sentinel_tls(tls),
                None => sentinel,
            };
            let sentinel = sentinel.sentinel_login(args.sentinel_login()).prefer_replica(args.prefer_replica);
            start.connect(sentinel.login(args.login()))
        }
        None => {
            let builder = Follower::builder(args.target.hosts.join(",")).login(args.login());
            #[cfg(feature = "tls")]
            let builder = match args.tls() {
                Some(tls) => builder.tls(tls),
                None => builder,
            };
            start.connect(builder)
        }
    };
    let mut follower = followed.map_err(|error| failure(&error, &error))?;
    let mut reader = reader(Lane::Single(Arc::clone(&single)), position.is_some());
    let end = Arc::clone(end);
    let follow = move || {
        let outcome = loop {
            match follower.next_timeout(Duration::from_secs(1)) {
                Ok(Some(event)) => {
                    if reader.event(&event) == ControlFlow::Break(()) {
                        break Ok(());
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(failure(&error, &error)),
            }
        };
        match outcome {
            Ok(()) => end.stop(),
            Err(failure) => end.fail(failure),
        }
    };
    let thread = thread::Builder::new()
        .name("follower".into())
        .spawn(follow)
        .map_err(|error| Failure::new(1, format!("can't start a thread: {error}")))?;
    Ok(Source::Single { single, thread: Some(thread), checkpoint })
}

fn on_gap(args: &Args) -> OnGap {
    match args.on_gap {
        args::OnGap::Stop => OnGap::Stop,
        args::OnGap::Continue => OnGap::Continue,
        args::OnGap::Snapshot => OnGap::Snapshot,
    }
}

const LOST: &str = "; an operator must decide whether to continue without it (--on-gap continue), or with a snapshot (--on-gap snapshot)";

fn failure(words: &dyn Display, error: &Error) -> Failure {
    match error {
        Error::Session(session) if matches!(**session, SessionError::HistoryLost(_)) => {
            Failure::new(4, format!("{words}{LOST}"))
        }
        Error::Target(_) => Failure::new(2, words.to_string()),
        _ => Failure::new(1, words.to_string()),
    }
}
