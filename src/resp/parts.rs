//! Commands whole, or in parts where they are too large to wait for.

use crate::base::error::ProtocolError;
use crate::base::limits::{Limits, MIN_PARTS_THRESHOLD};
use crate::base::status::Status;
use crate::resp::command::Command;
use crate::resp::commands::{Advance, CommandParser};
use crate::resp::number::{Length, Text};
use crate::resp::tape::{Bulk, bulk_length, shift};
use crate::resp::{Fault, as_size, number};

/// Finds the commands in a stream as [`CommandParser`] does, and hands out the large ones in parts, so that a value of any
/// size passes through a small buffer.
///
/// A command comes in parts exactly when the declared length of an argument reaches the threshold, or when its bytes up to
/// the end of an argument pass [`Limits::command`]. That is a function of the bytes alone, never of how they arrive; only the
/// cut into pieces is. [`Limits::bulk`] and [`Limits::arguments`] hold for parts too.
///
/// ```
/// use redtail::resp::{Item, Part, PartsParser, Status};
///
/// let bytes = [b"*2\r\n$3\r\nDEL\r\n$2000\r\n" as &[u8], &[b'k'; 2000], b"\r\n"].concat();
/// let (mut parser, mut input, mut key) = (PartsParser::stream(Some(1024)), &bytes[..], 0);
/// while let Status::Complete(item) = parser.next(&mut input)? {
///     match item {
///         Item::Part(Part::Argument { index: 1, length }) => assert_eq!(length, 2000),
///         Item::Part(Part::Piece(piece)) => key += piece.len(),
///         _ => {}
///     }
/// }
/// assert_eq!(key, "DEL".len() + 2000);
/// # Ok::<(), redtail::ProtocolError>(())
/// ```
#[derive(Debug, Clone)]
pub struct PartsParser {
    commands: CommandParser,
    stage: Stage,
    argc: usize,
    found: PartsPoll,
}

/// A whole command, or a part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item<'a> {
    /// A whole command.
    Command(Command<'a>),
    /// A part of a command that comes in parts.
    Part(Part<'a>),
}

/// A part of a command. They come in this order: `Begin`, for each argument `Argument` and its pieces, `End`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// The command begins.
    Begin {
        /// Number of its arguments, the name included.
        argc: usize,
    },
    /// An argument begins.
    Argument {
        /// Its number; the name is 0.
        index: usize,
        /// Its length in bytes: what its pieces add up to.
        length: u64,
    },
    /// The next bytes of the argument: what was there, at least one. None comes for an empty argument.
    Piece(&'a [u8]),
    /// The command is at its end: [`offset`](PartsParser::offset) is now that of the command.
    End,
}

/// What lies at the front of the input, in numbers: the first of the two steps that hold no borrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartsPoll {
    /// A whole command.
    Command {
        /// Bytes before it that carry none.
        skipped: usize,
        /// Its bytes.
        length: usize,
    },
    /// [`Part::Begin`].
    Begin {
        /// Bytes before the command that carry none.
        skipped: usize,
        /// Bytes of the count line.
        length: usize,
        /// Number of arguments.
        argc: usize,
    },
    /// [`Part::Argument`].
    Argument {
        /// Bytes that this uses up: the line end before, and the length line.
        used: usize,
        /// Number of the argument.
        index: usize,
        /// Length of the argument in bytes.
        length: u64,
    },
    /// [`Part::Piece`], which is the first `length` bytes of the input.
    Piece {
        /// Its bytes: at least one.
        length: usize,
    },
    /// [`Part::End`].
    End {
        /// Bytes that this uses up: the last line end.
        used: usize,
    },
    /// Not an error: the next command or part goes on after the bytes that are there.
    Incomplete {
        /// Bytes at the front that carry no item and are used up.
        skipped: usize,
        /// The least number of further bytes that could give the next command or part.
        needed: usize,
    },
}

impl PartsPoll {
    /// Bytes at the front of the input that are used up, which the next call is not to be shown again.
    #[must_use]
    pub fn used(&self) -> usize {
        match *self {
            Self::Command { skipped, length } | Self::Begin { skipped, length, .. } => skipped.saturating_add(length),
            Self::Argument { used, .. } | Self::End { used } => used,
            Self::Piece { length } => length,
            Self::Incomplete { skipped, .. } => skipped,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    /// At a command, or in one that may come whole.
    Whole,
    /// At the length line of an argument, or at the line end before it where the argument before has this length.
    Argument { index: usize, before: Option<u64> },
    /// In an argument.
    Payload { index: usize, length: u64, left: u64 },
}

impl PartsParser {
    /// For the command stream of a replication link. With `None` no command comes in parts, and one over the limit is an
    /// error, as with [`CommandParser::stream`]. A threshold below [`MIN_PARTS_THRESHOLD`] is read as that.
    #[must_use]
    pub fn stream(threshold: Option<u64>) -> Self {
        Self::new(false, Limits::DEFAULT, threshold)
    }

    /// For an append-only file of commands, as [`CommandParser::aof`].
    #[must_use]
    pub fn aof(threshold: Option<u64>) -> Self {
        Self::new(true, Limits::DEFAULT, threshold)
    }

    fn new(annotations: bool, limits: Limits, threshold: Option<u64>) -> Self {
        let threshold = threshold.map(|threshold| threshold.max(MIN_PARTS_THRESHOLD));
        Self {
            commands: CommandParser::new(annotations, limits, threshold),
            stage: Stage::Whole,
            argc: 0,
            found: PartsPoll::Incomplete { skipped: 0, needed: 0 },
        }
    }

    /// With other limits than [`Limits::DEFAULT`]. To be called before the first byte.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { commands: self.commands.with_limits(limits), ..self }
    }

    /// As [`CommandParser::starting_at`].
    #[must_use]
    pub fn starting_at(self, offset: u64) -> Self {
        Self { commands: self.commands.starting_at(offset), ..self }
    }

    /// Bytes used up so far, counted from the number of the first byte: inside a command that comes in parts, up to the end of
    /// the last part.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.commands.offset()
    }

    /// As [`CommandParser::timestamp`].
    #[must_use]
    pub fn timestamp(&self) -> Option<u64> {
        self.commands.timestamp()
    }

    /// The next command or part. `input` is moved past it, and past what was skipped before it.
    ///
    /// # Errors
    /// Bytes that are no command, or pass a limit.
    #[inline]
    pub fn next<'p, 'a: 'p>(&'p mut self, input: &mut &'a [u8]) -> Result<Status<Item<'p>>, ProtocolError> {
        let shown = *input;
        if matches!(self.stage, Stage::Whole)
            && let Some((raw, rest, argc)) = self.commands.known(shown)
        {
            self.found = PartsPoll::Command { skipped: 0, length: raw.len() };
            *input = rest;
            return Ok(Status::Complete(Item::Command(Command::new(raw, self.commands.tape.spans(), argc))));
        }
        let poll = self.other(shown)?;
        *input = shown.get(poll.used()..).unwrap_or_default();
        if let PartsPoll::Incomplete { needed, .. } = poll {
            return Ok(Status::Incomplete { needed });
        }
        Ok(self.item(shown).map_or(Status::Incomplete { needed: 0 }, Status::Complete))
    }

    /// The first of two steps: tells what lies at the front of `input`. Those [`used`](PartsPoll::used) bytes count as used up
    /// and are not to be shown again.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    #[inline]
    pub fn poll(&mut self, input: &[u8]) -> Result<PartsPoll, ProtocolError> {
        if matches!(self.stage, Stage::Whole)
            && let Some((raw, ..)) = self.commands.known(input)
        {
            self.found = PartsPoll::Command { skipped: 0, length: raw.len() };
            return Ok(self.found);
        }
        self.other(input)
    }

    /// The command at the front of `input`, if it is whole, of a shape that is known and has a name that is `wanted`. In any other case
    /// nothing is consumed, and [`poll`](Self::poll) finds what is there.
    #[cfg(feature = "std")]
    #[inline(always)]
    pub(crate) fn command_if<'p>(
        &'p mut self,
        input: &'p [u8],
        wanted: impl FnOnce(&[u8]) -> bool,
    ) -> Option<Command<'p>> {
        if !matches!(self.stage, Stage::Whole) {
            return None;
        }
        let (raw, _, argc) = self.commands.known_if(input, wanted)?;
        Some(Command::new(raw, self.commands.tape.spans(), argc))
    }

    /// The same for any whole command of the common shape.
    #[cfg(feature = "std")]
    #[inline]
    pub(crate) fn whole_command_if<'p>(
        &'p mut self,
        input: &'p [u8],
        wanted: impl FnOnce(&[u8]) -> bool,
    ) -> Option<Command<'p>> {
        if !matches!(self.stage, Stage::Whole) {
            return None;
        }
        let (raw, argc) = self.commands.whole_if(input, wanted)?;
        Some(Command::new(raw, self.commands.tape.spans(), argc))
    }

    /// The command that the last [`command_if`](Self::command_if) found, from the same `input`.
    #[cfg(feature = "std")]
    #[inline(always)]
    pub(crate) fn command<'p>(&'p self, input: &'p [u8]) -> Command<'p> {
        self.commands.command(input)
    }

    fn other(&mut self, input: &[u8]) -> Result<PartsPoll, ProtocolError> {
        if !matches!(self.stage, Stage::Whole) {
            return self.part(input);
        }
        let mut skipped = 0;
        self.found = match self.commands.other(input, &mut skipped)? {
            Advance::Whole => PartsPoll::Command { skipped, length: self.commands.found().length },
            Advance::Partial { needed } => PartsPoll::Incomplete { skipped, needed },
            Advance::Large => self.begin(input, skipped),
        };
        Ok(self.found)
    }

    /// The second step: the command or part that the last [`poll`](Self::poll) found, from the same `input`. `None` if it found
    /// none.
    #[must_use]
    #[inline]
    pub fn item<'p>(&'p self, input: &'p [u8]) -> Option<Item<'p>> {
        Some(match self.found {
            PartsPoll::Command { .. } => Item::Command(self.commands.command(input)),
            PartsPoll::Begin { argc, .. } => Item::Part(Part::Begin { argc }),
            PartsPoll::Argument { index, length, .. } => Item::Part(Part::Argument { index, length }),
            PartsPoll::Piece { length } => Item::Part(Part::Piece(input.get(..length).unwrap_or(input))),
            PartsPoll::End { .. } => Item::Part(Part::End),
            PartsPoll::Incomplete { .. } => return None,
        })
    }

    #[cold]
    fn begin(&mut self, input: &[u8], skipped: usize) -> PartsPoll {
        self.argc = self.commands.tape.argc();
        self.commands.tape.close();
        self.stage = Stage::Argument { index: 0, before: None };
        // The count line was read to get here.
        let line = input.get(skipped.saturating_add(1)..).unwrap_or_default();
        let length = match number::length(line) {
            Ok(Length::Whole { end, .. }) => 1 + end,
            _ => 0,
        };
        self.commands.offset += length as u64;
        PartsPoll::Begin { skipped, length, argc: self.argc }
    }

    fn part(&mut self, input: &[u8]) -> Result<PartsPoll, ProtocolError> {
        if let Some(error) = self.commands.failed {
            return Err(error);
        }
        let found = match self.stage {
            Stage::Payload { index, length, left } => {
                let piece = input.len().min(as_size(left));
                let left = left - piece as u64;
                self.stage = match left {
                    0 => Stage::Argument { index: index + 1, before: Some(length) },
                    left => Stage::Payload { index, length, left },
                };
                match piece {
                    0 => PartsPoll::Incomplete { skipped: 0, needed: 1 },
                    length => PartsPoll::Piece { length },
                }
            }
            Stage::Argument { index, before } => {
                self.argument(input, index, before).map_err(|fault| self.commands.fail(fault))?
            }
            Stage::Whole => PartsPoll::Incomplete { skipped: 0, needed: 1 },
        };
        self.commands.offset += found.used() as u64;
        self.found = found;
        Ok(found)
    }

    /// The end of the argument before, then the next argument or the end of the command.
    fn argument(&mut self, input: &[u8], index: usize, before: Option<u64>) -> Result<PartsPoll, Fault> {
        let partial = |needed| Ok(PartsPoll::Incomplete { skipped: 0, needed });
        // The smallest next part: a length line, or nothing after the last argument.
        let smallest = if index == self.argc { 0 } else { 4 };
        let at = match before {
            None => 0,
            Some(length) => match number::payload_end(input, 0, length)? {
                Text::Whole { end } => end,
                Text::Partial { more } => return partial(more + smallest),
            },
        };
        if index == self.argc {
            self.stage = Stage::Whole;
            return Ok(PartsPoll::End { used: at });
        }
        let line = match input.get(at) {
            None => return partial(smallest),
            Some(b'$') => input.get(at + 1..).unwrap_or_default(),
            Some(&found) => return Err(Fault::unexpected("'$' of an argument", found, at)),
        };
        match bulk_length(line, 0, self.commands.tape.limits().bulk).map_err(shift(at + 1))? {
            Bulk::Partial { more, .. } => partial(more),
            Bulk::Whole { length, end } => {
                self.stage = match length {
                    0 => Stage::Argument { index: index + 1, before: Some(0) },
                    left => Stage::Payload { index, length, left },
                };
                Ok(PartsPoll::Argument { used: at + 1 + end, index, length })
            }
        }
    }
}
