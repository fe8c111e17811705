//! Hash templates (Redis 8.10): field names that hashes share. A hash with a template stores only its values.
//!
//! A snapshot defines its templates before its keys, and a hash refers to one by its id. A payload of `DUMP` holds the
//! names in front of the values instead: [`Dump`](super::Dump) reads them a second time, beside the values. In both
//! cases the fields are delivered as those of any other hash.

use crate::rdb::decoder::Decoder;
use crate::rdb::error::RdbErrorKind;
use crate::rdb::item::Role;
use crate::rdb::packed::PackedForm;
use crate::rdb::primitives::{Attempt, Cursor, Halt, Peek, StringHeader, invalid};
use crate::rdb::sizes::WHOLE_TEXT;
use crate::rdb::state::{AfterPacked, DecoderState, FoundItem};
use crate::rdb::template_memory::TemplateMemory;
use crate::rdb::text_range::TextRange;
use crate::rdb::type_table::{self, Column, Layout};
use crate::rdb::value::PackedElement;

impl<M: TemplateMemory> Decoder<M> {
    /// After the opcode of a template, whose id and number of names were read.
    pub(super) fn template(&mut self, id: u64, names: u64) -> Attempt<bool> {
        self.templates.begin(id, true)?;
        self.advance_to(DecoderState::TemplateNames { left: names })
    }

    /// Reads the next name of a template.
    pub(super) fn template_name(&mut self, cursor: &mut Cursor<'_>, left: u64) -> Attempt<bool> {
        let Some(left) = left.checked_sub(1) else { return self.template_end() };
        if !self.delivers_names {
            match cursor.peek().header()? {
                StringHeader::Plain(length) | StringHeader::Lzf { length, .. } if length > WHOLE_TEXT as u64 => {
                    self.templates.check_room(length)?;
                }
                _ => {}
            }
        }
        let found = self.string(cursor, Role::Field, DecoderState::TemplateNames { left })?;
        self.keep_name(cursor, found)
    }

    /// Reads the next name of a template whose names are a listpack.
    pub(super) fn packed_template_name(&mut self, cursor: &mut Cursor<'_>) -> Attempt<bool> {
        let Some(element) = self.element(cursor)? else { return self.template_end() };
        if let (PackedElement::Long { length }, false) = (element, self.delivers_names) {
            self.templates.check_room(length)?;
        }
        let found = self.emit_element(cursor, Role::Field, element)?;
        self.keep_name(cursor, found)
    }

    /// After a name, or a piece of one, was found: keeps it, unless names are delivered.
    pub(super) fn keep_name(&mut self, cursor: &Cursor<'_>, found: bool) -> Attempt<bool> {
        let FoundItem::Text { range, at, length, .. } = self.found else { return Ok(found) };
        if self.delivers_names {
            self.template_names.left += u64::from(at == 0);
            return Ok(found);
        }
        self.found = FoundItem::Nothing;
        let Self { templates, window, decimal, .. } = self;
        match range {
            TextRange::Input(from, to) => {
                templates.push(cursor.input.get(from..to).unwrap_or_default(), at, length)?;
            }
            TextRange::Window(from, to) => templates.push(window.text(from, to), at, length)?,
            TextRange::Number => templates.push(decimal.text(), at, length)?,
            TextRange::Names(..) | TextRange::Templates(..) => {}
        }
        Ok(false)
    }

    /// All names of a template were read. Those in a value are not kept: its values follow.
    fn template_end(&mut self) -> Attempt<bool> {
        if self.key.named {
            if !self.delivers_names {
                self.template_names = self.templates.last();
            }
            return self.advance_to(DecoderState::TemplatedValues);
        }
        self.templates.keep()?;
        self.advance_to(DecoderState::Opcode)
    }

    /// Whether the field names in front of a hash's values are being read.
    pub(super) fn is_in_names(&self) -> bool {
        matches!(self.state, DecoderState::TemplateNames { .. } | DecoderState::Packed(AfterPacked::TemplateNames))
    }

    /// Whether a name is due that this decoder has delivered before.
    pub(super) fn awaits_name(&self) -> bool {
        let column = match self.state {
            DecoderState::Rows { left: 1.., column } => column,
            DecoderState::Packed(AfterPacked::KeyEnd) => self.column,
            _ => return false,
        };
        let is_name = self.columns.get(usize::from(column)) == Some(&Column::Name);
        is_name && self.text.is_none() && self.template_names.left > 0
    }

    /// Passes the name that is due.
    pub(super) fn pass_name(&mut self) {
        self.template_names.left -= 1;
        match self.state {
            DecoderState::Rows { left, column } => self.state = self.next_part(left, column),
            _ => self.column = self.next_column(self.column),
        }
    }

    /// Reads the front of a hash that has a template.
    pub(super) fn templated(&mut self, cursor: &mut Cursor<'_>, is_inside: bool, is_packed: bool) -> Attempt<bool> {
        match (is_inside, is_packed) {
            (false, true) => self.templated_values(cursor, true),
            (false, false) => {
                let id = cursor.number(Peek::length)?;
                self.refer(id)?;
                self.templated_values(cursor, false)
            }
            (true, _) => {
                let mut peek = cursor.peek();
                match peek.length()? {
                    0 => {
                        let used = peek.used;
                        // The number and the header are used up together, so that no state is needed between them.
                        peek.header()?;
                        cursor.at += used;
                        self.begin_inside()?;
                        self.open(cursor, PackedForm::Listpack, AfterPacked::TemplateNames)
                    }
                    1 => {
                        let names = peek.length()?;
                        cursor.pass(&peek);
                        self.begin_inside()?;
                        self.advance_to(DecoderState::TemplateNames { left: names })
                    }
                    number => Err(Halt::Error(RdbErrorKind::UnknownEncoding {
                        what: "form of the field names of a hash",
                        number,
                        expected: "0 (a listpack) or 1 (strings)",
                    })),
                }
            }
        }
    }

    /// Before the field names in a value.
    fn begin_inside(&mut self) -> Attempt<()> {
        if self.delivers_names { Ok(()) } else { self.templates.begin(0, false) }
    }

    /// Begins the values of a hash that has a template.
    pub(super) fn templated_values(&mut self, cursor: &mut Cursor<'_>, is_packed: bool) -> Attempt<bool> {
        if is_packed {
            self.columns = type_table::TEMPLATE;
            return self.open(cursor, PackedForm::Listpack, AfterPacked::KeyEnd);
        }
        self.columns = type_table::TEMPLATED;
        self.advance_to(DecoderState::Rows { left: self.template_names.left, column: 0 })
    }

    /// The first element of packed values: the id of the template, without a meaning if the names are in the value.
    pub(super) fn template_id(&mut self, element: PackedElement) -> Attempt<bool> {
        let PackedElement::Integer(id) = element else {
            return Err(invalid("hash", "the id of its template before its values"));
        };
        if !matches!(self.key.layout, Layout::Templated { is_inside: true, .. }) {
            self.refer(id.cast_unsigned())?;
        }
        self.columns = type_table::TEMPLATED;
        self.column = 0;
        Ok(false)
    }

    fn refer(&mut self, id: u64) -> Attempt<()> {
        self.template_names =
            self.templates.find(id).ok_or(invalid("hash", "the id of a template defined before it"))?;
        Ok(())
    }

    /// The next name of the template in front of its value, of packed values. After the last one the values must end.
    pub(super) fn packed_name(&mut self, cursor: &mut Cursor<'_>, after: AfterPacked) -> Attempt<bool> {
        if self.next_name() {
            if self.template_names.done == 0 {
                self.column = self.next_column(self.column);
            }
            return Ok(true);
        }
        match self.element(cursor)? {
            None => self.advance_to(after.state()),
            Some(_) => Err(invalid("hash", "one value for each field of its template")),
        }
    }

    /// Finds the next name of the template, or the next piece of it, if there is one.
    pub(super) fn next_name(&mut self) -> bool {
        let Some((from, to, behind)) = self.template_names.next(&self.templates) else { return false };
        let (at, length) = (self.template_names.done, (to - from) as u64);
        let from = from + at;
        let range = TextRange::Templates(from, to.min(from + WHOLE_TEXT));
        if to - from > WHOLE_TEXT {
            self.template_names.done += WHOLE_TEXT
        } else {
            self.template_names.pass(behind)
        }
        self.found = FoundItem::Text { role: Role::Field, range, at: at as u64, length };
        true
    }
}
