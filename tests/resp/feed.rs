//! One interface to all parsers. The input arrives in pieces, and every result is compared with the oracle.

use redtail::resp::{Frame, Kind, Poll, Request, RequestParser, TokenParser};
use redtail::{CommandParser, FrameParser, Limits, ProtocolError};

use crate::oracle::{self, Fault, Node, Seen, Value};

/// [`Limits`] with other values: `limits!(bulk: 10)` changes the defaults, `limits!(tight; bulk: 10)` changes `tight`.
macro_rules! limits {
    ($base:expr; $($field:ident: $value:expr),+) => {{
        let mut limits: redtail::Limits = $base;
        $(limits.$field = $value;)+
        limits
    }};
    ($($field:ident: $value:expr),+) => {
        $crate::feed::limits!(redtail::Limits::DEFAULT; $($field: $value),+)
    };
}
pub(crate) use limits;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Frames,
    Stream,
    Aof,
    Requests,
}

pub(crate) const MODES: [Mode; 4] = [Mode::Frames, Mode::Stream, Mode::Aof, Mode::Requests];

/// The offset of the first byte for the parsers under test.
pub(crate) const BASE: u64 = 1_000;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    Frame(Node),
    Command(Vec<Vec<u8>>),
    Request(oracle::Request),
}

#[derive(Debug, Clone)]
pub(crate) enum Parser {
    Frames(Box<FrameParser>),
    Commands(Box<CommandParser>),
    Requests(Box<RequestParser>),
}

impl Parser {
    pub(crate) fn new(mode: Mode, limits: Limits) -> Self {
        match mode {
            Mode::Frames => Self::Frames(Box::new(FrameParser::new().with_limits(limits).starting_at(BASE))),
            Mode::Stream => Self::Commands(Box::new(CommandParser::stream().with_limits(limits).starting_at(BASE))),
            Mode::Aof => Self::Commands(Box::new(CommandParser::aof().starting_at(BASE).with_limits(limits))),
            Mode::Requests => Self::Requests(Box::new(RequestParser::new().with_limits(limits).starting_at(BASE))),
        }
    }

    pub(crate) fn poll(&mut self, input: &[u8]) -> Result<Poll, ProtocolError> {
        match self {
            Self::Frames(parser) => parser.poll(input),
            Self::Commands(parser) => parser.poll(input),
            Self::Requests(parser) => parser.poll(input),
        }
    }

    pub(crate) fn offset(&self) -> u64 {
        match self {
            Self::Frames(parser) => parser.offset(),
            Self::Commands(parser) => parser.offset(),
            Self::Requests(parser) => parser.offset(),
        }
    }

    fn item(&self, input: &[u8]) -> Item {
        match self {
            Self::Frames(parser) => {
                let frame = parser.frame(input);
                walk_is_right(frame);
                Item::Frame(node(frame))
            }
            Self::Commands(parser) => Item::Command(parser.command(input).args().map(<[u8]>::to_vec).collect()),
            Self::Requests(parser) => Item::Request(match parser.request(input) {
                Request::Command(command) => oracle::Request::Command(command.args().map(<[u8]>::to_vec).collect()),
                Request::Inline(line) => {
                    oracle::Request::Inline(line.args().map(|arg| arg.bytes().collect()).collect())
                }
            }),
        }
    }
}

/// The item that the oracle finds in the bytes.
pub(crate) fn expected(mode: Mode, bytes: &[u8], limits: Limits) -> Seen<Item> {
    match mode {
        Mode::Frames => map(oracle::frame(bytes, limits), Item::Frame),
        Mode::Stream => map(oracle::command(bytes, false, limits), Item::Command),
        Mode::Aof => map(oracle::command(bytes, true, limits), Item::Command),
        Mode::Requests => map(oracle::request(bytes, limits), Item::Request),
    }
}

fn map<T, U>(seen: Seen<T>, item: impl Fn(T) -> U) -> Seen<U> {
    match seen {
        Seen::Whole { skipped, length, item: it } => Seen::Whole { skipped, length, item: item(it) },
        Seen::Needs { skipped, needed } => Seen::Needs { skipped, needed },
        Seen::Wrong { fault, at } => Seen::Wrong { fault, at },
    }
}

/// Passes `bytes` from `front` to the parser, and returns the result in terms of all `bytes`. Moves `front` past the
/// bytes used up.
pub(crate) fn step(parser: &mut Parser, bytes: &[u8], front: &mut usize) -> Seen<Item> {
    let input = &bytes[*front..];
    match parser.poll(input) {
        Ok(poll) => {
            let begin = *front;
            *front += poll.used();
            assert_eq!(parser.offset(), BASE + *front as u64, "offset after {poll:?}");
            match poll {
                Poll::Complete { skipped, length } => {
                    Seen::Whole { skipped: begin + skipped, length, item: parser.item(input) }
                }
                Poll::Incomplete { skipped, needed } => Seen::Needs { skipped: begin + skipped, needed: needed as u64 },
            }
        }
        Err(error) => {
            assert_eq!(parser.poll(input), Err(error), "an error is final");
            assert_eq!(parser.poll(b""), Err(error), "an error is final");
            Seen::Wrong { fault: Fault::of(error.kind), at: (error.offset - BASE) as usize }
        }
    }
}

/// Passes growing prefixes of `bytes` to a new parser, up to each of `cuts` and then all. Compares each result with the
/// oracle and returns the last one.
pub(crate) fn check(mode: Mode, bytes: &[u8], cuts: &[usize], limits: Limits) -> Seen<Item> {
    let mut parser = Parser::new(mode, limits);
    let mut front = 0;
    for &cut in cuts.iter().chain([&bytes.len()]) {
        let seen = step(&mut parser, &bytes[..cut], &mut front);
        let expected = expected(mode, &bytes[..cut], limits);
        assert_eq!(seen, expected, "{mode:?} {:?} with cuts {cuts:?} at {cut}", show(&bytes[..cut]));
        if !matches!(seen, Seen::Needs { .. }) {
            return seen;
        }
    }
    expected(mode, bytes, limits)
}

/// Finds item after item in `bytes` for every cut. Returns the items and the error that ends them.
pub(crate) fn all(mode: Mode, bytes: &[u8], cuts: &[usize], limits: Limits) -> (Vec<Item>, Option<ProtocolError>) {
    let mut parser = Parser::new(mode, limits);
    let (mut front, mut items) = (0, Vec::new());
    for &cut in cuts.iter().chain([&bytes.len()]) {
        loop {
            let input = &bytes[front..cut];
            match parser.poll(input) {
                Ok(poll @ Poll::Complete { .. }) => {
                    items.push(parser.item(input));
                    front += poll.used();
                }
                Ok(poll) => {
                    front += poll.used();
                    break;
                }
                Err(error) => return (items, Some(error)),
            }
        }
    }
    (items, None)
}

pub(crate) fn show(bytes: &[u8]) -> String {
    redtail::resp::Quoted(bytes).to_string()
}

/// The recorded tokens are those that the bytes of the frame have.
fn walk_is_right(frame: Frame<'_>) {
    let (mut walk, mut rest) = (frame.tokens(), frame.raw());
    let read = TokenParser::new().batch(&mut rest, |token| assert_eq!(walk.next(), Some(token), "{frame:?}"));
    read.unwrap();
    assert_eq!((walk.next(), rest), (None, &b""[..]), "{frame:?}");
}

/// A frame through its accessors.
pub(crate) fn node(frame: Frame<'_>) -> Node {
    let attributes =
        frame.attributes().into_iter().flatten().flat_map(|(key, value)| [node(key), node(value)]).collect();
    let text = |kind| Value::Text(kind, frame.as_bytes().unwrap().to_vec());
    let aggregate = |kind| Value::Aggregate(kind, frame.items().map(node).collect());
    let value = match frame.kind() {
        Kind::Null => Value::Null,
        Kind::SimpleString => text(b'+'),
        Kind::Error => text(b'-'),
        Kind::BulkError => text(b'!'),
        Kind::BigNumber => text(b'('),
        Kind::BulkString if frame.as_bytes().is_some() => text(b'$'),
        Kind::BulkString => Value::Streamed(frame.chunks().map(<[u8]>::to_vec).collect()),
        Kind::VerbatimString => {
            let (format, rest) = frame.verbatim().unwrap();
            assert_eq!(frame.as_bytes(), Some(rest));
            Value::Text(b'=', [format as &[u8], b":", rest].concat())
        }
        Kind::Integer => Value::Integer(frame.as_i64().unwrap()),
        Kind::Double => Value::Double(format!("{:?}", frame.as_f64().unwrap())),
        Kind::Boolean => Value::Boolean(frame.as_bool().unwrap()),
        Kind::Array => aggregate(b'*'),
        Kind::Map => aggregate(b'%'),
        Kind::Set => aggregate(b'~'),
        Kind::Push => aggregate(b'>'),
        Kind::Attribute => panic!("a frame is no attribute"),
    };
    if let Some(len) = frame.len() {
        let per = if frame.kind() == Kind::Map { 2 } else { 1 };
        assert_eq!(len * per, frame.items().count());
    }
    assert_eq!(frame.pairs().count() * 2, if frame.kind() == Kind::Map { frame.items().count() } else { 0 });
    Node { attributes, value }
}
