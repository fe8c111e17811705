//! Mistakes of other followers: the rows of tests/PITFALLS.md that speak of replication. A test's number is its row's.

use redtail::replication::{Closed, Heartbeat, Session};
use redtail::{Ack, Options, SessionError, Start};

use crate::shell::{Seen, Shell, command};

const ID: &str = "26e9aa58837d8095338f33e660463dbdf56c86c9";
const MARK: &str = "398c1a683d14df9f2e290fd53a6174729509e866";
const BASE: u64 = 1000;

/// A key whose value is this, in database 6.
fn snapshot(value: &str) -> Vec<u8> {
    let length = u8::try_from(value.len()).unwrap();
    let head = b"REDIS0010\xfa\x0erepl-stream-db\xc0\x06\xfe\x06\x00\x01k\x40";
    [head, &[length][..], value.as_bytes(), b"\xff\0\0\0\0\0\0\0\0"].concat()
}

/// The bytes a primary sends after PSYNC, by mark and by length.
fn full_resynchronisations(between: &str, stream: &[u8]) -> [Vec<u8>; 2] {
    let data = snapshot(&MARK[..39]);
    let answer = format!("{between}+FULLRESYNC {ID} {BASE}\r\n{between}");
    let marked = [answer.as_bytes(), format!("$EOF:{MARK}\r\n").as_bytes(), &data, MARK.as_bytes(), stream].concat();
    let sized = [answer.as_bytes(), format!("${}\r\n", data.len()).as_bytes(), &data, stream].concat();
    [marked, sized]
}

fn recorded() -> Shell {
    Shell::new(Session::recorded(Options::default(), None))
}

/// Answers whatever is asked up to PSYNC, and gives that.
fn handshake(shell: &mut Shell) -> String {
    loop {
        match shell.sent().pop().as_deref() {
            Some("INFO") => shell.arrive(b"$0\r\n\r\n"),
            Some(psync) if psync.starts_with("PSYNC") => return psync.to_owned(),
            Some(_) => shell.arrive(b"+OK\r\n"),
            None => panic!("nothing was sent: {:?}", shell.seen),
        }
    }
}

/// Follows after BASE, in database 3.
fn resumed() -> Shell {
    let start = Start::At(format!("{ID}:{BASE}:3").parse().unwrap());
    let mut shell = Shell::connected(options! { start });
    handshake(&mut shell);
    shell.arrive(b"+CONTINUE\r\n");
    shell.events();
    shell
}

fn commands(seen: &[Seen]) -> Vec<(u64, Option<u32>)> {
    seen.iter()
        .filter_map(|seen| match seen {
            Seen::Command { offset, db, .. } => Some((*offset, *db)),
            _ => None,
        })
        .collect()
}

fn snapshots(seen: &[Seen]) -> Vec<u8> {
    let bytes = |seen: &Seen| if let Seen::Snapshot(bytes) = seen { bytes.clone() } else { Vec::new() };
    seen.iter().flat_map(bytes).collect()
}

#[test]
fn row_1_commands_in_the_segment_of_the_snapshots_end_are_kept() {
    for count in [1, 50, 1000] {
        let write = command(&["SET", "key", "value"]);
        for bytes in full_resynchronisations("", &write.repeat(count)) {
            let mut shell = recorded();
            shell.arrive(&bytes);
            let expected: Vec<_> = (1..=count).map(|n| (BASE + (n * write.len()) as u64, Some(6))).collect();
            assert_eq!(commands(&shell.events()), expected);
        }
    }
}

/// A version, a type of value and an encoding that are unknown today: the bytes are passed on, and the stream after
/// them continues.
#[test]
fn what_a_later_server_writes_ends_nobody_who_takes_the_bytes() {
    let write = command(&["SET", "key", "value"]);
    // The last two begin with data that is not known, and after the name of a key.
    for (middle, unknown_at) in
        [(&b"\x00\x01k\x01v"[..], None), (b"\xc8\x01kwhatever that is", Some(11)), (b"\x00\x01k\xc9abc", Some(14))]
    {
        let data = [b"REDIS0079\xfe\x06", middle, b"\xff\0\0\0\0\0\0\0\0"].concat();
        let marked = [format!("$EOF:{MARK}\r\n").as_bytes(), &data, MARK.as_bytes()].concat();
        let sized = [format!("${}\r\n", data.len()).as_bytes(), &data].concat();
        for framed in [marked, sized] {
            let bytes = [format!("+FULLRESYNC {ID} {BASE}\r\n").as_bytes(), &framed, &write].concat();
            for cut in 0..=bytes.len() {
                let mut shell = recorded();
                shell.arrive(&bytes[..cut]);
                shell.arrive(&bytes[cut..]);
                let seen = shell.events();
                assert_eq!(snapshots(&seen), data, "cut at {cut}");
                let known = unknown_at.unwrap_or(data.len());
                let end = format!(
                    "SnapshotEnd(SnapshotEnd {{ bytes: {}, verified: {known}, beyond_templates: None, offset: {BASE}",
                    data.len()
                );
                assert!(
                    seen.iter().any(|event| matches!(event, Seen::Other(text) if text.starts_with(&end))),
                    "{seen:?}"
                );
                assert_eq!(commands(&seen), [(BASE + write.len() as u64, None)], "cut at {cut}");
            }
        }
    }
}

#[test]
fn row_2_what_is_asked_for_is_one_more_than_what_was_processed() {
    let start = Start::At(format!("{ID}:{BASE}:3").parse().unwrap());
    let mut shell = Shell::connected(options! { start });
    assert_eq!(handshake(&mut shell), format!("PSYNC {ID} {}", BASE + 1));
    shell.arrive(b"+CONTINUE\r\n");
    let write = command(&["SET", "key", "value"]);
    shell.arrive(&write);
    let after = BASE + write.len() as u64;
    assert_eq!(commands(&shell.events()), [(after, Some(3))]);
    shell.close(Closed::ByPeer);
    shell.connect();
    assert_eq!(handshake(&mut shell), format!("PSYNC {ID} {}", after + 1));
}

#[test]
fn row_3_a_link_end_inside_a_command_is_not_the_commands_end() {
    let write = command(&["SET", "key", "value"]);
    for cut in 1..write.len() {
        let mut shell = resumed();
        shell.arrive(&write[..cut]);
        shell.close(Closed::Failed("Connection reset by peer"));
        let seen = shell.events();
        assert_eq!(commands(&seen), [], "cut at {cut}");
        let Some(Seen::Other(lost)) = seen.first() else { panic!("cut at {cut}: {seen:?}") };
        assert!(lost.starts_with("Disconnected") && lost.contains("offset: 1000"), "cut at {cut}: {lost}");
    }
}

#[test]
fn row_4_a_closed_link_is_told_and_tried_again_with_pauses() {
    let mut shell = resumed();
    let mut pauses = Vec::new();
    for _ in 0..8 {
        shell.close(Closed::ByPeer);
        match &shell.events()[..] {
            [Seen::Other(lost), Seen::Reconnect(pause)] => {
                assert!(lost.starts_with("Disconnected"), "{lost}");
                pauses.push(*pause);
            }
            other => panic!("{other:?}"),
        }
        shell.connect();
    }
    assert!(pauses.iter().all(|pause| *pause >= 50), "{pauses:?}");
    assert!(pauses[7] > 5_000, "{pauses:?}");
}

#[test]
fn row_5_a_split_mark_is_found_and_the_bytes_after_it_are_kept() {
    let write = command(&["SET", "key", "value"]);
    let [bytes, _] = full_resynchronisations("", &write);
    for cut in 0..=bytes.len() {
        let mut shell = recorded();
        shell.arrive(&bytes[..cut]);
        shell.arrive(&bytes[cut..]);
        let seen = shell.events();
        assert_eq!(snapshots(&seen), snapshot(&MARK[..39]), "cut at {cut}");
        assert_eq!(commands(&seen), [(BASE + write.len() as u64, Some(6))], "cut at {cut}");
    }
}

#[test]
fn row_6_a_link_is_kept_alive_while_a_snapshot_comes() {
    let mut shell = Shell::connected(options! { start: Start::Snapshot });
    handshake(&mut shell);
    shell.arrive(format!("+FULLRESYNC {ID} {BASE}\r\n$EOF:{MARK}\r\nREDIS0010").as_bytes());
    for _ in 0..100 {
        shell.sent();
        shell.pass(1000);
        assert_eq!(shell.sent(), ["\\n"]);
    }
}

#[test]
fn row_6_the_mark_is_compared() {
    let [mut bytes, _] = full_resynchronisations("", b"");
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let mut shell = recorded();
    shell.arrive(&bytes);
    let end = shell.events().pop();
    assert!(matches!(end, Some(Seen::Failed(SessionError::SnapshotFrame { .. }))), "{end:?}");
}

#[test]
fn row_6_commands_that_nobody_knows_are_told() {
    let mut shell = resumed();
    let stream = [command(&["MODULE.NEWCOMMAND", "a", "b"]), command(&["\u{0}"]), command(&[""])].concat();
    shell.arrive(&stream);
    let args: Vec<_> = shell
        .events()
        .into_iter()
        .filter_map(|seen| if let Seen::Command { args, .. } = seen { Some(args.concat()) } else { None })
        .collect();
    assert_eq!(args, [&b"MODULE.NEWCOMMANDab"[..], b"\0", b""]);
}

#[test]
fn row_6_the_database_is_part_of_the_position() {
    let mut shell = resumed();
    let stream = [command(&["SELECT", "9"]), command(&["SET", "key", "value"])].concat();
    shell.arrive(&stream);
    assert_eq!(shell.session.position().unwrap().to_string(), format!("{ID}:{}:9", BASE + stream.len() as u64));
}

#[test]
fn row_7_a_primary_hears_from_us_each_second() {
    for (ack, said) in [(Ack::Observe, "REPLCONF ACK 0"), (Ack::Received, "REPLCONF ACK 1000")] {
        let start = Start::At(format!("{ID}:{BASE}:3").parse().unwrap());
        let mut shell = Shell::connected(options! { start, ack });
        handshake(&mut shell);
        shell.arrive(b"+CONTINUE\r\n");
        for _ in 0..120 {
            shell.sent();
            shell.pass(1000);
            assert_eq!(shell.sent(), [said]);
        }
    }
}

#[test]
fn row_8_after_a_continue_the_database_is_never_assumed() {
    let write = command(&["SET", "key", "value"]);
    for (text, db) in [("3", Some(3)), ("?", None)] {
        let start = Start::At(format!("{ID}:{BASE}:{text}").parse().unwrap());
        let mut shell = Shell::connected(options! { start });
        handshake(&mut shell);
        shell.arrive(b"+CONTINUE\r\n");
        shell.arrive(&[&write[..], &command(&["SELECT", "0"]), &write].concat());
        let databases: Vec<_> = commands(&shell.events()).into_iter().map(|(_, db)| db).collect();
        assert_eq!(databases, [db, Some(0)]);
    }
}

#[test]
fn row_11_a_snapshot_of_a_quintillion_bytes_is_streamed() {
    let mut shell = Shell::new(Session::recorded(Options::default(), None));
    shell.arrive(format!("+FULLRESYNC {ID} {BASE}\r\n$1000000000000000000\r\n").as_bytes());
    // A string that is as long as it says.
    shell.arrive(b"REDIS0010\x00\x01k\x81\x0d\xe0\xb6\xb3\xa7\x00\x00\x00");
    for _ in 0..100 {
        shell.arrive(&[b'x'; 100_000]);
        let taken = snapshots(&shell.events()).len();
        assert!(taken >= 100_000 - 40_000, "{taken} of 100,000 bytes: the rest is held");
    }
}

#[test]
fn row_14_a_missing_permission_is_said() {
    let mut shell = Shell::connected(Options::default());
    handshake(&mut shell);
    shell.arrive(b"-NOPERM User cdc has no permissions to run the 'psync' command\r\n");
    let Some(Seen::Failed(SessionError::Refused { advice, .. })) = shell.events().pop() else { panic!() };
    assert!(advice.contains("psync"), "{advice}");
}

#[test]
fn row_15_newlines_anywhere_before_the_snapshot_are_passed_over() {
    let write = command(&["SET", "key", "value"]);
    for between in ["", "\n", "\n\n\n", "\r\n"] {
        for bytes in full_resynchronisations(between, &write) {
            let mut at_once = recorded();
            at_once.arrive(&bytes);
            let mut byte_by_byte = recorded();
            bytes.iter().for_each(|byte| byte_by_byte.arrive(&[*byte]));
            for mut shell in [at_once, byte_by_byte] {
                assert_eq!(commands(&shell.events()), [(BASE + write.len() as u64, Some(6))], "{between:?}");
            }
        }
    }
}

/// Redis 7.0 sends them, and closes, if the child that made the snapshot dies after the mark.
#[test]
fn row_100_newlines_after_a_mark_are_no_bytes_of_the_stream() {
    let write = command(&["SET", "key", "value"]);
    let [marked, _] = full_resynchronisations("", b"");
    let told = [(BASE + write.len() as u64, Some(6))];
    for newlines in ["\n", "\n\n\n"] {
        let mut shell = Shell::connected(options! { start: Start::Snapshot });
        handshake(&mut shell);
        shell.arrive(&marked);
        newlines.bytes().for_each(|byte| shell.arrive(&[byte]));
        assert_eq!(shell.session.position().unwrap().offset, BASE, "{newlines:?}");
        assert_eq!(shell.session.heartbeat(), Some(Heartbeat::Ack(0)));
        shell.close(Closed::ByPeer);
        shell.connect();
        assert_eq!(handshake(&mut shell), format!("PSYNC {ID} {}", BASE + 1));
        shell.arrive(&[b"+CONTINUE\r\n", &write[..]].concat());
        assert_eq!(commands(&shell.events()), told);

        let bytes = [&marked[..], newlines.as_bytes(), &write].concat();
        let mut at_once = recorded();
        at_once.arrive(&bytes);
        let mut byte_by_byte = recorded();
        bytes.iter().for_each(|byte| byte_by_byte.arrive(&[*byte]));
        for mut shell in [at_once, byte_by_byte] {
            assert_eq!(commands(&shell.events()), told, "{newlines:?}");
        }
    }
}

/// A follower that resumes one byte too early hears the last byte of the command before.
#[test]
fn row_100_newlines_after_a_continue_are_bytes_of_the_stream() {
    let mut shell = resumed();
    shell.arrive(&[b"\n", &command(&["SET", "key", "value"])[..]].concat());
    assert_eq!(commands(&shell.events()), [(BASE + 1 + 33, Some(3))]);
}
