//! The result of a parser's first step.

/// The position of the next item as numbers, which borrow nothing: the result of a parser's `poll`. The enum is closed.
///
/// ```
/// use redtail::resp::{FrameParser, Poll};
///
/// let mut parser = FrameParser::new();
/// assert_eq!(parser.poll(b"$5\r\nhel")?, Poll::Incomplete { skipped: 0, needed: 4 });
/// assert_eq!(parser.poll(b"$5\r\nhello\r\n")?, Poll::Complete { skipped: 0, length: 11 });
/// # Ok::<(), redtail::ProtocolError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Poll {
    /// A whole item.
    Complete {
        /// Bytes before the item that belong to none: newlines, empty commands, annotations.
        skipped: usize,
        /// The length of the item in bytes.
        length: usize,
    },
    /// The item continues beyond the buffered bytes. This is not an error.
    Incomplete {
        /// Bytes at the front that belong to no item and are used up. An unfinished item begins after them.
        skipped: usize,
        /// As in [`Status::Incomplete`](super::Status::Incomplete).
        needed: usize,
    },
}

impl Poll {
    /// The bytes at the front of the input that are used up. Remove them before the next call.
    #[must_use]
    pub fn used(&self) -> usize {
        match *self {
            Self::Complete { skipped, length } => skipped.saturating_add(length),
            Self::Incomplete { skipped, .. } => skipped,
        }
    }
}
