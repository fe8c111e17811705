//! Strings in all their encodings: plain, integer, compressed.

use crate::base::excerpt::Excerpt;
use crate::rdb::decoder::Decoder;
use crate::rdb::item::{Item, Role};
use crate::rdb::packed::{PackedForm, PackedWalk};
use crate::rdb::primitives::{Attempt, Cursor, Halt, StringHeader, invalid};
use crate::rdb::sizes::WHOLE_TEXT;
use crate::rdb::state::{AfterPacked, DecoderState, FoundItem, PendingText};
use crate::rdb::template_memory::TemplateMemory;
use crate::rdb::text_range::TextRange;

impl<M: TemplateMemory> Decoder<M> {
    #[inline]
    pub(super) fn emit(&mut self, item: Item<'static>, next: DecoderState) -> Attempt<bool> {
        self.state = next;
        self.found = FoundItem::Item(item);
        Ok(true)
    }

    #[inline]
    pub(super) fn advance_to(&mut self, next: DecoderState) -> Attempt<bool> {
        self.state = next;
        Ok(false)
    }

    /// Reads a string. `next` is the state after it.
    #[inline]
    pub(super) fn string(&mut self, cursor: &mut Cursor<'_>, role: Role, next: DecoderState) -> Attempt<bool> {
        let mut peek = cursor.peek();
        let header = peek.header()?;
        match header {
            StringHeader::Plain(length) if length <= WHOLE_TEXT as u64 => {
                let start = cursor.at + peek.used;
                let end = start + length as usize;
                if end > cursor.input.len() {
                    return Err(Halt::Need(end - cursor.input.len()));
                }
                cursor.at = end;
                self.state = next;
                self.found = FoundItem::Text { role, range: TextRange::Input(start, end), at: 0, length };
                Ok(true)
            }
            StringHeader::Integer(value) => {
                cursor.pass(&peek);
                self.state = next;
                self.integer(role, value)
            }
            StringHeader::Plain(length) => {
                cursor.pass(&peek);
                self.state = next;
                self.window.open_plain(length);
                self.begin(cursor, role, length)
            }
            StringHeader::Lzf { packed, length } => {
                cursor.pass(&peek);
                self.state = next;
                self.window.open_lzf(packed, length, self.offset + cursor.at as u64);
                self.begin(cursor, role, length)
            }
        }
    }

    pub(super) fn integer(&mut self, role: Role, value: i64) -> Attempt<bool> {
        self.decimal.set(value);
        self.found =
            FoundItem::Text { role, range: TextRange::Number, at: 0, length: self.decimal.text().len() as u64 };
        Ok(true)
    }

    /// The text that servers show for a floating-point number in an array: its shortest decimals, with a point and
    /// without an exponent.
    pub(super) fn double(&mut self, role: Role, value: f64) -> Attempt<bool> {
        /// More than the decimals of any number.
        const LONGEST: usize = 400;
        let mut text = Excerpt::<LONGEST>::of(value);
        if value.is_finite() && !text.as_bytes().contains(&b'.') {
            text.append(b".0");
        }
        let length = self.window.fill(text.as_bytes(), b"");
        self.found = FoundItem::Text { role, range: TextRange::Window(0, length), at: 0, length: length as u64 };
        Ok(true)
    }

    /// Begins a string whose bytes are in the window.
    pub(super) fn begin(&mut self, cursor: &mut Cursor<'_>, role: Role, length: u64) -> Attempt<bool> {
        let pending = PendingText { role, length, done: 0, before: 0, unwanted: false };
        self.text = Some(pending);
        self.piece(cursor, pending)
    }

    /// Delivers the next piece of a string, or the whole string if it is short.
    pub(super) fn piece(&mut self, cursor: &mut Cursor<'_>, pending: PendingText) -> Attempt<bool> {
        let PendingText { role, length, done, before, unwanted } = pending;
        let left = usize::try_from(length - done).unwrap_or(usize::MAX);
        let want = if length <= WHOLE_TEXT as u64 { left } else { 1 };
        let (bytes, range) = self.window.available(cursor, want)?;
        let count = bytes.len().min(left);
        self.window.take(cursor, count);
        let now = done + count as u64;
        if self.window.left() == 0 {
            self.window.end()?;
        }
        self.text = (now < length).then_some(PendingText { done: now, ..pending });
        if unwanted {
            return Ok(false);
        }
        self.found = FoundItem::Text { role, range: range.part(0, count), at: before + done, length: before + length };
        Ok(true)
    }

    /// Reads the header of a packed string and begins the walk through it. `after` is the part after the string.
    pub(super) fn open(&mut self, cursor: &mut Cursor<'_>, form: PackedForm, after: AfterPacked) -> Attempt<bool> {
        let header = cursor.number(|peek| match peek.header()? {
            StringHeader::Integer(_) => Err(invalid("packed value", "a string, found an integer")),
            header => Ok(header),
        })?;
        let total = match header {
            StringHeader::Plain(length) => {
                self.window.open_plain(length);
                length
            }
            StringHeader::Lzf { packed, length } => {
                self.window.open_lzf(packed, length, self.offset + cursor.at as u64);
                length
            }
            StringHeader::Integer(_) => 0,
        };
        self.walk = PackedWalk::new(form, total);
        self.column = 0;
        self.advance_to(DecoderState::Packed(after))
    }
}
