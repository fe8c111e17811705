//! Slot migrations in the stream of a shard.

mod command;

use std::borrow::Cow;

pub use command::{Migration, MigrationSide, MigrationTask};

use crate::resp::{Command, Reach, find_keys};
use crate::topology::cluster::migration::command::announced_slot;
use crate::topology::cluster::slots::{Slots, slot};

/// Recognises the commands of slot migrations in the stream of one shard, or in the append-only files of its node.
///
/// Pass every command of the stream to [`next`](Self::next), in order: the slots that a task imports are known from the
/// command that begins it. After a [`Gap`](crate::Gap) or at the begin of a snapshot call [`clear`](Self::clear).
/// Tasks that began before the first command are unknown until a command names them or their slots.
///
/// ```
/// # use redtail::topology::{Migration, Migrations};
/// let mut migrations = Migrations::new();
/// let mut next = |text: &str| {
///     let args: Vec<&[u8]> = text.split(' ').map(str::as_bytes).collect();
///     migrations.next_of_args(args.iter().copied()).map(|migration| migration.as_str())
/// };
/// assert_eq!(next("SET {06S} v"), None);
/// assert_eq!(next("CLUSTER SYNCSLOTS CONF ASM-TASK 99ab:a267:37bc:import:connecting:0-9"), Some("begins"));
/// assert_eq!(next("SET {06S} v"), Some("imported")); // {06S} is in slot 0
/// assert_eq!(next("SET a v"), None);
/// assert_eq!(next("CLUSTER SYNCSLOTS CONF ASM-TASK 99ab:a267:37bc:import:failed:0-9"), Some("failed"));
/// assert_eq!(next("TRIMSLOTS RANGES 1 0 9"), Some("trimmed"));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Migrations {
    /// The tasks that import slots now. No slot is in two of them, and each has one.
    imports: Vec<Import>,
    /// The task that has ended last.
    ended: Import,
}

#[derive(Debug, Clone, Default)]
struct Import {
    /// Empty if the command that began the task is unknown.
    id: String,
    source: String,
    target: String,
    slots: Slots,
    /// The functions of the other shard arrive next.
    awaits_functions: bool,
}

impl Import {
    fn task(&self) -> MigrationTask<'_> {
        let (id, source, target) = (&self.id, &self.source, &self.target);
        MigrationTask { id, side: MigrationSide::Import, source, target, slots: Cow::Borrowed(&self.slots) }
    }
}

impl Migrations {
    /// No task is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The relation of the next command of the stream to slot migrations; `None` for a client's command.
    #[inline]
    pub fn next<'a>(&'a mut self, command: &Command<'a>) -> Option<Migration<'a>> {
        if self.imports.is_empty() && !Migration::may_be(command.name()) {
            return None;
        }
        self.next_of_args(command.args())
    }

    /// The same for a command's arguments, its name first.
    pub fn next_of_args<'a>(
        &'a mut self,
        args: impl ExactSizeIterator<Item = &'a [u8]> + Clone,
    ) -> Option<Migration<'a>> {
        match Migration::alone(args.clone()) {
            None if self.imports.is_empty() => None,
            None => self.importing(args).map(|import| Migration::Imported(import.task())),
            Some(Migration::Begins(task)) if task.side == MigrationSide::Import => {
                self.begin(&task);
                Some(Migration::Begins(task))
            }
            Some(Migration::Ends(task)) if task.side == MigrationSide::Import => Some(Migration::Ends(self.end(task))),
            Some(Migration::Failed(task)) if task.side == MigrationSide::Import => {
                Some(Migration::Failed(self.end(task)))
            }
            Some(Migration::Message) => {
                if let Some(slot) = announced_slot(args) {
                    self.announced(slot);
                }
                Some(Migration::Message)
            }
            other => other,
        }
    }

    /// Forgets all tasks: commands are missing between the last command and the next.
    pub fn clear(&mut self) {
        self.imports.clear();
    }

    fn begin(&mut self, task: &MigrationTask<'_>) {
        self.forget(&task.slots);
        if !task.slots.is_empty() {
            let [id, source, target] = [task.id, task.source, task.target].map(str::to_owned);
            // The name of the target is Redis's: Valkey moves no functions.
            let awaits_functions = !target.is_empty();
            self.imports.push(Import { id, source, target, slots: task.slots.as_ref().clone(), awaits_functions });
        }
    }

    /// The task with everything that is known of it.
    fn end<'a>(&'a mut self, task: MigrationTask<'a>) -> MigrationTask<'a> {
        let known = self.imports.iter().position(|import| import.id == task.id);
        let known = known.map(|at| self.imports.remove(at));
        self.forget(&task.slots);
        match known {
            Some(known) if task.slots.is_empty() => {
                self.ended = known;
                MigrationTask { id: task.id, ..self.ended.task() }
            }
            _ => task,
        }
    }

    /// These slots are imported by no task.
    fn forget(&mut self, slots: &Slots) {
        self.imports.retain_mut(|import| {
            import.slots = import.slots.without(slots);
            !import.slots.is_empty()
        });
    }

    /// Keys of this slot arrive. The task is unknown if it began before the first command.
    fn announced(&mut self, slot: u16) {
        self.imports.iter_mut().for_each(|import| import.awaits_functions = false);
        if self.imports.iter().any(|import| import.slots.contains(slot)) {
            return;
        }
        match self.imports.iter_mut().find(|import| import.id.is_empty()) {
            Some(import) => {
                let ranges = import.slots.ranges().iter().copied();
                import.slots = Slots::from_ranges(ranges.chain([(slot, slot)]));
            }
            None => self.imports.push(Import { slots: Slots::from_ranges([(slot, slot)]), ..Import::default() }),
        }
    }

    /// The task that imports the key of this command. All keys of a command are in one slot.
    fn importing<'a>(&mut self, args: impl ExactSizeIterator<Item = &'a [u8]> + Clone) -> Option<&Import> {
        let finder = find_keys(args.len(), args.clone(), None);
        let at = match finder.reach() {
            Some(Reach::Some) => {
                let slot = slot(args.clone().nth(finder.keys().next()?.index)?);
                self.imports.iter().position(|import| import.slots.contains(slot))?
            }
            Some(Reach::None) => {
                let mut args = args;
                let mut is = |word: &[u8]| args.next().is_some_and(|arg| arg.eq_ignore_ascii_case(word));
                if !(is(b"FUNCTION") && is(b"RESTORE")) {
                    return None;
                }
                let at = self.imports.iter().position(|import| import.awaits_functions)?;
                self.imports.get_mut(at)?.awaits_functions = false;
                at
            }
            _ => return None,
        };
        self.imports.get(at)
    }
}
