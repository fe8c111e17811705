//! Lost connections: nothing is lost, and repetitions start only at the announced position.

use redtail::{AttachMethod, DisconnectReason, Disconnected, Error, Event, Follower, OnGap, SessionError, Start};

use crate::client::command;
use crate::copy::{count, fill, replay, same_data};
use crate::follow::{BACKOFF, Told, Watch, follow, follow_port};
use crate::help::eventually;
use crate::proxy::{Cut, Proxy};
use crate::server::{Kind, Server};

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_cut_link_goes_on_without_loss_or_repetition() {
    for kind in Kind::ALL {
        let server = Server::start(kind);
        server.make_backlog();
        let watch = Watch::attached(follow(&server));
        let mut expected = Vec::new();
        for round in 1..=5 {
            expected.extend(count(&server, &format!("round{round}:"), 0..200));
            server.drop_replicas();
            expected.extend(count(&server, &format!("meanwhile{round}:"), 0..200));
            watch.wait("attached again", |seen| seen.attached().len() > round);
        }
        watch.reaches(server.offset());
        let seen = watch.stop();
        assert_eq!(seen.texts(), expected, "{kind:?}");
        assert!(seen.gaps().is_empty());
        assert_eq!(seen.disconnected().len(), 5, "{:?}", seen.disconnected());
        for (attached, lost) in seen.attached()[1..].iter().zip(seen.disconnected()) {
            assert_eq!((attached.method, attached.position), (AttachMethod::Continued, lost.resume), "{kind:?}");
        }
        assert!(seen.writes().iter().all(|write| write.history == seen.attached()[0].history));
    }
}

/// The transaction begins again at its MULTI, for a loss at any byte of it.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_transaction_cut_anywhere_comes_again_as_a_whole() {
    for kind in Kind::ALL {
        let server = Server::start(kind);
        server.make_backlog();
        let proxy = Proxy::start(&server);
        let watch = Watch::attached(follow_port(proxy.port));
        server.call(&["SET", "before", "1"]);
        for (cut, told_before) in [
            (&b"*1\r\n$5\r\nMULTI\r\n"[..], 1),
            (b"inside:1\r\n$1\r\n1\r\n", 2),
            (b"insi", 1),
            (b"inside:2\r\n", 2),
            (b"inside:3\r\n$1\r\n1\r\n", 4),
            (b"EXE", 4),
            (b"EXEC\r\n", 5),
        ] {
            watch.reaches(server.offset());
            let (resume, told) = (watch.position(), watch.seen().told.len());
            proxy.cut([Cut::Behind(cut.to_vec())]);
            let replies = server.client().pipeline(&[
                command(&["MULTI"]),
                command(&["SET", "inside:1", "1"]),
                command(&["SET", "inside:2", "1"]),
                command(&["SET", "inside:3", "1"]),
                command(&["EXEC"]),
            ]);
            assert!(replies.iter().all(|reply| !reply.is_error()));
            eventually("the link is cut", || proxy.is_done());
            // If all of it was delivered before the cut, there is nothing else to wait for.
            watch.wait("the cut is told", |seen| {
                seen.told[told..].iter().any(|told| matches!(told, Told::Disconnected(_)))
            });
            watch.reaches(server.offset());
            let seen = watch.seen();
            let new = &seen.told[told..];
            let lost = new.iter().position(|told| matches!(told, Told::Disconnected(_))).expect("the link was cut");
            let Told::Disconnected(Disconnected { resume: Some(place), reason: DisconnectReason::Closed, .. }) =
                new[lost]
            else {
                panic!("{:?}", new[lost])
            };
            assert_eq!(lost, told_before, "{kind:?}, cut after {:?}: {new:?}", String::from_utf8_lossy(cut));
            let complete = told_before == 5;
            let expected = if complete { server.offset() } else { resume.offset };
            assert_eq!(place.offset, expected, "{kind:?}, cut after {:?}", String::from_utf8_lossy(cut));
            let again = new[lost..].iter().filter(|told| matches!(told, Told::Multi(_) | Told::Exec(_))).count();
            assert_eq!(again, if complete { 0 } else { 2 });
        }
        let expected: Vec<_> = (0..7).flat_map(|_| (1..=3).map(|n| format!("SET inside:{n} 1"))).collect();
        assert_eq!(watch.stop().texts()[1..], expected, "{kind:?}");
    }
}

/// Cut after any number of bytes, in the handshake too, under writes and transactions.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_link_cut_again_and_again_anywhere_loses_nothing() {
    for kind in Kind::few(&[Kind::Redis62, Kind::Redis810, Kind::Valkey91]) {
        let server = Server::start(kind);
        server.make_backlog();
        let proxy = Proxy::start(&server);
        let watch = Watch::attached(follow_port(proxy.port));
        // Handshakes have some kilobytes, because of INFO.
        let cuts: Vec<_> = (0..40).map(|n: usize| Cut::After(n * n * 7919 % 12_000)).collect();
        proxy.cut(cuts);
        proxy.cut_now();
        let mut expected = Vec::new();
        let mut client = server.client();
        let mut round = 0;
        while !proxy.is_done() {
            let key = format!("{round}");
            let set = command(&["SET", &key, "x"]);
            let commands = [&set, &command(&["MULTI"]), &set, &set, &command(&["EXEC"])].map(Clone::clone);
            assert!(client.pipeline(&commands).iter().all(|reply| !reply.is_error()));
            expected.extend(std::iter::repeat_n(format!("SET {key} x"), 3));
            round += 1;
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        watch.reaches(server.offset());
        let seen = watch.stop();
        assert_eq!(seen.texts(), expected, "{kind:?}");
        assert!(seen.gaps().is_empty());
        assert!(proxy.connections() > 40, "{}", proxy.connections());
        assert!(seen.disconnected().len() >= 40);
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_broken_snapshot_is_an_error_and_retried_only_if_asked() {
    for kind in Kind::few(&[Kind::Redis62, Kind::Redis70, Kind::Valkey91]) {
        let server = Server::start(kind);
        fill(&server);
        let proxy = Proxy::start(&server);
        // In the middle of the value of 1 MiB, which is delivered again: in the uncompressed part.
        server.config_set("rdbcompression", "no");
        let middle: Vec<u8> = (100..120).collect();
        proxy.cut([Cut::Behind(middle.clone())]);
        let (seen, error) = Watch::start(follow_port(proxy.port).start(Start::Snapshot)).fails();
        let Error::Session(why) = &error else { panic!("{error}") };
        let SessionError::SnapshotBroken { received, reason: DisconnectReason::Closed, .. } = **why else {
            panic!("{error}")
        };
        assert_eq!(received, seen.snapshot.len() as u64);
        assert!(received > 0);

        proxy.cut([Cut::Behind(middle)]);
        let watch = Watch::start(follow_port(proxy.port).start(Start::Snapshot).retry_snapshot(true));
        let ends = |told: &Told| matches!(told, Told::SnapshotEnd(_));
        watch.wait("a whole snapshot", |seen| seen.told.iter().any(ends));
        count(&server, "k", 0..10);
        watch.reaches(server.offset());
        let seen = watch.stop();
        let begun = seen.told.iter().filter(|told| matches!(told, Told::SnapshotBegin(_))).count();
        assert_eq!((begun, seen.disconnected().len()), (2, 1), "{kind:?}");
        let copy = Server::start_from_dump(kind, &seen.snapshot);
        replay(&copy, 0, &seen.stream());
        same_data(&server, &copy);
    }
}

/// A backlog that has advanced shows the missing amount to the byte.
#[test]
#[ignore = "needs real servers: tests/run"]
fn what_the_backlog_no_longer_holds_is_a_gap_of_known_size() {
    for kind in Kind::ALL {
        let server = Server::start_with(kind, &["--repl-backlog-size", "16kb"]);
        server.make_backlog();
        let watch = Watch::attached(follow(&server));
        count(&server, "seen", 0..10);
        watch.reaches(server.offset());
        let from = watch.stop().position.expect("a position");
        server.client().pipeline(&vec![command(&["SET", "k", &"x".repeat(1000)]); 2000]);

        let forks = || server.info("stats")["total_forks"].parse::<u32>().expect("a number");
        let before = forks();
        let (seen, error) = Watch::start(follow(&server).start(Start::At(from))).fails();
        let [gap] = seen.gaps()[..] else { panic!("{:?}", seen.told) };
        // A server that is asked forks before it refuses, and nothing shows that before.
        assert_eq!(forks() - before, u32::from(kind != Kind::Redis62), "{kind:?}");
        assert!(!seen.told.iter().any(|told| matches!(told, Told::Forking(_))), "{:?}", seen.told);
        assert_eq!(gap.from, from);
        assert_eq!((gap.to.replid, gap.to.offset), (from.replid, server.offset()), "{kind:?}");
        assert_eq!(gap.missed, Some(server.offset() - from.offset));
        let Error::Session(why) = &error else { panic!("{error}") };
        assert_eq!(**why, SessionError::HistoryLost(gap));

        let full = || server.info("stats")["sync_full"].clone();
        let before = full();
        let watch = Watch::attached(follow(&server).start(Start::At(from)).on_gap(OnGap::Continue));
        let expected = count(&server, "after", 0..10);
        watch.reaches(server.offset());
        let seen = watch.stop();
        assert_eq!(seen.texts(), expected, "{kind:?}");
        assert_eq!(seen.gaps().len(), 1);
        // Without the filter it would be a full dump: INFO is believed.
        assert_eq!(full() == before, kind == Kind::Redis62, "{kind:?}");
    }
}

/// A follower that may not fork asks INFO first also at a reconnect, and then knows of the gap without any PSYNC.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_gap_is_known_without_a_fork_where_none_is_allowed() {
    for kind in Kind::ALL {
        let server = Server::start_with(kind, &["--repl-backlog-size", "16kb"]);
        server.make_backlog();
        let proxy = Proxy::start(&server);
        let builder = follow_port(proxy.port).start(Start::NowWithoutFork).on_gap(OnGap::Continue);
        let watch = Watch::attached(builder);
        count(&server, "seen", 0..10);
        watch.reaches(server.offset());
        let stats = || (server.info("stats")["sync_full"].clone(), server.info("stats")["total_forks"].clone());
        let before = stats();
        let position = watch.position();
        proxy.lead_nowhere();
        proxy.cut_now();
        server.client().pipeline(&vec![command(&["SET", "k", &"x".repeat(1000)]); 2000]);
        proxy.lead_to(&server);
        watch.wait("attached again", |seen| seen.attached().len() == 2);
        let expected = count(&server, "after", 0..10);
        watch.reaches(server.offset());
        let seen = watch.stop();
        let [gap] = seen.gaps()[..] else { panic!("{kind:?}: {:?}", seen.told) };
        assert_eq!((gap.from, gap.missed), (position, Some(gap.to.offset - position.offset)));
        assert!(seen.texts().ends_with(&expected));
        assert_eq!(stats(), before, "{kind:?}");
    }
}

/// Without reconnection, the end of the connection is the end of the events, and no error.
#[test]
#[ignore = "needs real servers: tests/run"]
fn without_reconnection_a_closed_link_is_the_end() {
    let server = Server::start(Kind::Redis70);
    let mut follower = follow(&server).reconnect(redtail::Backoff::OFF).connect().expect("connect");
    let mut lost = None;
    let mut attached = false;
    while let Some(event) = follower.next_event().expect("no error") {
        match event {
            Event::Attached(_) => {
                attached = true;
                server.drop_replicas();
            }
            Event::Disconnected(disconnected) => lost = Some(disconnected),
            _ => {}
        }
    }
    assert!(attached);
    assert!(lost.is_some_and(|lost| lost.retry_in.is_none() && lost.resume.is_some()), "{lost:?}");
    assert!(follower.next_event().expect("no error").is_none());
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_unix_socket_is_followed_too() {
    for kind in Kind::few(&[Kind::Redis70, Kind::Valkey91]) {
        let server = Server::start(kind);
        let target = format!("unix:{}", server.socket().display());
        let watch = Watch::attached(Follower::builder(target).control(true).reconnect(BACKOFF));
        let mut expected = count(&server, "k", 0..10);
        server.drop_replicas();
        expected.extend(count(&server, "l", 0..10));
        watch.reaches(server.offset());
        let seen = watch.stop();
        assert_eq!(seen.texts(), expected, "{kind:?}");
        assert_eq!(seen.attached().len(), 2);
    }
}

/// A primary without replicas for longer than `repl-backlog-ttl` forgets its history.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_backlog_that_was_freed_is_a_gap() {
    for kind in Kind::ALL {
        let server = Server::start_with(kind, &["--repl-backlog-ttl", "1"]);
        let keeper = Server::start(kind);
        keeper.replica_of(&server);
        let watch = Watch::attached(follow(&server));
        count(&server, "k", 0..3);
        watch.reaches(server.offset());
        let from = watch.stop().position.expect("a position");
        drop(keeper);
        eventually("the backlog is freed", || server.info("replication")["repl_backlog_active"] == "0");
        let (seen, error) = Watch::start(follow(&server).start(Start::At(from))).fails();
        let [gap] = seen.gaps()[..] else { panic!("{kind:?}: {:?}", seen.told) };
        assert_eq!((gap.from, gap.missed), (from, None), "{kind:?}");
        assert!(matches!(&error, Error::Session(why) if **why == SessionError::HistoryLost(gap)), "{error}");
    }
}
