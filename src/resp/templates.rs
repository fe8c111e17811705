//! Templates: the length lines of a command are compared at once with those of the last command of the same shape.
//!
//! The shape of a command is its first eight bytes: the count line and the length line of the name. A template changes
//! no result. It only tells the [tape](super::tape) a position that the tape would reach anyway, with more work.

use crate::resp::span::Span;
use crate::resp::swar::{fast_argument, fast_count};

/// A power of two. Common streams have about a dozen shapes.
const TEMPLATES: usize = 16;

/// The most length lines compared at once, without that of the name.
const HEADERS: usize = 3;

/// The most arguments of a command with a template.
const MOST_ARGUMENTS: usize = 63;

/// The length lines compared are within this number of bytes. A shorter input makes no template and shrinks none,
/// because its command may be cut.
const WINDOW: usize = 128;

/// An argument is expected to keep its length after this number of equal lengths in a row.
const STREAK: u8 = 16;

/// Lengths are checked once in this number of commands. The number varies, so that it does not fall in step with the
/// stream.
const REST: core::ops::Range<u8> = 29..37;

/// A new shape replaces another one at every sixteenth command without a template. With too many shapes, replacing
/// costs more than it saves.
const REPLACE_EVERY: u32 = 16;

#[derive(Debug, Clone)]
pub(super) struct Templates {
    all: [Template; TEMPLATES],
    /// Commands without a template since the last replacement; `None` turns templates off.
    misses: Option<u32>,
    /// Commands until the next check of a length.
    rest: u8,
    last_rest: u8,
    /// The slot of the last command's template, and the slot expected for the next command.
    current: u8,
    expected: u8,
}

/// The state of a command after the part that its template covers.
pub(super) struct TemplateMatch {
    pub(super) argc: usize,
    pub(super) index: usize,
    pub(super) at: usize,
    pub(super) slot: usize,
    /// The next length is expected to have two digits.
    pub(super) two_digits: bool,
}

#[derive(Debug, Clone, Copy)]
struct Template {
    head: u64,
    /// The last length of the argument after the known ones.
    length: u32,
    /// How often it was the same, and how often it had two digits, in a row.
    streak: u8,
    two_digits: u8,
    argc: u8,
    /// The number of known arguments: the name, and those of the length lines.
    index: u8,
    /// The slot of the template that followed this one.
    next: u8,
    /// The end of the last known argument.
    at: u32,
    /// The bytes to compare, the first `checks` of them: the rest of the name's length line, if it is longer than eight
    /// bytes, then the length lines after it.
    headers: [LengthLine; HEADERS],
    checks: u8,
    /// The spans of the name and of the arguments that the length lines give. Only the first `index` are valid.
    spans: [Span; 1 + HEADERS],
}

/// CR LF, `$`, a length of up to three digits, CR LF.
#[derive(Debug, Clone, Copy)]
struct LengthLine {
    word: u64,
    /// Excludes the bytes after the line.
    mask: u64,
    at: u64,
}

/// The head of templates that no shape has claimed. A template in a slot of another shape is found only by a guess.
const UNUSED_HEAD: u64 = u64::from_le_bytes(*b"*1\r\n$1\r\n");

impl Templates {
    /// `wanted` is false: no command has a template.
    pub(super) fn new(wanted: bool) -> Self {
        // The first guess reads slot 0 before any template was stored there.
        let mut all = [if wanted { Template::of(UNUSED_HEAD, 1, 1) } else { Template::of_nothing() }; TEMPLATES];
        if let Some(own) = all.get_mut(slot(UNUSED_HEAD)).filter(|_| wanted) {
            *own = Template::of(UNUSED_HEAD + (1 << 40), 1, 2);
        }
        Self { all, misses: wanted.then_some(0), rest: REST.start, last_rest: REST.start, current: 0, expected: 0 }
    }

    /// The template of the command at the front. Writes the spans of its known arguments.
    #[inline(always)]
    pub(super) fn find(&mut self, command: &[u8], spans: &mut [Span]) -> Option<TemplateMatch> {
        let head = u64::from_le_bytes(*command.first_chunk()?);
        // Streams repeat themselves. To guess the next template is faster than to search for it.
        let guess = usize::from(self.expected) % TEMPLATES;
        let template = self.all.get_mut(guess)?;
        let (slot, template) = if template.head == head {
            (guess, template)
        } else {
            let slot = self.find_other(head, command)?;
            (slot, self.all.get_mut(slot)?)
        };
        (self.current, self.expected) = (slot as u8, template.next);
        if !template.fits(command) && !template.shrink(command) {
            return None;
        }
        *spans.first_chunk_mut()? = template.spans;
        Some(template.found(slot))
    }

    /// The slot of a shape that was not expected.
    #[inline(always)]
    fn find_other(&mut self, head: u64, command: &[u8]) -> Option<usize> {
        let slot = slot(head);
        let template = self.all.get_mut(slot)?;
        if template.head != head && !(is_due(&mut self.misses) && template.replace(head, command)) {
            return None;
        }
        if let Some(last) = self.all.get_mut(usize::from(self.current)) {
            last.next = slot as u8;
        }
        Some(slot)
    }

    /// Learns from a whole command that began as the template in `slot`.
    #[inline(always)]
    pub(super) fn learn(&mut self, slot: usize, command: &[u8], spans: &[Span]) {
        self.rest = self.rest.wrapping_sub(1);
        if self.rest == 0 {
            self.observe(slot, command, spans);
        }
    }

    #[cold]
    #[inline(never)]
    fn observe(&mut self, slot: usize, command: &[u8], spans: &[Span]) {
        self.last_rest = if self.last_rest + 1 < REST.end { self.last_rest + 1 } else { REST.start };
        self.rest = self.last_rest;
        let Some(template) = self.all.get_mut(slot).filter(|template| template.index < template.argc) else { return };
        let Some(next) = spans.get(usize::from(template.index)) else { return };
        template.streak = if next.length == template.length { template.streak + 1 } else { 0 };
        template.length = next.length;
        template.two_digits = if matches!(next.length, 10..=99) { STREAK.min(template.two_digits + 1) } else { 0 };
        if template.streak == STREAK {
            template.grow(command, *next);
        }
    }
}

impl LengthLine {
    #[inline(always)]
    fn differs(&self, command: &[u8]) -> u64 {
        (load(command, self.at as u8) ^ self.word) & self.mask
    }

    /// Expects the `length` bytes that are at `at` now.
    fn of(command: &[u8], at: u32, length: u32) -> Option<Self> {
        let at = u8::try_from(at).ok().filter(|at| usize::from(*at) + 8 <= WINDOW.min(command.len()))?;
        let mask = u64::MAX.checked_shr(64_u32.checked_sub(8 * length)?)?;
        Some(Self { word: load(command, at) & mask, mask, at: at.into() })
    }
}

impl Template {
    /// A template for a head with the whole length line of the name.
    const fn of(head: u64, argc: u8, name: u32) -> Self {
        let mut spans = [Span { start: 0, length: 0 }; 1 + HEADERS];
        spans[0] = Span { start: 8, length: name };
        Self {
            head,
            argc,
            index: 1,
            next: 0,
            at: 8 + name,
            length: 0,
            streak: 0,
            two_digits: 0,
            headers: [LengthLine { word: 0, mask: 0, at: 0 }; HEADERS],
            checks: 0,
            spans,
        }
    }

    /// A template that fits no command: it expects one byte to have two values.
    const fn of_nothing() -> Self {
        let mut template = Self::of(UNUSED_HEAD, 1, 1);
        template.headers[0] = LengthLine { word: 0, mask: 0xff, at: 0 };
        template.headers[1] = LengthLine { word: 1, mask: 0xff, at: 0 };
        template.checks = 2;
        template
    }

    /// Replaces the template by one for the shape of another command. Returns false if the command gets no template.
    #[cold]
    fn replace(&mut self, head: u64, command: &[u8]) -> bool {
        let Some(new) = command.first_chunk().and_then(|window| Self::learnt(head, window)) else { return false };
        *self = new;
        true
    }

    fn learnt(head: u64, window: &[u8; WINDOW]) -> Option<Self> {
        let (argc, at) = fast_count(window)?;
        let (start, length) = fast_argument(window, at)?;
        let argc = u8::try_from(argc).ok().filter(|argc| usize::from(*argc) <= MOST_ARGUMENTS)?;
        let mut new = Self::of(head, argc, length as u32);
        new.spans[0].start = start as u32;
        new.at = (start + length) as u32;
        if start > 8 {
            new.headers[0] = LengthLine::of(window, 8, start as u32 - 8)?;
            new.checks = 1;
        }
        Some(new)
    }

    /// Whether the length lines are those of the command.
    #[inline(always)]
    fn fits(&self, command: &[u8]) -> bool {
        let mut differs = 0;
        for header in self.headers.iter().take(self.checks.into()) {
            differs |= header.differs(command);
        }
        differs == 0
    }

    #[inline(always)]
    fn found(&self, slot: usize) -> TemplateMatch {
        let argc = self.argc as usize & MOST_ARGUMENTS;
        TemplateMatch {
            argc,
            index: self.index as usize,
            at: self.at as usize,
            slot,
            two_digits: self.two_digits >= STREAK,
        }
    }

    /// Forgets the length lines from the first one that differs. Returns false if the shape is another one.
    #[cold]
    fn shrink(&mut self, command: &[u8]) -> bool {
        if command.len() < WINDOW {
            return false;
        }
        let same = |header: &&LengthLine| header.differs(command) == 0;
        let good = self.headers.iter().take(self.checks.into()).take_while(same).count() as u8;
        let lost = self.checks - good;
        if lost >= self.index {
            return false;
        }
        self.checks -= lost;
        self.index -= lost;
        self.at = self.spans.get(usize::from(self.index) - 1).map_or(0, |span| span.start + span.length);
        (self.streak, self.two_digits) = (0, 0);
        true
    }

    /// Adds the argument after the known ones, `next`, whose length has been constant.
    #[cold]
    fn grow(&mut self, command: &[u8], next: Span) {
        (self.streak, self.two_digits) = (0, 0);
        let header = LengthLine::of(command, self.at, next.start.saturating_sub(self.at));
        let slots = (self.headers.get_mut(usize::from(self.checks)), self.spans.get_mut(usize::from(self.index)));
        if let (Some(header), (Some(slot), Some(span))) = (header, slots) {
            (*slot, *span) = (header, next);
            self.checks += 1;
            self.index += 1;
            self.at = next.start + next.length;
        }
    }
}

/// A hash that gives the common shapes different slots.
#[inline(always)]
fn slot(head: u64) -> usize {
    (head.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60) as usize
}

/// Whether this miss replaces a template.
#[inline(always)]
fn is_due(misses: &mut Option<u32>) -> bool {
    let Some(misses) = misses else { return false };
    *misses = misses.wrapping_add(1);
    misses.is_multiple_of(REPLACE_EVERY)
}

#[inline(always)]
fn load(command: &[u8], at: u8) -> u64 {
    let at = usize::from(at);
    command.get(at..at + 8).and_then(<[u8]>::first_chunk).map_or(0, |word| u64::from_le_bytes(*word))
}
