//! One of the two: a server, or all primaries of its cluster.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::Write;
use std::time::{Duration, Instant};

use redtail::Limits;
use redtail::io::FrameReader;
use redtail::net::{Client, ClientError, Socket, Target, Timeouts};
use redtail::resp::{Frame, Quoted, encode_command, encoded_len};
use redtail::topology::{Topology, slot};

use crate::compare::value::{Digester, Value};
use crate::failure::Failure;
use crate::named::named;
use crate::target::address::Address;
use crate::target::introduction::introduce;
use crate::target::offset::field;

pub(super) struct Side {
    nodes: Vec<Node>,
    /// The first and the last slot of each range, and the index of its node. Empty without a cluster.
    slots: Vec<(u16, u16, usize)>,
    /// The number of keys that are asked for at once.
    group: usize,
}

/// The most keys that are asked for at once.
const LARGEST_GROUP: usize = 64;

/// Servers hold the replies that are not read yet in memory. After as many bytes of them, fewer keys are asked for.
const MOST_BYTES: u64 = 1 << 20;

struct Node {
    target: Target,
    replies: FrameReader<Socket>,
    /// The bytes of the replies.
    received: u64,
}

/// A key that a server has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) value: Value,
    /// When it expires.
    pub(super) expires: Option<Instant>,
}

impl Side {
    pub(super) fn open(address: &Address) -> Result<Self, Failure> {
        let target = address.server().map_err(|error| Failure::Message(error.to_string()))?;
        let mut client = connect(address, &target)?;
        let reply = client.ask(&["CLUSTER", "SLOTS"]).map_err(|error| unreachable(&target, &error))?;
        if reply.is_denied() && is_in_cluster(&mut client).map_err(|error| unreachable(&target, &error))? {
            return Err(Failure::Message(format!(
                "{target} is a node of a cluster, and the user may not ask for the other nodes: grant +cluster|slots"
            )));
        }
        let topology = Topology::from_slots(&reply, &target);
        let asked = Node::new(target, client);
        if topology.shards.is_empty() {
            return Ok(Self { nodes: vec![asked], slots: Vec::new(), group: 1 });
        }
        let (mut nodes, mut slots, mut asked) = (Vec::new(), Vec::new(), Some(asked));
        for (index, shard) in topology.shards.iter().enumerate() {
            let at = &shard.primary.target;
            nodes.push(match asked.take_if(|asked| asked.target == *at) {
                Some(asked) => asked,
                None => Node::new(at.clone(), connect(address, at)?),
            });
            slots.extend(shard.slots.ranges().iter().map(|&(first, last)| (first, last, index)));
        }
        Ok(Self { nodes, slots, group: 1 })
    }

    pub(super) fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// The databases that have keys.
    pub(super) fn databases(&mut self) -> Result<BTreeSet<u32>, Failure> {
        let mut databases = BTreeSet::new();
        for node in &mut self.nodes {
            node.send(&[b"INFO", b"keyspace"])?;
            let info = node.reply("INFO", b"", |frame| frame.as_bytes().map(<[u8]>::to_vec))?.unwrap_or_default();
            let info = String::from_utf8_lossy(&info).into_owned();
            let numbers =
                info.lines().filter_map(|line| line.strip_prefix("db")?.split(':').next()?.parse::<u32>().ok());
            databases.extend(numbers);
        }
        Ok(databases)
    }

    pub(super) fn select(&mut self, db: u32) -> Result<(), Failure> {
        let text = db.to_string();
        for node in &mut self.nodes {
            node.send(&[b"SELECT", text.as_bytes()])?;
            node.reply("SELECT", text.as_bytes(), |_| ())?;
        }
        Ok(())
    }

    /// The next keys of a node. The scan is complete when the cursor is `0` again.
    pub(super) fn scan(&mut self, node: usize, cursor: &mut Vec<u8>) -> Result<Vec<Vec<u8>>, Failure> {
        let Some(node) = self.nodes.get_mut(node) else { return Ok(Vec::new()) };
        node.send(&[b"SCAN", cursor, b"COUNT", b"256"])?;
        let (next, keys) = node.reply("SCAN", b"", |frame| {
            let mut items = frame.items();
            let next = items.next().and_then(|next| next.as_bytes().map(<[u8]>::to_vec));
            let keys =
                items.next().map(|keys| keys.items().filter_map(|key| key.as_bytes().map(<[u8]>::to_vec)).collect());
            (next.unwrap_or_else(|| b"0".to_vec()), keys.unwrap_or_default())
        })?;
        *cursor = next;
        Ok(keys)
    }

    /// The values of these keys; `None` for a key that is missing.
    pub(super) fn entries(&mut self, keys: &[Vec<u8>], digester: &Digester) -> Result<Vec<Option<Entry>>, Failure> {
        self.each(keys, &[b"DUMP", b"PTTL"], |node, key| {
            let value = node.reply("DUMP", key, |frame| frame.as_bytes().map(|payload| digester.value(payload)))?;
            let left = node.reply("PTTL", key, |frame| frame.as_i64().and_then(|left| u64::try_from(left).ok()))?;
            let expires = left.and_then(|left| Instant::now().checked_add(Duration::from_millis(left)));
            Ok(value.map(|value| Entry { value, expires }))
        })
    }

    /// Whether there are these keys.
    pub(super) fn exist(&mut self, keys: &[Vec<u8>]) -> Result<Vec<bool>, Failure> {
        self.each(keys, &[b"EXISTS"], |node, key| node.reply("EXISTS", key, |frame| frame.as_i64() == Some(1)))
    }

    /// Sends these commands for a group of keys, and then reads the replies for one key after another.
    fn each<T>(
        &mut self,
        mut keys: &[Vec<u8>],
        commands: &[&[u8]],
        mut read: impl FnMut(&mut Node, &[u8]) -> Result<T, Failure>,
    ) -> Result<Vec<T>, Failure> {
        let mut results = Vec::with_capacity(keys.len());
        while !keys.is_empty() {
            let (group, rest) = keys.split_at(self.group.min(keys.len()));
            let mut homes = Vec::with_capacity(group.len());
            for key in group {
                let home = self.home(key)?;
                homes.push(home);
                let Some(node) = self.nodes.get_mut(home) else { continue };
                commands.iter().try_for_each(|command| node.send(&[command, key]))?;
            }
            let before = self.received();
            for (key, home) in group.iter().zip(homes) {
                let Some(node) = self.nodes.get_mut(home) else { continue };
                results.push(read(node, key)?);
            }
            let is_large = self.received() - before > MOST_BYTES;
            self.group = if is_large { 1 } else { (2 * self.group).min(LARGEST_GROUP) };
            keys = rest;
        }
        Ok(results)
    }

    fn received(&self) -> u64 {
        self.nodes.iter().map(|node| node.received).sum()
    }

    fn home(&self, key: &[u8]) -> Result<usize, Failure> {
        if self.slots.is_empty() {
            return Ok(0);
        }
        let slot = slot(key);
        let range = self.slots.iter().find(|(first, last, _)| (*first..=*last).contains(&slot));
        range.map(|&(_, _, index)| index).ok_or_else(|| {
            Failure::Message(format!("no node of the cluster serves slot {slot}: compare when all slots are served"))
        })
    }
}

impl Node {
    fn new(target: Target, client: Client) -> Self {
        let mut limits = Limits::default();
        (limits.command, limits.bulk, limits.arguments) = (u64::MAX, u64::MAX, u64::MAX);
        Self { target, replies: FrameReader::new(client.into_socket()).with_limits(limits), received: 0 }
    }

    fn send(&mut self, args: &[&[u8]]) -> Result<(), Failure> {
        let mut bytes = vec![0; encoded_len(args)];
        // The buffer has exactly the required size.
        let _ = encode_command(&mut bytes, args);
        self.replies.source_mut().write_all(&bytes).map_err(|error| lost(&self.target, &error))
    }

    fn reply<T>(&mut self, name: &str, key: &[u8], read: impl FnOnce(&Frame<'_>) -> T) -> Result<T, Failure> {
        let reply = self.replies.next_frame();
        if let Ok(Some(frame)) = &reply {
            self.received = frame.end;
        }
        match reply {
            Ok(Some(frame)) if frame.is_error() => {
                let text = String::from_utf8_lossy(frame.as_bytes().unwrap_or_default()).into_owned();
                let command = if key.is_empty() { name.to_owned() } else { format!("{name} {}", Quoted(key)) };
                Err(Failure::Message(format!("{} refused {command}: {text}", self.target)))
            }
            Ok(Some(frame)) => Ok(read(&frame)),
            Ok(None) => Err(lost(&self.target, &"the server closed it")),
            Err(error) => Err(lost(&self.target, &error)),
        }
    }
}

fn is_in_cluster(client: &mut Client) -> Result<bool, ClientError> {
    let info = client.ask(&["INFO", "cluster"])?;
    Ok(info.text().and_then(|info| field(info, "cluster_enabled")) == Some("1"))
}

fn connect(address: &Address, target: &Target) -> Result<Client, Failure> {
    let failed = |error: &dyn Display| unreachable(target, error);
    let mut timeouts = Timeouts::default();
    // A large value takes a server as long as it takes.
    (timeouts.read, timeouts.write) = (None, None);
    let socket = address.connect(target, &timeouts).map_err(|error| failed(&error))?;
    let login = address.login.read().map_err(|error| Failure::Message(error.to_string()))?;
    let mut client = Client::new(socket, &login).map_err(|error| failed(&error))?;
    // Finds a missing password and a port of something else.
    if let Some(message) = client.ask(&["PING"]).map_err(|error| failed(&error))?.error() {
        return Err(failed(&message));
    }
    introduce(&mut client, address.login.is_acl_user()).map_err(|error| failed(&error))?;
    Ok(client)
}

fn unreachable(target: &Target, error: &dyn Display) -> Failure {
    Failure::Message(format!("can't connect to {}", named(&target.to_string(), error)))
}

fn lost(target: &Target, error: &dyn Display) -> Failure {
    Failure::Message(format!("lost the connection to {target}: {error}"))
}
