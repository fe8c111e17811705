//! Every start, on every kind of server.

use std::net::TcpStream;

use redtail::{AttachMethod, Error, Follower, ForkReason, Position, Product, Role, SessionError, Start};

use crate::copy::{count, fill, replay, same_data};
use crate::follow::{Seen, Told, Watch, follow};
use crate::server::{Kind, Server};

/// The attached position is that of INFO, while nobody writes.
fn attached_is_true(server: &Server, seen: &Seen, method: AttachMethod) {
    let [attached] = seen.attached()[..] else { panic!("attached once: {:?}", seen.told) };
    assert_eq!(attached.method, method, "{:?}", server.kind);
    assert_eq!(attached.replid.map(|id| id.to_string()), Some(server.replid()));
    assert_eq!(attached.history, attached.replid);
    assert_eq!(attached.role, Some(Role::Primary));
    says_which_server_it_is(server.kind, &attached);
}

fn says_which_server_it_is(kind: Kind, attached: &redtail::Attached) {
    let server = attached.server.expect("INFO is allowed");
    let family = if matches!(kind, Kind::Valkey81 | Kind::Valkey91) { Product::Valkey } else { Product::Redis };
    assert_eq!(server.product, family);
    assert!(server.version.to_string().starts_with(kind.version().1), "{server}");
}

fn forks(server: &Server) -> String {
    server.info("stats")["total_forks"].clone()
}

/// On a server that has never had a replica, and again on the same server with backlog and data.
#[test]
#[ignore = "needs real servers: tests/run"]
fn now_tells_the_place_and_the_database_by_an_empty_snapshot() {
    for kind in Kind::SINCE_7 {
        let server = Server::start(kind);
        server.call(&["SET", "before", "1"]);
        for (round, db) in [(0, 0), (1, 7)] {
            let watch = Watch::attached(follow(&server));
            attached_is_true(&server, &watch.seen(), AttachMethod::Filtered);
            server.has_only_pinged_since(watch.seen().attached()[0].offset);
            assert!(watch.seen().attached()[0].db.is_some());
            let mut client = server.client();
            client.call(&["SELECT", &db.to_string()]);
            client.call(&["SET", "after", &round.to_string()]);
            watch.reaches(server.offset());
            let seen = watch.stop();
            assert_eq!(seen.texts(), [format!("SET after {round}")], "{kind:?}");
            assert_eq!(seen.writes()[0].db, Some(db));
            let Told::Forking(forking) = &seen.told[0] else { panic!("{:?}", seen.told) };
            assert_eq!(forking.reason, ForkReason::Filtered);
            assert!(forking.used_memory.is_some_and(|bytes| bytes > 100_000), "{forking:?}");
            assert!(forking.last_fork.is_some());
            assert!(seen.snapshot.is_empty());
        }
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn now_on_a_server_before_7_asks_info() {
    let server = Server::start(Kind::Redis62);
    let (_, error) = Watch::start(follow(&server)).fails();
    assert!(matches!(&error, Error::Session(why) if **why == SessionError::NoBacklog), "{error}");
    assert!(error.to_string().contains("snapshot") && error.to_string().contains("probe"), "{error}");

    server.make_backlog();
    let before = forks(&server);
    let watch = Watch::attached(follow(&server));
    attached_is_true(&server, &watch.seen(), AttachMethod::Info);
    server.has_only_pinged_since(watch.seen().attached()[0].offset);
    server.call(&["SET", "after", "1"]);
    watch.reaches(server.offset());
    assert_eq!(watch.stop().texts(), ["SET after 1"]);
    assert_eq!(forks(&server), before);
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn now_on_a_server_before_7_probes_if_it_may() {
    let server = Server::start(Kind::Redis62);
    server.call(&["SET", "before", "1"]);
    let before = forks(&server);
    let watch = Watch::attached(follow(&server).allow_probe(true));
    attached_is_true(&server, &watch.seen(), AttachMethod::Probed);
    server.has_only_pinged_since(watch.seen().attached()[0].offset);
    count(&server, "k", 0..10);
    watch.reaches(server.offset());
    let seen = watch.stop();
    assert_eq!(seen.texts().len(), 10);
    assert!(matches!(seen.told[0], Told::Forking(forking) if forking.reason == ForkReason::Probe), "{:?}", seen.told);
    assert_ne!(forks(&server), before);

    // With a backlog there is no need for it.
    let watch = Watch::attached(follow(&server).allow_probe(true));
    attached_is_true(&server, &watch.stop(), AttachMethod::Info);
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn now_without_fork_does_not_fork_and_learns_db_from_select() {
    for kind in Kind::ALL {
        let server = Server::start(kind);
        let (_, error) = Watch::start(follow(&server).start(Start::NowWithoutFork)).fails();
        assert!(matches!(&error, Error::Session(why) if **why == SessionError::NoBacklog), "{kind:?}: {error}");

        server.make_backlog();
        server.call(&["SET", "before", "1"]);
        let (before, full) = (forks(&server), server.info("stats")["sync_full"].clone());
        let watch = Watch::attached(follow(&server).start(Start::NowWithoutFork));
        attached_is_true(&server, &watch.seen(), AttachMethod::Info);
        server.has_only_pinged_since(watch.seen().attached()[0].offset);
        assert_eq!(watch.seen().attached()[0].db, None);
        server.call(&["SET", "somewhere", "1"]);
        let mut client = server.client();
        client.call(&["SELECT", "3"]);
        client.call(&["SET", "in 3", "1"]);
        watch.reaches(server.offset());
        let seen = watch.stop();
        let dbs: Vec<_> = seen.writes().iter().map(|write| write.db).collect();
        assert_eq!(dbs, [None, Some(3)], "{kind:?}");
        assert_eq!((forks(&server), &server.info("stats")["sync_full"]), (before, &full), "{kind:?}");
        assert!(!seen.told.iter().any(|told| matches!(told, Told::Forking(_))));
    }
}

/// Snapshot and stream together are the data, with no gap and no overlap, under constant writes.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_snapshot_and_the_stream_after_it_are_the_data() {
    for kind in Kind::ALL {
        let server = Server::start(kind);
        fill(&server);
        let watch = std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                (0..40).for_each(|n| {
                    count(&server, "during", 10 * n..10 * n + 10);
                    server.call(&["RPUSH", "order", &n.to_string()]);
                    server.call(&["INCR", "counter"]);
                })
            });
            let watch = Watch::start(follow(&server).start(Start::Snapshot));
            writer.join().expect("the writer did not panic");
            watch
        });
        fill_more(&server);
        watch.reaches(server.offset());
        let seen = watch.stop();
        let [attached] = seen.attached()[..] else { panic!("{:?}", seen.told) };
        assert_eq!((attached.method, attached.position), (AttachMethod::Full, None));
        says_which_server_it_is(kind, &attached);
        assert_eq!(attached.replid.map(|id| id.to_string()), Some(server.replid()));
        let begin =
            seen.told.iter().position(|told| matches!(told, Told::SnapshotBegin(_))).expect("a snapshot begins");
        let Told::SnapshotEnd(end) = &seen.told[begin + 1] else { panic!("{:?}", seen.told[begin + 1]) };
        assert_eq!((end.bytes, end.offset), (seen.snapshot.len() as u64, attached.offset));
        assert!(seen.snapshot.starts_with(if kind == Kind::Valkey91 { b"VALKEY" } else { b"REDIS0" }));
        assert_eq!(
            seen.snapshot[seen.snapshot.len() - 9],
            255,
            "the snapshot ends with its last opcode and a checksum"
        );

        let copy = Server::start_from_dump(kind, &seen.snapshot);
        replay(&copy, end.db.expect("a snapshot tells the database"), &seen.stream());
        same_data(&server, &copy);
        assert_eq!(copy.call(&["LRANGE", "order", "0", "-1"]), server.call(&["LRANGE", "order", "0", "-1"]));
    }
}

fn fill_more(server: &Server) {
    let mut client = server.client();
    for args in [&["SELECT", "5"][..], &["SET", "late", "5"], &["SELECT", "0"], &["SET", "late", "0"], &["DEL", "s:a"]]
    {
        client.call(args);
    }
}

/// A primary that first writes its dump to disk announces the length; bytes and stream are as exact.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_snapshot_with_a_length_ends_exactly() {
    for kind in Kind::ALL {
        let server = Server::start_with(kind, &["--repl-diskless-sync", "no"]);
        fill(&server);
        let watch = Watch::attached(follow(&server).start(Start::Snapshot));
        count(&server, "k", 0..100);
        watch.reaches(server.offset());
        let seen = watch.stop();
        let Some(Told::SnapshotBegin(begin)) = seen.told.iter().find(|told| matches!(told, Told::SnapshotBegin(_)))
        else {
            panic!("{:?}", seen.told)
        };
        assert_eq!(begin.length, Some(seen.snapshot.len() as u64), "{kind:?}");
        let copy = Server::start_from_dump(kind, &seen.snapshot);
        replay(&copy, 0, &seen.stream());
        same_data(&server, &copy);
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_saved_position_goes_on_where_it_was() {
    for kind in Kind::ALL {
        let server = Server::start(kind);
        server.make_backlog();
        let mut client = server.client();
        client.call(&["SELECT", "6"]);
        let watch = Watch::attached(follow(&server));
        client.call(&["SET", "seen", "1"]);
        watch.reaches(server.offset());
        let position = watch.stop().position.expect("a position");
        assert_eq!((position.offset, position.db), (server.offset(), Some(6)), "{kind:?}");

        // No SELECT precedes these in the stream.
        for n in 0..10 {
            client.call(&["SET", &format!("missed{n}"), "1"]);
        }
        let saved: Position = position.to_string().parse().expect("what is printed can be read");
        assert_eq!(saved, position);
        let before = forks(&server);
        let watch = Watch::attached(follow(&server).start(Start::At(saved)));
        watch.reaches(server.offset());
        let seen = watch.stop();
        attached_is_true(&server, &seen, AttachMethod::Continued);
        let [attached] = seen.attached()[..] else { panic!() };
        assert_eq!((attached.offset, attached.db, attached.position), (saved.offset, Some(6), Some(saved)));
        let expected: Vec<_> = (0..10).map(|n| format!("SET missed{n} 1")).collect();
        assert_eq!(seen.texts(), expected, "{kind:?}");
        assert!(seen.writes().iter().all(|write| write.db == Some(6)), "{kind:?}");
        assert_eq!(forks(&server), before);
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn sync_gives_the_data_and_the_stream_without_a_position() {
    for kind in Kind::ALL {
        let server = Server::start(kind);
        fill(&server);
        let watch = Watch::attached(follow(&server).start(Start::Sync));
        watch.wait("the snapshot ends", |seen| seen.told.iter().any(|told| matches!(told, Told::SnapshotEnd(_))));
        let expected = count(&server, "k", 0..100);
        watch.wait("the last write", |seen| seen.write("SET k99 99").is_some());
        let seen = watch.stop();
        let [attached] = seen.attached()[..] else { panic!("{:?}", seen.told) };
        assert_eq!((attached.method, attached.replid, attached.offset), (AttachMethod::Sync, None, 0));
        assert_eq!(seen.texts(), expected, "{kind:?}");
        assert_eq!((seen.position, seen.writes()[0].history), (None, None));
        let copy = Server::start_from_dump(kind, &seen.snapshot);
        replay(&copy, 0, &seen.stream());
        same_data(&server, &copy);
    }
}

/// One connection is enough for every start except a probe, which reports that.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_link_of_the_callers_own_is_enough() {
    let link = |server: &Server| {
        let stream = TcpStream::connect(("127.0.0.1", server.port)).expect("connect");
        Follower::with_stream(stream).control(true)
    };
    for kind in Kind::ALL {
        let server = Server::start(kind);
        if kind == Kind::Redis62 {
            let probing = link(&server).allow_probe(true).connect().expect("the link stands");
            let (_, error) = Watch::over(probing).fails();
            assert!(matches!(&error, Error::Session(why) if **why == SessionError::SecondLinkNeeded), "{error}");
            server.make_backlog();
        }
        for start in [Start::Now, Start::NowWithoutFork, Start::Snapshot, Start::Sync] {
            let watch = Watch::over(link(&server).start(start).connect().expect("the link stands"));
            watch.wait("attached", |seen| !seen.attached().is_empty());
            server.call(&["SET", "k", "v"]);
            watch.wait("the write", |seen| seen.write("SET k v").is_some());
            watch.stop();
        }
    }
}
