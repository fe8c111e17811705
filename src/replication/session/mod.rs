//! The session without I/O: takes received bytes and the time, returns events, bytes to send, and deadlines.

mod disconnect;
mod handshake;
mod lines;
mod memory;
mod outbox;
mod progress;
mod queue;
mod recorded;
mod request;
mod resync;
mod snapshot;
mod snapshot_transfer;
mod stream;

use core::ops::ControlFlow;
use core::time::Duration;

use crate::base::excerpt::Excerpt;
use crate::base::limits::Limits;
use crate::rdb::{Decoder, TemplateMemory};
use crate::replication::commits::Commits;
use crate::replication::error::SessionError;
use crate::replication::event::{DisconnectReason, Event, Idle, StreamCommand};
use crate::replication::millis::millis;
use crate::replication::options::{Credentials, Options, SnapshotForm, Start};
use crate::replication::position::Position;
use crate::replication::psync_request::PsyncRequest;
use crate::replication::session::handshake::{Handshake, Reply};
use crate::replication::session::outbox::Outbox;
pub use crate::replication::session::progress::{Closed, Heartbeat, Progress};
use crate::replication::session::queue::{Queue, Queued};
use crate::replication::session::request::{Purpose, Request};
use crate::replication::session::snapshot::{Framing, Snapshot};
use crate::replication::session::stream::{Found, Scan, Stream};

/// The replication protocol of one follower, over one connection after another, without bytes, socket or clock of its
/// own.
///
/// It is for callers with a receive buffer of their own. [`BufferedSession`](crate::io::BufferedSession) adds the
/// buffer, and is simpler to use: it decides when bytes are dropped, how far the buffer grows, and what happens to it
/// when a connection ends.
///
/// The caller connects, reads, writes and waits:
///
/// 1. Connect, then call [`connected`](Self::connected).
/// 2. Call [`poll`](Self::poll) with all unread bytes and the time, and do as the [`Progress`] requires.
/// 3. After each poll write [`to_send`](Self::to_send), and report it with [`sent`](Self::sent), in any number of
///    pieces.
/// 4. Wait until the socket is readable, or until [`deadline_ms`](Self::deadline_ms). If nothing arrived until then,
///    call [`silent`](Self::silent). Poll again in any case.
/// 5. When the connection ends, or cannot be made, call [`closed`](Self::closed), once everything that was read has
///    been polled. Do not call it for a connection that is dropped because of [`Progress::Reconnect`]: that would count
///    as another failure.
///
/// Times are milliseconds of one clock of the caller's choice that never runs backwards.
///
/// A session allocates nothing, so all its state is in the value: about 78 KB, most of it the window of compressed
/// strings in snapshots and the bytes to send. Box it. The hash templates of a snapshot are in memory of the caller,
/// `M`. A session has none until [`with_templates`](Self::with_templates).
///
/// ```
/// use redtail::replication::{Credentials, Progress, Session};
/// use redtail::Options;
///
/// let mut session = Session::new(Options::default());
/// session.connected(Credentials::default(), 0);
/// assert_eq!(session.poll(b"", 0), Progress::Space { at_least: 3 });
/// assert_eq!(session.to_send(), b"*1\r\n$4\r\nPING\r\n");
/// ```
#[derive(Debug, Clone)]
pub struct Session<M = [u8; 0]> {
    options: Options,
    phase: Phase,
    handshake: Handshake,
    stream: Stream,
    snapshot: Snapshot<M>,
    outbox: Outbox,
    queue: Queue,
    current: Current,
    consumed: usize,
    /// Bytes of this connection that were consumed before the stream.
    link_bytes: u64,
    /// Unread bytes after the last poll. If there are more, bytes have arrived.
    left: usize,
    /// The last position to resume from, as the caller knows it. While streaming, the stream has a newer one.
    position: Option<Position>,
    /// The position that an abandoned full resynchronisation has found.
    found: Option<Position>,
    /// What to start with while there is no position.
    start: Start,
    ever_attached: bool,
    /// Attempts in a row that received no byte of the stream.
    attempts: u32,
    /// Attempts in a row that ended with an unknown error message.
    unknown: u32,
    /// The number of snapshots in a row whose connection the primary closed before their end.
    cut_snapshots: u32,
    random: u64,
    recorded: bool,
    /// How the present connection was opened, once it is.
    psync_request: Option<PsyncRequest>,
    /// Whether the primary may be waiting for an acknowledgement before it starts the stream. Newlines are no bytes of
    /// the stream until then.
    awaits_first_byte: bool,
    commits: Commits,
    received_ms: Option<u64>,
    last_received_ms: u64,
    next_ack_ms: u64,
    /// The time of the last call.
    polled_ms: u64,
}

/// Between acknowledgements. The primary drops a replica that is silent for its `repl-timeout` (60 s).
const ACK_INTERVAL_MS: u64 = 1000;

/// Until the first byte of the stream after a snapshot with a mark. A primary forgets acknowledgements that arrive
/// before it has reaped the child that sent the snapshot, and starts the stream at the next one.
const FIRST_ACK_INTERVAL_MS: u64 = 100;

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Waits for a connection.
    Offline,
    /// Sends one command of the handshake after another.
    Handshake,
    /// Is about to send PSYNC or SYNC.
    Asking(Request),
    /// Waits for the reply to PSYNC or SYNC.
    Attaching(Request),
    /// Waits for the line before a snapshot.
    Header(Purpose),
    /// Reads a snapshot.
    Snapshot(Purpose),
    /// Reads the stream, of which no byte has arrived yet on this connection.
    Attached,
    /// Reads the stream. No event is queued.
    Stream,
    /// The connection is of no more use.
    Down {
        after: Duration,
    },
    Failed(SessionError),
    Ended,
}

/// The parts of the event that was found last.
#[derive(Debug, Clone, Copy)]
enum Current {
    Nothing,
    Queued(Queued),
    SnapshotBytes {
        start: usize,
        end: usize,
    },
    SnapshotItem {
        start: usize,
    },
    /// A write at the front of the input.
    Write,
    /// Another command there that the fast path found.
    Command(Found),
    Stream(Found),
}

/// What `advance` does next.
enum Step {
    Again,
    Event,
    Wait(usize),
}

impl Session {
    /// A session that is not connected yet.
    pub fn new(options: Options) -> Self {
        Self::in_memory(options, [])
    }

    /// A session over a bare command stream or an append-only file, with the offset before its first byte. Lines that
    /// begin with `#` are skipped. There is no history, so no event has a [`Position`].
    pub fn commands(options: Options, offset: u64) -> Self {
        let mut session = Self::new(options);
        session.recorded = true;
        session.stream = Stream::of_commands(&options, offset);
        session.phase = Phase::Attached;
        session
    }
}

impl<M: TemplateMemory> Session<M> {
    /// A session that is not connected yet, with this memory for hash templates.
    pub(crate) fn in_memory(options: Options, templates: M) -> Self {
        let position = match options.start {
            Start::At(position) => Some(position),
            _ => None,
        };
        let mut commits = Commits::new(options.ack);
        if let Some(position) = position {
            commits.begin(Some(position.history), position.offset);
        }
        Self {
            phase: Phase::Offline,
            handshake: Handshake::new(),
            stream: Stream::new(&options, None, 0, None),
            snapshot: Snapshot::new(Framing::Length(0), SnapshotForm::Bytes, false, Decoder::in_memory(templates)),
            outbox: Outbox::EMPTY,
            queue: Queue::EMPTY,
            current: Current::Nothing,
            consumed: 0,
            link_bytes: 0,
            left: 0,
            position,
            start: options.start,
            found: None,
            ever_attached: false,
            attempts: 0,
            unknown: 0,
            cut_snapshots: 0,
            random: options.seed,
            recorded: false,
            psync_request: None,
            awaits_first_byte: false,
            commits,
            received_ms: None,
            last_received_ms: 0,
            next_ack_ms: 0,
            polled_ms: 0,
            options,
        }
    }

    /// Sets the database of the first command, for a session made by [`commands`](Self::commands). A whole append-only
    /// file begins in database 0.
    #[must_use]
    pub fn in_database(mut self, db: u32) -> Self {
        self.stream.select(Some(db));
        self
    }

    /// The database selected; `None` while unknown.
    pub(crate) const fn database(&self) -> Option<u32> {
        self.stream.reached.db
    }

    /// The last time annotation (`#TS:`) of an append-only file before the last event, in Unix seconds.
    pub fn timestamp(&self) -> Option<u64> {
        self.stream.timestamp()
    }

    /// A connection was made: its handshake begins. The credentials are needed for this call only.
    pub fn connected(&mut self, credentials: Credentials<'_>, now_ms: u64) {
        if !matches!(self.phase, Phase::Offline | Phase::Down { .. }) {
            return;
        }
        self.outbox.clear();
        self.psync_request = None;
        self.link_bytes = 0;
        self.left = 0;
        self.last_received_ms = now_ms;
        // Twice in a row is no accident.
        let wants = (self.wants_filter(), self.cut_snapshots >= 2);
        self.phase = match self.handshake.begin(&self.options, wants, credentials, &mut self.outbox) {
            Ok(()) => Phase::Handshake,
            Err(error) => {
                self.fail(error);
                return;
            }
        };
    }

    /// The connection ended, or could not be made. Poll the bytes that were received before it first.
    pub fn closed(&mut self, how: Closed<'_>, now_ms: u64) {
        self.disconnected(how.reason(), now_ms);
    }

    /// As [`closed`](Self::closed), for a reason that was kept.
    pub(crate) fn disconnected(&mut self, reason: DisconnectReason, now_ms: u64) {
        self.last_received_ms = now_ms;
        self.lose(reason);
    }

    /// For how long nothing was received, at the time of the last call.
    pub(crate) const fn idle_ms(&self) -> u64 {
        self.polled_ms.saturating_sub(self.last_received_ms)
    }

    /// The limits of the options.
    pub(crate) const fn limits(&self) -> &Limits {
        &self.options.limits
    }

    /// A read was tried, and nothing arrived. After [`Options::silence`] of that the connection counts as lost.
    pub fn silent(&mut self, now_ms: u64) {
        let Some(limit) = self.options.silence else { return };
        if self.is_linked() && now_ms.saturating_sub(self.last_received_ms) >= millis(limit).max(1) {
            self.lose(DisconnectReason::Silence(limit));
        }
    }

    /// The `received_ms` that events carry from now on: by convention milliseconds since 1970, at the last read.
    pub fn stamp(&mut self, received_ms: u64) {
        self.received_ms = Some(received_ms);
    }

    /// Reads all unread bytes, from the first that was not [consumed](Self::consumed), to the first event.
    #[inline(always)]
    pub fn poll(&mut self, input: &[u8], now_ms: u64) -> Progress {
        self.begin(input.len(), now_ms);
        let Some(length) = self.pass(input) else { return self.poll_slow(input, now_ms) };
        self.consumed = length;
        self.finish(input.len(), now_ms);
        Progress::Event
    }

    #[inline(never)]
    fn poll_slow(&mut self, input: &[u8], now_ms: u64) -> Progress {
        self.consumed = 0;
        let progress = self.advance(input, now_ms);
        self.finish(input.len(), now_ms);
        progress
    }

    /// As [`poll`](Self::poll) for a command in the middle of the stream, as nearly all events are. Returns its length
    /// in bytes. On `None` nothing is consumed, and `poll` decides. For a caller that has polled before with the same
    /// time, and has received no bytes since.
    #[inline(always)]
    pub(crate) fn fast(&mut self, input: &[u8]) -> Option<usize> {
        let length = self.pass(input)?;
        self.left = input.len() - length;
        Some(length)
    }

    #[inline(always)]
    fn pass(&mut self, input: &[u8]) -> Option<usize> {
        if !self.is_streaming() {
            return None;
        }
        let (length, other) = self.stream.pass(input)?;
        match other {
            None => self.current = Current::Write,
            Some(found) => self.passed_other(found),
        }
        Some(length)
    }

    /// Not inlined: the step for a write then only stores what it is.
    #[inline(never)]
    fn passed_other(&mut self, found: Found) {
        self.current = Current::Command(found);
    }

    /// Delivers events at the front of all unread bytes to `each`, at most `limit` of them. Returns how many there
    /// were, and whether `each` ended the batch.
    ///
    /// Faster than [`poll`](Self::poll), but only for commands in the middle of the stream: every other event is left
    /// to `poll`. As with `poll`, drop [`consumed`](Self::consumed) bytes and send. All events of a batch have the same
    /// `now_ms`.
    #[inline]
    pub fn batch(
        &mut self,
        input: &[u8],
        now_ms: u64,
        limit: u32,
        mut each: impl FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> (u32, ControlFlow<()>) {
        self.begin(input.len(), now_ms);
        self.current = Current::Nothing;
        let (mut unread, mut events, mut flow) = (input, 0, ControlFlow::Continue(()));
        while self.is_streaming() && events < limit && flow.is_continue() {
            let before = events;
            while events < limit
                && flow.is_continue()
                && let Some((found, event)) = self.stream.fast(unread, self.received_ms)
            {
                unread = unread.get(found.length..).unwrap_or_default();
                events += 1;
                flow = each(event);
            }
            if events < limit
                && flow.is_continue()
                && let Some((found, event)) = self.stream.whole(unread, self.received_ms)
            {
                unread = unread.get(found.length..).unwrap_or_default();
                events += 1;
                flow = each(event);
            }
            if events == before {
                break;
            }
        }
        self.consumed = 0;
        self.consume(input.len() - unread.len());
        self.finish(input.len(), now_ms);
        (events, flow)
    }

    /// The event that [`poll`](Self::poll) found in `input`, which must be the same bytes.
    #[inline(always)]
    pub fn event<'a>(&'a self, input: &'a [u8]) -> Event<'a> {
        self.write(input).map_or_else(|| self.other_event(input), Event::Command)
    }

    /// That event, if it is a write, as nearly all are. A command is smaller than an event, and cheaper to return.
    #[inline(always)]
    pub(crate) fn write<'a>(&'a self, input: &'a [u8]) -> Option<StreamCommand<'a>> {
        matches!(self.current, Current::Write).then(|| self.stream.front_write(input, self.received_ms))
    }

    #[inline(never)]
    fn other_event<'a>(&'a self, input: &'a [u8]) -> Event<'a> {
        match self.current {
            Current::Nothing | Current::Write => self.idle(),
            Current::Command(found) => self.stream.front_event(found, input, self.received_ms),
            Current::Queued(queued) => queued.event(),
            Current::SnapshotBytes { start, end } => Event::SnapshotBytes(input.get(start..end).unwrap_or_default()),
            Current::SnapshotItem { start } => self
                .snapshot
                .item(input.get(start..).unwrap_or_default())
                .map_or_else(|| self.idle(), Event::SnapshotItem),
            Current::Stream(found) => self.stream.event(found, input, self.received_ms),
        }
    }

    /// How many bytes of the last poll's input were consumed.
    pub const fn consumed(&self) -> usize {
        self.consumed
    }

    /// The bytes to be sent.
    pub fn to_send(&self) -> &[u8] {
        self.outbox.bytes()
    }

    /// The first `count` bytes of [`to_send`](Self::to_send) were sent. An acknowledgement that they blocked may follow
    /// them.
    pub fn sent(&mut self, count: usize) {
        self.outbox.sent(count);
        self.answer();
    }

    /// Prepares the acknowledgement that is due, if one is, and finds no event. For a caller that can take none at the
    /// moment: it stops reading, calls this instead of `poll` at the [deadline](Self::deadline_ms), and sends.
    pub fn keep_alive(&mut self, now_ms: u64) {
        self.polled_ms = now_ms;
        if now_ms < self.next_ack_ms {
            return;
        }
        match self.heartbeat() {
            Some(Heartbeat::Newline) => {
                if self.outbox.is_empty() {
                    self.outbox.newline();
                }
                self.next_ack_ms = now_ms.saturating_add(ACK_INTERVAL_MS);
            }
            Some(Heartbeat::Ack(_)) => self.send_ack(self.stream.reached.offset, now_ms),
            None => {}
        }
    }

    /// When to poll again even if nothing arrives, on the clock of `now_ms`; `u64::MAX`: never.
    pub fn deadline_ms(&self) -> u64 {
        let silence = match self.options.silence {
            None => u64::MAX,
            // `silent` decides on silence. A caller that does not read at the moment can report none, and must not be
            // woken for it.
            Some(limit) => match self.last_received_ms.saturating_add(millis(limit).max(1)) {
                passed if passed <= self.polled_ms => self.polled_ms.saturating_add(ACK_INTERVAL_MS),
                to_come => to_come,
            },
        };
        match self.heartbeat() {
            Some(_) => self.next_ack_ms.min(silence),
            None => silence,
        }
    }

    /// The last position to resume from.
    pub fn position(&self) -> Option<Position> {
        match self.phase {
            Phase::Attached | Phase::Stream => self.stream.position(),
            _ => self.position,
        }
    }

    /// For [`Ack::Applied`](crate::Ack::Applied): everything up to this position is safely kept. A position of a
    /// history that a gap has ended is ignored. A position of a history before
    /// [`Rewound`](crate::AttachMethod::Rewound) counts up to the offset where that history was left.
    ///
    /// Bytes after the last committed event that no event delivers (PING, SELECT) are committed with it. If the
    /// primary has requested an acknowledgement, for example because a client waits in WAIT, and this commit reaches
    /// the requested offset, [`to_send`](Self::to_send) contains the acknowledgement at once.
    pub fn commit(&mut self, position: Position) {
        let reached = match self.phase {
            Phase::Attached | Phase::Stream => self.stream.reached.offset,
            _ => self.position.map_or(0, |position| position.offset),
        };
        // An offset that was not received yet must not count once it is.
        self.commits.commit(Position { offset: position.offset.min(reached), ..position });
        self.answer();
    }

    /// What is committed and acknowledged.
    #[inline]
    pub(crate) const fn commits(&self) -> &Commits {
        &self.commits
    }

    /// What keeps the connection alive at this moment; `None` while nothing may be sent out of turn.
    pub fn heartbeat(&self) -> Option<Heartbeat> {
        match self.received_heartbeat() {
            Some(Heartbeat::Ack(reached)) => Some(Heartbeat::Ack(self.commits.offset(reached))),
            other => other,
        }
    }

    /// As [`heartbeat`](Self::heartbeat), with the received offset whatever is to be acknowledged.
    #[inline]
    pub(crate) fn received_heartbeat(&self) -> Option<Heartbeat> {
        if self.recorded {
            return None;
        }
        match self.phase {
            Phase::Header(_) | Phase::Snapshot(_) => Some(Heartbeat::Newline),
            Phase::Attached | Phase::Stream => Some(Heartbeat::Ack(self.offset())),
            _ => None,
        }
    }

    /// Whether all bytes so far form complete units: no snapshot, command or handshake has begun and not ended. For the
    /// end of a recording.
    pub const fn is_whole(&self) -> bool {
        (self.is_attached() || matches!(self.phase, Phase::Ended)) && self.left == 0 && !self.stream.in_parts()
    }

    /// The received offset of the stream.
    #[inline]
    pub(crate) const fn offset(&self) -> u64 {
        self.stream.reached.offset
    }

    /// Whether the stream is read.
    const fn is_attached(&self) -> bool {
        matches!(self.phase, Phase::Attached | Phase::Stream)
    }

    #[inline(always)]
    const fn is_streaming(&self) -> bool {
        matches!(self.phase, Phase::Stream)
    }

    /// Begins a call that is given `length` bytes.
    #[inline(always)]
    fn begin(&mut self, length: usize, now_ms: u64) {
        if length > self.left {
            self.last_received_ms = now_ms;
        }
        self.polled_ms = now_ms;
    }

    /// Ends a call that was given `length` bytes. An acknowledgement that is merely due is prepared last: it must not
    /// block one that the primary asked for.
    #[inline(always)]
    fn finish(&mut self, length: usize, now_ms: u64) {
        self.left = length - self.consumed;
        if now_ms >= self.next_ack_ms {
            self.keep_alive(now_ms);
        }
    }

    fn advance(&mut self, input: &[u8], now_ms: u64) -> Progress {
        loop {
            if let Some(queued) = self.queue.pop() {
                self.current = Current::Queued(queued);
                return Progress::Event;
            }
            let unread = input.get(self.consumed..).unwrap_or_default();
            let step = match self.phase {
                Phase::Attached | Phase::Stream => self.read_stream(unread),
                Phase::Snapshot(purpose) => self.read_snapshot(purpose, unread, now_ms),
                Phase::Handshake => self.read_reply(unread),
                Phase::Asking(request) => self.ask(request),
                Phase::Attaching(request) => self.read_answer(request, unread, now_ms),
                Phase::Header(purpose) => self.read_header(purpose, unread),
                Phase::Offline => return Progress::Reconnect { after: Duration::ZERO },
                Phase::Down { after } => return Progress::Reconnect { after },
                Phase::Failed(error) => return Progress::Failed(error),
                Phase::Ended => return Progress::Ended,
            };
            match step {
                Step::Again => {}
                Step::Event => return Progress::Event,
                Step::Wait(at_least) => return Progress::Space { at_least },
            }
        }
    }

    fn read_reply(&mut self, unread: &[u8]) -> Step {
        let (used, heard) = self.handshake.read(unread, self.link_bytes, &self.options, &mut self.outbox);
        self.consume(used);
        match heard {
            Reply::Part { needed } => Step::Wait(needed),
            Reply::Next => Step::Again,
            Reply::All => self.choose_request(),
            Reply::Refusal { verdict, message } => self.refused(verdict, message),
            Reply::Broken(error) => self.fail(error),
        }
    }

    fn idle(&self) -> Event<'_> {
        Event::Idle(Idle { position: self.position() })
    }

    /// Bytes of the stream were received.
    fn on_progress(&mut self) {
        self.phase = Phase::Stream;
        self.awaits_first_byte = false;
        (self.attempts, self.unknown) = (0, 0);
    }

    #[inline]
    fn read_stream(&mut self, unread: &[u8]) -> Step {
        // A primary whose snapshot child died after the mark sends newlines until it closes.
        let unread = if self.awaits_first_byte { self.skip(unread, b"\n") } else { unread };
        let before = self.stream.reached.offset;
        let (used, scan) = match self.stream.scan(unread, self.consumed) {
            Ok(result) => result,
            Err(source) => return self.no_command(unread, source),
        };
        if used > 0 {
            self.consume(used);
            self.on_progress();
        }
        match scan {
            Scan::Found { found, skipped } => {
                let is_unseen = found.is_control() && !self.options.control;
                let unseen = if is_unseen { used } else { skipped };
                self.commits.pass(before, before + unseen as u64);
                if found.asks_for_ack() && !self.recorded {
                    // As a replica does, before the bytes of the question itself are counted.
                    let asked = self.stream.reached.offset - found.length as u64;
                    self.commits.ask(asked);
                    self.prepare_ack(asked);
                }
                if is_unseen {
                    return Step::Again;
                }
                self.current = Current::Stream(found);
                Step::Event
            }
            Scan::Part { needed } => {
                self.commits.pass(before, self.stream.reached.offset);
                Step::Wait(needed)
            }
        }
    }

    /// Prepares the acknowledgement that the primary waits for, if everything up to the requested offset is committed.
    fn answer(&mut self) {
        if self.is_attached() && self.commits.is_awaited(self.stream.reached.offset) {
            self.prepare_ack(self.stream.reached.offset);
        }
    }

    /// An acknowledgement that the one before it still blocks is left out: the next says as much. If the primary waits
    /// for it, it follows the one that blocks it.
    fn send_ack(&mut self, reached: u64, now_ms: u64) {
        if self.recorded {
            return;
        }
        let interval = if self.awaits_first_byte { FIRST_ACK_INTERVAL_MS } else { ACK_INTERVAL_MS };
        self.next_ack_ms = now_ms.saturating_add(interval);
        self.prepare_ack(reached);
    }

    /// The acknowledgement of each second is due all the same. A primary that shuts down requests one each second, and
    /// the reply never contains the bytes of the request: only the acknowledgement between two requests does.
    fn prepare_ack(&mut self, reached: u64) {
        // A newline that is not sent yet is no acknowledgement.
        if !matches!(self.outbox.bytes(), b"" | b"\n") {
            return;
        }
        let text: Excerpt<20> = Excerpt::of(self.commits.acknowledge(reached));
        // The outbox is nearly empty, and larger than any acknowledgement.
        let _ = self.outbox.command(&[b"REPLCONF", b"ACK", text.as_bytes()]);
    }

    pub(crate) const fn is_linked(&self) -> bool {
        !self.is_over() && !matches!(self.phase, Phase::Offline | Phase::Down { .. })
    }

    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Failed(_) | Phase::Ended)
    }

    fn consume(&mut self, count: usize) {
        self.consumed += count;
        self.link_bytes += count as u64;
    }
}
