//! The parts of a value, as both bridges publish them.

use serde_json::{Value, json};

/// Continues a value, its lists, and those of groups and consumers by their names.
pub(crate) fn add_part(whole: &mut Value, part: Value) {
    match (whole, part) {
        (Value::Array(whole), Value::Array(part)) => {
            for it in part {
                let has_name = !it["name"].is_null();
                let mut same = whole.iter_mut().filter(|_| has_name).filter(|other| other["name"] == it["name"]);
                match same.next() {
                    Some(same) => add_part(same, it),
                    None => whole.push(it),
                }
            }
        }
        (Value::Object(whole), Value::Object(part)) => {
            for (name, it) in part {
                add_part(whole.entry(name).or_insert(Value::Null), it);
            }
        }
        (whole, part) => *whole = part,
    }
}

/// A stream of this number of entries with two groups. One has delivered all of them, to two of its three consumers.
pub(crate) fn groups_are_whole(value: &Value, entries: u32) {
    let list = |value: &Value| value.as_array().expect("a list").clone();
    let ids = |from: u32, to: u32| (from..=to).map(|n| json!(format!("{n}-0"))).collect::<Vec<_>>();
    assert_eq!((list(&value["entries"]).len(), &value["length"]), (entries as usize, &json!(entries)));
    let groups = list(&value["groups"]);
    assert_eq!(groups.len(), 2);
    let late = json!({"name": "late", "last_id": "7-0", "entries_read": null, "pending": [], "consumers": []});
    assert_eq!(groups[0], late);
    let group = &groups[1];
    let facts = (&group["name"], &group["last_id"], &group["entries_read"]);
    assert_eq!(facts, (&json!("read"), &json!(format!("{entries}-0")), &json!(entries)));
    let pending = list(&group["pending"]);
    assert!(pending.iter().all(|it| it[1].as_u64().is_some_and(|at| at > 0) && it[2] == 1 && it[3].is_null()));
    assert_eq!(pending.into_iter().map(|it| it[0].clone()).collect::<Vec<_>>(), ids(1, entries));
    let consumers = list(&group["consumers"]);
    let names: Vec<_> = consumers.iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["alice", "bob", "idle"]);
    let pending: Vec<_> = consumers.iter().map(|it| list(&it["pending"])).collect();
    assert_eq!(pending, [ids(1, 2), ids(3, entries), Vec::new()]);
    assert!(consumers.iter().all(|it| it["seen_at_ms"].is_u64() && it["active_at_ms"].is_null()));
}
