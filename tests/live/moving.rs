//! `redtail tail | redtail load` moves a server, or a cluster, to another one while clients write: docs/migration.md.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::cluster::nodes::Nodes;
use crate::copy::{fill, same_data};
use crate::help::eventually;
use crate::load::Load;
use crate::rebuild::same_but_for_what_is_not_replicated;
use crate::server::{Kind, Server};
use crate::tool::{Tool, redtail};
use crate::watching::scrape;

const KEY: &str = "redtail:position";

/// A `redtail tail` and the `redtail load` that reads its output.
pub(crate) struct Move {
    pub(crate) tail: Tool,
    pub(crate) load: Tool,
}

impl Move {
    pub(crate) fn start(from: &[&str], to: &[&str]) -> Move {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let positions = ["--format", "resp", "--positions"];
        let mut tail = redtail(&[&["tail"], from, &positions].concat());
        let tail = Tool::start_writing(tail.stdout(Stdio::from(writer)));
        let mut load = redtail(&[&["load"], to].concat());
        let load = Tool::start_command(load.stdin(Stdio::from(reader)));
        Move { tail, load }
    }

    /// Both end by themselves, without an error.
    pub(crate) fn ends(mut self) {
        assert!(self.tail.wait().success(), "{}", self.tail.errors());
        assert!(self.load.wait().success(), "{}", self.load.errors());
        assert!(!self.load.errors().contains("refused"), "{}", self.load.errors());
    }
}

fn position(server: &Server, key: &str) -> Option<String> {
    let output = Tool::run(&["load", &server.address(), "--print-position", "--position-key", key], b"");
    output.status.success().then(|| String::from_utf8(output.stdout).expect("text").trim().to_owned())
}

/// Large keys, keys with an expiry, and keys of several databases.
fn fill_more(server: &Server) {
    let mut client = server.client();
    client.call(&[&b"SET"[..], b"big:string", &vec![b'x'; 6 << 20]]);
    for part in 0..50 {
        let elements: Vec<String> = (0..1000).map(|number| format!("{part}:{number}")).collect();
        let elements = elements.iter().map(String::as_str);
        client.call(&["RPUSH", "big:list"].into_iter().chain(elements.clone()).collect::<Vec<_>>());
        client.call(&["SADD", "big:set"].into_iter().chain(elements).collect::<Vec<_>>());
    }
    client.call(&["SET", "expires", "later", "PX", "86400000"]);
    client.call(&["SELECT", "7"]);
    client.call(&["SET", "expires", "in 7", "PX", "86400000"]);
}

/// Writes that show it if one is applied twice, or not at all.
fn writers(server: &Server, written: &Arc<AtomicU64>) -> Load {
    let (port, written) = (server.port, Arc::clone(written));
    let mut client = None;
    Load::of(move |number, _| {
        let client = client.get_or_insert_with(|| crate::client::Client::connect(port, None).expect("connect"));
        let number = number.to_string();
        client.call(&["SELECT", if number.ends_with('3') { "7" } else { "0" }]);
        client.call(&["INCR", "count"]);
        client.call(&["MULTI"]);
        client.call(&["RPUSH", "log", &number]);
        client.call(&["APPEND", "text", &number]);
        client.call(&["EXEC"]);
        client.call(&["SET", &format!("short:{number}"), "x", "PX", "60000"]);
        written.fetch_add(1, Ordering::AcqRel);
        true
    })
}

fn counted(server: &Server) -> (u64, i64) {
    let mut client = server.client();
    let (mut count, mut length) = (0, 0);
    for db in ["0", "7"] {
        client.call(&["SELECT", db]);
        count += client.call(&["GET", "count"]).text().parse::<u64>().unwrap_or(0);
        length += client.call(&["LLEN", "log"]).int();
    }
    (count, length)
}

/// The cut-over with this much data, from Redis 7.0 to Valkey 9.1. Returns what the four programs told, and the rounds
/// of the writers.
pub(crate) fn a_large_move(mib: usize) -> (String, u64) {
    let (source, target) = (Server::start(Kind::Redis70), Server::start(Kind::Valkey91));
    source.config_set("repl-backlog-size", "256mb");
    source.config_set("client-output-buffer-limit", "replica 0 0 0");
    // The values are compressible, and the snapshot must not be.
    source.config_set("rdbcompression", "no");
    source.call(&["DEBUG", "POPULATE", &(mib * 64).to_string(), "large", "16384"]);
    let written = Arc::new(AtomicU64::new(0));
    let load = writers(&source, &written);
    let (old, new) = (source.address(), target.address());
    let version = ["--target-version", "valkey-9.1"];
    let mut first =
        Move::start(&[&[old.as_str(), "--from", "snapshot", "--empty-target"][..], &version].concat(), &[&new]);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(1800);
    while position(&target, KEY).is_none() {
        assert!(std::time::Instant::now() < end, "{}{}", first.tail.errors(), first.load.errors());
        std::thread::sleep(std::time::Duration::from_secs(1));
    }
    load.goes_on();
    drop(load);
    first.tail.signal("TERM");
    assert!(first.tail.wait().success(), "{}", first.tail.errors());
    assert!(first.load.wait().success(), "{}", first.load.errors());
    let at = position(&target, KEY).expect("a position");
    let rest = [&[old.as_str(), "--from", &at, "--until-caught-up"][..], &version].concat();
    let mut second = Move::start(&rest, &[&new]);
    assert!(second.tail.wait().success(), "{}", second.tail.errors());
    assert!(second.load.wait().success(), "{}", second.load.errors());
    target.call(&["DEL", KEY]);
    let rounds = written.load(Ordering::Acquire);
    assert_eq!(counted(&source), (rounds, i64::try_from(rounds).expect("few")));
    assert_eq!(counted(&target), counted(&source));
    eventually("both have the same data", || source.digest() == target.digest());
    let told = [&first.tail, &first.load, &second.tail, &second.load].map(Tool::errors).concat();
    assert!(!told.contains("refused"), "{told}");
    (told, rounds)
}

/// The cut-over of docs/migration.md, with interruptions: the loader is killed, the connection to the target is cut,
/// and the source is followed again each time from the position that the target stores.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_move_under_load_loses_nothing_and_repeats_nothing() {
    for (from, to, version) in [
        (Kind::Redis70, Kind::Valkey91, "valkey-9.1"),
        (Kind::Redis62, Kind::Redis62, "redis-6.2"),
        (Kind::Redis82, Kind::Redis82, "redis-8.2"),
        (Kind::Valkey81, Kind::Redis82, "redis-8.2"),
    ] {
        let (source, target) = (Server::start(from), Server::start(to));
        source.config_set("repl-backlog-size", "64mb");
        fill(&source);
        fill_more(&source);
        target.call(&["SET", "of the target", "x"]);
        let written = Arc::new(AtomicU64::new(0));
        let load = writers(&source, &written);
        let (old, new) = (source.address(), target.address());
        assert_eq!(position(&target, KEY), None);
        let mut first =
            Move::start(&[&old, "--from", "snapshot", "--empty-target", "--target-version", version], &[&new]);
        eventually("the target stores a position", || position(&target, KEY).is_some());
        for round in 0..4 {
            let before = position(&target, KEY);
            load.goes_on();
            eventually("the position advances", || position(&target, KEY) != before);
            match round % 2 {
                0 => first.load.signal("KILL"),
                // A connection that is closed in a pause of the input is opened again.
                _ => eventually("a connection is lost", || {
                    target.call(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
                    !first.load.is_running()
                }),
            }
            assert!(!first.load.wait().success());
            drop(first);
            load.goes_on();
            // The target may still execute what it had received.
            let mut at = String::new();
            eventually("the position stays", || {
                let now = position(&target, KEY).expect("a position");
                std::mem::replace(&mut at, now.clone()) == now
            });
            first = Move::start(&[&old, "--from", &at, "--target-version", version], &[&new]);
            eventually("it continues", || position(&target, KEY).as_ref() != Some(&at));
        }
        // 1. The writers stop. 2. The running pair ends. 3. The rest is moved.
        drop(load);
        first.tail.signal("TERM");
        first.ends();
        let at = position(&target, KEY).expect("a position");
        Move::start(&[&old, "--from", &at, "--target-version", version, "--until-caught-up"], &[&new]).ends();
        // 4. The counters are compared.
        target.call(&["DEL", KEY]);
        let rounds = written.load(Ordering::Acquire);
        assert_eq!(counted(&source), (rounds, i64::try_from(rounds).expect("few")), "{from:?}");
        assert_eq!(counted(&target), counted(&source), "{from:?} to {to:?}");
        // Redis 6.2 replicates the time to live of a SET, and each replica adds it to its own time.
        if from == to && from == Kind::Redis62 {
            assert_eq!(source.digest(), target.digest());
        } else if from == to {
            same_but_for_what_is_not_replicated(&source, &target, "after the move");
        }
        let mut client = target.client();
        for db in ["7", "0"] {
            client.call(&["SELECT", db]);
            let left = client.call(&["PTTL", "expires"]).int();
            assert!((80_000_000..=86_400_000).contains(&left), "{left}");
        }
        assert_eq!(client.call(&["STRLEN", "big:string"]).int(), 6 << 20);
        assert_eq!(client.call(&["LLEN", "big:list"]).int(), 50_000);
        assert_eq!(client.call(&["SCARD", "big:set"]).int(), 50_000);
        assert_eq!(client.call(&["EXISTS", "of the target"]).int(), 0);
    }
}

/// Each shard has a pair of its own.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_cluster_moves_to_a_server_and_to_another_cluster() {
    let kind = Kind::Redis70;
    let (source, single, other) = (Nodes::start(kind, 3, 0), Server::start(Kind::Valkey91), Nodes::start(kind, 3, 0));
    let mut written = 0;
    let mut write = |from: usize| {
        for number in from..from + 300 {
            // One of the nodes has the slot.
            let key = format!("key:{number}");
            let done = source.servers.iter().any(|node| !node.client().ask(&["RPUSH", &key, "1", "2"]).is_error());
            assert!(done, "{key}");
            written += 1;
        }
    };
    write(0);
    // Keys in slots of each node, for the positions.
    let tags: Vec<String> = other
        .servers
        .iter()
        .map(|node| {
            let is_here = |key: &String| !node.client().ask(&["EXISTS", key]).is_error();
            (0..).map(|number| format!("{KEY}{{{number}}}")).find(is_here).expect("some tag")
        })
        .collect();
    let start = |options: &[&[&str]]| -> Vec<[Move; 2]> {
        let nodes = source.servers.iter().zip(&other.servers).zip(&tags).zip(options);
        nodes
            .map(|(((node, twin), tag), options)| {
                let from = node.address();
                let from = [&[from.as_str()], *options].concat();
                let into_single = [&single.address(), "--position-key", tag];
                let into_twin = [&twin.address(), "--position-key", tag];
                [Move::start(&from, &into_single), Move::start(&from, &into_twin)]
            })
            .collect()
    };
    let shared = ["--not-command", "FLUSHALL", "--not-command", "FLUSHDB"];
    let snapshot: &[&str] = &[&["--from", "snapshot", "--target-is-empty"][..], &shared].concat();
    let running = start(&[snapshot; 3]);
    for (node, tag) in other.servers.iter().zip(&tags) {
        eventually("both have a position", || position(node, tag).is_some() && position(&single, tag).is_some());
    }
    write(300);
    // Of one shard.
    let flushed = source.servers[0].call(&["DBSIZE"]).int();
    assert!(flushed > 0);
    for flush in ["FLUSHALL", "FLUSHDB"] {
        source.servers[0].call(&[flush]);
    }
    for [into_single, into_twin] in running {
        for one in [into_single, into_twin] {
            one.tail.signal("TERM");
            one.ends();
        }
    }
    for ((node, twin), tag) in source.servers.iter().zip(&other.servers).zip(&tags) {
        for target in [&single, twin] {
            let at = position(target, tag).expect("a position");
            let from = node.address();
            let to = target.address();
            let from = [&[&from, "--from", &at, "--until-caught-up"][..], &shared].concat();
            Move::start(&from, &[&to, "--position-key", tag]).ends();
            target.call(&["DEL", tag]);
        }
        if node.port == source.servers[0].port {
            assert_eq!(twin.call(&["DBSIZE"]).int(), flushed);
        } else {
            same_data(node, twin);
        }
    }
    assert_eq!(single.call(&["DBSIZE"]).int(), written);
    for number in 0..written {
        assert_eq!(single.call(&["LLEN", &format!("key:{number}")]).int(), 2, "{number}");
    }
}

/// A target that executes no writes falls behind. The progress, the status and the metrics show how far.
#[test]
#[ignore = "needs real servers: tests/run"]
fn the_distance_to_the_source_is_shown() {
    for (from, to) in [(Kind::Redis70, Kind::Valkey91), (Kind::Valkey81, Kind::Redis62)] {
        let (source, target) = (Server::start(from), Server::start(to));
        let [status, password] = ["status", "password"].map(|name| target.folder().join(name));
        fs::write(&password, "pw\n").expect("write the password");
        source.call(&["ACL", "SETUSER", "watch", "on", ">pw", "+info"]);
        let (old, new, asked) = (source.address(), target.address(), format!("watch@{}", source.address()));
        let [shown, file] = [&status, &password].map(|path| path.to_str().expect("a path"));
        let watched = ["--source", &asked, "--source-password-file", file, "--status", shown];
        let version = if to == Kind::Redis62 { "redis-6.2" } else { "valkey-9.1" };
        let pair = Move::start(
            &[&old, "--from", "snapshot", "--empty-target", "--target-version", version],
            &[&[new.as_str(), "--metrics", "127.0.0.1:0"][..], &watched].concat(),
        );
        let lag = || {
            let status: serde_json::Value = serde_json::from_str(&fs::read_to_string(&status).ok()?).ok()?;
            let stream = status["streams"].get(0)?;
            assert_eq!(stream["address"], new.as_str());
            Some((stream["lag_bytes"].as_u64()?, stream["lag_s"].as_f64()?))
        };
        eventually("the target is level", || lag() == Some((0, 0.0)));
        target.call(&["CLIENT", "PAUSE", "3600000", "WRITE"]);
        source.call(&["SET", "large", &"x".repeat(200_000)]);
        eventually("the target is behind", || lag().is_some_and(|(bytes, time)| bytes >= 200_000 && time >= 2.0));
        let metrics = scrape(&pair.load);
        let value = |name: &str| {
            let line = metrics.lines().find_map(|line| line.strip_prefix(name)).expect("the metric");
            line.trim().parse::<f64>().expect("a number")
        };
        assert!(value("redtail_lag_bytes ") >= 200_000.0 && value("redtail_lag_seconds ") >= 2.0, "{metrics}");
        pair.load.says(" s behind the source");
        let errors = pair.load.errors();
        let line = errors.lines().find(|line| line.contains("behind the source")).expect("the line");
        assert!(line.contains(" commands confirmed (") && line.contains(" KiB and "), "{line}");
        target.call(&["CLIENT", "UNPAUSE"]);
        eventually("the target is level again", || lag() == Some((0, 0.0)));
        pair.tail.signal("TERM");
        pair.ends();
    }
}

/// A `tail` that has failed, or was ended or killed, closes the pipe as a complete one does.
#[test]
#[ignore = "needs real servers: tests/run"]
fn an_incomplete_move_is_no_success() {
    const INCOMPLETE: &str = "the input ends before its source was caught up";
    for kind in Kind::few(&[Kind::Redis62, Kind::Redis70, Kind::Valkey91]) {
        let (source, target) = (Server::start(kind), Server::start(kind));
        let (old, new) = (source.address(), target.address());
        source.call(&["SET", "a", "1"]);
        let first = [old.as_str(), "--from", "snapshot", "--empty-target"];
        let complete = ["--until-caught-up"];
        let to = [new.as_str(), "--until-caught-up"];
        for signal in ["KILL", "TERM"] {
            target.call(&["DEL", KEY]);
            let mut pair = Move::start(&first, &to);
            eventually("the target stores a position", || position(&target, KEY).is_some());
            pair.tail.signal(signal);
            assert_eq!(pair.load.wait().code(), Some(1), "{signal}");
            let (errors, at) = (pair.load.errors(), position(&target, KEY).expect("a position"));
            assert!(errors.contains(INCOMPLETE) && errors.contains(&format!("--from {at}")), "{signal}: {errors}");
        }
        let mut pair = Move::start(&[&first[..], &complete].concat(), &to);
        assert!(pair.load.wait().success(), "{}", pair.load.errors());
        assert!(pair.load.errors().contains("caught up: the target has every write"), "{}", pair.load.errors());
        pair.ends();
        // Without a reader that knows it, the mark does nothing.
        let mark = "PING \"redtail:caught-up\"\n";
        assert_eq!(target.call(&["PING", "redtail:caught-up"]).text(), "redtail:caught-up");
        for (input, is_complete) in [("", false), (mark, true), (&format!("{mark}SET b 1\n"), false)] {
            let ran = Tool::run(&[&["load"], &to[..]].concat(), &commands(input));
            let errors = String::from_utf8_lossy(&ran.stderr).into_owned();
            assert_eq!(ran.status.code(), Some(i32::from(!is_complete)), "{input:?}: {errors}");
            assert_eq!(errors.contains(INCOMPLETE), !is_complete, "{input:?}: {errors}");
        }
    }
}

/// Both programs of a pair write to one terminal, where `load` draws its progress.
#[test]
#[ignore = "needs real servers: tests/run"]
fn the_messages_of_a_pair_begin_on_lines_of_their_own() {
    let (mut source, target) = (Server::start(Kind::Redis70), Server::start(Kind::Redis70));
    let screen = target.folder().join("screen");
    let tool = env!("CARGO_BIN_EXE_redtail");
    let (old, new) = (source.address(), target.address());
    let pair = format!(
        "stty cols 80 rows 40; '{tool}' tail {old} --from snapshot --empty-target --format resp --positions \
         --reconnect 1 | '{tool}' load {new}"
    );
    let mut script = Command::new("script");
    script.args(["-qfc", &pair]).arg(&screen).env("TERM", "xterm-256color").env_remove("NO_COLOR");
    let mut script = script.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("script, of util-linux");
    let shown = || fs::read_to_string(&screen).unwrap_or_default();
    eventually("the progress is drawn", || {
        position(&target, KEY).is_some_and(|at| shown().contains(at.split(':').next().expect("an id")))
    });
    let before = shown().len();
    source.kill();
    eventually("both have ended", || script.try_wait().is_ok_and(|status| status.is_some()));
    let shown = shown();
    let messages: Vec<_> = shown[before..].match_indices("redtail:").map(|(at, _)| &shown[..before + at]).collect();
    assert!(messages.len() >= 3, "{shown:?}");
    for before in messages {
        let before =
            ["\x1b[1m", "\x1b[1;31m"].iter().fold(before, |text, mark| text.strip_suffix(mark).unwrap_or(text));
        let begins = ["\n", "\r\x1b[K", "\r\x1b[2K"].iter().any(|begin| before.ends_with(begin));
        assert!(begins, "{:?}", &before[before.len().saturating_sub(120)..]);
    }
}

/// The commands of `lines`, as redis-cli splits them.
pub(crate) fn commands(lines: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for command in crate::workload::parse(lines) {
        bytes.extend_from_slice(format!("*{}\r\n", command.len()).as_bytes());
        for argument in command {
            bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
            bytes.extend_from_slice(&argument);
            bytes.extend_from_slice(b"\r\n");
        }
    }
    bytes
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_refused_command_is_named_and_stops_or_is_counted() {
    let server = Server::start(Kind::Redis70);
    let address = server.address();
    let input = commands("SET a 1\nRPUSH a 2\nNOSUCH a\nMULTI\nSET b 1\nINCRBY b x\nEXEC\nSET c 1\n");
    let ran = Tool::run(&["load", &address], &input);
    let errors = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(1));
    assert!(errors.contains("refused RPUSH \"a\" (byte 27 of the input): WRONGTYPE Operation"), "{errors}");
    assert!(errors.contains("--on-error continue"), "{errors}");
    let ran = Tool::run(&["load", &address, "--on-error", "continue"], &input);
    let errors = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(1));
    for words in [
        "refused RPUSH \"a\" (byte 27",
        "refused NOSUCH \"a\" (byte 56 of the input): ERR unknown command",
        "refused INCRBY \"b\"",
        "value is not an integer",
        "5 commands confirmed",
        "3 commands were refused",
    ] {
        assert!(errors.contains(words), "{words}: {errors}");
    }
    assert_eq!(server.call(&["GET", "c"]).text(), "1");
    // A refusal of everything ends the run in any case.
    server.call(&["CONFIG", "SET", "maxmemory", "1"]);
    let ran = Tool::run(&["load", &address, "--on-error", "continue"], &commands("SET d 1\nSET e 1\n"));
    let errors = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.code() == Some(1) && errors.contains("SET \"d\"") && !errors.contains("\"e\""), "{errors}");
    assert!(errors.contains("OOM command not allowed"), "{errors}");
    server.call(&["CONFIG", "SET", "maxmemory", "0"]);
    // Half a command, and a target that asks for a password.
    let ran = Tool::run(&["load", &address], &input[..40]);
    let errors = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.code() == Some(1) && errors.contains("within a command that begins at byte 27"), "{errors}");
    server.call(&["CONFIG", "SET", "requirepass", "secret"]);
    let ran = Tool::run(&["load", &address], &input);
    let errors = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.code() == Some(1) && errors.contains("NOAUTH"), "{errors}");
}

/// The target refuses an input that does not begin where it is.
#[test]
#[ignore = "needs real servers: tests/run"]
fn an_input_that_leaves_a_gap_is_refused() {
    let (source, target) = (Server::start(Kind::Redis70), Server::start(Kind::Redis70));
    let (old, new) = (source.address(), target.address());
    source.call(&["SET", "a", "1"]);
    Move::start(&[&old, "--from", "snapshot", "--empty-target", "--until-caught-up"], &[&new]).ends();
    let at = position(&target, KEY).expect("a position");
    source.call(&["SET", "b", "1"]);
    let mut late = Move::start(&[&old, "--from", "now"], &[&new]);
    assert_eq!(late.load.wait().code(), Some(1));
    assert!(late.load.errors().contains(&format!("start it with --from {at}")), "{}", late.load.errors());
    assert_eq!(target.call(&["EXISTS", "b"]).int(), 0);
}

/// Nothing after the last position is applied, nor is a transaction that the source has dropped.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_broken_input_leaves_the_target_at_its_last_position() {
    let target = Server::start(Kind::Redis70);
    let at = |offset: u32| format!("{}:{offset}:0", "c".repeat(40));
    let mark = |offset: u32| format!("PING \"{KEY} {}\"\n", at(offset));
    let lines = [
        &mark(10),
        "SELECT 3\nINCR count\n",
        &mark(20),
        "MULTI\nINCR count\nDISCARD\nSELECT 3\nINCR count\n",
        &mark(30),
        "INCR count\nMULTI\nINCR count\nEXEC\n",
    ];
    let ran = Tool::run(&["load", &target.address()], &commands(&lines.concat()));
    let errors = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert_eq!(ran.status.code(), Some(1), "{errors}");
    assert!(errors.contains("the input ends without a position after its last 2 commands"), "{errors}");
    assert!(errors.contains(&format!("continue with redtail tail --from {}", at(30))), "{errors}");
    assert_eq!(position(&target, KEY), Some(at(30)));
    let mut client = target.client();
    client.call(&["SELECT", "3"]);
    assert_eq!(client.call(&["GET", "count"]).text(), "2");
    assert_eq!(client.call(&["DBSIZE"]).int(), 1);
}

/// A refused SELECT would leave the commands after it in another database.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_database_that_the_target_lacks_ends_the_load() {
    let target = Server::start_with(Kind::Redis70, &["--databases", "2"]);
    let at = |offset: u32| format!("{}:{offset}:0", "c".repeat(40));
    let mark = |offset: u32| format!("PING \"{KEY} {}\"\n", at(offset));
    let inside = [&mark(10), "SELECT 1\nSET a 1\n", &mark(20), "SET b 1\nSELECT 2\nSET a 2\n", &mark(30)].concat();
    let ran = Tool::run(&["load", &target.address()], &commands(&inside));
    let errors = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.code() == Some(1) && errors.contains("refused SELECT 2 (byte "), "{errors}");
    assert!(errors.contains("DB index is out of range"), "{errors}");
    assert_eq!(position(&target, KEY), Some(at(20)));
    let mut client = target.client();
    client.call(&["SELECT", "1"]);
    assert_eq!((client.call(&["GET", "a"]).text(), client.call(&["DBSIZE"]).int()), ("1".into(), 1));
    // Without transactions as well: nothing after it is applied.
    let plain = commands("SELECT 1\nSET c 1\nSELECT 2\nSET a 2\n");
    for options in [&[][..], &["--on-error", "continue"]] {
        let ran = Tool::run(&[&["load", &target.address()], options].concat(), &plain);
        let errors = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(ran.status.code() == Some(1) && errors.contains("refused SELECT 2"), "{errors}");
        assert_eq!((client.call(&["GET", "a"]).text(), client.call(&["GET", "c"]).text()), ("1".into(), "1".into()));
    }
}

/// The position would say that the target holds what it has refused.
#[test]
#[ignore = "needs real servers: tests/run"]
fn no_position_is_stored_behind_a_refused_command() {
    let target = Server::start(Kind::Redis70);
    let at = format!("{}:10:0", "c".repeat(40));
    let [none, mark] = ["none", &at].map(|position| format!("PING \"{KEY} {position}\"\n"));
    let refused = "SET a 1\nRPUSH a 2\n";
    let ran = Tool::run(&["load", &target.address()], &commands(&[&none, refused, &mark].concat()));
    let errors = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.code() == Some(1) && errors.contains("the target stores no position"), "{errors}");
    assert_eq!(position(&target, KEY), None);
    // A transaction cannot be taken back: it stores the position, which the message names.
    let ran =
        Tool::run(&["load", &target.address()], &commands(&[&mark, refused, &mark.replace(":10:", ":20:")].concat()));
    let errors = String::from_utf8_lossy(&ran.stderr).into_owned();
    let stored = at.replace(":10:", ":20:");
    assert!(ran.status.code() == Some(1) && errors.contains(&format!("--from {stored}")), "{errors}");
    assert_eq!(position(&target, KEY), Some(stored));
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_loader_holds_little_of_a_large_value() {
    let server = Server::start(Kind::Redis70);
    let size = 300 << 20;
    let mut shell = Command::new("sh");
    let script = format!(
        "printf '*3\\r\\n$3\\r\\nSET\\r\\n$1\\r\\nk\\r\\n${size}\\r\\n'; head -c {size} /dev/zero; printf '\\r\\n'"
    );
    let mut producer = shell.args(["-c", &script]).stdout(Stdio::piped()).spawn().expect("a shell");
    let input = producer.stdout.take().expect("its standard output is a pipe");
    let mut tool = Tool::start_command(redtail(&["load", &server.address()]).stdin(Stdio::from(input)));
    let most = tool.most_memory_of_all();
    assert!(producer.wait().is_ok_and(|status| status.success()));
    assert!(most < 64 << 20, "{most}");
    assert_eq!(server.call(&["STRLEN", "k"]).int(), size);
}
