//! `--format resp` of a snapshot makes the same data in an empty server of the same version; JSON agrees with the
//! server's own commands.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use redtail::Status;
use redtail::io::TemplateBuffer;
use redtail::owned::{Consumer, Group, HashField, SetMember, Stream, StreamEntry, Value as Decoded, WholeKey};
use redtail::rdb::{Decoder, StreamId, StreamState};
use serde_json::Value as Json;

use crate::client::{Client, Value};
use crate::copy::replay_bytes;
use crate::help::eventually;
use crate::server::{Kind, Server};
use crate::snapshots::{SETTINGS, check, data, decode};
use crate::tool::Tool;

pub(crate) const LAST: &[u8] = b"the last key";

/// Writes the last key, and returns the complete output of the tool after its orderly end.
pub(crate) fn finish(mut tool: Tool, server: &Server) -> Vec<u8> {
    server.call(&[&b"SET"[..], LAST, b"v"]);
    let mut bytes = tool.until(LAST);
    tool.signal("INT");
    bytes.extend(tool.rest());
    assert!(tool.wait().success(), "{}", tool.errors());
    bytes
}

/// The tool's output for these bytes, or arguments, in order and with success.
pub(crate) fn printed(args: &[&str], input: &[u8]) -> (Vec<u8>, String) {
    let output = Tool::run(args, input);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    (output.stdout, errors)
}

/// Both have the same data, except what no command can recreate: pending entries that are no longer in their stream
/// (which servers omit from their own append-only files too), and the times when consumers were last seen.
pub(crate) fn same_but_for_what_is_lost(one: &Server, other: &Server, at: &str) {
    same(one, other, &[], at);
}

/// The same after a stream: the read count of a group is not replicated, unless it reads without acknowledgement.
pub(crate) fn same_but_for_what_is_not_replicated(one: &Server, other: &Server, at: &str) {
    same(one, other, &["entries-read", "lag"], at);
}

fn same(one: &Server, other: &Server, without: &[&str], at: &str) {
    eventually("both servers have the same digest", || one.digest() == other.digest());
    let (one, other) = (facts(one, without), facts(other, without));
    assert!(one.keys().eq(other.keys()), "{at}: {:?} and {:?}", one.keys(), other.keys());
    for (key, facts) in &one {
        assert_eq!(facts, &other[key], "{at}, {key:?}");
    }
}

/// The data of each key outside the digest, and all functions.
fn facts(server: &Server, without: &[&str]) -> BTreeMap<(u32, Vec<u8>), Vec<Value>> {
    let mut facts = BTreeMap::new();
    let mut client = server.client();
    client.call(&["SAVE"]);
    let (keys, mut functions) = decode(&fs::read(server.folder().join("dump.rdb")).expect("the snapshot"));
    for key in keys {
        client.call(&["SELECT", &key.db.to_string()]);
        // Version 6.2 has no command for it. Others are asked.
        let mut expiry = Value::Int(key.expire_at_ms.unwrap_or(-1));
        if server.kind != Kind::Redis62 {
            expiry = client.call(&[b"PEXPIRETIME", &key.name[..]]);
        }
        let mut found = vec![expiry, client.call(&[b"TYPE", &key.name[..]])];
        match &key.value {
            Decoded::Stream(_) => found.push(stream(&mut client, server.kind, &key.name, without)),
            Decoded::Hash(hash) if server.kind.expires_fields() => {
                let mut fields: Vec<&[u8]> = hash.iter().map(|field| &field.field[..]).collect();
                fields.sort();
                let count = fields.len().to_string();
                let ask: [&[u8]; 4] = [b"HPEXPIRETIME", &key.name, b"FIELDS", count.as_bytes()];
                found.push(client.call(&[&ask[..], &fields].concat()));
            }
            _ => {}
        }
        facts.insert((key.db, key.name), found);
    }
    if server.kind != Kind::Redis62 {
        functions.sort();
        let listed = client.call(&["FUNCTION", "LIST", "WITHCODE"]);
        assert_eq!(listed.items().len(), functions.len());
        let functions = functions.into_iter().map(Value::Bulk).collect();
        facts.insert((u32::MAX, b"functions".to_vec()), vec![Value::Array(functions)]);
    }
    facts
}

/// `XINFO STREAM FULL` without the lost fields.
fn stream(client: &mut Client, kind: Kind, key: &[u8], without: &[&str]) -> Value {
    let ids = client.call(&[b"XRANGE", key, b"-", b"+"]);
    let ids: BTreeSet<String> = ids.items().iter().map(|entry| entry.items()[0].text()).collect();
    let full = client.call(&[&b"XINFO"[..], b"STREAM", key, b"FULL", b"COUNT", b"0"]);
    let lost = ["seen-time", "active-time", "radix-tree-keys", "radix-tree-nodes", "pel-count"];
    without_lost(full, &[&lost[..], without].concat(), &|id| kind == Kind::Redis62 || ids.contains(id))
}

fn without_lost(value: Value, lost: &[&str], is_there: &dyn Fn(&str) -> bool) -> Value {
    let Value::Array(items) = value else { return value };
    // Rows of pending entries: of a group, id, consumer, time and count; of a consumer without its name.
    let is_pending = |item: &Value| match item {
        Value::Array(row) => {
            matches!(row[..], [Value::Bulk(_), Value::Bulk(_), Value::Int(_), Value::Int(_)])
                || matches!(row[..], [Value::Bulk(_), Value::Int(_), Value::Int(_)])
        }
        _ => false,
    };
    let mut kept = Vec::new();
    let mut items = items.into_iter();
    while let Some(item) = items.next() {
        if matches!(&item, Value::Bulk(name) if lost.iter().any(|lost| name == lost.as_bytes())) {
            items.next();
        } else if !is_pending(&item) || is_there(&item.items()[0].text()) {
            kept.push(without_lost(item, lost, is_there));
        }
    }
    Value::Array(kept)
}

/// The recordings of real servers, if available.
fn corpus() -> Option<PathBuf> {
    let folder = std::env::var_os("REDTAIL_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"), PathBuf::from);
    if !folder.is_dir() {
        eprintln!("skipped: there is no corpus of recordings at {}", folder.display());
        return None;
    }
    Some(folder)
}

/// The server of a recording, by its folder or file name.
fn kind_of(path: &Path) -> Option<Kind> {
    let names = [
        ("redis-6.2.14", Kind::Redis62),
        ("redis-7.0.15", Kind::Redis70),
        ("redis-8.2.3", Kind::Redis82),
        ("valkey-8.1.8", Kind::Valkey81),
        ("valkey-9.1.2", Kind::Valkey91),
    ];
    names.into_iter().find(|(name, _)| path.to_string_lossy().contains(name)).map(|(_, kind)| kind)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Snapshots, also those at the front of append-only files and in recordings; each once.
fn snapshots() -> Vec<(Kind, String, Vec<u8>)> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let (mut found, mut seen, mut others) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for file in [Some(own), corpus()].into_iter().flatten().flat_map(|folder| files(&folder)) {
        let bytes = fs::read(&file).expect("a file");
        let snapshots = match file.extension().and_then(|extension| extension.to_str()) {
            Some("rdb") => vec![bytes],
            // Commands follow the snapshot, some with times relative to their loading.
            Some("aof") if bytes.starts_with(b"REDIS") || bytes.starts_with(b"VALKEY") => vec![first(&bytes)],
            Some("bin") => recorded(&file, &bytes),
            _ => continue,
        };
        let Some(kind) = kind_of(&file) else {
            others.insert(file.parent().map(Path::to_path_buf));
            continue;
        };
        for bytes in snapshots {
            if seen.insert((kind.version(), bytes.clone())) {
                found.push((kind, file.display().to_string(), bytes));
            }
        }
    }
    others.iter().flatten().for_each(|folder| eprintln!("skipped: no server for what is in {}", folder.display()));
    found
}

/// The snapshot at the front of a file.
fn first(bytes: &[u8]) -> Vec<u8> {
    let (mut decoder, mut input) = (Decoder::new().with_templates(TemplateBuffer::default()), bytes);
    while let Status::Complete(_) = decoder.next(&mut input).expect("a snapshot") {}
    bytes[..bytes.len() - input.len()].to_vec()
}

/// The snapshots in a recording, according to the notes on its layout.
fn recorded(file: &Path, bytes: &[u8]) -> Vec<Vec<u8>> {
    let Some(meta) = meta(file) else { return Vec::new() };
    let parts = meta["layout"].as_array().map(Vec::as_slice).unwrap_or_default();
    let number = |part: &Json, name: &str| part[name].as_u64().expect("a number") as usize;
    parts
        .iter()
        .filter(|part| part["what"] == "rdb")
        .map(|part| bytes[number(part, "at")..number(part, "at") + number(part, "len")].to_vec())
        .collect()
}

fn meta(file: &Path) -> Option<Json> {
    let stem = file.file_stem()?.to_str()?;
    let name = if stem == "stream" { "meta.json".to_owned() } else { format!("{stem}-meta.json") };
    serde_json::from_slice(&fs::read(file.with_file_name(name)).ok()?).ok()
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn recorded_snapshots_are_made_again() {
    let snapshots = snapshots();
    for (kind, name, bytes) in &snapshots {
        let (resp, _) = printed(&["decode", "--format", "resp", "--empty-target"], bytes);
        let copy = Server::start(*kind);
        replay_bytes(&copy, &resp);
        let reference = Server::start_from_dump(*kind, bytes);
        same_but_for_what_is_lost(&reference, &copy, name);
    }
    assert!(snapshots.len() >= 4);
    println!("{} snapshots", snapshots.len());
}

/// Snapshot and stream of a recording, up to the request for the server's digest.
#[test]
#[ignore = "needs real servers: tests/run"]
fn recorded_digests_come_out() {
    let Some(corpus) = corpus() else { return };
    let mut checked = 0;
    for file in files(&corpus) {
        let (Some(kind), Some(meta)) = (kind_of(&file), meta(&file)) else { continue };
        for digest in meta["digests"].as_array().into_iter().flatten() {
            let until = digest["offset"].to_string();
            let args = [
                "decode",
                "--format",
                "resp",
                "--empty-target",
                "--assume-db",
                "0",
                "--until",
                &until,
                file.to_str().expect("a path"),
            ];
            let (resp, _) = printed(&args, b"");
            let copy = Server::start(kind);
            replay_bytes(&copy, &resp);
            assert_eq!(copy.digest(), digest["digest"], "{}", file.display());
            checked += 1;
        }
    }
    assert!(checked >= 12);
}

/// Every type and encoding, with settings that produce each packed form.
#[test]
#[ignore = "needs real servers: tests/run"]
fn every_encoding_is_made_again() {
    for kind in Kind::ALL {
        for (name, settings) in SETTINGS {
            let server = Server::start_with(kind, settings);
            for reply in server.client().pipeline(&data(kind)) {
                assert!(!reply.is_error(), "{kind:?}: {reply:?}");
            }
            server.call(&["SAVE"]);
            let dump = server.folder().join("dump.rdb");
            let (resp, errors) =
                printed(&["decode", "--format", "resp", "--empty-target", dump.to_str().expect("a path")], b"");
            let said = |words: &str| errors.contains(words);
            assert!(said("the last activity of stream consumers"), "{errors}");
            assert_eq!(said("frequencies of access"), settings.contains(&"--maxmemory-policy"), "{errors}");
            let copy = Server::start(kind);
            replay_bytes(&copy, &resp);
            same_but_for_what_is_lost(&server, &copy, &format!("{kind:?}, {name}"));
            assert!(copy.call(&["DBSIZE"]).int() > 30);
        }
    }
}

/// The keys of `redtail snapshot` as JSON, and the server's values of each.
#[test]
#[ignore = "needs real servers: tests/run"]
fn json_says_what_the_server_says() {
    for kind in Kind::ALL {
        for diskless in ["yes", "no"] {
            let server = Server::start_with(kind, &["--repl-diskless-sync", diskless]);
            let mut client = server.client();
            for reply in client.pipeline(&data(kind)) {
                assert!(!reply.is_error(), "{kind:?}: {reply:?}");
            }
            let (json, errors) = printed(&["snapshot", &server.address(), "--format", "json"], b"");
            assert!(errors.contains(&format!("redtail tail --from {}:", server.replid())), "{errors}");
            let lines: Vec<Json> = std::str::from_utf8(&json)
                .expect("text")
                .lines()
                .map(|line| serde_json::from_str(line).expect("JSON"))
                .collect();
            let mut keys = BTreeMap::<u32, i64>::new();
            for line in lines.iter().filter(|line| line["event"] == "key") {
                let key = whole(line);
                *keys.entry(key.db).or_default() += 1;
                client.call(&["SELECT", &key.db.to_string()]);
                check(&mut client, kind, &key, &format!("{kind:?}, {}", key.name.escape_ascii()));
            }
            for database in 0..16_u32 {
                client.call(&["SELECT", &database.to_string()]);
                assert_eq!(client.call(&["DBSIZE"]).int(), keys[&database], "{database}");
            }
            let functions = lines.iter().filter(|line| line["event"] == "function").count();
            assert_eq!(functions, usize::from(kind != Kind::Redis62));
            let end = lines.last().expect("a line");
            assert_eq!((&end["event"], end["keys"].as_i64()), (&Json::from("snapshot"), Some(keys.values().sum())));
        }
    }
}

/// A key in JSON, from the library's whole key.
fn whole(line: &Json) -> WholeKey {
    let value = &line["value"];
    let list = |value: &Json| value.as_array().expect("an array").iter().map(bytes).collect();
    let rows = || value.as_array().expect("an array").iter();
    let value = match line["type"].as_str().expect("a type") {
        "string" => Decoded::String(bytes(value)),
        "list" => Decoded::List(list(value)),
        "set" => Decoded::Set(
            rows()
                .map(|row| {
                    let mut member = SetMember::default();
                    member.member = bytes(row.get(0).unwrap_or(row));
                    member.expire_at_ms = row.get(1).and_then(Json::as_i64);
                    member
                })
                .collect(),
        ),
        "array" => {
            let rows = value["elements"].as_array().expect("an array").iter();
            let elements = rows.map(|row| (row[0].as_u64().expect("an index"), bytes(&row[1]))).collect();
            Decoded::Array { last_insert: value["last_insert"].as_u64(), elements }
        }
        "zset" => Decoded::Zset(rows().map(|row| (bytes(&row[0]), number(&row[1]))).collect()),
        "hash" => Decoded::Hash(
            rows()
                .map(|row| {
                    let mut field = HashField::default();
                    (field.field, field.value) = (bytes(&row[0]), bytes(&row[1]));
                    field.expire_at_ms = row.get(2).and_then(Json::as_i64);
                    field
                })
                .collect(),
        ),
        "stream" => Decoded::Stream(Box::new(whole_stream(value))),
        other => panic!("a key of type {other}"),
    };
    let mut key = WholeKey::default();
    key.db = line["db"].as_u64().expect("a database").try_into().expect("a small number");
    key.name = bytes(&line["key"]);
    key.expire_at_ms = line["expire_at_ms"].as_i64();
    key.value = value;
    key
}

fn whole_stream(value: &Json) -> Stream {
    let all = |value: &Json| value.as_array().expect("an array").clone();
    let consumer = |json: &Json| {
        let mut consumer = Consumer::default();
        consumer.name = bytes(&json["name"]);
        consumer.seen_at_ms = json["seen_at_ms"].as_i64().expect("a time");
        consumer.active_at_ms = json["active_at_ms"].as_i64();
        consumer.pending = all(&json["pending"]).iter().map(id).collect();
        consumer
    };
    let groups: Vec<Group> = all(&value["groups"])
        .iter()
        .map(|json| {
            let mut group = Group::default();
            (group.name, group.last) = (bytes(&json["name"]), id(&json["last_id"]));
            group.read = json["entries_read"].as_u64();
            group.pending = all(&json["pending"])
                .iter()
                .map(|row| (id(&row[0]), row[1].as_i64().expect("a time"), row[2].as_u64().expect("a count")))
                .collect();
            group.consumers = all(&json["consumers"]).iter().map(consumer).collect();
            group
        })
        .collect();
    let mut state = StreamState::default();
    state.length = value["length"].as_u64().expect("a length");
    state.last = id(&value["last_id"]);
    state.first = value["first_id"].as_str().map(|_| id(&value["first_id"]));
    state.max_deleted = value["max_deleted_id"].as_str().map(|_| id(&value["max_deleted_id"]));
    state.added = value["entries_added"].as_u64();
    state.groups = groups.len() as u64;
    let entry = |json: &Json| {
        let mut entry = StreamEntry::default();
        entry.id = id(&json[0]);
        entry.fields = all(&json[1]).iter().map(|pair| (bytes(&pair[0]), bytes(&pair[1]))).collect();
        entry
    };
    let mut stream = Stream::default();
    stream.entries = all(&value["entries"]).iter().map(entry).collect();
    (stream.state, stream.groups) = (Some(state), groups);
    stream
}

fn bytes(argument: &Json) -> Vec<u8> {
    use base64::Engine;
    match argument {
        Json::String(text) => text.clone().into_bytes(),
        other => base64::prelude::BASE64_STANDARD.decode(other["base64"].as_str().expect("base64")).expect("base64"),
    }
}

fn id(value: &Json) -> StreamId {
    let (ms, seq) = value.as_str().and_then(|text| text.split_once('-')).expect("an id");
    StreamId { ms: ms.parse().expect("a number"), seq: seq.parse().expect("a number") }
}

fn number(value: &Json) -> f64 {
    match value {
        Json::String(text) => text.parse(),
        value => value.to_string().parse(),
    }
    .expect("a score")
}
