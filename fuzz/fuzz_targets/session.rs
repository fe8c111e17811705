#![no_main]
//! A session and a hostile primary: any bytes, in any pieces, at any times.
//!
//! Byte 0: the start (bits 0 to 2), parts, control events, retries, one connection, small limits. Byte 1: the policy
//! for a gap (3: snapshots as items too), the acknowledgement (3: lenient too), probe, second snapshot, credentials,
//! byte by byte. The rest arrives from the primary. In it `~!` and a letter is an incident: a cut, passing time, a
//! lost connection.
#![allow(clippy::unwrap_used, reason = "a panic is how a fuzz target fails")]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use redtail::io::TemplateBuffer;
use redtail::rdb::Item;
use redtail::replication::{Closed, Credentials, Progress, Session};
use redtail::resp::{FrameParser, Part};
use redtail::{
    Ack, AttachMethod, Attached, Event, Limits, OnGap, Options, Position, SessionError, SnapshotForm, Start, Status,
};

/// The start of a recorded stream.
const BEGIN: u64 = 1000;

fuzz_target!(|data: &[u8]| {
    let [first, second, script @ ..] = data else { return };
    let options = options(*first, *second);
    let actions = read(script);
    match first & 7 {
        5 => recording(|| Session::recorded(options, Some(BEGIN)), options, false, &actions),
        6 => recording(|| Session::recorded(options, None), options, false, &actions),
        7 => recording(|| Session::commands(options, BEGIN), options, true, &actions),
        _ => {
            let mut shell = Shell::new(Session::new(options), options, false);
            shell.password = (second & 64 != 0).then_some(b"secret");
            shell.byte_by_byte = second & 128 != 0;
            shell.connect();
            shell.play(&actions);
        }
    }
});

fn options(first: u8, second: u8) -> Options {
    let mut small = Limits::DEFAULT;
    (small.bulk, small.command, small.arguments, small.line) = (3000, 4096, 64, 256);
    small.templates = 256;
    let mut options = Options::default();
    options.start = match first & 7 {
        1 => Start::NowWithoutFork,
        2 => Start::Snapshot,
        3 => Start::At("26e9aa58837d8095338f33e660463dbdf56c86c9:1000:3".parse().unwrap()),
        4 => Start::Sync,
        _ => Start::Now,
    };
    options.parts = (first & 8 != 0).then_some(1024);
    options.control = first & 16 != 0;
    options.retry_first = first & 32 != 0;
    options.single_link = first & 64 != 0;
    options.limits = if first & 128 != 0 { small } else { Limits::DEFAULT };
    options.on_gap = [OnGap::Stop, OnGap::Continue, OnGap::Snapshot, OnGap::Continue][usize::from(second & 3)];
    options.ack = [Ack::Observe, Ack::Received, Ack::Applied, Ack::Observe][usize::from(second >> 2 & 3)];
    options.allow_probe = second & 16 != 0;
    options.retry_snapshot = second & 32 != 0;
    options.retry_refused = (second & 64 != 0).then_some(Duration::from_secs(5));
    options.snapshot = if second & 3 == 3 { SnapshotForm::Items } else { SnapshotForm::Bytes };
    options.lenient = second >> 2 & 3 == 3;
    options
}

#[derive(Debug)]
enum Action<'a> {
    Arrive(&'a [u8]),
    Pass(u64),
    Silent,
    Close,
    Fail,
    KeepAlive,
    Commit,
}

fn read(mut script: &[u8]) -> Vec<Action<'_>> {
    let mut actions = Vec::new();
    while !script.is_empty() {
        let escape = script.windows(2).position(|pair| pair == b"~!").unwrap_or(script.len());
        if escape > 0 {
            actions.push(Action::Arrive(&script[..escape]));
        }
        match script.get(escape + 2) {
            Some(b'1') => actions.push(Action::Pass(1)),
            Some(b'h') => actions.push(Action::Pass(100)),
            Some(b's') => actions.push(Action::Pass(1000)),
            Some(b'm') => actions.push(Action::Pass(61_000)),
            Some(b'q') => actions.push(Action::Silent),
            Some(b'c') => actions.push(Action::Close),
            Some(b'f') => actions.push(Action::Fail),
            Some(b'k') => actions.push(Action::KeepAlive),
            Some(b'p') => actions.push(Action::Commit),
            _ => {}
        }
        script = script.get(escape + 3..).unwrap_or_default();
    }
    actions
}

/// Nothing is requested: cuts have no effect.
fn recording(session: impl Fn() -> Session, options: Options, is_bare: bool, actions: &[Action<'_>]) {
    let bytes: Vec<u8> = actions
        .iter()
        .filter_map(|action| if let Action::Arrive(bytes) = action { Some(*bytes) } else { None })
        .flatten()
        .copied()
        .collect();
    let run = |byte_by_byte: bool, pieces: &[Action<'_>]| {
        let mut shell = Shell::new(session(), options, true);
        shell.byte_by_byte = byte_by_byte;
        if is_bare {
            (shell.link.base, shell.link.db) = (Some(BEGIN.into()), Some(None));
        }
        shell.play(pieces);
        Run { seen: shell.seen, open: shell.open, end: shell.end, is_whole: shell.session.is_whole() }
    };
    let whole = run(false, &[Action::Arrive(&bytes)]);
    let arrived: Vec<_> = actions
        .iter()
        .filter_map(|action| if let Action::Arrive(bytes) = action { Some(Action::Arrive(bytes)) } else { None })
        .collect();
    whole.is_as(&run(false, &arrived));
    whole.is_as(&run(true, &[Action::Arrive(&bytes)]));
}

#[derive(Debug, PartialEq)]
struct Run {
    seen: Vec<String>,
    open: Vec<u8>,
    end: Option<String>,
    is_whole: bool,
}

impl Run {
    fn is_as(&self, other: &Self) {
        if self.end.as_ref().is_some_and(|end| end.starts_with("Snapshot(")) {
            // The amount delivered before the damage appeared depends on the bytes that had arrived.
            assert!(self.open.starts_with(&other.open) || other.open.starts_with(&self.open));
            assert_eq!((&self.seen, &self.end), (&other.seen, &other.end));
        } else {
            assert_eq!(self, other);
        }
    }
}

struct Shell {
    session: Session<TemplateBuffer>,
    options: Options,
    recorded: bool,
    byte_by_byte: bool,
    password: Option<&'static [u8]>,
    now_ms: u64,
    unread: Vec<u8>,
    /// Events, with the bytes and pieces of snapshots joined.
    seen: Vec<String>,
    /// The unfinished event.
    open: Vec<u8>,
    end: Option<String>,
    link: Link,
    /// The last resumable position, according to the events.
    resumable: Option<Position>,
    /// Bytes consumed on all connections.
    consumed: i128,
    sent: Vec<u8>,
}

/// The state of the present connection.
#[derive(Default)]
struct Link {
    asked: bool,
    attached: bool,
    acknowledged: bool,
    /// A gap was delivered on it.
    gap: bool,
    /// Replication offset of the byte before the first of all.
    base: Option<i128>,
    db: Option<Option<u32>>,
    tx: Option<u64>,
    /// Nothing but newlines has arrived since the end of a snapshot.
    fresh: bool,
    /// How many, until the next command. If the snapshot had a mark, they are no bytes of the stream.
    newlines: i128,
    idle_polls: u32,
}

impl Shell {
    fn new(session: Session, options: Options, recorded: bool) -> Self {
        let session = session.with_templates(TemplateBuffer::with_limit(options.limits.templates));
        Self {
            session,
            options,
            recorded,
            byte_by_byte: false,
            password: None,
            now_ms: 5,
            unread: Vec::new(),
            seen: Vec::new(),
            open: Vec::new(),
            end: None,
            link: Link::default(),
            resumable: if let Start::At(position) = options.start { Some(position) } else { None },
            consumed: 0,
            sent: Vec::new(),
        }
    }

    fn connect(&mut self) {
        self.link = Link::default();
        self.unread.clear();
        self.sent.clear();
        self.session.connected(
            self.password.map_or(Credentials::default(), |password| Credentials::new(None, password)),
            self.now_ms,
        );
        self.run();
    }

    fn play(&mut self, actions: &[Action<'_>]) {
        for action in actions {
            match action {
                Action::Arrive(bytes) if self.byte_by_byte => {
                    for byte in *bytes {
                        self.arrive(&[*byte]);
                    }
                }
                Action::Arrive(bytes) => self.arrive(bytes),
                Action::Pass(ms) => {
                    self.now_ms += ms;
                    self.run();
                }
                Action::Silent => {
                    self.session.silent(self.now_ms);
                    self.run();
                }
                Action::Close | Action::Fail if self.recorded => {}
                Action::Close => {
                    self.session.closed(Closed::ByPeer, self.now_ms);
                    self.run();
                }
                Action::Fail => {
                    self.session.closed(Closed::Failed("Connection reset by peer"), self.now_ms);
                    self.run();
                }
                Action::KeepAlive => {
                    self.session.keep_alive(self.now_ms);
                    self.send(0);
                }
                Action::Commit => {
                    if let Some(position) = self.session.position() {
                        self.session.commit(position);
                    }
                }
            }
            if self.end.is_some() {
                return;
            }
        }
    }

    fn arrive(&mut self, bytes: &[u8]) {
        if self.end.is_none() {
            self.unread.extend_from_slice(bytes);
            self.run();
        }
    }

    /// Polls until there is nothing more to do.
    fn run(&mut self) {
        loop {
            let shown = self.unread.clone().into_boxed_slice();
            let progress = self.session.poll(&shown, self.now_ms);
            let used = self.session.consumed();
            assert!(used <= shown.len());
            self.consumed += used as i128;
            if self.link.fresh {
                let newlines = shown[..used].iter().take_while(|byte| **byte == b'\n').count();
                self.link.newlines += newlines as i128;
                self.link.fresh = newlines == used;
            }
            self.link.idle_polls = if used > 0 { 0 } else { self.link.idle_polls + 1 };
            assert!(self.link.idle_polls < 12, "no progress");
            if progress == Progress::Event {
                let event = self.session.event(&shown);
                // The borrow of the session ends with the facts.
                let facts = Facts::of(&event);
                self.check(facts);
            }
            self.unread.drain(..used);
            // A primary that answers early makes the session send sooner.
            let answers = shown[..used].iter().filter(|byte| **byte == b'\n').count();
            self.send(answers);
            match progress {
                Progress::Event => {}
                Progress::Space { at_least } => {
                    self.waits(at_least);
                    return;
                }
                Progress::Reconnect { .. } if self.recorded => panic!("there is no other link to a recording"),
                Progress::Reconnect { after } => {
                    assert!(after.as_secs() <= 10);
                    self.now_ms += after.as_millis() as u64;
                    return self.connect();
                }
                Progress::Failed(error) => return self.over(&shown, progress, Some(error)),
                Progress::Ended => return self.over(&shown, progress, None),
            }
        }
    }

    fn waits(&mut self, at_least: usize) {
        self.link.idle_polls = 0;
        assert!(at_least > 0);
        let deadline = self.session.deadline_ms();
        assert!(deadline > self.now_ms, "it wants to be asked again at once: {deadline} at {}", self.now_ms);
        // The longest command, a line of the maximum length, or a reply of the handshake.
        let limit = self.options.limits.command.max(2048) + (1 << 20) + (128 << 10);
        assert!(self.unread.len() as u64 + at_least as u64 <= limit, "{at_least} more than {}", self.unread.len());
        if self.link.base.is_some() {
            let limit = self.options.limits.command.max(2048) + self.options.limits.line as u64 + 32;
            assert!(self.unread.len() as u64 <= limit, "{} bytes are held", self.unread.len());
        }
    }

    fn over(&mut self, shown: &[u8], progress: Progress, error: Option<SessionError>) {
        assert!(self.session.to_send().is_empty());
        assert_eq!(self.session.heartbeat(), None);
        assert_eq!(self.session.poll(shown, self.now_ms + 1), progress, "it is final");
        assert_eq!(self.session.consumed(), 0);
        self.end = Some(error.map_or("ended".into(), |error| {
            let words = error.to_string();
            assert!(!words.is_empty() && !words.contains(char::is_control), "{words:?}");
            format!("{error:?}")
        }));
    }

    /// Takes the bytes to send, and checks them against the ones permitted now.
    fn send(&mut self, answers: usize) {
        assert!(self.session.to_send().len() <= 17 << 10);
        // In two pieces: the rest stays unchanged.
        let bytes = self.session.to_send().to_vec();
        self.session.sent(bytes.len() / 2);
        assert_eq!(self.session.to_send(), &bytes[bytes.len() / 2..]);
        self.session.sent(bytes.len() - bytes.len() / 2);
        assert!(self.session.to_send().is_empty());
        let mut rest = &bytes[..];
        let mut commands = 0;
        while let Some(&byte) = rest.first() {
            assert!(!self.recorded, "something is said to a recording");
            if byte == b'\n' {
                assert!(self.link.asked && !self.link.acknowledged, "a newline out of turn");
                rest = &rest[1..];
                continue;
            }
            let mut parser = FrameParser::new();
            let Ok(Status::Complete(frame)) = parser.next(&mut rest) else { panic!("{:?} is no command", &*bytes) };
            commands += 1;
            let words: Vec<_> =
                frame.items().map(|item| String::from_utf8_lossy(item.as_bytes().unwrap()).into_owned()).collect();
            self.word(&words.iter().map(String::as_str).collect::<Vec<_>>());
        }
        assert!(commands <= answers.max(1) || self.link.acknowledged, "two questions at once");
    }

    fn word(&mut self, words: &[&str]) {
        match words {
            ["REPLCONF", "ACK", offset] => {
                let offset: u64 = offset.parse().unwrap();
                // The end of a snapshot that measured a gap is delivered twice, and the stream begins with it.
                let measured = self.link.asked && self.link.gap;
                assert!(self.link.attached || measured, "an acknowledgement before the attach");
                match self.options.ack {
                    Ack::Observe => assert_eq!(offset, 0),
                    _ => {
                        let most = self.link.base.map_or(i128::MAX, |base| base + self.consumed);
                        assert!(i128::from(offset) <= most, "{offset} is acknowledged of {most}");
                    }
                }
                self.link.acknowledged = true;
            }
            // A version is withdrawn when the stream begins.
            ["CLIENT", "REPLY", "SKIP"] | ["REPLCONF", "version", "0.0.0"] if self.link.asked => {}
            _ if self.link.asked => panic!("{words:?} after PSYNC"),
            ["AUTH", "secret"] => assert!(self.password.is_some()),
            ["PING"]
            | ["INFO"]
            | ["CLIENT", "REPLY", "ON"]
            | ["REPLCONF", "ip-address" | "capa" | "version" | "rdb-filter-only", _] => {}
            ["SYNC"] => {
                assert_eq!(self.options.start, Start::Sync);
                self.link.asked = true;
            }
            ["PSYNC", "?", "-1"] => self.link.asked = true,
            ["PSYNC", id, next] => {
                assert!(redtail::ReplicationId::from_bytes(id.as_bytes()).is_some());
                assert!(next.parse::<u64>().unwrap() > 0);
                self.link.asked = true;
            }
            _ => panic!("{words:?} is nothing a replica says"),
        }
    }

    fn note(&mut self, text: String) {
        if !self.open.is_empty() {
            let open = std::mem::take(&mut self.open);
            self.seen.push(format!("{} bytes {}", open.len(), open.escape_ascii()));
        }
        self.seen.push(text);
    }

    fn check(&mut self, facts: Facts) {
        match facts.what {
            What::Bytes(bytes) => {
                assert!(!bytes.is_empty());
                return self.open.extend_from_slice(&bytes);
            }
            What::Item { text, bytes } => {
                // A few compressed bytes can be many items.
                self.link.idle_polls = 0;
                if let Some(text) = text {
                    self.note(text);
                }
                return self.open.extend_from_slice(&bytes);
            }
            What::Attached { method, position, rewound_from } => {
                self.link.attached = true;
                assert_eq!(method == AttachMethod::Rewound, rewound_from.is_some());
                if let (Some(position), Some(from)) = (position, rewound_from) {
                    assert!((from.data_offset..from.offset).contains(&position.offset), "data is void: {from}");
                    assert_ne!(position.history, from.replid, "offsets would name two commands");
                    assert_eq!(Some(from), self.resumable);
                }
                if !matches!(method, AttachMethod::Full | AttachMethod::Sync) {
                    self.streams_from(facts.offset, facts.db, position);
                    self.link.fresh = method == AttachMethod::Filtered;
                }
            }
            What::SnapshotEnd { position } => {
                self.streams_from(facts.offset, facts.db, position);
                self.link.fresh = true;
            }
            What::Command { kind, tx, position, has_history, selects } => {
                let mut base = self.link.base.expect("attached");
                let newlines = std::mem::take(&mut self.link.newlines);
                if i128::from(facts.offset) != base + self.consumed {
                    base -= newlines;
                    self.link.base = Some(base);
                }
                assert_eq!(i128::from(facts.offset), base + self.consumed, "every byte counts once");
                match kind {
                    "multi" => self.link.tx = self.link.tx.or(Some(facts.offset)),
                    "control" if selects => self.link.db = Some(facts.db),
                    _ => {}
                }
                // Only the end of a part has an offset.
                assert_eq!(tx, self.link.tx);
                if self.options.control {
                    assert_eq!(Some(facts.db), self.link.db);
                }
                if kind == "exec" {
                    self.link.tx = None;
                }
                assert_eq!(position.is_some(), self.link.tx.is_none() && has_history);
                if let Some(position) = position {
                    assert_eq!((position.offset, position.db), (facts.offset, facts.db));
                    let before = self.resumable.map_or(position.offset, |before| before.data_offset);
                    match kind {
                        // An EXEC may end a transaction without data.
                        "exec" => assert!([before, position.offset].contains(&position.data_offset)),
                        "control" | "message" => assert_eq!(position.data_offset, before, "{position}"),
                        _ => assert_eq!(position.data_offset, position.offset, "{position}"),
                    }
                    self.resumable = Some(position);
                }
            }
            What::Disconnected { resume } => {
                if let (Some(resume), Some(told)) = (resume, self.resumable) {
                    assert_eq!(resume.history, told.history);
                    assert!(resume.offset >= told.offset, "{resume} is before {told}");
                }
                assert!(resume.is_some() || self.resumable.is_none());
                if let (Some(resume), Some(tx)) = (resume, self.link.tx) {
                    assert!(resume.offset < tx, "{resume} is inside a transaction");
                }
                self.resumable = resume;
            }
            What::Gap { from, to } => {
                if let Some(told) = self.resumable {
                    assert!(from.offset >= told.offset);
                }
                self.resumable = Some(to);
                self.link.gap = true;
            }
            What::Other => {}
        }
        self.note(facts.text);
    }

    fn streams_from(&mut self, offset: u64, db: Option<u32>, position: Option<Position>) {
        self.link.base = Some(i128::from(offset) - self.consumed);
        self.link.db = Some(db);
        self.link.tx = None;
        (self.link.fresh, self.link.newlines) = (false, 0);
        if let Some(position) = position {
            assert_eq!((position.offset, position.db), (offset, db));
        }
        self.resumable = position;
    }
}

struct Facts {
    offset: u64,
    db: Option<u32>,
    what: What,
    text: String,
}

enum What {
    Bytes(Vec<u8>),
    /// Without its bytes, unless it continues the previous event.
    Item {
        text: Option<String>,
        bytes: Vec<u8>,
    },
    Attached {
        method: AttachMethod,
        position: Option<Position>,
        rewound_from: Option<Position>,
    },
    SnapshotEnd {
        position: Option<Position>,
    },
    Command {
        kind: &'static str,
        tx: Option<u64>,
        position: Option<Position>,
        has_history: bool,
        selects: bool,
    },
    Gap {
        from: Position,
        to: Position,
    },
    Disconnected {
        resume: Option<Position>,
    },
    Other,
}

impl Facts {
    fn of(event: &Event<'_>) -> Self {
        let text = format!("{event:?}");
        let (offset, db, what) = match event {
            Event::SnapshotBytes(bytes) => (0, None, What::Bytes(bytes.to_vec())),
            Event::SnapshotItem(item) => {
                let goes_on = matches!(item, Item::Text(text) if !text.is_first()) || matches!(item, Item::Raw { .. });
                let text = (!goes_on).then(|| format!("{:?}", item.with_bytes(b"")));
                (0, None, What::Item { text, bytes: item.bytes().to_vec() })
            }
            Event::Attached(attached) => {
                let Attached { method, position, rewound_from, .. } = *attached;
                (attached.offset, attached.db, What::Attached { method, position, rewound_from })
            }
            Event::SnapshotEnd(end) => (end.offset, end.db, What::SnapshotEnd { position: end.position }),
            Event::Command(command) | Event::Multi(command) | Event::Exec(command) | Event::Control(command) => {
                let kind = match event {
                    Event::Multi(_) => "multi",
                    Event::Exec(_) => "exec",
                    Event::Control(_) => "control",
                    Event::Command(command) if command.is(b"PUBLISH") || command.is(b"SPUBLISH") => "message",
                    _ => "command",
                };
                let what = What::Command {
                    kind,
                    tx: command.tx,
                    position: command.position(),
                    has_history: command.history().is_some(),
                    selects: command.is(b"SELECT"),
                };
                (command.offset, command.db, what)
            }
            Event::Part(part) => match (part.part, part.offset) {
                (Part::Piece(bytes), _) => (0, None, What::Bytes(bytes.to_vec())),
                (Part::End, Some(offset)) => {
                    let what = What::Command {
                        kind: "part",
                        tx: part.tx,
                        position: part.position(),
                        has_history: part.history().is_some(),
                        selects: false,
                    };
                    (offset, part.db, what)
                }
                _ => (0, None, What::Other),
            },
            Event::Gap(gap) => (0, None, What::Gap { from: gap.from, to: gap.to }),
            Event::Disconnected(lost) => (0, None, What::Disconnected { resume: lost.resume }),
            _ => (0, None, What::Other),
        };
        Self { offset, db, what, text }
    }
}
