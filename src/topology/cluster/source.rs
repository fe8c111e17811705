//! A cluster as the source of its followers' connections.

use std::time::Duration;

use crate::net::sealed::Sealed;
use crate::net::{Builder, Dial, Dialer, Reconnect, Target};
use crate::replication::{Backoff, Start};
use crate::topology::access::{Access, TIMEOUTS};
use crate::topology::cluster::error::ClusterError;
use crate::topology::cluster::finder::TopologyFinder;
use crate::topology::cluster::members::Topology;
use crate::topology::cluster::positions::Positions;

/// A cluster, all of whose primaries are followed.
///
/// A shard is a primary and the nodes that replace it. After a failover its follower resumes from its position on the
/// new primary. If the new primary lacks that history, the follower delivers a [`Gap`](crate::Gap). The order within a
/// shard is kept. There is no order across shards, also where the slot of a key moves.
///
/// At each connection the node is asked for its id (`CLUSTER MYID`). Another server at that address is not followed:
/// the shard retries, and [`Event::Disconnected`](crate::Event::Disconnected) names both nodes. The user needs
/// `+cluster|myid`.
///
/// [`Builder::follow`] gives the events of each shard to a closure, on the shard's thread:
///
/// ```no_run
/// use std::ops::ControlFlow;
/// use redtail::topology::{Cluster, ClusterCheckpoint, Shard};
/// use redtail::{Ack, Event};
///
/// let mut checkpoint = ClusterCheckpoint::open("orders.positions", "10.0.0.1:7000")?;
/// let cluster = Cluster::builder(["10.0.0.1:7000"])?.positions(checkpoint.position().unwrap_or_default());
/// let notice = |notice| eprintln!("{notice}"); // shards added, failed over, slots moved, …
/// let mut handle = cluster.ack(Ack::Applied).follow(notice, |_: &Shard| {
///     |shard: &Shard, event: Event<'_>| {
///         if let Event::Command(command) = event {
///             println!("{} {command}", shard.target()); // and everything that makes it durable
///         }
///         ControlFlow::Continue(())
///     }
/// })?;
/// while !handle.wait_timeout(ClusterCheckpoint::INTERVAL) {
///     let positions = handle.positions();
///     checkpoint.save(positions.clone())?;
///     handle.commit(&positions);
/// }
/// checkpoint.save(handle.positions())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`Builder::merged`] gives one stream of events that own their data.
/// [`ClusterCheckpoint`](crate::topology::ClusterCheckpoint) shows how to save its positions.
///
/// ```no_run
/// use redtail::topology::{Cluster, ClusterEvent};
///
/// let mut merged = Cluster::builder(["10.0.0.1:7000"])?.merged(10_000)?;
/// while let Some(event) = merged.next_event() {
///     match event {
///         ClusterEvent::Shard { shard, event } => println!("{} {event:?}", shard.id()),
///         ClusterEvent::Notice(notice) => eprintln!("{notice}"),
///         _ => {}
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Cluster {
    pub(super) finder: TopologyFinder,
    pub(super) dialer: Dialer,
    pub(super) added: Start,
    pub(super) prefer_replica: bool,
    pub(super) refresh: Duration,
    pub(super) positions: Positions,
}

impl Cluster {
    /// The default of [`Builder::reconnect`] for the shards of a cluster: a pause of at most 1 s. A failover takes as
    /// long as the nodes need to notice it, and the follower should not sleep much longer.
    pub const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));

    /// The cluster that these nodes belong to. One address is enough: the follower learns the others from it. Several
    /// help while that node is down.
    ///
    /// # Errors
    /// [`ClusterError::Target`], [`ClusterError::NoNode`].
    pub fn builder<A: AsRef<str>>(nodes: impl IntoIterator<Item = A>) -> Result<Builder<Self>, ClusterError> {
        let nodes = nodes.into_iter().map(|text| text.as_ref().parse()).collect::<Result<Vec<Target>, _>>()?;
        if nodes.is_empty() {
            return Err(ClusterError::NoNode);
        }
        let source = Self {
            finder: TopologyFinder::new(nodes),
            dialer: Dialer::new(TIMEOUTS),
            added: Start::Snapshot,
            prefer_replica: false,
            refresh: Duration::from_secs(10),
            positions: Positions::default(),
        };
        Ok(Builder::new(source).reconnect(Self::BACKOFF))
    }
}

impl Builder<Cluster> {
    /// Where a shard starts that appears later, or that none of the given positions belongs to; default: with a
    /// snapshot.
    ///
    /// A node that has just joined is (almost) empty. Its snapshot contains the keys that were moved to it before it
    /// was discovered. With [`Start::Now`] these keys are missing.
    pub fn added(mut self, start: Start) -> Self {
        self.source.added = start;
        self
    }

    /// Resumes from these positions. Each shard takes the position whose history it continues; see [`Positions`].
    ///
    /// A position that no shard continues is reported as [`Notice::Lost`](crate::topology::Notice::Lost). A position
    /// that its server no longer has is reported as the shard's [`Gap`](crate::Gap).
    pub fn positions(mut self, positions: Positions) -> Self {
        self.source.finder.had_slots = positions.shards.iter().any(|saved| !saved.slots.is_empty());
        self.source.positions = positions;
        self
    }

    /// Whether to follow a healthy replica of each shard, to spare the primaries; the primary if there is none, or none
    /// with the history of the shard's position.
    ///
    /// A replica delivers a write when it has received it from its primary. A replica that becomes the primary is
    /// followed until the connection is lost.
    pub fn prefer_replica(mut self, yes: bool) -> Self {
        self.source.prefer_replica = yes;
        self
    }

    /// How often the nodes are asked for the topology, besides after each lost connection; default 10 s, at least 10
    /// ms.
    pub fn refresh(mut self, interval: Duration) -> Self {
        self.source.refresh = interval.max(Duration::from_millis(10));
        self
    }

    /// Asks the nodes for the topology of the cluster.
    ///
    /// # Errors
    /// [`ClusterError::Silent`].
    pub fn discover(&mut self) -> Result<Topology, ClusterError> {
        let access = self.access();
        self.source.finder.find(&access, || false)
    }

    pub(super) fn access(&self) -> Access {
        Access::new(self.source.dialer.clone(), self.login.clone(), self.options.label)
    }
}

impl Sealed for Cluster {}

impl Reconnect for Cluster {}

impl Dial for Cluster {
    fn dialer(&mut self) -> &mut Dialer {
        &mut self.dialer
    }
}
