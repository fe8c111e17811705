//! The payload of `DUMP` and `FUNCTION DUMP`, which `RESTORE`, `RESTORE-ASKING` and `FUNCTION RESTORE` carry.
//!
//! A payload is a type byte and a value, or function libraries, then two bytes with the version and eight with the
//! checksum. It has no magic: Valkey's versions begin at 80. Source: the servers' `cluster.c` (`createDumpPayload`,
//! `verifyDumpPayload`) and `functions.c`.

use crate::rdb::crc64::Crc64;
use crate::rdb::decoder::Decoder;
use crate::rdb::error::{RdbError, RdbErrorKind};
use crate::rdb::format::{Format, Magic};
use crate::rdb::item::{Checksum, Item, Role};
use crate::rdb::primitives::{Attempt, Cursor, Halt, Peek, invalid};
use crate::rdb::state::{DecoderState, FoundItem};
use crate::rdb::text_range::TextRange;

/// Reads one payload of `DUMP` or `FUNCTION DUMP`, with the items of a [`Decoder`].
///
/// The items are those of a snapshot: [`Item::Start`], the key with its elements, [`Item::End`]. A payload has no name,
/// database or expiry: the name of its [`Item::Key`] is empty, and `RESTORE` has the others as arguments. A payload of
/// `FUNCTION DUMP` has a [`Role::Function`] for each library instead.
///
/// The size is that of two [`Decoder`]s, about 106 KiB. Items borrow from the payload and from this value, until the
/// next call.
///
/// ```
/// use redtail::rdb::{Checksum, Dump, Item};
///
/// // DUMP of the string "abc" by Redis 6.2.
/// let payload = b"\x00\x03abc\x09\x00\x09^a\xf1\x15\xf4\xc1S";
/// let mut dump = Dump::new(payload)?;
/// assert_eq!(dump.format().to_string(), "REDIS0009");
/// assert_eq!(dump.checksum(), Checksum::Verified);
/// while let Some(item) = dump.next_item()? {
///     if let Item::Text(text) = item {
///         assert_eq!(text.bytes, b"abc");
///     }
/// }
/// # Ok::<(), redtail::rdb::RdbError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Dump<'a> {
    decoder: Decoder,
    /// Reads the field names in front of the values of a hash (Redis 8.10) once more, each when its value is due. So no
    /// number of them needs memory.
    names: Decoder,
    /// The payload up to its version.
    payload: &'a [u8],
    /// The index of the next byte for `decoder` and for `names`.
    at: usize,
    names_at: usize,
    format: Format,
    checksum: Checksum,
    part: Part,
}

/// The part of the payload that is delivered next.
#[derive(Debug, Clone, Copy)]
enum Part {
    Start,
    /// The type of the value, metadata before it, or the first library.
    Type,
    /// A key without its end.
    Value,
    /// A library was read. Only libraries may follow.
    Functions,
    Finished,
    Failed(RdbError),
}

const FIRST_OF_VALKEY: u16 = 80;
const FUNCTION: u8 = 245;
const KEY_METADATA: u8 = 243;

impl<'a> Dump<'a> {
    /// A reader of this payload, whose checksum is verified here. A checksum of 0 means none: servers accept it, and
    /// slot migrations send it.
    ///
    /// A version newer than this decoder is no error: a type or an encoding that it does not know is.
    ///
    /// # Errors
    /// [`RdbErrorKind::Truncated`] for less than a type, a version and a checksum, and [`RdbErrorKind::Checksum`].
    pub fn new(payload: &'a [u8]) -> Result<Self, RdbError> {
        let short = || {
            let kind = RdbErrorKind::Truncated("a type, a value, two bytes of version and eight of checksum");
            RdbError { kind, offset: payload.len() as u64 }
        };
        let (signed, stored) = payload.split_last_chunk::<8>().ok_or_else(short)?;
        let (rest, version) = signed.split_last_chunk::<2>().ok_or_else(short)?;
        if rest.is_empty() {
            return Err(short());
        }
        let version = u16::from_le_bytes(*version);
        let magic = if version < FIRST_OF_VALKEY { Magic::Redis } else { Magic::Valkey };
        let format = Format { magic, version };
        let checksum = match u64::from_le_bytes(*stored) {
            0 => Checksum::Absent,
            stored => {
                let computed = Crc64::new().update(signed).value();
                if stored != computed {
                    let kind = RdbErrorKind::Checksum { stored, computed };
                    return Err(RdbError { kind, offset: signed.len() as u64 });
                }
                Checksum::Verified
            }
        };
        Ok(Self {
            decoder: Decoder::of_dump(format),
            names: Decoder::of_dump(format),
            payload: rest,
            at: 0,
            names_at: 0,
            format,
            checksum,
            part: Part::Start,
        })
    }

    /// The version of the payload, with the magic that a snapshot of this version has.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }

    /// The result of the checksum: [`Checksum::Verified`] or [`Checksum::Absent`].
    #[must_use]
    pub const fn checksum(&self) -> Checksum {
        self.checksum
    }

    /// The next item; `None` after [`Item::End`].
    ///
    /// # Errors
    /// An [`RdbError`] for bytes that no server writes or that the decoder does not know. Its offset counts from the
    /// first byte of the payload. The error is final: every later call returns it.
    pub fn next_item(&mut self) -> Result<Option<Item<'_>>, RdbError> {
        match self.part {
            Part::Failed(error) => Err(error),
            Part::Finished => Ok(None),
            Part::Start => {
                self.part = Part::Type;
                Ok(Some(Item::Start(self.format)))
            }
            Part::Type | Part::Value | Part::Functions => self.decoded(),
        }
    }

    fn decoded(&mut self) -> Result<Option<Item<'_>>, RdbError> {
        let mut cursor = Cursor { input: self.payload, at: self.at };
        let found = loop {
            self.decoder.found = FoundItem::Nothing;
            if self.decoder.awaits_name() {
                self.at = cursor.at;
                return self.name();
            }
            let is_before = matches!(self.decoder.state, DecoderState::Value);
            match self.step(&mut cursor) {
                Ok(Some(found)) if self.decoder.is_in_names() => {
                    // A name that was found here is delivered in front of its value.
                    if is_before && !found {
                        self.names.clone_from(&self.decoder);
                        self.names_at = cursor.at;
                    }
                }
                Ok(Some(false)) => {}
                Ok(Some(true)) => break true,
                Ok(None) => break false,
                Err(halt) => {
                    let error = error(&self.decoder, halt, &cursor);
                    self.part = Part::Failed(error);
                    return Err(error);
                }
            }
        };
        self.at = cursor.at;
        if found {
            return Ok(self.decoder.item(self.payload));
        }
        self.part = Part::Finished;
        Ok(Some(Item::End(self.checksum)))
    }

    /// The next field name, or the next piece of it.
    fn name(&mut self) -> Result<Option<Item<'_>>, RdbError> {
        let mut cursor = Cursor { input: self.payload, at: self.names_at };
        self.names.found = FoundItem::Nothing;
        loop {
            match self.names.step(&mut cursor) {
                Ok(false) => {}
                Ok(true) => break,
                Err(halt) => {
                    let error = error(&self.names, halt, &cursor);
                    self.part = Part::Failed(error);
                    return Err(error);
                }
            }
        }
        self.names_at = cursor.at;
        if self.names.text.is_none() {
            self.decoder.pass_name();
        }
        Ok(self.names.item(self.payload))
    }

    /// One step. Returns whether it found an item; `None` at the end of the payload.
    fn step(&mut self, cursor: &mut Cursor<'_>) -> Attempt<Option<bool>> {
        if self.decoder.text.is_some() || !matches!(self.decoder.state, DecoderState::Opcode) {
            return self.decoder.step(cursor).map(Some);
        }
        match (self.part, cursor.rest().first(), self.format.magic) {
            (Part::Value | Part::Functions, None, _) => return Ok(None),
            (_, None, _) => return Err(Halt::Need(1)),
            (Part::Type | Part::Functions, Some(&FUNCTION), _) => {
                cursor.at += 1;
                self.part = Part::Functions;
                self.decoder.advance_to(DecoderState::Function)
            }
            (Part::Type, Some(&KEY_METADATA), Magic::Redis) => {
                cursor.at += 1;
                let left = cursor.number(Peek::length)?;
                self.decoder.advance_to(DecoderState::KeyMetadata { left })
            }
            (Part::Type, Some(&number), _) => {
                self.decoder.value_type(number)?;
                cursor.at += 1;
                self.part = Part::Value;
                self.decoder.state = DecoderState::Value;
                let range = TextRange::Input(cursor.at, cursor.at);
                self.decoder.found = FoundItem::Text { role: Role::KeyName, range, at: 0, length: 0 };
                Ok(true)
            }
            (Part::Functions, ..) => Err(invalid("payload", "nothing after the last function library")),
            _ => Err(invalid("payload", "nothing after the value")),
        }
        .map(Some)
    }
}

fn error(decoder: &Decoder, halt: Halt, cursor: &Cursor<'_>) -> RdbError {
    let kind = match halt {
        Halt::Error(kind) => kind,
        Halt::Need(_) => RdbErrorKind::Truncated(decoder.awaited()),
    };
    decoder.error_at(kind, cursor)
}
