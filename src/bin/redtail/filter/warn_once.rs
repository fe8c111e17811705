//! Warnings that are printed once.

use std::collections::HashSet;

use redtail::resp::Quoted;

use crate::terminal::log;

/// The number of names remembered. A stream of ever new names would otherwise fill the memory.
const MOST_NAMES: usize = 1000;

#[derive(Debug, Default)]
pub(super) struct WarnOnce {
    unknown: HashSet<Vec<u8>>,
    no_db: bool,
    large: bool,
    no_keys: bool,
}

impl WarnOnce {
    pub(super) fn unknown(&mut self, name: &[u8]) {
        if self.unknown.contains(name) || self.unknown.len() >= MOST_NAMES {
            return;
        }
        let name = name.to_ascii_uppercase();
        if self.unknown.contains(&name) {
            return;
        }
        let shown = name.get(..64).unwrap_or(&name);
        log::say(format_args!("{}: the keys of this command are unknown, so --key lets it pass", Quoted(shown)));
        self.unknown.insert(name);
    }

    pub(super) fn no_db(&mut self) {
        if !std::mem::replace(&mut self.no_db, true) {
            log::say("the database is unknown until the first SELECT; until then --db lets everything pass");
        }
    }

    pub(super) fn large(&mut self) {
        if !std::mem::replace(&mut self.large, true) {
            log::say("a command is too large to find its keys, so --key lets it pass");
        }
    }

    pub(super) fn no_keys(&mut self) {
        if !std::mem::replace(&mut self.no_keys, true) {
            log::say("keys of a snapshot are not commands, so --command drops them");
        }
    }
}
