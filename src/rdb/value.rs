//! The values that are made of rows, plain or packed.

use crate::rdb::decoder::Decoder;
use crate::rdb::error::RdbErrorKind;
use crate::rdb::item::{Item, Role};
use crate::rdb::lzf::Place;
use crate::rdb::packed::{Form, Parsed, Tail};
use crate::rdb::primitives::{Ahead, Cursor, Halt, Step, invalid};
use crate::rdb::state::{AfterPacked, Found, Pending, Stage};
use crate::rdb::type_table::{Column, Layout};
use crate::rdb::{WHOLE_TEXT, type_table};

/// An element of a packed string.
#[derive(Debug, Clone, Copy)]
pub(super) enum Element {
    Integer(i64),
    /// All of its bytes.
    Text {
        place: Place,
        length: u64,
    },
    /// Its bytes are yet to be taken.
    Long {
        length: u64,
    },
}

impl Decoder {
    /// What stands between a key's name and its elements.
    pub(super) fn value(&mut self, cursor: &mut Cursor<'_>, layout: Layout) -> Step<bool> {
        self.expiry = None;
        match layout {
            Layout::Text => self.string(cursor, Role::Value, Stage::KeyEnd),
            Layout::Rows(columns) => {
                let left = cursor.number(Ahead::length)?;
                self.columns = columns;
                self.to(Stage::Rows { left, column: 0 })
            }
            Layout::DatedRows(columns) => {
                let (earliest, left) = cursor.number(|ahead| Ok((ahead.i64()?, ahead.length()?)))?;
                self.earliest = earliest;
                self.columns = columns;
                self.to(Stage::Rows { left, column: 0 })
            }
            Layout::Packed(form, columns) => {
                self.columns = columns;
                self.open(cursor, form, AfterPacked::KeyEnd)
            }
            Layout::DatedPacked(form, columns) => {
                let mut ahead = cursor.ahead();
                self.earliest = ahead.i64()?;
                ahead.header()?;
                // The date and the header are used up together, so that nothing has to remember being between them.
                cursor.at += 8;
                self.columns = columns;
                self.open(cursor, form, AfterPacked::KeyEnd)
            }
            Layout::Nodes(_) | Layout::MarkedNodes => {
                let left = cursor.number(Ahead::length)?;
                self.columns = type_table::ELEMENT;
                self.marked = matches!(layout, Layout::MarkedNodes);
                self.to(Stage::Nodes { left })
            }
            Layout::Stream(generation) => {
                let left = cursor.number(Ahead::length)?;
                self.generation = generation;
                self.to(Stage::StreamNodes { left })
            }
            Layout::Module => self.to(Stage::Module),
            Layout::Array => {
                let (count, insert_at) = cursor.number(|ahead| {
                    let count = ahead.length()?;
                    let insert_at = match ahead.length()? {
                        0 => None,
                        1 => Some(ahead.length()?),
                        _ => return Err(invalid("array", "0 or 1, whether it has a place to insert at")),
                    };
                    Ok((count, insert_at))
                })?;
                self.columns = type_table::ARRAY;
                self.tell(Item::Array { count, insert_at }, Stage::Rows { left: count, column: 0 })
            }
            Layout::Rate => {
                let value = cursor.number(Ahead::length)?;
                self.tell(Item::Rate(value), Stage::KeyEnd)
            }
        }
    }

    /// A node of a list, of which so many are left.
    pub(super) fn list_node(&mut self, cursor: &mut Cursor<'_>, left: u64) -> Step<bool> {
        if left == 0 {
            return self.to(Stage::KeyEnd);
        }
        if !self.marked {
            return self.open(cursor, Form::Ziplist, AfterPacked::Nodes(left - 1));
        }
        let mut ahead = cursor.ahead();
        let container = ahead.length()?;
        match container {
            1 => {
                cursor.pass(&ahead);
                self.to(Stage::PlainNode { left: left - 1 })
            }
            2 => {
                let used = ahead.used;
                // The number and the header are used up together, so that nothing has to remember being between them.
                ahead.header()?;
                cursor.at += used;
                self.open(cursor, Form::Listpack, AfterPacked::Nodes(left - 1))
            }
            number => Err(Halt::Fault(RdbErrorKind::UnknownEncoding {
                what: "list node",
                number,
                expected: "1 (one element) or 2 (a listpack)",
            })),
        }
    }

    /// A part of a row, of which so many are left.
    pub(super) fn row(&mut self, cursor: &mut Cursor<'_>, left: u64, column: u8) -> Step<bool> {
        if left == 0 {
            return self.to(Stage::KeyEnd);
        }
        let next = self.next_part(left, column);
        match self.columns.get(usize::from(column)) {
            Some(&Column::Text(role)) => self.string(cursor, role, next),
            Some(Column::BinaryScore) => {
                let score = cursor.number(Ahead::f64)?;
                self.tell(Item::Score(score), next)
            }
            Some(Column::TextScore) => {
                let score = cursor.number(text_score)?;
                self.tell(Item::Score(score), next)
            }
            Some(Column::RelativeExpiry) => {
                let after = cursor.number(Ahead::length)?;
                self.expiry = (after != 0).then(|| self.earliest.wrapping_add_unsigned(after).wrapping_sub(1));
                self.to(next)
            }
            Some(Column::LengthExpiry) => {
                let at = cursor.number(Ahead::length)?;
                self.expiry = (at != 0).then_some(at as i64);
                self.to(next)
            }
            Some(Column::ExpiryNow) => {
                self.stage = next;
                match self.expiry.take() {
                    Some(at_ms) => self.tell(Item::FieldExpiry { at_ms }, next),
                    None => Ok(false),
                }
            }
            Some(Column::BinaryExpiry) => {
                let at_ms = cursor.number(Ahead::i64)?;
                self.stage = next;
                if at_ms == -1 { Ok(false) } else { self.tell(Item::FieldExpiry { at_ms }, next) }
            }
            Some(Column::Index) => {
                let index = cursor.number(Ahead::length)?;
                self.tell(Item::Index(index), next)
            }
            Some(Column::Tag) => {
                self.tag = cursor.number(Ahead::length)?;
                self.to(next)
            }
            Some(Column::Tagged) => match self.tag {
                0 | 3 => self.string(cursor, Role::Element, next),
                1 => {
                    let value = cursor.number(Ahead::i64)?;
                    self.stage = next;
                    self.integer(Role::Element, value)
                }
                2 => {
                    let value = cursor.number(Ahead::f64)?;
                    self.tell(Item::Double(value), next)
                }
                number => Err(Halt::Fault(RdbErrorKind::UnknownEncoding {
                    what: "array element",
                    number,
                    expected: "0 to 3",
                })),
            },
            Some(Column::PackedScore | Column::PackedExpiry) | None => self.to(Stage::KeyEnd),
        }
    }

    /// What comes after a part of a row.
    #[inline(always)]
    pub(super) fn next_part(&self, left: u64, column: u8) -> Stage {
        let column = self.next_column(column);
        Stage::Rows { left: left - u64::from(column == 0), column }
    }

    /// Behind the last column the first comes again.
    #[inline(always)]
    pub(super) fn next_column(&self, column: u8) -> u8 {
        let next = column + 1;
        if usize::from(next) == self.columns.len() { 0 } else { next }
    }

    /// The next element of a packed string, in its column.
    pub(super) fn packed(&mut self, cursor: &mut Cursor<'_>, after: AfterPacked) -> Step<bool> {
        if let AfterPacked::StreamNodes(_) = after {
            return self.stream_node(cursor, after);
        }
        let Some(element) = self.element(cursor)? else {
            if self.column != 0 {
                return Err(invalid("packed value", "whole rows: the last one lacks a part"));
            }
            return self.to(after.stage());
        };
        let column = self.columns.get(usize::from(self.column));
        self.column = self.next_column(self.column);
        match (column, element) {
            (Some(Column::PackedScore), Element::Integer(value)) => self.tell(Item::Score(value as f64), self.stage),
            (Some(Column::PackedScore), Element::Text { place, .. }) => {
                let score = score(self.bytes(place, cursor.input))?;
                self.tell(Item::Score(score), self.stage)
            }
            (Some(Column::PackedScore), Element::Long { .. }) => Err(invalid("score", "a number")),
            (Some(Column::PackedExpiry), Element::Integer(0)) => Ok(false),
            (Some(Column::PackedExpiry), Element::Integer(at_ms)) => self.tell(Item::FieldExpiry { at_ms }, self.stage),
            (Some(Column::PackedExpiry), _) => Err(invalid("expiry of a field", "an integer")),
            (Some(&Column::Text(role)), element) => self.tell_element(cursor, role, element),
            _ => Err(invalid("packed value", "a known column")),
        }
    }

    #[inline]
    pub(super) fn tell_element(&mut self, cursor: &mut Cursor<'_>, role: Role, element: Element) -> Step<bool> {
        match element {
            Element::Integer(value) => self.integer(role, value),
            Element::Text { place, length } => {
                self.found = Found::Text { role, place, at: 0, length };
                Ok(true)
            }
            Element::Long { length } => self.begin(cursor, role, length),
        }
    }

    /// Passes over an element.
    pub(super) fn drop_element(&mut self, element: Element) {
        if let Element::Long { length } = element {
            self.text = Some(Pending { role: Role::EntryValue, length, done: 0, unwanted: true });
        }
    }

    /// The next element of the packed string; none at its end, which is checked.
    #[inline]
    pub(super) fn element(&mut self, cursor: &mut Cursor<'_>) -> Step<Option<Element>> {
        if !self.walk.is_begun() {
            let length = self.walk.header_length();
            let bytes = self.flow.exactly(cursor, "header", length)?;
            self.walk.begin(bytes)?;
            self.flow.take(cursor, length);
        }
        if self.walk.tail != Tail::Nothing {
            let tail = self.walk.tail;
            let bytes = self.flow.exactly(cursor, "element", tail.length())?;
            tail.check(bytes)?;
            self.flow.take(cursor, tail.length());
            self.walk.tail = Tail::Nothing;
        }
        let mut want = if self.flow.left() == 0 { 0 } else { 1 };
        loop {
            let left = self.flow.left();
            let name = self.walk.name();
            let (bytes, place) = self.flow.available(cursor, want)?;
            match self.walk.parse(bytes, left)? {
                Parsed::Need(more) => {
                    if more as u64 > left {
                        return Err(Halt::Fault(RdbErrorKind::Overrun { what: name, length: more as u64, left }));
                    }
                    want = more;
                }
                Parsed::End(length) => {
                    self.walk.end(left - length as u64)?;
                    self.flow.take(cursor, length);
                    self.flow.end()?;
                    return Ok(None);
                }
                Parsed::Integer { size, value } => {
                    self.flow.take(cursor, size);
                    self.walk.passed(size as u64);
                    return Ok(Some(Element::Integer(value)));
                }
                Parsed::Text { head, length, tail } => {
                    let size = head as u64 + length + tail.length() as u64;
                    if size > left {
                        return Err(Halt::Fault(RdbErrorKind::Overrun { what: "an element", length: size, left }));
                    }
                    if length > WHOLE_TEXT as u64 {
                        self.flow.take(cursor, head);
                        self.walk.passed(size);
                        self.walk.tail = tail;
                        return Ok(Some(Element::Long { length }));
                    }
                    // Short, so it fits.
                    let (size, end) = (size as usize, head + length as usize);
                    let Some(bytes) = bytes.get(..size) else {
                        want = size;
                        continue;
                    };
                    tail.check(bytes.get(end..).unwrap_or_default())?;
                    self.flow.take(cursor, size);
                    self.walk.passed(size as u64);
                    return Ok(Some(Element::Text { place: place.part(head, end), length }));
                }
            }
        }
    }
}

/// A score as text.
pub(super) fn score(text: &[u8]) -> Step<f64> {
    let text = core::str::from_utf8(text).ok();
    text.and_then(|text| text.parse().ok()).ok_or(invalid("score", "a number"))
}

/// A score as the first versions wrote it.
fn text_score(ahead: &mut Ahead<'_>) -> Step<f64> {
    match ahead.byte()? {
        253 => Ok(f64::NAN),
        254 => Ok(f64::INFINITY),
        255 => Ok(f64::NEG_INFINITY),
        length => {
            let end = ahead.used + usize::from(length);
            let text = ahead.bytes.get(ahead.used..end).ok_or_else(|| Halt::Need(end - ahead.bytes.len()))?;
            ahead.used = end;
            score(text)
        }
    }
}
