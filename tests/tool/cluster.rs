//! `redtail tail --cluster` against simulated nodes: output, checkpoint and options for all shards together.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Command, Stdio};

use redtail::Checkpoint;
use redtail::replay::{Playback, Primary, Recording};
use redtail::topology::{ClusterCheckpoint, Positions};
use serde_json::Value;

use crate::folder::Folder;
use crate::nodes::{Node, Plan, eventually};
use crate::refusing::Refusing;
use crate::run::{Ran, redtail, run, run_on, unstamped};
use crate::tail::{end, primary, scripted};

/// Two shards with their writes, followed from the start by a checkpoint.
struct Made {
    nodes: [Node; 2],
    folder: Folder,
}

impl Made {
    fn new(name: &str, writes: [&[&str]; 2]) -> Made {
        let plan = Plan::default();
        let nodes = [Node::start(&plan, 'a', &[(0, 8191)]), Node::start(&plan, 'b', &[(8192, 16_383)])];
        for (node, lines) in nodes.iter().zip(writes) {
            node.write(&["SELECT", "0"]);
            lines.iter().for_each(|line| node.write(&line.split(' ').collect::<Vec<_>>()));
        }
        let made = Made { nodes, folder: Folder::new(name) };
        let beginning = made.nodes.each_ref().map(Node::beginning).join(";");
        made.checkpoint().save(beginning.parse().unwrap()).unwrap();
        made
    }

    fn checkpoint(&self) -> ClusterCheckpoint {
        ClusterCheckpoint::open(self.folder.path("positions"), &self.address()).unwrap()
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.nodes[0].port)
    }

    fn run(&self, more: &[&str]) -> Ran {
        let (address, file) = (self.address(), self.folder.path("positions"));
        run(&[&["tail", &address, "--cluster", "--checkpoint", &file], more].concat())
    }

    /// For each shard the saved offset, and the length of the stream.
    fn saved(&self) -> [(u64, u64); 2] {
        let Positions { shards, .. } = self.checkpoint().position().unwrap();
        self.nodes.each_ref().map(|node| {
            let saved = shards.iter().find(|saved| saved.node == node.id).unwrap();
            (saved.position.offset, node.stream().len() as u64)
        })
    }
}

#[test]
fn one_file_holds_the_places_of_all_shards() {
    let made = Made::new("cluster", [&["SET a 1"], &["SET b 2"]]);
    let first = made.run(&["--count", "2"]).ok();
    let mut lines: Vec<_> = first.text().lines().collect();
    lines.sort_by_key(|line| line.contains("\"b\""));
    for ((line, node), words) in
        lines.iter().zip(&made.nodes).zip(["[0] \"SET\" \"a\" \"1\"", "[0] \"SET\" \"b\" \"2\""])
    {
        assert!(line.starts_with(&format!("127.0.0.1:{} ", node.port)) && line.ends_with(words), "{line}");
    }
    // A slow machine needs seconds to start.
    let age = first.err.split_once(": 2 shards, saved ").and_then(|(_, rest)| rest.split_once(" s ago")).unwrap().0;
    assert!(age.parse::<u64>().is_ok(), "{}", first.err);
    assert!(made.saved().iter().all(|(saved, all)| saved == all), "{:?}", made.saved());
    assert_eq!(made.checkpoint().saved().unwrap().target, made.address());

    made.nodes[1].write(&["DEL", "b"]);
    let second = made.run(&["--count", "1", "--format", "json"]).ok();
    let events = second.json();
    let commands: Vec<_> = events.iter().filter(|event| event["event"] == "command").collect();
    assert_eq!(commands.len(), 1, "{}", second.text());
    assert_eq!(
        (commands[0]["shard"].as_str(), commands[0]["args"][0].as_str()),
        (Some(&*made.nodes[1].id), Some("DEL"))
    );
}

#[test]
fn what_is_no_checkpoint_of_a_cluster_ends_the_run_and_stays() {
    let made = Made::new("no-cluster", [&[], &[]]);
    let path = made.folder.path("positions");
    let both = made.run(&["--from", &format!("{}:5:0", "a".repeat(40))]);
    assert_eq!(both.code, 2, "{}", both.err);
    // A checkpoint of one server, and one without a checksum.
    let alone = made.folder.path("alone");
    Checkpoint::open(&alone, "x").unwrap().save(format!("{}:5:0", "a".repeat(40)).parse().unwrap()).unwrap();
    let plain = made.nodes.each_ref().map(Node::beginning).join("\n");
    let (cluster, alone) = (fs::read(&path).unwrap(), fs::read(&alone).unwrap());
    for (bytes, words) in [(alone, "the checkpoint of a single server"), (plain.into_bytes(), "does not begin with")] {
        fs::write(&path, &bytes).unwrap();
        let ran = made.run(&[]);
        assert_eq!(ran.code, 2, "{}", ran.err);
        assert!(ran.err.contains(words), "{}", ran.err);
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
    fs::write(&path, cluster).unwrap();
    let ran = run(&["tail", "127.0.0.1:1", "--checkpoint", &path]);
    assert!(ran.code == 2 && ran.err.contains("the checkpoint of a cluster"), "{}", ran.err);
}

#[test]
fn one_command_line_serves_every_run() {
    let made = Made::new("cluster-again", [&["SET a 1"], &["SET b 2"]]);
    let ran = made.run(&["--from", "now", "--count", "2"]).ok();
    assert!(ran.err.contains("2 shards, saved ") && ran.err.contains(" s ago; --from now was for the first run\n"));
    assert!(ran.text().contains("\"SET\" \"a\"") && ran.text().contains("\"SET\" \"b\""), "{}", ran.text());
}

/// A save without the lost shard would hide the gap.
#[test]
fn a_lost_shard_is_reported_until_on_gap_continue() {
    let made = Made::new("cluster-lost", [&["SET a 1"], &["SET b 2"]]);
    let strange = "f".repeat(40);
    let lost = format!("{strange}@={strange}:5:0");
    let places = format!("{};{lost}", made.checkpoint().position().unwrap());
    made.checkpoint().save(places.parse().unwrap()).unwrap();
    let is_kept = || made.checkpoint().position().unwrap().to_string().contains(&lost);
    for _ in 0..2 {
        let ran = made.run(&[]);
        assert_eq!(ran.code, 4, "{}", ran.err);
        assert!(ran.err.contains(&lost) && ran.err.contains("--on-gap continue"), "{}", ran.err);
        assert!(is_kept());
    }
    made.run(&["--on-gap", "continue", "--count", "2"]).ok();
    assert!(!is_kept());
}

/// The same cause, with one server and with a cluster.
#[test]
fn a_cluster_fails_with_the_exit_code_of_one_server() {
    let gap = format!("+FULLRESYNC {} 900\r\n", "f".repeat(40));
    let wrong = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
    let denied = "-NOPERM this user has no permissions to run the 'psync' command\r\n";
    for (at, (name, reply, code, words)) in [
        ("AUTH", wrong, 1, "WRONGPASS"),
        ("PING", "HTTP/1.1 400 Bad Request\r\n\r\n", 1, "HTTP"),
        ("PSYNC", denied, 1, "may not replicate"),
        ("PSYNC", &gap, 4, "the writes in between are lost"),
        ("PSYNC", &format!("+CONTINUE {}\r\n!no command\r\n", "a".repeat(40)), 1, "in the stream"),
    ]
    .into_iter()
    .enumerate()
    {
        let made = Made::new(&format!("cluster-exit-{at}"), [&["SET a 1"], &["SET b 2"]]);
        made.nodes[0].replies(name, reply);
        if name == "PING" {
            // The first question to a node of a cluster.
            made.nodes[0].replies("CLUSTER", reply);
        }
        let user = if name == "AUTH" { "user:x@" } else { "" };
        let url = format!("redis://{user}{}", made.address());
        let from = made.nodes[0].beginning().split('=').nth(1).unwrap().to_owned();
        let options = ["--reconnect", "never"];
        let one = run(&[&["tail", &url, "--from", &from], &options[..]].concat());
        let file = made.folder.path("positions");
        let cluster = run(&[&["tail", &url, "--cluster", "--checkpoint", &file], &options[..]].concat());
        for ran in [one, cluster] {
            assert!(ran.code == code && ran.err.contains(words), "{name}, {}: {}", ran.code, ran.err);
        }
    }
    let (refusing, alone) = (Refusing::new(), primary(b"", Playback::default()));
    let (refusing, alone) = (refusing.address.to_string(), alone.address().to_string());
    for (args, code) in [
        (&["tail", &refusing][..], 1),
        (&["tail", &refusing, "--cluster"], 1),
        (&["tail", &refusing, "--cluster", "--reconnect", "2"], 1),
        (&["tail", &alone, "--cluster"], 1),
        (&["tail", "no-port"], 2),
        (&["tail", "no-port", "--cluster"], 2),
    ] {
        let ran = run(args);
        assert_eq!(ran.code, code, "{args:?}: {}", ran.err);
    }
}

#[test]
fn the_first_search_is_retried_if_that_is_wanted() {
    let made = Made::new("cluster-first", [&["SET a 1"], &["SET b 2"]]);
    made.nodes[0].replies("CLUSTER", "-ERR not yet\r\n");
    let (address, file) = (made.address(), made.folder.path("positions"));
    let args = ["tail", &address, "--cluster", "--checkpoint", &file, "--count", "2", "--reconnect", "forever"];
    let mut tool = redtail(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut messages = BufReader::new(tool.stderr.take().unwrap()).lines();
    let retry = messages.by_ref().map(Result::unwrap).find(|line| line.contains("; trying again in "));
    assert!(retry.unwrap().contains("not yet"));
    made.nodes[0].replies("CLUSTER", "");
    let left: Vec<_> = messages.map(Result::unwrap).collect();
    assert_eq!(tool.wait().unwrap().code(), Some(0), "{left:?}");
}

/// Nothing is printed yet, so nothing is left unwritten.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_before_the_first_reply_is_exit_code_0() {
    for more in [&[][..], &["--cluster"]] {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = silent.local_addr().unwrap().to_string();
        let mut tool = redtail(&[&["tail", &address], more].concat()).stderr(Stdio::null()).spawn().unwrap();
        let _link = silent.accept().unwrap();
        let signal = Command::new("kill").args(["-s", "TERM", &tool.id().to_string()]).status().unwrap();
        assert!(signal.success());
        assert_eq!(tool.wait().unwrap().code(), Some(0), "{more:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_could_not_be_written_is_not_saved() {
    let made = Made::new("cluster-full", [&["SET a 1"], &["SET b 2"]]);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let (address, file) = (made.address(), made.folder.path("positions"));
    let args = ["tail", &address, "--cluster", "--checkpoint", &file];
    let output = redtail(&args).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    // A slow run saves meanwhile: the slots of the shards, and the position after SELECT, of which nothing is written.
    let select = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n".len() as u64;
    assert!(made.saved().iter().all(|&(saved, _)| saved <= select), "{:?}", made.saved());
}

#[test]
fn what_was_saved_is_acknowledged_if_that_is_wanted() {
    let made = Made::new("cluster-ack", [&["SET a 1"], &["SET b 2"]]);
    let (address, file) = (made.address(), made.folder.path("positions"));
    let out = fs::File::create(made.folder.path("out")).unwrap();
    let args =
        ["tail", &address, "--cluster", "--checkpoint", &file, "--checkpoint-interval", "0.05", "--ack", "applied"];
    let mut tool = redtail(&args).stdout(out).stderr(Stdio::null()).spawn().unwrap();
    eventually("both hear of it", || made.nodes.iter().all(|node| node.acked() == node.stream().len()));
    assert!(made.saved().iter().all(|(saved, all)| saved == all), "{:?}", made.saved());
    assert_eq!(fs::read_to_string(made.folder.path("out")).unwrap().lines().count(), 2);
    tool.kill().unwrap();
    tool.wait().unwrap();
    // --ack applied needs a checkpoint.
    assert_eq!(run(&["tail", &address, "--cluster", "--ack", "applied"]).code, 2);
}

#[test]
fn filters_keys_and_numbers_are_those_of_one_server() {
    let writes: [&[&str]; 2] =
        [&["SET user:1 x", "DEL other", "MULTI", "SET user:2 x", "EXEC"], &["MSET user:3 x other x"]];
    let made = Made::new("cluster-filters", writes);
    let only = ["--format", "json", "--key", "user:*", "--command", "SET,MSET", "--db", "0", "--keys", "--stats"];
    // The count ends after the transaction.
    let ran = made.run(&[&only[..], &["--count", "3"]].concat()).ok();
    let events = ran.json();
    let commands = events.iter().filter(|event| event["event"] == "command");
    let names = |event: &Value| -> Vec<String> {
        event["keys"].as_array().unwrap().iter().map(|touch| touch["key"].to_string()).collect()
    };
    let mut keys: Vec<_> = commands.map(names).collect();
    keys.sort();
    assert_eq!(keys, [vec!["\"user:1\""], vec!["\"user:2\""], vec!["\"user:3\"", "\"other\""]]);
    assert_eq!(events.iter().filter(|event| event["event"] == "exec").count(), 1, "{}", ran.text());
    let summary = ran.err.lines().last().unwrap();
    assert!(unstamped(summary).starts_with("redtail: 4 commands, 3 of them printed, "), "{}", ran.err);
    assert_eq!(ran.err.matches(" commands, ").count(), 1, "one line for all: {}", ran.err);
}

/// Commands that move slots are marked, complete or in parts, with their task. Commands of clients are not.
#[test]
fn commands_that_move_slots_are_marked() {
    // k is in slot 7629, {06S} in slot 0.
    let establish = "CLUSTER SYNCSLOTS ESTABLISH SOURCE a0fe NAME 55c1 SLOTSRANGE 1 9 7629 7629";
    let long = format!("RESTORE-ASKING k 0 {}", "x".repeat(100));
    let conf = "CLUSTER SYNCSLOTS CONF";
    let [connecting, failed] =
        ["connecting", "failed"].map(|state| format!("{conf} ASM-TASK 99ab:a267:37bc:import:{state}:0-9"));
    let [migrating, migrated] =
        ["wait-rdbchannel", "completed"].map(|state| format!("{conf} ASM-TASK 99ac:37bc:a267:migrate:{state}:7629"));
    let value = format!("HSET {{06S}} f {}", "x".repeat(100));
    let [valkey, task] = ["import of 1-9,7629, task 55c1, from a0fe", "import of 0-9, task 99ab, from a267, to 37bc"];
    let away = "migrate of 7629, task 99ac, from 37bc, to a267";
    let commands: [Vec<(&str, Option<String>)>; 2] = [
        vec![
            ("SET a 1", None),
            (&long, Some("key".into())),
            ("restore-asking k 0 v", Some("key".into())),
            (establish, Some(format!("begins, {valkey}"))),
            ("CLUSTER SYNCSLOTS ACK", Some("message".into())),
            ("SET k 1", Some("imported, task 55c1".into())),
            ("SET b 1", None),
            ("CLUSTER SYNCSLOTS FINISH STATE SUCCESS NAME 55c1 MESSAGE x", Some(format!("ends, {valkey}"))),
            ("SET k 1", None),
        ],
        vec![
            ("RESTORE k 0 v", None),
            ("DEL b", None),
            (&connecting, Some(format!("begins, {task}"))),
            ("FUNCTION RESTORE x REPLACE", Some("imported, task 99ab".into())),
            ("CLUSTER SYNCSLOTS CONF SLOT-INFO 0:1:0", Some("message".into())),
            (&value, Some("imported, task 99ab".into())),
            ("SET k 1", None),
            (&failed, Some(format!("failed, {task}"))),
            ("TRIMSLOTS RANGES 1 0 9", Some("trimmed".into())),
            (&value, None),
            (&migrating, Some(format!("begins, {away}"))),
            ("SET k 1", None),
            (&migrated, Some(format!("ends, {away}"))),
        ],
    ];
    let writes = commands.each_ref().map(|shard| shard.iter().map(|(text, _)| *text).collect::<Vec<_>>());
    let writes = writes.each_ref().map(Vec::as_slice);
    let count = writes.iter().map(|shard| shard.len()).sum::<usize>().to_string();
    let marks = || commands.iter().flatten().map(|(_, mark)| mark.clone());
    // With the last, every command arrives in parts.
    for (at, max_arg) in ["1000", "50", "0"].into_iter().enumerate() {
        let made = Made::new(&format!("cluster-migration-{at}"), writes);
        let ran = made.run(&["--format", "json", "--max-arg", max_arg, "--count", &count]).ok();
        let mut commands: Vec<_> = ran.json().into_iter().filter(|event| event["event"] == "command").collect();
        let is_second = |event: &Value| event["shard"] == *made.nodes[1].id;
        commands.sort_by_key(|event| (is_second(event), event["offset"].as_u64()));
        let told = commands.iter().map(|event| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let task = event.get("task").map(|task| {
                let [id, source, target, side, slots] =
                    ["id", "source", "target", "side", "slots"].map(|name| text(&task[name]));
                if event["migration"] == "imported" {
                    return format!(", task {id}");
                }
                let to = if target.is_empty() { target } else { format!(", to {target}") };
                format!(", {side} of {slots}, task {id}, from {source}{to}")
            });
            event.get("migration").map(|word| text(word) + &task.unwrap_or_default())
        });
        assert!(told.eq(marks()), "{}", ran.text());

        let made = Made::new(&format!("cluster-migration-text-{at}"), writes);
        let ran = made.run(&["--max-arg", max_arg, "--count", &count]).ok();
        for mark in marks().flatten() {
            assert!(ran.text().contains(&format!("[0] (migration {mark}) ")), "{mark}: {}", ran.text());
        }
        assert_eq!(ran.text().matches("(migration ").count(), marks().flatten().count(), "{}", ran.text());
    }
    // The filter drops the commands that begin the tasks.
    let made = Made::new("cluster-migration-filter", writes);
    let ran = made.run(&["--command", "SET,HSET", "--count", "8"]).ok();
    let marked = ran.text().lines().filter(|line| line.contains("(migration imported, task ")).count();
    assert_eq!((marked, ran.text().lines().count()), (2, 8), "{}", ran.text());
}

#[test]
fn a_key_that_arrives_at_one_node_is_marked() {
    let made = Made::new("cluster-migration-single", [&["RESTORE-ASKING k 0 v"], &[]]);
    for format in ["text", "json"] {
        let from = made.nodes[0].beginning().split('=').nth(1).unwrap().to_owned();
        let ran = run(&["tail", &made.address(), "--from", &from, "--format", format, "--count", "1"]).ok();
        let mark =
            if format == "text" { "(migration key) \"RESTORE-ASKING\" \"k\"" } else { ",\"migration\":\"key\"," };
        assert!(ran.text().contains("RESTORE-ASKING") && ran.text().contains(mark), "{}", ran.text());
    }
}

#[test]
fn each_shard_that_is_quiet_says_where_it_stands() {
    let made = Made::new("cluster-quiet", [&["SET a 1"], &[]]);
    let (address, file) = (made.address(), made.folder.path("positions"));
    let out = made.folder.path("out");
    let args = ["tail", &address, "--cluster", "--checkpoint", &file, "--format", "json", "--heartbeat", "0.5"];
    let mut tool = redtail(&args).stdout(fs::File::create(&out).unwrap()).stderr(Stdio::null()).spawn().unwrap();
    let said = |node: &Node| {
        let position = format!("{}:{}:0", node.beginning().split(['=', ':']).nth(1).unwrap(), node.stream().len());
        let text = fs::read_to_string(&out).unwrap();
        text.lines().any(|line| line.contains(&node.id) && line.contains("\"position\"") && line.contains(&position))
    };
    eventually("both say so", || made.nodes.iter().all(said));
    tool.kill().unwrap();
    tool.wait().unwrap();
    // Each names its own server, not the given node.
    let text = fs::read_to_string(&out).unwrap();
    for node in &made.nodes {
        let mut attached = text.lines().filter(|line| line.contains("\"attached\"") && line.contains(&node.id));
        let target = format!("\"target\":\"127.0.0.1:{}\"", node.port);
        assert!(attached.next().unwrap().contains(&target), "{text}");
    }
}

#[test]
fn what_many_shards_can_not_do_is_refused_in_words() {
    for (more, words) in [
        (&["--format", "resp"][..], "would mix"),
        (&["--until", "5"], "each shard of a cluster has its own"),
        (&["--from", "snapshot", "--snapshot-to", "x.rdb"], "snapshot of one server"),
        (&["--from", "sync"], "--from takes now"),
    ] {
        let ran = run(&[&["tail", "127.0.0.1:1", "--cluster"], more].concat());
        assert!(ran.code == 2 && ran.err.contains(words), "{more:?}: {}", ran.err);
    }
}

/// Recordings of nodes that import slots, made from a stream that a server has sent: in one run, and in two, so that
/// the begin of a task is in another connection than its writes. A recording is also replayed.
#[test]
fn recordings_of_slot_migrations_are_marked() {
    let retries = [["begins", "failed", "trimmed"]; 4].concat();
    for (name, stream, course, imported) in [
        ("completed", &include_bytes!("../data/slots/completed-target.commands")[..], vec!["begins", "ends"], 86),
        (
            "failed",
            include_bytes!("../data/slots/failed-target.commands"),
            vec!["begins", "failed", "trimmed", "begins", "ends"],
            95,
        ),
        (
            "cancelled",
            include_bytes!("../data/slots/cancelled-target.commands"),
            vec!["begins", "failed", "trimmed"],
            11,
        ),
        ("lost", include_bytes!("../data/slots/source-lost-target.commands"), retries, 54),
    ] {
        let check = |ran: Ran, how: &str| {
            let events = ran.ok().json();
            let marks: Vec<_> = events.iter().filter_map(|event| event.get("migration")?.as_str()).collect();
            let is_step = |mark: &&&str| !["imported", "message"].contains(*mark);
            assert_eq!(marks.iter().filter(is_step).copied().collect::<Vec<_>>(), course, "{name}, {how}");
            assert_eq!(marks.iter().filter(|mark| **mark == "imported").count(), imported, "{name}, {how}");
            let of_clients = events.iter().filter(|event| event.to_string().contains("client-target"));
            assert!(of_clients.clone().count() > 0 && of_clients.clone().all(|event| event.get("migration").is_none()));
            let tasks = events.iter().filter(|event| event["migration"] == "imported").map(|event| &event["task"]);
            let begin = events.iter().find(|event| event["migration"] == "begins").unwrap();
            assert!(tasks.clone().all(|task| task["id"] == begin["task"]["id"] && task["slots"] == "0-2000"));
        };
        let folder = Folder::new(&format!("recorded-{name}"));
        let (primary, end) = (primary(stream, Playback::default()), end(stream));
        let (address, whole, halves) = (primary.address().to_string(), folder.path("whole"), folder.path("halves"));
        run(&["record", &address, "-o", &whole, "--until", &end]).ok();
        // The first task has begun, and its first keys have arrived.
        run(&["record", &address, "-o", &halves, "--count", "16"]).ok();
        run(&["record", &address, "-o", &halves, "--append", "--until", &end]).ok();
        for (file, how) in [(&whole, "in one run"), (&halves, "in two runs")] {
            check(run(&["decode", file, "--format", "json"]), how);
            let text = run(&["decode", file]).ok();
            assert_eq!(text.text().matches("(migration imported, task ").count(), imported, "{name}, {how}");
            let played = Primary::serve(Recording::open(file).unwrap()).unwrap();
            let address = played.address().to_string();
            let start = played.recording().first().start_position().to_string();
            check(run(&["tail", &address, "--from", &start, "--until", &end, "--format", "json"]), "replayed");
        }
    }
}

/// Without `--cluster`: the stream of one node, its commands in a file, and its append-only directory.
#[test]
fn one_node_and_its_files_are_marked_too() {
    let stream = include_bytes!("../data/slots/failed-target.commands");
    let marks = |ran: Ran| -> Vec<String> {
        let events = ran.json();
        let words = events.iter().filter_map(|event| Some(event.get("migration")?.as_str()?.to_owned()));
        words.filter(|word| word != "message").collect()
    };
    let expected = marks(run_on(&["decode", "--format", "json"], stream).ok());
    let count = |word: &str| expected.iter().filter(|it| *it == word).count();
    assert_eq!(["begins", "imported", "failed", "trimmed", "ends"].map(count), [2, 95, 1, 1, 1]);
    let in_parts = run_on(&["decode", "--format", "json", "--max-arg", "0"], stream);
    assert_eq!(marks(in_parts), expected);
    let ran = run_on(&["decode"], stream).ok();
    let text = ran.text();
    assert_eq!(text.matches("(migration imported, task ff0e2edb159d6f35ad5fec3e2ae42c756cab9618) ").count(), 95);
    assert_eq!(text.matches("(migration failed, import of 0-2000, ").count(), 1);

    // The begin of a task is in one file, its writes are in another.
    let folder = Folder::new("migration-files");
    let half = text.lines().take(30).last().unwrap().split(' ').next().unwrap().parse::<usize>().unwrap();
    folder.write("a.1.incr.aof", &stream[..half]);
    folder.write("a.2.incr.aof", &stream[half..]);
    folder.write("a.manifest", "file a.1.incr.aof seq 1 type i\nfile a.2.incr.aof seq 2 type i\n");
    assert_eq!(marks(run(&["decode", "--format", "json", &folder.path("a.manifest")])), expected);

    let begin = format!("+CONTINUE {}\r\n", "b".repeat(40));
    let address = scripted(vec![[begin.as_bytes(), stream].concat()]);
    let from = format!("{}:1000:0", "b".repeat(40));
    assert_eq!(marks(run(&["tail", &address, "--from", &from, "--format", "json", "--reconnect", "0"])), expected);
}
