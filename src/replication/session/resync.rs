//! From the handshake to the first byte of the stream: what to ask for, and what the primary makes of it.

use core::time::Duration;

use crate::base::error::{Byte, ProtocolError, ProtocolErrorKind};
use crate::base::excerpt::Excerpt;
use crate::base::limits::FILTERED_SNAPSHOT;
use crate::replication::error::{SessionError, SessionStage};
use crate::replication::event::{
    AttachMethod, Attached, DisconnectReason, ForkReason, Forking, Gap, SnapshotBegin, SnapshotEnd,
};
use crate::replication::info;
use crate::replication::info::Info;
use crate::replication::options::{OnGap, SnapshotForm, Start};
use crate::replication::position::{Lineage, Position, ReplicationId};
use crate::replication::psync_request::Opening;
use crate::replication::reply::{Asked, judge};
use crate::replication::session::queue::Queued;
use crate::replication::session::snapshot::{Framing, HEADER_LENGTH, Next, Snapshot};
use crate::replication::session::stream::Stream;
use crate::replication::session::{ACK_INTERVAL_MS, Current, Phase, Session, Step};

/// Said of a place that was told on one link and refused on the next.
const TOO_LATE: &[u8] = b"the place it told a moment ago has left its backlog";

const OUT_OF_STEP: &[u8] = b"it is a replica, and its own link is down or not in step yet";

/// What is asked of the primary.
#[derive(Debug, Clone, Copy)]
pub(super) enum Request {
    /// A snapshot without data, then the stream.
    Filtered,
    /// The data set, then the stream.
    Snapshot,
    /// The same in the old way.
    Sync,
    /// A snapshot that will be abandoned: only the line before it counts.
    Probe,
    /// The stream after the place INFO told.
    Info(Position),
    /// The stream after the place a probe told.
    Probed(Position),
    /// The stream after the place reached before.
    Resume(Position),
    /// Nothing: what comes was recorded, with this offset before its stream if the recording does not tell it.
    Recorded { offset: Option<u64> },
    /// Nothing: what comes was recorded on a link that was opened like this.
    Opened(Opening),
}

/// What a snapshot is for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// The caller wants it.
    Deliver,
    /// It tells where the stream stands; after a loss of history since this place.
    Learn { gap: Option<Position> },
}

impl Session {
    /// A filter makes a refused PSYNC cost a few hundred bytes instead of the data set.
    pub(super) const fn wants_filter(&self) -> bool {
        match (self.position, self.start) {
            (Some(_), _) => !matches!(self.options.on_gap, OnGap::Snapshot),
            (None, Start::Snapshot | Start::Sync) => false,
            (None, _) => true,
        }
    }

    /// The handshake is over: what to ask for now.
    pub(super) fn choose_request(&mut self) -> Step {
        if let Some(found) = self.found.take() {
            return self.ask_next(Request::Probed(found));
        }
        match (self.position, self.start) {
            (Some(position), Start::NowWithoutFork) => self.resume_without_fork(position),
            (Some(position), _) if self.would_dump_for_nothing(&position) => self.resume_without_fork(position),
            (Some(position), _) => self.ask_next(Request::Resume(position)),
            (None, Start::Snapshot) => self.fork(ForkReason::Snapshot, Request::Snapshot),
            (None, Start::Sync) => self.fork(ForkReason::Snapshot, Request::Sync),
            (None, Start::NowWithoutFork) => self.ask_info(false),
            (None, Start::Now | Start::At(_)) if self.handshake.is_filtered() => {
                self.fork(ForkReason::Filtered, Request::Filtered)
            }
            (None, Start::Now | Start::At(_)) => self.ask_info(self.options.allow_probe),
        }
    }

    /// The way for servers without the filter, and for those who want no fork.
    fn ask_info(&mut self, probe: bool) -> Step {
        if self.handshake.info().is_some_and(Info::is_out_of_step) {
            return self.lose(DisconnectReason::Refused(Excerpt::new(OUT_OF_STEP)));
        }
        match self.handshake.info().map(Info::now) {
            Some(Some(position)) => self.ask_next(Request::Info(position)),
            _ if probe && self.options.single_link => self.fail(SessionError::SecondLinkNeeded),
            _ if probe => self.fork(ForkReason::Probe, Request::Probe),
            Some(None) => self.fail(SessionError::NoBacklog),
            None => self.fail(SessionError::InfoNeeded),
        }
    }

    /// Without the filter a refused PSYNC makes the server dump its data set. Where INFO says that it would refuse, and from where it
    /// would go on, there is no need to ask.
    fn would_dump_for_nothing(&self, position: &Position) -> bool {
        let refuses = |info: &Info| info.now().is_some() && !info.covers(position);
        !self.handshake.is_filtered()
            && self.options.on_gap != OnGap::Snapshot
            && self.handshake.info().is_some_and(refuses)
    }

    fn resume_without_fork(&mut self, from: Position) -> Step {
        let Some(info) = self.handshake.info().copied() else { return self.fail(SessionError::InfoNeeded) };
        if info.covers(&from) {
            return self.ask_next(Request::Resume(from));
        }
        if info.is_out_of_step() {
            return self.lose(DisconnectReason::Refused(Excerpt::new(OUT_OF_STEP)));
        }
        let Some(to) = info.shown() else { return self.fail(SessionError::InfoNeeded) };
        match self.gap(from, to) {
            OnGap::Stop => Step::Again,
            OnGap::Snapshot => self.fork(ForkReason::Snapshot, Request::Snapshot),
            // What it shows without a backlog is dead: no place to resume from.
            OnGap::Continue if info.now().is_none() => {
                self.position = Some(from);
                self.fail(SessionError::NoBacklog)
            }
            OnGap::Continue => self.ask_info(false),
        }
    }

    /// Reports the loss of everything between two places, and makes ready for what was chosen.
    fn gap(&mut self, from: Position, to: Position) -> OnGap {
        let gap = Gap::between(from, to);
        self.queue.push(Queued::Gap(gap));
        match self.options.on_gap {
            OnGap::Stop => {
                self.fail(SessionError::HistoryLost(gap));
            }
            OnGap::Snapshot => {
                self.position = None;
                self.start = Start::Snapshot;
            }
            OnGap::Continue => self.position = Some(to),
        }
        // It counted offsets before the gap.
        self.committed = 0;
        self.options.on_gap
    }

    fn fork(&mut self, reason: ForkReason, request: Request) -> Step {
        let info = self.handshake.info();
        let forking = Forking {
            reason,
            used_memory: info.and_then(|info| info.used_memory),
            last_fork: info.and_then(|info| info.last_fork),
        };
        self.queue.push(Queued::Forking(forking));
        self.ask_next(request)
    }

    fn ask_next(&mut self, request: Request) -> Step {
        self.phase = Phase::Asking(request);
        Step::Again
    }

    pub(super) fn ask(&mut self, request: Request) -> Step {
        let sent = match request {
            Request::Filtered | Request::Snapshot | Request::Probe => self.outbox.command(&[b"PSYNC", b"?", b"-1"]),
            Request::Sync => self.outbox.command(&[b"SYNC"]),
            Request::Info(from) | Request::Probed(from) | Request::Resume(from) => {
                // PSYNC names the first byte it wants, a position the last byte it has.
                let next: Excerpt<20> = Excerpt::of(from.offset.saturating_add(1));
                self.outbox.command(&[b"PSYNC", from.replid.as_str().as_bytes(), next.as_bytes()])
            }
            Request::Recorded { .. } | Request::Opened(_) => Ok(()),
        };
        // The handshake has left the outbox empty, and it is larger than any of these; but for who answers what was never sent.
        if sent.is_err() {
            return self.unexpected(request, b"the server answered before it was asked");
        }
        self.open(request);
        self.phase = Phase::Attaching(request);
        Step::Again
    }

    // ---- the answer -----------------------------------------------------------------------------------------------

    pub(super) fn read_answer(&mut self, request: Request, unread: &[u8], now_ms: u64) -> Step {
        let unread = self.skip_newlines(unread);
        if unread.first() == Some(&b'$') && request.may_be_sync() {
            self.next_ack_ms = now_ms.saturating_add(ACK_INTERVAL_MS);
            return self.begin_sync(match request {
                Request::Recorded { offset } => offset.unwrap_or(0),
                _ => 0,
            });
        }
        let (line, used) = match self.line(unread, SessionStage::Handshake, self.options.limits.line) {
            Ok(Some(found)) => found,
            Ok(None) => return Step::Wait(1),
            Err(error) => return self.fail(error),
        };
        self.consume(used);
        let mut words = line.split(|&b| b == b' ');
        match (words.next().unwrap_or_default(), words.next(), words.next(), words.next()) {
            (b"+CONTINUE", replid, None, None) => {
                let replid = match replid.map(ReplicationId::from_bytes) {
                    None => None,
                    Some(Some(replid)) => Some(replid),
                    Some(None) => return self.unexpected(request, line),
                };
                self.go_on(request, replid, line, now_ms)
            }
            (b"+FULLRESYNC", Some(replid), Some(offset), None) => {
                let offset = core::str::from_utf8(offset).ok().and_then(|text| text.parse::<u64>().ok());
                match (ReplicationId::from_bytes(replid), offset) {
                    (Some(replid), Some(offset)) if offset < i64::MAX as u64 => {
                        self.next_ack_ms = now_ms.saturating_add(ACK_INTERVAL_MS);
                        self.start_over(request, replid, offset)
                    }
                    _ => self.unexpected(request, line),
                }
            }
            _ => match line.strip_prefix(b"-") {
                Some(words) => self.error_line(request.asked(), words),
                None => self.unexpected(request, line),
            },
        }
    }

    /// `+CONTINUE`: the stream goes on at the very next byte.
    fn go_on(&mut self, request: Request, replid: Option<ReplicationId>, line: &[u8], now_ms: u64) -> Step {
        let (from, method) = match request {
            Request::Info(from) => (from, AttachMethod::Info),
            Request::Probed(from) => (from, AttachMethod::Probed),
            Request::Resume(from) => (from, AttachMethod::Continued),
            Request::Recorded { offset } => {
                let known = replid.zip(offset).map(|(id, _)| Lineage { replid: id, history: id });
                return self.attach(known, offset.unwrap_or(0), None, AttachMethod::Continued, now_ms);
            }
            Request::Opened(opening) => return self.go_on_recorded(opening, replid, line, now_ms),
            Request::Filtered | Request::Snapshot | Request::Sync | Request::Probe => {
                return self.unexpected(request, line);
            }
        };
        let lineage = Lineage { replid: replid.unwrap_or(from.replid), history: from.history };
        self.attach(Some(lineage), from.offset, from.db, method, now_ms)
    }

    /// `+FULLRESYNC`: a snapshot comes, wanted or not.
    fn start_over(&mut self, request: Request, replid: ReplicationId, offset: u64) -> Step {
        let to = Position { replid, offset, db: None, history: replid };
        let lineage = Lineage { replid, history: replid };
        match request {
            Request::Sync => self.unexpected(request, b"+FULLRESYNC"),
            Request::Snapshot | Request::Recorded { .. } => self.begin_snapshot(lineage, offset),
            Request::Filtered => self.learn(lineage, offset, None),
            Request::Probe => self.abandon(to),
            Request::Opened(opening) => self.start_over_recorded(opening, to),
            Request::Info(_) | Request::Probed(_) | Request::Resume(_) => self.lost_history(request, to),
        }
    }

    /// The server has not the history that was asked for.
    fn lost_history(&mut self, request: Request, to: Position) -> Step {
        let lineage = Lineage { replid: to.replid, history: to.replid };
        let filtered = self.handshake.is_filtered();
        let Some(from) = self.position else {
            // The place was found a moment ago and nothing was told yet, so nothing is lost but the attempt.
            return match filtered {
                true => self.learn(lineage, to.offset, None),
                false => self.lose(DisconnectReason::Refused(Excerpt::new(TOO_LATE))),
            };
        };
        if filtered && self.options.on_gap == OnGap::Continue {
            // The gap is reported once the snapshot has told the database too.
            return self.learn(lineage, to.offset, Some(from));
        }
        match self.gap(from, to) {
            OnGap::Stop => Step::Again,
            OnGap::Snapshot => self.begin_snapshot(lineage, to.offset),
            OnGap::Continue if self.options.single_link => self.fail(SessionError::SecondLinkNeeded),
            // A second refusal in a row counts as a failed attempt, so that a third comes after a pause or not at all: each one forks.
            OnGap::Continue if matches!(request, Request::Probed(_)) => {
                self.found = Some(to);
                self.lose(DisconnectReason::Refused(Excerpt::new(TOO_LATE)))
            }
            OnGap::Continue => self.abandon(to),
        }
    }

    /// Leaves an unwanted snapshot on the primary's side, and asks for the stream after it on another link.
    fn abandon(&mut self, to: Position) -> Step {
        self.found = Some(to);
        self.outbox.clear();
        self.phase = Phase::Down { after: Duration::ZERO };
        Step::Again
    }

    fn begin_sync(&mut self, offset: u64) -> Step {
        self.stream = Stream::new(&self.options, None, offset, None);
        self.announce(AttachMethod::Sync);
        self.phase = Phase::Header(Purpose::Deliver);
        Step::Again
    }

    pub(super) fn begin_snapshot(&mut self, lineage: Lineage, offset: u64) -> Step {
        self.stream = Stream::new(&self.options, Some(lineage), offset, None);
        self.announce(AttachMethod::Full);
        self.phase = Phase::Header(Purpose::Deliver);
        Step::Again
    }

    pub(super) fn learn(&mut self, lineage: Lineage, offset: u64, gap: Option<Position>) -> Step {
        self.stream = Stream::new(&self.options, Some(lineage), offset, None);
        self.phase = Phase::Header(Purpose::Learn { gap });
        Step::Again
    }

    pub(super) fn attach(
        &mut self,
        lineage: Option<Lineage>,
        offset: u64,
        db: Option<u32>,
        method: AttachMethod,
        now_ms: u64,
    ) -> Step {
        // What was committed past this place is void; what comes at its offsets now may be something else.
        self.committed = self.committed.min(offset);
        self.awaits_first_byte = false;
        self.stream = Stream::new(&self.options, lineage, offset, db);
        self.follow(now_ms);
        self.announce(method);
        Step::Again
    }

    /// The stream begins at the next byte.
    fn follow(&mut self, now_ms: u64) {
        self.phase = Phase::Stream;
        self.position = self.stream.position();
        self.send_ack(self.stream.reached.offset, now_ms);
    }

    fn announce(&mut self, method: AttachMethod) {
        self.ever_attached = true;
        let stream = &self.stream;
        let told = self.snapshot.told();
        let opening = self.opening;
        let server = self.handshake.server().or(opening.and_then(|opening| opening.server));
        let attached = Attached {
            method,
            replid: stream.lineage.map(|lineage| lineage.replid),
            history: stream.lineage.map(|lineage| lineage.history),
            offset: stream.reached.offset,
            db: stream.reached.db,
            position: stream.position().filter(|_| matches!(self.phase, Phase::Stream)),
            server: server.or_else(|| match method {
                AttachMethod::Filtered => info::server(told.redis_version, told.valkey_version),
                _ => None,
            }),
            role: self.handshake.info().map_or(opening.and_then(|opening| opening.role), |info| info.role),
        };
        self.queue.push(Queued::Attached(attached));
    }

    // ---- the snapshot ---------------------------------------------------------------------------------------------

    pub(super) fn read_header(&mut self, purpose: Purpose, unread: &[u8]) -> Step {
        let unread = self.skip_newlines(unread);
        let is_error = unread.first() == Some(&b'-');
        let limit = if is_error { self.options.limits.line } else { HEADER_LENGTH };
        if let Some(&found) = unread.first().filter(|&&b| b != b'$' && b != b'-') {
            let kind = ProtocolErrorKind::Unexpected { expected: "'$' before a snapshot", found: Byte(found) };
            return self.fail(self.broken(SessionStage::SnapshotHeader, kind));
        }
        let (line, used) = match self.line(unread, SessionStage::SnapshotHeader, limit) {
            Ok(Some(found)) => found,
            Ok(None) => return Step::Wait(1),
            Err(error) => return self.fail(error),
        };
        if let Some(words) = line.strip_prefix(b"-") {
            self.consume(used);
            return self.error_line(Asked::Psync, words);
        }
        let Some(framing) = Framing::read(line) else {
            let kind = ProtocolErrorKind::InvalidLength("a snapshot begins with $<length> or $EOF:<mark of 40 bytes>");
            return self.fail(self.broken(SessionStage::SnapshotHeader, kind));
        };
        self.consume(used);
        let form = match purpose {
            Purpose::Deliver => self.options.snapshot,
            Purpose::Learn { .. } => SnapshotForm::Bytes,
        };
        self.snapshot = Snapshot::new(framing, form, self.options.lenient);
        self.phase = Phase::Snapshot(purpose);
        if matches!(purpose, Purpose::Deliver) {
            self.queue.push(Queued::SnapshotBegin(SnapshotBegin {
                replid: self.stream.lineage.map(|lineage| lineage.replid),
                offset: self.stream.reached.offset,
                length: self.snapshot.length(),
            }));
        }
        Step::Again
    }

    pub(super) fn read_snapshot(&mut self, purpose: Purpose, unread: &[u8], now_ms: u64) -> Step {
        match self.snapshot.next(unread) {
            Next::Need(needed) => Step::Wait(needed),
            Next::Broken(error) => self.fail(error),
            Next::Passed(count) => {
                self.consume(count);
                Step::Again
            }
            Next::Item(count) => {
                let start = self.consumed;
                self.consume(count);
                self.current = Current::SnapshotItem { start };
                Step::Event
            }
            Next::Data(count) => {
                let start = self.consumed;
                self.consume(count);
                match purpose {
                    Purpose::Deliver => {
                        self.current = Current::SnapshotBytes { start, end: start + count };
                        Step::Event
                    }
                    Purpose::Learn { .. } if self.snapshot.received() > FILTERED_SNAPSHOT => {
                        self.fail(SessionError::SnapshotNotEmpty { limit: FILTERED_SNAPSHOT })
                    }
                    Purpose::Learn { .. } => Step::Again,
                }
            }
            Next::End(frame) => {
                self.consume(frame);
                self.stream.select(self.snapshot.told().stream_db);
                self.awaits_first_byte = frame > 0;
                if let (Purpose::Learn { gap: Some(from) }, Some(to)) = (purpose, self.stream.position()) {
                    self.gap(from, to);
                }
                self.follow(now_ms);
                match purpose {
                    Purpose::Learn { .. } => self.announce(AttachMethod::Filtered),
                    Purpose::Deliver => self.queue.push(Queued::SnapshotEnd(SnapshotEnd {
                        bytes: self.snapshot.received(),
                        offset: self.stream.reached.offset,
                        db: self.stream.reached.db,
                        position: self.stream.position(),
                    })),
                }
                Step::Again
            }
        }
    }

    // ---- helpers --------------------------------------------------------------------------------------------------

    fn skip_newlines<'a>(&mut self, unread: &'a [u8]) -> &'a [u8] {
        let count = unread.iter().take_while(|&&b| b == b'\n' || b == b'\r').count();
        self.consume(count);
        unread.get(count..).unwrap_or_default()
    }

    /// The first line of `unread` without its end, and its whole length; `None` while its end has not come.
    fn line<'a>(
        &self,
        unread: &'a [u8],
        stage: SessionStage,
        limit: usize,
    ) -> Result<Option<(&'a [u8], usize)>, SessionError> {
        let end = memchr::memchr(b'\n', unread);
        let line = unread.get(..end.unwrap_or(unread.len())).unwrap_or_default();
        let text = line.strip_suffix(b"\r").unwrap_or(line);
        if text.len() > limit {
            return Err(self.broken(stage, ProtocolErrorKind::LineTooLong { limit }));
        }
        Ok(end.map(|end| (text, end + 1)))
    }

    fn broken(&self, stage: SessionStage, kind: ProtocolErrorKind) -> SessionError {
        SessionError::Protocol { stage, source: ProtocolError { kind, offset: self.link_bytes } }
    }

    fn error_line(&mut self, asked: Asked, words: &[u8]) -> Step {
        if self.recorded && self.opening.is_some() {
            return self.refused_recorded(DisconnectReason::Refused(Excerpt::new(words)));
        }
        self.refused(judge(asked, words), Excerpt::new(words))
    }

    pub(super) fn unexpected(&mut self, request: Request, answer: &[u8]) -> Step {
        self.fail(SessionError::Unexpected { asked: request.asked().name(), answer: Excerpt::new(answer) })
    }
}

impl Request {
    /// Whether a snapshot may come without a line before it.
    const fn may_be_sync(&self) -> bool {
        matches!(self, Self::Sync | Self::Recorded { .. } | Self::Opened(Opening { method: AttachMethod::Sync, .. }))
    }

    const fn asked(self) -> Asked {
        match self {
            Self::Sync | Self::Opened(Opening { method: AttachMethod::Sync, .. }) => Asked::Sync,
            _ => Asked::Psync,
        }
    }
}
