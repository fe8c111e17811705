//! The open aggregates of a frame: a stack of fixed depth instead of recursion.

use crate::base::limits::MAX_DEPTH;

/// The length in bytes of the smallest element (`+` or `_`), and of the end mark of a streamed aggregate.
pub(super) const SMALLEST: u64 = 3;

/// Level 0 holds the frame itself as its one element.
#[derive(Debug, Clone)]
pub(super) struct DepthStack {
    depth: usize,
    /// The innermost level.
    last: Level,
    /// The levels around it, from the outermost one. The deepest may be around an empty aggregate.
    outer: [Level; MAX_DEPTH + 1],
}

/// The number of elements left, including the current one, in the low bits, and flags above them. For a streamed
/// aggregate: the number that the limit still allows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Level(u32);

const LEFT: u32 = PUSH - 1;
/// The elements are those of a push.
const PUSH: u32 = 1 << 27;
/// An attribute is complete; its element is next.
const ATTRIBUTED: u32 = 1 << 28;
/// The key of a streamed pair is complete; its value is next.
const ODD: u32 = 1 << 29;
/// The elements of the streamed aggregate are pairs.
const PAIRED: u32 = 1 << 30;
const STREAMED: u32 = 1 << 31;

impl Level {
    /// The most elements that it can count.
    pub(super) const MOST: u32 = LEFT;

    pub(super) fn counted(elements: u32) -> Self {
        Self(elements & LEFT)
    }

    pub(super) fn streamed(at_most: u32, paired: bool) -> Self {
        Self(at_most & LEFT | STREAMED | if paired { PAIRED } else { 0 })
    }

    fn has(self, flag: u32) -> bool {
        self.0 & flag != 0
    }

    pub(super) fn is_streamed(self) -> bool {
        self.has(STREAMED)
    }

    /// The same level as that of a push.
    pub(super) fn push(self) -> Self {
        Self(self.0 | PUSH)
    }

    pub(super) fn is_push(self) -> bool {
        self.has(PUSH)
    }

    /// The number of elements left.
    pub(super) fn left(self) -> u32 {
        self.0 & LEFT
    }

    /// Whether no element belongs to it.
    pub(super) fn is_empty(self) -> bool {
        self.0 & (LEFT | STREAMED) == 0
    }

    /// Whether it is counted, awaits an element, and is no push: one comparison. False for more than `most` elements.
    #[inline(always)]
    pub(super) fn is_common(self, most: u32) -> bool {
        self.0.wrapping_sub(1) < most
    }

    /// Whether an end mark is allowed here.
    pub(super) fn may_end(self) -> bool {
        self.0 & (STREAMED | ODD | ATTRIBUTED) == STREAMED
    }

    /// The least number of bytes the level needs after the levels inside it end.
    #[inline(always)]
    fn owed(self) -> u64 {
        if self.is_streamed() { self.owed_before_end() } else { u64::from(self.left()) * SMALLEST }
    }

    #[cold]
    fn owed_before_end(self) -> u64 {
        let element = u64::from(self.has(ATTRIBUTED));
        // A key needs a value, whether the key is complete or still missing.
        let value = u64::from(self.has(PAIRED) && self.has(ODD) != self.has(ATTRIBUTED));
        (1 + element + value) * SMALLEST
    }
}

impl DepthStack {
    pub(super) fn new() -> Self {
        Self { depth: 0, last: Level::counted(1), outer: [Level(0); MAX_DEPTH + 1] }
    }

    /// Restarts at the beginning of a frame.
    pub(super) fn restart(&mut self) {
        self.depth = 0;
        self.last = Level::counted(1);
    }

    /// Allows any number of frames after a whole one: a restart after each would take time.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        if self.depth == 0 && self.last.is_empty() {
            self.last = Level::counted(LEFT);
        }
    }

    /// The number of open aggregates.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// The innermost level.
    pub(super) fn last(&self) -> Level {
        self.last
    }

    /// Counts one element, of which at least the head is read.
    pub(super) fn count(&mut self) {
        let Level(level) = self.last;
        if self.is_plain() {
            return self.count_plain();
        }
        let left = self.last.left().saturating_sub(1);
        let odd = if level & (STREAMED | PAIRED | ODD) == STREAMED | PAIRED { ODD } else { 0 };
        self.last = Level(level & (STREAMED | PAIRED | PUSH) | odd | left);
    }

    /// Notes that an attribute is complete and its element is missing.
    pub(super) fn attribute(&mut self) {
        self.last.0 |= ATTRIBUTED;
    }

    /// Whether the innermost level is counted and awaits a plain element.
    #[inline(always)]
    pub(super) fn is_plain(&self) -> bool {
        !self.last.has(STREAMED | ATTRIBUTED)
    }

    /// Counts one element of a plain level.
    #[inline(always)]
    pub(super) fn count_plain(&mut self) {
        // Some are left: the caller leaves a level without any.
        self.last.0 = self.last.0.wrapping_sub(1);
    }

    #[inline(always)]
    pub(super) fn open(&mut self, level: Level) {
        if let Some(place) = self.outer.get_mut(self.depth) {
            *place = self.last;
        }
        self.last = level;
        self.depth += 1;
    }

    /// Leaves the innermost level.
    #[inline(always)]
    pub(super) fn close(&mut self) {
        self.depth = self.depth.wrapping_sub(1);
        self.last = self.outer.get(self.depth).copied().unwrap_or(Level(0));
    }

    /// Whether no frame has begun, or the last one is complete.
    pub(super) fn is_between_frames(&self) -> bool {
        self.depth == 0 && !self.last.has(ATTRIBUTED)
    }

    /// The least number of bytes of the innermost level at the beginning of an element.
    pub(super) fn least(&self) -> u64 {
        if self.last.may_end() { SMALLEST } else { SMALLEST + self.after_element() }
    }

    /// The least number of bytes of the innermost level after the current element.
    pub(super) fn after_element(&self) -> u64 {
        let last = self.last;
        if !last.is_streamed() {
            u64::from(last.left().saturating_sub(1)) * SMALLEST
        } else if last.has(PAIRED) && !last.has(ODD) {
            2 * SMALLEST
        } else {
            SMALLEST
        }
    }

    /// The least number of bytes after the innermost level.
    pub(super) fn outside(&self) -> u64 {
        self.outer.iter().take(self.depth).map(|level| level.owed()).sum()
    }
}
