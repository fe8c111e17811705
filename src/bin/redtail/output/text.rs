//! For people: one line per command.

use std::fmt;
use std::io::{self, Write};
use std::time::{Duration, UNIX_EPOCH};

use redtail::io::{AppendOnlyFile, FileKind};
use redtail::rdb::Item;
use redtail::replication::Database;
use redtail::resp::{Part, Quoted};
use redtail::{Event, StreamCommand};

use crate::args;
use crate::output::argument::Argument;
use crate::output::gather::Gather;
use crate::output::keys::text::TextKeys;
use crate::output::quoting::Quoting;
use crate::output::restored;
use crate::output::restored::PayloadArgument;
use crate::output::stream_context::StreamContext;
use crate::terminal::color::Colors;

/// The limit for a line of a command that arrives in parts, in bytes. The line is held until its offset is known;
/// arguments beyond the limit are only counted.
const LONGEST_LINE: usize = 64 << 20;

pub(super) struct Text {
    all: bool,
    max_arg: u64,
    line: Vec<u8>,
    gather: Gather,
    left_out: u64,
    payload: PayloadArgument,
    /// The payload of a command that arrives in parts, as text.
    restored: Vec<u8>,
    keys: TextKeys,
    colors: Colors,
    quoting: Quoting,
    /// The migration of the current command, or empty.
    pub(super) migration: Vec<u8>,
    /// The kind and number of the file that contains the next lines.
    file: Option<(FileKind, Option<u64>)>,
    time: Option<u64>,
    /// The time to print before the next line.
    next_time: Option<u64>,
    /// The origin of a write that KeyDB wraps, or empty.
    pub(super) origin: String,
}

impl Text {
    pub(super) fn new(options: &args::Output) -> Self {
        let (all, max_arg) = (options.all, options.max_arg());
        let quoting = Quoting::of(options);
        // A long string of a snapshot is shortened anyway.
        let keys = TextKeys::new(all, options.max_arg.unwrap_or(u64::MAX), quoting);
        let (gather, colors) = (Gather::new(max_arg), Colors::of_output(options.output.is_some()));
        Self {
            all,
            max_arg,
            line: Vec::new(),
            gather,
            left_out: 0,
            payload: PayloadArgument::default(),
            restored: Vec::new(),
            keys,
            colors,
            quoting,
            migration: Vec::new(),
            file: None,
            time: None,
            next_time: None,
            origin: String::new(),
        }
    }

    pub(super) fn in_file(&mut self, file: &AppendOnlyFile, out: &mut impl Write) -> io::Result<()> {
        let this = Some((file.kind, file.seq));
        if self.file == this {
            return Ok(());
        }
        (self.file, self.time) = (this, None);
        writeln!(out, "# file {}", self.quoting.of_bytes(file.name().as_bytes()))
    }

    /// Sets the time of the next line, which a filter may drop.
    pub(super) fn next_at_time(&mut self, time: Option<u64>) {
        self.next_time = time;
    }

    pub(super) fn print_time(&mut self, out: &mut impl Write) -> io::Result<()> {
        match self.next_time.take() {
            Some(time) => self.at_time(Some(time), out),
            None => Ok(()),
        }
    }

    pub(super) fn at_time(&mut self, time: Option<u64>, out: &mut impl Write) -> io::Result<()> {
        if self.time == time {
            return Ok(());
        }
        self.time = time;
        match time {
            Some(seconds) => writeln!(out, "# time {seconds}{}", Date(seconds)),
            None => Ok(()),
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
        push_place(&mut self.line, self.colors, command.offset, command.db)?;
        push_origin(&mut self.line, self.colors, &self.origin)?;
        push_migration(&mut self.line, self.colors, &self.migration)?;
        for (index, arg) in command.args().enumerate() {
            let colors = (index == 0).then_some(self.colors);
            push(&mut self.line, Argument::of(arg, self.max_arg), colors, self.quoting)?;
        }
        if let Some(payload) = restored::payload(command.args()) {
            restored::push_text(&mut self.line, payload, self.max_arg, self.quoting)?;
        }
        self.line.push(b'\n');
        out.write_all(&self.line)
    }

    pub(super) fn part(&mut self, part: &Part<'_>, context: &StreamContext, out: &mut impl Write) -> io::Result<()> {
        if let Part::Begin { .. } = part {
            self.line.clear();
            self.restored.clear();
            self.left_out = 0;
        }
        self.payload.part(part);
        if let Some(argument) = self.gather.part(part) {
            if let Some(payload) = self.payload.argument(argument) {
                restored::push_text(&mut self.restored, payload, self.max_arg, self.quoting)?;
            }
            if self.line.len() < LONGEST_LINE {
                let colors = self.line.is_empty().then_some(self.colors);
                push(&mut self.line, argument, colors, self.quoting)?;
            } else {
                self.left_out += 1;
            }
        }
        let Some(offset) = context.offset else {
            return Ok(());
        };
        push_place(out, self.colors, offset, context.db)?;
        push_origin(out, self.colors, &self.origin)?;
        push_migration(out, self.colors, &self.migration)?;
        out.write_all(&self.line)?;
        if self.left_out > 0 {
            write!(out, " (omitted {} arguments)", self.left_out)?;
        }
        out.write_all(&self.restored)?;
        out.write_all(b"\n")
    }
}

/// Unix seconds as a date after a space. Empty beyond the year 9999.
struct Date(u64);

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LAST: u64 = 253_402_300_799;
        match UNIX_EPOCH.checked_add(Duration::from_secs(self.0)) {
            Some(time) if self.0 <= LAST => write!(f, " {}", humantime::format_rfc3339_seconds(time)),
            _ => Ok(()),
        }
    }
}

fn push_place(line: &mut impl Write, colors: Colors, offset: u64, db: Option<u32>) -> io::Result<()> {
    let Colors { faint, number, end, .. } = colors;
    let mut digits = itoa::Buffer::new();
    push_color(line, faint)?;
    line.write_all(digits.format(offset).as_bytes())?;
    push_color(line, end)?;
    line.write_all(b" ")?;
    push_color(line, number)?;
    line.write_all(b"[")?;
    match db {
        Some(db) => line.write_all(digits.format(db).as_bytes())?,
        None => write!(line, "{}", Database(db))?,
    }
    line.write_all(b"]")?;
    push_color(line, end)
}

/// A copy of nothing costs as much as one of a few bytes.
fn push_color(line: &mut impl Write, color: &str) -> io::Result<()> {
    if color.is_empty() { Ok(()) } else { line.write_all(color.as_bytes()) }
}

fn push_origin(line: &mut impl Write, colors: Colors, origin: &str) -> io::Result<()> {
    let Colors { faint, end, .. } = colors;
    match origin {
        "" => Ok(()),
        origin => write!(line, " {faint}(origin {origin}){end}"),
    }
}

/// Before the command, since its value may be long.
fn push_migration(line: &mut impl Write, colors: Colors, migration: &[u8]) -> io::Result<()> {
    if migration.is_empty() {
        return Ok(());
    }
    let Colors { faint, end, .. } = colors;
    write!(line, " {faint}")?;
    line.write_all(migration)?;
    write!(line, "{end}")
}

/// `colors`: set for the name of the command.
fn push(line: &mut Vec<u8>, argument: Argument<'_>, colors: Option<Colors>, quoting: Quoting) -> io::Result<()> {
    line.push(b' ');
    if let Some(colors) = colors {
        push_color(line, colors.bold)?;
    }
    match argument {
        Argument::Whole(bytes) if Quoted(bytes).is_plain() => {
            line.push(b'"');
            line.extend_from_slice(bytes);
            line.push(b'"');
        }
        Argument::Whole(bytes) => write!(line, "{}", quoting.of_bytes(bytes))?,
        Argument::Omitted(length) | Argument::Pieces(length) => write!(line, "(omitted {length} bytes)")?,
    }
    colors.map_or(Ok(()), |colors| push_color(line, colors.end))
}
