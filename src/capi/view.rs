//! The last item of a parser in the form of the header, and the progress of the walks through it.

use std::ffi::c_int;
use std::ops::ControlFlow;

use crate::capi::basics::*;
use crate::capi::boundary::bytes;
use crate::capi::item::*;
use crate::resp::{ArgCursor, Element, FoldTokens, Frame, Inline, Kind, Lexeme, Part, Shape, TokenParser};

pub(super) struct View {
    pub(super) item: redtail_item,
    pub(super) token: redtail_token,
    /// The input of a command with arguments beyond the spans.
    pub(super) shown: redtail_slice,
    pub(super) rest: Rest,
    /// The positions of the first arguments of an inline command.
    pub(super) words: [redtail_span; REDTAIL_SPANS],
    walk: Walk,
}

/// The arguments that `redtail_parser_next_arg` delivers next.
pub(super) enum Rest {
    None,
    /// No complete item: the minimum number of missing bytes.
    Missing(usize),
    Command(ArgCursor),
    /// The rest of the inline command, a part of the input.
    Inline(redtail_slice),
}

/// The progress of the walk through the frame.
struct Walk {
    /// The bytes of the frame; none if the last item is not a frame.
    frame: redtail_slice,
    /// The number of tokens delivered, and of their bytes.
    index: usize,
    at: usize,
    /// The number of open aggregates and strings.
    depth: usize,
    /// Reads a frame whose tokens are not recorded.
    parser: Option<TokenParser>,
}

impl Walk {
    const fn of(frame: redtail_slice) -> Self {
        Self { frame, index: usize::MAX, at: 0, depth: 0, parser: None }
    }

    fn restart(&mut self, frame: redtail_slice) {
        (self.frame, self.index, self.at, self.depth, self.parser) = (frame, 0, 0, 0, None);
    }
}

impl View {
    pub(super) fn new() -> Self {
        let nothing = redtail_slice::NONE;
        Self {
            item: redtail_item {
                kind: 0,
                frame: 0,
                offset: 0,
                raw: nothing,
                spans: std::ptr::null(),
                argc: 0,
                index: 0,
                length: 0,
            },
            token: redtail_token::NOTHING,
            shown: nothing,
            rest: Rest::None,
            words: [redtail_span { start: 0, len: 0 }; REDTAIL_SPANS],
            walk: Walk::of(nothing),
        }
    }

    /// The minimum number of missing bytes.
    pub(super) const fn needed(&self) -> usize {
        if let Rest::Missing(needed) = self.rest { needed } else { 0 }
    }

    /// Removes the item.
    pub(super) fn nothing(&mut self) {
        self.rest = Rest::None;
        (self.walk.frame, self.walk.index) = (redtail_slice::NONE, usize::MAX);
    }

    /// Starts the walk again. False if the last item is not a frame.
    pub(super) fn rewind(&mut self) -> bool {
        let frame = self.walk.frame;
        if !frame.data.is_null() {
            self.walk.restart(frame);
        }
        !frame.data.is_null()
    }

    /// A command after another one: what they have in common stays.
    #[inline(always)]
    pub(super) fn next_command(&mut self, raw: &[u8], argc: usize, offset: u64) {
        let item = &mut self.item;
        item.offset = offset;
        item.raw = redtail_slice::of(raw);
        item.argc = argc;
    }

    /// `spans` are those of the first arguments.
    pub(super) fn command(&mut self, raw: &[u8], argc: usize, offset: u64, spans: *const redtail_span) {
        let item = &mut self.item;
        item.spans = spans;
        item.kind = REDTAIL_ITEM_COMMAND as c_int;
        item.frame = REDTAIL_KIND_NONE as c_int;
        item.offset = offset;
        item.raw = redtail_slice::of(raw);
        item.argc = argc;
        self.rest = Rest::None;
    }

    /// A part of a command, which used these bytes.
    pub(super) fn part(&mut self, part: Part<'_>, raw: &[u8], offset: u64) -> redtail_status {
        let (kind, argc, index, length) = match part {
            Part::Begin { argc } => (REDTAIL_ITEM_PART_BEGIN, argc, 0, 0),
            Part::Argument { index, length } => (REDTAIL_ITEM_PART_ARGUMENT, 0, index, length),
            Part::Piece(_) => (REDTAIL_ITEM_PART_PIECE, 0, 0, 0),
            Part::End => (REDTAIL_ITEM_PART_END, 0, 0, 0),
        };
        let frame = REDTAIL_KIND_NONE as c_int;
        let (raw, spans) = (redtail_slice::of(raw), std::ptr::null());
        self.item = redtail_item { kind: kind as c_int, frame, offset, raw, spans, argc, index, length };
        self.rest = Rest::None;
        REDTAIL_OK
    }

    /// `spans` points to [`words`](Self::words).
    pub(super) fn line(&mut self, line: Inline<'_>, offset: u64, spans: *const redtail_span) -> redtail_status {
        let mut words = line.args();
        let begin = line.raw().as_ptr().addr();
        for (span, word) in self.words.iter_mut().zip(words.by_ref()) {
            let start = (word.raw().as_ptr().addr() - begin) as u32;
            *span = redtail_span { start, len: word.raw().len() as u32 };
        }
        self.rest = Rest::Inline(redtail_slice::of(words.rest));
        self.item.kind = REDTAIL_ITEM_INLINE as c_int;
        self.item.offset = offset;
        self.item.frame = REDTAIL_KIND_NONE as c_int;
        self.item.raw = redtail_slice::of(line.raw());
        self.item.spans = spans;
        self.item.argc = line.args().count();
        if self.item.argc > REDTAIL_SPANS { REDTAIL_MORE_ARGS } else { REDTAIL_OK }
    }

    pub(super) fn frame(&mut self, frame: Frame<'_>, offset: u64) -> redtail_status {
        self.rest = Rest::None;
        self.walk.restart(redtail_slice::of(frame.raw()));
        self.item.kind = REDTAIL_ITEM_FRAME as c_int;
        self.item.offset = offset;
        self.item.frame = frame.kind() as c_int;
        self.item.raw = redtail_slice::of(frame.raw());
        self.item.spans = std::ptr::null();
        self.item.argc = 0;
        REDTAIL_OK
    }

    pub(super) fn incomplete(&mut self, needed: usize) -> redtail_status {
        self.nothing();
        self.rest = Rest::Missing(needed);
        REDTAIL_NEED_MORE
    }

    /// Whether the walk has delivered every token of the tape.
    #[inline(always)]
    pub(super) fn is_at_end(&self, tape: &[Element]) -> bool {
        self.walk.index == tape.len() && !tape.is_empty()
    }

    /// The next step of the walk through the last frame, if it is a value on its tape; its kind. It can't panic, and
    /// calls no function: [`redtail_token::complete`] is left to the caller.
    ///
    /// # Safety
    /// The bytes shown last have not changed.
    #[inline(always)]
    pub(super) unsafe fn recorded_value(&mut self, tape: &[Element]) -> Option<Kind> {
        let walk = &mut self.walk;
        let element = *tape.get(walk.index)?;
        let (kind, lexeme) = (element.value()?, element.lexeme());
        // SAFETY: the bytes of the frame shown last, which have not changed. Without one the index is beyond any tape.
        let frame = unsafe { std::slice::from_raw_parts(walk.frame.data.cast(), walk.frame.len) };
        // SAFETY: the memory of a token.
        unsafe { redtail_token::write_value(&raw mut self.token, kind, lexeme, frame, walk.at, walk.depth, 0) };
        (walk.index, walk.at) = (walk.index + 1, lexeme.end);
        Some(kind)
    }

    /// The next step of the walk. False after the last one, and if there is no frame.
    ///
    /// # Safety
    /// As [`recorded_value`](Self::recorded_value).
    pub(super) unsafe fn token(&mut self, tape: &[Element]) -> bool {
        if let Some(&element) = tape.get(self.walk.index) {
            // SAFETY: as promised. Without a frame the index is beyond any tape.
            unsafe { self.recorded_token(element) };
            return true;
        }
        // SAFETY: as promised.
        tape.is_empty() && unsafe { self.read_token() }
    }

    /// # Safety
    /// As [`recorded_value`](Self::recorded_value). There is a frame.
    unsafe fn recorded_token(&mut self, element: Element) {
        let (walk, lexeme) = (&mut self.walk, element.lexeme());
        // SAFETY: the bytes of the frame shown last, which have not changed.
        let frame = unsafe { std::slice::from_raw_parts(walk.frame.data.cast(), walk.frame.len) };
        // An end has the depth of its beginning.
        walk.depth = walk.depth.wrapping_sub(usize::from(lexeme.shape == Shape::End));
        // SAFETY: the memory of a token.
        unsafe { redtail_token::write(&raw mut self.token, lexeme, frame, walk.at, walk.depth) };
        walk.depth += usize::from(matches!(lexeme.shape, Shape::Begin(_) | Shape::Stream(_)));
        (walk.index, walk.at) = (walk.index + 1, lexeme.end);
    }

    /// The same for a frame without a tape: it has more tokens than the parser records. False if there is no frame.
    ///
    /// # Safety
    /// As [`recorded_value`](Self::recorded_value).
    unsafe fn read_token(&mut self) -> bool {
        // SAFETY: the bytes of the frame shown last, which have not changed.
        let frame = unsafe { bytes(self.walk.frame.data, self.walk.frame.len) };
        // Without a frame nothing is left of an earlier walk.
        let Some(frame) = frame.filter(|frame| !frame.is_empty()) else { return false };
        let parser = self.walk.parser.get_or_insert_with(TokenParser::trusted);
        let rest = frame.get(self.walk.at..).unwrap_or_default();
        if rest.is_empty() && parser.is_between_frames() {
            return false;
        }
        let token = &raw mut self.token;
        let (is_found, used, _) = parser.fold(rest, false, &mut First(token));
        self.walk.at += used;
        is_found
    }
}

/// Writes the first token.
struct First(*mut redtail_token);

impl<'a> FoldTokens<'a, bool> for First {
    #[inline(always)]
    fn token(&mut self, _: bool, bytes: &'a [u8], lexeme: Lexeme, depth: usize) -> ControlFlow<bool, bool> {
        // SAFETY: the memory of a token.
        unsafe { redtail_token::write(self.0, lexeme, bytes, 0, depth) };
        ControlFlow::Break(true)
    }
}
