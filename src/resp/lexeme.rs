//! The result of a step of the [lexer](super::lexer): positions in the input, which borrow nothing.

use crate::resp::kind::Kind;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lexeme {
    pub(super) shape: Shape,
    /// The index of the text, payload or first element.
    pub(super) start: usize,
    /// The length of the text or payload; the number of elements of a counted aggregate, where a pair counts as two.
    pub(super) extent: usize,
    /// The index after the element or its head.
    pub(super) end: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
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
    pub(super) const NULL: Self = Self::new(Shape::Scalar(Kind::Null), 0, 0, 0);

    #[inline(always)]
    pub(super) const fn new(shape: Shape, start: usize, extent: usize, end: usize) -> Self {
        Self { shape, start, extent, end }
    }

    pub(super) fn shifted(self, by: usize) -> Self {
        Self { start: self.start + by, end: self.end + by, ..self }
    }
}
