//! One readable line per key, shortened if it is long.

use std::fmt::Write as _;
use std::io::{self, Write};

use redtail::rdb::{Item, Role, Text, Type};

use crate::output::keys::key_facts::KeyFacts;
use crate::output::keys::object::Number;
use crate::output::quoting::Quoting;

/// The shown bytes of an element and of a key's name, and the characters of a line before further elements are
/// only counted.
const SHOWN: usize = 64;
const NAME: usize = 120;
const LINE: usize = 200;

pub(in crate::output) struct TextKeys {
    /// A part of another line, without a name and database.
    is_payload: bool,
    all: bool,
    max_arg: u64,
    quoting: Quoting,
    line: String,
    /// The first bytes of a string that arrives in pieces.
    beginning: Vec<u8>,
    key: Option<KeyFacts>,
    elements: u64,
    raw: u64,
    aux: String,
    database: u32,
    arguments: u64,
    is_damaged: bool,
}

impl TextKeys {
    pub(in crate::output) fn new(all: bool, max_arg: u64, quoting: Quoting) -> Self {
        Self {
            is_payload: false,
            all,
            max_arg,
            quoting,
            line: String::new(),
            beginning: Vec::new(),
            key: None,
            elements: 0,
            raw: 0,
            aux: String::new(),
            database: 0,
            arguments: 0,
            is_damaged: false,
        }
    }

    pub(in crate::output) fn of_payload(max_arg: u64, quoting: Quoting) -> Self {
        Self { is_payload: true, ..Self::new(false, max_arg, quoting) }
    }

    pub(in crate::output) fn item(&mut self, item: &Item<'_>, out: &mut impl Write) -> io::Result<()> {
        match *item {
            Item::Text(text) => return self.text(&text, out),
            Item::Key(key) => {
                (self.elements, self.raw, self.is_damaged) = (0, 0, false);
                self.key = Some((&key).into());
                return self.text(&key.name, out);
            }
            Item::Database(database) => self.database = database,
            Item::Command { argc } => {
                self.arguments = argc;
                let database = self.database;
                self.begin(format_args!("[{database}] (a command in the snapshot)"));
                return if argc == 0 { self.end(out) } else { Ok(()) };
            }
            Item::Score(score) => self.more(Number(score)),
            Item::FieldExpiry { at_ms } => self.more(format_args!("(expires at {at_ms})")),
            Item::Module(id) => self.more(id),
            Item::Raw { bytes, .. } => self.raw += bytes.len() as u64,
            Item::Index(index) => {
                self.elements += 1;
                self.more(format_args!("{index}:"));
            }
            Item::Rate(value) => self.more(value),
            Item::Stream(state) => {
                self.elements = state.length;
                self.more(format_args!("last id {}", state.last));
                if state.groups > 0 {
                    self.more(format_args!("groups {}", state.groups));
                }
            }
            Item::Skipped { .. } => self.is_damaged = true,
            Item::KeyEnd => return self.end_key(out),
            _ => {}
        }
        Ok(())
    }

    fn text(&mut self, text: &Text<'_>, out: &mut impl Write) -> io::Result<()> {
        let is_value = matches!(text.role, Role::Element | Role::Member | Role::Path | Role::Field | Role::FieldValue);
        if is_value && self.line.len() >= LINE {
            // The rest is not printed.
            self.elements += u64::from(text.is_last() && self.counts(text.role));
            self.more("");
            return Ok(());
        }
        if text.is_first() {
            self.beginning.clear();
        }
        let room = LINE - self.beginning.len().min(LINE);
        self.beginning.extend(text.bytes.iter().take(room));
        if !text.is_last() {
            return Ok(());
        }
        let most = match text.role {
            Role::Value | Role::Function => LINE,
            Role::KeyName => NAME,
            _ => SHOWN,
        };
        let shown = self.beginning.get(..most).unwrap_or(&self.beginning);
        let shown = match text.length {
            length if length > self.max_arg => format!("(omitted {length} bytes)"),
            length if length > shown.len() as u64 => {
                format!("{}... ({length} bytes)", self.quoting.of_beginning(shown))
            }
            _ => self.quoting.of_bytes(shown).to_string(),
        };
        match text.role {
            Role::KeyName => {
                let Some(key) = self.key else { return Ok(()) };
                match self.is_payload {
                    true => self.begin(format_args!(" {}", key.kind.name())),
                    false => self.begin(format_args!("[{}] {shown} {}", key.db, key.kind.name())),
                }
            }
            Role::Function => {
                self.begin(format_args!("{}function {shown}", if self.is_payload { " " } else { "" }));
                return self.end(out);
            }
            Role::AuxName => self.aux = shown,
            Role::AuxValue if self.all => {
                let name = std::mem::take(&mut self.aux);
                self.begin(format_args!("aux {name} {shown}"));
                return self.end(out);
            }
            Role::Argument => {
                self.more(shown);
                self.arguments = self.arguments.saturating_sub(1);
                return if self.arguments == 0 { self.end(out) } else { Ok(()) };
            }
            Role::Element | Role::Member | Role::Path | Role::Field | Role::FieldValue | Role::Value => {
                self.elements += u64::from(self.counts(text.role));
                self.more(shown);
            }
            // A stream prints its state.
            _ => {}
        }
        Ok(())
    }

    /// Whether a string with this role is an element. An array has an index for each.
    fn counts(&self, role: Role) -> bool {
        match role {
            Role::Member | Role::Path => true,
            Role::Field => self.key.is_some_and(|key| key.kind != Type::PathHash),
            Role::Element => self.key.is_some_and(|key| key.kind != Type::Array),
            _ => false,
        }
    }

    fn begin(&mut self, words: std::fmt::Arguments<'_>) {
        self.line.clear();
        // Writing to a String never fails.
        let _ = self.line.write_fmt(words);
    }

    /// Adds text while there is room.
    fn more(&mut self, what: impl std::fmt::Display) {
        if self.line.len() < LINE {
            let _ = write!(self.line, " {what}");
        } else if !self.line.ends_with(MORE) {
            self.line.push_str(MORE);
        }
    }

    fn end_key(&mut self, out: &mut impl Write) -> io::Result<()> {
        let Some(key) = self.key.take() else { return Ok(()) };
        let _ = match (key.kind, self.elements) {
            (Type::String | Type::Rate, _) => Ok(()),
            (Type::Module, _) => write!(self.line, " ({} bytes)", self.raw),
            (Type::Stream, 1) => write!(self.line, " (1 entry)"),
            (Type::Stream, count) => write!(self.line, " ({count} entries)"),
            (Type::Hash, 1) => write!(self.line, " (1 field)"),
            (Type::Hash, count) => write!(self.line, " ({count} fields)"),
            (Type::PathHash, 1) => write!(self.line, " (1 path)"),
            (Type::PathHash, count) => write!(self.line, " ({count} paths)"),
            (_, 1) => write!(self.line, " (1 element)"),
            (_, count) => write!(self.line, " ({count} elements)"),
        };
        if let Some(at) = key.expire_at_ms {
            let _ = write!(self.line, " (expires at {at})");
        }
        if key.no_evict {
            self.line.push_str(" (never evicted)");
        }
        if self.is_damaged {
            self.line.push_str(" (damaged)");
        }
        self.end(out)
    }

    fn end(&mut self, out: &mut impl Write) -> io::Result<()> {
        if !self.is_payload {
            self.line.push('\n');
        }
        out.write_all(self.line.as_bytes())
    }
}

const MORE: &str = " ...";
