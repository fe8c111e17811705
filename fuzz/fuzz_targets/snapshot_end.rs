#![no_main]
//! The structure of a snapshot decides its end, for any values: the live mark, the end opcode and a checksum before
//! it, half a mark. The bytes after the end belong to the stream.
//!
//! Byte 0: the framing, the magic, the checksum, the kind of mark. Byte 1: the mark. Byte 2: the number of following
//! bytes that are lengths of pieces. The rest makes keys: a byte for the kind, a byte for the length. In a value, `m`
//! means the mark, `h` most of it, `e` a lookalike of a snapshot's end.
#![allow(clippy::unwrap_used, reason = "a panic is how a fuzz target fails")]

use libfuzzer_sys::fuzz_target;
use redtail::rdb::{Decoder, Item};
use redtail::replication::{Progress, Session};
use redtail::{Event, Options, Status};

#[allow(dead_code, reason = "shared with the tests")]
#[path = "../../tests/rdb/build.rs"]
mod build;
#[allow(dead_code, reason = "shared with the tests")]
#[path = "../../tests/rdb/oracle.rs"]
mod oracle;
#[allow(dead_code, reason = "shared with the tests")]
#[path = "../../tests/rdb/run.rs"]
mod run;

const OFFSET: u64 = 1000;
const STREAM: &[u8] = b"*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n";

fuzz_target!(|data: &[u8]| {
    let [choice, seed, count, rest @ ..] = data else { return };
    let (lengths, keys) = rest.split_at(usize::from(*count % 16).min(rest.len()));
    let mark = mark(*choice, *seed);
    let snapshot = snapshot(*choice, &mark, keys);
    whole(&snapshot);
    let (header, end) = match choice & 1 {
        0 => (format!("$EOF:{}\r\n", str::from_utf8(&mark).unwrap()), &mark[..]),
        _ => (format!("${}\r\n", snapshot.len()), &b""[..]),
    };
    let answer = format!("+FULLRESYNC 26e9aa58837d8095338f33e660463dbdf56c86c9 {OFFSET}\r\n{header}");
    let bytes = [answer.as_bytes(), &snapshot, end, STREAM].concat();
    let expected = Seen { data: snapshot, ended: true, commands: vec![OFFSET + STREAM.len() as u64], failed: None };
    assert_eq!(follow(&bytes, &[]), expected, "at once");
    assert_eq!(follow(&bytes, lengths), expected, "in pieces");
    assert_eq!(follow(&bytes, &[1]), expected, "byte by byte");
});

fn mark(choice: u8, seed: u8) -> [u8; 40] {
    let mut state = u32::from(seed) | 0x100;
    std::array::from_fn(|_| match choice >> 1 & 3 {
        // A mark that begins again inside itself.
        0 => seed & 15 | 0x40,
        _ => {
            state = state.wrapping_mul(1_103_515_245).wrapping_add(12345);
            b"0123456789abcdef"[(state >> 16) as usize & 15]
        }
    })
}

/// A snapshot that a server could write.
fn snapshot(choice: u8, mark: &[u8; 40], mut keys: &[u8]) -> Vec<u8> {
    let magic = [b"REDIS0009", b"REDIS0010", b"REDIS0011", b"REDIS0012"][usize::from(choice >> 3 & 3)];
    let mut bytes = magic.to_vec();
    bytes.extend(b"\xfa\x0erepl-stream-db\xc0\x03\xfe\x00");
    let mut number = 0_u32;
    while let [kind, length, rest @ ..] = keys {
        let (text, rest) = rest.split_at(usize::from(*length).min(rest.len()));
        keys = rest;
        let value = value(text, mark);
        number += 1;
        let name = format!("key {number}");
        match kind % 7 {
            0 | 1 => bytes.extend([&b"\x00"[..], &string(name.as_bytes()), &string(&value)].concat()),
            2 => {
                bytes.extend([&b"\x01"[..], &string(name.as_bytes()), b"\x02", &string(&value), &string(text)].concat())
            }
            3 => {
                bytes.extend([&b"\x04"[..], &string(name.as_bytes()), b"\x01", &string(&value), &string(mark)].concat())
            }
            4 => bytes.extend([&b"\xfc"[..], &[0xff; 8], b"\x00", &string(&value), &string(name.as_bytes())].concat()),
            5 => bytes.extend([&b"\xfa"[..], &string(name.as_bytes()), &string(&value)].concat()),
            // Compressed, with literals only.
            _ => {
                let packed: Vec<u8> = value.chunks(32).flat_map(|run| [&[run.len() as u8 - 1], run].concat()).collect();
                if !value.is_empty() {
                    bytes.extend([&b"\x00"[..], &string(name.as_bytes()), b"\xc3"].concat());
                    bytes.extend([length_of(packed.len()), length_of(value.len()), packed].concat());
                }
            }
        }
    }
    bytes.push(0xff);
    let sum = if choice & 32 == 0 { build::crc(&bytes) } else { 0 };
    bytes.extend(sum.to_le_bytes());
    bytes
}

fn value(text: &[u8], mark: &[u8; 40]) -> Vec<u8> {
    let mut value = Vec::new();
    for byte in text {
        match byte {
            b'm' => value.extend(mark),
            b'h' => value.extend(&mark[..39]),
            b'e' => value.extend([&b"\xff\0\0\0\0\0\0\0\0"[..], mark].concat()),
            other => value.push(*other),
        }
    }
    value
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&length_of(bytes.len())[..], bytes].concat()
}

fn length_of(length: usize) -> Vec<u8> {
    match length {
        0..64 => vec![length as u8],
        64..16_384 => vec![0x40 | (length >> 8) as u8, length as u8],
        _ => [&[0x80][..], &(length as u32).to_be_bytes()].concat(),
    }
}

/// The snapshot is valid; otherwise this target shows nothing.
fn whole(snapshot: &[u8]) {
    let (mut decoder, mut input) = (Decoder::new(), snapshot);
    loop {
        match decoder.next(&mut input) {
            Ok(Status::Complete(Item::End(_))) => return assert!(input.is_empty()),
            Ok(Status::Complete(_)) => {}
            other => panic!("{other:?} in {}", snapshot.escape_ascii()),
        }
    }
}

#[derive(Debug, Default, PartialEq)]
struct Seen {
    data: Vec<u8>,
    ended: bool,
    commands: Vec<u64>,
    failed: Option<String>,
}

fn follow(bytes: &[u8], lengths: &[u8]) -> Seen {
    let mut session = Session::recorded(Options::default(), None);
    let (mut seen, mut used, mut arrived) = (Seen::default(), 0, 0);
    let mut lengths = lengths.iter().cycle();
    while arrived < bytes.len() {
        let piece = lengths.next().map_or(bytes.len(), |length| usize::from(*length).max(1));
        arrived = (arrived + piece).min(bytes.len());
        loop {
            let shown = &bytes[used..arrived];
            let progress = session.poll(shown, 0);
            if progress == Progress::Event {
                match session.event(shown) {
                    Event::SnapshotBytes(bytes) => seen.data.extend_from_slice(bytes),
                    Event::SnapshotEnd(end) => {
                        assert_eq!((end.bytes, end.offset, end.db), (seen.data.len() as u64, OFFSET, Some(3)));
                        seen.ended = true;
                    }
                    Event::Command(command) => seen.commands.push(command.offset),
                    _ => {}
                }
            }
            used += session.consumed();
            match progress {
                Progress::Event => {}
                Progress::Failed(error) => {
                    seen.failed = Some(error.to_string());
                    return seen;
                }
                _ => break,
            }
        }
    }
    seen
}
