//! Wrapped writes: RREPLAY of a KeyDB active replica
//!
//! A KeyDB server with active-replica yes sends each write as RREPLAY uuid commands db mvcc. Its stream has no SELECT:
//! each write has a database of its own. Position and transaction are those of the event with the RREPLAY.

use std::ffi::c_int;

use crate::capi::basics::*;
use crate::capi::boundary::call;
use crate::capi::given_args::GivenArgs;
use crate::replication::Wrapped;

/// The write inside of an RREPLAY. Its bytes are those of the arguments.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct redtail_wrapped {
    /// The id (a UUID of 36 characters) of the server that a client sent the write to.
    pub origin: redtail_slice,
    /// The write: one or more commands, for a redtail_parser of REDTAIL_MODE_STREAM. They are not verified.
    pub commands: redtail_slice,
    /// The database of the write; -1 if the server does not tell it.
    pub db: i64,
    /// The version of the write, which grows with each write of its origin; REDTAIL_UNKNOWN if the server does not tell
    /// it.
    pub mvcc: u64,
}

/// Opens an RREPLAY. args and argc: the complete command, for example of an event. A write that was wrapped several
/// times is the innermost one.
///
/// Returns REDTAIL_OK and sets wrapped; REDTAIL_NONE if the command is no valid RREPLAY. REDTAIL_ERROR_ARGUMENT if a
/// pointer is NULL, argc is 0, or an argument is an invalid slice. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_unwrap(
    args: *const redtail_slice,
    argc: usize,
    wrapped: *mut redtail_wrapped,
) -> c_int {
    call!(; out wrapped; {
        // SAFETY: as many slices as argc says, each with its bytes, as the header asks.
        let Some(mut given) = (unsafe { GivenArgs::new(args, argc) }) else { return REDTAIL_ERROR_ARGUMENT };
        let found = Wrapped::from_args(&mut given);
        if given.is_wrong() {
            return REDTAIL_ERROR_ARGUMENT;
        }
        let Some(Wrapped { origin, commands, db, mvcc }) = found else { return REDTAIL_NONE };
        wrapped.set(redtail_wrapped {
            origin: redtail_slice::of(origin),
            commands: redtail_slice::of(commands),
            db: db.map_or(-1, i64::from),
            mvcc: mvcc.unwrap_or(REDTAIL_UNKNOWN),
        });
        REDTAIL_OK
    })
}
