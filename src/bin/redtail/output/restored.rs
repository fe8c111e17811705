//! The key or the function libraries in the payload of a RESTORE.

use std::io::{self, Write};

use redtail::rdb::{Dump, Item, RdbError};
use redtail::resp::Part;

use crate::held_command::HeldCommand;
use crate::output::argument::Argument;
use crate::output::json_argument::push_argument;
use crate::output::keys::json::JsonKeys;
use crate::output::keys::text::TextKeys;
use crate::output::payload_command::{LONGEST_NAME, PayloadCommand};
use crate::output::quoting::Quoting;

/// The payload of a command with these arguments.
pub(super) fn payload<'a>(mut args: impl Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
    let name = args.next()?;
    // Most commands are decided by their name.
    if !PayloadCommand::may_be(name) {
        return None;
    }
    let second = args.next()?;
    // The name and the second argument have passed.
    args.nth(PayloadCommand::of(name, second)?.payload() - 2)
}

/// Appends the JSON field of a payload.
pub(super) fn push_json(line: &mut Vec<u8>, payload: &[u8], max_arg: u64) -> io::Result<()> {
    line.extend_from_slice(b",\"restored\":");
    let begin = line.len();
    match json(line, payload, max_arg)? {
        Ok(()) => Ok(()),
        Err(error) => {
            line.truncate(begin);
            line.extend_from_slice(b"{\"error\":");
            push_argument(line, Argument::Whole(describe(&error).as_bytes()))?;
            line.write_all(b"}")
        }
    }
}

/// Appends a payload as text.
pub(super) fn push_text(line: &mut Vec<u8>, payload: &[u8], max_arg: u64, quoting: Quoting) -> io::Result<()> {
    line.extend_from_slice(b" (restores");
    let begin = line.len();
    let mut keys = TextKeys::of_payload(max_arg, quoting);
    if let Err(error) = each(payload, |item| keys.item(item, line))? {
        line.truncate(begin);
        write!(line, " nothing readable: {}", describe(&error))?;
    }
    line.write_all(b")")
}

/// The payload of a command that arrives in parts.
#[derive(Debug, Default)]
pub(super) struct PayloadArgument {
    /// The name and the argument after it, if they are short.
    held: HeldCommand,
    /// The current argument is held.
    is_held: bool,
    index: usize,
    at: Option<usize>,
}

impl PayloadArgument {
    /// Reads the next part.
    pub(super) fn part(&mut self, part: &Part<'_>) {
        match *part {
            Part::Begin { .. } => (self.index, self.at, self.is_held) = (0, None, true),
            Part::Argument { index, length } => {
                (self.index, self.is_held) = (index, index < 2 && length <= LONGEST_NAME)
            }
            Part::Piece(_) | Part::End => {}
        }
        if self.is_held {
            self.held.part(part);
        }
        if self.index == 2
            && let Some(name) = self.held.arg(0)
        {
            let second = self.held.arg(1).unwrap_or_default();
            self.at = PayloadCommand::of(name, second).map(PayloadCommand::payload);
        }
    }

    /// Reads an argument. Returns it if it is the payload.
    pub(super) fn argument<'a>(&self, argument: Argument<'a>) -> Option<&'a [u8]> {
        match argument {
            Argument::Whole(bytes) if self.at == Some(self.index) => Some(bytes),
            _ => None,
        }
    }
}

fn json(line: &mut Vec<u8>, payload: &[u8], max_arg: u64) -> io::Result<Result<(), RdbError>> {
    let mut keys = JsonKeys::of_payload(max_arg);
    let outcome = each(payload, |item| keys.item(item, line))?;
    keys.end_payload(line)?;
    Ok(outcome)
}

fn each(payload: &[u8], mut take: impl FnMut(&Item<'_>) -> io::Result<()>) -> io::Result<Result<(), RdbError>> {
    let mut dump = match Dump::new(payload) {
        Ok(dump) => dump,
        Err(error) => return Ok(Err(error)),
    };
    loop {
        match dump.next_item() {
            Ok(Some(item)) => take(&item)?,
            Ok(None) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        }
    }
}

fn describe(error: &RdbError) -> String {
    format!("{}, at byte {} of the payload", error.kind, error.offset)
}
