//! Recorded connections: their requests, and a session that reads them again.

use core::time::Duration;

use crate::base::excerpt::Excerpt;
use crate::rdb::TemplateMemory;
use crate::replication::event::{AttachMethod, DisconnectReason, Disconnected, Gap};
use crate::replication::options::{OnGap, Options};
use crate::replication::position::{Lineage, Position, ReplicationId};
use crate::replication::psync_request::{OnFull, PsyncRequest};
use crate::replication::session::queue::Queued;
use crate::replication::session::request::Request;
use crate::replication::session::{Phase, Session, Step};

/// The end of a recorded connection; the recording does not say who ended it.
const LINK_ENDS: &[u8] = b"the recorded connection ends here";

impl Session {
    /// A session over recorded bytes, from the first one after PSYNC or SYNC was sent. It sends nothing, and has no
    /// other connection: the end of this one ends the session.
    ///
    /// `offset` is the replication offset before the first byte of the stream where the recording does not name it:
    /// after `+CONTINUE` and after SYNC. Without it offsets count from 0, and there is no [`Position`].
    pub fn recorded(options: Options, offset: Option<u64>) -> Self {
        let mut session = Self::new(options);
        session.recorded = true;
        session.phase = Phase::Attaching(Request::Recorded { offset });
        session
    }
}

impl<M: TemplateMemory> Session<M> {
    /// The request on the present connection, once the stream was requested on it. A recording needs it, and the bytes
    /// received after it.
    pub const fn psync_request(&self) -> Option<PsyncRequest> {
        self.psync_request
    }

    /// For a session over [recorded](Self::recorded) bytes: begins a connection with this request. Call it before the
    /// first byte of every connection. Unread bytes of the connection before it are dropped.
    ///
    /// If the connection continues at the last resumable position, a [`Disconnected`] is delivered before it, otherwise
    /// a [`Gap`].
    pub fn opened(&mut self, psync_request: PsyncRequest) {
        if !self.recorded || matches!(self.phase, Phase::Failed(_) | Phase::Ended) {
            return;
        }
        self.position = self.position();
        if self.psync_request.is_none() {
            // The first connection continues at a position reached before the recording began.
            self.position = psync_request.from.filter(|_| psync_request.method == AttachMethod::Continued);
        } else if !matches!(self.phase, Phase::Down { .. }) {
            self.lost_recorded(DisconnectReason::Io(Excerpt::new(LINK_ENDS)));
        }
        // The recorded bytes show the reaction to a gap.
        self.options.on_gap = OnGap::Continue;
        self.psync_request = Some(psync_request);
        self.phase = Phase::Attaching(Request::Opened(psync_request));
        (self.consumed, self.link_bytes, self.left) = (0, 0, 0);
    }

    /// The request is sent now.
    pub(super) fn open(&mut self, request: Request) {
        let (method, from) = match request {
            Request::Recorded { .. } | Request::Opened(_) => return,
            Request::Filtered => (AttachMethod::Filtered, None),
            Request::Snapshot => (AttachMethod::Full, None),
            Request::Sync => (AttachMethod::Sync, None),
            Request::Probe => (AttachMethod::Probed, None),
            Request::Info(from) => (AttachMethod::Info, Some(from)),
            Request::Probed(from) => (AttachMethod::Probed, Some(from)),
            Request::Resume(from) => (AttachMethod::Continued, Some(from)),
            Request::Rewound(from) => (AttachMethod::Rewound, Some(from)),
        };
        let filtered = self.handshake.is_filtered();
        let on_full = match (method, self.position, self.options.on_gap) {
            (AttachMethod::Filtered, ..) => OnFull::PassOver,
            (AttachMethod::Full | AttachMethod::Sync, ..) => OnFull::Deliver,
            (_, None, _) | (_, Some(_), OnGap::Continue) if filtered && from.is_some() => OnFull::PassOver,
            (_, Some(_), OnGap::Snapshot) => OnFull::Deliver,
            _ => OnFull::Abandon,
        };
        let role = self.handshake.info().and_then(|info| info.role);
        self.psync_request = Some(PsyncRequest { method, from, on_full, server: self.handshake.server(), role });
    }

    /// The answer to a recorded request is `+CONTINUE`.
    pub(super) fn continued_recorded(
        &mut self,
        psync_request: PsyncRequest,
        replid: Option<ReplicationId>,
        line: &[u8],
        now_ms: u64,
    ) -> Step {
        let Some(from) = psync_request.from else {
            return self.unexpected(Request::Opened(psync_request), line);
        };
        if let Some(before) = self.position.filter(|before| !is_reached(before, &from)) {
            self.push_gap(before, from);
        }
        self.resume(from, replid, psync_request.method, now_ms)
    }

    /// The answer is `+FULLRESYNC`.
    pub(super) fn full_resync_recorded(&mut self, psync_request: PsyncRequest, to: Position) -> Step {
        let lineage = Lineage::new(to.replid, to.offset);
        match psync_request.on_full {
            OnFull::Deliver => {
                if let Some(before) = self.position.take() {
                    self.push_gap(before, to);
                }
                self.begin_snapshot(lineage, to.offset)
            }
            OnFull::PassOver => self.learn(lineage, to.offset, self.position),
            OnFull::Abandon => self.down(),
        }
    }

    /// The answer is an error.
    pub(super) fn refused_recorded(&mut self, reason: DisconnectReason) -> Step {
        self.lost_recorded(reason);
        self.down()
    }

    /// Ignores the rest of this connection.
    fn down(&mut self) -> Step {
        self.phase = Phase::Down { after: Duration::ZERO };
        Step::Again
    }

    fn lost_recorded(&mut self, reason: DisconnectReason) {
        self.queue.push(Queued::Disconnected(Disconnected {
            reason,
            resume: self.position,
            retry_in: Some(Duration::ZERO),
        }));
    }

    fn push_gap(&mut self, from: Position, to: Position) {
        self.queue.push(Queued::Gap(Gap::between(from, to)));
    }
}

/// Whether a stream that has reached `position` includes everything up to `from`.
fn is_reached(position: &Position, from: &Position) -> bool {
    (position.history == from.history || position.replid == from.replid) && from.offset <= position.offset
}
