//! Recordings: written by a follower, read, cut, appended to, and played to another follower.

mod appended;
mod broken;
mod corpus;
mod links;
mod played;
mod rounds;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use redtail::io::recording::Recorder;
use redtail::io::{ReadError, RecordingReader};
use redtail::net::Connector;
use redtail::owned::{OwnedCommand, OwnedEvent};
use redtail::replay::{Playback, Primary, Recording};
use redtail::{Backoff, Builder, DisconnectReason, Follower, Gap, OnGap, Position, Start};

pub(super) const ID: &str = "26e9aa58837d8095338f33e660463dbdf56c86c9";
pub(super) const OTHER: &str = "0123456789012345678901234567890123456789";
/// Database 5, no data.
pub(super) const SNAPSHOT: &[u8] = b"REDIS0010\xfa\x0erepl-stream-db\xc0\x05\xff\0\0\0\0\0\0\0\0";

/// What a server sends at a full resynchronisation.
pub(super) fn full(id: &str, offset: u64, stream: &[u8]) -> Vec<u8> {
    let head = format!("+FULLRESYNC {id} {offset}\r\n${}\r\n", SNAPSHOT.len());
    [head.as_bytes(), SNAPSHOT, stream].concat()
}

pub(super) fn serve(bytes: &[u8], play: Playback) -> Primary {
    Primary::serve_as(Recording::parse(bytes).unwrap(), play).unwrap()
}

pub(super) fn command(words: &str) -> Vec<u8> {
    let args: Vec<&str> = words.split(' ').collect();
    let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        bytes.extend(format!("${}\r\n{arg}\r\n", arg.len()).into_bytes());
    }
    bytes
}

pub(super) fn commands(lines: &[&str]) -> Vec<u8> {
    lines.iter().flat_map(|line| command(line)).collect()
}

/// A file in memory.
#[derive(Clone, Default)]
pub(super) struct Tape(Arc<Mutex<Vec<u8>>>);

impl Tape {
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

impl Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A follower that asks these servers in turn, the last one again and again.
pub(super) fn builder(servers: &[&Primary]) -> Builder<Connector<TcpStream>> {
    let mut addresses: Vec<_> = servers.iter().map(|server| server.address()).rev().collect();
    Follower::with_connector(move || {
        let address = if addresses.len() > 1 { addresses.pop().unwrap() } else { addresses[0] };
        TcpStream::connect(address)
    })
    .control(true)
    .reconnect(Backoff::new(Duration::from_millis(1), Duration::from_millis(1)))
}

/// The events up to and with the one that ends there in the last history, and the recording of them.
pub(super) fn record(builder: Builder<Connector<TcpStream>>, id: &str, end: u64) -> (Vec<OwnedEvent>, Vec<u8>) {
    let tape = Tape::default();
    let mut follower = builder.record(Recorder::new(tape.clone(), "a server")).connect().unwrap();
    let events = follow(&mut follower, id, end);
    follower.finish_recording().unwrap();
    (events, tape.bytes())
}

pub(super) fn follow(follower: &mut Follower<TcpStream>, id: &str, end: u64) -> Vec<OwnedEvent> {
    let mut events = Vec::new();
    loop {
        let event = follower.next_timeout(Duration::from_secs(20)).unwrap().unwrap().to_owned_event();
        assert!(!matches!(event, OwnedEvent::Idle(_)), "nothing came after {:?}", events.last());
        events.push(event);
        let there = |at: Position| at.history.as_str() == id && at.offset >= end;
        if follower.position().is_some_and(there) {
            return events;
        }
    }
}

pub(super) fn read(bytes: &[u8]) -> (Vec<OwnedEvent>, Option<ReadError>) {
    let options = options! { control: true };
    let mut reader = RecordingReader::with(bytes, options, None);
    let mut events = Vec::new();
    loop {
        match reader.next_event() {
            Ok(Some(event)) => events.push(event.to_owned_event()),
            Ok(None) => return (events, None),
            Err(error) => return (events, Some(error)),
        }
    }
}

/// Events without the parts that a recording does not keep: announcements, the disconnect reason, and the boundaries of
/// snapshot pieces.
pub(super) fn comparable(events: &[OwnedEvent]) -> Vec<OwnedEvent> {
    let mut all: Vec<OwnedEvent> = Vec::new();
    for event in events {
        match (event.clone(), all.last_mut()) {
            (OwnedEvent::Forking(_) | OwnedEvent::Idle(_), _) => {}
            (OwnedEvent::SnapshotBytes(more), Some(OwnedEvent::SnapshotBytes(bytes))) => bytes.extend(more),
            (OwnedEvent::Disconnected(mut lost), _) => {
                (lost.reason, lost.retry_in) = (DisconnectReason::Closed, None);
                all.push(OwnedEvent::Disconnected(lost));
            }
            (event, _) => all.push(event),
        }
    }
    all
}

/// The commands that count: what a lost link or a gap has made void is gone.
pub(super) fn standing(events: &[OwnedEvent]) -> Vec<OwnedCommand> {
    let mut commands: Vec<OwnedCommand> = Vec::new();
    for event in events {
        match event {
            OwnedEvent::Command(it) | OwnedEvent::Multi(it) | OwnedEvent::Exec(it) | OwnedEvent::Control(it) => {
                let mut command = it.clone();
                (command.received_ms, command.position) = (None, None);
                commands.push(command);
            }
            OwnedEvent::Disconnected(lost) => {
                let is_void = |it: &OwnedCommand| match lost.resume {
                    Some(resume) => it.history == Some(resume.history) && it.offset > resume.offset,
                    None => true,
                };
                while commands.last().is_some_and(is_void) {
                    commands.pop();
                }
            }
            _ => {}
        }
    }
    commands
}

pub(super) fn gaps(events: &[OwnedEvent]) -> Vec<Gap> {
    let gap = |event: &OwnedEvent| if let OwnedEvent::Gap(gap) = event { Some(*gap) } else { None };
    events.iter().filter_map(gap).collect()
}

pub(super) fn position(id: &str, offset: u64, db: &str) -> Position {
    format!("{id}:{offset}:{db}").parse().unwrap()
}

/// A recording played to a follower.
pub(super) fn replayed(bytes: &[u8], start: Start, id: &str, end: u64) -> Vec<OwnedEvent> {
    let primary = serve(bytes, Playback::default());
    follow(&mut builder(&[&primary]).start(start).on_gap(OnGap::Continue).connect().unwrap(), id, end)
}

pub(super) fn stream_of(recording: &Recording, segment: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    recording.stream(&recording.segments()[segment]).read_to_end(&mut bytes).unwrap();
    bytes
}
