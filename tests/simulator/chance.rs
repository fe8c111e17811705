//! The decisions of a seed: options, the shape of a stream, and the events on a link and between two links.

use redtail::{Ack, Backoff, Limits, OnGap, Options, SnapshotForm, Start};
use std::time::Duration;

use crate::judge::is_harmless;
use crate::log::Log;
use crate::primary::{Primary, Trouble};
use crate::profile::{PROFILES, Profile};
use crate::rng::Rng;
use crate::tally::{Fault, Tally};
use crate::wire::Tag;
use crate::words::{QUESTIONS, Row, UNASKED};
use crate::writes::Style;

pub(crate) fn options(rng: &mut Rng) -> Options {
    let parts = rng.chance(50).then(|| rng.pick(&[1, 1024, 1024, 2000, 4096]));
    let command = match parts {
        Some(_) => rng.pick(&[100, 2048, 5000, 65_536]),
        None => rng.pick(&[20_000, 20_000, 400_000]),
    };
    let ms = Duration::from_millis;
    let backoff = match rng.below(20) {
        0 => Backoff::OFF,
        1..=7 => Backoff::default(),
        8..=12 => Backoff::new(ms(1), ms(50)).give_up_after(rng.pick(&[1, 2, 3, 5])),
        _ => Backoff::new(ms(rng.pick(&[1, 7, 1000])), ms(rng.pick(&[1000, 60_000]))),
    };
    let mut limits = Limits::DEFAULT;
    (limits.command, limits.bulk, limits.arguments) = (command, 1 << 20, 1000);
    options! {
        start: match rng.below(100) {
            0..50 => Start::Now,
            50..70 => Start::NowWithoutFork,
            70..92 => Start::Snapshot,
            _ => Start::Sync,
        },
        on_gap: rng.pick(&[
            OnGap::Continue,
            OnGap::Continue,
            OnGap::Continue,
            OnGap::Stop,
            OnGap::Snapshot,
            OnGap::Snapshot,
        ]),
        ack: rng.pick(&[Ack::Observe, Ack::Received, Ack::Applied]),
        allow_probe: rng.chance(50),
        retry_first: rng.chance(92),
        retry_snapshot: rng.chance(75),
        retry_refused: rng.chance(50).then(|| ms(rng.pick(&[1, 5000, 30_000]))),
        single_link: rng.chance(4),
        control: rng.chance(40),
        parts,
        snapshot: rng.pick(&[SnapshotForm::Bytes, SnapshotForm::Items]),
        listening_port: rng.chance(30).then_some(7777),
        backoff,
        silence: Some(ms(rng.pick(&[0, 2500, 60_000, 60_000]))).filter(|limit| !limit.is_zero()),
        seed: rng.number(),
        limits,
    }
}

pub(crate) fn style(profile: &Profile, options: &Options, rng: &mut Rng) -> Style {
    let (largest_value, largest_command) = match options.parts {
        Some(_) => (rng.pick(&[3000, 3000, 20_000, 20_000, 300_000]), 1 << 20),
        None => (options.limits.command as usize - 1500, options.limits.command as usize - 1000),
    };
    Style {
        largest_value,
        largest_command,
        large: rng.pick(&[2, 5, 20]),
        databases: rng.pick(&[1, 3, 16]),
        select_inside: profile.select_inside,
        wrapped: profile.wrapped && rng.chance(50),
        mark: rng.id(),
    }
}

/// How the bytes of a link arrive.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pieces {
    OneByte,
    UpTo(usize),
    Whole,
}

impl Pieces {
    /// The size of the next read. After the first few thousand bytes of a link small reads show nothing new, and cost
    /// time.
    pub(crate) fn next(self, delivered: usize, rng: &mut Rng) -> usize {
        match self {
            Self::OneByte if delivered < 4000 => 1,
            Self::UpTo(most) if delivered < 8000 => rng.between(1, most),
            Self::OneByte | Self::UpTo(_) if delivered < 40_000 => rng.between(1, 4000),
            Self::OneByte | Self::UpTo(_) => rng.between(1, 60_000),
            Self::Whole => usize::MAX,
        }
    }
}

/// A fault at one byte of a link.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Strike {
    Close,
    Fail,
    Stall(u64),
    Corrupt(u8),
}

/// Bytes that end a stream with an error, `at` bytes after the last good one.
#[derive(Debug, Clone)]
pub(crate) struct Spoil {
    pub(crate) fault: Fault,
    pub(crate) bytes: Vec<u8>,
    pub(crate) at: Option<u64>,
}

/// The faults and the pace of one link.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) pieces: Pieces,
    pub(crate) is_clean: bool,
    pub(crate) is_refused: bool,
    pub(crate) unasked: Option<Row>,
    pub(crate) trouble: Option<Trouble>,
    /// The fault, and after how many bytes of which kind it occurs.
    pub(crate) strike: Option<(Strike, Tag, usize)>,
    pub(crate) spoils: Option<Spoil>,
    pub(crate) blocks: bool,
    pub(crate) is_slow: bool,
    /// How often the primary writes, and how often time passes without a write.
    pub(crate) bursts: u32,
    pub(crate) idle: u32,
}

impl Plan {
    pub(crate) fn clean(rng: &mut Rng) -> Self {
        Self {
            pieces: match rng.below(8) {
                0 => Pieces::OneByte,
                1 | 2 => Pieces::Whole,
                3 | 4 => Pieces::UpTo(20),
                _ => Pieces::UpTo(700),
            },
            is_clean: true,
            is_refused: false,
            unasked: None,
            trouble: None,
            strike: None,
            spoils: None,
            blocks: false,
            is_slow: false,
            bursts: rng.between(1, 3) as u32,
            idle: 100,
        }
    }

    pub(crate) fn new(rng: &mut Rng, options: &Options) -> Self {
        let mut plan = Self { is_clean: false, ..Self::clean(rng) };
        plan.bursts = rng.below(6) as u32;
        plan.idle = if rng.chance(10) { 90 } else { rng.below(6) as u32 };
        plan.blocks = rng.chance(10);
        plan.is_slow = rng.chance(5);
        match rng.below(100) {
            0..5 => plan.is_refused = true,
            5..6 => plan.unasked = Some(rng.pick(UNASKED)),
            6..9 => plan.trouble = Some(Trouble::Error(rng.pick(QUESTIONS), rng.below(1000))),
            9..14 => plan.trouble = Some(Trouble::Error(crate::words::Question::Attach, rng.below(9))),
            14 => plan.trouble = Some(Trouble::Wrong(rng.below(100))),
            15 => plan.trouble = Some(Trouble::GarbageReply(rng.pick(QUESTIONS))),
            16 => plan.trouble = Some(Trouble::GarbageHeader),
            17..19 => plan.trouble = Some(Trouble::SnapshotFails(rng.below(100))),
            19 => plan.trouble = (rng.chance(10)).then_some(Trouble::FilterIgnored),
            20 => plan.trouble = Some(Trouble::BrokenSnapshot),
            21..24 => plan.trouble = Some(Trouble::MovesOnAfterInfo),
            24 => plan.trouble = Some(Trouble::ChildDies),
            25..27 => plan.spoils = Some(spoil(rng, options)),
            27..75 => plan.strike = Some(strike(rng)),
            _ => {}
        }
        plan
    }
}

fn strike(rng: &mut Rng) -> (Strike, Tag, usize) {
    let strike = match rng.below(20) {
        0 => Strike::Corrupt(rng.pick(b"0123456789*$\r\n+-:A\0\xff")),
        1..=3 => Strike::Fail,
        4..=7 => Strike::Stall(rng.pick(&[500, 2000, 2500, 30_000, 59_999, 60_000, 100_000])),
        _ => Strike::Close,
    };
    let (tag, most) = match rng.below(20) {
        0..=2 => (Tag::Reply, if rng.chance(50) { 60 } else { 900 }),
        3 => (Tag::Header, 50),
        4 | 5 => (Tag::Snapshot, if rng.chance(50) { 100 } else { 4000 }),
        6 | 7 => (Tag::Mark, 40),
        _ => (Tag::Stream, rng.pick(&[1, 30, 1000, 1000, 1000, 10_000])),
    };
    (strike, tag, rng.below(most))
}

fn spoil(rng: &mut Rng, options: &Options) -> Spoil {
    let garbage: &[(&[u8], u64)] = &[
        (b"+OK\r\n", 0),
        (b"-ERR no\r\n", 0),
        (b"GET / HTTP/1.1\r\n", 0),
        (b"$4\r\nPING\r\n", 0),
        (b"*1\r\n:1\r\n", 4),
        (b"*1\r\n*1\r\n$1\r\na\r\n", 4),
        (b"*1\r\n$3\r\nabcd\r\n", 11),
        (b"*1\r\n$-1\r\n", 5),
        (b"*01\r\n$1\r\na\r\n", 2),
        (b"*+1\r\n$1\r\na\r\n", 1),
        (b"\0\0\0\0", 0),
        (b"\r*1\r\n$1\r\na\r\n", 1),
        (b"*2\r\n$6\r\nSELECT\r\n$1\r\nx\r\n", 0),
    ];
    let hostile: &[(&[u8], u64)] = &[
        (b"*1000000000000000000\r\n", 1),
        (b"*99999999999999999999999\r\n", 1),
        (b"*2\r\n$3\r\nSET\r\n$1000000000000000000\r\n", 14),
        (b"*2\r\n$3\r\nSET\r\n$1048577\r\n", 14),
        (b"*1\r\n$18446744073709551616\r\n", 5),
    ];
    if options.parts.is_none() && rng.chance(30) {
        let bytes = format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n", options.limits.command).into_bytes();
        return Spoil { fault: Fault::TooLarge, bytes, at: None };
    }
    let (fault, rows) =
        if rng.chance(50) { (Fault::GarbageInStream, garbage) } else { (Fault::HostileLength, hostile) };
    let (bytes, at) = rng.pick(rows);
    Spoil { fault, bytes: bytes.to_vec(), at: Some(at) }
}

impl Primary {
    /// The change to the primary while nobody is connected.
    pub(crate) fn turn_of_events(&mut self, options: &Options, rng: &mut Rng, tally: &mut Tally) {
        self.out_of_step = false;
        if rng.chance(50) {
            self.shown = None;
        }
        (0..rng.below(6)).for_each(|_| self.write(rng, tally));
        if self.shown.is_some() {
            return;
        }
        match rng.below(40) {
            0..=2 if self.backlog_first.is_some() => {
                tally.fault(Fault::BacklogOverrun);
                let first = self.backlog_first.unwrap_or(0);
                self.backlog_first =
                    Some(if rng.chance(50) { self.end() } else { self.log.boundary(first - 1, rng) } + 1);
            }
            3 => {
                tally.fault(Fault::BacklogFreed);
                (self.replid, self.replid2, self.backlog_first) = (rng.id(), None, None);
            }
            4 => {
                tally.fault(Fault::ReplidChanged);
                (self.replid, self.replid2) = (rng.id(), None);
            }
            5..=9 if self.backlog_first.is_some() => {
                tally.fault(Fault::Promoted);
                self.promote(options, rng);
            }
            10..=13 => {
                let Some(first) = self.backlog_first else { return };
                let kept = self.log.boundary(first - 1, rng);
                if kept < self.log.end() {
                    tally.fault(Fault::PromotedWithLoss);
                    self.log.truncate(kept);
                    self.promote(options, rng);
                }
            }
            36..=38 => self.promote_behind_tail(options, rng, tally),
            14..=16 if self.profile.keeps_history && self.backlog_first.is_some() => {
                tally.fault(Fault::RestartedWithHistory);
                self.promote(options, rng);
                self.backlog_first = Some(self.end() + 1);
            }
            17 | 18 => {
                tally.fault(Fault::RestartedWithoutHistory);
                let base = rng.pick(&[0, 0, 1]);
                self.log = Log::new(base, 0);
                (self.replid, self.replid2, self.backlog_first) = (rng.id(), None, rng.chance(60).then_some(base + 1));
                (self.again, self.style.mark) = (true, rng.id());
            }
            19..=21 => {
                let Some(first) = self.backlog_first else { return };
                let shown = self.log.boundary(first - 1, rng);
                if shown < self.log.end() {
                    tally.fault(Fault::LaggingReplica);
                    (self.shown, self.is_replica) = (Some(shown), true);
                }
            }
            22 => {
                tally.fault(Fault::OutOfStep);
                self.out_of_step = true;
            }
            _ => {}
        }
        (0..rng.below(6)).for_each(|_| self.write(rng, tally));
    }

    /// Another server takes over that lacks the last bytes that were sent, and none of them changes data.
    fn promote_behind_tail(&mut self, options: &Options, rng: &mut Rng, tally: &mut Tally) {
        let boundaries = self.log.harmless(self.sent(), |unit| is_harmless(unit, options));
        let before = &boundaries[..boundaries.len() - 1];
        let Some(first) = self.backlog_first.filter(|_| !before.is_empty()) else { return };
        let kept = before[rng.below(before.len())];
        if kept + 1 >= first {
            tally.fault(Fault::PromotedBehindTail);
            self.log.truncate(kept);
            self.promote(options, rng);
        }
    }

    /// Another server of this history takes over, or the same one after a restart: perhaps of another version.
    fn promote(&mut self, options: &Options, rng: &mut Rng) {
        self.replid2 = Some((std::mem::replace(&mut self.replid, rng.id()), self.log.end() + 1));
        (self.again, self.is_replica) = (true, false);
        if self.profile.is_primary() && rng.chance(40) {
            let others: Vec<&Profile> = PROFILES.iter().filter(|profile| profile.is_primary()).collect();
            self.profile = rng.pick(&others);
            self.style = style(self.profile, options, rng);
        }
        self.style.mark = rng.id();
    }
}
