//! The feature `serde`: what is written, and that it reads back.
#![allow(clippy::unwrap_used, reason = "in a test a panic is a report")]

use std::time::Duration;

use redtail::owned::{OwnedCommand, OwnedEvent};
use redtail::replication::Idle;
use redtail::{
    AttachMethod, Attached, DisconnectReason, Disconnected, Event, Excerpt, ForkReason, Forking, Gap, Position, Role,
    SnapshotBegin, SnapshotEnd,
};

const ID: &str = "26e9aa58837d8095338f33e660463dbdf56c86c9";

fn position() -> Position {
    format!("{ID}:1311:0").parse().unwrap()
}

fn command() -> OwnedCommand {
    let mut command = OwnedCommand::new(1311, [&b"SET"[..], b"k\xff", b"", b"PX", b"100", b"NX"]);
    (command.db, command.tx, command.received_ms) = (Some(0), Some(1290), Some(1_700_000_000_000));
    (command.position, command.history) = (Some(position()), Some(position().history));
    command
}

#[test]
fn positions_are_their_text() {
    let json = serde_json::to_string(&position()).unwrap();
    assert_eq!(json, format!("\"{ID}:1311:0\""));
    assert_eq!(serde_json::from_str::<Position>(&json).unwrap(), position());
    let error = serde_json::from_str::<Position>("\"nonsense\"").unwrap_err().to_string();
    assert!(error.contains("40 hexadecimal digits"), "{error}");
}

#[test]
fn a_command_is_its_fields_and_arguments() {
    let json = serde_json::to_value(OwnedEvent::Command(OwnedCommand::new(27, ["GET", "k"]))).unwrap();
    let expected = serde_json::json!({ "command": {
        "offset": 27, "db": null, "tx": null, "received_ms": null, "position": null, "history": null,
        "args": [[71, 69, 84], [107]],
    } });
    assert_eq!(json, expected);
}

#[test]
fn every_event_reads_back_as_it_was() {
    let mut attached = Attached::new(AttachMethod::Filtered, position());
    (attached.server, attached.role) = (Some("valkey 9.1.2".parse().unwrap()), Some(Role::Primary));
    let mut lost = Disconnected::new(DisconnectReason::Silence(Duration::from_millis(2500)), Some(position()));
    lost.retry_in = Some(Duration::from_millis(100));
    let refused = DisconnectReason::Refused(Excerpt::new(b"LOADING"));
    let mut forking = Forking::new(ForkReason::Snapshot);
    (forking.used_memory, forking.last_fork) = (Some(1 << 30), Some(Duration::from_micros(250)));
    let later = Position::new(position().replid, 2000, None);
    let events = [
        OwnedEvent::Forking(forking),
        OwnedEvent::Attached(attached),
        OwnedEvent::SnapshotBegin(SnapshotBegin::new(Some(position().replid), 1311)),
        OwnedEvent::SnapshotBytes(b"REDIS0011\xfe".to_vec()),
        OwnedEvent::SnapshotEnd(SnapshotEnd::new(300, position())),
        OwnedEvent::Command(command()),
        OwnedEvent::Multi(command()),
        OwnedEvent::Exec(command()),
        OwnedEvent::Control(command()),
        OwnedEvent::Gap(Gap::between(position(), later)),
        OwnedEvent::Disconnected(lost),
        OwnedEvent::Disconnected(Disconnected::new(refused, None)),
        OwnedEvent::Idle(Idle::at(Some(later))),
    ];
    for event in events.into_iter().chain(parts()) {
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<OwnedEvent>(&json).unwrap(), event, "{json}");
    }
}

/// The parts of a large command.
fn parts() -> Vec<OwnedEvent> {
    let mut options = redtail::Options::default();
    options.parts = Some(1024);
    let stream = [&b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$2000\r\n"[..], &[0xff; 2000], b"\r\n"].concat();
    let mut reader = redtail::io::RecordingReader::commands(stream.as_slice(), options, 0);
    let mut parts = Vec::new();
    while let Some(event) = reader.next_event().unwrap() {
        assert!(matches!(event, Event::Part(_)), "{event:?}");
        parts.push(event.to_owned_event());
    }
    assert!(parts.len() > 6, "{parts:?}");
    parts
}
