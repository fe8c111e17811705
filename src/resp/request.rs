//! The parser of requests: the bytes that a client sends to a server.

use crate::base::error::{ProtocolError, ProtocolErrorKind};
use crate::base::limits::{LAST_OFFSET, Limits};
use crate::base::status::Status;
use crate::resp::command::Command;
use crate::resp::commands::FoundCommand;
use crate::resp::inline::{Inline, QuoteState};
use crate::resp::parse_error::ParseError;
use crate::resp::poll::Poll;
use crate::resp::tape::{Count, Progress, Tape};

/// Finds the requests of a client. A request that begins with `*` is a command, any other one an inline command. Empty
/// lines and empty commands are skipped.
///
/// ```
/// use redtail::resp::{Request, RequestParser, Status};
///
/// let mut parser = RequestParser::new();
/// let mut input: &[u8] = b"SET key \"a\\tb\"\r\n*1\r\n$4\r\nPING\r\n";
/// let Status::Complete(Request::Inline(line)) = parser.next(&mut input)? else { panic!() };
/// assert_eq!(line.args().nth(2).unwrap().bytes().collect::<Vec<_>>(), b"a\tb");
/// let Status::Complete(Request::Command(command)) = parser.next(&mut input)? else { panic!() };
/// assert!(command.is(b"ping"));
/// # Ok::<(), redtail::ProtocolError>(())
/// ```
#[derive(Debug, Clone)]
pub struct RequestParser {
    tape: Tape,
    failed: Option<ProtocolError>,
    offset: u64,
    line: Line,
    found: FoundCommand,
    found_line: bool,
}

/// A request of a client. Clients have these two forms and no others, so the enum is closed.
///
/// ```
/// use redtail::resp::{Request, RequestParser, Status};
///
/// let mut input: &[u8] = b"PING\r\n";
/// if let Status::Complete(request) = RequestParser::new().next(&mut input)? {
///     assert!(matches!(request, Request::Inline(_)));
/// }
/// # Ok::<(), redtail::ProtocolError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request<'a> {
    /// An array of bulk strings.
    Command(Command<'a>),
    /// A line.
    Inline(Inline<'a>),
}

/// The state of the scan over an unfinished line.
#[derive(Debug, Clone, Copy)]
struct Line {
    seen: usize,
    scan: QuoteState,
    /// The number of arguments begun.
    words: u64,
}

const FRESH: Line = Line { seen: 0, scan: QuoteState::Blank, words: 0 };

/// The length of the smallest request in bytes: a letter and LF.
const SMALLEST_REQUEST: usize = 2;

/// The result of a step.
enum Front {
    Request { length: usize },
    Skip(usize),
    Partial(usize),
}

impl RequestParser {
    /// A parser with [`Limits::DEFAULT`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            tape: Tape::new(Limits::DEFAULT, None),
            failed: None,
            offset: 0,
            line: FRESH,
            found: FoundCommand::default(),
            found_line: false,
        }
    }

    /// Sets the limits. Call it before the first byte.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { tape: Tape::new(limits, None), ..self }
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

    /// The next request. Moves `input` past the request and the bytes skipped before it. The request borrows from
    /// `input` and from the parser until the next call.
    ///
    /// # Errors
    /// A [`ProtocolError`] if the bytes are not a request or exceed a limit.
    pub fn next<'p, 'a: 'p>(&'p mut self, input: &mut &'a [u8]) -> Result<Status<Request<'p>>, ProtocolError> {
        let poll = self.poll(input)?;
        let shown = *input;
        *input = shown.get(poll.used()..).unwrap_or_default();
        Ok(match poll {
            Poll::Complete { .. } => Status::Complete(self.request(shown)),
            Poll::Incomplete { needed, .. } => Status::Incomplete { needed },
        })
    }

    /// First of two steps: finds the next request and returns its position as numbers. The parser counts the
    /// [`used`](Poll::used) bytes; remove them from the input before the next call.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub fn poll(&mut self, input: &[u8]) -> Result<Poll, ProtocolError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let mut skipped = 0;
        loop {
            let front = self.front(input.get(skipped..).unwrap_or_default()).map_err(|error| {
                let error = error.error(self.offset);
                self.failed = Some(error);
                error
            })?;
            match front {
                Front::Request { length } => {
                    self.offset += length as u64;
                    (self.found.skipped, self.found.length) = (skipped, length);
                    return Ok(Poll::Complete { skipped, length });
                }
                Front::Skip(bytes) => {
                    self.offset += bytes as u64;
                    skipped += bytes;
                }
                Front::Partial(needed) => return Ok(Poll::Incomplete { skipped, needed }),
            }
        }
    }

    /// Second step: the request that the last [`poll`](Self::poll) found. `input` must be the same bytes.
    #[must_use]
    pub fn request<'p>(&'p self, input: &'p [u8]) -> Request<'p> {
        let command = self.found.command(&self.tape, input);
        if self.found_line { Request::Inline(Inline::new(command.raw())) } else { Request::Command(command) }
    }

    fn front(&mut self, rest: &[u8]) -> Result<Front, ParseError> {
        if !self.tape.is_open() {
            match rest.first() {
                None => return Ok(Front::Partial(SMALLEST_REQUEST)),
                Some(b'*') => match self.tape.count(rest, SMALLEST_REQUEST)? {
                    Count::Command => self.found.argc = self.tape.argc(),
                    Count::Empty(bytes) => return Ok(Front::Skip(bytes)),
                    Count::Partial(needed) => return Ok(Front::Partial(needed)),
                },
                Some(_) => return self.line(rest),
            }
        }
        self.found_line = false;
        Ok(match self.tape.arguments(rest)? {
            Progress::Whole { length } => Front::Request { length },
            Progress::Partial { needed } => Front::Partial(needed),
            // Impossible without a threshold.
            Progress::Large => Front::Partial(1),
        })
    }

    fn line(&mut self, rest: &[u8]) -> Result<Front, ParseError> {
        let limit = self.tape.limits().line;
        let Line { seen, mut scan, mut words } = self.line;
        for (at, &byte) in rest.iter().enumerate().skip(seen) {
            // A line at its limit may have one CR before its LF.
            if at >= limit && byte != b'\n' && !(at == limit && byte == b'\r') {
                return Err(ParseError::new(ProtocolErrorKind::LineTooLong { limit }, limit));
            }
            let before = scan;
            scan = scan.next(byte).map_err(|_| ParseError::new(ProtocolErrorKind::UnbalancedQuotes, at))?;
            if before == QuoteState::Blank && !matches!(scan, QuoteState::Blank | QuoteState::Nul) {
                words += 1;
                let limit = self.tape.limits().arguments;
                if words > limit {
                    return Err(ParseError::new(ProtocolErrorKind::TooManyArguments { count: words, limit }, at));
                }
            }
            if byte == b'\n' {
                self.line = FRESH;
                self.found_line = true;
                let length = at + 1;
                return Ok(if words > 0 { Front::Request { length } } else { Front::Skip(length) });
            }
        }
        self.line = Line { seen: rest.len().max(seen), scan, words };
        Ok(Front::Partial(scan.owed(words > 0)))
    }
}

impl Default for RequestParser {
    fn default() -> Self {
        Self::new()
    }
}
