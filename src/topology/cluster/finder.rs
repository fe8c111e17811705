//! The search for the topology among the nodes of a cluster.

use std::io;

use crate::net::{Target, bare};
use crate::topology::access::Access;
use crate::topology::cluster::error::ClusterError;
use crate::topology::cluster::link::{ask_topology, is_in_order};
use crate::topology::cluster::members::{Node, Topology};

/// Asks the nodes, and remembers them.
#[derive(Debug)]
pub(super) struct TopologyFinder {
    /// The addresses that were given.
    seeds: Vec<Target>,
    /// The nodes in the last reply that were up.
    known: Vec<Target>,
    /// The ids of all nodes in the last reply.
    ids: Vec<String>,
    /// The cluster has had slots. A node that knows none was reset, or has not met the others yet.
    pub(super) had_slots: bool,
    /// The number of searches: each starts at another node, because one may be wrong.
    turn: usize,
}

/// The number of nodes that are believed when they report that the cluster is down.
const ENOUGH: usize = 8;

/// Each shard takes a thread, and a reply may name any number of shards. The cluster specification aims at 1,000 nodes.
const MOST_SHARDS: usize = 2000;

impl TopologyFinder {
    pub(super) fn new(seeds: Vec<Target>) -> Self {
        Self { seeds, known: Vec::new(), ids: Vec::new(), had_slots: false, turn: 0 }
    }

    /// Asks the nodes in turn. A node that reports that the cluster is down may be isolated from it: its reply counts
    /// only if no other node contradicts.
    pub(super) fn find(&mut self, access: &Access, stopped: impl Fn() -> bool) -> Result<Topology, ClusterError> {
        let mut nodes = self.known.clone();
        let count = nodes.len().max(1);
        nodes.rotate_left(self.turn % count);
        self.turn = self.turn.wrapping_add(1);
        nodes.extend(self.seeds.iter().filter(|seed| !self.known.contains(seed)).cloned());
        let (mut tried, mut doubtful, mut doubts) = (Vec::new(), None, 0);
        for node in nodes {
            if stopped() {
                break;
            }
            match ask(access, &node) {
                Ok((topology, _)) if topology.slots().is_empty() && (self.had_slots || !self.known.is_empty()) => {
                    tried.push((node, "it knows of no slots".to_owned()));
                }
                Ok((topology, _)) if self.is_of_another_cluster(&topology) => {
                    tried.push((
                        node,
                        "it belongs to another cluster: it knows none of this cluster's nodes".to_owned(),
                    ));
                }
                Ok((topology, true)) => return Ok(self.learn(topology)),
                Ok((topology, false)) => {
                    doubts += 1;
                    doubtful.get_or_insert(topology);
                    if doubts == ENOUGH {
                        break;
                    }
                }
                Err(error) => {
                    let reason = bare(&node, &error);
                    tried.push((node, reason));
                }
            }
        }
        match doubtful {
            Some(topology) => Ok(self.learn(topology)),
            None => Err(ClusterError::Silent { tried }),
        }
    }

    /// Another cluster may have taken over the address of a node. Its shards would replace all shards of this one.
    fn is_of_another_cluster(&self, topology: &Topology) -> bool {
        !self.ids.is_empty() && !nodes(topology).any(|node| self.ids.contains(&node.id))
    }

    fn learn(&mut self, topology: Topology) -> Topology {
        self.known = nodes(&topology).filter(|node| node.is_up).map(|node| node.target.clone()).collect();
        self.ids = nodes(&topology).map(|node| node.id.clone()).collect();
        topology
    }
}

/// The topology in the node's reply, and whether the node reports that the cluster is in order.
fn ask(access: &Access, node: &Target) -> io::Result<(Topology, bool)> {
    let mut client = access.client(node)?;
    let is_in_order = is_in_order(&mut client)?;
    let topology = ask_topology(access, &mut client, node)?.map_err(io::Error::other)?;
    match topology.shards.len() {
        ..=MOST_SHARDS => Ok((topology, is_in_order)),
        count => Err(io::Error::other(format!("it names {count} shards, and at most {MOST_SHARDS} are followed"))),
    }
}

fn nodes(topology: &Topology) -> impl Iterator<Item = &Node> {
    topology.shards.iter().flat_map(|shard| shard.replicas.iter().chain([&shard.primary]))
}
