//! The types of frames, by their type bytes.

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `+` a line of text.
    SimpleString,
    /// `-` an error, as a line of text.
    Error,
    /// `:` a signed 64-bit integer.
    Integer,
    /// `$` bytes, also streamed ones (`$?`).
    BulkString,
    /// `*` an array, also a streamed one (`*?`).
    Array,
    /// `_`, or `$-1` and `*-1` of RESP2.
    Null,
    /// `#`
    Boolean,
    /// `,`
    Double,
    /// `(` an integer of any size.
    BigNumber,
    /// `!` an error, as bytes.
    BulkError,
    /// `=` bytes with three letters that tell their format.
    VerbatimString,
    /// `%` pairs of key and value, also streamed ones (`%?`).
    Map,
    /// `~` a set, also a streamed one (`~?`).
    Set,
    /// `>` data that answers no command. Only at the top level.
    Push,
    /// `|` pairs that stand before a frame and tell something about it. Never the kind of a [`Frame`], only of a
    /// [`Token`](super::Token).
    Attribute,
}

impl Kind {
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

    /// Its elements come in pairs.
    pub(super) fn is_paired(self) -> bool {
        matches!(self, Self::Map | Self::Attribute)
    }
}
