//! How links and sessions end: each end has its reason, and each reason its end.

use redtail::replication::{Progress, Recovery, SessionStage};
use redtail::{
    Backoff, DisconnectReason, Disconnected, Excerpt, Gap, OnGap, Position, ProtocolErrorKind, SessionError, Start,
};
use std::time::Duration;

use super::{Check, Judge, ensure};
use crate::tally::{Fault, Sight, Tally};
use crate::words::{Row, Verdict};

/// Attempts when a server refuses with an unknown message.
const FEW: u32 = 3;

/// An end that has been given reason to.
#[derive(Debug)]
pub(crate) struct Ending {
    /// The byte of the link before which the end must not show, and the one after which it must.
    from: usize,
    until: usize,
    how: How,
}

#[derive(Debug)]
enum How {
    /// The link is lost, for this reason; `None`: the session's own message for a refusal.
    /// `found`: the position given before the loss, which is requested next.
    Lost {
        reason: Option<DisconnectReason>,
        long: bool,
        found: Option<Position>,
    },
    Refused {
        row: Row,
    },
    /// The session leaves the link for another, at once, to request the position it was given.
    Leave {
        found: Position,
    },
    HistoryLost(Gap),
    NoBacklog,
    SecondLinkNeeded,
    NotEmpty,
    BrokenSnapshot,
    Unexpected,
    /// Bytes of the link.
    Protocol {
        stage: SessionStage,
        at: usize,
    },
    /// Offsets of the stream: from and to, and exactly.
    Stream {
        from: u64,
        to: u64,
        at: Option<u64>,
    },
}

impl Ending {
    const fn new(at: usize, how: How) -> Self {
        Self { from: at, until: at, how }
    }

    pub(super) const fn refusal(due: usize, row: Row) -> Self {
        Self::new(due, How::Refused { row })
    }

    pub(super) const fn wrong(due: usize) -> Self {
        Self::new(due, How::Unexpected)
    }

    pub(super) const fn garbage_reply(at: usize) -> Self {
        Self::new(at + 1, How::Protocol { stage: SessionStage::Handshake, at })
    }

    pub(super) const fn garbage_header(at: usize) -> Self {
        Self::new(at + 1, How::Protocol { stage: SessionStage::SnapshotHeader, at })
    }

    pub(super) const fn leave(due: usize, found: Position) -> Self {
        Self::new(due, How::Leave { found })
    }

    pub(super) const fn too_late(due: usize, found: Option<Position>) -> Self {
        Self::new(due, How::Lost { reason: None, long: false, found })
    }

    pub(super) const fn history_lost(due: usize, gap: Gap) -> Self {
        Self::new(due, How::HistoryLost(gap))
    }

    pub(super) const fn no_backlog() -> Self {
        Self::new(0, How::NoBacklog)
    }

    pub(super) const fn second_link_needed(due: usize) -> Self {
        Self::new(due, How::SecondLinkNeeded)
    }

    pub(super) const fn not_empty(from: usize, until: usize) -> Self {
        Self { from, until, how: How::NotEmpty }
    }

    pub(super) const fn broken(from: usize, until: usize) -> Self {
        Self { from, until, how: How::BrokenSnapshot }
    }

    pub(super) const fn spoiled(due: usize, offset: u64, at: Option<u64>, length: u64) -> Self {
        let at = match at {
            Some(at) => Some(offset + at),
            None => None,
        };
        let from = due - length as usize;
        Self { from, until: due, how: How::Stream { from: offset, to: offset + length, at } }
    }

    pub(super) const fn must_show_at(&self) -> usize {
        self.until
    }

    /// The offset after which the stream is none.
    pub(super) const fn spoils_after(&self) -> Option<u64> {
        match self.how {
            How::Stream { from, .. } => Some(from),
            _ => None,
        }
    }
}

/// The event that must follow the last event of a link.
#[derive(Debug)]
pub(super) enum Then {
    Reconnect(Duration),
    Ended,
    Lost(DisconnectReason),
}

impl Judge {
    /// The link ends from outside, for this reason, once all delivered bytes have been polled.
    pub(crate) fn loses(&mut self, reason: DisconnectReason) {
        self.link.ending = Some(Ending::new(0, How::Lost { reason: Some(reason), long: false, found: None }));
    }

    /// An unsolicited message is in transit.
    pub(crate) fn unasked(&mut self, due: usize, row: Row) {
        self.link.ending = Some(Ending::refusal(due, row));
    }

    pub(super) fn disconnected(&mut self, lost: &Disconnected, tally: &mut Tally) -> Check {
        // Nothing can be sent to the primary any more.
        self.link.handshake.unanswered = None;
        self.snapshots.breaks(tally);
        if let DisconnectReason::NeedsFix(told) = lost.reason {
            self.waits_for_fix(&told.to_string())?;
            return self.retries(lost, self.options.retry_refused, tally);
        }
        let ending = self.link.ending.take().filter(|ending| ending.from <= self.delivered);
        let (reason, long) = match ending.map(|ending| ending.how) {
            Some(How::Lost { reason, long, found }) => {
                self.found = found.or(self.found);
                (reason, long)
            }
            Some(How::Refused { row }) => {
                ensure!(row.1 != Verdict::Fatal, "it tries again after {row:?}");
                if row.1 == Verdict::RetryAFewTimes {
                    self.unknown += 1;
                    ensure!(self.unknown < FEW && self.may_retry(), "it tries too often after {row:?}");
                }
                (Some(refused(row)), row.1 == Verdict::RetryMuchLater)
            }
            // Nothing was requested, since INFO has shown that it would be in vain.
            None if self.is_out_of_step() => (None, false),
            other => return Err(format!("{lost:?} for no reason: {other:?}")),
        };
        match reason {
            Some(reason) => ensure!(lost.reason == reason, "lost for {:?}, not for {reason:?}", lost.reason),
            None => ensure!(matches!(lost.reason, DisconnectReason::Refused(_)), "lost for {:?}", lost.reason),
        }
        ensure!(self.unrecoverable().is_none() && self.may_retry(), "it goes on after {lost:?}");
        self.retries(lost, long.then_some(self.options.backoff.longest), tally)
    }

    /// A person has to fix this, and the session tries again. `told`: the reason.
    fn waits_for_fix(&mut self, told: &str) -> Check {
        ensure!(self.survives(), "it goes on after {told}");
        let how = self.link.ending.take().filter(|ending| ending.from <= self.delivered).map(|ending| ending.how);
        let is_right = match &how {
            Some(How::Refused { row: (line, verdict) }) => {
                self.unknown += u32::from(*verdict == Verdict::RetryAFewTimes);
                let is_few = *verdict == Verdict::RetryAFewTimes && self.unknown >= FEW;
                told.starts_with(&line[1..]) && (is_few || *verdict == Verdict::Fatal)
            }
            Some(How::Unexpected) => told.starts_with("unexpected answer to "),
            Some(How::Protocol { stage: stage @ SessionStage::Handshake, .. }) => {
                // The answer of another program comes first.
                let told = told.split_once(" answers: \"").map_or(told, |(_, rest)| rest);
                told.starts_with(&stage.to_string()) || told.contains(&format!("\"; {stage}: "))
            }
            Some(How::Protocol { stage, .. }) => told.starts_with(&stage.to_string()),
            Some(How::Stream { from, at, .. }) => told == format!("ERR no: {ENDED}").as_str() && *at == Some(*from),
            None if told.starts_with("INFO is not allowed here") => {
                // Permission may have been given meanwhile, so the next link asks again.
                (self.info_denied, self.link.denied_at) = (false, None);
                self.lacks = Some(SessionError::InfoNeeded);
                self.refused_by_itself(SessionError::InfoNeeded).is_ok()
            }
            None => {
                self.lacks = Some(SessionError::NoBacklog);
                told.starts_with("the server has no backlog") && self.refused_by_itself(SessionError::NoBacklog).is_ok()
            }
            Some(_) => false,
        };
        ensure!(is_right, "it waits for {told}, for {how:?}");
        Ok(())
    }

    /// Whether a failure that a person can fix ends only the link.
    fn survives(&self) -> bool {
        self.options.retry_refused.is_some() && self.may_retry() && !self.is_off() && self.unrecoverable().is_none()
    }

    /// Another link follows, unless the attempts are used up.
    fn retries(&mut self, lost: &Disconnected, pause: Option<Duration>, tally: &mut Tally) -> Check {
        let is_same = lost.resume == self.resume && super::data_offset(lost.resume) == super::data_offset(self.resume);
        ensure!(is_same, "resumes at {:?}, not at {:?}", lost.resume, self.resume);
        self.attempts += 1;
        let is_off = self.is_off();
        let used_up = self.options.backoff.attempts.is_some_and(|most| self.attempts > most);
        match lost.retry_in {
            Some(delay) => {
                ensure!(!is_off && !used_up, "another attempt after {}", self.attempts);
                self.delay(delay, pause)?;
                self.then = Some(Then::Reconnect(delay));
                tally.sight(Sight::Resumes);
            }
            None => {
                ensure!(is_off || used_up, "it gives up after {} attempts", self.attempts);
                if used_up && !is_off {
                    tally.fault(Fault::AttemptsUsedUp);
                }
                self.then = Some(if is_off && lost.reason == DisconnectReason::Closed {
                    Then::Ended
                } else {
                    Then::Lost(lost.reason)
                });
            }
        }
        Ok(())
    }

    /// Attempt n waits between half of `first · 2^n` and all of it, and no longer than the longest; or for `pause`.
    fn delay(&self, delay: Duration, pause: Option<Duration>) -> Check {
        let ms = delay.as_millis() as u64;
        let (first, longest) = (self.options.backoff.first, self.options.backoff.longest.as_millis() as u64);
        let full = ((first.as_millis() as u64) << (self.attempts - 1).min(20)).min(longest);
        match pause {
            Some(pause) => ensure!(delay == pause, "after {ms} ms, and not {pause:?}"),
            None => ensure!((full.div_ceil(2)..=full).contains(&ms), "after {ms} ms, of {full}"),
        }
        Ok(())
    }

    /// A failure that another link could not fix.
    fn unrecoverable(&self) -> Option<&'static str> {
        let in_stream = self.is_attached();
        if in_stream {
            return (self.options.start == Start::Sync).then_some("SYNC");
        }
        let own = self.link.snapshot.as_ref()?;
        let is_broken =
            own.is_wanted && own.line_end <= self.delivered && (!self.options.retry_snapshot || self.is_off());
        is_broken.then_some("snapshot")
    }

    fn is_off(&self) -> bool {
        self.options.single_link || self.options.backoff == Backoff::OFF || self.options.backoff.attempts == Some(0)
    }

    fn may_retry(&self) -> bool {
        self.ever_attached || self.options.retry_first
    }

    fn is_out_of_step(&self) -> bool {
        self.link.request.is_none() && self.link.info.as_ref().is_some_and(|(told, _)| told.out_of_step)
    }

    /// The session reports that the link, or the session, has ended.
    pub(crate) fn ends(&mut self, progress: Progress, tally: &mut Tally) -> Check {
        if self.is_lax {
            self.is_over = true;
            return Ok(());
        }
        match (progress, self.then.take()) {
            (Progress::Reconnect { after }, Some(Then::Reconnect(told))) => {
                ensure!(after == told, "after {after:?}, and {told:?} were told");
                return Ok(());
            }
            (Progress::Reconnect { after: Duration::ZERO }, None) => {
                let how =
                    self.link.ending.take().filter(|ending| ending.from <= self.delivered).map(|ending| ending.how);
                let Some(How::Leave { found }) = how else {
                    return Err(format!("it leaves the link, and not for {how:?}"));
                };
                self.found = Some(found);
                ensure!(self.untold().is_none(), "it leaves before {:?}", self.untold());
                tally.fault(Fault::ProbeAbandoned);
                return Ok(());
            }
            (Progress::Ended, Some(Then::Ended)) => {}
            (Progress::Failed(SessionError::Lost { reason, attempts, .. }), Some(Then::Lost(expected))) => {
                ensure!(
                    reason == expected && attempts == self.attempts,
                    "lost for {reason:?} after {attempts} attempts"
                );
            }
            (Progress::Failed(error), None) => self.failed(error)?,
            (progress, then) => return Err(format!("{progress:?}, and not {then:?}")),
        }
        tally.sight(Sight::FailedRightly);
        self.is_over = true;
        Ok(())
    }

    fn failed(&mut self, error: SessionError) -> Check {
        ensure!(error.recovery() != Recovery::Fix || !self.survives(), "it ends with {error:?}");
        let ending = self.link.ending.take().filter(|ending| ending.from <= self.delivered);
        let Some(how) = ending.map(|ending| ending.how) else { return self.refused_by_itself(error) };
        let is_right = match (&how, error) {
            (How::Lost { reason, .. }, error) => self.lost_for_good(error, *reason),
            (How::Refused { row }, SessionError::Refused { message, advice }) => {
                let few = row.1 == Verdict::RetryAFewTimes && (self.unknown + 1 >= FEW || !self.may_retry());
                Some(refused(*row)) == Some(DisconnectReason::Refused(message))
                    && !advice.is_empty()
                    && (few || row.1 == Verdict::Fatal)
            }
            (How::Refused { row }, error) => row.1 != Verdict::Fatal && self.lost_for_good(error, Some(refused(*row))),
            (How::HistoryLost(gap), SessionError::HistoryLost(told)) => {
                *gap == told && self.options.on_gap == OnGap::Stop
            }
            (How::NoBacklog, SessionError::NoBacklog) => true,
            (How::SecondLinkNeeded, SessionError::SecondLinkNeeded) => true,
            (How::NotEmpty, SessionError::SnapshotNotEmpty { .. }) => true,
            (How::BrokenSnapshot, SessionError::Snapshot(_) | SessionError::SnapshotFrame { .. }) => true,
            (How::Unexpected, SessionError::Unexpected { asked: "PSYNC" | "SYNC", .. }) => true,
            (How::Protocol { stage, at }, SessionError::Protocol { stage: told, source, .. }) => {
                *stage == told && source.offset == *at as u64
            }
            (How::Stream { from, at, .. }, SessionError::Refused { message, advice }) if advice == ENDED => {
                message.to_string() == "ERR no" && *at == Some(*from)
            }
            (How::Stream { from, to, at }, SessionError::Protocol { stage: SessionStage::Stream, source, .. }) => {
                let is_limit = matches!(source.kind, ProtocolErrorKind::CommandTooLong { .. });
                at.map_or(is_limit && (*from..=*to).contains(&source.offset), |at| source.offset == at)
            }
            _ => false,
        };
        ensure!(is_right, "{error:?}, for {how:?} after {} bytes", self.delivered);
        // Of the stream before the end, nothing is missing.
        ensure!(self.untold().is_none(), "it ends before {:?}", self.untold());
        if let How::Stream { from, .. } = how {
            let told_to = self.link.stream.as_ref().map(|cursor| cursor.link_place(self.consumed));
            ensure!(told_to == Some(from), "it ends at {told_to:?}, before {from}");
        }
        Ok(())
    }

    /// The end of a session that has lost its link.
    fn lost_for_good(&mut self, error: SessionError, expected: Option<DisconnectReason>) -> bool {
        let is_reason = |reason: DisconnectReason| {
            expected.map_or(matches!(reason, DisconnectReason::Refused(_)), |expected| expected == reason)
        };
        self.attempts += 1;
        match (error, self.unrecoverable()) {
            (SessionError::SnapshotBroken { received, reason, .. }, Some("snapshot")) => {
                // Bytes that may still turn out to be the mark are not delivered yet.
                self.link.expected.clear();
                let own = self.link.snapshot.as_ref();
                let used = own.map(|own| self.consumed.saturating_sub(own.header_end) as u64);
                used == Some(received) && is_reason(reason)
            }
            (SessionError::NotResumable(reason), Some("SYNC")) => is_reason(reason),
            (SessionError::Lost { reason, attempts, .. }, None) => {
                !self.may_retry() && attempts == self.attempts && is_reason(reason)
            }
            _ => false,
        }
    }

    /// An end that the session finds necessary before it has requested the stream.
    fn refused_by_itself(&mut self, error: SessionError) -> Check {
        ensure!(self.link.request.is_none() && self.next_question().is_none(), "{error:?} for no reason");
        let info = self.link.info.as_ref().map(|(told, _)| told.clone());
        let by_info = self.options.start == Start::NowWithoutFork || !self.link.handshake.is_filtered();
        let active = info.as_ref().is_some_and(|told| told.active && told.shown.is_some());
        let may_probe = self.options.allow_probe && self.options.start != Start::NowWithoutFork;
        let is_right = match error {
            SessionError::NoBacklog if self.resume.is_some() => {
                self.options.start == Start::NowWithoutFork
                    && self.options.on_gap == OnGap::Continue
                    && info.as_ref().is_some_and(|told| told.shown.is_some() && !told.active)
            }
            SessionError::NoBacklog => by_info && info.is_some() && !active && !may_probe && self.resume.is_none(),
            SessionError::InfoNeeded if self.resume.is_some() => {
                self.options.start == Start::NowWithoutFork && info.as_ref().is_none_or(|told| told.shown.is_none())
            }
            SessionError::InfoNeeded => by_info && info.is_none() && !may_probe,
            SessionError::SecondLinkNeeded => by_info && !active && may_probe && self.options.single_link,
            SessionError::Lost { reason: DisconnectReason::Refused(_), .. } => {
                self.is_out_of_step() && !self.may_retry()
            }
            _ => false,
        };
        ensure!(is_right, "{error:?}, and INFO told {info:?}");
        Ok(())
    }

    /// Whether INFO alone may give a position on this link, or the session must fork.
    pub(super) fn may_probe(&self) -> bool {
        self.options.allow_probe && self.options.start != Start::NowWithoutFork
    }

    /// The link is of no more use, whatever was to be sent on it.
    pub(crate) const fn gives_up(&self) -> bool {
        self.then.is_some() || self.link.ending.is_some() || self.is_lax
    }

    /// The next thing that has arrived and was not delivered yet.
    fn untold(&self) -> Option<&super::Expected> {
        self.link.expected.front().filter(|(due, _)| *due <= self.delivered).map(|(_, expected)| expected)
    }
}

fn refused(row: Row) -> DisconnectReason {
    DisconnectReason::Refused(Excerpt::new(&row.0.as_bytes()[1..]))
}

/// The advice for an error line of the server in mid-stream.
const ENDED: &str = "the server ended the stream with an error";
