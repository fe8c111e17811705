//! The search for keys among arguments that arrive one after another.

use crate::resp::keys::command_spec::CommandSpec;
use crate::resp::keys::indices::{KeyIndices, KeyRange};
use crate::resp::keys::lookup;
use crate::resp::keys::shape::{Access, Effect, KeySpec, LONGEST_NAME, Shape, Spec, TableEntry};
use crate::resp::parts::Part;

/// The keys that a command touches, as its arguments tell. The enum is closed.
///
/// ```
/// use redtail::resp::{KeyFinder, Part, Reach};
///
/// let mut finder = KeyFinder::new();
/// for part in [Part::Begin { argc: 1 }, Part::Argument { index: 0, length: 8 }, Part::Piece(b"FLUSHALL"), Part::End] {
///     finder.part(&part);
/// }
/// assert_eq!(finder.reach(), Some(Reach::All));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reach {
    /// No key.
    None,
    /// The keys that the command names.
    Some,
    /// Keys that the command does not name: any key may be touched (FLUSHALL, FLUSHDB, SWAPDB).
    All,
    /// Unknown: a command of a module, a renamed command or a newer one.
    Unknown,
}

/// Finds the keys of a command that is delivered in [`Part`]s.
///
/// An argument is known to be a key when it begins, before its bytes arrive. Its index says so, or a count or option
/// before it.
///
/// Some commands are exceptions, known only at their end. Of several STORE options of SORT or GEORADIUS only the last
/// one counts. With the option KEYS of MIGRATE, its empty third argument is not a key. The option DB of COPY names the
/// database of its target.
///
/// ```
/// use redtail::resp::{KeyFinder, Part, Reach};
///
/// let mut finder = KeyFinder::new();
/// let value = Part::Argument { index: 2, length: 1 << 30 };
/// for part in [
///     Part::Begin { argc: 3 },
///     Part::Argument { index: 0, length: 3 },
///     Part::Piece(b"SET"),
///     Part::Argument { index: 1, length: 1 },
/// ] {
///     finder.part(&part);
/// }
/// assert_eq!((finder.is_key(), finder.reach()), (true, Some(Reach::Some)));
/// finder.part(&Part::Piece(b"k"));
/// finder.part(&value);
/// assert!(!finder.is_key());
/// ```
#[derive(Debug, Clone)]
pub struct KeyFinder<'s> {
    argc: usize,
    /// The number of arguments received.
    seen: usize,
    state: FinderState<'s>,
    /// `None` while it is unknown.
    effect: Option<Effect>,
    ranges: KeyIndices,
    /// The specifications whose arguments are not found yet, one bit each.
    open: u8,
    /// A count of keys was 0.
    counted_none: bool,
    /// The first argument that may be an option of SORT, GEORADIUS, MIGRATE or COPY.
    option: usize,
    /// The argument that names the database of a target; 0: none.
    database: usize,
    /// The key argument of MIGRATE is empty.
    keyless: bool,
    held: HeldArgument,
}

#[derive(Debug, Clone, Copy)]
enum FinderState<'s> {
    Name,
    Subcommand(&'static [TableEntry]),
    Arguments(&'s [KeySpec]),
    Settled(Reach),
}

impl Default for KeyFinder<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'s> KeyFinder<'s> {
    /// A finder that expects a [`Part::Begin`].
    #[must_use]
    pub const fn new() -> Self {
        Self::with(0)
    }

    /// A finder that expects the first of `argc` arguments.
    pub(super) const fn with(argc: usize) -> Self {
        Self {
            argc,
            seen: 0,
            state: FinderState::Name,
            effect: None,
            ranges: KeyIndices::EMPTY,
            open: 0,
            counted_none: false,
            option: 0,
            database: 0,
            keyless: false,
            held: HeldArgument { bytes: [0; LONGEST_NAME], length: 0, missing: None, is_long: false },
        }
    }

    /// A finder that has received the name and the subcommand of a command with these arguments.
    pub(crate) fn of_name<'a>(argc: usize, args: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut finder = Self::with(argc);
        args.take(2).for_each(|arg| finder.argument(Some(arg)));
        finder
    }

    /// Receives the next part. A [`Part::Begin`] begins another command.
    pub fn part(&mut self, part: &Part<'_>) {
        match *part {
            Part::Begin { argc } => *self = Self::with(argc),
            Part::Argument { length, .. } => {
                self.held.begin(length);
                self.end_argument();
            }
            Part::Piece(bytes) => {
                self.held.push(bytes);
                self.end_argument();
            }
            Part::End => self.settle(),
        }
    }

    fn end_argument(&mut self) {
        if self.held.missing == Some(0) {
            self.held.missing = None;
            let HeldArgument { bytes, length, is_long, .. } = self.held;
            self.argument(bytes.get(..length).filter(|_| !is_long));
        }
    }

    /// Whether the argument that began last is a key. [`reach`](Self::reach) returns whether the command has keys at
    /// all.
    #[must_use]
    pub fn is_key(&self) -> bool {
        self.ranges.holds(self.latest())
    }

    /// Whether no argument after the one that began last is a key.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.is_settled() && self.ranges.end() <= self.latest().wrapping_add(1)
    }

    /// The index of the argument that began last; `usize::MAX` before the first.
    fn latest(&self) -> usize {
        if self.held.missing.is_some() { self.seen } else { self.seen.wrapping_sub(1) }
    }

    /// The keys that the command touches; `None` while they are unknown.
    #[must_use]
    pub fn reach(&self) -> Option<Reach> {
        match self.state {
            FinderState::Settled(reach) => Some(reach),
            _ => self.ranges.first().map(|_| Reach::Some),
        }
    }

    /// Whether the command can change keys, functions or scripts:
    /// [`Command::is_write`](crate::resp::Command::is_write). `None` for an unknown command, and before the end of its
    /// name.
    #[must_use]
    pub fn is_write(&self) -> Option<bool> {
        self.effect.map(|effect| effect == Effect::Changes)
    }

    /// The keys known so far, in the order of the arguments. After [`Part::End`] these are all keys.
    #[must_use]
    pub fn keys(&self) -> KeyIndices {
        self.ranges
    }

    /// Uses a server's description of this command, which the table does not have. Call it when
    /// [`reach`](Self::reach) is [`Reach::Unknown`] after the name, before the next argument. Later calls, and calls
    /// for a command of the table, have no effect.
    pub fn learn(&mut self, spec: &'s CommandSpec) {
        if self.seen == 1 && self.effect.is_none() && self.is_settled() {
            self.begin(spec.effect(), spec.specs());
            self.settle_if_known();
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        matches!(self.state, FinderState::Settled(_))
    }

    /// Receives the next argument. `None`: the argument is too long for a name, a number or an option.
    pub(super) fn argument(&mut self, argument: Option<&[u8]>) {
        let index = self.seen;
        self.seen += 1;
        match self.state {
            FinderState::Name => self.shape(argument.and_then(lookup::find_command)),
            FinderState::Subcommand(entries) => self.shape(argument.and_then(|name| lookup::find_entry(entries, name))),
            FinderState::Arguments(specs) => {
                for (number, &(access, spec)) in specs.iter().enumerate() {
                    if self.open & 1 << number != 0 {
                        self.check_spec(number, access, spec, index, argument);
                    }
                }
            }
            FinderState::Settled(_) => {}
        }
        self.settle_if_known();
    }

    fn settle_if_known(&mut self) {
        if self.seen >= self.argc || (self.open == 0 && matches!(self.state, FinderState::Arguments(_))) {
            self.settle();
        }
    }

    fn shape(&mut self, found: Option<(Effect, Shape)>) {
        self.effect = found.map(|(effect, _)| effect);
        self.state = match found {
            None => FinderState::Settled(Reach::Unknown),
            Some((_, Shape::Nothing)) => FinderState::Settled(Reach::None),
            Some((_, Shape::All)) => FinderState::Settled(Reach::All),
            Some((_, Shape::Container(entries))) => FinderState::Subcommand(entries),
            Some((effect, Shape::Named(specs))) => return self.begin(effect, specs),
        };
    }

    /// The arguments of the command follow, with keys at these positions.
    fn begin(&mut self, effect: Effect, specs: &'s [KeySpec]) {
        self.effect = Some(effect);
        self.state = match specs {
            [] => FinderState::Settled(Reach::None),
            _ => FinderState::Arguments(specs),
        };
        for (number, &(access, spec)) in specs.iter().enumerate() {
            match spec {
                Spec::At(first, last, step) => {
                    self.ranges.set(number, KeyRange::new(access, first, self.last(first, last), step));
                    continue;
                }
                Spec::Counted(..) | Spec::After(..) => {}
                Spec::Store => self.option = 2,
                Spec::GeoStore(from) => self.option = from,
                Spec::MigrateKeys => self.option = 6,
                Spec::MoveTarget => {
                    self.database = 2;
                    self.ranges.set(number, KeyRange::new(access, 1, self.last(1, 0), 1));
                }
                Spec::CopyTarget => {
                    self.option = 3;
                    self.ranges.set(number, KeyRange::new(access, 2, self.last(2, 0), 1));
                }
            }
            self.open |= 1 << number;
        }
    }

    /// Checks an argument against an open specification.
    fn check_spec(&mut self, number: usize, access: Access, spec: Spec, index: usize, argument: Option<&[u8]>) {
        match spec {
            Spec::At(..) => {}
            Spec::Counted(count, first, step) => {
                if index == count {
                    self.count(number, access, argument, first, step);
                }
            }
            Spec::After(word, from, last, step, parts) => {
                let first = index + 1;
                if index < from || first >= self.argc || !is(argument, word.as_bytes()) {
                    return;
                }
                let last = match parts {
                    0 => self.last(first, last),
                    // All keys are in the first of the equal parts.
                    parts => first.saturating_add((self.argc - first) / parts).checked_add_signed(last),
                };
                self.found(number, KeyRange::new(access, first, last, step));
            }
            // As on a server, the last STORE counts. The specification stays open to the end.
            Spec::Store => match argument {
                _ if index < self.option => {}
                word if is(word, b"limit") => self.option = index + 3,
                word if is(word, b"get") || is(word, b"by") => self.option = index + 2,
                word if is(word, b"store") && index + 1 < self.argc => {
                    self.ranges.set(number, KeyRange::new(access, index + 1, Some(index + 1), 1));
                }
                _ => {}
            },
            Spec::GeoStore(_) => match argument {
                _ if index < self.option => {}
                word if (is(word, b"store") || is(word, b"storedist")) && index + 1 < self.argc => {
                    self.option = index + 2;
                    self.ranges.set(number, KeyRange::new(access, index + 1, Some(index + 1), 1));
                }
                _ => {}
            },
            Spec::MigrateKeys => match argument {
                key if index == 3 => self.keyless = key == Some(b""),
                _ if index < self.option => {}
                word if is(word, b"auth") => self.option = index + 2,
                word if is(word, b"auth2") => self.option = index + 3,
                word if is(word, b"keys") && self.keyless => {
                    self.ranges = KeyIndices::EMPTY;
                    self.found(number, KeyRange::new(access, index + 1, self.argc.checked_sub(1), 1));
                }
                _ => {}
            },
            Spec::MoveTarget if index == self.database => {
                self.open &= !(1 << number);
                self.name_database(number, argument);
            }
            Spec::CopyTarget if index == self.database => self.name_database(number, argument),
            Spec::CopyTarget if index >= self.option && is(argument, b"db") => {
                (self.option, self.database) = (index + 2, index + 1);
            }
            Spec::MoveTarget | Spec::CopyTarget => {}
        }
    }

    fn name_database(&mut self, number: usize, argument: Option<&[u8]>) {
        match parsed(argument) {
            Some(db) => self.ranges.name_database(number, db),
            None => self.reject(),
        }
    }

    fn count(&mut self, number: usize, access: Access, argument: Option<&[u8]>, first: usize, step: usize) {
        let last = match parsed::<usize>(argument) {
            Some(0) => {
                self.counted_none = true;
                return self.found(number, KeyRange::EMPTY);
            }
            Some(count) => (count - 1).checked_mul(step).and_then(|behind| behind.checked_add(first)),
            None => None,
        };
        match last.filter(|&last| last < self.argc) {
            Some(last) => self.found(number, KeyRange::new(access, first, Some(last), step)),
            None => self.reject(),
        }
    }

    /// No server accepts the command, so its keys are unknown.
    fn reject(&mut self) {
        self.ranges = KeyIndices::EMPTY;
        self.state = FinderState::Settled(Reach::Unknown);
    }

    fn found(&mut self, number: usize, range: KeyRange) {
        self.ranges.set(number, range);
        self.open &= !(1 << number);
    }

    /// The index of the last argument in a range from `first`; `None` if the range is empty.
    fn last(&self, first: usize, last: isize) -> Option<usize> {
        let end = self.argc.checked_sub(1)?;
        match last {
            0.. => Some(first.checked_add_signed(last)?.min(end)),
            // The last of all arguments is -1.
            _ => end.checked_add_signed(last + 1),
        }
    }

    /// Decides the result: no further argument matters.
    fn settle(&mut self) {
        if self.is_settled() {
            return;
        }
        self.state = FinderState::Settled(match self.ranges.first() {
            Some(_) => Reach::Some,
            None if self.counted_none => Reach::None,
            // COMMAND needs no subcommand.
            None if matches!(self.state, FinderState::Subcommand(_)) => Reach::None,
            // The command lacks arguments.
            None => Reach::Unknown,
        });
    }
}

fn is(argument: Option<&[u8]>, word: &[u8]) -> bool {
    argument.is_some_and(|argument| argument.eq_ignore_ascii_case(word))
}

fn parsed<T: core::str::FromStr>(argument: Option<&[u8]>) -> Option<T> {
    core::str::from_utf8(argument?).ok()?.parse().ok()
}

/// The beginning of an argument that arrives in pieces.
#[derive(Debug, Clone, Copy)]
struct HeldArgument {
    bytes: [u8; LONGEST_NAME],
    length: usize,
    /// The number of missing bytes; `None` between two arguments.
    missing: Option<u64>,
    /// The argument is longer than any name or option.
    is_long: bool,
}

impl HeldArgument {
    fn begin(&mut self, length: u64) {
        self.length = 0;
        self.missing = Some(length);
        self.is_long = length > LONGEST_NAME as u64;
    }

    fn push(&mut self, piece: &[u8]) {
        self.missing = self.missing.map(|missing| missing.saturating_sub(piece.len() as u64));
        if let Some(room) = self.bytes.get_mut(self.length..self.length.saturating_add(piece.len())) {
            room.copy_from_slice(piece);
            self.length += piece.len();
        }
    }
}
