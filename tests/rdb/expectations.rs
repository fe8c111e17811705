//! The keys of snapshots against lists of them: what the server itself replied, or what was written by hand.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use redtail::io::TemplateBuffer;
use redtail::owned::{Collector, Stream, Value, Whole, WholeKey};
use redtail::rdb::{Decoder, Dump, StreamId};
use redtail::resp::Status;
use serde_json::Value as Json;

use crate::corpus::root;

/// Snapshots and the lists of their keys.
fn listed() -> Vec<(PathBuf, PathBuf)> {
    let beside = |folder: &Path| {
        let files: Vec<_> = fs::read_dir(folder).unwrap().flatten().map(|file| file.path()).collect();
        let snapshots = files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rdb"));
        snapshots.map(|path| (path.clone(), path.with_extension("expect.jsonl"))).filter(|(_, list)| list.exists())
    };
    let carried = root().join("tests/data");
    let mut listed: Vec<_> = beside(&carried).chain(beside(&carried.join("handmade"))).collect();
    assert_eq!(listed.len(), 6);
    let recorded = root().join("../shared/corpus-new");
    if recorded.exists() {
        let handmade = recorded.join("handmade-rdb");
        listed.extend(beside(&handmade.join("redis-17")).chain(beside(&handmade.join("valkey-81"))));
        let folder = recorded.join("redis-8.10.2/s21-snapshots");
        listed.extend(
            ["dump", "lru", "lfu"]
                .map(|name| (folder.join(name.to_owned() + ".rdb"), folder.join("data.expect.jsonl"))),
        );
        listed.extend(beside(&folder));
    }
    listed
}

#[test]
fn keys_are_those_of_the_lists() {
    for (snapshot, list) in listed() {
        let (bytes, list) = (fs::read(&snapshot).unwrap(), fs::read_to_string(list).unwrap());
        let mut keys: HashMap<_, _> = keys(&bytes).into_iter().map(|key| ((key.db, key.name.clone()), key)).collect();
        for line in list.lines() {
            let line: Json = serde_json::from_str(line).unwrap();
            let name = (line["db"].as_u64().unwrap() as u32, bytes_of(&line["key"]));
            let key = keys.remove(&name).unwrap_or_else(|| panic!("{}: no {line}", snapshot.display()));
            check(&key, &line);
        }
        assert!(keys.is_empty(), "{}: {keys:?}", snapshot.display());
    }
}

/// The payloads that DUMP returned, and those of RESTOREs that HIMPORT caused.
#[test]
fn values_of_payloads_are_those_of_the_lists() {
    let folder = root().join("../shared/corpus-new/redis-8.10.2/s21-snapshots");
    let Ok(list) = fs::read_to_string(folder.join("data.expect.jsonl")) else {
        println!("no recorded payloads at {}", folder.display());
        return;
    };
    let lines = |text: &str| text.lines().map(|line| serde_json::from_str::<Json>(line).unwrap()).collect::<Vec<_>>();
    let read = |name: &str| lines(&fs::read_to_string(folder.join(name)).unwrap());
    let listed: HashMap<_, _> = lines(&list).into_iter().map(|line| (line["key"].to_string(), line)).collect();
    for dump in read("dumps.jsonl") {
        let payload = BASE64_STANDARD.decode(dump["payload"].as_str().unwrap()).unwrap();
        let mut line = listed[&dump["key"].to_string()].clone();
        // RESTORE has the expiry as an argument.
        line.as_object_mut().unwrap().remove("expires_at");
        check(&value(&payload), &line);
    }
    let commands = read("himport-commands.jsonl");
    for restore in read("himport-restores.jsonl") {
        let command = &commands[restore["i"].as_u64().unwrap() as usize];
        check(&value(&bytes_of(&command["args"][3])), &restore);
    }
}

fn keys(mut bytes: &[u8]) -> Vec<WholeKey> {
    let (mut decoder, mut collector, mut keys) =
        (Decoder::new().with_templates(TemplateBuffer::default()), Collector::new(1 << 30), Vec::new());
    while let Status::Complete(item) = decoder.next(&mut bytes).unwrap() {
        if let Some(Whole::Key(key)) = collector.take(item) {
            keys.push(*key);
        }
    }
    keys
}

fn value(payload: &[u8]) -> WholeKey {
    let (mut dump, mut collector) = (Dump::new(payload).unwrap(), Collector::new(1 << 30));
    loop {
        if let Some(Whole::Key(key)) = collector.take(dump.next_item().unwrap().unwrap()) {
            return *key;
        }
    }
}

fn check(key: &WholeKey, line: &Json) {
    let number = |name: &str| line.get(name).and_then(Json::as_u64);
    assert_eq!(key.expire_at_ms, number("expires_at").map(|at| at as i64), "{line}");
    assert_eq!(key.no_evict, line.get("noevict").is_some(), "{line}");
    if let Some(of) = number("rdb_type") {
        assert_eq!(u64::from(key.number), of, "{line}");
    }
    let (length, content) = content(&key.value);
    if line["type"] != "vectorset" {
        assert_eq!(Some(length as u64), number("length"), "{line}: {key:?}");
    }
    if let Some(listed) = line.get("content").and_then(Json::as_array) {
        let listed: Vec<_> = listed.iter().map(bytes_of).collect();
        assert_eq!(content, listed, "{line}");
    }
    if let Value::Stream(stream) = &key.value {
        check_stream(stream, &line["stream"]);
    }
    if let (Value::Array { last_insert, .. }, Some(next)) = (&key.value, line.get("next")) {
        // Without an insertion the index of the next one is 0; the lists have none.
        assert_eq!(last_insert.map(|last| last + 1), next.as_u64(), "{line}");
    }
}

fn check_stream(stream: &Stream, line: &Json) {
    let state = stream.state.unwrap();
    let ids = ["last", "first", "max_deleted"].map(|name| line[name].as_str().unwrap().to_owned());
    assert_eq!([state.last, state.first.unwrap(), state.max_deleted.unwrap()].map(|id| id.to_string()), ids, "{line}");
    assert_eq!(state.added, line["added"].as_u64(), "{line}");
    let groups = line["groups"].as_array().unwrap();
    assert_eq!(stream.groups.len(), groups.len(), "{line}");
    for (group, line) in stream.groups.iter().zip(groups) {
        assert_eq!(
            (&group.name, group.last.to_string().as_str()),
            (&bytes_of(&line["name"]), line["last"].as_str().unwrap())
        );
        let strings = |ids: &[StreamId]| ids.iter().map(|id| Json::from(id.to_string())).collect::<Json>();
        // The list is in the order of the ids, the snapshot in that of the XNACKs.
        let mut returned = group.returned.clone();
        returned.sort();
        assert_eq!(strings(&returned), line["nacked"], "{line}");
        assert_eq!(group.pending.len(), line["pending"].as_array().unwrap().len(), "{line}");
        for (consumer, line) in group.consumers.iter().zip(line["consumers"].as_array().unwrap()) {
            assert_eq!(strings(&consumer.pending), line["pending"], "{line}");
            assert_eq!(
                (consumer.seen_at_ms, consumer.active_at_ms),
                (line["seen"].as_i64().unwrap(), line["active"].as_i64())
            );
        }
    }
}

/// The length that the server replies, and the strings, sorted where the type has no order.
fn content(value: &Value) -> (usize, Vec<Vec<u8>>) {
    let sorted = |mut rows: Vec<Vec<Vec<u8>>>| {
        rows.sort();
        (rows.len(), rows.concat())
    };
    let expiry = |at: Option<i64>| at.unwrap_or(-1).to_string().into_bytes();
    let text = |number: &dyn std::fmt::Display| number.to_string().into_bytes();
    match value {
        Value::String(value) => (value.len(), vec![value.clone()]),
        Value::List(list) => (list.len(), list.clone()),
        Value::Set(set) => {
            let expires = set.iter().any(|member| member.expire_at_ms.is_some());
            sorted(
                set.iter()
                    .map(|member| match expires {
                        true => vec![member.member.clone(), expiry(member.expire_at_ms)],
                        false => vec![member.member.clone()],
                    })
                    .collect(),
            )
        }
        Value::Hash(hash) => {
            let expires = hash.iter().any(|field| field.expire_at_ms.is_some());
            let row = |field: &redtail::owned::HashField| {
                let mut row = vec![field.field.clone(), field.value.clone()];
                row.extend(expires.then(|| expiry(field.expire_at_ms)));
                row
            };
            sorted(hash.iter().map(row).collect())
        }
        Value::Zset(zset) => {
            let mut rows = zset.clone();
            rows.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
            (rows.len(), rows.into_iter().flat_map(|(member, score)| [member, text(&score)]).collect())
        }
        Value::Array { elements, .. } => {
            (elements.len(), elements.iter().flat_map(|(index, element)| [text(index), element.clone()]).collect())
        }
        Value::PathHash(paths) => {
            let mut all = Vec::new();
            for path in paths {
                all.extend([path.path.clone(), text(&path.fields.len())]);
                let mut fields = path.fields.clone();
                fields.sort();
                all.extend(fields.into_iter().flat_map(|(field, value)| [field, value]));
            }
            (paths.len(), all)
        }
        Value::Stream(stream) => {
            let id = |id: StreamId| text(&id);
            let mut all = Vec::new();
            for entry in &stream.entries {
                all.extend([id(entry.id), text(&(2 * entry.fields.len()))]);
                all.extend(entry.fields.iter().flat_map(|(field, value)| [field.clone(), value.clone()]));
            }
            (stream.entries.len(), all)
        }
        _ => (0, Vec::new()),
    }
}

fn bytes_of(value: &Json) -> Vec<u8> {
    match value {
        Json::String(text) => text.clone().into_bytes(),
        value => BASE64_STANDARD.decode(value["b64"].as_str().unwrap()).unwrap(),
    }
}
