//! A single server: large messages, lost history, and streams with wrong settings.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::servers::{Bridge, Broker, Folder, Node, Sentinel, eventually};
use crate::stream::{self, PARTITIONS};

fn all(folder: &Folder) -> (Node, Broker, Bridge) {
    let node = Node::alone(folder, None);
    let mut broker = Broker::new(folder);
    broker.start();
    let bridge = Bridge::new(folder, std::slice::from_ref(&node), &broker);
    (node, broker, bridge)
}

fn start(bridge: &mut Bridge, more: &[&str]) {
    bridge.start(more);
    eventually("the bridge has a place", || bridge.places() == 1);
}

/// Partition, id and body of each message.
fn messages(broker: &Broker) -> Vec<(u16, String, Value)> {
    let mut all = Vec::new();
    stream::read(broker, |subject, id, body| {
        let partition = subject.strip_prefix("writes.").expect("a subject").parse().expect("a partition");
        all.push((partition, id.to_owned(), body));
    });
    all
}

/// `a` is in partition 7 of 16, `b` in 4, `c` in 5.
#[test]
#[ignore = "needs redis-server and nats-server: tests/run"]
fn commands_reach_the_partitions_of_their_keys_large_ones_too() {
    let folder = Folder::new();
    let (node, broker, mut bridge) = all(&folder);
    start(&mut bridge, &[]);
    node.ask(&["MSET", "a", "1", "b", "2"]);
    node.ask(&["PUBLISH", "a", "1"]);
    node.ask(&["MULTI"]);
    node.ask(&["MSET", "c", "3", "b", "4"]);
    node.ask(&["SET", "c", "5"]);
    node.ask(&["EXEC"]);
    node.ask(&["SET", "a", &"x".repeat(2 << 20)]);
    node.ask(&["SET", "a", "6"]);
    assert_eq!(bridge.wait(), Some(1));
    assert!(bridge.words().contains("max_payload is 1048576 bytes"), "{}", bridge.words());
    // Nothing was skipped: the bridge resumes where it ended.
    start(&mut bridge, &["--too-large", "omit"]);
    stream::wait(&broker, 7);
    let told = bridge.end();
    assert!(told.contains("published without its long arguments"), "{told}");
    let all = messages(&broker);
    let args: Vec<(u16, &Value)> = all.iter().map(|(partition, _, body)| (*partition, &body["args"])).collect();
    let (first, second) = (json!(["MSET", "a", "1", "b", "2"]), json!(["MSET", "c", "3", "b", "4"]));
    let (inside, long, last) =
        (json!(["SET", "c", "5"]), json!(["SET", "a", { "omitted": 2 << 20 }]), json!(["SET", "a", "6"]));
    let expected = [(4, &first), (7, &first), (4, &second), (5, &second), (5, &inside), (7, &long), (7, &last)];
    assert_eq!(args, expected);
    for (at, (partition, id, body)) in all.iter().enumerate() {
        let name = body["id"].as_str().expect("an id");
        let is_copy = at < 4;
        assert_eq!(*id, if is_copy { format!("{name}@{partition}") } else { name.into() });
        assert_eq!(body["partitions"].is_array(), is_copy);
    }
    let place = |at: usize| (all[at].2["tx_at"].as_u64(), all[at].2["tx_of"].as_u64());
    assert_eq!([2, 3, 4].map(place), [(Some(1), Some(1)), (Some(1), Some(2)), (Some(2), Some(2))]);
}

#[test]
#[ignore = "needs redis-server and nats-server: tests/run"]
fn a_lost_history_ends_the_bridge_or_is_told_to_the_stream() {
    let folder = Folder::new();
    let (node, broker, mut bridge) = all(&folder);
    start(&mut bridge, &[]);
    node.ask(&["SET", "a", "1"]);
    stream::wait(&broker, 1);
    let port = node.port;
    drop(node);
    let node = Node::alone(&folder, Some(port));
    node.ask(&["SET", "a", "lost"]);
    assert_eq!(bridge.wait(), Some(4), "{}", bridge.words());
    bridge.start(&["--on-gap", "continue"]);
    let gaps = u64::from(PARTITIONS);
    stream::wait(&broker, 1 + gaps);
    node.ask(&["SET", "a", "2"]);
    stream::wait(&broker, 2 + gaps);
    bridge.end();
    let all = messages(&broker);
    assert!(all[1..=PARTITIONS.into()].iter().all(|(_, _, body)| body["event"] == "gap" && body["missed"].is_null()));
    assert_eq!(all.last().expect("a message").2["args"], json!(["SET", "a", "2"]));
}

/// Positions alone, of unpublished commands, are no reason to wait for more.
#[test]
#[ignore = "needs redis-server and nats-server: tests/run"]
fn what_is_published_nowhere_holds_nothing_up() {
    let folder = Folder::new();
    let (node, mut broker, mut bridge) = all(&folder);
    start(&mut bridge, &["--in-flight", "16"]);
    broker.kill();
    for number in 0..3000 {
        node.ask(&["PUBLISH", "channel", &number.to_string()]);
    }
    node.ask(&["SET", "a", "1"]);
    broker.start();
    stream::wait(&broker, 1);
    assert_eq!(messages(&broker).len(), 1);
    bridge.end();
}

#[test]
#[ignore = "needs redis-server and nats-server: tests/run"]
fn what_would_lose_or_repeat_is_refused() {
    let folder = Folder::new();
    let (_node, _broker, mut bridge) = all(&folder);
    start(&mut bridge, &["--window", "1m"]);
    // Two bridges with one file.
    let mut other = bridge.copy();
    other.start(&[]);
    assert_eq!(other.wait(), Some(1));
    assert!(other.words().contains("another bridge is running"), "{}", other.words());
    bridge.end();
    bridge.start(&["--window", "2m"]);
    assert_eq!(bridge.wait(), Some(2));
    assert!(bridge.words().contains("--dupe-window 2m"), "{}", bridge.words());
    bridge.start(&["--window", "1m", "--prefix", "other"]);
    assert_eq!(bridge.wait(), Some(2));
    assert!(bridge.words().contains("does not listen on other.*"), "{}", bridge.words());
    bridge.start(&["--window", "1m", "--cluster"]);
    assert_eq!(bridge.wait(), Some(2));
    for (args, why) in [
        (&["--command", "GTE"][..], "no known server has this command"),
        (&["--from", "nowhere"], "--from nowhere: "),
        (&["--name", "a b"], "choose 1 to 64 letters, digits, '.', '-', '_' and '='"),
        (&["--prefer-replica"], "options of Sentinels need redis+sentinel://host,host/name"),
        (&["--broker-cert", "/no/such/file"], "--broker-cert-key"),
    ] {
        let mut refused = bridge.copy();
        refused.fresh();
        refused.start(args);
        assert_eq!(refused.wait(), Some(2), "{}", refused.words());
        assert!(refused.words().contains(why), "{}", refused.words());
    }
}

/// Those of Sentinels and of a cluster: by CLIENT LIST, too.
#[test]
#[ignore = "needs redis-server and nats-server: tests/run"]
fn the_server_shows_the_name_of_the_bridge() {
    let folder = Folder::new();
    let (node, broker, mut bridge) = all(&folder);
    for (args, name) in [(&["--name", "orders"][..], "ip=orders.redtail.invalid,"), (&[], "ip=redtail.invalid,")] {
        bridge.start(args);
        eventually("it is shown", || node.ask(&["INFO", "replication"]).contains(name));
        bridge.end();
    }
    let sentinel = Sentinel::of(&folder, &node);
    let target = format!("redis+sentinel://127.0.0.1:{}/orders", sentinel.port);
    let mut bridge = Bridge::of(target, &folder.make("named"), &broker);
    bridge.start(&["--name", "orders"]);
    eventually("it is shown", || node.ask(&["INFO", "replication"]).contains("ip=orders.redtail.invalid,"));
    eventually("the Sentinel shows it", || sentinel.ask(&["CLIENT", "LIST"]).contains("name=orders.redtail.invalid"));
    bridge.end();
}

/// The link may be there before the checkpoint: the file is made and replaced, the link stays.
#[test]
#[ignore = "needs redis-server and nats-server: tests/run"]
fn a_checkpoint_behind_links_has_one_bridge() {
    let folder = Folder::new();
    let (node, _broker, bridge) = all(&folder);
    let links = folder.make("links");
    std::os::unix::fs::symlink(bridge.state(), links.join("first")).expect("a link");
    std::os::unix::fs::symlink("first", links.join("second")).expect("a link");
    let mut through = bridge.copy_at(&links.join("second"));
    start(&mut through, &[]);
    for mut other in [bridge.copy(), bridge.copy_at(&links.join("first"))] {
        other.start(&[]);
        assert_eq!(other.wait(), Some(1), "{}", other.words());
        assert!(other.words().contains("another bridge is running"), "{}", other.words());
    }
    let before = bridge.offset(&node);
    node.ask(&["SET", "a", "1"]);
    eventually("the position is saved", || bridge.offset(&node) > before);
    through.end();
    assert!(["first", "second"].iter().all(|name| links.join(name).is_symlink()));
    assert!(!bridge.state().is_symlink());
}

/// Filters drop commands, also inside of transactions, and the position passes them.
#[test]
#[ignore = "needs redis-server and nats-server: tests/run"]
fn filters_select_what_is_published() {
    let folder = Folder::new();
    let (node, broker, mut bridge) = all(&folder);
    start(&mut bridge, &["--db", "0,2", "--key", "user:*", "--not-key", "user:tmp*", "--not-command", "PEXPIREAT"]);
    for line in [
        "SET user:1 a",
        "SET other a",
        "SET user:tmp1 a",
        "EXPIRE user:1 100",
        "MSET user:2 a other a",
        "MULTI",
        "SET other b",
        "SET user:3 b",
        "EXEC",
        "MULTI",
        "SET other c",
        "EXEC",
        "SELECT 1",
        "SET user:4 a",
        "MOVE user:4 3",
        "SET user:5 a",
        "MOVE user:5 2",
        "SELECT 0",
        "SET user:6 a",
        "SET other d",
    ] {
        node.ask(&line.split(' ').collect::<Vec<_>>());
    }
    let end = node.offset();
    eventually("the position passes what is left out", || bridge.offset(&node).is_some_and(|saved| saved >= end));
    bridge.end();
    let mut lines: Vec<(u64, String)> = Vec::new();
    for (_, _, body) in messages(&broker) {
        let words: Vec<&str> = body["args"].as_array().expect("an array").iter().filter_map(Value::as_str).collect();
        lines.push((body["offset"].as_u64().expect("an offset"), words.join(" ")));
        if words[1] == "user:3" {
            assert_eq!((&body["tx_at"], &body["tx_of"]), (&json!(1), &json!(1)));
        }
    }
    lines.sort_unstable();
    lines.dedup();
    let lines: Vec<&str> = lines.iter().map(|(_, line)| line.as_str()).collect();
    let want = ["SET user:1 a", "MSET user:2 a other a", "SET user:3 b", "MOVE user:5 2", "SET user:6 a"];
    assert_eq!(lines, want);
}

/// The stream says where it begins: at each start without a saved position.
#[test]
#[ignore = "needs redis-server and nats-server: tests/run"]
fn the_stream_says_where_it_begins() {
    let folder = Folder::new();
    let (node, broker, mut bridge) = all(&folder);
    let position = |bridge: &mut Bridge| {
        start(bridge, &[]);
        let offset = bridge.offset(&node).expect("an offset");
        node.ask(&["SET", "a", "1"]);
        eventually("it is confirmed", || bridge.offset(&node).is_some_and(|saved| saved > offset));
        bridge.end();
    };
    position(&mut bridge);
    // With a saved position nothing begins.
    position(&mut bridge);
    bridge.fresh();
    position(&mut bridge);
    let (mut begins, mut ids) = (Vec::new(), Vec::new());
    stream::read_all(&broker, |subject, id, body| {
        ids.push(id.to_owned());
        if body["event"] == "begin" {
            let partition = subject.strip_prefix("writes.").expect("a subject");
            assert_eq!(id, format!("{}@{partition}", body["id"].as_str().expect("an id")));
            let position = body["position"].as_str().expect("a position").to_owned();
            assert!(position.contains(&format!(":{}:", body["offset"])), "{body}");
            begins.push(position);
        }
    });
    assert_eq!(begins.len(), 2 * usize::from(PARTITIONS));
    begins.dedup();
    assert_eq!(begins.len(), 2);
}

#[test]
#[ignore = "needs redis-server and nats-server: tests/run"]
fn what_the_sentinels_name_is_followed() {
    let folder = Folder::new();
    let node = Node::alone(&folder, None);
    let sentinel = Sentinel::of(&folder, &node);
    let mut broker = Broker::new(&folder);
    broker.start();
    let target = format!("redis+sentinel://127.0.0.1:{}/orders", sentinel.port);
    let mut bridge = Bridge::of(target, &folder.make("bridge"), &broker);
    start(&mut bridge, &[]);
    node.ask(&["SET", "a", "1"]);
    stream::wait(&broker, 1);
    bridge.end();
    assert_eq!(messages(&broker)[0].2["args"], json!(["SET", "a", "1"]));
    assert!(messages(&broker)[0].2["shard"].is_null());
}

/// The sum of a metric.
fn metric(address: &str, name: &str) -> Option<f64> {
    let mut socket = TcpStream::connect(address).expect("metrics");
    socket.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").expect("ask");
    let mut text = String::new();
    socket.read_to_string(&mut text).expect("an answer");
    // Names that the tool has, it has documented.
    let known = include_str!("../../../../../docs/operations.md");
    for line in text.lines().filter(|line| line.starts_with("redtail_")) {
        let name = line.split([' ', '{']).next().expect("a name");
        assert!(name.starts_with("redtail_bridge_") || known.contains(name), "{name}");
    }
    let values = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse::<f64>().ok());
    values.reduce(|sum, value| sum + value)
}

#[test]
#[ignore = "needs redis-server and nats-server: tests/run"]
fn metrics_show_the_state_of_the_bridge() {
    let folder = Folder::new();
    let (node, mut broker, mut bridge) = all(&folder);
    start(&mut bridge, &["--metrics", "127.0.0.1:0", "--key", "a*"]);
    let words = bridge.words();
    let line = words.lines().find_map(|line| line.strip_prefix("redtail-nats: metrics at http://")).expect("a line");
    let address = line.strip_suffix("/metrics").expect("an address").to_owned();
    let get = |name: &str| metric(&address, name).unwrap_or_else(|| panic!("{name} is missing"));
    ["SET a 1", "SET other 1"].iter().for_each(|line| drop(node.ask(&line.split(' ').collect::<Vec<_>>())));
    let end = node.offset() as f64;
    eventually("it shows the offset", || get("redtail_replication_offset_bytes") >= end);
    assert_eq!((get("redtail_commands_total"), get("redtail_printed_total")), (2.0, 1.0));
    assert_eq!((get("redtail_attached"), get("redtail_reconnects_total"), get("redtail_gaps_total")), (1.0, 0.0, 0.0));
    let confirmed = f64::from(PARTITIONS) + 1.0;
    eventually("the broker has it", || get("redtail_bridge_confirmed_messages_total") == confirmed);
    assert_eq!((get("redtail_bridge_broker_connected"), get("redtail_bridge_unconfirmed_messages")), (1.0, 0.0));
    eventually("it is saved", || metric(&address, "redtail_checkpoint_timestamp_seconds").is_some());
    assert!(get("redtail_last_write_timestamp_seconds") >= get("redtail_start_timestamp_seconds"));
    broker.kill();
    eventually("the broker is away", || get("redtail_bridge_broker_connected") == 0.0);
    node.ask(&["SET", "a", "2"]);
    node.ask(&["CLIENT", "KILL", "TYPE", "replica"]);
    eventually("it is attached again", || get("redtail_reconnects_total") == 1.0);
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64();
    eventually("nothing is saved", || now() - get("redtail_checkpoint_timestamp_seconds") > 3.0);
    bridge.kill();
}
