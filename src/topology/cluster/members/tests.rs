//! Replies of real servers (`tests/data/cluster`), and changes to them.

use crate::io::FrameReader;
use crate::topology::cluster::members::*;

macro_rules! recorded {
    ($name:literal) => {
        include_str!(concat!("../../../../tests/data/cluster/", $name, ".resp"))
    };
}

fn answer(text: &str) -> Reply {
    Reply::of(FrameReader::new(text.as_bytes()).next_frame().unwrap().unwrap().item)
}

fn from_shards(text: &str) -> Topology {
    Topology::from_shards(&answer(text), &"asked:7000".parse().unwrap(), false)
}

fn from_slots(text: &str) -> Topology {
    Topology::from_slots(&answer(text), &"asked:7000".parse().unwrap())
}

/// `primary+replicas slots` for each shard, nodes by their ports.
fn shown(topology: &Topology) -> Vec<String> {
    let port = |node: &Node| node.target.to_string().rsplit(':').next().unwrap().to_owned();
    let shard = |shard: &Member| {
        let replicas: String = shard.replicas.iter().map(|node| format!("+{}", port(node))).collect();
        format!("{}{replicas} {}", port(&shard.primary), shard.slots)
    };
    topology.shards.iter().map(shard).collect()
}

#[test]
fn both_questions_are_answered_alike() {
    let expected = ["21100+21103 0-3299,3301-5460,7365", "21101 3300,5461-7364,7366-10922", "21102 10923-16383"];
    let topology = from_shards(recorded!("redis-7.0.15-shards"));
    assert_eq!(shown(&topology), expected);
    assert_eq!(topology.slots().to_string(), "0-16383");
    assert_eq!(topology.shards[0].primary.id, "6836f11e273c17a2fdaa12f281be0760b829cdaa");
    assert_eq!(from_slots(recorded!("redis-7.0.15-slots")), topology);
    let expected = ["21200+21203 0-3299,3301-5460,7365", "21201 3300,5461-7364,7366-10922", "21202 10923-16383"];
    assert_eq!(shown(&from_shards(recorded!("valkey-9.1.2-shards"))), expected);
    assert_eq!(shown(&from_slots(recorded!("valkey-9.1.2-slots"))), expected);
}

/// Fields, states and elements that no server has.
#[test]
fn unknown_fields_of_a_cluster_change_nothing() {
    let text = recorded!("redis-7.0.15-shards");
    let topology = from_shards(text);
    let field = "$6\r\nfuture\r\n*2\r\n:1\r\n%1\r\n+a\r\n_\r\n";
    let longer = text.replace("*14\r\n$2\r\nid\r\n", &format!("*16\r\n{field}$2\r\nid\r\n"));
    let longer = longer.replace("*4\r\n$5\r\nslots\r\n", &format!("*6\r\n{field}$5\r\nslots\r\n"));
    assert_eq!(longer.matches("future").count(), text.matches("$2\r\nid\r\n").count() + topology.shards.len());
    assert_eq!(from_shards(&longer), topology);
    assert_eq!(from_shards(&text.replace("$6\r\nonline", "$8\r\ndraining")), topology);

    let text = recorded!("redis-7.0.15-slots");
    let topology = from_slots(text);
    // An element after the metadata of a node.
    let longer =
        text.replace("*4\r\n$9\r\n127.0.0.1", "*5\r\n$9\r\n127.0.0.1").replace("*0\r\n", "*0\r\n%1\r\n+a\r\n:1\r\n");
    assert_ne!(longer, text);
    assert_eq!(from_slots(&longer), topology);
}

#[test]
fn a_primary_that_is_down_stays_while_it_has_slots() {
    let topology = from_shards(recorded!("redis-7.0.15-shards-failed"));
    assert_eq!(topology.shards[2].slots.to_string(), "10923-16383");
    assert!(!topology.shards[2].primary.is_up);
    // Replaced, its slots are with another.
    let replaced = recorded!("redis-7.0.15-shards-failed").replace("*2\r\n:10923\r\n:16383\r\n", "*0\r\n");
    assert_eq!(from_shards(&replaced).shards.len(), 2);
    // One that has just joined has no slots either.
    let joined = recorded!("redis-7.0.15-shards").replace("*2\r\n:10923\r\n:16383\r\n", "*0\r\n");
    assert_eq!(shown(&from_shards(&joined))[2], "21102 ");
    // Where a shard shows two primaries, the one that lives counts.
    let two = recorded!("valkey-9.1.2-shards")
        .replacen("$6\r\nonline", "$4\r\nfail", 3)
        .replace("$7\r\nreplica", "$6\r\nmaster");
    assert_eq!(shown(&from_shards(&two))[0], "21203+21200 0-3299,3301-5460,7365");
}

#[test]
fn a_server_without_an_address_is_where_it_was_asked() {
    let unnamed = ["$0\r\n\r\n", "$-1\r\n"];
    for name in unnamed {
        let text =
            recorded!("redis-7.0.15-shards").replace("endpoint\r\n$9\r\n127.0.0.1\r\n", &format!("endpoint\r\n{name}"));
        assert_eq!(from_shards(&text).shards[0].primary.target.to_string(), "asked:21100");
        let text = recorded!("redis-7.0.15-slots").replace("$9\r\n127.0.0.1\r\n", name);
        assert_eq!(from_slots(&text).shards[0].replicas[0].target.to_string(), "asked:21103");
        let socket = Target::Unix("/s".into());
        let text =
            recorded!("redis-7.0.15-shards").replace("endpoint\r\n$9\r\n127.0.0.1\r\n", &format!("endpoint\r\n{name}"));
        let topology = Topology::from_shards(&answer(&text), &socket, false);
        assert_eq!(topology.shards[0].primary.target.to_string(), "127.0.0.1:21100");
    }
    let named =
        recorded!("redis-7.0.15-shards").replace("endpoint\r\n$9\r\n127.0.0.1\r\n", "endpoint\r\n$9\r\nnode.test\r\n");
    assert_eq!(from_shards(&named).shards[0].primary.target.to_string(), "node.test:21100");
}

/// `cluster-preferred-endpoint-type hostname`, and no hostname announced. Recorded from Redis 7.0.15.
#[test]
fn a_server_without_a_hostname_is_at_its_ip() {
    let first = |topology: Topology| topology.shards[0].primary.target.to_string();
    let shards = recorded!("redis-7.0.15-shards").replace("endpoint\r\n$9\r\n127.0.0.1\r\n", "endpoint\r\n$1\r\n?\r\n");
    assert_eq!(first(from_shards(&shards)), "127.0.0.1:21100");
    let slots =
        "*1\r\n*3\r\n:0\r\n:16383\r\n*4\r\n$1\r\n?\r\n:21100\r\n$2\r\nid\r\n*2\r\n$2\r\nip\r\n$9\r\n127.0.0.2\r\n";
    assert_eq!(first(from_slots(slots)), "127.0.0.2:21100");
    // A node that has not met another one does not know its ip.
    assert_eq!(first(from_slots(&slots.replace("$9\r\n127.0.0.2\r\n", "$0\r\n\r\n"))), "asked:21100");
    let without = shards.replace("$2\r\nip\r\n$9\r\n127.0.0.1\r\n", "$2\r\nip\r\n$0\r\n\r\n");
    assert_eq!(first(from_shards(&without)), "asked:21100");
}

#[test]
fn tls_has_a_port_of_its_own() {
    let text = recorded!("redis-7.0.15-shards").replace("*14\r\n", "*16\r\n$8\r\ntls-port\r\n:7443\r\n");
    let asked = "asked:7000".parse().unwrap();
    let ports = |tls| Topology::from_shards(&answer(&text), &asked, tls).shards[0].primary.target.to_string();
    assert_eq!((ports(true), ports(false)), ("127.0.0.1:7443".into(), "127.0.0.1:21100".into()));
}

#[test]
fn what_makes_no_sense_is_left_out() {
    for text in [
        "*0\r\n",
        "$5\r\nhello\r\n",
        "*1\r\n*0\r\n",
        "*1\r\n*4\r\n$5\r\nslots\r\n*1\r\n:5\r\n$5\r\nnodes\r\n*0\r\n",
        "_\r\n",
    ] {
        assert_eq!(from_shards(text), Topology::default());
        assert_eq!(from_slots(text), Topology::default());
    }
}
