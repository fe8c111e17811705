//! The primaries of a cluster, each with a connection, and the slots that each of them serves.

use std::mem::take;
use std::time::{Duration, Instant};

use redtail::net::Target;
use redtail::topology::Topology;

use crate::failure::Failure;
use crate::target::address::Address;
use crate::target::claim::Claim;
use crate::target::node::Node;
use crate::target::offset::field;

/// The number of slots of a cluster.
const SLOTS: usize = 1 << 14;

/// The time between two questions for the nodes, while commands are sent for long.
const INTERVAL: Duration = Duration::from_secs(5);

/// The primaries of a cluster, or a single server.
pub(crate) struct Primaries {
    pub(crate) address: Address,
    pub(crate) nodes: Vec<Node>,
    /// For each slot the index of the node that serves it. Empty: a single server.
    owners: Vec<Option<usize>>,
    /// The replicas of the primaries. A primary that was one of them has replaced a node.
    replicas: Vec<Target>,
    /// When both were learned.
    learned: Instant,
    /// The selected database.
    pub(crate) db: u32,
    claim: Option<Claim>,
}

impl Primaries {
    /// Connects to the server at this address. If it is a node of a cluster: to all primaries of the cluster.
    pub(crate) fn open(address: &Address) -> Result<Self, Failure> {
        let target = address.server().map_err(|error| Failure::Message(error.to_string()))?;
        let mut node = Node::open(address, &target)?;
        let topology = topology(&mut node)?;
        let mut primaries = Self {
            address: address.clone(),
            nodes: vec![node],
            owners: Vec::new(),
            replicas: Vec::new(),
            learned: Instant::now(),
            db: 0,
            claim: None,
        };
        primaries.learn(&topology)?;
        Ok(primaries)
    }

    pub(crate) fn is_cluster(&self) -> bool {
        !self.owners.is_empty()
    }

    /// The index of the node that serves the slot, as far as it is known.
    pub(crate) fn owner(&self, slot: u16) -> Option<usize> {
        self.owners.get(usize::from(slot)).copied().flatten()
    }

    /// A node has said that another one serves the slot. Returns the index of that one.
    pub(crate) fn moved(&mut self, slot: u16, target: &Target) -> Result<usize, Failure> {
        self.is_no_failover(target)?;
        let index = self.at(target)?;
        if let Some(owner) = self.owners.get_mut(usize::from(slot)) {
            *owner = Some(index);
        }
        Ok(index)
    }

    /// The index of the node at this address, which is connected to if it is new.
    pub(crate) fn at(&mut self, target: &Target) -> Result<usize, Failure> {
        if let Some(index) = self.nodes.iter().position(|node| node.target == *target) {
            return Ok(index);
        }
        let node = self.open_node(target)?;
        self.nodes.push(node);
        Ok(self.nodes.len() - 1)
    }

    /// Asks a node for the primaries and their slots again. The indices of the nodes change. No reply may be missing.
    pub(crate) fn refresh(&mut self) -> Result<(), Failure> {
        match self.ask_except(None)? {
            Some(topology) => self.learn(&topology),
            None => Ok(()),
        }
    }

    /// Selects a database of all nodes. No reply may be missing.
    pub(crate) fn select(&mut self, db: u32) -> Result<(), Failure> {
        self.db = db;
        self.nodes.iter_mut().try_for_each(|node| node.select(db))
    }

    /// Fails if another process has this claim at one of the nodes. No reply may be missing.
    pub(crate) fn claim(&mut self, claim: &Claim) -> Result<(), Failure> {
        self.nodes.iter_mut().try_for_each(|node| node.claim(claim))?;
        self.claim = Some(claim.clone());
        Ok(())
    }

    /// Keeps all connections open. No reply may be missing.
    pub(crate) fn keep_alive(&mut self) -> Result<(), Failure> {
        self.nodes.iter_mut().try_for_each(|node| node.keep_alive(&self.address).map(drop))
    }

    /// Keeps the connections to all nodes with slots open. A node that has given all of them away may end. The indices
    /// of the nodes change. No reply may be missing.
    pub(crate) fn keep_up(&mut self) -> Result<(), Failure> {
        let address = &self.address;
        let lost =
            self.nodes.iter_mut().enumerate().find_map(|(index, node)| Some((index, node.keep_alive(address).err()?)));
        let Some((index, failure)) = lost else {
            return if self.learned.elapsed() < INTERVAL { Ok(()) } else { self.refresh() };
        };
        let Some(target) = self.nodes.get(index).map(|node| node.target.clone()) else { return Err(failure) };
        match self.ask_except(Some(index))? {
            Some(topology) if !serves(&topology, &target) => self.learn(&topology)?,
            _ => return Err(failure),
        }
        self.keep_up()
    }

    /// The topology that a node knows, but for the one at this index. `None`: no node has one.
    fn ask_except(&mut self, lost: Option<usize>) -> Result<Option<Topology>, Failure> {
        for (index, node) in self.nodes.iter_mut().enumerate() {
            if Some(index) == lost || node.keep_alive(&self.address).is_err() {
                continue;
            }
            let topology = topology(node)?;
            if topology.shards.iter().any(|shard| !shard.slots.is_empty()) {
                return Ok(Some(topology));
            }
        }
        Ok(None)
    }

    /// Fails if this primary was a replica: it may lack writes that the primary before it has confirmed.
    fn is_no_failover(&self, primary: &Target) -> Result<(), Failure> {
        match self.replicas.contains(primary) {
            true => Err(Failure::Message(format!("lost a node of the cluster: its replica {primary} has replaced it"))),
            false => Ok(()),
        }
    }

    fn open_node(&self, target: &Target) -> Result<Node, Failure> {
        let mut node = Node::open(&self.address, target)?;
        if let Some(claim) = &self.claim {
            node.claim(claim)?;
        }
        if self.db != 0 {
            node.select(self.db)?;
        }
        Ok(node)
    }

    fn learn(&mut self, topology: &Topology) -> Result<(), Failure> {
        let shards = topology.shards.iter().filter(|shard| !shard.slots.is_empty());
        if shards.clone().next().is_none() {
            return Ok(());
        }
        shards.clone().try_for_each(|shard| self.is_no_failover(&shard.primary.target))?;
        self.replicas = shards.clone().flat_map(|shard| &shard.replicas).map(|node| node.target.clone()).collect();
        self.learned = Instant::now();
        let mut before = take(&mut self.nodes);
        self.owners = vec![None; SLOTS];
        for (index, shard) in shards.enumerate() {
            let target = &shard.primary.target;
            self.nodes.push(match before.iter().position(|node| node.target == *target) {
                Some(known) => before.swap_remove(known),
                None => self.open_node(target)?,
            });
            for &(first, last) in shard.slots.ranges() {
                let slots = self.owners.get_mut(usize::from(first)..=usize::from(last)).unwrap_or_default();
                slots.fill(Some(index));
            }
        }
        Ok(())
    }
}

fn serves(topology: &Topology, target: &Target) -> bool {
    topology.shards.iter().any(|shard| shard.primary.target == *target && !shard.slots.is_empty())
}

/// The topology in the node's reply; empty for a single server.
fn topology(node: &mut Node) -> Result<Topology, Failure> {
    let reply = node.ask(&[b"CLUSTER", b"SLOTS"])?;
    if reply.is_denied() && is_in_cluster(node)? {
        return Err(Failure::Message(format!(
            "{} is a node of a cluster, and the user may not ask for the other nodes: grant +cluster|slots",
            node.target
        )));
    }
    Ok(Topology::from_slots(&reply, &node.target))
}

fn is_in_cluster(node: &mut Node) -> Result<bool, Failure> {
    let info = node.ask(&[b"INFO", b"cluster"])?;
    Ok(info.text().and_then(|info| field(info, "cluster_enabled")) == Some("1"))
}
