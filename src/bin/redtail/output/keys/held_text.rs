//! Strings that arrive in pieces.

use redtail::rdb::Text;

use crate::output::argument::Argument;

/// Joins strings that arrive in pieces. Holds at most one string, and none longer than `most` bytes.
#[derive(Debug)]
pub(super) struct HeldText {
    most: u64,
    bytes: Vec<u8>,
}

/// The capacity that is kept for the next string, in bytes.
const KEPT: usize = 64 << 10;

impl HeldText {
    pub(super) fn new(most: u64) -> Self {
        Self { most, bytes: Vec::new() }
    }

    /// Returns the string that this piece completes.
    pub(super) fn text<'a>(&'a mut self, text: &Text<'a>) -> Option<Argument<'a>> {
        if text.is_whole() {
            return Some(Argument::of(text.bytes, self.most));
        }
        if text.is_first() {
            self.bytes.clear();
            self.bytes.shrink_to(KEPT);
        }
        if text.length > self.most {
            return text.is_last().then_some(Argument::Omitted(text.length));
        }
        self.bytes.extend_from_slice(text.bytes);
        text.is_last().then_some(Argument::Whole(&self.bytes))
    }
}
