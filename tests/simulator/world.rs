//! One life: a session, its primary, the links between them, and time, all out of one seed.

use redtail::replication::{Closed, Credentials, Progress, Session};
use redtail::{Ack, DisconnectReason, Event, Excerpt, Options, Position, SessionError, Start};
use std::time::Duration;

use crate::chance::{Plan, Strike, options, style};
use crate::judge::{Check, Judge, PASSWORD, Phase, Place, USER, ensure, is_harmless};
use crate::log::decode;
use crate::primary::Primary;
use crate::profile::PROFILES;
use crate::rng::Rng;
use crate::tally::{Fault, Sight, Tally};
use crate::wire::{Tag, Wire};

pub(crate) struct World {
    pub(crate) rng: Rng,
    pub(crate) tally: Tally,
    pub(crate) primary: Primary,
    pub(crate) judge: Judge,
    session: Session,
    wire: Wire,
    now: u64,
    /// Delivered and not consumed, from `head` on.
    unread: Vec<u8>,
    head: usize,
    /// Offered by the session and not taken by the link; taken, and not heard by the primary.
    offered: Vec<u8>,
    taken: Vec<u8>,
    stalled_until: u64,
    blocked_until: u64,
    last_received: u64,
    stale: Option<Position>,
    /// How often it commits, in percent: one that commits rarely commits late.
    commits: u64,
    is_told: bool,
}

/// How a link ended.
enum Flow {
    Again {
        after: Duration,
    },
    Over,
    /// Everything the primary has is delivered.
    Done,
}

/// Lives the life of this seed. Gives what it has met, and what is wrong, if anything is.
pub(crate) fn live(seed: u64, is_told: bool) -> (Tally, u64, Check) {
    let mut world = World::new(seed, is_told);
    let check = world.live();
    (world.tally, world.judge.digest, check)
}

impl World {
    fn new(seed: u64, is_told: bool) -> Self {
        let mut rng = Rng::new(seed);
        let mut tally = Tally::default();
        let mut options = options(&mut rng);
        let profile = loop {
            let profile = &PROFILES[rng.below(PROFILES.len())];
            if profile.is_primary() || options.start == Start::Sync || rng.chance(30) {
                break profile;
            }
        };
        let mut primary = Primary::new(profile, style(profile, &options, &mut rng), &mut rng);
        (0..rng.below(20)).for_each(|_| primary.write(&mut rng, &mut tally));
        if rng.chance(22) && options.start != Start::Sync {
            options.start = Start::At(start_at(&mut primary, &options, &mut rng));
        }
        let judge = Judge::new(options, rng.chance(25));
        let session = Session::new(options);
        let commits = if rng.chance(30) { 2 } else { 20 };
        if is_told {
            eprintln!("a {:?}, {:?}", profile.shown(), profile.psync);
            eprintln!("{}", Judge::describes(&options));
        }
        Self {
            rng,
            tally,
            primary,
            judge,
            session,
            wire: Wire::default(),
            now: 0,
            unread: Vec::new(),
            head: 0,
            offered: Vec::new(),
            taken: Vec::new(),
            stalled_until: 0,
            blocked_until: 0,
            last_received: 0,
            stale: None,
            commits,
            is_told,
        }
    }

    fn live(&mut self) -> Check {
        for _ in 0..self.rng.between(1, 8) {
            let plan = Plan::new(&mut self.rng, &self.judge.options);
            let flow = if self.rng.chance(5) { self.link_elsewhere(&plan)? } else { self.link(&plan)? };
            match flow {
                Flow::Again { after } => self.pass(after.as_millis() as u64),
                Flow::Over | Flow::Done => return Ok(()),
            }
            self.primary.turn_of_events(&self.judge.options, &mut self.rng, &mut self.tally);
        }
        // Then all is well again, and everything must get through.
        for _ in 0..8 {
            (self.primary.out_of_step, self.primary.shown) = (false, None);
            if self.judge.lacks == Some(SessionError::NoBacklog) {
                // A person attaches a replica.
                self.primary.backlog_first.get_or_insert(self.primary.end() + 1);
            }
            let plan = Plan::clean(&mut self.rng);
            match self.link(&plan)? {
                Flow::Again { after } => self.pass(after.as_millis() as u64),
                Flow::Over => return Ok(()),
                Flow::Done => {
                    self.tally.sight(Sight::AllThrough);
                    return Ok(());
                }
            }
        }
        // Nobody gives the permission, or makes another server of this one.
        let profile = self.primary.profile;
        let is_for_ever = match self.judge.lacks {
            Some(SessionError::InfoNeeded) => true,
            Some(SessionError::NoBacklog) => !profile.shows_replid,
            _ => !profile.is_primary(),
        };
        if is_for_ever {
            return Ok(());
        }
        Err("all is well, and it never arrives".into())
    }

    fn pass(&mut self, ms: u64) {
        self.now += ms + self.rng.ms(0, 3);
    }

    /// One link to another server at the address of the primary, with a history of its own at the same offsets. Not one
    /// of its writes may be delivered as the continuation of the primary's.
    fn link_elsewhere(&mut self, plan: &Plan) -> Result<Flow, String> {
        self.tally.fault(Fault::AnotherServer);
        self.say(|| "-- another server".into());
        let other = self.primary.stranger(&mut self.rng, &mut self.tally);
        let primary = std::mem::replace(&mut self.primary, other);
        self.judge.is_elsewhere = self.judge.resume.is_some();
        let flow = self.link(plan);
        self.judge.is_elsewhere = false;
        self.primary = primary;
        flow
    }

    /// One link, from connecting to its end.
    fn link(&mut self, plan: &Plan) -> Result<Flow, String> {
        self.say(|| format!("-- {plan:?}"));
        self.primary.accept();
        self.primary.trouble = plan.trouble;
        self.wire = Wire::new(plan.strike.map(|(_, tag, after)| (tag, after)));
        (self.head, self.stalled_until, self.blocked_until, self.last_received) = (0, 0, 0, self.now);
        self.unread.clear();
        self.offered.clear();
        self.taken.clear();
        self.judge.connected(self.now);
        if plan.is_refused {
            self.tally.fault(Fault::ConnectFails);
            return self.lose(Closed::Failed("connection refused"));
        }
        let credentials = match self.judge.has_password {
            true => Credentials::new(Some(USER.as_bytes()), PASSWORD.as_bytes()),
            false => Credentials::default(),
        };
        self.session.connected(credentials, self.now);
        if let Some(row) = plan.unasked {
            self.tally.fault(Fault::ErrorUnasked);
            let due = self.wire.queue(self.now, Tag::Reply, format!("{}\r\n", row.0).as_bytes());
            self.judge.unasked(due, row);
        }
        let (mut bursts, mut idle, mut spoils, mut slow) = (plan.bursts, plan.idle, plan.spoils.clone(), plan.is_slow);
        for _ in 0..400_000 {
            self.wire.settle(self.now);
            if let Some(flow) = self.pump()? {
                return Ok(flow);
            }
            if self.wire.is_triggered() {
                self.wire.go_on();
                if let Some(flow) = self.strike(plan)? {
                    return Ok(flow);
                }
            }
            if self.wire.ready() > 0 && self.now >= self.stalled_until {
                self.deliver(plan);
                continue;
            }
            if plan.unasked.is_none() && self.carry()? {
                continue;
            }
            if self.primary.is_streaming() && self.now >= self.stalled_until {
                if bursts > 0 {
                    bursts -= 1;
                    (0..self.rng.between(1, 8)).for_each(|_| self.primary.write(&mut self.rng, &mut self.tally));
                    self.primary.flush(self.now, &mut self.wire);
                    self.block(plan);
                    continue;
                }
                if self.judge.is_attached() && std::mem::take(&mut slow) {
                    self.dawdle()?;
                    continue;
                }
                let all_told = self.wire.total == self.wire.delivered;
                match spoils.take() {
                    Some(spoil) if all_told => self.spoil(spoil),
                    _ if plan.is_clean && all_told => {
                        ensure!(self.judge.has_all(self.primary.end()), "all is well, and not all is told");
                        return Ok(Flow::Done);
                    }
                    _ => {}
                }
            }
            if idle == 0 || (self.judge.is_lax || self.primary.is_closing()) && self.is_quiet() {
                return self.close(Closed::ByPeer);
            }
            idle -= u32::from(self.primary.is_streaming() || self.judge.is_lax);
            if let Some(flow) = self.wait()? {
                return Ok(flow);
            }
        }
        Err("a link without end".into())
    }

    /// Shows the session the bytes that have arrived, until it asks for more.
    fn pump(&mut self) -> Result<Option<Flow>, String> {
        loop {
            let Self { session, judge, rng, tally, primary, .. } = self;
            let unread = &self.unread[self.head..];
            let was_empty = self.offered.is_empty();
            if judge.is_attached() && rng.chance(40) {
                let mut check = Ok(());
                let limit = rng.between(1, 40) as u32;
                tally.calls += 1;
                let (count, _) = session.batch(unread, self.now, limit, |event| {
                    check = judge.batched(&event, &primary.log, tally);
                    if check.is_err() { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) }
                });
                check?;
                judge.batch_ends(count, session.consumed())?;
                self.head += session.consumed();
                self.offers(was_empty, false)?;
            }
            let Self { session, judge, tally, primary, .. } = self;
            let unread = &self.unread[self.head..];
            let was_empty = self.offered.is_empty();
            tally.calls += 1;
            let progress = session.poll(unread, self.now);
            let used = session.consumed();
            ensure!(used <= unread.len(), "{used} bytes used up of {}", unread.len());
            self.head += used;
            match progress {
                Progress::Event => {
                    let event = session.event(unread);
                    if self.is_told {
                        eprintln!("{:>8} ms  {}", self.now, crate::judge::text(format!("{event:?}").as_bytes()));
                    }
                    judge.note(used as u64 ^ self.now << 20);
                    judge.event(&event, unread, used, &primary.log, tally)?;
                    let late = match &event {
                        Event::Attached(attached) => attached.rewound_from,
                        _ => None,
                    };
                    self.offers(was_empty, false)?;
                    if late.is_some() && self.judge.options.ack == Ack::Applied && self.rng.chance(50) {
                        self.tally.sight(Sight::LateCommits);
                        self.commit_at(late)?;
                    }
                    self.commit()?;
                }
                Progress::Space { at_least } => {
                    judge.consumed += used;
                    judge.drained(session, &primary.log, at_least, unread.len() - used)?;
                    let deadline = session.deadline_ms();
                    ensure!(deadline > self.now, "at {} ms it is to be asked again at {deadline} ms", self.now);
                    let silence = judge.options.silence.map_or(0, |limit| limit.as_millis() as u64);
                    let late = silence > 0 && deadline > (self.last_received + silence).max(self.now + 1000);
                    ensure!(!late, "at {} ms it is not to be asked again before {deadline} ms", self.now);
                    self.offers(was_empty, true)?;
                    self.commit()?;
                    return Ok(None);
                }
                end => {
                    judge.consumed += used;
                    judge.ends(end, tally)?;
                    ensure!(session.to_send().is_empty(), "something is to be sent after {end:?}");
                    ensure!(session.poll(&[], self.now) == end, "{end:?}, and then something else");
                    if self.is_told {
                        eprintln!("{:>8} ms  {end:?}", self.now);
                    }
                    return Ok(Some(match end {
                        Progress::Reconnect { after } if !self.judge.is_lax => Flow::Again { after },
                        _ => Flow::Over,
                    }));
                }
            }
        }
    }

    /// Checks the bytes that the session wants to send.
    fn offers(&mut self, was_empty: bool, drained: bool) -> Check {
        let bytes = self.session.to_send();
        if bytes.is_empty() && self.judge.gives_up() {
            self.offered.clear();
        }
        ensure!(bytes.starts_with(&self.offered), "what was to be sent has changed");
        let (mut at, mut acknowledged) = (self.offered.len(), false);
        while at < bytes.len() {
            let Some((words, length)) = decode(&bytes[at..])? else {
                return Err("half a command is to be sent".into());
            };
            acknowledged |= words.get(1).is_some_and(|word| word == b"ACK");
            self.judge.note(length as u64);
            self.judge.sends(&words, self.now, &mut self.tally)?;
            at += length;
        }
        self.offered.extend_from_slice(&bytes[self.offered.len()..]);
        self.judge.sent_all(self.now, was_empty, acknowledged, !self.offered.is_empty(), drained)
    }

    /// Takes the bytes to send, or a part of them, to the primary. Returns whether there were any.
    fn carry(&mut self) -> Result<bool, String> {
        if self.offered.is_empty() || self.now < self.blocked_until {
            return Ok(false);
        }
        let most = self.offered.len();
        let count = if self.rng.chance(85) { most } else { self.rng.between(1, most) };
        self.session.sent(count);
        self.taken.extend(self.offered.drain(..count));
        self.offers(false, false)?;
        while let Some((words, length)) = decode(&self.taken)? {
            self.taken.drain(..length);
            if self.is_told {
                eprintln!(
                    "{:>8} ms      sent {:?}",
                    self.now,
                    words.iter().map(|word| crate::judge::text(word)).collect::<Vec<_>>()
                );
            }
            let said = self.primary.hear(&words, self.now, &mut self.wire, &mut self.rng, &mut self.tally);
            if !self.judge.is_lax {
                self.judge.said(said, self.wire.total)?;
            }
        }
        self.primary.flush(self.now, &mut self.wire);
        Ok(true)
    }

    fn deliver(&mut self, plan: &Plan) {
        let count = plan.pieces.next(self.wire.delivered, &mut self.rng).min(self.wire.ready());
        if count == 1 {
            self.tally.sight(Sight::OneByte);
        }
        if self.head > 1 << 16 || self.head == self.unread.len() {
            self.unread.drain(..self.head);
            self.head = 0;
        }
        self.unread.extend_from_slice(self.wire.take(count));
        self.tally.bytes += count as u64;
        self.judge.delivered = self.wire.delivered;
        self.now += if self.rng.chance(10) { self.rng.ms(0, 4) } else { 0 };
        self.last_received = self.now;
        let stamp = 1_700_000_000_000 + self.now;
        self.session.stamp(stamp);
        self.judge.stamp = Some(stamp);
    }

    /// Nothing has arrived: time advances to the next moment when something may happen.
    fn wait(&mut self) -> Result<Option<Flow>, String> {
        ensure!(self.judge.is_lax || !self.is_quiet(), "both sides wait");
        let deadline = self.session.deadline_ms();
        let later = |at: u64| (at > self.now).then_some(at);
        let ping = self.primary.is_streaming().then_some(self.now + 10_000);
        let moments = [
            self.wire.next_at().and_then(later),
            later(self.stalled_until),
            later(self.blocked_until),
            Some(deadline),
            ping,
        ];
        self.now = moments.into_iter().flatten().min().unwrap_or(self.now + 1000);
        self.wire.settle(self.now);
        if Some(self.now) == ping && deadline > self.now {
            self.primary.write(&mut self.rng, &mut self.tally);
            self.primary.flush(self.now, &mut self.wire);
        }
        if self.wire.ready() > 0 && self.now >= self.stalled_until {
            return Ok(None);
        }
        if let Some(limit) = self.judge.options.silence
            && self.now - self.last_received >= limit.as_millis() as u64
        {
            self.tally.fault(match self.judge.phase(&self.primary.log) {
                Phase::Handshake => Fault::SilenceInHandshake,
                Phase::AwaitingSnapshot | Phase::InSnapshot | Phase::InMark => Fault::SilenceInSnapshot,
                _ => Fault::SilenceInStream,
            });
            self.judge.loses(DisconnectReason::Silence(limit));
            self.stalled_until = 0;
        }
        self.session.silent(self.now);
        self.pump()
    }

    /// Nobody has anything left to say.
    fn is_quiet(&self) -> bool {
        let heard = self.offered.is_empty() && self.wire.delivered == self.wire.total;
        heard && !self.primary.is_streaming() && !self.primary.awaits_ack()
    }

    /// The byte of the link at which a fault occurs has been reached.
    fn strike(&mut self, plan: &Plan) -> Result<Option<Flow>, String> {
        match plan.strike.map(|(strike, ..)| strike) {
            Some(Strike::Close) => self.close(Closed::ByPeer).map(Some),
            Some(Strike::Fail) => {
                self.tally.fault(Fault::ReadFails);
                self.close(Closed::Failed("connection reset by peer")).map(Some)
            }
            Some(Strike::Stall(ms)) => {
                self.stalled_until = self.now + ms;
                if self.judge.options.silence.is_none_or(|limit| limit > Duration::from_millis(ms)) {
                    self.tally.fault(Fault::Stall);
                }
                Ok(None)
            }
            Some(Strike::Corrupt(byte)) => {
                if self.wire.corrupt(byte) {
                    self.tally.fault(Fault::Corrupted);
                    self.judge.is_lax = true;
                }
                Ok(None)
            }
            None => Ok(None),
        }
    }

    fn close(&mut self, how: Closed<'_>) -> Result<Flow, String> {
        let phase = self.judge.phase(&self.primary.log);
        self.tally.fault(match phase {
            Phase::Handshake => Fault::CloseInHandshake,
            Phase::AwaitingSnapshot => Fault::CloseAwaitingSnapshot,
            Phase::InSnapshot => Fault::CloseInSnapshot,
            Phase::InMark => Fault::CloseInMark,
            Phase::AfterSnapshot => Fault::CloseAfterMark,
            Phase::Between => Fault::CloseBetween,
            Phase::InCommand => Fault::CloseInCommand,
            Phase::InParts => Fault::CloseInParts,
            Phase::InTransaction => Fault::CloseInTransaction,
        });
        self.lose(how)
    }

    fn lose(&mut self, how: Closed<'_>) -> Result<Flow, String> {
        self.judge.loses(match how {
            Closed::ByPeer => DisconnectReason::Closed,
            Closed::Failed(words) => DisconnectReason::Io(Excerpt::new(words.as_bytes())),
            other => unreachable!("{other:?}"),
        });
        self.session.closed(how, self.now);
        self.head = self.unread.len();
        match self.pump()? {
            Some(flow) => Ok(flow),
            None => Err("the link is closed, and it asks for more".into()),
        }
    }

    /// A caller that takes no event for a while, and so does not read.
    fn dawdle(&mut self) -> Check {
        self.tally.fault(Fault::SlowConsumer);
        for _ in 0..self.rng.between(1, 90) {
            self.now = self.session.deadline_ms();
            self.session.keep_alive(self.now);
            ensure!(self.session.deadline_ms() > self.now, "it keeps a shell awake that does not read");
            let was_empty = self.offered.is_empty();
            self.offers(was_empty, true)?;
            self.carry()?;
        }
        Ok(())
    }

    fn block(&mut self, plan: &Plan) {
        if plan.blocks && self.rng.chance(30) {
            self.tally.fault(Fault::OutputBlocked);
            self.blocked_until = self.now + self.rng.ms(1, 5000);
        }
    }

    fn spoil(&mut self, spoil: crate::chance::Spoil) {
        self.tally.fault(spoil.fault);
        let offset = self.primary.spoil(&spoil.bytes, self.now, &mut self.wire);
        self.judge.spoiled(offset, spoil.at, spoil.bytes.len() as u64, self.wire.total);
    }

    fn commit(&mut self) -> Check {
        if self.judge.options.ack != Ack::Applied || !self.rng.chance(self.commits) {
            return Ok(());
        }
        let newest = self.judge.resume;
        let place = if self.rng.chance(10) { self.stale } else { newest };
        self.commit_at(place)?;
        if self.rng.chance(5) {
            self.stale = newest;
        }
        Ok(())
    }

    fn commit_at(&mut self, place: Option<Position>) -> Check {
        if let Some(place) = place.filter(|place| self.judge.may_commit(place)) {
            let was_empty = self.offered.is_empty();
            self.session.commit(place);
            self.judge.committed(&place, &self.primary.log);
            let owed = self.judge.owes();
            self.offers(was_empty, false)?;
            ensure!(!was_empty || !self.judge.owes(), "the primary waits for a commit, and hears nothing of it");
            if owed && was_empty {
                self.tally.sight(Sight::AckAnswers);
            }
        }
        Ok(())
    }

    fn say(&self, words: impl FnOnce() -> String) {
        if self.is_told {
            eprintln!("{:>8} ms  {}", self.now, words());
        }
    }
}

/// A position that was reached in an earlier life.
fn start_at(primary: &mut Primary, options: &Options, rng: &mut Rng) -> Position {
    let offset = match primary.backlog_first {
        Some(first) => primary.log.boundary(first - 1, rng),
        None => primary.end(),
    };
    if rng.chance(15) {
        primary.backlog_first = Some(primary.end() + 1);
    }
    let db = rng.chance(80).then(|| primary.log.db_at(offset));
    // Where the database must be named again, the one before is not known.
    let db = db.filter(|_| offset < primary.end() || !primary.again);
    let replid = if rng.chance(10) { rng.id() } else { primary.replid.clone() };
    let data_offset = primary.log.harmless(offset, |unit| is_harmless(unit, options))[0];
    let place = Position::at(&replid, offset, db).with_data_offset(data_offset);
    match rng.chance(20) {
        true => place.with_history(rng.id().parse().unwrap()),
        false => place,
    }
}
