//! Hash templates (Redis 8.10): field names that hashes share. A hash with a template stores only its values.
//!
//! A snapshot defines its templates before its keys, and a hash refers to one by its id. A payload of `DUMP` holds the
//! names in front of the values instead. In both cases the fields are delivered as those of any other hash.

use crate::rdb::decoder::Decoder;
use crate::rdb::early_library::is_short;
use crate::rdb::error::RdbErrorKind;
use crate::rdb::item::Role;
use crate::rdb::packed::PackedForm;
use crate::rdb::primitives::{Attempt, Cursor, Halt, Peek, invalid};
use crate::rdb::sizes::{TEMPLATES, WHOLE_TEXT};
use crate::rdb::state::{AfterPacked, DecoderState, FoundItem};
use crate::rdb::text_range::TextRange;
use crate::rdb::type_table::{self, Layout};
use crate::rdb::value::PackedElement;

/// The templates of a snapshot, and behind them the one that is being read.
///
/// Each is a record: its id (8 bytes), the position of the previous record in its bucket (4), the number of its names
/// (4), then each name after its length (2).
#[derive(Debug, Clone)]
pub(super) struct Templates {
    bytes: [u8; TEMPLATES],
    /// The end of the last complete record.
    used: usize,
    /// The end of the record that is being read.
    end: usize,
    /// The position of the latest record of each bucket, plus one; 0 for none.
    buckets: [u32; BUCKETS],
}

/// The names of a template that are not delivered yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names {
    pub(super) left: u64,
    at: usize,
}

const BUCKETS: usize = 256;
const HEADER: usize = 16;

impl Templates {
    pub(super) const NONE: Self = Self { bytes: [0; TEMPLATES], used: 0, end: 0, buckets: [0; BUCKETS] };

    pub(super) fn part(&self, from: usize, to: usize) -> &[u8] {
        self.bytes.get(from..to).unwrap_or_default()
    }

    /// Begins a record.
    fn begin(&mut self, id: u64) -> Attempt<()> {
        self.end = self.used;
        self.append(&id.to_le_bytes())?;
        self.append(&[0; HEADER - 8])
    }

    fn push(&mut self, name: &[u8]) -> Attempt<()> {
        let length = u16::try_from(name.len()).map_err(|_| FULL)?;
        self.append(&length.to_le_bytes())?;
        self.append(name)?;
        let count = self.number(self.used + 12) + 1;
        self.set(self.used + 12, count);
        Ok(())
    }

    /// Keeps the record. Its id must be new.
    fn keep(&mut self) -> Attempt<()> {
        let id = self.id(self.used);
        if self.find(id).is_some() {
            return Err(invalid("hash template", "an id that no other template has"));
        }
        if let Some(bucket) = self.buckets.get_mut(bucket(id)) {
            let before = core::mem::replace(bucket, self.used as u32 + 1);
            self.set(self.used + 8, before);
        }
        self.used = self.end;
        Ok(())
    }

    /// The names of the record that was read last.
    fn last(&self) -> Names {
        self.names(self.used)
    }

    fn find(&self, id: u64) -> Option<Names> {
        let mut next = *self.buckets.get(bucket(id))?;
        loop {
            let at = next.checked_sub(1)? as usize;
            if self.id(at) == id {
                return Some(self.names(at));
            }
            next = self.number(at + 8);
        }
    }

    fn names(&self, at: usize) -> Names {
        Names { left: self.number(at + 12).into(), at: at + HEADER }
    }

    fn id(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.array(at))
    }

    fn number(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.array(at))
    }

    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        self.bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
    }

    fn set(&mut self, at: usize, number: u32) {
        if let Some(to) = self.bytes.get_mut(at..at + 4) {
            to.copy_from_slice(&number.to_le_bytes());
        }
    }

    fn append(&mut self, bytes: &[u8]) -> Attempt<()> {
        let end = self.end + bytes.len();
        self.bytes.get_mut(self.end..end).ok_or(FULL)?.copy_from_slice(bytes);
        self.end = end;
        Ok(())
    }
}

const FULL: Halt = Halt::Error(RdbErrorKind::Templates);

/// Servers count the ids up from one.
fn bucket(id: u64) -> usize {
    (id % BUCKETS as u64) as usize
}

impl Names {
    pub(super) const NONE: Self = Self { left: 0, at: 0 };

    /// The range of the next name.
    #[inline]
    pub(super) fn next(&mut self, templates: &Templates) -> Option<(usize, usize)> {
        self.left = self.left.checked_sub(1)?;
        let from = self.at + 2;
        self.at = from + usize::from(u16::from_le_bytes(templates.array(self.at)));
        Some((from, self.at))
    }
}

impl Decoder {
    /// After the opcode of a template, whose id and number of names were read.
    pub(super) fn template(&mut self, id: u64, names: u64) -> Attempt<bool> {
        self.templates.begin(id)?;
        self.advance_to(DecoderState::TemplateNames { left: names })
    }

    /// Reads the next name of a template.
    pub(super) fn template_name(&mut self, cursor: &mut Cursor<'_>, left: u64) -> Attempt<bool> {
        let Some(left) = left.checked_sub(1) else { return self.template_end() };
        if !is_short(cursor, WHOLE_TEXT)? {
            return Err(FULL);
        }
        self.string(cursor, Role::Field, DecoderState::TemplateNames { left })?;
        if let FoundItem::Text { range, .. } = core::mem::replace(&mut self.found, FoundItem::Nothing) {
            self.keep_name(cursor, range)?;
        }
        Ok(false)
    }

    /// Reads the next name of a template whose names are a listpack.
    pub(super) fn packed_template_name(&mut self, cursor: &mut Cursor<'_>) -> Attempt<bool> {
        let Some(element) = self.element(cursor)? else { return self.template_end() };
        match element {
            PackedElement::Integer(value) => {
                self.decimal.set(value);
                self.keep_name(cursor, TextRange::Number)?;
            }
            PackedElement::Text { range, .. } => self.keep_name(cursor, range)?,
            PackedElement::Long { .. } => return Err(FULL),
        }
        Ok(false)
    }

    fn keep_name(&mut self, cursor: &Cursor<'_>, range: TextRange) -> Attempt<()> {
        let Self { templates, window, decimal, .. } = self;
        match range {
            TextRange::Input(from, to) => templates.push(cursor.input.get(from..to).unwrap_or_default()),
            TextRange::Window(from, to) => templates.push(window.text(from, to)),
            TextRange::Number => templates.push(decimal.text()),
            TextRange::Names(..) | TextRange::Templates(..) => Ok(()),
        }
    }

    /// All names of a template were read. Those in a value are not kept: its values follow.
    fn template_end(&mut self) -> Attempt<bool> {
        if self.key.named {
            self.template_names = self.templates.last();
            return self.advance_to(DecoderState::TemplatedValues);
        }
        self.templates.keep()?;
        self.advance_to(DecoderState::Opcode)
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
                        self.templates.begin(0)?;
                        self.open(cursor, PackedForm::Listpack, AfterPacked::TemplateNames)
                    }
                    1 => {
                        let names = peek.length()?;
                        cursor.pass(&peek);
                        self.template(0, names)
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
            self.templates.find(id).ok_or(invalid("hash", "the id of a template that the snapshot has defined"))?;
        Ok(())
    }

    /// The next name of the template in front of its value, of packed values. After the last one the values must end.
    pub(super) fn packed_name(&mut self, cursor: &mut Cursor<'_>, after: AfterPacked) -> Attempt<bool> {
        if self.next_name() {
            self.column = self.next_column(self.column);
            return Ok(true);
        }
        match self.element(cursor)? {
            None => self.advance_to(after.state()),
            Some(_) => Err(invalid("hash", "one value for each field of its template")),
        }
    }

    /// Finds the next name of the template, if there is one.
    #[inline]
    pub(super) fn next_name(&mut self) -> bool {
        let Some((from, to)) = self.template_names.next(&self.templates) else { return false };
        let (range, length) = (TextRange::Templates(from, to), (to - from) as u64);
        self.found = FoundItem::Text { role: Role::Field, range, at: 0, length };
        true
    }
}
