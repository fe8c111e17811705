//! The grammar of replies: one element after another, each read once, resumable at any byte.
//!
//! [`FrameParser`](super::FrameParser), [`TokenParser`](super::TokenParser) and the accessors of a
//! [`Frame`](super::Frame) run this machine. It does not recurse: open aggregates are on a stack of fixed depth.

use core::ops::ControlFlow;

use memchr::memchr2;

use crate::base::error::ProtocolErrorKind;
use crate::base::limits::{Limits, MAX_COMMAND, MAX_DEPTH, MAX_ELEMENTS};
use crate::resp::fast_lexeme::{
    LONGEST_FAST, MOST_FAST_ELEMENTS, fast_lexeme, first_word, short_begin, short_bulk, short_lexeme, short_scalar,
};
use crate::resp::kind::Kind;
use crate::resp::lexeme::{Element, Lexeme, Shape};
use crate::resp::number;
use crate::resp::number::as_size;
use crate::resp::number::{Length, NumberState, Scanned};
use crate::resp::parse_error::{ParseError, shift};
use crate::resp::stack::{DepthStack, Level, SMALLEST};
use crate::resp::tape::{Bulk, bulk_length};

#[derive(Debug, Clone)]
pub(super) struct Lexer {
    limits: Limits,
    /// A payload of at least this length is delivered in pieces.
    threshold: u64,
    /// Whether common elements fit every limit, but perhaps not [`Limits::command`] together.
    is_wide: bool,
    state: State,
    pub(super) stack: DepthStack,
    /// The index of the current element in the input. Bytes before it are not read again.
    pub(super) at: usize,
    /// The index from which [`Limits::command`] counts.
    base: usize,
}

/// The progress in the current element.
#[derive(Debug, Clone, Copy)]
enum State {
    /// At its type byte.
    Element,
    /// In a line of which `seen` bytes are valid.
    Line { kind: Kind, seen: usize, digits: NumberState },
    /// In a payload that begins `start` bytes after the type byte.
    Payload { start: usize, length: u64, of: Payload },
    /// At the `;` of a chunk, after `total` bytes of a streamed string.
    Chunk { total: u64 },
    /// In a payload that is delivered in pieces.
    Pieces { length: u64, left: u64, of: Payload },
    /// After the last piece of a string.
    LastPiece,
    /// After an error.
    Failed,
}

#[derive(Debug, Clone, Copy)]
enum Payload {
    String(Kind),
    /// The format is not read yet.
    Verbatim,
    /// A chunk. With it the streamed string has `total` bytes.
    Chunk {
        total: u64,
    },
}

/// The result of a step. The numbers are bytes that are missing at least.
pub(super) enum Lex {
    Whole(Lexeme),
    /// The input ends within an element. `follows` bytes must follow it before the next element of its level.
    Partial {
        more: u64,
        follows: u64,
    },
    /// The input ends within an element that is an error at the end of its line.
    Refused(u64),
    /// The input ends before an element.
    Nothing,
    /// The input ends within an end mark.
    Mark(u64),
}

/// A fold over the tokens of a lexer. A closure would not always be compiled into that loop.
pub trait FoldTokens<'a, B> {
    /// Takes the token at the front of `bytes`, inside `depth` open aggregates and strings. `Break` ends the fold.
    fn token(&mut self, folded: B, bytes: &'a [u8], lexeme: Lexeme, depth: usize) -> ControlFlow<B, B>;
}

/// The length of the smallest chunk, which ends a streamed string.
const LAST_CHUNK: u64 = 4;

impl Lexer {
    pub(super) fn new(limits: Limits, threshold: Option<u64>) -> Self {
        let limits = Limits {
            command: limits.command.min(MAX_COMMAND),
            arguments: limits.arguments.min(MAX_ELEMENTS),
            depth: limits.depth.min(MAX_DEPTH),
            ..limits
        };
        let threshold = threshold.map_or(u64::MAX, |threshold| threshold.max(1));
        let longest = limits.bulk.min(limits.reply_line as u64).min(threshold - 1).min(limits.command / 2);
        let is_wide = longest >= LONGEST_FAST && limits.arguments >= MOST_FAST_ELEMENTS;
        Self { limits, threshold, is_wide, state: State::Element, stack: DepthStack::new(), at: 0, base: 0 }
    }

    /// A lexer of bytes that a parser has validated.
    pub(super) fn trusted() -> Self {
        let most = Limits { bulk: MAX_COMMAND, command: MAX_COMMAND, arguments: MAX_ELEMENTS, ..Limits::DEFAULT };
        Self::new(Limits { reply_line: as_size(MAX_COMMAND), ..most }, None)
    }

    /// A trusted lexer at the first chunk of a streamed string.
    pub(super) fn in_string() -> Self {
        Self { state: State::Chunk { total: 0 }, ..Self::trusted() }
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    pub(super) fn threshold(&self) -> Option<u64> {
        (self.threshold < u64::MAX).then_some(self.threshold)
    }

    /// The number of open aggregates and strings.
    pub(super) fn depth(&self) -> usize {
        let string = matches!(
            self.state,
            State::Chunk { .. }
                | State::Payload { of: Payload::Chunk { .. }, .. }
                | State::Pieces { .. }
                | State::LastPiece
        );
        self.stack.depth() + usize::from(string)
    }

    /// Whether the current element is a payload, of which only the CR LF is left to check.
    pub(super) fn is_in_payload(&self) -> bool {
        matches!(self.state, State::Payload { of: Payload::String(_) | Payload::Chunk { .. }, .. })
    }

    /// Whether no frame has begun, or the last one is complete.
    pub(super) fn is_between_frames(&self) -> bool {
        self.depth() == 0 && self.stack.is_between_frames()
    }

    /// Reads tokens up to the end of the frame, of which `recorded` are known. Records them in `tape` as far as they
    /// fit, and the one that the attributes describe in `root`. Returns their number.
    #[inline(always)]
    pub(super) fn frame(
        &mut self,
        input: &[u8],
        recorded: usize,
        tape: &mut [Element],
        root: &mut Element,
    ) -> (usize, Result<Lex, ParseError>) {
        // The fast path leaves what exceeds the limit of a frame to the slow path.
        let window = input.get(..as_size(self.limits.command)).unwrap_or(input);
        let (mut at, mut most, mut tokens) = (self.at, self.most_common(), recorded);
        loop {
            let depth = self.stack.depth();
            let lexeme = if self.stack.last().is_empty() {
                if depth == 0 {
                    self.stack.restart();
                    self.at = 0;
                    return (tokens, Ok(Lex::Whole(Lexeme::END.shifted(at))));
                }
                self.stack.close();
                Lexeme::END.shifted(at)
            } else if most > 0
                && let Some(lexeme) = self.fast(window, at)
            {
                lexeme
            } else {
                self.at = at;
                let lexeme = match self.slow(input) {
                    Ok(Lex::Whole(lexeme)) => lexeme.shifted(at),
                    other => return (tokens, other),
                };
                most = self.most_common();
                lexeme
            };
            let element = Element::of(lexeme);
            if depth.min(self.stack.depth()) == 0
                && !matches!(lexeme.shape, Shape::Begin(Kind::Attribute) | Shape::Chunk | Shape::End)
            {
                *root = element;
            }
            if let Some(place) = tape.get_mut(tokens) {
                *place = element;
            }
            (tokens, at) = (tokens + 1, lexeme.end);
        }
    }

    /// Folds the tokens until `each` breaks: then the result is `Whole`. [`Limits::command`] applies to each token. An
    /// aggregate with a count ends with a token without bytes.
    #[inline(always)]
    pub(super) fn tokens<'a, B>(
        &mut self,
        input: &'a [u8],
        mut folded: B,
        each: &mut impl FoldTokens<'a, B>,
    ) -> (B, Result<Lex, ParseError>) {
        let (mut rest, mut most) = (input.get(self.at..).unwrap_or_default(), self.most_common());
        loop {
            let (shown, depth) = (rest, self.stack.depth());
            let head = if self.stack.last().is_common(most) { first_word(rest, 0) } else { None };
            // Nearly all elements are short bulk strings. Each call is compiled for the shape of its token.
            let flow = if let Some(lexeme) = head.and_then(|head| short_bulk(head, rest)) {
                self.stack.count_plain();
                rest = rest.get(lexeme.end..).unwrap_or_default();
                each.token(folded, shown, lexeme, depth)
            } else if let Some(lexeme) = head.and_then(|head| short_begin(head, 0))
                && depth < self.limits.depth
            {
                self.begin(lexeme);
                rest = rest.get(lexeme.end..).unwrap_or_default();
                each.token(folded, shown, lexeme, depth)
            } else if let Some(lexeme) = head.and_then(|head| short_scalar(head, 0)) {
                self.stack.count_plain();
                rest = rest.get(lexeme.end..).unwrap_or_default();
                each.token(folded, shown, lexeme, depth)
            } else if self.stack.last().is_empty() && depth > 0 {
                self.stack.close();
                each.token(folded, shown, Lexeme::END, depth - 1)
            } else {
                self.stack.refill();
                if most > 0
                    && let Some(lexeme) = self.fast_other(rest, 0)
                {
                    rest = rest.get(lexeme.end..).unwrap_or_default();
                    each.token(folded, shown, lexeme, depth)
                } else {
                    self.at = input.len() - rest.len();
                    self.base = self.at;
                    let lexeme = match self.slow(input) {
                        Ok(Lex::Whole(lexeme)) => lexeme,
                        other => return (folded, other),
                    };
                    (rest, most) = (rest.get(lexeme.end..).unwrap_or_default(), self.most_common());
                    each.token(folded, shown, lexeme, self.depth_around(depth, lexeme.shape))
                }
            };
            match flow {
                ControlFlow::Continue(next) => folded = next,
                ControlFlow::Break(last) => {
                    self.at = input.len() - rest.len();
                    return (last, Ok(Lex::Whole(Lexeme::END)));
                }
            }
        }
    }

    /// The number of open aggregates and strings around a token. There were `before` aggregates before it.
    fn depth_around(&self, before: usize, shape: Shape) -> usize {
        before.min(self.stack.depth()) + usize::from(shape == Shape::Chunk)
    }

    /// The most elements of a level on the fast path: none within an element.
    #[inline(always)]
    fn most_common(&self) -> u32 {
        if self.is_wide && matches!(self.state, State::Element) { Level::MOST } else { 0 }
    }

    /// Restarts the count of positions: the caller removes the bytes before the position from the input.
    pub(super) fn rebase(&mut self) -> usize {
        self.base = 0;
        core::mem::take(&mut self.at)
    }

    /// Fast path: a whole common element at index `at`, which is the position. No other element has begun there.
    #[inline(always)]
    fn fast(&mut self, window: &[u8], at: usize) -> Option<Lexeme> {
        if !self.stack.is_plain() {
            return None;
        }
        match short_lexeme(window, at) {
            Some(lexeme) if !matches!(lexeme.shape, Shape::Begin(_)) => {
                self.stack.count_plain();
                Some(lexeme)
            }
            Some(_) if self.stack.depth() >= self.limits.depth => None,
            Some(lexeme) => {
                self.begin(lexeme);
                Some(lexeme)
            }
            None => self.fast_other(window, at),
        }
    }

    /// The same for other scalars.
    #[inline(never)]
    fn fast_other(&mut self, window: &[u8], at: usize) -> Option<Lexeme> {
        if !self.stack.is_plain() {
            return None;
        }
        let lexeme = fast_lexeme(window, at)?;
        self.stack.count_plain();
        Some(lexeme)
    }

    #[inline(always)]
    fn begin(&mut self, lexeme: Lexeme) {
        self.stack.count_plain();
        self.stack.open(Level::counted(lexeme.extent as u32));
    }

    /// Reads the element at the position, or the next part of it. Its positions count from there. The caller moves the
    /// position to its end.
    #[inline(never)]
    pub(super) fn slow(&mut self, input: &[u8]) -> Result<Lex, ParseError> {
        let rest = input.get(self.at..).unwrap_or_default();
        let lex = match self.state {
            State::Element => self.element(rest),
            State::Line { kind, seen, digits } => self.line(kind, rest, seen, digits),
            State::Payload { start, length, of } => self.payload(rest, start, length, of),
            State::Chunk { total } => self.chunk(rest, total),
            State::Pieces { length, left, of } => self.piece(rest, length, left, of),
            State::LastPiece => Ok(self.ends(Lexeme::new(Shape::End, 0, 0, 0))),
            State::Failed => Ok(Lex::Refused(1)),
        };
        match lex {
            Ok(lex) => Ok(lex),
            Err(error) => {
                self.state = State::Failed;
                Err(shift(self.at)(error))
            }
        }
    }

    /// Ends the current element.
    fn ends(&mut self, lexeme: Lexeme) -> Lex {
        self.state = State::Element;
        self.stack.count();
        Lex::Whole(lexeme)
    }

    fn element(&mut self, rest: &[u8]) -> Result<Lex, ParseError> {
        let Some((&byte, line)) = rest.split_first() else {
            return Ok(Lex::Nothing);
        };
        let level = self.stack.last();
        if level.is_streamed() {
            if byte == b'.' && level.may_end() {
                return Ok(match number::literal(line, b"\r\n", "CR LF after '.'").map_err(shift(1))? {
                    Scanned::Partial { more } => Lex::Mark(more as u64),
                    Scanned::Whole { end } => {
                        self.stack.close();
                        Lex::Whole(Lexeme::new(Shape::End, 1 + end, 0, 1 + end))
                    }
                });
            }
            if level.left() == 0 && Kind::of(byte).is_some() {
                let limit = self.limits.arguments;
                let kind = ProtocolErrorKind::TooManyArguments { count: limit.saturating_add(1), limit };
                return Err(ParseError::new(kind, 0));
            }
        }
        let value = |what| move |error| shift(1)(number::value(error, what));
        match Kind::of(byte) {
            None => Err(ParseError::unexpected("the type of a frame", byte, 0)),
            Some(kind @ (Kind::SimpleString | Kind::Error | Kind::Double | Kind::BigNumber)) => {
                self.line(kind, rest, 1, NumberState::Start)
            }
            Some(Kind::Integer) => {
                let read = number::integer(line).or_else(|error| number::after_plus(line, error));
                self.short_line(Kind::Integer, line.len(), read.map_err(value("integer"))?)
            }
            Some(Kind::Boolean) => {
                let wanted: &[u8] = if line.first() == Some(&b'f') { b"f\r\n" } else { b"t\r\n" };
                let read = number::literal(line, wanted, "").map_err(value("boolean"))?;
                self.short_line(Kind::Boolean, line.len(), read)
            }
            Some(Kind::Null) => {
                let read = number::literal(line, b"\r\n", "CR LF after '_'").map_err(shift(1))?;
                self.short_line(Kind::Null, line.len(), read)
            }
            Some(kind @ (Kind::BulkString | Kind::BulkError | Kind::VerbatimString)) => self.bulk(kind, rest, line),
            Some(Kind::Push) if level.is_push() => Err(ParseError::unexpected("an element of a push", byte, 0)),
            Some(kind) => self.aggregate(kind, line),
        }
    }

    /// Ends a short line. `length` bytes of it are buffered, counted from the byte after its type.
    fn short_line(&mut self, kind: Kind, length: usize, text: Scanned) -> Result<Lex, ParseError> {
        Ok(match text {
            Scanned::Whole { end } => {
                self.check_line(end - 2)?;
                self.ends(Lexeme::new(Shape::Scalar(kind), 1, end - 2, 1 + end))
            }
            // With one byte missing, the last buffered byte is the CR and not part of the text.
            Scanned::Partial { more } if self.check_line(length - usize::from(more == 1)).is_err() => {
                Lex::Refused(more as u64)
            }
            Scanned::Partial { more } => Lex::Partial { more: more as u64, follows: 0 },
        })
    }

    /// Reads a line that may be long. `seen` bytes of it are valid.
    fn line(&mut self, kind: Kind, rest: &[u8], seen: usize, digits: NumberState) -> Result<Lex, ParseError> {
        self.check_line(seen - 1)?;
        // Bytes beyond the longest line are not read. The error is then the same for any division of the input.
        let room = as_size(self.limits.command.saturating_sub((self.at - self.base) as u64 + 3));
        let window = rest.get(..self.limits.reply_line.min(room).saturating_add(2)).unwrap_or(rest);
        let value = |what| move |at| ParseError::new(ProtocolErrorKind::InvalidValue(what), at);
        let (end, digits) = match kind {
            Kind::Double => number::scan(window, seen, digits, NumberState::double).map_err(value("double"))?,
            Kind::BigNumber => number::scan(window, seen, digits, NumberState::big).map_err(value("big number"))?,
            _ => (memchr2(b'\r', b'\n', window.get(seen..).unwrap_or_default()), NumberState::Whole),
        };
        let seen = end.map_or(window.len().max(seen), |end| seen + end);
        self.check_line(seen - 1)?;
        self.state = State::Line { kind, seen, digits };
        let partial = |more| Ok(Lex::Partial { more, follows: 0 });
        match rest.get(seen) {
            None => partial(digits.owed() as u64 + 2),
            Some(b'\r') => match number::line_end(rest, seen)? {
                Scanned::Partial { more } => partial(more as u64),
                Scanned::Whole { end } => Ok(self.ends(Lexeme::new(Shape::Scalar(kind), 1, seen - 1, end))),
            },
            Some(&found) => Err(ParseError::unexpected("CR before LF", found, seen)),
        }
    }

    /// Checks a text of `length` bytes against the limits.
    fn check_line(&self, length: usize) -> Result<(), ParseError> {
        let limit = self.limits.reply_line;
        self.check_end(length.min(limit) as u64 + 3, 0)?;
        if length > limit {
            return Err(ParseError::new(ProtocolErrorKind::LineTooLong { limit }, limit + 1));
        }
        Ok(())
    }

    /// Checks an element that ends `length` bytes ahead against [`Limits::command`]. An error is at index `at`.
    fn check_end(&self, length: u64, at: usize) -> Result<(), ParseError> {
        let (end, limit) = (length.saturating_add((self.at - self.base) as u64), self.limits.command);
        if end > limit {
            let length = if at == 0 { limit + 1 } else { end };
            return Err(ParseError::new(ProtocolErrorKind::CommandTooLong { length, limit }, at));
        }
        Ok(())
    }

    /// Reads the length line of a bulk string, bulk error or verbatim string, and the payload.
    fn bulk(&mut self, kind: Kind, rest: &[u8], line: &[u8]) -> Result<Lex, ParseError> {
        match (kind, line.first()) {
            // The least are `$?` and the last chunk, or `$-1`.
            (Kind::BulkString, None) => return Ok(Lex::Partial { more: 3, follows: 1 }),
            (Kind::BulkString, Some(b'-')) => return self.null(line),
            (Kind::BulkString, Some(b'?')) => {
                return Ok(match number::literal(line, b"?\r\n", "CR LF after '?'").map_err(shift(1))? {
                    Scanned::Partial { more } => Lex::Partial { more: more as u64, follows: LAST_CHUNK },
                    Scanned::Whole { end } => {
                        self.check_end(end as u64 + 1, 0)?;
                        self.state = State::Chunk { total: 0 };
                        Lex::Whole(Lexeme::new(Shape::Stream(kind), 1 + end, 0, 1 + end))
                    }
                });
            }
            _ => {}
        }
        let (least, of) = match kind {
            Kind::VerbatimString => (4, Payload::Verbatim),
            kind => (0, Payload::String(kind)),
        };
        if let (Payload::Verbatim, [b'0', ..] | [b'1'..=b'3', b'\r', ..]) = (of, line) {
            let kind = ProtocolErrorKind::InvalidLength("a verbatim string has at least 4 bytes");
            return Err(ParseError::new(kind, 1));
        }
        match bulk_length(line, 1, self.limits.bulk)? {
            Bulk::Whole { length, end } if length >= self.threshold => {
                self.state = State::Pieces { length, left: length, of };
                Ok(Lex::Whole(Lexeme::new(Shape::Begin(kind), 1 + end, as_size(length), 1 + end)))
            }
            Bulk::Whole { length, end } => {
                self.check_end((1 + end as u64 + 2).saturating_add(length), 1)?;
                self.payload(rest, 1 + end, length, of)
            }
            Bulk::Partial { value: Some(value), more } if value > self.limits.bulk => Ok(Lex::Refused(more as u64)),
            Bulk::Partial { value: Some(value), .. } if value < least => {
                Ok(Lex::Partial { more: 1 + 2 + value * 10 + 2, follows: 0 })
            }
            // With pieces, the length line may be all that is missing.
            Bulk::Partial { more, .. } if self.threshold < u64::MAX => {
                Ok(Lex::Partial { more: more as u64, follows: 0 })
            }
            Bulk::Partial { value, more } => {
                Ok(Lex::Partial { more: more as u64 + value.unwrap_or(least) + 2, follows: 0 })
            }
        }
    }

    /// Reads a payload of `length` bytes at index `start`, and its CR LF.
    fn payload(&mut self, rest: &[u8], start: usize, length: u64, of: Payload) -> Result<Lex, ParseError> {
        self.state = State::Payload { start, length, of };
        let bytes = rest.get(start..).unwrap_or_default();
        let kind = match of {
            Payload::String(kind) => kind,
            Payload::Chunk { .. } => Kind::BulkString,
            Payload::Verbatim => {
                let left = (length + 2).saturating_sub(bytes.len() as u64);
                if !has_format(bytes).map_err(shift(start))? {
                    return Ok(Lex::Partial { more: left, follows: 0 });
                }
                self.state = State::Payload { start, length, of: Payload::String(Kind::VerbatimString) };
                Kind::VerbatimString
            }
        };
        let follows = if matches!(of, Payload::Chunk { .. }) { LAST_CHUNK } else { 0 };
        let length = as_size(length);
        Ok(match number::payload_end(bytes, length, length as u64).map_err(shift(start))? {
            Scanned::Partial { more } => Lex::Partial { more: more as u64, follows },
            Scanned::Whole { end } => match of {
                Payload::Chunk { total } => {
                    self.state = State::Chunk { total };
                    Lex::Whole(Lexeme::new(Shape::Chunk, start, length, start + end))
                }
                _ => self.ends(Lexeme::new(Shape::Scalar(kind), start, length, start + end)),
            },
        })
    }

    /// The next piece of a payload. The last one is delivered with its CR LF.
    fn piece(&mut self, rest: &[u8], length: u64, left: u64, of: Payload) -> Result<Lex, ParseError> {
        let missing = |wanted: usize| Ok(Lex::Partial { more: (wanted - rest.len()) as u64, follows: 0 });
        let of = match of {
            Payload::Verbatim if !has_format(rest)? => return missing(4),
            Payload::Verbatim => Payload::String(Kind::VerbatimString),
            of => of,
        };
        if rest.len() as u64 > left
            && let bytes = as_size(left)
            && let Scanned::Whole { end } = number::payload_end(rest, bytes, length)?
        {
            self.state = match of {
                Payload::Chunk { total } => State::Chunk { total },
                _ => State::LastPiece,
            };
            return Ok(Lex::Whole(Lexeme::new(Shape::Chunk, 0, bytes, end)));
        }
        match rest.len().min(as_size(left - 1)) {
            0 => missing(if left == 1 { 3 } else { 1 }),
            bytes => {
                self.state = State::Pieces { length, left: left - bytes as u64, of };
                Ok(Lex::Whole(Lexeme::new(Shape::Chunk, 0, bytes, bytes)))
            }
        }
    }

    fn null(&mut self, line: &[u8]) -> Result<Lex, ParseError> {
        let text = number::literal(line, b"-1\r\n", "'-1' and CR LF").map_err(shift(1))?;
        Ok(match text {
            Scanned::Whole { end } => {
                self.check_end(end as u64 + 1, 0)?;
                self.ends(Lexeme::new(Shape::Scalar(Kind::Null), end - 1, 0, 1 + end))
            }
            Scanned::Partial { more } => Lex::Partial { more: more as u64, follows: 0 },
        })
    }

    /// Reads the count line of an aggregate or attribute.
    fn aggregate(&mut self, kind: Kind, line: &[u8]) -> Result<Lex, ParseError> {
        let limit = self.limits.arguments;
        let is_deepest = self.stack.depth() >= self.limits.depth;
        match (kind, line.first()) {
            (Kind::Array, Some(b'-')) => return self.null(line),
            (Kind::Array | Kind::Map | Kind::Set, Some(b'?')) => {
                return match number::literal(line, b"?\r\n", "CR LF after '?'").map_err(shift(1))? {
                    Scanned::Partial { more } if is_deepest => Ok(Lex::Refused(more as u64)),
                    Scanned::Partial { more } => Ok(Lex::Partial { more: more as u64, follows: SMALLEST }),
                    Scanned::Whole { end } => {
                        let level = Level::streamed(limit as u32, kind.is_paired());
                        self.open(kind, level, Lexeme::new(Shape::Stream(kind), 1 + end, 0, 1 + end))
                    }
                };
            }
            _ => {}
        }
        let per = if kind.is_paired() { 2 } else { 1 };
        let too_many = |count| Err(ParseError::new(ProtocolErrorKind::TooManyArguments { count, limit }, 1));
        match number::length(line).map_err(shift(1))? {
            Length::Huge => too_many(u64::MAX),
            Length::Whole { value, end } => {
                let count = value.saturating_mul(per);
                if count > limit {
                    return too_many(count);
                }
                let level = Level::counted(count as u32);
                let level = if kind == Kind::Push { level.push() } else { level };
                self.open(kind, level, Lexeme::new(Shape::Begin(kind), 1 + end, count as usize, 1 + end))
            }
            Length::Partial { value, more } => {
                let count = value.unwrap_or(0).saturating_mul(per);
                if count > limit || (count > 0 && is_deepest) {
                    return Ok(Lex::Refused(more as u64));
                }
                let element = if kind == Kind::Attribute { SMALLEST } else { 0 };
                Ok(Lex::Partial { more: more as u64, follows: count * SMALLEST + element })
            }
        }
    }

    /// Opens an aggregate or attribute.
    fn open(&mut self, kind: Kind, level: Level, head: Lexeme) -> Result<Lex, ParseError> {
        let limit = self.limits.depth;
        if !level.is_empty() && self.stack.depth() >= limit {
            return Err(ParseError::new(ProtocolErrorKind::TooDeep { limit }, 0));
        }
        self.check_end(head.end as u64, 0)?;
        if kind == Kind::Attribute {
            self.stack.attribute();
        } else {
            self.stack.count();
        }
        self.stack.open(level);
        Ok(Lex::Whole(head))
    }

    fn chunk(&mut self, rest: &[u8], total: u64) -> Result<Lex, ParseError> {
        let partial = |more, follows| Ok(Lex::Partial { more, follows });
        let Some((&mark, line)) = rest.split_first() else {
            return partial(LAST_CHUNK, 0);
        };
        if mark != b';' {
            return Err(ParseError::unexpected("';' of a chunk", mark, 0));
        }
        let limit = self.limits.bulk;
        match bulk_length(line, 1, limit)? {
            Bulk::Whole { length: 0, end } => {
                self.check_end(end as u64 + 1, 0)?;
                Ok(self.ends(Lexeme::new(Shape::End, 1 + end, 0, 1 + end)))
            }
            Bulk::Whole { length, end } => {
                let total = total.saturating_add(length);
                if total > limit {
                    return Err(ParseError::new(ProtocolErrorKind::BulkTooLong { length: total, limit }, 1));
                }
                let of = Payload::Chunk { total };
                if length >= self.threshold {
                    self.state = State::Pieces { length, left: length, of };
                    return Ok(Lex::Whole(Lexeme::new(Shape::Chunk, 1 + end, 0, 1 + end)));
                }
                self.check_end((1 + end as u64 + 2).saturating_add(length), 1)?;
                self.payload(rest, 1 + end, length, of)
            }
            Bulk::Partial { value: Some(value), more } if total.saturating_add(value) > limit => {
                Ok(Lex::Refused(more as u64))
            }
            Bulk::Partial { value: None | Some(0), more } => partial(more as u64, 0),
            Bulk::Partial { more, .. } if self.threshold < u64::MAX => partial(more as u64, 0),
            Bulk::Partial { value: Some(value), more } => partial(more as u64 + value + 2, LAST_CHUNK),
        }
    }
}

/// Whether the format of a verbatim string is buffered.
fn has_format(payload: &[u8]) -> Result<bool, ParseError> {
    match payload.get(3) {
        None => Ok(false),
        Some(b':') => Ok(true),
        Some(&found) => Err(ParseError::unexpected("':' after the format of a verbatim string", found, 3)),
    }
}
