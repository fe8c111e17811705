//! `redtail load` refuses what would destroy data: the source as its target, a second load, a target that is not
//! emptied, a target that has lost writes.

use std::fs;

use crate::cluster::nodes::Nodes;
use crate::copy::fill;
use crate::help::eventually;
use crate::load_cluster::{Silent, value};
use crate::moving::{Move, commands};
use crate::server::{Kind, Server};
use crate::tool::Tool;

/// What docs/tool-load.md grants the user of a target.
const RULES: &str = "~* &* +@write +@transaction +@scripting +@pubsub +get +select +ping +info +command +cluster|info \
                     +client|setname +client|list";
const MORE_FOR_A_CLUSTER: &str = "+cluster|slots +asking";

fn load(server: &Server, options: &[&str], lines: &str) -> (Option<i32>, String) {
    let ran = Tool::run(&[&["load", &server.address()], options].concat(), &commands(lines));
    (ran.status.code(), String::from_utf8_lossy(&ran.stderr).into_owned())
}

/// Adds a user to the servers. Returns the options of a load that logs in as that.
fn add_user(servers: &[Server], rules: &str) -> [String; 4] {
    for server in servers {
        let all: Vec<&str> = ["ACL", "SETUSER", "mover", "on", ">pw"].into_iter().chain(rules.split(' ')).collect();
        assert!(!server.call(&all).is_error(), "{rules}");
    }
    let password = servers[0].folder().join("password");
    fs::write(&password, "pw\n").expect("write the password");
    let file = password.to_str().expect("a path").to_owned();
    ["--user".into(), "mover".into(), "--password-file".into(), file]
}

fn mark(offset: u32) -> String {
    format!("PING \"redtail:position {}\"\n", at(offset))
}

fn at(offset: u32) -> String {
    format!("{}:{offset}:0", "c".repeat(40))
}

/// Every write would return to the source, which FLUSHALL empties first.
#[test]
#[ignore = "needs real servers: tests/run"]
fn the_source_or_its_replica_is_no_target() {
    const SAME: &str = "is the source of the input, or its replica (both have ";
    for kind in Kind::few(&[Kind::Redis62, Kind::Redis810, Kind::Valkey91]) {
        let (source, replica) = (Server::start(kind), Server::start(kind));
        let (nodes, other) = (Nodes::start(kind, 3, 0), Server::start(kind));
        source.call(&["SET", "a", "1"]);
        let (old, copy) = (source.address(), replica.address());
        let refused = |from: &str, to: &[&str], message: &str| {
            let mut pair = Move::start(&[from, "--from", "snapshot", "--empty-target"], to);
            assert_eq!(pair.load.wait().code(), Some(1), "{kind:?}: {to:?}");
            let errors = pair.load.errors();
            assert!(errors.contains(message) && !errors.contains("stores no position"), "{kind:?}: {errors}");
            drop(pair);
            assert!(!source.info("commandstats").contains_key("cmdstat_flushall"), "{kind:?}");
        };
        // The source has its first replica, and with it another history, only once the loader is connected.
        refused(&old, &[&old], SAME);
        refused(&old, &[&old, "--source", &old], &format!("{old} {SAME}run_id "));
        replica.replica_of(&source);
        refused(&copy, &[&old], SAME);
        refused(&old, &[&copy], "is a replica: load into its primary");
        let at = format!("{}:{}:0", source.replid(), source.offset());
        let mut pair = Move::start(&[&old, "--from", &at], &[&old]);
        assert_eq!(pair.load.wait().code(), Some(1));
        assert!(pair.load.errors().contains(SAME), "{}", pair.load.errors());
        drop(pair);
        assert_eq!(source.call(&["GET", "a"]).text(), "1");
        // Any node of a cluster.
        assert_eq!(load(&nodes.servers[0], &["--cluster"], "SET a 1\nSET b 1\nSET c 1\n").0, Some(0));
        let node = nodes.servers[2].address();
        let mut pair =
            Move::start(&[&nodes.servers[1].address(), "--from", "snapshot", "--empty-target"], &[&node, "--cluster"]);
        assert_eq!(pair.load.wait().code(), Some(1));
        assert!(pair.load.errors().contains(SAME), "{}", pair.load.errors());
        assert_eq!(["a", "b", "c"].map(|key| value(&nodes.servers, key)), ["1", "1", "1"]);
        // A replica that was promoted has a history of its own, and a user without INFO may load.
        replica.promote();
        other.call(&["ACL", "SETUSER", "default", "-info"]);
        for target in [&replica, &other] {
            let first = [old.as_str(), "--from", "snapshot", "--empty-target", "--until-caught-up"];
            let mut pair = Move::start(&first, &[&target.address()]);
            assert!(pair.load.wait().success(), "{}", pair.load.errors());
            let is_unknown = pair.load.errors().contains("can't check that the target is not the source: ");
            assert_eq!(is_unknown, target.port == other.port, "{}", pair.load.errors());
        }
        let compared = Tool::run(&["compare", &old, &old], b"");
        let errors = String::from_utf8_lossy(&compared.stderr).into_owned();
        assert!(errors.contains("the source and the target are the same server (run_id "), "{errors}");
    }
}

/// Both would apply every write.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_second_load_with_the_same_position_key_is_refused() {
    for kind in Kind::few(&[Kind::Redis62, Kind::Redis810, Kind::Valkey91]) {
        let (single, nodes) = (Server::start(kind), Nodes::start(kind, 3, 0));
        for (options, servers) in [(&[][..], std::slice::from_ref(&single)), (&["--cluster"], &nodes.servers)] {
            let first = Silent::start(&servers[0], options);
            first.write(&[mark(10), "SET a 1\n".into(), mark(20)].concat());
            eventually("it is loaded", || value(servers, "a") == "1");
            let last = servers.last().expect("a server");
            let (code, errors) = load(last, options, &[mark(20), "INCR a\n".into(), mark(30)].concat());
            assert!(code == Some(1) && errors.contains("another redtail load, at 127.0.0.1:"), "{kind:?}: {errors}");
            assert_eq!(value(servers, "a"), "1");
            let key = ["--position-key", "redtail:position 1"];
            assert_eq!(load(last, &[options, &key].concat(), "INCR a\n").0, Some(0));
            // It has no claim once it is killed.
            first.tool.signal("KILL");
            let (code, errors) = load(last, options, &[mark(20), "INCR a\n".into(), mark(30)].concat());
            assert_eq!((code, value(servers, "a")), (Some(0), "3".into()), "{kind:?}: {errors}");
        }
        single.call(&["ACL", "SETUSER", "default", "-client"]);
        let (code, errors) = load(&single, &[], "INCR a\n");
        let told = "refused CLIENT SETNAME: NOPERM";
        assert!(code == Some(0) && errors.contains(told) && errors.contains("+client|list"), "{errors}");
    }
}

/// A connection that the server has closed is opened again, in the database of the next write. Another program has
/// moved the position meanwhile.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_new_connection_has_the_database_and_the_position() {
    let target = Server::start(Kind::Redis70);
    let load = Silent::start(&target, &[]);
    let in_3 = |key: &str| {
        let mut client = target.client();
        client.call(&["SELECT", "3"]);
        client.call(&["EXISTS", key]).int() == 1
    };
    load.write(&[mark(10), "SELECT 3\nSET a 1\n".into(), mark(20)].concat());
    eventually("it is loaded", || in_3("a"));
    target.call(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    eventually("it connects again", || target.call(&["CLIENT", "LIST"]).text().contains(" name=redtail-load:"));
    load.write(&["SET b 1\n".into(), mark(30)].concat());
    eventually("it is loaded", || in_3("b") || target.call(&["EXISTS", "b"]).int() == 1);
    assert!(in_3("b"));
    target.call(&["SET", "redtail:position", &at(40)]);
    target.call(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    load.tool.says(&format!("another program has replaced the stored position {} by {}", at(30), at(40)));
    assert_eq!(load.ends().0, Some(1));
    // A refused GET is no other position.
    let load = Silent::start(&target, &[]);
    load.write(&[mark(40), "SET c 1\n".into(), mark(50)].concat());
    eventually("it is loaded", || target.call(&["GET", "redtail:position"]).text() == at(50));
    target.call(&["ACL", "SETUSER", "default", "-get"]);
    target.call(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    load.tool.says(&format!("{} refused GET: NOPERM", target.address()));
    assert_eq!(load.ends().0, Some(1));
}

/// The data of the source would be mixed with that of the target.
#[test]
#[ignore = "needs real servers: tests/run"]
fn nothing_is_sent_to_a_target_that_is_not_emptied() {
    for kind in Kind::few(&[Kind::Redis62, Kind::Redis810, Kind::Valkey91]) {
        let (single, nodes) = (Server::start(kind), Nodes::start(kind, 3, 0));
        let none = "PING \"redtail:position none\"\nFLUSHALL\nFUNCTION FLUSH\nSET a 1\n";
        let of_database = "SELECT 0\nFLUSHDB\nSET a 1\n";
        let in_another = "SELECT 3\nPING \"redtail:position none\"\nFLUSHDB\nSET a 1\n";
        let inputs = ["FLUSHALL\nSET a 1\n", "EVAL \"return 1\" 0\nSET a 1\n", none, of_database];
        for (options, servers) in [(&[][..], std::slice::from_ref(&single)), (&["--cluster"], &nodes.servers)] {
            assert_eq!(load(&servers[0], options, &mark(20)).0, Some(0));
            let position = value(servers, "redtail:position");
            let kept: Vec<String> = (0..9).map(|n| format!("kept:{n}")).collect();
            let writes: String = kept.iter().map(|key| format!("SET {key} 1\n")).collect();
            assert_eq!(load(&servers[0], &[options, &["--position-key", "other"]].concat(), &writes).0, Some(0));
            const DENIED: [&str; 6] = ["ACL", "SETUSER", "mover", "-flushall", "-flushdb", "-eval"];
            let user = add_user(servers, "~* &* +@all -flushall -flushdb -eval");
            let user: Vec<&str> = user.iter().map(String::as_str).collect();
            // A cluster has one database, except of Valkey 9.
            let more_inputs = if options.is_empty() { &[in_another][..] } else { &[] };
            // In the second round only the last node refuses.
            for (input, round) in inputs.iter().chain(more_inputs).flat_map(|input| [(input, 0), (input, 1)]) {
                let others = &servers[..(servers.len() - 1) * round];
                others.iter().for_each(|server| drop(server.call(&["ACL", "SETUSER", "mover", "+@all"])));
                for more in [&[][..], &["--on-error", "continue"]] {
                    let (code, errors) = load(&servers[0], &[options, &user, more].concat(), input);
                    assert_eq!((code, value(servers, "a")), (Some(1), String::new()), "{kind:?}: {errors}");
                    let told = "; the target is not emptied, and nothing after it was sent";
                    assert!(errors.contains("NOPERM") && errors.contains(told), "{kind:?}: {errors}");
                    assert!(!errors.contains("a part of the input"), "{kind:?}: {errors}");
                    assert_eq!(value(servers, "redtail:position"), position, "{kind:?}: {input}");
                    assert!(kept.iter().all(|key| value(servers, key) == "1"), "{kind:?}: {input}");
                }
                others.iter().for_each(|server| drop(server.call(&DENIED)));
            }
        }
    }
}

/// The user of docs/tool-load.md.
#[test]
#[ignore = "needs real servers: tests/run"]
fn the_documented_user_of_a_target_may_load() {
    let page = include_str!("../../docs/tool-load.md");
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(page.contains(&format!("{RULES} {MORE_FOR_A_CLUSTER}")));
    for kind in Kind::ALL {
        let (source, single, nodes) = (Server::start(kind), Server::start(kind), Nodes::start(kind, 3, 0));
        fill(&source);
        // It lacks options of commands that others print.
        let version: &[&str] = if kind == Kind::Redis62 { &["--target-version", "redis-6.2"] } else { &[] };
        let of_cluster = format!("{RULES} {MORE_FOR_A_CLUSTER}");
        for (options, from, rules, servers) in [
            (&[][..], &[][..], RULES, std::slice::from_ref(&single)),
            (&["--cluster"], &["--db", "0"], &of_cluster, &nodes.servers),
        ] {
            let user = add_user(servers, rules);
            let user: Vec<&str> = user.iter().map(String::as_str).collect();
            let (old, new) = (source.address(), servers[0].address());
            let first = [old.as_str(), "--from", "snapshot", "--empty-target", "--until-caught-up"];
            let mut pair = Move::start(&[&first, from, version].concat(), &[&[new.as_str()], options, &user].concat());
            assert!(pair.load.wait().success(), "{kind:?}: {}", pair.load.errors());
            let errors = pair.load.errors();
            assert!(!errors.contains("NOPERM") && !errors.contains("can't check"), "{kind:?}: {errors}");
            let rest = "PUBLISH c x\nSET a 1\nMULTI\nINCR a\nEXEC\nEVAL \"return 1\" 0\nSCRIPT FLUSH\n";
            let (code, errors) = load(&servers[0], &[options, &user].concat(), rest);
            assert_eq!((code, value(servers, "a")), (Some(0), "2".into()), "{kind:?}: {errors}");
        }
    }
}

/// The other nodes have the writes before the position, and the one with the position may have started empty.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_node_that_has_started_since_the_position_is_refused() {
    for kind in Kind::few(&[Kind::Redis70, Kind::Valkey91]) {
        let mut nodes = Nodes::start(kind, 3, 0);
        let input = [mark(10), "SET a 1\nSET b 1\nSET c 1\n".into(), mark(20)].concat();
        let options = ["--cluster"];
        assert_eq!(load(&nodes.servers[0], &options, &input).0, Some(0));
        let serves = |node: &Server| !node.client().ask(&["GET", "redtail:position"]).is_error();
        let lost = nodes.servers.iter().position(|node| !serves(node)).expect("a node without the position");
        nodes.servers[lost].kill();
        nodes.servers[lost].start_again();
        nodes.are_whole();
        let rest = [mark(20), "SET d 1\n".into(), mark(30)].concat();
        let (code, errors) = load(&nodes.servers[0], &options, &rest);
        let told = format!("{} has started, or joined the cluster, since", nodes.servers[lost].address());
        assert!(code == Some(1) && errors.contains(&told), "{kind:?}: {errors}");
        let accepted = format!("If it has lost nothing: SET redtail:position {}", at(20));
        assert!(errors.contains(&accepted), "{kind:?}: {errors}");
        assert_eq!(value(&nodes.servers, "d"), "");
        let home = nodes.servers.iter().find(|node| serves(node)).expect("a node with the position");
        home.call(&["SET", "redtail:position", &at(20)]);
        let (code, errors) = load(&nodes.servers[0], &options, &rest);
        assert_eq!((code, value(&nodes.servers, "d")), (Some(0), "1".into()), "{kind:?}: {errors}");
        // The next position has the processes of now.
        let (code, errors) = load(&nodes.servers[0], &options, &mark(30));
        assert_eq!(code, Some(0), "{kind:?}: {errors}");
    }
}

/// To delete the key applies writes twice.
#[test]
#[ignore = "needs real servers: tests/run"]
fn the_remedy_for_another_beginning_is_no_deletion() {
    let (target, nodes) = (Server::start(Kind::Redis70), Nodes::start(Kind::Redis70, 3, 0));
    assert_eq!(load(&target, &[], &mark(20)).0, Some(0));
    let (code, errors) = load(&target, &[], &[mark(10), "INCR a\n".into()].concat());
    assert!(code == Some(1) && errors.contains(&format!("start it with --from {}.", at(20))), "{errors}");
    assert!(errors.contains("To begin anew, start it with --from snapshot --empty-target"), "{errors}");
    assert!(errors.contains(&format!("the target holds every write up to {}: continue", at(20))), "{errors}");
    assert!(!errors.contains("stores no position"), "{errors}");
    // A node without --cluster.
    let moved = |node: &Server| load(node, &[], "SET a 1\n").1;
    let told = "; the target is a node of a cluster: add --cluster";
    assert!(nodes.servers.iter().any(|node| moved(node).contains(told)));
}
