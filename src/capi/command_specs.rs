//! Descriptions of commands: the keys of commands that the tables do not have
//!
//! A server describes its commands, also those of modules, in its reply to COMMAND INFO. Send COMMAND INFO with the
//! name of each command for which redtail_command_keys returns REDTAIL_UNKNOWN_KEYS, and pass the bytes of the reply.

use std::collections::BTreeMap;
use std::ffi::{c_char, c_int};

use crate::base::status::Status;
use crate::capi::basics::*;
use crate::capi::boundary::{Guard, Guarded, bytes, call, make, refuse, release, there};
use crate::capi::convert::status::protocol_status;
use crate::capi::given_args::GivenArgs;
use crate::capi::keys::{redtail_key, write_keys};
use crate::resp::{CommandSpec, FrameParser, KeyFinder, Kind};

/// Descriptions of commands by a server. One thread at a time.
pub struct redtail_command_specs {
    guard: Guard,
    /// By name, in lower case.
    specs: BTreeMap<Vec<u8>, CommandSpec>,
}

impl Guarded for redtail_command_specs {
    fn guard(&mut self) -> &mut Guard {
        &mut self.guard
    }
}

/// Creates a handle without descriptions. Returns NULL only if memory is exhausted.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_command_specs_new() -> *mut redtail_command_specs {
    make(|| Some(redtail_command_specs { guard: Guard::new(), specs: BTreeMap::new() }))
}

/// Frees the handle. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_command_specs_free(specs: *mut redtail_command_specs) {
    // SAFETY: NULL, or from _new and not used again.
    unsafe { release(specs) }
}

/// The message of the last failure; otherwise "". Never NULL. Valid until the next call on the handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_command_specs_message(specs: *const redtail_command_specs) -> *const c_char {
    // SAFETY: NULL, or a handle that lives.
    unsafe { there(specs) }.map_or(c"the handle is NULL".as_ptr(), |specs| specs.guard.message())
}

/// Learns the commands of a reply to COMMAND INFO or COMMAND, in RESP2 or RESP3: len bytes, the complete reply as the
/// server sent it. Nothing of it is kept. A description replaces an earlier one of the same command. Not learned are
/// commands that the server does not know, and those whose keys the description does not determine: they have
/// subcommands, or the server calls the description incomplete.
///
/// Returns REDTAIL_OK and sets learned to the number of descriptions. REDTAIL_NEED_MORE: the reply is incomplete.
/// REDTAIL_ERROR_REFUSED: an error reply, whose text is the message. REDTAIL_ERROR_UNEXPECTED: another reply, or bytes
/// after the reply. REDTAIL_ERROR_PROTOCOL or REDTAIL_ERROR_LIMIT: the bytes are no RESP. REDTAIL_ERROR_ARGUMENT: a
/// pointer is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_command_specs_learn(
    specs: *mut redtail_command_specs,
    reply: *const c_char,
    len: usize,
    learned: *mut usize,
) -> c_int {
    call!(specs, out learned; {
        specs.guard.clear();
        // SAFETY: as many readable bytes as len says, as the header asks.
        let Some(mut reply) = (unsafe { bytes(reply, len) }) else {
            return refuse(specs, REDTAIL_ERROR_ARGUMENT, "reply is NULL with a length, or exceeds memory");
        };
        let mut parser = FrameParser::new();
        let frame = match parser.next(&mut reply) {
            Ok(Status::Complete(frame)) => frame,
            Ok(Status::Incomplete { .. }) => return REDTAIL_NEED_MORE,
            Err(error) => {
                let status = protocol_status(&error.kind);
                return refuse(specs, status, error);
            }
        };
        if matches!(frame.kind(), Kind::Error | Kind::BulkError) {
            let text = String::from_utf8_lossy(frame.as_bytes().unwrap_or_default());
            return refuse(specs, REDTAIL_ERROR_REFUSED, text);
        }
        if frame.kind() != Kind::Array || !reply.is_empty() {
            return refuse(specs, REDTAIL_ERROR_UNEXPECTED, "this is not one reply to COMMAND INFO");
        }
        let mut count = 0;
        for entry in frame.items() {
            let name = entry.items().next().and_then(|name| name.as_bytes());
            if let (Some(name), Some(spec)) = (name, CommandSpec::read(entry)) {
                specs.specs.insert(name.to_ascii_lowercase(), spec);
                count += 1;
            }
        }
        learned.set(count);
        REDTAIL_OK
    })
}

/// As redtail_command_keys. A command that the tables do not have is looked up in the descriptions. Modules often
/// describe only the first of several keys.
///
/// Returns as redtail_command_keys: REDTAIL_UNKNOWN_KEYS for a command without a description.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_command_specs_keys(
    specs: *mut redtail_command_specs,
    args: *const redtail_slice,
    argc: usize,
    db: i64,
    keys: *mut redtail_key,
    capacity: usize,
    count: *mut usize,
) -> c_int {
    call!(specs, out count; {
        specs.guard.clear();
        // SAFETY: as many slices as argc says, each with its bytes, and room for the keys, as the header asks.
        let status = unsafe { write_keys(args, argc, db, keys, capacity, count, |name| specs.spec(name)) };
        match status {
            REDTAIL_ERROR_ARGUMENT => refuse(specs, status, "this is no command, no database, or no room for keys"),
            _ => status,
        }
    })
}

/// As redtail_command_is_write. A command that the tables do not have is looked up in the descriptions.
///
/// Returns as redtail_command_is_write: REDTAIL_UNKNOWN_KEYS for a command without a description.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_command_specs_is_write(
    specs: *mut redtail_command_specs,
    args: *const redtail_slice,
    argc: usize,
) -> c_int {
    let mut is_write = false;
    let status = call!(specs; {
        specs.guard.clear();
        // SAFETY: as many slices as argc says, each with its bytes, as the header asks.
        let Some(mut given) = (unsafe { GivenArgs::new(args, argc) }) else {
            return refuse(specs, REDTAIL_ERROR_ARGUMENT, "args is NULL, or argc is 0 or exceeds memory");
        };
        let spec = given.clone().next().and_then(|name| specs.spec(name));
        let found = KeyFinder::of_name(argc, &mut given).is_write();
        if given.is_wrong() {
            return refuse(specs, REDTAIL_ERROR_ARGUMENT, "an argument is NULL with a length, or exceeds memory");
        }
        match found.or(spec.map(CommandSpec::is_write)) {
            None => REDTAIL_UNKNOWN_KEYS,
            Some(found) => {
                is_write = found;
                REDTAIL_OK
            }
        }
    });
    if status == REDTAIL_OK as c_int { c_int::from(is_write) } else { status }
}

impl redtail_command_specs {
    pub(super) fn spec(&self, name: &[u8]) -> Option<&CommandSpec> {
        self.specs.get(name.to_ascii_lowercase().as_slice())
    }
}
