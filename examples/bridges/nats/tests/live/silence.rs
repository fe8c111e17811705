//! Nobody writes: the position reaches the end, and the server hears of it.

use crate::servers::{Bridge, Broker, Folder, Node, eventually};

/// After one write each node sends nothing but PINGs. The saved position must include them, WAIT must succeed, and the
/// shutdown must find the bridge in step.
fn in_silence(nodes: Vec<Node>, folder: &Folder, args: &[&str]) {
    let mut broker = Broker::new(folder);
    broker.start();
    let mut bridge = Bridge::new(folder, &nodes, &broker);
    for node in &nodes {
        // With one PING a second, as often as acknowledgements, a server may never find anybody in step.
        node.ask(&["CONFIG", "SET", "repl-ping-replica-period", "3"]);
        // Longer than a test may take.
        node.ask(&["CONFIG", "SET", "shutdown-timeout", "3600"]);
    }
    bridge.start(args);
    eventually("the bridge has a place in each shard", || bridge.places() == nodes.len());
    for node in &nodes {
        node.ask(&["FUNCTION", "FLUSH"]);
        assert_eq!(node.ask(&["WAIT", "1", "3600000"]), ":1");
        let written = node.offset();
        eventually("the server has sent a PING", || node.offset() > written);
        let silent = node.offset();
        eventually("the position is at the end", || bridge.offset(node).is_some_and(|saved| saved >= silent));
    }
    for node in nodes {
        let log = node.shut_down();
        assert!(log.contains("1 of 1 replicas are in sync when shutting down"), "{log}");
    }
    bridge.kill();
}

#[test]
#[ignore = "needs redis-server and nats-server: tests/run"]
fn the_position_is_at_the_end_in_silence() {
    let folder = Folder::new();
    in_silence(vec![Node::alone(&folder, None)], &folder, &[]);
}

#[test]
#[ignore = "needs redis-server and nats-server: tests/run"]
fn the_position_of_each_shard_is_at_the_end_in_silence() {
    let folder = Folder::new();
    in_silence(Node::cluster(&folder), &folder, &["--cluster"]);
}
