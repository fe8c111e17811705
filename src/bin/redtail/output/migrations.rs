//! Marks the commands of slot migrations in the stream of a node.

use std::io::{self, Write};

use redtail::Event;
use redtail::resp::Part;
use redtail::topology::{Migration, MigrationTask, Migrations};

use crate::held_command::HeldCommand;

/// The migrations in a stream, with what a format prints about the current command.
#[derive(Debug, Default)]
pub(super) struct Marks {
    migrations: Migrations,
    /// The first arguments of a command that arrives in parts.
    held: HeldCommand,
    /// The current argument, and those after it, are not held.
    is_through: bool,
}

/// Enough arguments for every command that moves slots, and for the first key of every other. Of MSET the number is
/// odd.
const MOST: usize = 17;
/// Enough bytes for the slots of every migration.
const LONGEST: u64 = 128 << 10;

/// Prints a migration in a format.
pub(super) type MarkWriter = fn(&mut Vec<u8>, &Migration<'_>) -> io::Result<()>;

impl Marks {
    /// Reads the next event, and prints the migration of its command to `mark`. The mark of a command in parts is
    /// printed with the last part.
    pub(super) fn event(&mut self, event: &Event<'_>, print: MarkWriter, mark: &mut Vec<u8>) -> io::Result<()> {
        mark.clear();
        let migration = match event {
            Event::Command(command) | Event::Control(command) => self.migrations.next(command),
            Event::Part(part) => {
                match part.part {
                    Part::Begin { .. } => self.is_through = false,
                    Part::Argument { index, length } => self.is_through |= index >= MOST || length > LONGEST,
                    Part::Piece(_) | Part::End => {}
                }
                if !self.is_through {
                    self.held.part(&part.part);
                }
                match part.part {
                    Part::End => self.migrations.next_of_args(self.held.args()),
                    _ => None,
                }
            }
            Event::Gap(_) | Event::SnapshotBegin(_) => {
                self.migrations.clear();
                None
            }
            _ => None,
        };
        migration.map_or(Ok(()), |migration| print(mark, &migration))
    }
}

/// `(migration begins, import of 0-2000, task 99ab, from a267, to 37bc)`, `(migration imported, task 99ab)`
pub(super) fn print_text(mark: &mut Vec<u8>, migration: &Migration<'_>) -> io::Result<()> {
    write!(mark, "(migration {}", migration.as_str())?;
    let mut id = |name, id: &str| if id.is_empty() { Ok(()) } else { write!(mark, ", {name} {id}") };
    match migration {
        Migration::Imported(task) => id("task", task.id)?,
        Migration::Begins(task) | Migration::Ends(task) | Migration::Failed(task) => {
            id(task.side.as_str(), &format!("of {}", task.slots))?;
            id("task", task.id)?;
            id("from", task.source)?;
            id("to", task.target)?;
        }
        _ => {}
    }
    mark.write_all(b")")
}

/// `,"migration":"begins","task":{"id":"99ab","source":"a267","target":"37bc","side":"import","slots":"0-2000"}`
pub(super) fn print_json(mark: &mut Vec<u8>, migration: &Migration<'_>) -> io::Result<()> {
    write!(mark, ",\"migration\":\"{}\"", migration.as_str())?;
    let Some(MigrationTask { id, source, target, side, slots, .. }) = migration.task() else { return Ok(()) };
    // Ids are letters and digits.
    write!(mark, ",\"task\":{{\"id\":\"{id}\",\"source\":\"{source}\",\"target\":\"{target}\"")?;
    write!(mark, ",\"side\":\"{}\",\"slots\":\"{slots}\"}}", side.as_str())
}
