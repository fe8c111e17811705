//! `redtail decode`: the same output from a file.

use std::fmt::{self, Display};
use std::fs::File;
use std::io::{self, Cursor, Read, Write};
use std::path::Path;

use redtail::net::{FrameReader, ReadError, RecordingReader, SnapshotReader};
use redtail::rdb::{Decoder, Item, RdbErrorKind};
use redtail::{Byte, Disconnected, Event, Options, ProtocolError, SessionError, Stage};

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
    let offset = options.offset.unwrap_or(0);
    let target = options.file.display().to_string();
    let mut output = Output::new(io::stdout().lock(), &options.output, target);
    let mut end = End::new(&options.output);
    let outcome = match kind(&head) {
        Kind::Recording => {
            let settings = Options { lenient: options.skip_damaged, ..options.output.settings() };
            let mut reader = RecordingReader::with(whole, settings, options.offset);
            print(&mut reader, &mut output, &mut end, options, None)
        }
        Kind::Commands => {
            let mut reader = RecordingReader::commands(whole, options.output.settings(), offset);
            print(&mut reader, &mut output, &mut end, options, Some(0))
        }
        Kind::Snapshot => snapshot(whole, &mut output, &mut end, options),
        Kind::Nothing => {
            notes::say("the input is empty: there are no commands in it");
            Ok(())
        }
        Kind::Unknown(byte) => Err(Failure::Words(format!(
            "a snapshot begins with REDIS or VALKEY, a recording with \"redtail recording\" or '+', '-' or '$', a stream of commands with '*' or '#', and this \
             with {byte}; --frames prints RESP of any kind"
        ))),
    };
    failure::first(outcome, output.finish())
}

/// A snapshot, and the commands behind it if it is the front of an append-only file.
fn snapshot<W: Write>(
    input: impl Read,
    output: &mut Output<W>,
    end: &mut End,
    options: &Decode,
) -> Result<(), Failure> {
    let decoder = if options.skip_damaged { Decoder::new().skip_damaged() } else { Decoder::new() };
    let mut reader = SnapshotReader::with(input, decoder);
    if !keys(&mut reader, output, end)? {
        return Ok(());
    }
    let at = reader.offset();
    output.snapshot_end(at)?;
    let mut rest = reader.into_rest();
    let head = head(&mut rest, &options.file)?;
    let rest = Cursor::new(head.clone()).chain(rest);
    match kind(&head) {
        Kind::Nothing => Ok(()),
        Kind::Commands => {
            let before = options.offset.unwrap_or(at);
            let mut reader = RecordingReader::commands(rest, options.output.settings(), before);
            print(&mut reader, output, end, options, Some(at))
        }
        _ => Err(Failure::Words(format!(
            "the snapshot ends at byte {at}, and what follows are no commands of an append-only file: expected '*' or '#', found {}",
            Byte(head.iter().copied().find(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or_default())
        ))),
    }
}

/// Prints what is in a snapshot. Tells whether it was read to its end.
fn keys<R: Read, W: Write>(
    reader: &mut SnapshotReader<R>,
    output: &mut Output<W>,
    end: &mut End,
) -> Result<bool, Failure> {
    loop {
        if reader.is_drained() {
            output.flush()?;
        }
        let Some(item) = reader.next()? else { return Ok(true) };
        output.item(&item)?;
        notes::item(&item);
        let is_key_end = matches!(item, Item::KeyEnd);
        if is_key_end && end.after_key(reader.offset(), output.is_printed()) {
            output.enough();
            return Ok(false);
        }
    }
}

/// `stream`: where in the input it begins, if its offsets are told by nothing else.
fn print<R: Read, W: Write>(
    reader: &mut RecordingReader<R>,
    output: &mut Output<W>,
    end: &mut End,
    options: &Decode,
    stream: Option<u64>,
) -> Result<(), Failure> {
    let target = options.file.display().to_string();
    loop {
        if reader.is_drained() {
            output.flush()?;
        }
        let event = match reader.next() {
            Ok(Some(event)) => event,
            Ok(None) => break,
            Err(ReadError::Session(error)) => return Err(broken(&error, options, stream)),
            Err(ReadError::Truncated { what, start, end, missing }) => {
                // A snapshot may stand before what this reader has seen.
                let before = stream.unwrap_or(0);
                let (start, end) = (start + before, end + before);
                return Err(ReadError::Truncated { what, start, end, missing }.into());
            }
            Err(error) => return Err(error.into()),
        };
        output.event(&event)?;
        match &event {
            Event::Disconnected(lost) if options.output.format != Format::Json => notes::say(EndOfLink(lost)),
            Event::Disconnected(_) => {}
            event => notes::event(event, options.output.format, &target),
        }
        if end.after(&event, output.is_printed()) {
            output.enough();
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

/// A link of a recording ends, and another follows.
struct EndOfLink<'a>(&'a Disconnected);

impl Display for EndOfLink<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.resume {
            Some(place) => write!(
                f,
                "the connection ends; what came after {place} is void, and comes again if it was part of the history"
            ),
            None => f.write_str("the connection ends; what came on it is void"),
        }
    }
}

/// Where in the file a stream breaks the protocol: its offsets may be those of a file, of a recording, or given by the user.
fn broken(error: &SessionError, options: &Decode, stream: Option<u64>) -> Failure {
    let SessionError::Protocol { stage: Stage::Stream, source: ProtocolError { kind, offset } } = error else {
        return Failure::Words(error.to_string());
    };
    Failure::Words(match (stream, options.offset) {
        (Some(start), given) => {
            let byte = start + offset.saturating_sub(given.unwrap_or(start));
            match given {
                Some(_) => format!("{kind}, at byte {byte} of the input (offset {offset})"),
                None => format!("{kind}, at byte {byte} of the input"),
            }
        }
        (None, _) => format!("in the stream of the recording: {kind}, at offset {offset}"),
    })
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
        rest if rest.starts_with(b"redtai") => Kind::Recording,
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
        match error {
            ReadError::Snapshot(error) => Self::Words(format!("{error}{}", hint(&error.kind))),
            error => Self::Words(error.to_string()),
        }
    }
}

/// What to do about a snapshot that can't be read.
fn hint(kind: &RdbErrorKind) -> &'static str {
    match kind {
        RdbErrorKind::UnknownVersion(_) | RdbErrorKind::UnknownNumber { .. } => failure::unknown(kind),
        RdbErrorKind::Checksum { .. } => {
            "; what was printed may be wrong: the file was damaged after the server wrote it"
        }
        RdbErrorKind::Truncated(_) => {
            "; what was printed is not all: the copy of the file, or the writing of it, did not come to its end"
        }
        RdbErrorKind::Refused { .. } | RdbErrorKind::NotRdb(_) => "",
        _ => "; --skip-damaged passes over broken values where it can",
    }
}
