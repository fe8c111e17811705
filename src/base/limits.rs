//! Every limit of the library.
//!
//! A length from the wire is compared with a limit before the library allocates or waits for that many bytes.

/// The limits of a parser, and of the decoder of a snapshot. Sizes are in bytes.
///
/// Input over a limit is a [`ProtocolError`](crate::ProtocolError) that names the limit, the value and the offset. The
/// error is final, because the same bytes would arrive again.
///
/// ```
/// let mut limits = redtail::Limits::default();
/// limits.bulk = 1024;
/// assert_eq!(limits.depth, 1024);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest payload of one bulk string, bulk error or verbatim string. Default 512 MiB, the servers'
    /// `proto-max-bulk-len`.
    pub bulk: u64,
    /// The longest whole command or frame, from its type byte to its last CR LF. Default 1 GiB. Values over
    /// [`MAX_COMMAND`] count as [`MAX_COMMAND`].
    pub command: u64,
    /// The most arguments of a command, or elements of one aggregate. Default 2^24. For frames, values over 2^27 - 1
    /// count as 2^27 - 1.
    pub arguments: u64,
    /// The deepest nesting of aggregates in a frame. Default and maximum: [`MAX_DEPTH`].
    pub depth: usize,
    /// The longest inline command, annotation or line of a handshake, without its CR LF. Default 64 KiB, as in servers.
    pub line: usize,
    /// The longest line of a frame (simple string, error, number) without its CR LF. Default 512 MiB: a line may hold
    /// a value, as in MONITOR and in errors of scripts.
    pub reply_line: usize,
    /// The most memory for the hash templates of a snapshot (Redis 8.10). Default 64 MiB: 800,000
    /// templates of twelve fields that share their names. The memory is allocated only for the templates received. See
    /// [`rdb::TemplateMemory`](crate::rdb::TemplateMemory). Values over 256 MiB count as 256 MiB.
    pub templates: usize,
}

impl Limits {
    /// The defaults, as a constant.
    pub const DEFAULT: Self = Self {
        bulk: 512 << 20,
        command: 1 << 30,
        arguments: 1 << 24,
        depth: MAX_DEPTH,
        line: 64 << 10,
        reply_line: 512 << 20,
        templates: 64 << 20,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The deepest nesting that a frame parser can hold, the same as in hiredis. A larger [`Limits::depth`] counts as this
/// value.
pub const MAX_DEPTH: usize = 1024;

/// The most elements of one aggregate of a frame. A larger [`Limits::arguments`] counts as this value.
pub(crate) const MAX_ELEMENTS: u64 = (1 << 27) - 1;

/// The longest whole command or frame, in bytes. Positions inside it have 32 bits. A larger [`Limits::command`] counts
/// as this value.
pub const MAX_COMMAND: u64 = u32::MAX as u64;

/// The most memory for hash templates, in bytes. Positions and numbers of bits in it have 32 bits, and a byte of a key
/// counts as nine bits. A larger [`Limits::templates`] counts as this value.
pub(crate) const MAX_TEMPLATES: usize = 256 << 20;

/// The number of arguments whose positions the parser keeps. [`Command::arg`](crate::Command::arg) finds a later
/// argument by a walk from the last of these.
pub const TAPE_LENGTH: usize = 64;

/// The smallest threshold for commands in parts, in bytes. Smaller thresholds count as this value. Commands that
/// control the stream (SELECT, MULTI, EXEC) are therefore always whole.
pub const MIN_PARTS_THRESHOLD: u64 = 1024;

/// The largest offset that a first byte may have. Servers count in signed 64-bit numbers. No sum of this offset and a
/// number of bytes overflows.
pub(crate) const LAST_OFFSET: u64 = i64::MAX.unsigned_abs();

/// The initial capacity of the receive buffer in bytes. The buffer grows only when it is full of unread bytes.
#[cfg(feature = "std")]
pub const BUFFER_CAPACITY: usize = 256 << 10;

/// The most bytes that a session may have to send at once. Servers refuse arguments over 16 KiB before authentication,
/// so longer credentials could not be used.
#[cfg(feature = "std")]
pub(crate) const OUTBOX_LENGTH: usize = 17 << 10;

/// The longest bulk string or line of a handshake reply, in bytes. INFO is the longest reply: a few kilobytes.
#[cfg(feature = "std")]
pub(crate) const HANDSHAKE_REPLY: u64 = 1 << 20;

/// The largest snapshot that counts as one without data, in bytes. A few hundred bytes are usual.
#[cfg(feature = "std")]
pub(crate) const FILTERED_SNAPSHOT: u64 = 1 << 20;
