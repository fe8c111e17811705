//! The session with its receive buffer: the same events however bytes arrive, and no call that could lose one.

use std::fs;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex};

use redtail::io::recording::Recorder;
use redtail::io::{BufferFull, BufferedSession, RecordingReader, SpaceError, Step};
use redtail::replication::{Closed, Credentials, Heartbeat, Session};
use redtail::{Ack, Backoff, Event, Limits, Options, Position, SessionError, Start};

const ID: &str = "26e9aa58837d8095338f33e660463dbdf56c86c9";
const INCR: &[u8] = b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n";

/// How events are taken.
#[derive(Clone, Copy)]
enum Take {
    Next,
    Peek,
    Batch(u32),
}

/// Notes an event. Snapshot bytes and pieces of an argument are joined: only their cut depends on how they arrived.
fn note(seen: &mut Vec<String>, event: &Event<'_>) {
    let text = match event {
        Event::SnapshotBytes(bytes) => format!("snapshot {bytes:?}"),
        Event::Command(command) | Event::Multi(command) | Event::Exec(command) | Event::Control(command) => {
            format!("{event:?} {:?} {:?} {:?}", command.tx, command.position(), command.received_ms)
        }
        other => format!("{other:?}"),
    };
    match (seen.last_mut(), text.strip_prefix("snapshot [")) {
        (Some(last), Some(more)) if last.starts_with("snapshot") => {
            last.truncate(last.len() - 1);
            last.push_str(", ");
            last.push_str(more);
        }
        _ => seen.push(text),
    }
}

/// Takes all events that were received; returns how the session ended, if it did.
fn take(session: &mut BufferedSession, seen: &mut Vec<String>, how: Take) -> Option<String> {
    loop {
        match how {
            Take::Next => {}
            Take::Peek => {
                let before = session.position();
                let is_drained = session.is_drained(0);
                assert_eq!(is_drained, session.is_drained(0));
                assert_eq!(session.position(), before, "peeked is not delivered");
            }
            Take::Batch(limit) => loop {
                let (count, flow) = session.batch(0, limit, |event| {
                    note(seen, &event);
                    ControlFlow::Continue(())
                });
                assert!(flow.is_continue() && count <= limit);
                if count < limit {
                    break;
                }
            },
        }
        match session.next(0) {
            Step::Event(event) => note(seen, &event),
            Step::Read { .. } => return None,
            other => return Some(format!("{other:?}")),
        }
    }
}

/// All events of `bytes`, which arrive in pieces that end at these cuts.
fn follow(name: &str, bytes: &[u8], offset: Option<u64>, cuts: &[usize], how: Take) -> Vec<String> {
    let options = options! { control: true, parts: Some(1024) };
    let mut session = BufferedSession::with_capacity(Session::recorded(options, offset), 1024).unwrap();
    let (mut seen, mut at) = (Vec::new(), 0);
    assert_eq!(take(&mut session, &mut seen, how), None, "{name}");
    for &cut in cuts.iter().chain([&bytes.len()]) {
        while at < cut {
            let space = session.space().unwrap();
            let count = space.len().min(cut - at);
            space[..count].copy_from_slice(&bytes[at..at + count]);
            session.received(count);
            at += count;
            assert_eq!(take(&mut session, &mut seen, how), None, "{name}");
        }
    }
    session.disconnected(Closed::ByPeer);
    let end = take(&mut session, &mut seen, how);
    seen.push(format!("{end:?} at {:?}", session.position()));
    seen
}

fn recordings() -> Vec<(&'static str, Vec<u8>, Option<u64>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    [("pings-getack", None), ("resume-part1", None), ("resume-part2", Some(163)), ("sync", None), ("keepalive", None)]
        .map(|(name, offset)| (name, fs::read(folder.join(format!("{name}.bin"))).unwrap(), offset))
        .into()
}

#[test]
fn every_cut_gives_the_same_events() {
    for (name, bytes, offset) in recordings() {
        let whole = follow(name, &bytes, offset, &[], Take::Next);
        assert!(whole.len() > 2, "{name}: {whole:?}");
        for cut in 0..=bytes.len() {
            assert_eq!(follow(name, &bytes, offset, &[cut], Take::Next), whole, "{name} cut at {cut}");
        }
        let every: Vec<usize> = (0..bytes.len()).collect();
        for how in [Take::Next, Take::Peek, Take::Batch(1), Take::Batch(3), Take::Batch(u32::MAX)] {
            assert_eq!(follow(name, &bytes, offset, &[], how), whole, "{name}");
            assert_eq!(follow(name, &bytes, offset, &every, how), whole, "{name}, byte by byte");
        }
    }
}

fn position(offset: u64) -> Position {
    format!("{ID}:{offset}:0").parse().unwrap()
}

fn receive(session: &mut BufferedSession, bytes: &[u8]) {
    session.space().unwrap()[..bytes.len()].copy_from_slice(bytes);
    session.received(bytes.len());
}

/// Answers everything up to PSYNC.
fn shake_hands(session: &mut BufferedSession) {
    loop {
        assert!(matches!(session.next(0), Step::Read { .. }));
        let sent = String::from_utf8(session.to_send().to_vec()).unwrap();
        session.sent(sent.len());
        match sent.split("\r\n").nth(2).unwrap() {
            "PSYNC" => return,
            "PING" => receive(session, b"+PONG\r\n"),
            "INFO" => receive(session, b"$0\r\n\r\n"),
            _ => receive(session, b"+OK\r\n"),
        }
    }
}

/// A session that streams from offset 100.
fn streaming(options: Options) -> BufferedSession {
    let mut session = BufferedSession::new(options! { start: Start::At(position(100)), ..options });
    assert!(matches!(session.next(0), Step::Connect { at_ms: 0 }));
    assert!(session.connected(Credentials::default(), 0));
    shake_hands(&mut session);
    receive(&mut session, b"+CONTINUE\r\n");
    assert!(matches!(session.next(0), Step::Event(Event::Attached(_))));
    assert!(matches!(session.next(0), Step::Read { .. }));
    session.sent(session.to_send().len());
    session
}

#[test]
fn received_events_precede_the_end_of_a_connection() {
    let mut session = streaming(Options::default());
    receive(&mut session, &INCR.repeat(3));
    session.disconnected(Closed::Failed("reset"));
    session.disconnected(Closed::ByPeer);
    assert!(!session.is_connected() && session.to_send().is_empty());
    assert_eq!(session.deadline_ms(), 0, "next has something to tell");
    for offset in [121, 142, 163] {
        assert!(matches!(session.next(5), Step::Event(Event::Command(command)) if command.offset == offset));
    }
    match session.next(5) {
        Step::Event(Event::Disconnected(lost)) => {
            assert_eq!((lost.resume.unwrap().offset, lost.reason.to_string().contains("reset")), (163, true));
        }
        other => panic!("{other:?}"),
    }
    let Step::Connect { at_ms } = session.next(5) else { panic!() };
    assert!(matches!(session.next(500), Step::Connect { at_ms: again } if again == at_ms), "it is not put off");
    assert_eq!(session.deadline_ms(), at_ms);
    // One that is dropped because of `Connect` was no attempt; one that could not be made was.
    session.disconnected(Closed::ByPeer);
    assert!(matches!(session.next(500), Step::Connect { at_ms: again } if again == at_ms));
    session.connect_failed(Closed::Failed("refused"));
    assert!(matches!(session.next(500), Step::Event(Event::Disconnected(_))));
    assert!(matches!(session.next(500), Step::Connect { at_ms } if at_ms >= 500));
}

/// A second report, or one without a space, would otherwise add whatever the buffer held before.
#[test]
fn bytes_are_received_only_into_a_space() {
    let mut session = streaming(Options::default());
    session.received(3);
    assert!(matches!(session.next(0), Step::Read { .. }));
    let space = session.space().unwrap();
    space[..INCR.len()].copy_from_slice(INCR);
    session.received(INCR.len());
    session.received(INCR.len());
    assert!(matches!(session.next(0), Step::Event(Event::Command(command)) if command.offset == 121));
    assert!(matches!(session.next(0), Step::Read { .. }));
    // The space of a connection that is lost is no longer one.
    let length = session.space().unwrap().len();
    session.disconnected(Closed::ByPeer);
    assert!(matches!(session.next(0), Step::Event(Event::Disconnected(_))));
    assert!(matches!(session.next(0), Step::Connect { .. }));
    assert!(session.connected(Credentials::default(), 0));
    session.received(length);
    assert!(matches!(session.next(0), Step::Read { .. }));
}

#[test]
fn a_second_connection_is_refused() {
    let mut session = streaming(Options::default());
    assert!(!session.connected(Credentials::default(), 0));
    receive(&mut session, INCR);
    assert!(!session.is_drained(0));
    session.disconnected(Closed::ByPeer);
    assert!(!session.connected(Credentials::default(), 0), "an event was peeked that nobody took");
    assert!(matches!(session.next(0), Step::Event(Event::Command(command)) if command.offset == 121));
    // The events before need not be taken: they arrive again.
    assert!(session.connected(Credentials::default(), 0));
    assert!(session.is_connected());
    assert!(matches!(session.next(0), Step::Event(Event::Disconnected(lost)) if lost.resume == Some(position(121))));
    assert!(session.to_send().starts_with(b"*1\r\n$4\r\nPING"));
}

#[test]
fn a_session_that_is_over_stays_so() {
    let mut session = BufferedSession::new(options! { backoff: Backoff::OFF });
    session.connect_failed(Closed::Failed("refused"));
    assert!(!session.connected(Credentials::default(), 0));
    for _ in 0..2 {
        assert!(matches!(session.next(0), Step::Failed(SessionError::Lost { .. })));
        assert_eq!(session.deadline_ms(), u64::MAX);
    }
    assert!(session.is_over() && !session.is_connected());
    session.connect_failed(Closed::ByPeer);
    assert!(matches!(session.next(0), Step::Failed(_)));
}

#[test]
fn commits_and_peeked_events() {
    let mut session = streaming(options! { ack: Ack::Applied });
    receive(&mut session, &INCR.repeat(2));
    assert!(!session.is_drained(0));
    assert_eq!(session.position(), Some(position(100)));
    assert!(matches!(session.next(0), Step::Event(Event::Command(_))));
    assert_eq!(session.position(), Some(position(121)));
    session.commit(position(121));
    assert_eq!(session.heartbeat(), Some(Heartbeat::Ack(121)));
    assert!(matches!(session.next(0), Step::Event(Event::Command(_))));
    assert!(session.is_drained(0));
    session.keep_alive(1000);
    assert!(session.to_send().ends_with(b"ACK\r\n$3\r\n121\r\n"), "{:?}", session.to_send());
}

#[test]
fn silence_ends_a_connection() {
    let mut session = streaming(options! { silence: Some(std::time::Duration::from_millis(200)) });
    session.silent(199);
    assert!(matches!(session.next(199), Step::Read { deadline_ms: 200 }));
    session.silent(200);
    assert!(matches!(session.next(200), Step::Event(Event::Disconnected(_))));
}

#[test]
fn the_buffer_grows_only_for_what_is_not_whole() {
    let session = Session::commands(Options::default(), 0);
    let mut session = BufferedSession::with_capacity(session, 1024).unwrap();
    // Whoever reads on without taking events fills the buffer, and no more.
    let (mut received, stream) = (0, INCR.repeat(200));
    let full = loop {
        match session.space() {
            Ok(space) => {
                let count = space.len().min(stream.len() - received);
                space[..count].copy_from_slice(&stream[received..received + count]);
                session.received(count);
                received += count;
            }
            Err(error) => break error,
        }
    };
    assert!(matches!(full, SpaceError::Buffer(BufferFull::Limit { limit: 1024 })), "{full:?}");
    assert_eq!(received, 1024);
    assert!(matches!(session.next(0), Step::Event(_)));
    assert!(session.space().is_ok(), "an event was taken");
}

/// A thousand idle connections must not need a thousand large buffers.
#[test]
fn an_idle_connection_has_a_small_buffer() {
    const SMALL: usize = 16 << 10;
    const LARGE: usize = 100 << 10;
    let mut session = BufferedSession::with_capacity(Session::commands(Options::default(), 0), LARGE).unwrap();
    let take = |session: &mut BufferedSession, now_ms| {
        let mut events = 0;
        while let Step::Event(_) = session.next(now_ms) {
            events += 1;
        }
        events
    };
    let space = |session: &mut BufferedSession| session.space().unwrap().len();
    // Small reads begin at the front, however many there are.
    for now_ms in 0..2000 {
        assert_eq!((take(&mut session, now_ms), space(&mut session)), (u32::from(now_ms > 0), SMALL));
        receive(&mut session, INCR);
    }
    assert_eq!(take(&mut session, 2000), 1);
    // A read that fills the space leaves bytes in the socket. It ends inside a command.
    let filling = &INCR.repeat(SMALL)[..SMALL];
    receive(&mut session, filling);
    let whole = u32::try_from(SMALL / INCR.len()).unwrap();
    assert_eq!((take(&mut session, 2000), space(&mut session)), (whole, LARGE - SMALL % INCR.len()));
    let rest = &INCR[SMALL % INCR.len()..];
    receive(&mut session, rest);
    assert_eq!((take(&mut session, 2000), space(&mut session)), (1, LARGE));
    for (now_ms, expected) in [(2999, LARGE), (3000, SMALL), (9000, SMALL)] {
        assert_eq!((take(&mut session, now_ms), space(&mut session)), (0, expected), "at {now_ms} ms");
    }
    // Unread bytes stay.
    receive(&mut session, filling);
    assert_eq!((take(&mut session, 9000), take(&mut session, 20_000)), (whole, 0));
    assert_eq!(space(&mut session), LARGE - SMALL % INCR.len());
    receive(&mut session, rest);
    assert_eq!(take(&mut session, 20_000), 1);
}

/// A read in the background gets its space just after data, and waits with it.
#[test]
fn an_idle_read_in_the_background_has_a_small_buffer() {
    const SMALL: usize = 16 << 10;
    const LARGE: usize = 100 << 10;
    let mut session = BufferedSession::with_capacity(Session::commands(Options::default(), 0), LARGE).unwrap();
    let mut read = |bytes: &[u8], now_ms| {
        let space = session.space().unwrap();
        let length = space.len();
        space[..bytes.len()].copy_from_slice(bytes);
        // The timer, while nothing arrives.
        assert!(matches!(session.next(now_ms), Step::Read { .. }));
        session.received(bytes.len());
        while let Step::Event(_) = session.next(now_ms) {}
        length
    };
    let filling = &INCR.repeat(SMALL)[..SMALL];
    let unread = SMALL % INCR.len();
    assert_eq!((read(INCR, 0), read(filling, 0)), (SMALL, SMALL));
    assert_eq!(read(&INCR[unread..], 999), LARGE - unread);
    assert_eq!((read(INCR, 1998), read(INCR, 2998)), (LARGE, LARGE));
    assert_eq!((read(INCR, 2998), read(INCR, 9000)), (SMALL, SMALL));
    // Many bytes after a silence.
    assert_eq!((read(filling, 19_000), read(&INCR[unread..], 19_000)), (SMALL, LARGE - unread));
}

/// The larger buffer is for speed: a connection needs it as little as before.
#[test]
fn a_lack_of_memory_for_the_large_buffer_is_no_failure() {
    const SMALL: usize = 16 << 10;
    let mut session = BufferedSession::with_capacity(Session::commands(Options::default(), 0), usize::MAX).unwrap();
    let stream = INCR.repeat(4 * SMALL / INCR.len());
    let (mut rest, mut events) = (stream.as_slice(), 0);
    while !rest.is_empty() {
        // Each read fills the space.
        let (bytes, after) = rest.split_at(session.space().unwrap().len().min(rest.len()));
        receive(&mut session, bytes);
        rest = after;
        while let Step::Event(_) = session.next(0) {
            events += 1;
        }
    }
    assert_eq!(events, stream.len() / INCR.len());
}

#[test]
fn the_limit_has_room_for_the_longest_command() {
    const LONGEST: u64 = 3 << 20;
    for (over, kind) in [(0, "Command"), (1, "Failed")] {
        let mut limits = Limits::default();
        limits.command = LONGEST;
        let session = Session::commands(options! { limits }, 0);
        let mut session = BufferedSession::with_capacity(session, 1024).unwrap();
        let around = b"*2\r\n$3\r\nSET\r\n$3145695\r\n\r\n".len();
        let length = LONGEST as usize - around + over;
        let mut command = format!("*2\r\n$3\r\nSET\r\n${length}\r\n").into_bytes();
        command.resize(command.len() + length, b'v');
        command.extend(b"\r\n");
        assert_eq!(command.len() as u64, LONGEST + over as u64);
        let mut unread = &command[..];
        let end = loop {
            match session.next(0) {
                Step::Read { .. } => {
                    let space = session.space().expect("the parser refuses a command before the buffer is full");
                    let count = space.len().min(unread.len());
                    assert!(count > 0, "the command is whole");
                    space[..count].copy_from_slice(&unread[..count]);
                    unread = &unread[count..];
                    session.received(count);
                }
                Step::Event(Event::Command(_)) => break "Command",
                Step::Failed(_) => break "Failed",
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(end, kind);
    }
}

/// The output of a recorder.
#[derive(Clone, Default)]
struct Tape(Arc<Mutex<Vec<u8>>>);

impl Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_recording_ends_with_the_last_delivered_event() {
    for is_peeked in [false, true] {
        let tape = Tape::default();
        let mut session = BufferedSession::new(options! { start: Start::At(position(100)) });
        session.record(Recorder::new(tape.clone(), "a server"));
        assert!(session.connected(Credentials::default(), 0));
        session.stamp(1_000);
        shake_hands(&mut session);
        receive(&mut session, &[b"+CONTINUE\r\n", &INCR.repeat(3)[..]].concat());
        assert!(matches!(session.next(0), Step::Event(Event::Attached(_))));
        assert!(matches!(session.next(0), Step::Event(Event::Command(_))));
        if is_peeked {
            assert!(!session.is_drained(0));
        }
        session.finish_recording().unwrap();
        assert_eq!(session.recorded_bytes(), 11 + INCR.len() as u64);
        let bytes = tape.0.lock().unwrap().clone();
        let mut reader = RecordingReader::new(&bytes[..]);
        let mut commands = 0;
        while let Some(event) = reader.next_event().unwrap() {
            if let Event::Command(command) = event {
                assert_eq!((command.offset, command.received_ms), (121, Some(1_000)));
                commands += 1;
            }
        }
        assert_eq!(commands, 1);
    }
}

/// A recorder that is attached in mid-stream has missed the reply to PSYNC: it starts with the next connection.
#[test]
fn a_late_recorder_starts_with_the_next_connection() {
    let tape = Tape::default();
    let mut session = streaming(Options::default());
    session.record(Recorder::new(tape.clone(), "a server"));
    receive(&mut session, INCR);
    assert!(matches!(session.next(0), Step::Event(Event::Command(command)) if command.offset == 121));
    session.disconnected(Closed::ByPeer);
    assert!(matches!(session.next(0), Step::Event(Event::Disconnected(_))));
    assert!(matches!(session.next(0), Step::Connect { .. }));
    assert!(session.connected(Credentials::default(), 0));
    shake_hands(&mut session);
    receive(&mut session, &[b"+CONTINUE\r\n", INCR].concat());
    assert!(matches!(session.next(0), Step::Event(Event::Attached(_))));
    assert!(matches!(session.next(0), Step::Event(Event::Command(command)) if command.offset == 142));
    session.finish_recording().unwrap();
    let bytes = tape.0.lock().unwrap().clone();
    let mut reader = RecordingReader::new(&bytes[..]);
    let mut offsets = Vec::new();
    while let Some(event) = reader.next_event().unwrap() {
        if let Event::Command(command) = event {
            offsets.push(command.offset);
        }
    }
    assert_eq!(offsets, [142]);
}

#[test]
fn a_recording_that_fails_ends_the_reading() {
    struct Broken;
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::other("no space left"))
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut session = BufferedSession::new(options! { start: Start::At(position(100)) });
    session.record(Recorder::new(Broken, "a server"));
    assert!(session.connected(Credentials::default(), 0));
    shake_hands(&mut session);
    for _ in 0..2 {
        assert!(matches!(session.space(), Err(SpaceError::Recording(error)) if error.to_string().contains("no space")));
    }
}

#[test]
fn the_size_of_a_session_is_what_its_page_says() {
    let size = size_of::<Session>();
    assert!((78_000..84_000).contains(&size), "{size} bytes");
    assert!(size_of::<BufferedSession>() < 1024, "{}", size_of::<BufferedSession>());
}
