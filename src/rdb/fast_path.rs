//! The short way: items that stand whole at the front of the input, as nearly all do, found without a step in between.
//!
//! It gives what the long way (`decoder.rs` and below it) would give, or nothing: then nothing has changed, and the long way
//! decides. So no fault is told here, and none is overlooked.

use crate::rdb::decoder::Decoder;
use crate::rdb::item::{Item, Role};
use crate::rdb::lzf::Place;
use crate::rdb::packed::Short;
use crate::rdb::primitives::{Ahead, Header};
use crate::rdb::state::{AfterPacked, Found, Stage, Upcoming};
use crate::rdb::type_table::{Column, Layout};
use crate::rdb::value::score;
use crate::rdb::{WHOLE_TEXT, type_table};

impl Decoder {
    /// Finds the next item. Gives the bytes it uses up too.
    #[inline(always)]
    pub(super) fn swift(&mut self, input: &[u8]) -> Option<(Found, usize)> {
        if self.text.is_some() {
            return None;
        }
        match self.stage {
            Stage::Packed(AfterPacked::KeyEnd | AfterPacked::Nodes(_)) => self.swift_element(input),
            Stage::Rows { left: left @ 1.., column } => self.swift_part(input, left, column),
            Stage::KeyEnd | Stage::Rows { left: 0, .. } => {
                self.stage = Stage::Opcode;
                Some((Found::Item(Item::KeyEnd), 0))
            }
            Stage::Opcode => self.swift_key(input),
            Stage::Value if self.key.layout == Layout::Text => {
                let found = self.swift_text(input, Role::Value)?;
                self.stage = Stage::KeyEnd;
                Some(found)
            }
            _ => None,
        }
    }

    #[inline(always)]
    fn swift_key(&mut self, input: &[u8]) -> Option<(Found, usize)> {
        let (expire_at_ms, at) = match *input {
            [252, a, b, c, d, e, f, g, h, ..] => (Some(i64::from_le_bytes([a, b, c, d, e, f, g, h])), 9),
            _ => (None, 0),
        };
        let number = *input.get(at)?;
        let (kind, layout) = type_table::layout(self.format.magic, number)?;
        let (start, end) = plain(input, at + 1)?;
        let before = if self.key.named { Upcoming::NONE } else { self.key };
        let expire_at_ms = expire_at_ms.or(before.expire_at_ms);
        self.key = Upcoming { number, kind, layout, expire_at_ms, named: true, ..before };
        self.stage = Stage::Value;
        Some((text(Role::KeyName, Place::Input(start, end), end - start), end))
    }

    /// A string, and the bytes it uses up.
    #[inline(always)]
    fn swift_text(&mut self, input: &[u8], role: Role) -> Option<(Found, usize)> {
        if input.first().is_some_and(|first| *first > 127) {
            return self.coded_text(input, role);
        }
        let (start, end) = plain(input, 0)?;
        Some((text(role, Place::Input(start, end), end - start), end))
    }

    /// The same for an integer or a compressed string.
    #[inline(never)]
    fn coded_text(&mut self, input: &[u8], role: Role) -> Option<(Found, usize)> {
        let mut ahead = Ahead { bytes: input, used: 0 };
        match ahead.header().ok()? {
            Header::Integer(value) => {
                self.digits.set(value);
                Some((text(role, Place::Number, self.digits.text().len()), ahead.used))
            }
            Header::Lzf { packed, length } if length <= WHOLE_TEXT as u64 => {
                let (packed, length) = (usize::try_from(packed).ok()?, length as usize);
                let end = self.flow.whole_lzf(input, ahead.used, packed, length)?;
                Some((text(role, Place::Window(0, length), length), end))
            }
            _ => None,
        }
    }

    /// A part of a row that is not packed.
    #[inline(always)]
    fn swift_part(&mut self, input: &[u8], left: u64, column: u8) -> Option<(Found, usize)> {
        let found = match *self.columns.get(usize::from(column))? {
            Column::Text(role) => self.swift_text(input, role)?,
            Column::BinaryScore => (Found::Item(Item::Score(f64::from_le_bytes(*input.first_chunk()?))), 8),
            _ => return None,
        };
        self.stage = self.next_part(left, column);
        Some(found)
    }

    /// An element of a packed value.
    #[inline(always)]
    fn swift_element(&mut self, input: &[u8]) -> Option<(Found, usize)> {
        let column = *self.columns.get(usize::from(self.column))?;
        let (bytes, place) = self.flow.at_hand(input);
        let (short, size) = self.walk.short(bytes)?;
        let found = match (column, short) {
            (Column::Text(role), Short::Text { head, length }) => text(role, place.part(head, head + length), length),
            (Column::Text(role), Short::Integer(value)) => {
                self.digits.set(value);
                text(role, Place::Number, self.digits.text().len())
            }
            (Column::PackedScore, Short::Text { head, length }) => {
                Found::Item(Item::Score(score(bytes.get(head..head + length)?).ok()?))
            }
            (Column::PackedScore, Short::Integer(value)) => Found::Item(Item::Score(value as f64)),
            _ => return None,
        };
        let used = self.flow.pass(size);
        self.walk.passed(size as u64);
        self.column = self.next_column(self.column);
        Some((found, used))
    }
}

#[inline(always)]
fn text(role: Role, place: Place, length: usize) -> Found {
    Found::Text { role, place, at: 0, length: length as u64 }
}

/// Where the bytes of a string lie that stands whole and as it is at this place, its length in one or two bytes.
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
