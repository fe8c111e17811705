//! Moving slots: commands of a cluster that are not from clients

use std::ffi::{CString, c_char, c_int};

use crate::capi::basics::*;
use crate::capi::boundary::{Guard, Guarded, Out, call, make, refuse, release, there};
use crate::capi::given_args::GivenArgs;
use crate::capi::names::name_of;
use crate::capi::text::c_text;
use crate::topology::{Migration, MigrationSide, MigrationTask, Migrations};

/// The relation of a command to moving slots.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_migration {
    /// None: a client's command. (The shard that gives slots away may delete their keys with an ordinary DEL or
    /// UNLINK.)
    REDTAIL_MIGRATION_NONE = 0,
    /// A key arrives: argument 1, with its value (RESTORE-ASKING).
    REDTAIL_MIGRATION_KEY = 1,
    /// A task begins to move slots (Valkey 9: CLUSTER SYNCSLOTS ESTABLISH; Redis 8.4: CLUSTER SYNCSLOTS CONF ASM-TASK).
    /// On the side IMPORT, all writes to these slots are from the other shard until the task ends.
    REDTAIL_MIGRATION_BEGINS = 2,
    /// The task has ended, and the slots have moved.
    REDTAIL_MIGRATION_ENDS = 3,
    /// The task has failed or was cancelled. The keys that it has imported are void. Redis retries a failed task under
    /// the same id: it begins again.
    REDTAIL_MIGRATION_FAILED = 4,
    /// All keys of slots were removed, without a command for each (Redis 8.4: TRIMSLOTS RANGES count first last
    /// ...).
    REDTAIL_MIGRATION_TRIMMED = 5,
    /// Any other message between nodes: a command that begins with CLUSTER.
    REDTAIL_MIGRATION_MESSAGE = 6,
    /// A write to a slot that a task is importing: a key of the other shard, or a write of the other shard's clients.
    /// It is void if the task fails.
    REDTAIL_MIGRATION_IMPORTED = 7,
}

/// The role of the shard in a migration.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_migration_side {
    /// The command belongs to no task.
    REDTAIL_MIGRATION_SIDE_NONE = 0,
    /// The shard receives the slots.
    REDTAIL_MIGRATION_SIDE_IMPORT = 1,
    /// The shard gives the slots away. Writes to them are its clients'.
    REDTAIL_MIGRATION_SIDE_MIGRATE = 2,
}

use redtail_migration::*;
use redtail_migration_side::*;

/// The task of a command: for BEGINS, ENDS, FAILED and IMPORTED. Texts end with a NUL and are never NULL. Text that the
/// server has not sent is "". Valid until the next call on the redtail_migrations.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct redtail_migration_task {
    /// One of redtail_migration_side.
    pub side: c_int,
    /// The id of the task: 40 hexadecimal digits.
    pub id: *const c_char,
    /// The id of the node that gives the slots away.
    pub source: *const c_char,
    /// The id of the node that receives the slots. Valkey does not send it: it is a node of this shard.
    pub target: *const c_char,
    /// The slots, for example 0-5460,7365.
    pub slots: *const c_char,
}

/// Recognises the commands of moving slots in the stream of one shard. One thread at a time.
pub struct redtail_migrations {
    guard: Guard,
    migrations: Migrations,
    /// Id, source, target and slots of the last task.
    texts: [CString; 4],
}

impl Guarded for redtail_migrations {
    fn guard(&mut self) -> &mut Guard {
        &mut self.guard
    }
}

/// Creates a handle that knows no task. Returns NULL only if memory is exhausted.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_migrations_new() -> *mut redtail_migrations {
    make(|| {
        Some(redtail_migrations {
            guard: Guard::new(),
            migrations: Migrations::new(),
            texts: <[CString; 4]>::default(),
        })
    })
}

/// Frees the handle. NULL does nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_migrations_free(migrations: *mut redtail_migrations) {
    // SAFETY: NULL, or from _new and not used again.
    unsafe { release(migrations) }
}

/// The message of the last failure; otherwise "". Never NULL. Valid until the next call on the handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_migrations_message(migrations: *const redtail_migrations) -> *const c_char {
    // SAFETY: NULL, or a handle that lives.
    unsafe { there(migrations) }.map_or(c"the handle is NULL".as_ptr(), |migrations| migrations.guard.message())
}

/// Determines the relation of the next command of the shard's stream to moving slots. Pass every command, in order: the
/// slots that a task imports are known from the command that begins it. args and argc: the complete command, for
/// example of an event. Writes the task of the command to *task; task may be NULL.
///
/// Returns one of redtail_migration, or a redtail_status below 0: REDTAIL_ERROR_ARGUMENT if args is NULL, argc is 0, or
/// an argument is an invalid slice.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_migrations_next(
    migrations: *mut redtail_migrations,
    args: *const redtail_slice,
    argc: usize,
    task: *mut redtail_migration_task,
) -> c_int {
    let mut found_kind = REDTAIL_MIGRATION_NONE;
    let status = call!(migrations; {
        migrations.guard.clear();
        let out = Out::new(task);
        if out.is_none() && !task.is_null() {
            return refuse(migrations, REDTAIL_ERROR_ARGUMENT, "the pointer task is misaligned");
        }
        // SAFETY: as many slices as argc says, each with its bytes, as the header asks.
        let Some(given) = (unsafe { GivenArgs::new(args, argc) }) else {
            return refuse(migrations, REDTAIL_ERROR_ARGUMENT, "args is NULL, or argc is 0 or exceeds memory");
        };
        let mut all = given.clone();
        all.by_ref().for_each(drop);
        if all.is_wrong() {
            return refuse(migrations, REDTAIL_ERROR_ARGUMENT, "an argument is NULL with a length, or exceeds memory");
        }
        let found = migrations.migrations.next_of_args(given);
        found_kind = found.as_ref().map_or(REDTAIL_MIGRATION_NONE, kind);
        if let Some(out) = out {
            let side = found.as_ref().and_then(Migration::task).map(|task| {
                migrations.texts = texts(task);
                side(task.side)
            });
            if side.is_none() {
                migrations.texts = <[CString; 4]>::default();
            }
            let [id, source, target, slots] = migrations.texts.each_ref().map(|text| text.as_ptr());
            out.set(redtail_migration_task {
                side: side.unwrap_or(REDTAIL_MIGRATION_SIDE_NONE) as c_int, id, source, target, slots,
            });
        }
        REDTAIL_OK
    });
    if status < 0 { status } else { found_kind as c_int }
}

/// Forgets all tasks. Call it for a gap and at the begin of a snapshot: commands are missing in the stream.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn redtail_migrations_clear(migrations: *mut redtail_migrations) -> c_int {
    call!(migrations; {
        migrations.guard.clear();
        migrations.migrations.clear();
        REDTAIL_OK
    })
}

fn texts(task: &MigrationTask<'_>) -> [CString; 4] {
    [c_text(task.id), c_text(task.source), c_text(task.target), c_text(&task.slots)]
}

const fn side(side: MigrationSide) -> redtail_migration_side {
    match side {
        MigrationSide::Import => REDTAIL_MIGRATION_SIDE_IMPORT,
        MigrationSide::Migrate => REDTAIL_MIGRATION_SIDE_MIGRATE,
    }
}

const fn kind(migration: &Migration<'_>) -> redtail_migration {
    match migration {
        Migration::Key(_) => REDTAIL_MIGRATION_KEY,
        Migration::Begins(_) => REDTAIL_MIGRATION_BEGINS,
        Migration::Ends(_) => REDTAIL_MIGRATION_ENDS,
        Migration::Failed(_) => REDTAIL_MIGRATION_FAILED,
        Migration::Imported(_) => REDTAIL_MIGRATION_IMPORTED,
        Migration::Trimmed(_) => REDTAIL_MIGRATION_TRIMMED,
        Migration::Message => REDTAIL_MIGRATION_MESSAGE,
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
        REDTAIL_MIGRATION_MESSAGE
        REDTAIL_MIGRATION_IMPORTED
    )
}

/// The name of a redtail_migration_side, for example "import"; "unknown" for other numbers. Static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_migration_side_name(side: c_int) -> *const c_char {
    name_of!(side, "REDTAIL_MIGRATION_SIDE_",
        REDTAIL_MIGRATION_SIDE_NONE
        REDTAIL_MIGRATION_SIDE_IMPORT
        REDTAIL_MIGRATION_SIDE_MIGRATE
    )
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    #[test]
    fn migrations_have_the_names_of_the_library() {
        let mut migrations = Migrations::new();
        let conf = "CLUSTER SYNCSLOTS CONF ASM-TASK x:y:z:";
        for text in [
            "RESTORE-ASKING k 0 v",
            &format!("{conf}import:connecting:0"),
            "SET {06S} v",
            &format!("{conf}import:completed:0"),
            &format!("{conf}migrate:failed:0"),
            "TRIMSLOTS RANGES 1 0 0",
            "CLUSTER",
        ] {
            let args: Vec<_> = text.split(' ').map(str::as_bytes).collect();
            let found = migrations.next_of_args(args.into_iter());
            let found = found.unwrap_or_else(|| panic!("{text}"));
            // SAFETY: static texts.
            let name = |name| unsafe { CStr::from_ptr(name) }.to_str();
            assert_eq!(name(redtail_migration_name(kind(&found) as c_int)), Ok(found.as_str()));
            if let Some(task) = found.task() {
                let number = side(task.side) as c_int;
                assert_eq!(name(redtail_migration_side_name(number)), Ok(task.side.as_str()));
            }
        }
    }
}
