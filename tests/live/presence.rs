//! The view of other programs on a follower. A test that a follower is not counted needs a counted one for comparison.

mod table;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redtail::replication::ReplicaLabel;
use redtail::{Ack, Builder, Position, Start};

use crate::client::Value;
use crate::cluster::nodes::Nodes;
use crate::follow::{Watch, follow};
use crate::help::eventually;
use crate::server::{Kind, Server};

/// The number of replicas that WAIT counts for a new write, within two seconds.
fn wait(server: &Server) -> i64 {
    let mut client = server.client();
    client.call(&["INCR", "n"]);
    client.call(&["WAIT", "1", "2000"]).int()
}

/// Follows, and waits until the primary counts us as connected: it first has to notice the end of the snapshot.
pub(crate) fn online(server: &Server, builder: Builder) -> Watch {
    let watch = Watch::attached(builder);
    let ours = |line: &String| line.starts_with("ip=redtail.invalid,") && line.contains("state=online");
    eventually("the primary says we are online", || server.info("replication").values().any(ours));
    watch
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn wait_counts_us_only_if_we_want_it() {
    for kind in Kind::ALL {
        let server = Server::start(kind);
        server.make_backlog();
        let observer = Watch::attached(follow(&server));
        assert_eq!(wait(&server), 0, "{kind:?}");
        let receiver = Watch::attached(follow(&server).ack(Ack::Received));
        assert_eq!(wait(&server), 1, "{kind:?}");
        receiver.stop();
        assert_eq!(wait(&server), 0, "{kind:?}");
        observer.stop();
    }
}

/// WAIT is answered at once, on its GETACK, not at the next second.
#[test]
#[ignore = "needs real servers: tests/run"]
fn each_question_for_an_acknowledgement_is_answered_at_once() {
    for kind in Kind::ALL {
        let server = Server::start(kind);
        server.make_backlog();
        let watch = Watch::attached(follow(&server).ack(Ack::Received));
        let mut client = server.client();
        for _ in 0..5 {
            client.call(&["INCR", "n"]);
            // The acknowledgement of each second could answer the first of these in time, but not all.
            assert_eq!(client.call(&["WAIT", "1", "700"]).int(), 1, "{kind:?}");
        }
        watch.reaches(server.offset());
        let asked = watch.stop().stream().iter().filter(|write| write.is("REPLCONF")).count();
        assert!(asked >= 5, "{asked}");
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn wait_means_that_the_caller_has_committed_if_wanted() {
    let server = Server::start(Kind::Redis70);
    let mut follower = follow(&server).ack(Ack::Applied).connect().expect("connect");
    let (handle, committed) = (follower.handle(), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while follower.next_timeout(Duration::from_millis(20)).expect("it follows").is_some() {
                if let Some(position) = follower.position() {
                    let offset = committed.load(Ordering::Acquire);
                    follower.commit(Position::new(position.replid, offset, position.db).with_history(position.history));
                }
            }
        });
        eventually("it is attached", || server.info("replication")["connected_slaves"] == "1");
        assert_eq!(wait(&server), 0);
        committed.store(u64::MAX, Ordering::Release);
        eventually("what is committed is acknowledged", || wait(&server) == 1);
        committed.store(server.offset(), Ordering::Release);
        assert_eq!(wait(&server), 0);
        handle.stop();
    });
}

/// A follower that acknowledges received data may be chosen. It cannot become a primary, and the failover is stuck.
#[test]
#[ignore = "needs real servers: tests/run"]
fn failover_chooses_us_only_if_we_acknowledge() {
    for kind in Kind::ALL {
        let server = Server::start(kind);
        server.make_backlog();
        server.call(&["SET", "k", "v"]);
        let state = || server.info("replication")["master_failover_state"].clone();
        let observer = Watch::attached(follow(&server));
        server.call(&["FAILOVER", "TIMEOUT", "2500"]);
        assert_eq!(state(), "waiting-for-sync", "{kind:?}");
        eventually("the failover is given up", || state() == "no-failover");
        assert_eq!(server.info("replication")["role"], "master");
        assert!(!server.log().contains("failing over"), "{}", server.log());

        // The same again, with another follower that acknowledges.
        let receiver = Watch::attached(follow(&server).ack(Ack::Received));
        server.call(&["FAILOVER"]);
        eventually("the failover goes on", || state() == "failover-in-progress");
        assert_eq!(server.info("replication")["role"], "slave", "{kind:?}");
        server.call(&["FAILOVER", "ABORT"]);
        assert_eq!(server.info("replication")["role"], "master");
        drop((observer, receiver));
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn sentinel_takes_us_for_a_replica_only_under_another_label() {
    let primary = Server::start(Kind::Redis70);
    let hidden = Watch::attached(follow(&primary));
    let visible = Watch::attached(follow(&primary).label(ReplicaLabel::new("127.0.0.1").expect("a label")));
    let info = primary.info("replication");
    assert_eq!(info["connected_slaves"], "2", "{info:?}");
    let shown: Vec<_> = ["slave0", "slave1"].iter().map(|name| info[*name].split(',').next().expect("ip=")).collect();
    assert_eq!(shown, ["ip=redtail.invalid", "ip=127.0.0.1"]);

    let sentinel = Server::start_sentinel(&primary);
    let names = || -> Vec<String> {
        let replicas = sentinel.call(&["SENTINEL", "REPLICAS", "watched"]);
        let name = |replica: &Value| replica.items()[1].text();
        replicas.items().iter().map(name).collect()
    };
    // One INFO shows both, or not the first.
    eventually("Sentinel finds the one that can be seen", || !names().is_empty());
    assert_eq!(names(), ["127.0.0.1:0"]);
    drop((hidden, visible));
}

/// Valkey's SETSLOT waits for each replica that has announced a version. A follower announces one for a snapshot with
/// data on 9.1, which otherwise can't write hashes with field expiry, and withdraws it.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_slot_moves_without_waiting_for_us() {
    for kind in [Kind::Valkey81, Kind::Valkey91] {
        let nodes = Nodes::start(kind, 3, 1);
        let source = &nodes.servers[0];
        if kind == Kind::Valkey91 {
            source.call(&["HSET", "{06S}", "field", "value"]);
            source.call(&["HEXPIRE", "{06S}", "10000", "FIELDS", "1", "field"]);
        }
        let target = nodes.servers[1].call(&["CLUSTER", "MYID"]).text();
        let moves = |what: &str| {
            assert_eq!(source.client().ask(&["CLUSTER", "SETSLOT", "0", "MIGRATING", &target]).text(), "OK", "{what}");
            assert_eq!(source.client().ask(&["CLUSTER", "SETSLOT", "0", "STABLE"]).text(), "OK", "{what}");
        };
        moves("without us");
        for start in [Start::Now, Start::Snapshot] {
            for ack in [Ack::Observe, Ack::Received, Ack::Applied] {
                let watch = online(source, follow(source).start(start).ack(ack));
                moves(&format!("{kind:?} {start:?} {ack:?}"));
                source.call(&["INCR", "{06S}n"]);
                watch.reaches(source.offset());
                let seen = watch.stop();
                assert_eq!(seen.disconnected(), []);
                assert!(seen.texts().contains(&format!("CLUSTER SETSLOT 0 MIGRATING {target}")), "{:?}", seen.texts());
            }
        }
    }
}

/// An atomic slot move of Redis 8.4 and later, with followers of both nodes, is neither delayed nor failed: the source
/// hands its slots over, and the target takes them, at the first attempt. Replicas are beside the followers.
#[test]
#[ignore = "needs real servers: tests/run"]
fn an_atomic_slot_move_does_not_wait_for_us() {
    let nodes = Nodes::start(Kind::Redis810, 3, 1);
    (0..100).for_each(|at| drop(nodes.servers[0].call(&["SET", &format!("{{06S}}{at}"), "v"])));
    let mut at = 0;
    let mut moves = |what: &str| {
        let (source, target) = (&nodes.servers[at], &nodes.servers[1 - at]);
        let task = target.call(&["CLUSTER", "MIGRATION", "IMPORT", "0", "100"]).text();
        let state = || {
            let reply = target.call(&["CLUSTER", "MIGRATION", "STATUS", "ID", &task]);
            let text = |field: &Value| if let Value::Int(number) = field { number.to_string() } else { field.text() };
            let fields: Vec<String> = reply.items()[0].items().iter().map(text).collect();
            fields.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect::<HashMap<_, _>>()
        };
        eventually(what, || ["completed", "failed", "canceled"].contains(&state()["state"].as_str()));
        let state = state();
        assert_eq!(
            (&state["state"][..], &state["retries"][..], &state["last_error"][..]),
            ("completed", "0", ""),
            "{what}"
        );
        assert!(source.client().ask(&["GET", "{06S}1"]).text().starts_with("MOVED 0 "), "{what}");
        at = 1 - at;
    };
    moves("without us");
    for start in [Start::Now, Start::Snapshot] {
        for ack in [Ack::Observe, Ack::Received, Ack::Applied] {
            let watches = [0, 1].map(|at| online(&nodes.servers[at], follow(&nodes.servers[at]).start(start).ack(ack)));
            moves(&format!("{start:?} {ack:?}"));
            for (at, watch) in watches.into_iter().enumerate() {
                watch.reaches(nodes.servers[at].offset());
                let seen = watch.stop();
                assert_eq!(seen.disconnected(), []);
                assert!(seen.texts().iter().any(|text| text.contains("ASM-TASK")), "{:?}", seen.texts());
            }
        }
    }
}

/// A user who may not run CLIENT REPLY can follow from a snapshot, but the version stays, and SETSLOT waits.
#[test]
#[ignore = "needs real servers: tests/run"]
fn without_the_permission_a_snapshot_makes_slots_wait() {
    let nodes = Nodes::start(Kind::Valkey91, 3, 1);
    let source = &nodes.servers[0];
    source.call(&["ACL", "SETUSER", "cdc", "on", ">pw", "+psync", "+replconf", "+ping", "+info"]);
    let target = nodes.servers[1].call(&["CLUSTER", "MYID"]).text();
    let moves = || source.client().ask(&["CLUSTER", "SETSLOT", "0", "MIGRATING", &target]).text();
    let login = || follow(source).start(Start::Snapshot).user("cdc", "pw");
    let watch = online(source, login());
    assert_eq!(moves(), "NOREPLICAS Not enough good replicas to write.");
    watch.stop();
    source.call(&["ACL", "SETUSER", "cdc", "+client|reply"]);
    let watch = online(source, login());
    assert_eq!(moves(), "OK");
    assert_eq!(watch.stop().disconnected(), []);
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn the_primary_shows_our_label() {
    for kind in Kind::ALL {
        let server = Server::start(kind);
        server.make_backlog();
        let label = ReplicaLabel::new("billing-feed.invalid").expect("a label");
        let watch = Watch::attached(follow(&server).label(label));
        eventually("the primary says we are online", || {
            let info = server.info("replication");
            info.get("slave0")
                .is_some_and(|line| line.starts_with("ip=billing-feed.invalid,") && line.contains("state=online"))
        });
        watch.stop();
    }
}

/// No policy avoids it: every replica that answers counts for `min-replicas-to-write`.
#[test]
#[ignore = "needs real servers: tests/run"]
fn an_observer_counts_for_the_least_number_of_replicas() {
    for kind in Kind::ALL {
        let server = Server::start(kind);
        server.make_backlog();
        server.config_set("min-replicas-to-write", "1");
        let refused = || server.client().ask(&["SET", "k", "v"]).is_error();
        eventually("the replica that made the backlog is forgotten", refused);
        let watch = Watch::attached(follow(&server));
        eventually("writes are accepted", || !refused());
        watch.stop();
        eventually("writes are refused again", refused);
    }
}

/// A primary that shuts down waits for lagging replicas, and an observer always appears to lag. A follower that
/// acknowledges lags by the request itself, until its next second.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_shutdown_waits_for_an_observer() {
    for kind in Kind::SINCE_7 {
        for (ack, timeout, in_step) in [(Ack::Observe, "1", "0 of 1"), (Ack::Received, "30", "1 of 1")] {
            let mut server = Server::start_with(kind, &["--shutdown-timeout", timeout]);
            let watch = Watch::attached(follow(&server).ack(ack));
            server.call(&["SET", "k", "v"]);
            watch.reaches(server.offset());
            server.shut_down("NOSAVE");
            let said = server.log().contains(&format!("{in_step} replicas are in sync"));
            assert!(said, "{kind:?} {ack:?}:\n{}", server.log());
        }
    }
}
