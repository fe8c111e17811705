//! All primaries of a cluster, each followed on a thread of its own.

mod coordinator;
mod error;
mod event;
mod finder;
mod follow;
mod handle;
mod identity;
mod link;
mod members;
mod merged;
mod migration;
mod positions;
mod queue;
mod shard;
mod shard_thread;
mod shared;
mod slots;
mod source;

pub use error::ClusterError;
pub use event::{ClusterEvent, Notice};
pub use handle::{ClusterHandle, Stopper};
pub use members::{Member, Node, Topology};
pub use merged::Merged;
pub use migration::{Migration, MigrationSide, MigrationTask, Migrations};
pub use positions::{ClusterCheckpoint, Positions, PositionsError, SavedShard};
pub use shard::Shard;
pub use slots::{Slots, SlotsError, slot};
pub use source::Cluster;
