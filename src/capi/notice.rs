//! Notices: changes of a cluster

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr::{null, null_mut};

use crate::capi::basics::*;
use crate::capi::convert::status::follower_status;
use crate::capi::names::name_of;
use crate::capi::options::*;
use crate::capi::position::redtail_position;
use crate::capi::shard::redtail_shard;
use crate::capi::text::c_text;
use crate::replication::{Position, Start};
use crate::topology::{Notice, Shard};

/// The kinds of notices. Ignore unknown kinds: later versions add some.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_notice_kind {
    /// The cluster follows a new shard: see start and position. Precedes its first event.
    REDTAIL_NOTICE_ADDED = 1,
    /// Another node has become the primary of a shard: see from and to. Events of the shard tell the position at
    /// the new primary.
    REDTAIL_NOTICE_FAILED_OVER = 2,
    /// Slots have moved: see gained and lost. Events for their keys continue in the stream of another shard, in no
    /// order relative to this one.
    REDTAIL_NOTICE_SLOTS_MOVED = 3,
    /// A shard has left the cluster, and all its data was delivered: see position. Its callbacks are not called
    /// again.
    REDTAIL_NOTICE_REMOVED = 4,
    /// A shard has failed permanently: see status. The other shards continue. Its last position remains among the
    /// positions. Its callbacks are not called again.
    REDTAIL_NOTICE_ENDED = 5,
    /// A gap: no shard of the cluster continues this saved position: see node, lost and position. Later writes
    /// there are unknown. The other shards continue. With REDTAIL_ON_GAP_STOP the position remains among the
    /// positions, and the next start reports it again.
    REDTAIL_NOTICE_LOST = 6,
    /// No node reports the topology. Only one notice until a node does. Connected shards continue.
    REDTAIL_NOTICE_UNREACHABLE = 7,
    /// The primary of a shard has another address: see from and to. The present connection is kept, because the node
    /// is the same.
    REDTAIL_NOTICE_MOVED = 8,
}

/// A change of the cluster. Owned by the cluster; valid until the callback returns. The shard remains valid.
#[repr(C)]
#[derive(Debug)]
pub struct redtail_notice {
    /// One of redtail_notice_kind. Fields without a meaning for the kind are 0 or NULL.
    pub kind: c_int,
    /// The message: a description of the change. Never NULL.
    pub message: *const c_char,
    /// The shard; NULL for LOST and UNREACHABLE.
    pub shard: *mut redtail_shard,
    /// ADDED: one of redtail_start.
    pub start: c_int,
    /// ENDED: the error; REDTAIL_CLOSED after redtail_handle_stop.
    pub status: c_int,
    /// ADDED: the position to resume from, or NULL. REMOVED, ENDED: the last position, or NULL. LOST: the saved
    /// position.
    pub position: *const redtail_position,
    /// FAILED_OVER, MOVED: the old address of the primary, host:port.
    pub from: *const c_char,
    /// FAILED_OVER, MOVED: the new address.
    pub to: *const c_char,
    /// SLOTS_MOVED: the slots that the shard gained, for example 0-5460,7365; "" for none.
    pub gained: *const c_char,
    /// SLOTS_MOVED: the slots that it lost. LOST: the slots that were saved with the position.
    pub lost: *const c_char,
    /// LOST: the node id that was saved with the position.
    pub node: *const c_char,
}

use redtail_notice_kind::*;

/// The name of a redtail_notice_kind, for example "failed_over"; "unknown" for other numbers. Static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_notice_name(kind: c_int) -> *const c_char {
    name_of!(kind, "REDTAIL_NOTICE_",
        REDTAIL_NOTICE_ADDED
        REDTAIL_NOTICE_FAILED_OVER
        REDTAIL_NOTICE_SLOTS_MOVED
        REDTAIL_NOTICE_REMOVED
        REDTAIL_NOTICE_ENDED
        REDTAIL_NOTICE_LOST
        REDTAIL_NOTICE_UNREACHABLE
        REDTAIL_NOTICE_MOVED
    )
}

/// The fields of a notice.
struct NoticeFields {
    kind: redtail_notice_kind,
    shard: *mut redtail_shard,
    start: redtail_start,
    status: redtail_status,
    position: Option<Position>,
    from: Option<CString>,
    to: Option<CString>,
    gained: Option<CString>,
    lost: Option<CString>,
    node: Option<CString>,
}

/// Converts a notice. `find` finds the header's shard for one of the library's.
pub(super) fn convert(
    notice: &Notice,
    find: impl FnOnce(&Shard) -> *mut redtail_shard,
    each: impl FnOnce(&redtail_notice),
) {
    let (fields, summary) = (fields(notice, find), c_text(notice));
    let position = fields.position.map(redtail_position::from);
    let text = |text: &Option<CString>| text.as_deref().map_or(null(), CStr::as_ptr);
    each(&redtail_notice {
        kind: fields.kind as c_int,
        message: summary.as_ptr(),
        shard: fields.shard,
        start: fields.start as c_int,
        status: fields.status as c_int,
        position: position.as_ref().map_or(null(), |position| &raw const *position),
        from: text(&fields.from),
        to: text(&fields.to),
        gained: text(&fields.gained),
        lost: text(&fields.lost),
        node: text(&fields.node),
    });
}

fn fields(notice: &Notice, find: impl FnOnce(&Shard) -> *mut redtail_shard) -> NoticeFields {
    match notice {
        Notice::Added { shard, start } => {
            let (start, position) = began(*start);
            NoticeFields { shard: find(shard), start, position, ..NoticeFields::of(REDTAIL_NOTICE_ADDED) }
        }
        Notice::FailedOver { shard, from, to } => {
            let (from, to) = (Some(c_text(from)), Some(c_text(to)));
            NoticeFields { shard: find(shard), from, to, ..NoticeFields::of(REDTAIL_NOTICE_FAILED_OVER) }
        }
        Notice::Moved { shard, from, to } => {
            let (from, to) = (Some(c_text(from)), Some(c_text(to)));
            NoticeFields { shard: find(shard), from, to, ..NoticeFields::of(REDTAIL_NOTICE_MOVED) }
        }
        Notice::SlotsMoved { shard, gained, lost } => {
            let (gained, lost) = (Some(c_text(gained)), Some(c_text(lost)));
            NoticeFields { shard: find(shard), gained, lost, ..NoticeFields::of(REDTAIL_NOTICE_SLOTS_MOVED) }
        }
        Notice::Removed { shard, position } => {
            NoticeFields { shard: find(shard), position: *position, ..NoticeFields::of(REDTAIL_NOTICE_REMOVED) }
        }
        Notice::Ended { shard, error } => {
            let status = error.as_ref().map_or(REDTAIL_CLOSED, follower_status);
            NoticeFields {
                shard: find(shard),
                status,
                position: shard.position(),
                ..NoticeFields::of(REDTAIL_NOTICE_ENDED)
            }
        }
        Notice::Lost(saved) => {
            let (lost, node) = (Some(c_text(&saved.slots)), Some(c_text(&saved.node)));
            NoticeFields { lost, node, position: Some(saved.position), ..NoticeFields::of(REDTAIL_NOTICE_LOST) }
        }
        Notice::Unreachable(_) => NoticeFields::of(REDTAIL_NOTICE_UNREACHABLE),
    }
}

impl NoticeFields {
    const fn of(kind: redtail_notice_kind) -> Self {
        Self {
            kind,
            shard: null_mut(),
            start: REDTAIL_START_NOW,
            status: REDTAIL_OK,
            position: None,
            from: None,
            to: None,
            gained: None,
            lost: None,
            node: None,
        }
    }
}

fn began(start: Start) -> (redtail_start, Option<Position>) {
    match start {
        Start::Now => (REDTAIL_START_NOW, None),
        Start::NowWithoutFork => (REDTAIL_START_NOW_WITHOUT_FORK, None),
        Start::Snapshot => (REDTAIL_START_SNAPSHOT, None),
        Start::At(position) => (REDTAIL_START_AT, Some(position)),
        Start::Sync => (REDTAIL_START_SYNC, None),
    }
}
