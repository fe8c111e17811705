//! Prints events to standard output, in one of the three formats.

use std::io::{self, BufWriter, Write};

use redtail::io::AppendOnlyFile;
use redtail::rdb::{Item, Role, Text as RdbText};
use redtail::{Event, Position};

use crate::args;
use crate::failure::Failure;
use crate::filter::Decision;
use crate::output::dialect::Dialect;
use crate::output::filtered::Filtered;
use crate::output::format_writer::FormatWriter;
use crate::output::json::Json;
use crate::output::keys::shared_names::SharedNames;
use crate::output::migrations::{Marks, print_json, print_text};
use crate::output::resp::Resp;
use crate::output::text::Text;
use crate::output::unwrapped::{Unwrapper, WrapContext};
use crate::output_writer::{is_reopening, is_whole};
use crate::stats::{Stats, StatusWriter, Tally};
use crate::terminal::log;

/// In bytes. Large enough that system calls do not matter.
const BUFFER: usize = 64 << 10;

/// Prints events.
pub(crate) struct Printer<W: Write> {
    out: Dialect<BufWriter<StatusWriter<W>>>,
    format: FormatWriter,
    names: SharedNames,
    marks: Marks,
    /// A snapshot is incomplete.
    in_snapshot: bool,
    filter: Option<Filtered>,
    is_printed: bool,
    unwrapper: Unwrapper,
    stats: Option<Stats>,
    tally: Tally,
}

impl<W: Write> Printer<W> {
    /// `target`: the address of the server, for JSON. `tally` counts the events.
    pub(crate) fn new(to: W, options: &args::Output, target: String, tally: Tally) -> Self {
        let format = match options.format {
            args::OutputFormat::Text => FormatWriter::Text(Text::new(options)),
            args::OutputFormat::Json => FormatWriter::Json(Json::new(options, target)),
            args::OutputFormat::Resp => FormatWriter::Resp(Resp::new(options)),
        };
        let filter = Filtered::new(options);
        let out = BufWriter::with_capacity(BUFFER, StatusWriter::new(to, options));
        let out = Dialect::new(out, options.target_version);
        let (names, stats) = (SharedNames::default(), Stats::start(options, &tally));
        Self {
            out,
            format,
            names,
            marks: Marks::default(),
            in_snapshot: false,
            filter,
            is_printed: false,
            unwrapper: Unwrapper::default(),
            stats,
            tally,
        }
    }

    /// Sets the address of the server.
    pub(crate) fn set_target(&mut self, target: String) {
        if let FormatWriter::Json(json) = &mut self.format {
            json.set_target(target);
        }
    }

    /// Does not print the keys of snapshots.
    pub(crate) fn without_keys(&mut self) {
        if let FormatWriter::Json(json) = &mut self.format {
            json.without_keys();
        }
    }

    /// Adds positions to commands for a target.
    pub(crate) fn with_positions(&mut self) {
        if let FormatWriter::Resp(resp) = &mut self.format {
            resp.with_positions();
        }
    }

    /// Whether the output has positions.
    pub(crate) fn has_marks(&self) -> bool {
        matches!(&self.format, FormatWriter::Resp(resp) if resp.has_marks())
    }

    /// Writes the position of everything printed, with --positions. `is_due`: even if it is near the last one.
    pub(crate) fn mark(&mut self, position: Position, is_due: bool) -> io::Result<()> {
        match &mut self.format {
            FormatWriter::Resp(resp) => resp.mark(position, is_due || is_reopening(), &mut self.out)?,
            FormatWriter::Text(_) | FormatWriter::Json(_) => {}
        }
        self.reopen()
    }

    /// Writes with --positions that everything up to the end of --until-caught-up is printed.
    pub(crate) fn mark_caught_up(&mut self) -> io::Result<()> {
        match &mut self.format {
            FormatWriter::Resp(resp) => resp.mark_caught_up(&mut self.out),
            FormatWriter::Text(_) | FormatWriter::Json(_) => Ok(()),
        }
    }

    /// Lets the output be opened again after SIGHUP, if it ends with a whole command or transaction.
    fn reopen(&mut self) -> io::Result<()> {
        if is_reopening() { self.flush() } else { Ok(()) }
    }

    /// Prints an event, unless the format has no line for it or a filter drops it.
    pub(crate) fn event(&mut self, event: &Event<'_>) -> Result<(), Failure> {
        match event {
            Event::SnapshotBegin(_) => self.in_snapshot = true,
            Event::SnapshotItem(item) => return self.item(item),
            Event::SnapshotEnd(_) => self.in_snapshot = false,
            Event::Disconnected(_) => self.snapshot_broken()?,
            _ => {}
        }
        // Before the filter, which may drop the command that begins a migration.
        match &mut self.format {
            FormatWriter::Text(text) => self.marks.event(event, print_text, &mut text.migration)?,
            FormatWriter::Json(json) => self.marks.event(event, print_json, &mut json.migration)?,
            FormatWriter::Resp(_) => {}
        }
        let Self { format, filter, out, unwrapper, .. } = self;
        self.is_printed = unwrapper.event(event, &mut |event: &Event<'_>, inside: Option<WrapContext<'_>>| {
            format.set_wrap(inside);
            match filter {
                None => format.event(event, out).and(Ok(true)),
                Some(filter) => filter.event(event, format, out),
            }
        })?;
        self.tally.event(event, self.is_printed);
        Ok(self.reopen()?)
    }

    /// The status line of `--stats` is shown.
    pub(crate) fn is_status_shown(&self) -> bool {
        self.stats.as_ref().is_some_and(Stats::is_shown)
    }

    /// The counters of this stream.
    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Whether the last event or item passed the filters.
    pub(crate) fn is_printed(&self) -> bool {
        self.is_printed
    }

    /// Prints an item of a snapshot.
    pub(crate) fn item(&mut self, item: &Item<'_>) -> Result<(), Failure> {
        self.in_snapshot = true;
        if let Item::Start(format) = item
            && format.is_newer()
        {
            log::say(format_args!(
                "the snapshot has the format {format}, which is newer than this version of redtail: it is read up to \
                 the first unknown type or opcode"
            ));
        }
        self.is_printed = self.filtered_item(item)?;
        self.tally.item(item, self.is_printed);
        Ok(self.reopen()?)
    }

    fn filtered_item(&mut self, item: &Item<'_>) -> Result<bool, Failure> {
        let Some(filter) = &mut self.filter else { return self.print_item(item).and(Ok(true)) };
        if filter.items.item(&mut filter.filter, item) != Decision::Print {
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

    /// The next events are in this append-only file. Their offsets count from its first byte.
    pub(crate) fn in_file(&mut self, file: &AppendOnlyFile) -> io::Result<()> {
        match &mut self.format {
            FormatWriter::Text(text) => text.in_file(file, &mut self.out),
            FormatWriter::Json(json) => json.in_file(file, &mut self.out),
            FormatWriter::Resp(_) => Ok(()),
        }
    }

    /// The server executed the next events at this time, in Unix seconds, if the file contains it.
    pub(crate) fn at_time(&mut self, time: Option<u64>) -> io::Result<()> {
        match &mut self.format {
            FormatWriter::Text(text) if self.filter.is_some() => {
                text.next_at_time(time);
                Ok(())
            }
            FormatWriter::Text(text) => text.at_time(time, &mut self.out),
            FormatWriter::Json(json) => {
                json.at_time(time);
                Ok(())
            }
            FormatWriter::Resp(_) => Ok(()),
        }
    }

    /// The snapshot of a file is complete; its size in bytes.
    pub(crate) fn snapshot_end(&mut self, bytes: u64) -> io::Result<()> {
        self.in_snapshot = false;
        self.tally.snapshot_end();
        match &mut self.format {
            FormatWriter::Json(json) => json.snapshot_end(bytes, &mut self.out),
            FormatWriter::Text(_) | FormatWriter::Resp(_) => Ok(()),
        }
    }

    /// Whether a printed snapshot is incomplete.
    pub(crate) fn is_in_snapshot(&self) -> bool {
        self.in_snapshot
    }

    /// Everything wanted has been printed, even if a snapshot is incomplete.
    pub(crate) fn enough(&mut self) {
        self.in_snapshot = false;
    }

    /// The snapshot is cut off: its printed keys are void.
    fn snapshot_broken(&mut self) -> Result<(), Failure> {
        if !std::mem::take(&mut self.in_snapshot) {
            return Ok(());
        }
        if let Some(filter) = &mut self.filter {
            filter.items.clear();
        }
        match &mut self.format {
            FormatWriter::Text(_) => Ok(()),
            FormatWriter::Json(json) => Ok(json.snapshot_broken(&mut self.out)?),
            FormatWriter::Resp(resp) => resp.snapshot_broken(&mut self.out),
        }
    }

    /// Writes the buffered bytes.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.tally.flush();
        self.out.flush()?;
        if let FormatWriter::Resp(resp) = &self.format
            && let Some(beginning) = resp.beginning()
        {
            is_whole(beginning);
        }
        Ok(())
    }

    /// Ends open lines and transactions, and flushes.
    pub(crate) fn finish(&mut self) -> Result<(), Failure> {
        let broken = self.snapshot_broken();
        let finished = self.finish_stream();
        let flushed = self.out.flush();
        self.out.finish();
        if let Some(stats) = self.stats.take() {
            stats.finish();
        }
        broken.and(finished).and(Ok(flushed?))
    }

    fn finish_stream(&mut self) -> Result<(), Failure> {
        match &mut self.format {
            FormatWriter::Text(_) => {}
            FormatWriter::Json(json) => json.finish(&mut self.out)?,
            FormatWriter::Resp(resp) => resp.finish(&mut self.out)?,
        }
        Ok(())
    }
}
