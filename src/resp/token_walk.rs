//! The walk through a frame: one token after another, in bytes that a parser has found valid.

use core::iter::FusedIterator;

use crate::resp::element::{Element, WalkStack, element};
use crate::resp::frame::Frame;
use crate::resp::kind::Kind;

/// A step of a [`Tokens`] walk. Every `Begin` has its `End`, counted or streamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// A frame without elements.
    Scalar(Frame<'a>),
    /// Elements follow: those of an array, map, set or push, the pairs of an attribute, or the chunks of a streamed string.
    Begin {
        /// What begins.
        kind: Kind,
        /// Number of elements, keys and values of a map counted each; `None` where it is streamed.
        count: Option<usize>,
    },
    /// A piece of a streamed string.
    Chunk(&'a [u8]),
    /// The last begun is at its end.
    End,
}

/// A [`Frame`] and all in it, depth first.
///
/// ```
/// use redtail::resp::{FrameParser, Kind, Status, Token};
///
/// let mut input: &[u8] = b"*2\r\n:7\r\n~0\r\n";
/// let Status::Complete(frame) = FrameParser::new().next(&mut input)? else { panic!() };
/// let mut tokens = frame.tokens();
/// assert_eq!(tokens.next(), Some(Token::Begin { kind: Kind::Array, count: Some(2) }));
/// assert!(matches!(tokens.next(), Some(Token::Scalar(number)) if number.as_i64() == Some(7)));
/// assert_eq!(tokens.next(), Some(Token::Begin { kind: Kind::Set, count: Some(0) }));
/// assert_eq!((tokens.next(), tokens.next(), tokens.next()), (Some(Token::End), Some(Token::End), None));
/// # Ok::<(), redtail::ProtocolError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Tokens<'a> {
    rest: &'a [u8],
    stack: WalkStack,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.stack.next(&mut self.rest)
    }
}

impl FusedIterator for Tokens<'_> {}

impl<'a> Frame<'a> {
    /// The frame and all in it, depth first, in one pass.
    #[must_use]
    pub fn tokens(&self) -> Tokens<'a> {
        Tokens { rest: self.raw(), stack: WalkStack::new() }
    }
}

impl WalkStack {
    /// The next step of a walk over `rest`, which began at a frame and is moved on.
    pub(crate) fn next<'a>(&mut self, rest: &mut &'a [u8]) -> Option<Token<'a>> {
        if self.close() {
            return Some(Token::End);
        }
        let before = *rest;
        let element = if self.is_done() { None } else { element(before) };
        *rest = element.as_ref().map_or(&[], Element::rest);
        Some(match element? {
            Element::Scalar { rest, .. } => {
                self.scalar();
                Token::Scalar(Frame::new(before.get(..before.len() - rest.len())?))
            }
            Element::Open { kind, count, .. } => {
                self.open(kind, count);
                Token::Begin { kind, count: count.map(|count| count as usize) }
            }
            Element::Chunk { payload, .. } => Token::Chunk(payload),
            Element::Close { .. } => {
                self.end();
                self.close();
                Token::End
            }
        })
    }
}
