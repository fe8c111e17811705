//! Runs one case under callgrind and prints the number of commands. The counted instructions are those inside
//! `measured`.
//!
//! They include the caller's loop: it counts commands, arguments and bytes. The cases `visit` and `walk` visit each
//! argument or element. No byte is copied, because the instructions of a copy depend on the machine's C library.

#[path = "../../corpora/mod.rs"]
mod corpora;

use std::ffi::{c_int, c_void};
use std::io;
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::time::Duration;

use redtail::net::Transport;
use redtail::owned::{Collector, Whole};
use redtail::rdb::{Decoder, Item, Role};
use redtail::replication::{Progress, Session};
use redtail::resp::{
    Command, CommandParser, Frame, FrameParser, Part, PartsItem, PartsParser, Status, Token, TokenParser,
};
use redtail::{Event, Follower, Options, Start};

/// A method of parsing a corpus.
type Method = fn(&[u8], usize) -> (u64, u64);

const METHODS: &[(&str, Method)] = &[
    ("batch", batch),
    ("visit", visit),
    ("tape", tape),
    ("next", next),
    ("parts", parts),
    ("frames", frames),
    ("walk", walk),
    ("tokens", tokens),
    ("tokens_next", tokens_next),
    ("c_next", c_next),
    ("c_batch", c_batch),
    ("c_walk", c_walk),
    ("c_tokens", c_tokens),
    ("c_session", c_session),
    ("session", session),
    ("session_batch", session_batch),
    ("follower", follower),
    ("follower_batch", follower_batch),
    ("follower_try", follower_try),
    ("items", items),
    ("items_next", items_next),
    ("whole_keys", whole_keys),
];

const SIZE: usize = 2 << 20;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [method, corpus, piece] = args.as_slice() else {
        eprintln!("usage: redtail-icount METHOD CORPUS PIECE");
        std::process::exit(2);
    };
    let method = METHODS.iter().find(|(name, _)| name == method).expect("a method").1;
    let bytes = corpora::make(corpus, SIZE);
    let piece = piece.parse().expect("bytes");
    let (commands, sum) = measured(method, &bytes, piece);
    let commands = if commands == 0 { frames(&bytes, piece).0 } else { commands };
    println!("{commands} {sum}");
}

#[inline(never)]
fn measured(method: Method, corpus: &[u8], piece: usize) -> (u64, u64) {
    method(std::hint::black_box(corpus), piece)
}

/// Passes `corpus` in pieces. `parse` gets all unread bytes and returns the number it consumed.
#[inline(always)]
fn feed(corpus: &[u8], piece: usize, mut parse: impl FnMut(&[u8]) -> usize) {
    let (mut start, mut end) = (0, 0);
    while end < corpus.len() {
        end = corpus.len().min(end + piece);
        start += parse(&corpus[start..end]);
    }
    assert_eq!(start, end, "the corpus was not read to its end");
}

fn batch(corpus: &[u8], piece: usize) -> (u64, u64) {
    batches(CommandParser::stream(), corpus, piece, measure)
}

/// The total length of all arguments, with a visit of each.
fn visit(corpus: &[u8], piece: usize) -> (u64, u64) {
    let visit = |command: Command<'_>| command.args().map(|arg| arg.len() as u64).sum();
    batches(CommandParser::stream(), corpus, piece, visit)
}

fn tape(corpus: &[u8], piece: usize) -> (u64, u64) {
    batches(CommandParser::stream().without_templates(), corpus, piece, measure)
}

#[inline(always)]
fn batches(mut parser: CommandParser, corpus: &[u8], piece: usize, measure: impl Fn(Command<'_>) -> u64) -> (u64, u64) {
    let (mut commands, mut sum) = (0, 0);
    feed(corpus, piece, |bytes| {
        let mut rest = bytes;
        commands += parser.batch(&mut rest, |command| sum += measure(command)).expect("valid") as u64;
        bytes.len() - rest.len()
    });
    (commands, sum)
}

/// The raw length, without a visit of the arguments.
fn measure(command: Command<'_>) -> u64 {
    (command.raw().len() + command.argc()) as u64
}

fn next(corpus: &[u8], piece: usize) -> (u64, u64) {
    let mut parser = CommandParser::stream();
    let (mut commands, mut sum) = (0, 0);
    feed(corpus, piece, |bytes| {
        let mut rest = bytes;
        while let Status::Complete(command) = parser.next(&mut rest).expect("valid") {
            commands += 1;
            sum += measure(command);
        }
        bytes.len() - rest.len()
    });
    (commands, sum)
}

fn parts(corpus: &[u8], piece: usize) -> (u64, u64) {
    let mut parser = PartsParser::stream(Some(16 << 10));
    let (mut commands, mut sum) = (0, 0);
    feed(corpus, piece, |bytes| {
        let mut rest = bytes;
        while let Status::Complete(item) = parser.next(&mut rest).expect("valid") {
            match item {
                PartsItem::Command(command) => {
                    commands += 1;
                    sum += measure(command);
                }
                PartsItem::Part(Part::Piece(piece)) => sum += piece.len() as u64,
                PartsItem::Part(Part::End) => commands += 1,
                PartsItem::Part(_) => {}
            }
        }
        bytes.len() - rest.len()
    });
    (commands, sum)
}

fn frames(corpus: &[u8], piece: usize) -> (u64, u64) {
    each_frame(corpus, piece, |frame| frame.raw().len() as u64)
}

fn walk(corpus: &[u8], piece: usize) -> (u64, u64) {
    each_frame(corpus, piece, |frame| frame.tokens().map(length).sum())
}

/// The same elements from the parser of tokens. The frames are counted apart.
fn tokens(corpus: &[u8], piece: usize) -> (u64, u64) {
    let (mut parser, mut sum) = (TokenParser::new(), 0);
    feed(corpus, piece, |bytes| {
        let mut rest = bytes;
        parser.batch(&mut rest, |token| sum += length(token)).expect("valid");
        bytes.len() - rest.len()
    });
    (0, sum)
}

/// The same, one token per call.
fn tokens_next(corpus: &[u8], piece: usize) -> (u64, u64) {
    let (mut parser, mut sum) = (TokenParser::new(), 0);
    feed(corpus, piece, |bytes| {
        let mut rest = bytes;
        while let Status::Complete(token) = parser.next(&mut rest).expect("valid") {
            sum += length(token);
        }
        bytes.len() - rest.len()
    });
    (0, sum)
}

/// What a caller in C has counted. The layout is that of `calls.c`.
#[derive(Default)]
#[repr(C)]
struct Counted {
    items: u64,
    bytes: u64,
}

type Call = unsafe extern "C" fn(*mut c_void, *const u8, usize, *mut Counted) -> usize;

unsafe extern "C" {
    fn calls_new(mode: c_int) -> *mut c_void;
    fn calls_new_session() -> *mut c_void;
    fn calls_session(session: *mut c_void, data: *const u8, length: usize, counted: *mut Counted) -> usize;
    fn calls_next(parser: *mut c_void, data: *const u8, length: usize, counted: *mut Counted) -> usize;
    fn calls_batch(parser: *mut c_void, data: *const u8, length: usize, counted: *mut Counted) -> usize;
    fn calls_walk(parser: *mut c_void, data: *const u8, length: usize, counted: *mut Counted) -> usize;
    fn calls_tokens(parser: *mut c_void, data: *const u8, length: usize, counted: *mut Counted) -> usize;
}

/// Numbers of redtail_mode.
const FRAMES: c_int = 0;
const STREAM: c_int = 2;
const TOKENS: c_int = 4;

/// One command per call in C.
fn c_next(corpus: &[u8], piece: usize) -> (u64, u64) {
    in_c(STREAM, calls_next, corpus, piece)
}

/// Commands passed to a callback in C.
fn c_batch(corpus: &[u8], piece: usize) -> (u64, u64) {
    in_c(STREAM, calls_batch, corpus, piece)
}

/// Frames, and the steps of a walk through each, one per call in C.
fn c_walk(corpus: &[u8], piece: usize) -> (u64, u64) {
    in_c(FRAMES, calls_walk, corpus, piece)
}

/// Tokens in arrays in C.
fn c_tokens(corpus: &[u8], piece: usize) -> (u64, u64) {
    in_c(TOKENS, calls_tokens, corpus, piece)
}

/// The events of a session in C, one per call.
fn c_session(corpus: &[u8], piece: usize) -> (u64, u64) {
    // SAFETY: a constructor without preconditions.
    through(unsafe { calls_new_session() }, calls_session, corpus, piece)
}

fn in_c(mode: c_int, call: Call, corpus: &[u8], piece: usize) -> (u64, u64) {
    // SAFETY: a constructor without preconditions.
    through(unsafe { calls_new(mode) }, call, corpus, piece)
}

/// `handle`: what the call takes. It lives as long as the process.
fn through(handle: *mut c_void, call: Call, corpus: &[u8], piece: usize) -> (u64, u64) {
    let mut counted = Counted::default();
    feed(corpus, piece, |bytes| {
        // SAFETY: a live handle, as many bytes as the length says, and a counter.
        unsafe { call(handle, bytes.as_ptr(), bytes.len(), &raw mut counted) }
    });
    (counted.items, counted.bytes)
}

#[inline(always)]
fn length(token: Token<'_>) -> u64 {
    match token {
        Token::Scalar(scalar) => scalar.as_bytes().map_or(0, |bytes| bytes.len() as u64),
        _ => 0,
    }
}

#[inline(always)]
fn each_frame(corpus: &[u8], piece: usize, measure: impl Fn(Frame<'_>) -> u64) -> (u64, u64) {
    let mut parser = FrameParser::new();
    let (mut frames, mut sum) = (0, 0);
    feed(corpus, piece, |bytes| {
        let mut rest = bytes;
        while let Status::Complete(frame) = parser.next(&mut rest).expect("valid") {
            frames += 1;
            sum += measure(frame);
        }
        bytes.len() - rest.len()
    });
    (frames, sum)
}

/// An event loop around the session, with a fixed time.
fn session(corpus: &[u8], piece: usize) -> (u64, u64) {
    let mut session = Session::commands(Options::default(), 0);
    let (mut commands, mut sum) = (0, 0);
    feed(corpus, piece, |bytes| {
        let mut used = 0;
        while session.poll(&bytes[used..], 0) == Progress::Event {
            match session.event(&bytes[used..]) {
                Event::Command(command) | Event::Multi(command) | Event::Exec(command) => {
                    commands += 1;
                    sum += measure(*command);
                }
                _ => {}
            }
            used += session.consumed();
        }
        used + session.consumed()
    });
    (commands, sum)
}

/// The same loop in batches of the follower's size.
fn session_batch(corpus: &[u8], piece: usize) -> (u64, u64) {
    let mut session = Session::commands(Options::default(), 0);
    let (mut commands, mut sum) = (0, 0);
    feed(corpus, piece, |bytes| {
        let mut used = 0;
        let mut each = |event: Event<'_>| {
            if let Event::Command(command) | Event::Multi(command) | Event::Exec(command) = event {
                commands += 1;
                sum += measure(*command);
            }
            ControlFlow::Continue(())
        };
        while session.poll(&bytes[used..], 0) == Progress::Event {
            let _ = each(session.event(&bytes[used..]));
            used += session.consumed();
            while session.batch(&bytes[used..], 0, 16, &mut each).0 == 16 {
                used += session.consumed();
            }
            used += session.consumed();
        }
        used + session.consumed()
    });
    (commands, sum)
}

/// A blocking follower, one event per call, over a server in memory.
fn follower(corpus: &[u8], piece: usize) -> (u64, u64) {
    let (mut commands, mut sum) = (0, 0);
    let mut follower = follow(corpus, piece);
    while let Some(event) = follower.next_event().expect("a stream without errors") {
        count(event, &mut commands, &mut sum);
    }
    (commands, sum)
}

/// A blocking follower; between two reads it takes only received events, like the batches of the C interface.
fn follower_try(corpus: &[u8], piece: usize) -> (u64, u64) {
    let (mut commands, mut sum) = (0, 0);
    let mut follower = follow(corpus, piece);
    while let Some(event) = follower.next_event().expect("a stream without errors") {
        count(event, &mut commands, &mut sum);
        while let Some(event) = follower.try_next() {
            count(event, &mut commands, &mut sum);
        }
    }
    (commands, sum)
}

/// A blocking follower in batches.
fn follower_batch(corpus: &[u8], piece: usize) -> (u64, u64) {
    let (mut commands, mut sum) = (0, 0);
    let mut follower = follow(corpus, piece);
    let mut each = |event: Event<'_>| {
        count(event, &mut commands, &mut sum);
        ControlFlow::Continue(())
    };
    while follower.batch(&mut each).expect("a stream without errors") {}
    (commands, sum)
}

/// The items of a snapshot in batches. What is counted are the values and their elements.
fn items(corpus: &[u8], piece: usize) -> (u64, u64) {
    decode(corpus, piece, |item| element(&item).map_or((0, 0), |length| (1, length)))
}

/// The same, one item per call.
fn items_next(corpus: &[u8], piece: usize) -> (u64, u64) {
    let (mut decoder, mut elements, mut sum) = (Decoder::new(), 0, 0);
    feed(corpus, piece, |bytes| {
        let mut rest = bytes;
        while let Status::Complete(item) = decoder.next(&mut rest).expect("valid") {
            if let Some(length) = element(&item) {
                elements += 1;
                sum += length;
            }
        }
        bytes.len() - rest.len()
    });
    (elements, sum)
}

/// Whole keys, in memory of their own.
fn whole_keys(corpus: &[u8], piece: usize) -> (u64, u64) {
    let mut collector = Collector::new(1 << 30);
    decode(corpus, piece, |item| match collector.take(item) {
        Some(Whole::Key(key)) => (1, key.name.len() as u64),
        _ => (0, 0),
    })
}

#[inline(always)]
fn decode(corpus: &[u8], piece: usize, mut each: impl FnMut(Item<'_>) -> (u64, u64)) -> (u64, u64) {
    let (mut decoder, mut count, mut sum) = (Decoder::new(), 0, 0);
    feed(corpus, piece, |bytes| {
        let mut rest = bytes;
        let each = |item: Item<'_>| {
            let (one, length) = each(item);
            (count, sum) = (count + one, sum + length);
            ControlFlow::Continue(())
        };
        decoder.batch(&mut rest, each).expect("valid");
        bytes.len() - rest.len()
    });
    assert!(decoder.is_finished(), "the snapshot was not read to its end");
    (count, sum)
}

/// The length of a value or of its element.
#[inline(always)]
fn element(item: &Item<'_>) -> Option<u64> {
    match item {
        Item::Text(text) if text.role != Role::KeyName => Some(text.bytes.len() as u64),
        _ => None,
    }
}

fn count(event: Event<'_>, commands: &mut u64, sum: &mut u64) {
    if let Event::Command(command) | Event::Multi(command) | Event::Exec(command) = event {
        *commands += 1;
        *sum += measure(*command);
    }
}

fn follow(corpus: &[u8], piece: usize) -> Follower<InMemory> {
    let position = "26e9aa58837d8095338f33e660463dbdf56c86c9:100:0".parse().expect("a position");
    let server = InMemory { to_send: Vec::new(), stream: corpus.to_vec(), at: 0, piece, streams: false };
    Follower::with_stream(server).start(Start::At(position)).connect().expect("a connection in memory")
}

/// A server that answers the handshake, sends the stream in pieces, and closes the connection.
struct InMemory {
    to_send: Vec<u8>,
    stream: Vec<u8>,
    at: usize,
    piece: usize,
    streams: bool,
}

impl Read for InMemory {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = if self.to_send.is_empty() && self.streams { &self.stream[self.at..] } else { &self.to_send[..] };
        let count = rest.len().min(buffer.len()).min(self.piece);
        buffer[..count].copy_from_slice(&rest[..count]);
        if self.to_send.is_empty() {
            self.at += count;
        } else {
            self.to_send.drain(..count);
        }
        Ok(count)
    }
}

impl Write for InMemory {
    fn write(&mut self, mut bytes: &[u8]) -> io::Result<usize> {
        let (length, mut parser) = (bytes.len(), CommandParser::stream());
        while let Status::Complete(command) = parser.next(&mut bytes).expect("a command") {
            let reply: &[u8] = match command.name() {
                b"PING" => b"+PONG\r\n",
                b"INFO" => b"$0\r\n\r\n",
                b"PSYNC" => b"+CONTINUE\r\n",
                b"REPLCONF" if command.arg(1).is_some_and(|word| word == b"ACK") => b"",
                _ => b"+OK\r\n",
            };
            self.to_send.extend_from_slice(reply);
            self.streams |= command.is(b"PSYNC");
        }
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for InMemory {
    fn set_read_timeout(&self, _limit: Option<Duration>) -> io::Result<()> {
        Ok(())
    }
}
