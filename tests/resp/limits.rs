//! Each limit has an error of its own, which names the limit, the value and the byte. Hostile input is refused before
//! the parser waits for more.

use redtail::resp::Byte;
use redtail::resp::{Part, PartsParser, PartsPoll, Poll, RequestParser};
use redtail::{CommandParser, FrameParser, Limits, MAX_DEPTH, ProtocolError, ProtocolErrorKind};

use crate::feed::{self, Mode};

const LIMITS: Limits = feed::limits!(bulk: 100, command: 200, arguments: 10, depth: 3, line: 20, reply_line: 20);

fn error(kind: ProtocolErrorKind, offset: u64) -> ProtocolError {
    ProtocolError { kind, offset }
}

fn frame(bytes: &[u8]) -> Result<Poll, ProtocolError> {
    FrameParser::new().with_limits(LIMITS).starting_at(500).poll(bytes)
}

fn command(bytes: &[u8]) -> Result<Poll, ProtocolError> {
    CommandParser::aof().with_limits(LIMITS).starting_at(500).poll(bytes)
}

fn request(bytes: &[u8]) -> Result<Poll, ProtocolError> {
    RequestParser::new().with_limits(LIMITS).starting_at(500).poll(bytes)
}

#[test]
fn long_bulk_strings_are_refused() {
    let over = |length, offset| Err(error(ProtocolErrorKind::BulkTooLong { length, limit: 100 }, offset));
    assert_eq!(frame(b"$101\r\n"), over(101, 501));
    assert_eq!(frame(b"*2\r\n:1\r\n!500\r\n"), over(500, 509));
    assert_eq!(frame(b"=1000000000000000000\r\n"), over(1_000_000_000_000_000_000, 501));
    assert_eq!(frame(b"$18446744073709551615\r\n"), over(u64::MAX, 501));
    assert_eq!(frame(b"$18446744073709551616"), over(u64::MAX, 501));
    assert_eq!(command(b"*1\r\n$101\r\n"), over(101, 505));
    assert_eq!(command(b"\n*1\r\n$1000000000000000000\r\n"), over(1_000_000_000_000_000_000, 506));
    assert_eq!(request(b"*1\r\n$101\r\n"), over(101, 505));
    assert_eq!(frame(&[b"$?\r\n;60\r\n" as &[u8], &[b'x'; 60], b"\r\n;41\r\n"].concat()), over(101, 572));
    assert_eq!(command(&[b"*1\r\n$100\r\n" as &[u8], &[b'x'; 100], b"\r\n"].concat()).map(|poll| poll.used()), Ok(112));
    // The parser waits for the end of the line, not for the payload.
    assert_eq!(command(b"*1\r\n$101"), Ok(Poll::Incomplete { skipped: 0, needed: 2 }));
    assert_eq!(frame(b"$999999999999\r"), Ok(Poll::Incomplete { skipped: 0, needed: 1 }));
}

/// Lengths of three and of four digits have fast paths of their own; the results must be the same.
#[test]
fn lengths_at_the_digit_boundaries_follow_the_limits() {
    let limits = |bulk, command| feed::limits!(bulk: bulk, command: command);
    let all = [
        Limits::DEFAULT,
        limits(999, 1 << 30),
        limits(1000, 1 << 30),
        limits(9998, 1 << 20),
        limits(1 << 20, 9000),
        limits(1 << 20, (1 << 20) - 1),
    ];
    for length in [99, 100, 999, 1000, 1001, 1023, 8990, 9998, 9999, 10_000, 10_001] {
        for line in ["", "0", "x", "-"].map(|wrong| format!("${wrong}{length}\r\n")) {
            let head = [b"*3\r\n$3\r\nSET\r\n" as &[u8], line.as_bytes()].concat();
            for after in ["\r\n$1\r\nv\r\n", "\rX", "X\n", "\r\n$1000\r\n", "\r\n$1000\r"] {
                let bytes = [&head[..], &vec![b'k'; length], after.as_bytes()].concat();
                let end = head.len() + length;
                let cuts: Vec<usize> = (14..head.len() + 2).chain(end - 1..bytes.len()).collect();
                for limits in all {
                    feed::check(Mode::Stream, &bytes, &cuts, limits);
                    for &cut in &cuts {
                        feed::check(Mode::Stream, &bytes[..cut], &[], limits);
                    }
                    feed::check(Mode::Requests, &bytes, &[], limits);
                }
            }
        }
        for threshold in [1024, 5000, 9999, 10_000] {
            let bytes = [format!("*1\r\n${length}\r\n").as_bytes(), &vec![b'x'; length], b"\r\n"].concat();
            let poll = PartsParser::stream(Some(threshold)).poll(&bytes);
            let whole = matches!(poll, Ok(PartsPoll::Command { .. }));
            assert_eq!(whole, (length as u64) < threshold, "{length} at {threshold}: {poll:?}");
        }
    }
}

#[test]
fn long_commands_and_frames_are_refused() {
    let over = |length, offset| Err(error(ProtocolErrorKind::CommandTooLong { length, limit: 200 }, offset));
    let two = [b"*2\r\n$90\r\n" as &[u8], &[b'x'; 90], b"\r\n$93\r\n"].concat();
    assert_eq!(command(&two), over(201, 602));
    assert_eq!(request(&two), over(201, 602));
    assert_eq!(frame(&two), over(201, 602));
    let fits = [b"*2\r\n$90\r\n" as &[u8], &[b'x'; 90], b"\r\n$92\r\n", &[b'y'; 92], b"\r\n"].concat();
    assert_eq!(command(&fits), Ok(Poll::Complete { skipped: 0, length: 200 }));
    assert_eq!(frame(&fits), Ok(Poll::Complete { skipped: 0, length: 200 }));
    // The limit of bulk strings allows the fast path here.
    let limits = feed::limits!(command: 200);
    for bytes in [&two[..], &[&two[..], &[b'y'; 500]].concat()] {
        assert_eq!(CommandParser::stream().with_limits(limits).starting_at(500).poll(bytes), over(201, 602));
    }
    // The first error is the same at once and byte by byte.
    let limits = feed::limits!(command: 6);
    let expected = Err(error(ProtocolErrorKind::CommandTooLong { length: 7, limit: 6 }, 4));
    assert_eq!(FrameParser::new().with_limits(limits).poll(b"*1\r\n(x"), expected);
    assert_eq!(FrameParser::new().with_limits(limits).poll(b"*1\r\n("), expected);
    // A long prefix in the same buffer does not relax the limit.
    assert_eq!(command(&[&two[..], &[b'y'; 500]].concat()), over(201, 602));
    // Streamed aggregates: the error names the first element over the limit.
    let endless = [b"*?\r\n" as &[u8], &b"|0\r\n".repeat(100)].concat();
    assert_eq!(frame(&endless), over(201, 700));
}

#[test]
fn too_many_arguments_or_elements_are_refused() {
    let over = |count, offset| Err(error(ProtocolErrorKind::TooManyArguments { count, limit: 10 }, offset));
    assert_eq!(command(b"*11\r\n"), over(11, 501));
    assert_eq!(request(b"*11\r\n"), over(11, 501));
    assert_eq!(frame(b"*11\r\n"), over(11, 501));
    assert_eq!(frame(b"~1000000000000000000\r\n"), over(1_000_000_000_000_000_000, 501));
    assert_eq!(frame(b"%6\r\n"), over(12, 501));
    assert_eq!(frame(b"|6\r\n"), over(12, 501));
    // A number of pairs that fits in 64 bits, while the number of elements does not.
    assert_eq!(frame(b"%9223372036854775808\r\n"), over(u64::MAX, 501));
    assert_eq!(frame(b"%18446744073709551615\r\n"), over(u64::MAX, 501));
    assert_eq!(frame(b"*18446744073709551616"), over(u64::MAX, 501));
    assert_eq!(command(b"*18446744073709551616"), over(u64::MAX, 501));
    assert_eq!(frame(&[b"*?\r\n" as &[u8], &b":1\r\n".repeat(11)].concat()), over(11, 544));
    let limits = feed::limits!(LIMITS; line: 99);
    assert_eq!(RequestParser::new().with_limits(limits).poll(b"1 2 3 4 5 6 7 8 9 10 11\r\n"), over(11, 21));
    assert!(matches!(frame(b"%5\r\n"), Ok(Poll::Incomplete { needed: 30, .. })));
}

#[test]
fn deep_nesting_is_refused() {
    let over = |offset| Err(error(ProtocolErrorKind::TooDeep { limit: 3 }, offset));
    assert_eq!(frame(b"*1\r\n*1\r\n*1\r\n*1\r\n"), over(512));
    assert_eq!(frame(b"*1\r\n|1\r\n*1\r\n%?\r\n"), over(512));
    // An aggregate without elements does not nest.
    assert_eq!(frame(b"*1\r\n*1\r\n*1\r\n*0\r\n"), Ok(Poll::Complete { skipped: 0, length: 16 }));
    let bombs = [b"*1\r\n", b"*9\r\n", b"%1\r\n", b"*?\r\n", b"|1\r\n"];
    for bomb in bombs {
        let bytes = bomb.repeat(100_000);
        let limit = MAX_DEPTH;
        let at = 4 * limit as u64;
        assert_eq!(FrameParser::new().poll(&bytes), Err(error(ProtocolErrorKind::TooDeep { limit }, at)));
        let limits = feed::limits!(depth: usize::MAX);
        assert_eq!(
            FrameParser::new().with_limits(limits).poll(&bytes),
            Err(error(ProtocolErrorKind::TooDeep { limit }, at))
        );
    }
    let deepest = [&b"*1\r\n".repeat(MAX_DEPTH)[..], b"$?\r\n;1\r\nx\r\n;0\r\n"].concat();
    assert_eq!(FrameParser::new().poll(&deepest), Ok(Poll::Complete { skipped: 0, length: deepest.len() }));
}

#[test]
fn long_lines_are_refused() {
    let over = |offset| Err(error(ProtocolErrorKind::LineTooLong { limit: 20 }, offset));
    for kind in ["+", "-", "(", ","] {
        assert_eq!(frame(format!("{kind}{}", "1".repeat(21)).as_bytes()), over(521), "{kind}");
        assert_eq!(
            frame(format!("{kind}{}\r\n", "1".repeat(20)).as_bytes()),
            Ok(Poll::Complete { skipped: 0, length: 23 })
        );
    }
    assert_eq!(command(format!("#{}", "x".repeat(21)).as_bytes()), over(521));
    assert_eq!(request("x".repeat(21).as_bytes()), over(520));
    assert_eq!(request(format!("{}\r\n", "x".repeat(20)).as_bytes()), Ok(Poll::Complete { skipped: 0, length: 22 }));
    // An error line without an end is refused at the limit, however it arrives.
    let endless = vec![b'-'; 200_000];
    let limit = 64 << 10;
    let limits = feed::limits!(reply_line: limit);
    let expected = error(ProtocolErrorKind::LineTooLong { limit }, 1 + limit as u64);
    assert_eq!(FrameParser::new().with_limits(limits).poll(&endless), Err(expected));
    let mut parser = FrameParser::new().with_limits(limits);
    let first = (1..).find_map(|length| parser.poll(&endless[..length * 1000]).err());
    assert_eq!(first, Some(expected));
}

#[test]
fn errors_name_the_byte() {
    let unexpected =
        |expected, found, offset| Err(error(ProtocolErrorKind::Unexpected { expected, found: Byte(found) }, offset));
    assert_eq!(command(b"\n\n+OK\r\n"), unexpected("'*' of a command", b'+', 502));
    assert_eq!(command(b"*1\r\n:1\r\n"), unexpected("'$' of an argument", b':', 504));
    assert_eq!(command(b"*1\r\n$1x"), unexpected("a digit or CR LF", b'x', 506));
    assert_eq!(frame(b"*1\r\n?"), unexpected("the type of a frame", b'?', 504));
    assert_eq!(frame(b"+a\nb"), unexpected("CR before LF", b'\n', 502));
    assert_eq!(frame(b"=4\r\nabcd"), unexpected("':' after the format of a verbatim string", b'd', 507));
    let missing =
        |length, found, offset| Err(error(ProtocolErrorKind::MissingCrlf { length, found: Byte(found) }, offset));
    assert_eq!(command(b"*1\r\n$4\r\nPINGS\r\n"), missing(4, b'S', 512));
    assert_eq!(command(b"*2\r\n$4\r\nPINGS\r\n"), missing(4, b'S', 512));
    assert_eq!(frame(b"$4\r\nPING\rS"), missing(4, b'S', 509));
    let text = command(b"*1\r\n$4\r\nPING!\n").unwrap_err().to_string();
    assert_eq!(text, "expected CR LF after a payload of 4 bytes, found '!', at byte 512");
    assert_eq!(command(b"*1\r\n$-1\r\n"), Err(error(ProtocolErrorKind::InvalidLength("negative"), 505)));
    assert_eq!(command(b"*1\r\n$01\r\n"), Err(error(ProtocolErrorKind::InvalidLength("leading zero"), 506)));
    assert_eq!(frame(b":-0\r\n"), Err(error(ProtocolErrorKind::InvalidValue("integer"), 502)));
    assert_eq!(frame(b":+5\r\n"), Ok(Poll::Complete { skipped: 0, length: 5 }));
    assert_eq!(frame(b":+-5\r\n"), Err(error(ProtocolErrorKind::InvalidValue("integer"), 502)));
    assert_eq!(request(b"set \"a\"b\r\n"), Err(error(ProtocolErrorKind::UnbalancedQuotes, 507)));
}

/// Offsets count beyond 32 and 63 bits. A first offset that is too large counts as the largest one.
#[test]
fn offsets_count_beyond_32_bits() {
    const LAST: u64 = i64::MAX as u64;
    for (begin, first) in [(LAST - 20, LAST - 20), (LAST, LAST), (LAST + 1, LAST), (u64::MAX, LAST)] {
        let ping = b"*1\r\n$4\r\nPING\r\n";
        let mut parser = CommandParser::stream().starting_at(begin);
        assert_eq!(parser.poll(ping).map(|poll| poll.used()), Ok(14));
        assert_eq!(parser.offset(), first + 14);
        assert_eq!(parser.poll(b"*1\r\n$4\r\nPINGS\r\n").map_err(|error| error.offset), Err(first + 14 + 12));
        let mut parser = FrameParser::new().starting_at(begin);
        assert_eq!(parser.poll(ping).map(|poll| poll.used()), Ok(14));
        assert_eq!(parser.poll(b"?").map_err(|error| error.offset), Err(first + 14));
        let mut parser = RequestParser::new().starting_at(begin);
        assert_eq!(parser.poll(ping).map(|poll| poll.used()), Ok(14));
        assert_eq!(parser.poll(b"*x").map_err(|error| error.offset), Err(first + 14 + 1));
        let mut parser = PartsParser::stream(Some(2000)).starting_at(begin);
        assert_eq!(parser.poll(ping).map(|poll| poll.used()), Ok(14));
        assert_eq!(parser.poll(b"*x").map_err(|error| error.offset), Err(first + 14 + 1));
    }
}

#[test]
fn parts_keep_the_other_limits() {
    let limits = feed::limits!(bulk: 5000, arguments: 3);
    let parser = || PartsParser::stream(Some(2000)).with_limits(limits).starting_at(500);
    let over = error(ProtocolErrorKind::BulkTooLong { length: 5001, limit: 5000 }, 505);
    assert_eq!(parser().poll(b"*1\r\n$5001\r\n"), Err(over));
    let over = error(ProtocolErrorKind::TooManyArguments { count: 4, limit: 3 }, 501);
    assert_eq!(parser().poll(b"*4\r\n"), Err(over));
    let mut parts = parser();
    let bytes = [b"*2\r\n$2000\r\n" as &[u8], &[b'x'; 2000], b"\r\n$5001\r\n"].concat();
    let mut input = &bytes[..];
    let error = loop {
        match parts.poll(input) {
            Ok(poll) => input = &input[poll.used()..],
            Err(error) => break error,
        }
    };
    assert_eq!(error.offset, 500 + 4 + 7 + 2000 + 2 + 1);
    assert_eq!(parts.poll(b""), Err(error));
    // A threshold below the minimum counts as the minimum.
    let mut parts = PartsParser::stream(Some(1));
    let small = [b"*1\r\n$1023\r\n" as &[u8], &[b'x'; 1023], b"\r\n"].concat();
    assert!(matches!(parts.poll(&small), Ok(PartsPoll::Command { length: 1036, .. })));
    assert!(matches!(parts.poll(b"*1\r\n$1024\r\n"), Ok(PartsPoll::Begin { argc: 1, .. })));
    assert_eq!(parts.item(b"*1\r\n$1024\r\n"), Some(redtail::resp::PartsItem::Part(Part::Begin { argc: 1 })));
}

/// The shortest shape, with enough bytes after it for a comparison of lengths.
#[test]
fn limits_hold_for_the_first_of_many_commands() {
    let bytes = [b"*1\r\n$1\r\nx\r\n" as &[u8], &[b'\n'; 200]].concat();
    for (limits, kind) in [
        (feed::limits!(LIMITS; arguments: 0), ProtocolErrorKind::TooManyArguments { count: 1, limit: 0 }),
        (feed::limits!(LIMITS; bulk: 0), ProtocolErrorKind::BulkTooLong { length: 1, limit: 0 }),
        (feed::limits!(LIMITS; command: 10), ProtocolErrorKind::CommandTooLong { length: 11, limit: 10 }),
    ] {
        let polled = CommandParser::stream().with_limits(limits).poll(&bytes);
        assert_eq!(polled.map_err(|error| error.kind), Err(kind));
        assert_eq!(
            CommandParser::stream().with_limits(limits).next(&mut &bytes[..]).map_err(|error| error.kind).err(),
            Some(kind)
        );
        assert_eq!(
            CommandParser::stream().with_limits(limits).batch(&mut &bytes[..], |_| {}).map_err(|error| error.kind),
            Err(kind)
        );
    }
}
