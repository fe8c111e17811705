//! The sizes that a decoder and its caller share.

/// The longest string that a [`Decoder`](super::Decoder) delivers whole, in bytes. Longer strings are delivered in
/// pieces.
pub const WHOLE_TEXT: usize = 16 << 10;

/// The buffer size that is always large enough for a [`Decoder`](super::Decoder), in bytes.
pub const MIN_INPUT: usize = WHOLE_TEXT + 512;

/// The memory for field names that the entries of a stream node share, in bytes. Each name needs its length and two
/// bytes. If the names of a node need more, its entries are delivered without names; see
/// [`Entry::named`](super::Entry::named). Servers start a new node at 4 KiB unless they are configured otherwise.
pub const SHARED_FIELDS: usize = 8 << 10;
