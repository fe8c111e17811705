//! Replicas: followed as replicas, and after they became primaries.

use std::collections::HashMap;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use redtail::{AttachMethod, DisconnectReason, Error, Follower, OnGap, Role, SessionError, Start};

use crate::copy::count;
use crate::follow::{BACKOFF, Seen, Watch, follow, follow_port};
use crate::help::eventually;
use crate::proxy::Proxy;
use crate::server::{Kind, Server};

fn pair(kind: Kind) -> (Server, Server) {
    let (primary, replica) = (Server::start(kind), Server::start(kind));
    replica.replica_of(&primary);
    (primary, replica)
}

fn in_step(primary: &Server, replica: &Server) {
    eventually("the replica has everything", || replica.offset() == primary.offset());
}

/// The text of each write, by its permanent name.
fn by_id(seen: &Seen) -> HashMap<String, String> {
    let writes = seen.writes();
    let ids: HashMap<_, _> = writes
        .iter()
        .map(|write| (format!("{}:{}", write.history.expect("a history"), write.offset), write.text()))
        .collect();
    assert_eq!(ids.len(), writes.len(), "two commands share an id");
    ids
}

/// The primary dies, its replica takes over, and the follower continues there. A second follower resumes from an
/// earlier position. It receives from the new primary the commands that the first received from the old one, under the
/// same names.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_promotion_loses_nothing_and_each_command_keeps_its_id() {
    for kind in Kind::ALL {
        let (mut old, new) = pair(kind);
        let proxy = Proxy::start(&old);
        let watch = Watch::attached(follow_port(proxy.port));
        let mut expected = count(&old, "early", 0..10);
        watch.reaches(old.offset());
        let behind = watch.position();
        let before_switch = count(&old, "late", 0..10);
        expected.extend(before_switch.clone());
        watch.reaches(old.offset());
        in_step(&old, &new);
        let old_id = old.replid();
        old.kill();
        new.promote();
        proxy.lead_to(&new);
        let after_switch = count(&new, "after", 0..10);
        expected.extend(after_switch.clone());
        watch.reaches(new.offset());
        let first = watch.stop();
        assert_eq!(first.texts(), expected, "{kind:?}");
        assert!(first.gaps().is_empty());
        let last = *first.attached().last().expect("attached");
        assert_eq!(last.method, AttachMethod::Continued);
        assert_eq!(last.replid.map(|id| id.to_string()), Some(new.replid()));
        assert_ne!(new.replid(), old_id);
        assert_eq!(last.history.map(|id| id.to_string()), Some(old_id), "the history survives");

        let watch = Watch::attached(follow(&new).start(Start::At(behind)));
        watch.reaches(new.offset());
        let second = watch.stop();
        assert_eq!(second.texts(), [before_switch, after_switch].concat(), "{kind:?}");
        let ids = by_id(&first);
        for (id, text) in by_id(&second) {
            assert_eq!(ids.get(&id), Some(&text), "{kind:?}: {id}");
        }
        let position = first.position.expect("a position");
        assert_eq!((position.replid, position.history), (last.replid.expect("known"), behind.history));
        assert_eq!(second.position, first.position);

        // The position with its history, in its saved form, is a valid start too.
        let watch = Watch::attached(follow(&new).start(Start::At(position.to_string().parse().expect("readable"))));
        let more = count(&new, "more", 0..3);
        watch.reaches(new.offset());
        let third = watch.stop();
        assert_eq!(third.texts(), more);
        assert!(third.writes().iter().all(|write| write.history == Some(behind.history)), "{kind:?}");
    }
}

/// A connector that finds the primary at every connect, as with a Sentinel.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_connector_leads_to_whoever_is_the_primary() {
    for kind in Kind::few(&[Kind::Redis70, Kind::Redis810, Kind::Valkey91]) {
        let (mut old, new) = pair(kind);
        let primary = Arc::new(AtomicU16::new(old.port));
        let asked = primary.clone();
        let connect = move || TcpStream::connect(("127.0.0.1", asked.load(Ordering::Acquire)));
        let builder = Follower::with_connector(connect).control(true).reconnect(BACKOFF);
        let watch = Watch::over(builder.connect().expect("connect"));
        watch.wait("attached", |seen| !seen.attached().is_empty());
        let mut expected = count(&old, "before", 0..10);
        watch.reaches(old.offset());
        in_step(&old, &new);
        old.kill();
        new.promote();
        primary.store(new.port, Ordering::Release);
        expected.extend(count(&new, "after", 0..10));
        watch.reaches(new.offset());
        let seen = watch.stop();
        assert_eq!(seen.texts(), expected, "{kind:?}");
        assert!(
            seen.disconnected()
                .iter()
                .any(|lost| matches!(lost.reason, DisconnectReason::Closed | DisconnectReason::Io(_)))
        );
    }
}

/// Writes of the old primary after the split are not part of the new one's history.
#[test]
#[ignore = "needs real servers: tests/run"]
fn what_only_the_old_primary_has_is_a_gap_after_a_promotion() {
    for kind in Kind::ALL {
        let (old, new) = pair(kind);
        let proxy = Proxy::start(&old);
        let watch = Watch::attached(follow_port(proxy.port));
        count(&old, "both", 0..10);
        in_step(&old, &new);
        new.promote();
        count(&old, "lost", 0..10);
        watch.reaches(old.offset());
        let from = watch.position();
        proxy.lead_to(&new);
        proxy.cut_now();
        let (seen, error) = watch.fails();
        let [gap] = seen.gaps()[..] else { panic!("{:?}", seen.told) };
        assert_eq!((gap.from, gap.missed, gap.to.replid.to_string()), (from, None, new.replid()), "{kind:?}");
        assert!(matches!(&error, Error::Session(why) if **why == SessionError::HistoryLost(gap)), "{error}");
        assert!(error.to_string().contains("another history"), "{error}");

        let watch = Watch::attached(follow(&new).start(Start::At(from)).on_gap(OnGap::Continue));
        let expected = count(&new, "after", 0..10);
        watch.wait("the last write", |seen| seen.write("SET after9 9").is_some());
        let seen = watch.stop();
        assert_eq!(seen.texts(), expected, "{kind:?}");
        assert!(seen.writes().iter().all(|write| write.history == Some(gap.to.replid)));
    }
}

/// A replica forwards its primary's bytes. It sends no SELECT to a new follower: only the snapshot contains the
/// database.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_replica_can_be_followed_and_the_database_is_right() {
    for kind in Kind::ALL {
        let (primary, replica) = pair(kind);
        let mut client = primary.client();
        client.call(&["SELECT", "4"]);
        client.call(&["SET", "before", "1"]);
        in_step(&primary, &replica);
        let watch = Watch::attached(follow(&replica));
        let [attached] = watch.seen().attached()[..] else { panic!() };
        let known = (kind != Kind::Redis62).then_some(4);
        assert_eq!((attached.role, attached.db), (Some(Role::Replica), known), "{kind:?}");
        assert_eq!(attached.replid.map(|id| id.to_string()), Some(primary.replid()));
        client.call(&["SET", "in 4", "1"]);
        client.call(&["SELECT", "5"]);
        client.call(&["SET", "in 5", "1"]);
        client.call(&["SELECT", "4"]);
        watch.reaches(primary.offset());
        // +CONTINUE does not contain it either.
        replica.drop_replicas();
        client.call(&["SELECT", "5"]);
        client.call(&["SET", "in 5", "2"]);
        watch.reaches(primary.offset());
        let seen = watch.stop();
        assert_eq!(seen.texts(), ["SET in 4 1", "SET in 5 1", "SET in 5 2"], "{kind:?}");
        let dbs: Vec<_> = seen.writes().iter().map(|write| write.db).collect();
        assert_eq!(dbs, [known, Some(5), Some(5)], "{kind:?}");
        assert_eq!(seen.attached().len(), 2);
        assert_eq!(seen.attached()[1].db, Some(5));
    }
}
