//! Connections to the nodes of a cluster.

use std::io;

use crate::net::{Client, Reply, Socket, Target};
use crate::replication::info::Info;
use crate::replication::{Position, ReplicationId};
use crate::topology::access::Access;
use crate::topology::cluster::members::{Member, Node, Topology};

/// Connects to the primary of a shard. The node must report that it is that node, that it is a primary, and that the
/// cluster is in order: a restarted server does not know at first that another one has replaced it. A server that
/// denies the last two questions is believed.
pub(super) fn link(access: &Access, shard: &Member) -> io::Result<Socket> {
    let target = &shard.primary.target;
    let mut client = access.client(target)?;
    identify(&mut client, &shard.primary)?;
    if client.ask(&["ROLE"])?.list().first().and_then(Reply::text) == Some("slave") {
        return Err(io::Error::other(format!(
            "{target} is a replica: the cluster has not said yet who is the primary"
        )));
    }
    in_order(&mut client, target)?;
    belongs(access, &mut client, &shard.primary, shard)?;
    Ok(client.into_socket())
}

/// Connects to a healthy replica of a shard that has the history after `position`, if there is one. Any other replica
/// would cause a gap: it has another primary now, or has received less than the follower.
pub(super) fn link_to_replica(
    access: &Access,
    shard: &Member,
    replica: &Node,
    position: Option<Position>,
) -> io::Result<Socket> {
    let target = &replica.target;
    let mut client = access.client(target)?;
    identify(&mut client, replica)?;
    let role = client.ask(&["ROLE"])?;
    let is_linked = |link: &Reply| link.text() == Some("connected");
    if role.list().get(3).is_some_and(|link| !is_linked(link)) {
        return Err(io::Error::other(format!("{target} has no link to its primary")));
    }
    in_order(&mut client, target)?;
    belongs(access, &mut client, replica, shard)?;
    let info = client.ask(&["INFO", "replication"])?;
    match position {
        Some(position) if !Info::read(info.text().unwrap_or_default().as_bytes()).covers(&position) => {
            Err(io::Error::other(format!("{target} does not continue {position}")))
        }
        _ => Ok(client.into_socket()),
    }
}

/// Asks the server for its node id. The topology may name the address of another node: one that has moved, that is
/// behind NAT or a load balancer, or that announces a wrong address. Its stream would be delivered as this shard's.
fn identify(client: &mut Client, expected: &Node) -> io::Result<()> {
    let Node { id, target, .. } = expected;
    match client.ask(&["CLUSTER", "MYID"])? {
        Reply::Text(actual) if actual.eq_ignore_ascii_case(id) => Ok(()),
        Reply::Text(actual) => Err(io::Error::other(format!(
            "{target} is node {actual}, not {id} as announced: check cluster-announce-ip, cluster-announce-port and NAT"
        ))),
        reply if reply.is_denied() => Err(io::Error::other(format!(
            "{target} does not tell which node it is: the user needs +cluster|myid: {}",
            reply.error().unwrap_or_default()
        ))),
        reply => Err(io::Error::other(format!(
            "{target} is not node {id}: it replies to CLUSTER MYID with {:?}",
            reply.error().unwrap_or_default()
        ))),
    }
}

/// Checks that the node sees itself in the shard, and the shard with some of its slots. A node that denies the
/// question, or that does not list a shard without slots, is believed.
fn belongs(access: &Access, client: &mut Client, node: &Node, shard: &Member) -> io::Result<()> {
    let Ok(topology) = ask_topology(access, client, &node.target)? else { return Ok(()) };
    let own = topology.shards.iter().find(|one| one.has(&node.id));
    let (target, slots) = (&node.target, &shard.slots);
    match own {
        None if slots.is_empty() => Ok(()),
        Some(own) if !own.has(&shard.primary.id) => Err(io::Error::other(format!(
            "{target} is in the shard of {}, not of {}",
            own.primary.id, shard.primary.id
        ))),
        Some(own) if slots.is_empty() || !own.slots.common(slots).is_empty() => Ok(()),
        _ => Err(io::Error::other(format!("{target} does not have the slots {slots}: the nodes do not agree yet"))),
    }
}

/// The topology in the node's reply; the inner error is its refusal.
pub(super) fn ask_topology(
    access: &Access,
    client: &mut Client,
    node: &Target,
) -> io::Result<Result<Topology, String>> {
    Ok(match client.ask(&["CLUSTER", "SHARDS"])? {
        Reply::Error(_) => match client.ask(&["CLUSTER", "SLOTS"])? {
            Reply::Error(text) => Err(text),
            reply => Ok(Topology::from_slots(&reply, node)),
        },
        reply => Ok(Topology::from_shards(&reply, node, access.dialer.is_tls())),
    })
}

fn in_order(client: &mut Client, target: &Target) -> io::Result<()> {
    match is_in_order(client)? {
        true => Ok(()),
        false => Err(io::Error::other(format!("{target} says that the cluster is down (cluster_state:fail)"))),
    }
}

pub(super) fn is_in_order(client: &mut Client) -> io::Result<bool> {
    let reply = client.ask(&["CLUSTER", "INFO"])?;
    Ok(reply.text().is_none_or(|text| !text.lines().any(|line| line == "cluster_state:fail")))
}

/// The replication ids whose histories a node continues, at most two.
pub(super) fn histories(access: &Access, node: &Node) -> io::Result<Vec<ReplicationId>> {
    let mut client = access.client(&node.target)?;
    identify(&mut client, node)?;
    Ok(ids(&client.ask(&["INFO", "replication"])?))
}

fn ids(reply: &Reply) -> Vec<ReplicationId> {
    let lines = reply.text().unwrap_or_default().lines();
    let values = lines
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| matches!(*name, "master_replid" | "master_replid2"));
    values.filter_map(|(_, value)| value.parse().ok()).filter(|id: &ReplicationId| *id.as_str() != *NONE).collect()
}

/// The value of a missing second id.
const NONE: &str = "0000000000000000000000000000000000000000";
