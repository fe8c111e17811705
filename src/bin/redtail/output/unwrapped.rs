//! Writes that a KeyDB active replica wraps in RREPLAY. Filters and formats get the commands inside.

use std::fmt::Display;
use std::str;

use redtail::replication::Wrapped;
use redtail::resp::Part;
use redtail::{Command, CommandParser, Event, Limits, Status, StreamPart};

use crate::failure::Failure;
use crate::held_command::{HeldCommand, PartsState};
use crate::terminal::log;

/// The limit for a wrapped write that arrives in parts, in bytes. It is held, because its database follows it.
const LONGEST: u64 = 64 << 20;

const NAME: &[u8] = b"RREPLAY";

/// A command inside of a wrapped write.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct WrapContext<'a> {
    /// The server that a client sent the write to.
    pub(super) origin: &'a str,
    /// The number of commands before this one in the same write.
    pub(super) nth: u32,
}

/// Prints an event. Returns whether the event is printed.
pub(super) trait PrintEvent: FnMut(&Event<'_>, Option<WrapContext<'_>>) -> Result<bool, Failure> {}

impl<P: FnMut(&Event<'_>, Option<WrapContext<'_>>) -> Result<bool, Failure>> PrintEvent for P {}

impl<'a> WrapContext<'a> {
    fn of(wrapped: &Wrapped<'a>) -> Self {
        Self { origin: str::from_utf8(wrapped.origin).unwrap_or_default(), nth: 0 }
    }
}

/// Opens wrapped writes.
#[derive(Debug, Default)]
pub(super) struct Unwrapper {
    has_warned: bool,
    /// A command that arrives in parts: until its name is complete, and to its end if the name is RREPLAY.
    held: HeldCommand,
    state: PartsState,
}

impl Unwrapper {
    /// Passes the event to `print`, or the commands inside of it as events.
    pub(super) fn event(&mut self, event: &Event<'_>, print: &mut impl PrintEvent) -> Result<bool, Failure> {
        let command = match event {
            Event::Command(command) | Event::Multi(command) | Event::Exec(command) | Event::Control(command) => command,
            Event::Part(part) => return self.part(part, print),
            Event::Disconnected(_) => {
                self.state = PartsState::Printing;
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
        let mut inside = WrapContext::of(&wrapped);
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

    fn part(&mut self, part: &StreamPart<'_>, print: &mut impl PrintEvent) -> Result<bool, Failure> {
        if let Part::Begin { .. } = part.part {
            self.state = PartsState::Holding;
        }
        if self.state == PartsState::Printing {
            return print(&Event::Part(*part), None);
        }
        let is_name = self.held.part(&part.part) == Some(0);
        if self.held.size() > LONGEST {
            log::say(
                "an RREPLAY of more than 64 MiB arrives: its write is not opened, and the RREPLAY is printed as it is",
            );
            return self.print_held(part, print);
        }
        if is_name && !self.held.arg(0).is_some_and(|name| name.eq_ignore_ascii_case(NAME)) {
            return self.print_held(part, print);
        }
        if part.part != Part::End {
            return Ok(false);
        }
        self.state = PartsState::Printing;
        let bytes = self.held.encoded();
        self.held.clear();
        whole(&bytes, part, print)
    }

    /// Prints the held parts, of which `last` is the last one. The rest of the command follows as it arrives.
    fn print_held(&mut self, last: &StreamPart<'_>, print: &mut impl PrintEvent) -> Result<bool, Failure> {
        self.state = PartsState::Printing;
        let mut each = *last;
        each.offset = None;
        let mut is_printed = false;
        for part in self.held.parts() {
            each.part = part;
            is_printed = print(&Event::Part(each), None)?;
        }
        self.held.clear();
        Ok(is_printed)
    }
}

/// Prints the commands inside of a complete command as parts.
fn whole(bytes: &[u8], end: &StreamPart<'_>, print: &mut impl PrintEvent) -> Result<bool, Failure> {
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
        let mut inside = WrapContext::of(&wrapped);
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
    (limits.command, limits.bulk) = (LONGEST * 2, LONGEST);
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
