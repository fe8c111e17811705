//! Events: the results of a session or follower, in the order of the stream

use std::ffi::{c_char, c_int};

use crate::capi::basics::*;
use crate::capi::boundary::{call, there};
use crate::capi::names::name_of;
use crate::capi::position::redtail_position;
use crate::capi::rdb_item::redtail_rdb_item;

/// The kinds of events. Ignore unknown kinds: later versions add some.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_event_kind {
    /// The next request makes the primary fork: see forking. Sets the message. Not delivered before a resume
    /// (REDTAIL_START_AT, a reconnect): the primary alone decides whether it resumes. If it no longer has the history,
    /// it waits repl-diskless-sync-delay (5 seconds by default), forks, and only then refuses, with every on_gap. The
    /// result is REDTAIL_EVENT_GAP; with REDTAIL_ON_GAP_STOP then REDTAIL_ERROR_HISTORY_LOST.
    REDTAIL_EVENT_FORKING = 1,
    /// The primary accepted the replica, and the stream begins: see attached. Once on every connection.
    REDTAIL_EVENT_ATTACHED = 2,
    /// A snapshot begins: see snapshot. It voids an earlier snapshot without an end.
    REDTAIL_EVENT_SNAPSHOT_BEGIN = 3,
    /// The next bytes of the snapshot, an RDB file: see raw.
    REDTAIL_EVENT_SNAPSHOT_BYTES = 4,
    /// The snapshot is complete, and the stream continues without a gap: see snapshot.
    REDTAIL_EVENT_SNAPSHOT_END = 5,
    /// A command as replicated by the primary: see args, argc and raw.
    REDTAIL_EVENT_COMMAND = 6,
    /// A transaction begins. Its commands are provisional until EXEC.
    REDTAIL_EVENT_MULTI = 7,
    /// The transaction is complete.
    REDTAIL_EVENT_EXEC = 8,
    /// SELECT, PING or REPLCONF. Only with redtail_options.control.
    REDTAIL_EVENT_CONTROL = 9,
    /// A command in parts begins: see part->argc. Only with redtail_options.parts.
    REDTAIL_EVENT_PART_BEGIN = 10,
    /// The next argument of the command begins: see part->index and part->length.
    REDTAIL_EVENT_PART_ARGUMENT = 11,
    /// The next bytes of the argument: see raw. An empty argument has none.
    REDTAIL_EVENT_PART_PIECE = 12,
    /// The command in parts is complete.
    REDTAIL_EVENT_PART_END = 13,
    /// Writes may be missing: see gap. An open transaction is void. Sets the message.
    REDTAIL_EVENT_GAP = 14,
    /// The connection was lost: see disconnected. Events after its resume position are void. They are delivered
    /// again, unless the next primary never had them. Sets the message.
    REDTAIL_EVENT_DISCONNECTED = 15,
    /// The next item of the snapshot: see item. Void without SNAPSHOT_END. Only with
    /// redtail_options.snapshot_items.
    REDTAIL_EVENT_SNAPSHOT_ITEM = 16,
}

/// The reason for a fork of the primary.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_fork_reason {
    /// A snapshot without data.
    REDTAIL_FORK_FILTERED = 1,
    /// A complete snapshot for this replica.
    REDTAIL_FORK_SNAPSHOT = 2,
    /// An unused dump to the disk of the primary.
    REDTAIL_FORK_PROBE = 3,
}

/// How the position in the stream was determined.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_method {
    /// By a snapshot without data.
    REDTAIL_METHOD_FILTERED = 1,
    /// By INFO.
    REDTAIL_METHOD_INFO = 2,
    /// By a full snapshot, which begins now.
    REDTAIL_METHOD_FULL = 3,
    /// The primary has the history after the requested position.
    REDTAIL_METHOD_CONTINUED = 4,
    /// By a full resynchronisation that was aborted.
    REDTAIL_METHOD_PROBED = 5,
    /// Not at all: SYNC has no positions.
    REDTAIL_METHOD_SYNC = 6,
    /// The primary's own history begins before the position reached, and nothing received between the two changes data.
    /// No write is lost or repeated. history is a new id. The database is unknown until the first SELECT, which a
    /// promoted primary sends before its first command. Needs permission for INFO.
    REDTAIL_METHOD_REWOUND = 7,
}

/// The replication role of the server.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_role {
    /// The server does not permit the question.
    REDTAIL_ROLE_UNKNOWN = 0,
    /// It accepts writes.
    REDTAIL_ROLE_PRIMARY = 1,
    /// It follows another server.
    REDTAIL_ROLE_REPLICA = 2,
}

/// The reason for the loss of a connection.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_disconnect_reason {
    /// The primary closed the connection.
    REDTAIL_DISCONNECT_CLOSED = 1,
    /// A connection attempt, read or write failed.
    REDTAIL_DISCONNECT_IO = 2,
    /// Nothing arrived for redtail_options.silence_ms.
    REDTAIL_DISCONNECT_SILENCE = 3,
    /// The primary refused temporarily.
    REDTAIL_DISCONNECT_REFUSED = 4,
    /// The primary refused, or something else answered, until a person fixes it. The message of the event begins with
    /// the other side's. Only with redtail_options.retry_refused_ms.
    REDTAIL_DISCONNECT_NEEDS_FIX = 5,
}

pub(super) use redtail_disconnect_reason::*;
pub(super) use redtail_event_kind::*;
pub(super) use redtail_fork_reason::*;
pub(super) use redtail_method::*;
pub(super) use redtail_role::*;

/// A request that makes the primary fork.
#[repr(C)]
#[derive(Debug)]
pub struct redtail_forking {
    /// One of redtail_fork_reason.
    pub reason: c_int,
    /// Memory of the primary in bytes, or REDTAIL_UNKNOWN.
    pub used_memory: u64,
    /// Duration of its last fork in microseconds (0: it has never forked), or REDTAIL_UNKNOWN.
    pub last_fork_us: u64,
    /// As attached.server. Valkey from 9.2 on needs no fork with forkless-infrastructure-enabled.
    pub server: *const c_char,
}

/// A connection that the primary accepted.
#[repr(C)]
#[derive(Debug)]
pub struct redtail_attached {
    /// One of redtail_method.
    pub method: c_int,
    /// One of redtail_role.
    pub role: c_int,
    /// The position to resume from. NULL after SYNC, and before a full snapshot.
    pub position: *const redtail_position,
    /// The server and its version, for example "redis 7.0.15". NULL if the server does not permit the question.
    pub server: *const c_char,
    /// 1: the server is of a later release than those that this version of redtail was tested with.
    pub newer_than_tested: c_int,
    /// REDTAIL_METHOD_REWOUND: the position reached before. Events between event.offset and that position are void:
    /// they changed no data. Otherwise NULL.
    pub rewound_from: *const redtail_position,
}

/// A snapshot that begins or ends.
#[repr(C)]
#[derive(Debug)]
pub struct redtail_snapshot {
    /// Size in bytes. At the beginning REDTAIL_UNKNOWN if the primary does not announce it.
    pub length: u64,
    /// At the end: the number of bytes whose structure was verified. Fewer than length if data begins there that
    /// this version of redtail can't read, probably of a later server: only the checksum at the end covers the rest. At
    /// the beginning 0.
    pub verified: u64,
    /// Not 0: the reason for that is not a later server: the hash templates need more than this number of bytes, the
    /// redtail_limits.templates.
    pub beyond_templates: u64,
}

/// A part of a command.
#[repr(C)]
#[derive(Debug)]
pub struct redtail_part {
    /// PART_BEGIN: number of arguments, including the name.
    pub argc: usize,
    /// PART_ARGUMENT: index of the argument; the name has index 0.
    pub index: usize,
    /// PART_ARGUMENT: length of the argument in bytes, the sum of its pieces.
    pub length: u64,
}

/// A gap: writes may be missing.
#[repr(C)]
#[derive(Debug)]
pub struct redtail_gap {
    /// The last position before the gap.
    pub from: *const redtail_position,
    /// The position of the stream after the gap. Its offset may be lower than that of from.
    pub to: *const redtail_position,
    /// Number of missing bytes of the stream, or REDTAIL_UNKNOWN in two cases. 1: the replids of "from" and "to"
    /// differ. The new primary may then also lack the last events before the gap. 2: the replids are equal, and
    /// the offset of "to" is lower. The server is then a replica that lags behind: no byte is missing, and the
    /// server sends the bytes between the two offsets again.
    pub missed: u64,
}

/// A lost connection.
#[repr(C)]
#[derive(Debug)]
pub struct redtail_disconnected {
    /// One of redtail_disconnect_reason.
    pub reason: c_int,
    /// The last resumable position, from which the next connection continues. NULL if there is none yet.
    pub resume: *const redtail_position,
    /// Milliseconds until the next attempt. REDTAIL_UNKNOWN: there is none.
    pub retry_in_ms: u64,
}

/// An event. Owned by the session or follower. The event and its data are valid until the next event is requested.
///
/// Offsets are replication offsets of the primary, up to and including the last byte of the event.
#[repr(C)]
#[derive(Debug)]
pub struct redtail_event {
    /// One of redtail_event_kind. Fields without a meaning for the kind are 0 or NULL; db is -1.
    pub kind: c_int,
    /// 1 if redtail_event_position gives a position to resume from after this event. 0 inside a transaction:
    /// its EXEC has one.
    pub resumable: c_int,
    /// The replication offset after this event. For parts only at PART_END.
    pub offset: u64,
    /// The database of the command; -1 before the first SELECT. A SELECT carries the database that it selects.
    pub db: i64,
    /// The offset of the MULTI of the transaction, also for MULTI and EXEC themselves; 0 outside a transaction.
    pub tx: u64,
    /// Commands and parts: the time when the last byte was received. Follower: milliseconds since 1970. Session: the
    /// number that redtail_session_stamp set. 0 without such a number, and for all other events.
    pub received_ms: u64,
    /// COMMAND, MULTI, EXEC, CONTROL: all arguments; args[0] is the name, in the letter case that the server sent.
    pub args: *const redtail_slice,
    /// Number of arguments.
    pub argc: usize,
    /// COMMAND, MULTI, EXEC, CONTROL: the exact bytes of the command. SNAPSHOT_BYTES, PART_PIECE: the bytes.
    pub raw: redtail_slice,
    /// The replication id: 40 digits. NULL after SYNC.
    pub replid: redtail_slice,
    /// The history: 40 digits. History and offset identify a command permanently, also after a failover.
    pub history: redtail_slice,
    /// FORKING.
    pub forking: *const redtail_forking,
    /// ATTACHED.
    pub attached: *const redtail_attached,
    /// SNAPSHOT_BEGIN, SNAPSHOT_END.
    pub snapshot: *const redtail_snapshot,
    /// PART_BEGIN, PART_ARGUMENT.
    pub part: *const redtail_part,
    /// GAP.
    pub gap: *const redtail_gap,
    /// DISCONNECTED.
    pub disconnected: *const redtail_disconnected,
    /// SNAPSHOT_ITEM.
    pub item: *const redtail_rdb_item,
    /// If resumable is 1: redtail_position.data_offset of the position after this event.
    pub data_offset: u64,
}

impl redtail_event {
    pub(super) const NOTHING: Self = Self {
        kind: 0,
        resumable: 0,
        offset: 0,
        db: -1,
        tx: 0,
        received_ms: 0,
        args: std::ptr::null(),
        argc: 0,
        raw: redtail_slice::NONE,
        replid: redtail_slice::NONE,
        history: redtail_slice::NONE,
        forking: std::ptr::null(),
        attached: std::ptr::null(),
        snapshot: std::ptr::null(),
        part: std::ptr::null(),
        gap: std::ptr::null(),
        disconnected: std::ptr::null(),
        item: std::ptr::null(),
        data_offset: 0,
    };
}

/// The position to resume from after this event, while the event is valid.
///
/// Returns REDTAIL_OK and sets position; REDTAIL_NONE if there is none (see resumable); REDTAIL_ERROR_ARGUMENT if a
/// pointer is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_event_position(event: *const redtail_event, position: *mut redtail_position) -> c_int {
    call!(; out position; {
        // SAFETY: NULL or an event of ours that lives, as the header asks.
        let Some(event) = (unsafe { there(event) }) else { return REDTAIL_ERROR_ARGUMENT };
        if event.resumable == 0 {
            return REDTAIL_NONE;
        }
        let (Some(replid), Some(history)) = (digits(event.replid), digits(event.history)) else { return REDTAIL_NONE };
        let redtail_event { offset, db, data_offset, .. } = *event;
        position.set(redtail_position { replid, history, offset, db, data_offset });
        REDTAIL_OK
    })
}

/// The name of a redtail_event_kind, for example "attached"; "unknown" for other numbers. Static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_event_name(kind: c_int) -> *const c_char {
    name_of!(kind, "REDTAIL_EVENT_",
        REDTAIL_EVENT_FORKING
        REDTAIL_EVENT_ATTACHED
        REDTAIL_EVENT_SNAPSHOT_BEGIN
        REDTAIL_EVENT_SNAPSHOT_BYTES
        REDTAIL_EVENT_SNAPSHOT_END
        REDTAIL_EVENT_COMMAND
        REDTAIL_EVENT_MULTI
        REDTAIL_EVENT_EXEC
        REDTAIL_EVENT_CONTROL
        REDTAIL_EVENT_PART_BEGIN
        REDTAIL_EVENT_PART_ARGUMENT
        REDTAIL_EVENT_PART_PIECE
        REDTAIL_EVENT_PART_END
        REDTAIL_EVENT_GAP
        REDTAIL_EVENT_DISCONNECTED
        REDTAIL_EVENT_SNAPSHOT_ITEM
    )
}

/// The name of a redtail_fork_reason, for example "snapshot"; "unknown" for other numbers. Static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_fork_reason_name(reason: c_int) -> *const c_char {
    name_of!(reason, "REDTAIL_FORK_",
        REDTAIL_FORK_FILTERED
        REDTAIL_FORK_SNAPSHOT
        REDTAIL_FORK_PROBE
    )
}

/// The name of a redtail_method, for example "info"; "unknown" for other numbers. Static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_method_name(method: c_int) -> *const c_char {
    name_of!(method, "REDTAIL_METHOD_",
        REDTAIL_METHOD_FILTERED
        REDTAIL_METHOD_INFO
        REDTAIL_METHOD_FULL
        REDTAIL_METHOD_CONTINUED
        REDTAIL_METHOD_PROBED
        REDTAIL_METHOD_SYNC
        REDTAIL_METHOD_REWOUND
    )
}

/// The name of a redtail_role, for example "primary"; "unknown" for other numbers. Static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_role_name(role: c_int) -> *const c_char {
    name_of!(role, "REDTAIL_ROLE_",
        REDTAIL_ROLE_UNKNOWN
        REDTAIL_ROLE_PRIMARY
        REDTAIL_ROLE_REPLICA
    )
}

/// The name of a redtail_disconnect_reason, for example "io"; "unknown" for other numbers. Static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_disconnect_reason_name(reason: c_int) -> *const c_char {
    name_of!(reason, "REDTAIL_DISCONNECT_",
        REDTAIL_DISCONNECT_CLOSED
        REDTAIL_DISCONNECT_IO
        REDTAIL_DISCONNECT_SILENCE
        REDTAIL_DISCONNECT_REFUSED
        REDTAIL_DISCONNECT_NEEDS_FIX
    )
}

fn digits(id: redtail_slice) -> Option<[c_char; 41]> {
    // SAFETY: a slice of an event that lives.
    let bytes = unsafe { super::boundary::bytes(id.data, id.len) }?;
    let mut digits = [0; 41];
    for (to, from) in digits.iter_mut().zip(bytes.first_chunk::<40>()?) {
        *to = *from as c_char;
    }
    Some(digits)
}
