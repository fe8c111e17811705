//! The filter between events and format.

use std::io::Write;

use redtail::resp::{Part, Status};
use redtail::{Command, CommandParser, Event, StreamCommand, StreamPart};

use crate::args;
use crate::failure::Failure;
use crate::filter::{Decision, EventFilter, ItemFilter, Narrowed, PartFilter, TargetCommand};
use crate::output::format_writer::FormatWriter;
use crate::output::resp::unknown_database;
use crate::output::stream_context::StreamContext;

pub(super) struct Filtered {
    pub(super) filter: EventFilter,
    pub(super) items: ItemFilter,
    parts: PartFilter,
    /// MULTI in the output format, until a command of its transaction passes.
    multi: Vec<u8>,
    is_waiting: bool,
    all: bool,
    /// The database of commands with an unknown database.
    assumed: Option<u32>,
    /// The bytes of a command that is split.
    bytes: Vec<u8>,
    /// Some of the current command is printed.
    is_printed: bool,
}

impl Filtered {
    pub(super) fn new(options: &args::Output) -> Option<Self> {
        let filter = EventFilter::new(options)?;
        let (items, parts) = (ItemFilter::default(), PartFilter::new());
        let (multi, bytes, all) = (Vec::new(), Vec::new(), options.all);
        let assumed = options.assume_db;
        Some(Self { filter, items, parts, multi, is_waiting: false, all, assumed, bytes, is_printed: false })
    }

    /// Prints the event if it passes. Returns whether it did.
    pub(super) fn event(
        &mut self,
        event: &Event<'_>,
        format: &mut FormatWriter,
        out: &mut impl Write,
    ) -> Result<bool, Failure> {
        let (passes, in_transaction) = match event {
            Event::Command(command) if self.filter.is_for_target() => return self.for_target(command, format, out),
            Event::Command(command) => (self.filter.passes(command), command.tx.is_some()),
            // The resp format adds the SELECT that a printed command needs.
            Event::Control(command) => (self.all && self.filter.passes(command), command.tx.is_some()),
            Event::Part(part) => return self.part(part, format, out),
            Event::Multi(_) => {
                self.multi.clear();
                format.event(event, &mut self.multi)?;
                self.is_waiting = true;
                return Ok(false);
            }
            Event::Exec(_) if self.is_waiting => {
                self.is_waiting = false;
                format.drop_multi();
                return Ok(false);
            }
            Event::Attached(_) | Event::Gap(_) | Event::Disconnected(_) => {
                (self.is_waiting, self.is_printed) = (false, false);
                return format.event(event, out).and(Ok(true));
            }
            Event::Exec(_) => (true, true),
            _ => return format.event(event, out).and(Ok(true)),
        };
        if passes {
            self.before(in_transaction, format, out)?;
            format.event(event, out)?;
        }
        Ok(passes)
    }

    fn part(
        &mut self,
        part: &StreamPart<'_>,
        format: &mut FormatWriter,
        out: &mut impl Write,
    ) -> Result<bool, Failure> {
        let db = if self.filter.is_for_target() { self.known_db(part.db)? } else { part.db };
        match self.parts.part(&mut self.filter, part, db) {
            Decision::Drop | Decision::Hold => return Ok(false),
            Decision::Print => {}
            Decision::Narrow => {
                let held = self.parts.take();
                let bytes = held.encoded();
                self.parts.put_back(held);
                // The held arguments are encoded as a command, so the parser finds it.
                let mut parser = CommandParser::stream();
                let Ok(Status::Complete(command)) = parser.next(&mut bytes.as_slice()) else {
                    return Ok(false);
                };
                return self.narrowed(&command, &StreamContext { db, ..part.into() }, format, out);
            }
            Decision::Split => return self.split(part, format, out),
        }
        self.before(part.tx.is_some(), format, out)?;
        let held = self.parts.take();
        let context = StreamContext { offset: None, ..part.into() };
        let is_held = held.len() > 0 && part.part != Part::End;
        if held.len() > 0 {
            held.parts().try_for_each(|part| format.part(&part, &context, out))?;
        }
        self.parts.put_back(held);
        if !is_held {
            format.part(&part.part, &part.into(), out)?;
        }
        Ok(true)
    }

    fn for_target(
        &mut self,
        command: &StreamCommand<'_>,
        format: &mut FormatWriter,
        out: &mut impl Write,
    ) -> Result<bool, Failure> {
        let db = self.known_db(command.db)?;
        match self.filter.narrow(command, db) {
            Narrowed::Whole => {
                self.before(command.tx.is_some(), format, out)?;
                format.event(&Event::Command(*command), out).and(Ok(true))
            }
            narrowed => self.instead(narrowed, &command.into(), format, out),
        }
    }

    /// Prints what is inside of the filters of a command that arrived in parts.
    fn narrowed(
        &mut self,
        command: &Command<'_>,
        context: &StreamContext,
        format: &mut FormatWriter,
        out: &mut impl Write,
    ) -> Result<bool, Failure> {
        match self.filter.narrow(command, context.db) {
            Narrowed::Whole => {
                let args = command.args().map(<[u8]>::to_vec).collect();
                self.instead(Narrowed::Instead(vec![TargetCommand { db: None, args }]), context, format, out)
            }
            narrowed => self.instead(narrowed, context, format, out),
        }
    }

    fn instead(
        &mut self,
        narrowed: Narrowed,
        context: &StreamContext,
        format: &mut FormatWriter,
        out: &mut impl Write,
    ) -> Result<bool, Failure> {
        let Narrowed::Instead(commands) = narrowed else { return Ok(false) };
        self.before(context.tx.is_some(), format, out)?;
        if let FormatWriter::Resp(resp) = format {
            resp.instead(&commands, context, out)?;
        }
        Ok(true)
    }

    fn split(
        &mut self,
        part: &StreamPart<'_>,
        format: &mut FormatWriter,
        out: &mut impl Write,
    ) -> Result<bool, Failure> {
        self.parts.split(&mut self.filter, &part.part, &mut self.bytes);
        if !self.bytes.is_empty() {
            self.is_printed = true;
            self.before(part.tx.is_some(), format, out)?;
        }
        if let FormatWriter::Resp(resp) = format {
            resp.bytes(&self.bytes, &part.into(), out)?;
        }
        self.bytes.clear();
        Ok(if part.offset.is_some() { std::mem::take(&mut self.is_printed) } else { self.is_printed })
    }

    /// The database of a command, if a filter depends on it.
    fn known_db(&self, db: Option<u32>) -> Result<Option<u32>, Failure> {
        match db.or(self.assumed) {
            None if self.filter.needs_db() => Err(unknown_database()),
            db => Ok(db),
        }
    }

    /// Prints the time and the MULTI that belong before a printed event.
    fn before(&mut self, in_transaction: bool, format: &mut FormatWriter, out: &mut impl Write) -> Result<(), Failure> {
        format.print_time(out)?;
        // A write of another origin may be inside of a wrapped transaction.
        if in_transaction && std::mem::take(&mut self.is_waiting) {
            out.write_all(&self.multi)?;
        }
        Ok(())
    }
}
