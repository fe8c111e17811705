//! All byte strings of a small length over the protocol's alphabet. The parser, fed at once and byte by byte, agrees
//! with the oracle. `needed` is the length of the shortest completion.

use std::collections::HashMap;

use redtail::Limits;

use crate::feed::{self, MODES, Mode, Parser};
use crate::oracle::Seen;
use crate::tokens;

const ALPHABET: &[u8] = b"*$+-:_#,(%~>|!=;?.0123\r\nat";

/// All strings of at most `longest` bytes that begin with `bytes`. An item that is whole or wrong gets one byte more.
fn walk(
    mode: Mode,
    limits: Limits,
    alphabet: &[u8],
    longest: usize,
    bytes: &mut Vec<u8>,
    (parser, front): (&Parser, usize),
    each: &mut impl FnMut(&[u8], &Seen<feed::Item>),
) {
    for &byte in alphabet {
        bytes.push(byte);
        let (mut parser, mut front) = (parser.clone(), front);
        let resumed = feed::step(&mut parser, bytes, &mut front);
        let expected = feed::expected(mode, bytes, limits);
        assert_eq!(resumed, expected, "{mode:?} {} byte by byte", feed::show(bytes));
        let at_once = feed::step(&mut Parser::new(mode, limits), bytes, &mut 0);
        assert_eq!(at_once, expected, "{mode:?} {} at once", feed::show(bytes));
        each(bytes, &expected);
        if bytes.len() < longest {
            match expected {
                Seen::Needs { .. } => walk(mode, limits, alphabet, longest, bytes, (&parser, front), each),
                _ => {
                    for after in [b'*', b'\n', b'a'] {
                        bytes.push(after);
                        let more = feed::step(&mut Parser::new(mode, limits), bytes, &mut 0);
                        assert_eq!(more, expected, "{mode:?} {} with a byte more", feed::show(bytes));
                        bytes.pop();
                    }
                }
            }
        }
        bytes.pop();
    }
}

/// Walks from a prefix and compares `needed` with the shortest whole item of all strings.
fn try_all(mode: Mode, prefix: &[u8], alphabet: &[u8], longest: usize) {
    let limits = Limits::DEFAULT;
    let mut needs: Vec<(Vec<u8>, u64)> = Vec::new();
    let mut wholes: HashMap<Vec<u8>, u64> = HashMap::new();
    let mut count = 0;
    let mut parser = Parser::new(mode, limits);
    feed::step(&mut parser, prefix, &mut 0);
    walk(mode, limits, alphabet, longest, &mut prefix.to_vec(), (&parser, 0), &mut |bytes, seen| {
        count += 1;
        if mode == Mode::Frames {
            tokens::agree_in_any_pieces(bytes, seen);
        }
        match seen {
            Seen::Whole { .. } => {
                for cut in 0..bytes.len() {
                    let least = wholes.entry(bytes[..cut].to_vec()).or_insert(u64::MAX);
                    *least = (*least).min((bytes.len() - cut) as u64);
                }
            }
            Seen::Needs { needed, .. } => needs.push((bytes.to_vec(), *needed)),
            Seen::Wrong { .. } => {}
        }
    });
    let mut within = 0;
    for (bytes, needed) in &needs {
        match wholes.get(bytes) {
            Some(least) => {
                assert_eq!(needed, least, "{mode:?} {} needs", feed::show(bytes));
                within += 1;
            }
            // Only the end of its line decides between a count over the limit and one that fits.
            None if bytes
                .iter()
                .rev()
                .skip_while(|byte| **byte == b'\r')
                .take_while(|byte| byte.is_ascii_digit())
                .count()
                > 7 => {}
            None => assert!(
                bytes.len() as u64 + needed > longest as u64,
                "{mode:?} {} is said to need {needed}, but no such string is whole",
                feed::show(bytes)
            ),
        }
    }
    println!(
        "{mode:?}: {count} strings, {} unfinished, {within} of them can be finished within {longest} bytes",
        needs.len()
    );
    assert!(count > 200, "{mode:?}: the strings tried show nothing");
}

#[test]
fn all_short_strings_agree_with_the_oracle() {
    for mode in MODES {
        try_all(mode, b"", ALPHABET, 3);
    }
}

#[test]
fn all_short_aggregates_agree() {
    try_all(Mode::Frames, b"", b"*%|?.01\r\n_", 8);
    try_all(Mode::Frames, b"", b"*~>$01-\r\n_", 6);
    try_all(Mode::Frames, b"%?\r\n", b"*%|?.01\r\n_", 12);
    try_all(Mode::Frames, b"*?\r\n|1\r\n", b"%|.01\r\n_", 20);
    try_all(Mode::Frames, b"*2\r\n%?\r\n|1\r\n_\r\n", b"*.1\r\n_", 30);
}

#[test]
fn all_short_bulk_strings_agree() {
    try_all(Mode::Frames, b"$", b"?;-01\r\n", 10);
    try_all(Mode::Frames, b"", b"=!041:\r\n", 8);
}

#[test]
fn all_short_numbers_agree() {
    try_all(Mode::Frames, b"", b",-+.e07infa\r\n", 5);
    try_all(Mode::Frames, b"", b":(#-01t\r\n", 6);
}

#[test]
fn all_short_commands_agree() {
    try_all(Mode::Stream, b"", b"*$01\r\n", 11);
    try_all(Mode::Aof, b"", b"*$-012#\r\n", 5);
    try_all(Mode::Aof, b"*2\r\n$0\r\n\r\n", b"*$-012#\r\n", 16);
    try_all(Mode::Requests, b"*", b"*$01a\r\n", 8);
}

#[test]
fn all_short_inline_commands_agree() {
    try_all(Mode::Requests, b"", b"a\"'\\x4 \0\r\n\x0b", 4);
}

/// The limits are so small that most strings exceed one.
#[test]
fn all_strings_agree_under_tight_limits() {
    let tight = feed::limits!(bulk: 2, command: 12, arguments: 2, depth: 1, line: 2, reply_line: 2);
    try_all_wrong(Mode::Frames, tight, b"*%|?.12\r\n_", 7);
    try_all_wrong(Mode::Frames, feed::limits!(tight; reply_line: 9, command: 6), b"+(,:$0123\r\n", 5);
    try_all_wrong(Mode::Frames, feed::limits!(tight; command: 99), b"+(,:-.1\r\n", 6);
    try_all_wrong(Mode::Frames, feed::limits!(tight; command: 99, depth: 9), b"$?;0123\r\n", 9);
    for mode in [Mode::Stream, Mode::Aof, Mode::Requests] {
        try_all_wrong(mode, feed::limits!(tight; command: 11), b"*$0123\r\n#", 5);
    }
    try_all_wrong(Mode::Requests, feed::limits!(tight; line: 4), b"a\"' \r\n", 5);
}

/// `needed` may exceed the limits of commands and frames, so only the oracle is compared.
fn try_all_wrong(mode: Mode, limits: Limits, alphabet: &[u8], longest: usize) {
    let mut wrong = 0;
    walk(mode, limits, alphabet, longest, &mut Vec::new(), (&Parser::new(mode, limits), 0), &mut |_, seen| {
        wrong += usize::from(matches!(seen, Seen::Wrong { .. }));
    });
    assert!(wrong > 300);
}

/// The same with longer strings: minutes in a release build.
#[test]
#[ignore = "long"]
fn all_long_strings_agree_with_the_oracle() {
    for mode in MODES {
        try_all(mode, b"", ALPHABET, if mode == Mode::Requests { 4 } else { 5 });
    }
    try_all(Mode::Frames, b"", b"*%|?.01\r\n_", 12);
    try_all(Mode::Frames, b"", b"*~>$01-\r\n_", 8);
    try_all(Mode::Frames, b"$", b"?;-01\r\n", 13);
    try_all(Mode::Frames, b"", b",-+.e07infa\r\n", 6);
    try_all(Mode::Requests, b"", b"a\"'\\x4 \0\r\n", 6);
    try_all(Mode::Stream, b"", b"*$-012\r\n", 12);
}
