//! The stream: each command once, in order, with its position.

use redtail::resp::Part;
use redtail::{Event, Position, StreamCommand, StreamPart};

use super::{Check, Judge, ensure, text};
use crate::log::{Log, Unit, What};
use crate::tally::{Sight, Tally};

/// The state of the stream.
pub(crate) struct Cursor {
    /// The byte of the link at which the stream begins.
    pub(super) begins: usize,
    /// Only newlines follow, which are no bytes of it.
    pub(super) is_empty: bool,
    start: u64,
    /// The history, as far as the session knows it.
    replid: Position,
    is_sync: bool,
    /// It begins with a history of its own, as a promoted server's does.
    pub(super) is_rewound: bool,
    /// After SYNC offsets count from 0: what they are less than the truth.
    pub(super) shift: u64,
    db: Option<u32>,
    /// The offset up to which everything was delivered or passed.
    pub(super) told_to: u64,
    part: Option<InPart>,
    /// Until the first byte after a mark acknowledgements hurry.
    pub(super) hurries: bool,
    /// Where each GETACK began that was passed, since this was last asked.
    pub(super) asked: Vec<u64>,
}

/// A command that has arrived in part.
struct InPart {
    unit: usize,
    /// Arguments that have begun, and the bytes of the last that have arrived.
    begun: usize,
    came: usize,
}

impl Cursor {
    pub(super) fn new(begins: usize, place: Position, is_sync: bool) -> Self {
        Self {
            begins,
            is_empty: false,
            start: place.offset,
            replid: place,
            is_sync,
            is_rewound: false,
            shift: 0,
            db: place.db,
            told_to: place.offset,
            part: None,
            hurries: false,
            asked: Vec::new(),
        }
    }

    /// The offset at a byte of the link.
    pub(super) fn link_place(&self, place: usize) -> u64 {
        self.start + if self.is_empty { 0 } else { (place - self.begins) as u64 }
    }

    pub(super) const fn start(&self) -> u64 {
        self.start
    }

    fn position(&self, offset: u64) -> Option<Position> {
        (!self.is_sync).then_some(Position::new(self.replid.replid, offset, self.db).with_history(self.replid.history))
    }

    /// In the middle of a command that arrives in parts.
    pub(crate) const fn in_parts(&self) -> bool {
        self.part.is_some()
    }

    /// The next unit.
    fn next(&self, log: &Log) -> usize {
        log.after(self.told_to + self.shift)
    }

    /// The unit that holds a byte of the link, and how far into the unit the byte is.
    pub(crate) fn unit_at<'l>(&self, place: usize, log: &'l Log) -> Option<(&'l Unit, u64)> {
        let offset = self.link_place(place) + self.shift;
        log.units.get(log.after(offset)).map(|unit| (unit, offset - unit.start))
    }
}

impl Judge {
    pub(super) fn stream_event(&mut self, event: &Event<'_>, log: &Log, tally: &mut Tally) -> Check {
        let control = self.options.control;
        let Some(cursor) = self.link.stream.as_mut().filter(|cursor| cursor.begins <= self.delivered) else {
            return Err(format!("a command before the stream: {event:?}"));
        };
        ensure!(self.link.expected.is_empty(), "told before {:?}: {event:?}", self.link.expected);
        if let (Some(part), Event::Part(told)) = (&mut cursor.part, event) {
            let unit = &log.units[part.unit];
            let is_end = matches!(told.part, Part::End);
            in_part(part, unit, told)?;
            if !is_end {
                let place = (told.db, told.tx, told.offset, told.position());
                ensure!(place == (cursor.db, shifted(unit.tx, cursor.shift), None, None), "{told:?} of {unit:?}");
                return Ok(());
            }
            cursor.part = None;
            cursor.told_to = unit.end - cursor.shift;
            let position = if unit.tx.is_none() { cursor.position(cursor.told_to) } else { None };
            let expected = (cursor.db, shifted(unit.tx, cursor.shift), Some(cursor.told_to), position);
            ensure!((told.db, told.tx, told.offset, told.position()) == expected, "{told:?} is not {expected:?}");
            tally.sight(Sight::Parts);
            let end = cursor.told_to;
            self.last_event = end;
            self.settle(unit, end);
            return Ok(());
        }
        ensure!(cursor.part.is_none(), "half a command, and then {event:?}");
        // Skipped without an event.
        let mut at = cursor.next(log);
        while let Some(unit) = log.units.get(at)
            && is_silent(unit, control)
        {
            self.pass(unit);
            at += 1;
        }
        let Some(unit) = log.units.get(at) else { return Err(format!("nobody wrote {event:?}")) };
        let cursor = self.link.stream.as_mut().unwrap();
        let end = unit.end - cursor.shift;
        if let Event::Part(told) = event {
            ensure!(is_large(unit, &self.options), "a small command comes in parts: {told:?} of {unit:?}");
            ensure!(matches!(told.part, Part::Begin { argc } if argc == unit.args.len()), "{told:?} begins {unit:?}");
            ensure!(told.history() == (!cursor.is_sync).then_some(cursor.replid.history), "{told:?}");
            cursor.part = Some(InPart { unit: at, begun: 0, came: 0 });
            self.last_event = end;
            return Ok(());
        }
        let (kind, told) = match event {
            Event::Command(told) => (What::Write, told),
            Event::Multi(told) => (What::Multi, told),
            Event::Exec(told) => (What::Exec, told),
            Event::Control(told) => (What::Control, told),
            other => return Err(format!("{other:?}")),
        };
        ensure!(!is_large(unit, &self.options), "a large command comes whole: {}", text(told.raw()));
        let same = kind == unit.what || kind == What::Control && is_control(unit.what);
        ensure!(same, "{told} is taken for {kind:?}, and is {:?}", unit.what);
        if unit.what == What::Select {
            cursor.db = Some(unit.db);
        }
        ensure!(told.offset == end, "offset {} for {unit:?}", told.offset);
        ensure!(told.db == cursor.db, "database {:?}, not {:?}, for {unit:?}", told.db, cursor.db);
        if unit.what == What::Write && cursor.db.is_some_and(|db| db != unit.db) {
            return Err(format!("the simulator errs: {:?} is known for {unit:?}", cursor.db));
        }
        let names_db = told.db.is_some() || is_harmless(unit, &self.options) || told.is(b"RREPLAY");
        ensure!(names_db || !cursor.is_rewound, "a write without a database after a promotion: {unit:?}");
        let position = if unit.is_boundary() { cursor.position(end) } else { None };
        ensure!(told.tx == shifted(unit.tx, cursor.shift), "transaction {:?} for {unit:?}", told.tx);
        ensure!(told.position() == position, "position {:?}, not {position:?}", told.position());
        ensure!(told.history() == (!cursor.is_sync).then_some(cursor.replid.history), "history {:?}", told.history());
        ensure!(told.received_ms == self.stamp, "received at {:?}, not {:?}", told.received_ms, self.stamp);
        same_words(told, unit, log)?;
        see(told, unit, tally);
        self.repeats(unit, end, tally);
        self.pass(unit);
        let data_offset = told.position().map(|position| position.data_offset);
        ensure!(data_offset == position.map(|_| self.data_offset), "the last data at {data_offset:?}, after {unit:?}");
        self.last_event = end;
        Ok(())
    }

    /// A unit is behind us.
    fn pass(&mut self, unit: &Unit) {
        let is_silent = is_silent(unit, self.options.control);
        if let Some(committed) = &mut self.committed
            && is_silent
            && committed.least >= self.last_event
        {
            let end = unit.end - self.link.stream.as_ref().unwrap().shift;
            (committed.least, committed.most) = (end, end);
        }
        let cursor = self.link.stream.as_mut().unwrap();
        let end = unit.end - cursor.shift;
        cursor.told_to = end;
        match unit.what {
            What::Select => cursor.db = Some(unit.db),
            What::GetAck => {
                let asked = unit.start - cursor.shift;
                cursor.asked.push(asked);
                let own = &mut self.link.handshake.unanswered;
                *own = Some((own.map_or(asked, |(lowest, _)| lowest), asked));
            }
            _ => {}
        }
        self.settle(unit, end);
    }

    /// The position after a unit can be resumed from, outside of transactions.
    fn settle(&mut self, unit: &Unit, end: u64) {
        self.changes |= !is_harmless(unit, &self.options);
        if unit.is_boundary() {
            if std::mem::take(&mut self.changes) {
                self.data_offset = end;
            }
            let cursor = self.link.stream.as_ref().unwrap();
            self.resume = cursor.position(end).map(|position| position.with_data_offset(self.data_offset));
        }
    }

    /// Counts a write that was delivered before.
    fn repeats(&mut self, unit: &Unit, end: u64, tally: &mut Tally) {
        let cursor = self.link.stream.as_ref().unwrap();
        let history = cursor.replid.history.to_string();
        if self.furthest.0 == history && unit.what == What::Write && end <= self.furthest.1 {
            tally.sight(Sight::Again);
        } else {
            self.furthest = (history, end);
        }
    }

    pub(super) fn stream_drained(&mut self, log: &Log, at_least: usize) -> Check {
        let control = self.options.control;
        let (consumed, delivered) = (self.consumed, self.delivered);
        let Some(cursor) = self.link.stream.as_ref().filter(|cursor| cursor.begins <= consumed) else { return Ok(()) };
        let spoiled = self.link.ending.as_ref().and_then(|ending| ending.spoils_after());
        let (used, came) = (cursor.link_place(consumed), cursor.link_place(delivered));
        let came = spoiled.map_or(came, |spoiled| came.min(spoiled));
        let shift = cursor.shift;
        if used > cursor.start {
            (self.attempts, self.unknown) = (0, 0);
            self.link.stream.as_mut().unwrap().hurries = false;
        }
        // Units skipped without an event at the end, and everything that arrived whole.
        let mut at = self.link.stream.as_ref().unwrap().next(log);
        while let Some(unit) = log.units.get(at).filter(|unit| unit.end - shift <= came) {
            ensure!(is_silent(unit, control), "it has come whole and was not told: {unit:?}");
            ensure!(unit.end - shift <= used, "it has come whole and was not used up: {unit:?}");
            self.pass(unit);
            at += 1;
        }
        let cursor = self.link.stream.as_ref().unwrap();
        match (&cursor.part, log.units.get(at)) {
            (Some(part), Some(unit)) => {
                ensure!(part.unit == at, "a part of another command");
                // A line that gives a length, and the line end before it, at the most.
                ensure!(came - used <= 30, "{} bytes of a large value are kept", came - used);
                ensure!(at_least as u64 <= unit.end - shift - came, "it waits for {at_least} bytes in {unit:?}");
            }
            (None, Some(unit)) if spoiled.is_none() && came > unit.start - shift => {
                // A carriage return may be followed by a whole command.
                let left = unit.end - shift - came + if unit.what == What::Nothing { 10 } else { 0 };
                ensure!(at_least as u64 <= left, "it waits for {at_least} bytes, and {left} are missing of {unit:?}");
                ensure!(used == unit.start - shift, "a part of a command is used up: {used} in {unit:?}");
            }
            _ => {
                ensure!(at_least <= 10 || spoiled.is_some(), "it waits for {at_least} bytes before anything has begun")
            }
        }
        Ok(())
    }
}

fn shifted(tx: Option<u64>, shift: u64) -> Option<u64> {
    tx.map(|tx| tx - shift)
}

/// Whether no event delivers it.
pub(super) fn is_silent(unit: &Unit, control: bool) -> bool {
    unit.what == What::Nothing || !control && is_control(unit.what)
}

fn is_control(what: What) -> bool {
    matches!(what, What::Select | What::Control | What::GetAck)
}

/// Whether it changes no data, whatever surrounds it. A message in parts, or wrapped, counts as data.
pub(crate) fn is_harmless(unit: &Unit, options: &redtail::Options) -> bool {
    let name = unit.args.first().map(|name| name.to_ascii_uppercase()).unwrap_or_default();
    match unit.what {
        What::Select | What::Nothing => true,
        _ if name == b"RREPLAY" => false,
        What::Multi | What::Exec | What::Control | What::GetAck => true,
        What::Write => matches!(&name[..], b"PUBLISH" | b"SPUBLISH") && !is_large(unit, options),
    }
}

/// Whether it must arrive in parts: an argument reaches the threshold, or the bytes to the end of one pass the limit.
fn is_large(unit: &Unit, options: &redtail::Options) -> bool {
    let Some(threshold) = options.parts else { return false };
    let limit = options.limits.command.max(2048) as usize;
    let digits = |number: usize| number.to_string().len();
    let mut end = digits(unit.args.len()) + 3;
    unit.args.iter().any(|arg| {
        end += digits(arg.len()) + arg.len() + 5;
        arg.len() as u64 >= threshold.max(1024) || end > limit
    })
}

fn in_part(part: &mut InPart, unit: &Unit, told: &StreamPart<'_>) -> Check {
    let current = part.begun.checked_sub(1).map(|index| &unit.args[index]);
    let is_whole = current.is_none_or(|arg| arg.len() == part.came);
    match told.part {
        Part::Begin { .. } => Err(format!("{told:?} in the middle of {unit:?}")),
        Part::Argument { index, length } => {
            ensure!(is_whole, "an argument ends early: {} bytes of {unit:?}", part.came);
            ensure!(
                index == part.begun && index < unit.args.len(),
                "argument {index} after {} of {unit:?}",
                part.begun
            );
            ensure!(length == unit.args[index].len() as u64, "length {length} of argument {index} of {unit:?}");
            (part.begun, part.came) = (index + 1, 0);
            Ok(())
        }
        Part::Piece(bytes) => {
            let rest = current.map_or(&[][..], |arg| &arg[part.came..]);
            ensure!(!bytes.is_empty() && rest.starts_with(bytes), "other bytes: {}", text(bytes));
            part.came += bytes.len();
            Ok(())
        }
        Part::End => {
            ensure!(is_whole && part.begun == unit.args.len(), "the end too early of {unit:?}");
            Ok(())
        }
    }
}

fn same_words(told: &StreamCommand<'_>, unit: &Unit, log: &Log) -> Check {
    ensure!(told.raw() == log.slice(unit.start, unit.end), "other bytes: {}", text(told.raw()));
    ensure!(told.argc() == unit.args.len(), "{} arguments of {unit:?}", told.argc());
    ensure!(told.args().eq(unit.args.iter().map(Vec::as_slice)), "other arguments: {told} is not {unit:?}");
    Ok(())
}

fn see(told: &StreamCommand<'_>, unit: &Unit, tally: &mut Tally) {
    match unit.what {
        What::Write => tally.sight(Sight::Commands),
        What::Select | What::Control | What::GetAck => tally.sight(Sight::Controls),
        _ => {}
    }
    if told.db.is_none() && unit.what == What::Write {
        tally.sight(Sight::DbUnknown);
    }
}
