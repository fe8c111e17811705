//! The pull decoder: its state and its public functions.

use core::ops::ControlFlow;

use crate::base::excerpt::Excerpt;
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
use crate::rdb::template_memory::TemplateMemory;
use crate::rdb::template_table::{Names, Templates};
use crate::rdb::text_range::TextRange;
use crate::rdb::type_table;
use crate::rdb::type_table::Column;

/// Reads a snapshot item by item in constant memory.
///
/// The decoder owns no input. The caller passes the unread bytes, and [`next`](Self::next) advances that slice past the
/// bytes used up. Plain strings are borrowed from the input, compressed ones from a window in the decoder.
///
/// An incomplete item stays in the buffer: the caller appends bytes and passes it again from its first byte. A buffer
/// of [`MIN_INPUT`](super::MIN_INPUT) bytes is always large enough.
///
/// The hash templates of Redis 8.10 are in memory of the caller, `M`. A decoder has none until
/// [`with_templates`](Self::with_templates). A decoder is about 53 KiB large, all of it by value. Avoid moving it.
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
pub struct Decoder<M = [u8; 0]> {
    pub(super) ignore_checksum: bool,
    pub(super) skip_damaged: bool,
    pub(super) offset: u64,
    failed: Option<RdbError>,
    pub(super) crc: RunningChecksum,
    /// The number of bytes of the current input that are in `crc`.
    checksummed: usize,
    pub(super) found: FoundItem,
    pub(super) state: DecoderState,
    pub(super) after_skip: DecoderState,
    pub(crate) format: Format,
    pub(super) database: u32,
    pub(super) key: UpcomingKey,
    /// A string that is delivered in pieces or is incomplete.
    pub(super) text: Option<PendingText>,
    pub(super) window: Window,
    pub(super) decimal: DecimalText,
    pub(super) columns: &'static [Column],
    /// The column of the next element of a packed value.
    pub(super) column: u8,
    pub(super) walk: PackedWalk,
    /// The earliest expiry of the fields or members, in milliseconds since 1970.
    pub(super) earliest: i64,
    /// The expiry of the current field or member, in milliseconds since 1970.
    pub(super) expiry: Option<i64>,
    pub(super) tag: u64,
    /// The nodes of the list begin with a number.
    pub(super) marked: bool,
    pub(super) generation: u8,
    pub(super) node: StreamNode,
    pub(super) names: SharedNames,
    pub(super) templates: Templates<M>,
    /// The names of the current hash's template that are not delivered yet.
    pub(super) template_names: Names,
    /// The field names in front of a hash's values are not kept but delivered. [`Dump`](super::Dump) orders them.
    pub(super) delivers_names: bool,
    /// The auxiliary field that states the version of the server.
    pub(super) writer: Excerpt<24>,
    /// The next auxiliary value is that of `writer`.
    pub(super) in_writer: bool,
}

/// The length of the next item, which borrows nothing: the result of [`Decoder::poll`]. The enum is closed.
///
/// ```
/// use redtail::rdb::{Decoder, Poll};
///
/// let mut decoder = Decoder::new();
/// let poll = decoder.poll(b"REDIS0011\xfe\0")?;
/// assert_eq!(poll, Poll::Complete { used: 9 });
/// assert!(matches!(decoder.poll(b"\xfe")?, Poll::Incomplete { needed: 1, .. }));
/// # Ok::<(), redtail::rdb::RdbError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Poll {
    /// The item is complete.
    Complete {
        /// The bytes at the front of the input that are used up.
        used: usize,
    },
    /// The item continues beyond the buffered bytes. This is not an error.
    Incomplete {
        /// The bytes at the front of the input that are used up all the same.
        used: usize,
        /// The least number of further bytes that make progress; 0 after the end of the snapshot.
        needed: usize,
    },
}

impl Poll {
    /// The bytes at the front of the input that are used up. Remove them before the next call.
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
    /// A decoder before the first byte of a snapshot.
    #[must_use]
    pub const fn new() -> Self {
        Self::in_memory([])
    }

    /// A decoder of the value in a `DUMP` payload, whose checksum is not this decoder's.
    pub(super) const fn of_dump(format: Format) -> Self {
        Self { format, ignore_checksum: true, delivers_names: true, state: DecoderState::Opcode, ..Self::new() }
    }
}

impl<M: TemplateMemory> Decoder<M> {
    pub(crate) const fn in_memory(templates: M) -> Self {
        Self {
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
            templates: Templates::new(templates),
            template_names: Names::NONE,
            delivers_names: false,
            writer: Excerpt::EMPTY,
            in_writer: false,
        }
    }

    /// Keeps the hash templates of the snapshot in this memory. Call it before the first byte. Without memory, the
    /// first template is an [`RdbErrorKind::Templates`].
    ///
    /// ```
    /// use redtail::rdb::{Decoder, Item};
    /// use redtail::resp::Status;
    ///
    /// // The template 1 with the field "a", and the hash "h" with the value "v".
    /// let mut input: &[u8] = b"REDIS0015\xf2\x01\x01\x01a\x20\x01h\x01\x01v\xff\0\0\0\0\0\0\0\0";
    /// let mut memory = [0; 4096];
    /// let mut decoder = Decoder::new().with_templates(&mut memory[..]);
    /// let mut texts = Vec::new();
    /// while let Status::Complete(item) = decoder.next(&mut input)? {
    ///     if let Item::Text(text) = item {
    ///         texts.push(text.bytes.to_vec());
    ///     }
    /// }
    /// assert_eq!(texts, [b"a", b"v"]);
    /// # Ok::<(), redtail::rdb::RdbError>(())
    /// ```
    #[must_use]
    pub fn with_templates<N: TemplateMemory>(self, memory: N) -> Decoder<N> {
        let Self { ignore_checksum, skip_damaged, offset, .. } = self;
        Decoder { ignore_checksum, skip_damaged, offset, ..Decoder::in_memory(memory) }
    }

    /// A decoder before the first byte of another snapshot, with the memory of this one.
    #[cfg(feature = "std")]
    pub(crate) fn anew(&mut self) -> Self {
        Self::in_memory(self.templates.take_memory())
    }

    /// Does not verify the checksum. The result is [`Checksum::Ignored`](super::Checksum::Ignored), or
    /// [`Checksum::Absent`](super::Checksum::Absent) if the snapshot has none.
    #[must_use]
    pub const fn without_checksum(mut self) -> Self {
        self.ignore_checksum = true;
        self
    }

    /// Skips damaged data inside a packed or compressed value, whose length is known, and returns [`Item::Skipped`] for
    /// it. Elements before the damage have been delivered. The name of a key can't be skipped.
    #[must_use]
    pub const fn skip_damaged(mut self) -> Self {
        self.skip_damaged = true;
        self
    }

    /// Sets the offset of the first byte, which [`offset`](Self::offset) and errors count from. Values over 2^63 - 1
    /// count as 2^63 - 1.
    #[must_use]
    pub const fn starting_at(mut self, offset: u64) -> Self {
        self.offset = if offset < LAST_OFFSET { offset } else { LAST_OFFSET };
        self
    }

    /// The offset of the next byte: the offset of the first byte plus all bytes used up.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether the snapshot is complete, including its checksum. The decoder leaves the bytes after it in the input.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        matches!(self.state, DecoderState::Finished)
    }

    /// Checks the end of the input. Call it when no further bytes arrive.
    ///
    /// # Errors
    /// [`RdbErrorKind::Truncated`] if the snapshot is incomplete, or the error of an earlier call.
    pub fn finish(&self) -> Result<(), RdbError> {
        match self.failed {
            Some(error) => Err(error),
            None if self.is_finished() => Ok(()),
            None => Err(RdbError { kind: RdbErrorKind::Truncated(self.awaited()), offset: self.offset }),
        }
    }

    /// The next item. Moves `input` past it. The item borrows from `input` and from the decoder until the next call.
    ///
    /// [`Status::Incomplete`] with 0 bytes needed means that the snapshot is complete.
    ///
    /// # Errors
    /// An [`RdbError`] for bytes that no server writes or that this decoder does not know.
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

    /// First of two steps: finds the next item. The decoder counts the [`used`](Poll::used) bytes; remove them from the
    /// input before the next call.
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

    /// Passes items at the front of `input` to `each` until the input ends or `each` breaks. The items are those of
    /// [`next`](Self::next), in less time.
    ///
    /// Moves `input` past the bytes used up. Returns [`Status::Complete`] if `each` broke, otherwise
    /// [`Status::Incomplete`] as [`next`](Self::next) does.
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
    /// As [`next`](Self::next). `each` has received the items before the error.
    #[inline]
    pub fn batch(
        &mut self,
        input: &mut &[u8],
        mut each: impl FnMut(Item<'_>) -> ControlFlow<()>,
    ) -> Result<Status<()>, RdbError> {
        loop {
            // The bytes of the fast path are counted together afterwards.
            let (all, mut outcome) = (*input, ControlFlow::Continue(()));
            while let Some((found, used)) = self.fast_item(input) {
                let shown = *input;
                *input = shown.get(used..).unwrap_or_default();
                outcome = self.give(&found, shown, &mut each);
                if outcome.is_continue() {
                    outcome = self.fast_run(input, &mut each);
                }
                if outcome.is_break() {
                    break;
                }
            }
            self.consume(all, all.len() - input.len());
            if outcome.is_break() {
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

    /// As [`item`](Self::item), but the common items are passed one by one: a value of the whole enum would be copied
    /// more than once.
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

    /// Slow path: every item, step by step.
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
                    let error = self.error_at(kind, &cursor);
                    let Some(bytes) = self.skip_damage() else {
                        self.failed = Some(error);
                        // In this state the fast path finds nothing.
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

    /// Second step: the item that the last [`poll`](Self::poll) found. `input` must be the same bytes. `None` if
    /// nothing was found.
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
            db: self.database,
            name,
            kind: self.key.kind,
            number: self.key.number,
            expire_at_ms: self.key.expire_at_ms,
            idle_s: self.key.idle_s,
            frequency: self.key.frequency,
            no_evict: self.key.no_evict,
        }
    }

    /// The error of this kind at the cursor.
    pub(super) fn error_at(&self, kind: RdbErrorKind, cursor: &Cursor<'_>) -> RdbError {
        let here = self.offset + cursor.at as u64;
        let offset = match (kind, self.window.compressed_from()) {
            (RdbErrorKind::Compression(_), _) | (_, None) => here,
            // The number of bytes decompressed before the error depends on the input.
            (_, Some(start)) => start,
        };
        RdbError { kind, offset }
    }

    pub(super) fn bytes<'d>(&'d self, range: TextRange, input: &'d [u8]) -> &'d [u8] {
        match range {
            TextRange::Input(from, to) => input.get(from..to).unwrap_or_default(),
            TextRange::Window(from, to) => self.window.text(from, to),
            TextRange::Names(from, to) => self.names.part(from, to),
            TextRange::Templates(from, to) => self.templates.part(from, to),
            TextRange::Number => self.decimal.text(),
        }
    }

    /// Adds the bytes used up so far to the checksum.
    pub(super) fn update_checksum(&mut self, cursor: &Cursor<'_>) {
        if !self.ignore_checksum && !self.is_finished() {
            self.crc.update(cursor.input.get(self.checksummed..).unwrap_or_default(), cursor.at - self.checksummed);
        }
        self.checksummed = cursor.at;
    }
}
