//! Keys: which arguments of a command are keys, as the servers say themselves (Redis 6.2 to 8.2, Valkey 8.1 to 9.1)

use std::ffi::c_int;

use crate::capi::basics::*;
use crate::capi::boundary::call;
use crate::capi::given_args::GivenArgs;
use crate::resp::{Reach, find_keys};

/// Writes which arguments of a command are keys, in rising order, as far as there is room in indices: argument 0 is the name. *count is
/// the number of all: where it is above capacity, call again with more room.
///
/// args and argc: the whole command, of an event as it is; also any of yours. indices: room for capacity numbers; may be NULL if capacity is 0.
/// A key is one that is read or written: source and destination of a RENAME. A script's or function's are those it declares.
///
/// Returns REDTAIL_OK: these keys and no others. REDTAIL_NONE: no key. REDTAIL_ALL_KEYS: keys that the command does not name, such as those of
/// FLUSHALL. REDTAIL_UNKNOWN_KEYS: nobody here knows the command: a module's, a renamed or a newer one, or one that no server would take.
/// In these three *count is 0. REDTAIL_ERROR_ARGUMENT if a pointer is NULL, or argc is 0. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_command_keys(
    args: *const redtail_slice,
    argc: usize,
    indices: *mut usize,
    capacity: usize,
    count: *mut usize,
) -> c_int {
    call!(; out count; {
        // SAFETY: as many slices as argc says, each with its bytes, as the header asks.
        let Some(mut given) = (unsafe { GivenArgs::new(args, argc) }) else { return REDTAIL_ERROR_ARGUMENT };
        let no_room = indices.is_null() || !indices.is_aligned() || capacity > isize::MAX as usize / size_of::<usize>();
        if capacity > 0 && no_room {
            return REDTAIL_ERROR_ARGUMENT;
        }
        let (reach, found) = find_keys(argc, &mut given);
        if given.is_wrong() {
            return REDTAIL_ERROR_ARGUMENT;
        }
        let status = match reach {
            Reach::Some => REDTAIL_OK,
            Reach::None => REDTAIL_NONE,
            Reach::All => REDTAIL_ALL_KEYS,
            Reach::Unknown => REDTAIL_UNKNOWN_KEYS,
        };
        let mut written = 0;
        for index in found {
            if written < capacity {
                // SAFETY: within the room that the caller says there is.
                unsafe { indices.add(written).write(index) };
            }
            written += 1;
        }
        count.set(written);
        status
    })
}
