//! The command stream: counts every byte once, and tracks the selected database and the open transaction.

use crate::base::error::{ProtocolError, ProtocolErrorKind};
use crate::base::limits::{LAST_OFFSET, MIN_PARTS_THRESHOLD};
use crate::replication::event::{Event, Idle, StreamCommand, StreamPart};
use crate::replication::options::Options;
use crate::replication::position::{Lineage, Position};
use crate::replication::wrapped::{ORIGIN, Wrapped};
use crate::resp::{Command, Part, PartsItem, PartsParser, PartsPoll};

/// The parser of a command stream, and how far the stream was read.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    parser: PartsParser,
    pub(super) lineage: Option<Lineage>,
    pub(super) reached: Reached,
}

/// The point that the stream was read to.
#[derive(Debug, Clone)]
pub(super) struct Reached {
    /// The replication offset of the last consumed byte.
    pub(super) offset: u64,
    pub(super) db: Option<u32>,
    /// The offset of the open MULTI.
    tx: Option<u64>,
    /// The origin of the open MULTI if RREPLAY wraps it; else zeros.
    origin: [u8; ORIGIN],
    in_parts: bool,
    /// Offset and database before the open transaction, or before the command of which a part was read.
    before: (u64, Option<u32>),
}

/// A command or part that was found. Offset and database are those that the stream has [`Reached`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    kind: Kind,
    /// The offset of the MULTI that the command belongs to.
    tx: Option<u64>,
    /// Where the bytes that the parser read begin in the input of the poll.
    shown: usize,
    /// Bytes of the command; of a part 0.
    pub(super) length: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Write,
    Multi,
    Exec,
    /// PUBLISH or SPUBLISH: delivered as a command, though it changes no data.
    Publish,
    Ping,
    Select,
    Replconf,
    GetAck,
    Part,
    LastPart,
    /// Only until the command inside is known.
    Wrapped,
}

impl Found {
    pub(super) const fn is_control(&self) -> bool {
        self.kind.is_control()
    }

    pub(super) const fn asks_for_ack(&self) -> bool {
        matches!(self.kind, Kind::GetAck)
    }
}

/// What the unread bytes begin with.
pub(super) enum Scan {
    Found {
        found: Found,
        /// Bytes before it that carry no command.
        skipped: usize,
    },
    /// Nothing complete: at least `needed` bytes are missing.
    Part { needed: usize },
}

impl Stream {
    /// A stream that continues after `offset`.
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
            // Commands that steer the stream are understood only when they are delivered whole.
            limits.command = limits.command.max(2 * MIN_PARTS_THRESHOLD);
        }
        let reached = Reached { offset, db, tx: None, origin: [0; ORIGIN], in_parts: false, before: (offset, db) };
        Self { parser: parser.with_limits(limits).starting_at(offset), lineage, reached }
    }

    /// The last position to resume from.
    pub(super) fn position(&self) -> Option<Position> {
        let (offset, db) = self.reached.resumable();
        self.lineage.map(|lineage| lineage.position(offset, db))
    }

    /// Sets the database selected where the stream begins, which a snapshot may name.
    pub(super) fn select(&mut self, db: Option<u32>) {
        self.reached.db = db;
    }

    pub(super) fn timestamp(&self) -> Option<u64> {
        self.parser.timestamp()
    }

    pub(super) const fn in_parts(&self) -> bool {
        self.reached.in_parts
    }

    /// Fast path: a write, MULTI or EXEC of a shape that the parser knows, complete at the front of `unread`. `None`,
    /// with nothing consumed, for everything else; then [`scan`](Self::scan) reads it.
    #[inline(always)]
    pub(super) fn fast<'a>(&'a mut self, unread: &'a [u8], received_ms: Option<u64>) -> Option<(Found, Event<'a>)> {
        let (command, kind) = self.parser.command_if(unread, Kind::of_plain)?;
        Some(self.reached.found(kind, command, self.lineage.as_mut(), received_ms))
    }

    /// The same for one command, whose event is made by [`front_event`](Self::front_event). Returns the length of the
    /// command in bytes and, unless it is a write, what is found.
    #[inline(always)]
    pub(super) fn pass(&mut self, unread: &[u8]) -> Option<(usize, Option<Found>)> {
        let (command, kind) = self.parser.command_if(unread, Kind::of_plain)?;
        let length = command.raw().len();
        if kind != Kind::Write {
            return Some((length, Some(self.pass_other(kind, length))));
        }
        self.reached.offset += length as u64;
        Some((length, None))
    }

    #[inline(never)]
    fn pass_other(&mut self, kind: Kind, length: usize) -> Found {
        let tx = self.reached.command(kind, length);
        self.reached.pass(kind, tx, length, self.lineage.as_mut());
        Found { kind, tx, shown: 0, length }
    }

    /// The same for a command of a shape that the parser does not know yet.
    #[inline(never)]
    pub(super) fn whole<'a>(&'a mut self, unread: &'a [u8], received_ms: Option<u64>) -> Option<(Found, Event<'a>)> {
        let (command, kind) = self.parser.common_command_if(unread, Kind::of_plain)?;
        Some(self.reached.found(kind, command, self.lineage.as_mut(), received_ms))
    }

    /// Reads the front of the unread bytes, which begin at `shown` in the input of the poll. Returns how many bytes it
    /// consumed, and what it found.
    #[inline]
    pub(super) fn scan(&mut self, unread: &[u8], shown: usize) -> Result<(usize, Scan), ProtocolError> {
        let poll = self.parser.poll(unread)?;
        let used = poll.used();
        let (kind, tx, length, skipped) = match poll {
            PartsPoll::Incomplete { skipped, needed } => {
                self.skip(skipped);
                return Ok((used, Scan::Part { needed }));
            }
            PartsPoll::Command { skipped, length } => {
                self.skip(skipped);
                let (kind, tx) = match self.kind(unread)? {
                    Kind::Wrapped => self.wrapped(unread, length),
                    kind => {
                        let tx = self.reached.command(kind, length);
                        self.reached.pass(kind, tx, length, self.lineage.as_mut());
                        (kind, tx)
                    }
                };
                (kind, tx, length, skipped)
            }
            PartsPoll::Begin { skipped, length, .. } => {
                self.skip(skipped);
                (Kind::Part, self.reached.part(length, false), 0, skipped)
            }
            PartsPoll::Argument { .. } | PartsPoll::Piece { .. } => (Kind::Part, self.reached.part(used, false), 0, 0),
            PartsPoll::End { .. } => (Kind::LastPart, self.reached.part(used, true), 0, 0),
        };
        Ok((used, Scan::Found { found: Found { kind, tx, shown, length }, skipped }))
    }

    /// Bytes between two commands.
    #[inline]
    fn skip(&mut self, bytes: usize) {
        if bytes > 0 {
            let before = self.reached.offset;
            self.reached.skip(bytes);
            if let Some(lineage) = &mut self.lineage {
                lineage.tail.pass(before, self.reached.offset, self.reached.tx.is_none());
            }
        }
    }

    /// The kind of the command that the parser found in `unread`. Selects the database if it is a SELECT.
    #[inline]
    fn kind(&mut self, unread: &[u8]) -> Result<Kind, ProtocolError> {
        let Some(PartsItem::Command(command)) = self.parser.item(unread) else { return Ok(Kind::Write) };
        let kind = Kind::of(command.name());
        match kind {
            Kind::Select => {
                let db = database(&command);
                let error = ProtocolError {
                    kind: ProtocolErrorKind::InvalidValue("database number after SELECT"),
                    offset: self.reached.offset,
                };
                self.reached.db = Some(db.ok_or(error)?);
            }
            Kind::Replconf if command.arg(1).is_some_and(is_getack) => return Ok(Kind::GetAck),
            _ => {}
        }
        Ok(kind)
    }

    /// The kind and transaction of the command that RREPLAY wraps. Each origin has transactions of its own. One that
    /// begins inside of another one's is not tracked.
    #[cold]
    fn wrapped(&mut self, unread: &[u8], length: usize) -> (Kind, Option<u64>) {
        let command = match self.parser.item(unread) {
            Some(PartsItem::Command(command)) => Wrapped::of(&command),
            _ => None,
        };
        let Some(wrapped) = command else { return (Kind::Write, self.reached.command(Kind::Write, length)) };
        let mut arguments = wrapped.short().into_iter().flatten();
        let kind = match Kind::of(arguments.next().unwrap_or_default()) {
            Kind::Replconf if arguments.next().is_some_and(is_getack) => Kind::GetAck,
            Kind::Select | Kind::Wrapped => Kind::Write,
            kind => kind,
        };
        self.reached.wrapped(kind, length, wrapped.origin)
    }

    /// The write that [`pass`](Self::pass) found at the front of `input`.
    #[inline(always)]
    pub(super) fn front_write<'a>(&'a self, input: &'a [u8], received_ms: Option<u64>) -> StreamCommand<'a> {
        let (tx, command) = (self.reached.tx, self.parser.front_command(input));
        self.reached.stream_command(tx, command, self.lineage.as_ref(), received_ms)
    }

    /// The event of another command that it found there.
    pub(super) fn front_event<'a>(&'a self, found: Found, input: &'a [u8], received_ms: Option<u64>) -> Event<'a> {
        let command = self.parser.front_command(input);
        self.reached.event(found.kind, found.tx, command, self.lineage.as_ref(), received_ms)
    }

    /// The event of a command or part that [`scan`](Self::scan) found in `input`.
    #[inline]
    pub(super) fn event<'a>(&'a self, found: Found, input: &'a [u8], received_ms: Option<u64>) -> Event<'a> {
        let shown = input.get(found.shown..).unwrap_or_default();
        let lineage = self.lineage.as_ref();
        match self.parser.item(shown) {
            Some(PartsItem::Command(command)) => {
                self.reached.event(found.kind, found.tx, command, lineage, received_ms)
            }
            Some(PartsItem::Part(part)) => Event::Part(self.part(found, part, received_ms)),
            None => Event::Idle(Idle { position: self.position() }),
        }
    }

    fn part<'a>(&'a self, found: Found, part: Part<'a>, received_ms: Option<u64>) -> StreamPart<'a> {
        StreamPart {
            part,
            db: self.reached.db,
            tx: found.tx,
            received_ms,
            offset: (found.kind == Kind::LastPart).then_some(self.reached.offset),
            lineage: self.lineage.as_ref(),
        }
    }
}

impl Reached {
    /// Offset and database after the last whole command outside a transaction.
    #[inline]
    fn resumable(&self) -> (u64, Option<u32>) {
        if self.tx.is_none() && !self.in_parts {
            return (self.offset, self.db);
        }
        self.before
    }

    /// Accounts for a whole command of `length` bytes: the offset and the transaction. Returns the transaction that the
    /// command belongs to.
    #[inline(always)]
    fn command(&mut self, kind: Kind, length: usize) -> Option<u64> {
        let after = self.offset + length as u64;
        if kind == Kind::Multi {
            self.before = self.resumable();
            self.tx = self.tx.or(Some(after));
        }
        self.offset = after;
        let tx = self.tx;
        if kind == Kind::Exec {
            self.tx = None;
        }
        tx
    }

    /// The same for a command that RREPLAY wraps, of the server `origin`.
    fn wrapped(&mut self, kind: Kind, length: usize, origin: &[u8]) -> (Kind, Option<u64>) {
        let after = self.offset + length as u64;
        let is_own = self.tx.is_some() && self.origin == *origin;
        let kind = match kind {
            Kind::Multi if self.tx.is_some() && !is_own => Kind::Write,
            Kind::Exec if !is_own => Kind::Write,
            kind => kind,
        };
        if kind == Kind::Multi {
            self.before = self.resumable();
            self.tx = self.tx.or(Some(after));
            self.origin = origin.try_into().unwrap_or(self.origin);
        }
        self.offset = after;
        let tx = self.tx.filter(|_| is_own || kind == Kind::Multi);
        if kind == Kind::Exec {
            self.tx = None;
        }
        (kind, tx)
    }

    /// Accounts for a whole command, and makes its event.
    #[inline(always)]
    fn found<'a>(
        &mut self,
        kind: Kind,
        command: Command<'a>,
        mut lineage: Option<&'a mut Lineage>,
        received_ms: Option<u64>,
    ) -> (Found, Event<'a>) {
        let length = command.raw().len();
        let tx = self.command(kind, length);
        if kind != Kind::Write {
            self.pass(kind, tx, length, lineage.as_deref_mut());
        }
        let lineage = lineage.map(|lineage| &*lineage);
        (Found { kind, tx, shown: 0, length }, self.event(kind, tx, command, lineage, received_ms))
    }

    /// Tells the history that a command of transaction `tx`, accounted for last, changes no data, unless it is a write.
    /// A transaction with a write has no such command after it: its bytes belong together.
    fn pass(&self, kind: Kind, tx: Option<u64>, length: usize, lineage: Option<&mut Lineage>) {
        let may_begin = match kind {
            Kind::Write | Kind::Part | Kind::LastPart | Kind::Wrapped => return,
            Kind::Exec => false,
            Kind::Multi => tx == Some(self.offset),
            Kind::Publish | Kind::Ping | Kind::Select | Kind::Replconf | Kind::GetAck => tx.is_none(),
        };
        if let Some(lineage) = lineage {
            lineage.tail.pass(self.offset - length as u64, self.offset, may_begin);
        }
    }

    /// Accounts for a part of a command.
    fn part(&mut self, used: usize, is_last: bool) -> Option<u64> {
        self.before = self.resumable();
        self.offset += used as u64;
        self.in_parts = !is_last;
        self.tx
    }

    /// Accounts for bytes between two commands. The stream can be resumed after them as after any command, whether they
    /// arrive with the next command or alone.
    #[inline]
    fn skip(&mut self, bytes: usize) {
        self.offset += bytes as u64;
    }

    /// The command that was accounted for last, at its position.
    #[inline(always)]
    fn stream_command<'a>(
        &self,
        tx: Option<u64>,
        command: Command<'a>,
        lineage: Option<&'a Lineage>,
        received_ms: Option<u64>,
    ) -> StreamCommand<'a> {
        let (offset, db, resumable) = (self.offset, self.db, self.tx.is_none());
        StreamCommand { offset, db, tx, received_ms, command, lineage, resumable }
    }

    /// The event of that command.
    #[inline(always)]
    fn event<'a>(
        &self,
        kind: Kind,
        tx: Option<u64>,
        command: Command<'a>,
        lineage: Option<&'a Lineage>,
        received_ms: Option<u64>,
    ) -> Event<'a> {
        let command = self.stream_command(tx, command, lineage, received_ms);
        match kind {
            Kind::Multi => Event::Multi(command),
            Kind::Exec => Event::Exec(command),
            kind if kind.is_control() => Event::Control(command),
            _ => Event::Command(command),
        }
    }
}

impl Kind {
    /// The kind of a command with this name, in any letter case. Length and first letter rule out all but a few
    /// commands.
    #[inline(always)]
    fn of(name: &[u8]) -> Self {
        match (name.len(), name.first().map(u8::to_ascii_lowercase)) {
            (4, Some(b'p')) if name.eq_ignore_ascii_case(b"PING") => Self::Ping,
            (4, Some(b'e')) if name.eq_ignore_ascii_case(b"EXEC") => Self::Exec,
            (5, Some(b'm')) if name.eq_ignore_ascii_case(b"MULTI") => Self::Multi,
            (7, Some(b'p')) if name.eq_ignore_ascii_case(b"PUBLISH") => Self::Publish,
            (8, Some(b's')) if name.eq_ignore_ascii_case(b"SPUBLISH") => Self::Publish,
            (7, Some(b'r')) if name.eq_ignore_ascii_case(b"RREPLAY") => Self::Wrapped,
            (6, Some(b's')) if name.eq_ignore_ascii_case(b"SELECT") => Self::Select,
            (8, Some(b'r')) if name.eq_ignore_ascii_case(b"REPLCONF") => Self::Replconf,
            _ => Self::Write,
        }
    }

    /// The same for a command whose event needs nothing but its name; `None` for any other.
    #[inline(always)]
    fn of_plain(name: &[u8]) -> Option<Self> {
        let kind = Self::of(name);
        matches!(kind, Self::Write | Self::Publish | Self::Multi | Self::Exec).then_some(kind)
    }

    const fn is_control(self) -> bool {
        matches!(self, Self::Ping | Self::Select | Self::Replconf | Self::GetAck)
    }
}

fn is_getack(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"GETACK")
}

fn database(command: &Command<'_>) -> Option<u32> {
    let text = core::str::from_utf8(command.arg(1)?).ok()?;
    text.parse().ok().filter(|_| command.argc() == 2)
}
