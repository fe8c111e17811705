//! Runs one case under callgrind: prints the number of commands, and the instructions are those inside `measured`.
//!
//! What the caller's loop costs is part of it: it counts commands, arguments and bytes, and in the ways `visit` and `walk` looks at each
//! argument or element. No byte is copied: what copying costs in instructions depends on the machine's C library.

#[path = "../../corpora/mod.rs"]
mod corpora;

use std::ops::ControlFlow;

use redtail::replication::{Progress, Session};
use redtail::resp::{Command, CommandParser, Frame, FrameParser, Part, PartsItem, PartsParser, Status, Token};
use redtail::{Event, Options};

/// How a corpus is parsed.
type Way = fn(&[u8], usize) -> (u64, u64);

const WAYS: &[(&str, Way)] = &[
    ("batch", batch),
    ("visit", visit),
    ("tape", tape),
    ("next", next),
    ("parts", parts),
    ("frames", frames),
    ("walk", walk),
    ("session", session),
    ("session_batch", session_batch),
];

const SIZE: usize = 2 << 20;

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
    batches(CommandParser::stream(), corpus, piece, measure)
}

/// The sum of the lengths of all arguments, by a look at each.
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

/// What is there without a look at the arguments.
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

/// The same with as many events at once as a follower asks for.
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
