//! `--keys`: the JSON fields with the keys of a command.

use std::io::{self, Write};
use std::ops::Range;

use redtail::StreamCommand;
use redtail::replication::{Databases, Touches};
use redtail::resp::{Access, KeyFinder, Part, Reach};

use crate::output::argument::Argument;
use crate::output::json_argument::push_argument;
use crate::target::command_specs;

const NONE: &[u8] = b",\"keys\":[]";
const UNKNOWN: &[u8] = b",\"keys\":null";

/// Appends the fields of a complete command.
pub(super) fn push(line: &mut Vec<u8>, command: &StreamCommand<'_>, max_arg: u64) -> io::Result<()> {
    let is_write = command.is_write();
    if is_write.is_none()
        && let Some(found) = command_specs::keys_of(command)
    {
        push_is_write(line, found.is_write)?;
        return push_keys(line, found.keys.iter().map(|&(_, key, access)| (key, command.db, access)), max_arg);
    }
    push_is_write(line, is_write)?;
    match command.touches() {
        Touches::None => line.extend_from_slice(NONE),
        Touches::All(dbs) => push_all(line, dbs)?,
        Touches::Unknown => line.extend_from_slice(UNKNOWN),
        Touches::Keys(keys) => push_keys(line, keys.map(|touch| (touch.key, touch.db, touch.access)), max_arg)?,
    }
    Ok(())
}

fn push_keys<'a>(
    line: &mut Vec<u8>,
    keys: impl Iterator<Item = (&'a [u8], Option<u32>, Access)>,
    max_arg: u64,
) -> io::Result<()> {
    line.extend_from_slice(b",\"keys\":[");
    for (count, (key, db, access)) in keys.enumerate() {
        push_comma(line, count);
        line.extend_from_slice(b"{\"key\":");
        push_argument(line, Argument::of(key, max_arg))?;
        push_touch(line, db, access)?;
    }
    line.push(b']');
    Ok(())
}

fn push_is_write(line: &mut Vec<u8>, is_write: Option<bool>) -> io::Result<()> {
    match is_write {
        Some(is_write) => write!(line, ",\"write\":{is_write}"),
        None => line.write_all(b",\"write\":null"),
    }
}

/// The databases whose keys the command does not name, or `true` for all databases.
fn push_all(line: &mut Vec<u8>, dbs: Databases) -> io::Result<()> {
    line.extend_from_slice(NONE);
    match dbs {
        Databases::Selected(Some(db)) => write!(line, ",\"all_keys\":[{db}]"),
        Databases::Two(first, second) => write!(line, ",\"all_keys\":[{first},{second}]"),
        Databases::All | Databases::Selected(None) => line.write_all(b",\"all_keys\":true"),
    }
}

fn push_comma(line: &mut Vec<u8>, count: usize) {
    if count > 0 {
        line.push(b',');
    }
}

fn push_touch(line: &mut Vec<u8>, db: Option<u32>, access: Access) -> io::Result<()> {
    match db {
        Some(db) => write!(line, ",\"db\":{db}")?,
        None => line.extend_from_slice(b",\"db\":null"),
    }
    write!(line, ",\"access\":\"{}\"}}", access.as_str())
}

/// The keys of a command that arrives in parts. They are printed after its arguments, and are held until then.
#[derive(Debug, Default)]
pub(super) struct CommandKeys {
    finder: KeyFinder<'static>,
    /// They are too long to hold.
    is_long: bool,
    /// The index of each key, and its JSON in `texts`.
    held: Vec<(usize, Range<usize>)>,
    texts: Vec<u8>,
    is_write: Option<bool>,
}

/// The limit for held keys, in bytes.
const MOST: usize = 1 << 20;

impl CommandKeys {
    /// Reads the next part.
    pub(super) fn part(&mut self, part: &Part<'_>) {
        self.finder.part(part);
        if let Part::Begin { .. } = part {
            self.is_long = false;
            self.held.clear();
            self.held.shrink_to(1 << 10);
            self.texts.clear();
            self.texts.shrink_to(MOST);
            self.is_write = None;
        }
    }

    /// Reads the argument that the last part has completed.
    pub(super) fn argument(&mut self, index: u64, argument: Argument<'_>) -> io::Result<()> {
        if let (0, Argument::Whole(name)) = (index, argument)
            && self.finder.reach() == Some(Reach::Unknown)
            && let Some(spec) = command_specs::find(name)
        {
            self.finder.learn(spec);
        }
        self.is_write = self.finder.is_write();
        if !self.finder.is_key() || self.is_long {
            return Ok(());
        }
        let length = if let Argument::Whole(bytes) = argument { bytes.len() } else { 0 };
        let held = self.texts.len() + self.held.len() * size_of::<(usize, Range<usize>)>();
        if held.saturating_add(length) > MOST {
            self.is_long = true;
            return Ok(());
        }
        let from = self.texts.len();
        push_argument(&mut self.texts, argument)?;
        self.held.push((index.try_into().unwrap_or(usize::MAX), from..self.texts.len()));
        Ok(())
    }

    /// Appends the fields after the last part. `db` is the selected database.
    pub(super) fn push(&self, line: &mut Vec<u8>, db: Option<u32>) -> io::Result<()> {
        push_is_write(line, self.is_write)?;
        match self.finder.reach() {
            Some(Reach::None) => line.extend_from_slice(NONE),
            // No such command with a database arrives in parts.
            Some(Reach::All) => push_all(line, Databases::All)?,
            Some(Reach::Some) if !self.is_long => {
                line.extend_from_slice(b",\"keys\":[");
                let mut held = self.held.iter().peekable();
                for (count, key) in self.finder.keys().enumerate() {
                    while held.next_if(|(index, _)| *index < key.index).is_some() {}
                    let text = held.peek().and_then(|(_, text)| self.texts.get(text.clone()));
                    push_comma(line, count);
                    line.extend_from_slice(b"{\"key\":");
                    line.extend_from_slice(text.unwrap_or(b"null"));
                    push_touch(line, key.db.or(db), key.access)?;
                }
                line.push(b']');
            }
            _ => line.extend_from_slice(UNKNOWN),
        }
        Ok(())
    }
}
