//! The frame of a snapshot: magic, opcodes, checksum, and the order of the steps.

use crate::base::compression::{Compression, Recognized};
use crate::base::excerpt::Excerpt;
use crate::rdb::decoder::Decoder;
use crate::rdb::error::RdbErrorKind;
use crate::rdb::format::Magic;
use crate::rdb::item::{Checksum, Item, ModuleId, Role};
use crate::rdb::primitives::{Attempt, Cursor, Halt, Peek, invalid};
use crate::rdb::state::{AfterPacked, AfterRaw};
use crate::rdb::state::{DecoderState, FoundItem, LibraryPart, UpcomingKey};
use crate::rdb::template_memory::TemplateMemory;
use crate::rdb::template_table::Templates;
use crate::rdb::type_table;
use crate::rdb::type_table::Layout;

impl<M: TemplateMemory> Decoder<M> {
    /// One step. Returns whether it found an item.
    pub(super) fn step(&mut self, cursor: &mut Cursor<'_>) -> Attempt<bool> {
        if let Some(pending) = self.text {
            let found = self.piece(cursor, pending)?;
            return if self.is_in_names() { self.keep_name(cursor, found) } else { Ok(found) };
        }
        match self.state {
            DecoderState::Magic => self.magic(cursor),
            DecoderState::Opcode => self.opcode(cursor),
            DecoderState::AuxName => {
                let found = self.string(cursor, Role::AuxName, DecoderState::AuxValue)?;
                self.begin_writer(cursor);
                Ok(found)
            }
            DecoderState::AuxValue => {
                let found = self.string(cursor, Role::AuxValue, DecoderState::Opcode)?;
                self.end_writer(cursor);
                Ok(found)
            }
            DecoderState::Function => self.string(cursor, Role::Function, DecoderState::Opcode),
            DecoderState::Library(part) => self.early_library(cursor, part),
            DecoderState::SlotImport => self.string(cursor, Role::SlotImport, DecoderState::SlotRangeCount),
            DecoderState::SlotRangeCount => {
                let left = cursor.number(Peek::length)?;
                self.advance_to(DecoderState::SlotRange { left })
            }
            DecoderState::SlotRange { left: 0 } => self.advance_to(DecoderState::Opcode),
            DecoderState::SlotRange { left } => {
                let (first, last) = cursor.number(|peek| Ok((peek.length()?, peek.length()?)))?;
                self.emit(Item::SlotRange { first, last }, DecoderState::SlotRange { left: left - 1 })
            }
            DecoderState::Argument { left: 0 } => self.advance_to(DecoderState::Opcode),
            DecoderState::Argument { left } => {
                let length = cursor.number(|peek| line(peek, b'$'))?;
                self.state = DecoderState::ArgumentEnd { left };
                self.window.open_plain(length);
                self.begin(cursor, Role::Argument, length)
            }
            DecoderState::ArgumentEnd { left } => match cursor.number(Peek::array)? {
                [b'\r', b'\n'] => self.advance_to(DecoderState::Argument { left: left - 1 }),
                _ => Err(invalid("command", "CR LF after an argument")),
            },
            DecoderState::KeyMetadata { left: 0 } => self.advance_to(DecoderState::Opcode),
            DecoderState::KeyMetadata { left } => {
                let class = cursor.number(Peek::array)?;
                let then = AfterRaw::KeyMetadata(left - 1);
                self.emit(Item::KeyMetadata { class }, DecoderState::Raw { left: 0, then })
            }
            DecoderState::Raw { left, then } => self.raw(cursor, left, then),
            DecoderState::KeyName => self.string(cursor, Role::KeyName, DecoderState::Value),
            DecoderState::Value => self.value(cursor, self.key.layout),
            DecoderState::Module => {
                let mut peek = cursor.peek();
                let id = ModuleId(peek.length()?);
                let then = AfterRaw::KeyEnd;
                // The id is delivered here, and its bytes are used up with the raw bytes, which include them.
                self.emit(Item::Module(id), DecoderState::Raw { left: peek.used as u64, then })
            }
            DecoderState::KeyEnd => self.emit(Item::KeyEnd, DecoderState::Opcode),
            DecoderState::Skip { left: 0 } => self.advance_to(self.after_skip),
            DecoderState::Skip { left } => {
                let count = usize::try_from(left).unwrap_or(usize::MAX).min(cursor.rest().len());
                if count == 0 {
                    return Err(Halt::Need(1));
                }
                cursor.at += count;
                self.advance_to(DecoderState::Skip { left: left - count as u64 })
            }
            DecoderState::Checksum => self.checksum(cursor),
            DecoderState::Finished | DecoderState::Failed => Err(Halt::Need(0)),
            DecoderState::TemplateNames { left } => self.template_name(cursor, left),
            DecoderState::TemplatedValues => {
                let is_packed = matches!(self.key.layout, Layout::Templated { is_packed: true, .. });
                self.templated_values(cursor, is_packed)
            }
            DecoderState::Paths { .. }
            | DecoderState::Path { .. }
            | DecoderState::PathField { .. }
            | DecoderState::PathValue { .. } => self.path_hash(cursor),
            DecoderState::Rows { left, column } => self.row(cursor, left, column),
            DecoderState::Packed(after) => self.packed(cursor, after),
            DecoderState::Nodes { left } => self.list_node(cursor, left),
            DecoderState::PlainNode { left } => self.string(cursor, Role::Element, DecoderState::Nodes { left }),
            _ => self.stream(cursor),
        }
    }

    fn magic(&mut self, cursor: &mut Cursor<'_>) -> Attempt<bool> {
        let mut peek = cursor.peek();
        // A wrong magic is refused at its first wrong byte, however few bytes are buffered.
        let same = |magic: &[u8]| peek.bytes.iter().zip(magic).take_while(|(found, wanted)| found == wanted).count();
        let (redis, valkey) = (same(b"REDIS"), same(b"VALKEY"));
        let shown = peek.bytes.get(..=redis.max(valkey)).unwrap_or(peek.bytes);
        let wrong = |shown| Err(Halt::Error(RdbErrorKind::NotRdb(Excerpt::new(shown))));
        if redis != shown.len().min(5) && valkey != shown.len().min(6) {
            return match Compression::recognize(peek.bytes) {
                Recognized::Compressed(compression) => Err(Halt::Error(RdbErrorKind::Compressed(compression))),
                Recognized::Undecided => Err(Halt::Need(1)),
                Recognized::Plain => wrong(shown),
            };
        }
        let bytes = peek.array()?;
        let format = type_table::magic(&bytes).map_err(Halt::Error)?;
        cursor.pass(&peek);
        self.format = format;
        self.emit(Item::Start(format), DecoderState::Opcode)
    }

    fn opcode(&mut self, cursor: &mut Cursor<'_>) -> Attempt<bool> {
        let mut peek = cursor.peek();
        let number = peek.byte()?;
        if self.key.named {
            self.key = UpcomingKey::NONE;
        }
        let found = match (number, self.format.magic) {
            (255, _) => {
                cursor.pass(&peek);
                self.update_checksum(cursor);
                return self.advance_to(DecoderState::Checksum);
            }
            (254, _) => {
                self.database = u32::try_from(peek.length()?)
                    .map_err(|_| invalid("database number", "a number of at most 32 bits"))?;
                self.emit(Item::Database(self.database), DecoderState::Opcode)
            }
            (253, _) => {
                let seconds = i32::from_le_bytes(peek.array()?);
                self.key.expire_at_ms = Some(i64::from(seconds) * 1000);
                Ok(false)
            }
            (252, _) => {
                self.key.expire_at_ms = Some(peek.i64()?);
                Ok(false)
            }
            (251, _) => {
                let (keys, expires) = (peek.length()?, peek.length()?);
                self.emit(Item::Sizes { keys, expires }, DecoderState::Opcode)
            }
            (250, _) => self.advance_to(DecoderState::AuxName),
            (249, _) => {
                self.key.frequency = Some(peek.byte()?);
                Ok(false)
            }
            (248, _) => {
                self.key.idle_s = Some(peek.length()?);
                Ok(false)
            }
            (247, _) => {
                let (module, opcode, when) = (ModuleId(peek.length()?), peek.length()?, peek.length()?);
                if opcode != 2 {
                    return Err(invalid("module's data", "an unsigned number (2): the time when it is loaded"));
                }
                self.emit(Item::ModuleAux { module, when }, DecoderState::Raw { left: 0, then: AfterRaw::Opcode })
            }
            (245, _) => self.advance_to(DecoderState::Function),
            (244, _) => {
                let (slot, keys, expires) = (peek.length()?, peek.length()?, peek.length()?);
                self.emit(Item::Slot { slot, keys, expires }, DecoderState::Opcode)
            }
            (243, Magic::Redis) => {
                let left = peek.length()?;
                self.advance_to(DecoderState::KeyMetadata { left })
            }
            (243, Magic::Valkey) => self.advance_to(DecoderState::SlotImport),
            (242, Magic::Valkey) => {
                let argc = line(&mut peek, b'*')?;
                self.emit(Item::Command { argc }, DecoderState::Argument { left: argc })
            }
            (242, Magic::Redis) if type_table::is_opcode(self.format, number) => {
                let (id, names) = (peek.length()?, peek.length()?);
                self.template(id, names)
            }
            (241, Magic::Redis) if type_table::is_opcode(self.format, number) => {
                self.key.no_evict = true;
                Ok(false)
            }
            (246, Magic::Redis) => self.advance_to(DecoderState::Library(LibraryPart::Name)),
            (107 | 121, Magic::Redis) => {
                let value = peek.length()?;
                self.emit(Item::Foreign { number, value }, DecoderState::Opcode)
            }
            (number, _) => self.value_type(number),
        }?;
        cursor.pass(&peek);
        Ok(found)
    }

    /// Begins a key with a value of this type.
    pub(super) fn value_type(&mut self, number: u8) -> Attempt<bool> {
        let (format, writer) = (self.format, self.writer);
        if let Some(why) = type_table::refused(format, number) {
            return Err(Halt::Error(RdbErrorKind::Refused { number, format, writer, why }));
        }
        let Some((kind, layout)) = type_table::layout(format, number) else {
            return Err(Halt::Error(RdbErrorKind::UnknownNumber { number, format, writer }));
        };
        self.key = UpcomingKey { number, kind, layout, named: true, ..self.key };
        self.advance_to(DecoderState::KeyName)
    }

    /// After the name of an auxiliary field: whether its value is the version of the server.
    fn begin_writer(&mut self, cursor: &Cursor<'_>) {
        self.in_writer = false;
        if let FoundItem::Text { range, .. } = self.found {
            let name = self.bytes(range, cursor.input);
            if matches!(name, b"redis-ver" | b"valkey-ver") {
                let mut writer = Excerpt::new(name);
                writer.append(b" ");
                (self.writer, self.in_writer) = (writer, true);
            }
        }
    }

    /// After the value of an auxiliary field.
    fn end_writer(&mut self, cursor: &Cursor<'_>) {
        if let (true, FoundItem::Text { range, .. }) = (core::mem::take(&mut self.in_writer), self.found) {
            let mut writer = self.writer;
            writer.append(self.bytes(range, cursor.input));
            self.writer = writer;
        }
    }

    fn checksum(&mut self, cursor: &mut Cursor<'_>) -> Attempt<bool> {
        if self.format.version < 5 {
            return self.end(Checksum::Absent);
        }
        let mut peek = cursor.peek();
        let stored = u64::from_le_bytes(peek.array()?);
        let computed = self.crc.value();
        let checksum = match stored {
            0 => Checksum::Absent,
            _ if self.ignore_checksum => Checksum::Ignored,
            _ if stored == computed => Checksum::Verified,
            _ => return Err(Halt::Error(RdbErrorKind::Checksum { stored, computed })),
        };
        cursor.pass(&peek);
        self.end(checksum)
    }

    fn end(&mut self, checksum: Checksum) -> Attempt<bool> {
        self.templates = Templates::new(self.templates.take_memory());
        self.emit(Item::End(checksum), DecoderState::Finished)
    }

    /// After an error: skips the current string, if that is allowed and its end is known. Returns the length of the
    /// string.
    pub(super) fn skip_damage(&mut self) -> Option<u64> {
        let after = match (self.text, self.state) {
            _ if !self.skip_damaged => return None,
            // Without one of the names, the values would be those of other fields.
            (_, DecoderState::TemplateNames { .. } | DecoderState::Packed(AfterPacked::TemplateNames)) => return None,
            (_, DecoderState::Packed(after)) => after.state(),
            (Some(pending), state) if pending.role != Role::KeyName => state,
            _ => return None,
        };
        let (left, bytes) = (self.window.input_left(), self.window.encoded());
        self.window.close();
        self.text = None;
        self.after_skip = after;
        self.state = DecoderState::Skip { left };
        Some(bytes)
    }

    /// The missing part, for the message of an error.
    pub(super) fn awaited(&self) -> &'static str {
        match self.state {
            DecoderState::Magic => "REDIS or VALKEY and a version",
            DecoderState::Opcode => "a key or the end",
            DecoderState::AuxName | DecoderState::AuxValue => "an auxiliary field",
            DecoderState::Function | DecoderState::Library(_) => "a function library",
            DecoderState::KeyName => "a key's name",
            DecoderState::Checksum => "the checksum",
            DecoderState::Finished | DecoderState::Failed => "nothing",
            _ => "the rest of a value",
        }
    }
}

/// Reads a count or length of RESP: the type byte, digits, CR LF.
fn line(peek: &mut Peek<'_>, kind: u8) -> Attempt<u64> {
    if peek.byte()? != kind {
        return Err(invalid("command", "an array of bulk strings"));
    }
    let mut value: Option<u64> = None;
    loop {
        match peek.byte()? {
            digit @ b'0'..=b'9' => {
                let next = value.unwrap_or(0).checked_mul(10).and_then(|v| v.checked_add(u64::from(digit - b'0')));
                value = Some(next.ok_or(invalid("command", "a count or length of 64 bits"))?);
            }
            b'\r' => break,
            _ => return Err(invalid("command", "digits and CR LF")),
        }
    }
    match (peek.byte()?, value) {
        (b'\n', Some(value)) => Ok(value),
        _ => Err(invalid("command", "digits and CR LF")),
    }
}
