//! Shards: what a cluster consists of, each a primary and whoever takes its place

use std::ffi::{CString, c_char, c_int, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::capi::basics::*;
use crate::capi::boundary::{Guard, bytes, call, there, without_handle};
use crate::capi::handle::redtail_handle;
use crate::capi::position::redtail_position;
use crate::capi::text::{c_text, write_text};
use crate::topology::{Shard, slot};

/// A shard of a redtail_cluster, whose it is: it lives until redtail_cluster_free, also after the shard has left. Any thread may use it, also
/// several at once.
pub struct redtail_shard {
    pub(super) shard: Shard,
    id: CString,
    handle: redtail_handle,
    context: AtomicPtr<c_void>,
    /// What the words of the last event are in.
    pub(super) guard: Mutex<Guard>,
}

impl redtail_shard {
    pub(super) fn new(shard: Shard) -> Self {
        let (id, handle) = (c_text(shard.id()), redtail_handle::new(shard.handle().clone()));
        Self { shard, id, handle, context: AtomicPtr::default(), guard: Mutex::new(Guard::new()) }
    }
}

/// The name of a shard, which it keeps for as long as it is followed: the id of the node that was its primary when it was first seen.
/// Ends with NUL; lives as long as the shard; NULL if the shard is.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_shard_id(shard: *const redtail_shard) -> *const c_char {
    // SAFETY: NULL, or a shard that lives.
    unsafe { there(shard) }.map_or(std::ptr::null(), |shard| shard.id.as_ptr())
}

/// Where its primary is now, as far as is known, as text with a NUL behind it: host:port. size: the bytes of room at text; needed: the bytes
/// it takes, the NUL included.
///
/// Returns REDTAIL_OK; REDTAIL_NEED_MORE if the room is too small: nothing was written but needed; REDTAIL_ERROR_ARGUMENT if a pointer is
/// NULL (text may be while size is 0).
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

/// The slots it serves now, as far as is known, as text with a NUL behind it: 0-5460,7365. size and needed: as in redtail_shard_target.
///
/// Returns as redtail_shard_target.
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
        write_text(&which(&shard.shard), text, size, needed)
    })
}

/// The last resumable place up to which the callbacks have returned.
///
/// Returns REDTAIL_OK and sets position; REDTAIL_NONE if there is none: before the first, and amid a snapshot; REDTAIL_ERROR_ARGUMENT if
/// a pointer is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_shard_position(shard: *const redtail_shard, position: *mut redtail_position) -> c_int {
    call!(; out position; {
        // SAFETY: NULL, or a shard that lives.
        let Some(shard) = (unsafe { there(shard) }) else { return REDTAIL_ERROR_ARGUMENT };
        let Some(last) = shard.shard.position() else { return REDTAIL_NONE };
        position.set(last.into());
        REDTAIL_OK
    })
}

/// The handle of its follower: redtail_handle_commit tells what is safely kept, redtail_handle_heartbeat that we live during long work,
/// and redtail_handle_stop ends this shard alone. It is the shard's: not for redtail_handle_free, and lives as long as the shard.
///
/// Returns NULL if the shard is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_shard_handle(shard: *mut redtail_shard) -> *mut redtail_handle {
    // SAFETY: NULL, or a shard that lives.
    unsafe { there(shard) }.map_or(std::ptr::null_mut(), |shard| (&raw const shard.handle).cast_mut())
}

/// What the last failure, gap, lost link or coming fork of this shard was, in words that end with NUL. "" before any; never NULL. Only in
/// the callbacks event and idle of this shard; lives until the callback returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_shard_message(shard: *const redtail_shard) -> *const c_char {
    // SAFETY: NULL, or a shard that lives.
    unsafe { there(shard) }.map_or(c"the shard is NULL".as_ptr(), |shard| {
        shard.guard.lock().unwrap_or_else(PoisonError::into_inner).message()
    })
}

/// Keeps a pointer of yours with the shard, for example in the notice REDTAIL_NOTICE_ADDED, which comes before its first event.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if the shard is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_shard_set_context(shard: *mut redtail_shard, context: *mut c_void) -> c_int {
    // SAFETY: NULL, or a shard that lives.
    let Some(shard) = (unsafe { there(shard) }) else { return REDTAIL_ERROR_ARGUMENT as c_int };
    shard.context.store(context, Ordering::Release);
    REDTAIL_OK as c_int
}

/// What redtail_shard_set_context was given last. NULL before, or if the shard is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_shard_context(shard: *const redtail_shard) -> *mut c_void {
    // SAFETY: NULL, or a shard that lives.
    unsafe { there(shard) }.map_or(std::ptr::null_mut(), |shard| shard.context.load(Ordering::Acquire))
}

/// The hash slot of a key: of the text between its first { and the next }, where there is some, else of all of it. Any thread.
///
/// Returns 0 to 16383; REDTAIL_ERROR_ARGUMENT if key is NULL and len not 0, or the length is more than memory has.
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
