//! Templates: the lengths that the last command of the same shape had are compared at once instead of read one by one.
//!
//! A shape is what a command begins with: count line and length line of the name. A template changes no result: it only
//! tells the [tape](super::tape) where it would have come by itself. Take it out, and all is the same but slower.

use crate::resp::span::Span;
use crate::resp::swar::{fast_argument, fast_count};

/// A power of two. The usual commands have about a dozen shapes.
const TEMPLATES: usize = 16;

/// Length lines that are compared at once, that of the name apart.
const HEADERS: usize = 3;

/// Of commands with a template.
const MOST_ARGUMENTS: usize = 63;

/// Only the first bytes of a command are compared, so that one check of the length serves all of them. At the end of what has come a
/// shorter command goes without, so they are not many.
const WINDOW: usize = 128;

/// So often in a row, when looked at, an argument must have had the same length to be expected to.
const STREAK: u8 = 16;

/// Lengths are looked at each so many commands: the number varies, so as not to fall in step with the stream.
const REST: core::ops::Range<u8> = 29..37;

/// A new shape takes the place of another each time so many commands had no template. Where there are too many shapes, replacing
/// costs more than it brings.
const REPLACE_EVERY: u32 = 16;

#[derive(Debug, Clone)]
pub(super) struct Templates {
    all: [Template; TEMPLATES],
    /// Commands without a template since one was replaced; `None`: there are to be no templates.
    misses: Option<u32>,
    /// Commands until lengths are looked at again.
    rest: u8,
    last_rest: u8,
    /// Where the template of the last command is, and that of the next is to be expected.
    current: u8,
    expected: u8,
}

/// Where a command stands after what its template knows.
pub(super) struct TemplateMatch {
    pub(super) argc: usize,
    pub(super) index: usize,
    pub(super) at: usize,
    pub(super) slot: usize,
}

#[derive(Debug, Clone, Copy)]
struct Template {
    head: u64,
    /// The length that the argument after the known ones had last.
    length: u32,
    /// How often it has been the same.
    streak: u8,
    argc: u8,
    /// Arguments that are known: the name, and those of the headers.
    index: u8,
    /// Where the template of the command is that came after one of this shape.
    next: u8,
    /// End of the last of them.
    at: u32,
    /// What is compared, the first `checks` of them: the rest of the length line of the name, where eight bytes don't hold it, and the
    /// length lines after it.
    headers: [LengthLine; HEADERS],
    checks: u8,
    /// The name, and what the headers tell. Beyond `index` they mean nothing.
    spans: [Span; 1 + HEADERS],
}

/// CR LF, `$`, a length of up to three digits, CR LF.
#[derive(Debug, Clone, Copy)]
struct LengthLine {
    word: u64,
    /// Without the bytes after it.
    mask: u64,
    at: u64,
}

/// Every template is one of a shape from the start, but in the place of another shape, where it is found only if it is guessed.
const UNUSED_HEAD: u64 = u64::from_le_bytes(*b"*1\r\n$1\r\n");

impl Templates {
    /// `wanted`: otherwise there are none.
    pub(super) fn new(wanted: bool) -> Self {
        // The first guess goes to a place before any template was put there.
        let mut all = [if wanted { Template::of(UNUSED_HEAD, 1, 1) } else { Template::of_nothing() }; TEMPLATES];
        if let Some(own) = all.get_mut(slot(UNUSED_HEAD)).filter(|_| wanted) {
            *own = Template::of(UNUSED_HEAD + (1 << 40), 1, 2);
        }
        Self { all, misses: wanted.then_some(0), rest: REST.start, last_rest: REST.start, current: 0, expected: 0 }
    }

    /// What is known of the command that begins here. The spans of the known arguments are written.
    #[inline(always)]
    pub(super) fn find(&mut self, command: &[u8], spans: &mut [Span]) -> Option<TemplateMatch> {
        let window = command.first_chunk::<WINDOW>()?;
        let head = load(window, 0);
        // What comes after what repeats itself, and to guess it is faster than to look for it.
        let guess = usize::from(self.expected) % TEMPLATES;
        let template = self.all.get_mut(guess)?;
        let (slot, template) = if template.head == head {
            (guess, template)
        } else {
            let slot = self.find_other(head, window)?;
            (slot, self.all.get_mut(slot)?)
        };
        (self.current, self.expected) = (slot as u8, template.next);
        let mut differs = 0;
        for header in template.headers.iter().take(template.checks.into()) {
            differs |= header.differs(window);
        }
        if differs != 0 && !template.shrink(window) {
            return None;
        }
        *spans.first_chunk_mut()? = template.spans;
        let argc = template.argc as usize & MOST_ARGUMENTS;
        Some(TemplateMatch { argc, index: template.index as usize, at: template.at as usize, slot })
    }

    /// Where the template of a shape is that was not expected.
    #[inline(always)]
    fn find_other(&mut self, head: u64, window: &[u8; WINDOW]) -> Option<usize> {
        let slot = slot(head);
        let template = self.all.get_mut(slot)?;
        if template.head != head && !template.replace(head, window, &mut self.misses) {
            return None;
        }
        if let Some(last) = self.all.get_mut(usize::from(self.current)) {
            last.next = slot as u8;
        }
        Some(slot)
    }

    /// The command that began as the template in `slot` knows is whole.
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
        if template.streak == STREAK {
            template.grow(command, *next);
        }
    }
}

impl LengthLine {
    #[inline(always)]
    fn differs(&self, window: &[u8; WINDOW]) -> u64 {
        (load(window, self.at as u8) ^ self.word) & self.mask
    }

    /// Expects the `length` bytes that are at `at` now.
    fn of(window: &[u8; WINDOW], at: u32, length: u32) -> Option<Self> {
        let at = u8::try_from(at).ok().filter(|at| usize::from(*at) + 8 <= WINDOW)?;
        let mask = u64::MAX.checked_shr(64_u32.checked_sub(8 * length)?)?;
        Some(Self { word: load(window, at) & mask, mask, at: at.into() })
    }
}

impl Template {
    /// Of a head that holds the whole length line of the name.
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
            headers: [LengthLine { word: 0, mask: 0, at: 0 }; HEADERS],
            checks: 0,
            spans,
        }
    }

    /// Which no command fits: one byte can't be two.
    const fn of_nothing() -> Self {
        let mut template = Self::of(UNUSED_HEAD, 1, 1);
        template.headers[0] = LengthLine { word: 0, mask: 0xff, at: 0 };
        template.headers[1] = LengthLine { word: 1, mask: 0xff, at: 0 };
        template.checks = 2;
        template
    }

    /// Makes room for the shape of another command, if it has one and it is time. False: there is no template for it.
    #[cold]
    fn replace(&mut self, head: u64, window: &[u8; WINDOW], misses: &mut Option<u32>) -> bool {
        let Some(misses) = misses else { return false };
        *misses = misses.wrapping_add(1);
        if !misses.is_multiple_of(REPLACE_EVERY) {
            return false;
        }
        let Some(new) = Self::learnt(head, window) else { return false };
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

    /// Forgets the headers from the first one on that is not there. False: it is another shape.
    #[cold]
    fn shrink(&mut self, window: &[u8; WINDOW]) -> bool {
        let same = |header: &&LengthLine| header.differs(window) == 0;
        let good = self.headers.iter().take(self.checks.into()).take_while(same).count() as u8;
        let lost = self.checks - good;
        if lost >= self.index {
            return false;
        }
        self.checks -= lost;
        self.index -= lost;
        self.at = self.spans.get(usize::from(self.index) - 1).map_or(0, |span| span.start + span.length);
        self.streak = 0;
        true
    }

    /// The argument after the known ones, `next`, has had the same length so often that it is known too.
    #[cold]
    fn grow(&mut self, command: &[u8], next: Span) {
        self.streak = 0;
        let header = command
            .first_chunk::<WINDOW>()
            .and_then(|window| LengthLine::of(window, self.at, next.start.saturating_sub(self.at)));
        let places = (self.headers.get_mut(usize::from(self.checks)), self.spans.get_mut(usize::from(self.index)));
        if let (Some(header), (Some(place), Some(span))) = (header, places) {
            (*place, *span) = (header, next);
            self.checks += 1;
            self.index += 1;
            self.at = next.start + next.length;
        }
    }
}

/// So that the usual shapes get places of their own.
#[inline(always)]
fn slot(head: u64) -> usize {
    (head.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60) as usize
}

#[inline(always)]
fn load(window: &[u8; WINDOW], at: u8) -> u64 {
    window.get(usize::from(at)..).and_then(<[u8]>::first_chunk).map_or(0, |word| u64::from_le_bytes(*word))
}
