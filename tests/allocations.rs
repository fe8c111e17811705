//! After the start nothing is allocated: not per command, not per frame, not per read.
#![cfg(feature = "std")]
#![allow(unsafe_code, reason = "a global allocator can't be written without")]
#![allow(clippy::unwrap_used, reason = "in a test a panic is a report")]

#[macro_use]
#[path = "help/playback.rs"]
mod playback;

#[macro_use]
#[path = "help/options.rs"]
mod options;

#[allow(dead_code, reason = "the tests of the follower use the rest")]
#[path = "follower/peer.rs"]
mod peer;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use redtail::replay::{Primary, Recording};
use redtail::replication::{Closed, Credentials, Progress, Session};
use redtail::resp::{Keys, PartsItem, PartsParser, RequestParser, TokenParser};
use redtail::{Ack, Backoff, CommandParser, Event, Follower, FrameParser, SnapshotForm, Start, Status};

use crate::peer::{Peer, info};

/// Counts the allocations of the current thread, and their bytes. Those of other threads (the embedded primary's) do
/// not count.
struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

fn count(bytes: usize) {
    COUNT.with(|count| count.set(count.get() + 1));
    BYTES.with(|sum| sum.set(sum.get() + bytes));
}

// SAFETY: every call is passed to the system's allocator unchanged. The counters are constant-initialised thread-locals
// without a destructor: an access to them allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The sum of the bytes of all allocations: at least the memory in use at any moment.
fn allocated(work: impl FnOnce()) -> usize {
    let before = BYTES.with(Cell::get);
    work();
    BYTES.with(Cell::get) - before
}

fn allocations(work: impl FnOnce()) -> u64 {
    let before = COUNT.with(Cell::get);
    work();
    COUNT.with(Cell::get) - before
}

fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n", word.len()).into_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

/// A stream with small commands, transactions, 200 arguments (more than the tape holds) and values of 5000 bytes.
fn stream(rounds: usize) -> Vec<u8> {
    let many = vec![b"x".as_slice(); 200];
    let large = vec![b'v'; 5000];
    let mut bytes = command(&[b"SELECT", b"0"]);
    for _ in 0..rounds {
        for words in [
            &[b"SET".as_slice(), b"key", b"value"][..],
            &[b"MULTI"],
            &[b"INCR", b"n"],
            &[b"EXEC"],
            &[b"PING"],
            &many,
            &[b"SET", b"large", &large],
            &[b"REPLCONF", b"GETACK", b"*"],
        ] {
            bytes.extend(command(words));
        }
    }
    bytes
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
    assert_eq!(allocated(|| drop(std::hint::black_box(Vec::<u8>::with_capacity(500)))), 500);
}

/// The server announces 500 MB, sends a few bytes of them, and closes the connection: all bytes are read then.
#[test]
fn a_length_allocates_nothing_before_its_bytes_arrive() {
    let peer = Peer::start(|talk| {
        talk.handshake(&info(100));
        talk.say("+CONTINUE\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$500000000\r\nonly this");
        talk.close();
        false
    });
    let mut follower = peer.follower().reconnect(Backoff::OFF).connect().unwrap();
    assert!(matches!(follower.next_event().unwrap(), Some(Event::Attached(_))));
    let bytes = allocated(|| while let Ok(Some(_)) = follower.next_event() {});
    assert!(bytes < 20_000 << 10, "{bytes} bytes");
    peer.join();
}

#[test]
fn the_parsers_allocate_nothing() {
    let bytes = stream(50);
    let replies = b"*2\r\n%1\r\n+a\r\n:1\r\n~2\r\n,1.5\r\n_\r\n$5\r\nhello\r\n*?\r\n:1\r\n.\r\n|1\r\n+k\r\n+v\r\n=7\r\ntxt:abc\r\n-ERR no\r\n".repeat(50);
    let inline = b"SET key \"a b\"\r\n*1\r\n$4\r\nPING\r\n".repeat(50);
    let mut seen = 0;
    let mut unread = Vec::with_capacity(4096);
    let count = allocations(|| {
        let mut parser = CommandParser::stream();
        // In pieces, to use the resumable paths too.
        let (mut start, mut end) = (0, 0);
        while end < bytes.len() {
            end = (end + 777).min(bytes.len());
            let mut input = &bytes[start..end];
            while let Status::Complete(command) = parser.next(&mut input).unwrap() {
                seen += command.args().map(<[u8]>::len).sum::<usize>();
            }
            start = end - input.len();
        }
        let mut parser = PartsParser::stream(Some(1024));
        let mut input = &bytes[..];
        while let Status::Complete(item) = parser.next(&mut input).unwrap() {
            seen += usize::from(matches!(item, PartsItem::Part(_)));
        }
        let mut parser = FrameParser::new();
        let mut input = &replies[..];
        while let Status::Complete(frame) = parser.next(&mut input).unwrap() {
            seen += frame.tokens().count() + frame.items().count();
        }
        for mut parser in [TokenParser::new(), TokenParser::new().in_pieces(16)] {
            for piece in replies.chunks(1000) {
                unread.extend_from_slice(piece);
                let mut input = &unread[..];
                seen += parser.batch(&mut input, |_| {}).unwrap();
                let used = unread.len() - input.len();
                unread.drain(..used);
            }
        }
        let mut parser = RequestParser::new();
        let mut input = &inline[..];
        while let Status::Complete(_) = parser.next(&mut input).unwrap() {
            seen += 1;
        }
    });
    assert!(seen > 100_000);
    assert_eq!(count, 0);
}

#[test]
fn finding_keys_allocates_nothing() {
    let bytes =
        [stream(50), command(&vec![b"DEL".as_slice(); 500]), command(&[b"EVAL", b"", b"2", b"a", b"b"])].concat();
    let mut keys = 0;
    let count = allocations(|| {
        let (mut parser, mut input) = (CommandParser::stream(), bytes.as_slice());
        while let Status::Complete(command) = parser.next(&mut input).unwrap() {
            if let Keys::Some(found) = command.keys() {
                keys += found.count();
            }
        }
    });
    assert_eq!((count, keys), (0, 50 * 3 + 499 + 2));
}

#[test]
fn the_session_allocates_nothing() {
    let mut bytes = b"+CONTINUE 26e9aa58837d8095338f33e660463dbdf56c86c9\r\n".to_vec();
    bytes.extend(stream(50));
    for parts in [None, Some(1024)] {
        let options = options! { parts };
        let mut events = 0;
        let count = allocations(|| {
            let mut session = Session::recorded(options, Some(0));
            let (mut start, mut end) = (0, 0);
            while end < bytes.len() {
                end = (end + 777).min(bytes.len());
                loop {
                    let unread = &bytes[start..end];
                    let progress = session.poll(unread, end as u64);
                    if let (Progress::Event, Event::Command(command)) = (progress, session.event(unread)) {
                        events += usize::from(command.position().is_some());
                    }
                    start += session.consumed();
                    session.sent(session.to_send().len());
                    if !matches!(progress, Progress::Event) {
                        break;
                    }
                }
            }
        });
        assert!(events >= 100, "{events}");
        assert_eq!(count, 0, "parts: {parts:?}");
    }
}

/// 24 days without writes: a PING each ten seconds, an acknowledgement each second, and each hour the connection is
/// lost.
#[test]
fn days_of_silence_grow_nothing() {
    const DAY_MS: u64 = 86_400_000;
    const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";
    let start = Start::At("26e9aa58837d8095338f33e660463dbdf56c86c9:0:0".parse().unwrap());
    let options = options! { start, ack: Ack::Received };
    let (mut pings, mut acks, mut links, mut latest) = (0_u64, 0_u64, 0_u64, 0_u64);
    let count = allocations(|| {
        let mut session = Session::new(options);
        let (mut now, mut next_ping, mut next_loss) = (0, 0, 3_600_000);
        session.connected(Credentials::default(), now);
        links += 1;
        let mut unread: &[u8] = b"";
        while now < 24 * DAY_MS {
            let progress = session.poll(unread, now);
            unread = &unread[session.consumed()..];
            let sent = session.to_send();
            let holds = |word: &[u8]| sent.windows(word.len()).any(|window| window == word);
            let answer: &[u8] = match () {
                () if sent.is_empty() => b"",
                () if holds(b"ACK") => {
                    acks += 1;
                    b""
                }
                () if holds(b"PSYNC") => b"+CONTINUE\r\n",
                () if holds(b"INFO") => b"$0\r\n\r\n",
                () => b"+OK\r\n",
            };
            session.sent(sent.len());
            match progress {
                Progress::Event => {}
                Progress::Space { .. } if !answer.is_empty() => unread = answer,
                Progress::Space { .. } => {
                    now = session.deadline_ms().min(next_ping).min(next_loss).max(now + 1);
                    if now >= next_loss {
                        next_loss += 3_600_000;
                        session.closed(Closed::ByPeer, now);
                    } else if now >= next_ping {
                        next_ping = now + 10_000;
                        unread = PING;
                        pings += 1;
                    }
                }
                Progress::Reconnect { after } => {
                    now += after.as_millis() as u64;
                    (unread, next_ping) = (b"", now + 10_000);
                    session.connected(Credentials::default(), now);
                    links += 1;
                }
                Progress::Failed(error) => panic!("{error}"),
                Progress::Ended => panic!("it ended"),
            }
            latest = session.position().map_or(latest, |position| position.offset);
        }
    });
    assert_eq!(count, 0);
    assert_eq!(links, 24 * 24);
    assert!(pings > 200_000 && acks > 2_000_000, "{pings} PINGs, {acks} acknowledgements");
    assert_eq!(latest, pings * PING.len() as u64, "each PING counts");
}

#[test]
fn the_follower_allocates_nothing_after_its_start() {
    for form in [SnapshotForm::Bytes, SnapshotForm::Items] {
        let mut bytes =
        b"+FULLRESYNC 26e9aa58837d8095338f33e660463dbdf56c86c9 0\r\n$23\r\nREDIS0010\xfa\x01a\x01b\xff\0\0\0\0\0\0\0\0"
            .to_vec();
        assert_eq!(bytes.len() - 56 - 5, 23);
        bytes.extend(stream(300));
        let recording = Recording::parse(&bytes).unwrap();
        let end = recording.last().end_offset();
        // Small pieces make many reads; the value of 5000 bytes wraps around the small buffer repeatedly.
        let primary = Primary::serve_as(recording, playback! { piece: Some(10_000) }).unwrap();
        let mut follower = Follower::builder(primary.address().to_string())
            .start(Start::Snapshot)
            .snapshot(form)
            .buffer(16 << 10)
            .connect()
            .unwrap();
        let mut count = 0;
        let mut commands = 0;
        loop {
            let mut offset = 0;
            let mut began = false;
            let here = allocations(|| match follower.next_event().unwrap().unwrap() {
                Event::Command(command) => offset = command.offset,
                Event::Exec(_) | Event::Multi(_) | Event::SnapshotBytes(_) | Event::SnapshotItem(_) => {}
                _ => began = true,
            });
            // The start ends with the first command of the stream: connecting and the handshake belong to it.
            if commands > 0 && !began {
                count += here;
            }
            commands += usize::from(offset > 0);
            if offset > 0 && follower.position().unwrap().offset + 40 >= end {
                break;
            }
        }
        assert!(commands > 1000, "{commands}");
        assert_eq!(count, 0);
    }
}
