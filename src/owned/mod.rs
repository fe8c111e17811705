//! Copies that own what they hold: events of a follower, and whole keys of a snapshot. The only room of the core's items
//! that allocates for each of them.

mod event;
mod snapshot;

pub use event::{OwnedCommand, OwnedContent, OwnedEvent, OwnedItem, OwnedPart};
pub use snapshot::{
    ArrayElement, CollectError, Collector, Consumer, Group, HashField, Metadata, Producer, Stream, StreamEntry, Value,
    Whole, WholeKey,
};
