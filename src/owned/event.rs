//! Events that outlive the buffer they came in.

use crate::owned::command::OwnedCommand;
use crate::rdb::Item;
use crate::replication::{
    Attached, Disconnected, Event, Forking, Gap, Idle, Position, ReplicationId, SnapshotBegin, SnapshotEnd, StreamPart,
};
use crate::resp::Part;

/// An [`Event`] that borrows nothing: to be kept, sent to another thread, or collected.
///
/// A command, a part or an item allocates once. The borrowed event does not allocate.
///
/// # Serde
/// With the feature `serde`, an event is serialized as its name in snake case with its fields. In JSON:
///
/// ```json
/// {"command": {"offset": 27, "db": 0, "tx": null, "received_ms": null, "position": "26e9…86c9:27:0",
///              "history": "26e9…86c9", "args": [[71, 69, 84], [107]]}}
/// ```
///
/// Positions and replication ids are texts. Durations are serde's (`{"secs":1,"nanos":0}`). Bytes are bytes if the
/// format has them, otherwise arrays of numbers.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum OwnedEvent {
    /// [`Event::Forking`].
    Forking(Forking),
    /// [`Event::Attached`].
    Attached(Attached),
    /// [`Event::SnapshotBegin`].
    SnapshotBegin(SnapshotBegin),
    /// [`Event::SnapshotBytes`].
    SnapshotBytes(#[cfg_attr(feature = "serde", serde(with = "crate::owned::serialize::bytes"))] Vec<u8>),
    /// [`Event::SnapshotItem`]. Serde refuses it: keep whole keys ([`WholeKeys`](crate::owned::WholeKeys)) instead.
    #[cfg_attr(feature = "serde", serde(skip))]
    SnapshotItem(OwnedItem),
    /// [`Event::SnapshotEnd`].
    SnapshotEnd(SnapshotEnd),
    /// [`Event::Command`].
    Command(OwnedCommand),
    /// [`Event::Part`].
    Part(OwnedPart),
    /// [`Event::Multi`].
    Multi(OwnedCommand),
    /// [`Event::Exec`].
    Exec(OwnedCommand),
    /// [`Event::Control`].
    Control(OwnedCommand),
    /// [`Event::Gap`].
    Gap(Gap),
    /// [`Event::Disconnected`].
    Disconnected(Disconnected),
    /// [`Event::Idle`].
    Idle(Idle),
}

impl Event<'_> {
    /// The same event, borrowing nothing. Allocates.
    #[must_use]
    pub fn to_owned_event(&self) -> OwnedEvent {
        match self {
            Self::Forking(forking) => OwnedEvent::Forking(*forking),
            Self::Attached(attached) => OwnedEvent::Attached(*attached),
            Self::SnapshotBegin(begin) => OwnedEvent::SnapshotBegin(*begin),
            Self::SnapshotBytes(bytes) => OwnedEvent::SnapshotBytes(bytes.to_vec()),
            Self::SnapshotItem(item) => OwnedEvent::SnapshotItem(item.into()),
            Self::SnapshotEnd(end) => OwnedEvent::SnapshotEnd(*end),
            Self::Command(command) => OwnedEvent::Command(command.into()),
            Self::Part(part) => OwnedEvent::Part(part.into()),
            Self::Multi(command) => OwnedEvent::Multi(command.into()),
            Self::Exec(command) => OwnedEvent::Exec(command.into()),
            Self::Control(command) => OwnedEvent::Control(command.into()),
            Self::Gap(gap) => OwnedEvent::Gap(*gap),
            Self::Disconnected(disconnected) => OwnedEvent::Disconnected(*disconnected),
            Self::Idle(idle) => OwnedEvent::Idle(*idle),
        }
    }
}

impl From<Event<'_>> for OwnedEvent {
    fn from(event: Event<'_>) -> Self {
        event.to_owned_event()
    }
}

/// A [`StreamPart`] that borrows nothing.
///
/// ```
/// use redtail::owned::{OwnedContent, OwnedPart};
///
/// fn append(part: &OwnedPart, value: &mut Vec<u8>) {
///     match &part.content {
///         OwnedContent::Argument { .. } => value.clear(),
///         OwnedContent::Piece(bytes) => value.extend(bytes),
///         _ => {}
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct OwnedPart {
    /// The part.
    pub content: OwnedContent,
    /// As [`StreamPart::db`].
    pub db: Option<u32>,
    /// As [`StreamPart::tx`].
    pub tx: Option<u64>,
    /// As [`StreamPart::received_ms`].
    pub received_ms: Option<u64>,
    /// As [`StreamPart::offset`].
    pub offset: Option<u64>,
    /// As [`StreamPart::position`].
    pub position: Option<Position>,
    /// As [`StreamPart::history`].
    pub history: Option<ReplicationId>,
}

/// A [`Part`] that borrows nothing.
///
/// ```
/// # use redtail::owned::OwnedContent;
/// let length = |content: &OwnedContent| if let OwnedContent::Piece(bytes) = content { bytes.len() } else { 0 };
/// assert_eq!(length(&OwnedContent::Piece(b"hel".to_vec())), 3);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum OwnedContent {
    /// [`Part::Begin`].
    Begin {
        /// Number of arguments, the name included.
        argc: usize,
    },
    /// [`Part::Argument`].
    Argument {
        /// Its number; the name is 0.
        index: usize,
        /// Its length in bytes.
        length: u64,
    },
    /// [`Part::Piece`].
    Piece(#[cfg_attr(feature = "serde", serde(with = "crate::owned::serialize::bytes"))] Vec<u8>),
    /// [`Part::End`].
    End,
}

impl From<&StreamPart<'_>> for OwnedPart {
    fn from(part: &StreamPart<'_>) -> Self {
        Self {
            content: match part.part {
                Part::Begin { argc } => OwnedContent::Begin { argc },
                Part::Argument { index, length } => OwnedContent::Argument { index, length },
                Part::Piece(bytes) => OwnedContent::Piece(bytes.to_vec()),
                Part::End => OwnedContent::End,
            },
            db: part.db,
            tx: part.tx,
            received_ms: part.received_ms,
            offset: part.offset,
            position: part.position(),
            history: part.history(),
        }
    }
}

/// An [`Item`] that borrows nothing.
///
/// ```
/// use redtail::owned::OwnedItem;
/// use redtail::rdb::{Item, Role, Text};
///
/// let text = Item::Text(Text { role: Role::Value, bytes: b"v", at: 0, length: 1 });
/// let kept = OwnedItem::from(&text);
/// assert_eq!(kept.item(), text);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct OwnedItem {
    /// The item without its bytes.
    item: Item<'static>,
    bytes: Vec<u8>,
}

impl OwnedItem {
    /// The item, borrowing from here.
    #[must_use]
    pub fn item(&self) -> Item<'_> {
        self.item.with_bytes(&self.bytes)
    }
}

impl From<&Item<'_>> for OwnedItem {
    fn from(item: &Item<'_>) -> Self {
        Self { item: item.with_bytes(b""), bytes: item.bytes().to_vec() }
    }
}
