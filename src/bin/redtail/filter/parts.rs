//! The filter for commands that arrive in parts. Parts are held until the decision is known.

use redtail::StreamPart;
use redtail::resp::{KeyFinder, Part, Reach};

use crate::filter::decision::{Decision, MOST_HELD};
use crate::filter::event_filter::{EventFilter, Name};
use crate::filter::split::Split;
use crate::held_command::HeldCommand;
use crate::target::command_specs;

#[derive(Debug)]
pub(crate) struct PartFilter {
    /// The decision about the current command.
    verdict: Decision,
    finder: KeyFinder<'static>,
    /// The command until the decision about it.
    held: HeldCommand,
    passed: Passed,
    split: Option<Split>,
}

/// The filters that the command has passed.
#[derive(Debug, Default)]
struct Passed {
    db: bool,
    name: bool,
    key: bool,
    /// For a target: the command has to be complete.
    needs_whole: bool,
    has_key: bool,
}

impl PartFilter {
    pub(crate) fn new() -> Self {
        Self {
            verdict: Decision::Drop,
            finder: KeyFinder::new(),
            held: HeldCommand::default(),
            passed: Passed::default(),
            split: None,
        }
    }

    /// Decides about a part. With [`Decision::Print`], the caller prints the held parts first, if there are any. This
    /// part is the last of them, unless it is the end.
    ///
    /// The decision depends on the bytes of the command alone, not on how they are split, so it is the same after a
    /// reconnect.
    pub(crate) fn part(&mut self, filter: &mut EventFilter, part: &StreamPart<'_>, db: Option<u32>) -> Decision {
        if let Part::Begin { .. } = part.part {
            self.begin();
        }
        if self.verdict != Decision::Hold {
            return self.verdict;
        }
        self.finder.part(&part.part);
        let completed = self.held.part(&part.part);
        match part.part {
            Part::Argument { .. } if self.held.size() > MOST_HELD => self.verdict = self.forced(filter, db),
            Part::End => self.verdict = self.last(filter),
            _ => {
                if let Some(index) = completed {
                    self.look(filter, index, db);
                }
            }
        }
        self.verdict
    }

    /// With [`Decision::Split`]: appends to `out` what this part adds to the output.
    pub(crate) fn split(&mut self, filter: &mut EventFilter, part: &Part<'_>, out: &mut Vec<u8>) {
        if let Some(split) = &mut self.split {
            split.part(filter, part, out);
        }
    }

    /// Returns the held parts of a command that passes.
    pub(crate) fn take(&mut self) -> HeldCommand {
        std::mem::take(&mut self.held)
    }

    /// Returns the buffer for reuse.
    pub(crate) fn put_back(&mut self, mut held: HeldCommand) {
        held.clear();
        self.held = held;
    }

    fn begin(&mut self) {
        self.held.clear();
        self.verdict = Decision::Hold;
        self.passed = Passed::default();
    }

    /// Decides by a complete argument.
    fn look(&mut self, filter: &mut EventFilter, index: usize, db: Option<u32>) {
        let Self { held, passed, finder, .. } = self;
        let [command, argument] = [0, index].map(|index| held.arg(index).unwrap_or_default());
        match index {
            0 => {
                passed.needs_whole = filter.is_for_target && needs_whole(argument);
                passed.db = match filter.is_for_target {
                    true => passed.needs_whole || filter.selects_db(db),
                    false => passes_db(filter, argument, db),
                };
                if !passed.db {
                    return self.verdict = Decision::Drop;
                }
                let mut named =
                    filter.commands.iter().filter(|name| name.command.eq_ignore_ascii_case(argument)).peekable();
                if !filter.commands.is_empty() && named.peek().is_none() {
                    return self.verdict = Decision::Drop;
                }
                let mut left_out =
                    filter.not_commands.iter().filter(|name| name.command.eq_ignore_ascii_case(argument)).peekable();
                // Its subcommand decides.
                let is_open = left_out.peek().is_some();
                if left_out.any(|name| name.subcommand.is_none()) {
                    return self.verdict = Decision::Drop;
                }
                passed.name = !is_open && (filter.commands.is_empty() || named.any(|name| name.subcommand.is_none()));
                passed.key = !filter.chooses_keys() && !passed.needs_whole;
                if filter.is_for_target && !passed.key && passed.name {
                    self.split = Split::of(argument);
                    if self.split.is_some() {
                        return self.verdict = Decision::Split;
                    }
                }
                if !passed.key
                    && finder.reach() == Some(Reach::Unknown)
                    && let Some(spec) = command_specs::find(argument)
                {
                    finder.learn(spec);
                }
            }
            1 if !passed.name => {
                let is = |name: &Name| {
                    command.eq_ignore_ascii_case(&name.command)
                        && name.subcommand.as_ref().is_none_or(|name| argument.eq_ignore_ascii_case(name))
                };
                passed.name = (filter.commands.is_empty() || filter.commands.iter().any(is))
                    && !filter.not_commands.iter().any(is);
                if !passed.name {
                    return self.verdict = Decision::Drop;
                }
            }
            _ => {}
        }
        match finder.reach() {
            _ if passed.key || passed.needs_whole => {}
            Some(Reach::None) if filter.is_for_target => self.verdict = Decision::Drop,
            Some(Reach::Unknown) if filter.is_for_target => {
                filter.warn_once.unknown_left_out(command);
                self.verdict = Decision::Drop;
            }
            // With one key, the key decides. With several, they decide together.
            Some(Reach::Some) if filter.is_for_target && finder.is_key() => {
                if !passed.has_key && finder.is_done() {
                    passed.key = filter.passes_key(argument);
                    if !passed.key {
                        self.verdict = Decision::Drop;
                    }
                }
                passed.has_key = true;
            }
            _ if filter.is_for_target => {}
            Some(Reach::None) if !filter.keys.is_empty() => self.verdict = Decision::Drop,
            Some(Reach::None | Reach::All) => passed.key = true,
            Some(Reach::Unknown) => {
                filter.warn_once.unknown(command);
                passed.key = true;
            }
            _ if finder.is_key() && filter.passes_key(argument) => passed.key = true,
            _ if finder.is_done() => self.verdict = Decision::Drop,
            _ => {}
        }
        if self.verdict == Decision::Hold && passed.name && passed.key {
            self.verdict = Decision::Print;
        }
    }

    /// The argument is too long to hold.
    fn forced(&mut self, filter: &mut EventFilter, db: Option<u32>) -> Decision {
        if filter.is_for_target {
            filter.warn_once.large_left_out();
            return Decision::Drop;
        }
        // No command or subcommand has such a long name.
        if self.held.len() == 1 {
            self.passed.db = passes_db(filter, b"", db);
            self.passed.name = filter.commands.is_empty();
        }
        if !self.passed.db || !self.passed.name {
            return Decision::Drop;
        }
        if self.finder.is_done() && !self.finder.is_key() {
            return self.last(filter);
        }
        filter.warn_once.large();
        Decision::Print
    }

    /// No further part can change the decision.
    fn last(&mut self, filter: &mut EventFilter) -> Decision {
        match self.finder.reach() {
            Some(Reach::Unknown) if filter.is_for_target && !self.passed.needs_whole => {
                filter.warn_once.unknown_left_out(self.held.arg(0).unwrap_or_default());
                Decision::Drop
            }
            Some(Reach::Some | Reach::All) if filter.is_for_target && self.passed.name => Decision::Narrow,
            _ if self.passed.needs_whole && self.passed.name => Decision::Narrow,
            Some(Reach::Unknown) if self.passed.name => {
                filter.warn_once.unknown(self.held.arg(0).unwrap_or_default());
                Decision::Print
            }
            _ => Decision::Drop,
        }
    }
}

/// For a target: whether the databases or keys of the command are not those that its first key tells.
fn needs_whole(name: &[u8]) -> bool {
    let names: [&[u8]; 8] =
        [b"FLUSHALL", b"FLUSHDB", b"SWAPDB", b"TRIMSLOTS", b"MOVE", b"COPY", b"FUNCTION", b"SCRIPT"];
    names.iter().any(|it| it.eq_ignore_ascii_case(name))
}

/// As for a whole command, but without the arguments that may name a database.
fn passes_db(filter: &mut EventFilter, name: &[u8], db: Option<u32>) -> bool {
    if filter.dbs.is_empty() {
        return true;
    }
    let Some(db) = db else {
        filter.warn_once.no_db();
        return true;
    };
    let elsewhere: [&[u8]; 4] = [b"COPY", b"MOVE", b"FUNCTION", b"SCRIPT"];
    filter.dbs.contains(&db) || elsewhere.iter().any(|it| it.eq_ignore_ascii_case(name))
}
