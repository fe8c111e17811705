//! The parser of tokens against the oracle: the tree that its tokens describe, its errors, and every split.

use redtail::resp::{Frame, Kind, Token, TokenParser};
use redtail::{FrameParser, Limits, Status};

use crate::feed::{self, BASE, Item};
use crate::oracle::{Fault, Node, Seen, Value};

/// An open aggregate or string, with the attributes of its next element.
struct Open {
    kind: Kind,
    attributes: Vec<Node>,
    nodes: Vec<Node>,
    chunks: Vec<Vec<u8>>,
    streamed: bool,
}

/// Builds the trees of frames from tokens.
struct Builder {
    open: Vec<Open>,
    whole: Vec<Node>,
}

impl Builder {
    fn new() -> Self {
        Self { open: vec![Self::level(Kind::Null, None)], whole: Vec::new() }
    }

    fn level(kind: Kind, count: Option<usize>) -> Open {
        Open { kind, attributes: Vec::new(), nodes: Vec::new(), chunks: Vec::new(), streamed: count.is_none() }
    }

    fn take(&mut self, token: Token<'_>) {
        match token {
            Token::Scalar(scalar) => self.value(feed::node(scalar).value),
            Token::Begin { kind, count } => self.open.push(Self::level(kind, count)),
            Token::Chunk(bytes) => self.open.last_mut().unwrap().chunks.push(bytes.to_vec()),
            Token::End => {
                let ended = self.open.pop().unwrap();
                match ended.kind {
                    Kind::Attribute => self.open.last_mut().unwrap().attributes.extend(ended.nodes),
                    Kind::Array => self.value(Value::Aggregate(b'*', ended.nodes)),
                    Kind::Map => self.value(Value::Aggregate(b'%', ended.nodes)),
                    Kind::Set => self.value(Value::Aggregate(b'~', ended.nodes)),
                    Kind::Push => self.value(Value::Aggregate(b'>', ended.nodes)),
                    Kind::BulkString if ended.streamed => self.value(Value::Streamed(ended.chunks)),
                    Kind::BulkString => self.value(Value::Text(b'$', ended.chunks.concat())),
                    Kind::BulkError => self.value(Value::Text(b'!', ended.chunks.concat())),
                    Kind::VerbatimString => self.value(Value::Text(b'=', ended.chunks.concat())),
                    kind => panic!("{kind:?} has no elements"),
                }
            }
        }
    }

    fn value(&mut self, value: Value) {
        let is_outermost = self.open.len() == 1;
        let outer = self.open.last_mut().unwrap();
        let node = Node { attributes: std::mem::take(&mut outer.attributes), value };
        if is_outermost {
            self.whole.push(node);
        } else {
            outer.nodes.push(node);
        }
    }
}

/// Passes `bytes` in pieces that end at `cuts`, and compares the frames that the tokens describe with the item that the
/// oracle has seen at the front of `bytes`.
pub(crate) fn agree(bytes: &[u8], cuts: &[usize], seen: &Seen<Item>, limits: Limits, threshold: Option<u64>) {
    let begin = TokenParser::new().with_limits(limits).starting_at(BASE);
    let mut parser = match threshold {
        Some(threshold) => begin.in_pieces(threshold),
        None => begin,
    };
    let (mut builder, mut front) = (Builder::new(), 0);
    let context = || format!("{} with cuts {cuts:?}, threshold {threshold:?}: {seen:?}", feed::show(bytes));
    for &cut in cuts.iter().chain([&bytes.len()]) {
        loop {
            let mut input = &bytes[front..cut];
            let next = parser.next(&mut input);
            front = cut - input.len();
            assert_eq!(parser.offset(), BASE + front as u64, "{}", context());
            match next {
                Ok(Status::Complete(token)) => {
                    builder.take(token);
                    assert_eq!(parser.depth() + 1, builder.open.len(), "{}", context());
                }
                Ok(Status::Incomplete { needed }) => {
                    assert!(needed > 0, "{}", context());
                    break;
                }
                Err(error) => {
                    assert_eq!(parser.next(&mut input), Err(error), "an error is final");
                    let Seen::Wrong { fault, at } = seen else { panic!("{error}: {}", context()) };
                    assert_eq!((Fault::of(error.kind), error.offset), (*fault, BASE + *at as u64), "{}", context());
                    return;
                }
            }
            if let (Some(node), true) = (builder.whole.first(), parser.is_between_frames()) {
                let Seen::Whole { length, item: Item::Frame(expected), .. } = seen else { panic!("{}", context()) };
                assert_eq!((front, joined(node.clone())), (*length, joined(expected.clone())), "{}", context());
                if threshold.is_none() {
                    assert_eq!(node, expected, "{}", context());
                }
                return;
            }
        }
    }
    // A frame may be refused for its length as a whole, which no token exceeds.
    assert!(matches!(seen, Seen::Needs { .. } | Seen::Wrong { fault: Fault::Command, .. }), "{}", context());
}

/// The same with the chunks of streamed strings joined. Their pieces do not show where a chunk ends.
fn joined(node: Node) -> Node {
    let all = |nodes: Vec<Node>| nodes.into_iter().map(joined).collect();
    let value = match node.value {
        Value::Streamed(chunks) => Value::Streamed(vec![chunks.concat()]),
        Value::Aggregate(kind, nodes) => Value::Aggregate(kind, all(nodes)),
        value => value,
    };
    Node { attributes: all(node.attributes), value }
}

/// [`agree`] for the whole input and byte by byte, and for pieces.
pub(crate) fn agree_in_any_pieces(bytes: &[u8], seen: &Seen<Item>) {
    let each: Vec<usize> = (0..bytes.len()).collect();
    agree(bytes, &[], seen, Limits::DEFAULT, None);
    agree(bytes, &each, seen, Limits::DEFAULT, None);
    agree(bytes, &[], seen, Limits::DEFAULT, Some(3));
    agree(bytes, &each, seen, Limits::DEFAULT, Some(1));
}

#[test]
fn a_batch_and_a_walk_are_the_same_as_one_token_at_a_time() {
    let bytes = b"*3\r\n:1\r\n%1\r\n+a\r\n$?\r\n;2\r\nab\r\n;0\r\n|1\r\n_\r\n#t\r\n*?\r\n~0\r\n.\r\n:12345678\r\n,1.5\r\n$3\r\nxyz\r\n";
    let describe = |token: Token<'_>| format!("{token:?}");
    let (mut parser, mut input, mut single) = (TokenParser::new(), &bytes[..], Vec::new());
    while let Status::Complete(token) = parser.next(&mut input).unwrap() {
        single.push(describe(token));
    }
    assert_eq!((input, single.len()), (&b""[..], 20));
    for cut in 0..=bytes.len() {
        let (mut parser, mut front, mut batch) = (TokenParser::new(), 0, Vec::new());
        for end in [cut, bytes.len()] {
            let mut input = &bytes[front..end];
            parser.batch(&mut input, |token| batch.push(describe(token))).unwrap();
            front = end - input.len();
        }
        assert_eq!((front, parser.offset()), (bytes.len(), bytes.len() as u64));
        assert_eq!(batch, single, "cut at {cut}");
    }
    let (mut parser, mut input) = (FrameParser::new(), &bytes[..]);
    let (mut walked, mut folded) = (Vec::new(), Vec::new());
    while let Status::Complete(frame) = parser.next(&mut input).unwrap() {
        for token in frame.tokens() {
            walked.push(describe(token));
        }
        frame.tokens().for_each(|token| folded.push(describe(token)));
    }
    assert_eq!((walked, folded), (single.clone(), single));
}

/// Only the texts of the bytes are left: each type, length and line end is overwritten.
#[test]
fn the_tokens_of_a_frame_are_not_read_again() {
    let bytes =
        b"|1\r\n+a\r\n:1\r\n*8\r\n:-7\r\n$2\r\nhi\r\n%1\r\n+k\r\n,1.5\r\n$-1\r\n_\r\n#t\r\n*?\r\n.\r\n=5\r\ntxt:x\r\n";
    let describe = |frame: Frame<'_>| -> Vec<String> {
        let describe = |token: Token<'_>| match token {
            Token::Scalar(scalar) => {
                format!("{:?} {:?}", scalar.kind(), (scalar.as_i64(), scalar.as_f64(), scalar.as_bytes()))
            }
            other => format!("{other:?}"),
        };
        frame.tokens().map(describe).collect()
    };
    let mut parser = FrameParser::new();
    assert!(parser.poll(bytes).is_ok());
    let expected = describe(parser.frame(bytes));
    let mut spoiled = [b'!'; 90];
    for text in [&b"a"[..], b"1", b"-7", b"hi", b"k", b"1.5", b"t", b"txt:x"] {
        let texts = bytes.windows(text.len() + 3).enumerate();
        let found = texts.filter(|(_, window)| {
            b"+:\n,#".contains(&window[0]) && window[1..].strip_prefix(text) == Some(&b"\r\n"[..])
        });
        for (at, _) in found {
            spoiled[at + 1..][..text.len()].copy_from_slice(text);
        }
    }
    let spoiled = &spoiled[..bytes.len()];
    assert_eq!((expected.len(), describe(parser.frame(spoiled))), (18, expected));
    assert_eq!(parser.frame(spoiled).len(), Some(8));
}

/// The parser records up to 128 tokens. A longer frame is read again.
#[test]
fn frames_longer_than_the_tape_are_walked() {
    for elements in [1, 125, 126, 127, 128, 500] {
        let bytes = format!("*{elements}\r\n{}+OK\r\n", ":7\r\n".repeat(elements));
        let (mut parser, mut input) = (FrameParser::new(), bytes.as_bytes());
        for tokens in [elements + 2, 1] {
            let Ok(Status::Complete(frame)) = parser.next(&mut input) else { panic!() };
            let numbers =
                frame.tokens().filter(|token| matches!(token, Token::Scalar(seven) if seven.as_i64() == Some(7)));
            assert_eq!((frame.tokens().count(), numbers.count()), (tokens, tokens.saturating_sub(2)));
            let mut folded = 0;
            frame.tokens().for_each(|_| folded += 1);
            assert_eq!(folded, tokens);
        }
    }
}

/// A reply of a gigabyte passes through a buffer of 64 KiB.
#[test]
fn a_huge_string_passes_through_a_small_buffer() {
    let length = 1 << 30;
    let limits = feed::limits!(bulk: 2 * length, command: 1024);
    let mut parser = TokenParser::new().with_limits(limits).in_pieces(1024);
    let mut head: &[u8] = b"*2\r\n$1073741824\r\n";
    let count = Some(length as usize);
    assert_eq!(parser.next(&mut head), Ok(Status::Complete(Token::Begin { kind: Kind::Array, count: Some(2) })));
    assert_eq!(parser.next(&mut head), Ok(Status::Complete(Token::Begin { kind: Kind::BulkString, count })));
    let (buffer, mut left) = (vec![b'x'; 64 << 10], length as usize);
    while left > 0 {
        let mut input = &buffer[..left.min(buffer.len())];
        let end = [input, b"\r\n"].concat();
        if left <= buffer.len() {
            input = &end;
        }
        let Ok(Status::Complete(Token::Chunk(piece))) = parser.next(&mut input) else { panic!("{left} bytes left") };
        left -= piece.len();
    }
    let mut rest: &[u8] = b":7\r\n";
    assert_eq!((parser.depth(), parser.next(&mut rest)), (2, Ok(Status::Complete(Token::End))));
    assert!(matches!(parser.next(&mut rest), Ok(Status::Complete(Token::Scalar(seven))) if seven.as_i64() == Some(7)));
    assert_eq!(parser.next(&mut rest), Ok(Status::Complete(Token::End)));
    assert!(parser.is_between_frames());
}

/// The limit of a whole item applies to each token, wherever it is in the input.
#[test]
fn the_limit_of_commands_applies_to_each_token() {
    let limits = feed::limits!(command: 12);
    let bytes = b"*3\r\n:1\r\n$5\r\nhello\r\n+0123456789\r\n";
    let (mut parser, mut input, mut count) = (TokenParser::new().with_limits(limits), &bytes[..], 0);
    let error = parser.batch(&mut input, |_| count += 1).unwrap_err();
    assert_eq!((count, Fault::of(error.kind), error.offset), (3, Fault::Command, 19));
    let mut alone = TokenParser::new().with_limits(limits).starting_at(19);
    assert_eq!(alone.next(&mut &bytes[19..]), Err(error));
}

/// The bytes of the strings are never touched, so they take no memory.
#[cfg(target_pointer_width = "64")]
#[test]
fn tokens_beyond_4_gib_of_one_input_are_found() {
    let (head, length) = (b"$536870912\r\n", 512 << 20);
    let string = head.len() + length + 2;
    let mut bytes = vec![0; 8 * string + 4];
    for begin in (0..8).map(|index| index * string) {
        bytes[begin..][..head.len()].copy_from_slice(head);
        bytes[begin + string - 2..][..2].copy_from_slice(b"\r\n");
    }
    bytes[8 * string..].copy_from_slice(b":2\r\n");
    // In 32 bits the last position is this one.
    bytes[8 * string - (4 << 30)..][..4].copy_from_slice(b":1\r\n");
    let (mut parser, mut input, mut lengths, mut numbers) = (TokenParser::new(), &bytes[..], Vec::new(), Vec::new());
    let each = |token: Token<'_>| match token {
        Token::Scalar(scalar) if scalar.kind() == Kind::Integer => numbers.extend(scalar.as_i64()),
        Token::Scalar(scalar) => lengths.extend(scalar.as_bytes().map(<[u8]>::len)),
        token => panic!("{token:?}"),
    };
    assert_eq!((parser.batch(&mut input, each), input), (Ok(9), &b""[..]));
    assert_eq!((lengths, numbers), (vec![length; 8], vec![2]));
}
