//! Fast path for items that are fully buffered, as nearly all are.
//!
//! It finds the same item as the slow path (`decoder.rs` and the files that it uses), or nothing. If it finds nothing,
//! it has changed nothing, and the slow path decides. The fast path therefore reports no error and hides none.

use core::ops::ControlFlow;

use crate::rdb::decoder::Decoder;
use crate::rdb::item::{Item, Role, Text};
use crate::rdb::packed::Short;
use crate::rdb::primitives::{DecimalText, Peek, StringHeader};
use crate::rdb::sizes::WHOLE_TEXT;
use crate::rdb::state::{AfterPacked, DecoderState, FoundItem, UpcomingKey};
use crate::rdb::template_memory::TemplateMemory;
use crate::rdb::text_range::TextRange;
use crate::rdb::type_table;
use crate::rdb::type_table::{Column, Layout};
use crate::rdb::value::score;

impl<M: TemplateMemory> Decoder<M> {
    /// Finds the next item. Returns it with the number of bytes it uses up.
    #[inline(always)]
    pub(super) fn fast_item(&mut self, input: &[u8]) -> Option<(FoundItem, usize)> {
        if self.text.is_some() {
            return None;
        }
        match self.state {
            DecoderState::Packed(AfterPacked::KeyEnd | AfterPacked::Nodes(_)) => self.fast_element(input),
            DecoderState::Rows { left: left @ 1.., column } => self.fast_part(input, left, column),
            DecoderState::KeyEnd | DecoderState::Rows { left: 0, .. } => {
                self.state = DecoderState::Opcode;
                Some((FoundItem::Item(Item::KeyEnd), 0))
            }
            DecoderState::Opcode => self.fast_key(input),
            DecoderState::Value if self.key.layout == Layout::Text => {
                let found = self.fast_text(input, Role::Value)?;
                self.state = DecoderState::KeyEnd;
                Some(found)
            }
            _ => None,
        }
    }

    /// Passes the next elements of a value to `each`, as far as they are common. They are those of
    /// [`fast_item`](Self::fast_item); the state is read once. Moves `input` past them.
    #[inline(always)]
    pub(super) fn fast_run(
        &mut self,
        input: &mut &[u8],
        each: &mut impl FnMut(Item<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        match self.state {
            DecoderState::Packed(AfterPacked::KeyEnd | AfterPacked::Nodes(_)) => self.packed_run(input, each),
            DecoderState::Rows { left: left @ 1.., column } => self.row_run(input, left, column, each),
            _ => ControlFlow::Continue(()),
        }
    }

    #[inline(always)]
    fn row_run(
        &mut self,
        input: &mut &[u8],
        mut left: u64,
        mut column: u8,
        each: &mut impl FnMut(Item<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let mut flow = ControlFlow::Continue(());
        while left > 0 && flow.is_continue() {
            let shown = *input;
            let (end, item) = match self.columns.get(usize::from(column)) {
                Some(&Column::Text(role)) => {
                    let Some((start, end)) = plain(shown, 0) else { break };
                    (end, text_item(role, shown.get(start..end).unwrap_or_default()))
                }
                Some(Column::BinaryScore) => {
                    let Some(score) = shown.first_chunk() else { break };
                    (8, Item::Score(f64::from_le_bytes(*score)))
                }
                _ => break,
            };
            *input = shown.get(end..).unwrap_or_default();
            column = self.next_column(column);
            left -= u64::from(column == 0);
            flow = each(item);
        }
        self.state = DecoderState::Rows { left, column };
        flow
    }

    #[inline(always)]
    fn packed_run(&mut self, input: &mut &[u8], each: &mut impl FnMut(Item<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
        if let (&[Column::Text(role)], Some(width)) = (self.columns, self.walk.number_width()) {
            return self.number_run(input, role, width, each);
        }
        let (mut flow, mut column) = (ControlFlow::Continue(()), self.column);
        let (bytes, _) = self.window.buffered(input);
        let mut rest = bytes;
        while flow.is_continue()
            && let Some((short, size)) = self.walk.short(rest)
        {
            let item = match (self.columns.get(usize::from(column)), short) {
                (Some(&Column::Text(role)), Short::Text { head, length }) => {
                    text_item(role, rest.get(head..head + length).unwrap_or_default())
                }
                (Some(&Column::Text(role)), Short::Integer(value)) => {
                    self.decimal.set(value);
                    text_item(role, self.decimal.text())
                }
                (Some(Column::PackedScore), Short::Integer(value)) => Item::Score(value as f64),
                (Some(Column::PackedScore), Short::Text { head, length }) => {
                    let Some(score) = packed_score(rest.get(head..head + length)) else { break };
                    Item::Score(score)
                }
                _ => break,
            };
            rest = rest.get(size..).unwrap_or_default();
            self.walk.passed(size as u64);
            let next = column + 1;
            column = if usize::from(next) == self.columns.len() { 0 } else { next };
            flow = each(item);
        }
        self.column = column;
        let used = bytes.len() - rest.len();
        let used = self.window.pass(used);
        *input = input.get(used..).unwrap_or_default();
        flow
    }

    /// The same for the numbers of an intset, each of `width` bytes.
    #[inline(never)]
    fn number_run(
        &mut self,
        input: &mut &[u8],
        role: Role,
        width: usize,
        each: &mut impl FnMut(Item<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let (mut flow, mut count) = (ControlFlow::Continue(()), 0);
        let mut decimal = DecimalText::NONE;
        let (bytes, _) = self.window.buffered(input);
        for number in bytes.chunks_exact(width) {
            decimal.set(match *number {
                [a, b] => i16::from_le_bytes([a, b]).into(),
                [a, b, c, d] => i32::from_le_bytes([a, b, c, d]).into(),
                [a, b, c, d, e, f, g, h] => i64::from_le_bytes([a, b, c, d, e, f, g, h]),
                _ => break,
            });
            count += 1;
            flow = each(text_item(role, decimal.text()));
            if flow.is_break() {
                break;
            }
        }
        self.walk.passed_numbers(count as u64);
        let used = self.window.pass(count * width);
        *input = input.get(used..).unwrap_or_default();
        flow
    }

    #[inline(always)]
    fn fast_key(&mut self, input: &[u8]) -> Option<(FoundItem, usize)> {
        let (expire_at_ms, at) = match *input {
            [252, a, b, c, d, e, f, g, h, ..] => (Some(i64::from_le_bytes([a, b, c, d, e, f, g, h])), 9),
            _ => (None, 0),
        };
        let number = *input.get(at)?;
        let (kind, layout) = type_table::layout(self.format, number)?;
        let (start, end) = plain(input, at + 1)?;
        let before = if self.key.named { UpcomingKey::NONE } else { self.key };
        let expire_at_ms = expire_at_ms.or(before.expire_at_ms);
        self.key = UpcomingKey { number, kind, layout, expire_at_ms, named: true, ..before };
        self.state = DecoderState::Value;
        Some((text(Role::KeyName, TextRange::Input(start, end), end - start), end))
    }

    /// Finds a string. Returns it with the number of bytes it uses up.
    #[inline(always)]
    fn fast_text(&mut self, input: &[u8], role: Role) -> Option<(FoundItem, usize)> {
        if input.first().is_some_and(|first| *first > 127) {
            return self.coded_text(input, role);
        }
        let (start, end) = plain(input, 0)?;
        Some((text(role, TextRange::Input(start, end), end - start), end))
    }

    /// The same for an integer or a compressed string.
    #[inline(never)]
    fn coded_text(&mut self, input: &[u8], role: Role) -> Option<(FoundItem, usize)> {
        if let Some(0xc3) = input.first() {
            let (packed, at) = length(input, 1)?;
            let (length, at) = length(input, at)?;
            if packed == 0 || length == 0 || length > WHOLE_TEXT {
                return None;
            }
            let end = self.window.decompress_whole(input, at, packed, length)?;
            return Some((text(role, TextRange::Window(0, length), length), end));
        }
        let mut peek = Peek { bytes: input, used: 0 };
        let StringHeader::Integer(value) = peek.header().ok()? else { return None };
        self.decimal.set(value);
        Some((text(role, TextRange::Number, self.decimal.text().len()), peek.used))
    }

    /// Finds a column of a row that is not packed.
    #[inline(always)]
    fn fast_part(&mut self, input: &[u8], left: u64, column: u8) -> Option<(FoundItem, usize)> {
        let found = match *self.columns.get(usize::from(column))? {
            Column::Text(role) => self.fast_text(input, role)?,
            Column::Name => (self.fast_name()?, 0),
            Column::BinaryScore => (FoundItem::Item(Item::Score(f64::from_le_bytes(*input.first_chunk()?))), 8),
            _ => return None,
        };
        self.state = self.next_part(left, column);
        Some(found)
    }

    /// Finds the next name of a hash template.
    #[inline(always)]
    fn fast_name(&mut self) -> Option<FoundItem> {
        let (from, to, behind) = self.template_names.next(&self.templates)?;
        if to - from > WHOLE_TEXT {
            return None;
        }
        self.template_names.pass(behind);
        Some(text(Role::Field, TextRange::Templates(from, to), to - from))
    }

    /// Finds an element of a packed value.
    #[inline(always)]
    fn fast_element(&mut self, input: &[u8]) -> Option<(FoundItem, usize)> {
        let column = *self.columns.get(usize::from(self.column))?;
        if column == Column::Name {
            let found = self.fast_name()?;
            self.column = self.next_column(self.column);
            return Some((found, 0));
        }
        let (bytes, range) = self.window.buffered(input);
        let (short, size) = self.walk.short(bytes)?;
        let found = match (column, short) {
            (Column::Text(role), Short::Text { head, length }) => text(role, range.part(head, head + length), length),
            (Column::Text(role), Short::Integer(value)) => {
                self.decimal.set(value);
                text(role, TextRange::Number, self.decimal.text().len())
            }
            (Column::PackedScore, Short::Text { head, length }) => {
                FoundItem::Item(Item::Score(score(bytes.get(head..head + length)?).ok()?))
            }
            (Column::PackedScore, Short::Integer(value)) => FoundItem::Item(Item::Score(value as f64)),
            _ => return None,
        };
        let used = self.window.pass(size);
        self.walk.passed(size as u64);
        self.column = self.next_column(self.column);
        Some((found, used))
    }
}

#[inline(always)]
fn text_item(role: Role, bytes: &[u8]) -> Item<'_> {
    Item::Text(Text { role, bytes, at: 0, length: bytes.len() as u64 })
}

#[inline(always)]
fn text(role: Role, range: TextRange, length: usize) -> FoundItem {
    FoundItem::Text { role, range, at: 0, length: length as u64 }
}

/// The range of a plain, fully buffered string with a length of one or two bytes. `at` is the index of the length.
#[inline(always)]
fn plain(input: &[u8], at: usize) -> Option<(usize, usize)> {
    let (start, length) = match *input.get(at..)? {
        [length @ 0..=63, ..] => (at + 1, usize::from(length)),
        [high @ 64..=127, low, ..] => (at + 2, usize::from(high & 63) << 8 | usize::from(low)),
        _ => return None,
    };
    let end = start + length;
    (end <= input.len()).then_some((start, end))
}

/// A function of its own: its registers would slow the loop over other elements.
#[inline(never)]
fn packed_score(text: Option<&[u8]>) -> Option<f64> {
    score(text?).ok()
}

/// A length of one or two bytes, and the index after it.
#[inline(always)]
fn length(input: &[u8], at: usize) -> Option<(usize, usize)> {
    match *input.get(at..)? {
        [length @ 0..=63, ..] => Some((usize::from(length), at + 1)),
        [high @ 64..=127, low, ..] => Some((usize::from(high & 63) << 8 | usize::from(low), at + 2)),
        _ => None,
    }
}
