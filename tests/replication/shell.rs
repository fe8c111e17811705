//! A shell without a socket: shows a session the bytes that "arrive" and writes down its events.

use redtail::io::TemplateBuffer;
use redtail::replication::{Closed, Credentials, Progress, Session};
use redtail::resp::{FrameParser, Part, Status};
use redtail::{Event, Options, Position, SessionError, StreamCommand};

/// An event, owned. Snapshot bytes and the pieces of an argument are joined: only their cut depends on how they
/// arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    Command {
        kind: &'static str,
        offset: u64,
        db: Option<u32>,
        tx: Option<u64>,
        args: Vec<Vec<u8>>,
        position: Option<Position>,
    },
    Snapshot(Vec<u8>),
    Begin {
        argc: usize,
    },
    Argument {
        index: usize,
        length: u64,
        bytes: Vec<u8>,
    },
    End {
        offset: Option<u64>,
        position: Option<Position>,
    },
    /// Any other event, as it is written with `{:?}`.
    Other(String),
    Reconnect(u64),
    Failed(SessionError),
    Ended,
}

pub(crate) struct Shell {
    /// Boxed: unoptimized code copies a session several times, and the stack of a test is small.
    pub(crate) session: Box<Session<TemplateBuffer>>,
    unread: Vec<u8>,
    pub(crate) seen: Vec<Seen>,
    pub(crate) now_ms: u64,
    over: bool,
}

impl Shell {
    pub(crate) fn new(session: Session) -> Self {
        let session = Box::new(session.with_templates(TemplateBuffer::default()));
        Self { session, unread: Vec::new(), seen: Vec::new(), now_ms: 0, over: false }
    }

    /// A session that is connected without a password.
    pub(crate) fn connected(options: Options) -> Self {
        let mut shell = Self::new(Session::new(options));
        shell.connect();
        shell
    }

    pub(crate) fn connect(&mut self) {
        self.connect_as(Credentials::default());
    }

    pub(crate) fn connect_as(&mut self, credentials: Credentials<'_>) {
        self.unread.clear();
        self.over = false;
        self.session.connected(credentials, self.now_ms);
        self.run();
    }

    pub(crate) fn arrive(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
        self.run();
    }

    pub(crate) fn close(&mut self, how: Closed<'_>) {
        self.over = false;
        self.session.closed(how, self.now_ms);
        self.run();
    }

    pub(crate) fn pass(&mut self, ms: u64) {
        self.now_ms += ms;
        self.run();
    }

    /// The commands sent since the last call, their arguments joined with spaces; a bare newline as `\n`.
    pub(crate) fn sent(&mut self) -> Vec<String> {
        let bytes = self.session.to_send().to_vec();
        self.session.sent(bytes.len());
        let (mut rest, mut parser, mut commands) = (&bytes[..], FrameParser::new(), Vec::new());
        loop {
            if let Some(newline) = rest.strip_prefix(b"\n") {
                commands.push("\\n".into());
                rest = newline;
                continue;
            }
            match parser.next(&mut rest).expect("what we send is a command") {
                Status::Complete(frame) => {
                    let words =
                        frame.items().map(|item| String::from_utf8_lossy(item.as_bytes().unwrap()).into_owned());
                    commands.push(words.collect::<Vec<_>>().join(" "));
                }
                Status::Incomplete { .. } => {
                    assert!(rest.is_empty(), "half a command is to be sent: {rest:?}");
                    return commands;
                }
            }
        }
    }

    /// The events since this was last asked.
    pub(crate) fn events(&mut self) -> Vec<Seen> {
        std::mem::take(&mut self.seen)
    }

    fn run(&mut self) {
        while !self.over {
            let progress = self.session.poll(&self.unread, self.now_ms);
            match progress {
                Progress::Event => {
                    let event = self.session.event(&self.unread);
                    note(&mut self.seen, &event);
                }
                Progress::Space { at_least } => {
                    assert!(at_least > 0);
                    self.drop_consumed();
                    return;
                }
                Progress::Reconnect { after } => self.end(Seen::Reconnect(after.as_millis() as u64)),
                Progress::Failed(error) => self.end(Seen::Failed(error)),
                Progress::Ended => self.end(Seen::Ended),
            }
            self.drop_consumed();
        }
    }

    fn end(&mut self, how: Seen) {
        self.seen.push(how);
        self.over = true;
    }

    fn drop_consumed(&mut self) {
        self.unread.drain(..self.session.consumed());
    }
}

fn note(seen: &mut Vec<Seen>, event: &Event<'_>) {
    match event {
        Event::Command(command) => seen.push(own("command", command)),
        Event::Multi(command) => seen.push(own("multi", command)),
        Event::Exec(command) => seen.push(own("exec", command)),
        Event::Control(command) => seen.push(own("control", command)),
        Event::SnapshotBytes(bytes) => match seen.last_mut() {
            Some(Seen::Snapshot(all)) => all.extend_from_slice(bytes),
            _ => seen.push(Seen::Snapshot(bytes.to_vec())),
        },
        Event::Part(part) => match part.part {
            Part::Begin { argc } => seen.push(Seen::Begin { argc }),
            Part::Argument { index, length } => seen.push(Seen::Argument { index, length, bytes: Vec::new() }),
            Part::Piece(piece) => match seen.last_mut() {
                Some(Seen::Argument { bytes, .. }) => bytes.extend_from_slice(piece),
                other => panic!("a piece after {other:?}"),
            },
            Part::End => seen.push(Seen::End { offset: part.offset, position: part.position() }),
        },
        other => seen.push(Seen::Other(format!("{other:?}"))),
    }
}

fn own(kind: &'static str, command: &StreamCommand<'_>) -> Seen {
    Seen::Command {
        kind,
        offset: command.offset,
        db: command.db,
        tx: command.tx,
        args: command.args().map(<[u8]>::to_vec).collect(),
        position: command.position(),
    }
}

pub(crate) fn command(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n{word}\r\n", word.len()).into_bytes());
    }
    bytes
}
