//! The hash templates of a snapshot, in memory of the caller.

use crate::base::limits::MAX_TEMPLATES;
use crate::rdb::error::RdbErrorKind;
use crate::rdb::primitives::{Attempt, Halt, invalid};
use crate::rdb::template_memory::TemplateMemory;

/// The templates of a snapshot, and the one that is being read.
///
/// The memory is a sequence of templates. A template is a record whose key is its id, the number of its names (4 bytes)
/// and its names. Templates share names, so each name is kept once: where it is used first, as a record whose key is
/// the name. Later uses are the position of that record (4 bytes).
///
/// A record is the length of its key with the bit [`RECORD`] (4), its links in a tree (4 each: a bit and two positions)
/// and its key. There are two PATRICIA trees, one of the ids and one of the names. A search follows at most as many
/// links as the key has bits, so no keys make it slow.
#[derive(Debug, Clone)]
pub(super) struct Templates<M> {
    memory: M,
    /// The number of bytes in use.
    end: usize,
    /// The number of bytes that complete templates use.
    kept: usize,
    /// The roots of the trees.
    ids: Option<usize>,
    names: Option<usize>,
    /// The template that is being read will be kept, so its names are shared.
    shares: bool,
    /// The record of the name that is being read.
    name: usize,
}

/// The names of a template that are not delivered yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names {
    pub(super) left: u64,
    /// The position of the next name.
    at: usize,
    /// The number of its bytes that were delivered.
    pub(super) done: usize,
}

/// Distinguishes a record from the position of one.
const RECORD: u32 = 1 << 31;
const KEY: usize = 16;
/// In a template, the positions of the number of names and of the first name.
const COUNT: usize = KEY + 8;
const NAMES: usize = COUNT + 4;
/// The bit of the first record of a tree, which distinguishes nothing.
const LEAF: u32 = u32::MAX;

impl<M: TemplateMemory> Templates<M> {
    pub(super) const fn new(memory: M) -> Self {
        Self { memory, end: 0, kept: 0, ids: None, names: None, shares: false, name: 0 }
    }

    /// The memory, without its content.
    pub(super) fn take_memory(&mut self) -> M {
        let mut memory = core::mem::take(&mut self.memory);
        memory.clear();
        *self = Self::new(M::default());
        memory
    }

    pub(super) fn part(&self, from: usize, to: usize) -> &[u8] {
        self.memory.as_ref().get(from..to).unwrap_or_default()
    }

    /// Begins a template, which is kept if `shares`. Drops the one before it, unless it was kept.
    pub(super) fn begin(&mut self, id: u64, shares: bool) -> Attempt<()> {
        (self.end, self.shares) = (self.kept, shares);
        self.record(8)?;
        self.append(&id.to_be_bytes())?;
        self.append(&0_u32.to_le_bytes())
    }

    /// Before a name of this length.
    pub(super) fn check_room(&self, length: u64) -> Attempt<()> {
        let limit = self.limit();
        let left = limit.saturating_sub(self.end + KEY);
        if length > left as u64 { Err(full(limit)) } else { Ok(()) }
    }

    /// Adds the bytes `at..` of a name of this length. If it is not whole, there must be room for it.
    pub(super) fn push(&mut self, bytes: &[u8], at: u64, length: u64) -> Attempt<()> {
        let is_last = at + bytes.len() as u64 == length;
        if at == 0 {
            self.name = self.end;
            if self.shares
                && is_last
                && let Some(same) = self.names.map(|names| self.nearest(names, bytes))
                && self.key(same) == bytes
            {
                return self.end_name(Some(same));
            }
            self.record(length as u32)?;
        }
        self.append(bytes)?;
        match is_last {
            false => Ok(()),
            true if self.shares => match self.insert(self.names, self.name) {
                Ok(root) => {
                    self.names = Some(root);
                    self.end_name(None)
                }
                Err(same) => self.end_name(Some(same)),
            },
            true => self.end_name(None),
        }
    }

    /// After a name, which may be the `same` as an earlier one.
    fn end_name(&mut self, same: Option<usize>) -> Attempt<()> {
        if let Some(same) = same {
            self.end = self.name;
            self.append(&(same as u32).to_le_bytes())?;
        }
        let count = self.kept + COUNT;
        self.write(count, &(self.number(count) + 1).to_le_bytes());
        Ok(())
    }

    /// Keeps the template. Its id must be new.
    pub(super) fn keep(&mut self) -> Attempt<()> {
        let inserted = self.insert(self.ids, self.kept);
        self.ids = Some(inserted.map_err(|_| invalid("hash template", "an id that no other template has"))?);
        self.kept = self.end;
        Ok(())
    }

    /// The names of the template that was read last and is not kept.
    pub(super) fn last(&self) -> Names {
        self.names_of(self.kept)
    }

    pub(super) fn find(&self, id: u64) -> Option<Names> {
        let id = id.to_be_bytes();
        let found = self.nearest(self.ids?, &id);
        (self.key(found) == id).then(|| self.names_of(found))
    }

    fn names_of(&self, at: usize) -> Names {
        Names { left: self.number(at + COUNT).into(), at: at + NAMES, done: 0 }
    }

    /// Adds the record at `at` to a tree. Returns the new root, or as an error the record with the same key.
    fn insert(&mut self, root: Option<usize>, at: usize) -> Result<usize, usize> {
        let Some(root) = root else {
            self.link(at, LEAF, [at, at]);
            return Ok(at);
        };
        let nearest = self.nearest(root, self.key(at));
        let Some(bit) = first_difference(self.key(nearest), self.key(at)) else { return Err(nearest) };
        let (mut above, mut next, mut tested) = (None, root, -1);
        while (tested + 1..i64::from(bit)).contains(&i64::from(self.bit(next))) {
            let side = is_set(self.key(at), self.bit(next));
            (above, tested, next) = (Some((next, side)), self.bit(next).into(), self.child(next, side));
        }
        let links = if is_set(self.key(at), bit) { [next, at] } else { [at, next] };
        self.link(at, bit, links);
        let Some((above, side)) = above else { return Ok(at) };
        self.write(above + child(side), &(at as u32).to_le_bytes());
        Ok(root)
    }

    /// The record whose key has the same bits as `key` where the tree tests them.
    fn nearest(&self, root: usize, key: &[u8]) -> usize {
        let (mut next, mut tested) = (root, -1);
        while i64::from(self.bit(next)) > tested {
            tested = self.bit(next).into();
            next = self.child(next, is_set(key, self.bit(next)));
        }
        next
    }

    fn key(&self, at: usize) -> &[u8] {
        self.part(at + KEY, at + KEY + self.key_length(at))
    }

    fn key_length(&self, at: usize) -> usize {
        (self.number(at) & !RECORD) as usize
    }

    fn bit(&self, at: usize) -> u32 {
        self.number(at + 4)
    }

    fn child(&self, at: usize, side: bool) -> usize {
        self.number(at + child(side)) as usize
    }

    fn link(&mut self, at: usize, bit: u32, links: [usize; 2]) {
        self.write(at + 4, &bit.to_le_bytes());
        self.write(at + child(false), &(links[0] as u32).to_le_bytes());
        self.write(at + child(true), &(links[1] as u32).to_le_bytes());
    }

    fn number(&self, at: usize) -> u32 {
        let bytes = self.memory.as_ref().get(at..).and_then(|rest| rest.first_chunk());
        u32::from_le_bytes(bytes.copied().unwrap_or_default())
    }

    /// Begins a record.
    fn record(&mut self, key_length: u32) -> Attempt<()> {
        self.append(&(RECORD | key_length).to_le_bytes())?;
        self.append(&[0; KEY - 4])
    }

    fn append(&mut self, bytes: &[u8]) -> Attempt<()> {
        let at = self.end;
        let end = at + bytes.len();
        if end > self.limit() {
            return Err(full(self.limit()));
        }
        if end > self.memory.as_ref().len() && !self.memory.grow(end) {
            return Err(full(self.memory.as_ref().len()));
        }
        self.end = end;
        self.write(at, bytes);
        Ok(())
    }

    fn limit(&self) -> usize {
        self.memory.limit().min(MAX_TEMPLATES)
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        if let Some(to) = self.memory.as_mut().get_mut(at..at + bytes.len()) {
            to.copy_from_slice(bytes);
        }
    }
}

impl Names {
    pub(super) const NONE: Self = Self { left: 0, at: 0, done: 0 };

    /// The range of the next name, and the position after it.
    #[inline]
    pub(super) fn next<M: TemplateMemory>(&self, templates: &Templates<M>) -> Option<(usize, usize, usize)> {
        if self.left == 0 {
            return None;
        }
        let head = templates.number(self.at);
        let record = if head & RECORD == 0 { head as usize } else { self.at };
        let from = record + KEY;
        let to = from + templates.key_length(record);
        Some((from, to, if head & RECORD == 0 { self.at + 4 } else { to }))
    }

    /// Passes the next name.
    #[inline]
    pub(super) fn pass(&mut self, behind: usize) {
        *self = Self { left: self.left - 1, at: behind, done: 0 };
    }
}

fn full(limit: usize) -> Halt {
    Halt::Error(RdbErrorKind::Templates { limit: limit as u64 })
}

/// The index of a link of a record.
fn child(side: bool) -> usize {
    if side { 12 } else { 8 }
}

/// The number of the first bit in which two keys differ. A byte of a key is nine bits. The first of them is set: it
/// distinguishes a key from a longer one.
fn first_difference(one: &[u8], other: &[u8]) -> Option<u32> {
    let same = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    let inside = match (one.get(same), other.get(same)) {
        (None, None) => return None,
        (Some(one), Some(other)) => 1 + (one ^ other).leading_zeros(),
        _ => 0,
    };
    Some(same as u32 * 9 + inside)
}

fn is_set(key: &[u8], bit: u32) -> bool {
    let byte = key.get((bit / 9) as usize);
    byte.is_some_and(|byte| bit.is_multiple_of(9) || byte >> (8 - bit % 9) & 1 == 1)
}
