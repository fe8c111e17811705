//! Errors of other parsers: the rows of tests/PITFALLS.md about parsers, and the bombs.

use redtail::resp::{Kind, PartsParser, PartsPoll, Poll, RequestParser, Token};
use redtail::{CommandParser, Frame, FrameParser, Limits, MAX_DEPTH, ProtocolError, ProtocolErrorKind, Status};

use crate::feed;

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
        let limits = feed::limits!(reply_line: Limits::DEFAULT.line);
        let all = [
            FrameParser::new().with_limits(limits).poll(&bytes),
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

#[test]
fn plus_signs_and_payloads_of_nan_are_numbers() {
    assert_eq!(one(b":+1\r\n").as_i64(), Some(1));
    assert_eq!(one(b":+9223372036854775807\r\n").as_i64(), Some(i64::MAX));
    assert_eq!(one(b",+1.5e2\r\n").as_f64(), Some(150.0));
    assert_eq!(one(b"(+349289032840923850932485094385\r\n").as_str(), Some("+349289032840923850932485094385"));
    for nan in [b",nan(0x1)\r\n".as_slice(), b",-nan(ind)\r\n", b",NAN()\r\n", b",nan\r\n"] {
        assert!(one(nan).as_f64().unwrap().is_nan(), "{}", nan.escape_ascii());
    }
}

/// Recorded from Redis: HELLO 3, MULTI, SUBSCRIBE a b, SET k v, EXEC.
#[test]
fn a_push_inside_an_array_is_an_element() {
    let array = b"*2\r\n>3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n>3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n";
    let bytes = [array.as_slice(), b"+OK\r\n+PONG\r\n"].concat();
    let (mut parser, mut input) = (FrameParser::new(), &bytes[..]);
    let Ok(Status::Complete(frame)) = parser.next(&mut input) else { panic!() };
    assert_eq!((frame.kind(), frame.len()), (Kind::Array, Some(2)));
    let channels: Vec<_> = frame
        .items()
        .map(|push| {
            assert_eq!((push.kind(), push.len()), (Kind::Push, Some(3)));
            push.items().nth(1).unwrap().as_str().unwrap()
        })
        .collect();
    assert_eq!(channels, ["a", "b"]);
    for line in ["OK", "PONG"] {
        let Ok(Status::Complete(frame)) = parser.next(&mut input) else { panic!() };
        assert_eq!(frame.as_str(), Some(line));
    }
}

/// MONITOR prints whole commands, and errors of scripts hold whatever the script put there.
#[test]
fn lines_of_a_reply_may_hold_a_value() {
    let value = "v".repeat(100 << 10);
    for (kind, byte) in [(Kind::SimpleString, '+'), (Kind::Error, '-'), (Kind::BigNumber, '(')] {
        let text =
            if byte == '(' { "7".repeat(100 << 10) } else { format!("1700000000.1 [0 ip:1] \"SET\" \"{value}\"") };
        let bytes = format!("{byte}{text}\r\n+OK\r\n");
        let (mut parser, mut input) = (FrameParser::new(), bytes.as_bytes());
        let Ok(Status::Complete(frame)) = parser.next(&mut input) else { panic!() };
        assert_eq!((frame.kind(), frame.as_str(), input), (kind, Some(&text[..]), &b"+OK\r\n"[..]));
        // In pieces of a read: each byte is searched once, and the end is found at every cut near it.
        let mut parser = FrameParser::new();
        for length in (2..bytes.len() - 10).step_by(1460).chain(bytes.len() - 10..bytes.len() - 5) {
            let needed = if length == bytes.len() - 6 { 1 } else { 2 };
            assert_eq!(parser.poll(&bytes.as_bytes()[..length]), Ok(Poll::Incomplete { skipped: 0, needed }));
        }
        assert_eq!(parser.poll(bytes.as_bytes()), Ok(Poll::Complete { skipped: 0, length: text.len() + 3 }));
    }
    // The limit of inline commands is as before: that of servers.
    let inline = RequestParser::new().poll(value.as_bytes()).unwrap_err();
    assert_eq!((inline.kind, inline.offset), (ProtocolErrorKind::LineTooLong { limit: 64 << 10 }, 64 << 10));
}

/// Scripts return tables inside tables.
#[test]
fn a_thousand_levels_are_read_and_walked() {
    let depth = 1000;
    for (head, end) in [("*1\r\n", ""), ("*?\r\n", ".\r\n"), ("%1\r\n+key\r\n", ""), ("~1\r\n|0\r\n", "")] {
        let bytes = [head.repeat(depth), ":7\r\n".into(), end.repeat(depth)].concat();
        let frame = one(bytes.as_bytes());
        let shape = |token: &Token<'_>| matches!(token, Token::Begin { kind, .. } if *kind != Kind::Attribute);
        assert_eq!(frame.tokens().filter(shape).count(), depth);
        assert!(frame.to_string().ends_with("(integer) 7"));
        let mut inner = frame;
        while inner.kind() != Kind::Integer {
            inner = inner.items().last().unwrap();
        }
        assert_eq!(inner.as_i64(), Some(7));
        // A smaller limit is that of the caller.
        let error = FrameParser::new().with_limits(feed::limits!(depth: depth - 1)).poll(bytes.as_bytes()).unwrap_err();
        assert_eq!(error.kind, ProtocolErrorKind::TooDeep { limit: depth - 1 });
        assert_eq!(error.offset, (head.len() * (depth - 1)) as u64);
    }
}

fn one(bytes: &[u8]) -> Frame<'_> {
    // The frame borrows from its parser.
    let (parser, mut input) = (Box::leak(Box::new(FrameParser::new())), bytes);
    let Ok(Status::Complete(frame)) = parser.next(&mut input) else { panic!("{}", bytes.escape_ascii()) };
    assert!(input.is_empty());
    frame
}
