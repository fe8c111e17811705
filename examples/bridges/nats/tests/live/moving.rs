//! Slots that move under a load, while bridge and broker are killed.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use redtail::topology::slot;
use serde_json::Value;

use crate::servers::{Bridge, Broker, Folder, Link, Node, encoded, eventually};
use crate::stream;

/// Each has one key; their slots belong to all three nodes.
const TAGS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// A client that follows the cluster's redirections.
struct Client {
    links: HashMap<u16, Link>,
    first: u16,
    owners: HashMap<&'static str, u16>,
}

impl Client {
    fn set(&mut self, tag: &'static str, number: u32) {
        let command = encoded(&[b"SET", tag.as_bytes(), format!("{tag} {number}").as_bytes()]);
        let mut port = *self.owners.get(tag).unwrap_or(&self.first);
        let mut asking = false;
        loop {
            let link = self.links.entry(port).or_insert_with(|| Link::to(port).expect("a link"));
            if std::mem::take(&mut asking) {
                link.send(&encoded(&[b"ASKING"]));
                assert_eq!(link.reply(), "+OK");
            }
            link.send(&command);
            let reply = link.reply_or_error();
            let words: Vec<&str> = reply.split([' ', ':']).collect();
            match words[..] {
                ["+OK"] => return,
                ["-MOVED", _, _, to] => {
                    port = to.parse().expect("a port");
                    self.owners.insert(tag, port);
                }
                ["-ASK", _, _, to] => (port, asking) = (to.parse().expect("a port"), true),
                ["-TRYAGAIN", ..] => thread::sleep(Duration::from_millis(1)),
                _ => panic!("{reply}"),
            }
        }
    }
}

/// Moves slots like `redis-cli --cluster reshard`.
fn move_slot(tag: &str, from: &Node, to: &Node, nodes: &[Node]) {
    let slot = slot(tag.as_bytes()).to_string();
    let (source, target) = (from.ask(&["CLUSTER", "MYID"]), to.ask(&["CLUSTER", "MYID"]));
    to.ask(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &source]);
    from.ask(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &target]);
    // Writers are redirected to the other node as soon as the key is there.
    thread::sleep(Duration::from_millis(20));
    let key = from.ask(&["CLUSTER", "GETKEYSINSLOT", &slot, "10"]);
    assert_eq!(key, tag);
    from.ask(&["MIGRATE", "127.0.0.1", &to.port.to_string(), &key, "0", "60000"]);
    thread::sleep(Duration::from_millis(20));
    for node in [to, from].into_iter().chain(nodes.iter().filter(|node| node.port != to.port && node.port != from.port))
    {
        node.ask(&["CLUSTER", "SETSLOT", &slot, "NODE", &target]);
    }
}

/// A consumer that keeps the data of each shard separately, as docs/bridges.md recommends.
#[derive(Default)]
struct Consumer {
    seen: HashSet<String>,
    /// The last number of each key in each shard.
    last: HashMap<(String, String), u32>,
    /// `None`: moved here, and not written since.
    data: HashMap<(String, String), Option<String>>,
    arrived: u32,
    left: u32,
}

impl Consumer {
    fn take(&mut self, body: &Value) {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        assert_eq!(body["event"], "command");
        let (name, key) = (text(&body["args"][0]), text(&body["args"][1]));
        let place = (text(&body["shard"]), key.clone());
        let is_migration = !body["migration"].is_null();
        match name.as_str() {
            "SET" => {
                assert!(!is_migration);
                let value = text(&body["args"][2]);
                let number = value.split_once(' ').expect("a number").1.parse().expect("a number");
                assert!(self.seen.insert(value.clone()), "{value} came twice");
                let before = self.last.insert(place.clone(), number);
                assert!(before.is_none_or(|before| before < number), "{value} after {before:?} of its shard");
                self.data.insert(place, Some(value));
            }
            "RESTORE-ASKING" => {
                assert_eq!(body["migration"], "key");
                self.arrived += 1;
                self.data.insert(place, None);
            }
            "DEL" | "UNLINK" => {
                assert!(!is_migration);
                self.left += 1;
                assert!(self.data.remove(&place).is_some(), "{key} was not there");
            }
            other => panic!("nobody has sent {other}"),
        }
    }
}

#[test]
#[ignore = "needs redis-server and nats-server: tests/run"]
fn slots_that_move_lose_and_repeat_nothing() {
    let folder = Folder::new();
    let nodes = Node::cluster(&folder);
    let mut broker = Broker::new(&folder);
    broker.start();
    let mut bridge = Bridge::new(&folder, &nodes, &broker);
    bridge.start(&["--cluster"]);
    eventually("the bridge has a place in each shard", || bridge.places() == 3);
    let owner = |tag: &str| {
        nodes.iter().position(|node| (node.slots.0..=node.slots.1).contains(&slot(tag.as_bytes()))).expect("a node")
    };
    let mut owners = TAGS.map(owner);
    let mut client = Client { links: HashMap::new(), first: nodes[0].port, owners: HashMap::new() };
    TAGS.iter().for_each(|tag| client.set(tag, 0));
    let over = AtomicBool::new(false);
    let (mut moves, mut count) = (0, 1);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut number = 1;
            while !over.load(Ordering::Acquire) {
                TAGS.iter().for_each(|tag| client.set(tag, number));
                number += 1;
                thread::sleep(Duration::from_micros(500));
            }
            // The last moved keys are written once more.
            TAGS.iter().for_each(|tag| client.set(tag, number));
            number + 1
        });
        // Each slot visits all nodes and returns to its first.
        for round in 0..3 {
            for (at, tag) in TAGS.iter().enumerate() {
                let to = (owners[at] + 1) % nodes.len();
                move_slot(tag, &nodes[owners[at]], &nodes[to], &nodes);
                owners[at] = to;
                moves += 1;
                match at {
                    1 | 4 => {
                        bridge.kill();
                        bridge.start(&["--cluster"]);
                    }
                    2 if round == 1 => {
                        broker.kill();
                        broker.start();
                    }
                    _ => {}
                }
                thread::sleep(Duration::from_millis(100));
                bridge.assert_is_running();
            }
        }
        over.store(true, Ordering::Release);
        count = writer.join().expect("the writer");
    });

    stream::wait(&broker, u64::from(count) * TAGS.len() as u64 + 2 * moves);
    bridge.end();
    let mut consumer = Consumer::default();
    stream::read(&broker, |_, _, body| consumer.take(&body));
    assert_eq!(consumer.seen.len(), count as usize * TAGS.len(), "changes of the client");
    assert_eq!((u64::from(consumer.arrived), u64::from(consumer.left)), (moves, moves));
    let expected: HashMap<_, _> = TAGS
        .iter()
        .zip(owners)
        .map(|(tag, at)| {
            let value = nodes[at].ask(&["GET", tag]);
            assert_eq!(value, format!("{tag} {}", count - 1));
            ((nodes[at].ask(&["CLUSTER", "MYID"]), (*tag).to_owned()), Some(value))
        })
        .collect();
    assert_eq!(consumer.data, expected);
    println!("{moves} slots moved under {} changes", count as usize * TAGS.len());
}
