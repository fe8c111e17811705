#![no_main]
//! Cuts have no effect: whole, byte by byte, and in the given pieces, the same items appear at the same offsets.
//!
//! Byte 0: the grammar and the limits, as in `parser`; bit 4: in parts. Byte 1: the number of following bytes that are
//! lengths of pieces, used in a cycle. The rest are the bytes to parse.
#![allow(clippy::unwrap_used, reason = "a panic is how a fuzz target fails")]

use libfuzzer_sys::fuzz_target;
use redtail::resp::{Part, PartsItem, PartsParser, PartsPoll};
use redtail::{Limits, ProtocolError};

#[allow(dead_code, reason = "shared with the tests")]
#[path = "../../tests/resp/feed.rs"]
mod feed;
#[allow(dead_code, reason = "shared with the tests")]
#[path = "../../tests/resp/oracle.rs"]
mod oracle;

use feed::{MODES, Mode, Parser};
use oracle::Seen;

fuzz_target!(|data: &[u8]| {
    let [choice, count, rest @ ..] = data else { return };
    let (lengths, bytes) = rest.split_at(usize::from(*count % 32).min(rest.len()));
    let mode = MODES[usize::from(choice & 3)];
    let limits = match choice >> 2 & 3 {
        0 | 1 => Limits::DEFAULT,
        2 => feed::limits!(bulk: 3000, command: 400, arguments: 12, depth: 4, line: 24, reply_line: 24),
        _ => feed::limits!(bulk: 9, command: 40, arguments: 4, depth: 1, line: 5, reply_line: 5),
    };
    let byte_by_byte: Vec<usize> = (0..bytes.len()).collect();
    let cuts = [places(lengths, bytes.len()), byte_by_byte];
    if choice & 16 != 0 && matches!(mode, Mode::Stream | Mode::Aof) {
        let whole = parts(mode, bytes, &[], limits);
        cuts.iter().for_each(|cuts| assert_eq!(parts(mode, bytes, cuts, limits), whole));
    } else {
        let whole = items(mode, bytes, &[], limits);
        cuts.iter().for_each(|cuts| assert_eq!(items(mode, bytes, cuts, limits), whole));
    }
});

/// The number of arrived bytes after each piece.
fn places(lengths: &[u8], total: usize) -> Vec<usize> {
    let arrived = lengths.iter().cycle().scan(0, |arrived, length| {
        *arrived += usize::from(*length).max(1);
        Some(*arrived)
    });
    arrived.take_while(|arrived| *arrived < total).collect()
}

/// The items with their offsets, and the error that ends them.
fn items(mode: Mode, bytes: &[u8], cuts: &[usize], limits: Limits) -> (Vec<Seen<feed::Item>>, bool) {
    let mut parser = Parser::new(mode, limits);
    let (mut front, mut seen, mut whole_by) = (0, Vec::new(), 0);
    for &arrived in cuts.iter().chain([&bytes.len()]) {
        loop {
            match feed::step(&mut parser, &bytes[..arrived], &mut front) {
                Seen::Needs { needed, .. } => {
                    assert!(needed > 0);
                    whole_by = arrived as u64 + needed;
                    break;
                }
                wrong @ Seen::Wrong { .. } => {
                    seen.push(wrong);
                    return (seen, true);
                }
                whole => {
                    assert!(arrived as u64 >= whole_by, "whole before the bytes it was said to need");
                    seen.push(whole);
                }
            }
        }
    }
    (seen, false)
}

/// A command, whole or joined from parts, and the offset after it.
type Found = (bool, Vec<Vec<u8>>, u64);

fn parts(mode: Mode, bytes: &[u8], cuts: &[usize], limits: Limits) -> (Vec<Found>, Vec<u8>, Option<ProtocolError>) {
    let parser = if mode == Mode::Aof { PartsParser::aof(Some(1)) } else { PartsParser::stream(Some(1)) };
    let mut parser = parser.with_limits(limits);
    let (mut front, mut found, mut open) = (0, Vec::new(), Vec::new());
    let mut whole_by = 0;
    for &arrived in cuts.iter().chain([&bytes.len()]) {
        loop {
            let shown = &bytes[front..arrived];
            let poll = match parser.poll(shown) {
                Ok(poll) => poll,
                Err(error) => return (found, open.concat(), Some(error)),
            };
            front += poll.used();
            assert_eq!(parser.offset(), front as u64);
            if let PartsPoll::Incomplete { needed, .. } = poll {
                assert!(needed > 0);
                whole_by = arrived.saturating_add(needed);
                break;
            }
            assert!(arrived >= whole_by, "whole before the bytes it was said to need");
            match parser.item(shown).unwrap() {
                PartsItem::Command(command) => {
                    found.push((true, command.args().map(<[u8]>::to_vec).collect(), parser.offset()));
                }
                PartsItem::Part(Part::Begin { .. }) => open.clear(),
                PartsItem::Part(Part::Argument { .. }) => open.push(Vec::new()),
                PartsItem::Part(Part::Piece(piece)) => {
                    assert!(!piece.is_empty());
                    open.last_mut().unwrap().extend_from_slice(piece);
                }
                PartsItem::Part(Part::End) => found.push((false, std::mem::take(&mut open), parser.offset())),
            }
        }
    }
    (found, open.concat(), None)
}
