//! The answer to PSYNC or SYNC: the stream continues, or a full resynchronisation begins.

use core::time::Duration;

use crate::base::excerpt::Excerpt;
use crate::rdb::TemplateMemory;
use crate::replication::error::{SessionError, SessionStage};
use crate::replication::event::{AttachMethod, Attached, DisconnectReason};
use crate::replication::options::OnGap;
use crate::replication::position::{Lineage, Position, ReplicationId};
use crate::replication::server::Server;
use crate::replication::session::queue::Queued;
use crate::replication::session::request::{Purpose, Request};
use crate::replication::session::stream::Stream;
use crate::replication::session::{ACK_INTERVAL_MS, Phase, Session, Step};

/// The reason of a disconnect from a primary that gave a position on one connection and refused it on the next.
const TOO_LATE: &[u8] = b"the position it gave a moment ago has left its backlog";

impl<M: TemplateMemory> Session<M> {
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
        let mut fields = line.split(|&b| b == b' ');
        match (fields.next().unwrap_or_default(), fields.next(), fields.next(), fields.next()) {
            (b"+CONTINUE", replid, None, None) => {
                let replid = match replid.map(ReplicationId::from_bytes) {
                    None => None,
                    Some(Some(replid)) => Some(replid),
                    Some(None) => return self.unexpected(request, line),
                };
                self.continued(request, replid, line, now_ms)
            }
            (b"+FULLRESYNC", Some(replid), Some(offset), None) => {
                let offset = core::str::from_utf8(offset).ok().and_then(|text| text.parse::<u64>().ok());
                match (ReplicationId::from_bytes(replid), offset) {
                    (Some(replid), Some(offset)) if offset < i64::MAX as u64 => {
                        self.next_ack_ms = now_ms.saturating_add(ACK_INTERVAL_MS);
                        self.full_resync(request, replid, offset)
                    }
                    _ => self.unexpected(request, line),
                }
            }
            _ => match line.strip_prefix(b"-") {
                Some(message) => self.error_line(request.asked(), message),
                None => self.unexpected(request, line),
            },
        }
    }

    /// `+CONTINUE`: the stream continues at the next byte.
    pub(super) fn continued(
        &mut self,
        request: Request,
        replid: Option<ReplicationId>,
        line: &[u8],
        now_ms: u64,
    ) -> Step {
        let (from, method) = match request {
            Request::Info(from) => (from, AttachMethod::Info),
            Request::Probed(from) => (from, AttachMethod::Probed),
            Request::Resume(from) => (from, AttachMethod::Continued),
            Request::Rewound(from) => (from, AttachMethod::Rewound),
            Request::Recorded { offset } => {
                let known = replid.zip(offset).map(|(id, offset)| Lineage::new(id, offset));
                return self.attach(known, offset.unwrap_or(0), None, AttachMethod::Continued, now_ms);
            }
            Request::Opened(psync_request) => return self.continued_recorded(psync_request, replid, line, now_ms),
            Request::Filtered | Request::Snapshot | Request::Sync | Request::Probe => {
                return self.unexpected(request, line);
            }
        };
        self.resume(from, replid, method, now_ms)
    }

    /// The stream continues after `from`, on a server that names its id.
    pub(super) fn resume(
        &mut self,
        from: Position,
        replid: Option<ReplicationId>,
        method: AttachMethod,
        now_ms: u64,
    ) -> Step {
        let lineage = match method {
            // Other events were delivered at the offsets that follow: the new history is named by an id of its own.
            AttachMethod::Rewound => {
                Lineage::new(replid.filter(|id| *id != from.replid).unwrap_or(from.history), from.offset)
            }
            _ => Lineage::of(&from, replid.unwrap_or(from.replid)),
        };
        self.attach(Some(lineage), from.offset, from.db, method, now_ms)
    }

    /// `+FULLRESYNC`: a snapshot follows.
    fn full_resync(&mut self, request: Request, replid: ReplicationId, offset: u64) -> Step {
        let to = Position::new(replid, offset, None);
        let lineage = Lineage::new(replid, offset);
        match request {
            Request::Sync => self.unexpected(request, b"+FULLRESYNC"),
            Request::Snapshot | Request::Recorded { .. } => self.begin_snapshot(lineage, offset),
            Request::Filtered => self.learn(lineage, offset, None),
            Request::Probe => self.abandon(to),
            Request::Opened(psync_request) => self.full_resync_recorded(psync_request, to),
            Request::Info(_) | Request::Probed(_) | Request::Resume(_) | Request::Rewound(_) => {
                self.lost_history(request, to)
            }
        }
    }

    /// The server does not have the requested history.
    fn lost_history(&mut self, request: Request, to: Position) -> Step {
        let lineage = Lineage::new(to.replid, to.offset);
        let filtered = self.handshake.is_filtered();
        let Some(from) = self.position else {
            // The position was found a moment ago and no event was delivered, so only the attempt is lost.
            return match filtered {
                true => self.learn(lineage, to.offset, None),
                false => self.lose(DisconnectReason::Refused(Excerpt::new(TOO_LATE))),
            };
        };
        if filtered && self.options.on_gap == OnGap::Continue {
            // The gap is reported once the snapshot has given the database, too.
            return self.learn(lineage, to.offset, Some(from));
        }
        match self.gap(from, to) {
            OnGap::Stop => Step::Again,
            OnGap::Snapshot => self.begin_snapshot(lineage, to.offset),
            OnGap::Continue if self.options.single_link => self.fail(SessionError::SecondLinkNeeded),
            // A second refusal in a row counts as a failed attempt, so that a third one follows after a pause or not at
            // all: each one forks.
            OnGap::Continue if matches!(request, Request::Probed(_)) => {
                self.found = Some(to);
                self.lose(DisconnectReason::Refused(Excerpt::new(TOO_LATE)))
            }
            OnGap::Continue => self.abandon(to),
        }
    }

    /// Abandons an unwanted snapshot, and requests the stream after it on another connection.
    fn abandon(&mut self, to: Position) -> Step {
        self.found = Some(to);
        self.outbox.clear();
        self.phase = Phase::Down { after: Duration::ZERO };
        Step::Again
    }

    fn begin_sync(&mut self, offset: u64) -> Step {
        self.begin_stream(None, offset, None);
        self.announce(AttachMethod::Sync, None);
        self.phase = Phase::Header(Purpose::Deliver);
        Step::Again
    }

    pub(super) fn begin_snapshot(&mut self, lineage: Lineage, offset: u64) -> Step {
        self.begin_stream(Some(lineage), offset, None);
        self.announce(AttachMethod::Full, None);
        self.phase = Phase::Header(Purpose::Deliver);
        Step::Again
    }

    pub(super) fn learn(&mut self, lineage: Lineage, offset: u64, gap: Option<Position>) -> Step {
        self.begin_stream(Some(lineage), offset, None);
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
        self.awaits_first_byte = false;
        let before = self.position.filter(|_| method == AttachMethod::Rewound);
        if before.is_some() {
            self.commits.rewind(lineage.map(|lineage| lineage.history), offset);
        }
        self.begin_stream(lineage, offset, db);
        self.follow(now_ms);
        self.announce(method, before);
        Step::Again
    }

    /// Not inlined into [`advance`](Self::advance): a new stream is made in kilobytes of stack, whose pages each call
    /// would touch.
    #[inline(never)]
    fn begin_stream(&mut self, lineage: Option<Lineage>, offset: u64, db: Option<u32>) {
        self.stream = Stream::new(&self.options, lineage, offset, db);
    }

    /// The stream begins at the next byte.
    pub(super) fn follow(&mut self, now_ms: u64) {
        self.phase = Phase::Attached;
        self.cut_snapshots = 0;
        self.position = self.stream.position();
        self.commits.begin(self.position.map(|position| position.history), self.stream.reached.offset);
        self.send_ack(self.stream.reached.offset, now_ms);
        self.handshake.withdraw_version(&mut self.outbox);
    }

    pub(super) fn announce(&mut self, method: AttachMethod, rewound_from: Option<Position>) {
        self.ever_attached = true;
        let stream = &self.stream;
        let aux = self.snapshot.aux();
        let psync_request = self.psync_request;
        let server = self.handshake.server().or(psync_request.and_then(|psync_request| psync_request.server));
        let attached = Attached {
            method,
            replid: stream.lineage.map(|lineage| lineage.replid),
            history: stream.lineage.map(|lineage| lineage.history),
            offset: stream.reached.offset,
            db: stream.reached.db,
            position: stream.position().filter(|_| self.is_attached()),
            server: server.or_else(|| match method {
                AttachMethod::Filtered => Server::stated(aux.redis_version, aux.valkey_version),
                _ => None,
            }),
            role: self
                .handshake
                .info()
                .map_or(psync_request.and_then(|psync_request| psync_request.role), |info| info.role),
            rewound_from,
        };
        self.queue.push(Queued::Attached(attached));
    }
}
