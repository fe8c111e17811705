//! Encoder: commands as the bytes that a client sends

use std::ffi::{c_char, c_int};

use crate::capi::basics::*;
use crate::capi::boundary::call;
use crate::capi::given_args::GivenArgs;
use crate::resp::{BufferTooSmall, encode_args};

/// Encodes a command as an array of bulk strings and writes it to out. args[0] is the name of the command. size:
/// room in bytes. No NUL is written. out must not overlap the arguments; it may be NULL if size is 0.
///
/// Returns REDTAIL_OK and sets len to the number of bytes written. Returns REDTAIL_NEED_MORE if the room is too
/// small, and sets len to the size needed; out is unchanged. Returns REDTAIL_ERROR_ARGUMENT if a pointer is NULL, a
/// slice is invalid, argc is 0, or the command exceeds memory. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_encode_command(
    args: *const redtail_slice,
    argc: usize,
    out: *mut c_char,
    size: usize,
    len: *mut usize,
) -> c_int {
    call!(; out len; {
        // SAFETY: argc slices, each with its bytes, as the header asks.
        let Some(args) = (unsafe { GivenArgs::new(args, argc) }) else { return REDTAIL_ERROR_ARGUMENT };
        let mut checked = args.clone();
        checked.by_ref().for_each(drop);
        if checked.is_wrong() || (out.is_null() && size > 0) || isize::try_from(size).is_err() {
            return REDTAIL_ERROR_ARGUMENT;
        }
        let room = if size == 0 {
            &mut []
        } else {
            // SAFETY: not NULL, not longer than memory, and room for size bytes, as the header asks. The room
            // overlaps no argument, as the header asks too.
            unsafe { std::slice::from_raw_parts_mut(out.cast::<u8>(), size) }
        };
        match encode_args(room, args) {
            Ok(written) => {
                len.set(written);
                REDTAIL_OK
            }
            Err(BufferTooSmall { needed: usize::MAX }) => REDTAIL_ERROR_ARGUMENT,
            Err(BufferTooSmall { needed }) => {
                len.set(needed);
                REDTAIL_NEED_MORE
            }
        }
    })
}
