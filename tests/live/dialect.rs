//! `--target-version`: data moves to an older server and to the other product, and the target refuses no command.

use std::collections::{BTreeMap, BTreeSet};

use crate::client::{Client, Command, Value, command};
use crate::copy::replay_bytes;
use crate::rebuild::finish;
use crate::server::{Kind, Server};
use crate::snapshots::data;
use crate::tool::Tool;
use crate::workload::{parse, workload};

/// Source, target, and the target's name.
const MOVES: [(Kind, Kind, &str); 6] = [
    (Kind::Redis810, Kind::Valkey91, "valkey-9.1"),
    (Kind::Redis82, Kind::Redis70, "redis-7.0"),
    (Kind::Valkey91, Kind::Redis82, "redis-8.2"),
    (Kind::Redis82, Kind::Valkey81, "valkey-8.1"),
    (Kind::Redis810, Kind::Redis62, "redis-6.2"),
    (Kind::Valkey81, Kind::Redis62, "redis-6.2"),
];

const SINCE_7: &str = r#"
RPUSH x:p 1 2 3 4
LMPOP 1 x:p LEFT
BLMPOP 1 1 x:p LEFT
ZADD x:q 1 a 2 b 3 c
ZMPOP 1 x:q MIN
BZMPOP 1 1 x:q MAX
XADD x:g 1-1 f v
XGROUP CREATE x:g g 0 ENTRIESREAD 1
XGROUP SETID x:g g 1-1 ENTRIESREAD 1
XSETID x:g 5-1 ENTRIESADDED 7 MAXDELETEDID 0-1
SPUBLISH c m
EXPIRE x:g 100000000 NX
"#;

const EXPIRING_FIELDS: &str = r#"
HSET x:h f 1 g 2 k 3 n 4 o 5
HEXPIRE x:h 100000000 FIELDS 1 f
HPEXPIRE x:h 100000000000 FIELDS 1 o
HEXPIREAT x:h 4000000000 FIELDS 1 g
HPEXPIREAT x:h 4000000000000 FIELDS 1 k
HPERSIST x:h FIELDS 1 f
HSETEX x:h PXAT 4000000000000 FIELDS 2 m 5 "FIELDS" 6
HSETEX x:h FXX FIELDS 1 m 7
HGETEX x:h PXAT 4000000000001 FIELDS 1 k
HGETDEL x:h FIELDS 2 g none
HSET x:i n 1
HINCRBYFLOAT x:i n 1.5
HSETEX x:i KEEPTTL FIELDS 1 n 5
"#;

const REDIS_8_2: &str = r#"
XADD x:s 1-1 f v
XADD x:s KEEPREF 2-1 f v
XADD x:s 3-1 KEEPREF ACKED
XADD x:s MAXLEN = 3 KEEPREF 4-1 f v
XGROUP CREATE x:s g 0
XREADGROUP GROUP g c COUNT 2 STREAMS x:s >
XACKDEL x:s g IDS 1 2-1
XDELEX x:s IDS 1 3-1
XTRIM x:s MAXLEN 9 KEEPREF
XADD lost:s 1-1 f v
XADD lost:s MAXLEN = 9 DELREF 2-1 f v
XADD lost:s MAXLEN = 9 ACKED 3-1 f v
XTRIM lost:s MAXLEN = 2 DELREF
XGROUP CREATE lost:s g 0
XREADGROUP GROUP g c COUNT 1 STREAMS lost:s >
XACKDEL lost:s g ACKED IDS 1 2-1
XDELEX lost:s DELREF IDS 1 3-1
VADD lost:v VALUES 2 1 2 e
VADD lost:v VALUES 2 1 2 f
VSETATTR lost:v e "{}"
VREM lost:v f
BITOP DIFF lost:bits s:bits s:bf
"#;

const REDIS_8_10: &str = r#"
MSETEX 2 x:a 1 x:b 2 PXAT 4000000000000
MSETEX 2 x:a 3 x:b 4 KEEPTTL
MSETEX 1 x:a 5 XX
SET x:c 1
SET x:c 2 IFEQ 1
SET x:c IFEQ IFNE 1
DELEX x:c
SET x:d 1
DELEX x:d IFEQ 1
INCREX x:e BYINT 5
INCREX x:e BYINT 5 EX 100000000
HIMPORT PREPARE fs one two
HIMPORT SET x:t fs 1 2
HIMPORT SET x:u fs 1 2
HSET x:u three 3
XADD x:m IDMP p i * f v
XADD x:m IDMP p i * f v
XADD x:m IDMPAUTO p * f v
XADD lost:m 1-1 f v
XCFGSET lost:m IDMP-DURATION 1000
XGROUP CREATE lost:m g 0
XREADGROUP GROUP g c STREAMS lost:m >
XNACK lost:m g FAIL IDS 1 1-1
XIDMPRECORD lost:m q j 1-1
ARSET lost:a 5 x y
ARMSET lost:a 1 a 2 b
ARINSERT lost:a z
ARRING lost:a 5 r
ARSEEK lost:a 2
ARDEL lost:a 1
ARDELRANGE lost:a 5 6
ZADD x:z 1 a 2 b
ZUNIONSTORE lost:z 2 x:z x:z AGGREGATE COUNT
ZINTERSTORE lost:z 2 x:z x:z AGGREGATE COUNT
RPUSH x:l 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25
LMOVEM x:l x:ll LEFT RIGHT
LMOVEM x:l x:ll LEFT LEFT COUNT 2 BULK
LMOVEM x:l x:ll LEFT LEFT COUNT 2 OBO
LMOVEM x:l x:ll LEFT RIGHT EXACTLY 2 BULK
LMOVEM x:l x:ll LEFT RIGHT EXACTLY 2 OBO
LMOVEM x:l x:ll RIGHT LEFT COUNT 3 BULK
LMOVEM x:l x:ll RIGHT LEFT COUNT 3 OBO
LMOVEM x:l x:ll RIGHT RIGHT COUNT 2 BULK
LMOVEM x:l x:ll RIGHT RIGHT COUNT 2 OBO
BLMOVEM x:l x:ll LEFT LEFT 1 COUNT 2 BULK
LMOVEM x:ll x:ll LEFT RIGHT COUNT 2 OBO
LMOVEM x:ll x:ll RIGHT RIGHT COUNT 2 OBO
LMOVEM x:ll x:ll LEFT RIGHT COUNT 2 BULK
LMOVEM x:l x:lll LEFT LEFT COUNT 99 BULK
"#;

const VALKEY_9_1: &str = r#"
MSETEX 2 x:a 1 x:b 2 PXAT 4000000000000
MSETEX 2 x:a 3 x:b 4 KEEPTTL
SET x:c 1
SET x:c 2 IFEQ 1
DELIFEQ x:c 2
GEOADD x:geo 13.4 38.1 a 15.1 37.5 b
GEOSEARCHSTORE lost:geo x:geo BYPOLYGON 3 13 38 14 38 13 39
"#;

/// What older servers, or the other product, do not know. The keys `lost:…` have values that they can't have.
fn newer(kind: Kind) -> Vec<Command> {
    let mut commands = if kind == Kind::Redis62 { Vec::new() } else { parse(SINCE_7) };
    if kind.expires_fields() {
        commands.extend(parse(EXPIRING_FIELDS));
    }
    if matches!(kind, Kind::Redis82 | Kind::Redis810) {
        commands.extend(parse(REDIS_8_2));
    }
    if kind == Kind::Redis810 {
        commands.extend(parse(REDIS_8_10));
    }
    if kind == Kind::Valkey91 {
        commands.extend(parse(VALKEY_9_1));
    }
    commands
}

/// The names of the commands that write.
fn writes(server: &Server) -> BTreeSet<String> {
    let reply = server.call(&["COMMAND"]);
    let is_write = |command: &&Value| command.items()[2].items().iter().any(|flag| flag.text() == "write");
    reply.items().iter().filter(is_write).map(|command| command.items()[0].text().to_lowercase()).collect()
}

/// What is compared of each key: its digest and expiry, and of hashes the fields and their expiry.
fn keys(server: &Server, with_field_expiry: bool) -> BTreeMap<(u32, String), String> {
    let (mut client, mut found) = (server.client(), BTreeMap::new());
    for db in 0..16 {
        client.call(&["SELECT", &db.to_string()]);
        for key in client.call(&["KEYS", "*"]).items().iter().map(bytes) {
            let kind = client.ask(&[b"TYPE", &key[..]]);
            let value = match format!("{kind:?}").as_str() {
                // The digest of Redis contains the expiry of fields.
                kind if kind.contains("hash") => hash(&mut client, &key, with_field_expiry),
                // Their digest contains the text of scores, which differs.
                kind if kind.contains("zset") => sorted_set(&mut client, &key),
                _ => format!("{:?}", client.call(&[&b"DEBUG"[..], b"DIGEST-VALUE", &key])),
            };
            // Redis 6.2 knows the time that is left only.
            let expires = client.call(&[b"PTTL", &key[..]]).int() >= 0;
            found.insert((db, key.escape_ascii().to_string()), format!("{kind:?} {value} {expires}"));
        }
    }
    found
}

fn bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::Bulk(bytes) => bytes.clone(),
        other => panic!("expected a bulk string, got {other:?}"),
    }
}

fn sorted_set(client: &mut Client, key: &[u8]) -> String {
    let reply = client.call(&[&b"ZRANGE"[..], key, b"0", b"-1", b"WITHSCORES"]);
    let score = |value: &Value| value.text().parse::<f64>().expect("a score");
    let pairs: Vec<_> = reply.items().chunks(2).map(|pair| (bytes(&pair[0]), score(&pair[1]))).collect();
    format!("{pairs:?}")
}

fn hash(client: &mut Client, key: &[u8], with_field_expiry: bool) -> String {
    let reply = client.call(&[&b"HGETALL"[..], key]);
    let mut pairs: Vec<String> = reply.items().chunks(2).map(|pair| format!("{pair:?}")).collect();
    pairs.sort();
    if with_field_expiry {
        let mut fields: Vec<Vec<u8>> = reply.items().iter().step_by(2).map(bytes).collect();
        fields.sort();
        let count = fields.len().to_string();
        let head = [&b"HPEXPIRETIME"[..], key, b"FIELDS", count.as_bytes()];
        let args: Vec<&[u8]> = head.into_iter().chain(fields.iter().map(Vec::as_slice)).collect();
        pairs.push(format!("{:?}", client.call(&args)));
    }
    pairs.concat()
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn data_moves_to_older_servers_and_to_the_other_product() {
    for (from, to, version) in MOVES {
        let at = format!("{from:?} to {to:?}");
        let (source, target) = (Server::start(from), Server::start(to));
        let mut client = source.client();
        let fill = |client: &mut Client, commands: &[Command]| {
            client.call(&["SELECT", "0"]);
            for (command, reply) in commands.iter().zip(client.pipeline(commands)) {
                assert!(!reply.is_error(), "{at}: {:?}: {reply:?}", String::from_utf8_lossy(&command.join(&b' ')));
            }
        };
        // The snapshot has keys of every type, and the stream has every command.
        fill(&mut client, &data(from));
        let copies: Vec<Command> = newer(from)
            .into_iter()
            .map(|mut command| {
                for arg in &mut command {
                    if let Some(rest) = arg.strip_prefix(b"x:") {
                        *arg = [b"snapshot:", rest].concat();
                    }
                }
                command
            })
            .collect();
        let unknown = writes(&source).into_iter().filter(|name| !writes(&target).contains(name));
        let unknown: Vec<String> = unknown.collect();
        let flush = if from == Kind::Redis62 { Vec::new() } else { vec![command(&["FUNCTION", "FLUSH"])] };
        fill(&mut client, &flush);
        fill(&mut client, &workload(from));
        fill(&mut client, &copies);
        let address = source.address();
        let args = ["tail", &address, "--from", "snapshot", "--empty-target", "--target-version", version];
        let tool = Tool::start(&[&args[..], &["--format", "resp"]].concat());
        tool.says("the snapshot is complete");
        let mut client = source.client();
        let mut commands = workload(from);
        commands.extend(newer(from));
        fill(&mut client, &[command(&["FLUSHALL"])]);
        fill(&mut client, &flush);
        fill(&mut client, &data(from));
        fill(&mut client, &flush);
        fill(&mut client, &commands);
        for name in unknown {
            // It is sent to nodes only.
            let is_used = |command: &Command| command[0].eq_ignore_ascii_case(name.as_bytes());
            assert!(name == "trimslots" || commands.iter().any(is_used), "{at}: {name}");
        }
        // Every type in a payload.
        let mut client = source.client();
        for key in client.call(&["KEYS", "*"]).items().iter().map(bytes) {
            let copy = [&key, &b":restored"[..]].concat();
            let payload = bytes(&client.call(&[b"DUMP", &key[..]]));
            client.call(&[&b"RESTORE"[..], &copy, b"4000000000000", &payload, b"ABSTTL"]);
            client.call(&[&b"RESTORE"[..], &copy, b"0", &payload, b"REPLACE"]);
        }
        if from != Kind::Redis62 {
            let payload = bytes(&client.call(&["FUNCTION", "DUMP"]));
            client.call(&[&b"FUNCTION"[..], b"RESTORE", &payload, b"FLUSH"]);
        }
        let bytes = finish(tool, &source);
        replay_bytes(&target, &bytes);
        let with_field_expiry = from.expires_fields() && to.expires_fields();
        let [mut expected, mut made] = [&source, &target].map(|server| keys(server, with_field_expiry));
        for keys in [&mut expected, &mut made] {
            keys.retain(|(_, key), _| !key.starts_with("lost:"));
        }
        for (key, value) in &expected {
            assert_eq!(made.get(key), Some(value), "{at}: {key:?}");
        }
        assert_eq!(made.len(), expected.len(), "{at}");
        assert!(made.len() > 100, "{at}");
        if from != Kind::Redis62 && to != Kind::Redis62 {
            let libraries = |server: &Server| server.call(&["FUNCTION", "LIST"]).items().len();
            assert_eq!(libraries(&target), libraries(&source), "{at}");
        }
    }
}
