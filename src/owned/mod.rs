//! Copies that own what they hold: events of a follower, and whole keys of a snapshot. The only room of the core's items
//! that allocates for each of them.

mod command;
mod event;
#[cfg(feature = "serde")]
mod serialize;
mod snapshot;
mod whole_keys;

pub use command::OwnedCommand;
pub use event::{OwnedContent, OwnedEvent, OwnedItem, OwnedPart};
pub use snapshot::{
    ArrayElement, CollectError, Collector, Consumer, Group, HashField, Metadata, Producer, Stream, StreamEntry, Value,
    Whole, WholeKey,
};
pub use whole_keys::{WholeKeys, WholeKeysError};
