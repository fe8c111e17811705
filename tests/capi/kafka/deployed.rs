//! The bridge where its servers are found and change: clusters, Sentinels, TLS.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use redtail::topology::{Cluster, ClusterHandle, Shard};
use redtail::{Event, Start};
use serde_json::json;

use super::rig::{Bridge, Broker, Consumer, Line, Written, arguments, has_state, words};
use crate::build::How;
use crate::client::Value;
use crate::cluster_load;
use crate::folder::Folder;
use crate::help::eventually;
use crate::nodes::Nodes;
use crate::server::{Kind, Server};

/// The events that the library itself sees of all shards; of each in its order.
struct Seen {
    written: Arc<Mutex<Vec<Written>>>,
    following: ClusterHandle,
}

impl Seen {
    fn start(nodes: &Nodes) -> Seen {
        let (written, attached) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(HashSet::new())));
        let (into, at) = (Arc::clone(&written), Arc::clone(&attached));
        let cluster = Cluster::builder([nodes.servers[0].address()]).unwrap().start(Start::Now);
        let each = move |_: &Shard| {
            let (into, at) = (Arc::clone(&into), Arc::clone(&at));
            move |shard: &Shard, event: Event<'_>| {
                match event {
                    Event::Attached(_) => drop(at.lock().unwrap().insert(shard.id().to_owned())),
                    Event::Command(command) => into.lock().unwrap().push(Written::of(&command)),
                    _ => {}
                }
                ControlFlow::Continue(())
            }
        };
        let following = cluster.follow(drop, each).unwrap();
        eventually("all shards are followed", || attached.lock().unwrap().len() == 3);
        Seen { written, following }
    }

    /// The last command of each shard is one that says so.
    fn end(mut self) -> Vec<Written> {
        let ends = |written: &[Written]| written.iter().filter(|it| it.is("FUNCTION")).count();
        eventually("the last command of each shard", || ends(&self.written.lock().unwrap()) == 3);
        self.following.stop();
        std::mem::take(&mut self.written.lock().unwrap())
    }
}

/// Each partition has of each shard exactly what belongs into it, each once, in order.
fn compare(lines: &[Line], truth: &[Written], partitions: u16) {
    let histories: HashSet<&str> = truth.iter().map(|it| it.history()).collect();
    assert_eq!(histories.len(), 3);
    for (partition, history) in (0..partitions).flat_map(|partition| histories.iter().map(move |it| (partition, *it))) {
        let is_of = |(of, line): &&Line| {
            *of == partition && line["event"] == "command" && line["id"].as_str().unwrap().starts_with(history)
        };
        let got: Vec<_> = lines.iter().filter(is_of).map(|(_, line)| line["id"].as_str().unwrap()).collect();
        let is_wanted = |it: &&Written| it.history() == history && it.is_for(partition, partitions);
        let want: Vec<_> = truth.iter().filter(is_wanted).map(|it| &*it.id).collect();
        assert_eq!(got, want, "of {history} in partition {partition}");
        assert!(got.len() > 1, "{history} in partition {partition} has had its share");
    }
}

/// Makes a key arrive at the shard of its slot, as MIGRATE does.
fn arrive(nodes: &Nodes, key: &str) {
    let is_taken = |node: &&Server| !matches!(node.client().try_call(&["SET", key, "v"]), Ok(Value::Error(_)) | Err(_));
    let primary = nodes.servers.iter().find(is_taken).expect("the primary of its slot");
    let Value::Bulk(value) = primary.call(&["DUMP", key]) else { panic!("{key} is there") };
    primary.call(&[b"RESTORE-ASKING", key.as_bytes(), b"0", &value, b"REPLACE"]);
}

#[test]
#[ignore = "needs real servers and librdkafka: tests/servers, tests/tools"]
fn all_shards_of_a_cluster_through_kills_and_a_failover() {
    let how = How::Sanitized;
    let (mut broker, nodes, folder) =
        (Broker::start(how, 2), Nodes::start(Kind::Redis70, 3, 1), Folder::new("kafka-cluster"));
    let seen = Seen::start(&nodes);
    let mut consumer = Consumer::start(how, &broker);
    let list = format!("{},{}", nodes.servers[0].address(), nodes.servers[1].address());
    let start = || Bridge::start(how, &broker, &folder, &list, &["--cluster"]);
    let mut bridge = start();
    has_state(&folder);
    let is_whole = || std::fs::read_to_string(folder.0.join("state")).unwrap().split(';').count() == 3;
    eventually("each shard has a position", is_whole);
    let load = cluster_load::start(&nodes);
    for round in 0..3 {
        let before = consumer.count();
        eventually("it publishes", || consumer.count() > before + 50);
        bridge.kill();
        if round == 1 {
            let replica = nodes.replica_of(0);
            nodes.servers[replica].call(&["CLUSTER", "FAILOVER"]);
            eventually("it has failed over", || nodes.servers[0].info("replication")["role"] == "slave");
            nodes.are_whole();
        }
        bridge = start();
        cluster_load::everywhere(&load);
        assert!(is_whole());
    }
    drop(load);
    arrive(&nodes, "asking");
    let primaries = nodes.servers.iter().filter(|server| server.info("replication")["role"] == "master");
    primaries.for_each(|server| drop(server.call(&["FUNCTION", "FLUSH"])));
    let truth = seen.end();
    consumer.has_command("FUNCTION", 3 * usize::from(broker.partitions));
    compare(&consumer.lines(), &truth, broker.partitions);
    assert!(consumer.lines().iter().all(|(_, line)| line["shard"].as_str().unwrap().len() == 40));
    let lines = consumer.lines();
    let mut marked = lines.iter().filter(|(_, line)| !line["migration"].is_null());
    let (_, line) = marked.next().expect("what moves slots is marked");
    assert_eq!((&line["migration"], &line["args"][0]), (&json!("key"), &json!("RESTORE-ASKING")));
    assert!(marked.next().is_none(), "what clients wrote is not");
    assert_eq!(bridge.stop(), Some(0), "{}", words(&folder));
    assert!(is_whole());
    // A saved position that no shard continues.
    let lost = format!("{}:1234:0", "f".repeat(40));
    let state = std::fs::read_to_string(folder.0.join("state")).unwrap();
    folder.write("state", format!("{};{}@={lost}\n", state.trim_end(), "e".repeat(40)));
    assert_eq!(start().end(), Some(4), "{}", words(&folder));
    assert!(std::fs::read_to_string(folder.0.join("state")).unwrap().contains(&lost));
    let bridge = Bridge::start(how, &broker, &folder, &list, &["--cluster", "--on-gap", "continue"]);
    consumer.has("gap", broker.partitions.into());
    let is_gap = |(_, line): &Line| line["event"] == "gap" && line["from"] == *lost && line["to"].is_null();
    assert!(consumer.lines().iter().any(is_gap));
    eventually("the lost place is settled", is_whole);
    assert_eq!(bridge.stop(), Some(0), "{}", words(&folder));
    assert_eq!(broker.headers("migration"), ["key"]);
}

/// A position that no shard continues is a gap, and the shard without a position begins with a snapshot.
#[test]
#[ignore = "needs real servers and librdkafka: tests/servers, tests/tools"]
fn a_shard_without_a_position_begins_with_a_snapshot() {
    let how = How::Sanitized;
    let (broker, nodes) = (Broker::start(how, 1), Nodes::start(Kind::Redis70, 3, 0));
    let folder = Folder::new("kafka-cluster-gap");
    let mut consumer = Consumer::start(how, &broker);
    let start = |args: &[&str]| Bridge::start(how, &broker, &folder, &nodes.servers[0].address(), args);
    let bridge = start(&["--cluster"]);
    has_state(&folder);
    let state = || std::fs::read_to_string(folder.0.join("state")).unwrap();
    eventually("each shard has a position", || state().split(';').count() == 3);
    // Slots 3300, 7365 and 15495.
    for key in ["b", "c", "a"] {
        let is_taken =
            |node: &&Server| !matches!(node.client().try_call(&["SET", key, "v"]), Ok(Value::Error(_)) | Err(_));
        nodes.servers.iter().find(is_taken).expect("the primary of its slot");
    }
    consumer.has_command("SET", 3);
    assert_eq!(bridge.stop(), Some(0), "{}", words(&folder));
    let history = nodes.servers[2].info("replication")["master_replid"].clone();
    let Value::Bulk(id) = nodes.servers[2].call(&["CLUSTER", "MYID"]) else { panic!("an id") };
    let id = String::from_utf8(id).unwrap();
    assert!(state().contains(&history) && state().contains(&id));
    // Without its node and slots: a history alone belongs to the shard that has them.
    let lost = format!("{}@={}:1234:0", "e".repeat(40), "f".repeat(40));
    let changed: Vec<_> =
        state().trim_end().split(';').map(|it| if it.contains(&history) { lost.clone() } else { it.into() }).collect();
    let changed = changed.join(";") + "\n";
    folder.write("state", &changed);
    // It saves no position of the shard, although that may have begun.
    for _ in 0..5 {
        assert_eq!(start(&["--cluster"]).end(), Some(4), "{}", words(&folder));
        assert_eq!(state(), changed);
    }
    let bridge = start(&["--cluster", "--on-gap", "snapshot"]);
    consumer.has("gap", 1);
    consumer.has("snapshot", 1);
    eventually("its new position is saved", || state().contains(&history) && !state().contains(&"f".repeat(40)));
    assert_eq!(bridge.stop(), Some(0), "{}", words(&folder));
    let of = |event: &str| -> Vec<serde_json::Value> {
        consumer.lines().into_iter().map(|(_, line)| line).filter(|line| line["event"] == event).collect()
    };
    assert!(of("gap").iter().all(|line| line["to"].is_null() && line["shard"] == "e".repeat(40)));
    let keys: Vec<_> = of("key").iter().map(|line| (line["key"].clone(), line["shard"].clone())).collect();
    assert_eq!(keys, [(json!("a"), json!(id))]);
    assert_eq!((of("snapshot_begin").len(), of("snapshot_begin")[0]["shard"].clone()), (1, json!(id)));
}

#[test]
#[ignore = "needs real servers and librdkafka: tests/servers, tests/tools"]
fn the_primary_that_sentinels_name() {
    let (broker, folder) = (Broker::start(How::Sanitized, 1), Folder::new("kafka-sentinel"));
    let (mut server, replica) = (Server::start(Kind::Redis70), Server::start(Kind::Redis70));
    replica.replica_of(&server);
    let sentinel = Server::start_sentinel(&server);
    let mut consumer = Consumer::start(How::Debug, &broker);
    let target = |name: &str| format!("redis+sentinel://{}/{name}", sentinel.address());
    let bridge = Bridge::start(How::Sanitized, &broker, &folder, &target("watched"), &[]);
    has_state(&folder);
    server.call(&["SET", "k", "v"]);
    consumer.has_command("SET", 1);
    let lines = consumer.lines();
    let set = lines.iter().find(|(_, line)| line["args"][0] == "SET").unwrap();
    assert_eq!(arguments(&set.1), [b"SET", &b"k"[..], b"v"]);
    // The primary dies with nothing that its replica has not.
    eventually("the Sentinel knows the replica", || {
        sentinel.call(&["SENTINEL", "REPLICAS", "watched"]).items().len() == 1
    });
    eventually("the replica has it", || replica.call(&["GET", "k"]) == Value::Bulk(b"v".into()));
    server.kill();
    eventually("the replica is promoted", || replica.is_promoted());
    replica.call(&["SET", "after", "v"]);
    consumer.has_command("SET", 2);
    let lines = consumer.lines();
    let history = |at: usize| lines[at].1["id"].as_str().unwrap().split(':').next().unwrap().to_owned();
    assert_eq!(history(0), history(lines.len() - 1));
    assert!(lines.iter().all(|(_, line)| line["event"] != "gap"), "{lines:?}");
    assert_eq!(bridge.stop(), Some(0), "{}", words(&folder));
    let bridge = Bridge::start(How::Sanitized, &broker, &folder, &target("unknown"), &[]);
    assert_eq!(bridge.end(), Some(1));
    assert!(words(&folder).contains("unknown"), "{}", words(&folder));
}

#[cfg(feature = "tls")]
#[test]
#[ignore = "needs real servers and librdkafka: tests/servers, tests/tools"]
fn over_tls() {
    let (broker, folder) = (Broker::start(How::Sanitized, 1), Folder::new("kafka-tls"));
    let port = crate::help::free_port();
    let file = |name: &str| crate::build::root().join("tests/data/tls").join(name).display().to_string();
    let (ca, certificate, key) = (file("ca.crt"), file("server.crt"), file("server.key"));
    let listens = ["--tls-port", &port.to_string(), "--tls-auth-clients", "no", "--tls-ca-cert-file", &ca];
    let server = Server::start_with(
        Kind::Redis70,
        &[&listens[..], &["--tls-cert-file", &certificate, "--tls-key-file", &key]].concat(),
    );
    let mut consumer = Consumer::start(How::Debug, &broker);
    let target = format!("rediss://127.0.0.1:{port}");
    let start = |more: &[&str]| Bridge::start(How::Sanitized, &broker, &folder, &target, more);
    let bridge = start(&["--cacert", &ca, "--sni", "redis.test"]);
    has_state(&folder);
    server.call(&["SET", "k", "v"]);
    consumer.has_command("SET", 1);
    assert_eq!(bridge.stop(), Some(0), "{}", words(&folder));
    assert_eq!(start(&["--cacert", &ca, "--sni", "other.test"]).end(), Some(1));
    assert!(words(&folder).contains("is not for other.test"), "{}", words(&folder));
}
