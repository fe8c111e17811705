//! Which commands and keys pass.

use std::ffi::OsString;
use std::sync::Once;

use redtail::resp::{KeyFinder, Keys, Part, Reach};
use redtail::{Command, StreamCommand};

use crate::args;
use crate::filter::glob::Glob;
use crate::filter::warn_once::WarnOnce;
use crate::target::command_specs;
use crate::terminal::log;

/// The filters.
#[derive(Debug)]
pub(crate) struct EventFilter {
    pub(super) dbs: Vec<u32>,
    pub(super) commands: Vec<Name>,
    pub(super) not_commands: Vec<Name>,
    pub(super) keys: Vec<Glob>,
    /// Empty for a target.
    pub(super) not_keys: Vec<Glob>,
    /// The output is for a target: nothing outside of the filters may change there (`narrow.rs`).
    pub(super) is_for_target: bool,
    pub(super) warn_once: WarnOnce,
}

/// A command by name, or one of its subcommands.
#[derive(Debug)]
pub(super) struct Name {
    pub(super) command: Vec<u8>,
    pub(super) subcommand: Option<Vec<u8>>,
}

impl EventFilter {
    /// Returns `None` without any filter.
    pub(crate) fn new(options: &args::Output) -> Option<Self> {
        if !options.filter.is_any() {
            return None;
        }
        let args::Filter { db, command, not_command, key, not_key } = &options.filter;
        let names = |texts: &[String]| texts.iter().map(|text| Name::read(text)).collect::<Vec<_>>();
        let (commands, not_commands) = (names(command), names(not_command));
        // Each shard of a cluster has a filter of its own.
        static WARNED: Once = Once::new();
        WARNED.call_once(|| {
            let (only, not) = (commands.iter().zip(command), not_commands.iter().zip(not_command));
            let all = only.map(|it| ("--command", it)).chain(not.map(|it| ("--not-command", it)));
            for (option, (_, text)) in all.filter(|(_, (name, _))| !name.is_known()) {
                log::say(format_args!("{option} {text}: no known server has this command"));
            }
        });
        let globs = |texts: &[OsString]| {
            texts.iter().map(|glob| Glob::new(glob.clone().into_encoded_bytes())).collect::<Vec<_>>()
        };
        let (keys, not_keys) = (globs(key), globs(not_key));
        let is_for_target = options.format == args::OutputFormat::Resp;
        let (dbs, warn_once) = (db.clone(), WarnOnce::default());
        Some(Self { dbs, commands, not_commands, keys, not_keys, is_for_target, warn_once })
    }

    pub(crate) fn is_for_target(&self) -> bool {
        self.is_for_target
    }

    /// Whether the database of a command matters.
    pub(crate) fn needs_db(&self) -> bool {
        !self.dbs.is_empty()
    }

    /// Whether a command passes.
    pub(crate) fn passes(&mut self, command: &StreamCommand<'_>) -> bool {
        self.passes_db(command) && self.passes_name(command) && self.passes_keys(command)
    }

    pub(super) fn passes_db(&mut self, command: &StreamCommand<'_>) -> bool {
        if self.dbs.is_empty() {
            return true;
        }
        if command.db.is_none() {
            self.warn_once.no_db();
        }
        self.dbs.iter().any(|&db| command.reaches_db(db))
    }

    pub(super) fn passes_name(&self, command: &Command<'_>) -> bool {
        let is = |name: &Name| {
            let subcommand = name.subcommand.as_ref();
            command.is(&name.command)
                && subcommand.is_none_or(|name| command.arg(1).is_some_and(|it| it.eq_ignore_ascii_case(name)))
        };
        (self.commands.is_empty() || self.commands.iter().any(is)) && !self.not_commands.iter().any(is)
    }

    pub(super) fn passes_keys(&mut self, command: &Command<'_>) -> bool {
        if !self.chooses_keys() {
            return true;
        }
        if command.is_write().is_none()
            && let Some(found) = command_specs::keys_of(command)
        {
            let has_none = found.keys.is_empty() && self.keys.is_empty();
            return has_none || found.keys.iter().any(|(_, key, _)| self.passes_key(key));
        }
        match command.keys() {
            Keys::None => self.keys.is_empty(),
            Keys::Some(mut keys) => keys.any(|(_, key)| self.passes_key(key)),
            Keys::All => true,
            Keys::Unknown => {
                self.warn_once.unknown(command.name());
                true
            }
        }
    }

    /// Whether keys decide.
    pub(super) fn chooses_keys(&self) -> bool {
        !self.keys.is_empty() || !self.not_keys.is_empty()
    }

    pub(super) fn passes_key(&self, key: &[u8]) -> bool {
        let matches = |globs: &[Glob]| globs.iter().any(|glob| glob.matches(key));
        (self.keys.is_empty() || matches(&self.keys)) && !matches(&self.not_keys)
    }
}

impl Name {
    fn read(text: &str) -> Self {
        let mut words = text.split(['|', ' ']).filter(|word| !word.is_empty()).map(|word| word.as_bytes().to_vec());
        Self { command: words.next().unwrap_or_default(), subcommand: words.next() }
    }

    /// Whether any known server has this command.
    fn is_known(&self) -> bool {
        let mut finder = KeyFinder::new();
        // Two more arguments are announced, so that only the name can be unknown.
        finder.part(&Part::Begin { argc: 4 });
        for (index, word) in std::iter::once(&self.command).chain(&self.subcommand).enumerate() {
            finder.part(&Part::Argument { index, length: word.len() as u64 });
            finder.part(&Part::Piece(word));
        }
        finder.reach() != Some(Reach::Unknown)
    }
}
