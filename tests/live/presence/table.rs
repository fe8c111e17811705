//! Every command of a primary that waits for replicas or counts them: its outcome without a follower, and with one
//! under each acknowledgement policy.

use std::process::Command;
use std::time::{Duration, Instant};

use redtail::{Ack, Start};

use crate::client::{Client, Value};
use crate::cluster::nodes::Nodes;
use crate::follow::{Watch, follow};
use crate::help::{eventually, output};
use crate::presence::online;
use crate::server::{Kind, Server};

/// Without a follower, and with one of each policy.
const COLUMNS: [(&str, Option<Ack>); 4] = [
    ("without", None),
    ("observe", Some(Ack::Observe)),
    ("received", Some(Ack::Received)),
    ("applied", Some(Ack::Applied)),
];

/// The differences, with the text that names each in docs/acknowledging.md, and its outcome under each policy.
const NAMED: [(&str, &str, [&str; 3]); 6] = [
    ("WAIT 1, the replica hangs", "counted by WAIT", ["waits in vain", "counted", "counted"]),
    ("min-replicas-to-write 2", "`min-replicas-to-write`", ["accepted"; 3]),
    (
        "FAILOVER, the replica hangs",
        "eligible for FAILOVER",
        ["given up", "chooses the follower", "chooses the follower"],
    ),
    ("SHUTDOWN", "SHUTDOWN of the primary", ["waits for its timeout", "all in sync", "all in sync"]),
    ("SETSLOT STABLE, the replica hangs", "Valkey's SETSLOT", ["as without", "OK", "OK"]),
    ("connected_slaves", "`connected_slaves`", ["2"; 3]),
];

type Outcomes = Vec<(&'static str, String)>;

#[test]
#[ignore = "minutes long: tests/soak presence"]
fn the_table_of_presence() {
    let kinds = [Kind::Redis70, Kind::Redis82, Kind::Redis810, Kind::Valkey81, Kind::Valkey91];
    let page = include_str!("../../../docs/acknowledging.md");
    let unnamed: Vec<&str> = NAMED.iter().map(|(_, words, _)| *words).filter(|words| !page.contains(words)).collect();
    assert_eq!(unnamed, Vec::<&str>::new(), "the page does not name these");
    let wrong = kinds.map(table).concat();
    assert_eq!(wrong, Vec::<String>::new(), "rows differ that the page does not name");
}

/// Prints the table of a server, and returns the rows that differ from what is named.
fn table(kind: Kind) -> Vec<String> {
    // Most of the time is spent waiting.
    let columns = std::thread::scope(|scope| {
        COLUMNS.map(|(_, ack)| scope.spawn(move || outcomes(kind, ack))).map(|thread| thread.join().expect("a column"))
    });
    let mut text = format!("\n{kind:?}\n{:<38}", "");
    COLUMNS.iter().for_each(|(name, _)| text += &format!("{name:<24}"));
    let mut wrong = Vec::new();
    for (row, (feature, without)) in columns[0].iter().enumerate() {
        text += &format!("\n{feature:<38}");
        let named = NAMED.iter().find(|(name, ..)| name == feature).map(|(.., outcomes)| outcomes);
        for (column, outcomes) in columns.iter().enumerate() {
            let outcome = outcomes.get(row).map_or("not reached", |(_, outcome)| outcome);
            text += &format!("{outcome:<24}");
            let named = column.checked_sub(1).and_then(|policy| named.map(|named| named[policy]));
            let expected = named.filter(|outcome| *outcome != "as without").unwrap_or(without);
            if outcome != expected {
                wrong.push(format!("{kind:?}, {feature}, {}: {outcome}, not {expected}", COLUMNS[column].0));
            }
        }
    }
    println!("{text}");
    wrong
}

fn outcomes(kind: Kind, ack: Option<Ack>) -> Outcomes {
    [healthy(kind, ack), hanging(kind, ack), shutdown(kind, ack), sentinel(kind, ack), cluster(kind, ack)].concat()
}

fn attach(server: &Server, start: Start, ack: Option<Ack>) -> Option<Watch> {
    let watch = online(server, follow(server).start(start).ack(ack?));
    watch.reaches(server.offset());
    Some(watch)
}

/// A primary with a replica, and the follower.
fn pair(kind: Kind, args: &[&str], ack: Option<Ack>) -> (Server, Server, Option<Watch>) {
    let (primary, replica) = (Server::start_with(kind, args), Server::start(kind));
    replica.replica_of(&primary);
    let watch = attach(&primary, Start::Now, ack);
    let wanted = format!("{}", 1 + usize::from(ack.is_some()));
    comes(|| {
        let info = primary.info("replication");
        info.values().filter(|value| value.contains("state=online")).count().to_string() == wanted
    });
    (primary, replica, watch)
}

/// Whether this happens. The time determines only the duration of a failing test.
fn comes(condition: impl Fn() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(30);
    while Instant::now() < end {
        if condition() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

fn either(is: bool, yes: &str, no: &str) -> String {
    if is { yes } else { no }.to_owned()
}

/// The reply, or the code of an error.
fn said(reply: &Value) -> String {
    match reply {
        Value::Error(message) if message.contains("unknown") || message.contains("Unknown") => "unknown".to_owned(),
        Value::Error(message) => message.split(' ').next().unwrap_or_default().to_owned(),
        Value::Array(items) => items.iter().map(said).collect::<Vec<_>>().join(" "),
        Value::Int(number) => number.to_string(),
        other => other.text(),
    }
}

fn write_and(client: &mut Client, args: &[&str]) -> Value {
    client.call(&["INCR", "n"]);
    client.ask(args)
}

fn healthy(kind: Kind, ack: Option<Ack>) -> Outcomes {
    let (primary, replica, _watch) = pair(kind, &[], ack);
    let mut client = primary.client();
    let mut outcomes = vec![("connected_slaves", primary.info("replication")["connected_slaves"].clone())];
    let count = write_and(&mut client, &["WAIT", "1", "10000"]).int();
    outcomes.push(("WAIT 1", either(count > 0, "counted", "waits in vain")));
    outcomes.push(("WAITAOF 0 1, the replica has none", said(&write_and(&mut client, &["WAITAOF", "0", "1", "300"]))));
    for (feature, least) in [("min-replicas-to-write 1", "1"), ("min-replicas-to-write 2", "2")] {
        primary.config_set("min-replicas-to-write", least);
        outcomes.push((feature, either(client.ask(&["INCR", "n"]).is_error(), "refused", "accepted")));
    }
    primary.config_set("min-replicas-to-write", "0");
    client.call(&["CLIENT", "PAUSE", "200", "WRITE"]);
    outcomes.push(("CLIENT PAUSE", said(&client.ask(&["SET", "k", "v"]))));
    client.call(&["FAILOVER", "TO", "127.0.0.1", &replica.port.to_string(), "TIMEOUT", "20000"]);
    let is_promoted = comes(|| replica.info("replication")["role"] == "master");
    outcomes.push(("FAILOVER TO the replica", either(is_promoted, "it is promoted", "it is not promoted")));
    outcomes
}

fn hanging(kind: Kind, ack: Option<Ack>) -> Outcomes {
    let (primary, replica, watch) = pair(kind, &[], ack);
    replica.stand_still();
    let mut client = primary.client();
    let count = write_and(&mut client, &["WAIT", "1", "3000"]).int();
    let wait = ("WAIT 1, the replica hangs", either(count > 0, "counted", "waits in vain"));
    if let Some(watch) = &watch {
        watch.reaches(primary.offset());
    }
    client.call(&["FAILOVER", "TIMEOUT", "5000"]);
    let state = || primary.info("replication")["master_failover_state"].clone();
    comes(|| state() != "waiting-for-sync");
    let failover = either(state() == "no-failover", "given up", "chooses the follower");
    vec![wait, ("FAILOVER, the replica hangs", failover)]
}

fn shutdown(kind: Kind, ack: Option<Ack>) -> Outcomes {
    let (mut primary, replica, watch) = pair(kind, &["--shutdown-timeout", "5"], ack);
    primary.call(&["SET", "k", "v"]);
    if let Some(watch) = &watch {
        watch.reaches(primary.offset());
    }
    primary.shut_down("NOSAVE");
    let count = 1 + usize::from(ack.is_some());
    let log = primary.log();
    let outcome = either(log.contains(&format!("{count} of {count} replicas are in sync")), "all in sync", "");
    drop(replica);
    vec![("SHUTDOWN", if outcome.is_empty() { "waits for its timeout".to_owned() } else { outcome })]
}

fn sentinel(kind: Kind, ack: Option<Ack>) -> Outcomes {
    let (mut primary, replica, _watch) = pair(kind, &[], ack);
    let sentinel = Server::start_sentinel(&primary);
    let known = || sentinel.call(&["SENTINEL", "REPLICAS", "watched"]).items().len();
    comes(|| known() > 0);
    let count = known().to_string();
    primary.kill();
    let role = || Client::connect(replica.port, None).and_then(|mut client| client.try_call(&["ROLE"]));
    let is_promoted = comes(|| role().is_ok_and(|role| role.items()[0].text() == "master"));
    vec![
        ("replicas that Sentinel knows", count),
        ("failover by Sentinel", either(is_promoted, "replica promoted", "none")),
    ]
}

fn cluster(kind: Kind, ack: Option<Ack>) -> Outcomes {
    let mut nodes = Nodes::start(kind, 3, 1);
    let mut outcomes = Vec::new();
    let id = |nodes: &Nodes, at: usize| nodes.servers[at].call(&["CLUSTER", "MYID"]).text();
    let (source, target) = (id(&nodes, 0), id(&nodes, 1));
    let setslot = |nodes: &Nodes, at: usize, args: &[&str]| {
        said(&nodes.servers[at].client().ask(&[&["CLUSTER", "SETSLOT"], args].concat()))
    };
    let features = [
        (Start::Now, ["SETSLOT MIGRATING", "SETSLOT IMPORTING", "SETSLOT STABLE"]),
        (
            Start::Snapshot,
            [
                "SETSLOT MIGRATING, from a snapshot",
                "SETSLOT IMPORTING, from a snapshot",
                "SETSLOT STABLE, from a snapshot",
            ],
        ),
    ];
    for (start, [migrating, importing, stable]) in features {
        let _watches = [0, 1].map(|at| attach(&nodes.servers[at], start, ack));
        outcomes.push((migrating, setslot(&nodes, 0, &["0", "MIGRATING", &target])));
        outcomes.push((importing, setslot(&nodes, 1, &["0", "IMPORTING", &source])));
        outcomes.push((stable, setslot(&nodes, 0, &["0", "STABLE"])));
        setslot(&nodes, 1, &["0", "STABLE"]);
    }
    let watches = [0, 1].map(|at| attach(&nodes.servers[at], Start::Now, ack));
    (0..10).for_each(|at| drop(nodes.servers[0].call(&["SET", &format!("{{06S}}{at}"), "v"])));
    let address = nodes.servers[0].address();
    let mut reshard = Command::new(kind.cli());
    reshard.args(["--cluster", "reshard", &address, "--cluster-slots", "10", "--cluster-yes"]);
    let output = output(reshard.args(["--cluster-from", &source, "--cluster-to", &target]), b"");
    outcomes.push(("redis-cli --cluster reshard", either(output.status.success(), "moves the slots", "fails")));
    if !output.status.success() {
        return outcomes;
    }
    nodes.are_whole();
    let begun = nodes.servers[1].client().ask(&["CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", "0", "9", "NODE", &source]);
    let state = || nodes.servers[1].call(&["CLUSTER", "GETSLOTMIGRATIONS"]).items()[0].clone();
    let is_over = |state: &Value| ["success", "failed", "cancelled"].iter().any(|end| fields(state).contains(end));
    outcomes.push((
        "CLUSTER MIGRATESLOTS",
        match begun.is_error() {
            true => said(&begun),
            false => {
                comes(|| is_over(&state()));
                either(fields(&state()).contains("success"), "moves the slots", "fails")
            }
        },
    ));
    let begun = nodes.servers[0].client().ask(&["CLUSTER", "MIGRATION", "IMPORT", "0", "9"]);
    let state = || fields(&nodes.servers[0].call(&["CLUSTER", "MIGRATION", "STATUS", "ALL"]));
    let is_over = |state: &str| ["completed", "failed", "canceled"].iter().any(|end| state.contains(end));
    outcomes.push((
        "CLUSTER MIGRATION IMPORT",
        match begun.is_error() {
            true => said(&begun),
            false => {
                comes(|| is_over(&state()));
                either(state().contains("completed"), "moves the slots", "fails")
            }
        },
    ));
    let replicas = nodes.servers[0].call(&["CLUSTER", "REPLICAS", &source]).items().len();
    outcomes.push(("CLUSTER REPLICAS", replicas.to_string()));
    agree_on_slots(&nodes);
    let (replica, other) = (nodes.replica_of(0), nodes.replica_of(1));
    nodes.servers[replica].call(&["CLUSTER", "FAILOVER"]);
    let is_primary = |nodes: &Nodes, at: usize| comes(|| nodes.servers[at].info("replication")["role"] == "master");
    outcomes.push(("CLUSTER FAILOVER", either(is_primary(&nodes, replica), "replica promoted", "none")));
    nodes.are_whole();
    let watch = attach(&nodes.servers[replica], Start::Now, ack);
    nodes.servers[replica].kill();
    outcomes.push(("vote of the cluster", either(is_primary(&nodes, 0), "replica promoted", "none")));
    // The last one: a hanging replica makes the cluster fail over.
    nodes.servers[other].stand_still();
    let args = ["5000", "STABLE"];
    outcomes.push(("SETSLOT STABLE, the replica hangs", setslot(&nodes, 1, &args)));
    drop((watches, watch));
    outcomes
}

/// Waits until every node knows the owner of each slot: a vote is denied to a replica that does not.
fn agree_on_slots(nodes: &Nodes) {
    let slots = |server: &Server| {
        let text = server.call(&["CLUSTER", "NODES"]).text();
        let mut owners: Vec<String> = text
            .lines()
            .map(|line| {
                let words: Vec<&str> = line.split(' ').collect();
                [words[0], &words[8..].join(" ")].join(" ")
            })
            .collect();
        owners.sort();
        owners
    };
    eventually("the nodes agree on the slots", || {
        let known: Vec<_> = nodes.servers.iter().map(slots).collect();
        known.windows(2).all(|pair| pair[0] == pair[1])
    });
}

/// All texts of a reply.
fn fields(reply: &Value) -> String {
    match reply {
        Value::Array(items) => items.iter().map(fields).collect::<Vec<_>>().join(" "),
        Value::Simple(_) | Value::Bulk(_) => reply.text(),
        _ => String::new(),
    }
}
