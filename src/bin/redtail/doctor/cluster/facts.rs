//! The facts about a cluster.

use redtail::topology::{Node, Topology};

use crate::doctor::facts::Facts;
use crate::target::probe_error::ProbeError;

/// All nodes known to the given node.
pub(in crate::doctor) struct ClusterFacts {
    pub(in crate::doctor) topology: Topology,
    pub(in crate::doctor) nodes: Vec<Asked>,
    /// The commands that a node has denied.
    pub(in crate::doctor) denied: Denied,
}

/// A node and its answers.
pub(in crate::doctor) struct Asked {
    pub(in crate::doctor) node: Node,
    /// The index of its shard in the topology.
    pub(in crate::doctor) shard: usize,
    pub(in crate::doctor) is_primary: bool,
    pub(in crate::doctor) seen: Result<Seen, ProbeError>,
}

impl Asked {
    /// The answers, if they are not from another node.
    pub(in crate::doctor) fn itself(&self) -> Option<&Seen> {
        self.seen.as_ref().ok().filter(|seen| seen.id.as_ref().is_none_or(|id| *id == self.node.id))
    }
}

/// The answers of a node.
pub(in crate::doctor) struct Seen {
    /// The id that the node reports, or its refusal. `None` if the user may not ask.
    pub(in crate::doctor) id: Option<String>,
    pub(in crate::doctor) facts: Facts,
    /// The topology, as the node sees it.
    pub(in crate::doctor) view: Option<Topology>,
    /// Whether `cluster_state` is ok, if it is known.
    pub(in crate::doctor) is_in_order: Option<bool>,
    /// The role that the node reports.
    pub(in crate::doctor) is_replica: Option<bool>,
    pub(super) denied: Denied,
}

/// The denied commands that a follower of a cluster needs.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::doctor) struct Denied {
    pub(in crate::doctor) shards: bool,
    pub(in crate::doctor) slots: bool,
    pub(in crate::doctor) info: bool,
    pub(in crate::doctor) role: bool,
    pub(in crate::doctor) myid: bool,
}
