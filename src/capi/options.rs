//! Options of sessions and followers: every default surprises no primary

use std::ffi::{c_char, c_int};
use std::ptr::copy_nonoverlapping;

use crate::capi::basics::*;
use crate::capi::boundary::call;
use crate::capi::position::redtail_position;
use crate::capi::structs::is_prefix;
use crate::capi::tls::redtail_tls;

/// For silence_ms: never. For other times: as long as it takes.
pub const REDTAIL_FOREVER: u64 = u64::MAX;

/// Where to start.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_start {
    /// With the next write. The primary is asked for a snapshot with nothing in it (about 200 bytes) and forks once. Redis 7.0 and
    /// later, and Valkey; on older servers as REDTAIL_START_NOW_WITHOUT_FORK.
    REDTAIL_START_NOW = 0,
    /// With the next write, from the position that INFO tells. Needs an existing backlog and permission for INFO.
    REDTAIL_START_NOW_WITHOUT_FORK = 1,
    /// With the whole data set, then the writes after it. The primary forks and sends everything.
    REDTAIL_START_SNAPSHOT = 2,
    /// After redtail_options.position.
    REDTAIL_START_AT = 3,
    /// With the old SYNC: the whole data set, then the writes; no position, no resuming.
    REDTAIL_START_SYNC = 4,
}

/// What to do when history was lost. The gap itself always comes as an event.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_on_gap {
    /// End with REDTAIL_ERROR_HISTORY_LOST.
    REDTAIL_ON_GAP_STOP = 0,
    /// Go on with the writes from now on.
    REDTAIL_ON_GAP_CONTINUE = 1,
    /// Take a snapshot, then go on with the writes after it.
    REDTAIL_ON_GAP_SNAPSHOT = 2,
}

/// What the primary is told of our progress, each second.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_ack {
    /// Offset 0: the link lives, and neither WAIT nor FAILOVER counts on us.
    REDTAIL_ACK_OBSERVE = 0,
    /// The offset received. WAIT counts us, though nothing is stored; a FAILOVER may choose us, which leaves the primary read-only.
    REDTAIL_ACK_RECEIVED = 1,
    /// What was given to redtail_..._commit. WAIT then means "my sink has it"; of FAILOVER the same as above holds.
    REDTAIL_ACK_APPLIED = 2,
}

pub(super) use redtail_ack::*;
pub(super) use redtail_on_gap::*;
pub(super) use redtail_start::*;

/// Everything a session or follower may be told. You fill it, best after redtail_options_init; what it points to is copied. 0 and
/// NULL are the defaults.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct redtail_options {
    /// sizeof(redtail_options)
    pub struct_size: usize,
    /// One of redtail_start.
    pub start: c_int,
    /// One of redtail_on_gap.
    pub on_gap: c_int,
    /// One of redtail_ack.
    pub ack: c_int,
    /// Not 0: REDTAIL_START_NOW may fall back to a probe on servers before 7.0 without a backlog; the primary then dumps its data
    /// set to its own disk once.
    pub allow_probe: c_int,
    /// Not 0: try again when the very first attempt fails in a way that may pass.
    pub retry_first: c_int,
    /// Not 0: ask for a snapshot again when one breaks off. Each attempt makes the primary fork and send everything.
    pub retry_snapshot: c_int,
    /// Not 0: never reconnect. When the server closes the link, that is REDTAIL_CLOSED.
    pub no_reconnect: c_int,
    /// Not 0: the link is the only one there will be; as no_reconnect, and a start that needs a second one is an error.
    pub single_link: c_int,
    /// Not 0: SELECT, PING and REPLCONF come out as REDTAIL_EVENT_CONTROL.
    pub control: c_int,
    /// The port the primary shows for us; 0: none.
    pub listening_port: u16,
    /// For REDTAIL_START_AT: a copy of a saved position, or what redtail_position_parse read from its text. It is part of the
    /// struct, so a binding needs no memory of its own for it.
    pub position: redtail_position,
    /// How the primary shows us in INFO and ROLE: 1 to 255 bytes without blanks. Default redtail.invalid.
    pub label: *const c_char,
    /// The ACL user. NULL: the default user.
    pub user: *const c_char,
    /// The password. NULL: none is sent.
    pub password: *const c_char,
    /// Its length in bytes; 0: it ends with NUL.
    pub password_len: usize,
    /// Commands with a bulk string of at least this many bytes (less than 1024 is read as 1024), or longer than limits.command, come in
    /// parts; 0: every command comes whole.
    pub parts: u64,
    /// How long the primary may be silent before the connection counts as dead, in milliseconds. Default 60,000;
    /// REDTAIL_FOREVER: for ever; less than 1,000 is an error. A primary without writes sends a PING every
    /// repl-ping-replica-period (10 s unless configured): a value below that disconnects from healthy primaries.
    pub silence_ms: u64,
    /// The delay before the first reconnect, in milliseconds; it doubles with each attempt. Default 100.
    pub backoff_first_ms: u64,
    /// The longest delay. Default 10,000.
    pub backoff_longest_ms: u64,
    /// Attempts in a row before giving up; 0: never give up.
    pub backoff_attempts: u32,
    /// Size of the receive buffer in bytes. It grows for a longer command and shrinks again. Default 256 KiB; less than 1 KiB is read as
    /// 1 KiB; more than 1 GiB is an error.
    pub buffer_size: usize,
    /// Follower only: the time for connecting to each address, in milliseconds. Default 5,000.
    pub connect_timeout_ms: u64,
    /// Follower only: the time for a write, in milliseconds. Default 10,000; REDTAIL_FOREVER: for ever.
    pub write_timeout_ms: u64,
    /// NULL: the defaults.
    pub limits: *const redtail_limits,
    /// Not 0: a snapshot comes as REDTAIL_EVENT_SNAPSHOT_ITEM: keys and their elements; 0: as its bytes.
    pub snapshot_items: c_int,
    /// Not 0: items also from a snapshot of a version from the future, or one that holds broken values: what can be passed over is, and
    /// REDTAIL_RDB_ITEM_SKIPPED says so. 0: such a snapshot is an error.
    pub lenient: c_int,
    /// Follower only: speak TLS. NULL: no TLS. An error where the library was built without.
    pub tls: *const redtail_tls,
}

/// Sets all options to their defaults and struct_size to size, which is to be sizeof(redtail_options).
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if options is NULL or the size can't be: larger than this library's, whose header is then
/// older than yours, or of no struct at all. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_options_init(options: *mut redtail_options, size: usize) -> c_int {
    call!(; out options; {
        if !is_prefix::<redtail_options>(size) {
            return REDTAIL_ERROR_ARGUMENT;
        }
        let defaults = redtail_options { struct_size: size, ..redtail_options::DEFAULT };
        // SAFETY: not NULL; there is room for so many bytes, as the header asks, and the defaults have at least as many.
        unsafe { copy_nonoverlapping((&raw const defaults).cast::<u8>(), options.pointer().cast(), size) };
        REDTAIL_OK
    })
}

impl redtail_options {
    pub(super) const DEFAULT: Self = Self {
        struct_size: size_of::<Self>(),
        start: 0,
        on_gap: 0,
        ack: 0,
        allow_probe: 0,
        retry_first: 0,
        retry_snapshot: 0,
        no_reconnect: 0,
        single_link: 0,
        control: 0,
        listening_port: 0,
        position: redtail_position::NONE,
        label: std::ptr::null(),
        user: std::ptr::null(),
        password: std::ptr::null(),
        password_len: 0,
        parts: 0,
        silence_ms: 0,
        backoff_first_ms: 0,
        backoff_longest_ms: 0,
        backoff_attempts: 0,
        buffer_size: 0,
        connect_timeout_ms: 0,
        write_timeout_ms: 0,
        limits: std::ptr::null(),
        snapshot_items: 0,
        lenient: 0,
        tls: std::ptr::null(),
    };
}
