//! All primaries of a cluster, each followed on a thread of its own.

mod coordinator;
mod display;
mod finder;
mod merged;
mod migration;
mod positions;
mod shard;
mod slots;
#[allow(clippy::module_inception, reason = "the name of what it holds")]
mod topology;

use std::ops::ControlFlow;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use std::{fmt, io};

use thiserror::Error;

use crate::base::limits::BUFFER_CAPACITY;
#[cfg(feature = "tls")]
use crate::net::Tls;
use crate::net::{Login, Target, TargetError, Timeouts};
use crate::replication::{Ack, Backoff, Event, OnGap, Options, Start};
use crate::topology::cluster::coordinator::{Common, Coordinator};
use crate::topology::cluster::finder::{Finder, histories};
use crate::topology::cluster::shard::Recipe;
use crate::topology::sentinel::each;

pub use coordinator::{Following, Notice, Stopper};
pub use merged::{ClusterEvent, Merged};
pub use migration::Migration;
pub use positions::{ClusterCheckpoint, Positions, PositionsError, SavedShard};
pub use shard::Shard;
pub use slots::{Slots, SlotsError, slot};
pub use topology::{Member, Node, Topology};

/// A cluster, all of whose primaries are to be followed.
///
/// A shard is its primary and whoever takes its place: after a failover its follower goes on from the same position on the new primary,
/// exactly, where that one has the history, else there is a [`Gap`](crate::Gap). The order within a shard is kept; none is promised
/// across shards, also where the slot of a key moves.
///
/// The events of each shard are handed to a closure of its own, on the shard's thread:
///
/// ```no_run
/// use std::ops::ControlFlow;
/// use redtail::Event;
/// use redtail::topology::{Cluster, Shard};
///
/// let cluster = Cluster::new(["10.0.0.1:7000", "10.0.0.2:7000"])?;
/// let notice = |notice| eprintln!("{notice:?}"); // shards added, failed over, slots moved, …
/// let mut following = cluster.password("secret").follow(notice, |_: &Shard| {
///     |shard: &Shard, event: Event<'_>| {
///         if let Event::Command(command) = event {
///             println!("{} {command}", shard.target());
///         }
///         ControlFlow::Continue(())
///     }
/// })?;
/// std::fs::write("cluster.positions", following.positions().to_string())?; // from time to time
/// following.wait();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// or come as one stream of events that own what they hold:
///
/// ```no_run
/// use redtail::topology::{Cluster, ClusterEvent};
///
/// let saved = std::fs::read_to_string("cluster.positions").unwrap_or_default();
/// let mut merged = Cluster::new(["10.0.0.1:7000"])?.positions(saved.parse()?).merged(10_000)?;
/// while let Some(event) = merged.next() {
///     match event {
///         ClusterEvent::Shard { shard, event } => println!("{} {event:?}", shard.id()),
///         ClusterEvent::Notice(notice) => eprintln!("{notice:?}"),
///     }
///     // once that is safe: merged.positions().to_string()
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Cluster {
    finder: Finder,
    options: Options,
    added: Start,
    buffer: usize,
    prefer_replica: bool,
    refresh: Duration,
    positions: Positions,
}

/// Why a cluster can't be followed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// There are no addresses to ask at.
    #[error("there is no node to ask: give at least one host:port")]
    NoNode,
    /// An address can't be read.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// No node could be asked, or none knows.
    #[error("no node tells what the cluster consists of: {}", each(tried))]
    Silent {
        /// The nodes, and what became of each.
        tried: Vec<(Target, String)>,
    },
    /// The system gives no thread.
    #[error("can't start a thread: {0}")]
    Thread(io::Error),
}

impl Cluster {
    /// The cluster that these nodes belong to. One is enough to learn of the others from; more help while that one is down.
    ///
    /// # Errors
    /// If an address can't be read, or there is none.
    pub fn new<S: AsRef<str>>(nodes: impl IntoIterator<Item = S>) -> Result<Self, ClusterError> {
        let nodes = nodes.into_iter().map(|text| text.as_ref().parse()).collect::<Result<Vec<Target>, _>>()?;
        if nodes.is_empty() {
            return Err(ClusterError::NoNode);
        }
        let seed = crate::io::random();
        Ok(Self {
            finder: Finder::new(nodes),
            options: Options { seed, backoff: backoff(), ..Options::default() },
            added: Start::Snapshot,
            buffer: BUFFER_CAPACITY,
            prefer_replica: false,
            refresh: Duration::from_secs(10),
            positions: Positions::default(),
        })
    }

    /// The password of the nodes' default user.
    pub fn password(self, password: impl Into<Vec<u8>>) -> Self {
        let password = password.into();
        self.login(move || Ok(Login { user: None, password: Some(password.clone()) }))
    }

    /// Where to get user and password of the nodes: asked at every connect.
    pub fn login(mut self, ask: impl FnMut() -> io::Result<Login> + Send + 'static) -> Self {
        self.finder.way.log_in_with(ask);
        self
    }

    /// Speaks TLS with the nodes, at the ports they give for it.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.finder.way.tls = Some(tls);
        self
    }

    /// The time-outs for each node that is tried. Unless said, 2 s to connect and 5 s for an answer.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.finder.way.timeouts = timeouts;
        self
    }

    /// All choices of the shards' followers at once. (One link only, and giving up at the first attempt, are not among them.) Unless said,
    /// they are those of [`Options`], but for the longest pause between two attempts to connect, which is 1 s.
    pub fn options(mut self, options: Options) -> Self {
        let seed = if options.seed == 0 { self.options.seed } else { options.seed };
        self.options = Options { seed, single_link: false, ..options };
        self
    }

    /// Where the shards start that are there at the beginning, if no positions are given.
    pub fn start(mut self, start: Start) -> Self {
        self.options.start = start;
        self
    }

    /// Where a shard starts that appears later, or that none of the positions given belongs to: with a snapshot, unless said. A node that has
    /// just joined is (almost) empty, and what was moved there before we saw it is in its snapshot. With [`Start::Now`] that is missing.
    pub fn added(mut self, start: Start) -> Self {
        self.added = start;
        self
    }

    /// Goes on where these were taken. Each shard takes the place whose history it continues; see [`Positions`]. A place that nobody
    /// continues comes as [`Notice::Lost`]; one that its server no longer has, as the shard's [`Gap`](crate::Gap).
    pub fn positions(mut self, positions: Positions) -> Self {
        self.finder.had_slots = positions.shards.iter().any(|saved| !saved.slots.is_empty());
        self.positions = positions;
        self
    }

    /// What to do when a shard's history was lost. With [`OnGap::Stop`], the default, that shard ends, and the others go on; what could not
    /// be continued stays among the positions, and is told again at the next start.
    pub fn on_gap(mut self, on_gap: OnGap) -> Self {
        self.options.on_gap = on_gap;
        self
    }

    /// What to acknowledge. For [`Ack::Applied`], what is safely kept is said to each [`Shard::handle`].
    pub fn ack(mut self, ack: Ack) -> Self {
        self.options.ack = ack;
        self
    }

    /// Follows a replica of each shard that is in good order, to spare the primaries; the primary, where there is none, or where none has the
    /// history to go on from. What a replica has not received from its primary can't be seen there, and it is sent later. A replica that
    /// becomes the primary is followed on until the link is lost.
    pub fn prefer_replica(mut self, yes: bool) -> Self {
        self.prefer_replica = yes;
        self
    }

    /// The size of each shard's buffer in bytes; see [`Builder::buffer`](crate::Builder::buffer).
    pub fn buffer(mut self, bytes: usize) -> Self {
        self.buffer = bytes;
        self
    }

    /// How often the nodes are asked what the cluster consists of, besides when a link is lost: each 10 s, unless said.
    pub fn refresh(mut self, interval: Duration) -> Self {
        self.refresh = interval.max(Duration::from_millis(10));
        self
    }

    /// Asks what the cluster consists of.
    ///
    /// # Errors
    /// [`ClusterError::Silent`].
    pub fn discover(&mut self) -> Result<Topology, ClusterError> {
        self.finder.find(|| false)
    }

    /// Follows every primary. `handler` is called for each shard and makes the closure that gets the shard's events, on the shard's own
    /// thread, as they are borrowed from its buffer; [`Event::Idle`] after each second in which nothing came. It ends them all by
    /// [`ControlFlow::Break`]. If it works on one event for longer than the primary's `repl-timeout`, it calls
    /// [`Handle::heartbeat`](crate::Handle::heartbeat) of [`Shard::handle`]. `notice` is told what happens to the cluster, on a thread of
    /// its own, in no order relative to the shards' events, but that a shard is announced before its first one.
    ///
    /// # Errors
    /// If no node tells what the cluster consists of. (A primary that can't be reached is tried again and again.)
    pub fn follow<N, F, H>(mut self, notice: N, handler: F) -> Result<Following, ClusterError>
    where
        N: FnMut(Notice) + Send + 'static,
        F: FnMut(&Shard) -> H + Send + 'static,
        H: FnMut(&Shard, Event<'_>) -> ControlFlow<()> + Send + 'static,
    {
        let mut shards = self.discover()?.shards;
        let start = self.options.start;
        let (starts, lost) = if self.positions == Positions::default() {
            // Those without slots are taken up once it is certain that they stay.
            shards.retain(|shard| !shard.slots.is_empty());
            (vec![start; shards.len()], Vec::new())
        } else {
            // Whoever can't be asked now is known by its nodes and slots.
            let ids = |member: &Member| histories(&self.finder.way, &member.primary.target).unwrap_or_default();
            let shards: Vec<_> = shards.iter().map(|member| (member, ids(member))).collect();
            let (found, lost) = positions::place(self.positions, &shards);
            (found.into_iter().map(|at| at.map_or(self.added, Start::At)).collect(), lost)
        };
        let (sender, words) = mpsc::channel();
        let coordinator = Coordinator {
            recipe: Recipe {
                way: self.finder.way.clone(),
                options: self.options,
                buffer: self.buffer,
                prefer_replica: self.prefer_replica,
            },
            finder: self.finder,
            common: Arc::new(Common::new(sender)),
            words,
            added: self.added,
            refresh: self.refresh,
            notice,
            factory: handler,
            running: Vec::new(),
            newcomers: Vec::new(),
        };
        coordinator.begin(shards.into_iter().zip(starts).collect(), lost).map_err(ClusterError::Thread)
    }

    /// Follows every primary and gives all their events as one stream, which holds up to `capacity` of them.
    ///
    /// # Errors
    /// As [`follow`](Self::follow).
    pub fn merged(self, capacity: usize) -> Result<Merged, ClusterError> {
        Merged::begin(self, capacity)
    }
}

/// A failover takes about as long as the nodes need to notice; nobody should sleep for long behind it.
pub(crate) fn backoff() -> Backoff {
    Backoff { longest: Duration::from_secs(1), ..Backoff::default() }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("nodes", &self.finder.seeds)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
