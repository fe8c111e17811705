//! The sizes that the decoder and its caller agree on.

/// The longest string in bytes that a [`Decoder`] hands out whole. Longer ones come in pieces.
pub const WHOLE_TEXT: usize = 16 << 10;

/// The bytes of input that a [`Decoder`]'s caller must be able to show at once.
pub const MIN_INPUT: usize = WHOLE_TEXT + 512;

/// Bytes for the field names that the entries of a stream's node share, two for each name's length included. Beyond it entries
/// come without names, see [`Entry::named`]. Servers start a new node at 4 KiB unless configured otherwise.
pub const SHARED_FIELDS: usize = 8 << 10;
