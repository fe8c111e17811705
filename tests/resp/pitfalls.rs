//! Errors of other parsers: the rows of tests/PITFALLS.md about parsers, and the bombs.

use redtail::resp::{PartsParser, PartsPoll, Poll, RequestParser};
use redtail::{CommandParser, FrameParser, Limits, MAX_DEPTH, ProtocolError, ProtocolErrorKind, Status};

/// The result of each parser for the bytes at once.
fn verdicts(bytes: &[u8]) -> [Result<usize, ProtocolError>; 5] {
    let parts = |threshold| match PartsParser::stream(threshold).poll(bytes) {
        Ok(PartsPoll::Incomplete { needed, .. }) => Ok(needed),
        Ok(poll) => panic!("{poll:?}"),
        Err(error) => Err(error),
    };
    let needed = |poll| match poll {
        Ok(Poll::Incomplete { needed, .. }) => Ok(needed),
        Ok(poll) => panic!("{poll:?}"),
        Err(error) => Err(error),
    };
    [
        needed(FrameParser::new().poll(bytes)),
        needed(CommandParser::stream().poll(bytes)),
        needed(CommandParser::aof().poll(bytes)),
        needed(RequestParser::new().poll(bytes)),
        parts(None),
    ]
}

fn frames(bytes: &[u8]) -> ProtocolError {
    FrameParser::new().poll(bytes).unwrap_err()
}

#[test]
fn row_9_nested_arrays_overflow_no_stack() {
    let bomb = b"*1\r\n".repeat(5000);
    assert_eq!(bomb.len(), 20_000);
    let expected =
        ProtocolError { kind: ProtocolErrorKind::TooDeep { limit: MAX_DEPTH }, offset: 4 * MAX_DEPTH as u64 };
    assert_eq!(frames(&bomb), expected);
}

#[test]
fn depth_bombs_are_refused() {
    let expected = |length: usize| (ProtocolErrorKind::TooDeep { limit: MAX_DEPTH }, (length * MAX_DEPTH) as u64);
    for level in
        ["*1\r\n", "*?\r\n", "~1\r\n", "~?\r\n", "*16777216\r\n", "%1\r\n", "%?\r\n", "|1\r\n", "%1\r\n+key\r\n"]
    {
        let bomb = level.repeat(1_000_000);
        let error = frames(bomb.as_bytes());
        assert_eq!((error.kind, error.offset), expected(level.len()), "{level:?} at once");
        // In pieces that are not kept.
        let mut parser = FrameParser::new();
        let fed = (1..).find_map(|count| parser.poll(&bomb.as_bytes()[..count * 1000]).err()).unwrap();
        assert_eq!(fed, error, "{level:?} in pieces");
    }
    // A stack does not help if the depth is in the attributes before elements.
    let attributes = b"|1\r\n+a\r\n".repeat(1_000_000);
    assert!(FrameParser::new().poll(&attributes).is_err());
    // Commands and requests do not nest.
    for verdict in &verdicts(b"*1\r\n*1\r\n")[1..] {
        assert_eq!(verdict.unwrap_err().offset, 4);
    }
}

#[test]
fn row_11_huge_lengths_are_refused_at_their_first_digit() {
    const LENGTH: u64 = 1_000_000_000_000_000_000;
    let limits = Limits::DEFAULT;
    let bulk = ProtocolErrorKind::BulkTooLong { length: LENGTH, limit: limits.bulk };
    for kind in ["$", "!", "=", "$?\r\n;", "*3\r\n:1\r\n$", "%1\r\n+k\r\n="] {
        let error = frames(format!("{kind}{LENGTH}\r\n").as_bytes());
        assert_eq!((error.kind, error.offset), (bulk, kind.len() as u64), "{kind:?}");
    }
    for kind in ["*", "~", ">", "%", "|"] {
        let count = if matches!(kind, "%" | "|") { 2 * LENGTH } else { LENGTH };
        let many = ProtocolErrorKind::TooManyArguments { count, limit: limits.arguments };
        assert_eq!(
            frames(format!("{kind}{LENGTH}\r\n").as_bytes()),
            ProtocolError { kind: many, offset: 1 },
            "{kind:?}"
        );
    }
    for verdict in &verdicts(format!("*1\r\n${LENGTH}\r\n").as_bytes())[1..] {
        assert_eq!(*verdict, Err(ProtocolError { kind: bulk, offset: 5 }));
    }
    let many = ProtocolErrorKind::TooManyArguments { count: LENGTH, limit: limits.arguments };
    for verdict in &verdicts(format!("*{LENGTH}\r\n").as_bytes())[1..] {
        assert_eq!(*verdict, Err(ProtocolError { kind: many, offset: 1 }));
    }
    // The parser waits for the end of the line, not for the payload.
    for verdict in verdicts(format!("*{LENGTH}").as_bytes()) {
        assert_eq!(verdict, Ok(2));
    }
}

#[test]
fn a_hundred_megabytes_of_one_byte_are_refused_or_skipped() {
    for byte in b"*$+-:_#,(%~>|!=;?.\r\n 0a\0\xff\"" {
        // Newlines are skipped. Of any other byte no parser reads more than a line.
        let bytes = vec![*byte; if *byte == b'\n' { 100_000 } else { 100_000_000 }];
        let limit = Limits::DEFAULT.line as u64;
        let all = [
            FrameParser::new().poll(&bytes),
            CommandParser::stream().poll(&bytes),
            CommandParser::aof().poll(&bytes),
            RequestParser::new().poll(&bytes),
        ];
        for (parser, verdict) in all.into_iter().enumerate() {
            match verdict {
                Ok(poll) => {
                    assert!(parser > 0 && poll.used() == bytes.len() && matches!(byte, b'\n'), "{byte:?} {poll:?}")
                }
                Err(error) => assert!(error.offset <= limit + 1, "{byte:?} {error}"),
            }
        }
    }
}

#[test]
fn row_13_nulls_of_resp2_and_more_than_five_levels() {
    let mut parser = FrameParser::new();
    let mut input: &[u8] =
        b"$-1\r\n*-1\r\n*2\r\n$-1\r\n_\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:7\r\n";
    for nulls in [1, 1, 0] {
        let Ok(Status::Complete(frame)) = parser.next(&mut input) else { panic!() };
        assert_eq!(usize::from(frame.is_null()), nulls);
        assert!(frame.items().all(|item| item.is_null()));
    }
    let Ok(Status::Complete(frame)) = parser.next(&mut input) else { panic!() };
    let deepest = (0..9).fold(frame, |frame, _| frame.items().next().unwrap());
    assert_eq!((deepest.as_i64(), input), (Some(7), &b""[..]));
}
