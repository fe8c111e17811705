//! Lost connections, and servers that refuse.

use crate::base::excerpt::Excerpt;
use crate::replication::backoff::Backoff;
use crate::replication::error::SessionError;
use crate::replication::event::{DisconnectReason, Disconnected};
use crate::replication::reply::Verdict;
use crate::replication::session::queue::Queued;
use crate::replication::session::request::Purpose;
use crate::replication::session::{Phase, Session, Step};

/// Attempts after an error reply that is not known.
const FEW: u32 = 3;

impl Session {
    /// The connection is lost. Incomplete data is void; the next step depends on the phase.
    pub(super) fn lose(&mut self, reason: DisconnectReason) -> Step {
        self.lose_for(reason, false)
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
            Verdict::RetryMuchLater => self.lose_for(DisconnectReason::Refused(message), true),
            Verdict::Retry | Verdict::RetryAFewTimes | Verdict::Continue => {
                self.lose(DisconnectReason::Refused(message))
            }
        }
    }

    fn lose_for(&mut self, reason: DisconnectReason, long: bool) -> Step {
        if self.is_over() {
            return Step::Again;
        }
        self.position = self.position();
        self.attempts = self.attempts.saturating_add(1);
        let failed = SessionError::Lost { reason, attempts: self.attempts };
        if let Some(error) = self.unrecoverable(reason) {
            return self.fail(error);
        }
        if self.recorded && matches!(self.phase, Phase::Stream) {
            self.phase = Phase::Ended;
            return Step::Again;
        }
        if self.recorded || !self.may_retry() {
            return self.fail(failed);
        }
        let off = self.options.single_link
            || self.options.backoff == Backoff::OFF
            || self.options.backoff.attempts == Some(0);
        let random = self.random();
        let delay = match self.options.backoff.delay(self.attempts - 1, random) {
            _ if off => None,
            Some(_) if long => Some(self.options.backoff.longest),
            delay => delay,
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
        let may_retry = self.options.retry_snapshot && !self.recorded;
        match self.phase {
            Phase::Header(Purpose::Deliver) if !may_retry => Some(SessionError::SnapshotBroken { received: 0, reason }),
            Phase::Snapshot(Purpose::Deliver) if !may_retry => {
                Some(SessionError::SnapshotBroken { received: self.snapshot.received(), reason })
            }
            Phase::Stream if self.stream.lineage.is_none() && !self.recorded => {
                Some(SessionError::NotResumable(reason))
            }
            _ => None,
        }
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
