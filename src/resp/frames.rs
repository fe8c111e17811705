//! The parser of frames: all replies and pushes of a server.

use crate::base::error::ProtocolError;
use crate::base::limits::{LAST_OFFSET, Limits, TAPE_LENGTH};
use crate::base::status::Status;
use crate::resp::frame::Frame;
use crate::resp::lexeme::Element;
use crate::resp::lexer::{Lex, Lexer};
use crate::resp::number::as_size;
use crate::resp::poll::Poll;

/// The most tokens of a frame that the parser records, in 12 bytes each.
const MOST_TOKENS: usize = 2 * TAPE_LENGTH;

/// Finds the frames in the bytes that a server sends, in RESP2 and RESP3.
///
/// Attributes (`|`) belong to the frame after them. Pushes (`>`) are frames of their own between replies, and elements
/// where a server writes them inside an array (SUBSCRIBE in a transaction of RESP3).
///
/// A frame is delivered once it is whole. To visit its elements as they arrive, use a
/// [`TokenParser`](super::TokenParser).
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
    lexer: Lexer,
    failed: Option<ProtocolError>,
    /// The offset of the first byte of the next input.
    offset: u64,
    /// An index in the frame, and the least number of bytes that the levels around the innermost one need there.
    outside: (usize, u64),
    /// Within a payload: an input shorter than the first number ends in the payload too, and the second number is the
    /// least length of the frame. Bytes that arrive one by one are then not read.
    payload: (usize, u64),
    /// The first token of the frame after its attributes.
    root: Element,
    /// The first tokens of the frame, and the number of all.
    tape: [Element; MOST_TOKENS],
    tokens: usize,
    /// The length of the last whole frame; 0 within a frame.
    length: usize,
}

impl FrameParser {
    /// A parser with [`Limits::DEFAULT`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            lexer: Lexer::new(Limits::DEFAULT, None),
            failed: None,
            offset: 0,
            outside: (0, 0),
            payload: (0, 0),
            root: Element::NULL,
            tape: [Element::NULL; MOST_TOKENS],
            tokens: 0,
            length: 0,
        }
    }

    /// Sets the limits. Call it before the first byte.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { lexer: Lexer::new(limits, None), ..self }
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

    /// The next frame. Moves `input` past it. The frame borrows from `input`, and from the parser until the next call.
    ///
    /// [`Status::Incomplete`] says how many further bytes are needed at least.
    ///
    /// # Errors
    /// A [`ProtocolError`] if the bytes are not a frame or exceed a limit.
    pub fn next<'p, 'a: 'p>(&'p mut self, input: &mut &'a [u8]) -> Result<Status<Frame<'p>>, ProtocolError> {
        let shown = *input;
        Ok(match self.poll(shown)? {
            Poll::Complete { length, .. } => {
                *input = shown.get(length..).unwrap_or_default();
                Status::Complete(self.frame(shown))
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
        self.poll_inline(input)
    }

    /// The same, compiled into its caller.
    #[inline(always)]
    pub(crate) fn poll_inline(&mut self, input: &[u8]) -> Result<Poll, ProtocolError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if input.len() < self.payload.0 {
            return Ok(Poll::Incomplete { skipped: 0, needed: as_size(self.payload.1 - input.len() as u64) });
        }
        self.payload = (0, 0);
        if self.length > 0 {
            (self.length, self.tokens) = (0, 0);
        }
        let (tokens, lex) = self.lexer.frame(input, self.tokens, &mut self.tape, &mut self.root);
        self.tokens = tokens;
        let needed = match lex {
            Ok(Lex::Whole(frame)) => {
                self.length = frame.end;
                self.offset += frame.end as u64;
                self.outside = (0, 0);
                return Ok(Poll::Complete { skipped: 0, length: frame.end });
            }
            Ok(Lex::Partial { more, follows }) => {
                let needed = more + follows + self.lexer.stack.after_element() + self.outside();
                if self.lexer.is_in_payload() {
                    // The last byte that is missing is the LF, the byte before it the CR, which is checked on arrival.
                    self.payload = (input.len().saturating_add(as_size(more - 1)), input.len() as u64 + needed);
                }
                needed
            }
            Ok(Lex::Refused(more)) => more,
            Ok(Lex::Nothing) => self.lexer.stack.least() + self.outside(),
            Ok(Lex::Mark(more)) => more + self.outside(),
            Err(error) => {
                let error = error.error(self.offset);
                self.failed = Some(error);
                return Err(error);
            }
        };
        Ok(Poll::Incomplete { skipped: 0, needed: as_size(needed) })
    }

    /// The least number of bytes after the innermost level, computed once for each element.
    fn outside(&mut self) -> u64 {
        if self.outside.0 != self.lexer.at {
            self.outside = (self.lexer.at, self.lexer.stack.outside());
        }
        self.outside.1
    }

    /// Second step: the frame that the last [`poll`](Self::poll) found. `input` must be the same bytes.
    #[must_use]
    pub fn frame<'a>(&'a self, input: &'a [u8]) -> Frame<'a> {
        Frame::new(input.get(..self.length).unwrap_or(input), self.root, self.tape())
    }

    /// The tokens of the frame that the last [`poll`](Self::poll) found. None if they are too many for the tape.
    #[inline]
    pub(crate) fn tape(&self) -> &[Element] {
        self.tape.get(..self.tokens).unwrap_or_default()
    }
}

impl Default for FrameParser {
    fn default() -> Self {
        Self::new()
    }
}
