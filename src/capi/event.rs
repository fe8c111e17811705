//! Events: what a session or follower tells you, in the order of the stream

use std::ffi::{c_char, c_int};

use crate::capi::basics::*;
use crate::capi::boundary::{call, there};
use crate::capi::names::name_of;
use crate::capi::position::redtail_position;
use crate::capi::rdb_item::redtail_rdb_item;

/// What an event tells. Ignore kinds that you do not know: later versions add some.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_event_kind {
    /// The primary is about to be asked for something that makes it fork: see forking, and the message.
    REDTAIL_EVENT_FORKING = 1,
    /// The primary has accepted us; the stream goes on from here: see attached. Once on every connection.
    REDTAIL_EVENT_ATTACHED = 2,
    /// A snapshot begins: see snapshot. A second begin voids a first that never ended.
    REDTAIL_EVENT_SNAPSHOT_BEGIN = 3,
    /// The next bytes of the snapshot, an RDB file: see raw.
    REDTAIL_EVENT_SNAPSHOT_BYTES = 4,
    /// The snapshot is whole; the stream follows without a gap: see snapshot.
    REDTAIL_EVENT_SNAPSHOT_END = 5,
    /// A command as the primary replicates it: see args, argc and raw.
    REDTAIL_EVENT_COMMAND = 6,
    /// A transaction begins: what follows is provisional until its EXEC.
    REDTAIL_EVENT_MULTI = 7,
    /// The transaction is complete.
    REDTAIL_EVENT_EXEC = 8,
    /// SELECT, PING or REPLCONF, where they were asked for.
    REDTAIL_EVENT_CONTROL = 9,
    /// A command that comes in parts begins: see part->argc. Only where redtail_options.parts asks for it.
    REDTAIL_EVENT_PART_BEGIN = 10,
    /// An argument of it begins: see part->index and part->length.
    REDTAIL_EVENT_PART_ARGUMENT = 11,
    /// The next bytes of the argument: see raw. None comes for an empty argument.
    REDTAIL_EVENT_PART_PIECE = 12,
    /// The command is complete.
    REDTAIL_EVENT_PART_END = 13,
    /// Writes were lost: see gap, and the message. An open transaction is void.
    REDTAIL_EVENT_GAP = 14,
    /// The link was lost: see disconnected, and the message. What came after its resume is void: it comes again, or, from another
    /// primary, never.
    REDTAIL_EVENT_DISCONNECTED = 15,
    /// What stands next in the snapshot, where redtail_options.snapshot_items asks for it: see item. Void if no SNAPSHOT_END comes.
    REDTAIL_EVENT_SNAPSHOT_ITEM = 16,
}

/// What makes a primary fork.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_fork_reason {
    /// A snapshot without data.
    REDTAIL_FORK_FILTERED = 1,
    /// A snapshot of everything, sent to us.
    REDTAIL_FORK_SNAPSHOT = 2,
    /// A dump to the primary's own disk that nobody reads.
    REDTAIL_FORK_PROBE = 3,
}

/// How the place in the stream was found.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_method {
    /// A snapshot without data told it.
    REDTAIL_METHOD_FILTERED = 1,
    /// INFO told it.
    REDTAIL_METHOD_INFO = 2,
    /// A full snapshot begins.
    REDTAIL_METHOD_FULL = 3,
    /// The primary had the history after the position asked for.
    REDTAIL_METHOD_CONTINUED = 4,
    /// An abandoned full resynchronisation told it.
    REDTAIL_METHOD_PROBED = 5,
    /// The old SYNC, which tells nothing.
    REDTAIL_METHOD_SYNC = 6,
}

/// The server's own part in replication.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_role {
    /// It may not be asked.
    REDTAIL_ROLE_UNKNOWN = 0,
    /// It accepts writes.
    REDTAIL_ROLE_PRIMARY = 1,
    /// It follows another.
    REDTAIL_ROLE_REPLICA = 2,
}

/// Why a link was lost.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_disconnect_reason {
    /// The primary closed the connection.
    REDTAIL_DISCONNECT_CLOSED = 1,
    /// Connecting, reading or writing failed.
    REDTAIL_DISCONNECT_IO = 2,
    /// Nothing came for too long.
    REDTAIL_DISCONNECT_SILENCE = 3,
    /// The primary refused for now.
    REDTAIL_DISCONNECT_REFUSED = 4,
}

pub(super) use redtail_disconnect_reason::*;
pub(super) use redtail_event_kind::*;
pub(super) use redtail_fork_reason::*;
pub(super) use redtail_method::*;
pub(super) use redtail_role::*;

/// What is about to make the primary fork.
#[repr(C)]
#[derive(Debug)]
pub struct redtail_forking {
    /// One of redtail_fork_reason.
    pub reason: c_int,
    /// The primary's memory in bytes, or REDTAIL_UNKNOWN.
    pub used_memory: u64,
    /// How long its last fork took, in microseconds (0: it never forked), or REDTAIL_UNKNOWN.
    pub last_fork_us: u64,
}

/// How and to what we are attached.
#[repr(C)]
#[derive(Debug)]
pub struct redtail_attached {
    /// One of redtail_method.
    pub method: c_int,
    /// One of redtail_role.
    pub role: c_int,
    /// The place to resume from. NULL after SYNC, and while a full snapshot is still to come.
    pub position: *const redtail_position,
    /// The server and its version, for example "redis 7.0.15", ending with NUL; NULL where it may not be asked.
    pub server: *const c_char,
}

/// A snapshot that begins or ends.
#[repr(C)]
#[derive(Debug)]
pub struct redtail_snapshot {
    /// Its size in bytes; at its begin REDTAIL_UNKNOWN where the primary does not tell.
    pub length: u64,
}

/// A part of a command.
#[repr(C)]
#[derive(Debug)]
pub struct redtail_part {
    /// PART_BEGIN: number of arguments, the name included.
    pub argc: usize,
    /// PART_ARGUMENT: its number; the name is 0.
    pub index: usize,
    /// PART_ARGUMENT: its length in bytes, which is what its pieces add up to.
    pub length: u64,
}

/// Writes that were lost.
#[repr(C)]
#[derive(Debug)]
pub struct redtail_gap {
    /// The last place reached.
    pub from: *const redtail_position,
    /// The place where the stream can go on. May lie below from.
    pub to: *const redtail_position,
    /// How many bytes of the stream are missing; REDTAIL_UNKNOWN where the histories differ: then the last events before the gap may
    /// also have been undone on the new primary.
    pub missed: u64,
}

/// A link that was lost.
#[repr(C)]
#[derive(Debug)]
pub struct redtail_disconnected {
    /// One of redtail_disconnect_reason.
    pub reason: c_int,
    /// The last resumable place, from which the next link goes on; NULL where there is none yet.
    pub resume: *const redtail_position,
    /// The milliseconds until the next attempt; REDTAIL_UNKNOWN: there will be none.
    pub retry_in_ms: u64,
}

/// One thing that happened. Ours: it and what it points to live until you ask the session or follower for the next.
///
/// Offsets are the primary's: bytes of the stream since the history began, up to and with the last byte of what the event tells.
#[repr(C)]
#[derive(Debug)]
pub struct redtail_event {
    /// One of redtail_event_kind. Fields that a kind does not speak of are 0, NULL or (db) -1.
    pub kind: c_int,
    /// Not 0: redtail_event_position gives a place to resume from after this event. 0 inside a transaction (its EXEC has one).
    pub resumable: c_int,
    /// The replication offset once this is processed; of a part only at PART_END.
    pub offset: u64,
    /// The database it applies to; -1 while no SELECT has passed. A SELECT carries the database it selects.
    pub db: i64,
    /// The offset of the MULTI whose transaction this belongs to; 0: none. MULTI and EXEC belong to theirs.
    pub tx: u64,
    /// When its last byte was received: follower: milliseconds since 1970; session: what redtail_session_stamp said; else 0.
    pub received_ms: u64,
    /// COMMAND, MULTI, EXEC, CONTROL: the arguments, all of them; args[0] is the name.
    pub args: *const redtail_slice,
    /// Their number.
    pub argc: usize,
    /// COMMAND, MULTI, EXEC, CONTROL: the command's exact bytes. SNAPSHOT_BYTES, PART_PIECE: the bytes.
    pub raw: redtail_slice,
    /// The replication id: 40 digits. NULL after SYNC.
    pub replid: redtail_slice,
    /// The history this belongs to: 40 digits that with the offset name a command once and for all, also across a failover.
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
    };
}

/// The place to resume from after this event, while the event lives.
///
/// Returns REDTAIL_OK; REDTAIL_NONE where there is none (see resumable); REDTAIL_ERROR_ARGUMENT if a pointer is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_event_position(event: *const redtail_event, position: *mut redtail_position) -> c_int {
    call!(; out position; {
        // SAFETY: NULL or an event of ours that lives, as the header asks.
        let Some(event) = (unsafe { there(event) }) else { return REDTAIL_ERROR_ARGUMENT };
        if event.resumable == 0 {
            return REDTAIL_NONE;
        }
        let (Some(replid), Some(history)) = (digits(event.replid), digits(event.history)) else { return REDTAIL_NONE };
        position.set(redtail_position { replid, history, offset: event.offset, db: event.db });
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
