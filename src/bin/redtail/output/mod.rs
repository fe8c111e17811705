//! What goes to standard output: three formats behind one buffer.

mod command_keys;
mod filtered;
pub(crate) mod frame;
mod json;
mod json_argument;
mod keys;
mod migrations;
mod resp;
mod text;

use std::io::{self, BufWriter, Write};

use redtail::io::AppendOnlyFile;
use redtail::rdb::{Item, Role, Text as RdbText};
use redtail::resp::Part;
use redtail::{Event, ReplicationId, StreamPart};

use crate::args;
use crate::failure::Failure;
use crate::filter::Verdict;
use crate::stats::{Beside, Stats, Tally};
use filtered::Filtered;
use json::Json;
use keys::SharedNames;
use resp::Resp;
use text::Text;

/// Large enough that system calls do not matter, small enough to be nothing.
const BUFFER: usize = 64 << 10;

/// Prints events.
pub(crate) struct Output<W: Write> {
    out: BufWriter<Beside<W>>,
    format: Format,
    names: SharedNames,
    /// A snapshot has begun and is not at its end.
    in_snapshot: bool,
    filter: Option<Filtered>,
    is_printed: bool,
    stats: Option<Stats>,
    tally: Option<Tally>,
}

enum Format {
    Text(Text),
    Json(Json),
    Resp(Resp),
}

impl<W: Write> Output<W> {
    /// `target`: where the events come from, for JSON.
    pub(crate) fn new(to: W, options: &args::Output, target: String) -> Self {
        let format = match options.format {
            args::Format::Text => Format::Text(Text::new(options)),
            args::Format::Json => Format::Json(Json::new(options, target)),
            args::Format::Resp => Format::Resp(Resp::new(options.assume_db)),
        };
        let filter = Filtered::new(&options.filter, options.all);
        let out = BufWriter::with_capacity(BUFFER, Beside::new(to, options));
        let (names, stats) = (SharedNames::default(), Stats::start(options));
        let tally = stats.as_ref().map(Stats::tally);
        Self { out, format, names, in_snapshot: false, filter, is_printed: false, stats, tally }
    }

    /// The events come from elsewhere from now on.
    pub(crate) fn come_from(&mut self, target: String) {
        if let Format::Json(json) = &mut self.format {
            json.come_from(target);
        }
    }

    /// The events are those of a cluster: says of commands that move slots that they do.
    pub(crate) fn of_cluster(mut self) -> Self {
        match &mut self.format {
            Format::Text(text) => text.tell_migrations(),
            Format::Json(json) => json.tell_migrations(),
            Format::Resp(_) => {}
        }
        self
    }

    /// Counts with others, for a line that is theirs together.
    pub(crate) fn counting(self, tally: Option<Tally>) -> Self {
        Self { tally, ..self }
    }

    /// The snapshot goes elsewhere as it is.
    pub(crate) fn without_keys(&mut self) {
        if let Format::Json(json) = &mut self.format {
            json.without_keys();
        }
    }

    /// Prints an event, or leaves it out where the format has no place for it or a filter keeps it back.
    pub(crate) fn event(&mut self, event: &Event<'_>) -> Result<(), Failure> {
        match event {
            Event::SnapshotBegin(_) => self.in_snapshot = true,
            Event::SnapshotItem(item) => return self.item(item),
            Event::SnapshotEnd(_) => self.in_snapshot = false,
            Event::Disconnected(_) => self.snapshot_broken()?,
            _ => {}
        }
        self.is_printed = match &mut self.filter {
            None => self.format.event(event, &mut self.out).and(Ok(true)),
            Some(filter) => filter.event(event, &mut self.format, &mut self.out),
        }?;
        if let Some(tally) = &self.tally {
            tally.event(event, self.is_printed);
        }
        Ok(())
    }

    /// What counts for `--stats`.
    pub(crate) fn stats(&self) -> Option<&Stats> {
        self.stats.as_ref()
    }

    /// No filter kept the last event or item back.
    pub(crate) fn is_printed(&self) -> bool {
        self.is_printed
    }

    /// Prints what stands in a snapshot.
    pub(crate) fn item(&mut self, item: &Item<'_>) -> Result<(), Failure> {
        self.in_snapshot = true;
        self.is_printed = self.filtered_item(item)?;
        if let Some(tally) = &self.tally {
            tally.item(item, self.is_printed);
        }
        Ok(())
    }

    fn filtered_item(&mut self, item: &Item<'_>) -> Result<bool, Failure> {
        let Some(filter) = &mut self.filter else { return self.print_item(item).and(Ok(true)) };
        if filter.items.item(&mut filter.filter, item) != Verdict::Print {
            return Ok(false);
        }
        for held in filter.items.take() {
            self.print_item(&held.item())?;
        }
        self.print_item(item).and(Ok(true))
    }

    fn print_item(&mut self, item: &Item<'_>) -> Result<(), Failure> {
        if let Some(name) = self.names.before(item) {
            let name = RdbText { role: Role::EntryField, bytes: name, at: 0, length: name.len() as u64 };
            self.format.item(&Item::Text(name), &mut self.out)?;
        }
        self.format.item(item, &mut self.out)
    }

    /// What follows stands in this of several append-only files. Its offsets count from its first byte.
    pub(crate) fn in_file(&mut self, file: &AppendOnlyFile) -> io::Result<()> {
        match &mut self.format {
            Format::Text(text) => text.in_file(file, &mut self.out),
            Format::Json(json) => json.in_file(file, &mut self.out),
            Format::Resp(_) => Ok(()),
        }
    }

    /// What follows was taken by its server at this time, in Unix seconds, where its file tells.
    pub(crate) fn at_time(&mut self, time: Option<u64>) -> io::Result<()> {
        match &mut self.format {
            Format::Text(text) if self.filter.is_some() => {
                text.next_at_time(time);
                Ok(())
            }
            Format::Text(text) => text.at_time(time, &mut self.out),
            Format::Json(json) => {
                json.at_time(time);
                Ok(())
            }
            Format::Resp(_) => Ok(()),
        }
    }

    /// The snapshot of a file is whole; it took so many bytes.
    pub(crate) fn snapshot_end(&mut self, bytes: u64) -> io::Result<()> {
        self.in_snapshot = false;
        if let Some(tally) = &self.tally {
            tally.snapshot_end();
        }
        match &mut self.format {
            Format::Json(json) => json.snapshot_end(bytes, &mut self.out),
            Format::Text(_) | Format::Resp(_) => Ok(()),
        }
    }

    /// Whether something of a snapshot was printed whose end has not come.
    pub(crate) fn is_in_snapshot(&self) -> bool {
        self.in_snapshot
    }

    /// All was printed that was asked for, be it in the middle of a snapshot.
    pub(crate) fn enough(&mut self) {
        self.in_snapshot = false;
    }

    /// A snapshot breaks off: what was printed of it is void.
    fn snapshot_broken(&mut self) -> Result<(), Failure> {
        if !std::mem::take(&mut self.in_snapshot) {
            return Ok(());
        }
        if let Some(filter) = &mut self.filter {
            filter.items.forget();
        }
        match &mut self.format {
            Format::Text(_) => Ok(()),
            Format::Json(json) => Ok(json.snapshot_broken(&mut self.out)?),
            Format::Resp(resp) => resp.snapshot_broken(&mut self.out),
        }
    }

    /// Hands over what is still in the buffer.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Closes what was left open, and flushes.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        let broken = self.snapshot_broken();
        let finished = self.finish_stream();
        let flushed = self.out.flush();
        if let Some(stats) = self.stats.take() {
            stats.finish();
        }
        broken.and(finished).and(Ok(flushed?))
    }

    fn finish_stream(&mut self) -> Result<(), Failure> {
        match &mut self.format {
            Format::Text(_) => {}
            Format::Json(json) => json.finish(&mut self.out)?,
            Format::Resp(resp) => resp.finish(&mut self.out)?,
        }
        Ok(())
    }
}

impl Format {
    fn event(&mut self, event: &Event<'_>, out: &mut impl Write) -> Result<(), Failure> {
        match self {
            Self::Text(text) => Ok(text.event(event, out)?),
            Self::Json(json) => Ok(json.event(event, out)?),
            Self::Resp(resp) => resp.event(event, out),
        }
    }

    fn part(&mut self, part: &Part<'_>, place: &PartPlace, out: &mut impl Write) -> Result<(), Failure> {
        match self {
            Self::Text(text) => Ok(text.part(part, place, out)?),
            Self::Json(json) => Ok(json.part(part, place, out)?),
            Self::Resp(resp) => resp.part(part, place, out),
        }
    }

    /// Before something is printed that a filter could have kept back.
    fn tell_time(&mut self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Text(text) => text.tell_time(out),
            Self::Json(_) | Self::Resp(_) => Ok(()),
        }
    }

    fn forget_multi(&mut self) {
        if let Self::Resp(resp) = self {
            resp.forget_multi();
        }
    }

    fn item(&mut self, item: &Item<'_>, out: &mut impl Write) -> Result<(), Failure> {
        match self {
            Self::Text(text) => Ok(text.item(item, out)?),
            Self::Json(json) => Ok(json.item(item, out)?),
            Self::Resp(resp) => resp.item(item, out),
        }
    }
}

/// Where a part of a command stands.
#[derive(Debug, Clone, Copy)]
struct PartPlace {
    db: Option<u32>,
    tx: Option<u64>,
    received_ms: Option<u64>,
    /// At the end of the command.
    offset: Option<u64>,
    history: Option<ReplicationId>,
}

impl From<&StreamPart<'_>> for PartPlace {
    fn from(part: &StreamPart<'_>) -> Self {
        let StreamPart { db, tx, received_ms, offset, .. } = *part;
        Self { db, tx, received_ms, offset, history: part.history() }
    }
}

/// An argument as text and JSON print it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Argument<'a> {
    Whole(&'a [u8]),
    /// Longer than `--max-arg`; its length.
    Omitted(u64),
    /// So many bytes, which have been printed in pieces.
    Pieces(u64),
}

impl<'a> Argument<'a> {
    fn of(bytes: &'a [u8], max_arg: u64) -> Self {
        let length = bytes.len() as u64;
        if length > max_arg { Self::Omitted(length) } else { Self::Whole(bytes) }
    }
}

/// Puts the arguments of a command together that comes in parts. Holds at most one, and none longer than `--max-arg`.
#[derive(Debug)]
struct Gather {
    max_arg: u64,
    held: Vec<u8>,
    /// Bytes still to come of the argument held.
    missing: u64,
}

impl Gather {
    fn new(max_arg: u64) -> Self {
        Self { max_arg, held: Vec::new(), missing: 0 }
    }

    /// The argument that `part` completes, if it does.
    fn part(&mut self, part: &Part<'_>) -> Option<Argument<'_>> {
        match *part {
            Part::Argument { length, .. } if length > self.max_arg => {
                self.missing = 0;
                Some(Argument::Omitted(length))
            }
            Part::Argument { length, .. } => {
                self.held.clear();
                self.missing = length;
                (length == 0).then_some(Argument::Whole(&self.held))
            }
            Part::Piece(bytes) if self.missing > 0 => {
                self.held.extend_from_slice(bytes);
                self.missing = self.missing.saturating_sub(bytes.len() as u64);
                (self.missing == 0).then_some(Argument::Whole(&self.held))
            }
            _ => None,
        }
    }
}
