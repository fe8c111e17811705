//! A session against a primary made of a few rules, over links that break anywhere: in the handshake, in a snapshot, in
//! the stream. Whatever happens, each write is delivered once, or a gap names it; offsets, databases and positions are
//! those of the primary.

use proptest::prelude::*;
use redtail::replication::{Closed, Credentials, Progress, Session};
use redtail::resp::{FrameParser, Part, Status};
use redtail::{Event, OnGap, Start};

use crate::shell::command;

const MARK: &str = "398c1a683d14df9f2e290fd53a6174729509e866";

fn id(number: u32) -> String {
    format!("{number:040x}")
}

/// One thing the primary may write at once; none ends inside a transaction.
#[derive(Debug, Clone)]
enum Write {
    Set,
    Large,
    Select(u32),
    Transaction(u32),
    Ping,
    Getack,
    Nothing,
}

/// The event before a link, and how many bytes of the primary's the link carries.
#[derive(Debug, Clone)]
struct Turn {
    writes: Vec<Write>,
    trimmed: bool,
    promoted: bool,
    bytes: usize,
    pieces: usize,
}

#[derive(Debug)]
struct Primary {
    filter: bool,
    stream: Vec<u8>,
    /// The offset after each write that is an event, with its bytes and database; MULTI and EXEC are among them.
    told: Vec<(u64, u32, Vec<u8>)>,
    /// Offsets after each MULTI and its EXEC.
    transactions: Vec<(u64, u64)>,
    db: u32,
    select_again: bool,
    backlog_first: u64,
    promotions: u32,
    written: u32,
}

impl Primary {
    fn end(&self) -> u64 {
        self.stream.len() as u64
    }

    fn put(&mut self, words: &[&str], is_told: bool) {
        let bytes = command(words);
        self.stream.extend_from_slice(&bytes);
        if is_told {
            self.told.push((self.end(), self.db, bytes));
        }
    }

    fn select(&mut self, db: u32) {
        self.db = db;
        self.put(&["SELECT", &db.to_string()], false);
    }

    fn write(&mut self, write: &Write) {
        if self.select_again && matches!(write, Write::Set | Write::Large | Write::Transaction(_) | Write::Nothing) {
            self.select_again = false;
            self.select(self.db);
        }
        self.written += 1;
        let key = self.written.to_string();
        match write {
            Write::Set => self.put(&["SET", &key, "v"], true),
            Write::Large => self.put(&["SET", &key, &"x".repeat(3000)], true),
            Write::Select(db) => self.select(*db),
            Write::Transaction(db) => {
                self.put(&["MULTI"], true);
                let begin = self.end();
                self.put(&["INCR", &key], true);
                self.select(*db);
                self.put(&["DEL", &key], true);
                self.put(&["EXEC"], true);
                self.transactions.push((begin, self.end()));
            }
            Write::Ping => self.put(&["ping"], false),
            Write::Getack => self.put(&["REPLCONF", "GETACK", "*"], false),
            Write::Nothing => self.stream.extend_from_slice(b"\n*0\r\n\r\n"),
        }
    }

    fn info(&self) -> Vec<u8> {
        let text = format!(
            "master_replid:{}\r\nmaster_repl_offset:{}\r\nrepl_backlog_active:1\r\nrepl_backlog_first_byte_offset:{}\r\n",
            id(self.promotions),
            self.end(),
            self.backlog_first
        );
        format!("${}\r\n{text}\r\n", text.len()).into_bytes()
    }

    /// The answer to one command; after PSYNC with all that follows it.
    fn answer(&mut self, words: &[String], later: &[Write]) -> Vec<u8> {
        match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["INFO"] => self.info(),
            ["REPLCONF", "ACK", _] => Vec::new(),
            ["REPLCONF", "rdb-filter-only", ""] if !self.filter => b"-ERR Unrecognized REPLCONF option: x\r\n".to_vec(),
            ["PSYNC", replid, next] => {
                let known = (0..=self.promotions).any(|number| id(number) == replid);
                let place: Option<u64> = next.parse().ok().filter(|next| known && *next >= self.backlog_first);
                let mut bytes = match place {
                    Some(_) => format!("\n+CONTINUE {}\r\n", id(self.promotions)).into_bytes(),
                    None => {
                        self.select_again = true;
                        let db = u8::try_from(self.db).unwrap();
                        let rdb = [b"REDIS0010\xfa\x0erepl-stream-db\xc0".as_slice(), &[db], b"\xff\0\0\0\0\0\0\0\0"]
                            .concat();
                        let head = format!("\n+FULLRESYNC {} {}\r\n\n$EOF:{MARK}\r\n", id(self.promotions), self.end());
                        [head.as_bytes(), &rdb, MARK.as_bytes()].concat()
                    }
                };
                let from = place.map_or(self.stream.len(), |next| usize::try_from(next).unwrap() - 1);
                later.iter().for_each(|write| self.write(write));
                bytes.extend_from_slice(&self.stream[from..]);
                bytes
            }
            _ => b"+OK\r\n".to_vec(),
        }
    }
}

/// The state of a careful consumer.
#[derive(Debug, Default)]
struct Consumer {
    /// The offset up to which everything was delivered, or is known to be lost.
    place: Option<u64>,
    parts: Vec<Vec<u8>>,
    /// A later attach is at exactly this position.
    gap: bool,
}

impl Consumer {
    fn see(&mut self, event: &Event<'_>, primary: &Primary, knows_db: bool) {
        match event {
            Event::Attached(attached) => {
                match self.place {
                    Some(place) => assert_eq!(attached.offset, place),
                    None => self.place = Some(attached.offset),
                }
                assert!(attached.db.is_some() || !knows_db);
                self.gap = false;
            }
            Event::Command(command) | Event::Multi(command) | Event::Exec(command) => {
                assert_eq!(command.tx.is_none() || command.is(b"EXEC"), command.position().is_some());
                self.told(command.offset, command.db, command.raw(), primary, knows_db);
            }
            Event::Part(part) => match part.part {
                Part::Begin { .. } => self.parts.clear(),
                Part::Argument { .. } => self.parts.push(Vec::new()),
                Part::Piece(bytes) => self.parts.last_mut().unwrap().extend_from_slice(bytes),
                Part::End => {
                    let words: Vec<_> = self.parts.iter().map(|part| std::str::from_utf8(part).unwrap()).collect();
                    self.told(part.offset.unwrap(), part.db, &command(&words), primary, knows_db);
                }
            },
            Event::Gap(gap) => {
                assert_eq!(Some(gap.from.offset), self.place);
                assert!(gap.to.offset >= gap.from.offset && gap.to.offset <= primary.end());
                if let Some(missed) = gap.missed {
                    assert_eq!(missed, gap.to.offset - gap.from.offset);
                }
                self.place = Some(gap.to.offset);
                self.gap = true;
            }
            Event::Disconnected(lost) => {
                let resume = lost.resume.map(|position| position.offset);
                let inside = |resume| primary.transactions.iter().any(|&(begin, end)| begin <= resume && resume < end);
                assert!(!resume.is_some_and(inside), "inside a transaction");
                if let (Some(resume), Some(place)) = (resume, self.place) {
                    assert!(
                        primary.next_after(place).is_none_or(|(offset, ..)| *offset > resume),
                        "something is skipped"
                    );
                }
                // Before the first attach nothing was delivered.
                self.place = resume;
            }
            _ => {}
        }
    }

    fn told(&mut self, offset: u64, db: Option<u32>, bytes: &[u8], primary: &Primary, knows_db: bool) {
        let next = primary.next_after(self.place.expect("attached first")).expect("the primary wrote it");
        assert_eq!((next.0, next.2.as_slice()), (offset, bytes));
        match db {
            Some(db) => assert_eq!(db, next.1),
            None => assert!(!knows_db),
        }
        self.place = Some(offset);
    }
}

impl Primary {
    fn next_after(&self, place: u64) -> Option<&(u64, u32, Vec<u8>)> {
        self.told.iter().find(|(offset, ..)| *offset > place)
    }
}

/// Follows over one link until it breaks.
fn link(session: &mut Session, primary: &mut Primary, consumer: &mut Consumer, turn: &Turn, knows_db: bool) {
    let later = turn.writes.split_at(turn.writes.len() / 2).1;
    let (mut coming, mut unread) = (Vec::new(), Vec::new());
    let (mut left, mut parser) = (turn.bytes, FrameParser::new());
    session.connected(Credentials::default(), 0);
    for now in 0.. {
        assert!(now < 100_000, "no end");
        let progress = session.poll(&unread, now);
        if progress == Progress::Event {
            consumer.see(&session.event(&unread), primary, knows_db);
        }
        unread.drain(..session.consumed());
        let sent = session.to_send().to_vec();
        session.sent(sent.len());
        let mut rest = sent.strip_prefix(b"\n").unwrap_or(&sent);
        while let Status::Complete(frame) = parser.next(&mut rest).unwrap() {
            let words: Vec<_> =
                frame.items().map(|item| String::from_utf8(item.as_bytes().unwrap().to_vec()).unwrap()).collect();
            coming.extend(primary.answer(&words, later));
        }
        match progress {
            Progress::Event => {}
            Progress::Space { .. } if left == 0 || (coming.is_empty() && turn.bytes == usize::MAX) => break,
            Progress::Space { .. } => {
                let count = turn.pieces.min(left).min(coming.len());
                left = if count == 0 { 0 } else { left - count };
                unread.extend(coming.drain(..count));
            }
            Progress::Reconnect { .. } => return,
            other => panic!("{other:?}"),
        }
    }
    session.closed(Closed::ByPeer, 0);
    for _ in 0..4 {
        match session.poll(&[], 0) {
            Progress::Event => consumer.see(&session.event(&[]), primary, knows_db),
            Progress::Reconnect { .. } => return,
            other => panic!("{other:?}"),
        }
    }
}

fn write() -> impl Strategy<Value = Write> {
    prop_oneof![
        4 => Just(Write::Set),
        1 => Just(Write::Large),
        1 => (0..9_u32).prop_map(Write::Select),
        2 => (0..9_u32).prop_map(Write::Transaction),
        1 => Just(Write::Ping),
        1 => Just(Write::Getack),
        1 => Just(Write::Nothing),
    ]
}

fn turn() -> impl Strategy<Value = Turn> {
    let sizes = prop_oneof![0..1000_usize, 0..6000_usize];
    (proptest::collection::vec(write(), 0..12), any::<bool>(), any::<bool>(), sizes, 1..400_usize)
        .prop_map(|(writes, trimmed, promoted, bytes, pieces)| Turn { writes, trimmed, promoted, bytes, pieces })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_invented_or_silent(
        turns in proptest::collection::vec(turn(), 1..8),
        filter in any::<bool>(),
        start in 0..3_usize,
        parts in any::<bool>(),
    ) {
        let mut primary = Primary {
            filter, stream: Vec::new(), told: Vec::new(), transactions: Vec::new(), db: 0, select_again: true, backlog_first: 1, promotions: 0, written: 0,
        };
        primary.write(&Write::Set);
        let at = format!("{}:0:0", id(0)).parse().unwrap();
        let start = [Start::Now, Start::NowWithoutFork, Start::At(at)][start];
        let knows_db = filter && start != Start::NowWithoutFork;
        let options = options! { start, on_gap: OnGap::Continue, parts: parts.then_some(1024), retry_first: true };
        let mut session = Session::new(options);
        let mut consumer = Consumer { place: matches!(start, Start::At(_)).then_some(0), ..Consumer::default() };
        let last = Turn { writes: vec![Write::Set; 4], trimmed: false, promoted: false, bytes: usize::MAX, pieces: 97 };
        // A link may be given up for another at once, so the last turn is played three times.
        for turn in turns.iter().chain([&last; 3]) {
            turn.writes.split_at(turn.writes.len() / 2).0.iter().for_each(|write| primary.write(write));
            if turn.promoted {
                primary.promotions += 1;
                primary.select_again = true;
            }
            if turn.trimmed {
                primary.backlog_first = primary.end() + 1;
            }
            link(&mut session, &mut primary, &mut consumer, turn, knows_db);
        }
        prop_assert!(!consumer.gap, "a gap, and no attach after it");
        let place = consumer.place.expect("attached");
        prop_assert!(primary.next_after(place).is_none(), "{place} of {}", primary.end());
    }
}
