//! Frames from the inside: one element after another, in bytes a parser has already found valid.
//!
//! Nothing is validated twice here. Over other bytes the walk ends early.

use core::iter::FusedIterator;

use crate::base::limits::MAX_DEPTH;
use crate::resp::elements::line_length;
use crate::resp::frame::{Frame, Kind};

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
    nesting: Nesting,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(raw: &'a [u8]) -> Self {
        Self { rest: raw, nesting: Nesting::new() }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        self.nesting.next(&mut self.rest)
    }
}

impl FusedIterator for Tokens<'_> {}

/// What bytes begin with, and what follows it.
pub(super) enum Element<'a> {
    Scalar { kind: Kind, payload: &'a [u8], rest: &'a [u8] },
    Open { kind: Kind, count: Option<u32>, rest: &'a [u8] },
    Chunk { payload: &'a [u8], rest: &'a [u8] },
    Close { rest: &'a [u8] },
}

impl<'a> Element<'a> {
    fn rest(&self) -> &'a [u8] {
        match self {
            Self::Scalar { rest, .. } | Self::Open { rest, .. } | Self::Chunk { rest, .. } | Self::Close { rest } => {
                rest
            }
        }
    }
}

pub(super) fn element(bytes: &[u8]) -> Option<Element<'_>> {
    let (&byte, line) = bytes.split_first()?;
    let end = line_length(line)?;
    let (line, rest) = (line.get(..end)?, line.get(end + 2..)?);
    match byte {
        b'.' => return Some(Element::Close { rest }),
        b';' if line == b"0" => return Some(Element::Close { rest }),
        b';' => {
            let (payload, rest) = payload(line, rest)?;
            return Some(Element::Chunk { payload, rest });
        }
        _ => {}
    }
    let kind = Kind::of(byte)?;
    Some(match (kind, line) {
        (Kind::BulkString | Kind::Array, b"-1") => Element::Scalar { kind: Kind::Null, payload: &[], rest },
        (Kind::BulkString | Kind::Array | Kind::Map | Kind::Set, b"?") => Element::Open { kind, count: None, rest },
        (Kind::BulkString | Kind::BulkError | Kind::VerbatimString, _) => {
            let (payload, rest) = payload(line, rest)?;
            Element::Scalar { kind, payload, rest }
        }
        (Kind::Array | Kind::Map | Kind::Set | Kind::Push | Kind::Attribute, _) => {
            let elements = number(line)?.checked_mul(if kind.is_paired() { 2 } else { 1 })?;
            Element::Open { kind, count: Some(u32::try_from(elements).ok()?), rest }
        }
        _ => Element::Scalar { kind, payload: line, rest },
    })
}

/// What follows the first frame of `bytes` and its attributes.
pub(super) fn skip(bytes: &[u8]) -> Option<&[u8]> {
    match element(bytes)? {
        Element::Scalar { rest, .. }
        | Element::Open { kind: Kind::Array | Kind::Map | Kind::Set, count: Some(0), rest } => Some(rest),
        _ => walk(bytes, Nesting::is_done),
    }
}

/// What follows the attribute that `bytes` begin with.
pub(super) fn skip_attribute(bytes: &[u8]) -> Option<&[u8]> {
    walk(bytes, |nesting| nesting.depth == 0)
}

/// Walks over elements until `done`, which is asked after each.
fn walk(bytes: &[u8], done: impl Fn(&Nesting) -> bool) -> Option<&[u8]> {
    let mut nesting = Nesting::new();
    let mut rest = bytes;
    loop {
        let element = element(rest)?;
        rest = element.rest();
        match element {
            Element::Scalar { .. } => nesting.scalar(),
            Element::Open { kind, count, .. } => nesting.open(kind, count),
            Element::Chunk { .. } => {}
            Element::Close { .. } => nesting.end(),
        }
        while nesting.close() {}
        if done(&nesting) {
            return Some(rest);
        }
    }
}

/// How many elements are still to come at each level. Level 0 holds the frame itself.
///
/// It borrows nothing, so that a walk can be kept where a borrow can't.
#[derive(Debug, Clone)]
pub(crate) struct Nesting {
    left: [u32; MAX_DEPTH + 3],
    depth: usize,
}

/// Elements come until an end mark.
const STREAMED: u32 = u32::MAX;

impl Nesting {
    pub(crate) fn new() -> Self {
        let mut left = [0; MAX_DEPTH + 3];
        left[0] = 1;
        Self { left, depth: 0 }
    }

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

    /// How many aggregates are open.
    #[cfg(feature = "capi")]
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    fn scalar(&mut self) {
        if let Some(left) = self.left.get_mut(self.depth)
            && *left != STREAMED
        {
            *left = left.saturating_sub(1);
        }
    }

    fn open(&mut self, kind: Kind, count: Option<u32>) {
        // An attribute is no element: the one it belongs to is still to come.
        if kind != Kind::Attribute {
            self.scalar();
        }
        self.depth += 1;
        if let Some(left) = self.left.get_mut(self.depth) {
            *left = count.unwrap_or(STREAMED);
        }
    }

    /// The end mark of a streamed aggregate or string.
    fn end(&mut self) {
        if let Some(left) = self.left.get_mut(self.depth) {
            *left = 0;
        }
    }

    /// Leaves the innermost level if it has had its elements.
    fn close(&mut self) -> bool {
        let closes = self.depth > 0 && self.left.get(self.depth) == Some(&0);
        self.depth -= usize::from(closes);
        closes
    }

    fn is_done(&self) -> bool {
        self.depth == 0 && self.left[0] == 0
    }
}

fn payload<'a>(line: &[u8], rest: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let length = usize::try_from(number(line)?).ok()?;
    let (payload, rest) = rest.split_at_checked(length)?;
    Some((payload, rest.get(2..)?))
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0u64, |number, digit| {
        number.checked_mul(10)?.checked_add(u64::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?))
    })
}
