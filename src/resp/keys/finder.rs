//! The search for keys among arguments that arrive one after another.

use crate::resp::keys::lookup;
use crate::resp::keys::shape::{LONGEST_NAME, MOST_SPECS, Shape, Spec, TableEntry};
use crate::resp::parts::Part;

/// The keys that a command touches, as its arguments tell. The enum is closed.
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
/// Two commands are exceptions, known only at their end. Of several STORE options of SORT only the last one counts.
/// With the option KEYS of MIGRATE, its empty third argument is not a key.
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
pub struct KeyFinder {
    argc: usize,
    /// The number of arguments received.
    seen: usize,
    state: FinderState,
    ranges: KeyIndices,
    /// The specifications whose arguments are not found yet, one bit each.
    open: u8,
    /// A count of keys was 0.
    counted_none: bool,
    /// The first argument that may be an option of SORT or MIGRATE.
    option: usize,
    /// The key argument of MIGRATE is empty.
    keyless: bool,
    held: HeldArgument,
}

#[derive(Debug, Clone, Copy)]
enum FinderState {
    Name,
    Subcommand(&'static [TableEntry]),
    Arguments(&'static [Spec]),
    Settled(Reach),
}

impl Default for KeyFinder {
    fn default() -> Self {
        Self::new()
    }
}

impl KeyFinder {
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
            ranges: KeyIndices([KeyRange::EMPTY; MOST_SPECS]),
            open: 0,
            counted_none: false,
            option: 0,
            keyless: false,
            held: HeldArgument { bytes: [0; LONGEST_NAME], length: 0, missing: None, is_long: false },
        }
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

    pub(super) fn is_settled(&self) -> bool {
        matches!(self.state, FinderState::Settled(_))
    }

    pub(super) fn ranges(&self) -> KeyIndices {
        self.ranges
    }

    /// Receives the next argument. `None`: the argument is too long for a name, a number or an option.
    pub(super) fn argument(&mut self, argument: Option<&[u8]>) {
        let index = self.seen;
        self.seen += 1;
        match self.state {
            FinderState::Name => self.shape(argument.and_then(lookup::find_command)),
            FinderState::Subcommand(entries) => self.shape(argument.and_then(|name| lookup::find_entry(entries, name))),
            FinderState::Arguments(specs) => {
                for (number, spec) in specs.iter().enumerate() {
                    if self.open & 1 << number != 0 {
                        self.check_spec(number, *spec, index, argument);
                    }
                }
            }
            FinderState::Settled(_) => {}
        }
        if self.seen >= self.argc || (self.open == 0 && matches!(self.state, FinderState::Arguments(_))) {
            self.settle();
        }
    }

    fn shape(&mut self, shape: Option<Shape>) {
        self.state = match shape {
            None => FinderState::Settled(Reach::Unknown),
            Some(Shape::Nothing) => FinderState::Settled(Reach::None),
            Some(Shape::All) => FinderState::Settled(Reach::All),
            Some(Shape::Container(entries)) => FinderState::Subcommand(entries),
            Some(Shape::Named(specs)) => {
                for (number, spec) in specs.iter().enumerate() {
                    match *spec {
                        Spec::At(first, last, step) => {
                            let range = KeyRange::new(first, self.last(first, last), step);
                            self.ranges.set(number, range);
                        }
                        Spec::Store => {
                            self.option = 2;
                            self.open |= 1 << number;
                        }
                        Spec::MigrateKeys => {
                            self.option = 6;
                            self.open |= 1 << number;
                        }
                        Spec::Counted(..) | Spec::After(..) => self.open |= 1 << number,
                    }
                }
                FinderState::Arguments(specs)
            }
        };
    }

    /// Checks an argument against an open specification.
    fn check_spec(&mut self, number: usize, spec: Spec, index: usize, argument: Option<&[u8]>) {
        match spec {
            Spec::At(..) => {}
            Spec::Counted(count, first, step) => {
                if index == count {
                    self.count(number, argument, first, step);
                }
            }
            Spec::After(word, from, last, step, parts) => {
                let first = index + 1;
                if index < from || first >= self.argc || !is(argument, word) {
                    return;
                }
                let last = match parts {
                    0 => self.last(first, last),
                    // All keys are in the first of the equal parts.
                    parts => first.saturating_add((self.argc - first) / parts).checked_add_signed(last),
                };
                self.found(number, KeyRange::new(first, last, step));
            }
            Spec::Store => match argument {
                _ if index < self.option => {}
                word if is(word, "limit") => self.option = index + 3,
                word if is(word, "get") || is(word, "by") => self.option = index + 2,
                // As on a server, the last STORE counts. The specification stays open to the end.
                word if is(word, "store") && index + 1 < self.argc => {
                    self.ranges.set(number, KeyRange::new(index + 1, Some(index + 1), 1));
                }
                _ => {}
            },
            Spec::MigrateKeys => match argument {
                key if index == 3 => self.keyless = key == Some(b""),
                _ if index < self.option => {}
                word if is(word, "auth") => self.option = index + 2,
                word if is(word, "auth2") => self.option = index + 3,
                word if is(word, "keys") && self.keyless => {
                    self.ranges = KeyIndices([KeyRange::EMPTY; MOST_SPECS]);
                    self.found(number, KeyRange::new(index + 1, self.argc.checked_sub(1), 1));
                }
                _ => {}
            },
        }
    }

    fn count(&mut self, number: usize, argument: Option<&[u8]>, first: usize, step: usize) {
        let text = argument.and_then(|argument| core::str::from_utf8(argument).ok());
        let last = match text.and_then(|text| text.parse::<usize>().ok()) {
            Some(0) => {
                self.counted_none = true;
                return self.found(number, KeyRange::EMPTY);
            }
            Some(count) => (count - 1).checked_mul(step).and_then(|behind| behind.checked_add(first)),
            None => None,
        };
        match last.filter(|&last| last < self.argc) {
            Some(last) => self.found(number, KeyRange::new(first, Some(last), step)),
            // No server accepts the command, so its keys are unknown.
            None => {
                self.ranges = KeyIndices([KeyRange::EMPTY; MOST_SPECS]);
                self.state = FinderState::Settled(Reach::Unknown);
            }
        }
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

fn is(argument: Option<&[u8]>, word: &str) -> bool {
    argument.is_some_and(|argument| argument.eq_ignore_ascii_case(word.as_bytes()))
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

/// Indices of arguments: from `next` to `last`, every `step`th. Empty if `next` is greater than `last`.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyRange {
    next: usize,
    last: usize,
    step: usize,
}

impl KeyRange {
    const EMPTY: Self = Self { next: 1, last: 0, step: 1 };

    fn new(first: usize, last: Option<usize>, step: usize) -> Self {
        last.map_or(Self::EMPTY, |last| Self { next: first, last, step })
    }

    fn is_empty(&self) -> bool {
        self.next > self.last
    }
}

/// The indices of a command's keys, in order.
#[derive(Debug, Clone, Copy)]
pub struct KeyIndices([KeyRange; MOST_SPECS]);

impl KeyIndices {
    fn set(&mut self, number: usize, range: KeyRange) {
        if let Some(slot) = self.0.get_mut(number) {
            *slot = range;
        }
    }

    fn first(&self) -> Option<usize> {
        self.0.iter().filter(|range| !range.is_empty()).map(|range| range.next).min()
    }

    /// The index after the last key.
    fn end(&self) -> usize {
        self.0.iter().filter(|range| !range.is_empty()).map(|range| range.last.saturating_add(1)).max().unwrap_or(0)
    }

    /// Whether the index is one of those left.
    fn holds(&self, index: usize) -> bool {
        let reaches = |range: &KeyRange| (range.next..=range.last).contains(&index);
        self.0.iter().any(|range| reaches(range) && (index - range.next).checked_rem(range.step) == Some(0))
    }
}

impl Iterator for KeyIndices {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let first = self.first()?;
        for range in self.0.iter_mut().filter(|range| range.next == first) {
            range.next = range.next.saturating_add(range.step);
        }
        Some(first)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = |range: &KeyRange| match range.is_empty() {
            true => 0,
            false => (range.last - range.next).checked_div(range.step).unwrap_or(0) + 1,
        };
        (0, Some(self.0.iter().map(count).sum()))
    }
}
