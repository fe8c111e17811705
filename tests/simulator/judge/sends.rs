//! Commands that may or must be sent: one question at a time and in order, then correct acknowledgements.

use redtail::replication::Heartbeat;
use redtail::{Ack, ForkReason, OnGap, Options, Position, Start};

use super::stream::is_silent;
use super::{Check, Committed, Judge, Place, Request, ensure};
use crate::log::{Log, Words};
use crate::tally::{Sight, Tally};
use crate::words::{QUESTIONS, Question};

/// Between acknowledgements, and until the first byte after a snapshot's mark. Shells may be late by a little.
const EACH_MS: u64 = 1000 + LATE_MS;
const HURRIED_MS: u64 = 100 + LATE_MS;
const LATE_MS: u64 = 10;

#[derive(Debug, Default)]
pub(super) struct Handshake {
    asked: Option<Question>,
    /// The end of the answer to what was asked last, once there is one.
    pub(super) answered_at: Option<usize>,
    pub(super) refused: bool,
    filter: bool,
    pub(super) last_beat: u64,
    in_snapshot: bool,
    in_stream: bool,
    last_ack: u64,
    blocked: bool,
    /// The lowest and the highest offset that GETACK has asked for, and no acknowledgement has reached.
    pub(super) unanswered: Option<(u64, u64)>,
    version: Version,
}

/// The state of the version that the primary holds for a link.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Version {
    /// None, or one that can't be withdrawn.
    #[default]
    Settled,
    /// It has to be withdrawn as soon as the stream begins.
    Held,
    /// The reply to the next command is suppressed.
    Skipping,
}

impl Handshake {
    pub(super) fn is_filtered(&self) -> bool {
        self.filter && !(self.asked == Some(Question::Filter) && self.refused)
    }

    pub(super) fn is_at_client_reply(&self) -> bool {
        self.asked == Some(Question::ClientReply)
    }

    pub(super) fn is_at_info(&self) -> bool {
        self.asked == Some(Question::Info)
    }
}

pub(crate) const USER: &str = "cdc";
pub(crate) const PASSWORD: &str = "correct horse";

impl Judge {
    /// The question that must be asked next; `None`: for the stream.
    pub(super) fn next_question(&self) -> Option<(Question, Words)> {
        let last = self.link.handshake.asked;
        let rest = QUESTIONS.iter().copied().filter(|&question| last.is_none_or(|last| question > last));
        let own = &self.link.handshake;
        let server = self.link.info.as_ref().and_then(|(told, _)| told.server.as_deref());
        let needs_version = server.is_none_or(|server| server == "valkey 9.1.2");
        let filter = match (self.resume, self.options.start) {
            (Some(_), _) => self.options.on_gap != OnGap::Snapshot,
            (None, Start::Sync) => false,
            (None, _) => !self.wants_data,
        };
        let port = self.options.listening_port.unwrap_or(0).to_string();
        for question in rest {
            let words: &[&str] = match question {
                Question::Auth if self.has_password => &["AUTH", USER, PASSWORD],
                Question::Ping => &["PING"],
                Question::Label => &["REPLCONF", "ip-address", "redtail.invalid"],
                Question::Port if self.options.listening_port.is_some() => &["REPLCONF", "listening-port", &port],
                Question::Info if !self.info_denied => &["INFO"],
                Question::Version if needs_version && !filter => &["REPLCONF", "version", "9.2.0"],
                Question::ClientReply if last == Some(Question::Version) && !own.refused && !self.client_denied => {
                    &["CLIENT", "REPLY", "ON"]
                }
                Question::Eof => &["REPLCONF", "capa", "eof"],
                Question::Psync2 if self.options.start != Start::Sync => &["REPLCONF", "capa", "psync2"],
                Question::Filter if filter => &["REPLCONF", "rdb-filter-only", ""],
                _ => continue,
            };
            return Some((question, words.iter().map(|word| word.as_bytes().to_vec()).collect()));
        }
        None
    }

    /// One command, or a bare newline, is ready to be sent.
    pub(crate) fn sends(&mut self, words: &Words, now: u64, tally: &mut Tally) -> Check {
        ensure!(!self.is_over && self.then.is_none(), "sent after the end: {}", spoken(words));
        if self.is_lax {
            return Ok(());
        }
        let words: Vec<&str> = words.iter().map(|word| std::str::from_utf8(word).unwrap_or("?")).collect();
        match words[..] {
            [""] => {
                let own = self.link.snapshot.as_ref();
                let is_right = own.is_some_and(|own| own.line_end <= self.delivered && self.consumed <= own.end);
                let is_right = is_right && !self.link.handshake.in_stream;
                ensure!(is_right, "a newline, and no snapshot is on its way");
                tally.sight(Sight::Beats);
                self.beat(now)
            }
            ["REPLCONF", "ACK", offset] => self.acknowledges(offset, now, tally),
            ["CLIENT", "REPLY", "SKIP"] => {
                let own = &mut self.link.handshake;
                ensure!(own.in_stream && own.version == Version::Held, "no version is to be withdrawn");
                own.version = Version::Skipping;
                Ok(())
            }
            ["REPLCONF", "version", "0.0.0"] => {
                let own = &mut self.link.handshake;
                ensure!(own.version == Version::Skipping, "the primary would reply to it, and disconnect us");
                own.version = Version::Settled;
                tally.sight(Sight::Withdrawn);
                Ok(())
            }
            _ => self.asks(&words),
        }
    }

    fn beat(&mut self, now: u64) -> Check {
        let limit = self.beat_limit();
        let late = now - self.link.handshake.last_beat;
        ensure!(late <= limit || self.link.handshake.blocked, "{late} ms without a sign of life");
        self.link.handshake.last_beat = now;
        Ok(())
    }

    fn beat_limit(&self) -> u64 {
        let hurries = self.link.stream.as_ref().is_some_and(|cursor| cursor.hurries && cursor.begins <= self.consumed);
        if hurries { HURRIED_MS } else { EACH_MS }
    }

    fn acknowledges(&mut self, offset: &str, now: u64, tally: &mut Tally) -> Check {
        let Some(cursor) = self.link.stream.as_ref().filter(|cursor| cursor.begins <= self.consumed) else {
            return Err(format!("an acknowledgement before the stream: {offset}"));
        };
        let value: u64 = offset.parse().map_err(|_| format!("an acknowledgement of {offset}"))?;
        let here = cursor.link_place(self.consumed);
        let mut right = cursor.asked.iter().copied().chain([here]).flat_map(|at| self.by_choice(at));
        ensure!(right.any(|right| right == value), "{value} acknowledged at {here}, asked at {:?}", cursor.asked);
        ensure!(value >= self.link.handshake.last_ack, "{value} acknowledged after {}", self.link.handshake.last_ack);
        tally.sight(match self.options.ack {
            Ack::Observe => Sight::AckObserve,
            Ack::Received => Sight::AckReceived,
            Ack::Applied => Sight::AckApplied,
            other => unreachable!("{other:?}"),
        });
        if self.options.ack == Ack::Applied && self.explicit.is_some_and(|explicit| value > explicit) {
            tally.sight(Sight::AckOverSilence);
        }
        let own = &mut self.link.handshake;
        if let Some((lowest, highest)) = own.unanswered.filter(|&(lowest, _)| lowest <= value) {
            own.unanswered = (value < highest).then_some((lowest.max(value + 1), highest));
        }
        self.link.handshake.last_ack = value;
        if !self.link.handshake.in_stream {
            self.link.handshake.in_stream = true;
            self.link.handshake.last_beat = now;
        }
        self.beat(now)
    }

    /// The heartbeat that another thread would send instead of the session.
    pub(super) fn heartbeat(&self, told: Option<Heartbeat>) -> Check {
        let begun = self.link.snapshot.as_ref().is_some_and(|own| own.line_end <= self.delivered);
        let expected = match self.link.stream.as_ref().filter(|cursor| cursor.begins <= self.consumed) {
            Some(cursor) => self.by_choice(cursor.link_place(self.consumed)).map(|at| Some(Heartbeat::Ack(at))),
            None => [begun.then_some(Heartbeat::Newline); 2],
        };
        ensure!(expected.contains(&told), "heartbeat() is {told:?}, and should be {expected:?}");
        Ok(())
    }

    /// The offset to acknowledge when the stream has reached `at`: the least, and the most.
    fn by_choice(&self, at: u64) -> [u64; 2] {
        match self.options.ack {
            Ack::Observe => [0; 2],
            Ack::Received => [at; 2],
            Ack::Applied => {
                self.committed.map_or([0; 2], |committed| [committed.least.min(at), committed.most.min(at)])
            }
            other => unreachable!("{other:?}"),
        }
    }

    fn asks(&mut self, words: &[&str]) -> Check {
        let own = &self.link.handshake;
        let is_first = own.asked.is_none();
        ensure!(
            is_first || own.answered_at.is_some_and(|at| at <= self.consumed),
            "{words:?} before the answer to {:?}",
            own.asked
        );
        ensure!(self.link.request.is_none(), "{words:?} after {:?}", self.link.request);
        self.learns_of_denial();
        let own = &mut self.link.handshake;
        if own.is_at_client_reply() && !own.refused {
            own.version = Version::Held;
        }
        match self.next_question() {
            Some((question, expected)) => {
                let same = expected.iter().map(Vec::as_slice).eq(words.iter().map(|word| word.as_bytes()));
                ensure!(same, "{words:?}, and not {}", spoken(&expected));
                self.link.handshake.asked = Some(question);
                self.link.handshake.filter |= question == Question::Filter;
            }
            None => {
                self.link.request = Some(self.request(words)?);
                // Whether the filter was taken is known by now.
                self.link.handshake.filter = self.link.handshake.is_filtered();
                self.link.handshake.asked = Some(Question::Attach);
            }
        }
        self.link.handshake.answered_at = None;
        self.link.handshake.refused = false;
        Ok(())
    }

    fn request(&mut self, words: &[&str]) -> Result<Request, String> {
        let forked = self.link.forked;
        let forks = |reason| match forked == Some(reason) {
            true => Ok(()),
            false => Err(format!("{words:?} was announced as {forked:?}")),
        };
        match *words {
            ["SYNC"] => {
                ensure!(self.options.start == Start::Sync, "SYNC unasked");
                forks(ForkReason::Snapshot)?;
                Ok(Request::Sync)
            }
            ["PSYNC", "?", "-1"] => {
                ensure!(self.resume.is_none(), "it asks for everything, and has {:?}", self.resume);
                ensure!(self.options.start != Start::Sync, "PSYNC in place of SYNC");
                ensure!(self.found.is_none(), "it asks for everything, and was told {:?}", self.found);
                if self.wants_data {
                    forks(ForkReason::Snapshot)?;
                    return Ok(Request::Snapshot);
                }
                ensure!(self.options.start != Start::NowWithoutFork, "it makes the primary fork, which it must not");
                if self.link.handshake.is_filtered() {
                    forks(ForkReason::Filtered)?;
                    return Ok(Request::Filtered);
                }
                ensure!(self.may_probe() && !self.options.single_link, "a probe that nobody has allowed");
                forks(ForkReason::Probe)?;
                Ok(Request::Probe)
            }
            ["PSYNC", replid, next] => {
                ensure!(forked.is_none(), "{forked:?} announced, and {words:?} asked");
                let next: u64 = next.parse().map_err(|_| format!("{words:?}"))?;
                self.request_from(Position::at(replid, next.saturating_sub(1), None))
            }
            _ => Err(format!("unheard of: {words:?}")),
        }
    }

    fn request_from(&mut self, place: Position) -> Result<Request, String> {
        let same = |other: &Position| other.replid == place.replid && other.offset == place.offset;
        let told = self.link.info.as_ref().and_then(|(told, _)| told.shown.clone().filter(|_| told.active));
        let told = told.map(|(replid, offset)| Position::at(&replid, offset, None));
        if let Some(found) = self.found.take() {
            ensure!(same(&found), "{place:?} asked for, and {found:?} was found");
            return Ok(Request::Probed(found));
        }
        if self.resume.is_none() || self.link.gap_by_info {
            let by_info = self.options.start == Start::NowWithoutFork || !self.link.handshake.is_filtered();
            ensure!(by_info && (self.link.gap_by_info || !self.wants_data), "INFO was not to be asked");
            ensure!(told.as_ref().is_some_and(same), "{place:?} asked for, and INFO told {told:?}");
            return Ok(Request::Info(told.unwrap()));
        }
        let resume = self.resume.unwrap();
        if let Some(parting) = self.link.info.as_ref().and_then(|(told, _)| told.parting(&resume)) {
            ensure!(same(&parting), "{place:?} asked for, and the histories part at {parting:?}");
            return Ok(Request::Rewound(parting));
        }
        ensure!(same(&resume), "{place:?} asked for, and {resume:?} was the place");
        let covers = self.link.info.as_ref().is_some_and(|(_, covers)| *covers);
        let may_fork = self.options.start != Start::NowWithoutFork || self.options.on_gap == OnGap::Snapshot;
        ensure!(covers || may_fork, "it risks a fork, which it must not");
        Ok(Request::Resume(resume))
    }

    /// After each call; `drained`: it asks for more bytes; `was_empty`: nothing waited to be sent before it; `waits`:
    /// something does now.
    pub(crate) fn sent_all(
        &mut self,
        now: u64,
        was_empty: bool,
        acknowledged: bool,
        waits: bool,
        drained: bool,
    ) -> Check {
        if self.is_lax || self.is_over || self.then.is_some() {
            return Ok(());
        }
        let consumed = self.consumed;
        let began = self.link.snapshot.as_ref().is_some_and(|own| own.line_end <= self.delivered && consumed < own.end);
        let streams = self.link.stream.as_ref().is_some_and(|cursor| cursor.begins <= consumed);
        if let Some(cursor) = &mut self.link.stream {
            let asked = std::mem::take(&mut cursor.asked);
            ensure!(asked.is_empty() || acknowledged || !was_empty, "GETACK at {asked:?} has no answer");
        }
        let limit = self.beat_limit();
        let own = &mut self.link.handshake;
        if began && !own.in_snapshot {
            (own.in_snapshot, own.last_beat) = (true, now);
        }
        let streams = streams && drained;
        ensure!(!streams || own.version == Version::Settled, "the primary still holds a version of ours");
        if streams && !own.in_stream {
            return Err("the stream begins without an acknowledgement".into());
        }
        let late = now - own.last_beat;
        ensure!(!(began || streams) || late <= limit || waits || own.blocked, "{late} ms without a sign of life");
        own.blocked = waits;
        if waits {
            own.last_beat = now;
        }
        Ok(())
    }

    /// The caller has kept everything up to this position.
    pub(crate) fn committed(&mut self, place: &Position, log: &Log) {
        let Some(counted) = self.counted(place) else { return };
        // A late commit of a history with the same id: what was not received yet is not committed.
        let stream = self.link.stream.as_ref().filter(|cursor| cursor.begins <= self.consumed);
        let here = stream.map_or(u64::MAX, |cursor| cursor.link_place(self.consumed));
        let offset = counted.min(here);
        self.explicit = Some(offset);
        let told_to = self.link.stream.as_ref().map_or(0, |cursor| cursor.told_to);
        let control = self.options.control;
        let mut most = offset;
        while let Some(unit) = log.units.get(log.after(most))
            && unit.start == most
            && unit.end <= told_to
            && is_silent(unit, control)
        {
            most = unit.end;
        }
        // Everything that was delivered is committed: then nothing may be forgotten.
        let least = if offset >= self.last_event { most } else { offset };
        let before = self.committed.unwrap_or(Committed { least: 0, most: 0 });
        self.committed = Some(Committed { least: least.max(before.least), most: most.max(before.most) });
    }

    /// Whether the primary waits for an acknowledgement that is possible.
    pub(crate) fn owes(&self) -> bool {
        let stream = self.link.stream.as_ref().filter(|cursor| cursor.begins <= self.consumed);
        let unanswered = self.link.handshake.unanswered.filter(|_| !self.is_lax && stream.is_some());
        unanswered.zip(self.committed).is_some_and(|((lowest, _), committed)| committed.least >= lowest)
    }

    pub(crate) fn describes(options: &Options) -> String {
        format!(
            "start {:?}, on_gap {:?}, ack {:?}, parts {:?}, control {}, probe {}, retry_first {}, retry_snapshot {}, \
             retry_refused {:?}, single {}, silence {:?}, backoff {:?}, command limit {}",
            options.start,
            options.on_gap,
            options.ack,
            options.parts,
            options.control,
            options.allow_probe,
            options.retry_first,
            options.retry_snapshot,
            options.retry_refused,
            options.single_link,
            options.silence,
            options.backoff,
            options.limits.command
        )
    }
}

fn spoken(words: &Words) -> String {
    words.iter().map(|word| String::from_utf8_lossy(word)).collect::<Vec<_>>().join(" ")
}
