//! The events that must follow from the messages of a primary: an exact model, made of the protocol and of the
//! documentation, and of nothing the library computes.
//!
//! Bytes of a link are counted from its first. Each expected event is kept with the byte at which it is due: before
//! that byte was delivered the event must not arrive, and once the session asks for more bytes it must have arrived.

mod answers;
mod ends;
mod sends;
mod snapshots;
mod stream;

use std::collections::VecDeque;

use redtail::replication::Session;
use redtail::{
    AttachMethod, Attached, Event, ForkReason, Gap, OnGap, Options, Position, ReplicationId, SessionError,
    SnapshotBegin, SnapshotEnd, SnapshotForm, Start,
};

use self::ends::{Ending, Then};
use self::sends::Handshake;
use self::snapshots::Snapshots;
use self::stream::Cursor;
use crate::log::Log;
use crate::primary::{LAST_FORK_US, Told, USED_MEMORY};
use crate::snapshot::Fact;
use crate::tally::{Fault, Sight, Tally};

/// The fault, if there is one.
pub(crate) type Check = Result<(), String>;

macro_rules! ensure {
    ($truth:expr, $($words:tt)*) => {
        if !$truth {
            return Err(format!($($words)*));
        }
    };
}
pub(crate) use ensure;

pub(crate) use self::sends::{PASSWORD, USER};
pub(crate) use self::stream::is_harmless;

/// How far a link has got, to name the point at which a fault occurs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Handshake,
    AwaitingSnapshot,
    InSnapshot,
    InMark,
    AfterSnapshot,
    Between,
    InCommand,
    InParts,
    InTransaction,
}

pub(crate) struct Judge {
    pub(crate) options: Options,
    pub(crate) has_password: bool,
    /// The last position to resume from, by every event that was delivered and passed.
    pub(crate) resume: Option<Position>,
    /// The last byte before it that may have changed data, and whether anything after it may have.
    data_offset: u64,
    changes: bool,
    /// The position given by an abandoned full resynchronisation.
    found: Option<Position>,
    /// The next full resynchronisation is wanted for its data.
    wants_data: bool,
    snapshots: Snapshots,
    ever_attached: bool,
    attempts: u32,
    unknown: u32,
    committed: Option<Committed>,
    /// The histories that the present one continues, and the offsets where they were left.
    earlier: Vec<(ReplicationId, u64)>,
    /// The last offset that the caller itself has committed.
    explicit: Option<u64>,
    /// The offset of the last delivered event of this history. Once it is committed, so are the bytes after it.
    last_event: u64,
    info_denied: bool,
    /// The reason why the session has left its last link without a request: only a person can change it.
    pub(crate) lacks: Option<SessionError>,
    client_denied: bool,
    /// After a byte was corrupted nobody knows what is right.
    pub(crate) is_lax: bool,
    pub(crate) is_over: bool,
    /// The link is to another server, and no gap was delivered yet.
    pub(crate) is_elsewhere: bool,
    then: Option<Then>,
    pub(crate) link: Link,
    pub(crate) delivered: usize,
    pub(crate) consumed: usize,
    pub(crate) stamp: Option<u64>,
    /// The furthest offset delivered, and its history, to detect repetitions.
    furthest: (String, u64),
    idle_events: u32,
    pub(crate) digest: u64,
}

/// The committed offset of the present history, as an acknowledgement may give it.
#[derive(Debug, Clone, Copy)]
struct Committed {
    /// What the caller has committed, and the bytes after it that no event delivers.
    least: u64,
    /// The same, with such bytes that were received before a later event. They may be forgotten.
    most: u64,
}

impl Committed {
    fn up_to(self, offset: u64) -> Self {
        Self { least: self.least.min(offset), most: self.most.min(offset) }
    }
}

/// One link, as far as it went.
#[derive(Default)]
pub(crate) struct Link {
    handshake: Handshake,
    pub(crate) info: Option<(Told, bool)>,
    forked: Option<ForkReason>,
    request: Option<Request>,
    gap_by_info: bool,
    expected: VecDeque<(usize, Expected)>,
    snapshot: Option<Snapshot>,
    pub(crate) stream: Option<Cursor>,
    ending: Option<Ending>,
    has_crossed: bool,
    /// The byte of the link at which the reply that denies INFO is due.
    denied_at: Option<usize>,
    /// The same for CLIENT REPLY.
    client_denied_at: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Request {
    Filtered,
    Snapshot,
    Probe,
    Info(Position),
    Probed(Position),
    Resume(Position),
    /// The point at which the histories part, before the last position.
    Rewound(Position),
    Sync,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Gap(Gap),
    Attached(Attached),
    Begin(SnapshotBegin),
    End(SnapshotEnd),
}

struct Snapshot {
    /// The snapshot is for the caller, not only to learn the position.
    is_wanted: bool,
    /// From where on a break is one of the snapshot.
    line_end: usize,
    header_end: usize,
    data: Vec<u8>,
    told: usize,
    /// The contents of the snapshot, as far as they were delivered: facts, and bytes of the next one.
    facts: Vec<Fact>,
    facts_told: (usize, usize),
    end: usize,
}

impl Judge {
    pub(crate) fn new(options: Options, has_password: bool) -> Self {
        let resume = if let Start::At(position) = options.start { Some(position) } else { None };
        Self {
            options,
            has_password,
            resume,
            data_offset: resume.map_or(0, |resume| resume.data_offset),
            changes: false,
            found: None,
            wants_data: options.start == Start::Snapshot,
            snapshots: Snapshots::default(),
            ever_attached: false,
            attempts: 0,
            unknown: 0,
            committed: None,
            earlier: Vec::new(),
            explicit: None,
            last_event: u64::MAX,
            info_denied: false,
            lacks: None,
            client_denied: false,
            is_lax: false,
            is_over: false,
            is_elsewhere: false,
            then: None,
            link: Link::default(),
            delivered: 0,
            consumed: 0,
            stamp: None,
            furthest: (String::new(), 0),
            idle_events: 0,
            digest: 0,
        }
    }

    pub(crate) fn connected(&mut self, now: u64) {
        self.learns_of_denial();
        self.link = Link::default();
        self.lacks = None;
        self.link.handshake.last_beat = now;
        (self.delivered, self.consumed, self.idle_events) = (0, 0, 0);
    }

    fn learns_of_denial(&mut self) {
        self.info_denied |= self.link.denied_at.is_some_and(|at| at <= self.delivered);
        self.client_denied |= self.link.client_denied_at.is_some_and(|at| at <= self.delivered);
    }

    // ---- events of the session --------------------------------------------------------------------------------------

    /// An event from a poll that was shown `unread` and consumed `used` bytes of it.
    pub(crate) fn event(
        &mut self,
        event: &Event<'_>,
        unread: &[u8],
        used: usize,
        log: &Log,
        tally: &mut Tally,
    ) -> Check {
        self.idle_events = if used == 0 { self.idle_events + 1 } else { 0 };
        // One packed value may hold many elements; it is consumed at its end.
        let most = if matches!(event, Event::SnapshotItem(_)) { 20_000 } else { 4 };
        ensure!(self.idle_events <= most, "events without end, and no byte is used up: {event:?}");
        self.consumed += used;
        ensure!(self.consumed <= self.delivered, "{} bytes used up of {}", self.consumed, self.delivered);
        self.cross();
        if self.is_lax {
            return as_it_came(event, unread, used);
        }
        self.is_its_own(event)?;
        match event {
            Event::Forking(forking) => {
                ensure!(self.link.forked.is_none() && self.link.request.is_none(), "a second fork: {forking:?}");
                let facts = self.link.info.as_ref().map(|_| (USED_MEMORY, LAST_FORK_US));
                ensure!(
                    forking.used_memory.zip(forking.last_fork.map(|time| time.as_micros() as u64)) == facts,
                    "{forking:?}"
                );
                self.link.forked = Some(forking.reason);
                Ok(())
            }
            Event::Gap(gap) if self.link.request.is_none() => self.gap_by_info(gap, tally),
            Event::Gap(gap) => {
                self.take(Expected::Gap(*gap))?;
                self.gap(gap, tally);
                Ok(())
            }
            Event::Attached(attached) => {
                self.take(Expected::Attached(*attached))?;
                self.ever_attached = true;
                if let Some(before) = attached.rewound_from {
                    for (_, left) in &mut self.earlier {
                        *left = attached.offset.min(*left);
                    }
                    self.earlier.push((before.history, attached.offset));
                }
                self.begins(attached.position.or(self.resume));
                self.see_attached(attached, tally);
                Ok(())
            }
            Event::SnapshotBegin(begin) => {
                self.take(Expected::Begin(*begin))?;
                self.snapshots.begin(tally)
            }
            Event::SnapshotEnd(end) => {
                let snapshot = self.link.snapshot.as_ref();
                let whole = |own: &Snapshot| match self.options.snapshot {
                    SnapshotForm::Bytes => own.told == own.data.len(),
                    SnapshotForm::Items => own.facts_told == (own.facts.len(), 0),
                    other => unreachable!("{other:?}"),
                };
                ensure!(snapshot.is_some_and(whole), "a snapshot ends that is not whole");
                if self.options.snapshot == SnapshotForm::Items {
                    tally.sight(Sight::ItemSnapshots);
                }
                self.take(Expected::End(*end))?;
                self.snapshots.end(tally);
                self.begins(end.position);
                Ok(())
            }
            Event::SnapshotBytes(bytes) => self.snapshot_bytes(bytes, used),
            Event::SnapshotItem(item) => self.snapshot_item(item),
            Event::Disconnected(lost) => self.disconnected(lost, tally),
            Event::Idle(_) => Err("idle, unasked".into()),
            Event::Command(_) | Event::Multi(_) | Event::Exec(_) | Event::Control(_) | Event::Part(_) => {
                self.stream_event(event, log, tally)?;
                let cursor = self.link.stream.as_ref().unwrap();
                let at = cursor.link_place(self.consumed);
                if !matches!(event, Event::Part(_)) {
                    ensure!(at == cursor.told_to, "bytes up to {at} are used up, {} are told", cursor.told_to);
                }
                Ok(())
            }
            other => Err(format!("unheard of: {other:?}")),
        }
    }

    /// An event of a batch.
    pub(crate) fn batched(&mut self, event: &Event<'_>, log: &Log, tally: &mut Tally) -> Check {
        if self.is_lax {
            return Ok(());
        }
        tally.sight(Sight::Batches);
        self.is_its_own(event)?;
        self.stream_event(event, log, tally)
    }

    /// Nothing of another server is delivered before the gap that says so.
    fn is_its_own(&mut self, event: &Event<'_>) -> Check {
        match event {
            Event::Gap(_) => self.is_elsewhere = false,
            Event::Disconnected(_) | Event::Forking(_) | Event::Idle(_) => {}
            _ => ensure!(!self.is_elsewhere, "an event of another server, and no gap before it: {event:?}"),
        }
        Ok(())
    }

    /// A batch has consumed `used` bytes.
    pub(crate) fn batch_ends(&mut self, count: u32, used: usize) -> Check {
        self.consumed += used;
        ensure!(self.consumed <= self.delivered, "{} bytes used up of {}", self.consumed, self.delivered);
        ensure!((count > 0) == (used > 0), "{used} bytes for {count} commands");
        let told = self.link.stream.as_ref().filter(|_| count > 0 && !self.is_lax);
        if let Some(cursor) = told {
            let at = cursor.link_place(self.consumed);
            ensure!(at == cursor.told_to, "bytes up to {at} are used up, {} are told", cursor.told_to);
        }
        Ok(())
    }

    /// The stream begins after this position.
    fn begins(&mut self, position: Option<Position>) {
        self.resume = position;
        self.data_offset = position.map_or(0, |position| position.data_offset);
        self.changes = false;
    }

    fn take(&mut self, found: Expected) -> Check {
        match self.link.expected.front() {
            Some((due, expected)) if expected.is(&found) && *due <= self.delivered => {
                self.link.expected.pop_front();
                Ok(())
            }
            other => Err(format!("{found:?}\n  where this was expected, after {} bytes: {other:?}", self.delivered)),
        }
    }

    /// Refused by INFO, so that nothing was requested.
    fn gap_by_info(&mut self, gap: &Gap, tally: &mut Tally) -> Check {
        let Some(from) = self.resume else { return Err(format!("a gap after nothing: {gap:?}")) };
        let Some((told, covers)) = &self.link.info else { return Err(format!("a gap, and nobody was asked: {gap:?}")) };
        let (filtered, without_fork) = (self.link.handshake.is_filtered(), self.options.start == Start::NowWithoutFork);
        ensure!(!covers, "a gap, and the server has it all: {gap:?}");
        ensure!(told.parting(&from).is_none(), "a gap, and only bytes without data are missing: {gap:?}");
        ensure!(
            without_fork || (!filtered && self.options.on_gap != OnGap::Snapshot && told.active),
            "a gap by INFO, where the server is to be asked: {gap:?}"
        );
        let Some((replid, offset)) = &told.shown else { return Err(format!("a gap to nowhere: {gap:?}")) };
        let expected = self::gap(from, Position::at(replid, *offset, None));
        ensure!(*gap == expected, "{gap:?}\n  where this was expected: {expected:?}");
        let active = told.active;
        self.link.gap_by_info = true;
        self.gap(gap, tally);
        match self.options.on_gap {
            OnGap::Stop => self.link.ending = Some(Ending::history_lost(0, *gap)),
            OnGap::Continue if !active => {
                self.resume = Some(from);
                self.link.ending = Some(Ending::no_backlog());
            }
            _ => {}
        }
        Ok(())
    }

    /// A gap was delivered: its consequences for later events.
    fn gap(&mut self, gap: &Gap, tally: &mut Tally) {
        tally.sight(Sight::Gaps);
        self.snapshots.may_begin_again = true;
        self.committed = None;
        self.earlier.clear();
        // With a filtered snapshot, the gap is delivered where the new stream begins.
        let begins = self.link.stream.as_ref().filter(|_| self.link.has_crossed);
        self.last_event = begins.map_or(u64::MAX, Cursor::start);
        match self.options.on_gap {
            OnGap::Stop => tally.fault(Fault::GapStopped),
            OnGap::Continue => {
                tally.fault(Fault::GapContinued);
                self.resume = Some(gap.to);
            }
            OnGap::Snapshot => {
                tally.fault(Fault::GapSnapshot);
                self.resume = None;
                self.wants_data = true;
            }
            other => unreachable!("{other:?}"),
        }
    }

    fn see_attached(&mut self, attached: &Attached, tally: &mut Tally) {
        tally.sight(match attached.method {
            AttachMethod::Filtered => Sight::Filtered,
            AttachMethod::Info => Sight::ByInfo,
            AttachMethod::Full => Sight::Full,
            AttachMethod::Probed => Sight::Probed,
            AttachMethod::Sync => Sight::Sync,
            AttachMethod::Rewound => Sight::Rewound,
            _ => Sight::Continued,
        });
        if attached.replid != attached.history {
            tally.sight(Sight::ContinuedOtherId);
        }
    }

    /// A commit counts only up to the offset where the history continues.
    pub(super) fn cross(&mut self) {
        if let Some(cursor) = self.link.stream.as_ref().filter(|cursor| cursor.begins <= self.delivered)
            && !std::mem::replace(&mut self.link.has_crossed, true)
        {
            self.committed = self.committed.map(|committed| committed.up_to(cursor.told_to));
            self.last_event = self.last_event.min(cursor.told_to);
        }
    }

    // ---- what is left -----------------------------------------------------------------------------------------------

    /// The session asks for more bytes: every event that was due must have arrived.
    pub(crate) fn drained(&mut self, session: &Session, log: &Log, at_least: usize, unread: usize) -> Check {
        self.idle_events = 0;
        self.cross();
        ensure!(at_least > 0, "it asks for no bytes at all");
        self.memory(at_least, unread)?;
        if self.is_lax {
            return Ok(());
        }
        ensure!(self.then.is_none(), "it goes on after the end of its link");
        if let Some(late) = self.link.expected.front().filter(|(due, _)| *due <= self.delivered) {
            return Err(format!("this has not come: {:?}", late.1));
        }
        if let Some(ending) = self.link.ending.as_ref().filter(|ending| ending.must_show_at() <= self.delivered) {
            return Err(format!("this has no effect: {ending:?}"));
        }
        self.stream_drained(log, at_least)?;
        self.heartbeat(session.heartbeat())?;
        ensure!(
            session.position() == self.resume && data_offset(session.position()) == data_offset(self.resume),
            "position() is {:?}, and should be {:?}",
            session.position(),
            self.resume
        );
        Ok(())
    }

    /// The most bytes that may be kept unread, or requested.
    fn memory(&self, at_least: usize, unread: usize) -> Check {
        const HANDSHAKE: usize = (1 << 20) + 100;
        const SNAPSHOT: usize = 64 << 10;
        let parts = self.options.parts.is_some();
        let command = self.options.limits.command.max(if parts { 2048 } else { 0 }) as usize + 64;
        let in_stream = self.link.stream.as_ref().is_some_and(|stream| stream.begins <= self.delivered);
        let limit = match (self.is_lax, in_stream, &self.link.snapshot) {
            (true, ..) => HANDSHAKE.max(command),
            (_, true, _) => command,
            (_, _, Some(own)) if own.header_end <= self.delivered => SNAPSHOT,
            _ => HANDSHAKE,
        };
        ensure!(unread <= limit, "{unread} bytes are kept, and {limit} is the limit");
        // The request for more may exceed the limit of a command, but never those of one argument and of their number.
        let most = self.options.limits.bulk + 10 * self.options.limits.arguments;
        ensure!(at_least as u64 <= most, "{at_least} more bytes are asked for, and {most} is the limit");
        Ok(())
    }

    pub(crate) fn phase(&self, log: &Log) -> Phase {
        let at = self.delivered;
        if let Some(cursor) = self.link.stream.as_ref().filter(|cursor| cursor.begins <= at) {
            let within = cursor.unit_at(at, log).is_some_and(|(_, within)| within > 0);
            let in_transaction = self.resume.is_some_and(|place| place.offset < cursor.told_to);
            return match (within, in_transaction) {
                _ if cursor.in_parts() => Phase::InParts,
                (_, true) => Phase::InTransaction,
                (true, _) => Phase::InCommand,
                _ if cursor.begins == at && self.link.snapshot.is_some() => Phase::AfterSnapshot,
                _ => Phase::Between,
            };
        }
        match &self.link.snapshot {
            Some(own) if own.line_end > at => Phase::Handshake,
            Some(own) if own.header_end > at => Phase::AwaitingSnapshot,
            Some(own) if own.header_end + own.data.len() > at => Phase::InSnapshot,
            Some(_) => Phase::InMark,
            None => Phase::Handshake,
        }
    }

    /// Everything is delivered, up to the primary's current offset.
    pub(crate) fn has_all(&self, end: u64) -> bool {
        let cursor = self.link.stream.as_ref().filter(|cursor| cursor.begins <= self.consumed);
        cursor.is_some_and(|cursor| cursor.link_place(self.consumed) + cursor.shift == end)
    }

    /// A caller commits what it has kept, and never less than before within a history.
    pub(crate) fn may_commit(&self, place: &Position) -> bool {
        let offset = self.counted(place);
        offset.is_none_or(|offset| self.committed.is_none_or(|committed| offset >= committed.least))
    }

    /// The offset up to which a commit of this position counts.
    fn counted(&self, place: &Position) -> Option<u64> {
        let history = self.resume.map(|newest| newest.history);
        let left = self.earlier.iter().rev().find(|(earlier, _)| *earlier == place.history).map(|(_, left)| *left);
        match history == Some(place.history) {
            true => Some(place.offset),
            false => left.filter(|_| history.is_some()).map(|left| place.offset.min(left)),
        }
    }

    pub(crate) fn is_attached(&self) -> bool {
        self.link.stream.as_ref().is_some_and(|stream| stream.begins <= self.delivered)
    }

    pub(crate) fn note(&mut self, what: u64) {
        self.digest = (self.digest.rotate_left(5) ^ what).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

/// The meaning of a corrupted byte is unknown, but delivered bytes must be those that arrived.
fn as_it_came(event: &Event<'_>, unread: &[u8], used: usize) -> Check {
    let came = |bytes: &[u8]| unread[..used].windows(bytes.len().max(1)).any(|window| window == bytes);
    match event {
        Event::Command(told) | Event::Multi(told) | Event::Exec(told) => {
            ensure!(unread[..used].ends_with(told.raw()), "{told} has not come");
        }
        Event::SnapshotBytes(bytes) => ensure!(unread[..used].starts_with(bytes), "{} has not come", text(bytes)),
        Event::Part(told) => {
            if let redtail::resp::Part::Piece(bytes) = told.part {
                ensure!(came(bytes), "{} has not come", text(bytes));
            }
        }
        _ => {}
    }
    Ok(())
}

/// Equal positions may differ in it.
fn data_offset(position: Option<Position>) -> Option<u64> {
    position.map(|position| position.data_offset)
}

impl Expected {
    fn is(&self, found: &Self) -> bool {
        let data_offset = |expected: &Self| match expected {
            Self::Attached(attached) => [attached.position, attached.rewound_from].map(data_offset),
            Self::End(end) => [data_offset(end.position), None],
            Self::Gap(gap) => [Some(gap.from.data_offset), Some(gap.to.data_offset)],
            Self::Begin(_) => [None; 2],
        };
        self == found && data_offset(self) == data_offset(found)
    }
}

/// The loss between two positions.
fn gap(from: Position, to: Position) -> Gap {
    let missed = (from.replid == to.replid).then(|| to.offset.saturating_sub(from.offset));
    let mut gap = Gap::between(from, to);
    gap.missed = missed;
    gap
}

impl Told {
    /// Whether the server says it has all after `place`.
    fn covers(&self, place: &Position) -> bool {
        let Some((replid, end)) = self.shown.as_ref().filter(|_| self.active) else { return false };
        let (next, id) = (place.offset + 1, place.replid.to_string());
        let known =
            *replid == id || self.replid2.as_ref().is_some_and(|(second, first)| *second == id && next <= *first);
        known && next >= self.backlog_first && next <= end + 1
    }
}

impl Told {
    /// Where the history of a primary begins, if that is before `place`, and all that is between changes no data.
    fn parting(&self, place: &Position) -> Option<Position> {
        let ((id, first), (shown, _)) = (self.replid2.as_ref()?, self.shown.as_ref()?);
        let parting = Position::at(id, first - 1, None).with_history(shown.parse().unwrap());
        let is_harmless = parting.offset < place.offset && parting.offset >= place.data_offset;
        (is_harmless && *id == place.replid.to_string() && !self.is_replica && self.covers(&parting)).then_some(parting)
    }
}

pub(crate) trait Place {
    fn at(replid: &str, offset: u64, db: Option<u32>) -> Position;
}

impl Place for Position {
    fn at(replid: &str, offset: u64, db: Option<u32>) -> Position {
        let replid = replid.parse().unwrap();
        Position::new(replid, offset, db)
    }
}

pub(crate) fn text(bytes: &[u8]) -> String {
    bytes.iter().take(80).flat_map(|&b| std::ascii::escape_default(b)).map(char::from).collect()
}
