//! The start of all followers of a cluster.

use std::ops::ControlFlow;
use std::sync::{Arc, mpsc};

use crate::net::Builder;
use crate::replication::{Event, Start};
use crate::topology::cluster::coordinator::Coordinator;
use crate::topology::cluster::error::ClusterError;
use crate::topology::cluster::event::Notice;
use crate::topology::cluster::handle::ClusterHandle;
use crate::topology::cluster::link::histories;
use crate::topology::cluster::members::Member;
use crate::topology::cluster::positions::{self, Positions};
use crate::topology::cluster::shard::Shard;
use crate::topology::cluster::shard_thread::ShardConfig;
use crate::topology::cluster::shared::Shared;
use crate::topology::cluster::source::Cluster;

impl Builder<Cluster> {
    /// Follows every primary, each on a thread of its own.
    ///
    /// `handler` is called for each shard, and returns the closure for the shard's events. That closure is called on
    /// the shard's thread. Its events borrow from the shard's buffer. After each second without an event it receives
    /// [`Event::Idle`]. [`ControlFlow::Break`] ends all followers. A closure that works on one event for longer than
    /// the primary's `repl-timeout` calls [`Handle::heartbeat`](crate::Handle::heartbeat) of [`Shard::handle`].
    ///
    /// `notice` is called for each change of the cluster, on another thread. [`Notice::Added`] is delivered before the
    /// first event of its shard. All other notices have no order relative to events.
    ///
    /// A primary that can't be reached is retried for ever.
    ///
    /// # Errors
    /// [`ClusterError::Silent`], [`ClusterError::SingleLink`], [`ClusterError::StartAt`], [`ClusterError::Options`],
    /// [`ClusterError::Thread`].
    pub fn follow<N, F, H>(self, notice: N, handler: F) -> Result<ClusterHandle, ClusterError>
    where
        N: FnMut(Notice) + Send + 'static,
        F: FnMut(&Shard) -> H + Send + 'static,
        H: FnMut(&Shard, Event<'_>) -> ControlFlow<()> + Send + 'static,
    {
        if self.options.single_link {
            return Err(ClusterError::SingleLink);
        }
        if matches!(self.options.start, Start::At(_)) || matches!(self.source.added, Start::At(_)) {
            return Err(ClusterError::StartAt);
        }
        if let Some(message) = self.options.contradiction() {
            return Err(ClusterError::Options(message));
        }
        let access = self.access();
        let Self { mut source, options, buffer, .. } = self;
        let mut shards = source.finder.find(&access, || false)?.shards;
        let (starts, lost) = if source.positions == Positions::default() {
            // Primaries without slots are followed once it is certain that they stay.
            shards.retain(|shard| !shard.slots.is_empty());
            (vec![options.start; shards.len()], Vec::new())
        } else {
            // A shard that can't be asked now is identified by its nodes and slots.
            let ids = |member: &Member| histories(&access, &member.primary).unwrap_or_default();
            let shards: Vec<_> = shards.iter().map(|member| (member, ids(member))).collect();
            let (found, lost) = positions::assign(source.positions, &shards);
            (found.into_iter().map(|at| at.map_or(source.added, Start::At)).collect(), lost)
        };
        let (sender, messages) = mpsc::channel();
        let coordinator = Coordinator {
            config: ShardConfig { access, options, buffer, prefer_replica: source.prefer_replica },
            finder: source.finder,
            shared: Arc::new(Shared::new(sender)),
            messages,
            added: source.added,
            refresh: source.refresh,
            notice,
            factory: handler,
            running: Vec::new(),
            newcomers: Vec::new(),
        };
        coordinator.begin(shards.into_iter().zip(starts).collect(), lost).map_err(ClusterError::Thread)
    }
}
