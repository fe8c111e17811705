//! The stream of commands: every byte counted once, the database and the transaction it stands in.

use crate::base::error::{ProtocolError, ProtocolErrorKind};
use crate::base::limits::{LAST_OFFSET, MIN_PARTS_THRESHOLD};
use crate::replication::event::{Event, Idle, StreamCommand, StreamPart};
use crate::replication::options::Options;
use crate::replication::position::{Lineage, Position};
use crate::resp::{Command, Part, PartsItem, PartsParser, PartsPoll};

/// Where the stream stands.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    parser: PartsParser,
    pub(super) lineage: Option<Lineage>,
    /// The replication offset of the last byte used up.
    pub(super) offset: u64,
    pub(super) db: Option<u32>,
    /// The offset of the MULTI that is open.
    tx: Option<u64>,
    in_parts: bool,
    /// Offset and database after the last whole command outside a transaction.
    resumable: (u64, Option<u32>),
}

/// A command or part that was found, in numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    kind: Kind,
    /// Where the parser was shown bytes from, in the input of the poll.
    shown: usize,
    /// Bytes of the command.
    pub(super) length: usize,
    pub(super) offset: u64,
    db: Option<u32>,
    tx: Option<u64>,
    resumable: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Write,
    Multi,
    Exec,
    Control,
    GetAck,
    Part,
    LastPart,
}

impl Found {
    pub(super) const fn is_control(&self) -> bool {
        matches!(self.kind, Kind::Control | Kind::GetAck)
    }

    pub(super) const fn asks_for_ack(&self) -> bool {
        matches!(self.kind, Kind::GetAck)
    }
}

/// What the unread bytes begin with.
pub(super) enum Looked {
    Found(Found),
    /// Nothing whole: at least so many bytes are missing.
    Part {
        needed: usize,
    },
}

impl Stream {
    /// A stream that goes on after `offset`.
    pub(super) fn new(options: &Options, lineage: Option<Lineage>, offset: u64, db: Option<u32>) -> Self {
        Self::with_parser(PartsParser::stream(options.parts), options, lineage, offset, db)
    }

    /// A file of commands, with `#` lines between them.
    pub(super) fn of_commands(options: &Options, offset: u64) -> Self {
        Self::with_parser(PartsParser::aof(options.parts), options, None, offset, None)
    }

    fn with_parser(
        parser: PartsParser,
        options: &Options,
        lineage: Option<Lineage>,
        offset: u64,
        db: Option<u32>,
    ) -> Self {
        let offset = offset.min(LAST_OFFSET);
        let mut limits = options.limits;
        if options.parts.is_some() {
            // Commands that steer the stream are understood only where they come whole.
            limits.command = limits.command.max(2 * MIN_PARTS_THRESHOLD);
        }
        Self {
            parser: parser.with_limits(limits).starting_at(offset),
            lineage,
            offset,
            db,
            tx: None,
            in_parts: false,
            resumable: (offset, db),
        }
    }

    /// The last place to resume from.
    pub(super) fn position(&self) -> Option<Position> {
        let (offset, db) = self.resumable;
        self.lineage.map(|lineage| lineage.position(offset, db))
    }

    /// The database selected where the stream begins, once a snapshot has told it.
    pub(super) fn select(&mut self, db: Option<u32>) {
        self.db = db;
        self.settle();
    }

    pub(super) fn timestamp(&self) -> Option<u64> {
        self.parser.timestamp()
    }

    pub(super) const fn in_parts(&self) -> bool {
        self.in_parts
    }

    /// Looks at the unread bytes, which begin at `shown` in the poll's input. Gives the bytes used up, and what they are.
    #[inline]
    pub(super) fn look(&mut self, unread: &[u8], shown: usize) -> Result<(usize, Looked), ProtocolError> {
        let poll = self.parser.poll(unread)?;
        let used = poll.used();
        let before = self.offset + self.pass(&poll);
        self.offset += used as u64;
        let (kind, length) = match poll {
            PartsPoll::Incomplete { needed, .. } => {
                self.settle();
                return Ok((used, Looked::Part { needed }));
            }
            PartsPoll::Command { length, .. } => (self.account(unread, before)?, length),
            PartsPoll::End { .. } => (Kind::LastPart, used),
            PartsPoll::Begin { .. } | PartsPoll::Argument { .. } | PartsPoll::Piece { .. } => (Kind::Part, used),
        };
        self.in_parts = kind == Kind::Part;
        let tx = self.tx;
        if kind == Kind::Exec {
            self.tx = None;
        }
        self.settle();
        let resumable = self.tx.is_none();
        Ok((used, Looked::Found(Found { kind, shown, length, offset: self.offset, db: self.db, tx, resumable })))
    }

    /// The write, or the border of a transaction, at the front of the unread bytes, and its length. `None`, and nothing is used up:
    /// anything else, which [`look`](Self::look) tells.
    #[inline(always)]
    pub(super) fn write<'a>(&'a mut self, unread: &'a [u8], received_ms: Option<u64>) -> Option<(usize, Event<'a>)> {
        let command = self.parser.command_if(unread, |name| !may_steer(name))?;
        let length = command.raw().len();
        self.offset += length as u64;
        let kind = match (command.name().len(), initial(command.name())) {
            (4, Some(b'e')) if command.is(b"EXEC") => Kind::Exec,
            (5, Some(b'm')) if command.is(b"MULTI") => Kind::Multi,
            _ => Kind::Write,
        };
        if kind == Kind::Multi {
            self.tx = self.tx.or(Some(self.offset));
        }
        let tx = self.tx;
        if kind == Kind::Exec {
            self.tx = None;
        }
        let resumable = self.tx.is_none();
        if resumable {
            self.resumable = (self.offset, self.db);
        }
        let lineage = self.lineage.as_ref();
        let command = StreamCommand { offset: self.offset, db: self.db, tx, received_ms, command, lineage, resumable };
        let event = match kind {
            Kind::Multi => Event::Multi(command),
            Kind::Exec => Event::Exec(command),
            _ => Event::Command(command),
        };
        Some((length, event))
    }

    /// The bytes before a command that carry none. The stream can be resumed after them as after any command, whether they come with
    /// the command or alone.
    #[inline]
    fn pass(&mut self, poll: &PartsPoll) -> u64 {
        let (PartsPoll::Command { skipped, .. } | PartsPoll::Begin { skipped, .. }) = *poll else { return 0 };
        if skipped > 0 && self.tx.is_none() {
            self.resumable = (self.offset + skipped as u64, self.db);
        }
        skipped as u64
    }

    /// What a whole command means for the stream itself.
    #[inline]
    fn account(&mut self, unread: &[u8], before: u64) -> Result<Kind, ProtocolError> {
        let Some(PartsItem::Command(command)) = self.parser.item(unread) else { return Ok(Kind::Write) };
        let name = command.name();
        // Asked of every command: one look tells that it is none of these.
        Ok(match (name.len(), initial(name)) {
            (4, Some(b'p')) if command.is(b"PING") => Kind::Control,
            (4, Some(b'e')) if command.is(b"EXEC") => Kind::Exec,
            (5, Some(b'm')) if command.is(b"MULTI") => {
                self.tx = self.tx.or(Some(self.offset));
                Kind::Multi
            }
            (6, Some(b's')) if command.is(b"SELECT") => {
                let db = database(&command);
                let error = ProtocolError {
                    kind: ProtocolErrorKind::InvalidValue("database number after SELECT"),
                    offset: before,
                };
                self.db = Some(db.ok_or(error)?);
                Kind::Control
            }
            (8, Some(b'r')) if command.is(b"REPLCONF") => {
                let getack = command.arg(1).is_some_and(|word| word.eq_ignore_ascii_case(b"GETACK"));
                if getack { Kind::GetAck } else { Kind::Control }
            }
            _ => Kind::Write,
        })
    }

    /// Between commands and outside a transaction the stream can be resumed.
    fn settle(&mut self) {
        if self.tx.is_none() && !self.in_parts {
            self.resumable = (self.offset, self.db);
        }
    }

    pub(super) fn event<'a>(&'a self, found: Found, input: &'a [u8], received_ms: Option<u64>) -> Event<'a> {
        let shown = input.get(found.shown..).unwrap_or_default();
        let command = match self.parser.item(shown) {
            Some(PartsItem::Command(command)) => self.command(found, command, received_ms),
            Some(PartsItem::Part(part)) => return Event::Part(self.part(found, part, received_ms)),
            None => return Event::Idle(Idle { position: self.position() }),
        };
        match found.kind {
            Kind::Multi => Event::Multi(command),
            Kind::Exec => Event::Exec(command),
            Kind::Control | Kind::GetAck => Event::Control(command),
            Kind::Write | Kind::Part | Kind::LastPart => Event::Command(command),
        }
    }

    fn command<'a>(&'a self, found: Found, command: Command<'a>, received_ms: Option<u64>) -> StreamCommand<'a> {
        StreamCommand {
            offset: found.offset,
            db: found.db,
            tx: found.tx,
            received_ms,
            command,
            lineage: self.lineage.as_ref(),
            resumable: found.resumable,
        }
    }

    fn part<'a>(&'a self, found: Found, part: Part<'a>, received_ms: Option<u64>) -> StreamPart<'a> {
        StreamPart {
            part,
            db: found.db,
            tx: found.tx,
            received_ms,
            offset: (found.kind == Kind::LastPart).then_some(found.offset),
            lineage: self.lineage.as_ref(),
        }
    }
}

fn initial(name: &[u8]) -> Option<u8> {
    name.first().map(u8::to_ascii_lowercase)
}

/// The name could be PING, SELECT or REPLCONF.
fn may_steer(name: &[u8]) -> bool {
    matches!((name.len(), initial(name)), (4, Some(b'p')) | (6, Some(b's')) | (8, Some(b'r')))
}

fn database(command: &Command<'_>) -> Option<u32> {
    let text = core::str::from_utf8(command.arg(1)?).ok()?;
    text.parse().ok().filter(|_| command.argc() == 2)
}
