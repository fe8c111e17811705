//! `redtail doctor --cluster` against scripted nodes.

use std::net::TcpListener;

use crate::doctor::{Asked, Examined, Script};
use crate::run::{Ran, run};

/// Three primaries with a replica each: node n + 3 is the replica of node n.
struct Nodes {
    ports: Vec<u16>,
    listeners: Vec<Option<TcpListener>>,
    /// First and last slot of each shard.
    slots: [(u32, u32); 3],
}

impl Nodes {
    fn new() -> Self {
        let listeners: Vec<_> = (0..6).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports = listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
        let slots = [(0, 5460), (5461, 10_922), (10_923, 16_383)];
        Self { ports, listeners: listeners.into_iter().map(Some).collect(), slots }
    }

    fn shards(&self, primaries: [usize; 3]) -> String {
        let node = |at: usize, role: &str| {
            let port = self.ports[at];
            format!(
                "*12\r\n+id\r\n+{at:040}\r\n+port\r\n:{port}\r\n+ip\r\n+127.0.0.1\r\n+endpoint\r\n+127.0.0.1\r\n+role\r\n+{role}\r\n\
                 +health\r\n+online\r\n"
            )
        };
        let shard = |(at, (first, last)): (usize, &(u32, u32))| {
            let nodes = [at, at + 3].map(|one| node(one, if one == primaries[at] { "master" } else { "replica" }));
            format!("*4\r\n+slots\r\n*2\r\n:{first}\r\n:{last}\r\n+nodes\r\n*2\r\n{}", nodes.concat())
        };
        format!("*3\r\n{}", self.slots.iter().enumerate().map(shard).collect::<String>())
    }

    /// The answers of a healthy node.
    fn node(&self, at: usize) -> Script {
        let script = Script::healthy().info(&[("cluster_enabled", "1"), ("redis_mode", "cluster")]);
        let script = script.answer("CLUSTER SHARDS", &self.shards([0, 1, 2]));
        let script = script.answer("CLUSTER MYID", &format!("+{at:040}\r\n"));
        let script = script.answer("CLUSTER INFO", "$18\r\ncluster_state:ok\r\n\r\n");
        match at {
            0..3 => script.answer("ROLE", "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"),
            _ => script
                .info(&[("role", "slave"), ("master_link_status", "up")])
                .answer("ROLE", "*5\r\n$5\r\nslave\r\n+127.0.0.1\r\n:1\r\n+connected\r\n:0\r\n"),
        }
    }

    /// Starts all nodes, except those for which `change` returns `None`. Returns the address of the first.
    fn serve(mut self, change: impl Fn(usize, Script, &Self) -> Option<Script>) -> (String, Vec<Asked>) {
        let address = format!("127.0.0.1:{}", self.ports[0]);
        let mut asked = Vec::new();
        for at in 0..6 {
            let listener = self.listeners[at].take().unwrap();
            if let Some(script) = change(at, self.node(at), &self) {
                asked.push(script.serve_at(listener));
            }
        }
        (address, asked)
    }

    fn page(self, change: impl Fn(usize, Script, &Self) -> Option<Script>) -> Ran {
        let (address, _) = self.serve(change);
        let ran = run(&["doctor", &address, "--cluster", "--sample", "0.01"]);
        assert!(ran.text().lines().all(|line| line.chars().count() <= 80), "{}", ran.text());
        ran
    }

    fn examine(self, change: impl Fn(usize, Script, &Self) -> Option<Script>) -> Examined {
        let (address, asked) = self.serve(change);
        let ran = run(&["doctor", &address, "--cluster", "--json", "--sample", "0.01"]);
        let harmless =
            ["PING", "INFO", "ROLE", "REPLCONF capa", "REPLCONF rdb", "COMMAND INFO", "COMMAND LIST", "CONFIG GET"];
        let harmless_too =
            ["ACL WHOAMI", "ACL DRYRUN", "CLUSTER SHARDS", "CLUSTER SLOTS", "CLUSTER INFO", "CLUSTER MYID", NAMING];
        for question in asked.iter().flat_map(|asked| asked.lock().unwrap().clone()) {
            assert!(harmless.iter().chain(&harmless_too).any(|words| question.starts_with(words)), "{question}");
        }
        Examined::of(ran, Vec::new())
    }
}

/// The name of this program, for CLIENT LIST.
const NAMING: &str = "CLIENT SETINFO LIB-NAME redtail";

#[test]
fn a_good_cluster_is_good_on_one_page() {
    let ran = Nodes::new().page(|_, script, _| Some(script)).ok();
    let text = ran.text();
    assert!(text.contains("\n good  cluster        3 shards, 6 nodes: Redis 7.0.15\n"), "{text}");
    assert!(text.contains("all 6 that answer agree on primaries and slots"), "{text}");
    assert_eq!(text.matches("\n good  shard ").count(), 3, "{text}");
    assert!(text.contains("where to start (redtail tail --cluster --from ...)"), "{text}");
    assert!(text.trim_end().ends_with("--cluster") && text.lines().count() <= 40, "{text}");
    let examined = Nodes::new().examine(|_, script, _| Some(script));
    assert_eq!(examined.code, 0, "{:#}", examined.report);
    let shards = examined.report["facts"]["shards"].as_array().unwrap();
    assert_eq!((shards.len(), &shards[1]["slots"]), (3, &"5461-10922".into()));
    assert_eq!((&shards[1]["primary"]["reachable"], &shards[1]["facts"]["role"]), (&true.into(), &"master".into()));
    let starts = examined.report["starts"].as_array().unwrap();
    let names: Vec<_> = starts.iter().map(|start| start["start"].as_str().unwrap()).collect();
    assert_eq!(names, ["now", "now-without-fork", "snapshot"]);
}

#[test]
fn nodes_that_are_away_are_named() {
    let without_replica = |at: usize, script: Script, _: &Nodes| (at != 4).then_some(script);
    Nodes::new()
        .examine(without_replica)
        .only("warn", &["the replica 127.0.0.1:", "Connection refused", "can't replace its primary"]);
    let without_primary = Nodes::new().examine(|at, script, _| (at != 1).then_some(script));
    without_primary.only("bad", &["no reachable primary for 5462 slots", "Connection refused"]);
    assert_eq!(without_primary.report["facts"]["shards"][1]["facts"], serde_json::Value::Null);
    let page = Nodes::new().page(|at, script, _| (at != 1).then_some(script));
    assert!(page.code == 1 && page.text().ends_with("It can't be followed.\n"), "{}", page.text());
}

#[test]
fn slots_and_primaries_that_nodes_disagree_about_are_warnings() {
    let open = Nodes { slots: [(0, 5000), (5461, 10_922), (10_923, 16_383)], ..Nodes::new() };
    let open = open.examine(|_, script, _| Some(script));
    open.only("warn", &["460 of 16384 slots have no node: 5001-5460", "redis-cli --cluster fix 127.0.0.1:"]);
    let other = |at: usize, script: Script, nodes: &Nodes| {
        Some(if at == 5 { script.answer("CLUSTER SHARDS", &nodes.shards([0, 4, 2])) } else { script })
    };
    let other = Nodes::new().examine(other);
    other.only("warn", &["1 of 6 report other primaries or slots than the rest", "redis-cli --cluster check"]);
    let demoted = |at: usize, script: Script, _: &Nodes| {
        let role = "*5\r\n$5\r\nslave\r\n+127.0.0.1\r\n:1\r\n+connected\r\n:0\r\n";
        Some(if at == 1 { script.answer("ROLE", role) } else { script })
    };
    Nodes::new().examine(demoted).only("warn", &["listed as a primary, but reports that it is a replica"]);
}

/// All answers are from the node that was asked first: nobody has confirmed anything.
#[test]
fn nodes_whose_answers_are_from_another_are_no_nodes() {
    let first = |_: usize, script: Script, _: &Nodes| Some(script.answer("CLUSTER MYID", &format!("+{:040}\r\n", 0)));
    let examined = Nodes::new().examine(first);
    let [bad, warn, good] = ["bad", "warn", "good"].map(|severity| examined.all(severity).concat());
    for shard in [1, 2] {
        assert!(bad.contains(&format!("is announced as node {shard:040}, but answers: {:040}", 0)), "{bad}");
    }
    assert!(warn.contains(&format!("is announced as node {:040}, but answers: {:040}", 3, 0)), "{warn}");
    assert!(!good.contains("agree") && !bad.contains(&format!("node {:040}", 0)), "{good}");
    let shards = &examined.report["facts"]["shards"];
    assert_eq!(shards[1]["primary"]["answers_as"], format!("{:040}", 0));
    assert_eq!((&shards[1]["facts"], examined.code), (&serde_json::Value::Null, 1));
    let single = |at: usize, script: Script, _: &Nodes| {
        Some(if at == 1 {
            script.answer("CLUSTER MYID", "-ERR This instance has cluster support disabled\r\n")
        } else {
            script
        })
    };
    Nodes::new().examine(single).only("bad", &["answers: ERR This instance has cluster support", "cluster-announce"]);
}

#[test]
fn a_cluster_that_is_down_can_not_be_followed() {
    let fails = "$20\r\ncluster_state:fail\r\n\r\n";
    let all = Nodes::new().examine(|_, script, _| Some(script.answer("CLUSTER INFO", fails)));
    all.only("bad", &["the cluster is down (cluster_state:fail)", "redis-cli --cluster check"]);
    let one = |at: usize, script: Script, _: &Nodes| {
        Some(if at == 2 { script.answer("CLUSTER INFO", fails) } else { script })
    };
    Nodes::new()
        .examine(one)
        .only("warn", &["the cluster is down according to 127.0.0.1:", "can't reach most of the others"]);
    let alone = Script::healthy();
    let alone = alone.answer("CLUSTER", "-ERR This instance has cluster support disabled\r\n");
    let alone = Nodes::new().examine(move |at, _, _| (at == 0).then(|| alone.clone()));
    alone.only("bad", &["not a node of a cluster", "support disabled", "redtail doctor 127.0.0.1:"]);
}

#[test]
fn what_may_not_be_asked_of_a_cluster_is_named_with_its_rules() {
    for (question, rule) in [("CLUSTER INFO", "+cluster|info"), ("ROLE", "+role")] {
        let examined = Nodes::new().examine(|_, script, _| Some(script.denied(question)));
        examined.only("warn", &["lacks", rule, "ACL SETUSER cdc"]);
    }
    let anonymous = Nodes::new().examine(|_, script, _| Some(script.denied("CLUSTER MYID")));
    anonymous
        .only("bad", &["lacks +cluster|myid", "another node may be at its address", "ACL SETUSER cdc +cluster|myid"]);
    let nothing = Nodes::new().examine(|_, script, _| Some(script.denied("CLUSTER")));
    nothing.only(
        "bad",
        &[
            "may not ask for the nodes of the cluster",
            "+cluster|shards +cluster|slots +cluster|info +cluster|myid +role",
        ],
    );
    let psync = Nodes::new().examine(|_, script, _| Some(script.answer("ACL DRYRUN", "$2\r\nno\r\n")));
    psync.says("bad", &["each shard: the user cdc may not replicate"]);
}

#[test]
fn what_is_wrong_with_shards_is_said_once_for_all_that_have_it() {
    let none = |at: usize, script: Script, _: &Nodes| {
        Some(if at < 2 { script.info(&[("repl_backlog_active", "0")]) } else { script })
    };
    let none = Nodes::new().examine(none);
    none.only("unknown", &["none yet; the first replica creates one", ", 127.0.0.1:"]);
    let small =
        Nodes::new().examine(|at, script, _| Some(Script { grows: if at == 0 { 1_000_000 } else { 1 }, ..script }));
    small.says("warn", &["127.0.0.1:", "covers an outage of", "CONFIG SET repl-backlog-size"]);
    let all = Nodes::new().examine(|_, script, _| Some(script.info(&[("rdb_last_bgsave_status", "err")])));
    all.only("warn", &["each shard: the last background save failed"]);
}

/// A node may answer anything.
#[test]
fn hostile_nodes_get_a_report() {
    for answer in ["*-1\r\n", ":7\r\n", "*1\r\n*1\r\n*-1\r\n", "+\x1b[2J\r\n", "-\r\n", "%1\r\n+a\r\n+b\r\n"] {
        for question in ["CLUSTER", "CLUSTER SHARDS", "CLUSTER INFO", "ROLE", "INFO", "PING"] {
            for wrong in [0, 4] {
                let change = |at: usize, script: Script, _: &Nodes| {
                    Some(if at == wrong { script.denied(question).answer(question, answer) } else { script })
                };
                let examined = Nodes::new().examine(change);
                assert!(matches!(examined.code, 0 | 1 | 3), "{question} {answer:?}");
                assert!(!examined.all("good").concat().contains('\x1b'));
            }
        }
    }
}
