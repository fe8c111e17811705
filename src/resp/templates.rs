//! Templates: the lengths that the last command of the same shape had are compared at once instead of read one by one.
//!
//! A shape is the first eight bytes of a command: count line and length line of the name. A template changes no result: it only
//! tells the [tape](super::tape) where it would have come by itself. Take it out, and all is the same but slower.

use super::tape::{Span, is_digits};

/// A power of two. The usual commands have about a dozen shapes.
const TEMPLATES: usize = 16;

/// Length lines that are compared at once, that of the name apart.
const HEADERS: usize = 3;

/// Only the first bytes of a command are compared, so that one check of the length serves all of them: as many as a byte can count,
/// and a load from there.
const WINDOW: usize = 256 + 7;

/// So often in a row, when looked at, an argument must have had the same length to be expected to.
const STREAK: u8 = 16;

/// Lengths are looked at each so many commands: the number varies, so as not to fall in step with the stream.
const REST: core::ops::Range<u8> = 4..8;

/// A new shape takes the place of another each time so many commands had no template. Where there are too many shapes, replacing
/// costs more than it brings.
const PATIENCE: u32 = 16;

#[derive(Debug, Clone)]
pub(super) struct Templates {
    all: [Template; TEMPLATES],
    /// Commands without a template since one was replaced; `None`: there are to be no templates.
    strangers: Option<u32>,
    /// Commands until lengths are looked at again.
    rest: u8,
    last_rest: u8,
    /// Where the template of the last command is, and that of the next is to be expected.
    current: u8,
    expected: u8,
}

/// Where a command stands after what its template knows.
pub(super) struct Start {
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
    headers: [Header; HEADERS],
    /// The name, and what the headers tell. Beyond `index` they mean nothing.
    spans: [Span; 1 + HEADERS],
}

/// CR LF, `$`, a length of up to three digits, CR LF.
#[derive(Debug, Clone, Copy)]
struct Header {
    word: u64,
    /// Without the bytes after it.
    mask: u64,
    at: u64,
}

/// Every template is one of a shape from the start, but in the place of another shape, where it is never found.
const NOBODY: u64 = u64::from_le_bytes(*b"*1\r\n$1\r\n");

impl Templates {
    /// `wanted`: otherwise there are none.
    pub(super) fn new(wanted: bool) -> Self {
        let mut all = [Template::of(NOBODY, 1, 1); TEMPLATES];
        if let Some(own) = all.get_mut(slot(NOBODY)) {
            *own = Template::of(NOBODY + (1 << 40), 1, 2);
        }
        Self { all, strangers: wanted.then_some(0), rest: REST.start, last_rest: REST.start, current: 0, expected: 0 }
    }

    /// What is known of the command that begins here. The spans of the known arguments are written.
    #[inline(always)]
    pub(super) fn start(&mut self, command: &[u8], spans: &mut [Span]) -> Option<Start> {
        let window = command.first_chunk::<WINDOW>()?;
        let head = load(window, 0);
        // What comes after what repeats itself, and to guess it is faster than to look for it.
        let mut slot = usize::from(self.expected) % TEMPLATES;
        if self.all.get(slot)?.head != head {
            slot = self.find(head)?;
        }
        let template = self.all.get_mut(slot)?;
        (self.current, self.expected) = (slot as u8, template.next);
        let mut differs = 0;
        for header in template.headers.iter().take(template.index as usize - 1) {
            differs |= (load(window, header.at as u8) ^ header.word) & header.mask;
        }
        if differs != 0 {
            template.shrink(window);
        }
        *spans.first_chunk_mut()? = template.spans;
        let argc = template.argc as usize % MOST_ARGUMENTS;
        Some(Start { argc, index: template.index as usize, at: template.at as usize, slot })
    }

    /// Where the template of a shape is that was not expected.
    #[inline(always)]
    fn find(&mut self, head: u64) -> Option<usize> {
        let slot = slot(head);
        let template = self.all.get_mut(slot)?;
        if template.head != head && !template.replace(head, &mut self.strangers) {
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
            self.look(slot, command, spans);
        }
    }

    #[cold]
    #[inline(never)]
    fn look(&mut self, slot: usize, command: &[u8], spans: &[Span]) {
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

impl Template {
    const fn of(head: u64, argc: u8, name: u8) -> Self {
        let mut spans = [Span { start: 0, length: 0 }; 1 + HEADERS];
        spans[0] = Span { start: 8, length: name as u32 };
        Self {
            head,
            argc,
            index: 1,
            next: 0,
            at: 8 + name as u32,
            length: 0,
            streak: 0,
            headers: [Header { word: 0, mask: 0, at: 0 }; HEADERS],
            spans,
        }
    }

    /// Makes room for the shape of another command, if it has one and it is time. False: there is no template for it.
    #[cold]
    fn replace(&mut self, head: u64, strangers: &mut Option<u32>) -> bool {
        let Some(strangers) = strangers else { return false };
        *strangers = strangers.wrapping_add(1);
        let left = head ^ u64::from_le_bytes(*b"*0\r\n$0\r\n");
        let (argc, name) = ((left >> 8) as u8, (left >> 40) as u8);
        if !strangers.is_multiple_of(PATIENCE)
            || !is_digits(left, 0x0000_7600_0000_7600, 0xffff_80ff_ffff_80ff)
            || argc == 0
        {
            return false;
        }
        *self = Self::of(head, argc, name);
        true
    }

    /// Forgets the headers from the first one on that is not there.
    #[cold]
    fn shrink(&mut self, window: &[u8; WINDOW]) {
        let good = |header: &&Header| (load(window, header.at as u8) ^ header.word) & header.mask == 0;
        let known = self.headers.iter().take(self.index as usize - 1).take_while(good).count();
        self.index = known as u8 + 1;
        self.at = self.spans.get(known).map_or(0, |span| span.start + span.length);
        self.streak = 0;
    }

    /// The argument after the known ones, `next`, has had the same length so often that it is known too.
    #[cold]
    fn grow(&mut self, command: &[u8], next: Span) {
        let index = self.index as usize;
        self.streak = 0;
        let (Some(header), Some(span)) = (self.headers.get_mut(index - 1), self.spans.get_mut(index)) else { return };
        let bytes = next.start.saturating_sub(self.at);
        let (Ok(at), Some(window)) = (u8::try_from(self.at), command.first_chunk::<WINDOW>()) else { return };
        if !matches!(bytes, 1..=8) {
            return;
        }
        let mask = u64::MAX >> (64 - 8 * bytes);
        *header = Header { word: load(window, at) & mask, mask, at: at.into() };
        *span = next;
        self.index += 1;
        self.at = next.start + next.length;
    }
}

/// One digit tells the number of arguments of a shape.
const MOST_ARGUMENTS: usize = 16;

/// So that the usual shapes get places of their own.
#[inline(always)]
fn slot(head: u64) -> usize {
    (head.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60) as usize
}

#[inline(always)]
fn load(window: &[u8; WINDOW], at: u8) -> u64 {
    window.get(usize::from(at)..).and_then(<[u8]>::first_chunk).map_or(0, |word| u64::from_le_bytes(*word))
}
