//! What a notice says to a person.

use std::fmt;

use crate::topology::cluster::coordinator::Notice;

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
