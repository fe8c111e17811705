//! Tokens as positions in the input, which borrow nothing: the results of the [lexer](super::lexer).

use crate::resp::kind::Kind;

/// A token as positions in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lexeme {
    pub(crate) shape: Shape,
    /// The index of the text, payload or first element.
    pub(crate) start: usize,
    /// The length of the text or payload; the number of elements of a counted aggregate, where a pair counts as two.
    pub(crate) extent: usize,
    /// The index after the element or its head.
    pub(crate) end: usize,
}

/// The form of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A whole element.
    Scalar(Kind),
    /// The head of a counted aggregate, or of a string that is delivered in pieces.
    Begin(Kind),
    /// The head of a streamed aggregate or string.
    Stream(Kind),
    /// A chunk, or a piece of a payload.
    Chunk,
    /// An end mark.
    End,
}

impl Lexeme {
    /// The end of an aggregate with a count. It has no bytes.
    pub(super) const END: Self = Self::new(Shape::End, 0, 0, 0);

    #[inline(always)]
    pub(super) const fn new(shape: Shape, start: usize, extent: usize, end: usize) -> Self {
        Self { shape, start, extent, end }
    }

    #[inline(always)]
    pub(super) fn shifted(self, by: usize) -> Self {
        Self { start: self.start + by, end: self.end + by, ..self }
    }
}

/// A token of a whole frame, in few bytes: positions in a frame have 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element {
    pub(super) shape: Shape,
    pub(super) start: u32,
    pub(super) extent: u32,
}

impl Element {
    pub(super) const NULL: Self = Self { shape: Shape::Scalar(Kind::Null), start: 0, extent: 0 };

    #[inline(always)]
    pub(super) fn of(lexeme: Lexeme) -> Self {
        Self { shape: lexeme.shape, start: lexeme.start as u32, extent: lexeme.extent as u32 }
    }

    /// The kind, if the token is a value, as nearly all are.
    #[inline(always)]
    pub(crate) fn value(self) -> Option<Kind> {
        if let Shape::Scalar(kind) = self.shape { Some(kind) } else { None }
    }

    /// The same token. CR LF follows a text or payload.
    #[inline(always)]
    pub(crate) fn lexeme(self) -> Lexeme {
        let (start, extent) = (self.start as usize, self.extent as usize);
        if self.value().is_some() {
            return Lexeme::new(self.shape, start, extent, start + extent + 2);
        }
        let end = match self.shape {
            Shape::Scalar(_) | Shape::Chunk => start + extent + 2,
            Shape::Begin(_) | Shape::Stream(_) | Shape::End => start,
        };
        Lexeme::new(self.shape, start, extent, end)
    }
}
