//! The parser of commands in a replication stream or an append-only file.

use memchr::memchr2;

use crate::base::error::{ProtocolError, ProtocolErrorKind};
use crate::base::limits::{LAST_OFFSET, Limits, TAPE_LENGTH};
use crate::base::status::Status;
use crate::resp::command::Command;
use crate::resp::parse_error::ParseError;
use crate::resp::poll::Poll;
use crate::resp::span::Span;
use crate::resp::tape::{Count, Progress, Tape};

/// Finds the commands in a replication stream or in an append-only file.
///
/// A command is an array of bulk strings. Between commands the parser counts and skips newlines and the empty commands
/// `*0` and `*-1`; in a file also annotation lines. A primary sends newlines to keep the connection alive. Any other
/// byte is an error.
///
/// ```
/// use redtail::resp::{CommandParser, Status};
///
/// let mut parser = CommandParser::stream();
/// let mut input: &[u8] = b"\n*3\r\n$3\r\nset\r\n$1\r\nk\r\n$1\r\nv\r\n*1\r\n";
/// let Status::Complete(command) = parser.next(&mut input)? else { panic!() };
/// assert!(command.is(b"SET"));
/// assert_eq!(command.args().collect::<Vec<_>>(), [b"set" as &[u8], b"k", b"v"]);
/// assert_eq!(parser.offset(), 28);
/// assert_eq!(parser.next(&mut input)?, Status::Incomplete { needed: 6 });
/// # Ok::<(), redtail::ProtocolError>(())
/// ```
#[derive(Debug, Clone)]
pub struct CommandParser {
    pub(super) tape: Tape,
    pub(super) failed: Option<ProtocolError>,
    /// The offset of the first byte of the next input.
    pub(super) offset: u64,
    annotations: bool,
    timestamp: Option<u64>,
    /// The bytes of an unfinished annotation line in which no line end was found.
    searched: usize,
    found: FoundCommand,
}

/// The last command found: its position in the input, and its argument count.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FoundCommand {
    pub(super) skipped: usize,
    pub(super) length: usize,
    pub(super) argc: usize,
}

impl FoundCommand {
    pub(super) fn command<'a>(&self, tape: &'a Tape, input: &'a [u8]) -> Command<'a> {
        let raw = input.get(self.skipped..self.skipped.saturating_add(self.length)).unwrap_or_default();
        Command::new(raw, tape.spans(), self.argc)
    }
}

/// The bytes between two commands.
enum Between {
    /// A command begins here.
    Command,
    /// This number of bytes belongs to no command.
    Skip(usize),
    /// At least this number of further bytes is needed.
    Partial(usize),
}

/// The result of a step.
pub(super) enum Advance {
    /// A whole command.
    Whole,
    /// The command continues beyond the input.
    Partial { needed: usize },
    /// A command that is delivered in parts.
    Large,
}

impl CommandParser {
    /// A parser of a replication stream, with [`Limits::DEFAULT`].
    #[must_use]
    pub fn stream() -> Self {
        Self::new(false, Limits::DEFAULT, None)
    }

    /// A parser of an append-only file of commands. It also skips lines that begin with `#`, and reads the time in
    /// `#TS:` lines.
    #[must_use]
    pub fn aof() -> Self {
        Self::new(true, Limits::DEFAULT, None)
    }

    pub(super) fn new(annotations: bool, limits: Limits, threshold: Option<u64>) -> Self {
        Self {
            tape: Tape::new(limits, threshold),
            failed: None,
            offset: 0,
            annotations,
            timestamp: None,
            searched: 0,
            found: FoundCommand::default(),
        }
    }

    /// The same parser without the fast path for streams of similar commands. For tests: the results are the same.
    #[doc(hidden)]
    #[must_use]
    pub fn without_templates(self) -> Self {
        Self { tape: self.tape.without_templates(), ..self }
    }

    /// Sets the limits, instead of [`Limits::DEFAULT`]. Call it before the first byte.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        let threshold = self.tape.threshold();
        Self { offset: self.offset, ..Self::new(self.annotations, limits, threshold) }
    }

    /// Sets the offset of the first byte, which [`offset`](Self::offset) and errors count from. Values over 2^63 - 1
    /// count as 2^63 - 1. Call it before the first byte.
    #[must_use]
    pub fn starting_at(self, offset: u64) -> Self {
        Self { offset: offset.min(LAST_OFFSET), ..self }
    }

    /// The offset of the next byte: the offset of the first byte plus all bytes used up.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The time of the last `#TS:` annotation in a file, in Unix seconds. `None` before the first one.
    #[must_use]
    pub fn timestamp(&self) -> Option<u64> {
        self.timestamp
    }

    /// The next command. Moves `input` past the command and the bytes skipped before it. The command borrows from
    /// `input` and from the parser until the next call.
    ///
    /// [`Status::Incomplete`] says how many further bytes are needed at least; skipped bytes are used up all the same.
    ///
    /// # Errors
    /// A [`ProtocolError`] if the bytes are not a command or exceed a limit.
    #[inline(always)]
    pub fn next<'p, 'a: 'p>(&'p mut self, input: &mut &'a [u8]) -> Result<Status<Command<'p>>, ProtocolError> {
        let shown = *input;
        if let Some((raw, rest, argc)) = self.fast(shown) {
            *input = rest;
            return Ok(Status::Complete(Command::new(raw, self.spans(), argc)));
        }
        self.next_slow(input)
    }

    #[inline(never)]
    fn next_slow<'p, 'a: 'p>(&'p mut self, input: &mut &'a [u8]) -> Result<Status<Command<'p>>, ProtocolError> {
        let (shown, mut skipped) = (*input, 0);
        let advance = self.slow(shown, &mut skipped)?;
        let poll = self.polled(&advance, skipped);
        *input = shown.get(poll.used()..).unwrap_or_default();
        Ok(match poll {
            Poll::Complete { .. } => Status::Complete(self.command(shown)),
            Poll::Incomplete { needed, .. } => Status::Incomplete { needed },
        })
    }

    /// First of two steps: finds the next command and returns its position as numbers. The parser counts the
    /// [`used`](Poll::used) bytes; remove them from the input before the next call.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    #[inline(always)]
    pub fn poll(&mut self, input: &[u8]) -> Result<Poll, ProtocolError> {
        let mut skipped = 0;
        let advance = self.advance(input, &mut skipped)?;
        Ok(self.polled(&advance, skipped))
    }

    #[inline(always)]
    fn polled(&self, advance: &Advance, skipped: usize) -> Poll {
        match *advance {
            Advance::Whole => Poll::Complete { skipped, length: self.found.length },
            Advance::Partial { needed } => Poll::Incomplete { skipped, needed },
            // No command is large without a threshold. With one, PartsParser calls `advance` itself.
            Advance::Large => Poll::Incomplete { skipped, needed: 1 },
        }
    }

    /// Second step: the command that the last [`poll`](Self::poll) found. `input` must be the same bytes.
    #[must_use]
    #[inline]
    pub fn command<'p>(&'p self, input: &'p [u8]) -> Command<'p> {
        self.found.command(&self.tape, input)
    }

    /// Passes every whole command in `input` to `each` and returns their number. Moves `input` past them.
    ///
    /// # Errors
    /// As [`next`](Self::next). `each` has received the commands before the error.
    ///
    /// ```
    /// let mut parser = redtail::resp::CommandParser::stream();
    /// let mut input: &[u8] = b"*1\r\n$4\r\nPING\r\n*1\r\n$5\r\nMULTI\r\n*1";
    /// let mut names = Vec::new();
    /// assert_eq!(parser.batch(&mut input, |command| names.push(command.name().to_vec()))?, 2);
    /// assert_eq!((names, input), (vec![b"PING".to_vec(), b"MULTI".to_vec()], b"*1" as &[u8]));
    /// # Ok::<(), redtail::ProtocolError>(())
    /// ```
    #[inline]
    pub fn batch(&mut self, input: &mut &[u8], mut each: impl FnMut(Command<'_>)) -> Result<usize, ProtocolError> {
        let mut commands = 0;
        loop {
            if !self.tape.is_open() {
                while let Some((raw, rest, spans, ())) = self.tape.fast(input, true, |_| Some(())) {
                    *input = rest;
                    self.offset += raw.len() as u64;
                    commands += 1;
                    each(Command::new(raw, spans, spans.len()));
                }
            }
            let whole = if self.tape.is_open() { self.tape.resume(input) } else { self.tape.common(input) };
            if let Some((raw, rest, argc)) = whole {
                *input = rest;
                self.offset += raw.len() as u64;
                commands += 1;
                each(Command::new(raw, self.spans(), argc));
                continue;
            }
            if self.failed.is_none() && self.tape.is_in_payload(input) {
                return Ok(commands);
            }
            let (shown, mut skipped) = (*input, 0);
            let advance = self.general(shown, &mut skipped)?;
            let used = if matches!(advance, Advance::Whole) { skipped + self.found.length } else { skipped };
            *input = shown.get(used..).unwrap_or_default();
            if !matches!(advance, Advance::Whole) {
                return Ok(commands);
            }
            commands += 1;
            each(self.command(shown));
        }
    }

    /// Skips the bytes between commands, then advances through the command.
    #[inline(always)]
    pub(super) fn advance(&mut self, input: &[u8], skipped: &mut usize) -> Result<Advance, ProtocolError> {
        match self.fast(input) {
            Some(_) => Ok(Advance::Whole),
            None => self.slow(input, skipped),
        }
    }

    /// Fast path: a whole command of a known shape. Returns its bytes, the bytes after it, and its argument count. On
    /// `None` nothing is used up.
    #[inline(always)]
    pub(super) fn fast<'a>(&mut self, input: &'a [u8]) -> Option<(&'a [u8], &'a [u8], usize)> {
        let (raw, rest, argc, ()) = self.fast_if(input, |_| Some(()))?;
        self.keep(raw.len(), argc);
        Some((raw, rest, argc))
    }

    /// As [`fast`](Self::fast), for a command whose name is `wanted`, and without [`keep`](Self::keep). Other commands
    /// are left untouched. Returns the result of `wanted` too.
    #[inline(always)]
    pub(crate) fn fast_if<'a, K>(
        &mut self,
        input: &'a [u8],
        wanted: impl FnOnce(&[u8]) -> Option<K>,
    ) -> Option<(&'a [u8], &'a [u8], usize, K)> {
        // A failed parser keeps its tape open.
        if self.tape.is_open() {
            return None;
        }
        let (raw, rest, spans, kind) = self.tape.fast(input, false, wanted)?;
        self.offset += raw.len() as u64;
        Some((raw, rest, spans.len(), kind))
    }

    /// The spans of the last command. Only the first ones, up to its argument count, have a meaning.
    #[inline(always)]
    pub(crate) fn spans(&self) -> &[Span; TAPE_LENGTH] {
        self.tape.spans()
    }

    /// The same for any whole command of common form. Makes it the one that [`command`](Self::command) returns.
    #[cfg(feature = "std")]
    #[inline]
    pub(super) fn common_if<'a, K>(
        &mut self,
        input: &'a [u8],
        wanted: impl FnOnce(&[u8]) -> Option<K>,
    ) -> Option<(&'a [u8], usize, K)> {
        if self.tape.is_open() {
            return None;
        }
        let (raw, _, argc) = self.tape.common(input)?;
        let found = FoundCommand { skipped: 0, length: raw.len(), argc };
        let kind = wanted(found.command(&self.tape, input).name())?;
        self.offset += raw.len() as u64;
        self.found = found;
        Some((raw, argc, kind))
    }

    /// Makes [`command`](Self::command) return the command of `length` bytes at the front of the input.
    #[inline(always)]
    pub(crate) fn keep(&mut self, length: usize, argc: usize) {
        self.found = FoundCommand { skipped: 0, length, argc };
    }

    /// As [`command`](Self::command), for one that [`keep`](Self::keep) keeps.
    #[cfg(feature = "std")]
    #[inline(always)]
    pub(super) fn front_command<'p>(&'p self, input: &'p [u8]) -> Command<'p> {
        Command::new(input.get(..self.found.length).unwrap_or_default(), self.spans(), self.found.argc)
    }

    /// Slow path: any command.
    pub(super) fn slow(&mut self, input: &[u8], skipped: &mut usize) -> Result<Advance, ProtocolError> {
        if !self.tape.is_open()
            && let Some((raw, _, argc)) = self.tape.common(input)
        {
            self.offset += raw.len() as u64;
            self.found = FoundCommand { skipped: 0, length: raw.len(), argc };
            return Ok(Advance::Whole);
        }
        self.general(input, skipped)
    }

    /// The part of the slow path that reads one line after another.
    fn general(&mut self, input: &[u8], skipped: &mut usize) -> Result<Advance, ProtocolError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let mut rest = input;
        while !self.tape.is_open() {
            match self.between(rest).map_err(|error| self.fail(error))? {
                Between::Command => {}
                Between::Skip(bytes) => {
                    rest = rest.get(bytes..).unwrap_or_default();
                    *skipped += bytes;
                    self.offset += bytes as u64;
                }
                Between::Partial(needed) => return Ok(Advance::Partial { needed }),
            }
        }
        let argc = self.tape.argc();
        match self.tape.arguments(rest) {
            Ok(Progress::Whole { length }) => {
                self.offset += length as u64;
                self.found = FoundCommand { skipped: *skipped, length, argc };
                Ok(Advance::Whole)
            }
            Ok(Progress::Partial { needed }) => Ok(Advance::Partial { needed }),
            Ok(Progress::Large) => Ok(Advance::Large),
            Err(error) => Err(self.fail(error)),
        }
    }

    pub(super) fn found(&self) -> FoundCommand {
        self.found
    }

    #[cold]
    pub(super) fn fail(&mut self, error: ParseError) -> ProtocolError {
        let error = error.error(self.offset);
        self.failed = Some(error);
        self.tape.stay_open();
        error
    }

    #[inline(always)]
    fn between(&mut self, rest: &[u8]) -> Result<Between, ParseError> {
        if rest.first() != Some(&b'*') {
            return self.no_command(rest);
        }
        Ok(match self.tape.count(rest, self.tape.smallest())? {
            Count::Command => Between::Command,
            Count::Empty(bytes) => Between::Skip(bytes),
            Count::Partial(needed) => Between::Partial(needed),
        })
    }

    fn no_command(&mut self, rest: &[u8]) -> Result<Between, ParseError> {
        match rest {
            [] => Ok(Between::Partial(self.tape.smallest())),
            [b'\n', ..] => Ok(Between::Skip(1)),
            [b'\r', b'\n', ..] => Ok(Between::Skip(2)),
            [b'\r'] => Ok(Between::Partial(1 + self.tape.smallest())),
            [b'\r', found, ..] => Err(ParseError::unexpected("LF after CR", *found, 1)),
            [b'#', ..] if self.annotations => self.annotation(rest),
            [found, ..] => Err(ParseError::unexpected("'*' of a command", *found, 0)),
        }
    }

    fn annotation(&mut self, rest: &[u8]) -> Result<Between, ParseError> {
        let limit = self.tape.limits().line;
        let searched = self.searched.max(1);
        let end = memchr2(b'\r', b'\n', rest.get(searched..).unwrap_or_default()).map(|at| searched + at);
        if end.unwrap_or(rest.len()) > limit.saturating_add(1) {
            return Err(ParseError::new(ProtocolErrorKind::LineTooLong { limit }, limit.saturating_add(1)));
        }
        self.searched = end.unwrap_or(rest.len());
        let Some(end) = end else {
            return Ok(Between::Partial(2 + self.tape.smallest()));
        };
        match rest.get(end..) {
            Some([b'\r', b'\n', ..]) => {
                self.searched = 0;
                let text = rest.get(1..end).unwrap_or_default();
                if let Some(seconds) = text.strip_prefix(b"TS:").and_then(seconds) {
                    self.timestamp = Some(seconds);
                }
                Ok(Between::Skip(end + 2))
            }
            Some([b'\r', found, ..]) => Err(ParseError::unexpected("LF after CR", *found, end + 1)),
            Some([b'\r']) => Ok(Between::Partial(1 + self.tape.smallest())),
            _ => Err(ParseError::unexpected("CR before LF", b'\n', end)),
        }
    }
}

fn seconds(digits: &[u8]) -> Option<u64> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    core::str::from_utf8(digits).ok()?.parse().ok()
}
