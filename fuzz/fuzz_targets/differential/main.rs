#![no_main]
//! Compares redtail, hiredis and the redis crate on the same bytes: the same verdict and the same values, except for
//! the differences listed in `differences.rs`. redtail reads them twice: as frames, and as tokens that arrive in
//! pieces.
#![allow(clippy::unwrap_used, reason = "a panic is how a fuzz target fails")]

mod differences;
mod hiredis;
mod redis_rs;
mod tokens;
mod value;

use libfuzzer_sys::fuzz_target;
use redtail::resp::Poll;
use redtail::{FrameParser, ProtocolError, Status};

use differences::{Difference, Peer};
use value::Value;

/// A result: replies, and the reason why they end.
#[derive(Debug, PartialEq)]
struct Reading {
    values: Vec<Value>,
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Unfinished,
    Refused,
}

fuzz_target!(
    init: {
        for &(peer, difference, bytes) in differences::EXAMPLES {
            let shown = bytes.escape_ascii();
            assert_eq!(compare(peer, bytes), Some(difference), "{peer:?} no longer differs so on {shown}");
        }
    },
    |data: &[u8]| {
        assert_eq!(tokens::read(data), frames(data), "tokens and frames of {}", data.escape_ascii());
        // Peers allocate as many elements as are declared.
        if !differences::declares_much(data) {
            compare(Peer::Hiredis, data);
            compare(Peer::RedisRs, data);
        }
    }
);

fn frames(data: &[u8]) -> Reading {
    let (mut parser, mut rest, mut values) = (FrameParser::new(), data, Vec::new());
    let end = loop {
        match parser.next(&mut rest) {
            Ok(Status::Complete(frame)) => values.push(Value::of(frame)),
            Ok(Status::Incomplete { .. }) => break End::Unfinished,
            Err(_) => break End::Refused,
        }
    };
    Reading { values, end }
}

/// Compares both until they end, or until a known difference: after it the bytes have another meaning for each.
fn compare(peer: Peer, data: &[u8]) -> Option<Difference> {
    let theirs = match peer {
        Peer::Hiredis => hiredis::read(data),
        Peer::RedisRs => redis_rs::read(data),
    };
    let (mut parser, mut rest, mut ours) = (FrameParser::new(), data, tokens::read(data).values.into_iter());
    let mut replies = theirs.values.iter();
    loop {
        let their = replies.next().ok_or(theirs.end);
        let poll = parser.poll(rest);
        let excuse = match (&poll, their) {
            (Ok(Poll::Complete { .. }), Ok(value))
                if *value == Value::of(parser.frame(rest)) && ours.next().as_ref() == Some(value) =>
            {
                None
            }
            (Ok(Poll::Complete { .. }), _) => Some(Difference::in_frame(peer, parser.frame(rest))),
            (Ok(Poll::Incomplete { .. }), Err(End::Unfinished)) | (Err(_), Err(_)) => return None,
            (Ok(Poll::Incomplete { .. }), _) => Some(Difference::in_rest(peer, rest)),
            (Err(error), Ok(_)) => Some(Difference::after(peer, error, rest)),
        };
        match excuse {
            None => rest = &rest[poll.map_or(0, |poll| poll.used())..],
            Some(Some(difference)) => return Some(difference),
            Some(None) => {
                panic!("{peer:?}: we say {}, they say {their:?} of {}", said(poll, &parser, rest), rest.escape_ascii())
            }
        }
    }
}

fn said(poll: Result<Poll, ProtocolError>, parser: &FrameParser, rest: &[u8]) -> String {
    match poll {
        Ok(Poll::Complete { .. }) => format!("{:?}", Value::of(parser.frame(rest))),
        other => format!("{other:?}"),
    }
}
