//! The search for the topology among the nodes of a cluster.

use std::io;

use crate::net::{Reply, Target};
use crate::topology::access::Access;
use crate::topology::cluster::error::ClusterError;
use crate::topology::cluster::link::is_in_order;
use crate::topology::cluster::members::Topology;

/// Asks the nodes, and remembers them.
#[derive(Debug)]
pub(super) struct TopologyFinder {
    /// The addresses that were given.
    seeds: Vec<Target>,
    /// The nodes in the last reply.
    known: Vec<Target>,
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
        Self { seeds, known: Vec::new(), had_slots: false, turn: 0 }
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
                Ok((topology, true)) => return Ok(self.learn(topology)),
                Ok((topology, false)) => {
                    doubts += 1;
                    doubtful.get_or_insert(topology);
                    if doubts == ENOUGH {
                        break;
                    }
                }
                Err(error) => tried.push((node, error.to_string())),
            }
        }
        match doubtful {
            Some(topology) => Ok(self.learn(topology)),
            None => Err(ClusterError::Silent { tried }),
        }
    }

    fn learn(&mut self, topology: Topology) -> Topology {
        let nodes = topology.shards.iter().flat_map(|shard| shard.replicas.iter().chain([&shard.primary]));
        self.known = nodes.filter(|node| node.is_up).map(|node| node.target.clone()).collect();
        topology
    }
}

/// The topology in the node's reply, and whether the node reports that the cluster is in order.
fn ask(access: &Access, node: &Target) -> io::Result<(Topology, bool)> {
    let mut client = access.client(node)?;
    let is_in_order = is_in_order(&mut client)?;
    let topology = match client.ask(&["CLUSTER", "SHARDS"])? {
        Reply::Error(_) => match client.ask(&["CLUSTER", "SLOTS"])? {
            Reply::Error(text) => return Err(io::Error::other(text)),
            reply => Topology::from_slots(&reply, node),
        },
        reply => Topology::from_shards(&reply, node, access.dialer.is_tls()),
    };
    match topology.shards.len() {
        ..=MOST_SHARDS => Ok((topology, is_in_order)),
        count => Err(io::Error::other(format!("it names {count} shards, and at most {MOST_SHARDS} are followed"))),
    }
}
