//! `--db`, `--command`, `--key`: which commands and keys are printed.

mod glob;
mod items;
mod parts;
mod said;

use std::sync::Once;

use redtail::resp::{KeyFinder, Keys, Part, Reach};
use redtail::{Command, StreamCommand};

use crate::{args, notes};
use glob::Glob;
pub(crate) use items::Items;
pub(crate) use parts::Parts;
use said::Said;

/// What becomes of a piece of a command or key that comes in pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// To be printed, after what is held.
    Print,
    /// Held until more is known.
    Hold,
    /// To be left out, and what is held with it.
    Drop,
}

/// What a large command or a long name may hold before it is known whether it passes. Then it does.
const MOST_HELD: u64 = 1 << 20;

/// What passes.
#[derive(Debug)]
pub(crate) struct Filter {
    dbs: Vec<u32>,
    commands: Vec<Name>,
    keys: Vec<Glob>,
    said: Said,
}

/// A command by name, or one subcommand of it.
#[derive(Debug)]
struct Name {
    command: Vec<u8>,
    subcommand: Option<Vec<u8>>,
}

impl Filter {
    /// `None`: everything passes.
    pub(crate) fn new(options: &args::Filter) -> Option<Self> {
        if !options.is_any() {
            return None;
        }
        let args::Filter { db, command, key } = options;
        let commands: Vec<Name> = command.iter().map(|text| Name::read(text)).collect();
        // Each shard of a cluster has a filter of its own.
        static SAID: Once = Once::new();
        SAID.call_once(|| {
            for (_, text) in commands.iter().zip(command).filter(|(name, _)| !name.is_known()) {
                notes::say(format_args!("--command {text}: no server that is known here has such a command"));
            }
        });
        let keys = key.iter().map(|glob| Glob::new(glob.clone().into_encoded_bytes())).collect();
        Some(Self { dbs: db.clone(), commands, keys, said: Said::default() })
    }

    /// Whether a command passes.
    pub(crate) fn passes(&mut self, command: &StreamCommand<'_>) -> bool {
        self.passes_db(command) && self.passes_name(command) && self.passes_keys(command)
    }

    fn passes_db(&mut self, command: &StreamCommand<'_>) -> bool {
        if self.dbs.is_empty() {
            return true;
        }
        if command.db.is_none() {
            self.said.no_db();
        }
        self.dbs.iter().any(|&db| command.reaches_db(db))
    }

    fn passes_name(&self, command: &Command<'_>) -> bool {
        let is = |name: &Name| {
            let subcommand = name.subcommand.as_ref();
            command.is(&name.command)
                && subcommand.is_none_or(|name| command.arg(1).is_some_and(|it| it.eq_ignore_ascii_case(name)))
        };
        self.commands.is_empty() || self.commands.iter().any(is)
    }

    fn passes_keys(&mut self, command: &Command<'_>) -> bool {
        if self.keys.is_empty() {
            return true;
        }
        match command.keys() {
            Keys::None => false,
            Keys::Some(mut keys) => keys.any(|(_, key)| self.passes_key(key)),
            Keys::All => true,
            Keys::Unknown => {
                self.said.unknown(command.name());
                true
            }
        }
    }

    fn passes_key(&self, key: &[u8]) -> bool {
        self.keys.is_empty() || self.keys.iter().any(|glob| glob.matches(key))
    }
}

impl Name {
    fn read(text: &str) -> Self {
        let mut words = text.split(['|', ' ']).filter(|word| !word.is_empty()).map(|word| word.as_bytes().to_vec());
        Self { command: words.next().unwrap_or_default(), subcommand: words.next() }
    }

    /// Some server has it.
    fn is_known(&self) -> bool {
        let mut finder = KeyFinder::new();
        // Two arguments to come, so that nothing but the name can be wrong.
        finder.part(&Part::Begin { argc: 4 });
        for (index, word) in std::iter::once(&self.command).chain(&self.subcommand).enumerate() {
            finder.part(&Part::Argument { index, length: word.len() as u64 });
            finder.part(&Part::Piece(word));
        }
        finder.reach() != Some(Reach::Unknown)
    }
}
