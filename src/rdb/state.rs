//! Where in a snapshot the decoder is.

use crate::rdb::item::{Item, Role, Type};
use crate::rdb::lzf::Place;
use crate::rdb::raw::AfterRaw;
use crate::rdb::type_table::Layout;

/// What the decoder stands before.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stage {
    Magic,
    Opcode,
    AuxName,
    AuxValue,
    Function,
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
    Over,
    Failed,
}

/// What comes after a packed string.
#[derive(Debug, Clone, Copy)]
pub(super) enum AfterPacked {
    KeyEnd,
    Nodes(u64),
    /// This one was a node of a stream.
    StreamNodes(u64),
}

/// The key that is being read, or what has been said of the next one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Upcoming {
    pub(super) number: u8,
    pub(super) kind: Type,
    pub(super) layout: Layout,
    pub(super) expire_at_ms: Option<i64>,
    pub(super) idle_s: Option<u64>,
    pub(super) frequency: Option<u8>,
    /// Its name has come, so what was said belongs to the past.
    pub(super) named: bool,
}

impl Upcoming {
    pub(super) const NONE: Self = Self {
        number: 0,
        kind: Type::String,
        layout: Layout::Text,
        expire_at_ms: None,
        idle_s: None,
        frequency: None,
        named: false,
    };
}

/// A string that has begun.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pending {
    pub(super) role: Role,
    pub(super) length: u64,
    pub(super) done: u64,
    /// It belongs to a deleted entry: nobody is told.
    pub(super) unwanted: bool,
}

/// What the last call found, in numbers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Found {
    Nothing,
    Item(Item<'static>),
    Text { role: Role, place: Place, at: u64, length: u64 },
    Raw { from: usize, to: usize, last: bool },
}

impl AfterPacked {
    pub(super) fn stage(self) -> Stage {
        match self {
            Self::KeyEnd => Stage::KeyEnd,
            Self::Nodes(left) => Stage::Nodes { left },
            Self::StreamNodes(left) => Stage::StreamNodes { left },
        }
    }
}
