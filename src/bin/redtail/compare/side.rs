//! One of the two: a server, or all primaries of its cluster.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::Write;
use std::time::{Duration, Instant};

use redtail::Limits;
use redtail::io::FrameReader;
use redtail::net::{Client, Reply, Socket, Target, Timeouts};
use redtail::resp::{Frame, Quoted, encode_command, encoded_len};
use redtail::topology::slot;

use crate::compare::value::{Digester, Value};
use crate::failure::Failure;
use crate::target::address::Address;
use crate::target::introduction::introduce;

pub(super) struct Side {
    nodes: Vec<Node>,
    /// The first and the last slot of each range, and the index of its node. Empty without a cluster.
    slots: Vec<(u16, u16, usize)>,
}

struct Node {
    target: Target,
    replies: FrameReader<Socket>,
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
        let mut side = Self { nodes: vec![Node::new(target.clone(), client)], slots: Vec::new() };
        let mut primaries = BTreeSet::new();
        for range in reply.list() {
            let [Reply::Text(first), Reply::Text(last), Reply::List(primary), ..] = range.list() else { continue };
            let [host, Reply::Text(port), ..] = primary.as_slice() else { continue };
            let (Ok(first), Ok(last)) = (first.parse(), last.parse()) else { continue };
            // A node that does not know its own address has an empty one.
            let host = host.text().filter(|host| !host.is_empty());
            let at = match (host, &target) {
                (Some(host), _) => Target::Tcp { host: host.into(), port: port.parse().unwrap_or_default() },
                (None, target) => target.clone(),
            };
            let index = match side.nodes.iter().position(|node| node.target == at) {
                Some(index) => index,
                None => {
                    side.nodes.push(Node::new(at.clone(), connect(address, &at)?));
                    side.nodes.len() - 1
                }
            };
            primaries.insert(index);
            side.slots.push((first, last, index));
        }
        if !side.slots.is_empty() {
            side.keep(&primaries);
        }
        Ok(side)
    }

    /// Forgets the node that was asked, if it is a replica or known by another address.
    fn keep(&mut self, primaries: &BTreeSet<usize>) {
        if !primaries.contains(&0) {
            self.nodes.remove(0);
            self.slots.iter_mut().for_each(|(_, _, index)| *index -= 1);
        }
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

    /// Sends these commands for each key, and then reads the replies for one key after another.
    fn each<T>(
        &mut self,
        keys: &[Vec<u8>],
        commands: &[&[u8]],
        mut read: impl FnMut(&mut Node, &[u8]) -> Result<T, Failure>,
    ) -> Result<Vec<T>, Failure> {
        let mut homes = Vec::with_capacity(keys.len());
        for key in keys {
            let home = self.home(key)?;
            homes.push(home);
            let Some(node) = self.nodes.get_mut(home) else { continue };
            commands.iter().try_for_each(|command| node.send(&[command, key]))?;
        }
        let mut results = Vec::with_capacity(keys.len());
        for (key, home) in keys.iter().zip(homes) {
            let Some(node) = self.nodes.get_mut(home) else { continue };
            results.push(read(node, key)?);
        }
        Ok(results)
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
        Self { target, replies: FrameReader::new(client.into_socket()).with_limits(limits) }
    }

    fn send(&mut self, args: &[&[u8]]) -> Result<(), Failure> {
        let mut bytes = vec![0; encoded_len(args)];
        // The buffer has exactly the required size.
        let _ = encode_command(&mut bytes, args);
        self.replies.source_mut().write_all(&bytes).map_err(|error| lost(&self.target, &error))
    }

    fn reply<T>(&mut self, name: &str, key: &[u8], read: impl FnOnce(&Frame<'_>) -> T) -> Result<T, Failure> {
        match self.replies.next_frame() {
            Ok(Some(frame)) if frame.is_error() => {
                let text = String::from_utf8_lossy(frame.as_bytes().unwrap_or_default()).into_owned();
                Err(Failure::Message(format!("{} refused {name} {}: {text}", self.target, Quoted(key))))
            }
            Ok(Some(frame)) => Ok(read(&frame)),
            Ok(None) => Err(lost(&self.target, &"the server closed it")),
            Err(error) => Err(lost(&self.target, &error)),
        }
    }
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
    Failure::Message(format!("can't connect to {target}: {error}"))
}

fn lost(target: &Target, error: &dyn Display) -> Failure {
    Failure::Message(format!("lost the connection to {target}: {error}"))
}
