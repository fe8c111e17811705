//! Every bound of the library, in one place.
//!
//! A length that comes from the wire is compared with one of these before anything is allocated or waited for.

/// What a parser accepts before it calls the input hostile or broken.
///
/// All sizes are in bytes. Exceeding a limit is a [`ProtocolError`](crate::ProtocolError) that names the limit, the value
/// and the byte offset. Such an error is final: the same bytes would come again.
///
/// ```
/// let mut limits = redtail::Limits::default();
/// limits.bulk = 1024;
/// assert_eq!(limits.depth, 128);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Longest payload of one bulk string, bulk error or verbatim string. Default 512 MiB, the servers' `proto-max-bulk-len`.
    pub bulk: u64,
    /// Longest whole command or frame, from its type byte to its last CRLF. Default 1 GiB. At most [`MAX_COMMAND`]; more is read as that.
    pub command: u64,
    /// Most arguments of a command, or elements of one aggregate. Default 2^24.
    pub arguments: u64,
    /// Deepest nesting of aggregates in a frame. Default and most: [`MAX_DEPTH`].
    pub depth: usize,
    /// Longest line (simple string, error, number, inline command, annotation) without its CRLF. Default 64 KiB.
    pub line: usize,
}

impl Limits {
    /// The defaults, as a constant.
    pub const DEFAULT: Self =
        Self { bulk: 512 << 20, command: 1 << 30, arguments: 1 << 24, depth: MAX_DEPTH, line: 64 << 10 };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Deepest nesting the frame machine has room for, whatever [`Limits::depth`] says.
pub const MAX_DEPTH: usize = 128;

/// Longest whole command or frame that can be indexed, whatever [`Limits::command`] says: positions inside it are 32 bits wide.
pub const MAX_COMMAND: u64 = u32::MAX as u64;

/// Arguments of a command whose places the parser keeps; those beyond are found by walking on from the last of these.
pub const TAPE_LENGTH: usize = 64;

/// The smallest bulk length from which a command can be asked to come in parts. Smaller thresholds are read as this one, so that
/// commands which steer the stream (SELECT, MULTI, EXEC) always come whole.
pub const MIN_PARTS_THRESHOLD: u64 = 1024;

/// The largest number a first byte may have. No server counts further, so no sum of this and what can be read overflows.
pub(crate) const LAST_OFFSET: u64 = i64::MAX.unsigned_abs();

/// Storage of the receive buffer in bytes, unless a caller says otherwise. It grows only when it is full of unread bytes.
#[cfg(feature = "std")]
pub const BUFFER_CAPACITY: usize = 256 << 10;

/// What a session may have to send at once, in bytes. Servers take no argument over 16 KiB before authentication, so longer
/// credentials could not be used anyway.
#[cfg(feature = "std")]
pub(crate) const OUTBOX_LENGTH: usize = 17 << 10;

/// The longest bulk string or line the handshake takes: INFO is the longest reply, a few kilobytes.
#[cfg(feature = "std")]
pub(crate) const HANDSHAKE_REPLY: u64 = 1 << 20;

/// The largest snapshot taken for one without data. A few hundred bytes are usual.
#[cfg(feature = "std")]
pub(crate) const FILTERED_SNAPSHOT: u64 = 1 << 20;
