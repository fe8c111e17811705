//! What stands around the values: magic, opcodes, checksum, and what comes after what.

use crate::base::excerpt::Excerpt;
use crate::rdb::decoder::Decoder;
use crate::rdb::error::RdbErrorKind;
use crate::rdb::item::{Checksum, Item, Magic, ModuleId, Role};
use crate::rdb::primitives::{Ahead, Cursor, Halt, Step, invalid};
use crate::rdb::raw::AfterRaw;
use crate::rdb::state::{Stage, Upcoming};
use crate::rdb::type_table;

impl Decoder {
    /// One step. Tells whether it found an item.
    pub(super) fn step(&mut self, cursor: &mut Cursor<'_>) -> Step<bool> {
        if let Some(pending) = self.text {
            return self.piece(cursor, pending);
        }
        match self.stage {
            Stage::Magic => self.magic(cursor),
            Stage::Opcode => self.opcode(cursor),
            Stage::AuxName => self.string(cursor, Role::AuxName, Stage::AuxValue),
            Stage::AuxValue => self.string(cursor, Role::AuxValue, Stage::Opcode),
            Stage::Function => self.string(cursor, Role::Function, Stage::Opcode),
            Stage::SlotImport => self.string(cursor, Role::SlotImport, Stage::SlotRangeCount),
            Stage::SlotRangeCount => {
                let left = cursor.number(Ahead::length)?;
                self.to(Stage::SlotRange { left })
            }
            Stage::SlotRange { left: 0 } => self.to(Stage::Opcode),
            Stage::SlotRange { left } => {
                let (first, last) = cursor.number(|ahead| Ok((ahead.length()?, ahead.length()?)))?;
                self.tell(Item::SlotRange { first, last }, Stage::SlotRange { left: left - 1 })
            }
            Stage::Argument { left: 0 } => self.to(Stage::Opcode),
            Stage::Argument { left } => {
                let length = cursor.number(|ahead| line(ahead, b'$'))?;
                self.stage = Stage::ArgumentEnd { left };
                self.flow.open_plain(length);
                self.begin(cursor, Role::Argument, length)
            }
            Stage::ArgumentEnd { left } => match cursor.number(Ahead::array)? {
                [b'\r', b'\n'] => self.to(Stage::Argument { left: left - 1 }),
                _ => Err(invalid("command", "CR LF after an argument")),
            },
            Stage::KeyMetadata { left: 0 } => self.to(Stage::Opcode),
            Stage::KeyMetadata { left } => {
                let class = cursor.number(Ahead::array)?;
                let then = AfterRaw::KeyMetadata(left - 1);
                self.tell(Item::KeyMetadata { class }, Stage::Raw { left: 0, then })
            }
            Stage::Raw { left, then } => self.raw(cursor, left, then),
            Stage::KeyName => self.string(cursor, Role::KeyName, Stage::Value),
            Stage::Value => self.value(cursor, self.key.layout),
            Stage::Module => {
                let mut ahead = cursor.ahead();
                let id = ModuleId(ahead.length()?);
                let then = AfterRaw::KeyEnd;
                // The id is told here but used up with the raw bytes, of which it is a part.
                self.tell(Item::Module(id), Stage::Raw { left: ahead.used as u64, then })
            }
            Stage::KeyEnd => self.tell(Item::KeyEnd, Stage::Opcode),
            Stage::Skip { left: 0 } => self.to(self.after_skip),
            Stage::Skip { left } => {
                let count = usize::try_from(left).unwrap_or(usize::MAX).min(cursor.rest().len());
                if count == 0 {
                    return Err(Halt::Need(1));
                }
                cursor.at += count;
                self.to(Stage::Skip { left: left - count as u64 })
            }
            Stage::Checksum => self.checksum(cursor),
            Stage::Over | Stage::Failed => Err(Halt::Need(0)),
            Stage::Rows { left, column } => self.row(cursor, left, column),
            Stage::Packed(after) => self.packed(cursor, after),
            Stage::Nodes { left } => self.list_node(cursor, left),
            Stage::PlainNode { left } => self.string(cursor, Role::Element, Stage::Nodes { left }),
            _ => self.stream(cursor),
        }
    }

    fn magic(&mut self, cursor: &mut Cursor<'_>) -> Step<bool> {
        let mut ahead = cursor.ahead();
        // Whatever is no snapshot is refused at the first byte that shows it, however few bytes there are.
        let same = |magic: &[u8]| ahead.bytes.iter().zip(magic).take_while(|(found, wanted)| found == wanted).count();
        let (redis, valkey) = (same(b"REDIS"), same(b"VALKEY"));
        let shown = ahead.bytes.get(..=redis.max(valkey)).unwrap_or(ahead.bytes);
        let wrong = |shown| Err(Halt::Fault(RdbErrorKind::NotRdb(Excerpt::new(shown))));
        if redis != shown.len().min(5) && valkey != shown.len().min(6) {
            return wrong(shown);
        }
        let bytes = ahead.array()?;
        let Some(format) = type_table::magic(&bytes) else { return wrong(&bytes) };
        if !type_table::is_known(format) && !self.any_version {
            return Err(Halt::Fault(RdbErrorKind::UnknownVersion(format)));
        }
        cursor.pass(&ahead);
        self.format = format;
        self.tell(Item::Start(format), Stage::Opcode)
    }

    fn opcode(&mut self, cursor: &mut Cursor<'_>) -> Step<bool> {
        let mut ahead = cursor.ahead();
        let number = ahead.byte()?;
        if self.key.named {
            self.key = Upcoming::NONE;
        }
        let result = match (number, self.format.magic) {
            (255, _) => {
                cursor.pass(&ahead);
                self.digest(cursor);
                return self.to(Stage::Checksum);
            }
            (254, _) => {
                self.database = ahead.length()?;
                self.tell(Item::Database(self.database), Stage::Opcode)
            }
            (253, _) => {
                let seconds = i32::from_le_bytes(ahead.array()?);
                self.key.expire_at_ms = Some(i64::from(seconds) * 1000);
                Ok(false)
            }
            (252, _) => {
                self.key.expire_at_ms = Some(ahead.i64()?);
                Ok(false)
            }
            (251, _) => {
                let (keys, expires) = (ahead.length()?, ahead.length()?);
                self.tell(Item::Sizes { keys, expires }, Stage::Opcode)
            }
            (250, _) => self.to(Stage::AuxName),
            (249, _) => {
                self.key.frequency = Some(ahead.byte()?);
                Ok(false)
            }
            (248, _) => {
                self.key.idle_s = Some(ahead.length()?);
                Ok(false)
            }
            (247, _) => {
                let (module, opcode, when) = (ModuleId(ahead.length()?), ahead.length()?, ahead.length()?);
                if opcode != 2 {
                    return Err(invalid("module's data", "an unsigned number (2) that says when it is loaded"));
                }
                self.tell(Item::ModuleAux { module, when }, Stage::Raw { left: 0, then: AfterRaw::Opcode })
            }
            (245, _) => self.to(Stage::Function),
            (244, _) => {
                let (slot, keys, expires) = (ahead.length()?, ahead.length()?, ahead.length()?);
                self.tell(Item::Slot { slot, keys, expires }, Stage::Opcode)
            }
            (243, Magic::Redis) => {
                let left = ahead.length()?;
                self.to(Stage::KeyMetadata { left })
            }
            (243, Magic::Valkey) => self.to(Stage::SlotImport),
            (242, Magic::Valkey) => {
                let argc = line(&mut ahead, b'*')?;
                self.tell(Item::Command { argc }, Stage::Argument { left: argc })
            }
            (number, magic) => {
                let format = self.format;
                if let Some(why) = type_table::refused(magic, number) {
                    return Err(Halt::Fault(RdbErrorKind::Refused { number, format, why }));
                }
                let Some((kind, layout)) = type_table::layout(magic, number) else {
                    let expected = type_table::expected(format);
                    return Err(Halt::Fault(RdbErrorKind::UnknownNumber { number, format, expected }));
                };
                self.key = Upcoming { number, kind, layout, named: true, ..self.key };
                self.to(Stage::KeyName)
            }
        };
        cursor.pass(&ahead);
        result
    }

    fn checksum(&mut self, cursor: &mut Cursor<'_>) -> Step<bool> {
        if self.format.version < 5 {
            return self.tell(Item::End(Checksum::Absent), Stage::Over);
        }
        let mut ahead = cursor.ahead();
        let stored = u64::from_le_bytes(ahead.array()?);
        let computed = self.crc.value();
        let checksum = match stored {
            0 => Checksum::Absent,
            _ if self.ignore_checksum => Checksum::Ignored,
            _ if stored == computed => Checksum::Verified,
            _ => return Err(Halt::Fault(RdbErrorKind::Checksum { stored, computed })),
        };
        cursor.pass(&ahead);
        self.tell(Item::End(checksum), Stage::Over)
    }

    /// After a fault: goes on behind the string it is in, if that is allowed and its end is known. Gives the length of the string.
    pub(super) fn pass_over(&mut self) -> Option<u64> {
        let after = match (self.text, self.stage) {
            _ if !self.skip_damaged => return None,
            (_, Stage::Packed(after)) => after.stage(),
            (Some(pending), stage) if pending.role != Role::KeyName => stage,
            _ => return None,
        };
        let (left, bytes) = (self.flow.input_left(), self.flow.encoded());
        self.flow.close();
        self.text = None;
        self.after_skip = after;
        self.stage = Stage::Skip { left };
        Some(bytes)
    }

    /// What is awaited, for a person.
    pub(super) fn awaited(&self) -> &'static str {
        match self.stage {
            Stage::Magic => "REDIS or VALKEY and a version",
            Stage::Opcode => "a key or the end",
            Stage::AuxName | Stage::AuxValue => "an auxiliary field",
            Stage::Function => "a function library",
            Stage::KeyName => "a key's name",
            Stage::Checksum => "the checksum",
            Stage::Over | Stage::Failed => "nothing",
            _ => "the rest of a value",
        }
    }
}

/// A count or length of RESP: the type byte, digits, CR LF.
fn line(ahead: &mut Ahead<'_>, kind: u8) -> Step<u64> {
    if ahead.byte()? != kind {
        return Err(invalid("command", "an array of bulk strings"));
    }
    let mut value: Option<u64> = None;
    loop {
        match ahead.byte()? {
            digit @ b'0'..=b'9' => {
                let next = value.unwrap_or(0).checked_mul(10).and_then(|v| v.checked_add(u64::from(digit - b'0')));
                value = Some(next.ok_or(invalid("command", "a count or length of 64 bits"))?);
            }
            b'\r' => break,
            _ => return Err(invalid("command", "digits and CR LF")),
        }
    }
    match (ahead.byte()?, value) {
        (b'\n', Some(value)) => Ok(value),
        _ => Err(invalid("command", "digits and CR LF")),
    }
}
