//! Versions, statuses, slices

use std::ffi::{c_char, c_int, c_uint};

/// The major version of this header. From 1.0 on, versions with the same major number are compatible.
pub const REDTAIL_VERSION_MAJOR: c_uint = 0;
/// The minor version of this header. Before 1.0, versions with the same minor number are compatible.
pub const REDTAIL_VERSION_MINOR: c_uint = 2;
/// The patch version of this header.
pub const REDTAIL_VERSION_PATCH: c_uint = 0;
/// The version of this header as one number: major * 1000000 + minor * 1000 + patch.
pub const REDTAIL_VERSION_NUMBER: c_uint = 2_000;

/// An unknown size, time or number.
pub const REDTAIL_UNKNOWN: u64 = u64::MAX;

/// The result of a function.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_status {
    /// Success.
    REDTAIL_OK = 0,
    /// The input contains no further complete item: append more bytes. For output: the room is too small.
    REDTAIL_NEED_MORE = 1,
    /// A complete command. The array holds only its first arguments; redtail_parser_next_arg delivers the others.
    REDTAIL_MORE_ARGS = 2,
    /// A walk or a snapshot has ended.
    REDTAIL_END = 3,
    /// The requested value does not exist, for example no position yet.
    REDTAIL_NONE = 4,
    /// A callback ended the batch or the cluster.
    REDTAIL_STOPPED = 5,
    /// Nothing arrived within the time limit.
    REDTAIL_IDLE = 6,
    /// There is no connection. Connect at the time of redtail_session_deadline_ms, then call
    /// redtail_session_connected.
    REDTAIL_RECONNECT = 7,
    /// The regular end: after redtail_handle_stop, or the server closed the connection and reconnection is off.
    REDTAIL_CLOSED = 8,
    /// The command can touch any key, and does not name them.
    REDTAIL_ALL_KEYS = 9,
    /// The keys of the command are unknown.
    REDTAIL_UNKNOWN_KEYS = 10,

    /// An invalid pointer, length, number or option.
    REDTAIL_ERROR_ARGUMENT = -1,
    /// A call in the wrong order.
    REDTAIL_ERROR_STATE = -2,
    /// A bug in the library. Free the handle.
    REDTAIL_ERROR_PANIC = -3,
    /// Memory is exhausted. For a cluster also: the system cannot start a thread.
    REDTAIL_ERROR_MEMORY = -4,
    /// An invalid position.
    REDTAIL_ERROR_POSITION = -5,
    /// Bytes that violate the protocol. Final.
    REDTAIL_ERROR_PROTOCOL = -6,
    /// Bytes that exceed one of the limits. Final.
    REDTAIL_ERROR_LIMIT = -7,
    /// An invalid address.
    REDTAIL_ERROR_ADDRESS = -8,
    /// The first connection failed. redtail_follower_connect may be called again.
    REDTAIL_ERROR_CONNECT = -9,
    /// The connection was lost or could not be made, and no attempt is left. Before the first success there is one
    /// attempt, unless redtail_options.retry_first is set; the message is then "can't connect: ...".
    REDTAIL_ERROR_LOST = -10,
    /// The server refuses until its configuration changes: a password, a permission, a setting.
    REDTAIL_ERROR_REFUSED = -11,
    /// A reply that no primary sends at this point.
    REDTAIL_ERROR_UNEXPECTED = -12,
    /// The primary no longer has the history after the requested position.
    REDTAIL_ERROR_HISTORY_LOST = -13,
    /// The server has no backlog. Without a fork there is no position to start from.
    REDTAIL_ERROR_NO_BACKLOG = -14,
    /// The start requires INFO, which the server does not permit.
    REDTAIL_ERROR_INFO_NEEDED = -15,
    /// The start requires a second connection, which single_link excludes.
    REDTAIL_ERROR_SECOND_LINK = -16,
    /// The connection was lost. A stream that was started with SYNC cannot resume.
    REDTAIL_ERROR_NOT_RESUMABLE = -17,
    /// A snapshot ended before it was complete.
    REDTAIL_ERROR_SNAPSHOT_BROKEN = -18,
    /// A snapshot that must be empty contains data.
    REDTAIL_ERROR_SNAPSHOT_NOT_EMPTY = -19,
    /// User and password are longer than a server accepts, or a user has no password.
    REDTAIL_ERROR_CREDENTIALS = -20,
    /// Bytes that are not a valid snapshot, or a format that this version does not know. Final.
    REDTAIL_ERROR_SNAPSHOT = -21,
    /// The library does not fit the header that the program was compiled with. See redtail_check_version.
    REDTAIL_ERROR_VERSION = -22,
    /// A recording that cannot be read or written.
    REDTAIL_ERROR_RECORDING = -23,
    /// Bytes of redtail_decompress that cannot be read or decompressed. Final, unless the callback failed at once.
    REDTAIL_ERROR_COMPRESSION = -24,
}

pub(super) use redtail_status::*;

/// A borrowed byte range. It is not NUL-terminated. This struct never changes.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct redtail_slice {
    /// The first byte. NULL if there is no slice.
    pub data: *const c_char,
    /// Number of bytes.
    pub len: usize,
}

impl redtail_slice {
    pub(super) const NONE: Self = Self { data: std::ptr::null(), len: 0 };

    #[inline]
    pub(super) const fn of(bytes: &[u8]) -> Self {
        Self { data: bytes.as_ptr().cast(), len: bytes.len() }
    }
}

/// Limits for input, against hostile or corrupt bytes. Filled by the caller; 0 selects the default.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct redtail_limits {
    /// sizeof(redtail_limits)
    pub struct_size: usize,
    /// Maximum length of a bulk string in bytes. Default 512 MiB.
    pub bulk: u64,
    /// Maximum length of a command or frame in bytes. Default 1 GiB; more than 4 GiB - 1 is an error.
    pub command: u64,
    /// Maximum number of arguments of a command, or elements of an aggregate. Default 2^24; maximum of an aggregate
    /// 2^27 - 1.
    pub arguments: u64,
    /// Maximum nesting depth of aggregates in a frame. (A command has one level.) Default 1024; more is an error.
    pub depth: usize,
    /// Maximum length of an inline command or annotation in bytes. Default 64 KiB.
    pub line: usize,
    /// Maximum length of a line of a frame (simple string, error, number) in bytes. Default 512 MiB.
    pub reply_line: usize,
    /// Maximum memory for the hash templates of a snapshot (Redis 8.10) in bytes. Default 64 MiB; more than 256 MiB is
    /// an error. Each template requires 28 bytes and 4 for each of its fields. Each field name, of any number of
    /// templates, requires its length plus 12. Memory is allocated only for the templates that a snapshot has.
    pub templates: usize,
}

/// The version of the running library, for example "0.2.0". Static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The optional features of the running library, separated by commas: "tls", "compression", "tls,compression"
/// or "". Static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_features() -> *const c_char {
    let features = match (cfg!(feature = "tls"), cfg!(feature = "compression")) {
        (true, true) => c"tls,compression",
        (true, false) => c"tls",
        (false, true) => c"compression",
        (false, false) => c"",
    };
    features.as_ptr()
}

/// The version of the running library, in the form of REDTAIL_VERSION_NUMBER. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_version_number() -> c_uint {
    REDTAIL_VERSION_NUMBER
}

/// Compares the running library with the header that the program was compiled with. Pass REDTAIL_VERSION_NUMBER.
///
/// Returns REDTAIL_OK if they fit: the library is not older than the header, and has the same major version (before
/// 1.0 also the same minor version). Otherwise REDTAIL_ERROR_VERSION. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_check_version(header: c_uint) -> c_int {
    let fits = fits(header, REDTAIL_VERSION_NUMBER);
    (if fits { REDTAIL_OK } else { REDTAIL_ERROR_VERSION }) as c_int
}

const fn fits(header: c_uint, library: c_uint) -> bool {
    let unit = if library < 1_000_000 { 1_000 } else { 1_000_000 };
    header / unit == library / unit && header <= library
}

/// The name of a status, for example "REDTAIL_ERROR_LOST"; "unknown status" for other numbers. Static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_status_name(status: c_int) -> *const c_char {
    macro_rules! name_of {
        ($($name:ident)*) => {
            match status { $(x if x == $name as c_int => concat!(stringify!($name), "\0"),)* _ => "unknown status\0" }
        };
    }
    name_of!(
        REDTAIL_OK REDTAIL_NEED_MORE REDTAIL_MORE_ARGS REDTAIL_END REDTAIL_NONE REDTAIL_STOPPED REDTAIL_IDLE
        REDTAIL_RECONNECT REDTAIL_CLOSED REDTAIL_ALL_KEYS REDTAIL_UNKNOWN_KEYS
        REDTAIL_ERROR_ARGUMENT REDTAIL_ERROR_STATE REDTAIL_ERROR_PANIC REDTAIL_ERROR_MEMORY REDTAIL_ERROR_POSITION
        REDTAIL_ERROR_PROTOCOL REDTAIL_ERROR_LIMIT REDTAIL_ERROR_ADDRESS REDTAIL_ERROR_CONNECT REDTAIL_ERROR_LOST
        REDTAIL_ERROR_REFUSED REDTAIL_ERROR_UNEXPECTED REDTAIL_ERROR_HISTORY_LOST REDTAIL_ERROR_NO_BACKLOG
        REDTAIL_ERROR_INFO_NEEDED REDTAIL_ERROR_SECOND_LINK REDTAIL_ERROR_NOT_RESUMABLE REDTAIL_ERROR_SNAPSHOT_BROKEN
        REDTAIL_ERROR_SNAPSHOT_NOT_EMPTY REDTAIL_ERROR_CREDENTIALS REDTAIL_ERROR_SNAPSHOT REDTAIL_ERROR_VERSION
        REDTAIL_ERROR_RECORDING REDTAIL_ERROR_COMPRESSION
    )
    .as_ptr()
    .cast()
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_newer_library_fits_unless_its_interface_changed() {
        for (header, library, expected) in [
            (2_000, 2_000, true),
            (2_000, 2_005, true),
            (2_005, 2_000, false),
            (2_000, 3_000, false),
            (2_000, 1_000_000, false),
            (1_000_000, 1_000_000, true),
            (1_000_000, 1_002_003, true),
            (1_002_003, 1_001_000, false),
            (1_002_003, 2_000_000, false),
            (1_000_000, 2_000, false),
        ] {
            assert_eq!(fits(header, library), expected, "header {header}, library {library}");
        }
    }
}
