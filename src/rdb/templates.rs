//! Hash templates (Redis 8.10): field names that hashes share. A hash with a template stores only its values.
//!
//! A snapshot defines its templates before its keys, and a hash refers to one by its id. A payload of `DUMP` holds the
//! names in front of the values instead: [`Dump`](super::Dump) reads them a second time, beside the values. In both
//! cases the fields are delivered as those of any other hash.

use crate::rdb::decoder::Decoder;
use crate::rdb::early_library::is_short;
use crate::rdb::error::RdbErrorKind;
use crate::rdb::item::Role;
use crate::rdb::packed::PackedForm;
use crate::rdb::primitives::{Attempt, Cursor, Halt, Peek, invalid};
use crate::rdb::sizes::{TEMPLATES, WHOLE_TEXT};
use crate::rdb::state::{AfterPacked, DecoderState, FoundItem};
use crate::rdb::text_range::TextRange;
use crate::rdb::type_table::{self, Column, Layout};
use crate::rdb::value::PackedElement;

/// The templates of a snapshot, and the one that is being read.
///
/// Templates share names, so each name is kept once: names grow from the front, templates from the back. A name is the
/// position of the previous name in its bucket (2 bytes), its length (2) and its bytes. A template is its id (8 bytes),
/// the position of the previous template in its bucket (2) and the number of its names (2); before that, towards the
/// front, are the positions of its names (2 each). A stored position is one more than the index; 0 is none.
#[derive(Debug, Clone)]
pub(super) struct Templates {
    bytes: [u8; TEMPLATES],
    /// The end of the names, and of those that complete templates use.
    names: usize,
    kept_names: usize,
    /// The beginning of the templates, and of the complete ones.
    start: usize,
    kept_start: usize,
    name_buckets: [u16; BUCKETS],
    buckets: [u16; BUCKETS],
}

/// The names of a template that are not delivered yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Names {
    pub(super) left: u64,
    /// The index behind the position of the next name.
    at: usize,
}

const BUCKETS: usize = 128;
const NAME_HEADER: usize = 4;
const HEADER: usize = 12;
/// In a template, the indexes of the previous one and of the number of its names.
const PREVIOUS: usize = 8;
const COUNT: usize = 10;

// Positions have 16 bits.
const _: () = assert!(TEMPLATES < u16::MAX as usize);

impl Templates {
    pub(super) const NONE: Self = Self {
        bytes: [0; TEMPLATES],
        names: 0,
        kept_names: 0,
        start: TEMPLATES,
        kept_start: TEMPLATES,
        name_buckets: [0; BUCKETS],
        buckets: [0; BUCKETS],
    };

    pub(super) fn part(&self, from: usize, to: usize) -> &[u8] {
        self.bytes.get(from..to).unwrap_or_default()
    }

    /// Begins a template. Drops the one before it, unless it was kept.
    fn begin(&mut self, id: u64) -> Attempt<()> {
        self.start = self.kept_start;
        self.names = self.kept_names;
        for bucket in 0..BUCKETS {
            while let Some(at) = index(self.name_buckets[bucket]).filter(|at| *at >= self.names) {
                self.name_buckets[bucket] = self.number(at);
            }
        }
        let at = self.reserve(HEADER)?;
        self.write(at, &id.to_le_bytes());
        self.write(at + PREVIOUS, &[0; HEADER - PREVIOUS]);
        Ok(())
    }

    fn push(&mut self, name: &[u8]) -> Attempt<()> {
        let position = match self.find_name(name) {
            Some(at) => at,
            None => self.add_name(name)?,
        };
        let at = self.reserve(2)?;
        self.write_number(at, position + 1);
        let count = self.kept_start - HEADER + COUNT;
        self.write_number(count, usize::from(self.number(count)) + 1);
        Ok(())
    }

    fn find_name(&self, name: &[u8]) -> Option<usize> {
        let mut next = *self.name_buckets.get(name_bucket(name))?;
        while let Some(at) = index(next) {
            let (from, to) = self.name(at);
            if self.part(from, to) == name {
                return Some(at);
            }
            next = self.number(at);
        }
        None
    }

    fn add_name(&mut self, name: &[u8]) -> Attempt<usize> {
        let at = self.names;
        let end = at + NAME_HEADER + name.len();
        if end > self.start {
            return Err(FULL);
        }
        self.names = end;
        let bucket = name_bucket(name);
        self.write(at, &self.name_buckets[bucket].to_le_bytes());
        self.write_number(at + 2, name.len());
        self.write(at + NAME_HEADER, name);
        self.name_buckets[bucket] = at as u16 + 1;
        Ok(at)
    }

    /// Keeps the template. Its id must be new.
    fn keep(&mut self) -> Attempt<()> {
        let at = self.kept_start - HEADER;
        let id = u64::from_le_bytes(self.array(at));
        if self.find(id).is_some() {
            return Err(invalid("hash template", "an id that no other template has"));
        }
        let bucket = bucket(id);
        self.write(at + PREVIOUS, &self.buckets[bucket].to_le_bytes());
        self.buckets[bucket] = at as u16 + 1;
        (self.kept_start, self.kept_names) = (self.start, self.names);
        Ok(())
    }

    /// The names of the template that was read last.
    fn last(&self) -> Names {
        self.names_of(self.kept_start - HEADER)
    }

    fn find(&self, id: u64) -> Option<Names> {
        let mut next = *self.buckets.get(bucket(id))?;
        while let Some(at) = index(next) {
            if u64::from_le_bytes(self.array(at)) == id {
                return Some(self.names_of(at));
            }
            next = self.number(at + PREVIOUS);
        }
        None
    }

    fn names_of(&self, at: usize) -> Names {
        Names { left: self.number(at + COUNT).into(), at }
    }

    /// The range of a name.
    fn name(&self, at: usize) -> (usize, usize) {
        let from = at + NAME_HEADER;
        (from, from + usize::from(self.number(at + 2)))
    }

    fn number(&self, at: usize) -> u16 {
        u16::from_le_bytes(self.array(at))
    }

    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        self.bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
    }

    /// Makes room in front of the templates. Returns its index.
    fn reserve(&mut self, count: usize) -> Attempt<usize> {
        let at = self.start.checked_sub(count).filter(|at| *at >= self.names).ok_or(FULL)?;
        self.start = at;
        Ok(at)
    }

    /// The number is below `TEMPLATES`.
    fn write_number(&mut self, at: usize, number: usize) {
        self.write(at, &(number as u16).to_le_bytes());
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        if let Some(to) = self.bytes.get_mut(at..at + bytes.len()) {
            to.copy_from_slice(bytes);
        }
    }
}

const FULL: Halt = Halt::Error(RdbErrorKind::Templates);

/// The index of a stored position.
fn index(position: u16) -> Option<usize> {
    position.checked_sub(1).map(usize::from)
}

/// Servers count the ids up from one.
fn bucket(id: u64) -> usize {
    (id % BUCKETS as u64) as usize
}

fn name_bucket(name: &[u8]) -> usize {
    let hash = name.iter().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    hash as usize % BUCKETS
}

impl Names {
    pub(super) const NONE: Self = Self { left: 0, at: 0 };

    /// The range of the next name.
    #[inline]
    pub(super) fn next(&mut self, templates: &Templates) -> Option<(usize, usize)> {
        self.left = self.left.checked_sub(1)?;
        self.at = self.at.checked_sub(2)?;
        Some(templates.name(index(templates.number(self.at))?))
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
        if self.delivers_names {
            self.template_names.left += 1;
            return self.string(cursor, Role::Field, DecoderState::TemplateNames { left });
        }
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
        if self.delivers_names {
            self.template_names.left += 1;
            return self.emit_element(cursor, Role::Field, element);
        }
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
