//! The hash templates of a snapshot, in memory of a fixed size.

use crate::rdb::error::RdbErrorKind;
use crate::rdb::primitives::{Attempt, Halt, invalid};
use crate::rdb::sizes::TEMPLATES;

/// The templates of a snapshot, and the one that is being read.
///
/// Templates share names, so each name is kept once: names grow from the front, templates from the back. A name is the
/// position of the previous name in its bucket (2 bytes), its length (2) and its bytes. A template is its id (8 bytes),
/// the position of the previous template in its bucket (2) and the number of its names (2); before that, towards the
/// front, are the positions of its names (2 each). A stored position is one more than the index; 0 is none.
#[derive(Debug, Clone)]
pub(super) struct Templates {
    bytes: [u8; TEMPLATES],
    /// The end of the names, and of those that complete templates use.
    names: usize,
    kept_names: usize,
    /// The beginning of the templates, and of the complete ones.
    start: usize,
    kept_start: usize,
    name_buckets: [u16; BUCKETS],
    buckets: [u16; BUCKETS],
}

/// The names of a template that are not delivered yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names {
    pub(super) left: u64,
    /// The index behind the position of the next name.
    at: usize,
}

const BUCKETS: usize = 128;
const NAME_HEADER: usize = 4;
const HEADER: usize = 12;
/// In a template, the indexes of the previous one and of the number of its names.
const PREVIOUS: usize = 8;
const COUNT: usize = 10;

// Positions have 16 bits.
const _: () = assert!(TEMPLATES < u16::MAX as usize);

impl Templates {
    pub(super) const NONE: Self = Self {
        bytes: [0; TEMPLATES],
        names: 0,
        kept_names: 0,
        start: TEMPLATES,
        kept_start: TEMPLATES,
        name_buckets: [0; BUCKETS],
        buckets: [0; BUCKETS],
    };

    pub(super) fn part(&self, from: usize, to: usize) -> &[u8] {
        self.bytes.get(from..to).unwrap_or_default()
    }

    /// Begins a template. Drops the one before it, unless it was kept.
    pub(super) fn begin(&mut self, id: u64) -> Attempt<()> {
        self.start = self.kept_start;
        self.names = self.kept_names;
        for bucket in 0..BUCKETS {
            while let Some(at) = index(self.name_buckets[bucket]).filter(|at| *at >= self.names) {
                self.name_buckets[bucket] = self.number(at);
            }
        }
        let at = self.reserve(HEADER)?;
        self.write(at, &id.to_le_bytes());
        self.write(at + PREVIOUS, &[0; HEADER - PREVIOUS]);
        Ok(())
    }

    pub(super) fn push(&mut self, name: &[u8]) -> Attempt<()> {
        let position = match self.find_name(name) {
            Some(at) => at,
            None => self.add_name(name)?,
        };
        let at = self.reserve(2)?;
        self.write_number(at, position + 1);
        let count = self.kept_start - HEADER + COUNT;
        self.write_number(count, usize::from(self.number(count)) + 1);
        Ok(())
    }

    pub(super) fn find_name(&self, name: &[u8]) -> Option<usize> {
        let mut next = *self.name_buckets.get(name_bucket(name))?;
        while let Some(at) = index(next) {
            let (from, to) = self.name(at);
            if self.part(from, to) == name {
                return Some(at);
            }
            next = self.number(at);
        }
        None
    }

    pub(super) fn add_name(&mut self, name: &[u8]) -> Attempt<usize> {
        let at = self.names;
        let end = at + NAME_HEADER + name.len();
        if end > self.start {
            return Err(FULL);
        }
        self.names = end;
        let bucket = name_bucket(name);
        self.write(at, &self.name_buckets[bucket].to_le_bytes());
        self.write_number(at + 2, name.len());
        self.write(at + NAME_HEADER, name);
        self.name_buckets[bucket] = at as u16 + 1;
        Ok(at)
    }

    /// Keeps the template. Its id must be new.
    pub(super) fn keep(&mut self) -> Attempt<()> {
        let at = self.kept_start - HEADER;
        let id = u64::from_le_bytes(self.array(at));
        if self.find(id).is_some() {
            return Err(invalid("hash template", "an id that no other template has"));
        }
        let bucket = bucket(id);
        self.write(at + PREVIOUS, &self.buckets[bucket].to_le_bytes());
        self.buckets[bucket] = at as u16 + 1;
        (self.kept_start, self.kept_names) = (self.start, self.names);
        Ok(())
    }

    /// The names of the template that was read last.
    pub(super) fn last(&self) -> Names {
        self.names_of(self.kept_start - HEADER)
    }

    pub(super) fn find(&self, id: u64) -> Option<Names> {
        let mut next = *self.buckets.get(bucket(id))?;
        while let Some(at) = index(next) {
            if u64::from_le_bytes(self.array(at)) == id {
                return Some(self.names_of(at));
            }
            next = self.number(at + PREVIOUS);
        }
        None
    }

    pub(super) fn names_of(&self, at: usize) -> Names {
        Names { left: self.number(at + COUNT).into(), at }
    }

    /// The range of a name.
    pub(super) fn name(&self, at: usize) -> (usize, usize) {
        let from = at + NAME_HEADER;
        (from, from + usize::from(self.number(at + 2)))
    }

    pub(super) fn number(&self, at: usize) -> u16 {
        u16::from_le_bytes(self.array(at))
    }

    pub(super) fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        self.bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
    }

    /// Makes room in front of the templates. Returns its index.
    pub(super) fn reserve(&mut self, count: usize) -> Attempt<usize> {
        let at = self.start.checked_sub(count).filter(|at| *at >= self.names).ok_or(FULL)?;
        self.start = at;
        Ok(at)
    }

    /// The number is below `TEMPLATES`.
    pub(super) fn write_number(&mut self, at: usize, number: usize) {
        self.write(at, &(number as u16).to_le_bytes());
    }

    pub(super) fn write(&mut self, at: usize, bytes: &[u8]) {
        if let Some(to) = self.bytes.get_mut(at..at + bytes.len()) {
            to.copy_from_slice(bytes);
        }
    }
}

pub(super) const FULL: Halt = Halt::Error(RdbErrorKind::Templates);

/// The index of a stored position.
fn index(position: u16) -> Option<usize> {
    position.checked_sub(1).map(usize::from)
}

/// Servers count the ids up from one.
fn bucket(id: u64) -> usize {
    (id % BUCKETS as u64) as usize
}

fn name_bucket(name: &[u8]) -> usize {
    let hash = name.iter().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    hash as usize % BUCKETS
}

impl Names {
    pub(super) const NONE: Self = Self { left: 0, at: 0 };

    /// The range of the next name.
    #[inline]
    pub(super) fn next(&mut self, templates: &Templates) -> Option<(usize, usize)> {
        self.left = self.left.checked_sub(1)?;
        self.at = self.at.checked_sub(2)?;
        Some(templates.name(index(templates.number(self.at))?))
    }
}
