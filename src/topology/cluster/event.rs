//! Events and notices of a cluster.

use std::fmt;

use crate::net::{Error, Target};
use crate::owned::OwnedEvent;
use crate::replication::{Position, Start};
use crate::topology::cluster::error::ClusterError;
use crate::topology::cluster::positions::SavedShard;
use crate::topology::cluster::shard::Shard;
use crate::topology::cluster::slots::Slots;

/// An item of a [`Merged`](crate::topology::Merged) stream.
///
/// ```
/// use redtail::topology::ClusterEvent;
///
/// # fn react(event: ClusterEvent) {
/// match event {
///     ClusterEvent::Shard { shard, event } => println!("{}: {event:?}", shard.id()),
///     ClusterEvent::Notice(notice) => eprintln!("{notice}"),
///     _ => {}
/// }
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ClusterEvent {
    /// A change of the cluster.
    Notice(Notice),
    /// An event of a shard.
    Shard {
        /// The shard.
        shard: Shard,
        /// The event.
        event: OwnedEvent,
    },
    /// No event arrived in the time given to [`Merged::next_timeout`](crate::topology::Merged::next_timeout).
    Idle,
}

/// A change of a cluster. The events of its shards are delivered separately.
///
/// ```
/// use redtail::topology::{ClusterEvent, Notice};
///
/// # fn react(event: ClusterEvent) {
/// if let ClusterEvent::Notice(Notice::FailedOver { shard, to, .. }) = event {
///     println!("{} is at {to} now", shard.id());
/// }
/// # }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Notice {
    /// A shard is followed from now on. Delivered before its first event.
    Added {
        /// The shard.
        shard: Shard,
        /// Where it starts.
        start: Start,
    },
    /// Another node has become the primary of a shard. The shard's events say where its stream resumes.
    FailedOver {
        /// The shard.
        shard: Shard,
        /// The former address of the primary.
        from: Target,
        /// The present address of the primary.
        to: Target,
    },
    /// The primary of a shard has another address. The next connection is made there; the present one is kept, because
    /// the node is the same.
    Moved {
        /// The shard.
        shard: Shard,
        /// The former address of the primary.
        from: Target,
        /// The present address of the primary.
        to: Target,
    },
    /// Slots have moved. Events for their keys continue in another shard's stream, in no order relative to this one.
    SlotsMoved {
        /// The shard.
        shard: Shard,
        /// The slots that are new in this shard.
        gained: Slots,
        /// The slots that have left this shard.
        lost: Slots,
    },
    /// A shard has left the cluster. All its events have been delivered.
    Removed {
        /// The shard.
        shard: Shard,
        /// Its last position.
        position: Option<Position>,
    },
    /// A shard has ended with an error and is not tried again. The other shards continue. Its last position remains
    /// among the positions.
    Ended {
        /// The shard.
        shard: Shard,
        /// The error; `None`: the shard's own handle stopped it.
        error: Option<Error>,
    },
    /// A gap: no shard of the cluster continues this saved position. Writes after it are unknown. The other shards
    /// continue. With [`OnGap::Stop`](crate::OnGap::Stop) the position remains among the positions, so that the next
    /// start delivers this notice again. Delivered before all other notices.
    Lost(SavedShard),
    /// No node answers with the cluster's topology. Delivered once until one does. Connected shards continue.
    Unreachable(ClusterError),
}

/// One line for a person.
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added { shard, start } => {
                let (id, target, slots) = (shard.id(), shard.target(), shard.slots());
                write!(f, "shard {id} at {target} with slots {slots}: from {start}")
            }
            Self::FailedOver { shard, from, to } => {
                write!(f, "shard {} has failed over from {from} to {to}", shard.id())
            }
            Self::Moved { shard, from, to } => {
                write!(f, "the primary of shard {} has moved from {from} to {to}", shard.id())
            }
            Self::SlotsMoved { shard, gained, lost } => {
                write!(f, "shard {} has other slots: gained [{gained}], lost [{lost}]", shard.id())
            }
            Self::Removed { shard, .. } => write!(f, "shard {} has left the cluster", shard.id()),
            Self::Ended { shard, error: Some(error) } => {
                write!(f, "shard {} is no longer followed: {error}", shard.id())
            }
            Self::Ended { shard, error: None } => {
                write!(f, "shard {} is no longer followed: it was stopped", shard.id())
            }
            Self::Lost(saved) => write!(f, "history lost: no shard of the cluster continues {saved}"),
            Self::Unreachable(error) => error.fmt(f),
        }
    }
}
