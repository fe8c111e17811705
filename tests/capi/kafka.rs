//! The bridge to Kafka: killed, refused, kept waiting; what a consumer makes of the topic is what was written.

mod broker;
mod deployed;
mod rig;
mod tansu;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{fs, thread};

use redtail::replay::{Primary, Recording};
use redtail::topology::slot;
use serde_json::{Value, json};

use crate::build::{How, root, run, stdout};
use crate::client::{Client, command};
use crate::folder::Folder;
use crate::help::eventually;
use crate::install;
use crate::quiet::{pinging, silence};
use crate::server::{Kind, Server};
use crate::value_parts::{add_part, groups_are_whole};
use rig::{Bridge, Broker, Consumer, END, Line, TOPIC, Truth, compare, has_state, words};

/// Writes of every kind: with a key, with several, with none, binary, in transactions of some commands.
fn write(client: &mut Client, round: usize) -> usize {
    let (key, number) = (format!("key:{}", round % 97), round.to_string());
    let mut commands = vec![
        command(&["SET", &key, &number]),
        vec![b"RPUSH".to_vec(), key.replace("key", "list").into_bytes(), vec![0, 255, 13, 10, b'"', round as u8]],
        command(&["MSET", &key, "a", "one", &number, "\0two\u{1}", "b\\\"\n"]),
        command(&["PUBLISH", "news", &number]),
    ];
    if round.is_multiple_of(3) {
        commands.push(command(&["MULTI"]));
        commands.extend((0..2 + round % 5).map(|at| command(&["SET", &format!("tx:{at}"), &number])));
        commands.push(command(&["DEL", &key, "one", "none"]));
        commands.push(command(&["EXEC"]));
    }
    let replies = client.pipeline(&commands);
    assert!(replies.iter().all(|reply| !reply.is_error()), "{replies:?}");
    // MULTI and EXEC change nothing.
    commands.len() - if round.is_multiple_of(3) { 2 } else { 0 }
}

fn end(server: &Server) {
    server.call(&[END, "FLUSH"]);
}

/// How many changes, and how often the bridge is killed meanwhile.
fn killed(how: How, changes: usize, kills: usize) {
    let (broker, server, folder) = (Broker::start(how, 3), Server::start(Kind::Redis70), Folder::new("kafka-killed"));
    server.config_set("repl-backlog-size", "100mb");
    let truth = Truth::start(server.address());
    let mut consumer = Consumer::start(how, &broker);
    let start = || Bridge::start(how, &broker, &folder, &server.address(), &["-X", "linger.ms=2"]);
    let mut bridge = start();
    has_state(&folder);
    let mut client = server.client();
    let writer = thread::spawn(move || {
        let (mut round, mut written) = (0, 0);
        while written < changes {
            written += write(&mut client, round);
            round += 1;
            // As many as the consumer can keep up with: the broker keeps little.
            thread::sleep(Duration::from_micros(1500));
        }
    });
    for _ in 0..kills {
        let before = consumer.count();
        eventually("it publishes", || consumer.count() > before + 50 || writer.is_finished());
        bridge.kill();
        bridge = start();
    }
    writer.join().unwrap();
    end(&server);
    let truth = truth.end();
    let again = consumer.end(broker.partitions);
    compare(&consumer.lines(), &truth, broker.partitions);
    let begins = consumer.lines().iter().filter(|(_, line)| line["event"] == "begin").count();
    assert_eq!(begins, 3, "once in each partition");
    println!("{} changes, {kills} kills, {again} messages came again", truth.len());
    eventually("the server hears what Kafka has", || {
        server.info("replication").values().any(|line| line.contains(&format!("offset={},", server.offset())))
    });
    assert_eq!(bridge.stop(), Some(0), "{}", words(&folder));
    let state = fs::read_to_string(folder.0.join("state")).unwrap();
    let position: redtail::Position = state.trim_end().parse().unwrap();
    assert_eq!((position.offset, position.db), (server.offset(), Some(0)), "{state}");
}

#[test]
#[ignore = "needs real servers and librdkafka: tests/servers, tests/tools"]
fn killed_three_times_it_loses_nothing() {
    killed(How::Sanitized, 4_000, 3);
}

#[test]
#[ignore = "soak: tests/soak kafka"]
fn two_hundred_thousand_changes_and_twenty_kills() {
    killed(How::Debug, 200_000, 20);
}

#[test]
#[ignore = "needs real servers and librdkafka: tests/servers, tests/tools"]
fn a_broker_that_is_away_is_waited_for() {
    let how = How::Sanitized;
    let (mut broker, server) = (Broker::start(how, 2), Server::start(Kind::Redis70));
    let folder = Folder::new("kafka-away");
    let truth = Truth::start(server.address());
    let mut consumer = Consumer::start(how, &broker);
    let args = ["-X", "queue.buffering.max.messages=50", "-X", "reconnect.backoff.max.ms=500"];
    let bridge = Bridge::start(how, &broker, &folder, &server.address(), &args);
    has_state(&folder);
    broker.obey("down");
    let before = fs::read_to_string(folder.0.join("state")).unwrap();
    let mut client = server.client();
    (0..200).for_each(|round| {
        write(&mut client, round);
    });
    end(&server);
    // The queue has long been full. The server still receives acknowledgements, and only safe messages count.
    let slaves = || -> Vec<String> {
        let info = server.info("replication");
        info.iter().filter(|(name, _)| name.starts_with("slave")).map(|(_, value)| value.clone()).collect()
    };
    for _ in 0..4 {
        thread::sleep(Duration::from_secs(1));
        assert!(slaves().iter().all(|line| line.contains("state=online")), "{:?}", slaves());
    }
    let offset = before.split(':').nth(1).unwrap();
    eventually("it is alive", || slaves().iter().any(|line| line.contains(offset) && line.ends_with("lag=0")));
    assert_eq!(fs::read_to_string(folder.0.join("state")).unwrap(), before);
    broker.obey("up");
    let truth = truth.end();
    consumer.end(broker.partitions);
    compare(&consumer.lines(), &truth, broker.partitions);
    assert_eq!(bridge.stop(), Some(0), "{}", words(&folder));
    assert!(words(&folder).contains("Kafka: "), "{}", words(&folder));
}

/// Nobody writes: the state reaches the end, and the server hears of it.
#[test]
#[ignore = "needs real servers and librdkafka: tests/servers, tests/tools"]
fn the_state_is_at_the_end_in_silence() {
    let (broker, server, folder) = (Broker::start(How::Sanitized, 2), pinging(), Folder::new("kafka-silence"));
    let bridge = Bridge::start(How::Sanitized, &broker, &folder, &server.address(), &[]);
    silence(&mut [server], |_| {
        let state = fs::read_to_string(folder.0.join("state")).ok()?;
        state.split(':').nth(1)?.parse().ok()
    });
    assert_eq!(bridge.stop(), Some(0), "{}", words(&folder));
}

#[test]
#[ignore = "needs real servers and librdkafka: tests/servers, tests/tools"]
fn what_is_too_large_stops_it_or_is_left_out() {
    let how = How::Sanitized;
    let (broker, server) = (Broker::start(how, 2), Server::start(Kind::Redis70));
    let folder = Folder::new("kafka-large");
    let mut consumer = Consumer::start(how, &broker);
    let small = ["-X", "message.max.bytes=20000"];
    let bridge = Bridge::start(how, &broker, &folder, &server.address(), &small);
    has_state(&folder);
    server.call(&["SET", "before", "1"]);
    server.call(&["SET", "large", &"x".repeat(50_000)]);
    assert_eq!(bridge.end(), Some(1));
    let said = words(&folder);
    assert!(said.contains(" bytes) makes a message of more than 20000 bytes: raise message.max.bytes"), "{said}");
    // The messages before it are safe, and it is the next message.
    consumer.has("command", 1);
    let bridge =
        Bridge::start(how, &broker, &folder, &server.address(), &[&small[..], &["--too-large", "omit"]].concat());
    let many: Vec<String> = (0..9_000).map(|n| n.to_string()).collect();
    server.call(&[&["SADD".to_owned(), "many".into()][..], &many].concat());
    server.call(&["SET", &"k".repeat(30_000), "v"]);
    server.call(&["SET", "after", "1"]);
    consumer.has("command", 5);
    let lines = consumer.lines();
    let find = |name: &str| lines.iter().map(|(_, line)| line).find(|line| line["args"][1] == name).unwrap();
    assert_eq!(find("large")["args"], json!(["SET", "large", { "omitted": 50_000 }]));
    find("before");
    find("after");
    let mut left = lines.iter().filter(|(_, line)| line["omitted_args"] == 9_001);
    assert_eq!(left.next().unwrap().1["args"], json!(["SADD"]));
    assert!(lines.iter().any(|(_, line)| line["args"] == json!(["SET", { "omitted": 30_000 }, "v"])));
    assert_eq!(bridge.stop(), Some(0));
    let small = [&small[..], &["--transaction-limit", "5000"]].concat();
    let bridge = Bridge::start(how, &broker, &folder, &server.address(), &small);
    let set = |number: usize| command(&["SET", &number.to_string(), &"x".repeat(1000)]);
    let commands: Vec<_> = [command(&["MULTI"])].into_iter().chain((0..9).map(set)).collect();
    server.client().pipeline(&[&commands[..], &[command(&["EXEC"])]].concat());
    assert_eq!(bridge.end(), Some(1));
    assert!(words(&folder).contains("raise --transaction-limit. Nothing of it was published"), "{}", words(&folder));
    assert_eq!(consumer.count(), 5 + 2, "and what begins, in each partition");
    assert!(words(&folder).contains("is too large: its message tells how long it was"), "{}", words(&folder));
}

/// By partition, database and key: type, value and whether the key expires.
type Keys = BTreeMap<(u16, u64, String), (String, Value, bool)>;

/// A consumer's copy of the data, by the rules of docs/bridge-messages.md, and the number of parts beyond the first.
fn copy_of(lines: &[Line]) -> (Keys, usize) {
    let (mut keys, mut begun, mut complete, mut parts) = (Keys::new(), BTreeMap::new(), BTreeMap::new(), 0);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    for (partition, line) in lines {
        let at = |key: &Value| (*partition, line["db"].as_u64().unwrap(), text(key));
        match line["event"].as_str().unwrap() {
            "snapshot_begin" => {
                keys.retain(|key: &(u16, u64, String), _| key.0 != *partition);
                begun.insert(partition, text(&line["snapshot_id"]));
            }
            "snapshot" => drop(complete.insert(partition, text(&line["snapshot_id"]))),
            "key" if line["part"] == 1 => {
                assert_eq!(begun[partition], text(&line["snapshot_id"]));
                let key = (text(&line["type"]), line["value"].clone(), !line["expire_at_ms"].is_null());
                assert!(keys.insert(at(&line["key"]), key).is_none(), "{line}");
            }
            "key" => {
                parts += 1;
                add_part(&mut keys.get_mut(&at(&line["key"])).unwrap().1, line["value"].clone());
            }
            "command" if line["args"][0] == "SET" => {
                drop(keys.insert(at(&line["args"][1]), ("string".into(), line["args"][2].clone(), false)));
            }
            "function" | "command" | "gap" | "begin" => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!(begun, complete);
    (keys, parts)
}

#[test]
#[ignore = "needs real servers and librdkafka: tests/servers, tests/tools"]
fn a_snapshot_and_the_writes_after_it_are_the_data() {
    let how = How::Sanitized;
    let (broker, server, folder) = (Broker::start(how, 2), Server::start(Kind::Redis70), Folder::new("kafka-snapshot"));
    let mut consumer = Consumer::start(how, &broker);
    let mut client = server.client();
    let fill = "SET text a,SET user:1 b EX 1000,RPUSH list a b 3,SADD set a 2,ZADD zset 1.5 a 0.1 c inf b,HSET hash f v,\
                XADD stream 1-1 f v,XADD stream 2-0 f v g w,SETBIT bits 0 1,SELECT 3,SET text c,SELECT 0";
    for line in fill.split(',') {
        client.call(&line.trim().split(' ').collect::<Vec<_>>());
    }
    let script = "for i=1,3000 do redis.call('HSET','large','field:'..i,'value:'..i) end";
    client.call(&["EVAL", script, "0"]);
    client.call(&["SET", "long", &"x".repeat(50_000)]);
    // In two nodes of three entries. Names of more than 8 KB do not arrive with their values.
    server.config_set("stream-node-max-bytes", "0");
    server.config_set("stream-node-max-entries", "3");
    let name = "n".repeat(9000);
    for (id, field) in [("1-0", "f"), ("2-0", "g"), ("3-0", "f"), ("4-0", &name), ("5-0", &name), ("6-0", "f")] {
        client.call(&["XADD", "wide", id, field, "v"]);
    }
    let name = "n".repeat(50_000);
    for (id, field) in [("1-0", &*name), ("2-0", &name), ("3-0", "f")] {
        client.call(&["XADD", "wider", id, field, "v"]);
    }
    let script = "for i=1,2000 do redis.call('XADD','groups',i..'-0','f',i) end";
    client.call(&["EVAL", script, "0"]);
    let fill = "XGROUP CREATE groups late 7-0,XGROUP CREATE groups read 0,\
                XREADGROUP GROUP read alice COUNT 2 STREAMS groups >,XREADGROUP GROUP read bob STREAMS groups >,\
                XGROUP CREATECONSUMER groups read idle";
    for line in fill.split(',') {
        client.call(&line.trim().split(' ').collect::<Vec<_>>());
    }
    let args = ["--from", "snapshot", "-X", "message.max.bytes=20000", "--too-large", "omit", "--not-key", "user:*"];
    let bridge = Bridge::start(how, &broker, &folder, &server.address(), &args);
    has_state(&folder);
    server.call(&["SET", "text", "d"]);
    end(&server);
    consumer.end(broker.partitions);
    assert_eq!(bridge.stop(), Some(0), "{}", words(&folder));
    let (keys, parts) = copy_of(&consumer.lines());
    let mut got: BTreeMap<(u64, &str), (&str, &Value, bool)> = BTreeMap::new();
    for ((_, db, key), (kind, value, expires)) in &keys {
        assert!(got.insert((*db, key), (kind, value, *expires)).is_none());
    }
    let fields = got.remove(&(0, "large")).unwrap().1.as_array().unwrap();
    let number = |text: &Value, prefix: &str| text.as_str().unwrap().strip_prefix(prefix).unwrap().to_owned();
    assert!(fields.iter().all(|pair| number(&pair[0], "field:") == number(&pair[1], "value:")));
    assert!(fields.len() == 3000 && parts > 2, "{} fields in {parts} parts", fields.len());
    let set = got.remove(&(0, "set")).unwrap().1.as_array().unwrap();
    assert!(set.len() == 2 && set.contains(&json!("a")) && set.contains(&json!("2")));
    groups_are_whole(got.remove(&(0, "groups")).unwrap().1, 2000);
    let entries = json!([["1-1", [["f", "v"]]], ["2-0", [["f", "v"], ["g", "w"]]]]);
    let stream = json!({"entries": entries, "groups": [], "length": 2, "last_id": "2-0", "first_id": "1-1",
        "max_deleted_id": "0-0", "entries_added": 2});
    let name = "n".repeat(9000);
    let entry = |id: &str, field: &str| json!([id, [[field, "v"]]]);
    let entries = json!([
        entry("1-0", "f"),
        entry("2-0", "g"),
        entry("3-0", "f"),
        entry("4-0", &name),
        entry("5-0", &name),
        entry("6-0", "f"),
    ]);
    let wide = json!({"entries": entries, "groups": [], "length": 6, "last_id": "6-0", "first_id": "1-0",
        "max_deleted_id": "0-0", "entries_added": 6});
    let entries = json!([{"omitted": 50_001}, {"omitted": 50_001}, entry("3-0", "f")]);
    let wider = json!({"entries": entries, "groups": [], "length": 3, "last_id": "3-0", "first_id": "1-0",
        "max_deleted_id": "0-0", "entries_added": 3});
    let want = [
        ((0, "bits"), "string", json!({"base64": "gA=="})),
        ((0, "hash"), "hash", json!([["f", "v"]])),
        ((0, "list"), "list", json!(["a", "b", "3"])),
        ((0, "long"), "string", json!({"omitted": 50_000})),
        ((0, "stream"), "stream", stream),
        ((0, "text"), "string", json!("d")),
        ((0, "wide"), "stream", wide),
        ((0, "wider"), "stream", wider),
        ((0, "zset"), "zset", json!([["c", 0.1], ["a", 1.5], ["b", "inf"]])),
        ((3, "text"), "string", json!("c")),
    ];
    let want: BTreeMap<_, _> = want.iter().map(|(at, kind, value)| (*at, (*kind, value, false))).collect();
    assert_eq!(got, want);
}

/// A primary that saves without a fork sends commands among the keys. Filters and partitions are those of commands.
#[test]
#[ignore = "needs librdkafka: tests/tools"]
fn commands_among_the_keys_of_a_snapshot_are_published() {
    let how = How::Sanitized;
    // The keys of both commands are in other partitions than the first one.
    let (broker, folder) = (Broker::start(how, 5), Folder::new("kafka-forkless"));
    let rdb = fs::read(root().join("tests/data/handmade/valkey-81-forkless-sync.rdb")).unwrap();
    let mut bytes = format!("+FULLRESYNC {} 100\r\n${}\r\n", "a".repeat(40), rdb.len()).into_bytes();
    bytes.extend(rdb);
    bytes.extend(b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$3\r\nend\r\n$1\r\n1\r\n");
    let primary = Primary::serve(Recording::parse(&bytes).unwrap()).unwrap();
    let mut consumer = Consumer::start(how, &broker);
    let args = ["--from", "snapshot", "--not-key", "n", "--not-command", "RPUSH"];
    let bridge = Bridge::start(how, &broker, &folder, &primary.address().to_string(), &args);
    consumer.has("command", 1);
    consumer.has("snapshot", broker.partitions.into());
    consumer.has("snapshot_command", 2);
    assert_eq!(bridge.stop(), Some(0), "{}", words(&folder));
    let mut seen = BTreeMap::new();
    for (partition, line) in consumer.lines() {
        let number: u64 = line["id"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
        let it = match line["event"].as_str().unwrap() {
            "key" => json!([partition, line["db"], line["key"]]),
            "snapshot_command" => json!([partition, line["db"], line["args"]]),
            _ => continue,
        };
        assert!(line["partitions"].is_null() && seen.insert(number, it).is_none(), "{line}");
    }
    let seen: Vec<Value> = seen.into_values().collect();
    let at = |key: &str| slot(key.as_bytes()) % broker.partitions;
    let want = json!([
        [at("k1"), 0, "k1"],
        [at("k1"), 0, ["SET", "k1", "changed while it was saved"]],
        [at("k2"), 0, "k2"],
        [at("other"), 2, "other"],
        [at("p"), 0, ["PHSET", "p", "/a", "f", "v"]],
        [at("k3"), 0, "k3"],
    ]);
    assert_eq!(json!(seen), want);
}

/// A snapshot that a crash broke off is repeated whole, under another name.
#[test]
#[ignore = "needs real servers and librdkafka: tests/servers, tests/tools"]
fn a_snapshot_that_broke_off_is_repeated() {
    let how = How::Sanitized;
    let (mut broker, server) = (Broker::start(how, 2), Server::start(Kind::Redis70));
    let folder = Folder::new("kafka-snapshot-killed");
    let mut consumer = Consumer::start(how, &broker);
    server.call(&["EVAL", "for i=1,30000 do redis.call('SET','key:'..i,i) end", "0"]);
    let args = ["--from", "snapshot", "-X", "queue.buffering.max.messages=10"];
    broker.obey("limit");
    let bridge = Bridge::start(how, &broker, &folder, &server.address(), &args);
    eventually("some keys are there", || consumer.count() > 100);
    bridge.kill();
    assert!(!folder.0.join("state").exists());
    broker.obey("unlimit");
    server.call(&["SET", "key:1", "changed"]);
    server.call(&["DEL", "key:2"]);
    let start = || Bridge::start(how, &broker, &folder, &server.address(), &["--from", "snapshot"]);
    let bridge = start();
    has_state(&folder);
    bridge.kill();
    // Now there is a position: no other snapshot.
    let bridge = start();
    server.call(&["SET", "key:3", "changed"]);
    end(&server);
    consumer.end(broker.partitions);
    assert_eq!(bridge.stop(), Some(0), "{}", words(&folder));
    let mut want: BTreeMap<String, String> = (1..=30_000).map(|n| (format!("key:{n}"), n.to_string())).collect();
    want.remove("key:2");
    want.extend(["key:1", "key:3"].map(|key| (key.to_owned(), "changed".to_owned())));
    let (keys, _) = copy_of(&consumer.lines());
    let got: BTreeMap<_, _> =
        keys.iter().map(|((_, _, key), it)| (key.clone(), it.1.as_str().unwrap().to_owned())).collect();
    assert!(got == want, "{} keys, {} expected", got.len(), want.len());
}

/// The sum of a metric of the bridge.
fn metric(folder: &Folder, name: &str) -> Option<f64> {
    let said = words(folder);
    let line = said.lines().find_map(|line| line.strip_prefix("redtail-kafka: metrics at http://")).unwrap();
    let mut socket = TcpStream::connect(line.strip_suffix("/metrics").unwrap()).unwrap();
    socket.write_all(b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n").unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains(&format!("Content-Length: {}\r\n", body.len())));
    // Names that the tool has, it has documented.
    let known = include_str!("../../docs/operations.md");
    for line in body.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split([' ', '{']).next().unwrap();
        let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
        assert!(body.contains(&format!("# TYPE {name} {kind}\n")), "{line}");
        assert!(name.starts_with("redtail_bridge_") || known.contains(name), "{name}");
    }
    let values = body.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse::<f64>().ok());
    values.reduce(|sum, value| sum + value)
}

#[test]
#[ignore = "needs real servers and librdkafka: tests/servers, tests/tools"]
fn metrics_show_the_state_of_the_bridge() {
    let how = How::Sanitized;
    let (mut broker, server, folder) =
        (Broker::start(how, 2), Server::start(Kind::Redis70), Folder::new("kafka-metrics"));
    let args = ["--metrics", "127.0.0.1:0", "--key", "a*", "-X", "queue.buffering.max.messages=10"];
    let bridge = Bridge::start(how, &broker, &folder, &server.address(), &args);
    has_state(&folder);
    let get = |name: &str| metric(&folder, name).unwrap_or_else(|| panic!("{name} is missing"));
    server.call(&["SET", "a", "1"]);
    server.call(&["SET", "other", "1"]);
    let end = server.offset() as f64;
    eventually("it shows the offset", || get("redtail_replication_offset_bytes") >= end);
    assert_eq!((get("redtail_commands_total"), get("redtail_printed_total")), (2.0, 1.0));
    assert_eq!((get("redtail_attached"), get("redtail_reconnects_total"), get("redtail_gaps_total")), (1.0, 0.0, 0.0));
    eventually("the brokers have it and what begins", || get("redtail_bridge_confirmed_messages_total") == 3.0);
    assert_eq!(get("redtail_bridge_unconfirmed_messages"), 0.0);
    eventually("it is saved", || metric(&folder, "redtail_checkpoint_timestamp_seconds").is_some());
    assert!(get("redtail_last_write_timestamp_seconds") >= get("redtail_start_timestamp_seconds"));
    server.call(&["CLIENT", "KILL", "TYPE", "replica"]);
    eventually("it is attached again", || get("redtail_reconnects_total") == 1.0);
    broker.obey("down");
    (0..20).for_each(|number| drop(server.call(&["SET", "a", &number.to_string()])));
    eventually("the queue is full", || get("redtail_output_blocked_now_seconds") > 0.0);
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64();
    eventually("nothing is saved", || now() - get("redtail_checkpoint_timestamp_seconds") > 3.0);
    broker.obey("up");
    eventually("the queue has room", || get("redtail_output_blocked_now_seconds") == 0.0);
    assert!(get("redtail_output_blocked_seconds_total") > 0.0);
    assert_eq!(bridge.stop(), Some(0), "{}", words(&folder));
}

#[test]
#[ignore = "needs real servers and librdkafka: tests/servers, tests/tools"]
fn the_server_shows_the_name_of_the_bridge() {
    let how = How::Sanitized;
    let (broker, server, folder) = (Broker::start(how, 1), Server::start(Kind::Redis70), Folder::new("kafka-name"));
    for (args, name) in [(&["--name", "orders"][..], "ip=orders.redtail.invalid,"), (&[], "ip=redtail.invalid,")] {
        let bridge = Bridge::start(how, &broker, &folder, &server.address(), args);
        eventually("it is shown", || server.info("replication").values().any(|line| line.contains(name)));
        assert_eq!(bridge.stop(), Some(0), "{}", words(&folder));
    }
}

/// The link may be there before the checkpoint: the file is made and replaced, the link stays.
#[test]
#[ignore = "needs real servers and librdkafka: tests/servers, tests/tools"]
fn a_checkpoint_behind_links_has_one_bridge() {
    let how = How::Sanitized;
    let (broker, server, folder) = (Broker::start(how, 1), Server::start(Kind::Redis70), Folder::new("kafka-state"));
    let (absolute, relative) = (Folder::new("kafka-link"), Folder::new("kafka-links"));
    std::os::unix::fs::symlink(folder.0.join("state"), absolute.0.join("state")).unwrap();
    fs::create_dir(relative.0.join("inner")).unwrap();
    std::os::unix::fs::symlink("inner/link", relative.0.join("state")).unwrap();
    std::os::unix::fs::symlink(absolute.0.join("state"), relative.0.join("inner/link")).unwrap();
    let start = |folder: &Folder| Bridge::start(how, &broker, folder, &server.address(), &[]);
    let bridge = start(&relative);
    has_state(&folder);
    for other in [&folder, &absolute] {
        assert_eq!(start(other).end(), Some(1));
        assert!(words(other).contains("state.lock: another bridge uses this checkpoint"), "{}", words(other));
    }
    let state = || fs::read_to_string(folder.0.join("state")).unwrap();
    let before = state();
    server.call(&["SET", "a", "1"]);
    eventually("the position is saved", || state() != before);
    assert_eq!(bridge.stop(), Some(0), "{}", words(&relative));
    let links = [absolute.0.join("state"), relative.0.join("state"), relative.0.join("inner/link")];
    assert!(links.iter().all(|link| link.is_symlink()) && !folder.0.join("state").is_symlink());
}

/// Filters drop commands, also inside of transactions, and the position passes them.
#[test]
#[ignore = "needs real servers and librdkafka: tests/servers, tests/tools"]
fn filters_select_what_is_published() {
    let how = How::Sanitized;
    let (broker, server, folder) = (Broker::start(how, 2), Server::start(Kind::Redis70), Folder::new("kafka-filters"));
    let mut consumer = Consumer::start(how, &broker);
    let globs = ["--key", "user:*", "--key", "h[^e]l?o", "--key", "[a-c]\\*", "--not-key", "user:tmp*"];
    let args = [&["--db", "0,2", "--not-command", "EXPIRE,CONFIG SET", "--not-command=PEXPIREAT"], &globs[..]].concat();
    let bridge = Bridge::start(how, &broker, &folder, &server.address(), &args);
    has_state(&folder);
    let mut client = server.client();
    let line = |text: &str| command(&text.split(' ').collect::<Vec<_>>());
    let send = |client: &mut Client, lines: &[&str]| {
        let replies = client.pipeline(&lines.iter().map(|text| line(text)).collect::<Vec<_>>());
        assert!(replies.iter().all(|reply| !reply.is_error()), "{replies:?}");
    };
    send(&mut client, &["SET user:1 a", "SET other a", "SET user:tmp1 a", "SET hallo a", "SET hello a", "SET b* a"]);
    send(&mut client, &["SET bx a", "EXPIRE user:1 100", "PUBLISH user:1 a", "MSET user:2 a other a"]);
    send(&mut client, &["MULTI", "SET other b", "SET user:3 b", "EXEC", "MULTI", "SET other c", "EXEC"]);
    send(&mut client, &["SELECT 1", "SET user:4 a", "MOVE user:4 3", "SET user:5 a", "MOVE user:5 2"]);
    send(&mut client, &["SELECT 0", "FLUSHALL", "SET other d"]);
    let end = server.offset();
    eventually("the position passes what is left out", || {
        let state = fs::read_to_string(folder.0.join("state")).unwrap();
        state.split(':').nth(1).and_then(|offset| offset.parse().ok()).is_some_and(|offset: u64| offset >= end)
    });
    consumer.has_command("FLUSHALL", 2);
    assert_eq!(bridge.stop(), Some(0), "{}", words(&folder));
    let mut lines = consumer.lines();
    lines.retain(|(_, line)| line["event"] == "command");
    lines.sort_by_key(|(partition, line)| (line["offset"].as_u64(), *partition));
    lines.dedup_by_key(|(_, line)| line["id"].clone());
    let text = |(_, line): &Line| {
        let words: Vec<_> = line["args"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
        words.join(" ").to_ascii_lowercase()
    };
    let published: Vec<_> = lines.iter().map(text).collect();
    let want = [
        "set user:1 a",
        "set hallo a",
        "set b* a",
        "mset user:2 a other a",
        "set user:3 b",
        "move user:5 2",
        "flushall",
    ];
    assert_eq!(published, want);
    let of_transaction = lines.iter().find(|line| text(line) == "set user:3 b").unwrap();
    assert_eq!((&of_transaction.1["tx_at"], &of_transaction.1["tx_of"]), (&json!(1), &json!(1)));
}

#[test]
#[ignore = "needs real servers and librdkafka: tests/servers, tests/tools"]
fn a_message_that_is_refused_is_published_by_the_next_run() {
    let how = How::Sanitized;
    let (mut broker, server) = (Broker::start(how, 2), Server::start(Kind::Redis70));
    let folder = Folder::new("kafka-refuses");
    let truth = Truth::start(server.address());
    let mut consumer = Consumer::start(how, &broker);
    let bridge = Bridge::start(how, &broker, &folder, &server.address(), &[]);
    has_state(&folder);
    broker.obey("refuse");
    let mut client = server.client();
    (0..30).for_each(|round| {
        write(&mut client, round);
    });
    assert_eq!(bridge.end(), Some(1));
    let said = words(&folder);
    assert!(said.contains("Kafka refuses the message ") && said.contains("Topic authorization failed"), "{said}");
    let bridge = Bridge::start(how, &broker, &folder, &server.address(), &[]);
    end(&server);
    consumer.end(broker.partitions);
    compare(&consumer.lines(), &truth.end(), broker.partitions);
    assert_eq!(bridge.stop(), Some(0), "{}", words(&folder));
}

#[test]
#[ignore = "needs real servers and librdkafka: tests/servers, tests/tools"]
fn history_that_is_lost_is_never_silence() {
    let (broker, server) = (Broker::start(How::Debug, 3), Server::start(Kind::Redis70));
    let folder = Folder::new("kafka-lost");
    server.config_set("repl-backlog-size", "16kb");
    let mut consumer = Consumer::start(How::Debug, &broker);
    let start = |args: &[&str]| Bridge::start(How::Debug, &broker, &folder, &server.address(), args);
    let bridge = start(&[]);
    has_state(&folder);
    server.call(&["SET", "first", "1"]);
    consumer.has("command", 1);
    assert_eq!(bridge.stop(), Some(0));
    let saved = fs::read_to_string(folder.0.join("state")).unwrap();
    server.call(&["SET", "meanwhile", &"x".repeat(100_000)]);
    assert_eq!(start(&[]).end(), Some(4), "{}", words(&folder));
    assert_eq!(fs::read_to_string(folder.0.join("state")).unwrap(), saved);
    let bridge = start(&["--on-gap", "continue"]);
    consumer.has("gap", 3);
    let (_, gap) = consumer.lines().into_iter().find(|(_, line)| line["event"] == "gap").unwrap();
    assert_eq!(gap["from"], saved.trim_end());
    assert!(gap["missed"].as_u64().unwrap() > 100_000, "{gap}");
    server.call(&["SET", "second", "1"]);
    consumer.has("command", 2);
    assert_eq!(bridge.stop(), Some(0));
}

/// After a gap a snapshot follows, again if the bridge ends in its middle. Until it is complete, the
/// old position is kept.
#[test]
#[ignore = "needs real servers and librdkafka: tests/servers, tests/tools"]
fn a_gap_is_closed_by_a_snapshot() {
    let how = How::Sanitized;
    let (mut broker, server) = (Broker::start(how, 2), Server::start(Kind::Redis70));
    let folder = Folder::new("kafka-gap");
    server.config_set("repl-backlog-size", "16kb");
    let mut consumer = Consumer::start(how, &broker);
    let small = ["--on-gap", "snapshot", "-X", "queue.buffering.max.messages=10"];
    let address = broker.address.clone();
    let start = |args: &[&str]| Bridge::start_at(how, &address, &folder, &server.address(), args);
    let bridge = start(&small);
    has_state(&folder);
    server.call(&["SET", "gone", "1"]);
    consumer.has("command", 1);
    assert_eq!(bridge.stop(), Some(0), "{}", words(&folder));
    let state = || fs::read_to_string(folder.0.join("state")).unwrap();
    let before = state();
    server.call(&["DEL", "gone"]);
    server.call(&["EVAL", "for i=1,30000 do redis.call('SET','key:'..i,i) end", "0"]);
    broker.obey("limit");
    let bridge = start(&small);
    eventually("some keys are there", || consumer.count() > 100);
    // It saves what is confirmed.
    assert_eq!(bridge.stop(), Some(0), "{}", words(&folder));
    assert_eq!(state(), before);
    broker.obey("unlimit");
    server.call(&["DEL", "key:1"]);
    let bridge = start(&["--on-gap", "snapshot"]);
    eventually("the snapshot is confirmed", || state() != before);
    end(&server);
    consumer.end(broker.partitions);
    assert_eq!(bridge.stop(), Some(0), "{}", words(&folder));
    let (keys, _) = copy_of(&consumer.lines());
    assert_eq!(keys.len(), 29_999);
    assert!(keys.keys().all(|(_, _, key)| key.starts_with("key:") && key != "key:1"));
    let gaps = consumer.lines().iter().filter(|(_, line)| line["event"] == "gap").count();
    assert!(gaps >= 2, "{gaps}");
}

/// Otherwise the process would run on without its thread.
#[test]
#[ignore = "needs librdkafka: tests/tools"]
fn an_event_without_its_position_ends_the_bridge() {
    let program = rig::program_of_files("kafka_publish");
    for event in ["snapshot_end", "exec"] {
        let output = Command::new(&program).arg(event).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said, "redtail-kafka: at offset 7 there is no resumable position\n", "{event}");
        assert_eq!((output.status.code(), &*output.stdout), (Some(1), &b"-1 1\n"[..]), "{event}");
    }
}

#[test]
#[ignore = "needs real servers and librdkafka: tests/servers, tests/tools"]
fn what_it_refuses_and_why() {
    let (broker, folder) = (Broker::start(How::Debug, 1), Folder::new("kafka-refused"));
    let server = Server::start_with(Kind::Redis70, &["--requirepass", "secret"]);
    let program = rig::programs(How::Debug).join("redtail-kafka");
    let wrong = |args: &[&str], code: i32, what: &str| {
        let output = Command::new(&program).args(args).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.contains(what) && !said.contains("secret"), "{args:?}: {said}");
    };
    let (address, state) = (server.address(), folder.0.join("state").display().to_string());
    let whole = ["--brokers", &*broker.address, "--topic", TOPIC, "--checkpoint", &state, &address];
    let with = |more: &[&'static str]| [more, &whole[..]].concat();
    assert!(stdout(Command::new(&program).arg("--help")).contains("Exit codes: 0 stopped"));
    assert!(stdout(Command::new(&program).arg("--version")).contains(" and librdkafka "));
    wrong(&[], 2, "the server to follow is missing");
    wrong(&[&address], 2, "--brokers is missing");
    wrong(&with(&["--nonsense"]), 2, "--nonsense");
    wrong(&with(&["--on-gap", "perhaps"]), 2, "--on-gap takes one of the words in --help");
    wrong(&with(&["--transaction-limit", "much"]), 2, "takes a number of bytes");
    wrong(&with(&["--name", "a b"]), 2, "--name: choose 1 to 64 letters, digits, '.', '-', '_' and '='");
    wrong(&with(&["--metrics", "nowhere"]), 2, "--metrics takes host:port");
    wrong(&with(&["-X", "no.such.setting=1"]), 2, "no.such.setting");
    wrong(&with(&["-X", "sasl.password=secret"]), 2, "put it into --kafka-config");
    wrong(&with(&["-X", "enable.idempotence=false"]), 2, "enable.idempotence is not to be changed");
    wrong(&with(&["-X", "queue.buffering.max.kbytes=1"]), 2, "has no room for one message");
    wrong(&with(&["--insecure"]), 2, "options of TLS want --tls or rediss://");
    wrong(&with(&["--user", "cdc"]), 2, "the user cdc has no password");
    wrong(&with(&["--password-file", "/no/such/file"]), 2, "/no/such/file: ");
    wrong(&with(&["--from", "nowhere"]), 2, "nowhere is no position");
    wrong(&with(&["--from", "nowhere", "--cluster"]), 2, "is not the position of a shard");
    wrong(&with(&["--prefer-replica"]), 2, "options of Sentinels want redis+sentinel://host,host/name");
    for name in ["GTE", "'XGROUP'CREATE", "A B C", ""] {
        wrong(&with(&["--command", name]), 2, "");
        wrong(&with(&["--not-command", name]), 2, "");
    }
    wrong(&with(&["--command", "SET,GTE"]), 2, "GTE: no known server has this command");
    wrong(&with(&["--command", "A B C"]), 2, "--command takes the name of a command");
    wrong(&with(&["--command", "publish"]), 2, "publish: it changes no data, and is never published");
    wrong(&with(&["--from", "snapshot", "--command", "SET"]), 2, "--from snapshot and --command exclude each other");
    wrong(
        &with(&["--on-gap", "snapshot", "--command", "SET"]),
        2,
        "--on-gap snapshot and --command exclude each other",
    );
    wrong(&with(&["--db", "0,x"]), 2, "--db 0,x: a database is a number");
    let at = |target: &str| -> Vec<String> {
        let start = whole[..whole.len() - 1].iter().map(|&arg| arg.to_owned());
        start.chain([target.to_owned()]).collect()
    };
    for (target, more, what) in [
        ("http://cdc:secret@h:1", "--tls", "the target: the scheme is none of redis"),
        ("redis://cdc:secret@h:1", "--tls", "has a password in it"),
        ("redis+sentinel://h:1", "--tls", "the name of the primary is missing"),
        ("redis://h/3", "--tls", "a stream has all databases: use --db"),
        ("h:1", "--sentinel-tls", "options of Sentinels want redis+sentinel://host,host/name"),
        ("rediss+sentinel://h/watched", "--sentinel-tls", "--sentinel-tls is for servers without TLS"),
        ("redis+sentinel://h/watched", "--sentinel-no-tls", "options of TLS want --tls or rediss://"),
        ("h:1,h:2", "--tls", "several addresses want --cluster or redis+sentinel://"),
        ("redis+sentinel://h/watched", "--cluster", "--cluster is for nodes, not for Sentinels"),
        ("cdc@h:1", "--user=other", "--user other and the target name different users"),
    ] {
        let args = at(target);
        let args: Vec<&str> = [more].into_iter().chain(args.iter().map(String::as_str)).collect();
        wrong(&args, 2, what);
    }
    wrong(&with(&[]), 1, "NOAUTH");
    let password = folder.write("password", "secret\n").display().to_string();
    let settings = folder.write("settings", "# none\nclient.id=test\n").display().to_string();
    let args = ["--password-file", &password, "--kafka-config", &settings];
    let bridge = Bridge::start(How::Debug, &broker, &folder, &address, &args);
    has_state(&folder);
    wrong(&with(&[]), 1, "another bridge uses this checkpoint");
    assert_eq!(bridge.stop(), Some(0), "{}", words(&folder));
    folder.write("state", "");
    wrong(&with(&[]), 1, "this is no whole checkpoint; to start afresh on purpose, remove it");
    folder.write("state", "0123:4\n");
    wrong(&with(&[]), 1, "0123:4 is no position");
    fs::remove_file(folder.0.join("state")).unwrap();
    let unknown: Vec<&str> =
        with(&[]).into_iter().map(|arg| if arg == address { "127.0.0.1:1" } else { arg }).collect();
    wrong(&unknown, 1, "127.0.0.1:1: ");
}

#[test]
#[ignore = "needs make, pkg-config and librdkafka: tests/tools"]
fn it_builds_with_pkg_config_alone() {
    let folder = Folder::new("kafka-build");
    let mut make = Command::new("make");
    make.arg("-C").arg(root().join("examples/bridges/kafka")).arg("install");
    make.args([format!("BUILD={}", folder.0.display()), format!("PREFIX={}", folder.0.join("installed").display())]);
    run(make.env("PKG_CONFIG_PATH", install::prefix().join("lib/pkgconfig")));
    let program = folder.0.join("installed/bin/redtail-kafka");
    let version = stdout(Command::new(program).arg("-V").env("LD_LIBRARY_PATH", install::prefix().join("lib")));
    assert!(version.starts_with(concat!("redtail-kafka with redtail ", env!("CARGO_PKG_VERSION"))), "{version}");
}
