//! The types of frames and their type bytes.

/// The type of a frame.
///
/// RESP3 defines these types and no others, so the enum is closed. The C interface has the same numbers.
///
/// ```
/// use redtail::resp::{FrameParser, Kind, Status};
///
/// let (mut parser, mut input) = (FrameParser::new(), b"-ERR unknown command\r\n" as &[u8]);
/// let Status::Complete(frame) = parser.next(&mut input)? else { panic!() };
/// assert_eq!(frame.kind(), Kind::Error);
/// # Ok::<(), redtail::ProtocolError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `+` a line of text.
    SimpleString = 1,
    /// `-` an error, as a line of text.
    Error,
    /// `:` a signed 64-bit integer.
    Integer,
    /// `$` bytes; also streamed bytes (`$?`).
    BulkString,
    /// `*` an array; also a streamed one (`*?`).
    Array,
    /// `_`, or `$-1` and `*-1` of RESP2.
    Null,
    /// `#` a boolean.
    Boolean,
    /// `,` a 64-bit floating-point number.
    Double,
    /// `(` an integer of any size.
    BigNumber,
    /// `!` an error, as bytes.
    BulkError,
    /// `=` bytes with three letters that name their format.
    VerbatimString,
    /// `%` pairs of key and value; also streamed ones (`%?`).
    Map,
    /// `~` a set; also a streamed one (`~?`).
    Set,
    /// `>` data that a server sends unasked, between replies: messages, invalidated keys.
    ///
    /// In RESP3, SUBSCRIBE and UNSUBSCRIBE are answered by pushes alone, one for each channel. In a transaction these
    /// pushes are inside the array that answers EXEC. The server counts each such command as one element. With a second
    /// channel the array therefore ends early, and the rest of its elements follow as frames. A push is never directly
    /// inside another push.
    Push,
    /// `|` pairs before a frame that describe it. It is the kind of a [`Token`](super::Token), never of a
    /// [`Frame`](super::Frame).
    Attribute,
}

impl Kind {
    #[inline(always)]
    pub(super) fn of(byte: u8) -> Option<Self> {
        Some(match byte {
            b'+' => Self::SimpleString,
            b'-' => Self::Error,
            b':' => Self::Integer,
            b'$' => Self::BulkString,
            b'*' => Self::Array,
            b'_' => Self::Null,
            b'#' => Self::Boolean,
            b',' => Self::Double,
            b'(' => Self::BigNumber,
            b'!' => Self::BulkError,
            b'=' => Self::VerbatimString,
            b'%' => Self::Map,
            b'~' => Self::Set,
            b'>' => Self::Push,
            b'|' => Self::Attribute,
            _ => return None,
        })
    }

    /// Whether the elements are pairs.
    pub(super) fn is_paired(self) -> bool {
        matches!(self, Self::Map | Self::Attribute)
    }
}
