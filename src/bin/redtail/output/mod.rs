//! What goes to standard output: three formats behind one buffer.

pub(crate) mod frame;
mod json;
mod keys;
mod resp;
mod text;

use std::io::{self, BufWriter, Write};

use redtail::Event;
use redtail::net::AppendOnlyFile;
use redtail::rdb::{Item, Role, Text as RdbText};
use redtail::resp::Part;

use crate::args;
use crate::failure::Failure;
use json::Json;
use keys::SharedNames;
use resp::Resp;
use text::Text;

/// Large enough that system calls do not matter, small enough to be nothing.
const BUFFER: usize = 64 << 10;

/// Prints events.
pub(crate) struct Output<W: Write> {
    out: BufWriter<W>,
    format: Format,
    names: SharedNames,
    /// A snapshot has begun and is not at its end.
    in_snapshot: bool,
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
        Self { out: BufWriter::with_capacity(BUFFER, to), format, names: SharedNames::default(), in_snapshot: false }
    }

    /// The snapshot goes elsewhere as it is.
    pub(crate) fn without_keys(&mut self) {
        if let Format::Json(json) = &mut self.format {
            json.without_keys();
        }
    }

    /// Prints an event, or leaves it out where the format has no place for it.
    pub(crate) fn event(&mut self, event: &Event<'_>) -> Result<(), Failure> {
        match event {
            Event::SnapshotBegin(_) => self.in_snapshot = true,
            Event::SnapshotItem(item) => return self.item(item),
            Event::SnapshotEnd(_) => self.in_snapshot = false,
            Event::Disconnected(_) => self.snapshot_broken()?,
            _ => {}
        }
        match &mut self.format {
            Format::Text(text) => Ok(text.event(event, &mut self.out)?),
            Format::Json(json) => Ok(json.event(event, &mut self.out)?),
            Format::Resp(resp) => resp.event(event, &mut self.out),
        }
    }

    /// Prints what stands in a snapshot.
    pub(crate) fn item(&mut self, item: &Item<'_>) -> Result<(), Failure> {
        self.in_snapshot = true;
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
        broken.and(finished).and(Ok(self.out.flush()?))
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
    fn item(&mut self, item: &Item<'_>, out: &mut impl Write) -> Result<(), Failure> {
        match self {
            Self::Text(text) => Ok(text.item(item, out)?),
            Self::Json(json) => Ok(json.item(item, out)?),
            Self::Resp(resp) => resp.item(item, out),
        }
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
