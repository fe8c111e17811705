//! Connections that survive slowness and silence, and those that rightly do not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use redtail::{AttachMethod, DisconnectReason, Disconnected, Error, Event, Handle, SessionError, Start};

use crate::client::command;
use crate::copy::{count, replay, same_data};
use crate::follow::{Seen, Told, Watch, follow};
use crate::help::{PATIENCE, eventually};
use crate::server::{Kind, Server};
use crate::tool::Tool;

/// Does the work. Meanwhile another thread sends heartbeats, if there is a handle.
fn beating<T>(handle: Option<&Handle>, work: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        if let Some(handle) = handle {
            scope.spawn(|| {
                while !done.load(Ordering::Acquire) {
                    handle.heartbeat().expect("the link lives");
                    std::thread::sleep(Duration::from_millis(100));
                }
            });
        }
        let outcome = work();
        done.store(true, Ordering::Release);
        outcome
    })
}

/// A consumer that works for seconds on one command, on a primary that drops a silent replica after two.
fn work_long(kind: Kind, beats: bool) -> (Vec<String>, Vec<Disconnected>) {
    let server = Server::start_with(kind, &["--repl-timeout", "2"]);
    server.make_backlog();
    let mut follower = follow(&server).connect().expect("connect");
    let handle = follower.handle();
    beating(beats.then_some(&handle), || {
        let (mut texts, mut lost) = (Vec::new(), Vec::new());
        while texts.len() < 3 {
            match follower.next_event().expect("it follows").expect("it is not stopped") {
                Event::Attached(attached) if attached.method != AttachMethod::Continued => {
                    server.call(&["SET", "long", "1"]);
                    server.call(&["SET", "short", "1"]);
                }
                Event::Command(command) => {
                    texts.push(command.to_string().split_once("] ").expect("offset and database").1.to_owned());
                    if texts.len() == 1 {
                        std::thread::sleep(Duration::from_secs(5));
                        server.call(&["SET", "last", "1"]);
                    }
                }
                Event::Disconnected(disconnected) => lost.push(disconnected),
                _ => {}
            }
        }
        (texts, lost)
    })
}

const WORK: [&str; 3] = [r#""SET" "long" "1""#, r#""SET" "short" "1""#, r#""SET" "last" "1""#];

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_slow_consumer_stays_attached_with_a_heartbeat() {
    for kind in Kind::few(&[Kind::Redis62, Kind::Redis70, Kind::Valkey91]) {
        let (texts, lost) = work_long(kind, true);
        assert_eq!(texts, WORK, "{kind:?}");
        assert!(lost.is_empty(), "{kind:?}: {lost:?}");
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_slow_consumer_without_one_is_cut_and_comes_back() {
    let (texts, lost) = work_long(Kind::Redis70, false);
    assert_eq!(texts, WORK);
    assert_eq!(lost.len(), 1, "{lost:?}");
}

/// A consumer that works for seconds on the first bytes of a snapshot, long after the primary has sent the last.
/// Returns the number of lost connections before the stream.
fn work_long_on_a_snapshot(kind: Kind, beats: bool) -> usize {
    let server = Server::start_with(kind, &["--repl-timeout", "2"]);
    count(&server, "k", 0..20);
    let mut follower = follow(&server).start(Start::Snapshot).connect().expect("connect");
    let handle = follower.handle();
    beating(beats.then_some(&handle), || {
        let (mut first, mut lost) = (true, 0);
        loop {
            match follower.next_event().expect("it follows").expect("it is not stopped") {
                Event::SnapshotBytes(_) if std::mem::take(&mut first) => std::thread::sleep(Duration::from_secs(5)),
                Event::SnapshotEnd(_) => drop(server.call(&["SET", "k", "v"])),
                Event::Disconnected(_) => lost += 1,
                Event::Command(_) => break,
                _ => {}
            }
        }
        lost
    })
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_slow_consumer_of_a_snapshot_needs_a_heartbeat_too() {
    for kind in Kind::few(&[Kind::Redis62, Kind::Redis70, Kind::Valkey91]) {
        assert_eq!(work_long_on_a_snapshot(kind, true), 0, "{kind:?}");
    }
    // The follower had already received the whole snapshot, and can continue.
    assert_eq!(work_long_on_a_snapshot(Kind::Redis70, false), 1);
}

/// The tool's output is a pipe without a reader, on a primary that drops a silent replica after two seconds. The drop
/// itself is shown by a stopped tool.
fn block_the_tool(kind: Kind) {
    let server = Server::start_with(kind, &["--repl-timeout", "2", "--repl-backlog-size", "32mb"]);
    server.make_backlog();
    let replica = || {
        let replicas = server.call(&["CLIENT", "LIST", "TYPE", "replica"]).text();
        replicas.split(' ').next().filter(|id| id.starts_with("id=")).map(str::to_owned)
    };
    eventually("the replica that made the backlog is gone", || replica().is_none());
    let mut tool = Tool::start_unhurried(&["tail", &server.address(), "--format", "json"]);
    tool.event_named("attached");
    let link = replica();
    assert!(link.is_some());
    // Far more than a pipe holds.
    const WRITTEN: usize = 4000;
    let write = |number: usize| command(&["SET", &number.to_string(), &"x".repeat(1000)]);
    server.client().pipeline(&(0..WRITTEN).map(write).collect::<Vec<_>>());
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(replica(), link, "{kind:?}: the link was cut although the tool could speak");
    tool.signal("STOP");
    eventually("the link is cut", || replica().is_none());
    tool.signal("CONT");
    let mut attached = 0;
    for number in 0..WRITTEN {
        let event = loop {
            let event = tool.event().expect("it goes on");
            match event["event"].as_str() {
                Some("command") => break event,
                Some("attached") => attached += 1,
                _ => assert_eq!(event["event"], "disconnected", "{kind:?}"),
            }
        };
        assert_eq!(event["args"][1], number.to_string(), "{kind:?}");
    }
    assert!(attached <= 1, "{kind:?}: {attached}");
    tool.signal("TERM");
    assert!(tool.wait().success(), "{kind:?}");
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn the_tool_keeps_its_link_while_nobody_reads_its_output() {
    std::thread::scope(|scope| {
        for kind in Kind::few(&[Kind::Redis70, Kind::Redis810, Kind::Valkey91]) {
            scope.spawn(move || block_the_tool(kind));
        }
    });
}

/// Between the keys of a slow snapshot the primary is silent for longer than its own timeout.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_long_snapshot_is_not_broken_off() {
    for kind in Kind::ALL {
        for diskless in ["yes", "no"] {
            let server = Server::start_with(kind, &["--repl-timeout", "2", "--repl-diskless-sync", diskless]);
            count(&server, "k", 0..20);
            // Microseconds for each key.
            server.config_set("rdb-key-save-delay", "250000");
            let watch = Watch::attached(follow(&server).start(Start::Snapshot));
            // This one follows the snapshot, which may take any time.
            server.call(&["SET", "meanwhile", "1"]);
            watch.wait("the stream", |seen| seen.write("SET meanwhile 1").is_some());
            let seen = watch.stop();
            assert!(seen.disconnected().is_empty(), "{kind:?}, diskless {diskless}: {:?}", seen.disconnected());
            let copy = Server::start_from_dump(kind, &seen.snapshot);
            replay(&copy, 0, &seen.stream());
            same_data(&server, &copy);
        }
    }
}

/// Only the primary's PING each second advances the position.
#[test]
#[ignore = "needs real servers: tests/run"]
fn pings_are_counted() {
    for kind in Kind::ALL {
        let server = Server::start_with(kind, &["--repl-ping-replica-period", "1"]);
        server.make_backlog();
        let quiet = Watch::attached(follow(&server).control(false));
        let from = quiet.position().offset;
        eventually("two PINGs have passed", || server.offset() >= from + 28);
        quiet.reaches(server.offset());
        assert_eq!((quiet.position().offset - from) % 14, 0, "{kind:?}");
        let told = |seen: &Seen| seen.told.iter().any(|told| !matches!(told, Told::Attached(_) | Told::Forking(_)));
        // Without `control` PINGs would not be events, and `check` would miss their bytes if anything else arrived.
        assert!(!told(&quiet.seen()), "{:?}", quiet.seen().told);
        drop(quiet);
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_silent_primary_counts_as_lost_until_it_speaks_again() {
    let server = Server::start_with(Kind::Redis70, &["--repl-ping-replica-period", "1"]);
    let watch = Watch::attached(follow(&server).silence(Duration::from_millis(2500)));
    let patient = Watch::attached(follow(&server));
    let mut expected = count(&server, "before", 0..3);
    // A silence limit of two PING periods: PINGs therefore count as activity.
    eventually("PINGs pass", || watch.seen().stream().iter().filter(|write| write.is("PING")).count() >= 4);
    assert!(watch.seen().disconnected().is_empty());
    server.call(&["DEBUG", "SLEEP", "6"]);
    expected.extend(count(&server, "after", 0..3));
    watch.reaches(server.offset());
    patient.reaches(server.offset());
    let seen = watch.stop();
    assert_eq!(seen.texts(), expected);
    assert!(
        seen.disconnected().iter().any(|lost| lost.reason == DisconnectReason::Silence(Duration::from_millis(2500))),
        "{:?}",
        seen.disconnected()
    );
    assert_eq!(seen.attached().last().map(|attached| attached.method), Some(AttachMethod::Continued));
    let seen = patient.stop();
    assert_eq!((seen.texts(), seen.disconnected()), (expected, vec![]));
}

/// Stops reading at the first command, until the primary has closed the connection because of too much unsent data.
/// Returns the events, and how they ended.
fn stop_reading(server: &Server, written: usize) -> (Seen, Option<Error>) {
    let go_on = Arc::new(AtomicBool::new(false));
    let waiting = go_on.clone();
    let mut follower = follow(server).connect().expect("connect");
    let thread = std::thread::spawn(move || {
        let mut seen = Seen::default();
        let end = Instant::now() + PATIENCE;
        let error = loop {
            assert!(Instant::now() < end, "it never comes to the last write: {:?}", seen.disconnected());
            match follower.next_timeout(Duration::from_millis(50)) {
                Ok(Some(event)) => {
                    let (first, last) = match &event {
                        Event::Command(command) => {
                            (command.arg(1) == Some(b"first0"), command.arg(1) == Some(b"last0"))
                        }
                        _ => (false, false),
                    };
                    seen.add(event);
                    while first && !waiting.load(Ordering::Acquire) {
                        assert!(Instant::now() < end, "the test has failed");
                        std::thread::sleep(Duration::from_millis(5));
                    }
                    if last {
                        break None;
                    }
                }
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        seen.position = follower.position();
        (seen, error)
    });
    eventually("attached", || server.info("replication").get("slave0").is_some_and(|line| line.contains("online")));
    count(server, "first", 0..1);
    server.client().pipeline(&vec![command(&["SET", "big", &"x".repeat(1 << 20)]); written]);
    eventually("the primary has cut the link", || {
        // Some servers check their limits only when they write.
        server.call(&["SET", "between", "1"]);
        server.info("replication")["connected_slaves"] == "0"
    });
    count(server, "last", 0..1);
    go_on.store(true, Ordering::Release);
    let (seen, error) = thread.join().expect("the follower's thread did not panic");
    seen.check();
    (seen, error)
}

/// Values of 1 MiB: more than the kernel holds for a reader that sleeps.
const WRITTEN: usize = 30;

/// More than 2 MB unsent for two seconds. A limit without a time would close the connection again before it has
/// delivered the missed data, which exceeds the limit.
const LIMIT: [&str; 5] = ["--client-output-buffer-limit", "replica", "0", "2mb", "2"];

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_stopped_reader_is_cut_and_resumes_within_the_backlog() {
    // Valkey 9.1 never closes a connection that its backlog can still serve.
    let kinds = Kind::few(&[Kind::Redis62, Kind::Redis70, Kind::Redis810, Kind::Valkey81]);
    for kind in kinds.into_iter().filter(|kind| *kind != Kind::Valkey91) {
        let server = Server::start_with(kind, &[&LIMIT[..], &["--repl-backlog-size", "100mb"]].concat());
        server.make_backlog();
        let (seen, error) = stop_reading(&server, WRITTEN);
        assert!(error.is_none(), "{kind:?}: {error:?}");
        assert!(!seen.disconnected().is_empty());
        let keys: Vec<_> =
            seen.writes().iter().map(|write| String::from_utf8_lossy(&write.args[1]).into_owned()).collect();
        let (big, between): (Vec<_>, Vec<_>) = keys[1..keys.len() - 1].iter().partition(|key| *key == "big");
        assert_eq!((&*keys[0], big.len(), &*keys[keys.len() - 1]), ("first0", WRITTEN, "last0"), "{kind:?}");
        assert!(between.iter().all(|key| *key == "between"));
        assert_eq!(seen.position.map(|position| position.offset), Some(server.offset()));
    }
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_reader_that_stops_for_too_long_loses_history_and_is_told() {
    for kind in Kind::ALL {
        let server = Server::start_with(kind, &[&LIMIT[..], &["--repl-backlog-size", "1mb"]].concat());
        server.make_backlog();
        let (seen, error) = stop_reading(&server, WRITTEN);
        let [gap] = seen.gaps()[..] else { panic!("{kind:?}: {:?}", seen.told.len()) };
        let Some(Error::Session(why)) = &error else { panic!("{kind:?}: {error:?}") };
        assert_eq!(**why, SessionError::HistoryLost(gap));
        assert_eq!(gap.missed, Some(server.offset() - gap.from.offset), "{kind:?}");
        assert_eq!(seen.disconnected()[0].resume, Some(gap.from));
        assert!(seen.writes().len() < WRITTEN);
    }
}
