//! Keys of commands in parts: the arguments that are keys, while the command arrives
//!
//! Pass each part of the command in order: redtail_key_finder_begin for PART_BEGIN, redtail_key_finder_argument for
//! PART_ARGUMENT, redtail_key_finder_piece for PART_PIECE, redtail_key_finder_end for PART_END. An argument is known to
//! be a key when it begins, before its bytes arrive.

use std::ffi::{c_char, c_int};
use std::rc::Rc;

use crate::capi::basics::*;
use crate::capi::boundary::{Guard, Guarded, bytes, call, make, refuse, release, there};
use crate::capi::command_specs::redtail_command_specs;
use crate::capi::keys::{KeyRoom, redtail_key};
use crate::replication::Databases;
use crate::resp::{CommandSpec, KeyFinder, Part, Reach};

/// Finds the keys of commands that arrive in parts. One thread at a time.
pub struct redtail_key_finder {
    guard: Guard,
    /// Before `spec`, which it may refer to.
    finder: KeyFinder<'static>,
    spec: Option<Rc<CommandSpec>>,
    /// The name of the command. Longer names are in no description.
    name: Vec<u8>,
    state: FinderState,
}

/// Which part may follow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum FinderState {
    /// The begin of a command.
    Ended,
    /// The argument with this index.
    Between { next: usize, argc: usize },
    /// A piece of the argument before `next`, with this number of missing bytes.
    Within { next: usize, argc: usize, missing: u64 },
}

/// The longest name that is looked up in descriptions, in bytes.
const LONGEST_NAME: u64 = 64;

impl Guarded for redtail_key_finder {
    fn guard(&mut self) -> &mut Guard {
        &mut self.guard
    }
}

/// Creates a finder. Returns NULL only if memory is exhausted.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_key_finder_new() -> *mut redtail_key_finder {
    make(|| {
        let (finder, name) = (KeyFinder::new(), Vec::new());
        Some(redtail_key_finder { guard: Guard::new(), finder, spec: None, name, state: FinderState::Ended })
    })
}

/// Frees the finder. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_key_finder_free(finder: *mut redtail_key_finder) {
    // SAFETY: NULL, or from _new and not used again.
    unsafe { release(finder) }
}

/// The message of the last failure; otherwise "". Never NULL. Valid until the next call on the finder.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_key_finder_message(finder: *const redtail_key_finder) -> *const c_char {
    // SAFETY: NULL, or a finder that lives.
    unsafe { there(finder) }.map_or(c"the finder is NULL".as_ptr(), |finder| finder.guard.message())
}

/// A command of argc arguments begins, its name included: PART_BEGIN. Everything of an earlier command is forgotten,
/// also if it is incomplete.
///
/// Returns REDTAIL_OK. REDTAIL_ERROR_ARGUMENT if the finder is NULL or argc is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_key_finder_begin(finder: *mut redtail_key_finder, argc: usize) -> c_int {
    call!(finder; {
        finder.guard.clear();
        if argc == 0 {
            return refuse(finder, REDTAIL_ERROR_ARGUMENT, "a command has at least one argument, its name");
        }
        finder.finder.part(&Part::Begin { argc });
        (finder.spec, finder.state) = (None, FinderState::Between { next: 0, argc });
        finder.name.clear();
        REDTAIL_OK
    })
}

/// The next argument begins, of this length in bytes: PART_ARGUMENT.
///
/// Returns 1 if the argument is a key, otherwise 0. Some exceptions are known only at the end of a command: of several
/// STORE options of SORT or GEORADIUS the last one counts, and the empty third argument of MIGRATE with KEYS is no key.
/// Below 0: REDTAIL_ERROR_STATE if no argument can begin here, because the argument before is incomplete or the command
/// has no more; REDTAIL_ERROR_ARGUMENT if the finder is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_key_finder_argument(finder: *mut redtail_key_finder, length: u64) -> c_int {
    let mut is_key = false;
    let status = call!(finder; {
        finder.guard.clear();
        let (index, argc) = match finder.state {
            FinderState::Between { next, argc } if next < argc => (next, argc),
            FinderState::Between { .. } => {
                return refuse(finder, REDTAIL_ERROR_STATE, "the command has no more arguments");
            }
            FinderState::Within { .. } => {
                return refuse(finder, REDTAIL_ERROR_STATE, "the argument before is incomplete");
            }
            FinderState::Ended => return refuse(finder, REDTAIL_ERROR_STATE, "no command has begun"),
        };
        finder.finder.part(&Part::Argument { index, length });
        let next = index + 1;
        finder.state = match length {
            0 => FinderState::Between { next, argc },
            missing => FinderState::Within { next, argc, missing },
        };
        is_key = finder.finder.is_key();
        REDTAIL_OK
    });
    if status < 0 { status } else { c_int::from(is_key) }
}

/// The next bytes of the argument: PART_PIECE.
///
/// Returns REDTAIL_OK. REDTAIL_ERROR_STATE if the argument has fewer bytes left, or none has begun;
/// REDTAIL_ERROR_ARGUMENT if data is NULL with a length, or the finder is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_key_finder_piece(
    finder: *mut redtail_key_finder,
    data: *const c_char,
    len: usize,
) -> c_int {
    call!(finder; {
        finder.guard.clear();
        // SAFETY: as many readable bytes as len says, as the header asks.
        let Some(piece) = (unsafe { bytes(data, len) }) else {
            return refuse(finder, REDTAIL_ERROR_ARGUMENT, "data is NULL with a length, or exceeds memory");
        };
        let FinderState::Within { next, argc, missing } = finder.state else {
            return refuse(finder, REDTAIL_ERROR_STATE, "no argument is incomplete");
        };
        let Some(left) = missing.checked_sub(piece.len() as u64) else {
            return refuse(finder, REDTAIL_ERROR_STATE, "the piece is longer than the rest of the argument");
        };
        if next == 1 && missing.saturating_add(finder.name.len() as u64) <= LONGEST_NAME {
            finder.name.extend_from_slice(piece);
        }
        finder.finder.part(&Part::Piece(piece));
        finder.state = match left {
            0 => FinderState::Between { next, argc },
            missing => FinderState::Within { next, argc, missing },
        };
        REDTAIL_OK
    })
}

/// The command is complete: PART_END.
///
/// Returns REDTAIL_OK. REDTAIL_ERROR_STATE if the command lacks arguments or bytes; REDTAIL_ERROR_ARGUMENT if the
/// finder is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_key_finder_end(finder: *mut redtail_key_finder) -> c_int {
    call!(finder; {
        finder.guard.clear();
        match finder.state {
            FinderState::Between { next, argc } if next == argc => {}
            _ => return refuse(finder, REDTAIL_ERROR_STATE, "the command is incomplete"),
        }
        finder.finder.part(&Part::End);
        finder.state = FinderState::Ended;
        REDTAIL_OK
    })
}

/// Uses a server's description of the command, if the tables do not have the command. Call it after the name, before
/// the next argument begins. The descriptions are not used after this call.
///
/// Returns REDTAIL_OK if a description is used. REDTAIL_NONE if the tables have the command, or the descriptions do
/// not. REDTAIL_ERROR_STATE at any other point of a command; REDTAIL_ERROR_ARGUMENT if finder or specs is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_key_finder_learn(
    finder: *mut redtail_key_finder,
    specs: *const redtail_command_specs,
) -> c_int {
    call!(finder; {
        finder.guard.clear();
        // SAFETY: NULL, or a handle that lives.
        let Some(specs) = (unsafe { there(specs) }) else {
            return refuse(finder, REDTAIL_ERROR_ARGUMENT, "the pointer specs is NULL");
        };
        if !matches!(finder.state, FinderState::Between { next: 1, .. }) {
            return refuse(finder, REDTAIL_ERROR_STATE, "a description is looked up after the name of a command");
        }
        let is_unknown = finder.finder.reach() == Some(Reach::Unknown) && finder.finder.is_write().is_none();
        let Some(spec) = specs.spec(&finder.name).filter(|_| is_unknown) else { return REDTAIL_NONE };
        let spec = Rc::new(*spec);
        // SAFETY: the finder refers to it until the next command begins. `spec` of this handle keeps it until then, at
        // the same address, and nobody writes to it.
        finder.finder.learn(unsafe { &*Rc::as_ptr(&spec) });
        finder.spec = Some(spec);
        REDTAIL_OK
    })
}

/// Whether no argument after the one that began last is a key.
///
/// Returns 1 or 0. REDTAIL_ERROR_ARGUMENT, which is below 0, if the finder is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_key_finder_is_done(finder: *mut redtail_key_finder) -> c_int {
    let mut is_done = false;
    let status = call!(finder; {
        is_done = finder.finder.is_done();
        REDTAIL_OK
    });
    if status < 0 { status } else { c_int::from(is_done) }
}

/// Whether the command can change keys, functions or scripts, as redtail_command_is_write.
///
/// Returns 1 for a write, 0 for another command, REDTAIL_UNKNOWN_KEYS for an unknown command and before the end of its
/// name. REDTAIL_ERROR_ARGUMENT, which is below 0, if the finder is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_key_finder_is_write(finder: *mut redtail_key_finder) -> c_int {
    let mut is_write = None;
    let status = call!(finder; {
        is_write = finder.finder.is_write();
        REDTAIL_OK
    });
    match is_write {
        _ if status < 0 => status,
        Some(is_write) => c_int::from(is_write),
        None => REDTAIL_UNKNOWN_KEYS as c_int,
    }
}

/// The keys known so far, as redtail_command_keys delivers them; after redtail_key_finder_end all keys. db: the
/// selected database, -1 if it is unknown. keys has room for capacity of them and may be NULL if capacity is 0. Sets
/// *count to the number of all.
///
/// Returns REDTAIL_OK, REDTAIL_NONE, REDTAIL_ALL_KEYS (with one entry, for all databases) or REDTAIL_UNKNOWN_KEYS as
/// redtail_command_keys. REDTAIL_NEED_MORE: the arguments so far do not tell; *count is 0. REDTAIL_ERROR_ARGUMENT if a
/// pointer is NULL or db is below -1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_key_finder_keys(
    finder: *mut redtail_key_finder,
    db: i64,
    keys: *mut redtail_key,
    capacity: usize,
    count: *mut usize,
) -> c_int {
    call!(finder, out count; {
        finder.guard.clear();
        // SAFETY: room for as many keys as capacity says, as the header asks.
        let Some(mut room) = (unsafe { KeyRoom::new(keys, capacity, db) }) else {
            return refuse(finder, REDTAIL_ERROR_ARGUMENT, "this is no database, or no room for keys");
        };
        let status = match finder.finder.reach() {
            None => REDTAIL_NEED_MORE,
            Some(Reach::Unknown) => REDTAIL_UNKNOWN_KEYS,
            Some(Reach::None) => REDTAIL_NONE,
            Some(Reach::All) => {
                room.unnamed(Databases::All);
                REDTAIL_ALL_KEYS
            }
            Some(Reach::Some) => {
                finder.finder.keys().for_each(|key| room.named(&key));
                REDTAIL_OK
            }
        };
        count.set(room.count());
        status
    })
}
