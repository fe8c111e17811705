//! Writes that a KeyDB active replica wraps in RREPLAY. Filters and formats get the commands inside.

use std::fmt::Display;
use std::str;

use redtail::replication::Wrapped;
use redtail::resp::Part;
use redtail::{Command, CommandParser, Event, Limits, Status, StreamPart};

use crate::failure::Failure;
use crate::terminal::log;

/// The limit for a wrapped write that arrives in parts, in bytes. It is held, because its database follows it.
const LONGEST: usize = 64 << 20;

const NAME: &[u8] = b"RREPLAY";

/// A command inside of a wrapped write.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Inside<'a> {
    /// The server that a client sent the write to.
    pub(super) origin: &'a str,
    /// The number of commands before this one in the same write.
    pub(super) nth: u32,
}

/// Prints an event. Returns whether the event is printed.
pub(super) trait Print: FnMut(&Event<'_>, Option<Inside<'_>>) -> Result<bool, Failure> {}

impl<P: FnMut(&Event<'_>, Option<Inside<'_>>) -> Result<bool, Failure>> Print for P {}

impl<'a> Inside<'a> {
    fn of(wrapped: &Wrapped<'a>) -> Self {
        Self { origin: str::from_utf8(wrapped.origin).unwrap_or_default(), nth: 0 }
    }
}

/// Opens wrapped writes.
#[derive(Debug, Default)]
pub(super) struct Unwrapper {
    has_warned: bool,
    parts: HeldCommand,
}

/// A command that arrives in parts. Held until its name is complete, and to its end if the name is RREPLAY.
#[derive(Debug, Default)]
struct HeldCommand {
    state: PartState,
    /// The bytes of the command.
    bytes: Vec<u8>,
    argc: usize,
    /// The beginning and the length of the name in `bytes`.
    name: (usize, u64),
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum PartState {
    #[default]
    Passing,
    Name,
    Wrapped,
}

impl Unwrapper {
    /// Passes the event to `print`, or the commands inside of it as events.
    pub(super) fn event(&mut self, event: &Event<'_>, print: &mut impl Print) -> Result<bool, Failure> {
        let command = match event {
            Event::Command(command) | Event::Multi(command) | Event::Exec(command) | Event::Control(command) => command,
            Event::Part(part) => return self.part(part, print),
            Event::Disconnected(_) => {
                self.parts.state = PartState::Passing;
                return print(event, None);
            }
            event => return print(event, None),
        };
        let Some(wrapped) = command.is(NAME).then(|| Wrapped::of(command)).flatten() else { return print(event, None) };
        if let Err(invalid) = check(wrapped.commands) {
            say_invalid(command.offset, &invalid);
            let mut command = *command;
            command.db = wrapped.db.or(command.db);
            return print(&Event::Command(command), None);
        }
        let mut inside = Inside::of(&wrapped);
        let mut is_printed = false;
        each::<Failure>(wrapped.commands, wrapped.db, |inner, db| {
            let is_border = inner.is(b"MULTI") || inner.is(b"EXEC");
            let inner = command.containing(inner, db);
            let event = match event {
                Event::Multi(_) => Event::Multi(inner),
                Event::Exec(_) => Event::Exec(inner),
                Event::Control(_) => Event::Control(inner),
                _ if is_border => {
                    self.warn();
                    return Ok(());
                }
                _ => Event::Command(inner),
            };
            is_printed |= print(&event, Some(inside))?;
            inside.nth += 1;
            Ok(())
        })?;
        Ok(is_printed)
    }

    fn warn(&mut self) {
        if !std::mem::replace(&mut self.has_warned, true) {
            log::say(
                "two servers have a transaction at the same time, and only the first one is printed as a transaction: \
                 the commands of the other one are printed one by one",
            );
        }
    }

    fn part(&mut self, part: &StreamPart<'_>, print: &mut impl Print) -> Result<bool, Failure> {
        let held = &mut self.parts;
        if let Part::Begin { .. } = part.part {
            held.state = PartState::Name;
            held.bytes.clear();
            held.bytes.shrink_to(1 << 20);
        }
        if held.state == PartState::Passing {
            return print(&Event::Part(*part), None);
        }
        if held.is_full(&part.part) {
            held.state = PartState::Passing;
            log::say(
                "an RREPLAY of more than 64 MiB arrives: its write is not opened, and the RREPLAY is printed as it is",
            );
            let is_printed = held.print(part, print)?;
            return Ok(print(&Event::Part(*part), None)? || is_printed);
        }
        held.push(&part.part);
        match (held.state, part.part) {
            (PartState::Name, _) if held.has_name() => {
                if held.name().eq_ignore_ascii_case(NAME) {
                    held.state = PartState::Wrapped;
                    return Ok(false);
                }
                held.state = PartState::Passing;
                held.print(part, print)
            }
            (PartState::Wrapped, Part::End) => {
                held.state = PartState::Passing;
                let bytes = std::mem::take(&mut held.bytes);
                let outcome = whole(&bytes, part, print);
                self.parts.bytes = bytes;
                outcome
            }
            _ => Ok(false),
        }
    }
}

/// Prints the commands inside of a complete command as parts.
fn whole(bytes: &[u8], end: &StreamPart<'_>, print: &mut impl Print) -> Result<bool, Failure> {
    let mut is_printed = false;
    each::<Failure>(bytes, end.db, |command, db| {
        let wrapped = Wrapped::of(&command);
        let checked = wrapped.map(|wrapped| check(wrapped.commands).map(|()| wrapped));
        let wrapped = match checked {
            Some(Ok(wrapped)) => wrapped,
            other => {
                if let Some(Err(invalid)) = other {
                    say_invalid(end.offset.unwrap_or_default(), &invalid);
                }
                let db = wrapped.and_then(|wrapped| wrapped.db).or(db);
                is_printed |= as_parts(&command, end, db, &mut |event| print(event, None))?;
                return Ok(());
            }
        };
        let mut inside = Inside::of(&wrapped);
        each::<Failure>(wrapped.commands, wrapped.db, |inner, db| {
            is_printed |= as_parts(&inner, end, db, &mut |event| print(event, Some(inside)))?;
            inside.nth += 1;
            Ok(())
        })
    })?;
    Ok(is_printed)
}

fn as_parts(
    command: &Command<'_>,
    end: &StreamPart<'_>,
    db: Option<u32>,
    print: &mut impl FnMut(&Event<'_>) -> Result<bool, Failure>,
) -> Result<bool, Failure> {
    let mut each = *end;
    (each.db, each.offset) = (db, None);
    let mut part = |part| {
        each.part = part;
        print(&Event::Part(each))
    };
    part(Part::Begin { argc: command.argc() })?;
    for (index, argument) in command.args().enumerate() {
        part(Part::Argument { index, length: argument.len() as u64 })?;
        if !argument.is_empty() {
            part(Part::Piece(argument))?;
        }
    }
    each.offset = end.offset;
    each.part = Part::End;
    print(&Event::Part(each))
}

/// Passes the commands of a write to `take`, each with its database: `db` until a SELECT.
fn each<E: From<String>>(
    commands: &[u8],
    mut db: Option<u32>,
    mut take: impl FnMut(Command<'_>, Option<u32>) -> Result<(), E>,
) -> Result<(), E> {
    let mut limits = Limits::default();
    (limits.command, limits.bulk) = (LONGEST as u64 * 2, LONGEST as u64);
    let mut parser = CommandParser::stream().with_limits(limits);
    let mut rest = commands;
    loop {
        match parser.next(&mut rest) {
            Ok(Status::Complete(command)) if command.is(b"SELECT") => {
                let number = command.arg(1).and_then(|number| str::from_utf8(number).ok()?.parse().ok());
                db = Some(number.ok_or_else(|| invalid("a SELECT without a database"))?);
            }
            Ok(Status::Complete(command)) => take(command, db)?,
            Ok(Status::Incomplete { .. }) if rest.is_empty() => return Ok(()),
            Ok(Status::Incomplete { .. }) => return Err(invalid("it ends inside a command")),
            Err(error) => return Err(invalid(error)),
        }
    }
}

/// Whether [`each`] can pass all commands of a write.
fn check(commands: &[u8]) -> Result<(), String> {
    each(commands, None, |_, _| Ok(()))
}

fn invalid<E: From<String>>(message: impl Display) -> E {
    format!("the write inside of an RREPLAY is invalid: {message}").into()
}

fn say_invalid(offset: u64, message: &str) {
    log::say(format_args!("offset {offset}: {message}; the RREPLAY is printed as it is"));
}

impl HeldCommand {
    fn push(&mut self, part: &Part<'_>) {
        match *part {
            Part::Begin { argc } => {
                self.argc = argc;
                self.name = (0, u64::MAX);
                self.bytes.extend_from_slice(format!("*{argc}").as_bytes());
            }
            Part::Argument { index, length } => {
                self.bytes.extend_from_slice(format!("\r\n${length}\r\n").as_bytes());
                if index == 0 {
                    self.name = (self.bytes.len(), length);
                }
            }
            Part::Piece(bytes) => self.bytes.extend_from_slice(bytes),
            Part::End => self.bytes.extend_from_slice(b"\r\n"),
        }
    }

    /// Whether this part does not fit.
    fn is_full(&self, part: &Part<'_>) -> bool {
        matches!(part, Part::Piece(bytes) if self.bytes.len().saturating_add(bytes.len()) > LONGEST)
    }

    /// Prints the held beginning of a command. `last`: its last part, or the one behind it.
    fn print(&self, last: &StreamPart<'_>, print: &mut impl Print) -> Result<bool, Failure> {
        let mut each = *last;
        each.offset = None;
        let mut part = |part| {
            each.part = part;
            print(&Event::Part(each), None)
        };
        let mut is_printed = part(Part::Begin { argc: self.argc })?;
        let mut rest = self.bytes.get(1 + self.argc.to_string().len()..).unwrap_or_default();
        let mut index = 0;
        while let Some((length, behind)) = argument(rest) {
            is_printed = part(Part::Argument { index, length })?;
            let (piece, behind) = behind.split_at(usize::try_from(length).unwrap_or(usize::MAX).min(behind.len()));
            if !piece.is_empty() {
                is_printed = part(Part::Piece(piece))?;
            }
            (index, rest) = (index + 1, behind);
        }
        Ok(is_printed)
    }

    fn has_name(&self) -> bool {
        self.name().len() as u64 == self.name.1
    }

    fn name(&self) -> &[u8] {
        self.bytes.get(self.name.0..).filter(|_| self.name.1 != u64::MAX).unwrap_or_default()
    }
}

/// The length of the argument that begins here, and the bytes behind its line.
fn argument(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let line = bytes.strip_prefix(b"\r\n$")?;
    let (digits, rest) = line.split_at_checked(line.iter().position(|&byte| byte == b'\r')?)?;
    Some((str::from_utf8(digits).ok()?.parse().ok()?, rest.strip_prefix(b"\r\n")?))
}
