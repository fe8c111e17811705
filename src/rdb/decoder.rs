//! The pull decoder: what it is asked, and what it answers.

use core::ops::ControlFlow;

use crate::base::limits::LAST_OFFSET;
use crate::base::status::Status;
use crate::rdb::checksum::RunningChecksum;
use crate::rdb::error::{RdbError, RdbErrorKind};
use crate::rdb::format::{Format, Magic};
use crate::rdb::item::{Item, Key, Role, Text};
use crate::rdb::lzf::Window;
use crate::rdb::packed::PackedWalk;
use crate::rdb::primitives::{Cursor, DecimalText, Halt};
use crate::rdb::state::{DecoderState, FoundItem, PendingText, UpcomingKey};
use crate::rdb::state::{SharedNames, StreamNode};
use crate::rdb::text_range::TextRange;
use crate::rdb::type_table;
use crate::rdb::type_table::Column;

/// Reads a snapshot and hands out what stands in it, item by item, in constant memory.
///
/// It owns no input. The caller shows the unread bytes; [`next`](Self::next) advances that slice past what is used up. Strings
/// that stand as they are in the input are borrowed from it, those that are compressed from a window of the decoder's own. What
/// is not complete yet stays: the caller appends and shows it again from its first byte. A caller's buffer of
/// [`MIN_INPUT`](super::MIN_INPUT) bytes is always enough.
///
/// It is about 53 KiB large, all of it by value: keep it in one range.
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
/// assert!(decoder.is_finished());
/// assert_eq!(input, b"*1\r\n");
/// # Ok::<(), redtail::rdb::RdbError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Decoder {
    pub(super) any_version: bool,
    pub(super) ignore_checksum: bool,
    pub(super) skip_damaged: bool,
    pub(super) offset: u64,
    failed: Option<RdbError>,
    pub(super) crc: RunningChecksum,
    /// Bytes of the present input that are in `crc`.
    checksummed: usize,
    pub(super) found: FoundItem,
    pub(super) state: DecoderState,
    pub(super) after_skip: DecoderState,
    pub(super) format: Format,
    pub(super) database: u32,
    pub(super) key: UpcomingKey,
    /// A string that comes in pieces, or whose whole is not there yet.
    pub(super) text: Option<PendingText>,
    pub(super) window: Window,
    pub(super) decimal: DecimalText,
    pub(super) columns: &'static [Column],
    /// The column of the next element of a packed value.
    pub(super) column: u8,
    pub(super) walk: PackedWalk,
    /// The earliest expiry of a hash's fields.
    pub(super) earliest: i64,
    /// When the field being read expires.
    pub(super) expiry: Option<i64>,
    pub(super) tag: u64,
    /// A list's nodes have a number before them.
    pub(super) marked: bool,
    pub(super) generation: u8,
    pub(super) node: StreamNode,
    pub(super) names: SharedNames,
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
            crc: RunningChecksum::new(),
            checksummed: 0,
            found: FoundItem::Nothing,
            state: DecoderState::Magic,
            after_skip: DecoderState::Opcode,
            format: Format { magic: Magic::Redis, version: 0 },
            database: 0,
            key: UpcomingKey::NONE,
            text: None,
            window: Window::new(),
            decimal: DecimalText::NONE,
            columns: type_table::ELEMENT,
            column: 0,
            walk: PackedWalk::NONE,
            earliest: 0,
            expiry: None,
            tag: 0,
            marked: false,
            generation: 0,
            node: StreamNode::NONE,
            names: SharedNames::NONE,
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

    /// With this number for the first byte; more than 2^63 - 1 is read as that.
    #[must_use]
    pub const fn starting_at(mut self, offset: u64) -> Self {
        self.offset = if offset < LAST_OFFSET { offset } else { LAST_OFFSET };
        self
    }

    /// Bytes used up so far, counted from the number of the first byte.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether the end of the snapshot has come, checksum included. What follows it in the input is not touched.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        matches!(self.state, DecoderState::Finished)
    }

    /// To be asked when no more input comes.
    ///
    /// # Errors
    /// [`RdbErrorKind::Truncated`] if the snapshot is not at its end, or the error that was given before.
    pub fn finish(&self) -> Result<(), RdbError> {
        match self.failed {
            Some(error) => Err(error),
            None if self.is_finished() => Ok(()),
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
        let shown = *input;
        if let Some((found, used)) = self.fast_item(shown) {
            self.consume(shown, used);
            *input = shown.get(used..).unwrap_or_default();
            return Ok(self.item_from(&found, shown).map_or(Status::Incomplete { needed: 1 }, Status::Complete));
        }
        let poll = self.next_slow(shown)?;
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
        match self.fast_item(input) {
            Some((found, used)) => {
                self.found = found;
                self.consume(input, used);
                Ok(Poll::Complete { used })
            }
            None => self.next_slow(input),
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
    /// assert!(decoder.is_finished());
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
            while let Some((found, used)) = self.fast_item(input) {
                let shown = *input;
                *input = shown.get(used..).unwrap_or_default();
                swift = self.give(&found, shown, &mut each);
                if swift.is_break() {
                    break;
                }
            }
            self.consume(all, all.len() - input.len());
            if swift.is_break() {
                self.found = FoundItem::Nothing;
                return Ok(Status::Complete(()));
            }
            let (shown, poll) = (*input, self.next_slow(input)?);
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
    fn give(
        &self,
        found: &FoundItem,
        input: &[u8],
        each: &mut impl FnMut(Item<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        match *found {
            FoundItem::Text { role, range, at, length } if role != Role::KeyName => {
                each(Item::Text(Text { role, bytes: self.bytes(range, input), at, length }))
            }
            FoundItem::Item(Item::KeyEnd) => each(Item::KeyEnd),
            FoundItem::Item(Item::Score(score)) => each(Item::Score(score)),
            _ => self.item_from(found, input).map_or(ControlFlow::Continue(()), each),
        }
    }

    #[inline(always)]
    fn consume(&mut self, input: &[u8], used: usize) {
        if !self.ignore_checksum {
            self.crc.update(input, used);
        }
        self.offset += used as u64;
    }

    /// The long way: everything that there can be, step by step.
    #[inline(never)]
    fn next_slow(&mut self, input: &[u8]) -> Result<Poll, RdbError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let mut cursor = Cursor { input, at: 0 };
        self.found = FoundItem::Nothing;
        self.checksummed = 0;
        let halt = loop {
            match self.step(&mut cursor) {
                Ok(false) => {}
                Ok(true) => break None,
                Err(Halt::Error(kind)) => {
                    let here = self.offset + cursor.at as u64;
                    let offset = match (kind, self.window.compressed_from()) {
                        (RdbErrorKind::Compression(_), _) | (_, None) => here,
                        // How far beyond the fault it has been undone hangs on what has arrived.
                        (_, Some(start)) => start,
                    };
                    let error = RdbError { kind, offset };
                    let Some(bytes) = self.skip_damage() else {
                        self.failed = Some(error);
                        // Where no short way begins.
                        self.state = DecoderState::Failed;
                        return Err(error);
                    };
                    self.found = FoundItem::Item(Item::Skipped { error, bytes });
                    break None;
                }
                Err(Halt::Need(needed)) => break Some(needed),
            }
        };
        self.update_checksum(&cursor);
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
        self.item_from(&self.found, input)
    }

    #[inline(always)]
    fn item_from<'d>(&'d self, found: &FoundItem, input: &'d [u8]) -> Option<Item<'d>> {
        Some(match *found {
            FoundItem::Nothing => return None,
            FoundItem::Item(item) => item,
            FoundItem::Raw { from, to, last } => Item::Raw { bytes: input.get(from..to).unwrap_or_default(), last },
            FoundItem::Text { role, range, at, length } => {
                let text = Text { role, bytes: self.bytes(range, input), at, length };
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

    pub(super) fn bytes<'d>(&'d self, range: TextRange, input: &'d [u8]) -> &'d [u8] {
        match range {
            TextRange::Input(from, to) => input.get(from..to).unwrap_or_default(),
            TextRange::Window(from, to) => self.window.text(from, to),
            TextRange::Names(from, to) => self.names.part(from, to),
            TextRange::Number => self.decimal.text(),
        }
    }

    /// Takes what was used up so far into the checksum.
    pub(super) fn update_checksum(&mut self, cursor: &Cursor<'_>) {
        if !self.ignore_checksum && !self.is_finished() {
            self.crc.update(cursor.input.get(self.checksummed..).unwrap_or_default(), cursor.at - self.checksummed);
        }
        self.checksummed = cursor.at;
    }
}
