//! The filter between events and format.

use std::io::Write;

use redtail::{Event, StreamPart};

use crate::args;
use crate::failure::Failure;
use crate::filter::{Decision, EventFilter, ItemFilter, PartFilter};
use crate::output::format_writer::FormatWriter;
use crate::output::stream_context::StreamContext;

pub(super) struct Filtered {
    pub(super) filter: EventFilter,
    pub(super) items: ItemFilter,
    parts: PartFilter,
    /// MULTI in the output format, until a command of its transaction passes.
    multi: Vec<u8>,
    is_waiting: bool,
    all: bool,
}

impl Filtered {
    pub(super) fn new(options: &args::Filter, all: bool) -> Option<Self> {
        let filter = EventFilter::new(options)?;
        let (items, parts) = (ItemFilter::default(), PartFilter::new());
        Some(Self { filter, items, parts, multi: Vec::new(), is_waiting: false, all })
    }

    /// Prints the event if it passes. Returns whether it did.
    pub(super) fn event(
        &mut self,
        event: &Event<'_>,
        format: &mut FormatWriter,
        out: &mut impl Write,
    ) -> Result<bool, Failure> {
        let (passes, in_transaction) = match event {
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
                self.is_waiting = false;
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
        if self.parts.part(&mut self.filter, part) != Decision::Print {
            return Ok(false);
        }
        self.before(part.tx.is_some(), format, out)?;
        let held = self.parts.take();
        let context = StreamContext { offset: None, ..part.into() };
        held.parts().try_for_each(|part| format.part(&part, &context, out))?;
        self.parts.put_back(held);
        format.part(&part.part, &part.into(), out)?;
        Ok(true)
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
