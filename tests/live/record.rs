//! Streams of real servers, recorded and played: a follower receives the same as from the server.
#![allow(clippy::unwrap_used, reason = "in a test a panic is a report")]

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{env, fs};

use redtail::io::RecordingReader;
use redtail::io::recording::Recorder;
use redtail::owned::{OwnedCommand, OwnedEvent};
use redtail::replay::{Primary, Recording};
use redtail::replication::SessionError;
use redtail::{AttachMethod, Error, OnGap, Position, Start};
use serde_json::Value as Json;

use crate::client::command;
use crate::follow::{follow, follow_port};
use crate::help::{PATIENCE, eventually};
use crate::server::{Kind, Server};
use crate::tool::{Tool, redtail};
use crate::workload::workload;

/// A file in memory.
#[derive(Clone, Default)]
struct Tape(Arc<Mutex<Vec<u8>>>);

impl Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The relevant commands of all events.
fn standing(events: &[OwnedEvent]) -> Vec<OwnedCommand> {
    let mut commands: Vec<OwnedCommand> = Vec::new();
    for event in events {
        match event {
            OwnedEvent::Command(it) | OwnedEvent::Multi(it) | OwnedEvent::Exec(it) | OwnedEvent::Control(it) => {
                let mut command = it.clone();
                (command.received_ms, command.position) = (None, None);
                commands.push(command);
            }
            OwnedEvent::Disconnected(lost) => {
                let resume = lost.resume.expect("it was attached");
                let is_void = |it: &OwnedCommand| it.history == Some(resume.history) && it.offset > resume.offset;
                while commands.last().is_some_and(is_void) {
                    commands.pop();
                }
            }
            _ => {}
        }
    }
    commands
}

/// Follows until this offset of the history `id`.
fn told(builder: redtail::Builder, id: &str, end: u64) -> Vec<OwnedEvent> {
    let mut follower = builder.connect().unwrap();
    let mut events = Vec::new();
    let there = |at: Position| at.replid.as_str() == id && at.offset >= end;
    while !follower.position().is_some_and(there) {
        let event = follower.next_timeout(PATIENCE).unwrap().unwrap().to_owned_event();
        assert!(!matches!(event, OwnedEvent::Idle(_)), "nothing came after {:?}", events.last());
        events.push(event);
    }
    events
}

/// Writes everything, and sometimes closes the follower's connection.
fn load(server: &Server) {
    let mut client = server.client();
    for round in 0..6 {
        for commands in workload(server.kind).chunks(20) {
            client.pipeline(commands);
        }
        client.pipeline(&[
            command(&["MULTI"]),
            command(&["INCR", "round"]),
            command(&["CLIENT", "KILL", "TYPE", "replica"]),
        ]);
        client.pipeline(&[command(&["SET", "in", &round.to_string()]), command(&["EXEC"])]);
        std::thread::sleep(Duration::from_millis(60));
    }
    client.call(&["SELECT", "0"]);
    client.call(&["SET", "the end", "x"]);
}

#[test]
#[ignore = "needs real servers: tests/run"]
fn a_server_under_load_is_played_as_it_was() {
    for kind in Kind::ALL {
        let server = Server::start_with(kind, &["--repl-backlog-size", "100mb"]);
        server.make_backlog();
        server.call(&["SET", "before", "it began"]);
        let start = if matches!(kind, Kind::Redis70 | Kind::Valkey91) { Start::Snapshot } else { Start::Now };
        let tape = Tape::default();
        let recorder = Recorder::new(tape.clone(), server.address());
        let mut follower = follow(&server).start(start).record(recorder).connect().unwrap();
        let mut events = Vec::new();
        while !events.last().is_some_and(|event| {
            matches!(event, OwnedEvent::Attached(it) if it.method != AttachMethod::Full)
                || matches!(event, OwnedEvent::SnapshotEnd(_))
        }) {
            events.push(follower.next_event().unwrap().unwrap().to_owned_event());
        }
        let written = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                load(&server);
                written.store(true, Ordering::Release);
            });
            loop {
                let event = follower.next_timeout(Duration::from_millis(50)).unwrap().unwrap();
                if !matches!(event, redtail::Event::Idle(_)) {
                    events.push(event.to_owned_event());
                }
                if written.load(Ordering::Acquire) && follower.position().unwrap().offset >= server.offset() {
                    break;
                }
            }
        });
        let end = follower.position().unwrap();
        follower.finish_recording().unwrap();
        let bytes = tape.0.lock().unwrap().clone();
        let losses = events.iter().filter(|event| matches!(event, OwnedEvent::Disconnected(_))).count();
        assert!(losses >= 4, "{kind:?}: {losses}");
        let originals = standing(&events);
        assert!(originals.len() > 500, "{kind:?}");

        // The read recording gives the recorded events.
        let options = options! { control: true };
        let mut reader = RecordingReader::with(bytes.as_slice(), options, None);
        let mut again = Vec::new();
        while let Some(event) = reader.next_event().unwrap() {
            again.push(event.to_owned_event());
        }
        assert_eq!(reader.position(), Some(end));
        assert!(standing(&again) == originals, "{kind:?}");

        // The played recording too: from the beginning, and from any position.
        let primary = Primary::serve(Recording::parse(&bytes).unwrap()).unwrap();
        let port = primary.address().port();
        let id = end.replid.to_string();
        assert!(standing(&told(follow_port(port).start(start), &id, end.offset)) == originals, "{kind:?}");
        let positions: Vec<Position> = events
            .iter()
            .filter_map(|event| match event {
                OwnedEvent::Command(it) | OwnedEvent::Exec(it) | OwnedEvent::Control(it) => it.position,
                _ => None,
            })
            .filter(|position| position.offset < end.offset)
            .collect();
        for number in 0..if kind == Kind::Redis70 { 50 } else { 8_usize } {
            let from = positions[number * 7919 * 31 % positions.len()];
            let rest = standing(&told(follow_port(port).start(Start::At(from)), &id, end.offset));
            let expected: Vec<_> = originals.iter().filter(|it| it.offset > from.offset).cloned().collect();
            assert!(rest == expected, "{kind:?}, from {from}");
        }
    }
}

/// When the child that writes a snapshot dies.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Death {
    /// As soon as it is there.
    AtFork,
    /// The first bytes of the snapshot have arrived.
    InTransfer,
    /// The whole snapshot has arrived.
    AtEnd,
    /// The same, and the server gives the child up (FLUSHALL). Redis 7.0 then sends a newline, and closes.
    GivenUp,
}

/// Row 100. A follower under load, while the child that writes its snapshot dies: its offsets are those of the server,
/// and the recording gives the same events.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_snapshot_child_that_dies_moves_no_offset() {
    for kind in Kind::few(&[Kind::Redis70, Kind::Redis810, Kind::Valkey91]) {
        for diskless in ["yes", "no"] {
            let delay =
                ["--repl-diskless-sync", diskless, "--rdb-key-save-delay", "200", "--repl-backlog-size", "50mb"];
            let server = Server::start_with(kind, &delay);
            let mut client = server.client();
            // The child exits within a millisecond, unless it is given up first: Redis 7.0 closes three of eight
            // connections.
            let given_up = if kind == Kind::Redis70 && diskless == "yes" { 8 } else { 1 };
            let deaths = [Death::AtFork, Death::InTransfer, Death::AtEnd].into_iter();
            for death in deaths.chain([Death::GivenUp].repeat(given_up)) {
                let at = format!("{kind:?}, diskless {diskless}, {death:?}");
                let keys: Vec<_> = (0..2000).map(|n| command(&["SET", &format!("key:{n}"), "value"])).collect();
                client.pipeline(&keys);
                let is_killed = with_a_dying_child(&server, death, &at);
                // By the time a snapshot from a disk arrives, its child has ended.
                let is_expected = death == Death::AtFork || (death == Death::InTransfer && diskless == "yes");
                assert!(is_killed || !is_expected, "{at}: no child was killed");
            }
        }
    }
}

struct Stops<'a>(&'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Returns whether a child was killed.
fn with_a_dying_child(server: &Server, death: Death, at: &str) -> bool {
    let attach = || {
        let tape = Tape::default();
        let recorder = Recorder::new(tape.clone(), server.address());
        (follow(server).start(Start::Snapshot).on_gap(OnGap::Snapshot).record(recorder).connect().unwrap(), tape)
    };
    let (mut follower, mut tape) = attach();
    let mut flushing = server.client();
    let (mut events, mut is_killed, stop) = (Vec::new(), false, AtomicBool::new(false));
    std::thread::scope(|scope| {
        // Also if an assertion fails.
        let _stops = Stops(&stop);
        let killer = (death == Death::AtFork).then(|| scope.spawn(|| server.kill_child()));
        scope.spawn(|| {
            let mut client = server.client();
            let mut number = 0;
            while !stop.load(Ordering::Acquire) {
                number += 1;
                client.pipeline(&[command(&["INCR", "n"]), command(&["SET", "load", &number.to_string()])]);
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let mut is_due = death != Death::AtFork;
        // The writes continue for as long as a primary may take to close the connection.
        let (mut quiet_at, mut is_complete) = (None, false);
        let end = std::time::Instant::now() + PATIENCE;
        loop {
            assert!(std::time::Instant::now() < end, "{at}: it ends at {:?}", follower.position());
            let event = match follower.next_timeout(Duration::from_millis(50)) {
                Ok(event) => event.unwrap(),
                // A broken snapshot ends a follower. Another one begins anew.
                Err(error) => {
                    let is_broken = |why: &SessionError| matches!(why, SessionError::SnapshotBroken { .. });
                    assert!(matches!(&error, Error::Session(why) if is_broken(why)), "{at}: {error}");
                    assert!(matches!(death, Death::AtFork | Death::InTransfer), "{at}: {error}");
                    (follower, tape) = attach();
                    (is_due, is_complete, quiet_at) = (false, false, None);
                    events.clear();
                    continue;
                }
            };
            match (death, &event) {
                (Death::InTransfer, redtail::Event::SnapshotBytes(_))
                | (Death::AtEnd, redtail::Event::SnapshotEnd(_))
                    if is_due =>
                {
                    is_due = false;
                    is_killed = server.kill_child_if_any();
                }
                (Death::GivenUp, redtail::Event::SnapshotEnd(_)) if is_due => {
                    is_due = false;
                    flushing.call(&["FLUSHALL"]);
                }
                _ => {}
            }
            is_complete = match event {
                redtail::Event::SnapshotEnd(_) => true,
                redtail::Event::SnapshotBegin(_) => false,
                _ => is_complete,
            };
            if !matches!(event, redtail::Event::Idle(_)) {
                events.push(event.to_owned_event());
            }
            let is_over = killer.as_ref().is_none_or(|killer| killer.is_finished());
            if is_complete && is_over && quiet_at.is_none() {
                quiet_at = Some(std::time::Instant::now() + Duration::from_millis(1500));
            }
            if quiet_at.is_some_and(|quiet_at| std::time::Instant::now() > quiet_at) {
                stop.store(true, Ordering::Release);
                if follower.position().is_some_and(|position| position.offset == server.offset()) && is_complete {
                    break;
                }
            }
        }
        is_killed |= killer.is_some_and(|killer| killer.join().is_ok());
    });
    let end = follower.position().unwrap();
    follower.finish_recording().unwrap();
    let since_snapshot = |events: &[OwnedEvent]| {
        let from = events.iter().rposition(|event| matches!(event, OwnedEvent::SnapshotEnd(_))).expect("a snapshot");
        let lost = events.iter().filter(|event| matches!(event, OwnedEvent::Disconnected(_))).count();
        (standing(&events[from..]), lost)
    };
    let (originals, losses) = since_snapshot(&events);
    assert!(originals.len() > 100, "{at}: {}", originals.len());
    let bytes = tape.0.lock().unwrap().clone();
    let mut reader = RecordingReader::with(bytes.as_slice(), options! { control: true }, None);
    let mut again = Vec::new();
    while let Some(event) = reader.next_event().unwrap() {
        again.push(event.to_owned_event());
    }
    assert_eq!(reader.position(), Some(end), "{at}");
    assert!(since_snapshot(&again).0 == originals, "{at}");
    // The played recording too.
    let primary = Primary::serve(Recording::parse(&bytes).unwrap()).unwrap();
    let played = told(follow_port(primary.address().port()).start(Start::Snapshot), end.replid.as_str(), end.offset);
    let last =
        standing(&played[played.iter().rposition(|event| matches!(event, OwnedEvent::SnapshotEnd(_))).unwrap()..]);
    assert!(last.last() == originals.last(), "{at}: {:?}", last.last());
    eprintln!("{at}: {losses} lost connections, {} commands", originals.len());
    is_killed
}

/// A server that has lost its history: the gap is in the recording, and is played.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_server_that_forgets_is_played_as_one() {
    for (kind, on_gap) in
        [(Kind::Redis62, OnGap::Snapshot), (Kind::Redis82, OnGap::Continue), (Kind::Valkey81, OnGap::Snapshot)]
    {
        let mut server = Server::start(kind);
        server.make_backlog();
        let tape = Tape::default();
        let recorder = Recorder::new(tape.clone(), server.address());
        let start = if on_gap == OnGap::Snapshot { Start::Snapshot } else { Start::Now };
        let mut follower = follow(&server).start(start).on_gap(on_gap).record(recorder).connect().unwrap();
        let mut events = Vec::new();
        let mut until = |word: &str| loop {
            let event = follower.next_timeout(PATIENCE).unwrap().unwrap().to_owned_event();
            let found = matches!(&event, OwnedEvent::Command(it) if it.args().last().is_some_and(|arg| arg == word.as_bytes()))
                || (word.is_empty() && matches!(&event, OwnedEvent::Attached(_)));
            events.push(event);
            if found {
                return follower.position();
            }
        };
        until("");
        server.call(&["SET", "k", "one"]);
        until("one");
        server.kill();
        server.start_again();
        server.make_backlog();
        until("");
        server.call(&["SET", "k", "two"]);
        let end = until("two").unwrap();
        follower.finish_recording().unwrap();
        let gaps = |events: &[OwnedEvent]| -> Vec<_> {
            events.iter().filter_map(|event| if let OwnedEvent::Gap(gap) = event { Some(*gap) } else { None }).collect()
        };
        assert_eq!(gaps(&events).len(), 1, "{kind:?}");

        let recording = Recording::parse(&tape.0.lock().unwrap()).unwrap();
        assert_eq!(recording.segments().len(), 2, "{kind:?}");
        let primary = Primary::serve(recording).unwrap();
        let builder = follow_port(primary.address().port()).start(start).on_gap(on_gap);
        let again = told(builder, end.replid.as_str(), end.offset);
        assert_eq!(standing(&again), standing(&events), "{kind:?}");
        let places = |events: &[OwnedEvent]| -> Vec<_> {
            gaps(events).iter().map(|gap| (gap.from.offset, gap.from.replid, gap.to.offset, gap.to.replid)).collect()
        };
        assert_eq!(places(&again), places(&events), "{kind:?}");
    }
}

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Self(env::temp_dir().join(format!("redtail-live-{}-{name}", std::process::id())))
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The lines of commands, without the fields that differ between a server and its recording.
fn lines(output: &[u8]) -> Vec<Json> {
    let mut lines: Vec<Json> = output
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    lines.retain(|line| matches!(line["event"].as_str(), Some("command" | "multi" | "exec" | "key" | "snapshot")));
    for line in &mut lines {
        line.as_object_mut().unwrap().remove("received_ms");
    }
    lines
}

/// `redtail record` killed and continued under load; then `redtail replay`, compared with the server itself.
#[test]
#[ignore = "needs real servers: tests/run"]
fn the_tool_records_and_plays_what_the_server_has() {
    for kind in Kind::few(&[Kind::Redis70, Kind::Valkey91]) {
        let server = Server::start_with(kind, &["--repl-backlog-size", "100mb"]);
        server.make_backlog();
        let file = Scratch::new("record");
        let mut tail = Tool::start(&["tail", &server.address(), "--from", "snapshot", "--format", "json"]);
        tail.event_named("snapshot");
        let mut record = Tool::start(&["record", &server.address(), "-o", file.path(), "--from", "snapshot"]);
        record.says("the snapshot is complete");
        for round in 0..4 {
            let mut client = server.client();
            for commands in workload(kind).chunks(50) {
                client.pipeline(commands);
            }
            record.signal(if round % 2 == 0 { "KILL" } else { "INT" });
            record.wait();
            client.call(&["SET", "while nobody", "recorded"]);
            record = Tool::start(&["record", &server.address(), "-o", file.path(), "--append"]);
            record.says("attached to");
        }
        // The one key that expires does so before the end.
        server.call(&["EXISTS", "k:3"]);
        server.call(&["SET", "the last", "key"]);
        let original = lines(&tail.until(b"the last"));
        let end = server.offset();
        eventually("it is recorded", || fs::read(file.path()).unwrap().windows(8).any(|window| window == b"the last"));
        record.signal("TERM");
        assert!(record.wait().success(), "{}", record.errors());
        assert!(record.errors().contains("recorded "), "{}", record.errors());

        let mut replay = Tool::start_command(redtail(&["replay", file.path(), "--once"]).stdin(Stdio::null()));
        let address = replay.line().expect("an address");
        let arguments = ["tail", &address, "--from", "snapshot", "--format", "json", "--until", &end.to_string()];
        let ran = Tool::run(&arguments, b"");
        assert!(ran.status.success(), "{ran:?}");
        let replayed = lines(&ran.stdout);
        let commands = |lines: &[Json]| -> Vec<Json> {
            lines.iter().filter(|line| line["event"] != "key" && line["event"] != "snapshot").cloned().collect()
        };
        let (again, before) = (commands(&replayed), commands(&original));
        for (again, before) in again.iter().zip(&before) {
            assert!(again == before, "{kind:?}: {again:.500} instead of {before:.500}");
        }
        assert_eq!(again.len(), before.len(), "{kind:?}");
        assert!(replay.wait().success(), "{}", replay.errors());

        // A real replica follows it as well.
        let mut replay = Tool::start(&["replay", file.path(), "--ping", "1"]);
        let port = replay.line().unwrap().rsplit(':').next().unwrap().to_owned();
        let replica = Server::start(kind);
        replica.call(&["REPLICAOF", "127.0.0.1", &port]);
        eventually("the replica has everything", || replica.call(&["EXISTS", "the last"]).int() == 1);
        eventually("it has what the server has", || replica.digest() == server.digest());
        replica.promote();
        drop(replay);
    }
}

/// The intermediate output of standard tools is irrelevant.
#[test]
#[ignore = "needs real servers: tests/run"]
fn a_recording_flows_through_a_pipe() {
    let server = Server::start(Kind::Redis70);
    server.make_backlog();
    let position = format!("{}:{}:0", server.replid(), server.offset());
    server.call(&["SET", "k", "v"]);
    let recipe = r#""$0" record "$1" -o - --from "$2" --count 1 | gzip | gunzip | "$0" decode"#;
    let shell = Command::new("sh")
        .args(["-c", recipe, env!("CARGO_BIN_EXE_redtail"), &server.address(), &position])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(shell.status.success(), "{shell:?}");
    assert!(String::from_utf8_lossy(&shell.stdout).ends_with("\"SET\" \"k\" \"v\"\n"), "{shell:?}");
}
