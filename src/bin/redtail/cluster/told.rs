//! What happens to a cluster, for a person and for a program.

use redtail::Start;
use redtail::topology::Notice;
use serde_json::{Value, json};

/// In words, and as a line of JSON.
pub(super) fn told(notice: &Notice) -> (String, Option<Value>) {
    match notice {
        Notice::Added { shard, start } => {
            let (id, target, slots) = (shard.id(), shard.target().to_string(), shard.slots().to_string());
            let start = match start {
                Start::At(position) => position.to_string(),
                Start::Snapshot => "snapshot".into(),
                Start::NowWithoutFork => "now-without-fork".into(),
                _ => "now".into(),
            };
            let line = json!({"event": "shard_added", "shard": id, "target": target, "slots": slots, "start": start});
            (format!("shard {id} at {target} with slots {slots}: from {start}"), Some(line))
        }
        Notice::FailedOver { shard, from, to } => {
            let (id, from, to) = (shard.id(), from.to_string(), to.to_string());
            let line = json!({"event": "shard_failed_over", "shard": id, "from": from, "to": to});
            (format!("shard {id} has failed over from {from} to {to}"), Some(line))
        }
        Notice::SlotsMoved { shard, gained, lost } => {
            let (id, gained, lost) = (shard.id(), gained.to_string(), lost.to_string());
            let line = json!({"event": "slots_moved", "shard": id, "gained": gained, "lost": lost});
            (format!("shard {id} has other slots: gained [{gained}], lost [{lost}]"), Some(line))
        }
        Notice::Removed { shard, position } => {
            let position = position.map(|position| position.to_string());
            let line = json!({"event": "shard_removed", "shard": shard.id(), "position": position});
            (format!("shard {} has left the cluster", shard.id()), Some(line))
        }
        Notice::Lost(saved) => {
            let line = json!({"event": "place_lost", "position": saved.to_string()});
            (format!("history lost: no shard of the cluster continues {saved}"), Some(line))
        }
        Notice::Ended { shard, .. } => (format!("shard {} is no longer followed", shard.id()), None),
        other => (format!("{other:?}"), None),
    }
}
