//! The states of the decoder.

use crate::rdb::item::{Item, Role, StreamId, Type};
use crate::rdb::sizes::SHARED_FIELDS;
use crate::rdb::text_range::TextRange;
use crate::rdb::type_table::Layout;

/// The part of a snapshot that the decoder expects next.
#[derive(Debug, Clone, Copy)]
pub(super) enum DecoderState {
    Magic,
    Opcode,
    AuxName,
    AuxValue,
    Function,
    Library(LibraryPart),
    SlotImport,
    SlotRangeCount,
    SlotRange { left: u64 },
    Argument { left: u64 },
    ArgumentEnd { left: u64 },
    KeyMetadata { left: u64 },
    Raw { left: u64, then: AfterRaw },
    KeyName,
    Value,
    Module,
    Rows { left: u64, column: u8 },
    Packed(AfterPacked),
    Nodes { left: u64 },
    PlainNode { left: u64 },
    TemplateNames { left: u64 },
    TemplatedValues,
    Paths { left: u64 },
    Path { left: u64 },
    PathField { left: u64, paths: u64 },
    PathValue { left: u64, paths: u64 },
    StreamNodes { left: u64 },
    StreamState,
    Groups { left: u64 },
    Group { left: u64 },
    PendingEntries { left: u64, groups: u64 },
    Consumers { left: u64, groups: u64 },
    Consumer { left: u64, groups: u64 },
    ConsumerPending { left: u64, consumers: u64, groups: u64 },
    ReturnedCount { groups: u64 },
    Returned { left: u64, groups: u64 },
    Idempotence,
    Producers { left: u64 },
    Producer { left: u64 },
    IdempotencyKeys { left: u64, producers: u64 },
    Idempotent { left: u64, producers: u64 },
    IdempotenceCounts,
    KeyEnd,
    Skip { left: u64 },
    Checksum,
    Finished,
    Failed,
}

/// The next part of a function library of a release candidate of Redis 7.0.
#[derive(Debug, Clone, Copy)]
pub(super) enum LibraryPart {
    Name,
    Engine,
    HasDescription,
    Description,
    Code,
    /// The code is long, and its first line was delivered.
    LongCode,
}

/// The part after a packed string.
#[derive(Debug, Clone, Copy)]
pub(super) enum AfterPacked {
    KeyEnd,
    Nodes(u64),
    /// The packed string has the field names of a hash, whose values follow.
    TemplateNames,
    /// The packed string is a node of a stream.
    StreamNodes(u64),
}

/// The current key, or the known attributes of the next one.
#[derive(Debug, Clone, Copy)]
pub(super) struct UpcomingKey {
    pub(super) number: u8,
    pub(super) kind: Type,
    pub(super) layout: Layout,
    pub(super) expire_at_ms: Option<i64>,
    pub(super) idle_s: Option<u64>,
    pub(super) frequency: Option<u8>,
    pub(super) no_evict: bool,
    /// The name was read, so the attributes belong to this key and not to the next.
    pub(super) named: bool,
}

impl UpcomingKey {
    pub(super) const NONE: Self = Self {
        number: 0,
        kind: Type::String,
        layout: Layout::Text,
        expire_at_ms: None,
        idle_s: None,
        frequency: None,
        no_evict: false,
        named: false,
    };
}

/// A string that is not complete.
#[derive(Debug, Clone, Copy)]
pub(super) struct PendingText {
    pub(super) role: Role,
    pub(super) length: u64,
    pub(super) done: u64,
    /// The number of bytes that were delivered before this string, as the beginning of the same text.
    pub(super) before: u64,
    /// It belongs to a deleted entry and is not delivered.
    pub(super) unwanted: bool,
}

/// The item that the last call found, without a borrow.
#[derive(Debug, Clone, Copy)]
pub(super) enum FoundItem {
    Nothing,
    Item(Item<'static>),
    Text { role: Role, range: TextRange, at: u64, length: u64 },
    Raw { from: usize, to: usize, last: bool },
}

impl AfterPacked {
    pub(super) fn state(self) -> DecoderState {
        match self {
            Self::KeyEnd => DecoderState::KeyEnd,
            Self::Nodes(left) => DecoderState::Nodes { left },
            Self::TemplateNames => DecoderState::TemplatedValues,
            Self::StreamNodes(left) => DecoderState::StreamNodes { left },
        }
    }
}

/// The part after the bytes of a module.
#[derive(Debug, Clone, Copy)]
pub(super) enum AfterRaw {
    Opcode,
    KeyEnd,
    /// This number of further classes.
    KeyMetadata(u64),
}

impl AfterRaw {
    pub(super) fn state(self) -> DecoderState {
        match self {
            Self::Opcode => DecoderState::Opcode,
            Self::KeyEnd => DecoderState::KeyEnd,
            Self::KeyMetadata(left) => DecoderState::KeyMetadata { left },
        }
    }
}

/// The names that the entries of a node share, as far as they fit.
#[derive(Debug, Clone)]
pub(super) struct SharedNames {
    /// Each name is two bytes of length, then its bytes.
    bytes: [u8; SHARED_FIELDS],
    length: usize,
    /// All names fit.
    pub(super) fits: bool,
}

/// The position of a walk through the listpack of a stream node.
#[derive(Debug, Clone, Copy)]
pub(super) struct StreamNode {
    pub(super) master: StreamId,
    pub(super) phase: NodePhase,
    pub(super) live: u64,
    pub(super) deleted: u64,
    pub(super) seen_live: u64,
    pub(super) seen_deleted: u64,
    pub(super) shared: u64,
    pub(super) id: StreamId,
    pub(super) flags: i64,
}

/// The meaning of the next element.
#[derive(Debug, Clone, Copy)]
pub(super) enum NodePhase {
    Live,
    Deleted,
    SharedCount,
    SharedField {
        left: u64,
    },
    SharedEnd,
    Flags,
    Ms,
    Seq,
    Count,
    /// No element is read: a shared name is delivered.
    Name {
        left: u64,
        at: usize,
    },
    SharedValue {
        left: u64,
        at: usize,
    },
    Field {
        left: u64,
    },
    Value {
        left: u64,
    },
    /// An element of a deleted entry.
    Unwanted {
        left: u64,
    },
    /// The number of elements in the entry.
    Back,
}

const FLAG_DELETED: i64 = 1;
pub(super) const FLAG_SHARED: i64 = 2;

impl SharedNames {
    pub(super) const NONE: Self = Self { bytes: [0; SHARED_FIELDS], length: 0, fits: true };

    pub(super) fn part(&self, from: usize, to: usize) -> &[u8] {
        self.bytes.get(from..to).unwrap_or_default()
    }

    pub(super) fn clear(&mut self) {
        (self.length, self.fits) = (0, true);
    }

    pub(super) fn push(&mut self, name: &[u8]) {
        let text = self.length + 2;
        let end = text + name.len();
        let Ok(length) = u16::try_from(name.len()) else { return self.fits = false };
        match self.bytes.get_mut(self.length..end).and_then(|range| range.split_first_chunk_mut()) {
            Some((head, range)) => {
                *head = length.to_le_bytes();
                range.copy_from_slice(name);
                self.length = end;
            }
            None => self.fits = false,
        }
    }

    /// The range of the name whose length is at `at`.
    pub(super) fn name(&self, at: usize) -> (usize, usize) {
        let length =
            self.bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |head| u16::from_le_bytes(*head));
        (at + 2, at + 2 + usize::from(length))
    }
}

impl StreamNode {
    pub(super) const NONE: Self = Self::new(StreamId { ms: 0, seq: 0 });

    pub(super) const fn new(master: StreamId) -> Self {
        Self {
            master,
            phase: NodePhase::Live,
            live: 0,
            deleted: 0,
            seen_live: 0,
            seen_deleted: 0,
            shared: 0,
            id: master,
            flags: 0,
        }
    }

    pub(super) fn is_deleted(&self) -> bool {
        self.flags & FLAG_DELETED != 0
    }
}
