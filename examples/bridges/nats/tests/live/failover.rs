//! A primary killed, with the broker there and with the broker away.

use std::ops::Range;

use crate::servers::{Bridge, Broker, Folder, Node, eventually};
use crate::stream;

/// Slot 7365 belongs to the second primary; the test makes it the first.
fn write(node: &Node, numbers: Range<u32>, copies: u32) {
    for number in numbers {
        node.ask(&["MULTI"]);
        node.ask(&["SET", "c", &format!("{number}")]);
        node.ask(&["RPUSH", "{c}list", &format!("{number}")]);
        node.ask(&["EXEC"]);
    }
    // The broker has it too: WAIT returns the bridge's acknowledgement.
    assert_eq!(node.ask(&["WAIT", &copies.to_string(), "60000"]), format!(":{copies}"));
}

#[test]
#[ignore = "needs redis-server and nats-server: tests/run"]
fn a_successor_goes_on_where_the_primary_was_killed() {
    let folder = Folder::new();
    let mut nodes = Node::cluster(&folder);
    nodes.swap(0, 1);
    let second = Node::replica(&folder, &nodes);
    let mut broker = Broker::new(&folder);
    broker.start();
    let mut bridge = Bridge::new(&folder, &nodes, &broker);
    bridge.start(&["--cluster"]);
    eventually("the bridge has a place in each shard", || bridge.places() == 3);

    let first = nodes.remove(0);
    write(&first, 0..50, 2);
    // Writes read now cannot be confirmed, and their primary dies before the replica has them.
    broker.kill();
    write(&first, 50..100, 1);
    drop(first);
    assert_eq!(second.ask(&["CLUSTER", "FAILOVER", "TAKEOVER"]), "+OK");
    eventually("its successor is one", || second.ask(&["ROLE"]).contains("master"));
    bridge.kill();
    broker.start();
    bridge.start(&["--cluster"]);
    write(&second, 100..150, 1);

    stream::wait(&broker, 300);
    bridge.end();
    let mut told = Vec::new();
    stream::read(&broker, |_, _, body| {
        assert_eq!(body["event"], "command");
        told.push((body["args"][0].clone(), body["args"][2].clone()));
    });
    let expected: Vec<_> =
        (0..150).flat_map(|number| ["SET", "RPUSH"].map(|name| (name.into(), number.to_string().into()))).collect();
    assert_eq!(told, expected);
}
