//! State plus changes: `redtail tail --from snapshot` under constant writes, and snapshots that break off.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::client::{Client, Command, command};
use crate::copy::replay_bytes;
use crate::help::eventually;
use crate::proxy::{Cut, Proxy};
use crate::rebuild::{LAST, finish, printed, same_but_for_what_is_lost, same_but_for_what_is_not_replicated};
use crate::server::{Kind, Server};
use crate::snapshots::data;
use crate::tool::Tool;

/// The number of rounds for each server and framing: 20 in `tests/soak snapshots`.
fn rounds() -> u64 {
    std::env::var("REDTAIL_ROUNDS").map_or(1, |rounds| rounds.parse().expect("REDTAIL_ROUNDS is a number"))
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn snapshot_and_stream_equal_the_primary_under_writes_diskless() {
    snapshot_and_stream_are_the_primary("yes");
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn snapshot_and_stream_equal_the_primary_under_writes_by_disk() {
    snapshot_and_stream_are_the_primary("no");
}

fn snapshot_and_stream_are_the_primary(diskless: &str) {
    for round in 0..rounds() {
        for kind in Kind::few(&[Kind::Redis62, Kind::Redis70, Kind::Redis810, Kind::Valkey91]) {
            // Each key takes half a millisecond to save: there is time to write meanwhile.
            let server = Server::start_with(kind, &["--repl-diskless-sync", diskless, "--rdb-key-save-delay", "500"]);
            let mut client = server.client();
            let replies = client.pipeline(&data(kind));
            assert!(replies.iter().all(|reply| !reply.is_error()), "{kind:?}");
            let mut random = Random(round * 1000 + 7);
            let before: Vec<Command> = (0..2000).flat_map(|_| random.write(kind)).collect();
            client.pipeline(&before);
            let stop = AtomicBool::new(false);
            let bytes = std::thread::scope(|scope| {
                for thread in 0..2 {
                    let (server, stop) = (&server, &stop);
                    scope.spawn(move || load(kind, server.client(), Random(round * 1000 + thread), stop));
                }
                let args = ["tail", &server.address(), "--from", "snapshot", "--format", "resp", "--empty-target"];
                let tool = Tool::start(&args);
                tool.says("the snapshot is complete");
                std::thread::sleep(Duration::from_millis(200));
                stop.store(true, Ordering::Release);
                // Later writes of the threads come before it, or after, in whole commands.
                eventually("nobody writes", || is_quiet(&server));
                finish(tool, &server)
            });
            let copy = Server::start(kind);
            replay_bytes(&copy, &bytes);
            same_but_for_what_is_not_replicated(&server, &copy, &format!("{kind:?}, round {round}"));
            assert_eq!(copy.call(&[b"GET", LAST]).text(), "v");
        }
    }
}

fn is_quiet(server: &Server) -> bool {
    let clients = server.call(&["CLIENT", "LIST", "TYPE", "normal"]).text();
    // The follower, and the connection that asks.
    clients.lines().filter(|line| !line.trim().is_empty()).count() <= 2
}

fn load(kind: Kind, mut client: Client, mut random: Random, stop: &AtomicBool) {
    while !stop.load(Ordering::Acquire) {
        let commands: Vec<Command> = (0..20).flat_map(|_| random.write(kind)).collect();
        for (command, reply) in commands.iter().zip(client.pipeline(&commands)) {
            // The group may exist already, and another thread may flush it.
            let allowed = ["BUSYGROUP", "NOGROUP"];
            let words = command.iter().map(|word| word.escape_ascii().to_string()).collect::<Vec<_>>().join(" ");
            let is_well = !reply.is_error() || allowed.iter().any(|word| reply.text().contains(word));
            assert!(is_well, "{words}: {reply:?}");
        }
    }
}

/// Pseudo-random numbers, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }

    /// A write of any kind that succeeds on any data made by these writes.
    fn write(&mut self, kind: Kind) -> Vec<Command> {
        let (key, number) = (self.below(100), self.below(1_000_000));
        let value = match self.below(50) {
            0 => "large ".repeat(1 + self.below(20_000) as usize),
            1..10 => number.to_string(),
            _ => format!("value {number}"),
        };
        let far = (4_000_000_000_000 + number).to_string();
        let line = match self.below(40) {
            0 => format!("APPEND str:{key} {number}"),
            1 => format!("INCRBY number:{key} {number}"),
            2 => format!("DEL str:{key}"),
            3 => format!("PEXPIREAT str:{key} {far}"),
            4 => format!("SET short:{number} v PX {}", 1 + number % 300),
            5 => format!("LPOP list:{key}"),
            6 => format!("LTRIM list:{key} 0 200"),
            7 => format!("SPOP set:{key}"),
            8 => format!("SREM set:{key} {number}"),
            9 => format!("ZINCRBY zset:{key} 1.25 member:{}", number % 10),
            10 => format!("ZREM zset:{key} member:{}", number % 10),
            11 => format!("HINCRBY hash:{key} count {number}"),
            12 => format!("HDEL hash:{key} field:{}", number % 10),
            13 => format!("PEXPIREAT hash:{key} {far}"),
            14 => format!("XTRIM stream:{} MAXLEN {}", key % 10, 50 + number % 50),
            15 => format!("SELECT {}", key % 4),
            16 => "SWAPDB 1 2".to_owned(),
            17 if number % 50 == 0 => "FLUSHDB".to_owned(),
            18 => format!("COPY list:{key} list:{} REPLACE", (key + 1) % 100),
            19 => format!("PERSIST hash:{key}"),
            20 if kind.expires_fields() => format!("HPEXPIREAT hash:{key} {far} FIELDS 1 field:{}", number % 10),
            21 => return self.group(key % 10),
            22 => {
                return vec![
                    command(&["MULTI"]),
                    command(&["INCR", "tx:a"]),
                    command(&["INCR", "tx:b"]),
                    command(&["EXEC"]),
                ];
            }
            23 => {
                let script = "redis.call('INCR', KEYS[1]) redis.call('RPUSH', KEYS[2], ARGV[1])";
                let (number, list) = (format!("number:{key}"), format!("list:{key}"));
                return vec![command(&["EVAL", script, "2", &number, &list, &value])];
            }
            24 if kind != Kind::Redis62 => {
                let code = format!(
                    "#!lua name=lib{}\nredis.register_function('f{}', function() return {number} end)",
                    key % 5,
                    key % 5
                );
                return vec![command(&["FUNCTION", "LOAD", "REPLACE", &code])];
            }
            25..28 => return vec![command(&["RPUSH", &format!("list:{key}"), &value, &number.to_string()])],
            28..31 => return vec![command(&["SADD", &format!("set:{key}"), &number.to_string()])],
            31..34 => {
                return vec![command(&["HSET", &format!("hash:{key}"), &format!("field:{}", number % 10), &value])];
            }
            34..36 => return vec![command(&["XADD", &format!("stream:{}", key % 10), "*", "field", &value, "n", "1"])],
            36 => {
                return vec![command(&[
                    "ZADD",
                    &format!("zset:{key}"),
                    &format!("{number}.5"),
                    &value[..value.len().min(40)],
                ])];
            }
            _ => return vec![command(&["SET", &format!("str:{key}"), &value])],
        };
        vec![command(&line.split(' ').collect::<Vec<_>>())]
    }

    fn group(&mut self, key: u64) -> Vec<Command> {
        let (stream, consumer) = (format!("stream:{key}"), format!("consumer:{}", self.below(3)));
        // A consumer created by an empty read is not replicated: all are made with their group.
        let make = |consumer| command(&["XGROUP", "CREATECONSUMER", &stream, "group", consumer]);
        let read = ["XREADGROUP", "GROUP", "group", &consumer, "COUNT", "3"];
        vec![
            command(&["MULTI"]),
            command(&["XGROUP", "CREATE", &stream, "group", "0", "MKSTREAM"]),
            make("consumer:0"),
            make("consumer:1"),
            make("consumer:2"),
            command(&["EXEC"]),
            command(&[&read[..], &["STREAMS", &stream, ">"]].concat()),
            command(&[&read[..], &["NOACK", "STREAMS", &stream, ">"]].concat()),
        ]
    }
}

/// A lost history: the second snapshot replaces the first, in the output too.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_second_snapshot_takes_the_place_of_the_first() {
    for kind in Kind::few(&[Kind::Redis62, Kind::Redis70, Kind::Redis810, Kind::Valkey91]) {
        let server = Server::start(kind);
        server.client().pipeline(&data(kind));
        let args = [
            "tail",
            &server.address(),
            "--from",
            "snapshot",
            "--on-gap",
            "snapshot",
            "--format",
            "resp",
            "--empty-target",
        ];
        let mut tool = Tool::start(&args);
        tool.says("the snapshot is complete");
        server.call(&["SET", "first", "1"]);
        let mut bytes = tool.until(b"first");
        // This write is not in the history any more.
        server.call(&["DEBUG", "CHANGE-REPL-ID"]);
        server.drop_replicas();
        server.call(&["DEL", "first", "hash"]);
        server.call(&[&b"SET"[..], LAST, b"v"]);
        bytes.extend(tool.until(LAST));
        eventually("it is back", || tool.errors().matches("the snapshot is complete").count() == 2);
        tool.signal("INT");
        bytes.extend(tool.rest());
        assert!(tool.wait().success(), "{}", tool.errors());
        assert!(tool.errors().contains("history lost"), "{}", tool.errors());
        let copy = Server::start(kind);
        replay_bytes(&copy, &bytes);
        same_but_for_what_is_lost(&server, &copy, &format!("{kind:?}"));
    }
}

/// The printed part of it is void: the exit code, standard error and the last line report that.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_snapshot_that_breaks_off_is_void_and_says_so() {
    for kind in Kind::few(&[Kind::Redis62, Kind::Redis810, Kind::Valkey91]) {
        for diskless in ["yes", "no"] {
            let server = Server::start_with(kind, &["--repl-diskless-sync", diskless]);
            server.client().pipeline(&data(kind));
            let (whole, _) = printed(&["snapshot", &server.address(), "--format", "json"], b"");
            assert!(whole.ends_with(b"}\n"));
            for behind in ["repl-stream-db", "stream:odd", "hash:long", "set:ints"] {
                for verb in [&["tail", "--from", "snapshot"][..], &["snapshot"]] {
                    let proxy = Proxy::start(&server);
                    let address = format!("127.0.0.1:{}", proxy.port);
                    let run = |format: &[&str]| {
                        proxy.cut([Cut::Behind(behind.into())]);
                        Tool::run(&[verb, &[&address], format].concat(), b"")
                    };
                    let at = format!("{kind:?}, {diskless}, {behind}, {verb:?}");
                    for elements in [&["--format", "json"][..], &["--format", "json", "--elements"]] {
                        let ran = run(elements);
                        let (out, errors) =
                            (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
                        assert_eq!(ran.status.code(), Some(1), "{at}: {errors}");
                        assert!(errors.contains("broke off"), "{at}: {errors}");
                        let lines: Vec<serde_json::Value> =
                            out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
                        let keys =
                            lines.iter().filter(|line| line["event"] == "key" || line["event"] == "key_end").count();
                        let void = json!({"event": "void", "of": "snapshot", "keys": keys});
                        assert!(lines.contains(&void), "{at}: {:?}", lines.last());
                        assert!(lines.iter().all(|line| line["event"] != "snapshot"), "{at}");
                    }
                    let ran = run(&["--format", "resp", "--empty-target"]);
                    let errors = String::from_utf8_lossy(&ran.stderr);
                    assert_eq!(ran.status.code(), Some(1), "{at}: {errors}");
                    if !errors.contains("can't be loaded") {
                        replay_bytes(&Server::start(kind), &ran.stdout);
                    }
                }
            }
        }
    }
}
