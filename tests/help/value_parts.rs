//! The parts of a value, as both bridges publish them.

use serde_json::Value;

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
