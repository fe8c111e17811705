//! What happens to a cluster, for a person and for a program.

use redtail::topology::Notice;
use serde_json::{Value, json};

/// In words, and as a line of JSON.
pub(super) fn told(notice: &Notice) -> (String, Option<Value>) {
    let line = match notice {
        Notice::Added { shard, start } => {
            let (id, target, slots) = (shard.id(), shard.target().to_string(), shard.slots().to_string());
            let start = start.to_string();
            json!({"event": "shard_added", "shard": id, "target": target, "slots": slots, "start": start})
        }
        Notice::FailedOver { shard, from, to } => {
            let (id, from, to) = (shard.id(), from.to_string(), to.to_string());
            json!({"event": "shard_failed_over", "shard": id, "from": from, "to": to})
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
        // The error is said at the end.
        Notice::Ended { shard, .. } => return (format!("shard {} is no longer followed", shard.id()), None),
        other => return (other.to_string(), None),
    };
    (notice.to_string(), Some(line))
}
