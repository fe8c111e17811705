//! What is followed: a cluster, a server, or what Sentinels name.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use redtail::replication::SessionError;
use redtail::topology::{Cluster, Following, Notice, Positions, Sentinel, Shard};
use redtail::{Ack, Error, Event, Follower, OnGap, Position, Start};

use crate::args::{self, Args};
use crate::end::{End, Failure};
use crate::lane::{Lane, Single};
use crate::outbox::Outbox;
use crate::reader::{Reader, Settings};

/// How soon a shard that joins is seen. What is written to it before that is not in the stream.
const REFRESH: Duration = Duration::from_secs(1);

pub(crate) enum Source {
    Cluster(Following),
    Single(Arc<Single>, Option<JoinHandle<()>>),
}

/// Starts to follow, behind the saved place or with the next write.
pub(crate) fn start(
    args: &Args,
    saved: Option<&str>,
    settings: &Arc<Settings>,
    outbox: &Arc<Outbox>,
    end: &Arc<End>,
) -> Result<Source, Failure> {
    let reader = {
        let (settings, outbox, end) = (Arc::clone(settings), Arc::clone(outbox), Arc::clone(end));
        move |lane| Reader::new(lane, Arc::clone(&settings), Arc::clone(&outbox), Arc::clone(&end))
    };
    match args.cluster {
        true => cluster(args, saved, reader, end),
        false => single(args, saved, &reader, end),
    }
}

impl Source {
    /// How far the broker has confirmed, as text to save; `None` while it has nothing.
    pub(crate) fn committed(&self) -> Option<String> {
        match self {
            Self::Cluster(following) => Some(following.committed().to_string()).filter(|text| !text.is_empty()),
            Self::Single(single, _) => single.committed().map(|position| position.to_string()),
        }
    }

    pub(crate) fn stop(&mut self) {
        match self {
            Self::Cluster(following) => following.stop(),
            Self::Single(single, thread) => {
                single.handle.stop();
                // Its panic was printed.
                let _ = thread.take().map(JoinHandle::join);
            }
        }
    }
}

fn cluster(
    args: &Args,
    saved: Option<&str>,
    reader: impl Fn(Lane) -> Reader + Send + 'static,
    end: &Arc<End>,
) -> Result<Source, Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::new(2, format!("{}: {error}", args.state.display()));
    let positions: Positions = saved.unwrap_or_default().parse().map_err(|error| wrong(&error))?;
    let mut cluster = Cluster::new(&args.addresses).map_err(|error| Failure::new(2, error.to_string()))?;
    #[cfg(feature = "tls")]
    if let Some(tls) = args.tls() {
        cluster = cluster.tls(tls);
    }
    cluster = cluster.login(args.login()).start(Start::Now).added(Start::Now).positions(positions).ack(Ack::Applied);
    cluster = cluster.on_gap(on_gap(args)).refresh(REFRESH);
    let (may_lose, end) = (args.on_gap == args::OnGap::Continue, Arc::clone(end));
    let notice = move |notice| {
        if let Some(failure) = tell(&notice, may_lose) {
            end.fail(failure);
        }
    };
    let handler = move |shard: &Shard| {
        let mut reader = reader(Lane::Shard(shard.clone()));
        move |_: &Shard, event: Event<'_>| reader.event(&event)
    };
    let following = cluster.follow(notice, handler).map_err(|error| Failure::new(1, error.to_string()))?;
    Ok(Source::Cluster(following))
}

/// Says what happens to the cluster; gives what the bridge can't go on with.
fn tell(notice: &Notice, may_lose: bool) -> Option<Failure> {
    match notice {
        Notice::Added { shard, start: Start::At(position) } => {
            eprintln!("redtail-nats: {shard:?} goes on at {position}")
        }
        Notice::Added { shard, .. } => eprintln!("redtail-nats: {shard:?} begins with its next write"),
        Notice::FailedOver { shard, from, to } => eprintln!("redtail-nats: {shard:?} has moved from {from} to {to}"),
        Notice::SlotsMoved { shard, gained, lost } => {
            eprintln!("redtail-nats: {shard:?} has got the slots {gained:?} and given away {lost:?}");
        }
        Notice::Removed { shard, .. } => eprintln!("redtail-nats: {shard:?} has left the cluster"),
        Notice::Ended { shard, error: Some(error) } => return Some(failure(&format!("{shard:?}: "), error)),
        Notice::Lost(saved) => {
            let words =
                format!("the cluster has no shard that goes on at {saved}: what was written there after it is lost");
            if !may_lose {
                return Some(Failure::new(4, format!("{words} (--on-gap continue goes on without)")));
            }
            eprintln!("redtail-nats: {words}");
        }
        Notice::Unreachable(error) => eprintln!("redtail-nats: {error}"),
        _ => {}
    }
    None
}

fn single(
    args: &Args,
    saved: Option<&str>,
    reader: &impl Fn(Lane) -> Reader,
    end: &Arc<End>,
) -> Result<Source, Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::new(2, format!("{}: {error}", args.state.display()));
    let position = saved.map(str::parse::<Position>).transpose().map_err(|error| wrong(&error))?;
    let single = Arc::new(Single::default());
    let handle = single.handle.clone();
    let builder = match &args.sentinel {
        Some(name) => {
            let sentinel = Sentinel::new(&args.addresses, name).map_err(|error| Failure::new(2, error.to_string()))?;
            #[cfg(feature = "tls")]
            let sentinel = match args.tls() {
                Some(tls) => sentinel.tls(tls),
                None => sentinel,
            };
            sentinel.login(args.login()).sentinel_login(args.sentinel_login()).handle(handle).builder()
        }
        None => {
            let [address] = &args.addresses[..] else {
                return Err(Failure::new(2, "one server has one address: several are for --cluster and --sentinel"));
            };
            let builder = Follower::builder(address).login(args.login()).handle(handle);
            #[cfg(feature = "tls")]
            let builder = match args.tls() {
                Some(tls) => builder.tls(tls),
                None => builder,
            };
            builder
        }
    };
    let builder = builder
        .start(position.map_or(Start::Now, Start::At))
        .on_gap(on_gap(args))
        .ack(Ack::Applied)
        // One that is down when the bridge starts again is waited for.
        .retry_first(position.is_some());
    let mut follower = builder.connect().map_err(|error| failure("", &error))?;
    let mut reader = reader(Lane::Single(Arc::clone(&single)));
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
                Err(error) => break Err(failure("", &error)),
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
    Ok(Source::Single(single, Some(thread)))
}

fn on_gap(args: &Args) -> OnGap {
    match args.on_gap {
        args::OnGap::Stop => OnGap::Stop,
        args::OnGap::Continue => OnGap::Continue,
    }
}

fn failure(of: &str, error: &Error) -> Failure {
    let code = match error {
        Error::Session(error) if matches!(**error, SessionError::HistoryLost(_)) => 4,
        Error::Target(_) => 2,
        _ => 1,
    };
    let how = if code == 4 { " (--on-gap continue goes on without)" } else { "" };
    Failure::new(code, format!("{of}{error}{how}"))
}
