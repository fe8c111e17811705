//! A frame, borrowed from the input.

use core::fmt;
use core::iter::FusedIterator;

use crate::resp::fast_lexeme::fast_lexeme;
use crate::resp::kind::Kind;
use crate::resp::lexeme::{Element, Lexeme, Shape};
use crate::resp::lexer::{Lex, Lexer};
use crate::resp::number::{double_value, integer_value};
use crate::resp::quoted::Quoted;

/// A whole frame that a [`FrameParser`](super::FrameParser) has validated.
///
/// It borrows its bytes from the input, and the positions of its tokens from the parser. An accessor returns `None` if
/// it does not fit the [`kind`](Self::kind). [`Display`](fmt::Display) prints the frame as redis-cli prints a reply.
///
/// ```
/// use redtail::{FrameParser, Status};
///
/// let (mut parser, mut input) = (FrameParser::new(), b"*2\r\n:7\r\n%1\r\n$1\r\nk\r\n,1.5\r\n" as &[u8]);
/// let Status::Complete(frame) = parser.next(&mut input)? else { panic!() };
/// let mut items = frame.items();
/// assert_eq!(items.next().unwrap().as_i64(), Some(7));
/// let (key, value) = items.next().unwrap().pairs().next().unwrap();
/// assert_eq!((key.as_str(), value.as_f64()), (Some("k"), Some(1.5)));
/// # Ok::<(), redtail::ProtocolError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    /// The bytes, including attributes before the frame.
    raw: &'a [u8],
    /// The token of the frame itself, after its attributes.
    root: Element,
    /// All tokens of the frame. Empty if the parser did not record them.
    pub(super) tape: &'a [Element],
}

impl<'a> Frame<'a> {
    /// The frame with the bytes `raw`. The elements have positions in them.
    #[inline(always)]
    pub(super) const fn new(raw: &'a [u8], root: Element, tape: &'a [Element]) -> Self {
        Self { raw, root, tape }
    }

    /// The bytes of the frame, including the attributes before it.
    #[must_use]
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The type of the frame. Attributes before it are ignored.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.root.shape {
            Shape::Scalar(kind) | Shape::Begin(kind) | Shape::Stream(kind) => kind,
            Shape::Chunk | Shape::End => Kind::Null,
        }
    }

    /// The bytes of a simple string, error, bulk string, bulk error, verbatim string or big number. Of a verbatim
    /// string: the bytes after its format.
    ///
    /// `None` for a streamed string: use [`chunks`](Self::chunks).
    #[must_use]
    pub fn as_bytes(&self) -> Option<&'a [u8]> {
        match self.root.shape {
            Shape::Scalar(Kind::VerbatimString) => self.payload().get(4..),
            Shape::Scalar(Kind::SimpleString | Kind::Error | Kind::BulkString | Kind::BulkError | Kind::BigNumber) => {
                Some(self.payload())
            }
            _ => None,
        }
    }

    /// As [`as_bytes`](Self::as_bytes), if the bytes are UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&'a str> {
        core::str::from_utf8(self.as_bytes()?).ok()
    }

    /// The value of an integer.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        self.number(Kind::Integer).map(integer_value)
    }

    /// The value of a double. A payload of `nan`, as in `nan(0x1)`, is ignored.
    #[must_use]
    pub fn as_f64(&self) -> Option<f64> {
        double_value(self.number(Kind::Double)?)
    }

    /// The value of a boolean.
    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        self.number(Kind::Boolean).map(|text| text == b"t")
    }

    /// Whether the frame is a null of RESP2 or RESP3.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.kind() == Kind::Null
    }

    /// Whether the frame is an error or a bulk error.
    #[must_use]
    pub fn is_error(&self) -> bool {
        matches!(self.kind(), Kind::Error | Kind::BulkError)
    }

    /// The format (such as `txt`) and the text of a verbatim string.
    #[must_use]
    pub fn verbatim(&self) -> Option<(&'a [u8; 3], &'a [u8])> {
        let payload = self.payload();
        match self.root.shape {
            Shape::Scalar(Kind::VerbatimString) => Some((payload.first_chunk()?, payload.get(4..)?)),
            _ => None,
        }
    }

    /// The number of elements of an array, set or push, or of pairs of a map.
    ///
    /// `None` for any other frame, and for a streamed aggregate, whose length is unknown before its end.
    #[must_use]
    #[expect(
        clippy::len_without_is_empty,
        reason = "most frames have no length, so that they are neither empty nor not"
    )]
    pub fn len(&self) -> Option<usize> {
        match self.root.shape {
            Shape::Begin(kind) => Some(self.root.extent as usize / if kind.is_paired() { 2 } else { 1 }),
            _ => None,
        }
    }

    /// The elements of an array, set or push; the keys and values of a map in turn. Empty for any other frame.
    ///
    /// The elements are read again. For a deep tree use [`tokens`](Self::tokens).
    #[must_use]
    pub fn items(&self) -> Items<'a> {
        let rest = self.raw.get(self.root.start as usize..).unwrap_or_default();
        match self.root.shape {
            Shape::Begin(_) => Items { rest, left: Some(self.root.extent), attributes: false },
            Shape::Stream(kind) if kind != Kind::BulkString => Items { rest, left: None, attributes: false },
            _ => Items::NONE,
        }
    }

    /// The pairs of a map. Empty for any other frame.
    #[must_use]
    pub fn pairs(&self) -> Pairs<'a> {
        let items = self.items();
        match self.kind() {
            Kind::Map => Pairs { items },
            _ => Pairs { items: Items { left: Some(0), ..items } },
        }
    }

    /// The pairs of the attributes before the frame. `None` if the frame has no attributes.
    #[must_use]
    pub fn attributes(&self) -> Option<Pairs<'a>> {
        (self.raw.first() == Some(&b'|'))
            .then_some(Pairs { items: Items { rest: self.raw, left: Some(0), attributes: true } })
    }

    /// The chunks of a streamed bulk string. A bulk string that is not streamed is one chunk. Empty for any other
    /// frame.
    #[must_use]
    pub fn chunks(&self) -> Chunks<'a> {
        let rest = self.raw.get(self.root.start as usize..).unwrap_or_default();
        match self.root.shape {
            Shape::Stream(Kind::BulkString) => Chunks { rest, whole: None },
            Shape::Scalar(Kind::BulkString) => Chunks { rest: &[], whole: Some(self.payload()) },
            _ => Chunks { rest: &[], whole: None },
        }
    }

    /// The payload of a scalar of any kind.
    #[inline]
    pub(crate) fn payload(&self) -> &'a [u8] {
        let (start, length) = (self.root.start as usize, self.root.extent as usize);
        match self.root.shape {
            Shape::Scalar(_) => self.raw.get(start..).and_then(|rest| rest.get(..length)).unwrap_or_default(),
            _ => &[],
        }
    }

    fn number(&self, wanted: Kind) -> Option<&'a [u8]> {
        (self.root.shape == Shape::Scalar(wanted)).then(|| self.payload())
    }
}

/// Frames are equal if their bytes are.
impl PartialEq for Frame<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

impl Eq for Frame<'_> {}

impl fmt::Debug for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame").field("kind", &self.kind()).field("raw", &Quoted(self.raw)).finish()
    }
}

/// The elements of a [`Frame`], in order.
///
/// ```
/// use redtail::{FrameParser, Status};
///
/// let (mut parser, mut input) = (FrameParser::new(), b"*2\r\n:1\r\n:2\r\n" as &[u8]);
/// if let Status::Complete(frame) = parser.next(&mut input)? {
///     assert_eq!(frame.items().map(|item| item.to_string()).collect::<Vec<_>>(), ["(integer) 1", "(integer) 2"]);
/// }
/// # Ok::<(), redtail::ProtocolError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Items<'a> {
    rest: &'a [u8],
    /// The number of elements left; `None` until the end mark of a streamed aggregate.
    left: Option<u32>,
    /// `rest` begins with attributes, and the iterator returns their elements.
    attributes: bool,
}

impl<'a> Items<'a> {
    const NONE: Self = Self { rest: &[], left: Some(0), attributes: false };

    /// The frame at the front. Moves past it.
    fn frame(&mut self) -> Option<Frame<'a>> {
        let mut root = Element::NULL;
        let end = match fast_lexeme(self.rest, 0) {
            Some(scalar) => {
                root = Element::of(scalar);
                scalar.end
            }
            None => match Lexer::trusted().frame(self.rest, 0, &mut [], &mut root) {
                (_, Ok(Lex::Whole(last))) => last.end,
                _ => return None,
            },
        };
        let (raw, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        Some(Frame::new(raw, root, &[]))
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        while self.attributes
            && self.left == Some(0)
            && let Ok(Lex::Whole(Lexeme { shape: Shape::Begin(Kind::Attribute), extent, end, .. })) =
                Lexer::trusted().slow(self.rest)
        {
            *self = Items { rest: self.rest.get(end..)?, left: Some(extent as u32), attributes: true };
        }
        match &mut self.left {
            Some(0) => return None,
            Some(left) => *left -= 1,
            None if self.rest.first() == Some(&b'.') => {
                self.left = Some(0);
                return None;
            }
            None => {}
        }
        let frame = self.frame();
        if frame.is_none() {
            *self = Items::NONE;
        }
        frame
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self.left {
            Some(left) if !self.attributes => (left as usize, Some(left as usize)),
            _ => (0, None),
        }
    }
}

impl FusedIterator for Items<'_> {}

/// The pairs of a map or of attributes, in order.
///
/// ```
/// use redtail::resp::{FrameParser, Status};
///
/// let (mut parser, mut input) = (FrameParser::new(), b"%2\r\n+a\r\n:1\r\n+b\r\n:2\r\n" as &[u8]);
/// let Status::Complete(map) = parser.next(&mut input)? else { panic!() };
/// assert_eq!(map.pairs().filter_map(|(_, value)| value.as_i64()).sum::<i64>(), 3);
/// # Ok::<(), redtail::ProtocolError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Pairs<'a> {
    items: Items<'a>,
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (Frame<'a>, Frame<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.items.next()?, self.items.next()?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let (least, most) = self.items.size_hint();
        (least / 2, most.map(|most| most / 2))
    }
}

impl FusedIterator for Pairs<'_> {}

/// The chunks of a bulk string, in order.
///
/// ```
/// use redtail::resp::{FrameParser, Status};
///
/// let (mut parser, mut input) = (FrameParser::new(), b"$?\r\n;3\r\nhel\r\n;2\r\nlo\r\n;0\r\n" as &[u8]);
/// let Status::Complete(text) = parser.next(&mut input)? else { panic!() };
/// assert_eq!(text.chunks().collect::<Vec<_>>().concat(), b"hello");
/// # Ok::<(), redtail::ProtocolError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Chunks<'a> {
    rest: &'a [u8],
    whole: Option<&'a [u8]>,
}

impl<'a> Iterator for Chunks<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if let Some(whole) = self.whole.take() {
            return Some(whole);
        }
        let rest = core::mem::take(&mut self.rest);
        let Ok(Lex::Whole(Lexeme { shape: Shape::Chunk, start, extent, end })) = Lexer::in_string().slow(rest) else {
            return None;
        };
        self.rest = rest.get(end..)?;
        rest.get(start..start + extent)
    }
}

impl FusedIterator for Chunks<'_> {}
