//! The pull decoder: what stands around the values.

use core::ops::ControlFlow;

use super::digest::Digest;
use super::flow::{Flow, Place};
use super::item::{Checksum, Format, Item, Key, Magic, ModuleId, Role, Text};
use super::kind::{self, Column};
use super::packed::Walk;
use super::raw::AfterRaw;
use super::stage::{Found, Pending, Stage, Upcoming};
use super::stream::{Names, Node};
use super::wire::{Ahead, Cursor, Digits, Halt, Step, invalid};
use super::{RdbError, RdbErrorKind};
use crate::Status;
use crate::excerpt::Excerpt;

/// Reads a snapshot and hands out what stands in it, item by item, in constant memory.
///
/// It owns no input. The caller shows the unread bytes; [`next`](Self::next) advances that slice past what is used up. Strings
/// that stand as they are in the input are borrowed from it, those that are compressed from a window of the decoder's own. What
/// is not complete yet stays: the caller appends and shows it again from its first byte. A caller's buffer of
/// [`MIN_INPUT`](super::MIN_INPUT) bytes is always enough.
///
/// It is about 40 KiB large, all of it by value: keep it in one place.
///
/// ```
/// use redtail::rdb::{Decoder, Item};
/// use redtail::resp::Status;
///
/// let mut input: &[u8] = b"REDIS0011\xfe\x00\x00\x05hello\x05world\xff\0\0\0\0\0\0\0\0*1\r\n";
/// let mut decoder = Decoder::new();
/// while let Status::Complete(item) = decoder.next(&mut input)? {
///     match item {
///         Item::Key(key) => assert_eq!(key.name.bytes, b"hello"),
///         Item::Text(text) => assert_eq!(text.bytes, b"world"),
///         _ => {}
///     }
/// }
/// assert!(decoder.is_over());
/// assert_eq!(input, b"*1\r\n");
/// # Ok::<(), redtail::rdb::RdbError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Decoder {
    any_version: bool,
    ignore_checksum: bool,
    skip_damaged: bool,
    pub(super) offset: u64,
    failed: Option<RdbError>,
    crc: Digest,
    /// Bytes of the present input that are in `crc`.
    digested: usize,
    pub(super) found: Found,
    pub(super) stage: Stage,
    after_skip: Stage,
    pub(super) format: Format,
    database: u64,
    pub(super) key: Upcoming,
    /// A string that comes in pieces, or whose whole is not there yet.
    pub(super) text: Option<Pending>,
    pub(super) flow: Flow,
    pub(super) digits: Digits,
    pub(super) columns: &'static [Column],
    /// The column of the next element of a packed value.
    pub(super) column: u8,
    pub(super) walk: Walk,
    /// The earliest expiry of a hash's fields.
    pub(super) earliest: i64,
    /// When the field being read expires.
    pub(super) expiry: Option<i64>,
    pub(super) tag: u64,
    /// A list's nodes have a number before them.
    pub(super) marked: bool,
    pub(super) generation: u8,
    pub(super) node: Node,
    pub(super) names: Names,
}

/// What lies at the front of the input, in numbers: the first of the two steps that hold no borrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Poll {
    /// An item.
    Complete {
        /// Bytes at the front of the input that are used up.
        used: usize,
    },
    /// Not an error: the next item goes on after the bytes that are there.
    Incomplete {
        /// Bytes at the front that are used up all the same.
        used: usize,
        /// The least number of further bytes that take it further; 0 once the snapshot is over.
        needed: usize,
    },
}

impl Poll {
    /// Bytes at the front of the input that are used up, which the next call is not to be shown again.
    #[must_use]
    pub fn used(&self) -> usize {
        match *self {
            Self::Complete { used } | Self::Incomplete { used, .. } => used,
        }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// Before the first byte.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            any_version: false,
            ignore_checksum: false,
            skip_damaged: false,
            offset: 0,
            failed: None,
            crc: Digest::new(),
            digested: 0,
            found: Found::Nothing,
            stage: Stage::Magic,
            after_skip: Stage::Opcode,
            format: Format { magic: Magic::Redis, version: 0 },
            database: 0,
            key: Upcoming::NONE,
            text: None,
            flow: Flow::new(),
            digits: Digits::NONE,
            columns: kind::ELEMENT,
            column: 0,
            walk: Walk::NONE,
            earliest: 0,
            expiry: None,
            tag: 0,
            marked: false,
            generation: 0,
            node: Node::NONE,
            names: Names::NONE,
        }
    }

    /// Goes on when the version is one that came after this decoder: what is new in it is met by its number, or not at all.
    #[must_use]
    pub const fn any_version(mut self) -> Self {
        self.any_version = true;
        self
    }

    /// Does not compute the checksum.
    #[must_use]
    pub const fn without_checksum(mut self) -> Self {
        self.ignore_checksum = true;
        self
    }

    /// Passes over what is broken inside a packed or compressed value, whose length is known, and says so with
    /// [`Item::Skipped`]. Elements of the value that came before stand. A key's name can't be passed over.
    #[must_use]
    pub const fn skip_damaged(mut self) -> Self {
        self.skip_damaged = true;
        self
    }

    /// With this number for the first byte.
    #[must_use]
    pub const fn starting_at(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    /// Bytes used up so far, counted from the number of the first byte.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether the end of the snapshot has come, checksum included. What follows it in the input is not touched.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// To be asked when no more input comes.
    ///
    /// # Errors
    /// [`RdbErrorKind::Truncated`] if the snapshot is not at its end, or the error that was given before.
    pub fn finish(&self) -> Result<(), RdbError> {
        match self.failed {
            Some(error) => Err(error),
            None if self.is_over() => Ok(()),
            None => Err(RdbError { kind: RdbErrorKind::Truncated(self.awaited()), offset: self.offset }),
        }
    }

    /// The next item. `input` is moved past it, and past what was used up before it. [`Status::Incomplete`] with 0 bytes needed
    /// says that the snapshot is over.
    ///
    /// # Errors
    /// Bytes that no server writes, or that this decoder does not know.
    #[inline]
    pub fn next<'d, 'a: 'd>(&'d mut self, input: &mut &'a [u8]) -> Result<Status<Item<'d>>, RdbError> {
        let poll = self.poll(input)?;
        let shown = *input;
        *input = shown.get(poll.used()..).unwrap_or_default();
        match poll {
            Poll::Incomplete { needed, .. } => Ok(Status::Incomplete { needed }),
            Poll::Complete { .. } => Ok(self.item(shown).map_or(Status::Incomplete { needed: 1 }, Status::Complete)),
        }
    }

    /// The first of two steps: tells what lies at the front of `input`. Those [`used`](Poll::used) bytes count as used up and
    /// are not to be shown again.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub fn poll(&mut self, input: &[u8]) -> Result<Poll, RdbError> {
        match self.swift(input) {
            Some((found, used)) => {
                self.found = found;
                self.count(input, used);
                Ok(Poll::Complete { used })
            }
            None => self.walk_on(input),
        }
    }

    /// Hands the items at the front of `input` to `each`, as many as there are or until it breaks off. What
    /// [`next`](Self::next) gives, one after the other, in less time.
    ///
    /// `input` is moved past what is used up. Gives [`Status::Complete`] if `each` broke off, else [`Status::Incomplete`] as
    /// [`next`](Self::next) does.
    ///
    /// ```
    /// use core::ops::ControlFlow;
    /// use redtail::rdb::{Decoder, Item};
    ///
    /// let mut input: &[u8] = b"REDIS0011\x02\x03set\x02\x01a\x01b\xff\0\0\0\0\0\0\0\0";
    /// let (mut decoder, mut members) = (Decoder::new(), 0);
    /// decoder.batch(&mut input, |item| {
    ///     members += usize::from(matches!(item, Item::Text(_)));
    ///     ControlFlow::Continue(())
    /// })?;
    /// assert_eq!(members, 2);
    /// assert!(decoder.is_over());
    /// # Ok::<(), redtail::rdb::RdbError>(())
    /// ```
    ///
    /// # Errors
    /// As [`next`](Self::next), once the items before have been handed out.
    #[inline]
    pub fn batch(
        &mut self,
        input: &mut &[u8],
        mut each: impl FnMut(Item<'_>) -> ControlFlow<()>,
    ) -> Result<Status<()>, RdbError> {
        loop {
            // What is found on the short way is counted afterwards, all at once.
            let (all, mut swift) = (*input, ControlFlow::Continue(()));
            while let Some((found, used)) = self.swift(input) {
                let shown = *input;
                *input = shown.get(used..).unwrap_or_default();
                swift = self.give(&found, shown, &mut each);
                if swift.is_break() {
                    break;
                }
            }
            self.count(all, all.len() - input.len());
            if swift.is_break() {
                self.found = Found::Nothing;
                return Ok(Status::Complete(()));
            }
            let (shown, poll) = (*input, self.walk_on(input)?);
            *input = shown.get(poll.used()..).unwrap_or_default();
            if let Poll::Incomplete { needed, .. } = poll {
                return Ok(Status::Incomplete { needed });
            }
            if self.give(&self.found, shown, &mut each).is_break() {
                return Ok(Status::Complete(()));
            }
        }
    }

    /// Not by way of [`item`](Self::item): an item that could be any is copied more than once.
    #[inline(always)]
    fn give(&self, found: &Found, input: &[u8], each: &mut impl FnMut(Item<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
        match *found {
            Found::Text { role, place, at, length } if role != Role::KeyName => {
                each(Item::Text(Text { role, bytes: self.bytes(place, input), at, length }))
            }
            Found::Item(Item::KeyEnd) => each(Item::KeyEnd),
            Found::Item(Item::Score(score)) => each(Item::Score(score)),
            _ => self.made_of(found, input).map_or(ControlFlow::Continue(()), each),
        }
    }

    #[inline(always)]
    fn count(&mut self, input: &[u8], used: usize) {
        if !self.ignore_checksum {
            self.crc.update(input, used);
        }
        self.offset += used as u64;
    }

    /// The long way: everything that there can be, step by step.
    #[inline(never)]
    fn walk_on(&mut self, input: &[u8]) -> Result<Poll, RdbError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let mut cursor = Cursor { input, at: 0 };
        self.found = Found::Nothing;
        self.digested = 0;
        let halt = loop {
            match self.step(&mut cursor) {
                Ok(false) => {}
                Ok(true) => break None,
                Err(Halt::Fault(kind)) => {
                    let here = self.offset + cursor.at as u64;
                    let offset = match (kind, self.flow.compressed_from()) {
                        (RdbErrorKind::Compression(_), _) | (_, None) => here,
                        // How far beyond the fault it has been undone hangs on what has arrived.
                        (_, Some(start)) => start,
                    };
                    let error = RdbError { kind, offset };
                    let Some(bytes) = self.pass_over() else {
                        self.failed = Some(error);
                        // Where no short way begins.
                        self.stage = Stage::Failed;
                        return Err(error);
                    };
                    self.found = Found::Item(Item::Skipped { error, bytes });
                    break None;
                }
                Err(Halt::Need(needed)) => break Some(needed),
            }
        };
        self.digest(&cursor);
        self.offset += cursor.at as u64;
        Ok(match halt {
            None => Poll::Complete { used: cursor.at },
            Some(needed) => Poll::Incomplete { used: cursor.at, needed },
        })
    }

    /// The second step: the item that the last [`poll`](Self::poll) found, from the same `input`. `None` if it found none.
    #[must_use]
    #[inline]
    pub fn item<'d>(&'d self, input: &'d [u8]) -> Option<Item<'d>> {
        self.made_of(&self.found, input)
    }

    #[inline(always)]
    fn made_of<'d>(&'d self, found: &Found, input: &'d [u8]) -> Option<Item<'d>> {
        Some(match *found {
            Found::Nothing => return None,
            Found::Item(item) => item,
            Found::Raw { from, to, last } => Item::Raw { bytes: input.get(from..to).unwrap_or_default(), last },
            Found::Text { role, place, at, length } => {
                let text = Text { role, bytes: self.bytes(place, input), at, length };
                if role == Role::KeyName && at == 0 { Item::Key(self.key(text)) } else { Item::Text(text) }
            }
        })
    }

    fn key<'d>(&self, name: Text<'d>) -> Key<'d> {
        Key {
            database: self.database,
            name,
            kind: self.key.kind,
            number: self.key.number,
            expire_at_ms: self.key.expire_at_ms,
            idle_s: self.key.idle_s,
            frequency: self.key.frequency,
        }
    }

    pub(super) fn bytes<'d>(&'d self, place: Place, input: &'d [u8]) -> &'d [u8] {
        match place {
            Place::Input(from, to) => input.get(from..to).unwrap_or_default(),
            Place::Window(from, to) => self.flow.undone(from, to),
            Place::Names(from, to) => self.names.part(from, to),
            Place::Number => self.digits.text(),
        }
    }

    /// Takes what was used up so far into the checksum.
    fn digest(&mut self, cursor: &Cursor<'_>) {
        if !self.ignore_checksum && !self.is_over() {
            self.crc.update(cursor.input.get(self.digested..).unwrap_or_default(), cursor.at - self.digested);
        }
        self.digested = cursor.at;
    }

    /// One step. Tells whether it found an item.
    fn step(&mut self, cursor: &mut Cursor<'_>) -> Step<bool> {
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
        let Some(format) = kind::magic(&bytes) else { return wrong(&bytes) };
        if !kind::is_known(format) && !self.any_version {
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
                if let Some(why) = kind::refused(magic, number) {
                    return Err(Halt::Fault(RdbErrorKind::Refused { number, format, why }));
                }
                let Some((kind, layout)) = kind::layout(magic, number) else {
                    let expected = kind::expected(format);
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
    fn pass_over(&mut self) -> Option<u64> {
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
    fn awaited(&self) -> &'static str {
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
