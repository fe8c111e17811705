//! The primaries of a cluster, each with a connection, and the slots that each of them serves.

use std::mem::take;

use redtail::net::{Client, ClientError, Target};
use redtail::topology::Topology;

use crate::failure::Failure;
use crate::target::address::Address;
use crate::target::node::{Node, connect, unreachable};
use crate::target::offset::field;

/// The number of slots of a cluster.
const SLOTS: usize = 1 << 14;

/// The primaries of a cluster, or a single server.
pub(crate) struct Primaries {
    pub(crate) address: Address,
    pub(crate) nodes: Vec<Node>,
    /// For each slot the index of the node that serves it. Empty: a single server.
    owners: Vec<Option<usize>>,
    /// The selected database.
    db: u32,
}

impl Primaries {
    /// Connects to the server at this address. If it is a node of a cluster: to all primaries of the cluster.
    pub(crate) fn open(address: &Address) -> Result<Self, Failure> {
        let target = address.server().map_err(|error| Failure::Message(error.to_string()))?;
        let mut client = connect(address, &target)?;
        let topology = topology(&mut client, &target)?;
        let nodes = vec![Node::new(target, client)];
        let mut primaries = Self { address: address.clone(), nodes, owners: Vec::new(), db: 0 };
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
        let index = self.at(target)?;
        if let Some(owner) = self.owners.get_mut(usize::from(slot)) {
            *owner = Some(index);
        }
        Ok(index)
    }

    /// The index of the node at this address, which is connected to if it is new. No reply may be missing.
    pub(crate) fn at(&mut self, target: &Target) -> Result<usize, Failure> {
        if let Some(index) = self.nodes.iter().position(|node| node.target == *target) {
            self.revive(index)?;
            return Ok(index);
        }
        self.nodes.push(open_node(&self.address, target, self.db)?);
        Ok(self.nodes.len() - 1)
    }

    /// Asks a node for the primaries and their slots again. No reply may be missing.
    pub(crate) fn refresh(&mut self) -> Result<(), Failure> {
        let mut found = Ok(Topology::default());
        for target in self.nodes.iter().map(|node| &node.target) {
            found = connect(&self.address, target).and_then(|mut client| topology(&mut client, target));
            if found.is_ok() {
                break;
            }
        }
        self.learn(&found?)
    }

    /// Selects a database of all nodes. No reply may be missing.
    pub(crate) fn select(&mut self, db: u32) -> Result<(), Failure> {
        self.db = db;
        self.nodes.iter_mut().try_for_each(|node| node.select(db))
    }

    /// Replaces connections that the servers have closed because they were not used. No reply may be missing. A node
    /// that serves no slots any more may have left the cluster.
    pub(crate) fn keep_alive(&mut self) -> Result<(), Failure> {
        for index in 0..self.nodes.len() {
            let is_idle = self.nodes.get(index).is_some_and(Node::is_idle);
            if is_idle && (!self.is_cluster() || self.owners.contains(&Some(index))) {
                self.revive(index)?;
            }
        }
        Ok(())
    }

    fn revive(&mut self, index: usize) -> Result<(), Failure> {
        if let Some(node) = self.nodes.get_mut(index)
            && !node.is_alive()
        {
            let target = node.target.clone();
            *node = open_node(&self.address, &target, self.db)?;
        }
        Ok(())
    }

    fn learn(&mut self, topology: &Topology) -> Result<(), Failure> {
        let shards = topology.shards.iter().filter(|shard| !shard.slots.is_empty());
        if shards.clone().next().is_none() {
            return Ok(());
        }
        let mut before = take(&mut self.nodes);
        self.owners = vec![None; SLOTS];
        for (index, shard) in shards.enumerate() {
            let target = &shard.primary.target;
            self.nodes.push(match before.iter().position(|node| node.target == *target) {
                Some(known) => before.swap_remove(known),
                None => open_node(&self.address, target, self.db)?,
            });
            for &(first, last) in shard.slots.ranges() {
                let slots = self.owners.get_mut(usize::from(first)..=usize::from(last)).unwrap_or_default();
                slots.fill(Some(index));
            }
        }
        Ok(())
    }
}

fn open_node(address: &Address, target: &Target, db: u32) -> Result<Node, Failure> {
    let mut node = Node::open(address, target)?;
    if db != 0 {
        node.select(db)?;
    }
    Ok(node)
}

/// The topology in the node's reply; empty for a single server.
fn topology(client: &mut Client, target: &Target) -> Result<Topology, Failure> {
    let failed = |error: ClientError| unreachable(target, &error);
    let reply = client.ask(&["CLUSTER", "SLOTS"]).map_err(failed)?;
    if reply.is_denied() && is_in_cluster(client).map_err(failed)? {
        return Err(Failure::Message(format!(
            "{target} is a node of a cluster, and the user may not ask for the other nodes: grant +cluster|slots"
        )));
    }
    Ok(Topology::from_slots(&reply, target))
}

fn is_in_cluster(client: &mut Client) -> Result<bool, ClientError> {
    let info = client.ask(&["INFO", "cluster"])?;
    Ok(info.text().and_then(|info| field(info, "cluster_enabled")) == Some("1"))
}
