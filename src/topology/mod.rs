//! Where the primaries are: followers that find their server by themselves.
//!
//! This is the only room that starts threads of its own.

mod cluster;
mod sentinel;
mod way;

#[cfg(feature = "capi")]
pub(crate) use cluster::backoff;
pub use cluster::{
    Cluster, ClusterCheckpoint, ClusterError, ClusterEvent, Following, Member, Merged, Migration, Node, Notice,
    Positions, PositionsError, SavedShard, Shard, Slots, SlotsError, Stopper, Topology, slot,
};
pub use sentinel::{Found, Sentinel, SentinelError};
#[cfg(feature = "capi")]
pub(crate) use way::ASKING;
