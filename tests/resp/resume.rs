//! Bytes are not read twice: a frame in several pieces costs as much as in one. The tests use no clock. They overwrite
//! the bytes of complete elements before the next piece arrives, and the parser does not notice.

use redtail::resp::{PartsParser, PartsPoll, Poll, RequestParser};
use redtail::{CommandParser, FrameParser};

/// The elements of a frame or command. Each is overwritten once the next one has begun.
fn elements() -> Vec<Vec<u8>> {
    let mut elements = vec![b"*200\r\n".to_vec()];
    for index in 0..200 {
        let payload = format!("value {index} {}", "*1\r\n$".repeat(index % 7));
        elements.push(format!("${}\r\n{payload}\r\n", payload.len()).into_bytes());
    }
    elements
}

/// Passes `elements` byte by byte to `poll`, which returns the length at the end. A complete element is overwritten
/// with bytes that are always an error, once `behind` bytes of the next element have arrived.
fn feed_and_spoil(elements: &[Vec<u8>], behind: usize, mut poll: impl FnMut(&[u8]) -> Option<usize>) {
    let bytes = elements.concat();
    let mut buffer = Vec::new();
    let (mut element, mut begin) = (0, 0);
    for (at, &byte) in bytes.iter().enumerate() {
        buffer.push(byte);
        let length = poll(&buffer);
        assert_eq!(length, (at + 1 == bytes.len()).then_some(bytes.len()), "at {at}");
        let end = begin + elements[element].len();
        if at + 1 >= end + behind {
            buffer[begin..end].fill(0xff);
            (element, begin) = (element + 1, end);
        }
    }
}

fn length(poll: Poll) -> Option<usize> {
    match poll {
        Poll::Complete { length, .. } => Some(length),
        Poll::Incomplete { .. } => None,
    }
}

#[test]
fn frames_resume_without_rereading() {
    let mut parser = FrameParser::new();
    feed_and_spoil(&elements(), 0, |bytes| length(parser.poll(bytes).unwrap()));
    let nested: Vec<Vec<u8>> = [b"*1\r\n".to_vec(), b"%?\r\n".to_vec()]
        .into_iter()
        .chain((0..50).flat_map(|key| {
            [
                format!(":{key}\r\n").into_bytes(),
                b"|1\r\n".to_vec(),
                b"+a\r\n".to_vec(),
                b",1.5\r\n".to_vec(),
                b"$?\r\n".to_vec(),
                b";3\r\nabc\r\n".to_vec(),
                b";0\r\n".to_vec(),
            ]
        }))
        .chain([b".\r\n".to_vec()])
        .collect();
    let mut parser = FrameParser::new();
    feed_and_spoil(&nested, 0, |bytes| length(parser.poll(bytes).unwrap()));
}

#[test]
fn commands_resume_without_rereading() {
    let mut stream = CommandParser::stream();
    feed_and_spoil(&shifted(elements()), 2, |bytes| length(stream.poll(bytes).unwrap()));
    let mut requests = RequestParser::new();
    feed_and_spoil(&shifted(elements()), 2, |bytes| length(requests.poll(bytes).unwrap()));
    let mut parts = PartsParser::stream(Some(1 << 20));
    feed_and_spoil(&shifted(elements()), 2, |bytes| match parts.poll(bytes).unwrap() {
        PartsPoll::Command { length, .. } => Some(length),
        _ => None,
    });
}

/// The position of a command parser is before a CR LF. Moves the CR LF into the next element, which then begins with
/// it.
fn shifted(elements: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut shifted: Vec<Vec<u8>> = Vec::new();
    let mut carried = Vec::new();
    for mut element in elements {
        let end = element.split_off(element.len() - 2);
        shifted.push([std::mem::replace(&mut carried, end), element].concat());
    }
    shifted.push(carried);
    shifted
}

/// A long line is searched once: the bytes searched may change.
#[test]
fn lines_resume_without_rereading() {
    let kinds: [(&[u8], u8, u8); 4] =
        [(b"+", b'x', b'\n'), (b"-", b'x', b'\n'), (b"(", b'1', b'x'), (b",", b'1', b'x')];
    for (kind, good, bad) in kinds {
        let mut parser = FrameParser::new();
        let mut buffer = kind.to_vec();
        for _ in 0..2000 {
            buffer.push(good);
            assert_eq!(parser.poll(&buffer), Ok(Poll::Incomplete { skipped: 0, needed: 2 }));
            *buffer.last_mut().unwrap() = bad;
        }
        buffer.extend(b"\r\n");
        assert_eq!(parser.poll(&buffer), Ok(Poll::Complete { skipped: 0, length: 2003 }));
    }
    let mut aof = CommandParser::aof();
    let mut requests = RequestParser::new();
    let (mut note, mut line) = (b"#".to_vec(), Vec::new());
    for _ in 0..2000 {
        note.push(b'x');
        line.push(b'x');
        assert_eq!(aof.poll(&note), Ok(Poll::Incomplete { skipped: 0, needed: 12 }));
        assert_eq!(requests.poll(&line), Ok(Poll::Incomplete { skipped: 0, needed: 1 }));
        *note.last_mut().unwrap() = b'\n';
        *line.last_mut().unwrap() = b'"';
    }
    note.extend(b"\r\n*1\r\n$1\r\na\r\n");
    line.extend(b"\r\n");
    assert_eq!(aof.poll(&note), Ok(Poll::Complete { skipped: 2003, length: 11 }));
    assert_eq!(requests.poll(&line), Ok(Poll::Complete { skipped: 0, length: 2002 }));
}

/// Shows that the check can fail: a new parser reads the overwritten bytes.
#[test]
fn a_fresh_parser_meets_the_spoiled_bytes() {
    let elements = elements();
    let failed = std::panic::catch_unwind(|| {
        feed_and_spoil(&elements, 0, |bytes| FrameParser::new().poll(bytes).ok().and_then(length));
    });
    assert!(failed.is_err());
}
