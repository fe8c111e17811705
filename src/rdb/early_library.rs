//! Function libraries of release candidates of Redis 7.0.
//!
//! They store the name, the engine and a description apart from the code. Redis 7.0 loads them: it puts the engine and
//! the name into a first line of the code, where later versions store them, and drops the description.

use crate::base::excerpt::Excerpt;
use crate::rdb::decoder::Decoder;
use crate::rdb::item::Role;
use crate::rdb::primitives::{Attempt, Cursor, Halt, Peek, StringHeader, invalid};
use crate::rdb::sizes::WHOLE_TEXT;
use crate::rdb::state::{DecoderState, FoundItem, LibraryPart};
use crate::rdb::template_memory::TemplateMemory;
use crate::rdb::text_range::TextRange;

/// The longest name or engine, in bytes.
const LONGEST: usize = 200;

impl<M: TemplateMemory> Decoder<M> {
    /// Reads the next part. Only the code is delivered, with its first line.
    pub(super) fn early_library(&mut self, cursor: &mut Cursor<'_>, part: LibraryPart) -> Attempt<bool> {
        use DecoderState::Library;
        match part {
            LibraryPart::Name => {
                let name = self.word(cursor, LibraryPart::Engine)?;
                self.names.clear();
                self.names.push(name.as_bytes());
                Ok(false)
            }
            LibraryPart::Engine => {
                let engine = self.word(cursor, LibraryPart::HasDescription)?;
                let mut line = Excerpt::<{ 2 * LONGEST + 16 }>::new(b"#!");
                for part in [engine.as_bytes(), b" name=", self.line(), b"\n"] {
                    line.append(part);
                }
                self.names.clear();
                self.names.push(line.as_bytes());
                Ok(false)
            }
            LibraryPart::HasDescription => match cursor.number(Peek::length)? {
                0 => self.advance_to(Library(LibraryPart::Code)),
                _ => self.advance_to(Library(LibraryPart::Description)),
            },
            LibraryPart::Description => {
                let found = self.string(cursor, Role::Function, Library(LibraryPart::Code));
                self.found = FoundItem::Nothing;
                if let Some(rest) = &mut self.text {
                    rest.unwanted = true;
                }
                found.map(|_| false)
            }
            LibraryPart::Code => self.code(cursor),
            LibraryPart::LongCode => {
                let (found, line) =
                    (self.string(cursor, Role::Function, DecoderState::Opcode), self.line().len() as u64);
                if let FoundItem::Text { at, length, .. } = &mut self.found {
                    *at += line;
                    *length += line;
                }
                if let Some(rest) = &mut self.text {
                    rest.before = line;
                }
                found
            }
        }
    }

    /// The name of the library, or its first line.
    fn line(&self) -> &[u8] {
        let (from, to) = self.names.name(0);
        self.names.part(from, to)
    }

    /// Reads a short string, which is not delivered.
    fn word(&mut self, cursor: &mut Cursor<'_>, next: LibraryPart) -> Attempt<Excerpt<LONGEST>> {
        if !is_short(cursor, LONGEST)? {
            return Err(invalid("name or engine of a function library", "at most 200 bytes"));
        }
        self.string(cursor, Role::Function, DecoderState::Library(next))?;
        let word = match self.found {
            FoundItem::Text { range, .. } => Excerpt::new(self.bytes(range, cursor.input)),
            _ => Excerpt::EMPTY,
        };
        self.found = FoundItem::Nothing;
        Ok(word)
    }

    /// Delivers the code in one text with its first line, or only that line if the code is long.
    fn code(&mut self, cursor: &mut Cursor<'_>) -> Attempt<bool> {
        let (from, to) = self.names.name(0);
        if !is_short(cursor, WHOLE_TEXT)? {
            let (StringHeader::Plain(code) | StringHeader::Lzf { length: code, .. }) = cursor.peek().header()? else {
                return Ok(false);
            };
            let length = code.saturating_add((to - from) as u64);
            self.found = FoundItem::Text { role: Role::Function, range: TextRange::Names(from, to), at: 0, length };
            self.state = DecoderState::Library(LibraryPart::LongCode);
            return Ok(true);
        }
        self.string(cursor, Role::Function, DecoderState::Opcode)?;
        let FoundItem::Text { role, range, .. } = self.found else { return Ok(false) };
        let line = self.names.part(from, to);
        let end = match range {
            TextRange::Window(from, to) => self.window.prepend(line, from, to),
            TextRange::Input(from, to) => self.window.fill(line, cursor.input.get(from..to).unwrap_or_default()),
            TextRange::Number | TextRange::Names(..) | TextRange::Templates(..) => {
                self.window.fill(line, self.decimal.text())
            }
        };
        self.found = FoundItem::Text { role, range: TextRange::Window(0, end), at: 0, length: end as u64 };
        Ok(true)
    }
}

/// Whether the next string has at most `most` bytes. Then all of them are buffered.
pub(super) fn is_short(cursor: &Cursor<'_>, most: usize) -> Attempt<bool> {
    let mut peek = cursor.peek();
    let encoded = match peek.header()? {
        StringHeader::Plain(length) if length <= most as u64 => length,
        StringHeader::Lzf { packed, length } if packed.max(length) <= most as u64 => packed,
        StringHeader::Integer(_) => 0,
        StringHeader::Plain(_) | StringHeader::Lzf { .. } => return Ok(false),
    };
    let missing = (peek.used as u64 + encoded).saturating_sub(cursor.rest().len() as u64);
    if missing > 0 { Err(Halt::Need(missing as usize)) } else { Ok(true) }
}
