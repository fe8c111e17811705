//! Failovers under load, and histories that end: each is an exact resume or an explicit gap.

use std::io::Error;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use redtail::net::{Builder, Connector};
use redtail::{AttachMethod, Follower, OnGap, Role, Start};

use crate::client::{Client, Value};
use crate::copy::{count, replay, same_data};
use crate::follow::{BACKOFF, Seen, Watch, follow};
use crate::help::{PATIENCE, eventually};
use crate::load::Load;
use crate::server::{Kind, Server};

/// The stream since the server was empty, complete and without repetitions, rebuilds its present data.
pub(crate) fn nothing_is_missing(seen: &Seen, server: &Server) {
    assert!(seen.gaps().is_empty(), "{:?}", seen.gaps());
    let copy = Server::start(server.kind);
    replay(&copy, 0, &seen.stream());
    same_data(&copy, server);
}

/// The last connection continues the history that the first began, under the server's present id.
fn goes_on_at(seen: &Seen, server: &Server) {
    let (first, last) = (seen.attached()[0], *seen.attached().last().expect("attached"));
    assert_eq!((last.method, last.history), (AttachMethod::Continued, first.history), "{:?}", server.kind);
    assert_eq!(last.replid.map(|id| id.to_string()), Some(server.replid()), "{:?}", server.kind);
    assert_ne!(last.replid, first.replid);
}

/// A follower that connects to this port each time.
fn follow_whoever_is(port: &Arc<AtomicU16>) -> Builder<Connector<TcpStream>> {
    let port = port.clone();
    let connect = move || TcpStream::connect(("127.0.0.1", port.load(Ordering::Acquire)));
    Follower::with_connector(connect).control(true).reconnect(BACKOFF).on_gap(OnGap::Continue)
}

fn attached_over(builder: Builder<Connector<TcpStream>>) -> Watch {
    let watch = Watch::over(builder.connect().expect("connect"));
    watch.wait("attached", |seen| !seen.attached().is_empty());
    watch
}

// ---- Sentinel -----------------------------------------------------------------------------------------------------

/// The primary according to a Sentinel.
pub(crate) fn watched(sentinel: u16) -> std::io::Result<u16> {
    let address = Client::connect(sentinel, None)?.try_call(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "watched"])?;
    let Value::Array(address) = address else { return Err(Error::other("no primary is known")) };
    address[1].text().parse().map_err(Error::other)
}

/// Three Sentinels, of which two must agree, with short timeouts.
pub(crate) fn three_sentinels(primary: &Server, replicas: usize) -> [Server; 3] {
    let sentinels = [(); 3].map(|()| Server::start_sentinel_of(primary, 2));
    for sentinel in &sentinels {
        sentinel.call(&["SENTINEL", "DEBUG", "INFO-PERIOD", "200", "PUBLISH-PERIOD", "200"]);
    }
    for sentinel in &sentinels {
        let known = |what| sentinel.call(&["SENTINEL", what, "watched"]).items().len();
        eventually("the Sentinels know everybody", || (known("REPLICAS"), known("SENTINELS")) == (replicas, 2));
    }
    sentinels
}

/// The replicas that a Sentinel knows, by name, from an INFO of the primary sent after this call.
pub(crate) fn replicas_known_to(sentinel: &Server) -> Vec<String> {
    let now = Instant::now();
    eventually("Sentinel looks at the primary", || {
        let state = sentinel.call(&["SENTINEL", "MASTER", "watched"]);
        let at = state.items().iter().position(|item| item.text() == "info-refresh").expect("a field of its reply");
        let age = state.items()[at + 1].text().parse().expect("milliseconds");
        Duration::from_millis(age) < now.elapsed()
    });
    let replicas = sentinel.call(&["SENTINEL", "REPLICAS", "watched"]);
    let mut names: Vec<_> = replicas.items().iter().map(|replica| replica.items()[1].text()).collect();
    names.sort();
    names
}

/// Waits until all Sentinels name another primary. A vote without a winner costs ten seconds. A Sentinel that was not
/// scheduled for two seconds does nothing for thirty.
pub(crate) fn another_is_promoted(sentinels: &[Server], old: u16) {
    let names_another = |sentinel: &Server| watched(sentinel.port).is_ok_and(|port| port != old);
    let end = Instant::now() + 3 * PATIENCE;
    while !sentinels.iter().all(names_another) {
        if Instant::now() > end {
            let logs: Vec<_> = sentinels.iter().map(Server::log).collect();
            panic!("the Sentinels promote nobody; their last words:\n{}", logs.join("\n\n"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn sorted<const N: usize>(mut names: [String; N]) -> [String; N] {
    names.sort();
    names
}

/// The primary is killed under load. Sentinel promotes a replica, and two followers find it through Sentinel: one that
/// was attached, and one with a saved position.
fn sentinel_fails_over(kind: Kind) {
    let mut old = Server::start(kind);
    let replicas = [(); 2].map(|()| Server::start(kind));
    for replica in &replicas {
        replica.replica_of(&old);
    }
    let sentinels = three_sentinels(&old, replicas.len());
    let [one, ..] = sentinels.each_ref().map(|sentinel| sentinel.port);
    let follow = || {
        let builder = Follower::with_connector(move || TcpStream::connect(("127.0.0.1", watched(one)?)));
        builder.control(true).reconnect(BACKOFF).on_gap(OnGap::Continue)
    };
    let watch = attached_over(follow());
    let saved = attached_over(follow());
    let load = Load::start(move || watched(one));
    saved.reaches(old.offset());
    let before = saved.stop();
    load.goes_on();
    let known = sorted(replicas.each_ref().map(Server::address));
    assert_eq!(replicas_known_to(&sentinels[0]), known, "{kind:?}: Sentinel knows us, too");

    let (old_id, position) = (old.replid(), before.position.expect("a position"));
    // A primary sends a new replica the stream only after an acknowledgement of the snapshot, which the replica sends
    // once a second.
    for replica in &replicas {
        eventually("the replica has what was saved", || replica.offset() >= position.offset);
    }
    old.kill();
    another_is_promoted(&sentinels, old.port);
    load.goes_on();
    let port = watched(one).expect("a primary");
    let new = replicas.iter().find(|replica| replica.port == port).expect("one of the two");
    let later = attached_over(follow().start(Start::At(position)));
    load.goes_on();
    drop(load);
    watch.reaches(new.offset());
    later.reaches(new.offset());

    // Both are attached to the new primary by now, where a Sentinel could find them.
    let others = replicas.iter().filter(|replica| replica.port != port);
    let known = sorted([old.address(), others.map(Server::address).collect()]);
    for sentinel in &sentinels {
        eventually("the Sentinel knows the other two", || replicas_known_to(sentinel) == known);
    }

    let (seen, later) = (watch.stop(), later.stop());
    // The position was saved long before the end, and is part of the new primary's history; only its backlog could be
    // too small.
    assert!(later.gaps().is_empty(), "{kind:?}: {:?}", later.gaps());
    assert_eq!(later.attached()[0].history.map(|id| id.to_string()), Some(old_id), "{kind:?}");
    let copy = Server::start(kind);
    replay(&copy, 0, &before.stream());
    replay(&copy, position.db.expect("it was told"), &later.stream());
    same_data(&copy, new);
    match seen.gaps()[..] {
        [] => {
            goes_on_at(&seen, new);
            nothing_is_missing(&seen, new);
        }
        // The follower received the last bytes of the old primary, the promoted replica did not.
        [gap] => {
            let promoted_at: u64 = new.info("replication")["second_repl_offset"].parse().expect("an offset");
            assert!(gap.from.offset >= promoted_at, "{kind:?}: a gap without need: {gap}");
            assert_eq!((gap.missed, gap.to.replid.to_string()), (None, new.replid()), "{kind:?}");
        }
        _ => panic!("{kind:?}: {:?}", seen.gaps()),
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn sentinel_fails_over_redis_7_0_under_load() {
    sentinel_fails_over(Kind::Redis70);
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn sentinel_fails_over_redis_8_2_under_load() {
    sentinel_fails_over(Kind::Redis82);
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn sentinel_fails_over_valkey_9_1_under_load() {
    sentinel_fails_over(Kind::Valkey91);
}

// ---- FAILOVER -----------------------------------------------------------------------------------------------------

/// Primary and replica exchange their roles repeatedly under load. One follower stays at the server that was the
/// primary first, the other follows the present primary.
#[test]
#[ignore = "needs real servers: tests/run"]
fn two_failovers_lose_nothing_wherever_one_is_attached() {
    for kind in Kind::ALL {
        let (one, other) = (Server::start(kind), Server::start(kind));
        other.replica_of(&one);
        let primary = Arc::new(AtomicU16::new(one.port));
        let stays = Watch::attached(follow(&one).on_gap(OnGap::Continue));
        let moves = attached_over(follow_whoever_is(&primary));
        let asked = primary.clone();
        let load = Load::start(move || Ok(asked.load(Ordering::Acquire)));
        for (from, to) in [(&one, &other), (&other, &one)] {
            from.call(&["FAILOVER"]);
            eventually("they have changed places", || {
                let (from, to) = (from.info("replication"), to.info("replication"));
                to["role"] == "master" && from.get("master_link_status").is_some_and(|link| link == "up")
            });
            primary.store(to.port, Ordering::Release);
            // The follower that returned here before the port was changed.
            from.drop_replicas();
            load.goes_on();
        }
        drop(load);
        eventually("both have everything", || one.offset() == other.offset());
        stays.reaches(one.offset());
        moves.reaches(one.offset());
        for seen in [stays.stop(), moves.stop()] {
            goes_on_at(&seen, &one);
            nothing_is_missing(&seen, &one);
            assert!(seen.disconnected().len() >= 2);
        }
    }
}

// ---- chains -------------------------------------------------------------------------------------------------------

/// A replica forwards only data it has. A follower of it is never ahead of it, or of its own replica, when one is
/// promoted.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_chain_whose_head_dies_loses_nothing() {
    for kind in Kind::ALL {
        let [mut head, middle, leaf] = [(); 3].map(|()| Server::start(kind));
        middle.replica_of(&head);
        leaf.replica_of(&middle);
        let watches = [&middle, &leaf].map(|server| Watch::attached(follow(server)));
        for watch in &watches {
            assert_eq!(watch.seen().attached()[0].role, Some(Role::Replica));
        }
        let primary = Arc::new(AtomicU16::new(head.port));
        let asked = primary.clone();
        let load = Load::start(move || Ok(asked.load(Ordering::Acquire)));
        head.kill();
        middle.promote();
        primary.store(middle.port, Ordering::Release);
        load.goes_on();
        drop(load);
        let [near, far] = watches.map(|watch| {
            watch.reaches(middle.offset());
            watch.stop()
        });
        goes_on_at(&near, &middle);
        goes_on_at(&far, &middle);
        assert_eq!(near.attached().last().expect("attached").role, Some(Role::Primary), "{kind:?}");
        assert_eq!(far.attached().last().expect("attached").role, Some(Role::Replica), "{kind:?}");
        nothing_is_missing(&near, &middle);
        nothing_is_missing(&far, &leaf);
    }
}

/// The replica takes over the history of a primary that restarted empty, and a follower of the replica is informed.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_chain_whose_head_forgets_its_history_is_a_gap() {
    for kind in Kind::ALL {
        let (mut head, middle) = (Server::start(kind), Server::start(kind));
        middle.replica_of(&head);
        let watch = Watch::attached(follow(&middle).on_gap(OnGap::Continue));
        count(&head, "before", 0..10);
        watch.reaches(head.offset());
        let from = watch.position();
        head.kill();
        head.start_again();
        watch.wait("attached again", |seen| !seen.gaps().is_empty() && seen.attached().len() >= 2);
        let expected = count(&head, "after", 0..10);
        watch.wait("the last write", |seen| seen.write("SET after9 9").is_some());
        let seen = watch.stop();
        let [gap] = seen.gaps()[..] else { panic!("{kind:?}: {:?}", seen.gaps()) };
        assert_eq!((gap.from, gap.missed, gap.to.replid.to_string()), (from, None, head.replid()), "{kind:?}");
        assert!(seen.texts().ends_with(&expected), "{kind:?}: {:?}", seen.texts());
        let history = |text| seen.write(text).expect("it was told").history;
        assert_eq!(history("SET before9 9"), Some(from.history), "{kind:?}");
        assert_eq!(history("SET after0 0"), Some(gap.to.history), "{kind:?}");
    }
}

// ---- a new id -----------------------------------------------------------------------------------------------------

/// A primary that changes its id continues without notice; but no follower can resume at it.
#[test]
#[ignore = "needs real servers: tests/run"]
fn an_unannounced_new_id_is_a_gap_once_the_connection_is_lost() {
    for kind in Kind::ALL {
        let server = Server::start(kind);
        server.make_backlog();
        let watch = Watch::attached(follow(&server).on_gap(OnGap::Continue));
        let mut expected = count(&server, "before", 0..10);
        let old = server.replid();
        server.call(&["DEBUG", "CHANGE-REPL-ID"]);
        assert_ne!(server.replid(), old);
        expected.extend(count(&server, "under the new id", 0..10));
        watch.reaches(server.offset());
        let from = watch.position();
        assert_eq!((from.replid.to_string(), watch.seen().attached().len()), (old, 1), "{kind:?}");
        server.drop_replicas();
        watch.wait("attached again", |seen| seen.attached().len() == 2);
        expected.extend(count(&server, "after", 0..10));
        watch.reaches(server.offset());
        let seen = watch.stop();
        // Nothing was written between the two connections, and nothing is missing; yet no server could confirm that.
        assert_eq!(seen.texts(), expected, "{kind:?}");
        let [gap] = seen.gaps()[..] else { panic!("{kind:?}: {:?}", seen.gaps()) };
        assert_eq!((gap.from, gap.missed, gap.to.replid.to_string()), (from, None, server.replid()), "{kind:?}");
        assert_eq!(gap.to.offset, from.offset);
    }
}
