//! One sample of every item, valid and invalid, cut at every byte, at every two bytes, and passed byte by byte.

use redtail::Limits;

use crate::feed::{self, MODES, Mode};
use crate::oracle::Seen;
use crate::tokens;

const FRAMES: &[&[u8]] = &[
    b"+OK\r\n",
    b"+\r\n",
    b"-ERR unknown command 'NOSUCH', with args beginning with: 'a' \r\n",
    b":0\r\n",
    b":-1\r\n",
    b":9223372036854775807\r\n",
    b":-9223372036854775808\r\n",
    b"$0\r\n\r\n",
    b"$5\r\nhello\r\n",
    b"$8\r\n\r\n*3\r\n\r\n\r\n",
    b"$-1\r\n",
    b"$1\r\n\n\r\n",
    b"$?\r\n;4\r\nHell\r\n;5\r\no wor\r\n;1\r\nd\r\n;0\r\n",
    b"$?\r\n;0\r\n",
    b"*0\r\n",
    b"*-1\r\n",
    b"*3\r\n$1\r\na\r\n$-1\r\n*-1\r\n",
    b"*2\r\n*1\r\n*0\r\n*2\r\n:1\r\n+x\r\n",
    b"*?\r\n:1\r\n*?\r\n.\r\n*1\r\n_\r\n.\r\n",
    b"_\r\n",
    b"#t\r\n",
    b"#f\r\n",
    b",1.23\r\n",
    b",10\r\n",
    b",-1e-7\r\n",
    b",1.5E+300\r\n",
    b",inf\r\n",
    b",-INF\r\n",
    b",nan\r\n",
    b",-NaN\r\n",
    b",nan(0x1)\r\n",
    b",-nan()\r\n",
    b":+5\r\n",
    b":+0\r\n",
    b",+1\r\n",
    b",+inf\r\n",
    b"(+5\r\n",
    b"(3492890328409238509324850943850943825024385\r\n",
    b"(-1\r\n",
    b"!21\r\nSYNTAX invalid syntax\r\n",
    b"=15\r\ntxt:Some string\r\n",
    b"=4\r\nmkd:\r\n",
    b"%2\r\n+first\r\n:1\r\n+second\r\n:2\r\n",
    b"%?\r\n+a\r\n:1\r\n+b\r\n%?\r\n.\r\n.\r\n",
    b"~3\r\n:1\r\n#t\r\n~0\r\n",
    b"~?\r\n:1\r\n.\r\n",
    b">2\r\n+message\r\n$2\r\nhi\r\n",
    b"|1\r\n+key-popularity\r\n%2\r\n$1\r\na\r\n,0.19\r\n$1\r\nb\r\n,0.02\r\n*2\r\n:1\r\n:2\r\n",
    b"*3\r\n:1\r\n:2\r\n|1\r\n+ttl\r\n:3600\r\n:3\r\n",
    b"|0\r\n|1\r\n_\r\n_\r\n+x\r\n",
    b"%?\r\n|1\r\n_\r\n_\r\n+k\r\n|0\r\n+v\r\n.\r\n",
    b"|0\r\n>1\r\n+push\r\n",
    b"*1\r\n>1\r\n+x\r\n",
    b"*2\r\n>3\r\n+subscribe\r\n+a\r\n:1\r\n+OK\r\n",
    b"%?\r\n>0\r\n>1\r\n*1\r\n>0\r\n.\r\n",
];

const WRONG_FRAMES: &[&[u8]] = &[
    b"\r\n",
    b"\n+OK\r\n",
    b"?\r\n",
    b"PING\r\n",
    b".\r\n",
    b";0\r\n",
    b"+a\nb\r\n",
    b"+a\rb\r\n",
    b"-a\r\r\n",
    b":\r\n",
    b":-\r\n",
    b":+-5\r\n",
    b":++5\r\n",
    b":+05\r\n",
    b":+\r\n",
    b":-0\r\n",
    b":05\r\n",
    b":-01\r\n",
    b":1 \r\n",
    b":9223372036854775808\r\n",
    b":-9223372036854775809\r\n",
    b":12\n",
    b"$5\r\nhelloXY",
    b"$5\r\nhello\rY",
    b"$5\nhello\r\n",
    b"$05\r\nhello\r\n",
    b"$+5\r\nhello\r\n",
    b"$-2\r\n",
    b"$-1x",
    b"$\r\n",
    b"$1000000000000000000\r\n",
    b"$18446744073709551616\r\n",
    b"$?x",
    b"$?\r\n$1\r\na\r\n",
    b"$?\r\n;01",
    b"$?\r\n;-1\r\n",
    b"!-1\r\n",
    b"=3\r\ntxt\r\n",
    b"=0\r\n\r\n",
    b"=5\r\ntxtxy\r\n",
    b"*01\r\n",
    b"*-2\r\n",
    b"*1000000000000000000\r\n",
    b"*2\r\n:1\r\n.\r\n",
    b"*?\r\n|0\r\n.\r\n",
    b"%?\r\n+k\r\n.\r\n",
    b"%9223372036854775808\r\n",
    b"%-1\r\n",
    b"~-1\r\n",
    b">-1\r\n",
    b">?\r\n",
    b"|?\r\n",
    b">1\r\n>1\r\n+x\r\n",
    b">2\r\n:1\r\n>0\r\n",
    b"_x\r\n",
    b"_\n",
    b"#T\r\n",
    b"#true\r\n",
    b"#\r\n",
    b",\r\n",
    b",.5\r\n",
    b",1.\r\n",
    b",1e\r\n",
    b",1e+\r\n",
    b",+-1\r\n",
    b",nan(\r\n",
    b",nan(0x1\r\n",
    b",nan(-1)\r\n",
    b",nan()1\r\n",
    b",inf(1)\r\n",
    b",--1\r\n",
    b",infinity\r\n",
    b",1.5x\r\n",
    b",in\r\n",
    b"(\r\n",
    b"(-\r\n",
    b"(+\r\n",
    b"(+-5\r\n",
    b"(12a\r\n",
];

const COMMANDS: &[&[u8]] = &[
    b"*1\r\n$4\r\nPING\r\n",
    b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n",
    b"*1\r\n$0\r\n\r\n",
    b"*2\r\n$0\r\n\r\n$11\r\n*1\r\n$1\r\nx\r\n\r\n",
    b"\n\r\n*0\r\n*-1\r\n\n*2\r\n$12\r\nabcdefghijkl\r\n$1\r\n\r\r\n",
    b"*10\r\n$1\r\n0\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n$1\r\n5\r\n$1\r\n6\r\n$1\r\n7\r\n$1\r\n8\r\n$1\r\n9\r\n",
    b"#TS:1700000000\r\n*1\r\n$5\r\nMULTI\r\n",
    b"##\r\n\r\n#TS:x\r\n#\r\n*1\r\n$4\r\nEXEC\r\n",
];

const WRONG_COMMANDS: &[&[u8]] = &[
    b"*2\r\n:1\r\n$1\r\na\r\n",
    b"*1\r\n$-1\r\n",
    b"*-2\r\n",
    b"*-10\r\n",
    b"*01\r\n",
    b"*+1\r\n",
    b"*00\r\n",
    b"*1\n$4\r\nPING\r\n",
    b"*1\r\n$4\r\nPINGS\r\n",
    b"*1\r\n$4\r\nPING\rx",
    b"*1\r\n$5\r\nPING\r\n*1\r\n",
    b"*1\r\n\r\n",
    b"*1\r\n$04\r\nPING\r\n",
    b"*1\r\n$1000000000000000000\r\n",
    b"*1\r\n$99999999999999999999999\r\n",
    b"*1000000000000000000\r\n",
    b"*1\r\n#TS:1\r\n",
    b"\r*1\r\n",
    b"\rx",
    b"+OK\r\n",
    b"PING\r\n",
    b"#TS:1\n*1\r\n",
    b"#a\rb\r\n",
    b"*?\r\n",
    b"*1\r\n$?\r\n",
    b"*2\r\n$1\r\na\r\nx",
    b"\0",
];

const INLINE: &[&[u8]] = &[
    b"PING\r\n",
    b"PING\n",
    b"  set  key\tvalue \r\n",
    b"\r\n\n  \t\r\nGET k\r\n",
    b"set k \"a b\\n\\r\\t\\b\\a\\\\\\\"\\x41\\xfF\\x4\\q\" 'it\\'s' '' \"\"\r\n",
    b"foo\"bar\" baz'qux'\r\n",
    b"a\rb\x0bc \x0bd\r\n",
    b"a\0\"\r\n",
    b"\0\r\nPING\r\n",
    b"'\\\\'' x\r\n",
    b"\"unbalanced\r\n",
    b"'unbalanced\r\n",
    b"\"a\"b\r\n",
    b"'a'b\r\n",
    b"\"a\\\"\r\n",
    b"\"a\0b\"\r\n",
    b"$5\r\n",
    b"\r*1\r\n",
];

/// Every sample in every mode.
#[test]
fn every_sample_agrees_at_every_cut() {
    for sample in [FRAMES, WRONG_FRAMES, COMMANDS, WRONG_COMMANDS, INLINE].concat() {
        let seen = feed::expected(Mode::Frames, sample, Limits::DEFAULT);
        tokens::agree_in_any_pieces(sample, &seen);
        for first in 0..=sample.len() {
            for threshold in [None, Some(1), Some(4), Some(1000)] {
                tokens::agree(sample, &[first], &seen, Limits::DEFAULT, threshold);
            }
        }
        for mode in MODES {
            feed::check(mode, sample, &(0..sample.len()).collect::<Vec<_>>(), Limits::DEFAULT);
            for first in 0..=sample.len() {
                let last = if sample.len() <= 24 { sample.len() } else { first };
                for second in first..=last {
                    feed::check(mode, sample, &[first, second], Limits::DEFAULT);
                }
            }
        }
    }
}

#[test]
fn valid_samples_are_whole_and_invalid_ones_errors() {
    let whole = |mode, sample: &[u8]| match feed::check(mode, sample, &[], Limits::DEFAULT) {
        Seen::Whole { skipped, length, .. } => assert_eq!(skipped + length, sample.len(), "{}", feed::show(sample)),
        other => panic!("{mode:?} {}: {other:?}", feed::show(sample)),
    };
    let wrong = |mode, sample: &[u8]| match feed::check(mode, sample, &[], Limits::DEFAULT) {
        Seen::Wrong { .. } => {}
        other => panic!("{mode:?} {}: {other:?}", feed::show(sample)),
    };
    FRAMES.iter().for_each(|sample| whole(Mode::Frames, sample));
    WRONG_FRAMES.iter().for_each(|sample| wrong(Mode::Frames, sample));
    COMMANDS.iter().for_each(|sample| whole(Mode::Aof, sample));
    WRONG_COMMANDS.iter().for_each(|sample| wrong(Mode::Aof, sample));
    COMMANDS.iter().filter(|sample| !sample.starts_with(b"#")).for_each(|sample| whole(Mode::Stream, sample));
    COMMANDS.iter().filter(|sample| sample.starts_with(b"#")).for_each(|sample| wrong(Mode::Stream, sample));
    INLINE.iter().take(10).for_each(|sample| whole(Mode::Requests, sample));
}

/// Heads of one, two and three digits are read eight bytes at a time. Each of their bytes has every value once.
#[test]
fn heads_agree_for_every_value_of_every_byte() {
    let payload = |length: usize| format!("${length}\r\n{}\r\n", "p".repeat(length));
    let few = ["*3\r\n", &payload(1), &payload(12), &payload(123)].concat();
    let many = ["*12\r\n", &payload(2).repeat(12)].concat();
    for command in [few, many] {
        let heads = (0..command.len()).filter(|&at| command.as_bytes()[at] != b'p');
        for (at, value) in heads.flat_map(|at| (0..=255).map(move |value| (at, value))) {
            let mut bytes = command.clone().into_bytes();
            bytes[at] = value;
            feed::check(Mode::Stream, &bytes, &[], Limits::DEFAULT);
            feed::check(Mode::Frames, &bytes, &[], Limits::DEFAULT);
        }
    }
}

/// A reply may have attributes, and a push may arrive between any two replies.
#[test]
fn attributes_and_pushes_agree_beside_every_reply() {
    let (mut bytes, mut count) = (Vec::new(), 0);
    for sample in FRAMES {
        bytes.extend(b">2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n|1\r\n+ttl\r\n:5\r\n");
        bytes.extend(*sample);
        count += 2;
    }
    let (items, error) = feed::all(Mode::Frames, &bytes, &[], Limits::DEFAULT);
    assert_eq!((items.len(), error), (count, None));
    let cuts: Vec<_> = (0..bytes.len()).collect();
    assert_eq!(feed::all(Mode::Frames, &bytes, &cuts, Limits::DEFAULT), (items, None));
}

/// The items of a session between handshake and stream: no byte is lost between two items.
#[test]
fn consecutive_items_agree_at_every_cut() {
    let stream = [COMMANDS, COMMANDS].concat().concat();
    let whole = feed::all(Mode::Aof, &stream, &[], Limits::DEFAULT);
    assert_eq!((whole.0.len(), whole.1), (16, None));
    for cut in 0..=stream.len() {
        assert_eq!(feed::all(Mode::Aof, &stream, &[cut], Limits::DEFAULT), whole, "cut at {cut}");
    }
    assert_eq!(feed::all(Mode::Aof, &stream, &(0..stream.len()).collect::<Vec<_>>(), Limits::DEFAULT), whole);
}
