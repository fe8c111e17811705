//! Reads commands from a replication stream or an append-only file.

use memchr::memchr2;

use crate::base::error::{ProtocolError, ProtocolErrorKind};
#[cfg(feature = "capi")]
use crate::base::limits::TAPE_LENGTH;
use crate::base::limits::{LAST_OFFSET, Limits};
use crate::base::status::Status;
use crate::resp::command::Command;
#[cfg(feature = "capi")]
use crate::resp::tape::Span;
use crate::resp::tape::{Count, Progress, Tape};
use crate::resp::{Fault, Poll};

/// Finds the commands in a replication stream, or in an append-only file.
///
/// Only arrays of bulk strings are commands. Between them, newlines (a primary sends them to keep the link alive) and the
/// empty commands `*0` and `*-1` are counted and skipped, in a file annotation lines too. Anything else is an error.
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
    /// Bytes used up before the input of the next call, and the number the first of all had.
    pub(super) offset: u64,
    annotations: bool,
    timestamp: Option<u64>,
    /// Bytes of an unfinished annotation that are known to hold no line end.
    searched: usize,
    found: Found,
}

/// Where the last command was found in its input.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Found {
    pub(super) skipped: usize,
    pub(super) length: usize,
    pub(super) argc: usize,
}

impl Found {
    pub(super) fn command<'a>(&self, tape: &'a Tape, input: &'a [u8]) -> Command<'a> {
        let raw = input.get(self.skipped..self.skipped.saturating_add(self.length)).unwrap_or_default();
        Command::new(raw, tape.spans(), self.argc)
    }
}

/// A command of a known shape, in pieces.
#[cfg(feature = "capi")]
pub(crate) struct Known<'p, 'a> {
    pub(crate) raw: &'a [u8],
    /// What follows it.
    pub(crate) rest: &'a [u8],
    pub(crate) argc: usize,
    /// Where its arguments lie: the first `argc` of these.
    pub(crate) spans: &'p [Span; TAPE_LENGTH],
    /// The number of the byte after it.
    pub(crate) offset: u64,
}

/// What stands between two commands.
enum Between {
    /// A command begins.
    Command,
    /// Bytes that carry none.
    Skip(usize),
    /// Too little to tell.
    Partial(usize),
}

/// What the input begins with.
pub(super) enum Advance {
    /// A whole command.
    Whole,
    /// It goes on.
    Partial { needed: usize },
    /// A command to come in parts.
    Large,
}

impl CommandParser {
    /// For the command stream of a replication link.
    #[must_use]
    pub fn stream() -> Self {
        Self::new(false, Limits::DEFAULT, None)
    }

    /// For an append-only file of commands: as the stream, and lines that begin with `#` are skipped between commands.
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
            found: Found::default(),
        }
    }

    /// Without what makes it fast on streams of similar commands: for tests that this changes no result.
    #[doc(hidden)]
    #[must_use]
    pub fn without_templates(self) -> Self {
        Self { tape: self.tape.without_templates(), ..self }
    }

    /// With other limits than [`Limits::DEFAULT`]. To be called before the first byte.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        let threshold = self.tape.threshold();
        Self { offset: self.offset, ..Self::new(self.annotations, limits, threshold) }
    }

    /// Counts the first byte it is shown as number `offset` (more than 2^63 - 1 is read as that), for [`offset`](Self::offset) and for
    /// errors. To be called before the first byte.
    #[must_use]
    pub fn starting_at(self, offset: u64) -> Self {
        Self { offset: offset.min(LAST_OFFSET), ..self }
    }

    /// Bytes used up so far, counted from the number of the first byte: the number of the next byte to be shown.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The last time annotation (`#TS:`) that was passed in a file, in Unix seconds.
    #[must_use]
    pub fn timestamp(&self) -> Option<u64> {
        self.timestamp
    }

    /// The next command. `input` is moved past it, and past what was skipped before it.
    ///
    /// # Errors
    /// Bytes that are no command, or pass a limit.
    #[inline(always)]
    pub fn next<'p, 'a: 'p>(&'p mut self, input: &mut &'a [u8]) -> Result<Status<Command<'p>>, ProtocolError> {
        let shown = *input;
        if let Some((raw, rest, argc)) = self.known(shown) {
            *input = rest;
            return Ok(Status::Complete(Command::new(raw, self.tape.spans(), argc)));
        }
        self.next_other(input)
    }

    #[inline(never)]
    fn next_other<'p, 'a: 'p>(&'p mut self, input: &mut &'a [u8]) -> Result<Status<Command<'p>>, ProtocolError> {
        let (shown, mut skipped) = (*input, 0);
        let advance = self.other(shown, &mut skipped)?;
        let poll = self.polled(&advance, skipped);
        *input = shown.get(poll.used()..).unwrap_or_default();
        Ok(match poll {
            Poll::Complete { .. } => Status::Complete(self.command(shown)),
            Poll::Incomplete { needed, .. } => Status::Incomplete { needed },
        })
    }

    /// The first of two steps: tells what lies at the front of `input`. Those [`used`](Poll::used) bytes count as used up and
    /// are not to be shown again.
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
            // Without a threshold no command is large; with one, PartsParser calls `advance` itself.
            Advance::Large => Poll::Incomplete { skipped, needed: 1 },
        }
    }

    /// The second step: the command that the last [`poll`](Self::poll) found, from the same `input`.
    #[must_use]
    #[inline]
    pub fn command<'p>(&'p self, input: &'p [u8]) -> Command<'p> {
        self.found.command(&self.tape, input)
    }

    /// Hands every whole command in `input` to `each`, moves `input` past them, and tells how many there were.
    ///
    /// # Errors
    /// As [`next`](Self::next); the commands before the error were handed over.
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
                while let Some((raw, rest, spans)) = self.tape.known(input, |_| true) {
                    *input = rest;
                    self.offset += raw.len() as u64;
                    commands += 1;
                    each(Command::new(raw, spans, spans.len()));
                }
            }
            let whole = if self.tape.is_open() { self.tape.rest(input) } else { self.tape.whole(input) };
            if let Some((raw, rest, argc)) = whole {
                *input = rest;
                self.offset += raw.len() as u64;
                commands += 1;
                each(Command::new(raw, self.tape.spans(), argc));
                continue;
            }
            let (shown, mut skipped) = (*input, 0);
            let advance = self.any(shown, &mut skipped)?;
            let used = if matches!(advance, Advance::Whole) { skipped + self.found.length } else { skipped };
            *input = shown.get(used..).unwrap_or_default();
            if !matches!(advance, Advance::Whole) {
                return Ok(commands);
            }
            commands += 1;
            each(self.command(shown));
        }
    }

    /// Skips what stands between commands, then goes on with the command.
    #[inline(always)]
    pub(super) fn advance(&mut self, input: &[u8], skipped: &mut usize) -> Result<Advance, ProtocolError> {
        match self.known(input) {
            Some(_) => Ok(Advance::Whole),
            None => self.other(input, skipped),
        }
    }

    /// A command of a known shape. In any other case nothing is used up, and [`poll`](Self::poll) tells what is there.
    #[cfg(feature = "capi")]
    #[inline(always)]
    pub(crate) fn known_spans<'a>(&mut self, input: &'a [u8]) -> Option<Known<'_, 'a>> {
        if self.tape.is_open() {
            return None;
        }
        let (raw, rest, spans) = self.tape.known(input, |_| true)?;
        self.offset += raw.len() as u64;
        Some(Known { raw, rest, argc: spans.len(), spans: self.tape.spans(), offset: self.offset })
    }

    /// Makes it the one that [`command`](Self::command) gives.
    #[cfg(feature = "capi")]
    pub(crate) fn keep(&mut self, length: usize, argc: usize) {
        self.found = Found { skipped: 0, length, argc };
    }

    /// A command of a known shape, what follows it, and its argc.
    #[inline(always)]
    pub(super) fn known<'a>(&mut self, input: &'a [u8]) -> Option<(&'a [u8], &'a [u8], usize)> {
        self.known_if(input, |_| true)
    }

    /// The same for a name that is `wanted`. Otherwise the command is left as if it had not been looked at.
    #[inline(always)]
    pub(super) fn known_if<'a>(
        &mut self,
        input: &'a [u8],
        wanted: impl FnOnce(&[u8]) -> bool,
    ) -> Option<(&'a [u8], &'a [u8], usize)> {
        // A failed parser is never between commands.
        if self.tape.is_open() {
            return None;
        }
        let (raw, rest, spans) = self.tape.known(input, wanted)?;
        self.offset += raw.len() as u64;
        self.found = Found { skipped: 0, length: raw.len(), argc: spans.len() };
        Some((raw, rest, spans.len()))
    }

    /// The same for any whole command of the common shape.
    #[cfg(feature = "std")]
    #[inline]
    pub(super) fn whole_if<'a>(
        &mut self,
        input: &'a [u8],
        wanted: impl FnOnce(&[u8]) -> bool,
    ) -> Option<(&'a [u8], usize)> {
        if self.tape.is_open() {
            return None;
        }
        let (raw, _, argc) = self.tape.whole(input)?;
        let found = Found { skipped: 0, length: raw.len(), argc };
        if !wanted(found.command(&self.tape, input).name()) {
            return None;
        }
        self.offset += raw.len() as u64;
        self.found = found;
        Some((raw, argc))
    }

    /// The same for what is of no known shape.
    pub(super) fn other(&mut self, input: &[u8], skipped: &mut usize) -> Result<Advance, ProtocolError> {
        if !self.tape.is_open()
            && let Some((raw, _, argc)) = self.tape.whole(input)
        {
            self.offset += raw.len() as u64;
            self.found = Found { skipped: 0, length: raw.len(), argc };
            return Ok(Advance::Whole);
        }
        self.any(input, skipped)
    }

    /// The same for what is not a whole command of the common shape.
    fn any(&mut self, input: &[u8], skipped: &mut usize) -> Result<Advance, ProtocolError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let mut rest = input;
        while !self.tape.is_open() {
            match self.between(rest).map_err(|fault| self.fail(fault))? {
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
                self.found = Found { skipped: *skipped, length, argc };
                Ok(Advance::Whole)
            }
            Ok(Progress::Partial { needed }) => Ok(Advance::Partial { needed }),
            Ok(Progress::Large) => Ok(Advance::Large),
            Err(fault) => Err(self.fail(fault)),
        }
    }

    pub(super) fn found(&self) -> Found {
        self.found
    }

    #[cold]
    pub(super) fn fail(&mut self, fault: Fault) -> ProtocolError {
        let error = fault.error(self.offset);
        self.failed = Some(error);
        self.tape.stay_open();
        error
    }

    #[inline(always)]
    fn between(&mut self, rest: &[u8]) -> Result<Between, Fault> {
        if rest.first() != Some(&b'*') {
            return self.no_command(rest);
        }
        Ok(match self.tape.count(rest, self.tape.smallest())? {
            Count::Command => Between::Command,
            Count::Empty(bytes) => Between::Skip(bytes),
            Count::Partial(needed) => Between::Partial(needed),
        })
    }

    fn no_command(&mut self, rest: &[u8]) -> Result<Between, Fault> {
        match rest {
            [] => Ok(Between::Partial(self.tape.smallest())),
            [b'\n', ..] => Ok(Between::Skip(1)),
            [b'\r', b'\n', ..] => Ok(Between::Skip(2)),
            [b'\r'] => Ok(Between::Partial(1 + self.tape.smallest())),
            [b'\r', found, ..] => Err(Fault::unexpected("LF after CR", *found, 1)),
            [b'#', ..] if self.annotations => self.annotation(rest),
            [found, ..] => Err(Fault::unexpected("'*' of a command", *found, 0)),
        }
    }

    fn annotation(&mut self, rest: &[u8]) -> Result<Between, Fault> {
        let limit = self.tape.limits().line;
        let searched = self.searched.max(1);
        let end = memchr2(b'\r', b'\n', rest.get(searched..).unwrap_or_default()).map(|at| searched + at);
        if end.unwrap_or(rest.len()) > limit.saturating_add(1) {
            return Err(Fault::new(ProtocolErrorKind::LineTooLong { limit }, limit.saturating_add(1)));
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
            Some([b'\r', found, ..]) => Err(Fault::unexpected("LF after CR", *found, end + 1)),
            Some([b'\r']) => Ok(Between::Partial(1 + self.tape.smallest())),
            _ => Err(Fault::unexpected("CR before LF", b'\n', end)),
        }
    }
}

fn seconds(digits: &[u8]) -> Option<u64> {
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    core::str::from_utf8(digits).ok()?.parse().ok()
}
