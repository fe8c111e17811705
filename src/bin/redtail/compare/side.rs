//! One of the two: a server, or all primaries of its cluster.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use redtail::resp::{Frame, Quoted};
use redtail::topology::slot;

use crate::compare::value::{Digester, Value};
use crate::failure::Failure;
use crate::target::address::Address;
use crate::target::node::{Node, encoded};
use crate::target::primaries::Primaries;

pub(super) struct Side {
    primaries: Primaries,
    /// The number of keys that are asked for at once.
    group: usize,
}

/// The most keys that are asked for at once.
const LARGEST_GROUP: usize = 64;

/// Servers hold the replies that are not read yet in memory. After as many bytes of them, fewer keys are asked for.
const MOST_BYTES: u64 = 1 << 20;

/// A key that a server has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) value: Value,
    /// When it expires.
    pub(super) expires: Option<Instant>,
}

impl Side {
    pub(super) fn open(address: &Address) -> Result<Self, Failure> {
        Ok(Self { primaries: Primaries::open(address)?, group: 1 })
    }

    /// The processes of the servers, where INFO is allowed.
    pub(super) fn run_ids(&self) -> impl Iterator<Item = &str> {
        self.primaries.nodes.iter().filter_map(Node::run_id)
    }

    pub(super) fn nodes(&self) -> usize {
        self.primaries.nodes.len()
    }

    /// The databases that have keys.
    pub(super) fn databases(&mut self) -> Result<BTreeSet<u32>, Failure> {
        let mut databases = BTreeSet::new();
        for node in &mut self.primaries.nodes {
            send(node, &[b"INFO", b"keyspace"])?;
            let info = reply(node, "INFO", b"", |frame| frame.as_bytes().map(<[u8]>::to_vec))?.unwrap_or_default();
            let info = String::from_utf8_lossy(&info).into_owned();
            let numbers =
                info.lines().filter_map(|line| line.strip_prefix("db")?.split(':').next()?.parse::<u32>().ok());
            databases.extend(numbers);
        }
        Ok(databases)
    }

    pub(super) fn select(&mut self, db: u32) -> Result<(), Failure> {
        self.primaries.keep_alive()?;
        self.primaries.select(db)
    }

    /// The next keys of a node. The scan is complete when the cursor is `0` again.
    pub(super) fn scan(&mut self, node: usize, cursor: &mut Vec<u8>) -> Result<Vec<Vec<u8>>, Failure> {
        self.primaries.keep_alive()?;
        let Some(node) = self.primaries.nodes.get_mut(node) else { return Ok(Vec::new()) };
        send(node, &[b"SCAN", cursor, b"COUNT", b"256"])?;
        let (next, keys) = reply(node, "SCAN", b"", |frame| {
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
            let value = reply(node, "DUMP", key, |frame| frame.as_bytes().map(|payload| digester.value(payload)))?;
            let left = reply(node, "PTTL", key, |frame| frame.as_i64().and_then(|left| u64::try_from(left).ok()))?;
            let expires = left.and_then(|left| Instant::now().checked_add(Duration::from_millis(left)));
            Ok(value.map(|value| Entry { value, expires }))
        })
    }

    /// Whether there are these keys.
    pub(super) fn exist(&mut self, keys: &[Vec<u8>]) -> Result<Vec<bool>, Failure> {
        self.each(keys, &[b"EXISTS"], |node, key| reply(node, "EXISTS", key, |frame| frame.as_i64() == Some(1)))
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
            // The other server may have taken long.
            self.primaries.keep_alive()?;
            let (group, rest) = keys.split_at(self.group.min(keys.len()));
            let mut homes = Vec::with_capacity(group.len());
            for key in group {
                let home = self.home(key)?;
                homes.push(home);
                let Some(node) = self.primaries.nodes.get_mut(home) else { continue };
                commands.iter().try_for_each(|command| send(node, &[command, key]))?;
            }
            let before = self.received();
            for (key, home) in group.iter().zip(homes) {
                let Some(node) = self.primaries.nodes.get_mut(home) else { continue };
                results.push(read(node, key)?);
            }
            let is_large = self.received() - before > MOST_BYTES;
            self.group = if is_large { 1 } else { (2 * self.group).min(LARGEST_GROUP) };
            keys = rest;
        }
        Ok(results)
    }

    fn received(&self) -> u64 {
        self.primaries.nodes.iter().map(|node| node.received).sum()
    }

    fn home(&self, key: &[u8]) -> Result<usize, Failure> {
        if !self.primaries.is_cluster() {
            return Ok(0);
        }
        let slot = slot(key);
        self.primaries.owner(slot).ok_or_else(|| {
            Failure::Message(format!("no node of the cluster serves slot {slot}: compare when all slots are served"))
        })
    }
}

fn send(node: &mut Node, args: &[&[u8]]) -> Result<(), Failure> {
    node.write(&encoded(args)).map_err(|error| node.lost(&error))
}

fn reply<T>(node: &mut Node, name: &str, key: &[u8], read: impl FnOnce(&Frame<'_>) -> T) -> Result<T, Failure> {
    let refused = match node.reply() {
        Ok(frame) if frame.is_error() => String::from_utf8_lossy(frame.as_bytes().unwrap_or_default()).into_owned(),
        Ok(frame) => return Ok(read(&frame)),
        Err(error) => return Err(node.lost(&error)),
    };
    let command = if key.is_empty() { name.to_owned() } else { format!("{name} {}", Quoted(key)) };
    Err(Failure::Message(format!("{} refused {command}: {refused}", node.target)))
}
