//! The parser of frames: all replies and pushes of a server.
//!
//! It does not recurse: open aggregates are on a stack of fixed depth. Its position is the first byte of the current
//! element, and it never reads the bytes before that position again.

use memchr::memchr2;

use crate::base::error::{ProtocolError, ProtocolErrorKind};
use crate::base::limits::{LAST_OFFSET, Limits, MAX_COMMAND, MAX_DEPTH, MAX_ELEMENTS};
use crate::base::status::Status;
use crate::resp::fast_elements::{FastElement, LONGEST_FAST, MOST_FAST_ELEMENTS, fast_element};
use crate::resp::frame::Frame;
use crate::resp::kind::Kind;
use crate::resp::number;
use crate::resp::number::as_size;
use crate::resp::number::{Length, NumberState, Scanned};
use crate::resp::parse_error::{ParseError, shift};
use crate::resp::poll::Poll;
use crate::resp::stack::{DepthStack, Level, SMALLEST};
use crate::resp::tape::{Bulk, bulk_length};

/// Finds the frames in the bytes that a server sends, in RESP2 and RESP3.
///
/// Attributes (`|`) belong to the frame after them. Pushes (`>`) are frames of their own between replies, and elements
/// where a server writes them inside an array (SUBSCRIBE in a transaction of RESP3).
///
/// ```
/// use redtail::{FrameParser, Status};
///
/// let mut parser = FrameParser::new();
/// let mut input: &[u8] = b"+PONG\r\n:42\r\n$5\r\nhel";
/// while let Status::Complete(frame) = parser.next(&mut input)? {
///     println!("{frame}");
/// }
/// assert_eq!(parser.next(&mut input)?, Status::Incomplete { needed: 4 });
/// # Ok::<(), redtail::ProtocolError>(())
/// ```
#[derive(Debug, Clone)]
pub struct FrameParser {
    limits: Limits,
    /// The length of a frame up to which common elements fit every limit; 0 if a limit is too small for them.
    window: usize,
    failed: Option<ProtocolError>,
    /// The offset of the first byte of the next input.
    offset: u64,
    /// The index of the current element in the frame; in `FrameState::Payload`, of the payload.
    at: usize,
    state: FrameState,
    stack: DepthStack,
    /// An index in the frame, and the least number of bytes that the levels around the innermost one need there.
    outside: (usize, u64),
    /// The length of the last whole frame.
    length: usize,
}

#[derive(Debug, Clone, Copy)]
enum FrameState {
    /// At the type byte of an element.
    Element,
    /// In a line of which `seen` bytes are valid.
    Line { seen: usize, digits: NumberState },
    /// In a payload.
    Payload { length: u64, of: PayloadKind },
    /// At the `;` of a chunk, after `total` bytes of a streamed string.
    Chunk { total: u64 },
}

#[derive(Debug, Clone, Copy)]
enum PayloadKind {
    Bulk,
    /// The format is not read yet.
    Verbatim,
    /// A chunk. With it the streamed string has `total` bytes.
    Chunk {
        total: u64,
    },
}

/// The result of a step.
enum ElementStep {
    /// Progress was made, and the next step may make more.
    On,
    /// The frame is whole.
    Whole,
    /// The input ends within an element that needs at least this number of further bytes.
    Partial(u64),
    /// The input ends within an element that is an error at the end of its line, this number of bytes ahead.
    Refused(u64),
    /// The input ends before an element.
    Nothing,
    /// The input ends within an end mark that needs this number of further bytes.
    Mark(u64),
}

impl FrameParser {
    /// A parser with [`Limits::DEFAULT`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            limits: Limits::DEFAULT,
            window: window(&Limits::DEFAULT),
            failed: None,
            offset: 0,
            at: 0,
            state: FrameState::Element,
            stack: DepthStack::new(),
            outside: (0, 0),
            length: 0,
        }
    }

    /// Sets the limits. Call it before the first byte.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        let limits = Limits {
            command: limits.command.min(MAX_COMMAND),
            arguments: limits.arguments.min(MAX_ELEMENTS),
            depth: limits.depth.min(MAX_DEPTH),
            ..limits
        };
        Self { limits, window: window(&limits), ..self }
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

    /// The next frame. Moves `input` past it. The frame borrows from `input` alone.
    ///
    /// [`Status::Incomplete`] says how many further bytes are needed at least.
    ///
    /// # Errors
    /// A [`ProtocolError`] if the bytes are not a frame or exceed a limit.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Status<Frame<'a>>, ProtocolError> {
        Ok(match self.poll(input)? {
            Poll::Complete { length, .. } => {
                let (raw, rest) = input.split_at_checked(length).unwrap_or((input, &[]));
                *input = rest;
                Status::Complete(Frame::new(raw))
            }
            Poll::Incomplete { needed, .. } => Status::Incomplete { needed },
        })
    }

    /// First of two steps: finds the next frame and returns its length. The parser counts the [`used`](Poll::used)
    /// bytes of a whole frame; remove them from the input before the next call. Nothing is ever skipped.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub fn poll(&mut self, input: &[u8]) -> Result<Poll, ProtocolError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        loop {
            let step = if self.elements(input) { Ok(ElementStep::Whole) } else { self.step(input) };
            let needed = match step {
                Ok(ElementStep::On) => continue,
                Ok(ElementStep::Whole) => {
                    let length = core::mem::take(&mut self.at);
                    self.length = length;
                    self.offset += length as u64;
                    self.stack.restart();
                    self.outside = (0, 0);
                    return Ok(Poll::Complete { skipped: 0, length });
                }
                Ok(ElementStep::Partial(more)) => more + self.stack.after_element() + self.outside(),
                Ok(ElementStep::Refused(more)) => more,
                Ok(ElementStep::Nothing) => self.stack.least() + self.outside(),
                Ok(ElementStep::Mark(more)) => more + self.outside(),
                Err(error) => {
                    let error = error.error(self.offset);
                    self.failed = Some(error);
                    return Err(error);
                }
            };
            return Ok(Poll::Incomplete { skipped: 0, needed: as_size(needed) });
        }
    }

    /// The least number of bytes after the innermost level, computed once for each element.
    fn outside(&mut self) -> u64 {
        if self.outside.0 != self.at {
            self.outside = (self.at, self.stack.outside());
        }
        self.outside.1
    }

    /// Second step: the frame that the last [`poll`](Self::poll) found. `input` must be the same bytes.
    #[must_use]
    pub fn frame<'a>(&self, input: &'a [u8]) -> Frame<'a> {
        Frame::new(input.get(..self.length).unwrap_or(input))
    }

    /// Fast path: reads common elements while they last. Returns whether the frame is whole.
    fn elements(&mut self, input: &[u8]) -> bool {
        let window = match self.window {
            0 => return false,
            limit => input.get(..limit).unwrap_or(input),
        };
        while matches!(self.state, FrameState::Element)
            && self.stack.is_plain()
            && let Some(element) = fast_element(window, self.at)
        {
            match element {
                FastElement::Scalar { end, .. } | FastElement::Open { elements: 0, end } => {
                    self.at = end;
                    if self.stack.plain() {
                        return true;
                    }
                }
                FastElement::Open { .. } if self.stack.depth() >= self.limits.depth => return false,
                FastElement::Open { elements, end } => {
                    self.at = end;
                    self.stack.count();
                    self.stack.open(Level::counted(elements));
                }
            }
        }
        false
    }

    fn step(&mut self, input: &[u8]) -> Result<ElementStep, ParseError> {
        let rest = input.get(self.at..).unwrap_or_default();
        let here = |error: ParseError| shift(self.at)(error);
        match self.state {
            FrameState::Element => self.element(rest),
            FrameState::Line { seen, digits } => {
                let Some(&kind) = rest.first() else {
                    return Ok(ElementStep::Partial(SMALLEST));
                };
                self.line(kind, rest, seen, digits)
            }
            FrameState::Payload { length, of: PayloadKind::Verbatim } => match rest.get(3) {
                Some(b':') => {
                    self.state = FrameState::Payload { length, of: PayloadKind::Bulk };
                    Ok(ElementStep::On)
                }
                Some(&found) => {
                    Err(here(ParseError::unexpected("':' after the format of a verbatim string", found, 3)))
                }
                None => Ok(ElementStep::Partial((length + 2).saturating_sub(rest.len() as u64))),
            },
            FrameState::Payload { length, of } => {
                let mark = if matches!(of, PayloadKind::Chunk { .. }) { 4 } else { 0 };
                match number::payload_end(rest, as_size(length), length).map_err(here)? {
                    Scanned::Partial { more } => Ok(ElementStep::Partial(more as u64 + mark)),
                    Scanned::Whole { end } => match of {
                        PayloadKind::Chunk { total } => {
                            self.at += end;
                            self.state = FrameState::Chunk { total };
                            Ok(ElementStep::On)
                        }
                        _ => Ok(self.element_ends(end)),
                    },
                }
            }
            FrameState::Chunk { total } => self.chunk(rest, total),
        }
    }

    /// Reads an element from its type byte.
    fn element(&mut self, rest: &[u8]) -> Result<ElementStep, ParseError> {
        let Some((&kind, line)) = rest.split_first() else {
            return Ok(ElementStep::Nothing);
        };
        let here = |error: ParseError| shift(self.at)(error);
        let after = shift(self.at + 1);
        let text = |kind| move |error| after(number::value(error, kind));
        let level = self.stack.last();
        if level.is_streamed() {
            if kind == b'.' && level.may_end() {
                return match number::literal(line, b"\r\n", "CR LF after '.'").map_err(shift(self.at + 1))? {
                    Scanned::Partial { more } => Ok(ElementStep::Mark(more as u64)),
                    Scanned::Whole { end } => {
                        self.at += 1 + end;
                        self.stack.close();
                        Ok(self.unwind())
                    }
                };
            }
            if level.left() == 0 && Kind::of(kind).is_some() {
                let limit = self.limits.arguments;
                let kind = ProtocolErrorKind::TooManyArguments { count: limit.saturating_add(1), limit };
                return Err(here(ParseError::new(kind, 0)));
            }
        }
        match kind {
            b'+' | b'-' | b',' | b'(' => {
                self.state = FrameState::Line { seen: 1, digits: NumberState::Start };
                Ok(ElementStep::On)
            }
            b':' => {
                let read = number::integer(line).or_else(|error| number::after_plus(line, error));
                self.text(line.len(), read.map_err(text("integer"))?)
            }
            b'#' => {
                let wanted: &[u8] = if line.first() == Some(&b'f') { b"f\r\n" } else { b"t\r\n" };
                self.text(line.len(), number::literal(line, wanted, "").map_err(text("boolean"))?)
            }
            b'_' => {
                self.text(line.len(), number::literal(line, b"\r\n", "CR LF after '_'").map_err(shift(self.at + 1))?)
            }
            b'$' | b'!' | b'=' => self.bulk(kind, line),
            b'>' if level.is_push() => Err(here(ParseError::unexpected("an element of a push", b'>', 0))),
            b'*' | b'%' | b'~' | b'>' | b'|' => self.aggregate(kind, line),
            found => Err(here(ParseError::unexpected("the type of a frame", found, 0))),
        }
    }

    /// Ends a short line. `length` bytes of it are buffered, counted from the byte after its type.
    fn text(&mut self, length: usize, text: Scanned) -> Result<ElementStep, ParseError> {
        Ok(match text {
            Scanned::Whole { end } => {
                self.check_line(end - 2)?;
                self.element_ends(1 + end)
            }
            // With one byte missing, the last buffered byte is the CR and not part of the text.
            Scanned::Partial { more } if self.check_line(length - usize::from(more == 1)).is_err() => {
                ElementStep::Refused(more as u64)
            }
            Scanned::Partial { more } => ElementStep::Partial(more as u64),
        })
    }

    /// Reads a line that may be long. `seen` bytes of it are valid.
    fn line(&mut self, kind: u8, rest: &[u8], seen: usize, digits: NumberState) -> Result<ElementStep, ParseError> {
        self.check_line(seen - 1)?;
        // Bytes beyond the longest line are not read. The error is then the same for any division of the input.
        let window = rest.get(..self.longest_line().saturating_add(2)).unwrap_or(rest);
        let (end, digits) = match kind {
            b'+' | b'-' => (memchr2(b'\r', b'\n', window.get(seen..).unwrap_or_default()), NumberState::Whole),
            b',' => number::scan(window, seen, digits, NumberState::double).map_err(|at| self.value("double", at))?,
            _ => number::scan(window, seen, digits, NumberState::big).map_err(|at| self.value("big number", at))?,
        };
        let seen = end.map_or(window.len().max(seen), |end| seen + end);
        self.check_line(seen - 1)?;
        self.state = FrameState::Line { seen, digits };
        match rest.get(seen) {
            None => Ok(ElementStep::Partial(digits.owed() as u64 + 2)),
            Some(b'\r') => match number::line_end(rest, seen).map_err(shift(self.at))? {
                Scanned::Partial { more } => Ok(ElementStep::Partial(more as u64)),
                Scanned::Whole { end } => Ok(self.element_ends(end)),
            },
            Some(&found) => Err(shift(self.at)(ParseError::unexpected("CR before LF", found, seen))),
        }
    }

    /// Checks a text of `length` bytes against the limits.
    fn check_line(&self, length: usize) -> Result<(), ParseError> {
        let limit = self.limits.reply_line;
        self.check_end(length.min(limit) as u64 + 3, 0)?;
        if length > limit {
            return Err(shift(self.at)(ParseError::new(ProtocolErrorKind::LineTooLong { limit }, limit + 1)));
        }
        Ok(())
    }

    /// The longest text that fits the limits, in bytes.
    fn longest_line(&self) -> usize {
        let room = self.limits.command.saturating_sub(self.at as u64 + 3);
        self.limits.reply_line.min(as_size(room))
    }

    /// Checks an element that ends `length` bytes ahead against [`Limits::command`]. An error is at index `at`.
    fn check_end(&self, length: u64, at: usize) -> Result<(), ParseError> {
        let (end, limit) = (length.saturating_add(self.at as u64), self.limits.command);
        if end > limit {
            let length = if at == 0 { limit + 1 } else { end };
            return Err(shift(self.at)(ParseError::new(ProtocolErrorKind::CommandTooLong { length, limit }, at)));
        }
        Ok(())
    }

    fn value(&self, what: &'static str, at: usize) -> ParseError {
        shift(self.at)(ParseError::new(ProtocolErrorKind::InvalidValue(what), at))
    }

    /// Reads the length line of a bulk string, bulk error or verbatim string.
    fn bulk(&mut self, kind: u8, line: &[u8]) -> Result<ElementStep, ParseError> {
        match (kind, line.first()) {
            (b'$', None) => return Ok(ElementStep::Partial(4)),
            (b'$', Some(b'-')) => return self.null(line),
            (b'$', Some(b'?')) => {
                return Ok(match number::literal(line, b"?\r\n", "CR LF after '?'").map_err(shift(self.at + 1))? {
                    Scanned::Partial { more } => ElementStep::Partial(more as u64 + 4),
                    Scanned::Whole { end } => {
                        self.check_end(end as u64 + 1, 0)?;
                        self.at += 1 + end;
                        self.state = FrameState::Chunk { total: 0 };
                        ElementStep::On
                    }
                });
            }
            _ => {}
        }
        let least = if kind == b'=' { 4 } else { 0 };
        if kind == b'=' {
            self.verbatim_length(line)?;
        }
        match bulk_length(line, self.at + 1, self.limits.bulk)? {
            Bulk::Whole { length, end } => {
                self.check_end((1 + end as u64 + 2).saturating_add(length), 1)?;
                self.at += 1 + end;
                let of = if kind == b'=' { PayloadKind::Verbatim } else { PayloadKind::Bulk };
                self.state = FrameState::Payload { length, of };
                Ok(ElementStep::On)
            }
            Bulk::Partial { value: Some(value), more } if value > self.limits.bulk => {
                Ok(ElementStep::Refused(more as u64))
            }
            Bulk::Partial { value: Some(value), .. } if value < least => {
                Ok(ElementStep::Partial(1 + 2 + value * 10 + 2))
            }
            Bulk::Partial { value, more } => Ok(ElementStep::Partial(more as u64 + value.unwrap_or(least) + 2)),
        }
    }

    /// Refuses a verbatim string without space for its format, as soon as its length is certain.
    fn verbatim_length(&self, line: &[u8]) -> Result<(), ParseError> {
        match line {
            [b'0', ..] | [b'1'..=b'3', b'\r', ..] => {
                let kind = ProtocolErrorKind::InvalidLength("a verbatim string has at least 4 bytes");
                Err(shift(self.at)(ParseError::new(kind, 1)))
            }
            _ => Ok(()),
        }
    }

    fn null(&mut self, line: &[u8]) -> Result<ElementStep, ParseError> {
        let text = number::literal(line, b"-1\r\n", "'-1' and CR LF").map_err(shift(self.at + 1))?;
        Ok(match text {
            Scanned::Partial { more } => ElementStep::Partial(more as u64),
            Scanned::Whole { end } => {
                self.check_end(end as u64 + 1, 0)?;
                self.element_ends(1 + end)
            }
        })
    }

    /// Reads the count line of an aggregate or attribute.
    fn aggregate(&mut self, kind: u8, line: &[u8]) -> Result<ElementStep, ParseError> {
        let paired = matches!(kind, b'%' | b'|');
        let follows = if kind == b'|' { SMALLEST } else { 0 };
        match (kind, line.first()) {
            (b'*', Some(b'-')) => return self.null(line),
            (b'*' | b'%' | b'~', Some(b'?')) => {
                return match number::literal(line, b"?\r\n", "CR LF after '?'").map_err(shift(self.at + 1))? {
                    Scanned::Partial { more } if self.stack.depth() >= self.limits.depth => {
                        Ok(ElementStep::Refused(more as u64))
                    }
                    Scanned::Partial { more } => Ok(ElementStep::Partial(more as u64 + SMALLEST)),
                    Scanned::Whole { end } => {
                        self.open(kind, Level::streamed(self.limits.arguments as u32, paired), 1 + end)
                    }
                };
            }
            _ => {}
        }
        let per = if paired { 2 } else { 1 };
        let limit = self.limits.arguments;
        let too_many =
            |count| Err(shift(self.at)(ParseError::new(ProtocolErrorKind::TooManyArguments { count, limit }, 1)));
        match number::length(line).map_err(shift(self.at + 1))? {
            Length::Huge => too_many(u64::MAX),
            Length::Whole { value, end } => {
                let count = value.saturating_mul(per);
                if count > limit {
                    return too_many(count);
                }
                let level = Level::counted(count as u32);
                self.open(kind, if kind == b'>' { level.push() } else { level }, 1 + end)
            }
            Length::Partial { value, more } => {
                let count = value.unwrap_or(0).saturating_mul(per);
                if count > limit || (count > 0 && self.stack.depth() >= self.limits.depth) {
                    return Ok(ElementStep::Refused(more as u64));
                }
                Ok(ElementStep::Partial(more as u64 + count * SMALLEST + follows))
            }
        }
    }

    /// Opens an aggregate whose head has `head` bytes. An empty one opens no level.
    fn open(&mut self, kind: u8, level: Level, head: usize) -> Result<ElementStep, ParseError> {
        let limit = self.limits.depth;
        let empty = level.is_empty();
        if !empty && self.stack.depth() >= limit {
            return Err(shift(self.at)(ParseError::new(ProtocolErrorKind::TooDeep { limit }, 0)));
        }
        self.check_end(head as u64, 0)?;
        if kind == b'|' {
            self.stack.attribute();
        } else if empty {
            return Ok(self.element_ends(head));
        } else {
            self.stack.count();
        }
        self.at += head;
        if !empty {
            self.stack.open(level);
        }
        Ok(ElementStep::On)
    }

    fn chunk(&mut self, rest: &[u8], total: u64) -> Result<ElementStep, ParseError> {
        let Some((&mark, line)) = rest.split_first() else {
            return Ok(ElementStep::Partial(4));
        };
        if mark != b';' {
            return Err(shift(self.at)(ParseError::unexpected("';' of a chunk", mark, 0)));
        }
        let limit = self.limits.bulk;
        match bulk_length(line, self.at + 1, limit)? {
            Bulk::Whole { length: 0, end } => {
                self.check_end(end as u64 + 1, 0)?;
                Ok(self.element_ends(1 + end))
            }
            Bulk::Whole { length, end } => {
                let total = total.saturating_add(length);
                if total > limit {
                    return Err(shift(self.at)(ParseError::new(
                        ProtocolErrorKind::BulkTooLong { length: total, limit },
                        1,
                    )));
                }
                self.check_end((1 + end as u64 + 2).saturating_add(length), 1)?;
                self.at += 1 + end;
                self.state = FrameState::Payload { length, of: PayloadKind::Chunk { total } };
                Ok(ElementStep::On)
            }
            Bulk::Partial { value: Some(value), more } if total.saturating_add(value) > limit => {
                Ok(ElementStep::Refused(more as u64))
            }
            Bulk::Partial { value: None | Some(0), more } => Ok(ElementStep::Partial(more as u64)),
            Bulk::Partial { value: Some(value), more } => Ok(ElementStep::Partial(more as u64 + value + 2 + 4)),
        }
    }

    /// Ends the current element `length` bytes ahead.
    fn element_ends(&mut self, length: usize) -> ElementStep {
        self.at += length;
        self.state = FrameState::Element;
        self.stack.count();
        self.unwind()
    }

    fn unwind(&mut self) -> ElementStep {
        if self.stack.unwind() { ElementStep::Whole } else { ElementStep::On }
    }
}

fn window(limits: &Limits) -> usize {
    let fits = limits.bulk >= LONGEST_FAST
        && limits.reply_line as u64 >= LONGEST_FAST
        && limits.arguments >= MOST_FAST_ELEMENTS;
    if fits { as_size(limits.command) } else { 0 }
}

impl Default for FrameParser {
    fn default() -> Self {
        Self::new()
    }
}
