//! What was learned of a cluster.

use redtail::topology::{Node, Topology};

use crate::doctor::facts::Facts;
use crate::target::probe_error::ProbeError;

/// All nodes, as the one that was named knows them.
pub(in crate::doctor) struct ClusterFacts {
    pub(in crate::doctor) topology: Topology,
    pub(in crate::doctor) nodes: Vec<Asked>,
    /// What the one that was named does not let us ask.
    pub(in crate::doctor) denied: Denied,
}

/// A node, and what became of asking it.
pub(in crate::doctor) struct Asked {
    pub(in crate::doctor) node: Node,
    /// Of its shard among those of the topology.
    pub(in crate::doctor) shard: usize,
    pub(in crate::doctor) is_primary: bool,
    pub(in crate::doctor) seen: Result<Seen, ProbeError>,
}

/// What a node says.
pub(in crate::doctor) struct Seen {
    pub(in crate::doctor) facts: Facts,
    /// What it takes the cluster for.
    pub(in crate::doctor) view: Option<Topology>,
    /// `cluster_state:ok`, where it tells.
    pub(in crate::doctor) is_in_order: Option<bool>,
    /// By its own words.
    pub(in crate::doctor) is_replica: Option<bool>,
    pub(super) denied: Denied,
}

/// The questions of a follower of clusters that a user may not ask.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::doctor) struct Denied {
    pub(in crate::doctor) shards: bool,
    pub(in crate::doctor) slots: bool,
    pub(in crate::doctor) info: bool,
    pub(in crate::doctor) role: bool,
}
