//! Strings, which come alike wherever they stand: plain, as an integer, compressed.

use crate::rdb::WHOLE_TEXT;
use crate::rdb::decoder::Decoder;
use crate::rdb::item::{Item, Role};
use crate::rdb::lzf::Place;
use crate::rdb::packed::{Form, Walk};
use crate::rdb::primitives::{Cursor, Halt, Header, Step, invalid};
use crate::rdb::state::{AfterPacked, Found, Pending, Stage};

impl Decoder {
    #[inline]
    pub(super) fn tell(&mut self, item: Item<'static>, next: Stage) -> Step<bool> {
        self.stage = next;
        self.found = Found::Item(item);
        Ok(true)
    }

    #[inline]
    pub(super) fn to(&mut self, next: Stage) -> Step<bool> {
        self.stage = next;
        Ok(false)
    }

    /// A string; `next` comes after it.
    #[inline]
    pub(super) fn string(&mut self, cursor: &mut Cursor<'_>, role: Role, next: Stage) -> Step<bool> {
        let mut ahead = cursor.ahead();
        let header = ahead.header()?;
        match header {
            Header::Plain(length) if length <= WHOLE_TEXT as u64 => {
                let start = cursor.at + ahead.used;
                let end = start + length as usize;
                if end > cursor.input.len() {
                    return Err(Halt::Need(end - cursor.input.len()));
                }
                cursor.at = end;
                self.stage = next;
                self.found = Found::Text { role, place: Place::Input(start, end), at: 0, length };
                Ok(true)
            }
            Header::Integer(value) => {
                cursor.pass(&ahead);
                self.stage = next;
                self.integer(role, value)
            }
            Header::Plain(length) => {
                cursor.pass(&ahead);
                self.stage = next;
                self.flow.open_plain(length);
                self.begin(cursor, role, length)
            }
            Header::Lzf { packed, length } => {
                cursor.pass(&ahead);
                self.stage = next;
                self.flow.open_lzf(packed, length, self.offset + cursor.at as u64);
                self.begin(cursor, role, length)
            }
        }
    }

    pub(super) fn integer(&mut self, role: Role, value: i64) -> Step<bool> {
        self.digits.set(value);
        self.found = Found::Text { role, place: Place::Number, at: 0, length: self.digits.text().len() as u64 };
        Ok(true)
    }

    /// A string of the present flow begins.
    pub(super) fn begin(&mut self, cursor: &mut Cursor<'_>, role: Role, length: u64) -> Step<bool> {
        let pending = Pending { role, length, done: 0, unwanted: false };
        self.text = Some(pending);
        self.piece(cursor, pending)
    }

    /// The next piece of a string, or the whole if it is short.
    pub(super) fn piece(&mut self, cursor: &mut Cursor<'_>, pending: Pending) -> Step<bool> {
        let Pending { role, length, done, unwanted } = pending;
        let left = usize::try_from(length - done).unwrap_or(usize::MAX);
        let want = if length <= WHOLE_TEXT as u64 { left } else { 1 };
        let (bytes, place) = self.flow.available(cursor, want)?;
        let count = bytes.len().min(left);
        self.flow.take(cursor, count);
        let now = done + count as u64;
        if self.flow.left() == 0 {
            self.flow.end()?;
        }
        self.text = (now < length).then_some(Pending { done: now, ..pending });
        if unwanted {
            return Ok(false);
        }
        self.found = Found::Text { role, place: place.part(0, count), at: done, length };
        Ok(true)
    }

    /// The header of a packed string: its walk begins, `after` comes behind it.
    pub(super) fn open(&mut self, cursor: &mut Cursor<'_>, form: Form, after: AfterPacked) -> Step<bool> {
        let header = cursor.number(|ahead| match ahead.header()? {
            Header::Integer(_) => Err(invalid("packed value", "a string, found an integer")),
            header => Ok(header),
        })?;
        let total = match header {
            Header::Plain(length) => {
                self.flow.open_plain(length);
                length
            }
            Header::Lzf { packed, length } => {
                self.flow.open_lzf(packed, length, self.offset + cursor.at as u64);
                length
            }
            Header::Integer(_) => 0,
        };
        self.walk = Walk::new(form, total);
        self.column = 0;
        self.to(Stage::Packed(after))
    }
}
