//! A saved position that no shard continues, and a broker that does not accept the gap at once.

use std::thread;
use std::time::Duration;

use redtail::topology::{ClusterCheckpoint, Positions};
use serde_json::json;

use crate::servers::{Bridge, Broker, Folder, Node, eventually};
use crate::stream::{self, PARTITIONS};

/// The last shard leaves, and the first takes its slots.
fn without_the_last(nodes: &mut Vec<Node>) {
    let last = nodes.pop().expect("a node");
    let id = last.ask(&["CLUSTER", "MYID"]);
    drop(last);
    for node in &*nodes {
        node.ask(&["CLUSTER", "FORGET", &id]);
    }
    nodes[0].ask(&["CLUSTER", "ADDSLOTSRANGE", "10923", "16383"]);
    eventually("all know it", || nodes.iter().all(|node| node.ask(&["CLUSTER", "INFO"]).contains("cluster_state:ok")));
}

/// Without the saved position the next run would not report the loss.
#[test]
#[ignore = "needs redis-server and nats-server: tests/run"]
fn a_place_that_is_lost_is_kept_until_the_stream_is_told() {
    let folder = Folder::new();
    let mut nodes = Node::cluster(&folder);
    let mut broker = Broker::new(&folder);
    broker.start();
    let mut bridge = Bridge::new(&folder, &nodes, &broker);
    bridge.start(&["--cluster"]);
    eventually("the bridge has a place in each shard", || bridge.places() == 3);
    nodes[0].ask(&["SET", "b", "1"]);
    stream::wait(&broker, 1);
    bridge.end();
    without_the_last(&mut nodes);

    // Nobody has decided to continue without it; the next run reports it again.
    for _ in 0..2 {
        bridge.start(&["--cluster"]);
        assert_eq!(bridge.wait(), Some(4), "{}", bridge.words());
        assert_eq!(bridge.places(), 3);
    }
    stream::close(&broker, true);
    bridge.start(&["--cluster", "--on-gap", "continue"]);
    eventually("the broker refuses", || bridge.words().contains("did not take a message"));
    // Enough time for a wrong save.
    thread::sleep(Duration::from_secs(3));
    assert_eq!(bridge.places(), 3);
    bridge.kill();
    stream::close(&broker, false);
    bridge.start(&["--cluster", "--on-gap", "continue"]);
    let expected = 1 + u64::from(PARTITIONS);
    stream::wait(&broker, expected);
    eventually("the place is gone", || bridge.places() == 2);
    bridge.end();
    let mut gaps = 0;
    stream::read(&broker, |_, id, body| {
        if body["event"] == "gap" {
            assert!(body["to"].is_null() && id.contains(":lost@"), "{body}");
            gaps += 1;
        }
    });
    assert_eq!(gaps, PARTITIONS);
}

/// A run that ends with the loss saves no position of the shard, although that may have begun: the next one would not
/// begin it with a snapshot.
#[test]
#[ignore = "needs redis-server and nats-server: tests/run"]
fn a_shard_without_a_position_begins_with_a_snapshot() {
    let folder = Folder::new();
    let nodes = Node::cluster(&folder);
    let mut broker = Broker::new(&folder);
    broker.start();
    let mut bridge = Bridge::new(&folder, &nodes, &broker);
    bridge.start(&["--cluster"]);
    eventually("the bridge has a place in each shard", || bridge.places() == 3);
    // Slots 15495, 3300 and 7365.
    for (node, key) in [(2, "a"), (0, "b"), (1, "c")] {
        nodes[node].ask(&["SET", key, "1"]);
    }
    stream::wait(&broker, 3);
    bridge.end();
    let open = |bridge: &Bridge| ClusterCheckpoint::open(bridge.state(), "a test").expect("a checkpoint");
    let mut checkpoint = open(&bridge);
    let history = nodes[2].info("master_replid");
    let lost = format!("{}@={}:1234:0", "e".repeat(40), "f".repeat(40));
    let positions = checkpoint.position().expect("positions").to_string();
    let changed: Vec<&str> =
        positions.split(';').map(|it| if it.contains(&history) { lost.as_str() } else { it }).collect();
    checkpoint.save(changed.join(";").parse::<Positions>().expect("positions")).expect("a saved checkpoint");
    for _ in 0..5 {
        bridge.start(&["--cluster"]);
        assert_eq!(bridge.wait(), Some(4), "{}", bridge.words());
        assert_eq!(open(&bridge).position(), checkpoint.position());
    }
    bridge.start(&["--cluster", "--on-gap", "snapshot"]);
    eventually("it has a place in the shard", || bridge.offset(&nodes[2]).is_some());
    bridge.end();
    assert!(!open(&bridge).position().expect("positions").to_string().contains(&"f".repeat(40)));
    let (mut gaps, mut keys) = (0, Vec::new());
    stream::read(&broker, |_, _, body| match body["event"].as_str().expect("an event") {
        "gap" => gaps += u16::from(body["to"].is_null() && body["shard"] == "e".repeat(40)),
        "key" => keys.push((body["key"].clone(), body["shard"].clone())),
        _ => {}
    });
    assert_eq!((gaps, keys), (PARTITIONS, vec![(json!("a"), json!(nodes[2].ask(&["CLUSTER", "MYID"])))]));
}
