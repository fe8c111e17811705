//! `--keys`: the JSON field with the keys of a command.

use std::io;

use redtail::Command;
use redtail::resp::{self, KeyFinder, Part, Reach};

use crate::output::argument::Argument;
use crate::output::json_argument::push_argument;

const NONE: &[u8] = b",\"keys\":[]";
const ALL: &[u8] = b",\"keys\":[],\"all_keys\":true";
const UNKNOWN: &[u8] = b",\"keys\":null";

/// Appends the field of a complete command.
pub(super) fn push(line: &mut Vec<u8>, command: &Command<'_>, max_arg: u64) -> io::Result<()> {
    match command.keys() {
        resp::Keys::None => line.extend_from_slice(NONE),
        resp::Keys::All => line.extend_from_slice(ALL),
        resp::Keys::Unknown => line.extend_from_slice(UNKNOWN),
        resp::Keys::Some(keys) => {
            line.extend_from_slice(b",\"keys\":[");
            for (count, (_, key)) in keys.enumerate() {
                if count > 0 {
                    line.push(b',');
                }
                push_argument(line, Argument::of(key, max_arg))?;
            }
            line.push(b']');
        }
    }
    Ok(())
}

/// The keys of a command that arrives in parts. They are printed after its arguments, and are held until then.
#[derive(Debug, Default)]
pub(super) struct CommandKeys {
    finder: KeyFinder,
    /// They are too long to hold.
    is_long: bool,
    line: Vec<u8>,
}

/// The limit for held keys, as JSON, in bytes.
const MOST: usize = 1 << 20;

impl CommandKeys {
    /// Reads the next part.
    pub(super) fn part(&mut self, part: &Part<'_>) {
        self.finder.part(part);
        if let Part::Begin { .. } = part {
            self.is_long = false;
            self.line.clear();
            self.line.shrink_to(MOST);
        }
    }

    /// Reads the argument that the last part has completed.
    pub(super) fn argument(&mut self, argument: Argument<'_>) -> io::Result<()> {
        if !self.finder.is_key() || self.is_long {
            return Ok(());
        }
        let length = if let Argument::Whole(bytes) = argument { bytes.len() } else { 0 };
        if self.line.len().saturating_add(length) > MOST {
            self.is_long = true;
            return Ok(());
        }
        if !self.line.is_empty() {
            self.line.push(b',');
        }
        push_argument(&mut self.line, argument)
    }

    /// Appends the field after the last part.
    pub(super) fn push(&self, line: &mut Vec<u8>) {
        match self.finder.reach() {
            Some(Reach::None) => line.extend_from_slice(NONE),
            Some(Reach::All) => line.extend_from_slice(ALL),
            Some(Reach::Some) if !self.is_long => {
                line.extend_from_slice(b",\"keys\":[");
                line.extend_from_slice(&self.line);
                line.push(b']');
            }
            _ => line.extend_from_slice(UNKNOWN),
        }
    }
}
