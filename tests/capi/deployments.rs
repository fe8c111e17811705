//! Programs that find their servers by themselves: through Sentinels, and all shards of a cluster.

use std::fs;
use std::process::Command;

use redtail::topology::{Positions, slot};

use crate::build::{How, folder, program};
use crate::client::Value;
use crate::help::eventually;
use crate::live::{Example, online_replicas, ways};
use crate::nodes::Nodes;
use crate::quiet::{pings, silence};
use crate::server::{Kind, Server};

impl Example {
    /// All lines up to the last one that begins with one of these texts, in any order.
    fn all_of(&mut self, words: &[&str]) -> Vec<String> {
        let (mut lines, mut left) = (Vec::new(), words.to_vec());
        while !left.is_empty() {
            let line = self.line();
            assert!(!line.is_empty(), "it has ended; {left:?} is missing after {lines:?}");
            if let Some(at) = left.iter().position(|words| says(&line, words)) {
                left.swap_remove(at);
            }
            lines.push(line);
        }
        lines
    }
}

/// After the name of the shard.
fn says(line: &str, words: &str) -> bool {
    line.split_once(' ').is_some_and(|(_, rest)| rest.starts_with(words))
}

/// To whoever has the key.
fn write(nodes: &Nodes, key: &str) {
    eventually("a node takes the write", || {
        nodes
            .servers
            .iter()
            .any(|node| !matches!(node.client().try_call(&["SET", key, "v"]), Ok(Value::Error(_)) | Err(_)))
    });
}

/// One key for each third of the slots, which is what `redis-cli --cluster create` gives three primaries.
fn one_each(name: &str) -> [String; 3] {
    let in_third = |third: u16| {
        let keys = (0..).map(|n: u32| format!("{name}{n}"));
        keys.into_iter().find(|key| slot(key.as_bytes()) / 5461 == third).unwrap()
    };
    [0, 1, 2].map(in_third)
}

/// The value of a line that the program says at its end.
fn positions(lines: &mut Example, name: &str) -> String {
    let line = lines.line();
    let text = line.strip_prefix(&format!("{name} ")).unwrap_or_else(|| panic!("{line}"));
    text.to_owned()
}

fn offset(positions: &str, third: usize) -> u64 {
    let positions: Positions = positions.parse().unwrap();
    let first = [0, 5461, 10_923][third];
    positions.shards.iter().find(|saved| saved.slots.contains(first + 100)).unwrap().position.offset
}

#[test]
#[ignore = "needs real servers and valgrind: tests/servers, tests/tools"]
fn cluster_a_program_follows_failover_slots_and_replicas() {
    let nodes = Nodes::start(Kind::Redis70, 3, 1);
    let address = nodes.servers[0].address();
    let [plain, watched, sanitized] = ways("tests/c/shards.c");

    let mut program = Example::start(plain(), &["end1".into(), "127.0.0.1:1".into(), address.clone()]);
    program.all_of(&["added 0 0", "added 0 0", "added 0 0", "attached", "attached", "attached"]);
    let keys = one_each("key");
    keys.iter().for_each(|key| write(&nodes, key));
    program.all_of(&keys.each_ref().map(|key| format!("wrote {key}")).each_ref().map(String::as_str));
    write(&nodes, "end1");
    program.all_of(&["wrote end1"]);
    assert_eq!(program.line(), "over REDTAIL_STOPPED");
    let (handled, committed) = (positions(&mut program, "positions"), positions(&mut program, "committed"));
    program.end();
    // A key is committed when the next one arrives: of the shard that received the end, the key before it.
    let told = usize::from(slot(b"end1") / 5461);
    assert_eq!(committed.parse::<Positions>().unwrap().shards.len(), 1, "{committed}");
    assert!(offset(&committed, told) < offset(&handled, told), "{committed} is not behind {handled}");

    // One committed position, after which the end is delivered again; the others as handled; one without a shard.
    let saved: Positions = handled.parse().unwrap();
    let kept: Positions = committed.parse().unwrap();
    let others = saved.shards.iter().filter(|saved| saved.node != kept.shards[0].node).map(ToString::to_string);
    let lost = format!("{0}@={0}:77:0", "e".repeat(40));
    let text: Vec<String> = others.chain([committed, lost]).collect();
    let mut program = Example::start(watched(), &["end2".into(), text.join(";"), address.clone()]);
    let lost = format!("lost {}  77", "e".repeat(40));
    program.all_of(&[&lost, "added 3 1", "added 3 1", "added 3 1", "attached", "attached", "attached", "wrote end1"]);
    let replica = nodes.replica_of(1);
    nodes.servers[replica].call(&["CLUSTER", "FAILOVER"]);
    let line = format!("failed_over {} {}", nodes.servers[1].address(), nodes.servers[replica].address());
    program.all_of(&[&line, "attached"]);
    nodes.are_whole();
    // A key of the slot that moves: one shard delivers it marked, the other deletes it like any key.
    let moved = (0..).map(|n| format!("moved{n}")).find(|key| slot(key.as_bytes()) == 0).unwrap();
    write(&nodes, &moved);
    let (gone, arrived) = (format!("wrote {moved}"), format!("key {moved}"));
    program.all_of(&[&gone]);
    nodes.reshard(0, 2, 1);
    program.all_of(&["slots_moved [] [0]", "slots_moved [0] []", &arrived, &gone]);
    nodes.are_whole();
    // One shard is stopped by its own handle; the others continue.
    write(&nodes, "alone");
    program.all_of(&["wrote alone", "ended REDTAIL_CLOSED"]);
    write(&nodes, "end2");
    program.all_of(&["wrote end2"]);
    assert_eq!(program.line(), "over REDTAIL_STOPPED");
    let handled = positions(&mut program, "positions");
    positions(&mut program, "committed");
    program.end();

    write(&nodes, "missed");
    // Continue at the replicas, each from the position reached on its primary.
    let mut program = Example::start(sanitized(), &["--prefer-replica".into(), "end3".into(), handled, address]);
    let lines = program.all_of(&["attached replica", "attached replica", "attached replica", "wrote missed"]);
    assert!(!lines.iter().any(|line| says(line, "gap") || says(line, "wrote end2")), "{lines:?}");
    write(&nodes, "free");
    program.all_of(&["wrote free"]);
    assert_eq!(program.line(), "over REDTAIL_CLOSED");
    positions(&mut program, "positions");
    positions(&mut program, "committed");
    program.end();
}

#[test]
#[ignore = "needs real servers and valgrind: tests/servers, tests/tools"]
fn cluster_the_example_resumes_and_the_wrapper_follows() {
    let nodes = Nodes::start(Kind::Redis70, 3, 0);
    example(&nodes);
    wrapper(&nodes);
}

fn example(nodes: &Nodes) {
    let file = folder("cluster-example").join("positions");
    let _ = fs::remove_file(&file);
    let args = [nodes.servers[0].address(), file.display().to_string()];
    for (round, command) in ways("examples/c/cluster.c").iter().skip(1).enumerate() {
        let mut example = Example::start(command(), &args);
        let follows = |node: &Server| online_replicas(node) == 1;
        if round > 0 {
            assert!(example.line().ends_with(&format!(" SET missed{round} v")));
        }
        eventually("the example follows all shards", || nodes.servers.iter().all(follows));
        let mut keys = one_each(&format!("round{round}-"));
        keys.iter().for_each(|key| write(nodes, key));
        let mut printed = [0, 1, 2].map(|_| example.line().split(' ').nth(3).unwrap().to_owned());
        printed.sort();
        keys.sort();
        assert_eq!(printed, keys);
        let words = example.interrupt();
        assert!(words.contains(&format!("127.0.0.1:{} with slots", nodes.servers[2].port)), "{words}");
        let saved: Positions = fs::read_to_string(&file).unwrap().parse().unwrap();
        assert_eq!(saved.shards.len(), 3);
        eventually("the servers have noticed", || nodes.servers.iter().all(|node| online_replicas(node) == 0));
        write(nodes, &format!("missed{}", round + 1));
    }
}

/// Nobody writes: the file reaches the end, and the primaries hear of it.
#[test]
#[ignore = "needs real servers: tests/servers"]
fn cluster_the_example_is_at_the_end_in_silence() {
    let mut nodes = Nodes::start(Kind::Redis70, 3, 0);
    nodes.servers.iter().for_each(pings);
    let file = folder("cluster-silence").join("positions");
    let _ = fs::remove_file(&file);
    let args = [nodes.servers[0].address(), file.display().to_string()];
    let _example = Example::start(Command::new(program("examples/c/cluster.c", How::Debug)), &args);
    let offset_of = |server: &Server| {
        let saved: Positions = fs::read_to_string(&file).ok()?.parse().unwrap();
        let id = server.call(&["CLUSTER", "MYID"]).text();
        saved.shards.iter().find(|saved| saved.node == id).map(|saved| saved.position.offset)
    };
    silence(&mut nodes.servers, offset_of);
}

fn wrapper(nodes: &Nodes) {
    for command in ways("tests/c/shards.cpp").iter().skip(1) {
        let mut program = Example::start(command(), &[nodes.servers[0].address()]);
        assert_eq!(program.line(), "attached");
        write(nodes, "end");
        assert_eq!(program.line(), "attached");
        write(nodes, "another");
        assert_eq!(program.line(), "the wrapper holds");
        program.end();
    }
}

#[test]
#[ignore = "needs real servers and valgrind: tests/servers, tests/tools"]
fn sentinel_a_program_finds_its_primary_again() {
    let passwords = ["--requirepass", "secret", "--masterauth", "secret"];
    let [old, new] = [(); 2].map(|()| Server::start_with(Kind::Redis70, &passwords));
    new.replica_of(&old);
    let sentinel = Server::start_sentinel_with(&old, 1, Some("other"));
    sentinel.call(&["SENTINEL", "DEBUG", "INFO-PERIOD", "200"]);
    let follow = |way: &dyn Fn() -> Command, prefer: &str, role: &str| {
        let args = [prefer, "secret", "other", "127.0.0.1:1", &sentinel.address()].map(String::from);
        let mut program = Example::start(way(), &args);
        assert_eq!(program.line(), format!("attached {role}"));
        program
    };
    let ends = |mut program: Example, primary: &Server| {
        primary.call(&["SET", "end", "v"]);
        assert_eq!(program.line(), "SET end");
        program.end();
    };
    let [plain, watched, sanitized] = ways("tests/c/sentinel.c");
    ends(follow(&watched, "0", "1"), &old);
    eventually("Sentinel sees the replica in good order", || {
        let replicas = sentinel.call(&["SENTINEL", "REPLICAS", "watched"]);
        let fields: Vec<String> = replicas.items().iter().flat_map(Value::items).map(Value::text).collect();
        fields.windows(2).any(|pair| pair == ["master-link-status", "ok"])
    });
    sentinel.call(&["ACL", "SETUSER", "default", "-subscribe"]);
    let args = ["1", "secret", "other", "127.0.0.1:1", &sentinel.address()].map(String::from);
    let mut program = Example::start(plain(), &args);
    // Each after the first word: "attached", and the context of the warning.
    program.all_of(&["2", "SUBSCRIBE is denied"]);
    ends(program, &old);
    sentinel.call(&["ACL", "SETUSER", "default", "+subscribe"]);

    let mut program = follow(&sanitized, "0", "1");
    eventually("Sentinel begins a failover", || {
        !matches!(sentinel.client().try_call(&["SENTINEL", "FAILOVER", "watched"]), Ok(Value::Error(_)) | Err(_))
    });
    // The new primary never had the last writes of the old one.
    let is_gap = |line: &String| line.starts_with("gap: the server has another history");
    let line = std::iter::repeat_with(|| program.line()).find(|line| !is_gap(line));
    assert_eq!(line.as_deref(), Some("attached 1"));
    ends(program, &new);
}
