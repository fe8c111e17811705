//! A command, borrowed from the input and the parser.

use core::fmt;
use core::iter::FusedIterator;

use crate::resp::number;
use crate::resp::number::Length;
use crate::resp::quoted::Quoted;
use crate::resp::span::Span;

/// A whole command: an array of bulk strings. The first one is its name.
///
/// It borrows its bytes from the input, and the positions of the first [`TAPE_LENGTH`](crate::TAPE_LENGTH) arguments
/// from the parser. Its [`Display`](fmt::Display) prints the arguments quoted as redis-cli quotes them.
///
/// ```
/// use redtail::{CommandParser, Status};
///
/// let mut input: &[u8] = b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n";
/// if let Status::Complete(command) = CommandParser::stream().next(&mut input)? {
///     assert_eq!((command.name(), command.arg(1)), (&b"INCR"[..], Some(&b"n"[..])));
/// }
/// # Ok::<(), redtail::ProtocolError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Command<'a> {
    raw: &'a [u8],
    spans: &'a [Span],
    argc: usize,
}

impl<'a> Command<'a> {
    pub(crate) fn new(raw: &'a [u8], spans: &'a [Span], argc: usize) -> Self {
        Self { raw, spans: spans.get(..argc).unwrap_or(spans), argc }
    }

    /// The bytes of the command, from `*` to the last CR LF.
    #[must_use]
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The number of arguments, including the name: at least 1.
    #[must_use]
    pub fn argc(&self) -> usize {
        self.argc
    }

    /// Argument `index`; the name has index 0. `None` beyond the last argument.
    ///
    /// One of the first [`TAPE_LENGTH`](crate::TAPE_LENGTH) arguments is found at once, a later one by a walk. To read
    /// all arguments, use [`args`](Self::args).
    #[must_use]
    #[inline]
    pub fn arg(&self, index: usize) -> Option<&'a [u8]> {
        match self.spans.get(index) {
            Some(span) => span.of(self.raw),
            None => {
                let beyond = index.checked_sub(self.spans.len())?;
                self.args_from(self.spans.len()).nth(beyond)
            }
        }
    }

    /// The name as the client sent it, in any letter case.
    #[must_use]
    #[inline]
    pub fn name(&self) -> &'a [u8] {
        self.arg(0).unwrap_or_default()
    }

    /// Whether the command has this name. Letter case is ignored.
    #[must_use]
    #[inline]
    pub fn is(&self, name: &[u8]) -> bool {
        self.name().eq_ignore_ascii_case(name)
    }

    /// All arguments. The first is the name.
    #[must_use]
    #[inline]
    pub fn args(&self) -> Args<'a> {
        self.args_from(0)
    }

    #[inline]
    pub(crate) fn args_from(&self, index: usize) -> Args<'a> {
        self.args_at(ArgCursor { index, walked: None })
    }

    /// The spans of the first [`TAPE_LENGTH`](crate::TAPE_LENGTH) arguments in [`raw`](Self::raw).
    #[inline(always)]
    pub(crate) fn spans(&self) -> &'a [Span] {
        self.spans
    }

    /// The arguments from the position of `cursor`, which a walk over the same command has reached.
    #[inline]
    pub(crate) fn args_at(&self, cursor: ArgCursor) -> Args<'a> {
        Args { command: *self, cursor }
    }
}

impl fmt::Display for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, arg) in self.args().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            fmt::Display::fmt(&Quoted(arg), f)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.args().map(Quoted)).finish()
    }
}

/// Commands are equal if their bytes are equal.
impl PartialEq for Command<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

impl Eq for Command<'_> {}

impl<'a> IntoIterator for Command<'a> {
    type Item = &'a [u8];
    type IntoIter = Args<'a>;

    fn into_iter(self) -> Args<'a> {
        self.args()
    }
}

/// The arguments of a [`Command`], in order.
///
/// ```
/// use redtail::{CommandParser, Status};
///
/// let mut input: &[u8] = b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n";
/// if let Status::Complete(command) = CommandParser::stream().next(&mut input)? {
///     assert_eq!(command.args().collect::<Vec<_>>(), [&b"INCR"[..], b"n"]);
/// }
/// # Ok::<(), redtail::ProtocolError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Args<'a> {
    command: Command<'a>,
    pub(crate) cursor: ArgCursor,
}

/// The position of a walk over the arguments of a command. It borrows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct ArgCursor {
    index: usize,
    /// The end of the last argument that the walk found beyond the tape.
    walked: Option<usize>,
}

impl<'a> Iterator for Args<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        if self.cursor.index >= self.command.argc {
            return None;
        }
        let arg = match self.command.spans.get(self.cursor.index) {
            Some(span) => span.of(self.command.raw),
            None => self.walk(),
        };
        // For a command built over other bytes than its own, the walk ends early.
        self.cursor.index = if arg.is_some() { self.cursor.index + 1 } else { self.command.argc };
        arg
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.command.argc.saturating_sub(self.cursor.index);
        (left, Some(left))
    }

    /// The arguments on the tape in one loop. `for_each`, `sum` and similar methods use `fold`.
    #[inline(always)]
    fn fold<B, F: FnMut(B, &'a [u8]) -> B>(mut self, begin: B, mut each: F) -> B {
        let mut folded = begin;
        for span in self.command.spans().get(self.cursor.index..).unwrap_or_default() {
            let Some(arg) = span.of(self.command.raw) else { return folded };
            folded = each(folded, arg);
        }
        self.cursor.index = self.cursor.index.max(self.command.spans.len());
        for arg in self {
            folded = each(folded, arg);
        }
        folded
    }
}

impl<'a> Args<'a> {
    fn walk(&mut self) -> Option<&'a [u8]> {
        let raw = self.command.raw;
        let before = match self.cursor.walked {
            Some(end) => end,
            None => self.command.spans.last().map(|span| span.start as usize + span.length as usize)?,
        };
        // The CR LF of the previous argument, and `$`.
        let line = before.checked_add(3)?;
        let Ok(Length::Whole { value, end }) = number::length(raw.get(line..)?) else {
            return None;
        };
        let start = line.checked_add(end)?;
        let stop = start.checked_add(usize::try_from(value).ok()?)?;
        self.cursor.walked = Some(stop);
        raw.get(start..stop)
    }
}

impl ExactSizeIterator for Args<'_> {}
impl FusedIterator for Args<'_> {}
