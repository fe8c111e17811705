//! The topology of a cluster: its shards, their nodes and slots.

use crate::net::{Reply, Target};
use crate::topology::cluster::slots::Slots;

/// The shards of a cluster, as one of its nodes knows them.
///
/// ```no_run
/// use redtail::topology::Cluster;
///
/// let topology = Cluster::builder(["10.0.0.1:6379"])?.discover()?;
/// for shard in &topology.shards {
///     println!("{}: {} and {} replicas", shard.slots, shard.primary.target, shard.replicas.len());
/// }
/// # Ok::<(), redtail::topology::ClusterError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Topology {
    /// The shards whose primary is up or has slots, in the order of their slots. Shards without slots are last.
    pub shards: Vec<Member>,
}

/// A primary, its replicas and its slots.
///
/// ```
/// # use redtail::topology::{Member, Topology};
/// fn shard_of<'a>(topology: &'a Topology, node: &str) -> Option<&'a Member> {
///     topology.shards.iter().find(|shard| shard.has(node))
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member {
    /// The node that accepts writes.
    pub primary: Node,
    /// The other nodes.
    pub replicas: Vec<Node>,
    /// The slots of the shard. A node that has just joined, or is about to leave, has none.
    pub slots: Slots,
}

/// A node of a cluster.
///
/// ```
/// # use redtail::topology::{Member, Node};
/// fn dead(shard: &Member) -> impl Iterator<Item = &Node> {
///     shard.replicas.iter().filter(|node| !node.is_up)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Node {
    /// The id of the node: 40 hexadecimal digits.
    pub id: String,
    /// The address of the node.
    pub target: Target,
    /// Whether the node is up. CLUSTER SLOTS does not report this: there it is always true.
    pub is_up: bool,
}

impl Member {
    /// Whether a node with this id belongs to the shard.
    pub fn has(&self, id: &str) -> bool {
        self.primary.id == id || self.replicas.iter().any(|replica| replica.id == id)
    }
}

impl Topology {
    /// The slots of all shards.
    pub fn slots(&self) -> Slots {
        Slots::from_ranges(self.shards.iter().flat_map(|shard| shard.slots.ranges().iter().copied()))
    }

    /// The topology in a reply to CLUSTER SHARDS. `asked` is the node that replied: its host replaces missing hosts in
    /// the reply. The endpoint `?` (no hostname) means the node's `ip`. With `tls` the nodes' TLS ports are taken.
    pub fn from_shards(reply: &Reply, asked: &Target, tls: bool) -> Self {
        Self::of(reply.list().iter().filter_map(|shard| member(shard, asked, tls)))
    }

    /// The topology in a reply to CLUSTER SLOTS. Its ports are for TLS if the request was sent over TLS.
    pub fn from_slots(reply: &Reply, asked: &Target) -> Self {
        let mut shards: Vec<Member> = Vec::new();
        for entry in reply.list() {
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
        // Some versions list a primary that died and was replaced as a shard without slots.
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
    // After a failover the former primary may still be listed as a second primary.
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
    // A state that is not known is not a failure.
    let is_up = !matches!(text("health"), Some("fail" | "failed"));
    Some(Node { id: text("id")?.into(), target, is_up })
}

/// `[endpoint, port, id, metadata]`
fn node_of_slots(node: &Reply, asked: &Target) -> Option<Node> {
    let [endpoint, port, id, more @ ..] = node.list() else { return None };
    let ip = more.first().and_then(|names| names.field("ip")).and_then(Reply::text);
    let port = number(port).filter(|&port| port > 0)?;
    Some(Node { id: id.text()?.into(), target: target(endpoint.text(), ip, port, asked)?, is_up: true })
}

/// The address of a node. An endpoint that is empty or null means the host that was asked: the server does not know
/// its own address, or must not give it (`cluster-preferred-endpoint-type unknown-endpoint`). An endpoint `?` means
/// that the node has no hostname: then its ip counts.
fn target(endpoint: Option<&str>, ip: Option<&str>, port: u16, asked: &Target) -> Option<Target> {
    let known = |name: &&str| !name.is_empty() && *name != "?";
    let ip = ip.filter(known);
    let host = match (endpoint.filter(known), ip, asked) {
        (Some(endpoint), ..) => endpoint,
        (None, Some(ip), _) if endpoint == Some("?") => ip,
        (None, _, Target::Tcp { host, .. }) => host,
        (None, ip, Target::Unix(_)) => ip.unwrap_or("127.0.0.1"),
    };
    Some(Target::Tcp { host: host.into(), port })
}

fn number(reply: &Reply) -> Option<u16> {
    reply.text()?.parse().ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed, in a helper too")]
mod tests;
