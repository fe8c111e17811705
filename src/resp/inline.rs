//! Inline commands: a line of words, as a person types them into a raw connection.
//!
//! The words are those that Redis' `sdssplitargs` finds: blanks part them; `"…"` knows `\n \r \t \b \a \\ \" \xHH`, `'…'` only
//! `\'`; a closing quote ends its word; a NUL ends the scan.

use core::fmt;
use core::iter::FusedIterator;

use crate::resp::quoted::Quoted;

/// An inline command. It has at least one argument, and its quotes are known to be sound.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Inline<'a> {
    raw: &'a [u8],
}

impl<'a> Inline<'a> {
    pub(super) fn new(raw: &'a [u8]) -> Self {
        Self { raw }
    }

    /// The exact bytes of the line, its end included.
    #[must_use]
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The arguments, the name first.
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

/// An argument of an [`Inline`]: a word as it stands in the line, which may hold quotes and escapes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct InlineArg<'a> {
    pub(crate) raw: &'a [u8],
}

impl<'a> InlineArg<'a> {
    /// The word as it stands in the line, with its quotes.
    #[must_use]
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The argument itself, where it can be borrowed: where the word has no quotes, or stands in quotes as a whole and has no
    /// backslash.
    #[must_use]
    pub fn as_plain(&self) -> Option<&'a [u8]> {
        let (inside, special): (_, &[u8]) = match *self.raw {
            [b'"', ref inside @ .., b'"'] => (inside, b"\\"),
            [b'\'', ref inside @ .., b'\''] => (inside, b"\\"),
            _ => (self.raw, b"\"'"),
        };
        (!inside.iter().any(|byte| special.contains(byte))).then_some(inside)
    }

    /// The bytes of the argument, unescaped.
    #[must_use]
    pub fn bytes(&self) -> InlineBytes<'a> {
        InlineBytes { rest: self.raw, quote: None }
    }

    /// Writes the argument, unescaped, to the front of `buf` and tells its length.
    ///
    /// # Errors
    /// The length that is needed, if `buf` is shorter. What `buf` then holds is the beginning of the argument. A buffer as
    /// long as [`raw`](Self::raw) always suffices.
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

/// The bytes of an [`InlineArg`], unescaped.
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

/// Where a scan over a line stands. It can stop after any byte and go on later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QuoteState {
    /// Between words.
    Blank,
    /// In a word, outside quotes.
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
    /// After a NUL: nothing counts any more.
    Nul,
}

/// The byte does not fit the quotes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unbalanced;

impl QuoteState {
    /// One more byte of the line; the LF that ends it is the last.
    pub(super) fn next(self, byte: u8) -> Result<Self, Unbalanced> {
        Ok(match (self, byte) {
            (Self::Nul, _) => Self::Nul,
            (Self::Blank | Self::Word | Self::Closed, 0) => Self::Nul,
            (_, 0 | b'\n') if self.is_quoted() => return Err(Unbalanced),
            // A vertical tab or form feed is a blank before a word and after a quote, but does not end a word.
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

    /// The least number of bytes up to the LF of a line with a word.
    pub(super) fn owed(self, words: bool) -> usize {
        match self {
            Self::Double | Self::Single => 2,
            Self::DoubleEscape | Self::SingleEscape => 3,
            Self::Word | Self::Closed => 1,
            Self::Blank if words => 1,
            Self::Blank => 2,
            // This line can't have a word any more; the next may.
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
