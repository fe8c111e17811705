//! `--target-version`: the commands of the output, in the dialect of the target.
//!
//! Everything that prints commands writes to this writer. One table (`table.rs`) has the commands
//! that may change; all others pass as they arrive.

mod flowing;
mod payload;
mod rewrites;
mod table;

use std::io::{self, Write};

use redtail::owned::OwnedCommand;
use redtail::resp::{Part, PartsItem, PartsParser, Status};
use redtail::{Command, Limits, Server};

use crate::held_command::{HeldCommand, PartsState, write_argument, write_end};
use crate::output::dialect::flowing::{Flowing, Outcome};
use crate::output::keys::command::write;
use crate::output::keys::resp::RespKeys;
use crate::output::payload_command::PayloadCommand;
use crate::releases::has_command;
use crate::terminal::log;
use table::{Instead, Row, When};

/// The bytes held of a command until its form is known.
const MOST_HELD: u64 = 64 << 20;

/// A command with a longer argument, or of more bytes than a few of these, is read in parts.
const SHORT: u64 = 64 << 10;

/// No command has a longer name, with what a held argument takes in addition to its length.
const LONGEST_NAME: u64 = 64;

/// A writer of commands. Without a target it passes everything on.
pub(super) struct Dialect<W> {
    to: W,
    translator: Option<Translator>,
}

impl<W: Write> Dialect<W> {
    pub(super) fn new(to: W, target: Option<Server>) -> Self {
        Self { to, translator: target.map(Translator::new) }
    }
}

impl<W> Dialect<W> {
    /// The output ends. Says how much of it the target may refuse.
    pub(super) fn finish(&self) {
        let Some(Translator { commands, .. }) = &self.translator else { return };
        if commands.unchanged > 0 {
            log::say(format_args!(
                "{} commands of more than {} MiB are printed unchanged: {} may refuse them",
                commands.unchanged,
                MOST_HELD >> 20,
                commands.rewriter.target_name()
            ));
        }
    }
}

impl<W: Write> Write for Dialect<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.translator {
            None => self.to.write_all(bytes),
            Some(translator) => translator.feed(bytes, &mut self.to),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Reads commands as they are written, and writes those of the target.
struct Translator {
    parser: PartsParser,
    /// The bytes of a part or a command that is incomplete.
    unread: Vec<u8>,
    commands: CommandTranslator,
}

/// Translates whole commands, and commands in parts.
struct CommandTranslator {
    rewriter: Rewriter,
    /// A command that arrives in parts.
    held: HeldCommand,
    state: PartsState,
    /// The rewriting of a command that is too large to hold.
    flowing: Option<Flowing>,
    /// The number of commands that are too large to rewrite.
    unchanged: u64,
}

impl Translator {
    fn new(target: Server) -> Self {
        let mut limits = Limits::default();
        (limits.bulk, limits.command, limits.arguments) = (u64::MAX, SHORT, u64::MAX);
        Self {
            parser: PartsParser::stream(Some(SHORT)).with_limits(limits),
            unread: Vec::new(),
            commands: CommandTranslator {
                rewriter: Rewriter { target, messages: Vec::new(), keys: RespKeys::of_payloads() },
                held: HeldCommand::default(),
                state: PartsState::Printing,
                flowing: None,
                unchanged: 0,
            },
        }
    }

    fn feed(&mut self, bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
        if self.unread.is_empty() {
            let mut input = bytes;
            self.read(&mut input, out)?;
            self.unread.extend_from_slice(input);
            return Ok(());
        }
        let mut unread = std::mem::take(&mut self.unread);
        unread.extend_from_slice(bytes);
        let mut input = unread.as_slice();
        let outcome = self.read(&mut input, out);
        let used = unread.len() - input.len();
        unread.drain(..used);
        self.unread = unread;
        outcome
    }

    fn read(&mut self, input: &mut &[u8], out: &mut impl Write) -> io::Result<()> {
        loop {
            match self.parser.next(input).map_err(io::Error::other)? {
                Status::Complete(PartsItem::Command(command)) => self.commands.command(&command, out)?,
                Status::Complete(PartsItem::Part(part)) => self.commands.part(&part, out)?,
                Status::Incomplete { .. } => return Ok(()),
            }
        }
    }
}

impl CommandTranslator {
    fn command(&mut self, command: &Command<'_>, out: &mut impl Write) -> io::Result<()> {
        let name = upper(command.name());
        if self.rewriter.examines(&name, command.argc() as u64) {
            return self.translate(command.args(), out);
        }
        if command.is_write().is_none() {
            self.rewriter.say_unknown(command.name());
        }
        out.write_all(command.raw())
    }

    fn translate<'a>(&mut self, args: impl Iterator<Item = &'a [u8]>, out: &mut impl Write) -> io::Result<()> {
        let commands = self.rewriter.translate(args.map(<[u8]>::to_vec).collect(), 0);
        commands.iter().try_for_each(|command| write(out, &command.iter().map(Vec::as_slice).collect::<Vec<_>>()))
    }

    fn part(&mut self, part: &Part<'_>, out: &mut impl Write) -> io::Result<()> {
        if let Part::Begin { .. } = part {
            (self.state, self.flowing) = (PartsState::Holding, None);
        }
        if let Some(flowing) = &mut self.flowing {
            if flowing.part(part, out)? == Outcome::Unreadable {
                let held = std::mem::take(&mut self.held);
                self.flowing = None;
                self.print_unchanged(&held, out)?;
                self.held = held;
                return self.part(part, out);
            }
            if *part == Part::End {
                let behind = self.flowing.take().map(Flowing::behind).unwrap_or_default();
                return behind.iter().try_for_each(|args| self.translate(args.iter().map(Vec::as_slice), out));
            }
            return Ok(());
        }
        match (self.state, *part) {
            (PartsState::Holding, Part::End) => {
                let held = std::mem::take(&mut self.held);
                self.translate(held.args(), out)?;
                self.held = held;
            }
            (PartsState::Holding, _) => self.hold(part, out)?,
            (PartsState::Printing, Part::Argument { length, .. }) => write_argument(length, out)?,
            (PartsState::Printing, Part::Piece(bytes)) => out.write_all(bytes)?,
            (PartsState::Printing, Part::End) => write_end(out)?,
            (PartsState::Printing, Part::Begin { .. }) | (PartsState::Dropping, _) => {}
        }
        Ok(())
    }

    fn hold(&mut self, part: &Part<'_>, out: &mut impl Write) -> io::Result<()> {
        let completed = self.held.part(part);
        if self.held.len() == 1 && self.held.size() > LONGEST_NAME {
            return self.print_held(out);
        }
        if self.held.size() > MOST_HELD {
            return self.give_up(out);
        }
        let Some(index) = completed else { return Ok(()) };
        // Most commands are known by their name, and containers such as XINFO by their subcommand.
        let name = upper(self.held.arg(0).unwrap_or_default());
        let is_unknown = OwnedCommand::new(0, self.held.args().take(2)).command().is_write().is_none();
        if self.rewriter.examines(&name, self.held.argc() as u64) || index == 0 && is_unknown {
            return Ok(());
        }
        if is_unknown {
            self.rewriter.say_unknown(self.held.arg(0).unwrap_or_default());
        }
        self.print_held(out)
    }

    /// The command is too large to hold.
    fn give_up(&mut self, out: &mut impl Write) -> io::Result<()> {
        let name = upper(self.held.arg(0).unwrap_or_default());
        if self.rewriter.without_arguments(&name) {
            self.state = PartsState::Dropping;
            return Ok(());
        }
        if self.rewriter.stays(&name) {
            return self.print_held(out);
        }
        let held = std::mem::take(&mut self.held);
        self.flowing = Flowing::begin(&mut self.rewriter, &name, &held, out)?;
        if self.flowing.is_none() {
            self.print_unchanged(&held, out)?;
        }
        self.held = held;
        Ok(())
    }

    fn print_unchanged(&mut self, held: &HeldCommand, out: &mut impl Write) -> io::Result<()> {
        let name = upper(held.arg(0).unwrap_or_default());
        let key = held
            .arg(if name == "MSETEX" { 2 } else { 1 })
            .map_or(String::new(), |key| format!(" of the key \"{}\"", key.get(..100).unwrap_or(key).escape_ascii()));
        log::say(format_args!(
            "{name}{key} is larger than {} MiB, and printed as it is: {} may refuse it",
            MOST_HELD >> 20,
            self.rewriter.target_name()
        ));
        self.unchanged += 1;
        self.state = PartsState::Printing;
        held.write(&[], 0, out)
    }

    /// Prints the held arguments. The rest of the command follows as it arrives.
    fn print_held(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.state = PartsState::Printing;
        self.held.write(&[], 0, out)?;
        self.held.clear();
        Ok(())
    }
}

/// Finds the commands of the target, and says once what is lost.
struct Rewriter {
    target: Server,
    /// The messages of losses so far.
    messages: Vec<String>,
    /// Opens payloads.
    keys: RespKeys,
}

impl Rewriter {
    /// Whether a command with this name and number of arguments may change.
    fn examines(&self, name: &str, argc: u64) -> bool {
        PayloadCommand::may_be(name.as_bytes())
            || (!(name == "SET" && argc < 5) && self.rows(name).next().is_some())
            || self.lacks(name)
    }

    /// Whether the target lacks a command that has no row.
    fn lacks(&self, name: &str) -> bool {
        table::rows(name).next().is_none() && !has_command(&self.target, name)
    }

    /// The rows that the target does not understand.
    fn rows<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'static Row> + use<'a> {
        table::rows(name).filter(|row| !row.is_understood_by(&self.target))
    }

    /// Whether a command with this name is left out whatever its arguments are. Says what is lost.
    fn without_arguments(&mut self, name: &str) -> bool {
        let row = self.rows(name).find(|row| matches!((row.when, row.instead), (When::Any, Instead::Nothing)));
        if let Some(row) = row {
            self.say_lost(row.lost);
        }
        if self.lacks(name) {
            self.say_lost(&format!("{{}} does not have {name}: this command is left out"));
        }
        row.is_some() || self.lacks(name)
    }

    /// Whether a command with this name is printed as it is whatever its arguments are. Says what the target needs.
    fn stays(&mut self, name: &str) -> bool {
        let row = self.rows(name).find(|row| matches!((row.when, row.instead), (When::Any, Instead::Same)));
        if let Some(row) = row {
            self.say_lost(row.lost);
        }
        row.is_some()
    }

    /// The commands of the target for this one. `depth`: the number of rewrites that led to it.
    fn translate(&mut self, mut args: Vec<Vec<u8>>, depth: usize) -> Vec<Vec<Vec<u8>>> {
        /// A rewritten command is examined again. A chain of rewrites is shorter.
        const DEEPEST: usize = 8;
        let name = args.first().map_or(String::new(), |name| upper(name));
        if depth > DEEPEST {
            return vec![args];
        }
        if PayloadCommand::may_be(name.as_bytes()) {
            return self.restore(args, depth);
        }
        if self.without_arguments(&name) {
            return Vec::new();
        }
        if !self.examines(&name, args.len() as u64) && is_unknown(&args) {
            self.say_unknown(name.as_bytes());
        }
        let rows: Vec<&'static Row> = self.rows(&name).collect();
        for row in rows {
            let Some(at) = row.when.position(&args) else { continue };
            match row.instead {
                Instead::Nothing => {
                    self.say_lost(row.lost);
                    return Vec::new();
                }
                Instead::Without(count) => {
                    self.say_lost(row.lost);
                    let mut next = Some(at);
                    while let Some(at) = next {
                        args.drain(at..(at + count).min(args.len()));
                        next = row.when.position(&args);
                    }
                }
                Instead::Commands(rewrite) => {
                    let made = rewrite(&args);
                    if made.is_lossy {
                        self.say_lost(row.lost);
                    }
                    return made.commands.into_iter().flat_map(|args| self.translate(args, depth + 1)).collect();
                }
                Instead::Same => {
                    self.say_lost(row.lost);
                    return vec![args];
                }
            }
        }
        vec![args]
    }

    fn say_lost(&mut self, lost: &str) {
        if !lost.is_empty() {
            self.say(&lost.replace("{}", &self.target_name()));
        }
    }

    /// Says once that a command is in no table of the library.
    fn say_unknown(&mut self, name: &[u8]) {
        if table::rows(&upper(name)).next().is_none() {
            let (name, target) = (upper(name).escape_debug().to_string(), self.target_name());
            self.say(&format!(
                "{name} is printed as it is: it is in no table of redtail, and {target} may not have it"
            ));
        }
    }

    /// The target as the option names it.
    fn target_name(&self) -> String {
        let Server { product, version, .. } = self.target;
        let patch = if version.patch > 0 { format!(".{}", version.patch) } else { String::new() };
        format!("{}-{}.{}{patch}", product.as_str(), version.major, version.minor)
    }

    fn say(&mut self, message: &str) {
        /// More than this number of messages are dropped.
        const MOST_MESSAGES: usize = 200;
        if self.messages.len() < MOST_MESSAGES && !self.messages.iter().any(|it| it == message) {
            self.messages.push(message.to_owned());
            log::say(message);
        }
    }
}

/// Whether a command with this name, and subcommand if it has one, is in no table of the library.
fn is_unknown(args: &[Vec<u8>]) -> bool {
    OwnedCommand::new(0, args.iter().take(2)).command().is_write().is_none()
}

impl When {
    /// The index of the first matching argument.
    fn position(self, args: &[Vec<u8>]) -> Option<usize> {
        let is =
            |index: usize, word: &str| args.get(index).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()));
        match self {
            Self::Any => Some(0),
            Self::At(index, words) => words.iter().any(|word| is(index, word)).then_some(index),
            Self::From(first, words) => {
                (first..args.len()).find(|&at| words.iter().enumerate().all(|(index, word)| is(at + index, word)))
            }
            Self::BehindKeys(words) => {
                let count = std::str::from_utf8(args.get(2)?).ok()?.parse::<usize>().ok()?;
                Self::From(count.saturating_add(3), words).position(args)
            }
            Self::Of(grammar, word) => {
                let mut at = grammar.first;
                while at < args.len() && !is(at, word) {
                    at += 1 + grammar.values.iter().find(|(name, _)| is(at, name)).map_or(0, |(_, count)| *count);
                }
                (at < args.len()).then_some(at)
            }
            Self::OfStream(word) => {
                let mut at = 2;
                while at < args.len() {
                    at += match () {
                        () if is(at, word) => return Some(at),
                        () if is(at, "NOMKSTREAM") || is(at, "KEEPREF") || is(at, "DELREF") || is(at, "ACKED") => 1,
                        () if is(at, "MAXLEN") || is(at, "MINID") => {
                            2 + usize::from(is(at + 1, "~") || is(at + 1, "="))
                        }
                        () if is(at, "LIMIT") || is(at, "IDMPAUTO") => 2,
                        () if is(at, "IDMP") => 3,
                        // The id of the entry.
                        () => return None,
                    };
                }
                None
            }
        }
    }
}

fn upper(name: &[u8]) -> String {
    String::from_utf8_lossy(name).to_ascii_uppercase()
}
