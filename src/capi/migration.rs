//! Moving slots: commands of a cluster that are not from clients

use std::ffi::{c_char, c_int};

use crate::capi::basics::*;
use crate::capi::boundary::without_handle;
use crate::capi::given_args::GivenArgs;
use crate::capi::names::name_of;
use crate::topology::Migration;

/// The relation of a command to moving slots.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_migration {
    /// None that the command shows: it may be from a client. (The shard that gives slots away deletes their
    /// keys with an ordinary DEL or UNLINK.)
    REDTAIL_MIGRATION_NONE = 0,
    /// A key arrives: argument 1, with its value (RESTORE-ASKING).
    REDTAIL_MIGRATION_KEY = 1,
    /// A migration job begins: keys of its slots arrive (Valkey 9: CLUSTER SYNCSLOTS ESTABLISH; the arguments after
    /// SLOTSRANGE are the first and last slot of each range). Until the job ends, writes to keys of these slots are
    /// from the other shard.
    REDTAIL_MIGRATION_BEGINS = 2,
    /// The job has ended, and the slots have moved (CLUSTER SYNCSLOTS FINISH; NAME identifies the job).
    REDTAIL_MIGRATION_ENDS = 3,
    /// The job has ended, and the slots have not moved. The keys that the job delivered are void.
    REDTAIL_MIGRATION_FAILED = 4,
    /// All keys of slots were removed, without a command for each (Redis 8.4: TRIMSLOTS RANGES count first last
    /// ...).
    REDTAIL_MIGRATION_TRIMMED = 5,
    /// Any other message between nodes: a command that begins with CLUSTER.
    REDTAIL_MIGRATION_WORD = 6,
}

use redtail_migration::*;

/// Determines the relation of a command to moving slots. args and argc: the complete command, for example of an
/// event.
///
/// Returns one of redtail_migration; REDTAIL_ERROR_ARGUMENT, which is below 0, if args is NULL, argc is 0, or a
/// required argument is an invalid slice. Any thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_command_migration(args: *const redtail_slice, argc: usize) -> c_int {
    let mut told = REDTAIL_MIGRATION_NONE;
    let status = without_handle(|| {
        // SAFETY: as many slices as argc says, each with its bytes, as the header asks.
        let Some(mut given) = (unsafe { GivenArgs::new(args, argc) }) else { return REDTAIL_ERROR_ARGUMENT };
        told = Migration::of_args(&mut given).map_or(REDTAIL_MIGRATION_NONE, |migration| kind(&migration));
        if given.is_wrong() { REDTAIL_ERROR_ARGUMENT } else { REDTAIL_OK }
    });
    if status < 0 { status } else { told as c_int }
}

const fn kind(migration: &Migration<'_>) -> redtail_migration {
    match migration {
        Migration::Key(_) => REDTAIL_MIGRATION_KEY,
        Migration::Begins { .. } => REDTAIL_MIGRATION_BEGINS,
        Migration::Ends { moved: true, .. } => REDTAIL_MIGRATION_ENDS,
        Migration::Ends { moved: false, .. } => REDTAIL_MIGRATION_FAILED,
        Migration::Trimmed(_) => REDTAIL_MIGRATION_TRIMMED,
        Migration::Word => REDTAIL_MIGRATION_WORD,
    }
}

/// The name of a redtail_migration, as in the JSON output of the tool, for example "begins"; "unknown" for other
/// numbers. Static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_migration_name(migration: c_int) -> *const c_char {
    name_of!(migration, "REDTAIL_MIGRATION_",
        REDTAIL_MIGRATION_NONE
        REDTAIL_MIGRATION_KEY
        REDTAIL_MIGRATION_BEGINS
        REDTAIL_MIGRATION_ENDS
        REDTAIL_MIGRATION_FAILED
        REDTAIL_MIGRATION_TRIMMED
        REDTAIL_MIGRATION_WORD
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topology::Slots;

    #[test]
    fn migrations_have_the_names_of_the_library() {
        let slots = Slots::default();
        let all = [
            Migration::Key(b""),
            Migration::Begins { job: b"", source: b"", slots: slots.clone() },
            Migration::Ends { job: b"", moved: true },
            Migration::Ends { job: b"", moved: false },
            Migration::Trimmed(slots),
            Migration::Word,
        ];
        for migration in &all {
            let name = redtail_migration_name(kind(migration) as c_int);
            // SAFETY: a text that lives for ever.
            assert_eq!(unsafe { std::ffi::CStr::from_ptr(name) }.to_str(), Ok(migration.as_str()));
        }
    }
}
