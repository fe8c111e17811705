//! `redtail decode`: the same output from a file.

use std::fs::File;
use std::io::{self, Cursor, Read, Write};
use std::path::Path;

use redtail::Event;
use redtail::net::{FrameReader, ReadError, RecordingReader};

use crate::args::{Decode, Format};
use crate::end::End;
use crate::failure::{self, Failure};
use crate::notes;
use crate::output::{self, Output};

pub(crate) fn run(options: &Decode) -> Result<(), Failure> {
    let mut input = open(&options.file)?;
    if options.frames {
        return frames(input, options);
    }
    let head = head(&mut input, &options.file)?;
    let whole = Cursor::new(head.clone()).chain(input);
    let mut reader = match kind(&head) {
        Kind::Recording => RecordingReader::with(whole, options.output.settings(), options.offset),
        Kind::Commands => RecordingReader::commands(whole, options.output.settings(), options.offset.unwrap_or(0)),
        Kind::Nothing => {
            notes::say("the input is empty: there are no commands in it");
            return Ok(());
        }
        Kind::Snapshot => {
            return Err(Failure::Words(
                "this is a snapshot, or an append-only file that begins with one: this version reads the commands of a stream only. \
                 Files written with aof-use-rdb-preamble no, and the .incr.aof files beside a .base.rdb, hold commands"
                    .into(),
            ));
        }
        Kind::Unknown(byte) => {
            return Err(Failure::Words(format!(
                "a recording begins with '+', '-' or '$', a stream of commands with '*' or '#', and this with {byte}; \
                 --frames prints RESP of any kind"
            )));
        }
    };
    let target = options.file.display().to_string();
    let mut output = Output::new(io::stdout().lock(), &options.output, target.clone());
    let outcome = print(&mut reader, &mut output, options, &target);
    failure::first(outcome, output.finish())
}

fn print<R: Read, W: Write>(
    reader: &mut RecordingReader<R>,
    output: &mut Output<W>,
    options: &Decode,
    target: &str,
) -> Result<(), Failure> {
    let mut end = End::new(&options.output);
    loop {
        if reader.is_drained() {
            output.flush()?;
        }
        let Some(event) = reader.next()? else { break };
        // The end of a file is no lost link.
        if matches!(event, Event::Disconnected(_)) {
            continue;
        }
        output.event(&event)?;
        notes::event(&event, options.output.format, target);
        if end.after(&event) {
            return Ok(());
        }
    }
    match end.open_transaction() {
        None => Ok(()),
        Some(offset) => Err(Failure::Words(format!(
            "the input ends inside the transaction that begins with the MULTI at offset {offset}: without its EXEC nothing in it counts"
        ))),
    }
}

fn frames(input: Box<dyn Read>, options: &Decode) -> Result<(), Failure> {
    let json = options.output.format == Format::Json;
    let mut reader = FrameReader::new(input);
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut line = Vec::new();
    // Whoever writes to standard input may be waiting for what we say.
    let at_once = is_standard_input(&options.file);
    let mut left = options.output.count.unwrap_or(u64::MAX);
    let outcome = loop {
        if left == 0 {
            break Ok(());
        }
        match reader.next() {
            Ok(Some(frame)) => {
                line.clear();
                output::frame::push(&mut line, frame.item, frame.start, json, options.output.max_arg())?;
                out.write_all(&line)?;
                if at_once {
                    out.flush()?;
                }
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error.into()),
        }
        left -= 1;
    };
    out.flush()?;
    outcome
}

/// What a file is, by its first byte that is no newline.
enum Kind {
    Recording,
    Commands,
    Snapshot,
    Nothing,
    Unknown(redtail::Byte),
}

fn kind(head: &[u8]) -> Kind {
    let start = head.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(head.len());
    match head.get(start..).unwrap_or_default() {
        [] => Kind::Nothing,
        [b'+' | b'-' | b'$', ..] => Kind::Recording,
        [b'*' | b'#', ..] => Kind::Commands,
        rest if rest.starts_with(b"REDIS") || rest.starts_with(b"VALKEY") => Kind::Snapshot,
        [byte, ..] => Kind::Unknown(redtail::Byte(*byte)),
    }
}

/// Reads until the kind can be told: newlines may stand before it, and six bytes tell it.
fn head(input: &mut impl Read, file: &Path) -> Result<Vec<u8>, Failure> {
    const LONGEST: usize = 4096;
    let mut head = Vec::new();
    let mut byte = [0];
    let mut told = 0;
    while told < 6 && head.len() < LONGEST {
        match input.read(&mut byte) {
            Ok(0) => break,
            Ok(_) => {
                head.extend_from_slice(&byte);
                told += usize::from(told > 0 || !matches!(byte, [b'\r' | b'\n']));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(file, &error)),
        }
    }
    Ok(head)
}

fn open(file: &Path) -> Result<Box<dyn Read>, Failure> {
    if is_standard_input(file) {
        return Ok(Box::new(io::stdin().lock()));
    }
    match File::open(file) {
        Ok(file) => Ok(Box::new(file)),
        Err(error) => Err(unreadable(file, &error)),
    }
}

fn is_standard_input(file: &Path) -> bool {
    file == Path::new("-")
}

fn unreadable(file: &Path, error: &io::Error) -> Failure {
    Failure::Words(format!("can't read {}: {error}", file.display()))
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        Self::Words(error.to_string())
    }
}
