//! For people: one line a command.

use std::io::{self, Write};

use redtail::rdb::Item;
use redtail::resp::{Part, Quoted};
use redtail::{Database, Event, StreamCommand};

use super::keys::TextKeys;
use super::{Argument, Gather, PartPlace};
use crate::args;
use crate::paint::Paint;

/// A line of a command that comes in parts is held until the offset at its front is known. Arguments after so many bytes are
/// counted instead.
const LONGEST_LINE: usize = 64 << 20;

pub(super) struct Text {
    all: bool,
    max_arg: u64,
    line: Vec<u8>,
    gather: Gather,
    left_out: u64,
    keys: TextKeys,
    paint: Paint,
}

impl Text {
    pub(super) fn new(options: &args::Output) -> Self {
        let (all, max_arg) = (options.all, options.max_arg());
        // Of a long string in a snapshot no more than the beginning is shown anyway.
        let keys = TextKeys::new(all, options.max_arg.unwrap_or(u64::MAX));
        Self {
            all,
            max_arg,
            line: Vec::new(),
            gather: Gather::new(max_arg),
            left_out: 0,
            keys,
            paint: Paint::on(&io::stdout()),
        }
    }

    pub(super) fn item(&mut self, item: &Item<'_>, out: &mut impl Write) -> io::Result<()> {
        self.keys.item(item, out)
    }

    pub(super) fn event(&mut self, event: &Event<'_>, out: &mut impl Write) -> io::Result<()> {
        match event {
            Event::Command(command) | Event::Multi(command) | Event::Exec(command) => self.command(command, out),
            Event::Control(command) if self.all => self.command(command, out),
            Event::Part(part) => self.part(&part.part, &part.into(), out),
            _ => Ok(()),
        }
    }

    fn command(&mut self, command: &StreamCommand<'_>, out: &mut impl Write) -> io::Result<()> {
        self.line.clear();
        push_place(&mut self.line, self.paint, command.offset, command.db)?;
        for (index, arg) in command.args().enumerate() {
            let paint = (index == 0).then_some(self.paint);
            push(&mut self.line, Argument::of(arg, self.max_arg), paint)?;
        }
        self.line.push(b'\n');
        out.write_all(&self.line)
    }

    pub(super) fn part(&mut self, part: &Part<'_>, place: &PartPlace, out: &mut impl Write) -> io::Result<()> {
        if let Part::Begin { .. } = part {
            self.line.clear();
            self.left_out = 0;
        }
        if let Some(argument) = self.gather.part(part) {
            if self.line.len() < LONGEST_LINE {
                let paint = self.line.is_empty().then_some(self.paint);
                push(&mut self.line, argument, paint)?;
            } else {
                self.left_out += 1;
            }
        }
        let Some(offset) = place.offset else {
            return Ok(());
        };
        push_place(out, self.paint, offset, place.db)?;
        out.write_all(&self.line)?;
        if self.left_out > 0 {
            write!(out, " (omitted {} arguments)", self.left_out)?;
        }
        out.write_all(b"\n")
    }
}

fn push_place(line: &mut impl Write, paint: Paint, offset: u64, db: Option<u32>) -> io::Result<()> {
    let Paint { faint, number, end, .. } = paint;
    write!(line, "{faint}{offset}{end} {number}[{}]{end}", Database(db))
}

/// `paint`: of the name, which stands out.
fn push(line: &mut Vec<u8>, argument: Argument<'_>, paint: Option<Paint>) -> io::Result<()> {
    line.push(b' ');
    if let Some(paint) = paint {
        line.extend_from_slice(paint.bold.as_bytes());
    }
    match argument {
        Argument::Whole(bytes) => write!(line, "{}", Quoted(bytes))?,
        Argument::Omitted(length) | Argument::Pieces(length) => write!(line, "(omitted {length} bytes)")?,
    }
    if let Some(paint) = paint {
        line.extend_from_slice(paint.end.as_bytes());
    }
    Ok(())
}
