//! Discovery: followers that find their server through Sentinels or the nodes of a cluster.
//!
//! This is the only room that starts threads of its own.
//!
//! | purpose | items |
//! | --- | --- |
//! | Sentinel | [`Sentinel`], [`FoundServer`], [`SentinelError`] |
//! | a cluster | [`Cluster`], [`ClusterHandle`], [`Stopper`], [`Shard`], [`Merged`], [`ClusterEvent`], [`Notice`], [`ClusterError`] |
//! | its positions | [`Positions`], [`SavedShard`], [`ClusterCheckpoint`], [`PositionsError`] |
//! | its nodes and slots | [`Topology`], [`Member`], [`Node`], [`Slots`], [`slot`], [`SlotsError`] |
//! | slot migration | [`Migrations`], [`Migration`], [`MigrationTask`], [`MigrationSide`] |

mod access;
mod cluster;
mod ending;
mod error;
mod random;
mod sentinel;

pub use cluster::{
    Cluster, ClusterCheckpoint, ClusterError, ClusterEvent, ClusterHandle, Member, Merged, Migration, MigrationSide,
    MigrationTask, Migrations, Node, Notice, Positions, PositionsError, SavedShard, Shard, Slots, SlotsError, Stopper,
    Topology, slot,
};
pub use sentinel::{FoundServer, Sentinel, SentinelError};
