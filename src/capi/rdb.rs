//! Snapshots: RDB files over bytes that you hold
//!
//! A redtail_rdb owns no input. You keep a buffer of at least REDTAIL_RDB_MIN_INPUT bytes and show its unread part as a redtail_slice,
//! which redtail_rdb_next moves past what is used up. What is left stays: append at least redtail_rdb_needed bytes and show it again,
//! from its first byte, at whatever address it is now.
//!
//! Memory is constant: a hash of a hundred million fields needs no more than one of ten, and a string of more than 16 KiB comes in
//! pieces. Bytes of items point into your buffer or into the handle: they live until the next call, and until you change the buffer.

use std::ffi::{c_char, c_int, c_uint};
use std::mem::offset_of;

use crate::capi::basics::*;
use crate::capi::boundary::{Guard, Guarded, bytes, call, make, refuse, release, there};
use crate::capi::error_kind::rdb_error;
use crate::capi::rdb_item::*;
use crate::rdb::{Decoder, Item, MIN_INPUT, Poll, RdbError};

/// The bytes of input that you must be able to show at once.
pub const REDTAIL_RDB_MIN_INPUT: usize = 16896;

const _: () = assert!(REDTAIL_RDB_MIN_INPUT == MIN_INPUT);

/// For redtail_rdb_new: go on with a version from the future, and pass over what is broken inside a packed or compressed value, whose
/// length is known: REDTAIL_RDB_ITEM_SKIPPED says so.
pub const REDTAIL_RDB_FLAG_LENIENT: c_uint = 1;

/// For redtail_rdb_new: do not compute the checksum.
pub const REDTAIL_RDB_FLAG_NO_CHECKSUM: c_uint = 2;

/// Reads one snapshot. One thread at a time. About 53 KiB; allocates nothing after it is made.
pub struct redtail_rdb {
    guard: Guard,
    decoder: Decoder,
    item: redtail_rdb_item,
    needed: usize,
    error: Option<RdbError>,
}

impl Guarded for redtail_rdb {
    fn guard(&mut self) -> &mut Guard {
        &mut self.guard
    }
}

/// A new decoder. flags: REDTAIL_RDB_FLAG_LENIENT, REDTAIL_RDB_FLAG_NO_CHECKSUM, both, or 0. offset: the number of the first byte it will be shown,
/// for redtail_rdb_offset and messages; 0 for a file.
///
/// Returns NULL only if there is no memory. Unknown flags, or an offset of 2^63 or more: each call gives REDTAIL_ERROR_ARGUMENT, and the message says why.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_rdb_new(flags: c_uint, offset: u64) -> *mut redtail_rdb {
    make(|| {
        let guard = match flags & !(REDTAIL_RDB_FLAG_LENIENT | REDTAIL_RDB_FLAG_NO_CHECKSUM) {
            0 if i64::try_from(offset).is_err() => {
                Guard::closed(REDTAIL_ERROR_ARGUMENT, format_args!("offset is {offset}: no file is so long"))
            }
            0 => Guard::new(),
            unknown => {
                Guard::closed(REDTAIL_ERROR_ARGUMENT, format_args!("flags has bits that mean nothing: {unknown:#x}"))
            }
        };
        let mut decoder = Decoder::new().starting_at(offset);
        if flags & REDTAIL_RDB_FLAG_LENIENT != 0 {
            decoder = decoder.any_version().skip_damaged();
        }
        if flags & REDTAIL_RDB_FLAG_NO_CHECKSUM != 0 {
            decoder = decoder.without_checksum();
        }
        Some(redtail_rdb { guard, decoder, item: redtail_rdb_item::ZERO, needed: 0, error: None })
    })
}

/// Ends a decoder. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_rdb_free(rdb: *mut redtail_rdb) {
    // SAFETY: NULL, or from _new and not used again.
    unsafe { release(rdb) }
}

/// What the last failure was, or what was passed over last, in words that end with NUL. "" before any; never NULL. Lives until the next
/// call on the decoder.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_rdb_message(rdb: *const redtail_rdb) -> *const c_char {
    // SAFETY: NULL, or a decoder that lives.
    unsafe { there(rdb) }.map_or(c"the decoder is NULL".as_ptr(), |rdb| rdb.guard.message())
}

/// The next item at the front of input, which is moved past it, and past what was used up before it. input->data must not be NULL unless
/// its length is 0, and the bytes must not change while you use the item.
///
/// Returns REDTAIL_OK and sets item; REDTAIL_NEED_MORE: see redtail_rdb_needed; REDTAIL_END: the snapshot is over, and what follows it in
/// input is not touched; REDTAIL_ERROR_SNAPSHOT: no snapshot a server would write, or what is not known here; for good, see
/// redtail_rdb_error_offset; REDTAIL_ERROR_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_rdb_next(
    rdb: *mut redtail_rdb,
    input: *mut redtail_slice,
    item: *mut *const redtail_rdb_item,
) -> c_int {
    // What C holds of the item is not to end with a borrow of the handle.
    let shows = rdb.wrapping_byte_add(offset_of!(redtail_rdb, item)).cast::<redtail_rdb_item>();
    call!(rdb, out input, out item; {
        rdb.guard.clear();
        // SAFETY: not NULL, as `Out` has seen, and a slice, as the header asks.
        let shown = unsafe { *input.pointer() };
        // SAFETY: as the header asks.
        let Some(shown) = (unsafe { bytes(shown.data, shown.len) }) else {
            return refuse(rdb, REDTAIL_ERROR_ARGUMENT, "input is NULL with a length, or longer than memory");
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

/// To be asked when no more input comes.
///
/// Returns REDTAIL_OK if the snapshot has come to its end; REDTAIL_ERROR_SNAPSHOT if it is cut short, or broken.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_rdb_finish(rdb: *mut redtail_rdb) -> c_int {
    call!(rdb; {
        match rdb.decoder.finish() {
            Ok(()) => REDTAIL_OK,
            Err(error) => rdb.broken(error),
        }
    })
}

/// After REDTAIL_NEED_MORE: the least number of further bytes that take it further; else 0.
///
/// Returns REDTAIL_OK and sets needed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_rdb_needed(rdb: *mut redtail_rdb, needed: *mut usize) -> c_int {
    call!(rdb, out needed; {
        needed.set(rdb.needed);
        REDTAIL_OK
    })
}

/// The number of the next byte to be shown: bytes used up so far, and where redtail_rdb_new began.
///
/// Returns REDTAIL_OK and sets offset.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_rdb_offset(rdb: *mut redtail_rdb, offset: *mut u64) -> c_int {
    call!(rdb, out offset; {
        offset.set(rdb.decoder.offset());
        REDTAIL_OK
    })
}

/// After REDTAIL_ERROR_SNAPSHOT: the number of the byte where the item begins that is wrong.
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
