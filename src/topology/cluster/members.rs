//! What a cluster says of itself: its shards, their nodes and slots.

use crate::net::{Reply, Target};
use crate::topology::cluster::slots::Slots;

/// The shards of a cluster, as one of its nodes knows them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Topology {
    /// Those with a primary: with slots, or alive. In the order of their slots; behind them those without slots.
    pub shards: Vec<Member>,
}

/// A primary, its replicas and its slots.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member {
    /// The node that takes the writes.
    pub primary: Node,
    /// The others.
    pub replicas: Vec<Node>,
    /// The slots served. A node that has just joined, or is about to leave, serves none.
    pub slots: Slots,
}

/// A node of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node {
    /// Its id: 40 hexadecimal digits.
    pub id: String,
    /// Where it is reached.
    pub target: Target,
    /// Whether it is up, as far as was told. (CLUSTER SLOTS tells of none that it is not.)
    pub is_up: bool,
}

impl Member {
    /// Whether a node of that id belongs to it.
    pub fn has(&self, id: &str) -> bool {
        self.primary.id == id || self.replicas.iter().any(|replica| replica.id == id)
    }
}

impl Topology {
    /// All slots that are served.
    pub fn slots(&self) -> Slots {
        Slots::from_ranges(self.shards.iter().flat_map(|shard| shard.slots.ranges().iter().copied()))
    }

    /// Of the answer to CLUSTER SHARDS. `asked` is where it came from: the host of all that the server names without
    /// one. `tls`: the ports for it are wanted.
    pub fn from_shards(answer: &Reply, asked: &Target, tls: bool) -> Self {
        Self::of(answer.list().iter().filter_map(|shard| member(shard, asked, tls)))
    }

    /// Of the answer to CLUSTER SLOTS: one entry for each range. It names no ports but those of the kind that was used
    /// to ask.
    pub fn from_slots(answer: &Reply, asked: &Target) -> Self {
        let mut shards: Vec<Member> = Vec::new();
        for entry in answer.list() {
            let [first, last, nodes @ ..] = entry.list() else { continue };
            let mut nodes = nodes.iter().filter_map(|node| node_of_slots(node, asked));
            let (Some(primary), Some(range)) = (nodes.next(), number(first).zip(number(last))) else { continue };
            match shards.iter_mut().find(|shard| shard.primary.id == primary.id) {
                Some(shard) => {
                    shard.slots = Slots::from_ranges(shard.slots.ranges().iter().copied().chain([range]));
                }
                None => {
                    shards.push(Member { primary, replicas: nodes.collect(), slots: Slots::from_ranges([range]) });
                }
            }
        }
        Self::of(shards)
    }

    fn of(shards: impl IntoIterator<Item = Member>) -> Self {
        // Until it is forgotten, a primary that died and was replaced is shown on some versions as a shard without
        // slots.
        let mut shards: Vec<_> = shards.into_iter().filter(|s| s.primary.is_up || !s.slots.is_empty()).collect();
        shards.sort_by_key(|shard| shard.slots.ranges().first().map_or(u16::MAX, |range| range.0));
        Self { shards }
    }
}

/// A shard of CLUSTER SHARDS.
fn member(shard: &Reply, asked: &Target, tls: bool) -> Option<Member> {
    let bounds: Vec<u16> = shard.field("slots")?.list().iter().filter_map(number).collect();
    let slots =
        Slots::from_ranges(bounds.chunks_exact(2).filter_map(|pair| pair.first().copied().zip(pair.last().copied())));
    let (mut primaries, mut replicas) = (Vec::new(), Vec::new());
    for node in shard.field("nodes")?.list() {
        let is_primary = node.field("role").and_then(Reply::text) == Some("master");
        if let Some(node) = node_of_shards(node, asked, tls) {
            if is_primary { primaries.push(node) } else { replicas.push(node) }
        }
    }
    // After a failover the one that died may still be shown as a second primary.
    let chosen = primaries.iter().position(|node| node.is_up).unwrap_or(0);
    let primary = (chosen < primaries.len()).then(|| primaries.swap_remove(chosen))?;
    replicas.extend(primaries);
    Some(Member { primary, replicas, slots })
}

fn node_of_shards(node: &Reply, asked: &Target, tls: bool) -> Option<Node> {
    let text = |name| node.field(name).and_then(Reply::text);
    let ports = if tls { ["tls-port", "port"] } else { ["port", "tls-port"] };
    let port = ports.into_iter().find_map(|name| node.field(name).and_then(number).filter(|&port| port > 0))?;
    let target = target(text("endpoint"), text("ip"), port, asked)?;
    let is_up = text("health").is_none_or(|health| health == "online" || health == "loading");
    Some(Node { id: text("id")?.into(), target, is_up })
}

/// `[endpoint, port, id, metadata]`
fn node_of_slots(node: &Reply, asked: &Target) -> Option<Node> {
    let [endpoint, port, id, more @ ..] = node.list() else { return None };
    let ip = more.first().and_then(|names| names.field("ip")).and_then(Reply::text);
    let port = number(port).filter(|&port| port > 0)?;
    Some(Node { id: id.text()?.into(), target: target(endpoint.text(), ip, port, asked)?, is_up: true })
}

/// A server that does not know its own name, or is told not to give it, leaves it empty, writes `?`, or nothing: then
/// the host that was asked is meant (see `cluster-preferred-endpoint-type`).
fn target(endpoint: Option<&str>, ip: Option<&str>, port: u16, asked: &Target) -> Option<Target> {
    let known = |name: &&str| !name.is_empty() && *name != "?";
    let host = match (endpoint.filter(known), asked) {
        (Some(endpoint), _) => endpoint,
        (None, Target::Tcp { host, .. }) => host,
        (None, Target::Unix(_)) => ip.filter(known).unwrap_or("127.0.0.1"),
    };
    Some(Target::Tcp { host: host.into(), port })
}

fn number(answer: &Reply) -> Option<u16> {
    answer.text()?.parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed, in a helper too")]
mod tests;
