//! Names of commands: comparison in any letter case

use std::ffi::{CStr, c_char, c_int};

use crate::capi::basics::*;
use crate::capi::boundary::without_handle;
use crate::capi::given_args::GivenArgs;

/// Whether a command has this name, in any letter case. Servers replicate a name as the client wrote it: args[0] may
/// be "SET", "set" or "Set".
///
/// args and argc: the arguments of an event or item. name: ends with NUL.
///
/// Returns 1 if args[0] is the name; 0 if not, if a pointer is NULL, or if argc is 0. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_command_is(args: *const redtail_slice, argc: usize, name: *const c_char) -> c_int {
    let mut is_named = false;
    without_handle(|| {
        if name.is_null() {
            return REDTAIL_ERROR_ARGUMENT;
        }
        // SAFETY: the header asks for argc slices and for a name that ends with NUL.
        let (first, name) = unsafe { (GivenArgs::new(args, argc.min(1)), CStr::from_ptr(name)) };
        let first = first.and_then(|mut args| args.next());
        is_named = first.is_some_and(|first| first.eq_ignore_ascii_case(name.to_bytes()));
        REDTAIL_OK
    });
    c_int::from(is_named)
}
