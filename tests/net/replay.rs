//! The embedded primary, asked by hand over raw sockets.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use redtail::replay::{Cut, Playback, Primary, Recording, RecordingError};
use redtail::{Backoff, Event, Follower, Position, Start};

const ID: &str = "26e9aa58837d8095338f33e660463dbdf56c86c9";
const SNAPSHOT: &[u8] = b"REDIS0010\xfa\x0erepl-stream-db\xc0\x05\xff\0\0\0\0\0\0\0\0";
const STREAM: &[u8] = b"*2\r\n$6\r\nSELECT\r\n$1\r\n5\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n*1\r\n$4\r\nPING\r\n";
const START: u64 = 100;

fn recorded() -> Vec<u8> {
    let head = format!("\n\n+FULLRESYNC {ID} {START}\r\n\n${}\r\n", SNAPSHOT.len());
    [head.as_bytes(), SNAPSHOT, STREAM].concat()
}

fn primary(play: Playback) -> Primary {
    Primary::serve_as(Recording::parse(&recorded()).unwrap(), play).unwrap()
}

struct Link(TcpStream);

impl Link {
    fn to(primary: &Primary) -> Self {
        let stream = TcpStream::connect(primary.address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self(stream)
    }

    fn say(&mut self, words: &str) {
        self.0.write_all(words.as_bytes()).unwrap();
        self.0.write_all(b"\r\n").unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).unwrap();
            line.extend(byte);
        }
        String::from_utf8(line).unwrap().trim_end().to_owned()
    }

    fn ask(&mut self, words: &str) -> String {
        self.say(words);
        self.line()
    }

    fn hear(&mut self, expected: &[u8]) {
        let mut received = vec![0; expected.len()];
        self.0.read_exact(&mut received).unwrap();
        assert_eq!(String::from_utf8_lossy(&received), String::from_utf8_lossy(expected));
    }

    fn hear_bulk(&mut self) -> String {
        let length: usize = self.line().strip_prefix('$').unwrap().parse().unwrap();
        let mut text = vec![0; length + 2];
        self.0.read_exact(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    fn hear_nothing(&mut self) {
        self.0.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let error = self.0.read(&mut [0]).unwrap_err();
        assert!(matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "{error}");
        self.0.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    }

    fn is_closed(&mut self) {
        match self.0.read(&mut [0]) {
            Ok(count) => assert_eq!(count, 0),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionReset),
        }
    }
}

/// Snapshot and stream of the first segment.
fn contents(recording: &Recording) -> (Vec<u8>, Vec<u8>) {
    let (mut snapshot, mut stream) = (Vec::new(), Vec::new());
    let segment = recording.first();
    recording.snapshot(segment).read_to_end(&mut snapshot).unwrap();
    recording.stream(segment).read_to_end(&mut stream).unwrap();
    (snapshot, stream)
}

#[test]
fn a_recording_tells_what_is_in_it() {
    let recording = Recording::parse(&recorded()).unwrap();
    assert_eq!(recording.segments().len(), 1);
    assert!(recording.cut_off().is_none());
    let segment = recording.first();
    assert_eq!(segment.replid().to_string(), ID);
    assert_eq!((segment.start_offset(), segment.end_offset()), (START, START + STREAM.len() as u64));
    assert_eq!((segment.db(), segment.has_snapshot(), segment.began_ms()), (Some(5), true, None));
    assert_eq!(contents(&recording), (SNAPSHOT.to_vec(), STREAM.to_vec()));
}

#[test]
fn a_recording_with_a_mark_ends_with_a_whole_command() {
    let mark = "0123456789".repeat(4);
    let head = format!("+FULLRESYNC {ID} 0\r\n$EOF:{mark}\r\n");
    let snapshot = b"REDIS0010\xff\0\0\0\0\0\0\0\0";
    for torn in ["*2\r\n$3\r\nGE", "*1\r\n$5\r\nMULTI\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n"] {
        let bytes = [head.as_bytes(), snapshot, mark.as_bytes(), STREAM, torn.as_bytes()].concat();
        let recording = Recording::parse(&bytes).unwrap();
        assert_eq!(contents(&recording), (snapshot.to_vec(), STREAM.to_vec()));
        assert_eq!(recording.first().db(), None);
        assert_eq!(recording.cut_off().is_some(), torn.ends_with("GE"));
    }
}

#[test]
fn a_value_that_holds_the_mark_is_part_of_the_snapshot() {
    let mark = "0123456789".repeat(4);
    let head = format!("+FULLRESYNC {ID} 0\r\n$EOF:{mark}\r\n");
    let snapshot = [b"REDIS0003\xfe\0\0\x01k\x28", mark.as_bytes(), b"\xff"].concat();
    let bytes = [head.as_bytes(), &snapshot, mark.as_bytes(), STREAM].concat();
    let recording = Recording::parse(&bytes).unwrap();
    assert_eq!(contents(&recording), (snapshot, STREAM.to_vec()));
}

#[test]
fn what_is_no_recording_says_what_is_missing() {
    let head = format!("+FULLRESYNC {ID} 0\r\n");
    let said = |bytes: &[u8]| Recording::parse(bytes).unwrap_err().to_string();
    let after = |rest: &str| said(format!("{head}{rest}").as_bytes());
    for (words, expected) in [
        (said(b""), "ends before a stream begins"),
        (said(b"REDIS0010"), "and this with 'R'"),
        (said(b"*1\r\n$4\r\nPING\r\n"), "and this with '*'"),
        (said(b"redtail"), "ends before a stream begins"),
        (said(b"redtail recording 2\n"), "version 2"),
        (said(b"+FULLRESYNC ? -1\r\n"), "FULLRESYNC ? -1"),
        (said(b"+CONTINUE\r\n"), "does not have the offset"),
        (said(b"$5\r\nREDIS"), "SYNC"),
        (after(""), "ends before a stream begins"),
        (after("+OK\r\n"), "expected '$'"),
        (after("$9\r\nREDIS"), "ends before a stream begins"),
        (after("$18446744073709551616\r\nshort"), "$<length>"),
        (after("$EOF:123\r\n123"), "$EOF:"),
        (after("$EOF:0123456789012345678901234567890123456789\r\nREDIS"), "ends before a stream begins"),
    ] {
        assert!(words.contains(expected), "{expected}: {words}");
    }
}

#[test]
fn a_stream_that_breaks_the_protocol_is_no_recording() {
    let bytes = [&recorded()[..], b"*1\r\n+PING\r\n"].concat();
    let error = Recording::parse(&bytes).unwrap_err();
    assert!(matches!(error, RecordingError::Read(_)), "{error:?}");
    let offset = START + STREAM.len() as u64 + 4;
    assert!(error.to_string().contains(&format!("at byte {offset}")), "{error}");
}

#[test]
fn the_handshake_of_a_replica() {
    let primary = primary(Playback::default());
    let mut link = Link::to(&primary);
    assert_eq!(link.ask("PING"), "+PONG");
    assert!(link.ask("AUTH secret").starts_with("-ERR AUTH <password> called without any password"));
    assert_eq!(link.ask("REPLCONF ip-address redtail.invalid"), "+OK");
    assert_eq!(link.ask("REPLCONF listening-port 0"), "+OK");
    assert_eq!(link.ask("REPLCONF listening-port x"), "-ERR value is not an integer or out of range");
    assert_eq!(link.ask("REPLCONF version 9.0.0"), "-ERR Unrecognized REPLCONF option: version");
    assert_eq!(link.ask("REPLCONF capa"), "-ERR syntax error");
    assert_eq!(link.ask("REPLCONF rdb-filter-only \"\""), "+OK");
    assert_eq!(link.ask("PSYNC ? -1"), "-ERR Filtered replica requires EOF capability");
    assert_eq!(link.ask("*5\r\n$8\r\nREPLCONF\r\n$4\r\ncapa\r\n$3\r\neof\r\n$4\r\ncapa\r\n$6\r\npsync2"), "+OK");
    assert_eq!(link.ask("REPLCONF rdb-filter-only keys"), "-ERR Unsupported rdb-filter-only option: keys");
    assert_eq!(link.ask("PSYNC ? x"), "-ERR value is not an integer or out of range");
    assert_eq!(link.ask("PSYNC ?"), "-ERR wrong number of arguments for 'psync' command");
    assert!(link.ask("GET k").starts_with("-ERR unknown command"));
    link.say("REPLCONF ACK 1");

    assert_eq!(link.ask("PSYNC ? -1"), format!("+FULLRESYNC {ID} {START}"));
    let header = link.line();
    let mark = header.strip_prefix("$EOF:").unwrap();
    assert_eq!(mark.len(), 40);
    let mut received = Vec::new();
    while !received.ends_with(mark.as_bytes()) {
        let mut byte = [0];
        link.0.read_exact(&mut byte).unwrap();
        received.extend(byte);
    }
    let snapshot = &received[..received.len() - 40];
    assert!(snapshot.starts_with(b"REDIS0010\xfa\x09redis-ver\x067.0.15"));
    assert!(snapshot.ends_with(b"\xff\0\0\0\0\0\0\0\0"));
    assert!(snapshot.windows(17).any(|window| window == b"\xfa\x0erepl-stream-db\x01"));

    link.hear_nothing();
    link.say("REPLCONF ACK 0");
    link.hear(STREAM);
    link.hear_nothing();
    primary.stop();
    link.is_closed();
}

/// A snapshot of 32 MiB: one string.
fn large() -> Vec<u8> {
    let length = 32_u32 << 20;
    let head = b"REDIS0010\xfe\0\0\x01k\x80";
    let value = vec![b'x'; length as usize];
    [head, length.to_be_bytes().as_slice(), &value, b"\xff\0\0\0\0\0\0\0\0"].concat()
}

#[test]
fn an_acknowledgement_before_the_mark_starts_nothing() {
    // The snapshot is longer than what the system keeps on its own, so the mark cannot be sent before the client reads.
    let snapshot = large();
    let head = format!("+FULLRESYNC {ID} 0\r\n${}\r\n", snapshot.len());
    let recording = Recording::parse(&[head.as_bytes(), &snapshot, STREAM].concat()).unwrap();
    let primary = Primary::serve(recording).unwrap();
    let mut link = Link::to(&primary);
    link.ask("REPLCONF capa eof");
    link.ask("PSYNC ? -1");
    link.say("REPLCONF ACK 0");
    link.line();
    link.hear(&snapshot);
    link.0.read_exact(&mut [0; 40]).unwrap();
    link.hear_nothing();
    link.say("REPLCONF ACK 0");
    link.hear(STREAM);
}

#[test]
fn a_full_resynchronisation_plays_the_recording() {
    let primary = primary(playback! { piece: Some(1) });
    for words in ["PSYNC ? -1", "PSYNC 0000000000000000000000000000000000000000 101", "PSYNC ? 0"] {
        let mut link = Link::to(&primary);
        assert_eq!(link.ask(words), format!("+FULLRESYNC {ID} {START}"));
        assert_eq!(link.line(), format!("${}", SNAPSHOT.len()));
        link.hear(SNAPSHOT);
        link.hear(STREAM);
    }
}

#[test]
fn the_old_sync_tells_no_offset() {
    let primary = primary(Playback::default());
    let mut link = Link::to(&primary);
    assert_eq!(link.ask("SYNC"), format!("${}", SNAPSHOT.len()));
    link.hear(SNAPSHOT);
    link.hear(STREAM);
}

#[test]
fn a_snapshot_alone_ends_with_a_close() {
    let primary = primary(Playback::default());
    let mut link = Link::to(&primary);
    assert_eq!(link.ask("REPLCONF rdb-only 1"), "+OK");
    link.ask("PSYNC ? -1");
    link.line();
    link.hear(SNAPSHOT);
    link.is_closed();
}

#[test]
fn every_offset_of_the_recording_can_be_resumed_from() {
    let primary = primary(Playback::default());
    for (at, _) in STREAM.iter().enumerate().step_by(7) {
        let mut link = Link::to(&primary);
        link.ask("REPLCONF capa psync2");
        let line = link.ask(&format!("PSYNC {} {}", ID.to_uppercase(), START + at as u64 + 1));
        assert_eq!(line, format!("+CONTINUE {ID}"));
        link.hear(&STREAM[at..]);
    }
    let end = START + STREAM.len() as u64;
    let mut link = Link::to(&primary);
    assert_eq!(link.ask(&format!("PSYNC {ID} {}", end + 1)), "+CONTINUE");
    link.hear_nothing();
    for outside in [0, START, end + 2, u64::MAX >> 1] {
        let mut link = Link::to(&primary);
        assert_eq!(link.ask(&format!("PSYNC {ID} {outside}")), format!("+FULLRESYNC {ID} {START}"));
    }
}

#[test]
fn info_tells_how_far_the_stream_has_been_played() {
    let primary = primary(Playback::default());
    let mut asking = Link::to(&primary);
    asking.say("INFO replication");
    let before = asking.hear_bulk();
    assert!(before.starts_with("# Replication\r\nrole:master\r\n"), "{before}");
    assert!(before.contains(&format!("master_replid:{ID}\r\n")) && before.contains("master_repl_offset:100\r\n"));
    let mut link = Link::to(&primary);
    link.ask(&format!("PSYNC {ID} {}", START + 1));
    link.hear(STREAM);
    asking.say("INFO");
    let after = asking.hear_bulk();
    assert!(after.contains("redis_version:7.0.15\r\n"), "{after}");
    assert!(after.contains(&format!("master_repl_offset:{}\r\n", START + STREAM.len() as u64)), "{after}");
    assert!(after.contains("repl_backlog_first_byte_offset:101\r\n"), "{after}");
    asking.say("ROLE");
    asking.hear(format!("*3\r\n$6\r\nmaster\r\n:{}\r\n*0\r\n", START + STREAM.len() as u64).as_bytes());
}

#[test]
fn a_password_comes_first() {
    let primary = primary(playback! { password: Some(b"secret".to_vec()) });
    let mut link = Link::to(&primary);
    assert_eq!(link.ask("PSYNC ? -1"), "-NOAUTH Authentication required.");
    assert!(link.ask("AUTH wrong").starts_with("-WRONGPASS"));
    assert_eq!(link.ask("AUTH default secret"), "+OK");
    assert_eq!(link.ask("PING"), "+PONG");
}

#[test]
fn connections_are_cut_where_they_are_told_to_be() {
    let whole = format!("+FULLRESYNC {ID} {START}\r\n${}\r\n", SNAPSHOT.len()).len() + SNAPSHOT.len() + STREAM.len();
    let cuts: Vec<u64> = (1..=whole as u64).step_by(11).collect();
    let primary = primary(playback! { cuts: cuts.iter().copied().map(Cut::AnswerBytes).collect() });
    for cut in cuts {
        let mut link = Link::to(&primary);
        assert_eq!(link.ask("PING"), "+PONG");
        link.say("PSYNC ? -1");
        link.say("REPLCONF ACK 0");
        let mut received = Vec::new();
        link.0.read_to_end(&mut received).unwrap();
        assert_eq!(received.len() as u64, cut);
    }
    let mut link = Link::to(&primary);
    link.ask("PSYNC ? -1");
    link.line();
    link.hear(SNAPSHOT);
    link.hear(STREAM);
    link.hear_nothing();
}

#[test]
fn a_pace_gives_whole_commands() {
    let primary = primary(playback! { commands_per_second: Some(50) });
    let mut link = Link::to(&primary);
    let began = Instant::now();
    link.ask(&format!("PSYNC {ID} {}", START + 1));
    link.say("REPLCONF ACK 1");
    link.hear(STREAM);
    // Three commands have two pauses between them. Only that it can't be faster is certain.
    assert!(began.elapsed() >= Duration::from_millis(40));
}

#[test]
fn a_replica_that_asks_on_the_link_is_left() {
    let primary = primary(Playback::default());
    for words in ["PING", "REPLCONF capa eof", "*1\r\n+"] {
        let mut link = Link::to(&primary);
        link.ask(&format!("PSYNC {ID} {}", START + 1));
        link.hear(STREAM);
        link.say("");
        link.say("REPLCONF GETACK *");
        link.hear_nothing();
        link.say(words);
        let mut rest = Vec::new();
        // Left with something of ours unread, so it may come as a reset.
        let _ = link.0.read_to_end(&mut rest);
        assert!(rest.is_empty() || rest.starts_with(b"-ERR Protocol error"), "{rest:?}");
    }
}

#[test]
fn garbage_ends_a_client_and_nobody_else() {
    let primary = primary(Playback::default());
    let mut good = Link::to(&primary);
    for garbage in ["*x", "*-5\r\n*1\r\n$-1", "*1\r\n$99999999999999999999", "*1000000", "\"", "*2\r\n$4\r\nPING\r\nx"]
    {
        let mut bad = Link::to(&primary);
        assert!(bad.ask(garbage).starts_with("-ERR Protocol error: "), "{garbage}");
        bad.is_closed();
    }
    assert_eq!(good.ask("PING"), "+PONG");
}

#[test]
fn many_at_once_and_no_more_than_it_can_bear() {
    let primary = primary(Playback::default());
    let mut links: Vec<Link> = (0..64).map(|_| Link::to(&primary)).collect();
    for link in &mut links {
        link.say("PSYNC ? -1");
    }
    for link in &mut links {
        link.line();
        link.line();
        link.hear(SNAPSHOT);
        link.hear(STREAM);
    }
    let mut one_more = Link::to(&primary);
    assert_eq!(one_more.line(), "-ERR max number of clients reached");
    drop(primary);
    for link in &mut links {
        link.is_closed();
    }
}

#[test]
fn stopping_ends_a_client_that_does_not_read() {
    let snapshot = large();
    let head = format!("+FULLRESYNC {ID} 0\r\n${}\r\n", snapshot.len());
    let recording = Recording::parse(&[head.as_bytes(), &snapshot, STREAM].concat()).unwrap();
    let primary = Primary::serve(recording).unwrap();
    let mut link = Link::to(&primary);
    link.ask("PSYNC ? -1");
    primary.stop();
    primary.stop();
    assert!(TcpStream::connect(primary.address()).is_err(), "nobody listens any more");
}

/// The output of a follower of the recording, its final position, and the number of connections it lost.
fn followed(primary: &Primary, start: Start) -> (Vec<String>, Option<Position>, usize) {
    let mut follower = Follower::builder(primary.address().to_string())
        .start(start)
        .control(true)
        .reconnect(Backoff::new(Duration::from_millis(1), Duration::from_millis(1)))
        .connect()
        .unwrap();
    let (mut printed, mut losses) = (Vec::new(), 0);
    while printed.last().is_none_or(|last: &String| !last.contains("PING")) {
        match follower.next_timeout(Duration::from_secs(20)).unwrap() {
            Some(Event::Command(command) | Event::Control(command)) => printed.push(command.to_string()),
            Some(Event::Disconnected(_)) => losses += 1,
            Some(Event::Idle(_)) | None => panic!("nothing came after {printed:?}"),
            Some(_) => {}
        }
    }
    (printed, follower.position(), losses)
}

fn play_out(start: Start, play: Playback, offset: u64) {
    let cuts = play.cuts.len();
    let (printed, position, losses) = followed(&primary(play), start);
    assert_eq!(losses, cuts);
    let expected = [
        format!("{} [5] \"SELECT\" \"5\"", offset + 23),
        format!("{} [5] \"SET\" \"k\" \"v\"", offset + 50),
        format!("{} [5] \"PING\"", offset + 64),
    ];
    assert_eq!(printed, expected, "{start:?}");
    let position = position.map(|position| (position.offset, position.db));
    assert_eq!(position, (start != Start::Sync).then_some((offset + 64, Some(5))), "{start:?}");
}

#[test]
fn a_follower_can_start_in_every_way() {
    let at = |offset: u64| Start::At(format!("{ID}:{offset}:5").parse().unwrap());
    for start in [Start::Now, Start::NowWithoutFork, Start::Snapshot, at(START)] {
        play_out(start, Playback::default(), START);
        play_out(start, playback! { piece: Some(3), commands_per_second: Some(1000) }, START);
    }
    play_out(Start::Sync, Playback::default(), 0);
}

#[test]
fn a_follower_that_is_cut_goes_on_where_it_was() {
    let greeting = format!("+CONTINUE {ID}\r\n").len() as u64;
    // In the first command, in the second, between them, and in a greeting.
    let cuts = [greeting + 10, greeting + 30, greeting, 5, greeting + 27 + 1].map(Cut::AnswerBytes).to_vec();
    let start = Start::At(format!("{ID}:{START}:5").parse().unwrap());
    play_out(start, playback! { cuts }, START);
}

#[test]
fn commands_make_a_recording() {
    let commands = [vec!["SELECT", "3"], vec!["SET", "k", "v"], vec!["SET", "empty", ""]];
    let recording = Recording::of(commands).unwrap();
    assert!(recording.cut_off().is_none());
    let segment = recording.first();
    assert_eq!((segment.start_offset(), segment.end_offset(), segment.db()), (0, 23 + 27 + 30, Some(0)));
    for start in [Start::At(segment.start_position()), Start::Now, Start::Snapshot] {
        let primary = Primary::serve(Recording::of([["SET", "k", "v"], ["SET", "k", "w"]]).unwrap()).unwrap();
        let mut follower = follower(&primary, start);
        let mut seen = Vec::new();
        while seen.len() < 2 {
            if let Some(Event::Command(command)) = follower.next_event().unwrap() {
                seen.push(command.to_string());
            }
        }
        assert_eq!(seen, [r#"27 [0] "SET" "k" "v""#, r#"54 [0] "SET" "k" "w""#], "{start:?}");
    }
}

#[test]
fn cuts_are_replication_offsets_whatever_a_link_begins_with() {
    let commands = || (0..4).map(|n| ["SET".to_owned(), "k".to_owned(), n.to_string()]);
    for start in [Start::Now, Start::Snapshot] {
        // In front of the stream, after a command, in the middle of one, and after the start of the third link.
        let cuts = vec![Cut::Offset(0), Cut::Offset(27), Cut::Offset(40), Cut::Offset(5)];
        let primary = Primary::serve_as(Recording::of(commands()).unwrap(), playback! { cuts }).unwrap();
        let mut follower = follower(&primary, start);
        let (mut seen, mut resumed) = (Vec::new(), Vec::new());
        while seen.len() < 4 {
            match follower.next_event().unwrap().unwrap() {
                Event::Command(command) => seen.push(command.offset),
                Event::Disconnected(lost) => resumed.push(lost.resume.unwrap().offset),
                _ => {}
            }
        }
        assert_eq!((seen, resumed), (vec![27, 54, 81, 108], vec![0, 27, 27, 27]), "{start:?}");
    }
}

fn follower(primary: &Primary, start: Start) -> Follower {
    Follower::builder(primary.address().to_string())
        .start(start)
        .reconnect(Backoff::new(Duration::from_millis(1), Duration::from_millis(1)))
        .connect()
        .unwrap()
}
