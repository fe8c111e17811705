//! Where the primaries are: followers that find their server by themselves.
//!
//! This is the only room that starts threads of its own.

mod cluster;
mod connector;
mod sentinel;

#[cfg(feature = "capi")]
pub(crate) use cluster::backoff;
pub use cluster::{
    Cluster, ClusterCheckpoint, ClusterError, ClusterEvent, Following, Member, Merged, Migration, Node, Notice,
    Positions, PositionsError, SavedShard, Shard, Slots, SlotsError, Stopper, Topology, slot,
};
#[cfg(feature = "capi")]
pub(crate) use connector::ASKING;
pub use sentinel::{Found, Sentinel, SentinelError};
