//! The parser of commands that delivers large ones in parts.

use crate::base::error::ProtocolError;
use crate::base::limits::{Limits, MIN_PARTS_THRESHOLD};
use crate::base::status::Status;
use crate::resp::command::Command;
use crate::resp::commands::{Advance, CommandParser};
use crate::resp::number;
use crate::resp::number::as_size;
use crate::resp::number::{Length, Scanned};
use crate::resp::parse_error::{ParseError, shift};
use crate::resp::tape::{Bulk, bulk_length};

/// Finds the commands in a stream as [`CommandParser`] does, and delivers large ones in parts. A value of any size then
/// passes through a small buffer.
///
/// A command is delivered in parts if the declared length of an argument reaches the threshold, or if an argument ends
/// beyond [`Limits::command`]. This depends on the bytes alone, not on how they arrive. Only the division into pieces
/// depends on the input. [`Limits::bulk`] and [`Limits::arguments`] apply to parts too.
///
/// ```
/// use redtail::resp::{PartsItem, Part, PartsParser, Status};
///
/// let bytes = [b"*2\r\n$3\r\nDEL\r\n$2000\r\n" as &[u8], &[b'k'; 2000], b"\r\n"].concat();
/// let (mut parser, mut input, mut key) = (PartsParser::stream(Some(1024)), &bytes[..], 0);
/// while let Status::Complete(item) = parser.next(&mut input)? {
///     match item {
///         PartsItem::Part(Part::Argument { index: 1, length }) => assert_eq!(length, 2000),
///         PartsItem::Part(Part::Piece(piece)) => key += piece.len(),
///         _ => {}
///     }
/// }
/// assert_eq!(key, "DEL".len() + 2000);
/// # Ok::<(), redtail::ProtocolError>(())
/// ```
#[derive(Debug, Clone)]
pub struct PartsParser {
    commands: CommandParser,
    state: PartsState,
    argc: usize,
    found: PartsPoll,
}

/// A whole command, or a part of one. The enum is closed.
///
/// ```
/// use redtail::resp::{Part, PartsItem};
///
/// fn print(item: &PartsItem<'_>) {
///     match item {
///         PartsItem::Command(command) => println!("{command}"),
///         PartsItem::Part(Part::Piece(bytes)) => println!("{} bytes of an argument", bytes.len()),
///         PartsItem::Part(_) => {}
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartsItem<'a> {
    /// A whole command.
    Command(Command<'a>),
    /// A part of a command that is delivered in parts.
    Part(Part<'a>),
}

/// A part of a command, in this order: `Begin`; for each argument `Argument` and its pieces; `End`. The enum is closed.
///
/// ```
/// use redtail::resp::Part;
///
/// fn length(part: &Part<'_>) -> u64 {
///     match part {
///         Part::Argument { length, .. } => *length,
///         _ => 0,
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// The command begins.
    Begin {
        /// The number of arguments, including the name.
        argc: usize,
    },
    /// An argument begins.
    Argument {
        /// Its index; the name has index 0.
        index: usize,
        /// Its length in bytes: the sum of its pieces.
        length: u64,
    },
    /// The next buffered bytes of the argument: at least one. An empty argument has no piece.
    Piece(&'a [u8]),
    /// The command ends. [`offset`](PartsParser::offset) is now the end of the command.
    End,
}

/// The position of the next command or part as numbers, which borrow nothing: the result of [`PartsParser::poll`]. The
/// enum is closed.
///
/// ```
/// use redtail::resp::{PartsParser, PartsPoll};
///
/// let input = b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
/// let mut parser = PartsParser::stream(None);
/// assert_eq!(parser.poll(input)?, PartsPoll::Command { skipped: 0, length: 20 });
/// # Ok::<(), redtail::ProtocolError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartsPoll {
    /// A whole command.
    Command {
        /// Bytes before the command that belong to none.
        skipped: usize,
        /// The length of the command in bytes.
        length: usize,
    },
    /// [`Part::Begin`].
    Begin {
        /// Bytes before the command that belong to none.
        skipped: usize,
        /// The length of the count line in bytes.
        length: usize,
        /// The number of arguments.
        argc: usize,
    },
    /// [`Part::Argument`].
    Argument {
        /// The bytes used up: the line end of the previous argument, and the length line.
        used: usize,
        /// The index of the argument.
        index: usize,
        /// The length of the argument in bytes.
        length: u64,
    },
    /// [`Part::Piece`], which is the first `length` bytes of the input.
    Piece {
        /// The length of the piece in bytes: at least 1.
        length: usize,
    },
    /// [`Part::End`].
    End {
        /// The bytes used up: the line end of the last argument.
        used: usize,
    },
    /// The next command or part continues beyond the buffered bytes. This is not an error.
    Incomplete {
        /// Bytes at the front that belong to no command and are used up.
        skipped: usize,
        /// The least number of further bytes that can complete a command or part.
        needed: usize,
    },
}

impl PartsPoll {
    /// The bytes at the front of the input that are used up. Remove them before the next call.
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
enum PartsState {
    /// At a command, or in one that may be whole.
    Whole,
    /// At the length line of an argument. `before` is the length of the previous argument, whose line end is not read
    /// yet.
    Argument { index: usize, before: Option<u64> },
    /// In an argument.
    Payload { index: usize, length: u64, left: u64 },
}

impl PartsParser {
    /// A parser of a replication stream. Commands with an argument of at least `threshold` bytes are delivered in
    /// parts; a threshold below [`MIN_PARTS_THRESHOLD`] counts as that value.
    ///
    /// With `None` every command is whole, and a command over the limit is an error, as for [`CommandParser::stream`].
    #[must_use]
    pub fn stream(threshold: Option<u64>) -> Self {
        Self::new(false, Limits::DEFAULT, threshold)
    }

    /// A parser of an append-only file of commands, as [`CommandParser::aof`]. `threshold` as for
    /// [`stream`](Self::stream).
    #[must_use]
    pub fn aof(threshold: Option<u64>) -> Self {
        Self::new(true, Limits::DEFAULT, threshold)
    }

    fn new(annotations: bool, limits: Limits, threshold: Option<u64>) -> Self {
        let threshold = threshold.map(|threshold| threshold.max(MIN_PARTS_THRESHOLD));
        Self {
            commands: CommandParser::new(annotations, limits, threshold),
            state: PartsState::Whole,
            argc: 0,
            found: PartsPoll::Incomplete { skipped: 0, needed: 0 },
        }
    }

    /// Sets the limits, instead of [`Limits::DEFAULT`]. Call it before the first byte.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { commands: self.commands.with_limits(limits), ..self }
    }

    /// As [`CommandParser::starting_at`].
    #[must_use]
    pub fn starting_at(self, offset: u64) -> Self {
        Self { commands: self.commands.starting_at(offset), ..self }
    }

    /// The offset of the next byte: the offset of the first byte plus all bytes used up. Inside a command in parts it
    /// is the end of the last part.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.commands.offset()
    }

    /// As [`CommandParser::timestamp`].
    #[must_use]
    pub fn timestamp(&self) -> Option<u64> {
        self.commands.timestamp()
    }

    /// The next command or part. Moves `input` past it and the bytes skipped before it. The item borrows from `input`
    /// and from the parser until the next call.
    ///
    /// # Errors
    /// A [`ProtocolError`] if the bytes are not a command or exceed a limit.
    #[inline]
    pub fn next<'p, 'a: 'p>(&'p mut self, input: &mut &'a [u8]) -> Result<Status<PartsItem<'p>>, ProtocolError> {
        let shown = *input;
        if matches!(self.state, PartsState::Whole)
            && let Some((raw, rest, argc)) = self.commands.fast(shown)
        {
            self.found = PartsPoll::Command { skipped: 0, length: raw.len() };
            *input = rest;
            return Ok(Status::Complete(PartsItem::Command(Command::new(raw, self.commands.spans(), argc))));
        }
        let poll = self.slow(shown)?;
        *input = shown.get(poll.used()..).unwrap_or_default();
        if let PartsPoll::Incomplete { needed, .. } = poll {
            return Ok(Status::Incomplete { needed });
        }
        Ok(self.item(shown).map_or(Status::Incomplete { needed: 0 }, Status::Complete))
    }

    /// First of two steps: finds the next command or part and returns its position as numbers. The parser counts the
    /// [`used`](PartsPoll::used) bytes; remove them from the input before the next call.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    #[inline]
    pub fn poll(&mut self, input: &[u8]) -> Result<PartsPoll, ProtocolError> {
        if matches!(self.state, PartsState::Whole)
            && let Some((raw, ..)) = self.commands.fast(input)
        {
            self.found = PartsPoll::Command { skipped: 0, length: raw.len() };
            return Ok(self.found);
        }
        self.slow(input)
    }

    /// Fast path: the whole command at the front of `input`, if its shape is known and its name is `wanted`, with the
    /// result of `wanted`. On `None` nothing is used up, and [`poll`](Self::poll) finds the command.
    #[cfg(feature = "std")]
    #[inline(always)]
    pub(crate) fn command_if<'p, K>(
        &'p mut self,
        input: &'p [u8],
        wanted: impl FnOnce(&[u8]) -> Option<K>,
    ) -> Option<(Command<'p>, K)> {
        if !matches!(self.state, PartsState::Whole) {
            return None;
        }
        let (raw, _, argc, kind) = self.commands.fast_if(input, wanted)?;
        self.commands.keep(raw.len(), argc);
        Some((Command::new(raw, self.commands.spans(), argc), kind))
    }

    /// The same for any whole command of common form.
    #[cfg(feature = "std")]
    #[inline]
    pub(crate) fn common_command_if<'p, K>(
        &'p mut self,
        input: &'p [u8],
        wanted: impl FnOnce(&[u8]) -> Option<K>,
    ) -> Option<(Command<'p>, K)> {
        if !matches!(self.state, PartsState::Whole) {
            return None;
        }
        let (raw, argc, kind) = self.commands.common_if(input, wanted)?;
        Some((Command::new(raw, self.commands.spans(), argc), kind))
    }

    /// The command that the last [`command_if`](Self::command_if) found. `input` must be the same bytes.
    #[cfg(feature = "std")]
    #[inline(always)]
    pub(crate) fn front_command<'p>(&'p self, input: &'p [u8]) -> Command<'p> {
        self.commands.front_command(input)
    }

    fn slow(&mut self, input: &[u8]) -> Result<PartsPoll, ProtocolError> {
        if !matches!(self.state, PartsState::Whole) {
            return self.part(input);
        }
        let mut skipped = 0;
        self.found = match self.commands.slow(input, &mut skipped)? {
            Advance::Whole => PartsPoll::Command { skipped, length: self.commands.found().length },
            Advance::Partial { needed } => PartsPoll::Incomplete { skipped, needed },
            Advance::Large => self.begin(input, skipped),
        };
        Ok(self.found)
    }

    /// Second step: the command or part that the last [`poll`](Self::poll) found. `input` must be the same bytes.
    /// `None` if nothing was found.
    #[must_use]
    #[inline]
    pub fn item<'p>(&'p self, input: &'p [u8]) -> Option<PartsItem<'p>> {
        Some(match self.found {
            PartsPoll::Command { .. } => PartsItem::Command(self.commands.command(input)),
            PartsPoll::Begin { argc, .. } => PartsItem::Part(Part::Begin { argc }),
            PartsPoll::Argument { index, length, .. } => PartsItem::Part(Part::Argument { index, length }),
            PartsPoll::Piece { length } => PartsItem::Part(Part::Piece(input.get(..length).unwrap_or(input))),
            PartsPoll::End { .. } => PartsItem::Part(Part::End),
            PartsPoll::Incomplete { .. } => return None,
        })
    }

    #[cold]
    fn begin(&mut self, input: &[u8], skipped: usize) -> PartsPoll {
        self.argc = self.commands.tape.argc();
        self.commands.tape.close();
        self.state = PartsState::Argument { index: 0, before: None };
        // The count line has been read, so this is its whole length.
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
        let found = match self.state {
            PartsState::Payload { index, length, left } => {
                let piece = input.len().min(as_size(left));
                let left = left - piece as u64;
                self.state = match left {
                    0 => PartsState::Argument { index: index + 1, before: Some(length) },
                    left => PartsState::Payload { index, length, left },
                };
                match piece {
                    0 => PartsPoll::Incomplete { skipped: 0, needed: 1 },
                    length => PartsPoll::Piece { length },
                }
            }
            PartsState::Argument { index, before } => {
                self.argument(input, index, before).map_err(|error| self.commands.fail(error))?
            }
            PartsState::Whole => PartsPoll::Incomplete { skipped: 0, needed: 1 },
        };
        self.commands.offset += found.used() as u64;
        self.found = found;
        Ok(found)
    }

    /// Reads the line end of the previous argument, then the next length line or the end of the command.
    fn argument(&mut self, input: &[u8], index: usize, before: Option<u64>) -> Result<PartsPoll, ParseError> {
        let partial = |needed| Ok(PartsPoll::Incomplete { skipped: 0, needed });
        // The least next part: a length line, or nothing after the last argument.
        let smallest = if index == self.argc { 0 } else { 4 };
        let at = match before {
            None => 0,
            Some(length) => match number::payload_end(input, 0, length)? {
                Scanned::Whole { end } => end,
                Scanned::Partial { more } => return partial(more + smallest),
            },
        };
        if index == self.argc {
            self.state = PartsState::Whole;
            return Ok(PartsPoll::End { used: at });
        }
        let line = match input.get(at) {
            None => return partial(smallest),
            Some(b'$') => input.get(at + 1..).unwrap_or_default(),
            Some(&found) => return Err(ParseError::unexpected("'$' of an argument", found, at)),
        };
        match bulk_length(line, 0, self.commands.tape.limits().bulk).map_err(shift(at + 1))? {
            Bulk::Partial { more, .. } => partial(more),
            Bulk::Whole { length, end } => {
                self.state = match length {
                    0 => PartsState::Argument { index: index + 1, before: Some(0) },
                    left => PartsState::Payload { index, length, left },
                };
                Ok(PartsPoll::Argument { used: at + 1 + end, index, length })
            }
        }
    }
}
