//! `redtail` without a verb: a demonstration that needs no server.

use std::io::{self, Write};

use redtail::replay::{Playback, Primary, Recording};
use redtail::replication::Database;
use redtail::{Event, Follower, StreamCommand};

use crate::failure::Failure;
use crate::terminal::color::Colors;

/// The stream of a Redis 7.0 while a small bookshop opened, sold two books, and closed.
const RECORDING: &[u8] = include_bytes!("demo.bin");

/// Slow enough to read.
const COMMANDS_PER_SECOND: u32 = 14;

/// A remark before the command that ends at this offset.
const REMARKS: &[(u64, &str)] = &[
    (72, "each line: offset, [database], command"),
    (400, "GEOADD, as the ZADD that it executes"),
    (449, "binary data"),
    (547, "another database; \"expires in 1 s\" became a point in time"),
    (728, "INCRBYFLOAT, as its result"),
    (743, "an order: one transaction, over two databases"),
    (1133, "a script: what it wrote, as one transaction"),
    (1383, "SPOP, as the member that was drawn"),
    (1562, "nobody sent this one: the session expired"),
];

pub(crate) fn run() -> Result<(), Failure> {
    let primary = serve()?;
    let end = primary.recording().last().end_offset();
    let mut follower = Follower::builder(primary.address().to_string()).connect()?;
    let mut screen = Screen::new();
    screen.opening(&primary)?;
    let mut writes = 0;
    while let Some(event) = follower.next_event()? {
        let command = match event {
            Event::Command(command) => {
                writes += 1;
                command
            }
            Event::Multi(border) | Event::Exec(border) => border,
            _ => continue,
        };
        screen.command(&command)?;
        if command.offset >= end {
            break;
        }
    }
    screen.closing(writes, follower.position().map(|position| position.to_string()))?;
    Ok(())
}

fn serve() -> Result<Primary, Failure> {
    let recording = Recording::parse(RECORDING).map_err(|error| Failure::Message(error.to_string()))?;
    let mut playback = Playback::default();
    playback.commands_per_second = Some(COMMANDS_PER_SECOND);
    Primary::serve_as(recording, playback)
        .map_err(|error| Failure::Message(format!("the demonstration needs a port on 127.0.0.1: {error}")))
}

/// Standard output, with colors in a terminal.
struct Screen {
    out: io::StdoutLock<'static>,
    colors: Colors,
}

impl Screen {
    fn new() -> Self {
        let out = io::stdout().lock();
        let colors = Colors::on(&out);
        Self { out, colors }
    }

    fn opening(&mut self, primary: &Primary) -> io::Result<()> {
        let Colors { bold, end, .. } = self.colors;
        writeln!(
            self.out,
            "{bold}redtail{end} follows a Redis or Valkey server like a replica and shows every write.\n\n\
             Here is one: a recording of Redis 7.0, a day in a small bookshop, played on\n\
             {} and followed over that socket like any other server.\n",
            primary.address()
        )
    }

    fn command(&mut self, command: &StreamCommand<'_>) -> io::Result<()> {
        let Colors { faint, number, bold, end, .. } = self.colors;
        if let Some((_, remark)) = REMARKS.iter().find(|(offset, _)| *offset == command.offset) {
            writeln!(self.out, "{faint}         # {remark}{end}")?;
        }
        let text = command.command().to_string();
        let (name, rest) = text.split_at(text.find(' ').unwrap_or(text.len()));
        let indent = if command.tx.is_some() && !command.is(b"MULTI") && !command.is(b"EXEC") { "  " } else { "" };
        let (offset, db) = (command.offset, Database(command.db));
        writeln!(self.out, "{faint}{offset:>6}{end} {number}[{db}]{end} {indent}{bold}{name}{end}{rest}")?;
        self.out.flush()
    }

    fn closing(&mut self, writes: u32, position: Option<String>) -> io::Result<()> {
        let Colors { faint, bold, end, .. } = self.colors;
        let position = position.unwrap_or_default();
        write!(
            self.out,
            "\n{writes} writes. A later run resumes from the position after the last one:\n\
             \x20 {faint}{position}{end}\n\n\
             Next:\n\
             \x20 {bold}redtail tail HOST:PORT{end}                 your own server\n\
             \x20 {bold}redtail tail HOST:PORT --format json{end}   for programs, one object per line\n\
             \x20 {bold}redtail help tail{end}                      starts, resuming, permissions\n"
        )?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redtail::resp::{CommandParser, Status};
    use std::io::Read;

    #[test]
    fn every_remark_belongs_to_a_command() {
        let recording = Recording::parse(RECORDING).unwrap();
        let segment = recording.first();
        let mut parser = CommandParser::stream().starting_at(segment.start_offset());
        let mut bytes = Vec::new();
        recording.stream(segment).read_to_end(&mut bytes).unwrap();
        let mut stream = bytes.as_slice();
        let mut offsets = Vec::new();
        while let Status::Complete(_) = parser.next(&mut stream).unwrap() {
            offsets.push(parser.offset());
        }
        for (offset, remark) in REMARKS {
            assert!(offsets.contains(offset), "{remark}: no command ends at {offset}");
        }
    }
}
