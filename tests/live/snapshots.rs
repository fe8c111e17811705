//! Snapshots of real servers, read through the decoder and through the server's own commands: the same keys, element
//! by element.

use std::collections::BTreeMap;
use std::fs;

use redtail::Status;
use redtail::io::TemplateBuffer;
use redtail::owned::{Collector, Stream, Value as Decoded, Whole, WholeKey};
use redtail::rdb::Decoder;

use crate::client::{Client, Command, Value, command};
use crate::server::{Kind, Server};

/// Settings under which each value has another encoding.
pub(crate) const SETTINGS: [(&str, &[&str]); 4] = [
    ("as it comes", &[]),
    (
        "nothing packed",
        &[
            "--hash-max-ziplist-entries",
            "0",
            "--zset-max-ziplist-entries",
            "0",
            "--set-max-intset-entries",
            "0",
            "--list-max-ziplist-size",
            "1",
            "--stream-node-max-entries",
            "1",
            "--maxmemory-policy",
            "allkeys-lru",
        ],
    ),
    (
        "all packed, compressed",
        &[
            "--hash-max-ziplist-entries",
            "1000000",
            "--hash-max-ziplist-value",
            "1000000",
            "--zset-max-ziplist-entries",
            "1000000",
            "--zset-max-ziplist-value",
            "1000000",
            "--set-max-intset-entries",
            "1000000",
            "--list-max-ziplist-size",
            "100000",
            "--stream-node-max-bytes",
            "0",
            "--stream-node-max-entries",
            "0",
            "--maxmemory-policy",
            "allkeys-lfu",
        ],
    ),
    (
        "all packed, as it is",
        &[
            "--rdbcompression",
            "no",
            "--rdbchecksum",
            "no",
            "--hash-max-ziplist-entries",
            "1000000",
            "--hash-max-ziplist-value",
            "1000000",
            "--zset-max-ziplist-entries",
            "1000000",
            "--zset-max-ziplist-value",
            "1000000",
            "--set-max-intset-entries",
            "1000000",
            "--list-max-ziplist-size",
            "100000",
        ],
    ),
];

#[test]
#[ignore = "needs real servers: tests/run"]
fn the_decoder_sees_what_the_server_says() {
    for kind in Kind::ALL {
        let mut numbers = BTreeMap::new();
        for (name, settings) in SETTINGS {
            let server = Server::start_with(kind, settings);
            let mut client = server.client();
            for reply in client.pipeline(&data(kind)) {
                assert!(!reply.is_error(), "{kind:?}: {reply:?}");
            }
            client.call(&["SAVE"]);
            let bytes = fs::read(server.folder().join("dump.rdb")).expect("the snapshot");
            let (keys, functions) = decode(&bytes);
            let mut databases = BTreeMap::<u32, i64>::new();
            for key in &keys {
                *databases.entry(key.db).or_default() += 1;
                numbers.entry(key.number).or_insert_with(|| String::from_utf8_lossy(&key.name).into_owned());
                client.call(&["SELECT", &key.db.to_string()]);
                check(&mut client, kind, key, &format!("{kind:?}, {name}, {}", key.name.escape_ascii()));
            }
            for database in 0..16_u32 {
                client.call(&["SELECT", &database.to_string()]);
                assert_eq!(client.call(&["DBSIZE"]).int(), databases.get(&database).copied().unwrap_or(0), "{name}");
            }
            let code = "#!lua name=mylib\nredis.register_function('f', function() return 1 end)";
            let expected: Vec<&[u8]> = if kind == Kind::Redis62 { vec![] } else { vec![code.as_bytes()] };
            assert_eq!(functions, expected, "{kind:?}, {name}");
        }
        let expected: &[u8] = match kind {
            Kind::Redis62 => &[0, 2, 4, 5, 11, 12, 13, 14, 15],
            Kind::Redis70 => &[0, 2, 4, 5, 11, 16, 17, 18, 19],
            Kind::Redis82 => &[0, 2, 4, 5, 11, 16, 17, 18, 20, 21, 24, 25],
            Kind::Redis810 => &[0, 2, 4, 5, 11, 16, 17, 18, 20, 24, 25, 27],
            Kind::Valkey81 => &[0, 2, 4, 5, 11, 16, 17, 18, 20, 21],
            Kind::Valkey91 => &[0, 2, 4, 5, 11, 16, 17, 18, 20, 21, 22],
        };
        assert!(numbers.keys().eq(expected), "{kind:?} wrote other types than it should: {numbers:?}");
    }
}

pub(crate) fn decode(bytes: &[u8]) -> (Vec<WholeKey>, Vec<Vec<u8>>) {
    let (mut decoder, mut collector, mut input) =
        (Decoder::new().with_templates(TemplateBuffer::default()), Collector::new(1 << 30), bytes);
    let (mut keys, mut functions) = (Vec::new(), Vec::new());
    while let Status::Complete(item) = decoder.next(&mut input).expect("a snapshot") {
        match collector.take(item) {
            Some(Whole::Key(key)) => keys.push(*key),
            Some(Whole::Function(code)) => functions.push(code),
            Some(Whole::Omitted(omitted)) => panic!("below the limit: {omitted:?}"),
            _ => {}
        }
    }
    decoder.finish().expect("a whole snapshot");
    assert!(input.is_empty());
    (keys, functions)
}

pub(crate) fn data(kind: Kind) -> Vec<Command> {
    let mut data = Vec::new();
    let mut add = |args: &[&str]| data.push(command(args));
    let long = "abcdefgh".repeat(12_500);
    let middle = "0123456789".repeat(70);
    for (name, value) in
        [("", ""), ("int8", "-100"), ("int16", "-30000"), ("int32", "2000000000"), ("big", "99999999999")]
    {
        add(&["SET", &format!("string:{name}"), value]);
    }
    for value in ["01", "+1", "-0", "12345678901", "-2147483648", "2147483648", "text", &middle, &long] {
        add(&["SET", &format!("string:{}", &value[..value.len().min(20)]), value]);
    }
    add(&["SETRANGE", "string:zeros", "300000", "x"]);
    for index in 0..300usize {
        let number = ((index * index * 7919) as i64 - 100_000).to_string();
        let text = format!("element {index} {}", &middle[..index * 2]);
        add(&["RPUSH", "list", &number, &text]);
        add(&["SADD", "set", &number, &text]);
        add(&["SADD", "set:ints", &number]);
        add(&["ZADD", "zset", &format!("{}.5e-3", index * 31), &text, &number, &number]);
        add(&["HSET", "hash", &number, &text, &text, &number]);
        add(&["XADD", "stream", &format!("{}-{index}", 1000 + index / 3), "n", &number, "text", &text]);
    }
    add(&["RPUSH", "list:long", "a", &long, "b", &long, ""]);
    add(&["SADD", "set:long", "a", &long, ""]);
    add(&["HSET", "hash:long", "a", &long, &long, "b", "", ""]);
    add(&["ZADD", "zset:long", "1", &long, "inf", "up", "-inf", "down", "0.1", "tenth", "-0", "zero", "1e300", "huge"]);
    for value in ["1", "-1", "32767", "-32768", "32768", "2147483647", "2147483648", "-9223372036854775808"] {
        add(&["SADD", &format!("set:{}", value.len()), value, "0"]);
        add(&["RPUSH", "list:widths", value]);
    }
    add(&["XADD", "stream:odd", "5-5", "a", "1", "b", "2"]);
    add(&["XADD", "stream:odd", "6-1", "a", "1", "b", "2"]);
    add(&["XADD", "stream:odd", "7-0", "other", &middle]);
    add(&["XADD", "stream:odd", "8-0", "a", &long, "b", ""]);
    add(&["XDEL", "stream:odd", "6-1", "7-0"]);
    add(&["XADD", "stream:empty", "1-1", "a", "b"]);
    add(&["XDEL", "stream:empty", "1-1"]);
    for group in ["g1", "g2"] {
        add(&["XGROUP", "CREATE", "stream", group, "0"]);
        for consumer in ["alice", "bob"] {
            add(&["XREADGROUP", "GROUP", group, consumer, "COUNT", "5", "STREAMS", "stream", ">"]);
        }
        add(&["XACK", "stream", group, "1000-1", "1001-5"]);
    }
    add(&["XGROUP", "CREATECONSUMER", "stream", "g1", "idle"]);
    add(&["XGROUP", "CREATE", "stream:odd", "tail", "$"]);
    for database in 1..16 {
        add(&["SELECT", &database.to_string()]);
        add(&["SET", "string", &database.to_string(), "PX", "100000000"]);
        add(&["RPUSH", "list", "a"]);
        add(&["PEXPIREAT", "list", "33177117420000"]);
    }
    if kind != Kind::Redis62 {
        add(&["FUNCTION", "LOAD", "#!lua name=mylib\nredis.register_function('f', function() return 1 end)"]);
    }
    if kind.expires_fields() {
        for (name, count) in [("fields", 3), ("fields:many", 700)] {
            for index in 0..count {
                add(&["HSET", name, &format!("f{index}"), &format!("value {index}")]);
            }
            add(&["HPEXPIREAT", name, "33177117420000", "FIELDS", "1", "f1"]);
            add(&["HPEXPIREAT", name, "33177117420099", "FIELDS", "1", "f2"]);
        }
    }
    data
}

pub(crate) fn check(client: &mut Client, kind: Kind, key: &WholeKey, at: &str) {
    let mut ask = |before: &[&str], after: &[&str]| {
        let args = before.iter().map(|arg| arg.as_bytes()).chain([&key.name[..]]);
        client.call(&args.chain(after.iter().map(|arg| arg.as_bytes())).collect::<Vec<_>>())
    };
    let expiry = match kind {
        // Older servers report only the remaining time.
        Kind::Redis62 => (ask(&["PTTL"], &[]).int() < 0).then_some(-1),
        _ => Some(ask(&["PEXPIRETIME"], &[]).int()),
    };
    match expiry {
        Some(expiry) => assert_eq!(key.expire_at_ms.unwrap_or(-1), expiry, "{at}"),
        None => assert!(key.expire_at_ms.is_some(), "{at}"),
    }
    match &key.value {
        Decoded::String(value) => assert_eq!(ask(&["GET"], &[]), Value::Bulk(value.clone()), "{at}"),
        Decoded::List(list) => assert_eq!(bulks(&ask(&["LRANGE"], &["0", "-1"])), *list, "{at}"),
        Decoded::Set(set) => {
            let members = set.iter().map(|member| member.member.clone()).collect();
            assert_eq!(sorted(bulks(&ask(&["SMEMBERS"], &[]))), sorted(members), "{at}");
        }
        Decoded::Zset(zset) => {
            let found = pairs(bulks(&ask(&["ZRANGE"], &["0", "-1", "WITHSCORES"])));
            let found: BTreeMap<Vec<u8>, u64> =
                found.into_iter().map(|(member, score)| (member, number(&score).to_bits())).collect();
            assert_eq!(zset.len(), found.len(), "{at}");
            for (member, score) in zset {
                // A packed zero has no sign.
                let same = found[member] == score.to_bits() || (*score == 0.0 && f64::from_bits(found[member]) == 0.0);
                assert!(same, "{at}: {}", member.escape_ascii());
            }
        }
        Decoded::Hash(hash) => {
            let found = sorted(pairs(bulks(&ask(&["HGETALL"], &[]))));
            let wanted = hash.iter().map(|field| (field.field.clone(), field.value.clone())).collect();
            assert_eq!(found, sorted(wanted), "{at}");
            for field in hash.iter().filter(|field| kind.expires_fields() && field.field.starts_with(b"f")) {
                let text = String::from_utf8(field.field.clone()).expect("ours");
                let found = ask(&["HPEXPIRETIME"], &["FIELDS", "1", &text]);
                assert_eq!(found.items()[0].int(), field.expire_at_ms.unwrap_or(-1), "{at}, {text}");
            }
        }
        Decoded::Stream(stream) => check_stream(
            stream,
            &ask(&["XRANGE"], &["-", "+"]),
            &ask(&["XINFO", "STREAM"], &["FULL", "COUNT", "0"]),
            at,
        ),
        other => panic!("{at}: {other:?}"),
    }
}

fn check_stream(stream: &Stream, range: &Value, full: &Value, at: &str) {
    assert_eq!(range.items().len(), stream.entries.len(), "{at}");
    for (found, entry) in range.items().iter().zip(&stream.entries) {
        assert_eq!(found.items()[0].text(), entry.id.to_string(), "{at}");
        assert_eq!(pairs(bulks(&found.items()[1])), entry.fields, "{at}, {}", entry.id);
    }
    let full = map(full);
    let state = stream.state.expect("a state");
    assert_eq!(full["length"].int() as u64, state.length, "{at}");
    assert_eq!(full["last-generated-id"].text(), state.last.to_string(), "{at}");
    if let (Some(found), Some(deleted)) = (full.get("max-deleted-entry-id"), state.max_deleted) {
        assert_eq!(found.text(), deleted.to_string(), "{at}");
        assert_eq!(full["entries-added"].int() as u64, state.added.expect("with it"), "{at}");
        assert_eq!(full["recorded-first-entry-id"].text(), state.first.expect("with it").to_string(), "{at}");
    }
    let groups = full["groups"].items();
    assert_eq!(groups.len(), stream.groups.len(), "{at}");
    assert_eq!(groups.len() as u64, state.groups, "{at}");
    for (found, group) in groups.iter().map(map).zip(&stream.groups) {
        assert_eq!(found["name"].text().into_bytes(), group.name, "{at}");
        assert_eq!(found["last-delivered-id"].text(), group.last.to_string(), "{at}");
        if let Some(read) = found.get("entries-read") {
            let read = if *read == Value::Null { None } else { Some(read.int() as u64) };
            assert_eq!(read, group.read, "{at}");
        }
        let mut owners = BTreeMap::new();
        let consumers = found["consumers"].items();
        assert_eq!(consumers.len(), group.consumers.len(), "{at}");
        for (found, consumer) in consumers.iter().map(map).zip(&group.consumers) {
            assert_eq!(found["name"].text().into_bytes(), consumer.name, "{at}");
            assert_eq!(found["seen-time"].int(), consumer.seen_at_ms, "{at}");
            if let (Some(found), Some(active)) = (found.get("active-time"), consumer.active_at_ms) {
                assert_eq!(found.int(), active, "{at}");
            }
            let pending: Vec<String> = consumer.pending.iter().map(|id| id.to_string()).collect();
            let wanted: Vec<String> = found["pending"].items().iter().map(|item| item.items()[0].text()).collect();
            assert_eq!(wanted, pending, "{at}");
            owners.extend(pending.into_iter().map(|id| (id, found["name"].text())));
        }
        let pel = found["pending"].items();
        assert_eq!(pel.len(), group.pending.len(), "{at}");
        for (found, (id, delivered, times)) in pel.iter().map(Value::items).zip(&group.pending) {
            assert_eq!(found[0].text(), id.to_string(), "{at}");
            assert_eq!(found[1].text(), owners[&id.to_string()], "{at}");
            assert_eq!(found[2].int(), *delivered, "{at}");
            assert_eq!(found[3].int() as u64, *times, "{at}");
        }
    }
}

fn map(value: &Value) -> BTreeMap<String, Value> {
    value.items().chunks(2).map(|pair| (pair[0].text(), pair[1].clone())).collect()
}

fn bulks(value: &Value) -> Vec<Vec<u8>> {
    let bulk = |item: &Value| match item {
        Value::Bulk(bytes) => bytes.clone(),
        other => panic!("expected a bulk string, got {other:?}"),
    };
    value.items().iter().map(bulk).collect()
}

fn pairs(values: Vec<Vec<u8>>) -> Vec<(Vec<u8>, Vec<u8>)> {
    values.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect()
}

fn sorted<T: Ord>(mut values: Vec<T>) -> Vec<T> {
    values.sort();
    values
}

fn number(text: &[u8]) -> f64 {
    String::from_utf8_lossy(text).parse().expect("a score")
}
