//! The node that answers at the address of another one.

use redtail::Start;
use redtail::topology::Notice;

use super::kinds;
use super::nodes::Nodes;
use super::watched::Watched;
use crate::help::eventually;
use crate::server::Kind;
use crate::tool::Tool;

/// A key of each third of the slots: of each node.
const KEYS: [&str; 3] = ["{b}", "{c}", "{a}"];

fn id(nodes: &Nodes, node: usize) -> String {
    nodes.servers[node].call(&["CLUSTER", "MYID"]).text()
}

fn write(nodes: &Nodes, node: usize, value: &str) {
    nodes.servers[node].call(&["SET", KEYS[node], value]);
}

/// The texts of the writes of this node's shard.
fn writes(watched: &Watched, id: &str) -> Vec<String> {
    let seen = watched.seen.lock().expect("no panic");
    seen[id].writes().iter().filter(|write| write.is("SET")).map(|write| write.text()).collect()
}

fn doctor(nodes: &Nodes) -> String {
    let output = Tool::run(&["doctor", &nodes.servers[0].address(), "--cluster", "--sample", "0.02"], b"");
    String::from_utf8(output.stdout).expect("UTF-8").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The endpoint of each node is `?`, until hostnames are announced: first a wrong one, then none again.
#[test]
#[ignore = "needs real servers: tests/run"]
fn nodes_without_a_hostname_are_found_at_their_ips() {
    for kind in Kind::few(&[Kind::Redis70, Kind::Redis810, Kind::Valkey91]) {
        let nodes = Nodes::at_one_port(kind);
        let ids = [0, 1, 2].map(|node| id(&nodes, node));
        let watched = Watched::start(nodes.cluster(), 3);
        let page = doctor(&nodes);
        assert!(page.contains("all 3 that answer agree") && !page.contains(" bad "), "{page}");
        (0..3).for_each(|node| write(&nodes, node, "first"));
        watched.reaches(&nodes);
        for (id, key) in ids.iter().zip(KEYS) {
            assert_eq!(writes(&watched, id), [format!("SET {key} first")]);
        }

        // The name of another node: the connection stays, but another one is not made.
        nodes.servers[2].config_set("cluster-announce-hostname", "localhost");
        eventually("all nodes know", || {
            nodes.servers.iter().all(|node| node.call(&["CLUSTER", "NODES"]).text().contains("localhost"))
        });
        let moved = |notice: &Notice| matches!(notice, Notice::Moved { shard, .. } if shard.id() == ids[2]);
        watched.wait("it has moved", |watched| watched.notices(moved) > 0);
        write(&nodes, 2, "second");
        watched.wait("its stream continues", |watched| writes(watched, &ids[2]).len() == 2);
        nodes.servers[2].drop_replicas();
        let wrong = format!("is node {}, not {} as announced", ids[0], ids[2]);
        watched.wait("the other node is not followed", |watched| {
            let seen = watched.seen.lock().expect("no panic");
            seen[&ids[2]].disconnected().iter().any(|lost| lost.to_string().contains(&wrong))
        });
        let page = doctor(&nodes);
        assert!(page.contains(&format!("is announced as node {}, but answers: {}", ids[2], ids[0])), "{page}");
        assert!(!page.contains("that answer agree"), "{page}");
        (0..3).for_each(|node| write(&nodes, node, "third"));
        nodes.servers[2].config_set("cluster-announce-hostname", "");
        watched.wait("everything", |watched| writes(watched, &ids[2]).len() == 3);
        watched.reaches(&nodes);
        let counts = ids.each_ref().map(|id| writes(&watched, id).len());
        assert_eq!((counts, watched.gaps()), ([2, 2, 3], 0));
        assert_eq!(watched.notices(|notice| matches!(notice, Notice::FailedOver { .. } | Notice::Ended { .. })), 0);
        watched.stop();
    }
}

/// The second node announces the address of the first one, as behind a load balancer.
#[test]
#[ignore = "needs real servers: tests/run"]
fn the_address_of_another_node_is_never_followed() {
    for kind in kinds() {
        let nodes = Nodes::start(kind, 3, 0);
        let ids = [0, 1, 2].map(|node| id(&nodes, node));
        for is_wrong in [false, true] {
            if is_wrong {
                let (own, other) = (&nodes.servers[1], &nodes.servers[0]);
                own.config_set("cluster-announce-bus-port", &(own.port + 10_000).to_string());
                own.config_set("cluster-announce-port", &other.port.to_string());
                let announced = format!(" 127.0.0.1:{}@{}", other.port, own.port + 10_000);
                eventually("all nodes know", || {
                    nodes.servers.iter().all(|node| node.call(&["CLUSTER", "NODES"]).text().contains(&announced))
                });
            }
            let mut tool = Tool::start(&["tail", &nodes.servers[0].address(), "--cluster", "--format", "json"]);
            let attached = |tool: &mut Tool, count: usize| {
                let mut shards: Vec<_> = (0..count).map(|_| tool.event_named("attached")["shard"].clone()).collect();
                shards.sort_by_key(|shard| ids.iter().position(|id| shard == id));
                shards
            };
            if is_wrong {
                assert_eq!(attached(&mut tool, 2), [ids[0].as_str(), &ids[2]]);
                tool.says(&format!(
                    "127.0.0.1:{} is node {}, not {} as announced",
                    nodes.servers[0].port, ids[0], ids[1]
                ));
                let page = doctor(&nodes);
                assert!(page.contains(&format!("is announced as node {}, but answers: {}", ids[1], ids[0])), "{page}");
                nodes.servers[1].config_set("cluster-announce-port", "0");
                assert_eq!(attached(&mut tool, 1), [ids[1].as_str()]);
            } else {
                assert_eq!(attached(&mut tool, 3), ids.each_ref().map(String::as_str));
                assert!(doctor(&nodes).contains("all 3 that answer agree"));
            }
            (0..3).for_each(|node| write(&nodes, node, "v"));
            let mut told: Vec<_> = (0..3).map(|_| tool.event_named("command")).collect();
            told.sort_by_key(|event| ids.iter().position(|id| event["shard"] == *id));
            for ((event, id), key) in told.iter().zip(&ids).zip(KEYS) {
                assert_eq!((&event["shard"], &event["args"][1]), (&id.as_str().into(), &key.into()));
            }
            tool.signal("INT");
            assert!(!tool.rest().windows(9).any(|word| word == b"\"command\""));
            assert!(tool.wait().success(), "{}", tool.errors());
        }
    }
}

/// Documented permissions are enough, and a missing one is named.
#[test]
#[ignore = "needs real servers: tests/run"]
fn the_permission_to_identify_a_node_is_needed() {
    for kind in Kind::ALL {
        let nodes = Nodes::start(kind, 3, 0);
        let rules = ["on", ">secret", "+psync", "+replconf", "+ping", "+info", "+role", "+cluster|shards"];
        let rules = [&rules[..], &["+cluster|slots", "+cluster|info", "+cluster|myid"]].concat();
        let set = |rules: &[&str]| {
            for node in &nodes.servers {
                node.call(&[&["ACL", "SETUSER", "cdc"], rules].concat());
            }
        };
        // 6.2 has no CLUSTER SHARDS.
        set(&rules
            .iter()
            .copied()
            .filter(|rule| kind != Kind::Redis62 || !rule.ends_with("shards"))
            .collect::<Vec<_>>());
        let login = || Ok(redtail::net::Login::user("cdc", "secret"));
        // 6.2 has no backlog yet.
        let cluster = || nodes.cluster().start(Start::Snapshot).login(login);
        Watched::start(cluster(), 3).stop();
        // Before 7.0 the permission for a subcommand can't be withdrawn alone.
        if kind == Kind::Redis62 {
            continue;
        }
        set(&["-cluster|myid"]);
        let watched = Watched::start(cluster(), 0);
        watched.wait("all say so", |watched| {
            let seen = watched.seen.lock().expect("no panic");
            let is_named = |lost: &redtail::Disconnected| lost.to_string().contains("the user needs +cluster|myid");
            seen.len() == 3 && seen.values().all(|seen| seen.disconnected().iter().any(is_named))
        });
        let url = format!("redis://cdc:secret@{}", nodes.servers[0].address());
        let page = Tool::run(&["doctor", &url, "--cluster", "--sample", "0.02"], b"");
        let page = String::from_utf8(page.stdout).expect("UTF-8");
        assert!(page.contains("+cluster|myid"), "{page}");
        watched.stop();
    }
}
