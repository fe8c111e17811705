//! The open aggregates of an unfinished frame: a stack of fixed depth instead of recursion.

use crate::base::limits::MAX_DEPTH;

/// The length in bytes of the smallest element (`+` or `_`), and of the end mark of a streamed aggregate.
pub(super) const SMALLEST: u64 = 3;

/// Level 0 holds the frame itself as its one element.
#[derive(Debug, Clone)]
pub(super) struct DepthStack {
    depth: usize,
    stack: [Level; MAX_DEPTH + 1],
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Level {
    /// The number of elements left, including the current one. For a streamed aggregate: the number that the limit
    /// still allows.
    pub(super) left: u32,
    pub(super) streamed: bool,
    paired: bool,
    /// The key of a pair is complete; its value is next.
    odd: bool,
    /// An attribute is complete; its element is next.
    attributed: bool,
}

impl Level {
    pub(super) fn counted(elements: u32) -> Self {
        Self { left: elements, streamed: false, paired: false, odd: false, attributed: false }
    }

    pub(super) fn streamed(at_most: u32, paired: bool) -> Self {
        Self { left: at_most, streamed: true, paired, odd: false, attributed: false }
    }

    /// Whether no element belongs to it.
    pub(super) fn is_empty(&self) -> bool {
        self.left == 0 && !self.streamed
    }

    /// Whether an end mark is allowed here.
    pub(super) fn may_end(&self) -> bool {
        self.streamed && !self.odd && !self.attributed
    }

    /// The least number of bytes the level needs after the levels inside it end.
    fn owed(&self) -> u64 {
        if !self.streamed {
            return u64::from(self.left) * SMALLEST;
        }
        let element = u64::from(self.attributed);
        // A key needs a value, whether the key is complete or still missing.
        let value = u64::from(self.paired && self.odd != self.attributed);
        (1 + element + value) * SMALLEST
    }
}

impl DepthStack {
    pub(super) fn new() -> Self {
        Self { depth: 0, stack: [Level::counted(1); MAX_DEPTH + 1] }
    }

    /// Restarts at the beginning of a frame.
    pub(super) fn restart(&mut self) {
        self.depth = 0;
        self.stack[0] = Level::counted(1);
    }

    /// The number of open aggregates.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// The innermost level.
    pub(super) fn last(&self) -> &Level {
        &self.stack[self.depth.min(MAX_DEPTH)]
    }

    fn last_mut(&mut self) -> &mut Level {
        &mut self.stack[self.depth.min(MAX_DEPTH)]
    }

    /// Counts one element, of which at least the head is read.
    pub(super) fn count(&mut self) {
        let level = self.last_mut();
        level.left = level.left.saturating_sub(1);
        level.odd = level.streamed && level.paired && !level.odd;
        level.attributed = false;
    }

    /// Notes that an attribute is complete and its element is missing.
    pub(super) fn attribute(&mut self) {
        self.last_mut().attributed = true;
    }

    /// Whether the innermost level is counted and awaits a plain element.
    #[inline(always)]
    pub(super) fn is_plain(&self) -> bool {
        let level = self.last();
        !level.streamed && !level.attributed
    }

    /// Counts one whole element of a plain level. Returns whether it ends the frame.
    #[inline(always)]
    pub(super) fn plain(&mut self) -> bool {
        let level = self.last_mut();
        level.left = level.left.saturating_sub(1);
        level.left == 0 && self.unwind()
    }

    pub(super) fn open(&mut self, level: Level) {
        self.depth += 1;
        *self.last_mut() = level;
    }

    /// Closes the innermost level, a streamed one, at its end mark.
    pub(super) fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    /// Leaves all complete levels. Returns whether that ends the frame.
    pub(super) fn unwind(&mut self) -> bool {
        while self.last().is_empty() {
            if self.depth == 0 {
                return true;
            }
            self.depth -= 1;
        }
        false
    }

    /// The least number of bytes at the beginning of an element.
    pub(super) fn least(&self) -> u64 {
        if self.last().may_end() { SMALLEST + self.outside() } else { SMALLEST + self.after_element() }
    }

    /// The least number of bytes after the current element.
    pub(super) fn after_element(&self) -> u64 {
        let inside = match *self.last() {
            Level { streamed: false, left, .. } => u64::from(left.saturating_sub(1)) * SMALLEST,
            Level { paired: true, odd: false, .. } => 2 * SMALLEST,
            _ => SMALLEST,
        };
        inside + self.outside()
    }

    /// The least number of bytes after the innermost level.
    pub(super) fn outside(&self) -> u64 {
        self.stack.get(..self.depth).unwrap_or_default().iter().map(Level::owed).sum()
    }
}
