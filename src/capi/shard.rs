//! Shards: the parts of a cluster, each a primary and its successors

use std::ffi::{CString, c_char, c_int, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::capi::basics::*;
use crate::capi::boundary::{Creator, Guard, bytes, call, there, without_handle};
use crate::capi::handle::redtail_handle;
use crate::capi::position::redtail_position;
use crate::capi::text::{c_text, write_text};
use crate::topology::{Shard, slot};

/// A shard. Owned by its cluster; valid until redtail_cluster_free, also after the shard has left. Several
/// threads may use it at once.
pub struct redtail_shard {
    pub(super) shard: Shard,
    id: CString,
    handle: redtail_handle,
    creator: Creator,
    context: AtomicPtr<c_void>,
    /// The message of the last event.
    pub(super) guard: Mutex<Guard>,
}

impl redtail_shard {
    pub(super) fn new(shard: Shard) -> Self {
        let (id, handle) = (c_text(shard.id()), redtail_handle::new(shard.handle().clone()));
        let (creator, context) = (Creator::this_process(), AtomicPtr::default());
        Self { shard, id, handle, creator, context, guard: Mutex::new(Guard::new()) }
    }
}

/// The id of a shard: the node id of its first known primary. It never changes. Valid as long as the shard.
/// NULL if the shard is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_shard_id(shard: *const redtail_shard) -> *const c_char {
    // SAFETY: NULL, or a shard that lives.
    unsafe { there(shard) }.map_or(std::ptr::null(), |shard| shard.id.as_ptr())
}

/// Writes the last known address of its primary as text with a NUL: host:port. size: room in bytes. Sets needed to
/// the required size, including the NUL.
///
/// Returns REDTAIL_OK; REDTAIL_NEED_MORE if the room is too small: only needed was written; REDTAIL_ERROR_STATE in a
/// forked child; REDTAIL_ERROR_ARGUMENT if a pointer is NULL (text may be NULL if size is 0).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_shard_target(
    shard: *const redtail_shard,
    text: *mut c_char,
    size: usize,
    needed: *mut usize,
) -> c_int {
    // SAFETY: as the header asks.
    unsafe { tell(shard, |shard| shard.target().to_string(), text, size, needed) }
}

/// Writes its last known slots as text with a NUL, for example 0-5460,7365. Parameters and results as
/// redtail_shard_target.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_shard_slots(
    shard: *const redtail_shard,
    text: *mut c_char,
    size: usize,
    needed: *mut usize,
) -> c_int {
    // SAFETY: as the header asks.
    unsafe { tell(shard, |shard| shard.slots().to_string(), text, size, needed) }
}

/// # Safety
/// `shard` is NULL or lives; at `text` are `size` bytes of room; `needed` is NULL or points to room for a number.
unsafe fn tell(
    shard: *const redtail_shard,
    which: impl FnOnce(&Shard) -> String,
    text: *mut c_char,
    size: usize,
    needed: *mut usize,
) -> c_int {
    call!(; out needed; {
        // SAFETY: as promised.
        let Some(shard) = (unsafe { there(shard) }) else { return REDTAIL_ERROR_ARGUMENT };
        // Another thread may have held the lock of the shard at the fork: nobody would release it.
        if !shard.creator.is_this_process() {
            return REDTAIL_ERROR_STATE;
        }
        write_text(&which(&shard.shard), text, size, needed)
    })
}

/// The last resumable position that the callbacks have processed.
///
/// Returns REDTAIL_OK and sets position; REDTAIL_NONE before the first one and during a snapshot;
/// REDTAIL_ERROR_STATE in a forked child; REDTAIL_ERROR_ARGUMENT if a pointer is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_shard_position(shard: *const redtail_shard, position: *mut redtail_position) -> c_int {
    call!(; out position; {
        // SAFETY: NULL, or a shard that lives.
        let Some(shard) = (unsafe { there(shard) }) else { return REDTAIL_ERROR_ARGUMENT };
        if !shard.creator.is_this_process() {
            return REDTAIL_ERROR_STATE;
        }
        let Some(last) = shard.shard.position() else { return REDTAIL_NONE };
        position.set(last.into());
        REDTAIL_OK
    })
}

/// The handle of the shard's follower, for redtail_handle_commit and redtail_handle_heartbeat. redtail_handle_stop
/// ends this shard alone. Owned by the shard and valid as long as it: do not pass it to redtail_handle_free.
///
/// Returns NULL if the shard is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_shard_handle(shard: *mut redtail_shard) -> *mut redtail_handle {
    // SAFETY: NULL, or a shard that lives.
    unsafe { there(shard) }.map_or(std::ptr::null_mut(), |shard| (&raw const shard.handle).cast_mut())
}

/// The message of the shard's current event: a gap, a lost connection or a fork; otherwise "". Never NULL. Call it
/// only in the callbacks event and idle of this shard. Valid until the callback returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_shard_message(shard: *const redtail_shard) -> *const c_char {
    // SAFETY: NULL, or a shard that lives.
    unsafe { there(shard) }.map_or(c"the shard is NULL".as_ptr(), |shard| {
        if !shard.creator.is_this_process() {
            return c"the shard was created by another process: this is its forked child".as_ptr();
        }
        shard.guard.lock().unwrap_or_else(PoisonError::into_inner).message()
    })
}

/// Stores a pointer of the caller with the shard, for example in the notice REDTAIL_NOTICE_ADDED, which precedes its
/// first event.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if the shard is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_shard_set_context(shard: *mut redtail_shard, context: *mut c_void) -> c_int {
    // SAFETY: NULL, or a shard that lives.
    let Some(shard) = (unsafe { there(shard) }) else { return REDTAIL_ERROR_ARGUMENT as c_int };
    shard.context.store(context, Ordering::Release);
    REDTAIL_OK as c_int
}

/// The pointer that redtail_shard_set_context stored last. NULL if there is none, or if the shard is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_shard_context(shard: *const redtail_shard) -> *mut c_void {
    // SAFETY: NULL, or a shard that lives.
    unsafe { there(shard) }.map_or(std::ptr::null_mut(), |shard| shard.context.load(Ordering::Acquire))
}

/// The hash slot of a key: of the text between its first { and the next }, or of the whole key if that text is
/// missing or empty. Any thread.
///
/// Returns 0 to 16383; REDTAIL_ERROR_ARGUMENT if key is NULL and len is not 0, or the length exceeds memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_slot(key: *const c_char, len: usize) -> c_int {
    let mut found = 0;
    let status = without_handle(|| {
        // SAFETY: the header asks for as many bytes.
        let Some(key) = (unsafe { bytes(key, len) }) else { return REDTAIL_ERROR_ARGUMENT };
        found = slot(key);
        REDTAIL_OK
    });
    if status < 0 { status } else { c_int::from(found) }
}
