//! Inline commands: arguments in one line, as a person types them into a raw connection.
//!
//! Arguments are divided as in Redis' `sdssplitargs`. Blanks separate them. `"…"` knows the escapes `\n \r \t \b \a \\
//! \" \xHH`, and `'…'` only `\'`. A closing quote ends its argument. A NUL byte ends the scan.

use core::fmt;
use core::iter::FusedIterator;

use crate::resp::quoted::Quoted;

/// An inline command. It has at least one argument, and its quotes are balanced.
///
/// ```
/// use redtail::resp::{Request, RequestParser, Status};
///
/// let mut input: &[u8] = b"SET k \"a\\x00b\"\r\n";
/// let mut parser = RequestParser::new();
/// let Status::Complete(Request::Inline(inline)) = parser.next(&mut input)? else { panic!() };
/// let args: Vec<Vec<u8>> = inline.args().map(|arg| arg.bytes().collect()).collect();
/// assert_eq!(args, [b"SET".to_vec(), b"k".to_vec(), b"a\0b".to_vec()]);
/// # Ok::<(), redtail::ProtocolError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Inline<'a> {
    raw: &'a [u8],
}

impl<'a> Inline<'a> {
    pub(super) fn new(raw: &'a [u8]) -> Self {
        Self { raw }
    }

    /// The bytes of the line, including its end.
    #[must_use]
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The arguments. The first is the name.
    #[must_use]
    pub fn args(&self) -> InlineArgs<'a> {
        InlineArgs { rest: self.raw }
    }
}

impl fmt::Debug for Inline<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Inline").field(&Quoted(self.raw)).finish()
    }
}

/// The arguments of an [`Inline`], in order.
///
/// ```
/// # use redtail::resp::Inline;
/// fn name<'a>(inline: &Inline<'a>) -> Option<&'a [u8]> {
///     inline.args().next()?.as_plain()
/// }
/// ```
#[derive(Debug, Clone)]
pub struct InlineArgs<'a> {
    pub(crate) rest: &'a [u8],
}

impl<'a> Iterator for InlineArgs<'a> {
    type Item = InlineArg<'a>;

    fn next(&mut self) -> Option<InlineArg<'a>> {
        let begin = self.rest.iter().position(|&byte| QuoteState::Blank.next(byte) != Ok(QuoteState::Blank))?;
        let word = self.rest.get(begin..)?;
        let mut scan = QuoteState::Blank;
        let mut end = word.len();
        for (at, &byte) in word.iter().enumerate() {
            scan = scan.next(byte).unwrap_or(QuoteState::Nul);
            if matches!(scan, QuoteState::Blank | QuoteState::Nul) {
                end = at;
                break;
            }
        }
        let ended = scan == QuoteState::Nul;
        self.rest = if ended { &[] } else { word.get(end..)? };
        (end > 0).then_some(InlineArg { raw: word.get(..end)? })
    }
}

impl FusedIterator for InlineArgs<'_> {}

/// An argument of an [`Inline`], in the form that the line has it: with quotes and escapes.
///
/// ```
/// # use redtail::resp::InlineArg;
/// fn is_quoted(arg: &InlineArg<'_>) -> bool {
///     arg.as_plain().is_none()
/// }
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct InlineArg<'a> {
    pub(crate) raw: &'a [u8],
}

impl<'a> InlineArg<'a> {
    /// The bytes of the argument in the line, including its quotes.
    #[must_use]
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The unescaped argument, if it can be borrowed. `None` for quotes inside the argument, and for a backslash inside
    /// quotes.
    #[must_use]
    pub fn as_plain(&self) -> Option<&'a [u8]> {
        let (inside, special): (_, &[u8]) = match *self.raw {
            [b'"', ref inside @ .., b'"'] => (inside, b"\\"),
            [b'\'', ref inside @ .., b'\''] => (inside, b"\\"),
            _ => (self.raw, b"\"'"),
        };
        (!inside.iter().any(|byte| special.contains(byte))).then_some(inside)
    }

    /// The unescaped bytes of the argument.
    #[must_use]
    pub fn bytes(&self) -> InlineBytes<'a> {
        InlineBytes { rest: self.raw, quote: None }
    }

    /// Writes the unescaped argument to the front of `buf` and returns its length in bytes.
    ///
    /// # Errors
    /// The length needed, if `buf` is shorter. `buf` then holds the beginning of the argument. A buffer as long as
    /// [`raw`](Self::raw) is always long enough.
    pub fn unescape_into(&self, buf: &mut [u8]) -> Result<usize, usize> {
        let mut length = 0;
        for byte in self.bytes() {
            if let Some(slot) = buf.get_mut(length) {
                *slot = byte;
            }
            length += 1;
        }
        if length > buf.len() { Err(length) } else { Ok(length) }
    }
}

impl fmt::Debug for InlineArg<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InlineArg").field(&Quoted(self.raw)).finish()
    }
}

/// The unescaped bytes of an [`InlineArg`].
///
/// ```
/// # use redtail::resp::InlineArg;
/// fn is(arg: &InlineArg<'_>, text: &[u8]) -> bool {
///     arg.bytes().eq(text.iter().copied())
/// }
/// ```
#[derive(Debug, Clone)]
pub struct InlineBytes<'a> {
    rest: &'a [u8],
    quote: Option<u8>,
}

impl Iterator for InlineBytes<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        loop {
            let (byte, used) = match (self.quote, self.rest) {
                (_, []) => return None,
                (None, &[quote @ (b'"' | b'\''), ..]) => {
                    self.quote = Some(quote);
                    (None, 1)
                }
                (Some(b'"'), &[b'\\', escaped, ref after @ ..]) => match (escaped, hex(after)) {
                    (b'x', Some(byte)) => (Some(byte), 4),
                    _ => (Some(unescape(escaped)), 2),
                },
                (Some(b'\''), &[b'\\', b'\'', ..]) => (Some(b'\''), 2),
                (Some(quote), &[byte, ..]) if byte == quote => return None,
                (_, &[byte, ..]) => (Some(byte), 1),
            };
            self.rest = self.rest.get(used..).unwrap_or_default();
            if byte.is_some() {
                return byte;
            }
        }
    }
}

impl FusedIterator for InlineBytes<'_> {}

fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

/// Two hexadecimal digits.
fn hex(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| (*digits.get(at)? as char).to_digit(16);
    Some((digit(0)? << 4 | digit(1)?) as u8)
}

/// The state of a scan over a line. The scan can stop after any byte and continue later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QuoteState {
    /// Between arguments.
    Blank,
    /// In an argument, outside quotes.
    Word,
    /// In double quotes.
    Double,
    /// In double quotes, after a backslash.
    DoubleEscape,
    /// In single quotes.
    Single,
    /// In single quotes, after a backslash.
    SingleEscape,
    /// After a closing quote.
    Closed,
    /// After a NUL byte: the rest of the line is ignored.
    Nul,
}

/// The byte does not fit the quotes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unbalanced;

impl QuoteState {
    /// The state after one more byte. The last byte of a line is its LF.
    pub(super) fn next(self, byte: u8) -> Result<Self, Unbalanced> {
        Ok(match (self, byte) {
            (Self::Nul, _) => Self::Nul,
            (Self::Blank | Self::Word | Self::Closed, 0) => Self::Nul,
            (_, 0 | b'\n') if self.is_quoted() => return Err(Unbalanced),
            // A vertical tab or form feed is a blank before an argument and after a quote, but does not end an
            // argument.
            (Self::Blank | Self::Closed, b' ' | b'\t'..=b'\r') => Self::Blank,
            (Self::Closed, _) => return Err(Unbalanced),
            (Self::Word, b' ' | b'\t' | b'\n' | b'\r') => Self::Blank,
            (Self::Blank | Self::Word, b'"') => Self::Double,
            (Self::Blank | Self::Word, b'\'') => Self::Single,
            (Self::Blank | Self::Word, _) => Self::Word,
            (Self::Double, b'\\') => Self::DoubleEscape,
            (Self::Double, b'"') => Self::Closed,
            (Self::Double | Self::DoubleEscape, _) => Self::Double,
            (Self::Single | Self::SingleEscape, b'\\') => Self::SingleEscape,
            (Self::Single, b'\'') => Self::Closed,
            (Self::Single | Self::SingleEscape, _) => Self::Single,
        })
    }

    fn is_quoted(self) -> bool {
        matches!(self, Self::Double | Self::DoubleEscape | Self::Single | Self::SingleEscape)
    }

    /// The least number of bytes up to the LF of a line with an argument. `words`: the line has one already.
    pub(super) fn owed(self, words: bool) -> usize {
        match self {
            Self::Double | Self::Single => 2,
            Self::DoubleEscape | Self::SingleEscape => 3,
            Self::Word | Self::Closed => 1,
            Self::Blank if words => 1,
            Self::Blank => 2,
            // This line can't have an argument any more; the next one may.
            Self::Nul => {
                if words {
                    1
                } else {
                    3
                }
            }
        }
    }
}
