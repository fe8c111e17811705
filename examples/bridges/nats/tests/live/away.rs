//! A broker outage longer than the primary's timeout for a replica.

use std::thread;
use std::time::Duration;

use crate::servers::{Bridge, Broker, Folder, Node, eventually};
use crate::stream;

const VALUES: usize = 400;

#[test]
#[ignore = "takes long: tests/soak jetstream"]
fn while_the_broker_is_away_the_bridge_waits_and_acknowledges() {
    let folder = Folder::new();
    let node = Node::alone(&folder, None);
    node.ask(&["CONFIG", "SET", "repl-timeout", "10"]);
    let mut broker = Broker::new(&folder);
    broker.start();
    let mut bridge = Bridge::new(&folder, std::slice::from_ref(&node), &broker);
    // Far less than the written amount: the follower's thread waits.
    bridge.start(&["--memory", "1"]);
    eventually("the bridge has a place", || bridge.places() == 1);
    broker.kill();
    let links = |info: &str| info.lines().find(|line| line.starts_with("sync_partial_ok:")).map(str::to_owned);
    let before = links(&node.ask(&["INFO", "all"]));
    let value = "x".repeat(100_000);
    for number in 0..VALUES {
        node.ask(&["SET", "k", &format!("{number} {value}")]);
    }
    thread::sleep(Duration::from_secs(30));
    bridge.assert_is_running();
    let info = node.ask(&["INFO", "all"]);
    assert!(info.contains("connected_slaves:1"), "{info}");
    assert!(bridge.memory_kib() < 40_000, "{} KiB", bridge.memory_kib());
    // The connection is still the first one.
    assert_eq!(links(&info), before);
    // In order, with nothing confirmed; and once more from there.
    bridge.end();
    bridge.start(&["--memory", "1"]);
    thread::sleep(Duration::from_secs(2));
    bridge.assert_is_running();
    broker.start();
    stream::wait(&broker, VALUES as u64);
    bridge.end();
    let mut next = 0;
    stream::read(&broker, |_, _, body| {
        let text = body["args"][2].as_str().expect("a value");
        assert!(text.starts_with(&format!("{next} ")));
        next += 1;
    });
    assert_eq!(next, VALUES);
}
