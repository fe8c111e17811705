//! Asks each node about the cluster, and each primary the questions that matter for following.

use std::time::Instant;
use std::{io, thread};

use redtail::net::{Client, ClientError, Login, Reply, Target};
use redtail::topology::{Node, Topology};

use crate::args::Doctor;
use crate::background;
use crate::doctor::cluster::facts::{Asked, ClusterFacts, Denied, Seen};
use crate::doctor::cluster::findings::no_cluster;
use crate::doctor::findings::finding::Finding;
use crate::doctor::probe;
use crate::target::address::Address;
use crate::target::probe_error::ProbeError;

/// Why the cluster is unknown.
pub(in crate::doctor) enum Unknown {
    ProbeError(ProbeError),
    /// The server answers, but not about a cluster.
    Answers(Box<Finding>),
}

impl From<ProbeError> for Unknown {
    fn from(error: ProbeError) -> Self {
        Self::ProbeError(error)
    }
}

impl From<ClientError> for Unknown {
    fn from(error: ClientError) -> Self {
        Self::ProbeError(error.into())
    }
}

/// The number of nodes that are asked at the same time.
const AT_ONCE: usize = 32;

pub(in crate::doctor) fn probe(
    address: &Address,
    seed: &Target,
    login: &Login,
    options: &Doctor,
) -> Result<ClusterFacts, Unknown> {
    let (mut client, facts) = probe::begin(address, seed, login)?;
    let mut denied = Denied::default();
    let is_tls = address.scheme() != "";
    let topology = match topology(&mut client, seed, is_tls, &mut denied)? {
        Ok(topology) => topology,
        Err(message) => {
            return Err(Unknown::Answers(
                no_cluster(&message, &facts, &format!("{}{seed}", address.scheme()), denied).into(),
            ));
        }
    };
    drop(client);
    let shards = topology.shards.iter().enumerate();
    let all: Vec<(usize, &Node, bool)> = shards
        .flat_map(|(at, shard)| {
            let replicas = shard.replicas.iter().map(move |node| (at, node, false));
            std::iter::once((at, &shard.primary, true)).chain(replicas)
        })
        .collect();
    let mut nodes = Vec::new();
    for some in all.chunks(AT_ONCE) {
        nodes.extend(thread::scope(|scope| {
            let begin = |&(shard, node, is_primary): &(usize, &Node, bool)| {
                let options = is_primary.then_some(options);
                let target = node.target.clone();
                let ask = move || see(address, &target, login, options, denied);
                (shard, node.clone(), is_primary, thread::Builder::new().spawn_scoped(scope, ask))
            };
            let asked: Vec<_> = some.iter().map(begin).collect();
            let report = |(shard, node, is_primary, asked): (_, _, _, io::Result<thread::ScopedJoinHandle<'_, _>>)| {
                let seen = match asked {
                    Ok(asked) => asked.join().ok()?,
                    Err(error) => Err(ProbeError::Connect(io::Error::other(background::not_started("node", &error)))),
                };
                Some(Asked { node, shard, is_primary, seen })
            };
            asked.into_iter().filter_map(report).collect::<Vec<_>>()
        }));
    }
    // Each node has its own ACL.
    Ok(ClusterFacts { denied: denied_at(&nodes, denied), nodes, topology })
}

/// Asks a node. `options`: set for a primary, which is asked all questions that matter for following.
fn see(
    address: &Address,
    target: &Target,
    login: &Login,
    options: Option<&Doctor>,
    mut denied: Denied,
) -> Result<Seen, ProbeError> {
    let (mut client, mut facts) = probe::begin(address, target, login)?;
    let began = Instant::now();
    let id = match asked(&mut client, &["CLUSTER", "MYID"], &mut denied.myid)? {
        Some(Reply::Error(refusal)) => Some(refusal),
        Some(answer) => Some(answer.text().unwrap_or_default().to_owned()),
        None => None,
    };
    let view = topology(&mut client, target, address.scheme() != "", &mut denied)?.ok();
    let info = asked(&mut client, &["CLUSTER", "INFO"], &mut denied.info)?;
    let is_in_order = info.as_ref().and_then(Reply::text).map(|text| !text.contains("cluster_state:fail"));
    let role = asked(&mut client, &["ROLE"], &mut denied.role)?;
    let role = role.as_ref().and_then(|role| role.list().first()?.text());
    let is_replica = role.map(|role| role == "slave");
    if let Some(options) = options {
        probe::closely(&mut client, &mut facts, target, (began, options))?;
    }
    Ok(Seen { id, facts, view, is_in_order, is_replica, denied })
}

/// Asks as a follower does. A denied command is not repeated, since each denial adds an entry to the server's ACL LOG.
fn topology(
    client: &mut Client,
    target: &Target,
    is_tls: bool,
    denied: &mut Denied,
) -> Result<Result<Topology, String>, ClientError> {
    let mut message = String::new();
    if let Some(answer) = asked(client, &["CLUSTER", "SHARDS"], &mut denied.shards)? {
        match answer {
            Reply::Error(error) => message = error,
            answer => return Ok(Ok(Topology::from_shards(&answer, target, is_tls))),
        }
    }
    match asked(client, &["CLUSTER", "SLOTS"], &mut denied.slots)? {
        None => Ok(Err(message)),
        Some(Reply::Error(error)) => Ok(Err(error)),
        Some(answer) => Ok(Ok(Topology::from_slots(&answer, target))),
    }
}

/// Returns `None` if the command is denied.
fn asked(client: &mut Client, command: &[&str], is_denied: &mut bool) -> Result<Option<Reply>, ClientError> {
    if *is_denied {
        return Ok(None);
    }
    let answer = client.ask(command)?;
    *is_denied = answer.is_denied();
    Ok(Some(answer).filter(|_| !*is_denied))
}

fn denied_at(nodes: &[Asked], seed: Denied) -> Denied {
    nodes.iter().filter_map(|node| node.seen.as_ref().ok()).fold(seed, |all, seen| {
        let one = seen.denied;
        Denied {
            shards: all.shards || one.shards,
            slots: all.slots || one.slots,
            info: all.info || one.info,
            role: all.role || one.role,
            myid: all.myid || one.myid,
        }
    })
}
