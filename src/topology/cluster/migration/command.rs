//! The commands of a slot migration, each by its own.

use std::borrow::Cow;

use crate::topology::cluster::slots::Slots;

/// The relation of a command to a slot migration. No client has sent such a command.
///
/// [`Migrations`](crate::topology::Migrations) recognises these commands in the stream of a shard. The shard that gives
/// slots away may delete the keys with DEL or UNLINK, like any client. `docs/slot-migration.md` of the repository lists
/// all commands of a migration.
///
/// ```
/// use redtail::Command;
/// use redtail::topology::{Migration, Migrations};
///
/// fn is_from_a_client(migrations: &mut Migrations, command: &Command<'_>) -> bool {
///     match migrations.next(command) {
///         Some(Migration::Imported(task)) => {
///             println!("a write of the shard {}", task.source);
///             false
///         }
///         Some(_) => false,
///         None => true,
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Migration<'a> {
    /// A key arrives with its value: RESTORE-ASKING, which MIGRATE sends (`redis-cli --cluster reshard` before Redis
    /// 8.10).
    Key(&'a [u8]),
    /// A task begins to move slots (Valkey 9: `CLUSTER SYNCSLOTS ESTABLISH`; Redis 8.4: `CLUSTER SYNCSLOTS CONF
    /// ASM-TASK`, state `connecting` on the target and `wait-rdbchannel` on the source). On the target, all writes to
    /// these slots are from the other shard until the task ends: first its data, then its clients' writes.
    Begins(MigrationTask<'a>),
    /// The task has ended, and the slots have moved (`CLUSTER SYNCSLOTS FINISH`, or the state `completed`).
    Ends(MigrationTask<'a>),
    /// The task has failed or was cancelled (`CLUSTER SYNCSLOTS FINISH`, or the state `failed`). On the target, the
    /// keys that it has imported are void. Redis retries a failed task under the same id: it begins again.
    Failed(MigrationTask<'a>),
    /// A write to a slot that a task is importing: a key of the other shard, or a write of the other shard's clients.
    /// It is void if the task fails.
    Imported(MigrationTask<'a>),
    /// All keys of these slots are deleted, without a command for each (`TRIMSLOTS`, Redis 8.4): on the source after a
    /// task has ended, on the target after a task has failed.
    Trimmed(Slots),
    /// Another command between the nodes: any other `CLUSTER` command.
    Message,
}

/// A task of the servers that moves slots from one shard to another.
///
/// Text that the server has not sent is empty.
///
/// ```
/// use redtail::topology::Migration;
///
/// # fn react(migration: Migration<'_>) {
/// if let Migration::Begins(task) = migration {
///     println!("task {}: slots {}", task.id, task.slots);
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrationTask<'a> {
    /// The id of the task: 40 hexadecimal digits.
    pub id: &'a str,
    /// Whether the slots arrive in this stream's shard, or leave it.
    pub side: MigrationSide,
    /// The id of the node that gives the slots away.
    pub source: &'a str,
    /// The id of the node that receives the slots. Valkey does not send it: it is a node of this stream's shard.
    pub target: &'a str,
    /// The slots.
    pub slots: Cow<'a, Slots>,
}

/// The role of a stream's shard in a migration.
///
/// ```
/// # use redtail::topology::{Migration, MigrationSide};
/// fn gives_slots_away(migration: &Migration<'_>) -> bool {
///     migration.task().is_some_and(|task| task.side == MigrationSide::Migrate)
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MigrationSide {
    /// The shard receives the slots.
    Import,
    /// The shard gives the slots away. Writes to them in its stream are its clients'.
    Migrate,
}

impl MigrationSide {
    /// `import` or `migrate`, as Redis names them.
    ///
    /// ```
    /// assert_eq!(redtail::topology::MigrationSide::Import.as_str(), "import");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Migrate => "migrate",
        }
    }
}

impl<'a> Migration<'a> {
    /// The term for it in the tool's JSON lines and the bridges' messages: `key`, `begins`, `ends` (the slots have
    /// moved), `failed` (the slots have not moved), `imported`, `trimmed`, `message`.
    ///
    /// ```
    /// # use redtail::topology::Migration;
    /// assert_eq!(Migration::Key(b"k").as_str(), "key");
    /// ```
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Begins(_) => "begins",
            Self::Ends(_) => "ends",
            Self::Failed(_) => "failed",
            Self::Imported(_) => "imported",
            Self::Trimmed(_) => "trimmed",
            Self::Message => "message",
        }
    }

    /// The task of the migration, if the command belongs to one.
    pub const fn task(&self) -> Option<&MigrationTask<'a>> {
        match self {
            Self::Begins(task) | Self::Ends(task) | Self::Failed(task) | Self::Imported(task) => Some(task),
            Self::Key(_) | Self::Trimmed(_) | Self::Message => None,
        }
    }

    /// Whether a command with this name may have a meaning of its own. Nearly all have none.
    #[inline]
    pub(super) fn may_be(name: &[u8]) -> bool {
        matches!(name.first().map(|first| first | 0x20), Some(b'r' | b't' | b'c'))
    }

    /// The meaning of a command with these arguments, as far as the command alone shows it.
    pub(super) fn alone(mut args: impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let name = args.next()?;
        // Nearly all commands end here.
        match name.first()? | 0x20 {
            b'r' if name.eq_ignore_ascii_case(b"RESTORE-ASKING") => args.next().map(Self::Key),
            b't' if name.eq_ignore_ascii_case(b"TRIMSLOTS") => {
                // RANGES, their number, the ranges.
                let args: Vec<_> = args.skip(2).collect();
                Some(Self::Trimmed(ranges(&args)))
            }
            b'c' if name.eq_ignore_ascii_case(b"CLUSTER") => Some(Self::message(&args.collect::<Vec<_>>())),
            _ => None,
        }
    }

    /// The meaning of the arguments after CLUSTER.
    fn message(args: &[&'a [u8]]) -> Self {
        let after = |word: &[u8]| args.iter().position(|arg| arg.eq_ignore_ascii_case(word)).map(|at| at + 1);
        let value = |word: &[u8]| after(word).and_then(|at| args.get(at)).copied();
        let is = |at: usize, word: &[u8]| args.get(at).is_some_and(|arg| arg.eq_ignore_ascii_case(word));
        if !is(0, b"SYNCSLOTS") {
            return Self::Message;
        }
        let task = |id: &'a [u8]| {
            Some(MigrationTask {
                id: name(id)?,
                side: MigrationSide::Import,
                source: value(b"SOURCE").map_or(Some(""), name)?,
                target: "",
                slots: Cow::Owned(ranges(after(b"SLOTSRANGE").and_then(|at| args.get(at..)).unwrap_or_default())),
            })
        };
        let found = match (value(b"NAME"), value(b"STATE")) {
            (Some(id), _) if is(1, b"ESTABLISH") => task(id).map(Self::Begins),
            (Some(id), Some(state)) if is(1, b"FINISH") && state.eq_ignore_ascii_case(b"SUCCESS") => {
                task(id).map(Self::Ends)
            }
            (Some(id), Some(_)) if is(1, b"FINISH") => task(id).map(Self::Failed),
            _ if is(1, b"CONF") && is(2, b"ASM-TASK") => args.get(3).and_then(|task| Self::of_task(task)),
            _ => None,
        };
        found.unwrap_or(Self::Message)
    }

    /// The state of a task of Redis: `id:source:target:side:state:slots`, with spaces between ranges.
    pub(super) fn of_task(text: &'a [u8]) -> Option<Self> {
        let mut fields = std::str::from_utf8(text).ok()?.split(':');
        let mut next = || fields.next();
        let (id, source, target) = (next()?, next()?, next()?);
        let side = match next()? {
            "import" => MigrationSide::Import,
            "migrate" => MigrationSide::Migrate,
            _ => return None,
        };
        let (state, slots) = (next()?, next()?);
        let slots = slots.split([' ', ',']).filter_map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            Some((first.parse().ok()?, last.parse().ok()?))
        });
        let slots = Cow::Owned(Slots::from_ranges(slots));
        let task = MigrationTask {
            id: name(id.as_bytes())?,
            side,
            source: name(source.as_bytes())?,
            target: name(target.as_bytes())?,
            slots,
        };
        match (side, state) {
            (_, "completed") => Some(Self::Ends(task)),
            (_, "failed" | "canceled") => Some(Self::Failed(task)),
            (MigrationSide::Import, "connecting") | (MigrationSide::Migrate, "wait-rdbchannel") => {
                Some(Self::Begins(task))
            }
            _ => None,
        }
    }
}

/// The slot that the next keys of a snapshot of slots are in: `CLUSTER SYNCSLOTS CONF SLOT-INFO slot:keys:expires`.
pub(super) fn announced_slot<'a>(args: impl Iterator<Item = &'a [u8]>) -> Option<u16> {
    let mut args = args.skip(1);
    let words: [&[u8]; 3] = [b"SYNCSLOTS", b"CONF", b"SLOT-INFO"];
    let matches = words.iter().all(|word| args.next().is_some_and(|arg| arg.eq_ignore_ascii_case(word)));
    let info = args.next().filter(|_| matches)?;
    std::str::from_utf8(info).ok()?.split(':').next()?.parse().ok()
}

/// An id of a task or a node. Anything else does not come from a server, and is not printed.
fn name(text: &[u8]) -> Option<&str> {
    std::str::from_utf8(text).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// The ranges in a list of their first and last slots.
fn ranges(bounds: &[&[u8]]) -> Slots {
    let numbers: Vec<u16> = bounds.iter().map_while(|bound| std::str::from_utf8(bound).ok()?.parse().ok()).collect();
    Slots::from_ranges(numbers.chunks_exact(2).filter_map(|pair| pair.first().copied().zip(pair.last().copied())))
}
