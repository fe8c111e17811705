//! Warnings that are printed once.

use std::collections::HashSet;

use redtail::resp::Quoted;

use crate::terminal::log;

/// The number of names remembered. A stream of ever new names would otherwise fill the memory.
const MOST_NAMES: usize = 1000;

#[derive(Debug, Default)]
pub(super) struct WarnOnce {
    unknown: HashSet<Vec<u8>>,
    derived: HashSet<Vec<u8>>,
    swapped: bool,
    functions: bool,
    no_db: bool,
    large: bool,
    no_keys: bool,
}

impl WarnOnce {
    pub(super) fn unknown(&mut self, name: &[u8]) {
        once_per_name(&mut self.unknown, name, |name| {
            log::say(format_args!("{name}: the keys of this command are unknown, so --key lets it pass"));
        });
    }

    pub(super) fn unknown_left_out(&mut self, name: &[u8]) {
        once_per_name(&mut self.unknown, name, |name| {
            log::say(format_args!(
                "{name}: the keys of this command are unknown, so --key leaves it out: it could change other keys of \
                 the target"
            ));
        });
    }

    pub(super) fn derived(&mut self, name: &[u8], key: &[u8]) {
        once_per_name(&mut self.derived, name, |name| {
            log::say(format_args!(
                "{name}: the new value of the selected key {} depends on keys that the filters leave out, so the key is \
                 deleted in the target; a snapshot brings such keys back",
                Quoted(key)
            ));
        });
    }

    pub(super) fn swapped(&mut self, selected: u32, other: u32) {
        if !std::mem::replace(&mut self.swapped, true) {
            log::say(format_args!(
                "SWAPDB brings the keys of database {other}, which --db leaves out, into database {selected}: the \
                 selected keys of database {selected} are deleted in the target; a snapshot brings them back"
            ));
        }
    }

    pub(super) fn functions(&mut self) {
        if !std::mem::replace(&mut self.functions, true) {
            log::say(
                "functions and scripts belong to no database: with --db they are replaced by name, and FUNCTION FLUSH \
                 and SCRIPT FLUSH are left out",
            );
        }
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

    pub(super) fn large_left_out(&mut self) {
        if !std::mem::replace(&mut self.large, true) {
            log::say(
                "a command or key name is too large to find its keys, so it is left out: its selected keys differ in \
                 the target",
            );
        }
    }

    pub(super) fn no_keys(&mut self) {
        if !std::mem::replace(&mut self.no_keys, true) {
            log::say("keys of a snapshot are not commands, so --command drops them");
        }
    }
}

/// Calls `say` with the quoted name, unless it was called for this name.
fn once_per_name(warned: &mut HashSet<Vec<u8>>, name: &[u8], say: impl FnOnce(Quoted<'_>)) {
    if warned.contains(name) || warned.len() >= MOST_NAMES {
        return;
    }
    let name = name.to_ascii_uppercase();
    if warned.contains(&name) {
        return;
    }
    say(Quoted(name.get(..64).unwrap_or(&name)));
    warned.insert(name);
}
