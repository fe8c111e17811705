//! Handles of followers: what other threads may do

use std::ffi::c_int;

use crate::capi::basics::*;
use crate::capi::boundary::{release, there, without_handle};
use crate::capi::position;
use crate::capi::position::redtail_position;
use crate::net::Handle;

/// Stops a follower, or tells its primary that it lives or what is kept, from any thread. Several threads may use one handle at once; it may outlive
/// its follower.
pub struct redtail_handle {
    handle: Handle,
}

impl redtail_handle {
    pub(super) const fn new(handle: Handle) -> Self {
        Self { handle }
    }
}

/// Ends the follower: redtail_follower_next gives REDTAIL_CLOSED from now on. What waits in a read or write returns at once, a pause
/// before a reconnect within 100 ms; an attempt to connect is not cut short (see connect_timeout_ms).
///
/// Any thread, also several at once, and signal handlers: takes no lock, allocates nothing, never waits. It may change errno, which a
/// signal handler is to put back; and no handler may run any more once redtail_handle_free was called.
/// Returns REDTAIL_OK; REDTAIL_ERROR_ARGUMENT if the handle is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_handle_stop(handle: *mut redtail_handle) -> c_int {
    // SAFETY: NULL, or a handle that lives.
    let Some(handle) = (unsafe { there(handle) }) else { return REDTAIL_ERROR_ARGUMENT as c_int };
    handle.handle.stop();
    REDTAIL_OK as c_int
}

/// Tells the primary at once that the link lives, as redtail_follower_next does each second: for a thread that watches while you work on
/// one event for longer than the primary's repl-timeout (60 s). Does nothing while there is no link.
///
/// Any thread, also several at once; not in signal handlers.
/// Returns REDTAIL_OK; REDTAIL_ERROR_LOST if it could not be written, which redtail_follower_next will notice;
/// REDTAIL_ERROR_ARGUMENT if the handle is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_handle_heartbeat(handle: *mut redtail_handle) -> c_int {
    // SAFETY: NULL, or a handle that lives.
    let Some(handle) = (unsafe { there(handle) }) else { return REDTAIL_ERROR_ARGUMENT as c_int };
    without_handle(|| if handle.handle.heartbeat().is_ok() { REDTAIL_OK } else { REDTAIL_ERROR_LOST })
}

/// As redtail_follower_commit, for a sink in another thread than the follower's. Of two that come close together only the later one counts.
/// The primary hears of it from the thread that is in redtail_follower_next, within a second or when it asks.
///
/// Any thread, also several at once; not in signal handlers.
/// Returns REDTAIL_OK; REDTAIL_ERROR_POSITION if the struct holds none; REDTAIL_ERROR_ARGUMENT if it or the handle is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_handle_commit(
    handle: *mut redtail_handle,
    position: *const redtail_position,
) -> c_int {
    // SAFETY: NULL, or a handle that lives.
    let Some(handle) = (unsafe { there(handle) }) else { return REDTAIL_ERROR_ARGUMENT as c_int };
    // SAFETY: NULL or a position, as the header asks.
    without_handle(|| match unsafe { position::given(position) } {
        Ok(position) => {
            handle.handle.commit(position);
            REDTAIL_OK
        }
        Err((status, _)) => status,
    })
}

/// Gives a handle back; the follower goes on. The last use of it. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_handle_free(handle: *mut redtail_handle) {
    // SAFETY: NULL, or from redtail_follower_handle and not used again.
    unsafe { release(handle) }
}
