//! A follower of all shards of a cluster: while its primaries change, its slots move, its nodes join and leave, and
//! from one saved value.

mod identity;
mod load;
mod many;
pub(crate) mod nodes;
#[cfg(feature = "tls")]
mod secured;
mod watched;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use redtail::topology::{Cluster, Migrations, Notice, Positions, Shard, slot};
use redtail::{Event, OnGap, Role, Start};
use serde_json::{Value, json};

use crate::copy::{count, replay, replay_bytes, same_data};
use crate::follow::Write;
use crate::help::eventually;
use crate::sentinel::rebuilt;
use crate::server::{Kind, Server};
use crate::tool::Tool;
use load::everywhere;
use nodes::Nodes;
use watched::Watched;

fn kinds() -> Vec<Kind> {
    Kind::few(&[Kind::Redis810, Kind::Valkey91])
}

/// The events of each shard rebuild the data of its primary, and every key is in the stream of the shard that has its
/// slot.
fn nothing_is_missing(nodes: &Nodes, watched: Watched) {
    let kind = nodes.servers[0].kind;
    watched.reaches(nodes);
    let shards = watched.following.shards();
    for (shard, seen) in watched.stop() {
        let Some(primary) = shards.iter().find(|one| one.id() == shard).and_then(|shard| nodes.at(&shard.target()))
        else {
            continue;
        };
        same_data(&rebuilt(&seen, kind), primary);
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn each_write_comes_from_the_shard_that_has_its_slot() {
    for kind in kinds() {
        let nodes = Nodes::start(kind, 3, 0);
        let watched = Watched::start(nodes.cluster(), 3);
        everywhere(&load::start(&nodes));
        watched.reaches(&nodes);
        assert_eq!(watched.misplaced(), Vec::<String>::new());
        let writes: Vec<usize> =
            watched.seen.lock().expect("no panic").values().map(|seen| seen.writes().len()).collect();
        assert!(writes.len() == 3 && writes.iter().all(|&count| count > 5), "{writes:?}");
        nothing_is_missing(&nodes, watched);
    }
}

fn failovers(kind: Kind, count: usize) {
    let mut nodes = Nodes::start(kind, 3, 1);
    let watched = Watched::start(nodes.cluster().on_gap(OnGap::Snapshot), 3);
    let load = load::start(&nodes);
    for round in 0..count {
        // Each shard in turn: once by an orderly failover, once by the sudden death of its primary.
        let is_killed = round % 2 == 1;
        let shard = watched.following.shards().remove(round / 2 % 3);
        let primary = nodes.index_of(&shard.target());
        let attached = watched.attached(&shard);
        let replica = nodes.replica_of(primary);
        if is_killed {
            nodes.servers[primary].kill();
        } else {
            nodes.servers[replica].call(&["CLUSTER", "FAILOVER"]);
        }
        eventually("the replica has become the primary", || {
            nodes.servers[replica].info("replication")["role"] == "master"
        });
        watched.wait("attached to the new primary", |watched| {
            watched.attached(&shard) > attached && shard.target() == nodes.target(replica)
        });
        everywhere(&load);
        if is_killed {
            nodes.servers[primary].start_again();
        }
        nodes.are_whole();
        eprintln!("{kind:?}: failover {round}, {} gaps so far", watched.gaps());
    }
    everywhere(&load);
    drop(load);
    let failed_over = watched.notices(|notice| matches!(notice, Notice::FailedOver { .. }));
    assert_eq!(failed_over, count);
    assert_eq!(watched.notices(|notice| matches!(notice, Notice::Added { .. })), 3, "no shard was taken for another");
    nothing_is_missing(&nodes, watched);
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn shards_that_fail_over_are_followed_on() {
    for kind in kinds() {
        failovers(kind, 2);
    }
}

#[test]
#[ignore = "takes minutes: tests/soak cluster"]
fn every_shard_fails_over_twice() {
    for kind in kinds() {
        failovers(kind, 12);
    }
}

/// The next line of the tool that has this mark.
fn marked_as(tool: &mut Tool, word: &str) -> Value {
    std::iter::from_fn(|| tool.event()).find(|event| event["migration"] == word).expect("it is marked")
}

/// A node joins and receives slots, whose keys then appear in its stream; it gives them back and leaves.
#[test]
#[ignore = "needs real servers: tests/run"]
fn slots_move_and_nodes_come_and_go() {
    for kind in Kind::few(&[Kind::Redis70, Kind::Redis810, Kind::Valkey91]) {
        let mut nodes = Nodes::start(kind, 3, 0);
        let watched = Watched::start(nodes.cluster(), 3);
        let mut tool = Tool::start(&["tail", &nodes.servers[0].address(), "--cluster", "--format", "json"]);
        (0..3).for_each(|_| drop(tool.event_named("attached")));
        let load = load::start(&nodes);
        let new = nodes.add();
        watched.wait("the new node is followed", |watched| watched.following.shards().len() == 4);
        let notices = watched.notices.lock().expect("no panic");
        let snapshot = |notice: &&Notice| matches!(notice, Notice::Added { start: Start::Snapshot, .. });
        assert_eq!(notices.iter().filter(snapshot).count(), 1);
        drop(notices);
        nodes.reshard(0, new, 300);
        everywhere(&load);
        nodes.reshard(new, 1, 300);
        everywhere(&load);
        watched.wait("slots that moved to and fro", |watched| {
            // Not all report lost slots: a node without any may be a replica by then.
            watched.notices(|notice| matches!(notice, Notice::SlotsMoved { gained, .. } if !gained.is_empty())) >= 2
        });
        // The keys moved to the new node were marked. The redis-cli of 8.10 moves slots at once.
        let (mark, command) =
            if kind == Kind::Redis810 { ("imported", "TRIMSLOTS") } else { ("key", "RESTORE-ASKING") };
        assert!(watched.count_of(command) > 0);
        marked_as(&mut tool, mark);
        nodes.remove(new);
        watched.wait("the node has left", |watched| {
            watched.notices(|notice| matches!(notice, Notice::Removed { .. })) == 1
        });
        everywhere(&load);
        drop(load);
        nothing_is_missing(&nodes, watched);
    }
}

/// Valkey's own slot migration: the receiver's stream names the job.
#[test]
#[ignore = "needs real servers: tests/run"]
fn slots_that_move_at_once_are_marked() {
    let nodes = Nodes::start(Kind::Valkey91, 3, 0);
    let watched = Watched::start(nodes.cluster(), 3);
    let mut tool = Tool::start(&["tail", &nodes.servers[0].address(), "--cluster", "--format", "json"]);
    (0..3).for_each(|_| drop(tool.event_named("attached")));
    let load = load::start(&nodes);
    let target = nodes.servers[1].call(&["CLUSTER", "MYID"]).text();
    nodes.servers[0].call(&["CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", "0", "2000", "NODE", &target]);
    watched.wait("the slots have moved", |watched| {
        watched.notices(|notice| matches!(notice, Notice::SlotsMoved { gained, .. } if gained.to_string() == "0-2000"))
            == 1
    });
    everywhere(&load);
    drop(load);
    let marks: Vec<String> = watched.marks();
    let job = marks.iter().find_map(|mark| mark.strip_prefix("begins import ")).expect("it begins");
    assert!(job.len() == 47 && job.ends_with(" 0-2000"), "{job}");
    for word in ["imported", "ends"] {
        assert!(marks.contains(&format!("{word} import {job}")), "{marks:?}");
    }
    for (word, subcommand) in [("begins", "ESTABLISH"), ("ends", "FINISH")] {
        assert_eq!(marked_as(&mut tool, word)["args"][2], subcommand);
    }
    nothing_is_missing(&nodes, watched);
}

/// The stream without the writes of imports that failed or were cancelled, and without the removal of their keys.
fn without_void<'a>(stream: &[&'a Write]) -> Vec<&'a Write> {
    let (mut migrations, mut failed) = (Migrations::new(), false);
    let (mut kept, mut imported): (Vec<&Write>, Vec<bool>) = (Vec::new(), Vec::new());
    for write in stream {
        let args: Vec<&[u8]> = write.args.iter().map(Vec::as_slice).collect();
        let mark = migrations.next_of_args(args.into_iter()).map(|mark| mark.as_str());
        match mark {
            Some("begins" | "ends") => imported.fill(false),
            Some("failed") => {
                let mut void = imported.iter();
                kept.retain(|_| !void.next().expect("one for each"));
                imported = vec![false; kept.len()];
            }
            _ => {}
        }
        if !(failed && mark == Some("trimmed")) {
            kept.push(write);
            imported.push(mark == Some("imported"));
        }
        failed = mark == Some("failed");
    }
    kept
}

/// Slot moves of Redis 8.4 and later, under load: cancelled, failed and tried again, and completed at the first try.
/// Both nodes name the task, and the stream without what failed rebuilds the data.
#[test]
#[ignore = "needs real servers: tests/run"]
fn slots_that_move_at_once_are_marked_on_redis() {
    let nodes = Nodes::start(Kind::Redis810, 3, 0);
    let (source, target) = (&nodes.servers[0], &nodes.servers[1]);
    let watched = Watched::start(nodes.cluster(), 3);
    let mut tool = Tool::start(&["tail", &source.address(), "--cluster", "--format", "json"]);
    (0..3).for_each(|_| drop(tool.event_named("attached")));
    let load = load::start(&nodes);
    source.call(&["FUNCTION", "LOAD", "#!lua name=mine\nredis.register_function('f', function() return 1 end)"]);
    let import = |ranges: &[&str]| target.call(&[&["CLUSTER", "MIGRATION", "IMPORT"], ranges].concat()).text();
    let marked = |task: &str, word: &str, slots: &str| {
        let mark = format!("{word} {task} {slots}");
        watched.wait(&mark, |watched| watched.marks().contains(&mark));
    };
    // The keys arrive slowly, for as long as the test needs.
    source.config_set("rdb-key-save-delay", "50000");
    let cancelled = import(&["0", "2000"]);
    marked(&cancelled, "imported import", "0-2000");
    target.call(&["CLUSTER", "MIGRATION", "CANCEL", "ID", &cancelled]);
    marked(&cancelled, "failed import", "0-2000");
    marked(&cancelled, "failed migrate", "0-2000");
    let failed = import(&["0", "1000", "1500", "2000"]);
    marked(&failed, "imported import", "0-1000,1500-2000");
    source.kill_child();
    marked(&failed, "failed import", "0-1000,1500-2000");
    source.config_set("rdb-key-save-delay", "0");
    marked(&failed, "ends import", "0-1000,1500-2000");
    marked(&failed, "ends migrate", "0-1000,1500-2000");
    let completed = import(&["1001", "1499"]);
    marked(&completed, "ends migrate", "1001-1499");
    everywhere(&load);
    drop(load);
    let of_task = |marks: &[String], task: &str| {
        let mut words: Vec<_> =
            marks.iter().filter(|mark| mark.contains(task)).map(|mark| mark.replace(task, "")).collect();
        words.dedup();
        let side = |side: &str| -> Vec<String> {
            let of_side = words
                .iter()
                .filter(|word| word.contains(side))
                .map(|word| word.split(' ').next().expect("a word").to_owned());
            let mut words: Vec<_> = of_side.collect();
            words.dedup();
            words
        };
        (side("import"), side("migrate"))
    };
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let marks = watched.marks();
    let (import, migrate) = of_task(&marks, &cancelled);
    assert_eq!((import, migrate), (words(&["begins", "imported", "failed"]), words(&["begins", "failed"])));
    let (import, migrate) = of_task(&marks, &failed);
    assert_eq!(import, words(&["begins", "imported", "failed", "begins", "imported", "ends"]));
    assert_eq!(migrate, words(&["begins", "failed", "begins", "ends"]));
    let (import, migrate) = of_task(&marks, &completed);
    assert_eq!((import, migrate), (words(&["begins", "imported", "ends"]), words(&["begins", "ends"])));

    // The tool prints the same, with both nodes.
    let ids = [source, target].map(|node| node.call(&["CLUSTER", "MYID"]).text());
    let task = json!({ "id": cancelled, "source": ids[0], "target": ids[1], "side": "import", "slots": "0-2000" });
    for word in ["begins", "imported", "failed"] {
        while marked_as(&mut tool, word)["task"] != task {}
    }

    watched.reaches(&nodes);
    let seen = watched.stop();
    for (id, node) in ids.iter().zip([source, target]) {
        same_data(&rebuilt(&seen[id], Kind::Redis810), node);
        let copy = Server::start(Kind::Redis810);
        replay(&copy, 0, &without_void(&seen[id].stream()));
        same_data(&copy, node);
    }
}

/// One node without `--cluster`: its moves are marked. Commands for a server that is no cluster make a copy of the
/// node: keys of slots that have moved away are deleted there, and keys of a cancelled import too.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_copy_of_one_node_follows_its_slots() {
    let nodes = Nodes::start(Kind::Redis810, 3, 0);
    let (source, target) = (&nodes.servers[0], &nodes.servers[1]);
    let mut tools = [source, target].map(|node| {
        let tool = Tool::start(&["tail", &node.address(), "--format", "resp", "--assume-db", "0"]);
        tool.says("attached");
        tool
    });
    let mut marks = [source, target].map(|node| {
        let mut tool = Tool::start(&["tail", &node.address(), "--format", "json"]);
        tool.event_named("attached");
        tool
    });
    let of_node = |node: &Server| if std::ptr::eq(node, source) { 0..=5460 } else { 5461..=10922 };
    for node in [source, target] {
        let mut client = node.client();
        for key in (0..3000).map(|n| format!("key:{n}")).filter(|key| of_node(node).contains(&slot(key.as_bytes()))) {
            client.call(&["SET", &key, "value"]);
            client.call(&["RPUSH", &format!("{{{key}}}:list"), "a", "b"]);
        }
    }
    let import = || target.call(&["CLUSTER", "MIGRATION", "IMPORT", "0", "2000"]).text();
    source.config_set("rdb-key-save-delay", "50000");
    let cancelled = import();
    assert_eq!(marked_as(&mut marks[1], "begins")["task"]["slots"], "0-2000");
    assert_eq!(marked_as(&mut marks[1], "imported")["task"]["id"], json!(cancelled));
    target.call(&["CLUSTER", "MIGRATION", "CANCEL", "ID", &cancelled]);
    marked_as(&mut marks[1], "failed");
    marked_as(&mut marks[1], "trimmed");
    source.config_set("rdb-key-save-delay", "0");
    let completed = import();
    assert_eq!(marked_as(&mut marks[1], "ends")["task"]["id"], json!(completed));
    while marked_as(&mut marks[0], "ends")["task"]["id"] != json!(completed) {}
    marked_as(&mut marks[0], "trimmed");
    for (tool, node) in tools.iter_mut().zip([source, target]) {
        let is_last = |key: &String| slot(key.as_bytes()) > 2000 && of_node(node).contains(&slot(key.as_bytes()));
        let last = (0..).map(|n| format!("last:{n}")).find(is_last).expect("a key of the node");
        node.call(&["SET", &last, "v"]);
        let mut bytes = tool.until(last.as_bytes());
        tool.signal("INT");
        bytes.extend(tool.rest());
        let copy = Server::start(Kind::Redis810);
        replay_bytes(&copy, &bytes);
        let count = |server: &Server| server.call(&["DBSIZE"]).int();
        assert!(count(node) > 1000, "{}", count(node));
        assert_eq!((copy.digest(), count(&copy)), (node.digest(), count(node)));
    }
}

/// Ended at any moment, and resumed from one text. Meanwhile the cluster is written to, and a shard fails over.
#[test]
#[ignore = "needs real servers: tests/run"]
fn one_saved_value_resumes_all_shards() {
    for kind in kinds() {
        let nodes = Nodes::start(kind, 3, 1);
        let mut watched = Watched::start(nodes.cluster(), 3);
        let load = load::start(&nodes);
        for round in 0..3 {
            let (text, seen) = watched.end();
            let positions: Positions = text.parse().expect("a saved value");
            assert_eq!(positions.shards.len(), 3, "{text}");
            everywhere(&load);
            if round == 1 {
                let primary = nodes.index_of(&nodes.cluster().discover().expect("a cluster").shards[0].primary.target);
                nodes.servers[nodes.replica_of(primary)].call(&["CLUSTER", "FAILOVER"]);
                eventually("it has failed over", || nodes.servers[primary].info("replication")["role"] == "slave");
                nodes.are_whole();
            }
            watched = Watched::again(nodes.cluster(), &positions, seen);
            everywhere(&load);
        }
        drop(load);
        assert_eq!(watched.gaps(), 0);
        nothing_is_missing(&nodes, watched);
    }
}

/// A position that no shard continues is reported.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_place_that_is_lost_is_said_to_be() {
    let nodes = Nodes::start(Kind::Redis70, 3, 0);
    let strange = "f".repeat(40);
    let text = format!("{strange}@={strange}:5:0");
    let watched = Watched::start(nodes.cluster().positions(text.parse().expect("a saved value")), 3);
    assert_eq!(watched.notices(|notice| matches!(notice, Notice::Lost(saved) if saved.to_string() == text)), 1);
    // The shards are new to it.
    assert_eq!(watched.notices(|notice| matches!(notice, Notice::Added { start: Start::Snapshot, .. })), 3);
    watched.stop();
    let error = Cluster::builder(["127.0.0.1:1"]).expect("an address").discover().expect_err("nobody is there");
    assert!(error.to_string().contains("127.0.0.1:1: Connection refused"), "{error}");
    // A server that is not a cluster node.
    let alone = crate::server::Server::start(Kind::Redis70);
    let error = Cluster::builder([alone.address()]).expect("an address").discover().expect_err("it is no cluster");
    assert!(error.to_string().contains("cluster support disabled"), "{error}");
}

/// The printed lines have every element of the lists. Returns the number of lists.
fn lists_are_whole(nodes: &Nodes, printed: &[u8]) -> usize {
    let mut lists: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in String::from_utf8_lossy(printed).lines() {
        // The line being written at the kill is cut.
        let Ok(event) = serde_json::from_str::<serde_json::Value>(line) else { continue };
        if event["args"][0] == "RPUSH" {
            assert_eq!(event["shard"].as_str().map(str::len), Some(40), "{line}");
            let word = |at: usize| event["args"][at].as_str().expect("text").to_owned();
            lists.entry(word(1)).or_default().insert(word(2));
        }
    }
    let mut keys = 0;
    for node in &nodes.servers {
        for key in node.call(&["KEYS", "*:list"]).items() {
            let list = node.call(&["LRANGE", &key.text(), "0", "-1"]);
            let expected: BTreeSet<String> = list.items().iter().map(|number| number.text()).collect();
            assert_eq!(lists.get(&key.text()), Some(&expected), "{}", key.text());
            keys += 1;
        }
    }
    keys
}

/// Slots move to and fro while the tool follows. Returns its standard error, and the number of keys compared.
pub(crate) fn a_reshard_under_load(kind: Kind) -> (String, usize) {
    let nodes = Nodes::start(kind, 3, 0);
    let mut tool = Tool::start(&["tail", &nodes.servers[0].address(), "--cluster", "--format", "json"]);
    (0..3).for_each(|_| drop(tool.event_named("attached")));
    let load = load::start(&nodes);
    nodes.reshard(0, 1, 300);
    everywhere(&load);
    nodes.reshard(1, 2, 300);
    everywhere(&load);
    drop(load);
    let printed = until_the_last(&mut tool, &nodes);
    let keys = lists_are_whole(&nodes, &printed);
    (tool.errors(), keys)
}

/// Writes a last key to each shard, and returns the output of the tool until its end.
fn until_the_last(tool: &mut Tool, nodes: &Nodes) -> Vec<u8> {
    // The output that `until` reads is not in order across the shards.
    let mut printed = Vec::new();
    let mut left = Vec::new();
    for (number, node) in nodes.servers.iter().enumerate() {
        let key = (0..).map(|tag| format!("{{{tag}}}:end{number}"));
        let written = |key: &String| !node.client().ask(&["SET", key, "last"]).is_error();
        left.extend(key.take(1000).find(written));
    }
    while !left.is_empty() {
        let line = tool.line().expect("more lines");
        left.retain(|key| !line.contains(&format!("[\"SET\",\"{key}\"")));
        printed.extend(line.into_bytes());
        printed.push(b'\n');
    }
    tool.signal("INT");
    printed.extend(tool.rest());
    assert!(tool.wait().success(), "{}", tool.errors());
    printed
}

/// The tool, killed with kill -9 and resumed from its one file: the output of both runs has every write.
#[test]
#[ignore = "needs real servers: tests/run"]
fn the_tool_follows_a_cluster() {
    let nodes = Nodes::start(Kind::Redis70, 3, 0);
    let checkpoint = nodes.servers[0].folder().join("positions");
    let address = nodes.servers[0].address();
    let file = checkpoint.to_string_lossy().into_owned();
    let args =
        ["tail", &address, "--cluster", "--format", "json", "--checkpoint", &file, "--checkpoint-interval", "0.1"];
    let mut tool = Tool::start(&args);
    (0..3).for_each(|_| drop(tool.event_named("attached")));
    let load = load::start(&nodes);
    eventually("the places are kept", || checkpoint.exists());
    everywhere(&load);
    tool.signal("KILL");
    let mut printed = tool.rest();
    everywhere(&load);
    let tool = Tool::start(&args);
    everywhere(&load);
    drop(load);
    let mut tool = tool;
    printed.extend(until_the_last(&mut tool, &nodes));
    let keys = lists_are_whole(&nodes, &printed);
    assert!(keys > 100, "{keys}");
    let mut refused = Tool::start(&["tail", &address, "--cluster", "--format", "resp"]);
    assert_eq!(refused.wait().code(), Some(2));
}

/// Each shard at its replica: one fails over, one loses its replica, and all their events are there.
#[test]
#[ignore = "needs real servers: tests/run"]
fn replicas_may_be_followed_instead() {
    for kind in kinds() {
        let mut nodes = Nodes::start(kind, 3, 1);
        let watched = Watched::start(nodes.cluster().prefer_replica(true), 3);
        let roles = |watched: &Watched| {
            let seen = watched.seen.lock().expect("no panic");
            seen.values().map(|seen| seen.attached().last().and_then(|attached| attached.role)).collect::<Vec<_>>()
        };
        assert_eq!(roles(&watched), [Some(Role::Replica); 3]);
        let load = load::start(&nodes);
        let shards = watched.following.shards();
        let primary = nodes.index_of(&shards[0].target());
        nodes.servers[nodes.replica_of(primary)].call(&["CLUSTER", "FAILOVER"]);
        watched.wait("it has failed over", |watched| {
            watched.notices(|notice| matches!(notice, Notice::FailedOver { .. })) == 1
        });
        everywhere(&load);
        // Another shard loses its only replica.
        let primary = nodes.index_of(&shards[1].target());
        let (replica, attached) = (nodes.replica_of(primary), watched.attached(&shards[1]));
        nodes.servers[replica].kill();
        watched.wait("at its primary", |watched| watched.attached(&shards[1]) > attached);
        assert!(roles(&watched).contains(&Some(Role::Primary)));
        everywhere(&load);
        drop(load);
        assert_eq!(watched.gaps(), 0);
        nothing_is_missing(&nodes, watched);
    }
}

/// TLS among the nodes and to the clients, at the TLS ports: the library, the tool, its doctor.
#[cfg(feature = "tls")]
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_cluster_is_followed_over_tls() {
    let (nodes, ports) = secured::start(3, 1);
    let (first, ca) = (format!("127.0.0.1:{}", ports[0]), crate::tls::file("ca.crt"));
    let tls = redtail::net::Tls::new().ca_file(&ca);
    let mut cluster = Cluster::builder([&first]).expect("an address").tls(tls);
    let found = cluster.discover().expect("a cluster");
    let all = found.shards.iter().flat_map(|shard| shard.replicas.iter().chain([&shard.primary]));
    let mut targets: Vec<String> = all.map(|node| node.target.to_string()).collect();
    targets.sort();
    let mut expected: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    expected.sort();
    assert_eq!(targets, expected);

    let url = format!("rediss://{first}");
    let mut tool = Tool::start(&["tail", &url, "--cacert", &ca, "--cluster", "--format", "json"]);
    (0..3).for_each(|_| drop(tool.event_named("attached")));
    let load = load::start(&nodes);
    // After a failover it is found at the TLS port of the new primary.
    let (old, port) = (0, ports[0].to_string());
    let follows = |node: &crate::server::Server| node.info("replication").get("master_port") == Some(&port);
    let new = nodes.servers.iter().position(follows).expect("a replica");
    nodes.servers[new].call(&["CLUSTER", "FAILOVER"]);
    let moved = tool.event_named("shard_failed_over");
    assert_eq!(moved["to"], format!("127.0.0.1:{}", ports[new]));
    everywhere(&load);
    nodes.are_whole();
    drop(load);
    // One key for each shard; those of the load have other names.
    for key in ["{b}end", "{c}end", "{a}end"] {
        let at = (0..3).map(|at| if at == old { new } else { at });
        assert!(at.map(|at| nodes.servers[at].client().ask(&["SET", key, "x"])).any(|reply| !reply.is_error()));
    }
    let mut left = vec!["{b}end", "{c}end", "{a}end"];
    while !left.is_empty() {
        let line = tool.line().expect("more lines");
        left.retain(|key| !line.contains(&format!("[\"SET\",\"{key}\"")));
    }
    tool.signal("INT");
    tool.rest();
    assert!(tool.wait().success(), "{}", tool.errors());

    let page = Tool::run(&["doctor", &url, "--cacert", &ca, "--cluster", "--sample", "0.02"], b"");
    let page = String::from_utf8(page.stdout).expect("UTF-8");
    assert!(page.contains("3 shards, 6 nodes: Redis 7.0.15") && page.contains("all 6 that answer agree"), "{page}");
    assert!(!page.contains("can't be followed"), "{page}");
}

/// Real nodes, one of them killed.
#[test]
#[ignore = "needs real servers: tests/run"]
fn the_doctor_knows_all_nodes() {
    for kind in kinds() {
        let mut nodes = Nodes::start(kind, 3, 1);
        let address = nodes.servers[1].address();
        let doctor = || {
            let output = Tool::run(&["doctor", &address, "--cluster", "--sample", "0.02"], b"");
            String::from_utf8(output.stdout).expect("UTF-8")
        };
        let page = doctor();
        assert!(page.contains("3 shards, 6 nodes") && page.contains("all 6 that answer agree"), "{page}");
        assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");
        nodes.servers[0].kill();
        let page = doctor();
        assert!(
            page.contains("has no reachable primary for 5461 slots") || page.contains("the replica 127.0.0.1:"),
            "{page}"
        );
        // No replica was counted, and nothing changed.
        let replicas = nodes.servers[1].info("replication")["connected_slaves"].clone();
        assert_eq!(replicas, "1");
    }
}

/// One server plays 300 or `REDTAIL_SHARDS` shards: memory, processor time and threads of each are printed, memory and
/// threads are bounded.
#[test]
#[ignore = "looks at its whole process: tests/soak cluster"]
fn hundreds_of_shards_cost_little() {
    let shards: usize = std::env::var("REDTAIL_SHARDS").map_or(300, |number| number.parse().expect("a number"));
    let server = crate::server::Server::start(Kind::Redis70);
    server.make_backlog();
    let many = many::Many::start(shards, &server);
    let before = (status("VmRSS"), status("Threads"));
    let attached = Arc::new(AtomicUsize::new(0));
    let writes = Arc::new(AtomicUsize::new(0));
    let (count_attached, count_writes) = (attached.clone(), writes.clone());
    let cluster = Cluster::builder([&many.seed]).expect("an address").start(Start::NowWithoutFork);
    let following = cluster.follow(
        |_| {},
        move |_: &Shard| {
            let (attached, writes) = (count_attached.clone(), count_writes.clone());
            move |_: &Shard, event: Event<'_>| {
                match event {
                    Event::Attached(_) => attached.fetch_add(1, Ordering::AcqRel),
                    Event::Command(_) => writes.fetch_add(1, Ordering::AcqRel),
                    _ => 0,
                };
                ControlFlow::Continue(())
            }
        },
    );
    let mut following = following.expect("a cluster");
    eventually("all are attached", || attached.load(Ordering::Acquire) == shards);
    let idle = (status("VmRSS"), status("Threads"));
    let (from, spent) = (Instant::now(), processor_ms());
    thread::sleep(Duration::from_secs(20));
    let share = (processor_ms() - spent) as f64 / from.elapsed().as_millis() as f64 * 100.0;
    let spent = processor_ms();
    count(&server, "k", 0..10_000);
    eventually("all writes in all shards", || writes.load(Ordering::Acquire) == 10_000 * shards);
    let (busy, spent) = (status("VmRSS"), processor_ms() - spent);
    let each = |kib: usize| kib.saturating_sub(before.0) / shards;
    eprintln!(
        "{shards} shards: {} KiB each when attached, {:.4} % of a core each when idle; {} KiB each after 10,000 writes to \
         each, {:.2} us a write; {} threads more",
        each(idle.0),
        share / shards as f64,
        each(busy),
        spent as f64 * 1000.0 / (10_000 * shards) as f64,
        idle.1 - before.1
    );
    assert_eq!(idle.1 - before.1, shards + 1);
    // A debug build touches much of its stacks, and one shard pays for what all share.
    assert!(shards < 100 || each(busy) < if cfg!(debug_assertions) { 4096 } else { 1024 });
    following.stop();
    assert_eq!(status("Threads"), before.1);
}

/// A number of this process.
fn status(name: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with(name)).expect("a line");
    line.split_whitespace().nth(1).expect("a number").parse().expect("a number")
}

/// The processor time of this process, in milliseconds.
fn processor_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("after its name").split_whitespace().collect();
    // Fields 14 and 15 of proc(5), in ticks of 10 ms.
    [fields[11], fields[12]].iter().map(|ticks| ticks.parse::<u64>().expect("a number") * 10).sum()
}
