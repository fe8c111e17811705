//! Owned copies: events of a follower, and whole keys of a snapshot. Only this module allocates for each event or item.
//!
//! | purpose | items |
//! | --- | --- |
//! | events | [`OwnedEvent`], [`OwnedCommand`], [`OwnedContent`], [`OwnedPart`], [`OwnedItem`] |
//! | whole keys of a snapshot | [`WholeKeys`], [`Collector`], [`Whole`], [`WholeKey`], [`Metadata`] |
//! | values | [`Value`], [`HashField`], [`SetMember`], [`PathFields`], [`Stream`], [`StreamEntry`], [`Group`], [`Consumer`], [`Producer`] |
//! | keys that were passed over | [`Omitted`], [`Omission`] |

mod command;
mod event;
#[cfg(feature = "serde")]
mod serialize;
mod snapshot;
mod whole;
mod whole_keys;

pub use command::OwnedCommand;
pub use event::{OwnedContent, OwnedEvent, OwnedItem, OwnedPart};
pub use snapshot::Collector;
pub use whole::{
    Consumer, Group, HashField, Metadata, Omission, Omitted, PathFields, Producer, SetMember, Stream, StreamEntry,
    Value, Whole, WholeKey,
};
pub use whole_keys::WholeKeys;
