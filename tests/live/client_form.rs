//! `--format resp` prints only commands that clients may send, with the same effect.

use crate::append_only::decoded;
use crate::client::{Value, command};
use crate::copy::replay_bytes;
use crate::help::eventually;
use crate::rebuild::{finish, printed, same_but_for_what_is_lost, same_but_for_what_is_not_replicated};
use crate::server::{Kind, Server};
use crate::tool::Tool;
use crate::workload::{parse, workload};

/// Commands that reach the stream in a form for replicas only.
const FOR_REPLICAS: &str = r#"
XADD tr:a 1-1 f v
XADD tr:a 2-1 f v
XADD tr:a 3-1 f v
XADD tr:a MAXLEN ~ 3 LIMIT 10 4-1 f v
XADD tr:a MAXLEN ~ 3 LIMIT 10 5-1 f v
XADD tr:a NOMKSTREAM MINID ~ 4 LIMIT 10 6-1 f v
XTRIM tr:a MAXLEN ~ 1 LIMIT 10
XTRIM tr:a MINID ~ 6 LIMIT 10
MULTI
XADD tr:a MAXLEN ~ 1 LIMIT 10 7-1 f v
PUBLISH __sentinel__:hello "127.0.0.1,26379,id,0,other,127.0.0.1,6379,0"
EXEC
PUBLISH __sentinel__:hello "127.0.0.1,26379,id,0,other,127.0.0.1,6379,0"
"#;

#[test]
#[ignore = "needs real servers: tests/run"]
fn every_write_is_accepted_from_a_client() {
    for kind in Kind::ALL {
        let server = Server::start_with(kind, &["--stream-node-max-entries", "1", "--appendonly", "yes"]);
        server.make_backlog();
        let tool = Tool::start(&["tail", &server.address(), "--format", "resp", "--assume-db", "0"]);
        tool.says("attached");
        let mut commands = workload(kind);
        commands.extend(parse(FOR_REPLICAS));
        let mut large = command(&["XADD", "tr:a", "MAXLEN", "~", "1", "LIMIT", "10", "8-1", "f"]);
        large.push(vec![b'v'; 200_000]);
        commands.push(large);
        let mut client = server.client();
        for (command, reply) in commands.iter().zip(client.pipeline(&commands)) {
            assert!(!reply.is_error(), "{kind:?}: {:?}: {reply:?}", String::from_utf8_lossy(&command.join(&b' ')));
        }
        let dump = client.call(&["DUMP", "s:ap"]);
        let payload = match dump {
            Value::Bulk(bytes) => bytes,
            other => panic!("{other:?}"),
        };
        client.call(&[&b"RESTORE-ASKING"[..], b"s:restored", b"0", &payload]);
        eventually("k:3 has expired", || server.call(&["EXISTS", "k:3"]).int() == 0);
        let bytes = finish(tool, &server);
        let is_printed = |text: &[u8]| bytes.windows(text.len()).any(|found| found == text);
        assert!(!is_printed(b"LIMIT") && !is_printed(b"__sentinel__") && !is_printed(b"RESTORE-ASKING"), "{kind:?}");
        let copy = Server::start(kind);
        replay_bytes(&copy, &bytes);
        assert_eq!(copy.call(&["XLEN", "tr:a"]).int(), 1, "{kind:?}");
        if kind == Kind::Redis62 {
            // It sends the time that is left, so the time of expiry depends on when a copy is made.
            eventually("both servers have the same digest", || server.digest() == copy.digest());
        } else {
            same_but_for_what_is_not_replicated(&server, &copy, &format!("{kind:?}"));
        }

        let files = server.folder().join(if kind == Kind::Redis62 { "appendonly.aof" } else { "appendonlydir" });
        let (bytes, _) = decoded(files.to_str().expect("a path"), kind != Kind::Redis62);
        let copy = Server::start(kind);
        replay_bytes(&copy, &bytes);
        same_but_for_what_is_not_replicated(&server, &copy, &format!("{kind:?}, its append-only files"));
    }
}

/// Redis 7.0 counts them when it loads a snapshot of 6.2.
#[test]
#[ignore = "needs real servers: tests/run"]
fn groups_from_before_7_have_read_what_redis_7_estimates() {
    let old = Server::start(Kind::Redis62);
    let mut client = old.client();
    for n in 1..=5 {
        client.call(&["XADD", "s", &format!("{n}-1"), "f", "v"]);
        client.call(&["XADD", "shorter", &format!("{n}-1"), "f", "v"]);
    }
    client.call(&["XDEL", "shorter", "1-1"]);
    for (group, last) in
        [("none", "0"), ("first", "1-1"), ("second", "2-1"), ("middle", "3-1"), ("last", "5-1"), ("beyond", "9-1")]
    {
        client.call(&["XGROUP", "CREATE", "s", group, last]);
        client.call(&["XGROUP", "CREATE", "shorter", group, last]);
    }
    client.call(&["XGROUP", "CREATE", "new", "g", "$", "MKSTREAM"]);
    client.call(&["SAVE"]);
    let dump = std::fs::read(old.folder().join("dump.rdb")).expect("the snapshot");
    let (resp, _) = printed(&["decode", "--format", "resp", "--empty-target"], &dump);
    for kind in Kind::few(&[Kind::Redis62, Kind::Redis70, Kind::Redis810, Kind::Valkey91]) {
        let reference = Server::start_from_dump(kind, &dump);
        let copy = Server::start(kind);
        replay_bytes(&copy, &resp);
        // The first id of an empty stream, which Redis 7.0 loads as the largest id, is not compared.
        for server in [&reference, &copy] {
            let group = server.call(&["XINFO", "GROUPS", "new"]);
            let read = group.items()[0]
                .items()
                .iter()
                .skip_while(|item| *item != &Value::Bulk(b"entries-read".into()))
                .nth(1)
                .cloned();
            assert_eq!(read, (kind != Kind::Redis62).then_some(Value::Int(0)), "{kind:?}");
            server.call(&["DEL", "new"]);
        }
        same_but_for_what_is_lost(&reference, &copy, &format!("{kind:?}"));
    }
}

/// A stream that is late has times that are past for the target. Its own clock deletes keys then, and the DEL of the
/// source finds nothing.
#[test]
#[ignore = "needs real servers: tests/run"]
fn expiry_times_of_a_late_stream_are_accepted() {
    for kind in Kind::ALL.into_iter().chain([Kind::Redis810]) {
        let server = Server::start(kind);
        let dump = |server: &Server| match server.call(&["DUMP", "kept"]) {
            Value::Bulk(bytes) => bytes,
            other => panic!("{other:?}"),
        };
        server.call(&["SET", "kept", "v"]);
        let payload = dump(&server);
        let mut commands = parse("SET a v PXAT 1000\nSET b v\nPEXPIREAT b 1000\nDEL a\nDEL b\nHSET h f v");
        commands.push([&b"RESTORE"[..], b"c", b"1000", &payload, b"ABSTTL"].map(<[u8]>::to_vec).to_vec());
        if kind.expires_fields() {
            commands.extend(parse("HSET h g v\nHPEXPIREAT h 1000 FIELDS 1 g\nHSETEX h PXAT 1000 FIELDS 1 i v"));
        }
        for (command, reply) in commands.iter().zip(server.client().pipeline(&commands)) {
            assert!(!reply.is_error(), "{kind:?}: {command:?}: {reply:?}");
        }
        assert_eq!(server.call(&["DBSIZE"]).int(), 2, "{kind:?}");
        assert_eq!(server.call(&["HLEN", "h"]).int(), 1, "{kind:?}");
    }
}

/// TRIMSLOTS for a server that is no cluster: the keys of these slots are deleted, and no others.
#[test]
#[ignore = "needs real servers: tests/run"]
fn the_keys_of_trimmed_slots_are_deleted() {
    let trimmed = [0..=5000, 9000..=9001, 16383..=16383_u16];
    let mut stream = command(&["TRIMSLOTS", "RANGES", "3"]);
    stream.extend(
        trimmed.iter().flat_map(|range| [range.start(), range.end()]).map(|slot| slot.to_string().into_bytes()),
    );
    let stream: Vec<&[u8]> = stream.iter().map(Vec::as_slice).collect();
    let mut bytes = vec![0; redtail::resp::encoded_len(&stream)];
    redtail::resp::encode_command(&mut bytes, &stream).expect("room");
    let forms = |n: u32| {
        let texts =
            [format!("key:{n}"), format!("{{{n}}}x"), format!("a{{}}{n}"), format!("a{{{n}"), format!("{{{{{n}}}}}")];
        texts.map(String::into_bytes).into_iter().chain([[&n.to_be_bytes()[..], b"\xff\0{\xfe}"].concat()])
    };
    let keys: Vec<Vec<u8>> = (0..500).flat_map(forms).collect();
    let is_trimmed = |key: &Vec<u8>| trimmed.iter().any(|range| range.contains(&redtail::topology::slot(key)));
    for kind in Kind::ALL {
        for (filter, is_selected) in [
            (&[][..], (|_| true) as fn(&Vec<u8>) -> bool),
            (&["--key", "key:1*", "--key", "{2*"], |key| key.starts_with(b"key:1") || key.starts_with(b"{2")),
        ] {
            let server = Server::start(kind);
            let mut client = server.client();
            for key in &keys {
                client.call(&[b"SET", key.as_slice(), b"v"]);
            }
            let args = [&["decode", "--format", "resp", "--assume-db", "3"], filter].concat();
            replay_bytes(&server, &printed(&args, &bytes).0);
            let mut left: Vec<Vec<u8>> = client.call(&["KEYS", "*"]).items().iter().map(crate::copy::bytes).collect();
            let mut expected: Vec<Vec<u8>> =
                keys.iter().filter(|key| !(is_trimmed(key) && is_selected(key))).cloned().collect();
            left.sort();
            expected.sort();
            assert!(left == expected, "{kind:?} {filter:?}: {} of {}", left.len(), expected.len());
        }
    }
}
