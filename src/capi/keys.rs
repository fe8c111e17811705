//! Keys: the arguments of a command that are keys, from the tables of the servers (Redis 6.2 to 8.12, Valkey 8.1 to
//! 9.2, the modules that ship with Redis 8)

use std::ffi::{c_char, c_int};

use crate::capi::basics::*;
use crate::capi::boundary::{Out, bytes, call, without_handle};
use crate::capi::given_args::GivenArgs;
use crate::capi::names::name_of;
use crate::replication::Databases;
use crate::resp::{Access, CommandSpec, KeyFinder, KeyIndex, Reach, find_keys, glob_matches};

/// What a command does to a key.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_access {
    /// The key is only read, such as the source of COPY.
    REDTAIL_ACCESS_READ = 0,
    /// The key may be created or changed. It may also be removed, for example with its last element.
    REDTAIL_ACCESS_WRITE = 1,
    /// The key is removed: by DEL, UNLINK, GETDEL, DELEX or DELIFEQ, or as the source of RENAME or MOVE.
    REDTAIL_ACCESS_REMOVED = 2,
}

use redtail_access::*;

/// The database of redtail_key for all databases.
pub const REDTAIL_ALL_DATABASES: i64 = -2;

/// A key that a command touches.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct redtail_key {
    /// The index of the argument. 0, the index of the name, for keys that the command does not name.
    pub index: usize,
    /// The database of the key; -1 while it is unknown; REDTAIL_ALL_DATABASES.
    pub db: i64,
    /// What the command does to the key: one of redtail_access.
    pub access: c_int,
    /// 0.
    pub reserved: c_int,
}

/// Determines the keys that a command touches. Writes them in the order of the arguments to keys, which has room for
/// capacity of them. Sets *count to the number of all keys. If it exceeds capacity, call again with more room. keys may
/// be NULL if capacity is 0.
///
/// args and argc: the complete command, for example of an event. db: the database that is selected for the command,
/// for example the db of the event; -1 if it is unknown. A key is an argument that is read or written as a key: source
/// and destination of a RENAME. MOVE has its key twice, in both databases; the target of COPY may be in another
/// database. The keys of a script or function are those that it declares.
///
/// Returns REDTAIL_OK for these keys and no others. REDTAIL_NONE: no key; *count is 0. REDTAIL_ALL_KEYS: keys that the
/// command does not name, such as those of FLUSHALL; each of *count entries is one of their databases, with index 0.
/// REDTAIL_UNKNOWN_KEYS: an unknown command (of a module that does not ship with Redis, renamed or newer) or an invalid
/// one; *count is 0. REDTAIL_ERROR_ARGUMENT if a pointer is NULL, argc is 0 or db is below -1. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_command_keys(
    args: *const redtail_slice,
    argc: usize,
    db: i64,
    keys: *mut redtail_key,
    capacity: usize,
    count: *mut usize,
) -> c_int {
    call!(; out count; {
        // SAFETY: as many slices as argc says, each with its bytes, and room for the keys, as the header asks.
        unsafe { write_keys(args, argc, db, keys, capacity, count, |_| None) }
    })
}

/// The body of redtail_command_keys. `spec` describes a command that the tables do not have.
///
/// # Safety
/// As [`GivenArgs::new`], and `keys` has room for `capacity` keys. Invalid pointers and lengths are rejected here.
pub(super) unsafe fn write_keys<'s>(
    args: *const redtail_slice,
    argc: usize,
    db: i64,
    keys: *mut redtail_key,
    capacity: usize,
    count: Out<usize>,
    spec: impl FnOnce(&[u8]) -> Option<&'s CommandSpec>,
) -> redtail_status {
    // SAFETY: as promised.
    let (Some(mut given), Some(mut room)) = (unsafe { (GivenArgs::new(args, argc), KeyRoom::new(keys, capacity, db)) })
    else {
        return REDTAIL_ERROR_ARGUMENT;
    };
    let mut all = given.clone();
    let spec = given.clone().next().and_then(spec);
    let finder = find_keys(argc, &mut given, spec);
    if given.is_wrong() {
        return REDTAIL_ERROR_ARGUMENT;
    }
    let status = match finder.reach().unwrap_or(Reach::Unknown) {
        Reach::Some => {
            finder.keys().for_each(|key| room.named(&key));
            REDTAIL_OK
        }
        Reach::None => REDTAIL_NONE,
        Reach::All => {
            let dbs = Databases::of(&mut all, u32::try_from(db).ok());
            if all.is_wrong() {
                return REDTAIL_ERROR_ARGUMENT;
            }
            room.unnamed(dbs);
            REDTAIL_ALL_KEYS
        }
        Reach::Unknown => REDTAIL_UNKNOWN_KEYS,
    };
    count.set(room.count());
    status
}

/// The caller's room for keys. Counts the keys that do not fit too.
pub(super) struct KeyRoom {
    keys: *mut redtail_key,
    capacity: usize,
    count: usize,
    /// The selected database; -1 if it is unknown.
    db: i64,
}

impl KeyRoom {
    /// `None` for an invalid pointer, length or database.
    ///
    /// # Safety
    /// `keys` has room for `capacity` keys while the result lives.
    pub(super) unsafe fn new(keys: *mut redtail_key, capacity: usize, db: i64) -> Option<Self> {
        let most = isize::MAX as usize / size_of::<redtail_key>();
        let has_room = capacity == 0 || (!keys.is_null() && keys.is_aligned() && capacity <= most);
        (has_room && (-1..=i64::from(u32::MAX)).contains(&db)).then_some(Self { keys, capacity, count: 0, db })
    }

    /// The number of keys, also of those without room.
    pub(super) const fn count(&self) -> usize {
        self.count
    }

    pub(super) fn named(&mut self, key: &KeyIndex) {
        let access = match key.access {
            Access::Read => REDTAIL_ACCESS_READ,
            Access::Write => REDTAIL_ACCESS_WRITE,
            Access::Removed => REDTAIL_ACCESS_REMOVED,
        };
        let db = key.db.map_or(self.db, i64::from);
        self.write(redtail_key { index: key.index, db, access: access as c_int, reserved: 0 });
    }

    /// Keys that the command does not name, in these databases.
    pub(super) fn unnamed(&mut self, dbs: Databases) {
        let mut entry =
            |db| self.write(redtail_key { index: 0, db, access: REDTAIL_ACCESS_WRITE as c_int, reserved: 0 });
        match dbs {
            Databases::All => entry(REDTAIL_ALL_DATABASES),
            Databases::Selected(db) => entry(db.map_or(-1, i64::from)),
            Databases::Two(first, second) => {
                entry(first.into());
                entry(second.into());
            }
        }
    }

    fn write(&mut self, key: redtail_key) {
        if self.count < self.capacity {
            // SAFETY: within the room that the caller of `new` promises.
            unsafe { self.keys.add(self.count).write(key) };
        }
        self.count += 1;
    }
}

/// Whether a command can change keys, functions or scripts: the server flags it as a write, or it is EVAL, FCALL,
/// SCRIPT LOAD or SCRIPT FLUSH. PUBLISH, SPUBLISH and PFCOUNT are no writes, although they are replicated. args and
/// argc: the complete command, for example of an event; only the first two arguments are read.
///
/// Returns 1 for a write, 0 for another command, REDTAIL_UNKNOWN_KEYS for an unknown command. REDTAIL_ERROR_ARGUMENT,
/// which is below 0, if args is NULL, argc is 0, or a required argument is an invalid slice. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_command_is_write(args: *const redtail_slice, argc: usize) -> c_int {
    let mut found = None;
    let status = without_handle(|| {
        // SAFETY: as many slices as argc says, each with its bytes, as the header asks.
        let Some(mut given) = (unsafe { GivenArgs::new(args, argc) }) else { return REDTAIL_ERROR_ARGUMENT };
        found = KeyFinder::of_name(argc, &mut given).is_write();
        if given.is_wrong() { REDTAIL_ERROR_ARGUMENT } else { REDTAIL_OK }
    });
    match found {
        _ if status < 0 => status,
        Some(is_write) => c_int::from(is_write),
        None => REDTAIL_UNKNOWN_KEYS as c_int,
    }
}

/// The name of a redtail_access: "read", "write" or "removed"; "unknown" for other numbers. Static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_access_name(access: c_int) -> *const c_char {
    name_of!(access, "REDTAIL_ACCESS_",
        REDTAIL_ACCESS_READ
        REDTAIL_ACCESS_WRITE
        REDTAIL_ACCESS_REMOVED
    )
}

/// Whether a whole key matches a pattern of KEYS and SCAN: * is any bytes, ? is one byte, [abc], [a-z] and [^x] are one
/// byte of a class, \ escapes a byte. The time is at most proportional to the product of both lengths. Any thread.
///
/// Returns 1 if it matches, else 0; REDTAIL_ERROR_ARGUMENT if a pointer is NULL and its length is not 0, or a length
/// exceeds memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_glob_matches(
    pattern: *const c_char,
    pattern_len: usize,
    key: *const c_char,
    key_len: usize,
) -> c_int {
    let mut is_match = false;
    let status = without_handle(|| {
        // SAFETY: the header asks for as many bytes.
        let (Some(pattern), Some(key)) = (unsafe { (bytes(pattern, pattern_len), bytes(key, key_len)) }) else {
            return REDTAIL_ERROR_ARGUMENT;
        };
        is_match = glob_matches(pattern, key);
        REDTAIL_OK
    });
    if status < 0 { status } else { c_int::from(is_match) }
}
