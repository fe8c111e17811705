//! Compares the data of two servers, and rebuilds data from a stream.

use redtail::topology::{Migration, Migrations, slot};

use crate::client::{Client, Value, command};
use crate::follow::Write;
use crate::help::{eventually, redis_cli};
use crate::server::{Kind, Server};
use crate::workload::workload;

/// Plays commands into a server, unchanged, except PING, REPLCONF and TRIMSLOTS. No reply may be an error.
pub(crate) fn replay(into: &Server, db: u32, stream: &[&Write]) {
    let mut bytes = format!("SELECT {db}\r\n").into_bytes();
    // The nodes of a cluster send messages to each other in their streams, too.
    let is_talk = |write: &&&Write| ["PING", "REPLCONF", "CLUSTER"].iter().any(|name| write.is(name));
    for write in stream.iter().filter(|write| !is_talk(write)) {
        if write.is("TRIMSLOTS") {
            replay_bytes(into, &std::mem::take(&mut bytes));
            trim(into, write);
        } else {
            bytes.extend_from_slice(&write.raw);
        }
    }
    replay_bytes(into, &bytes);
}

/// Deletes the keys of slots. No client may send TRIMSLOTS.
fn trim(into: &Server, trimmed: &Write) {
    let args: Vec<&[u8]> = trimmed.args.iter().map(Vec::as_slice).collect();
    let Some(Migration::Trimmed(slots)) = Migrations::new().next_of_args(args.into_iter()) else {
        panic!("{}", trimmed.text())
    };
    let mut client = into.client();
    for key in client.call(&["KEYS", "*"]).items().iter().map(bytes).filter(|key| slots.contains(slot(key))) {
        client.call(&[b"DEL".to_vec(), key]);
    }
}

/// Through `redis-cli --pipe`, as a user would.
pub(crate) fn replay_bytes(into: &Server, bytes: &[u8]) {
    let words = redis_cli(into, &["--pipe"], bytes);
    assert!(words.contains("errors: 0,"), "{words}");
}

/// Waits until both have the same data. Keys that are about to expire make it a matter of time.
pub(crate) fn same_data(one: &Server, other: &Server) {
    eventually("both servers have the same digest", || one.digest() == other.digest());
    let (one, other) = (what_the_digest_misses(one), what_the_digest_misses(other));
    assert_eq!(one.len(), other.len());
    for (one, other) in one.iter().zip(&other) {
        assert_eq!(one, other);
    }
}

/// Expiry times, consumer groups and functions.
fn what_the_digest_misses(server: &Server) -> Vec<(u32, String, Value)> {
    let mut found = Vec::new();
    let mut client = server.client();
    for db in 0..16 {
        // A node of a cluster has one database.
        if client.ask(&["SELECT", &db.to_string()]).is_error() && db > 0 {
            continue;
        }
        let mut keys: Vec<Vec<u8>> = client.call(&["KEYS", "*"]).items().iter().map(bytes).collect();
        keys.sort();
        for key in keys {
            let name = String::from_utf8_lossy(&key).into_owned();
            if server.kind != Kind::Redis62 {
                found.push((db, name.clone(), client.call(&[b"PEXPIRETIME".to_vec(), key.clone()])));
            }
            found.extend(of_a_type(&mut client, server.kind, &key).into_iter().map(|value| (db, name.clone(), value)));
        }
    }
    if server.kind != Kind::Redis62 {
        found.push((0, "functions".into(), client.call(&["FUNCTION", "LIST", "WITHCODE"])));
    }
    found
}

fn of_a_type(client: &mut Client, kind: Kind, key: &[u8]) -> Option<Value> {
    match client.call(&[b"TYPE", key]).text().as_str() {
        "stream" => Some(without_moments(client.call(&[&b"XINFO"[..], b"STREAM", key, b"FULL"]))),
        "hash" if kind.expires_fields() => {
            let fields = client.call(&[b"HKEYS", key]);
            let mut fields: Vec<Vec<u8>> = fields.items().iter().map(bytes).collect();
            fields.sort();
            let mut ask =
                vec![b"HPEXPIRETIME".to_vec(), key.to_vec(), b"FIELDS".into(), fields.len().to_string().into()];
            ask.extend(fields);
            Some(client.call(&ask))
        }
        _ => None,
    }
}

pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::Bulk(bytes) => bytes.clone(),
        other => panic!("expected a bulk string, got {other:?}"),
    }
}

/// The time when a consumer was last seen is not replicated. The encoding of a stream depends on the order in which
/// its nodes were made.
fn without_moments(value: Value) -> Value {
    let Value::Array(items) = value else { return value };
    let own = ["seen-time", "active-time", "radix-tree-keys", "radix-tree-nodes"];
    let mut kept = Vec::new();
    let mut items = items.into_iter();
    while let Some(item) = items.next() {
        if matches!(&item, Value::Bulk(name) if own.iter().any(|own| name == own.as_bytes())) {
            items.next();
        } else {
            kept.push(without_moments(item));
        }
    }
    Value::Array(kept)
}

/// Writes data of every kind, and waits for the one key that expires at once: nothing changes afterwards without a
/// write.
pub(crate) fn fill(server: &Server) {
    let replies = server.client().pipeline(&workload(server.kind));
    assert!(replies.iter().all(|reply| !reply.is_error()));
    // Reading it deletes it.
    eventually("k:3 has expired", || server.call(&["EXISTS", "k:3"]).int() == 0);
}

/// `SET <prefix><n> <n>` for each number.
pub(crate) fn count(server: &Server, prefix: &str, numbers: std::ops::Range<u32>) -> Vec<String> {
    let commands: Vec<_> = numbers.map(|n| command(&["SET", &format!("{prefix}{n}"), &n.to_string()])).collect();
    let replies = server.client().pipeline(&commands);
    assert!(replies.iter().all(|reply| !reply.is_error()), "{replies:?}");
    commands.iter().map(|command| String::from_utf8_lossy(&command.join(&b' ')).into_owned()).collect()
}
