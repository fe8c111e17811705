//! Snapshots: RDB files over bytes that you hold
//!
//! A redtail_rdb owns no input. You keep a buffer of at least REDTAIL_RDB_MIN_INPUT bytes and pass its unread part
//! as a redtail_slice, which redtail_rdb_next advances past the bytes it used. The remaining bytes stay in the
//! buffer. Append at least redtail_rdb_needed bytes. Pass the remaining and the new bytes again, at any address.
//!
//! Memory is constant: a hash with 100 million fields requires no more than one with 10. Only the hash templates of
//! Redis 8.10 require more: see redtail_limits.templates. A string of more than 16 KiB is delivered in pieces. The
//! bytes of items point into your buffer or into the handle. They are valid until the next redtail_rdb_next, and no
//! longer than you leave the buffer unchanged.

use std::ffi::{c_char, c_int, c_uint};
use std::mem::offset_of;

use crate::capi::basics::*;
use crate::capi::boundary::{Guard, Guarded, bytes, call, make, refuse, release, there};
use crate::capi::error_kind::rdb_error;
use crate::capi::limits;
use crate::capi::rdb_item::*;
use crate::io::TemplateBuffer;
use crate::rdb::{Decoder, Item, MIN_INPUT, Poll, RdbError};

/// Minimum size of the input buffer in bytes.
pub const REDTAIL_RDB_MIN_INPUT: usize = 16896;

const _: () = assert!(REDTAIL_RDB_MIN_INPUT == MIN_INPUT);

/// Flag of redtail_rdb_new: skip damaged data inside a packed or compressed value of known length.
/// REDTAIL_RDB_ITEM_SKIPPED reports it.
pub const REDTAIL_RDB_FLAG_LENIENT: c_uint = 1;

/// Flag of redtail_rdb_new: do not compute the checksum.
pub const REDTAIL_RDB_FLAG_NO_CHECKSUM: c_uint = 2;

/// Decodes one snapshot. One thread at a time. About 53 KiB; after its creation it allocates memory for hash templates
/// (Redis 8.10), and nothing else.
pub struct redtail_rdb {
    guard: Guard,
    decoder: Decoder<TemplateBuffer>,
    item: redtail_rdb_item,
    needed: usize,
    error: Option<RdbError>,
}

impl Guarded for redtail_rdb {
    fn guard(&mut self) -> &mut Guard {
        &mut self.guard
    }
}

/// Creates a decoder. flags: REDTAIL_RDB_FLAG_LENIENT, REDTAIL_RDB_FLAG_NO_CHECKSUM, both, or 0. offset: the offset
/// of the first byte of input, for redtail_rdb_offset and messages; 0 for a file. limits: NULL for the defaults; only
/// redtail_limits.templates has an effect.
///
/// Returns NULL only if memory is exhausted. After unknown flags, an offset of 2^63 or more or invalid limits, every
/// later call returns REDTAIL_ERROR_ARGUMENT, and the message explains it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_rdb_new(
    flags: c_uint,
    offset: u64,
    limits: *const redtail_limits,
) -> *mut redtail_rdb {
    make(|| {
        // SAFETY: as the header asks.
        let limits = unsafe { limits::read(limits) };
        let guard = match (&limits, flags & !(REDTAIL_RDB_FLAG_LENIENT | REDTAIL_RDB_FLAG_NO_CHECKSUM)) {
            (Err(message), _) => Guard::closed(REDTAIL_ERROR_ARGUMENT, message),
            (Ok(_), 0) if i64::try_from(offset).is_err() => {
                Guard::closed(REDTAIL_ERROR_ARGUMENT, format_args!("offset is {offset}: the maximum is 2^63 - 1"))
            }
            (Ok(_), 0) => Guard::new(),
            (Ok(_), unknown) => {
                Guard::closed(REDTAIL_ERROR_ARGUMENT, format_args!("flags has unknown bits: {unknown:#x}"))
            }
        };
        let templates = TemplateBuffer::with_limit(limits.unwrap_or_default().templates);
        let mut decoder = Decoder::new().starting_at(offset).with_templates(templates);
        if flags & REDTAIL_RDB_FLAG_LENIENT != 0 {
            decoder = decoder.skip_damaged();
        }
        if flags & REDTAIL_RDB_FLAG_NO_CHECKSUM != 0 {
            decoder = decoder.without_checksum();
        }
        Some(redtail_rdb { guard, decoder, item: redtail_rdb_item::ZERO, needed: 0, error: None })
    })
}

/// Frees a decoder. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_rdb_free(rdb: *mut redtail_rdb) {
    // SAFETY: NULL, or from _new and not used again.
    unsafe { release(rdb) }
}

/// The message of the last failure or of REDTAIL_RDB_ITEM_SKIPPED; otherwise "". Never NULL. Valid until the
/// next call on the decoder.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_rdb_message(rdb: *const redtail_rdb) -> *const c_char {
    // SAFETY: NULL, or a decoder that lives.
    unsafe { there(rdb) }.map_or(c"the decoder is NULL".as_ptr(), |rdb| rdb.guard.message())
}

/// Decodes the next item of input, and advances input past it and past bytes used before it. input->data may be NULL
/// only if its length is 0. Do not change the bytes while you use the item.
///
/// Returns REDTAIL_OK and sets item. Returns REDTAIL_NEED_MORE if the input is incomplete: see redtail_rdb_needed.
/// Returns REDTAIL_END after the end of the snapshot; further bytes of input are untouched. REDTAIL_ERROR_SNAPSHOT
/// for an invalid or unknown format is final: see redtail_rdb_error_kind and redtail_rdb_error_offset.
/// REDTAIL_ERROR_ARGUMENT: an invalid pointer or length.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_rdb_next(
    rdb: *mut redtail_rdb,
    input: *mut redtail_slice,
    item: *mut *const redtail_rdb_item,
) -> c_int {
    // Derived from the pointer of the caller: a reference would end with the next call.
    let shows = rdb.wrapping_byte_add(offset_of!(redtail_rdb, item)).cast::<redtail_rdb_item>();
    call!(rdb, out input, out item; {
        rdb.guard.clear();
        // SAFETY: not NULL, as `Out` has seen, and a slice, as the header asks.
        let shown = unsafe { *input.pointer() };
        // SAFETY: as the header asks.
        let Some(shown) = (unsafe { bytes(shown.data, shown.len) }) else {
            return refuse(rdb, REDTAIL_ERROR_ARGUMENT, "input is NULL with a length, or exceeds memory");
        };
        match rdb.decoder.poll(shown) {
            Ok(poll) => {
                input.set(redtail_slice::of(shown.get(poll.used()..).unwrap_or_default()));
                rdb.needed = 0;
                match (poll, rdb.decoder.item(shown)) {
                    (Poll::Incomplete { needed: 0, .. }, _) => REDTAIL_END,
                    (Poll::Incomplete { needed, .. }, _) => {
                        rdb.needed = needed;
                        REDTAIL_NEED_MORE
                    }
                    (Poll::Complete { .. }, None) => REDTAIL_NEED_MORE,
                    (Poll::Complete { .. }, Some(found)) => {
                        if let Item::Skipped { error, .. } = found {
                            rdb.guard.say(error);
                        }
                        rdb.item.convert(&found);
                        item.set(shows);
                        REDTAIL_OK
                    }
                }
            }
            Err(error) => rdb.broken(error),
        }
    })
}

/// Checks for a complete snapshot. Call it at the end of the input.
///
/// Returns REDTAIL_OK if the snapshot is complete; REDTAIL_ERROR_SNAPSHOT if it is truncated or invalid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_rdb_finish(rdb: *mut redtail_rdb) -> c_int {
    call!(rdb; {
        match rdb.decoder.finish() {
            Ok(()) => REDTAIL_OK,
            Err(error) => rdb.broken(error),
        }
    })
}

/// After REDTAIL_NEED_MORE: the minimum number of further bytes. Otherwise 0.
///
/// Returns REDTAIL_OK and sets needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_rdb_needed(rdb: *mut redtail_rdb, needed: *mut usize) -> c_int {
    call!(rdb, out needed; {
        needed.set(rdb.needed);
        REDTAIL_OK
    })
}

/// The offset of the next byte of input: the bytes used, plus the offset of redtail_rdb_new.
///
/// Returns REDTAIL_OK and sets offset.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_rdb_offset(rdb: *mut redtail_rdb, offset: *mut u64) -> c_int {
    call!(rdb, out offset; {
        offset.set(rdb.decoder.offset());
        REDTAIL_OK
    })
}

/// After REDTAIL_ERROR_SNAPSHOT: the offset of the first byte of the invalid item.
///
/// Returns REDTAIL_OK and sets offset; REDTAIL_NONE if there was no such error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_rdb_error_offset(rdb: *mut redtail_rdb, offset: *mut u64) -> c_int {
    call!(rdb, out offset; {
        let Some(error) = rdb.error else { return REDTAIL_NONE };
        offset.set(error.offset);
        REDTAIL_OK
    })
}

/// After REDTAIL_ERROR_SNAPSHOT: the kind of the error, one of redtail_rdb_error.
///
/// Returns REDTAIL_OK and sets kind; REDTAIL_NONE if there was no such error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_rdb_error_kind(rdb: *mut redtail_rdb, kind: *mut c_int) -> c_int {
    call!(rdb, out kind; {
        let Some(error) = &rdb.error else { return REDTAIL_NONE };
        kind.set(rdb_error(&error.kind) as c_int);
        REDTAIL_OK
    })
}

impl redtail_rdb {
    #[cold]
    fn broken(&mut self, error: RdbError) -> redtail_status {
        self.error = Some(error);
        self.needed = 0;
        refuse(self, REDTAIL_ERROR_SNAPSHOT, error)
    }
}
