//! The positions of keys among the arguments of a command.

use crate::resp::keys::shape::{Access, MOST_SPECS};

/// The position of a key, and what the command does to the key.
///
/// ```
/// use redtail::resp::{Access, KeyFinder};
///
/// fn written(finder: &KeyFinder<'_>) -> Vec<usize> {
///     finder.keys().filter(|key| key.access == Access::Write).map(|key| key.index).collect()
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct KeyIndex {
    /// The index of the argument; the name of the command has index 0.
    pub index: usize,
    /// What the command does to the key.
    pub access: Access,
    /// The database that the command names for this key: the target of MOVE, and of COPY with the option DB. `None`
    /// for the selected database.
    pub db: Option<u32>,
}

/// The positions of a command's keys, in the order of the arguments. The key of MOVE is delivered twice: removed from
/// the selected database, and written in the other one.
///
/// ```
/// use redtail::resp::{KeyFinder, Part};
///
/// let mut finder = KeyFinder::new();
/// for part in [Part::Begin { argc: 3 }, Part::Argument { index: 0, length: 3 }, Part::Piece(b"DEL")] {
///     finder.part(&part);
/// }
/// assert!(finder.keys().map(|key| key.index).eq([1, 2]));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct KeyIndices([KeyRange; MOST_SPECS]);

/// Indices of arguments: from `next` to `last`, every `step`th. Empty if `next` is greater than `last`.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyRange {
    next: usize,
    last: usize,
    step: usize,
    access: Access,
    db: Option<u32>,
}

impl KeyRange {
    pub(super) const EMPTY: Self = Self { next: 1, last: 0, step: 1, access: Access::Read, db: None };

    pub(super) fn new(access: Access, first: usize, last: Option<usize>, step: usize) -> Self {
        last.map_or(Self::EMPTY, |last| Self { next: first, last, step, access, db: None })
    }

    fn is_empty(&self) -> bool {
        self.next > self.last
    }
}

impl KeyIndices {
    pub(super) const EMPTY: Self = Self([KeyRange::EMPTY; MOST_SPECS]);

    pub(super) fn set(&mut self, number: usize, range: KeyRange) {
        if let Some(slot) = self.0.get_mut(number) {
            *slot = range;
        }
    }

    pub(super) fn name_database(&mut self, number: usize, db: u32) {
        if let Some(range) = self.0.get_mut(number) {
            range.db = Some(db);
        }
    }

    pub(super) fn first(&self) -> Option<usize> {
        self.0.iter().filter(|range| !range.is_empty()).map(|range| range.next).min()
    }

    /// The index after the last key.
    pub(super) fn end(&self) -> usize {
        self.0.iter().filter(|range| !range.is_empty()).map(|range| range.last.saturating_add(1)).max().unwrap_or(0)
    }

    /// Whether the index is one of those left.
    pub(super) fn holds(&self, index: usize) -> bool {
        let reaches = |range: &KeyRange| (range.next..=range.last).contains(&index);
        self.0.iter().any(|range| reaches(range) && (index - range.next).checked_rem(range.step) == Some(0))
    }
}

impl Iterator for KeyIndices {
    type Item = KeyIndex;

    fn next(&mut self) -> Option<KeyIndex> {
        let range = self.0.iter_mut().filter(|range| !range.is_empty()).min_by_key(|range| range.next)?;
        let index = range.next;
        range.next = index.saturating_add(range.step);
        Some(KeyIndex { index, access: range.access, db: range.db })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = |range: &KeyRange| match range.is_empty() {
            true => 0,
            false => (range.last - range.next).checked_div(range.step).unwrap_or(0) + 1,
        };
        (0, Some(self.0.iter().map(count).sum()))
    }
}
