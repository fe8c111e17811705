//! Versions, statuses, slices

use std::ffi::{c_char, c_int, c_uint};

/// The version of this header. Above 0, versions with the same major number fit together.
pub const REDTAIL_VERSION_MAJOR: c_uint = 0;
/// The minor number of this header.
pub const REDTAIL_VERSION_MINOR: c_uint = 1;
/// The patch number of this header.
pub const REDTAIL_VERSION_PATCH: c_uint = 0;
/// All three as one number that grows: major * 1000000 + minor * 1000 + patch.
pub const REDTAIL_VERSION_NUMBER: c_uint = 1_000;

/// No value: a size, a time or a database that is not known.
pub const REDTAIL_UNKNOWN: u64 = u64::MAX;

/// What a function returns.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_status {
    /// Done.
    REDTAIL_OK = 0,
    /// Nothing more is whole in the bytes that are there: give more. Of a text that is to be written: give more room.
    REDTAIL_NEED_MORE = 1,
    /// A whole command, of which the array holds only the first arguments. The rest: redtail_parser_next_arg.
    REDTAIL_MORE_ARGS = 2,
    /// A walk is at its end.
    REDTAIL_END = 3,
    /// There is no such thing, for example no position yet.
    REDTAIL_NONE = 4,
    /// The callback has ended the batch, or the cluster.
    REDTAIL_STOPPED = 5,
    /// Nothing came within the time limit.
    REDTAIL_IDLE = 6,
    /// There is no link: connect when redtail_session_deadline_ms says so, then redtail_session_connected.
    REDTAIL_RECONNECT = 7,
    /// Over, and well: redtail_handle_stop was called, or the server closed the link and reconnection is off.
    REDTAIL_CLOSED = 8,
    /// The command touches keys that it does not name: any there are.
    REDTAIL_ALL_KEYS = 9,
    /// Which keys the command touches is not known.
    REDTAIL_UNKNOWN_KEYS = 10,

    /// A pointer, length, number or option that can't be.
    REDTAIL_ERROR_ARGUMENT = -1,
    /// A call that does not fit what was called before.
    REDTAIL_ERROR_STATE = -2,
    /// A bug in this library. The handle is of no more use.
    REDTAIL_ERROR_PANIC = -3,
    /// No memory; for a cluster, also no thread.
    REDTAIL_ERROR_MEMORY = -4,
    /// A text that is no position.
    REDTAIL_ERROR_POSITION = -5,
    /// Bytes that break the protocol. Final.
    REDTAIL_ERROR_PROTOCOL = -6,
    /// Bytes that pass one of the limits. Final.
    REDTAIL_ERROR_LIMIT = -7,
    /// An address that can't be read.
    REDTAIL_ERROR_ADDRESS = -8,
    /// The first connection could not be made. redtail_follower_connect may be called again.
    REDTAIL_ERROR_CONNECT = -9,
    /// The link was lost, and no attempt is left or none was wanted.
    REDTAIL_ERROR_LOST = -10,
    /// The server refuses, and will until somebody changes something: a password, a permission, a setting.
    REDTAIL_ERROR_REFUSED = -11,
    /// An answer that no primary gives at this point.
    REDTAIL_ERROR_UNEXPECTED = -12,
    /// The primary no longer has the history after the position asked for.
    REDTAIL_ERROR_HISTORY_LOST = -13,
    /// The server keeps no backlog, so there is no position to start from without a fork.
    REDTAIL_ERROR_NO_BACKLOG = -14,
    /// The start needs INFO, which the server does not allow.
    REDTAIL_ERROR_INFO_NEEDED = -15,
    /// The start needs a second connection, and single_link was chosen.
    REDTAIL_ERROR_SECOND_LINK = -16,
    /// The link was lost, and what was started with SYNC can't be resumed.
    REDTAIL_ERROR_NOT_RESUMABLE = -17,
    /// A snapshot broke off.
    REDTAIL_ERROR_SNAPSHOT_BROKEN = -18,
    /// A snapshot that should be empty is not.
    REDTAIL_ERROR_SNAPSHOT_NOT_EMPTY = -19,
    /// User and password are longer than a server accepts.
    REDTAIL_ERROR_CREDENTIALS = -20,
    /// Bytes that are no snapshot a server would write, or what is not known here, or a frame that does not fit. Final.
    REDTAIL_ERROR_SNAPSHOT = -21,
    /// The library does not fit the header that the program was compiled with. See redtail_check_version.
    REDTAIL_ERROR_VERSION = -22,
    /// A recording that cannot be read or written.
    REDTAIL_ERROR_RECORDING = -23,
}

pub(super) use redtail_status::*;

/// Bytes that belong to somebody else. No NUL stands behind them. This struct stays as it is.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct redtail_slice {
    /// The first byte; NULL where there is no slice at all.
    pub data: *const c_char,
    /// Their number.
    pub len: usize,
}

impl redtail_slice {
    pub(super) const NONE: Self = Self { data: std::ptr::null(), len: 0 };

    #[inline]
    pub(super) const fn of(bytes: &[u8]) -> Self {
        Self { data: bytes.as_ptr().cast(), len: bytes.len() }
    }
}

/// What bytes may be before they count as hostile or broken. You fill it; 0 is the default.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct redtail_limits {
    /// sizeof(redtail_limits)
    pub struct_size: usize,
    /// Longest bulk string in bytes. Default 512 MiB.
    pub bulk: u64,
    /// Longest whole command or frame in bytes. Default 1 GiB; more than 4 GiB - 1 is read as that.
    pub command: u64,
    /// Most arguments of a command, or elements of an aggregate. Default 2^24.
    pub arguments: u64,
    /// Deepest nesting of aggregates. Default 128; more is read as that.
    pub depth: usize,
    /// Longest line in bytes. Default 64 KiB.
    pub line: usize,
}

/// The version of the library that is running, for example "0.1.0". Never NULL; lives for ever. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The version of the library that is running, as REDTAIL_VERSION_NUMBER counts. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_version_number() -> c_uint {
    REDTAIL_VERSION_NUMBER
}

/// Checks the library that is running against the header that the program was compiled with. Pass REDTAIL_VERSION_NUMBER.
///
/// Returns REDTAIL_OK if they fit: the library is not older than the header, and has the same major version, before 1.0 also the
/// same minor version. Returns REDTAIL_ERROR_VERSION otherwise. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_check_version(header: c_uint) -> c_int {
    let fits = fits(header, REDTAIL_VERSION_NUMBER);
    (if fits { REDTAIL_OK } else { REDTAIL_ERROR_VERSION }) as c_int
}

const fn fits(header: c_uint, library: c_uint) -> bool {
    let unit = if library < 1_000_000 { 1_000 } else { 1_000_000 };
    header / unit == library / unit && header <= library
}

/// The name of a status, for example "REDTAIL_ERROR_LOST"; of a number that is none, "unknown status". Never NULL; lives for ever.
/// Any thread.
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
        REDTAIL_ERROR_RECORDING
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
