//! Runs one case under callgrind: prints the number of commands, and the instructions are those inside `measured`.
//!
//! What the caller's loop costs is part of it: the sum of the lengths of all arguments is taken. No byte is copied: what
//! copying costs in instructions depends on the machine's C library.

#[path = "../../corpora/mod.rs"]
mod corpora;

use redtail::replication::{Progress, Session};
use redtail::resp::{CommandParser, Frame, FrameParser, Item, Part, PartsParser, Status, Token};
use redtail::{Event, Options};

/// How a corpus is parsed.
type Way = fn(&[u8], usize) -> (u64, u64);

const WAYS: &[(&str, Way)] =
    &[("batch", batch), ("next", next), ("parts", parts), ("frames", frames), ("walk", walk), ("session", session)];

const SIZE: usize = 1 << 20;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [way, corpus, piece] = args.as_slice() else {
        eprintln!("usage: redtail-icount WAY CORPUS PIECE");
        std::process::exit(2);
    };
    let way = WAYS.iter().find(|(name, _)| name == way).expect("a way").1;
    let bytes = corpora::make(corpus, SIZE);
    let piece = piece.parse().expect("bytes");
    let (commands, sum) = measured(way, &bytes, piece);
    println!("{commands} {sum}");
}

#[inline(never)]
fn measured(way: Way, corpus: &[u8], piece: usize) -> (u64, u64) {
    way(std::hint::black_box(corpus), piece)
}

/// Shows `corpus` as if it came in pieces. `parse` is shown all unread bytes and tells how many it used up.
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
    let mut parser = CommandParser::stream();
    let (mut commands, mut sum) = (0, 0);
    feed(corpus, piece, |bytes| {
        let mut rest = bytes;
        let found = parser.batch(&mut rest, |command| sum += command.args().map(|arg| arg.len() as u64).sum::<u64>());
        commands += found.expect("valid") as u64;
        bytes.len() - rest.len()
    });
    (commands, sum)
}

fn next(corpus: &[u8], piece: usize) -> (u64, u64) {
    let mut parser = CommandParser::stream();
    let (mut commands, mut sum) = (0, 0);
    feed(corpus, piece, |bytes| {
        let mut rest = bytes;
        while let Status::Complete(command) = parser.next(&mut rest).expect("valid") {
            commands += 1;
            sum += command.args().map(|arg| arg.len() as u64).sum::<u64>();
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
                Item::Command(command) => {
                    commands += 1;
                    sum += command.args().map(|arg| arg.len() as u64).sum::<u64>();
                }
                Item::Part(Part::Piece(piece)) => sum += piece.len() as u64,
                Item::Part(Part::End) => commands += 1,
                Item::Part(_) => {}
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
    each_frame(corpus, piece, |frame| {
        let length = |token| match token {
            Token::Scalar(scalar) => scalar.as_bytes().map_or(0, |bytes| bytes.len() as u64),
            _ => 0,
        };
        frame.tokens().map(length).sum()
    })
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

/// A shell's loop around the session, with a fixed time.
fn session(corpus: &[u8], piece: usize) -> (u64, u64) {
    let mut session = Session::commands(Options::default(), 0);
    let (mut commands, mut sum) = (0, 0);
    feed(corpus, piece, |bytes| {
        let mut used = 0;
        while session.poll(&bytes[used..], 0) == Progress::Event {
            match session.event(&bytes[used..]) {
                Event::Command(command) | Event::Multi(command) | Event::Exec(command) => {
                    commands += 1;
                    sum += command.args().map(|arg| arg.len() as u64).sum::<u64>();
                }
                _ => {}
            }
            used += session.consumed();
        }
        used + session.consumed()
    });
    (commands, sum)
}
