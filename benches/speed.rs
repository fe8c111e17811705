//! Throughput of the parsers on each stream, whole and in pieces; of the session; of the follower over loopback.
//! Copying and searching are the bounds.
//!
//! `cargo bench --bench speed [FILTER]`. Throughput is in bytes of the stream. Comparisons with peers are in
//! `benches/peers`: they must run in one process, in turns.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark that fails is to stop")]

#[path = "corpora/mod.rs"]
mod corpora;

use std::hint::black_box;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::ControlFlow;
use std::time::Duration;

use corpora::{CORPORA, Kind};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use redtail::owned::OwnedCommand;
use redtail::replication::{Progress, Session};
use redtail::resp::{CommandParser, FrameParser, Part, PartsItem, PartsParser, Status};
use redtail::{Event, Options, Start};

/// Smaller than the corpora of the peers, to keep a full run within minutes. The branch predictor may learn some of
/// it.
const SIZE: usize = 8 << 20;
const PIECES: [usize; 4] = [1, 1460, 16 << 10, 64 << 10];

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = streams, follower, owned
}
criterion_main!(benches);

fn streams(criterion: &mut Criterion) {
    for &(name, kind, _) in CORPORA.iter().filter(|(name, ..)| *name != "captured") {
        let corpus = corpora::make(name, SIZE);
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(corpus.len() as u64));
        bounds(&mut group, &corpus);
        match kind {
            Kind::Commands => {
                group.bench_function("batch", |bencher| bencher.iter(|| batch(&corpus, corpus.len())));
                group.bench_function("next", |bencher| bencher.iter(|| next(&corpus)));
                for piece in PIECES {
                    let pieces = |bencher: &mut criterion::Bencher<'_>| bencher.iter(|| batch(&corpus, piece));
                    group.bench_function(format!("batch/{piece}"), pieces);
                }
                group.bench_function("session", |bencher| bencher.iter(|| session(&corpus)));
            }
            Kind::Large => {
                group.bench_function("parts/65536", |bencher| bencher.iter(|| parts(&corpus, 64 << 10)));
            }
            Kind::Replies2 | Kind::Replies3 => {
                for piece in PIECES {
                    let pieces = |bencher: &mut criterion::Bencher<'_>| bencher.iter(|| frames(&corpus, piece));
                    group.bench_function(format!("frames/{piece}"), pieces);
                }
                group.bench_function("tokens", |bencher| bencher.iter(|| tokens(&corpus)));
            }
        }
        group.finish();
    }
}

fn bounds(group: &mut BenchmarkGroup<'_, WallTime>, corpus: &[u8]) {
    let mut buffer = vec![0; 64 << 10];
    group.bench_function("memcpy", |bencher| {
        bencher.iter(|| {
            corpus.chunks(64 << 10).for_each(|piece| black_box(&mut buffer)[..piece.len()].copy_from_slice(piece))
        });
    });
    group.bench_function("memchr", |bencher| bencher.iter(|| memchr::memchr_iter(b'\n', black_box(corpus)).count()));
}

/// Passes `corpus` in pieces. `parse` gets all unread bytes and returns the number it consumed.
fn feed(corpus: &[u8], piece: usize, mut parse: impl FnMut(&[u8]) -> usize) {
    let (mut start, mut end) = (0, 0);
    while end < corpus.len() {
        end = corpus.len().min(end + piece);
        start += parse(&corpus[start..end]);
    }
    assert_eq!(start, end);
}

fn batch(corpus: &[u8], piece: usize) -> usize {
    let (mut parser, mut sum) = (CommandParser::stream(), 0);
    feed(corpus, piece, |bytes| {
        let mut rest = bytes;
        parser.batch(&mut rest, |command| sum += command.args().map(<[u8]>::len).sum::<usize>()).unwrap();
        bytes.len() - rest.len()
    });
    sum
}

fn next(corpus: &[u8]) -> usize {
    let (mut parser, mut rest, mut sum) = (CommandParser::stream(), corpus, 0);
    while let Status::Complete(command) = parser.next(&mut rest).unwrap() {
        sum += command.args().map(<[u8]>::len).sum::<usize>();
    }
    sum
}

fn parts(corpus: &[u8], piece: usize) -> usize {
    let (mut parser, mut sum) = (PartsParser::stream(Some(16 << 10)), 0);
    feed(corpus, piece, |bytes| {
        let mut rest = bytes;
        while let Status::Complete(item) = parser.next(&mut rest).unwrap() {
            if let PartsItem::Part(Part::Piece(piece)) = item {
                sum += piece.len();
            }
        }
        bytes.len() - rest.len()
    });
    sum
}

fn frames(corpus: &[u8], piece: usize) -> usize {
    let (mut parser, mut count) = (FrameParser::new(), 0);
    feed(corpus, piece, |bytes| {
        let mut rest = bytes;
        while let Status::Complete(frame) = parser.next(&mut rest).unwrap() {
            black_box(frame);
            count += 1;
        }
        bytes.len() - rest.len()
    });
    count
}

fn tokens(corpus: &[u8]) -> usize {
    let (mut parser, mut rest, mut count) = (FrameParser::new(), corpus, 0);
    while let Status::Complete(frame) = parser.next(&mut rest).unwrap() {
        count += frame.tokens().count();
    }
    count
}

fn session(corpus: &[u8]) -> usize {
    let mut session = Session::commands(Options::default(), 0);
    let mut sum = 0;
    feed(corpus, 64 << 10, |bytes| {
        let mut used = 0;
        while session.poll(&bytes[used..], 0) == Progress::Event {
            if let Event::Command(command) = session.event(&bytes[used..]) {
                sum += command.args().map(<[u8]>::len).sum::<usize>();
            }
            used += session.consumed();
        }
        used + session.consumed()
    });
    sum
}

/// A copy of one SET, for programs that send events to another thread.
fn owned(criterion: &mut Criterion) {
    let bytes = b"*3\r\n$3\r\nSET\r\n$10\r\nkey:000001\r\n$11\r\nhello world\r\n";
    let mut session = Session::commands(Options::default(), 0);
    assert_eq!(session.poll(bytes, 0), Progress::Event);
    let Event::Command(command) = session.event(bytes) else { panic!("a command") };
    criterion.bench_function("owned/set", |bencher| bencher.iter(|| OwnedCommand::from(black_box(&command))));
}

/// The complete path: a server that answers like a real one, then sends the stream as fast as the socket accepts it.
fn follower(criterion: &mut Criterion) {
    for name in ["small_set", "mixed"] {
        let corpus = corpora::make(name, SIZE);
        let end = corpus.len() as u64;
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let served = corpus.clone();
        std::thread::spawn(move || {
            while let Ok((link, _)) = listener.accept() {
                // The follower leaves once it has all events.
                let _ = serve(link, &served);
            }
        });
        let mut group = criterion.benchmark_group("follower");
        group.throughput(Throughput::Bytes(end));
        group.bench_function(name, |bencher| bencher.iter(|| follow(&address, end)));
        group.finish();
    }
}

fn follow(address: &str, end: u64) -> u64 {
    let position = format!("{}:0:0", "a".repeat(40)).parse().unwrap();
    let mut follower = redtail::Follower::builder(address).start(Start::At(position)).connect().unwrap();
    let (mut commands, mut over) = (0, false);
    while !over {
        let each = |event: Event<'_>| {
            if let Event::Command(command) | Event::Multi(command) | Event::Exec(command) = event {
                commands += 1;
                over = command.offset >= end;
            }
            if over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        over |= !follower.batch(each).unwrap();
    }
    commands
}

fn serve(mut link: TcpStream, stream: &[u8]) -> io::Result<()> {
    let (mut parser, mut heard, mut front) = (CommandParser::stream(), Vec::new(), 0);
    let mut buffer = [0; 4096];
    loop {
        let count = link.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        heard.extend_from_slice(&buffer[..count]);
        let mut rest = &heard[front..];
        while let Ok(Status::Complete(command)) = parser.next(&mut rest) {
            if command.is(b"PSYNC") {
                link.write_all(b"+CONTINUE\r\n")?;
                link.write_all(stream)?;
                return io::copy(&mut link, &mut io::sink()).map(drop);
            }
            link.write_all(if command.is(b"PING") { b"+PONG\r\n" } else { b"+OK\r\n" })?;
        }
        front = heard.len() - rest.len();
    }
}
