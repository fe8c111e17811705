//! Changes in a cluster, as a message and as a line of JSON.

use redtail::topology::Notice;
use serde_json::{Value, json};

pub(super) fn message(notice: &Notice) -> String {
    match notice {
        // The error is reported at the end of the run.
        Notice::Ended { shard, .. } => format!("shard {} is no longer followed", shard.id()),
        notice => notice.to_string(),
    }
}

/// `None` for notices that are for people only.
pub(super) fn json(notice: &Notice) -> Option<Value> {
    Some(match notice {
        Notice::Added { shard, start } => {
            let (id, target, slots) = (shard.id(), shard.target().to_string(), shard.slots().to_string());
            let start = start.to_string();
            json!({"event": "shard_added", "shard": id, "target": target, "slots": slots, "start": start})
        }
        Notice::FailedOver { shard, from, to } => {
            let (id, from, to) = (shard.id(), from.to_string(), to.to_string());
            json!({"event": "shard_failed_over", "shard": id, "from": from, "to": to})
        }
        Notice::Moved { shard, from, to } => {
            let (id, from, to) = (shard.id(), from.to_string(), to.to_string());
            json!({"event": "shard_moved", "shard": id, "from": from, "to": to})
        }
        Notice::SlotsMoved { shard, gained, lost } => {
            let (id, gained, lost) = (shard.id(), gained.to_string(), lost.to_string());
            json!({"event": "slots_moved", "shard": id, "gained": gained, "lost": lost})
        }
        Notice::Removed { shard, position } => {
            let position = position.map(|position| position.to_string());
            json!({"event": "shard_removed", "shard": shard.id(), "position": position})
        }
        Notice::Lost(saved) => json!({"event": "place_lost", "position": saved.to_string()}),
        _ => return None,
    })
}
