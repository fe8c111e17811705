#![no_main]
//! The parsers against the oracle of the tests, and every method of reading a command against every other.
//!
//! Byte 0: the grammar (bits 0 and 1), the limits (bits 2 and 3). The rest are the bytes to parse.
#![allow(clippy::unwrap_used, reason = "a panic is how a fuzz target fails")]

use libfuzzer_sys::fuzz_target;
use redtail::resp::{Command, Keys, Part, PartsItem, PartsParser, RequestParser, Token};
use redtail::{CommandParser, FrameParser, Limits, ProtocolError, Status};

#[allow(dead_code, reason = "shared with the tests")]
#[path = "../../tests/resp/feed.rs"]
mod feed;
#[allow(dead_code, reason = "shared with the tests")]
#[path = "../../tests/resp/oracle.rs"]
mod oracle;
#[allow(dead_code, unused_imports, reason = "shared with the tests")]
#[path = "../../tests/resp/tokens.rs"]
mod tokens;

use feed::{MODES, Mode, Parser};
use oracle::Seen;

/// The oracle parses each prefix of a line again.
const LONGEST_LINES: usize = 300;

fuzz_target!(|data: &[u8]| {
    let Some((&choice, bytes)) = data.split_first() else { return };
    let mode = MODES[usize::from(choice & 3)];
    if mode == Mode::Requests && bytes.len() > LONGEST_LINES {
        return;
    }
    let limits = match choice >> 2 & 3 {
        0 | 1 => Limits::DEFAULT,
        2 => feed::limits!(bulk: 30, command: 200, arguments: 12, depth: 4, line: 24, reply_line: 24),
        _ => feed::limits!(bulk: 9, command: 40, arguments: 4, depth: 1, line: 5, reply_line: 5),
    };
    against_the_oracle(mode, bytes, limits);
    match mode {
        Mode::Frames => frames(bytes, limits),
        Mode::Stream | Mode::Aof => every_way(mode == Mode::Aof, bytes, limits),
        Mode::Requests => requests(bytes, limits),
    }
});

fn against_the_oracle(mode: Mode, bytes: &[u8], limits: Limits) {
    let mut parser = Parser::new(mode, limits);
    let mut front = 0;
    loop {
        let begin = front;
        let seen = feed::step(&mut parser, bytes, &mut front);
        let expected = match feed::expected(mode, &bytes[begin..], limits) {
            Seen::Whole { skipped, length, item } => Seen::Whole { skipped: begin + skipped, length, item },
            Seen::Needs { skipped, needed } => Seen::Needs { skipped: begin + skipped, needed },
            Seen::Wrong { fault, at } => Seen::Wrong { fault, at: begin + at },
        };
        assert_eq!(seen, expected, "{mode:?} from byte {begin} on");
        if !matches!(seen, Seen::Whole { .. }) {
            return;
        }
    }
}

/// Checks without comparison by value: text forms, walks, the raw bytes of a frame.
fn frames(bytes: &[u8], limits: Limits) {
    let (mut parser, mut input) = (FrameParser::new().with_limits(limits), bytes);
    while let Ok(Status::Complete(frame)) = parser.next(&mut input) {
        let mut alone = frame.raw();
        assert_eq!(FrameParser::new().with_limits(limits).next(&mut alone), Ok(Status::Complete(frame)));
        assert!(alone.is_empty());
        let mut open = 0_usize;
        for token in frame.tokens() {
            match token {
                Token::Begin { .. } => open += 1,
                Token::End => open = open.checked_sub(1).unwrap(),
                Token::Scalar(scalar) => assert!(scalar.items().next().is_none()),
                Token::Chunk(_) => assert!(open > 0),
            }
            assert!(open <= limits.depth + 1, "a streamed string may be open at the bottom");
        }
        assert_eq!(open, 0);
        let _ = (frame.to_string(), format!("{frame:?}"), frame.as_str());
    }
    for threshold in [None, Some(1), Some(5), Some(2000)] {
        let seen = feed::expected(Mode::Frames, bytes, Limits::DEFAULT);
        tokens::agree(bytes, &[bytes.len() / 3, bytes.len() / 2], &seen, Limits::DEFAULT, threshold);
    }
}

type Commands = (Vec<Vec<Vec<u8>>>, Result<(), ProtocolError>);

fn owned(command: &Command<'_>) -> Vec<Vec<u8>> {
    let args: Vec<_> = command.args().map(<[u8]>::to_vec).collect();
    assert_eq!(command.argc(), args.len());
    for index in [0, 63, 64, args.len() - 1, args.len()] {
        assert_eq!(command.arg(index), args.get(index).map(Vec::as_slice));
    }
    if let Keys::Some(keys) = command.keys() {
        let keys: Vec<_> = keys.collect();
        assert!(!keys.is_empty() && keys.is_sorted_by_key(|key| key.0));
        assert!(keys.iter().all(|&(index, key)| index > 0 && args[index] == key));
    }
    let _ = (command.to_string(), format!("{command:?}"));
    args
}

fn every_way(aof: bool, bytes: &[u8], limits: Limits) {
    let parser = || if aof { CommandParser::aof() } else { CommandParser::stream() }.with_limits(limits);
    let one_at_a_time = |mut parser: CommandParser| -> Commands {
        let (mut input, mut commands) = (bytes, Vec::new());
        loop {
            match parser.next(&mut input) {
                Ok(Status::Complete(command)) => commands.push(owned(&command)),
                Ok(Status::Incomplete { .. }) => return (commands, Ok(())),
                Err(error) => return (commands, Err(error)),
            }
        }
    };
    let expected = one_at_a_time(parser());
    assert_eq!(one_at_a_time(parser().without_templates()), expected);
    let (mut input, mut commands) = (bytes, Vec::new());
    let mut batching = parser();
    let end = batching.batch(&mut input, |command| commands.push(owned(&command)));
    assert_eq!(end.unwrap_or(commands.len()), commands.len());
    assert_eq!((commands, end.map(drop)), expected);
    let parts = |threshold| if aof { PartsParser::aof(threshold) } else { PartsParser::stream(threshold) };
    assert_eq!(whole(parts(None).with_limits(limits), bytes), expected);
    // With parts, the limit of whole commands is no error any more. A length is checked against its limit when its
    // part arrives.
    if expected.1.is_ok() && limits.command > bytes.len() as u64 {
        let (commands, end) = whole(parts(Some(1024)).with_limits(limits), bytes);
        assert!(commands.starts_with(&expected.0) && commands.len() <= expected.0.len() + 1, "{commands:?}");
        assert_eq!((commands.len(), end), (expected.0.len(), Ok(())));
    }
}

/// Commands delivered whole or in parts, joined.
fn whole(mut parser: PartsParser, bytes: &[u8]) -> Commands {
    let (mut input, mut commands, mut parts) = (bytes, Vec::new(), Vec::new());
    loop {
        match parser.next(&mut input) {
            Ok(Status::Complete(PartsItem::Command(command))) => commands.push(owned(&command)),
            Ok(Status::Complete(PartsItem::Part(part))) => match part {
                Part::Begin { .. } => parts = Vec::new(),
                Part::Argument { index, .. } => {
                    assert_eq!(index, parts.len());
                    parts.push(Vec::new());
                }
                Part::Piece(piece) => parts.last_mut().unwrap().extend_from_slice(piece),
                Part::End => commands.push(std::mem::take(&mut parts)),
            },
            Ok(Status::Incomplete { .. }) => return (commands, Ok(())),
            Err(error) => return (commands, Err(error)),
        }
    }
}

fn requests(bytes: &[u8], limits: Limits) {
    let (mut parser, mut input) = (RequestParser::new().with_limits(limits), bytes);
    while let Ok(Status::Complete(request)) = parser.next(&mut input) {
        let _ = format!("{request:?}");
    }
}
