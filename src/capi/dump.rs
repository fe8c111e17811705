//! Payloads: the value that DUMP returns and RESTORE carries
//!
//! RESTORE, RESTORE-ASKING and FUNCTION RESTORE carry a whole key or whole function libraries as one argument. A
//! redtail_dump reads it with the items of a snapshot. A payload has no key name, database or expiry.

use std::ffi::{c_char, c_int};
use std::mem::offset_of;

use crate::capi::basics::*;
use crate::capi::boundary::{Guard, Guarded, bytes, call, make, refuse, release, there};
use crate::capi::error_kind::rdb_error;
use crate::capi::rdb_item::*;
use crate::rdb::{Dump, RdbError};

/// Reads one payload. One thread at a time. About 106 KiB; it allocates nothing after its creation.
pub struct redtail_dump {
    guard: Guard,
    /// The error is that of the checksum or of the length. The first call returns it.
    dump: Result<Dump<'static>, RdbError>,
    item: redtail_rdb_item,
    error: Option<RdbError>,
}

impl Guarded for redtail_dump {
    fn guard(&mut self) -> &mut Guard {
        &mut self.guard
    }
}

/// Creates a reader of a payload of len bytes. The bytes are not copied: keep them unchanged until redtail_dump_free.
///
/// Returns NULL only if memory is exhausted. After a NULL payload or a length that exceeds memory, every later call
/// returns REDTAIL_ERROR_ARGUMENT, and the message explains it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_dump_new(payload: *const c_char, len: usize) -> *mut redtail_dump {
    make(|| {
        // SAFETY: the header asks for readable bytes that live as long as the handle.
        let payload: Option<&'static [u8]> = unsafe { bytes(payload, len) };
        let guard = match payload {
            Some(_) => Guard::new(),
            None => Guard::closed(REDTAIL_ERROR_ARGUMENT, "payload is NULL with a length, or exceeds memory"),
        };
        let dump = Dump::new(payload.unwrap_or_default());
        Some(redtail_dump { guard, dump, item: redtail_rdb_item::ZERO, error: None })
    })
}

/// Frees a reader. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_dump_free(dump: *mut redtail_dump) {
    // SAFETY: NULL, or from _new and not used again.
    unsafe { release(dump) }
}

/// The message of the last failure; otherwise "". Never NULL. Valid until the next call on the reader.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_dump_message(dump: *const redtail_dump) -> *const c_char {
    // SAFETY: NULL, or a reader that lives.
    unsafe { there(dump) }.map_or(c"the reader is NULL".as_ptr(), |dump| dump.guard.message())
}

/// The next item: REDTAIL_RDB_ITEM_START, the items of the key or the libraries, REDTAIL_RDB_ITEM_END with the result
/// of the checksum. The name of the key is empty. The bytes of the item point into the payload or into the handle. They
/// are valid until the next call.
///
/// Returns REDTAIL_OK and sets item; REDTAIL_END after the last item. REDTAIL_ERROR_SNAPSHOT for an invalid payload is
/// final: see redtail_dump_error_kind and redtail_dump_error_offset.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_dump_next(dump: *mut redtail_dump, item: *mut *const redtail_rdb_item) -> c_int {
    // Derived from the pointer of the caller: a reference would end with the next call.
    let shows = dump.wrapping_byte_add(offset_of!(redtail_dump, item)).cast::<redtail_rdb_item>();
    call!(dump, out item; {
        dump.guard.clear();
        let found = match &mut dump.dump {
            Ok(reader) => reader.next_item(),
            Err(error) => Err(*error),
        };
        match found {
            Ok(None) => REDTAIL_END,
            Ok(Some(found)) => {
                dump.item.convert(&found);
                item.set(shows);
                REDTAIL_OK
            }
            Err(error) => {
                dump.error = Some(error);
                refuse(dump, REDTAIL_ERROR_SNAPSHOT, error)
            }
        }
    })
}

/// After REDTAIL_ERROR_SNAPSHOT: the offset of the first byte of the invalid item, counted from the first byte of the
/// payload.
///
/// Returns REDTAIL_OK and sets offset; REDTAIL_NONE if there was no such error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_dump_error_offset(dump: *mut redtail_dump, offset: *mut u64) -> c_int {
    call!(dump, out offset; {
        let Some(error) = dump.error else { return REDTAIL_NONE };
        offset.set(error.offset);
        REDTAIL_OK
    })
}

/// After REDTAIL_ERROR_SNAPSHOT: the kind of the error, one of redtail_rdb_error.
///
/// Returns REDTAIL_OK and sets kind; REDTAIL_NONE if there was no such error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_dump_error_kind(dump: *mut redtail_dump, kind: *mut c_int) -> c_int {
    call!(dump, out kind; {
        let Some(error) = &dump.error else { return REDTAIL_NONE };
        kind.set(rdb_error(&error.kind) as c_int);
        REDTAIL_OK
    })
}
