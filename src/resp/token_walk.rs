//! The walk through a frame: one token after another, in bytes that a parser has validated.

use core::iter::FusedIterator;

use crate::resp::element::{Element, element};
use crate::resp::frame::Frame;
use crate::resp::kind::Kind;
use crate::resp::stack::DepthStack;

/// A step of a [`Tokens`] walk. Every `Begin` has its `End`, whether it is counted or streamed. The enum is closed, as
/// [`Kind`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// A frame without elements.
    Scalar(Frame<'a>),
    /// The elements of an array, map, set or push follow, or the pairs of an attribute, or the chunks of a streamed
    /// string.
    Begin {
        /// The type of the aggregate or string.
        kind: Kind,
        /// The number of elements; a pair counts as two. `None` if the aggregate is streamed.
        count: Option<usize>,
    },
    /// A chunk of a streamed string.
    Chunk(&'a [u8]),
    /// The innermost open aggregate or string ends.
    End,
}

/// A [`Frame`] and everything in it, depth first.
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
    stack: DepthStack,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.stack.next(&mut self.rest)
    }
}

impl FusedIterator for Tokens<'_> {}

impl<'a> Frame<'a> {
    /// The frame and everything in it, depth first, in one pass.
    #[must_use]
    pub fn tokens(&self) -> Tokens<'a> {
        Tokens { rest: self.raw(), stack: DepthStack::new() }
    }
}

impl DepthStack {
    /// The next step of a walk. `rest` is the part of a frame that the walk has not read; the step moves it.
    pub(crate) fn next<'a>(&mut self, rest: &mut &'a [u8]) -> Option<Token<'a>> {
        if self.last().is_empty() {
            return self.depth().checked_sub(1).map(|_| {
                self.close();
                Token::End
            });
        }
        let before = *rest;
        let element = element(before);
        *rest = element.as_ref().map_or(&[], Element::rest);
        Some(match element? {
            scalar @ Element::Scalar { rest, .. } => {
                self.count();
                Token::Scalar(Frame::of(before.get(..before.len() - rest.len())?, scalar))
            }
            Element::Open { kind, count, .. } => {
                self.enter(kind, count);
                Token::Begin { kind, count: count.map(|count| count as usize) }
            }
            Element::Chunk { payload, .. } => Token::Chunk(payload),
            Element::Close { .. } => {
                self.close();
                Token::End
            }
        })
    }
}
