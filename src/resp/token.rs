//! The parser of tokens, and the walk through a frame.

use core::iter::FusedIterator;
use core::ops::ControlFlow;
use core::slice;

use crate::base::error::ProtocolError;
use crate::base::limits::{LAST_OFFSET, Limits};
use crate::base::status::Status;
use crate::resp::frame::Frame;
use crate::resp::kind::Kind;
use crate::resp::lexeme::{Element, Lexeme, Shape};
use crate::resp::lexer::{FoldTokens, Lex, Lexer};
use crate::resp::number::as_size;
use crate::resp::parse_error::ParseError;
use crate::resp::poll::Poll;
use crate::resp::stack::SMALLEST;

/// A step through a frame: of a [`TokenParser`] or of a [`Tokens`] walk. Every `Begin` has its `End`, whether it is
/// counted or streamed. The enum is closed, as [`Kind`] is.
///
/// ```
/// use redtail::resp::Token;
///
/// fn depth(tokens: &[Token<'_>]) -> i32 {
///     tokens.iter().fold(0, |depth, token| match token {
///         Token::Begin { .. } => depth + 1,
///         Token::End => depth - 1,
///         _ => depth,
///     })
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// A frame without elements.
    Scalar(Frame<'a>),
    /// The elements of an array, map, set or push follow, or the pairs of an attribute, or the chunks of a string that
    /// is streamed or delivered in pieces.
    Begin {
        /// The type of the aggregate or string.
        kind: Kind,
        /// The number of elements; a pair counts as two. Of a string in pieces: its length in bytes. `None` if the
        /// aggregate or string is streamed.
        count: Option<usize>,
    },
    /// A chunk of a streamed string, or a piece of a string. Of a verbatim string the pieces include its format. A
    /// chunk in pieces begins with an empty one.
    Chunk(&'a [u8]),
    /// The innermost open aggregate or string ends.
    End,
}

/// Finds the tokens in the bytes that a server sends, in RESP2 and RESP3. Each is delivered as its bytes arrive.
///
/// A [`FrameParser`](super::FrameParser) waits for a whole reply; this parser waits for one element of it. With
/// [`in_pieces`](Self::in_pieces), a payload of any size passes through a small buffer. Every byte is read once.
///
/// [`Limits::command`] applies to each whole token, not to frames.
///
/// ```
/// use redtail::resp::{Status, Token, TokenParser};
///
/// let mut parser = TokenParser::new();
/// let mut input: &[u8] = b"*2\r\n:7\r\n$5\r\nhel";
/// let mut numbers = Vec::new();
/// while let Status::Complete(token) = parser.next(&mut input)? {
///     if let Token::Scalar(scalar) = token {
///         numbers.extend(scalar.as_i64());
///     }
/// }
/// assert_eq!((numbers, input), (vec![7], b"$5\r\nhel" as &[u8]));
/// assert_eq!(parser.next(&mut input)?, Status::Incomplete { needed: 4 });
/// # Ok::<(), redtail::ProtocolError>(())
/// ```
#[derive(Debug, Clone)]
pub struct TokenParser {
    lexer: Lexer,
    failed: Option<ProtocolError>,
    /// The offset of the first byte of the next input.
    offset: u64,
    /// The last token found.
    found: Lexeme,
}

impl TokenParser {
    /// A parser with [`Limits::DEFAULT`].
    #[must_use]
    pub fn new() -> Self {
        Self::over(Lexer::new(Limits::DEFAULT, None))
    }

    /// A parser of the bytes of frames that a parser has found.
    pub(crate) fn trusted() -> Self {
        Self::over(Lexer::trusted())
    }

    fn over(lexer: Lexer) -> Self {
        Self { lexer, failed: None, offset: 0, found: Element::NULL.lexeme() }
    }

    /// Sets the limits. Call it before the first byte.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { lexer: Lexer::new(limits, self.lexer.threshold()), ..self }
    }

    /// Delivers a payload of at least `threshold` bytes in pieces: as a [`Token::Begin`], a [`Token::Chunk`] for the
    /// buffered bytes of it whenever more arrive, and a [`Token::End`]. Call it before the first byte.
    ///
    /// Whether a payload is delivered in pieces depends on its declared length alone, not on how its bytes arrive.
    #[must_use]
    pub fn in_pieces(self, threshold: u64) -> Self {
        Self { lexer: Lexer::new(self.lexer.limits(), Some(threshold)), ..self }
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

    /// The number of open aggregates and strings after the last token.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.lexer.depth()
    }

    /// Whether the next token begins a frame: at the beginning, and after the last token of a frame.
    #[must_use]
    pub fn is_between_frames(&self) -> bool {
        self.lexer.is_between_frames()
    }

    /// The next token. Moves `input` past it. The token borrows from `input` alone.
    ///
    /// [`Status::Incomplete`] says how many further bytes are needed at least. Pass the bytes of the unfinished token
    /// again, from its first byte.
    ///
    /// # Errors
    /// A [`ProtocolError`] if the bytes are not a frame or exceed a limit.
    #[inline(always)]
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Status<Token<'a>>, ProtocolError> {
        let shown = *input;
        Ok(match self.poll(shown)? {
            Poll::Complete { length, .. } => {
                *input = shown.get(length..).unwrap_or_default();
                Status::Complete(self.token(shown))
            }
            Poll::Incomplete { needed, .. } => Status::Incomplete { needed },
        })
    }

    /// First of two steps: finds the next token and returns its length. The parser counts the [`used`](Poll::used)
    /// bytes; remove them from the input before the next call. Nothing is ever skipped. An end without a mark has no
    /// bytes.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    #[inline]
    pub fn poll(&mut self, input: &[u8]) -> Result<Poll, ProtocolError> {
        let (found, _, result) = self.fold(input, self.found, &mut First);
        self.found = found;
        Ok(match result? {
            Status::Complete(()) => Poll::Complete { skipped: 0, length: found.end },
            Status::Incomplete { needed } => Poll::Incomplete { skipped: 0, needed },
        })
    }

    /// Second step: the token that the last [`poll`](Self::poll) found. `input` must be the same bytes.
    #[must_use]
    #[inline]
    pub fn token<'a>(&self, input: &'a [u8]) -> Token<'a> {
        self.found.token(input, 0)
    }

    /// Passes every whole token in `input` to `each` and returns their number. Moves `input` past them. It is faster
    /// than [`next`](Self::next) in a loop.
    ///
    /// # Errors
    /// As [`next`](Self::next). `each` has received the tokens before the error.
    ///
    /// ```
    /// use redtail::resp::{Token, TokenParser};
    ///
    /// let (mut parser, mut input, mut ends) = (TokenParser::new(), b"*1\r\n+a\r\n:1\r\n:" as &[u8], 0);
    /// let tokens = parser.batch(&mut input, |token| ends += usize::from(token == Token::End))?;
    /// assert_eq!((tokens, ends, input), (4, 1, b":" as &[u8]));
    /// # Ok::<(), redtail::ProtocolError>(())
    /// ```
    #[inline]
    pub fn batch<'a>(&mut self, input: &mut &'a [u8], mut each: impl FnMut(Token<'a>)) -> Result<usize, ProtocolError> {
        let shown = *input;
        let mut each = Each(|tokens, token| {
            each(token);
            tokens + 1
        });
        let (tokens, used, result) = self.fold(shown, 0, &mut each);
        *input = shown.get(used..).unwrap_or_default();
        result.map(|_| tokens)
    }

    /// Folds the tokens until `each` breaks: then the result is `Complete`. Returns the number of bytes used too.
    #[inline(always)]
    pub(crate) fn fold<'a, B>(
        &mut self,
        input: &'a [u8],
        begin: B,
        each: &mut impl FoldTokens<'a, B>,
    ) -> (B, usize, Result<Status<()>, ProtocolError>) {
        let (folded, lex) = self.lexer.tokens(input, begin, each);
        let (offset, used) = (self.offset, self.lexer.rebase());
        self.offset += used as u64;
        let result = if let Ok(Lex::Whole(_)) = lex { Ok(Status::Complete(())) } else { self.judge(lex, offset) };
        (folded, used, result)
    }

    /// The result of a call that no token ended. Positions count from offset `begin`.
    #[inline(never)]
    fn judge(&mut self, lex: Result<Lex, ParseError>, begin: u64) -> Result<Status<()>, ProtocolError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let needed = match lex {
            Ok(Lex::Whole(_)) => return Ok(Status::Complete(())),
            Ok(Lex::Partial { more, .. } | Lex::Refused(more) | Lex::Mark(more)) => more,
            Ok(Lex::Nothing) => SMALLEST,
            Err(error) => {
                let error = error.error(begin);
                self.failed = Some(error);
                return Err(error);
            }
        };
        Ok(Status::Incomplete { needed: as_size(needed) })
    }
}

impl Lexeme {
    /// The token at these positions of `input`. It begins at index `at`.
    #[inline(always)]
    pub(crate) fn token(self, input: &[u8], at: usize) -> Token<'_> {
        match self.shape {
            Shape::Scalar(_) => {
                let raw = input.get(at..self.end).unwrap_or_default();
                Token::Scalar(Frame::new(raw, Element::of(Self { start: self.start - at, ..self }), &[]))
            }
            Shape::Begin(kind) => Token::Begin { kind, count: Some(self.extent) },
            Shape::Stream(kind) => Token::Begin { kind, count: None },
            Shape::Chunk => Token::Chunk(input.get(self.start..self.start + self.extent).unwrap_or_default()),
            Shape::End => Token::End,
        }
    }
}

/// Takes the first token.
struct First;

impl FoldTokens<'_, Lexeme> for First {
    #[inline(always)]
    fn token(&mut self, _folded: Lexeme, _bytes: &[u8], lexeme: Lexeme, _depth: usize) -> ControlFlow<Lexeme, Lexeme> {
        ControlFlow::Break(lexeme)
    }
}

/// Passes all tokens to a closure.
struct Each<F>(F);

impl<'a, B, F: FnMut(B, Token<'a>) -> B> FoldTokens<'a, B> for Each<F> {
    #[inline(always)]
    fn token(&mut self, folded: B, bytes: &'a [u8], lexeme: Lexeme, _depth: usize) -> ControlFlow<B, B> {
        ControlFlow::Continue((self.0)(folded, lexeme.token(bytes, 0)))
    }
}

impl Default for TokenParser {
    fn default() -> Self {
        Self::new()
    }
}

/// A [`Frame`] and everything in it, depth first.
///
/// ```
/// use redtail::resp::{FrameParser, Kind, Status, Token};
///
/// let (mut parser, mut input) = (FrameParser::new(), b"*2\r\n:7\r\n~0\r\n" as &[u8]);
/// let Status::Complete(frame) = parser.next(&mut input)? else { panic!() };
/// let mut tokens = frame.tokens();
/// assert_eq!(tokens.next(), Some(Token::Begin { kind: Kind::Array, count: Some(2) }));
/// assert!(matches!(tokens.next(), Some(Token::Scalar(number)) if number.as_i64() == Some(7)));
/// assert_eq!(tokens.next(), Some(Token::Begin { kind: Kind::Set, count: Some(0) }));
/// assert_eq!((tokens.next(), tokens.next(), tokens.next()), (Some(Token::End), Some(Token::End), None));
/// # Ok::<(), redtail::ProtocolError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Tokens<'a> {
    /// The bytes of the frame; with a parser, those not read yet.
    bytes: &'a [u8],
    /// The tokens not delivered yet, and the index of the first one.
    tape: slice::Iter<'a, Element>,
    at: usize,
    /// Reads a frame that is not on a tape.
    parser: Option<TokenParser>,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    #[inline]
    fn next(&mut self) -> Option<Token<'a>> {
        if let Some(parser) = &mut self.parser {
            return Self::read(parser, &mut self.bytes);
        }
        let lexeme = self.tape.next()?.lexeme();
        let token = lexeme.token(self.bytes, self.at);
        self.at = lexeme.end;
        Some(token)
    }

    /// All tokens in one loop. `for_each`, `sum` and similar methods use `fold`.
    #[inline]
    fn fold<B, F: FnMut(B, Token<'a>) -> B>(self, begin: B, mut each: F) -> B {
        let bytes = self.bytes;
        if let Some(mut parser) = self.parser {
            return parser.fold(bytes, begin, &mut Each(each)).0;
        }
        let each = |(at, folded), element: &Element| {
            let lexeme = element.lexeme();
            (lexeme.end, each(folded, lexeme.token(bytes, at)))
        };
        self.tape.fold((self.at, begin), each).1
    }
}

impl<'a> Tokens<'a> {
    #[inline(never)]
    fn read(parser: &mut TokenParser, unread: &mut &'a [u8]) -> Option<Token<'a>> {
        if unread.is_empty() && parser.is_between_frames() {
            return None;
        }
        match parser.next(unread) {
            Ok(Status::Complete(token)) => Some(token),
            // The walk of a frame built over other bytes than its own ends early.
            _ => None,
        }
    }
}

impl FusedIterator for Tokens<'_> {}

impl<'a> Frame<'a> {
    /// The frame and everything in it, depth first.
    ///
    /// The parser records up to 128 tokens of a frame: their bytes are not read again. The tokens of a longer frame,
    /// and of an element from [`items`](Self::items), are read again; a [`TokenParser`] reads any frame once.
    #[must_use]
    #[inline]
    pub fn tokens(&self) -> Tokens<'a> {
        let parser = self.tape.is_empty().then(TokenParser::trusted);
        Tokens { bytes: self.raw(), tape: self.tape.iter(), at: 0, parser }
    }
}
