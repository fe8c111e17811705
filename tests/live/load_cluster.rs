//! `redtail load --cluster`: each command goes to the node that serves its keys, also while slots migrate.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;

use redtail::topology::slot;

use crate::client::Client;
use crate::cluster::nodes::Nodes;
use crate::copy::fill;
use crate::help::eventually;
use crate::load::Load;
use crate::moving::{Move, commands};
use crate::server::{Kind, Server};
use crate::tool::{Tool, redtail};

fn position(node: &Server) -> Option<String> {
    let output = Tool::run(&["load", &node.address(), "--cluster", "--print-position"], b"");
    output.status.success().then(|| String::from_utf8(output.stdout).expect("text").trim().to_owned())
}

fn load(node: &Server, options: &[&str], lines: &str) -> (Option<i32>, String) {
    let ran = Tool::run(&[&["load", &node.address(), "--cluster"], options].concat(), &commands(lines));
    (ran.status.code(), String::from_utf8_lossy(&ran.stderr).into_owned())
}

/// The value of a key, at the node that serves its slot. An empty text: there is none.
pub(crate) fn value(nodes: &[Server], key: &str) -> String {
    let script = ["EVAL", "return redis.call('GET', KEYS[1]) or ''", "1", key];
    nodes
        .iter()
        .map(|node| node.client().ask(&script))
        .find(|reply| !reply.is_error())
        .expect("a node serves it")
        .text()
}

/// A tag whose slot is less than `slots`, which are those that a reshard moves first.
fn tag(number: u32, slots: u16) -> String {
    let mut tags = (0..).map(|tag: u32| tag.to_string()).filter(|tag| slot(tag.as_bytes()) < slots);
    tags.nth(number as usize).expect("there is always another one")
}

/// Writes that show it if one is applied twice, not at all, or before an earlier one of its key.
fn writers(source: &Server, slots: u16, written: &Arc<AtomicU64>) -> Load {
    let (port, written) = (source.port, Arc::clone(written));
    let tags: Vec<String> = (0..20).map(|number| tag(number, slots)).collect();
    let mut client = None;
    Load::of(move |number, _| {
        let client = client.get_or_insert_with(|| Client::connect(port, None).expect("connect"));
        let tag = &tags[number as usize % tags.len()];
        let number = number.to_string();
        let [count, log, text, last] = ["count", "log", "text", "last"].map(|name| format!("{{{tag}}}:{name}"));
        let commands: [&[&str]; 11] = [
            &["INCR", &count],
            &["RPUSH", &log, &number],
            &["MULTI"],
            &["APPEND", &text, &number],
            &["MSET", &last, &number, &format!("{{{tag}}}:{number}"), "new"],
            &["EXEC"],
            // Of several slots.
            &["MULTI"],
            &["INCR", "total"],
            &["RPUSH", "all", &number],
            &["EXEC"],
            &["PUBLISH", "channel", &number],
        ];
        commands.iter().for_each(|command| drop(client.call(command)));
        written.fetch_add(1, Ordering::AcqRel);
        true
    })
}

/// Nothing is lost, repeated or in another order, while the slots of all keys that are written to move away and back.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_server_moves_into_a_cluster_that_is_resharded() {
    const SLOTS: u16 = 120;
    for kind in Kind::few(&[Kind::Redis62, Kind::Redis810, Kind::Valkey91]) {
        let (source, mut nodes) = (Server::start(kind), Nodes::start(kind, 3, 0));
        source.config_set("repl-backlog-size", "64mb");
        source.call(&["DEBUG", "POPULATE", "5000", "key", "100"]);
        source.call(&["SET", "large", &"x".repeat(3 << 20)]);
        let written = Arc::new(AtomicU64::new(0));
        let writers = writers(&source, SLOTS, &written);
        // Any node is a target.
        let (old, node) = (source.address(), nodes.servers[2].address());
        let pair = Move::start(&[&old, "--from", "snapshot", "--empty-target"], &[&node, "--cluster"]);
        eventually("the target stores a position", || position(&nodes.servers[0]).is_some());
        // Through a node that joins, and leaves again.
        let new = nodes.add();
        for (from, to) in [(0, new), (new, 1), (1, 0)] {
            nodes.reshard(from, to, usize::from(SLOTS));
            writers.goes_on();
            let before = position(&nodes.servers[0]);
            eventually("the position advances", || position(&nodes.servers[0]) != before);
        }
        nodes.remove(new);
        writers.goes_on();
        // The pair has not asked for the slots since.
        assert!(nodes.servers[0].info("errorstats").contains_key("errorstat_MOVED"), "{kind:?}");
        drop(writers);
        pair.tail.signal("TERM");
        pair.ends();
        let at = position(&nodes.servers[1]).expect("a position");
        let rest = [old.as_str(), "--from", &at, "--until-caught-up"];
        Move::start(&rest, &[&node, "--cluster", "--until-caught-up"]).ends();
        let rounds = written.load(Ordering::Acquire).to_string();
        assert_eq!((value(&nodes.servers, "total"), source.call(&["GET", "total"]).text()), (rounds.clone(), rounds));
        let compared = Tool::run(&["compare", &old, &node], b"");
        let errors = String::from_utf8_lossy(&compared.stderr).into_owned();
        assert_eq!(compared.status.code(), Some(0), "{kind:?}: {}{errors}", String::from_utf8_lossy(&compared.stdout));
        assert!(errors.contains("keys are equal"), "{errors}");
    }
}

/// A slot that is left half moved: ASK for new keys, TRYAGAIN for a transaction of both, then nobody serves it.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_command_that_no_node_executes_now_is_waited_for() {
    for kind in Kind::few(&[Kind::Redis62, Kind::Valkey91]) {
        let nodes = Nodes::start(kind, 3, 0);
        let (giver, taker) = (&nodes.servers[0], &nodes.servers[1]);
        let at = |offset: u32| format!("{}:{offset}:0", "c".repeat(40));
        let mark = |offset: u32| format!("PING \"redtail:position {}\"\n", at(offset));
        let of = tag(0, 100);
        let number = slot(of.as_bytes()).to_string();
        let begin = [mark(10), format!("SET {{{of}}}old 1\n"), mark(20)].concat();
        assert_eq!(load(taker, &[], &begin).0, Some(0));
        let ids = [giver, taker].map(|node| node.call(&["CLUSTER", "MYID"]).text());
        taker.call(&["CLUSTER", "SETSLOT", &number, "IMPORTING", &ids[0]]);
        giver.call(&["CLUSTER", "SETSLOT", &number, "MIGRATING", &ids[1]]);
        // The commands of one round: some keys are here, some there.
        let new = format!("SET {{{of}}}new 1\nINCR {{{of}}}old\nINCR {{{of}}}new\n");
        let (code, errors) = load(giver, &[], &[mark(20), new, mark(30)].concat());
        assert_eq!(code, Some(0), "{kind:?}: {errors}");
        assert_eq!(giver.call(&["GET", &format!("{{{of}}}old")]).text(), "2");
        assert_eq!(position(taker), Some(at(30)));
        let both = format!("MULTI\nINCR {{{of}}}old\nINCR {{{of}}}new\nEXEC\nINCR {{{of}}}old\n");
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let mut command = redtail(&["load", &giver.address(), "--cluster"]);
        let mut waiting = Tool::start_command(command.stdin(Stdio::from(reader)));
        let input = [mark(30), both, mark(40)].concat();
        std::io::Write::write_all(&mut &writer, &commands(&input)).expect("write");
        waiting.says(&format!("waits until the cluster executes INCR \"{{{of}}}old\" (slot {number}): "));
        waiting.says("TRYAGAIN");
        assert_eq!(position(taker), Some(at(30)), "{kind:?}: a position before its writes");
        let port = taker.port.to_string();
        giver.call(&["MIGRATE", "127.0.0.1", &port, &format!("{{{of}}}old"), "0", "5000"]);
        for node in [taker, giver, &nodes.servers[2]] {
            node.call(&["CLUSTER", "SETSLOT", &number, "NODE", &ids[1]]);
        }
        eventually("it is applied", || position(giver) == Some(at(40)));
        assert_eq!(taker.call(&["GET", &format!("{{{of}}}old")]).text(), "4");
        assert_eq!(taker.call(&["GET", &format!("{{{of}}}new")]).text(), "3");
        // A slot without a node takes the whole cluster down.
        for node in &nodes.servers {
            node.call(&["CLUSTER", "DELSLOTS", &number]);
        }
        let more = [format!("INCR {{{of}}}again\n"), mark(50)].concat();
        std::io::Write::write_all(&mut &writer, &commands(&more)).expect("write");
        waiting.says("CLUSTERDOWN");
        eventually("the slot is assigned", || {
            // Gossip may have assigned it again.
            giver.client().ask(&["CLUSTER", "DELSLOTS", &number]);
            !giver.client().ask(&["CLUSTER", "ADDSLOTS", &number]).is_error()
        });
        drop(writer);
        assert!(waiting.wait().success(), "{kind:?}: {}", waiting.errors());
        assert_eq!(giver.call(&["GET", &format!("{{{of}}}again")]).text(), "1");
        // The nodes agree a little later.
        eventually("the position is stored", || position(taker) == Some(at(50)));
    }
}

/// The input of such a run is a file, or there is none: nothing is lost when it ends.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_run_that_waits_for_a_cluster_ends_at_a_signal() {
    let nodes = Nodes::start(Kind::Redis70, 3, 0);
    let node = &nodes.servers[0];
    let file = node.folder().join("input");
    std::fs::write(&file, commands("SET a 1\nSET a 2\n")).expect("write the input");
    let number = slot(b"a");
    for node in &nodes.servers {
        node.call(&["CONFIG", "SET", "timeout", "1"]);
        node.client().ask(&["CLUSTER", "DELSLOTS", &number.to_string(), &slot(b"redtail:position").to_string()]);
    }
    eventually("it is down", || node.client().ask(&["GET", "a"]).text().contains("CLUSTERDOWN"));
    let output = Tool::run(&["load", &node.address(), "--cluster", "--print-position"], b"");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && errors.contains("refused GET: CLUSTERDOWN"), "{errors}");
    let mut tool = Tool::start(&["load", &node.address(), &file.to_string_lossy(), "--cluster"]);
    tool.says(&format!("waits until the cluster executes SET \"a\" (slot {number})"));
    // The connections that are not used meanwhile are kept.
    let mut idle = Client::connect(nodes.servers[1].port, None).expect("connect");
    assert!(idle.ends() && tool.is_running(), "{}", tool.errors());
    tool.signal("TERM");
    assert_eq!(tool.wait().code(), Some(1), "{}", tool.errors());
    let told = format!("ended by a signal before the cluster executes SET \"a\" (slot {number}): CLUSTERDOWN");
    assert!(tool.errors().contains(&told), "{}", tool.errors());
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_command_without_keys_goes_to_every_primary() {
    for kind in Kind::few(&[Kind::Redis70, Kind::Valkey91]) {
        let nodes = Nodes::start(kind, 3, 1);
        let input = "SCRIPT LOAD \"return 1\"\nPUBLISH channel message\nSET a 1\nSET b 1\nSET c 1\n";
        let (code, errors) = load(&nodes.servers[4], &[], input);
        assert_eq!(code, Some(0), "{kind:?}: {errors}");
        assert!(errors.contains("5 commands confirmed"), "{errors}");
        let primaries = || nodes.servers.iter().filter(|node| node.info("replication")["role"] == "master");
        let published = |node: &Server| node.info("commandstats").contains_key("cmdstat_publish");
        assert_eq!(primaries().filter(|node| published(node)).count(), 1);
        for node in primaries() {
            let known = node.call(&["SCRIPT", "EXISTS", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"]);
            assert_eq!(known.items()[0].int(), 1, "{kind:?}");
        }
        let (code, errors) = load(&nodes.servers[0], &[], "FLUSHALL\nSET a 2\n");
        assert_eq!(code, Some(0), "{errors}");
        let keys: i64 = primaries().map(|node| node.call(&["DBSIZE"]).int()).sum();
        assert_eq!((keys, value(&nodes.servers, "a")), (1, "2".into()));
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_command_that_a_cluster_refuses_stops_or_is_counted() {
    let nodes = Nodes::start(Kind::Redis70, 3, 0);
    let node = &nodes.servers[1];
    // In one round with commands of the same slot before and after.
    let input = "SET a 1\nMSET a 2 b 2\nINCR a\nRPUSH a x\nNOSUCH a\nINCR a\nMULTI\nINCR b\nINCR c\nEXEC\n";
    let (code, errors) = load(node, &["--on-error", "continue"], input);
    assert_eq!(code, Some(1), "{errors}");
    for message in [
        "refused MSET \"a\" (byte 27 of the input): CROSSSLOT",
        "refused RPUSH \"a\"",
        "WRONGTYPE",
        "refused NOSUCH \"a\"",
        "ERR unknown command",
        "of the input has keys of several slots: such transactions are applied command by command",
        "3 commands were refused",
    ] {
        assert!(errors.contains(message), "{message}: {errors}");
    }
    assert_eq!(["a", "b", "c"].map(|key| value(&nodes.servers, key)), ["3", "1", "1"]);
    let (code, errors) = load(node, &[], "SET d 1\nMSET a 2 b 2\nSET e 1\n");
    assert!(code == Some(1) && errors.contains("CROSSSLOT") && errors.contains("--on-error continue"), "{errors}");
    let (code, errors) = load(node, &["--on-error", "continue"], "SET f 1\nSELECT 2\nSET g 1\n");
    assert!(code == Some(1) && errors.contains("refused SELECT 2 (byte 27 of the input): ERR"), "{errors}");
    assert_eq!(["f", "g"].map(|key| value(&nodes.servers, key)), ["1", ""]);
    let (code, errors) = load(node, &[], "MULTI\nSET h 1\n");
    assert!(code == Some(1) && errors.contains("the input ends within a transaction: its last 1 command"), "{errors}");
    // A user who may not begin a transaction would execute its commands one by one.
    for node in &nodes.servers {
        node.call(&["ACL", "SETUSER", "default", "-multi"]);
    }
    let (code, errors) = load(node, &["--on-error", "continue"], "SET a 1\nINCR a\n");
    assert!(code == Some(1) && errors.contains("refused MULTI: NOPERM"), "{errors}");
    let single = Server::start(Kind::Redis70);
    let (code, errors) = load(&single, &[], "SET a 1\n");
    let message = format!("{} is no node of a cluster with slots: remove --cluster", single.address());
    assert!(code == Some(1) && errors.contains(&message), "{errors}");
}

/// Newer servers select the database in the first transaction after an attach. Any node publishes.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_transaction_of_one_slot_stays_one() {
    let nodes = Nodes::start(Kind::Valkey91, 3, 0);
    let inputs = [
        ("MULTI\nSELECT 0\nINCR a\nINCR a\nEXEC\n", "5 commands confirmed"),
        ("MULTI\nPUBLISH b x\nINCR a\nINCR a\nPUBLISH c x\nEXEC\n", "6 commands confirmed"),
        ("MULTI\nINCR b\nDISCARD\nMULTI\nEXEC\nMULTI\nSELECT 0\nEXEC\n", "7 commands confirmed"),
    ];
    for (input, count) in inputs {
        let (code, errors) = load(&nodes.servers[0], &[], input);
        assert!(code == Some(0) && errors.contains(count), "{input}{errors}");
        assert!(!errors.contains("several"), "{input}{errors}");
    }
    let executed = |name: &str| {
        let calls = |node: &Server| {
            let stats = node.info("commandstats");
            stats
                .get(name)
                .map_or(0, |stats| stats["calls=".len()..].split(',').next().unwrap().parse::<u32>().unwrap())
        };
        nodes.servers.iter().map(calls).sum::<u32>()
    };
    assert_eq!((value(&nodes.servers, "a"), value(&nodes.servers, "b")), ("4".into(), String::new()));
    assert_eq!((executed("cmdstat_exec"), executed("cmdstat_publish")), (2, 2));
    // The target has no other database.
    let (code, errors) = load(&nodes.servers[0], &[], "MULTI\nINCR a\nSELECT 3\nINCR a\nEXEC\n");
    assert!(code == Some(1) && errors.contains("SELECT 3"), "{errors}");
}

/// Commands after the stored position are sent again.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_command_that_can_not_be_repeated_is_no_failure() {
    for kind in Kind::few(&[Kind::Redis70, Kind::Redis810, Kind::Valkey91]) {
        let nodes = Nodes::start(kind, 3, 0);
        let node = &nodes.servers[0];
        let mark = |offset: u32| format!("PING \"redtail:position {}:{offset}:0\"\n", "c".repeat(40));
        let library = "FUNCTION LOAD \"#!lua name=lib\\nredis.register_function('f', function() return 1 end)\"\n";
        let once = "XADD s 1-1 f v\nXGROUP CREATE s g 0\nSET {a}1 v\nRENAME {a}1 {a}2\nRPUSH t x\nDEL t\nSET t v\n";
        let once = [once, library].concat();
        // The run is interrupted before the next position.
        assert_eq!(load(node, &[], &[mark(10), once.clone()].concat()).0, Some(0));
        let (code, errors) = load(node, &[], &[mark(10), once.clone(), mark(20)].concat());
        assert_eq!(code, Some(0), "{kind:?}: {errors}");
        for (name, text) in
            [("XADD \"s\"", "top item"), ("XGROUP \"CREATE\"", "BUSYGROUP"), ("FUNCTION \"LOAD\"", "already exists")]
        {
            let is_named = |line: &str| {
                line.contains(&format!("refused {name}"))
                    && line.contains(text)
                    && line.ends_with(": probably applied by the run before, because it is sent again")
            };
            assert!(errors.lines().any(is_named), "{kind:?}: {name}: {errors}");
        }
        assert!(errors.contains("4 commands were refused as repetitions"), "{kind:?}: {errors}");
        assert!(position(node).is_some_and(|position| position.contains(":20:")), "{kind:?}");
        // After the first new position nothing is repeated, and no other error is one of a repetition.
        for rest in [[mark(20), mark(30), once].concat(), [mark(30), "NOSUCH s\n".into()].concat()] {
            let (code, errors) = load(node, &[], &rest);
            assert!(code == Some(1) && errors.contains("--on-error continue"), "{kind:?}: {errors}");
        }
    }
}

/// One of the replies may confirm a position.
#[test]
#[ignore = "needs real servers: tests/run"]
fn replies_behind_a_refused_command_are_read() {
    let nodes = Nodes::start(Kind::Redis70, 3, 0);
    let at = format!("{}:10:0", "c".repeat(40));
    // The last node stores the position, and the first one refuses the command.
    let input = format!("PING \"redtail:position {at}\"\nSET b 1\nRPUSH b x\n");
    let (code, errors) = load(&nodes.servers[0], &["--position-key", "a"], &input);
    // The processes of the nodes follow.
    assert_eq!(value(&nodes.servers, "a").split(' ').next(), Some(at.as_str()));
    let told = format!("the target holds every write up to {at}: continue");
    assert!(code == Some(1) && errors.contains("refused RPUSH") && errors.contains(&told), "{errors}");
}

/// Everything that a snapshot prints: each command goes to a node, or is refused by name.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_snapshot_of_every_type_is_loaded_into_a_cluster() {
    for kind in Kind::few(&[Kind::Redis810, Kind::Valkey91]) {
        let (source, nodes) = (Server::start(kind), Nodes::start(kind, 3, 0));
        fill(&source);
        let printed =
            Tool::run(&["snapshot", &source.address(), "--format", "resp", "--empty-target", "--db", "0"], b"");
        assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
        let node = nodes.servers[0].address();
        let loaded = Tool::run(&["load", &node, "--cluster"], &printed.stdout);
        assert!(loaded.status.success(), "{kind:?}: {}", String::from_utf8_lossy(&loaded.stderr));
        let compared = Tool::run(&["compare", &source.address(), &node, "--db", "0", "--not-key", "st:a"], b"");
        let (lines, errors) = (String::from_utf8_lossy(&compared.stdout), String::from_utf8_lossy(&compared.stderr));
        assert!(compared.status.success(), "{kind:?}: {lines}{errors}");
    }
}

/// A `redtail load` whose input is silent between the lines that a test writes.
pub(crate) struct Silent {
    pub(crate) tool: Tool,
    input: std::io::PipeWriter,
}

impl Silent {
    pub(crate) fn start(node: &Server, options: &[&str]) -> Silent {
        let (reader, input) = std::io::pipe().expect("a pipe");
        let mut command = redtail(&[&["load", &node.address()], options].concat());
        Silent { tool: Tool::start_command(command.stdin(Stdio::from(reader))), input }
    }

    pub(crate) fn write(&self, lines: &str) {
        std::io::Write::write_all(&mut &self.input, &commands(lines)).expect("write");
    }

    /// Its exit code and its messages.
    pub(crate) fn ends(self) -> (Option<i32>, String) {
        let Silent { mut tool, input } = self;
        drop(input);
        (tool.wait().code(), tool.errors())
    }
}

/// It may lack writes that the process before it has confirmed.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_node_that_restarts_while_the_input_is_silent_ends_the_run() {
    let (mut single, mut nodes) = (Server::start(Kind::Redis70), Nodes::start(Kind::Valkey91, 3, 0));
    for (options, servers) in [(&[][..], std::slice::from_mut(&mut single)), (&["--cluster"], &mut nodes.servers)] {
        let load = Silent::start(&servers[0], options);
        load.write("SET a 1\nSET b 1\nSET c 1\n");
        eventually("it is loaded", || ["a", "b", "c"].iter().all(|key| value(servers, key) == "1"));
        // Between two PINGs.
        load.tool.signal("STOP");
        let last = servers.last_mut().expect("a server");
        last.kill();
        last.start_again();
        load.tool.signal("CONT");
        let told = format!("lost the connection to {}: the server has restarted", last.address());
        load.tool.says(&told);
        assert_eq!(load.ends().0, Some(1));
    }
}

/// Its slots, and the writes that it has confirmed, are at the nodes that have them now.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_node_that_has_given_its_slots_away_may_end() {
    for kind in Kind::few(&[Kind::Redis62, Kind::Redis810, Kind::Valkey91]) {
        let mut nodes = Nodes::start(kind, 3, 0);
        let load = Silent::start(&nodes.servers[0], &["--cluster"]);
        load.write("SET a 1\nSET b 1\nSET c 1\n");
        eventually("it is loaded", || ["a", "b", "c"].iter().all(|key| value(&nodes.servers, key) == "1"));
        // The tool has asked this node for the slots first.
        let own = |nodes: &Nodes| {
            let keys = nodes.servers[0].call(&["CLUSTER", "NODES"]).text();
            let myself = keys.lines().find(|line| line.contains("myself")).expect("itself").to_owned();
            let ranges = myself.split(' ').skip(8).map(|range| range.split_once('-').unwrap_or((range, range)));
            ranges.map(|(first, last)| last.parse::<usize>().unwrap() - first.parse::<usize>().unwrap() + 1).sum()
        };
        nodes.reshard(0, 1, own(&nodes));
        nodes.servers.swap(0, 1);
        load.tool.signal("STOP");
        nodes.remove(1);
        // Longer than between two PINGs.
        sleep(Duration::from_millis(400));
        load.tool.signal("CONT");
        load.write("SET a 2\nSET b 2\nSET c 2\n");
        let (code, errors) = load.ends();
        assert_eq!(code, Some(0), "{kind:?}: {errors}");
        assert!(["a", "b", "c"].iter().all(|key| value(&nodes.servers, key) == "2"), "{kind:?}");
    }
}

/// A replica may lack writes that its primary has confirmed.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_failover_ends_the_run() {
    let nodes = Nodes::start(Kind::Redis70, 3, 1);
    let replica = &nodes.servers[nodes.replica_of(0)];
    // A node does not name a replica that has received nothing.
    assert_eq!(load(&nodes.servers[0], &[], "SET b 0\n").0, Some(0));
    eventually("the replica is known", || {
        let shards = nodes.servers[0].call(&["CLUSTER", "SLOTS"]);
        shards
            .items()
            .iter()
            .any(|shard| shard.items()[3..].iter().any(|node| node.items()[1].int() == i64::from(replica.port)))
    });
    let load = Silent::start(&nodes.servers[0], &["--cluster"]);
    load.write("SET a 1\nSET b 1\nSET c 1\n");
    eventually("it is loaded", || ["a", "b", "c"].iter().all(|key| value(&nodes.servers[..3], key) == "1"));
    replica.call(&["CLUSTER", "FAILOVER"]);
    load.tool.says(&format!("lost a node of the cluster: its replica {} has replaced it", replica.address()));
    assert_eq!(load.ends().0, Some(1));
}

/// Otherwise the target has a part of a snapshot, and the position of the data before.
#[test]
#[ignore = "needs real servers: tests/run"]
fn nothing_of_a_snapshot_is_sent_before_the_position_is_deleted() {
    let nodes = Nodes::start(Kind::Redis70, 3, 0);
    let serves = |node: &Server, key: &str| !node.client().ask(&["GET", key]).is_error();
    let home = nodes.servers.iter().find(|node| serves(node, "redtail:position")).expect("a node serves it");
    let other = nodes.servers.iter().find(|node| node.port != home.port).expect("another one");
    let key = (0..).map(|key: u32| key.to_string()).find(|key| serves(other, key)).expect("there is always one");
    let at = format!("{}:10:0", "c".repeat(40));
    home.call(&["ACL", "SETUSER", "default", "-del"]);
    let input = format!("PING \"redtail:position {at}\"\nPING \"redtail:position none\"\nSET {key} 1\n");
    let (code, errors) = load(other, &[], &input);
    assert_eq!((code, value(&nodes.servers, &key)), (Some(1), String::new()), "{errors}");
    assert!(errors.contains("refused DEL, which load adds for the position: NOPERM"), "{errors}");
    assert!(errors.contains(&format!("the target holds every write up to {at}: continue")), "{errors}");
}

/// A source may be silent for longer than the target keeps a connection that is not used.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_silent_input_keeps_the_connections_open() {
    let (single, nodes) = (Server::start(Kind::Redis70), Nodes::start(Kind::Redis70, 3, 0));
    for server in nodes.servers.iter().chain([&single]) {
        server.config_set("timeout", "1");
    }
    for (server, options) in [(&single, &[][..]), (&nodes.servers[0], &["--cluster"])] {
        let load = Silent::start(server, options);
        let servers = if options.is_empty() { std::slice::from_ref(server) } else { &nodes.servers };
        let is_set = |key: &str| value(servers, key) == "1";
        load.write("SET a 1\nSET b 1\n");
        eventually("it is loaded", || is_set("a") && is_set("b"));
        // A connection that is opened now and not used.
        let mut idle = Client::connect(server.port, None).expect("connect");
        assert!(idle.ends(), "the server keeps it");
        load.write("SET c 1\nSET d 1\n");
        let (code, errors) = load.ends();
        assert_eq!(code, Some(0), "{errors}");
        assert!(is_set("c") && is_set("d"));
    }
}
