//! A whole command, borrowed.

use core::fmt;
use core::iter::FusedIterator;

use crate::resp::number;
use crate::resp::number::Length;
use crate::resp::quoted::Quoted;
use crate::resp::tape::Span;

/// A whole command: an array of bulk strings, of which the first is its name.
///
/// It borrows the bytes it was found in, and the places of the first [`TAPE_LENGTH`](crate::TAPE_LENGTH) arguments from the
/// parser. Its [`Display`](fmt::Display) is the arguments, quoted as redis-cli quotes them.
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

    /// The exact bytes, from `*` to the last CR LF.
    #[must_use]
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// Number of arguments, the name included: at least one.
    #[must_use]
    pub fn argc(&self) -> usize {
        self.argc
    }

    /// Argument `index`, where 0 is the name. One of the first [`TAPE_LENGTH`](crate::TAPE_LENGTH) is found at once, one
    /// beyond by walking: to see them all, use [`args`](Self::args).
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

    /// The name as it was sent.
    #[must_use]
    #[inline]
    pub fn name(&self) -> &'a [u8] {
        self.arg(0).unwrap_or_default()
    }

    /// The name is this one, in whatever case either is written.
    #[must_use]
    #[inline]
    pub fn is(&self, name: &[u8]) -> bool {
        self.name().eq_ignore_ascii_case(name)
    }

    /// All arguments, the name first.
    #[must_use]
    #[inline]
    pub fn args(&self) -> Args<'a> {
        self.args_from(0)
    }

    #[inline]
    fn args_from(&self, index: usize) -> Args<'a> {
        Args { command: *self, index, walked: None }
    }

    /// Where the first [`TAPE_LENGTH`](crate::TAPE_LENGTH) arguments lie in the bytes of the command.
    #[cfg(feature = "std")]
    #[inline(always)]
    pub(crate) fn spans(&self) -> &'a [Span] {
        self.spans
    }

    /// The arguments from a place on that a walk over the same command has reached.
    #[cfg(feature = "capi")]
    pub(crate) fn args_at(&self, place: Place) -> Args<'a> {
        Args { command: *self, index: place.index, walked: place.walked }
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

/// Commands are equal when their bytes are.
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
#[derive(Debug, Clone)]
pub struct Args<'a> {
    command: Command<'a>,
    index: usize,
    /// End of the last argument that lies beyond the tape.
    walked: Option<usize>,
}

impl<'a> Iterator for Args<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        if self.index >= self.command.argc {
            return None;
        }
        let arg = match self.command.spans.get(self.index) {
            Some(span) => span.of(self.command.raw),
            None => self.walk(),
        };
        // A command that was built over other bytes than it was found in ends early, at worst.
        self.index = if arg.is_some() { self.index + 1 } else { self.command.argc };
        arg
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.command.argc.saturating_sub(self.index);
        (left, Some(left))
    }

    /// Those on the tape in one loop: what `for_each`, `sum` and the like are made of.
    #[inline(always)]
    fn fold<B, F: FnMut(B, &'a [u8]) -> B>(mut self, begin: B, mut each: F) -> B {
        let mut folded = begin;
        for span in self.command.spans.get(self.index..).unwrap_or_default() {
            let Some(arg) = span.of(self.command.raw) else { return folded };
            folded = each(folded, arg);
        }
        self.index = self.index.max(self.command.spans.len());
        for arg in self {
            folded = each(folded, arg);
        }
        folded
    }
}

/// Where a walk over arguments stands, without the borrow.
#[cfg(feature = "capi")]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place {
    index: usize,
    walked: Option<usize>,
}

impl<'a> Args<'a> {
    #[cfg(feature = "capi")]
    pub(crate) fn place(&self) -> Place {
        Place { index: self.index, walked: self.walked }
    }

    fn walk(&mut self) -> Option<&'a [u8]> {
        let raw = self.command.raw;
        let before = match self.walked {
            Some(end) => end,
            None => self.command.spans.last().map(|span| span.start as usize + span.length as usize)?,
        };
        // CR LF and `$`
        let line = before.checked_add(3)?;
        let Ok(Length::Whole { value, end }) = number::length(raw.get(line..)?) else {
            return None;
        };
        let start = line.checked_add(end)?;
        let stop = start.checked_add(usize::try_from(value).ok()?)?;
        self.walked = Some(stop);
        raw.get(start..stop)
    }
}

impl ExactSizeIterator for Args<'_> {}
impl FusedIterator for Args<'_> {}
