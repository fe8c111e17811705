//! Options of sessions and followers. The defaults are safe for the primary.

use std::ffi::{c_char, c_int};
use std::mem::offset_of;
use std::ptr::copy_nonoverlapping;

use crate::capi::basics::*;
use crate::capi::boundary::call;
use crate::capi::position::redtail_position;
use crate::capi::structs::{CallerStruct, is_prefix};
use crate::capi::tls::redtail_tls;

/// No time limit. For silence_ms: silence is never an error.
pub const REDTAIL_FOREVER: u64 = u64::MAX;

/// The start of the stream.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_start {
    /// At the fork for a snapshot without data (about 200 bytes). The primary forks up to repl-diskless-sync-delay
    /// (5 seconds by default) after the request. Earlier writes are not delivered; REDTAIL_EVENT_ATTACHED marks the
    /// point. Requires Redis 7.0 or Valkey; on older servers as REDTAIL_START_NOW_WITHOUT_FORK.
    REDTAIL_START_NOW = 0,
    /// With the next write, from the position in INFO. Requires a backlog and permission for INFO.
    REDTAIL_START_NOW_WITHOUT_FORK = 1,
    /// With a snapshot of all data, then the writes after it. The primary forks and sends all data.
    REDTAIL_START_SNAPSHOT = 2,
    /// After redtail_options.position.
    REDTAIL_START_AT = 3,
    /// With the old SYNC: a snapshot, then the writes. No position, no resuming.
    REDTAIL_START_SYNC = 4,
}

/// The reaction to lost history. The gap is always delivered as an event.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_on_gap {
    /// End with REDTAIL_ERROR_HISTORY_LOST. The primary has forked once for the refused resume: do not restart with
    /// the same position.
    REDTAIL_ON_GAP_STOP = 0,
    /// Continue with the writes from now on.
    REDTAIL_ON_GAP_CONTINUE = 1,
    /// Request a snapshot and continue with the writes after it.
    REDTAIL_ON_GAP_SNAPSHOT = 2,
}

/// The offset in the acknowledgement that the primary receives each second.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_ack {
    /// Offset 0. Neither WAIT nor FAILOVER counts this replica.
    REDTAIL_ACK_OBSERVE = 0,
    /// The received offset. WAIT counts this replica, although it stores nothing. A FAILOVER may select it, which
    /// leaves the primary read-only.
    REDTAIL_ACK_RECEIVED = 1,
    /// The committed offset (redtail_..._commit). WAIT then waits for your sink. A FAILOVER may select this
    /// replica, too.
    REDTAIL_ACK_APPLIED = 2,
}

pub(super) use redtail_ack::*;
pub(super) use redtail_on_gap::*;
pub(super) use redtail_start::*;

/// Options of a session or follower. Filled by the caller, copied by the library; 0 and NULL select the defaults.
/// redtail_options_init sets all fields. An option is never ignored: one that has no effect beside another one is
/// REDTAIL_ERROR_ARGUMENT, and the message names both. The exception is redtail_session_new_recorded.
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
    /// 1: on servers before 7.0 without a backlog, REDTAIL_START_NOW may use a probe: a full resynchronisation that
    /// the library aborts. The primary writes its data to its own disk once. Only with REDTAIL_START_NOW or
    /// REDTAIL_ON_GAP_CONTINUE. REDTAIL_START_AT accepts it, so that one set of options serves a first run and those
    /// that resume.
    pub allow_probe: c_int,
    /// 1: retry if the first attempt fails for a temporary reason, for example because no server listens yet.
    /// 0: such a failure is an error at once.
    pub retry_first: c_int,
    /// 1: request an aborted snapshot again. For each attempt the primary forks and sends all data.
    pub retry_snapshot: c_int,
    /// 1: never reconnect. If the server closes the connection, the result is REDTAIL_CLOSED. Excludes the options of
    /// retries: retry_first, retry_snapshot, retry_refused_ms and those of the back-off.
    pub no_reconnect: c_int,
    /// 1: use only one connection, and never reconnect. A start that requires a second connection is an error.
    /// Excludes the same options as no_reconnect.
    pub single_link: c_int,
    /// 1: deliver SELECT, PING and REPLCONF as REDTAIL_EVENT_CONTROL.
    pub control: c_int,
    /// The port of this replica in the output of INFO and ROLE; 0: none.
    pub listening_port: u16,
    /// For REDTAIL_START_AT: a copy of a saved position, or what redtail_position_parse read from its text. With
    /// another start it is an error. It is part of the struct, so a binding needs no memory of its own for it.
    pub position: redtail_position,
    /// The address of this replica in the output of INFO and ROLE: 1 to 255 bytes without blanks. Default
    /// redtail.invalid.
    pub label: *const c_char,
    /// The ACL user. NULL: the default user. A user without a password is an error.
    pub user: *const c_char,
    /// The password. NULL: none. A nopass user has the password "".
    pub password: *const c_char,
    /// Length of password in bytes; 0 if password ends with NUL.
    pub password_len: usize,
    /// Deliver commands with a bulk string of at least this many bytes in parts, and also commands longer than
    /// limits.command. Numbers from 1 to 1023 count as 1024. 0: every command is delivered whole.
    pub parts: u64,
    /// Maximum time without received bytes before the connection counts as lost, in milliseconds. Default
    /// 60,000, minimum 1,000; REDTAIL_FOREVER: no limit. A primary without writes sends a PING every
    /// repl-ping-replica-period (default 10 s). With a lower value, healthy connections are lost.
    pub silence_ms: u64,
    /// Pause before the first reconnect, in milliseconds. It doubles with each attempt. Default 100; at most
    /// backoff_longest_ms.
    pub backoff_first_ms: u64,
    /// Longest pause between two attempts, in milliseconds. Default 10,000.
    pub backoff_longest_ms: u64,
    /// Maximum number of consecutive attempts to reconnect; 0: no maximum.
    pub backoff_attempts: u32,
    /// Size of the receive buffer in bytes. Default 256 KiB, minimum 1 KiB, maximum 1 GiB. It has at most 16 KiB
    /// until a read fills them, and again after a second without data (a read in the background: from the first
    /// read after that second). It grows for longer commands and shrinks again.
    pub buffer_size: usize,
    /// Follower only, an error for a session: timeout of a connection attempt to one address, in milliseconds.
    /// Default 5,000.
    pub connect_timeout_ms: u64,
    /// Follower only, an error for a session: timeout of a write, in milliseconds. Default 10,000; REDTAIL_FOREVER:
    /// none.
    pub write_timeout_ms: u64,
    /// NULL: the defaults.
    pub limits: *const redtail_limits,
    /// 1: deliver a snapshot as REDTAIL_EVENT_SNAPSHOT_ITEM, in keys and elements. 0: as bytes.
    pub snapshot_items: c_int,
    /// 1: deliver items also from a snapshot with damaged values. Skipped data is
    /// REDTAIL_RDB_ITEM_SKIPPED. 0: such a snapshot is an error. Only with snapshot_items.
    pub lenient: c_int,
    /// Follower only, an error for a session: TLS settings. NULL: no TLS. An error if the library was built without
    /// TLS.
    pub tls: *const redtail_tls,
    /// After a refusal that a person can fix (a wrong password, a missing permission, an answer of something that is
    /// not a server), connect again after this pause in milliseconds. Each refusal is REDTAIL_EVENT_DISCONNECTED with
    /// REDTAIL_DISCONNECT_NEEDS_FIX. Before the first success, only with retry_first. 0: such a refusal is an error.
    pub retry_refused_ms: u64,
}

/// Sets all options to their defaults, and struct_size to size. Pass sizeof(redtail_options) as size.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if options is NULL, or size is smaller than in version 0.2.0 (such as
/// the size of a pointer) or larger than the struct of this library, which is then older than your header. After a
/// wrong size struct_size is 0, so that every function refuses these options. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_options_init(options: *mut redtail_options, size: usize) -> c_int {
    call!(; out options; {
        if !is_prefix::<redtail_options>(size) {
            if size >= size_of::<usize>() {
                // SAFETY: not NULL and aligned, with room for size bytes. The first field is a size.
                unsafe { options.pointer().cast::<usize>().write(0) };
            }
            return REDTAIL_ERROR_ARGUMENT;
        }
        let defaults = redtail_options { struct_size: size, ..redtail_options::DEFAULT };
        // SAFETY: not NULL. There is room for size bytes, as the header asks, and the defaults have at least that
        // many.
        unsafe { copy_nonoverlapping((&raw const defaults).cast::<u8>(), options.pointer().cast(), size) };
        REDTAIL_OK
    })
}

impl CallerStruct for redtail_options {
    const SHORTEST: usize = offset_of!(Self, retry_refused_ms) + size_of::<u64>();
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
        retry_refused_ms: 0,
    };
}
