//! Embedded primaries: a recording, served as by a primary, for tests without a server
//!
//! A recording is a file that redtail_follower_record or "redtail record" wrote, or all bytes that a server sent after
//! PSYNC, beginning with its reply. A follower or session connects to redtail_primary_address as to a server. Every
//! run delivers the same bytes.

use std::ffi::{CString, c_char, c_int};

use crate::capi::basics::*;
use crate::capi::boundary::{Creator, Guard, Guarded, bytes, call, make, refuse, release, text, there};
use crate::capi::text::c_text;
use crate::replay::{Primary, Recording, RecordingError};

/// A primary inside the process, on threads of the library. One thread at a time.
pub struct redtail_primary {
    guard: Guard,
    creator: Creator,
    address: CString,
    primary: Option<Primary>,
}

impl Guarded for redtail_primary {
    fn guard(&mut self) -> &mut Guard {
        &mut self.guard
    }
}

/// Creates a primary that does not listen yet.
///
/// Returns NULL only if memory is exhausted.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_primary_new() -> *mut redtail_primary {
    make(|| {
        let (guard, creator) = (Guard::new(), Creator::this_process());
        Some(redtail_primary { guard, creator, address: CString::default(), primary: None })
    })
}

/// Closes the port and all connections, ends the threads and frees the primary. NULL does nothing, and neither does a
/// call in a forked child.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_primary_free(primary: *mut redtail_primary) {
    // SAFETY: NULL, or from _new and not used again.
    unsafe {
        // A child has none of the threads, which would be waited for.
        if there(primary).is_none_or(|primary| primary.creator.is_this_process()) {
            release(primary);
        }
    }
}

/// The message of the last failure; "" before any. Never NULL. Valid until the next call on the primary.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_primary_message(primary: *const redtail_primary) -> *const c_char {
    // SAFETY: NULL, or a primary that lives.
    unsafe { there(primary) }.map_or(c"the primary is NULL".as_ptr(), |primary| primary.guard.message())
}

/// Serves the recording in a file on a free port of 127.0.0.1. The file must not change until redtail_primary_free.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_RECORDING if the file cannot be read or is not a recording; REDTAIL_ERROR_CONNECT
/// if no port or thread is available; REDTAIL_ERROR_STATE if the primary serves a recording already;
/// REDTAIL_ERROR_ARGUMENT if path is NULL or not UTF-8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_primary_serve_file(primary: *mut redtail_primary, path: *const c_char) -> c_int {
    call!(primary; {
        // SAFETY: NULL, or text that ends with NUL, as the header asks.
        let path = match unsafe { text(path) } {
            Ok(path) => path,
            Err(what) => return refuse(primary, REDTAIL_ERROR_ARGUMENT, format_args!("the path {what}")),
        };
        primary.serve(|| Recording::open(path), path)
    })
}

/// Serves a recording of len bytes at data on a free port of 127.0.0.1. The bytes are copied.
///
/// Returns as redtail_primary_serve_file; REDTAIL_ERROR_ARGUMENT if data is NULL or len exceeds memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_primary_serve_bytes(
    primary: *mut redtail_primary,
    data: *const c_char,
    len: usize,
) -> c_int {
    call!(primary; {
        // SAFETY: the header asks for len bytes.
        let Some(recorded) = (unsafe { bytes(data, len) }).filter(|_| !data.is_null()) else {
            return refuse(primary, REDTAIL_ERROR_ARGUMENT, "data is NULL, or len is more than memory has");
        };
        primary.serve(|| Recording::parse(recorded), "the bytes")
    })
}

/// Whether the primary can accept clients. It continues after an error, and accepts clients again once it can.
///
/// Returns REDTAIL_OK; REDTAIL_ERROR_CONNECT if the system kept a client out since the last call, for example because
/// of too many open files: see the message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_primary_check(primary: *mut redtail_primary) -> c_int {
    call!(primary; {
        match primary.primary.as_ref().and_then(Primary::take_accept_error) {
            None => REDTAIL_OK,
            Some(error) => {
                refuse(primary, REDTAIL_ERROR_CONNECT, format_args!("the primary cannot accept a client: {error}"))
            }
        }
    })
}

/// The address of the primary: host:port and a NUL. "" before a recording is served, and for NULL. Valid until
/// redtail_primary_free; an address "" only until a recording is served.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_primary_address(primary: *const redtail_primary) -> *const c_char {
    // SAFETY: NULL, or a primary that lives.
    unsafe { there(primary) }.map_or(c"".as_ptr(), |primary| primary.address.as_ptr())
}

impl redtail_primary {
    fn serve(&mut self, open: impl FnOnce() -> Result<Recording, RecordingError>, name: &str) -> redtail_status {
        if self.primary.is_some() {
            return refuse(self, REDTAIL_ERROR_STATE, "the primary serves a recording already");
        }
        let recording = match open() {
            Ok(recording) => recording,
            Err(error) => return refuse(self, REDTAIL_ERROR_RECORDING, format_args!("{name}: {error}")),
        };
        match Primary::serve(recording) {
            Ok(primary) => {
                self.address = c_text(primary.address());
                self.primary = Some(primary);
                REDTAIL_OK
            }
            Err(error) => refuse(self, REDTAIL_ERROR_CONNECT, format_args!("the primary cannot listen: {error}")),
        }
    }
}
