//! Asking the nodes of a cluster what it consists of.

use std::io;

use crate::net::{Answer, Socket, Talk, Target};
use crate::replication::info::Info;
use crate::replication::{Position, ReplicationId};
use crate::topology::cluster::ClusterError;
use crate::topology::cluster::topology::Topology;
use crate::topology::connector::Way;

/// Whom to ask.
pub(super) struct Finder {
    pub(super) way: Way,
    /// The addresses that were given.
    pub(super) seeds: Vec<Target>,
    /// The nodes that the last answer named.
    known: Vec<Target>,
    /// There were slots once, and there are places to go on from: a node that knows of none was reset, or has not met the others yet.
    pub(super) had_slots: bool,
    /// Where to begin the next time: a node that was wrong is not to be asked first again.
    turn: usize,
}

/// So many nodes that say the cluster is down are believed.
const ENOUGH: usize = 8;

/// Each shard takes a thread, and a node may name any number of them. The servers' own specification aims at 1,000 nodes.
const MOST_SHARDS: usize = 2000;

impl Finder {
    pub(super) fn new(seeds: Vec<Target>) -> Self {
        Self { way: Way::default(), seeds, known: Vec::new(), had_slots: false, turn: 0 }
    }

    /// Asks one node after another until one knows. One that says that the cluster is down may have lost touch with it, so what it says
    /// counts only if no other says otherwise.
    pub(super) fn find(&mut self, stopped: impl Fn() -> bool) -> Result<Topology, ClusterError> {
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
            match self.ask(&node) {
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

    /// What the node says, and whether it says that the cluster is in order.
    fn ask(&self, node: &Target) -> io::Result<(Topology, bool)> {
        let mut talk = Talk::begin(self.way.connect(node)?, &self.way.login()?)?;
        let in_order = is_in_order(&mut talk)?;
        let topology = match talk.ask(&["CLUSTER", "SHARDS"])? {
            Answer::Error(_) => match talk.ask(&["CLUSTER", "SLOTS"])? {
                Answer::Error(words) => return Err(io::Error::other(words)),
                answer => Topology::from_slots(&answer, node),
            },
            answer => Topology::from_shards(&answer, node, self.way.is_tls()),
        };
        match topology.shards.len() {
            ..=MOST_SHARDS => Ok((topology, in_order)),
            count => Err(io::Error::other(format!("it names {count} shards, and at most {MOST_SHARDS} are followed"))),
        }
    }

    fn learn(&mut self, topology: Topology) -> Topology {
        let nodes = topology.shards.iter().flat_map(|shard| shard.replicas.iter().chain([&shard.primary]));
        self.known = nodes.filter(|node| node.is_up).map(|node| node.target.clone()).collect();
        topology
    }
}

/// A link to a primary, which has said itself that it is one and that the cluster is in order: one that was started again does not know
/// at first that another has taken its place. (One that we may not ask is believed.)
pub(super) fn link(way: &Way, target: &Target) -> io::Result<Socket> {
    let mut talk = Talk::begin(way.connect(target)?, &way.login()?)?;
    if talk.ask(&["ROLE"])?.list().first().and_then(Answer::text) == Some("slave") {
        return Err(io::Error::other(format!(
            "{target} is a replica: the cluster has not said yet who is the primary"
        )));
    }
    if !is_in_order(&mut talk)? {
        return Err(io::Error::other(format!("{target} says that the cluster is down (cluster_state:fail)")));
    }
    Ok(talk.into_link())
}

/// A link to a replica in good order; to one that can go on from `position`, if there is one. Otherwise it would be a gap, as behind one that
/// has become a replica of another primary, or that has not received as much as we have.
pub(super) fn link_to_replica(way: &Way, target: &Target, position: Option<Position>) -> io::Result<Socket> {
    let mut talk = Talk::begin(way.connect(target)?, &way.login()?)?;
    let role = talk.ask(&["ROLE"])?;
    let is_linked = |link: &Answer| link.text() == Some("connected");
    if role.list().get(3).is_some_and(|link| !is_linked(link)) {
        return Err(io::Error::other(format!("{target} has no link to its primary")));
    }
    if !is_in_order(&mut talk)? {
        return Err(io::Error::other(format!("{target} says that the cluster is down (cluster_state:fail)")));
    }
    let info = talk.ask(&["INFO", "replication"])?;
    match position {
        Some(position) if !Info::read(info.text().unwrap_or_default().as_bytes()).covers(&position) => {
            Err(io::Error::other(format!("{target} does not continue {position}")))
        }
        _ => Ok(talk.into_link()),
    }
}

fn is_in_order(talk: &mut Talk) -> io::Result<bool> {
    let answer = talk.ask(&["CLUSTER", "INFO"])?;
    Ok(answer.text().is_none_or(|text| !text.lines().any(|line| line == "cluster_state:fail")))
}

/// The two ids under which a node continues histories, where it may be asked.
pub(super) fn histories(way: &Way, target: &Target) -> io::Result<Vec<ReplicationId>> {
    let mut talk = Talk::begin(way.connect(target)?, &way.login()?)?;
    Ok(ids(&talk.ask(&["INFO", "replication"])?))
}

fn ids(answer: &Answer) -> Vec<ReplicationId> {
    let lines = answer.text().unwrap_or_default().lines();
    let values = lines
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| matches!(*name, "master_replid" | "master_replid2"));
    values.filter_map(|(_, value)| value.parse().ok()).filter(|id: &ReplicationId| *id.as_str() != *NONE).collect()
}

/// What stands in place of a second id that there is not.
const NONE: &str = "0000000000000000000000000000000000000000";
