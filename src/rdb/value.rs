//! Values that consist of rows, plain or packed.

use crate::rdb::decoder::Decoder;
use crate::rdb::error::RdbErrorKind;
use crate::rdb::item::{Item, Role};
use crate::rdb::packed::{PackedForm, Parsed, Tail};
use crate::rdb::primitives::{Attempt, Cursor, Halt, Peek, invalid};
use crate::rdb::sizes::WHOLE_TEXT;
use crate::rdb::state::{AfterPacked, DecoderState, FoundItem, PendingText};
use crate::rdb::template_memory::TemplateMemory;
use crate::rdb::text_range::TextRange;
use crate::rdb::type_table;
use crate::rdb::type_table::{Column, Layout};

/// An element of a packed string.
#[derive(Debug, Clone, Copy)]
pub(super) enum PackedElement {
    Integer(i64),
    /// A fully buffered string.
    Text {
        range: TextRange,
        length: u64,
    },
    /// A string whose bytes are not taken yet.
    Long {
        length: u64,
    },
}

impl<M: TemplateMemory> Decoder<M> {
    /// Reads the part between the name of a key and its elements.
    pub(super) fn value(&mut self, cursor: &mut Cursor<'_>, layout: Layout) -> Attempt<bool> {
        self.expiry = None;
        match layout {
            Layout::Text => self.string(cursor, Role::Value, DecoderState::KeyEnd),
            Layout::Rows(columns) => {
                let left = cursor.number(Peek::length)?;
                self.columns = columns;
                self.advance_to(DecoderState::Rows { left, column: 0 })
            }
            Layout::DatedRows(columns) => {
                let (earliest, left) = cursor.number(|peek| Ok((peek.i64()?, peek.length()?)))?;
                self.earliest = earliest;
                self.columns = columns;
                self.advance_to(DecoderState::Rows { left, column: 0 })
            }
            Layout::Packed(form, columns) => {
                self.columns = columns;
                self.open(cursor, form, AfterPacked::KeyEnd)
            }
            Layout::DatedPacked(form, columns) => {
                let mut peek = cursor.peek();
                self.earliest = peek.i64()?;
                peek.header()?;
                // The expiry and the header are used up together, so that no state is needed between them.
                cursor.at += 8;
                self.columns = columns;
                self.open(cursor, form, AfterPacked::KeyEnd)
            }
            Layout::Nodes(_) | Layout::MarkedNodes => {
                let left = cursor.number(Peek::length)?;
                self.columns = type_table::ELEMENT;
                self.marked = matches!(layout, Layout::MarkedNodes);
                self.advance_to(DecoderState::Nodes { left })
            }
            Layout::Stream(generation) => {
                let left = cursor.number(Peek::length)?;
                self.generation = generation;
                self.advance_to(DecoderState::StreamNodes { left })
            }
            Layout::Module => self.advance_to(DecoderState::Module),
            Layout::Array => {
                let (count, last_insert) = cursor.number(|peek| {
                    let count = peek.length()?;
                    let last_insert = match peek.length()? {
                        0 => None,
                        1 => Some(peek.length()?),
                        _ => return Err(invalid("array", "0 or 1: whether the index of the last insertion follows")),
                    };
                    Ok((count, last_insert))
                })?;
                self.columns = type_table::ARRAY;
                self.emit(Item::Array { count, last_insert }, DecoderState::Rows { left: count, column: 0 })
            }
            Layout::Templated { is_inside, is_packed } => self.templated(cursor, is_inside, is_packed),
            Layout::Paths => {
                let left = cursor.number(Peek::length)?;
                self.advance_to(DecoderState::Paths { left })
            }
            Layout::Rate => {
                let value = cursor.number(Peek::length)?;
                self.emit(Item::Rate(value), DecoderState::KeyEnd)
            }
        }
    }

    /// Reads the next part of a path hash.
    pub(super) fn path_hash(&mut self, cursor: &mut Cursor<'_>) -> Attempt<bool> {
        match self.state {
            DecoderState::Paths { left: 0 } => self.advance_to(DecoderState::KeyEnd),
            DecoderState::Paths { left } => self.string(cursor, Role::Path, DecoderState::Path { left: left - 1 }),
            DecoderState::Path { left: paths } => {
                let fields = cursor.number(Peek::length)?;
                self.emit(Item::Path { fields }, DecoderState::PathField { left: fields, paths })
            }
            DecoderState::PathField { left: 0, paths } => self.advance_to(DecoderState::Paths { left: paths }),
            DecoderState::PathField { left, paths } => {
                self.string(cursor, Role::Field, DecoderState::PathValue { left: left - 1, paths })
            }
            DecoderState::PathValue { left, paths } => {
                self.string(cursor, Role::FieldValue, DecoderState::PathField { left, paths })
            }
            // All other states are handled by the callers.
            _ => self.advance_to(DecoderState::KeyEnd),
        }
    }

    /// Reads a node of a list. `left` nodes are left.
    pub(super) fn list_node(&mut self, cursor: &mut Cursor<'_>, left: u64) -> Attempt<bool> {
        if left == 0 {
            return self.advance_to(DecoderState::KeyEnd);
        }
        if !self.marked {
            return self.open(cursor, PackedForm::Ziplist, AfterPacked::Nodes(left - 1));
        }
        let mut peek = cursor.peek();
        let container = peek.length()?;
        match container {
            1 => {
                cursor.pass(&peek);
                self.advance_to(DecoderState::PlainNode { left: left - 1 })
            }
            2 => {
                let used = peek.used;
                // The number and the header are used up together, so that no state is needed between them.
                peek.header()?;
                cursor.at += used;
                self.open(cursor, PackedForm::Listpack, AfterPacked::Nodes(left - 1))
            }
            number => Err(Halt::Error(RdbErrorKind::UnknownEncoding {
                what: "list node",
                number,
                expected: "1 (one element) or 2 (a listpack)",
            })),
        }
    }

    /// Reads a column of a row. `left` rows are left.
    pub(super) fn row(&mut self, cursor: &mut Cursor<'_>, left: u64, column: u8) -> Attempt<bool> {
        if left == 0 {
            return self.advance_to(DecoderState::KeyEnd);
        }
        let next = self.next_part(left, column);
        match self.columns.get(usize::from(column)) {
            Some(&Column::Text(role)) => self.string(cursor, role, next),
            Some(Column::BinaryScore) => {
                let score = cursor.number(Peek::f64)?;
                self.emit(Item::Score(score), next)
            }
            Some(Column::TextScore) => {
                let score = cursor.number(text_score)?;
                self.emit(Item::Score(score), next)
            }
            Some(Column::RelativeExpiry) => {
                let after = cursor.number(Peek::length)?;
                self.expiry = (after != 0).then(|| self.earliest.wrapping_add_unsigned(after).wrapping_sub(1));
                self.advance_to(next)
            }
            Some(Column::LengthExpiry) => {
                let at = cursor.number(Peek::length)?;
                self.expiry = (at != 0).then_some(at as i64);
                self.advance_to(next)
            }
            Some(Column::ExpiryNow) => {
                self.state = next;
                match self.expiry.take() {
                    Some(at_ms) => self.emit(Item::FieldExpiry { at_ms }, next),
                    None => Ok(false),
                }
            }
            Some(Column::BinaryExpiry) => {
                let at_ms = cursor.number(Peek::i64)?;
                self.state = next;
                if at_ms == -1 { Ok(false) } else { self.emit(Item::FieldExpiry { at_ms }, next) }
            }
            Some(Column::Index) => {
                let index = cursor.number(Peek::length)?;
                self.emit(Item::Index(index), next)
            }
            Some(Column::Tag) => {
                self.tag = cursor.number(Peek::length)?;
                self.advance_to(next)
            }
            Some(Column::Tagged) => match self.tag {
                0 | 3 => self.string(cursor, Role::Element, next),
                1 => {
                    let value = cursor.number(Peek::i64)?;
                    self.state = next;
                    self.integer(Role::Element, value)
                }
                2 => {
                    let value = cursor.number(Peek::f64)?;
                    self.state = next;
                    self.double(Role::Element, value)
                }
                number => Err(Halt::Error(RdbErrorKind::UnknownEncoding {
                    what: "array element",
                    number,
                    expected: "0 to 3",
                })),
            },
            Some(Column::Name) => match self.next_name() {
                true if self.template_names.done > 0 => Ok(true),
                true => {
                    self.state = next;
                    Ok(true)
                }
                false => self.advance_to(DecoderState::KeyEnd),
            },
            Some(Column::PackedScore | Column::PackedExpiry | Column::Template) | None => {
                self.advance_to(DecoderState::KeyEnd)
            }
        }
    }

    /// The state after a column.
    #[inline(always)]
    pub(super) fn next_part(&self, left: u64, column: u8) -> DecoderState {
        let column = self.next_column(column);
        DecoderState::Rows { left: left - u64::from(column == 0), column }
    }

    /// The column after `column`. After the last one it is the first.
    #[inline(always)]
    pub(super) fn next_column(&self, column: u8) -> u8 {
        let next = column + 1;
        if usize::from(next) == self.columns.len() { 0 } else { next }
    }

    /// Reads the next element of a packed string, in its column.
    pub(super) fn packed(&mut self, cursor: &mut Cursor<'_>, after: AfterPacked) -> Attempt<bool> {
        match (after, self.columns.get(usize::from(self.column))) {
            (AfterPacked::StreamNodes(_), _) => return self.stream_node(cursor, after),
            (AfterPacked::TemplateNames, _) => return self.packed_template_name(cursor),
            (_, Some(Column::Name)) => return self.packed_name(cursor, after),
            _ => {}
        }
        let Some(element) = self.element(cursor)? else {
            if self.column != 0 {
                return Err(invalid("packed value", "whole rows: the last one lacks a part"));
            }
            return self.advance_to(after.state());
        };
        let column = self.columns.get(usize::from(self.column));
        self.column = self.next_column(self.column);
        match (column, element) {
            (Some(Column::PackedScore), PackedElement::Integer(value)) => {
                self.emit(Item::Score(value as f64), self.state)
            }
            (Some(Column::PackedScore), PackedElement::Text { range, .. }) => {
                let score = score(self.bytes(range, cursor.input))?;
                self.emit(Item::Score(score), self.state)
            }
            (Some(Column::PackedScore), PackedElement::Long { .. }) => Err(invalid("score", "a number")),
            (Some(Column::PackedExpiry), PackedElement::Integer(0)) => Ok(false),
            (Some(Column::PackedExpiry), PackedElement::Integer(at_ms)) => {
                self.emit(Item::FieldExpiry { at_ms }, self.state)
            }
            (Some(Column::PackedExpiry), _) => Err(invalid("expiry of a field or member", "an integer")),
            (Some(Column::Template), element) => self.template_id(element),
            (Some(&Column::Text(role)), element) => self.emit_element(cursor, role, element),
            _ => Err(invalid("packed value", "a known column")),
        }
    }

    #[inline]
    pub(super) fn emit_element(
        &mut self,
        cursor: &mut Cursor<'_>,
        role: Role,
        element: PackedElement,
    ) -> Attempt<bool> {
        match element {
            PackedElement::Integer(value) => self.integer(role, value),
            PackedElement::Text { range, length } => {
                self.found = FoundItem::Text { role, range, at: 0, length };
                Ok(true)
            }
            PackedElement::Long { length } => self.begin(cursor, role, length),
        }
    }

    /// Skips an element.
    pub(super) fn drop_element(&mut self, element: PackedElement) {
        if let PackedElement::Long { length } = element {
            self.text = Some(PendingText { role: Role::EntryValue, length, done: 0, before: 0, unwanted: true });
        }
    }

    /// The next element of the packed string. `None` at its end, which is checked.
    #[inline]
    pub(super) fn element(&mut self, cursor: &mut Cursor<'_>) -> Attempt<Option<PackedElement>> {
        if !self.walk.is_begun() {
            let length = self.walk.header_length();
            let bytes = self.window.exactly(cursor, "header", length)?;
            self.walk.begin(bytes)?;
            self.window.take(cursor, length);
        }
        if self.walk.tail != Tail::Nothing {
            let tail = self.walk.tail;
            let bytes = self.window.exactly(cursor, "element", tail.length())?;
            tail.check(bytes)?;
            self.window.take(cursor, tail.length());
            self.walk.tail = Tail::Nothing;
        }
        let mut want = if self.window.left() == 0 { 0 } else { 1 };
        loop {
            let left = self.window.left();
            let name = self.walk.name();
            let (bytes, range) = self.window.available(cursor, want)?;
            match self.walk.parse(bytes, left)? {
                Parsed::Need(more) => {
                    if more as u64 > left {
                        return Err(Halt::Error(RdbErrorKind::Overrun { what: name, length: more as u64, left }));
                    }
                    want = more;
                }
                Parsed::End(length) => {
                    self.walk.end(left - length as u64)?;
                    self.window.take(cursor, length);
                    self.window.end()?;
                    return Ok(None);
                }
                Parsed::Integer { size, value } => {
                    self.window.take(cursor, size);
                    self.walk.passed(size as u64);
                    return Ok(Some(PackedElement::Integer(value)));
                }
                Parsed::Text { head, length, tail } => {
                    let size = head as u64 + length + tail.length() as u64;
                    if size > left {
                        return Err(Halt::Error(RdbErrorKind::Overrun { what: "an element", length: size, left }));
                    }
                    if length > WHOLE_TEXT as u64 {
                        self.window.take(cursor, head);
                        self.walk.passed(size);
                        self.walk.tail = tail;
                        return Ok(Some(PackedElement::Long { length }));
                    }
                    // It is short, so the cast is exact.
                    let (size, end) = (size as usize, head + length as usize);
                    let Some(bytes) = bytes.get(..size) else {
                        want = size;
                        continue;
                    };
                    tail.check(bytes.get(end..).unwrap_or_default())?;
                    self.window.take(cursor, size);
                    self.walk.passed(size as u64);
                    return Ok(Some(PackedElement::Text { range: range.part(head, end), length }));
                }
            }
        }
    }
}

/// The score in a decimal text.
pub(super) fn score(text: &[u8]) -> Attempt<f64> {
    let text = core::str::from_utf8(text).ok();
    text.and_then(|text| text.parse().ok()).ok_or(invalid("score", "a number"))
}

/// A score in the encoding of the first versions.
fn text_score(peek: &mut Peek<'_>) -> Attempt<f64> {
    match peek.byte()? {
        253 => Ok(f64::NAN),
        254 => Ok(f64::INFINITY),
        255 => Ok(f64::NEG_INFINITY),
        length => {
            let end = peek.used + usize::from(length);
            let text = peek.bytes.get(peek.used..end).ok_or_else(|| Halt::Need(end - peek.bytes.len()))?;
            peek.used = end;
            score(text)
        }
    }
}
