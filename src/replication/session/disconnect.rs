//! Lost connections, and servers that refuse.

use core::time::Duration;

use crate::base::excerpt::Excerpt;
use crate::rdb::TemplateMemory;
use crate::replication::backoff::Backoff;
use crate::replication::error::{Recovery, SessionError};
use crate::replication::event::{DisconnectReason, Disconnected};
use crate::replication::reply::Verdict;
use crate::replication::session::queue::Queued;
use crate::replication::session::request::Purpose;
use crate::replication::session::{Phase, Session, Step};

/// Attempts after an error reply that is not known.
const FEW: u32 = 3;

impl<M: TemplateMemory> Session<M> {
    /// The connection is lost. Incomplete data is void; the next step depends on the phase.
    pub(super) fn lose(&mut self, reason: DisconnectReason) -> Step {
        self.lose_for(reason, None)
    }

    /// The session ends with this error; or, after an error that a person can fix, this connection does.
    pub(super) fn fail(&mut self, error: SessionError) -> Step {
        if self.survives(error) {
            return self.wait_for_fix(error);
        }
        self.position = self.position();
        self.outbox.clear();
        self.phase = Phase::Failed(error);
        Step::Again
    }

    /// Whether the options allow another connection after this error.
    pub(super) fn survives(&self, error: SessionError) -> bool {
        error.recovery() == Recovery::Fix
            && self.options.retry_refused.is_some()
            && self.may_retry()
            && !self.recorded
            && !self.is_off()
            && self.unrecoverable(DisconnectReason::Closed).is_none()
    }

    fn wait_for_fix(&mut self, error: SessionError) -> Step {
        // The reason begins with the server's message, since it may be cut at its end.
        let reason = match error {
            SessionError::Refused { message, advice } => Excerpt::of(format_args!("{message}: {advice}")),
            error => Excerpt::of(error),
        };
        if error == SessionError::InfoNeeded {
            self.handshake.ask_info_again();
        }
        self.lose_for(DisconnectReason::NeedsFix(reason), self.options.retry_refused)
    }

    /// An error reply ends this connection.
    pub(super) fn refused(&mut self, verdict: Verdict, message: Excerpt<200>) -> Step {
        let advice = "the server refuses with an error that is not known to be temporary";
        self.unknown += u32::from(verdict == Verdict::RetryAFewTimes);
        match verdict {
            Verdict::Fatal(advice) => self.fail(SessionError::Refused { message, advice }),
            Verdict::RetryAFewTimes if self.unknown >= FEW || !self.may_retry() => {
                self.fail(SessionError::Refused { message, advice })
            }
            Verdict::RetryMuchLater => {
                self.lose_for(DisconnectReason::Refused(message), Some(self.options.backoff.longest))
            }
            Verdict::Retry | Verdict::RetryAFewTimes | Verdict::Continue => {
                self.lose(DisconnectReason::Refused(message))
            }
        }
    }

    /// `pause` replaces the delay of the back-off.
    fn lose_for(&mut self, reason: DisconnectReason, pause: Option<Duration>) -> Step {
        if self.is_over() {
            return Step::Again;
        }
        self.position = self.position();
        self.attempts = self.attempts.saturating_add(1);
        let is_cut = matches!(self.phase, Phase::Header(Purpose::Deliver) | Phase::Snapshot(Purpose::Deliver));
        self.cut_snapshots += u32::from(is_cut && reason == DisconnectReason::Closed);
        let answered = self.is_linked() && self.link_bytes + self.left as u64 > 0;
        let failed = SessionError::Lost { reason, attempts: self.attempts, answered };
        if let Some(error) = self.unrecoverable(reason) {
            return self.fail(error);
        }
        if self.recorded && self.is_attached() {
            self.phase = Phase::Ended;
            return Step::Again;
        }
        if self.recorded || !self.may_retry() {
            return self.fail(failed);
        }
        let off = self.is_off();
        let random = self.random();
        let delay = match self.options.backoff.delay(self.attempts - 1, random) {
            _ if off => None,
            Some(delay) => Some(pause.unwrap_or(delay)),
            None => None,
        };
        self.outbox.clear();
        self.queue.push(Queued::Disconnected(Disconnected { reason, resume: self.position, retry_in: delay }));
        self.phase = match delay {
            Some(after) => Phase::Down { after },
            None if off && reason == DisconnectReason::Closed => Phase::Ended,
            None => Phase::Failed(failed),
        };
        Step::Again
    }

    /// The error, if another connection can't fix it, or only at a cost that the options do not allow.
    fn unrecoverable(&self, reason: DisconnectReason) -> Option<SessionError> {
        let may_retry = self.options.retry_snapshot && !self.recorded && !self.is_off();
        let newer = self.handshake.newer_server().filter(|_| reason == DisconnectReason::Closed);
        let broken = |received| SessionError::SnapshotBroken { received, reason, newer };
        match self.phase {
            Phase::Header(Purpose::Deliver) if !may_retry => Some(broken(0)),
            Phase::Snapshot(Purpose::Deliver) if !may_retry => Some(broken(self.snapshot.received())),
            Phase::Attached | Phase::Stream if self.stream.lineage.is_none() && !self.recorded => {
                Some(SessionError::NotResumable(reason))
            }
            _ => None,
        }
    }

    /// Whether there is no other connection.
    fn is_off(&self) -> bool {
        let backoff = &self.options.backoff;
        self.options.single_link || *backoff == Backoff::OFF || backoff.attempts == Some(0)
    }

    /// Before the first success a failure is reported at once, unless the options allow a retry.
    const fn may_retry(&self) -> bool {
        self.ever_attached || self.options.retry_first
    }

    /// Jitter needs no good randomness, only numbers that differ between followers (Steele and Vigna's splitmix64).
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
