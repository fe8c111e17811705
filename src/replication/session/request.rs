//! Chooses what to ask of the primary, and asks it.

use crate::base::excerpt::Excerpt;
use crate::rdb::TemplateMemory;
use crate::replication::error::SessionError;
use crate::replication::event::{AttachMethod, DisconnectReason, ForkReason, Forking, Gap};
use crate::replication::info::Info;
use crate::replication::options::{OnGap, Start};
use crate::replication::position::Position;
use crate::replication::psync_request::PsyncRequest;
use crate::replication::reply::Question;
use crate::replication::session::queue::Queued;
use crate::replication::session::{Phase, Session, Step};

/// The reason of a disconnect from a replica that can't serve the stream.
const OUT_OF_STEP: &[u8] = b"it is a replica, and its own link is down or not in step yet";

/// A request to the primary.
#[derive(Debug, Clone, Copy)]
pub(super) enum Request {
    /// A snapshot without data, then the stream.
    Filtered,
    /// The data set, then the stream.
    Snapshot,
    /// The same with SYNC.
    Sync,
    /// A snapshot to abandon after its first line, which has the position.
    Probe,
    /// The stream after the position in INFO.
    Info(Position),
    /// The stream after the position of a probe.
    Probed(Position),
    /// The stream after the position reached before.
    Resume(Position),
    /// The stream after the position at which the primary's history begins. Nothing received after it changes data.
    Rewound(Position),
    /// None: the bytes were recorded, with this offset before the stream if the recording has none.
    Recorded { offset: Option<u64> },
    /// None: the bytes were recorded on a connection with this request.
    Opened(PsyncRequest),
}

/// The purpose of a snapshot.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// It is delivered to the caller.
    Deliver,
    /// It has the position of the stream; `gap` is the last position before lost history.
    Learn { gap: Option<Position> },
}

impl<M: TemplateMemory> Session<M> {
    /// With a filter, a refused PSYNC costs a few hundred bytes instead of the data set.
    pub(super) const fn wants_filter(&self) -> bool {
        match (self.position, self.start) {
            (Some(_), _) => !matches!(self.options.on_gap, OnGap::Snapshot),
            (None, Start::Snapshot | Start::Sync) => false,
            (None, _) => true,
        }
    }

    /// Chooses the request after the handshake.
    pub(super) fn choose_request(&mut self) -> Step {
        if let Some(found) = self.found.take() {
            return self.ask_next(Request::Probed(found));
        }
        if let Some(parting) = self.parting() {
            return self.ask_next(Request::Rewound(parting));
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

    /// By INFO, the point before the position at which the histories part, if nothing between the two changes data.
    fn parting(&self) -> Option<Position> {
        self.handshake.info()?.parting(&self.position?)
    }

    /// For servers without the filter, and for a start without a fork.
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

    /// Without the filter a refused PSYNC makes the server dump its data set. Where INFO shows the refusal and the
    /// position, PSYNC is not sent.
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
        let lacks_backlog = self.options.on_gap == OnGap::Continue && info.now().is_none();
        if lacks_backlog && self.survives(SessionError::NoBacklog) {
            // The gap is delivered once the stream can continue.
            return self.fail(SessionError::NoBacklog);
        }
        match self.gap(from, to) {
            OnGap::Stop => Step::Again,
            OnGap::Snapshot => self.fork(ForkReason::Snapshot, Request::Snapshot),
            // Without a backlog the position in INFO can't be resumed from.
            OnGap::Continue if info.now().is_none() => {
                self.position = Some(from);
                self.fail(SessionError::NoBacklog)
            }
            OnGap::Continue => self.ask_info(false),
        }
    }

    /// Reports the gap between two positions, and prepares the chosen reaction.
    pub(super) fn gap(&mut self, from: Position, to: Position) -> OnGap {
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
        // Its offsets were those before the gap.
        self.commits.end(self.position.map(|position| position.history));
        self.options.on_gap
    }

    pub(super) fn fork(&mut self, reason: ForkReason, request: Request) -> Step {
        let info = self.handshake.info();
        let forking = Forking {
            reason,
            used_memory: info.and_then(|info| info.used_memory),
            last_fork: info.and_then(|info| info.last_fork),
            server: self.handshake.server(),
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
            Request::Info(from) | Request::Probed(from) | Request::Resume(from) | Request::Rewound(from) => {
                // PSYNC names the first byte it wants, a position the last byte it has.
                let next: Excerpt<20> = Excerpt::of(from.offset.saturating_add(1));
                self.outbox.command(&[b"PSYNC", from.replid.as_str().as_bytes(), next.as_bytes()])
            }
            Request::Recorded { .. } | Request::Opened(_) => Ok(()),
        };
        // The outbox is empty after the handshake, and larger than each of these, unless a server answered an unsent
        // request.
        if sent.is_err() {
            return self.unexpected(request, b"the server answered before it was asked");
        }
        self.open(request);
        self.phase = Phase::Attaching(request);
        Step::Again
    }
}

impl Request {
    /// Whether a snapshot may arrive without a line before it.
    pub(super) const fn may_be_sync(&self) -> bool {
        matches!(
            self,
            Self::Sync | Self::Recorded { .. } | Self::Opened(PsyncRequest { method: AttachMethod::Sync, .. })
        )
    }

    pub(super) const fn asked(self) -> Question {
        match self {
            Self::Sync | Self::Opened(PsyncRequest { method: AttachMethod::Sync, .. }) => Question::Sync,
            _ => Question::Psync,
        }
    }
}
