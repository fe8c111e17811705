//! The part of a command that is inside of the filters, for a target that holds other data too.
//!
//! Nothing outside of the filters is touched. Nothing inside stays that the source does not have: a selected key whose
//! new value depends on keys that are not selected is deleted, with a warning.

use redtail::Command;
use redtail::replication::Touches;
use redtail::resp::Access;

use crate::filter::deletion::{TargetCommand, deletion, swap, trimmed};
use crate::filter::event_filter::EventFilter;
use crate::target::command_specs;

/// The part of a command that is inside of the filters.
#[derive(Debug, PartialEq)]
pub(crate) enum Narrowed {
    Whole,
    Nothing,
    /// These commands have the same effect on the selected keys.
    Instead(Vec<TargetCommand>),
}

/// A key of a command.
struct Touched<'a> {
    index: usize,
    key: &'a [u8],
    db: Option<u32>,
    access: Access,
    is_selected: bool,
}

impl EventFilter {
    /// The part of a command that is inside of the filters. `db` is the database of the command, `None` if no filter
    /// depends on it.
    pub(crate) fn narrow(&mut self, command: &Command<'_>, db: Option<u32>) -> Narrowed {
        if !self.passes_name(command) {
            return Narrowed::Nothing;
        }
        let name = command.name().to_ascii_uppercase();
        match name.as_slice() {
            b"FLUSHALL" => {
                let options: Vec<&[u8]> = command.args().skip(1).collect();
                return self.flush(&self.dbs, &options);
            }
            b"FLUSHDB" if !self.selects_db(db) => return Narrowed::Nothing,
            b"FLUSHDB" if self.keys.is_empty() => return Narrowed::Whole,
            b"FLUSHDB" => return self.flush(db.as_slice(), &[]),
            b"SWAPDB" => return self.narrow_swap(command),
            b"TRIMSLOTS" => {
                let trimmed = trimmed(command.args(), &self.patterns()).filter(|_| self.selects_db(Some(0)));
                return trimmed.map_or(Narrowed::Nothing, |trimmed| Narrowed::Instead(vec![trimmed]));
            }
            b"FUNCTION" | b"SCRIPT" if self.keys.is_empty() => return self.narrow_functions(command),
            _ => {}
        }
        match Touches::of(*command, db) {
            Touches::None if self.keys.is_empty() && self.selects_db(db) => Narrowed::Whole,
            Touches::None => Narrowed::Nothing,
            Touches::Keys(keys) => {
                let touched: Vec<Touched<'_>> =
                    keys.map(|it| self.touched(it.index, it.key, it.db, it.access)).collect();
                self.narrow_keys(command, &name, &touched)
            }
            Touches::All(_) | Touches::Unknown => self.narrow_unknown(command, &name, db),
        }
    }

    /// A command whose keys the library does not know.
    fn narrow_unknown(&mut self, command: &Command<'_>, name: &[u8], db: Option<u32>) -> Narrowed {
        if self.keys.is_empty() {
            return if self.selects_db(db) { Narrowed::Whole } else { Narrowed::Nothing };
        }
        let found = if command.is_write().is_none() { command_specs::keys_of(command) } else { None };
        match found.map(|found| found.keys) {
            Some(keys) if keys.is_empty() => Narrowed::Nothing,
            Some(keys) => {
                let touched: Vec<Touched<'_>> =
                    keys.iter().map(|&(index, key, access)| self.touched(index, key, db, access)).collect();
                self.narrow_keys(command, name, &touched)
            }
            None => {
                self.warn_once.unknown_left_out(command.name());
                Narrowed::Nothing
            }
        }
    }

    fn touched<'a>(&self, index: usize, key: &'a [u8], db: Option<u32>, access: Access) -> Touched<'a> {
        Touched { index, key, db, access, is_selected: self.selects_db(db) && self.passes_key(key) }
    }

    pub(super) fn selects_db(&self, db: Option<u32>) -> bool {
        self.dbs.is_empty() || db.is_some_and(|db| self.dbs.contains(&db))
    }

    fn flush(&self, dbs: &[u32], options: &[&[u8]]) -> Narrowed {
        let patterns = self.patterns();
        // Without --db and with --key, FLUSHDB is in the database of the command.
        match (dbs, patterns.as_slice()) {
            ([], []) => Narrowed::Whole,
            (dbs, patterns) => Narrowed::Instead(deletion(dbs, patterns, options)),
        }
    }

    fn patterns(&self) -> Vec<Vec<u8>> {
        self.keys.iter().map(|glob| glob.pattern().to_vec()).collect()
    }

    fn narrow_swap(&mut self, command: &Command<'_>) -> Narrowed {
        let db = |index| number(command.arg(index));
        let (Some(first), Some(second)) = (db(1), db(2)) else { return Narrowed::Nothing };
        match (self.selects_db(Some(first)), self.selects_db(Some(second))) {
            (true, true) if self.keys.is_empty() => Narrowed::Whole,
            (true, true) => Narrowed::Instead(vec![swap(first, second, &self.patterns())]),
            (false, false) => Narrowed::Nothing,
            (is_first, _) => {
                let (selected, other) = if is_first { (first, second) } else { (second, first) };
                self.warn_once.swapped(selected, other);
                Narrowed::Instead(deletion(&[selected], &self.patterns(), &[]))
            }
        }
    }

    /// Functions belong to no database, and the target may have others.
    fn narrow_functions(&mut self, command: &Command<'_>) -> Narrowed {
        let is = |index: usize, word: &[u8]| command.arg(index).is_some_and(|arg| arg.eq_ignore_ascii_case(word));
        match () {
            () if is(1, b"FLUSH") => {
                self.warn_once.functions();
                Narrowed::Nothing
            }
            () if is(1, b"RESTORE") && is(3, b"FLUSH") => {
                self.warn_once.functions();
                let payload = command.arg(2).unwrap_or_default();
                Narrowed::Instead(vec![TargetCommand::new(None, &[b"FUNCTION", b"RESTORE", payload, b"REPLACE"])])
            }
            () => Narrowed::Whole,
        }
    }

    fn narrow_keys(&mut self, command: &Command<'_>, name: &[u8], touched: &[Touched<'_>]) -> Narrowed {
        let reads_others = !self.keys.is_empty() && sorts_by_others(command, name);
        if touched.iter().all(|it| it.is_selected) && !reads_others {
            return Narrowed::Whole;
        }
        if !touched.iter().any(|it| it.is_selected) {
            return Narrowed::Nothing;
        }
        let selected = || touched.iter().filter(|it| it.is_selected);
        let arg = |index| command.arg(index).unwrap_or_default();
        let db = touched.first().and_then(|it| it.db);
        if let Some(each) = Each::of(name) {
            let args: Vec<&[u8]> = match each {
                // The options are after the values.
                Each::CountedPair => {
                    let end = touched.last().map_or(0, |it| it.index + 2);
                    let count = selected().count().to_string();
                    let pairs = selected().flat_map(|it| [it.key, arg(it.index + 1)]);
                    let args = [arg(0), count.as_bytes()].into_iter().chain(pairs).chain(command.args().skip(end));
                    return Narrowed::Instead(vec![TargetCommand::new(db, &args.collect::<Vec<_>>())]);
                }
                Each::Pair => selected().flat_map(|it| [it.key, arg(it.index + 1)]).collect(),
                Each::Key => selected().map(|it| it.key).collect(),
            };
            return Narrowed::Instead(vec![TargetCommand::new(db, &[&[arg(0)], args.as_slice()].concat())]);
        }
        let instead = touched.iter().enumerate().filter(|(_, it)| it.is_selected).filter_map(|(at, it)| {
            let args = match (name, at) {
                (b"SMOVE", 0) => vec![&b"SREM"[..], it.key, arg(3)],
                (b"SMOVE", _) => vec![&b"SADD"[..], it.key, arg(3)],
                (b"LMOVE" | b"RPOPLPUSH" | b"BLMOVE" | b"BRPOPLPUSH" | b"LMOVEM" | b"BLMOVEM", 0) => {
                    popping(command, name, it.key)
                }
                _ if it.access == Access::Read => return None,
                _ => {
                    if it.access == Access::Write {
                        self.warn_once.derived(command.name(), it.key);
                    }
                    vec![&b"DEL"[..], it.key]
                }
            };
            Some(TargetCommand::new(it.db, &args))
        });
        let instead: Vec<TargetCommand> = instead.collect();
        if instead.is_empty() { Narrowed::Nothing } else { Narrowed::Instead(instead) }
    }
}

/// Commands that do the same with each of their keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Each {
    Key,
    /// A value follows each key.
    Pair,
    /// Their number precedes the keys and values.
    CountedPair,
}

impl Each {
    fn of(name: &[u8]) -> Option<Self> {
        match name {
            b"DEL" | b"UNLINK" => Some(Self::Key),
            b"MSET" | b"MSETNX" => Some(Self::Pair),
            b"MSETEX" => Some(Self::CountedPair),
            _ => None,
        }
    }
}

/// The command that removes what LMOVE and its relatives move from their first key.
fn popping<'a>(command: &Command<'a>, name: &[u8], key: &'a [u8]) -> Vec<&'a [u8]> {
    let is_left = !name.ends_with(b"RPOPLPUSH") && command.arg(3).is_some_and(|arg| arg.eq_ignore_ascii_case(b"LEFT"));
    let verb: &[u8] = if is_left { b"LPOP" } else { b"RPOP" };
    let is_count = |arg: &[u8]| arg.eq_ignore_ascii_case(b"COUNT") || arg.eq_ignore_ascii_case(b"EXACTLY");
    let count = if name.ends_with(b"LMOVEM") { command.args().skip_while(|arg| !is_count(arg)).nth(1) } else { None };
    [verb, key].into_iter().chain(count).collect()
}

/// SORT can read keys that it does not name.
fn sorts_by_others(command: &Command<'_>, name: &[u8]) -> bool {
    let is_pattern = |word: &[u8]| word.eq_ignore_ascii_case(b"BY") || word.eq_ignore_ascii_case(b"GET");
    let args: Vec<&[u8]> = if name == b"SORT" { command.args().skip(2).collect() } else { return false };
    args.windows(2).any(|pair| matches!(pair, [word, pattern] if is_pattern(word) && pattern.contains(&b'*')))
}

fn number(arg: Option<&[u8]>) -> Option<u32> {
    std::str::from_utf8(arg?).ok()?.parse().ok()
}
