//! `--target-version`: the commands of the output, in the dialect of the target.
//!
//! Everything that prints commands writes to this writer. One table (`table.rs`) has the commands
//! that may change; all others pass as they arrive.

mod payload;
mod rewrites;
mod table;

use std::io::{self, Write};

use redtail::Server;
use redtail::owned::OwnedCommand;

use crate::output::keys::command::append;
use crate::output::keys::resp::RespKeys;
use crate::releases::has_command;
use crate::terminal::log;
use table::{Instead, Row, When};

/// The bytes held of a command until its form is known.
const MOST_HELD: u64 = 64 << 20;

/// The bytes that a held argument takes in addition to its length.
const OF_ARGUMENT: u64 = 32;

/// No command has a longer name.
const LONGEST_NAME: u64 = 32;

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
    phrases: Phrases,
    state: State,
    /// The bytes of a line.
    line: Vec<u8>,
    /// The arguments that have not begun.
    missing: u64,
    args: Vec<Vec<u8>>,
    argc: u64,
    held: u64,
    fate: Fate,
}

/// The position in a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the line with the number of arguments.
    Count,
    /// In the line with the length of an argument.
    Length,
    /// In an argument, with this number of missing bytes; its line end has two.
    Argument(u64),
}

/// What happens to the current command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Held,
    Passed,
    Dropped,
}

impl Translator {
    fn new(target: Server) -> Self {
        Self {
            phrases: Phrases { target, said: Vec::new(), keys: RespKeys::of_payloads() },
            state: State::Count,
            line: Vec::new(),
            missing: 0,
            args: Vec::new(),
            argc: 0,
            held: 0,
            fate: Fate::Held,
        }
    }

    fn feed(&mut self, mut bytes: &[u8], out: &mut impl Write) -> io::Result<()> {
        while !bytes.is_empty() {
            bytes = match self.state {
                State::Count | State::Length => self.line(bytes, out)?,
                State::Argument(missing) => self.argument(bytes, missing, out)?,
            };
        }
        Ok(())
    }

    fn line<'a>(&mut self, bytes: &'a [u8], out: &mut impl Write) -> io::Result<&'a [u8]> {
        let end = bytes.iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |end| end + 1);
        let (part, rest) = bytes.split_at(end);
        self.line.extend_from_slice(part);
        if !self.line.ends_with(b"\n") {
            return Ok(rest);
        }
        let digits = self.line.get(1..self.line.len().saturating_sub(2)).unwrap_or_default();
        let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).unwrap_or(0);
        match self.state {
            State::Count => {
                self.args.clear();
                (self.argc, self.missing, self.held, self.fate) = (number, number, 0, Fate::Held);
                self.state = if number > 0 { State::Length } else { State::Count };
            }
            State::Length | State::Argument(_) => {
                self.begin_argument(number, out)?;
                self.state = State::Argument(number + 2);
            }
        }
        self.line.clear();
        Ok(rest)
    }

    fn begin_argument(&mut self, length: u64, out: &mut impl Write) -> io::Result<()> {
        self.missing -= 1;
        if self.fate == Fate::Held {
            self.held = self.held.saturating_add(length).saturating_add(OF_ARGUMENT);
            let is_long_name = self.args.is_empty() && length > LONGEST_NAME;
            if is_long_name || self.held > MOST_HELD {
                self.give_up(out)?;
            }
        }
        match self.fate {
            Fate::Held => self.args.push(Vec::new()),
            Fate::Passed => write!(out, "${length}\r\n")?,
            Fate::Dropped => {}
        }
        Ok(())
    }

    fn argument<'a>(&mut self, bytes: &'a [u8], missing: u64, out: &mut impl Write) -> io::Result<&'a [u8]> {
        let count = usize::try_from(missing).map_or(bytes.len(), |missing| missing.min(bytes.len()));
        let (part, rest) = bytes.split_at(count);
        let left = missing - count as u64;
        match (self.fate, self.args.last_mut()) {
            (Fate::Held, Some(arg)) => {
                // Without the line end.
                let content = count - usize::try_from(2_u64.saturating_sub(left)).unwrap_or(0).min(count);
                arg.extend_from_slice(part.get(..content).unwrap_or_default());
            }
            (Fate::Passed, _) => out.write_all(part)?,
            _ => {}
        }
        self.state = State::Argument(left);
        if left == 0 {
            self.end_argument(out)?;
        }
        Ok(rest)
    }

    fn end_argument(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.state = if self.missing == 0 { State::Count } else { State::Length };
        if self.fate != Fate::Held {
            return Ok(());
        }
        if self.missing == 0 {
            for command in self.phrases.translate(std::mem::take(&mut self.args), 0) {
                let mut bytes = Vec::new();
                append(&mut bytes, &command.iter().map(Vec::as_slice).collect::<Vec<_>>());
                out.write_all(&bytes)?;
            }
            return Ok(());
        }
        // Most commands are known by their name, and containers such as XINFO by their subcommand.
        let name = self.name();
        let is_unknown = is_unknown(&self.args);
        if self.phrases.examines(&name, self.argc) || self.args.len() == 1 && is_unknown {
            return Ok(());
        }
        if is_unknown {
            self.phrases.say_unknown(&self.args);
        }
        self.pass(out)
    }

    /// The command is too large to hold.
    fn give_up(&mut self, out: &mut impl Write) -> io::Result<()> {
        let name = self.name();
        if self.args.is_empty() {
            return self.pass(out);
        }
        if self.phrases.without_arguments(&name) {
            self.fate = Fate::Dropped;
            return Ok(());
        }
        let key = self
            .args
            .get(if name == "MSETEX" { 2 } else { 1 })
            .map_or(String::new(), |key| format!(" of the key \"{}\"", key.get(..100).unwrap_or(key).escape_ascii()));
        log::say(format_args!(
            "{name}{key} is larger than {} MiB, and printed as it is: {} may refuse it",
            MOST_HELD >> 20,
            self.phrases.target_name()
        ));
        self.pass(out)
    }

    /// Passes the rest of the command on as it arrives.
    fn pass(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.fate = Fate::Passed;
        write!(out, "*{}\r\n", self.argc)?;
        for arg in self.args.drain(..) {
            write!(out, "${}\r\n", arg.len())?;
            out.write_all(&arg)?;
            out.write_all(b"\r\n")?;
        }
        Ok(())
    }

    fn name(&self) -> String {
        self.args.first().map_or(String::new(), |name| upper(name))
    }
}

/// Finds the commands of the target, and says once what is lost.
struct Phrases {
    target: Server,
    said: Vec<String>,
    /// Opens payloads.
    keys: RespKeys,
}

impl Phrases {
    /// Whether a command with this name and number of arguments may change.
    fn examines(&self, name: &str, argc: u64) -> bool {
        payload::is_payload(name.as_bytes())
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

    /// The commands of the target for this one. `depth`: the number of rewrites that led to it.
    fn translate(&mut self, mut args: Vec<Vec<u8>>, depth: usize) -> Vec<Vec<Vec<u8>>> {
        /// A rewritten command is examined again. A chain of rewrites is shorter.
        const DEEPEST: usize = 8;
        let name = args.first().map_or(String::new(), |name| upper(name));
        if depth > DEEPEST {
            return vec![args];
        }
        if payload::is_payload(name.as_bytes()) {
            return self.restore(args, depth);
        }
        if self.without_arguments(&name) {
            return Vec::new();
        }
        if !self.examines(&name, args.len() as u64) {
            self.say_unknown(&args);
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

    /// Says once that a command is in no table.
    fn say_unknown(&mut self, args: &[Vec<u8>]) {
        let has_rows = |name: &[u8]| table::rows(&upper(name)).next().is_some();
        if let Some(name) = args.first().filter(|name| is_unknown(args) && !has_rows(name)) {
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
        const MOST_SAID: usize = 200;
        if self.said.len() < MOST_SAID && !self.said.iter().any(|said| said == message) {
            self.said.push(message.to_owned());
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
