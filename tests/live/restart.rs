//! Primaries that stop and return: with their history, or without.

use redtail::{AttachMethod, Error, OnGap, Position, SessionError};

use crate::copy::{count, fill, replay, same_data};
use crate::follow::{Seen, Told, Watch, follow, follow_port};
use crate::help::eventually;
use crate::proxy::Proxy;
use crate::server::{Kind, Server};

/// A primary that shuts down waits for lagging replicas, and an observer always appears to lag.
fn start(kind: Kind) -> Server {
    if kind == Kind::Redis62 { Server::start(kind) } else { Server::start_with(kind, &["--shutdown-timeout", "1"]) }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_primary_that_was_shut_down_in_order_goes_on_under_a_new_id() {
    for kind in Kind::SINCE_7 {
        let mut server = start(kind);
        let watch = Watch::attached(follow(&server));
        let before = server.replid();
        let mut client = server.client();
        client.call(&["SELECT", "4"]);
        client.call(&["SET", "before", "1"]);
        watch.reaches(server.offset());
        server.shut_down("SAVE");
        server.start_again();
        let mut client = server.client();
        client.call(&["SELECT", "4"]);
        client.call(&["SET", "after", "1"]);
        watch.wait("what was written after the restart", |seen| seen.write("SET after 1").is_some());
        watch.reaches(server.offset());
        let seen = watch.stop();
        assert_eq!(seen.texts(), ["SET before 1", "SET after 1"], "{kind:?}");
        assert!(seen.gaps().is_empty());
        let last = *seen.attached().last().expect("attached");
        assert_eq!(last.method, AttachMethod::Continued);
        assert_eq!(last.replid.map(|id| id.to_string()), Some(server.replid()));
        assert_ne!(server.replid(), before);
        assert_eq!(last.history.map(|id| id.to_string()), Some(before.clone()), "the history survives");
        assert!(seen.writes().iter().all(|write| write.db == Some(4)));
        assert_eq!(seen.position.map(|at| (at.offset, at.history.to_string())), Some((server.offset(), before)));
    }
}

/// Follows a server that then loses its history, by the end of `lose`, and returns the earlier events.
fn lose_history(kind: Kind, on_gap: OnGap, lose: fn(&mut Server)) -> (Server, Watch, Position) {
    let mut server = start(kind);
    server.make_backlog();
    let watch = Watch::attached(follow(&server).on_gap(on_gap));
    count(&server, "before", 0..10);
    watch.reaches(server.offset());
    let from = watch.position();
    lose(&mut server);
    server.start_again();
    (server, watch, from)
}

/// The child that made a replica's snapshot may not be reaped yet.
fn save(server: &Server) {
    eventually("it saves", || !server.client().ask(&["SAVE"]).is_error());
}

fn another_history(seen: &Seen, from: Position) {
    let [gap] = seen.gaps()[..] else { panic!("{:?}", seen.told) };
    assert_eq!((gap.from, gap.missed), (from, None));
    assert_ne!(gap.to.replid, from.replid);
    assert_eq!(gap.to.history, gap.to.replid);
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_primary_that_was_killed_is_a_gap_and_the_end() {
    for kind in Kind::ALL {
        let (server, watch, from) = lose_history(kind, OnGap::Stop, Server::kill);
        let (seen, error) = watch.fails();
        another_history(&seen, from);
        let Error::Session(why) = &error else { panic!("{error}") };
        assert_eq!(**why, SessionError::HistoryLost(seen.gaps()[0]), "{kind:?}");
        assert_eq!(seen.texts().len(), 10);
        assert_eq!(seen.gaps()[0].to.replid.to_string(), server.replid(), "{kind:?}");
    }
}

/// A saved snapshot contains the history up to its own moment: a sudden end right after it does no harm.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_primary_killed_right_after_a_save_returns_with_a_new_id() {
    for kind in Kind::SINCE_7 {
        let (server, watch, from) = lose_history(kind, OnGap::Stop, |server| {
            save(server);
            server.kill();
        });
        let expected = count(&server, "after", 0..10);
        watch.reaches(from.offset + 1);
        watch.reaches(server.offset());
        let seen = watch.stop();
        assert_eq!(seen.texts()[10..], expected, "{kind:?}");
        assert!(seen.gaps().is_empty());
        let last = *seen.attached().last().expect("attached");
        assert_eq!((last.method, last.history), (AttachMethod::Continued, Some(from.history)), "{kind:?}");
        assert_eq!(last.replid.map(|id| id.to_string()), Some(server.replid()));
        assert_ne!(last.replid, Some(from.replid));
    }
}

/// The follower delivered the writes after the snapshot, and the server forgot them. The server writes past those
/// offsets before the follower returns: the offset alone would appear right.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_primary_that_fell_back_to_its_snapshot_is_a_gap() {
    for kind in Kind::ALL {
        let mut server = start(kind);
        server.make_backlog();
        let proxy = Proxy::start(&server);
        let watch = Watch::attached(follow_port(proxy.port).on_gap(OnGap::Continue));
        count(&server, "saved", 0..10);
        save(&server);
        count(&server, "lost", 0..10);
        watch.reaches(server.offset());
        let from = watch.position();
        proxy.lead_nowhere();
        server.kill();
        server.start_again();
        // A server without its history counts no offsets until a replica attaches.
        server.make_backlog();
        count(&server, "instead", 0..100);
        assert!(server.offset() > from.offset, "{kind:?}");
        proxy.lead_to(&server);
        watch.wait("attached again", |seen| seen.attached().len() == 2);
        let expected = count(&server, "after", 0..10);
        watch.wait("the last write", |seen| seen.write("SET after9 9").is_some());
        let seen = watch.stop();
        another_history(&seen, from);
        assert_eq!(seen.gaps()[0].to.replid.to_string(), server.replid(), "{kind:?}");
        assert_eq!(seen.texts()[20..], expected, "{kind:?}");
    }
}

/// Before 7.0 an orderly end keeps no history either.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_primary_before_7_that_was_shut_down_is_a_gap() {
    let (_server, watch, from) = lose_history(Kind::Redis62, OnGap::Stop, |server| server.shut_down("SAVE"));
    let (seen, error) = watch.fails();
    another_history(&seen, from);
    assert!(error.to_string().contains("history lost"), "{error}");
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn after_a_gap_the_events_go_on_if_wanted() {
    for kind in Kind::ALL {
        let (server, watch, from) = lose_history(kind, OnGap::Continue, Server::kill);
        watch.wait("attached again", |seen| seen.attached().len() == 2);
        let mut client = server.client();
        client.call(&["SELECT", "2"]);
        client.call(&["SET", "after", "1"]);
        watch.wait("what comes after the gap", |seen| seen.write("SET after 1").is_some());
        let seen = watch.stop();
        another_history(&seen, from);
        let gap = seen.told.iter().position(|told| matches!(told, Told::Gap(_))).expect("a gap");
        let Told::Attached(attached) = seen.told[gap + 1..]
            .iter()
            .find(|told| !matches!(told, Told::Forking(_) | Told::Disconnected(_)))
            .expect("something after the gap")
        else {
            panic!("{kind:?}: {:?}", &seen.told[gap..])
        };
        let method = if kind == Kind::Redis62 { AttachMethod::Probed } else { AttachMethod::Filtered };
        assert_eq!(attached.method, method, "{kind:?}");
        assert_eq!(attached.replid.map(|id| id.to_string()), Some(server.replid()));
        assert_eq!(attached.history, attached.replid, "a new history begins");
        assert_eq!((attached.offset, attached.replid), (seen.gaps()[0].to.offset, Some(seen.gaps()[0].to.replid)));
        let write = seen.write("SET after 1").expect("it was waited for");
        assert_eq!((write.db, write.history), (Some(2), attached.history));
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn after_a_gap_a_snapshot_comes_if_wanted() {
    for kind in Kind::ALL {
        let (server, watch, from) = lose_history(kind, OnGap::Snapshot, |server| {
            fill(server);
            // Otherwise the file would restore the history, too.
            server.call(&["DEBUG", "CHANGE-REPL-ID"]);
            save(server);
            server.kill();
        });
        let ends = |told: &Told| matches!(told, Told::SnapshotEnd(_));
        watch.wait("a snapshot", |seen| seen.told.iter().any(ends));
        count(&server, "after", 0..10);
        watch.wait("what comes after the gap", |seen| seen.write("SET after9 9").is_some());
        let seen = watch.stop();
        let [gap] = seen.gaps()[..] else { panic!("{kind:?}: {:?}", seen.told) };
        assert_eq!(gap.from.history, from.history);
        let at = seen.told.iter().position(|told| matches!(told, Told::Gap(_))).expect("a gap");
        assert!(
            matches!(seen.told[at + 1], Told::Attached(attached) if attached.method == AttachMethod::Full),
            "{kind:?}"
        );
        let after: Vec<_> = seen.told[at..]
            .iter()
            .filter_map(|told| match told {
                Told::Command(write) | Told::Control(write) | Told::Multi(write) | Told::Exec(write) => Some(write),
                _ => None,
            })
            .collect();
        let copy = Server::start_from_dump(kind, &seen.snapshot);
        replay(&copy, 0, &after);
        same_data(&server, &copy);
    }
}
