//! The answer of a parser's first step.

/// What lies at the front of the input, in numbers: the first of the two steps that hold no borrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Poll {
    /// A whole item.
    Complete {
        /// Bytes before the item that carry none: newlines, empty commands, annotations.
        skipped: usize,
        /// Bytes of the item.
        length: usize,
    },
    /// Not an error: the item goes on after the bytes that are there.
    Incomplete {
        /// Bytes at the front that carry no item and are used up; the unfinished item, if any, begins after them.
        skipped: usize,
        /// As in [`Status::Incomplete`].
        needed: usize,
    },
}

impl Poll {
    /// Bytes at the front of the input that are used up, which the next call is not to be shown again.
    #[must_use]
    pub fn used(&self) -> usize {
        match *self {
            Self::Complete { skipped, length } => skipped.saturating_add(length),
            Self::Incomplete { skipped, .. } => skipped,
        }
    }
}
