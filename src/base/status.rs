//! The result of a parser.

/// The result of a parser's call on the bytes it received.
///
/// The enum is closed: an item is complete or incomplete.
///
/// ```
/// use redtail::{FrameParser, Status};
///
/// let mut input: &[u8] = b"+OK\r";
/// assert_eq!(FrameParser::new().next(&mut input)?, Status::Incomplete { needed: 1 });
/// # Ok::<(), redtail::ProtocolError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status<T> {
    /// The item is complete.
    Complete(T),
    /// The item continues beyond the buffered bytes. This is not an error.
    Incomplete {
        /// The least number of further bytes that can complete the item. If the buffered bytes already exceed a limit,
        /// it is the number of bytes up to the end of the current line, where the parser returns the error.
        needed: usize,
    },
}
