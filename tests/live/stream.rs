//! Events equal the writes: every kind of value, every database, transactions, any size.

use redtail::resp::Part;
use redtail::{AttachMethod, Event};

use crate::client::{Command, command};
use crate::copy::{fill, replay, same_data};
use crate::follow::{Seen, Told, Watch, follow, follow_port};
use crate::help::eventually;
use crate::proxy::{Cut, Proxy};
use crate::server::{Kind, Server};
use crate::workload::{parse, workload};

/// The reference is a real replica: 7.0, for one, does not replicate the read count of a consumer group.
#[test]
#[ignore = "needs real servers: tests/run"]
fn everything_that_is_written_comes_out_and_makes_the_same_data() {
    for kind in Kind::ALL {
        let server = Server::start(kind);
        let replica = Server::start(kind);
        replica.replica_of(&server);
        let watch = Watch::attached(follow(&server));
        fill(&server);
        watch.reaches(server.offset());
        let seen = watch.stop();
        let copy = Server::start(kind);
        replay(&copy, 0, &seen.stream());
        eventually("the replica has everything", || replica.digest() == server.digest());
        same_data(&replica, &copy);

        // Commands that servers replicate unchanged are delivered byte for byte.
        let told: Vec<_> = seen.writes().iter().map(|write| write.args.clone()).collect();
        let verbatim = ["APPEND", "SETRANGE", "MSET", "RPUSH", "HSET", "SADD", "PFADD", "RENAME", "PUBLISH"];
        let named = |command: &Command, name: &str| command[0].eq_ignore_ascii_case(name.as_bytes());
        let sent: Vec<_> =
            workload(kind).into_iter().filter(|sent| verbatim.iter().any(|name| named(sent, name))).collect();
        assert!(sent.len() > 12);
        for sent in sent {
            assert!(told.contains(&sent), "{kind:?}: {}", String::from_utf8_lossy(&sent.join(&b' ')));
        }
    }
}

/// The name of each key contains its database.
#[test]
#[ignore = "needs real servers: tests/run"]
fn every_event_has_the_right_database() {
    for kind in Kind::ALL {
        let server = Server::start(kind);
        server.make_backlog();
        let watch = Watch::attached(follow(&server));
        let mut client = server.client();
        let mut write = |db: u32, round: u32| {
            client.call(&["SELECT", &db.to_string()]);
            client.call(&["SET", &db.to_string(), &round.to_string()]);
        };
        for db in [0, 9, 15, 3, 3, 0] {
            write(db, 0);
        }
        // A reconnection does not receive the database.
        for db in [7, 7, 2] {
            watch.reaches(server.offset());
            server.drop_replicas();
            write(db, 1);
        }
        for line in ["SELECT 6", "MULTI", "SET 6 x", "SELECT 8", "SET 8 x", "SELECT 11", "SET 11 x", "EXEC", "SET 11 y"]
        {
            client.call(&parse(line)[0]);
        }
        client.call(&[
            "EVAL",
            "redis.call('SELECT', 13) redis.call('SET', '13', 'x') redis.call('SET', '13', 'y')",
            "0",
        ]);
        client.call(&["SET", "11", "z"]);
        watch.reaches(server.offset());
        let seen = watch.stop();
        assert!(seen.disconnected().len() >= 3, "{kind:?}");
        // The SELECT inside the script belongs to the script.
        assert_eq!(seen.writes().len(), 6 + 3 + 3 + 1 + 2 + 1, "{kind:?}: {:?}", seen.texts());
        for write in seen.writes() {
            let name = String::from_utf8_lossy(&write.args[1]).parse().ok();
            assert_eq!(write.db, name, "{kind:?}: {write:?}");
        }
    }
}

/// The kinds of events, and the transaction of each.
fn shape(seen: &Seen) -> Vec<(&'static str, bool)> {
    let shape = seen.told.iter().filter_map(|told| match told {
        Told::Multi(write) => Some(("multi", write.tx.is_some())),
        Told::Exec(write) => Some(("exec", write.tx.is_some())),
        Told::Command(write) => Some(("command", write.tx.is_some())),
        _ => None,
    });
    shape.collect()
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn transactions_and_scripts_are_marked() {
    let block = [("multi", true), ("command", true), ("command", true), ("exec", true)];
    let single = [("command", false)];
    for kind in Kind::ALL {
        let server = Server::start(kind);
        server.make_backlog();
        for (lines, expected) in [
            ("SET a 1", &single[..]),
            ("MULTI\nSET a 1\nSET b 1\nEXEC", &block),
            ("MULTI\nSET a 2\nGET a\nINCR b\nEXEC", &block),
            ("EVAL \"redis.call('SET', 'a', '3') redis.call('SET', 'b', '3')\" 2 a b", &block),
            ("EVAL \"return redis.call('SET', 'a', '4')\" 1 a", &single),
            ("MULTI\nGET a\nEXEC", &[]),
            ("MULTI\nSET a 5\nDISCARD", &[]),
        ] {
            let watch = Watch::attached(follow(&server));
            assert!(server.client().pipeline(&parse(lines)).iter().all(|reply| !reply.is_error()));
            watch.reaches(server.offset());
            let seen = watch.stop();
            let told = shape(&seen);
            // 6.2 wraps a script with a single write too, and 6.2 and 7.0 a transaction with one.
            let wrapped = [("multi", true), ("command", true), ("exec", true)];
            assert!(
                told == expected || (expected == single && lines.len() > 8 && told == wrapped),
                "{kind:?}: {lines}: {told:?}"
            );
        }
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn thousands_of_arguments_come_whole() {
    for kind in Kind::ALL {
        let server = Server::start(kind);
        server.make_backlog();
        let watch = Watch::attached(follow(&server));
        let mut push = command(&["RPUSH", "list"]);
        push.extend((0..4998_u32).map(|n| n.to_string().repeat(n as usize % 5).into_bytes()));
        assert_eq!(push.len(), 5000);
        server.call(&push);
        watch.reaches(server.offset());
        let seen = watch.stop();
        let [write] = seen.writes()[..] else { panic!("{:?}", seen.told) };
        assert!(write.args == push, "{kind:?}");
    }
}

/// Bytes without a short period: a misplaced piece is visible.
fn huge() -> Vec<u8> {
    let mut state = 1_u32;
    let bytes = (0..64 << 20).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    bytes.collect()
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_huge_value_comes_whole() {
    let value = huge();
    for kind in Kind::few(&[Kind::Redis70, Kind::Valkey91]) {
        let server = Server::start(kind);
        server.make_backlog();
        let mut follower = follow(&server).connect().expect("connect");
        let mut found = 0;
        while found < 3 {
            match follower.next_event().expect("it follows").expect("it is not stopped") {
                Event::Attached(_) => {
                    server.call(&["SET", "small", "1"]);
                    server.call(&[&b"SET"[..], b"huge", &value]);
                    server.call(&["SET", "small", "2"]);
                }
                Event::Command(command) if command.arg(1) == Some(b"huge") => {
                    assert_eq!(found, 1);
                    assert!(command.arg(2) == Some(&value), "{kind:?}");
                    found += 1;
                }
                Event::Command(_) => found += 1,
                Event::Disconnected(lost) => panic!("{lost}"),
                _ => {}
            }
        }
        assert_eq!(follower.position().map(|position| position.offset), Some(server.offset()));
    }
}

/// A value in parts, checked as it arrives. Returns the number of pieces and the longest of them.
#[derive(Default)]
struct Flow {
    argument: usize,
    received: usize,
    pieces: usize,
    longest: usize,
}

impl Flow {
    fn take(&mut self, part: Part<'_>, value: &[u8]) {
        match part {
            Part::Begin { argc } => {
                *self = Flow { pieces: self.pieces, longest: self.longest, ..Flow::default() };
                assert_eq!(argc, 3);
            }
            Part::Argument { index, length } => {
                (self.argument, self.received) = (index, 0);
                assert_eq!(length, [3, 4, value.len() as u64][self.argument]);
            }
            Part::Piece(piece) => {
                let whole = [&b"SET"[..], b"huge", value][self.argument];
                assert!(whole[self.received..].starts_with(piece), "a piece in the wrong place");
                self.received += piece.len();
                self.pieces += 1;
                self.longest = self.longest.max(piece.len());
            }
            Part::End => assert_eq!((self.argument, self.received), (2, value.len())),
        }
    }
}

/// In memory independent of the value, and from the start again after a connection lost in the middle of it.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_huge_value_comes_in_parts_also_when_the_link_breaks() {
    let value = huge();
    for kind in Kind::few(&[Kind::Redis62, Kind::Redis810, Kind::Valkey81]) {
        let server = Server::start_with(kind, &["--repl-backlog-size", "100mb"]);
        server.make_backlog();
        let proxy = Proxy::start(&server);
        let mut follower = follow_port(proxy.port).parts(Some(1 << 20)).connect().expect("connect");
        let (mut flow, mut begun, mut lost, mut before) = (Flow::default(), 0, Vec::new(), None);
        loop {
            match follower.next_event().expect("it follows").expect("it is not stopped") {
                Event::Attached(attached) if attached.method != AttachMethod::Continued => {
                    server.call(&["SET", "small", "1"]);
                    before = Some(server.offset());
                    proxy.cut([Cut::Behind(value[20_000_000..20_000_100].to_vec())]);
                    server.call(&[&b"SET"[..], b"huge", &value]);
                    server.call(&["SET", "small", "2"]);
                }
                Event::Part(part) => {
                    begun += usize::from(matches!(part.part, Part::Begin { .. }));
                    flow.take(part.part, &value);
                    let at_the_end = matches!(part.part, Part::End);
                    assert_eq!(part.position().is_some(), at_the_end);
                    assert_eq!((part.db, part.tx), (Some(0), None));
                }
                Event::Command(command) if command.arg(2) == Some(b"2") => break,
                Event::Disconnected(disconnected) => lost.push(disconnected),
                _ => {}
            }
        }
        assert_eq!((begun, lost.len()), (2, 1), "{kind:?}: {lost:?}");
        assert_eq!(lost[0].resume.map(|position| position.offset), before, "the place before the command");
        assert!(flow.longest <= redtail::BUFFER_CAPACITY, "{} bytes in one piece", flow.longest);
        assert_eq!(follower.position().map(|position| position.offset), Some(server.offset()), "{kind:?}");
    }
}
