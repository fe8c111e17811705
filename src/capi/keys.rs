//! Keys: the arguments of a command that are keys, from the tables of the servers (Redis 6.2 to 8.2, Valkey 8.1 to
//! 9.1)

use std::ffi::c_int;

use crate::capi::basics::*;
use crate::capi::boundary::call;
use crate::capi::given_args::GivenArgs;
use crate::resp::{Reach, find_keys};

/// Determines the arguments of a command that are keys. Writes their indices in ascending order to indices, which
/// has room for capacity numbers; index 0 is the name. Sets *count to the number of all keys. If it exceeds
/// capacity, call again with more room. indices may be NULL if capacity is 0.
///
/// args and argc: the complete command, for example of an event. A key is an argument that is read or written as a
/// key: source and destination of a RENAME. The keys of a script or function are those that it declares.
///
/// Returns REDTAIL_OK for these keys and no others. In the next three cases *count is 0. REDTAIL_NONE: no key.
/// REDTAIL_ALL_KEYS: keys that the command does not name, such as those of FLUSHALL. REDTAIL_UNKNOWN_KEYS: an
/// unknown command (of a module, renamed or newer) or an invalid one. REDTAIL_ERROR_ARGUMENT if a pointer is NULL or
/// argc is 0. Any thread.
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
