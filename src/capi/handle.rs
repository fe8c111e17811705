//! Handles: control of a follower from other threads

use std::ffi::c_int;

use crate::capi::basics::*;
use crate::capi::boundary::{Creator, release, there, without_handle};
use crate::capi::position;
use crate::capi::position::redtail_position;
use crate::net::Handle;

/// Controls a follower from any thread: stops it, sends a heartbeat, commits a position. Several threads may
/// use one handle at once. It may outlive its follower.
pub struct redtail_handle {
    handle: Handle,
    creator: Creator,
}

impl redtail_handle {
    pub(super) fn new(handle: Handle) -> Self {
        Self { handle, creator: Creator::this_process() }
    }
}

/// Stops the follower: redtail_follower_next returns REDTAIL_CLOSED from then on. A waiting read or write ends at
/// once, and a pause before a reconnect within 100 ms. A connection attempt ends at once on Linux, elsewhere and
/// while a name is resolved at its timeout (see connect_timeout_ms).
///
/// Any thread, several at once, and signal handlers: it takes no lock, allocates nothing and never waits. It may change
/// errno, which a signal handler must restore. Do not free the handle while a signal handler may still use it.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_STATE in a forked child, where it does nothing; REDTAIL_ERROR_ARGUMENT if the
/// handle is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_handle_stop(handle: *mut redtail_handle) -> c_int {
    // SAFETY: NULL, or a handle that lives.
    let Some(handle) = (unsafe { there(handle) }) else { return REDTAIL_ERROR_ARGUMENT as c_int };
    if !handle.creator.is_this_process() {
        return REDTAIL_ERROR_STATE as c_int;
    }
    handle.handle.stop();
    REDTAIL_OK as c_int
}

/// Sends an acknowledgement of all earlier commits now, as redtail_follower_next does each second. Call it from another
/// thread if your program takes longer for one event than the primary's repl-timeout (default 60 s). Without a
/// connection it does nothing.
///
/// Any thread, several at once; not in signal handlers.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_LOST if the write failed: redtail_follower_next reports the loss later;
/// REDTAIL_ERROR_STATE in a forked child; REDTAIL_ERROR_ARGUMENT if the handle is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_handle_heartbeat(handle: *mut redtail_handle) -> c_int {
    // SAFETY: NULL, or a handle that lives.
    let Some(handle) = (unsafe { there(handle) }) else { return REDTAIL_ERROR_ARGUMENT as c_int };
    if !handle.creator.is_this_process() {
        return REDTAIL_ERROR_STATE as c_int;
    }
    without_handle(|| if handle.handle.heartbeat().is_ok() { REDTAIL_OK } else { REDTAIL_ERROR_LOST })
}

/// As redtail_follower_commit, from another thread. Of two commits in quick succession the later one counts. If the
/// primary has requested an acknowledgement that this commit makes possible (WAIT), this call sends it. Otherwise
/// redtail_follower_next reports the commit within a second.
///
/// Any thread, several at once; not in signal handlers.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_POSITION if the position is invalid; REDTAIL_ERROR_STATE in a forked child;
/// REDTAIL_ERROR_ARGUMENT if the position or the handle is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_handle_commit(
    handle: *mut redtail_handle,
    position: *const redtail_position,
) -> c_int {
    // SAFETY: NULL, or a handle that lives.
    let Some(handle) = (unsafe { there(handle) }) else { return REDTAIL_ERROR_ARGUMENT as c_int };
    if !handle.creator.is_this_process() {
        return REDTAIL_ERROR_STATE as c_int;
    }
    // SAFETY: NULL or a position, as the header asks.
    without_handle(|| match unsafe { position::given(position) } {
        Ok(position) => {
            handle.handle.commit(position);
            REDTAIL_OK
        }
        Err((status, _)) => status,
    })
}

/// Frees a handle. The follower continues. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_handle_free(handle: *mut redtail_handle) {
    // SAFETY: NULL, or from redtail_follower_handle and not used again.
    unsafe { release(handle) }
}
