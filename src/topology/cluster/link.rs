//! Connections to the nodes of a cluster.

use std::io;

use crate::net::{Client, Reply, Socket, Target};
use crate::replication::info::Info;
use crate::replication::{Position, ReplicationId};
use crate::topology::access::Access;

/// Connects to a primary. The server must report that it is a primary and that the cluster is in order: a restarted
/// server does not know at first that another one has replaced it. A server that denies the question is believed.
pub(super) fn link(access: &Access, target: &Target) -> io::Result<Socket> {
    let mut client = access.client(target)?;
    if client.ask(&["ROLE"])?.list().first().and_then(Reply::text) == Some("slave") {
        return Err(io::Error::other(format!(
            "{target} is a replica: the cluster has not said yet who is the primary"
        )));
    }
    if !is_in_order(&mut client)? {
        return Err(io::Error::other(format!("{target} says that the cluster is down (cluster_state:fail)")));
    }
    Ok(client.into_socket())
}

/// Connects to a healthy replica that has the history after `position`, if there is one. Any other replica would cause
/// a gap: it has another primary now, or has received less than the follower.
pub(super) fn link_to_replica(access: &Access, target: &Target, position: Option<Position>) -> io::Result<Socket> {
    let mut client = access.client(target)?;
    let role = client.ask(&["ROLE"])?;
    let is_linked = |link: &Reply| link.text() == Some("connected");
    if role.list().get(3).is_some_and(|link| !is_linked(link)) {
        return Err(io::Error::other(format!("{target} has no link to its primary")));
    }
    if !is_in_order(&mut client)? {
        return Err(io::Error::other(format!("{target} says that the cluster is down (cluster_state:fail)")));
    }
    let info = client.ask(&["INFO", "replication"])?;
    match position {
        Some(position) if !Info::read(info.text().unwrap_or_default().as_bytes()).covers(&position) => {
            Err(io::Error::other(format!("{target} does not continue {position}")))
        }
        _ => Ok(client.into_socket()),
    }
}

pub(super) fn is_in_order(client: &mut Client) -> io::Result<bool> {
    let reply = client.ask(&["CLUSTER", "INFO"])?;
    Ok(reply.text().is_none_or(|text| !text.lines().any(|line| line == "cluster_state:fail")))
}

/// The replication ids whose histories a node continues, at most two.
pub(super) fn histories(access: &Access, target: &Target) -> io::Result<Vec<ReplicationId>> {
    let mut client = access.client(target)?;
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
