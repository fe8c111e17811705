//! `redtail decode`: prints the contents of a file.

mod append_only;
mod snapshot_to;

use std::fmt::{self, Display};
use std::fs::File;
use std::io::{self, Cursor, Read, Write};
use std::path::Path;

use redtail::io::{AppendOnly, DecompressReader, FrameReader, ReadError, RecordingReader};
use redtail::replication::SessionStage;
use redtail::{Disconnected, Event, ProtocolError, SessionError};

use crate::args::{
    ANY_FILE, BARE_RECORDING, COMMANDS, COMPRESSED, DUMP, Decode, Facts, OutputFormat, RECORDING, either, wrong_usage,
};
use crate::decode::snapshot_to::Save;
use crate::failure;
use crate::failure::Failure;
use crate::output;
use crate::output::Printer;
use crate::output_writer::OutputWriter;
use crate::signals;
use crate::stats::Tally;
use crate::stop_condition::StopCondition;
use crate::terminal::log;

pub(crate) fn run(options: &Decode) -> Result<(), Failure> {
    // A pipe can't be followed, and opening one would wait for its writer.
    if !options.frames && (options.is_directory() || options.follow && !options.file.is_file()) {
        return append_only::run(options);
    }
    let mut input = open(options)?;
    if options.frames {
        return frames(input, options);
    }
    let head = head(&mut input, &options.file)?;
    let kind = kind(&head);
    let compressed = either(options.follow && is_compressed(&options.file)?, COMPRESSED, 0);
    options.check_input(kind.facts() | compressed).unwrap_or_else(|message| wrong_usage("decode", message));
    if options.follow {
        return append_only::run(options);
    }
    let whole = Cursor::new(head.clone()).chain(input);
    match kind {
        InputKind::Recording | InputKind::BareRecording => recording(whole, options),
        InputKind::Commands | InputKind::Snapshot => {
            let file = AppendOnly::of(whole, "the input", options.offset, options.settings());
            append_only::print(file.max_corrupt_tail(options.max_corrupt_tail), options)
        }
        InputKind::Nothing => {
            log::say("the input is empty");
            Ok(())
        }
        InputKind::Unknown(byte) => Err(Failure::Message(format!(
            "the input begins with {byte}; a snapshot begins with REDIS or VALKEY, a recording with \"redtail \
             recording\", '+', '-' or '$', a stream of commands with '*' or '#'; --frames prints any kind of RESP"
        ))),
    }
}

fn recording(input: impl Read, options: &Decode) -> Result<(), Failure> {
    let mut output = Printer::new(
        OutputWriter::open(&options.output)?,
        &options.output,
        options.file.display().to_string(),
        Tally::of_file(),
    );
    if options.without_keys() {
        output.without_keys();
    }
    let mut end = StopCondition::new(&options.output);
    let mut reader = RecordingReader::with(input, options.settings(), options.offset);
    let mut save = Save::open(options)?;
    let outcome = print(&mut reader, &mut output, &mut end, save.as_mut(), options);
    let finished = output.finish();
    let saved = save.map_or(Ok(()), Save::finish);
    failure::first(outcome.and(saved), finished)
}

fn print<R: Read, W: Write>(
    reader: &mut RecordingReader<R>,
    output: &mut Printer<W>,
    end: &mut StopCondition,
    mut save: Option<&mut Save>,
    options: &Decode,
) -> Result<(), Failure> {
    let target = options.file.display().to_string();
    while !signals::is_stopped() {
        if reader.is_drained() {
            output.flush()?;
        }
        let event = match reader.next_event() {
            Ok(Some(event)) => event,
            Ok(None) => break,
            Err(ReadError::Session(error)) => return Err(broken(&error)),
            Err(error) => return Err(error.into()),
        };
        if let Some(save) = &mut save {
            save.event(&event, &options.file.display())?;
        }
        output.event(&event)?;
        match &event {
            Event::Disconnected(lost) if options.output.format != OutputFormat::Json => log::say(EndOfLink(lost)),
            Event::Disconnected(_) => {}
            event => log::event(event, options.output.format, &target),
        }
        if end.after(&event, output.is_printed()) {
            output.enough();
            return Ok(());
        }
    }
    match end.open_transaction() {
        None => Ok(()),
        Some(offset) => Err(Failure::Message(format!(
            "the input ends inside a transaction: the MULTI at offset {offset} has no EXEC, so its commands are void"
        ))),
    }
}

/// A connection of a recording ends, and another follows.
struct EndOfLink<'a>(&'a Disconnected);

impl Display for EndOfLink<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.resume {
            Some(position) => write!(
                f,
                "the connection ended; commands after {position} are void, and follow again if they were executed"
            ),
            None => f.write_str("the connection ended; its commands are void"),
        }
    }
}

/// Adds the replication offset to a protocol error in a recorded stream.
fn broken(error: &SessionError) -> Failure {
    Failure::Message(match error {
        SessionError::Protocol { stage: SessionStage::Stream, source: ProtocolError { kind, offset }, .. } => {
            format!("protocol error in the recording at offset {offset}: {kind}")
        }
        error => error.to_string(),
    })
}

fn frames(input: impl Read, options: &Decode) -> Result<(), Failure> {
    let json = options.output.format == OutputFormat::Json;
    let mut reader = FrameReader::new(input);
    let mut out = io::BufWriter::new(OutputWriter::open(&options.output)?);
    let mut line = Vec::new();
    // The program that writes to standard input may wait for the output.
    let at_once = options.is_standard_input();
    let mut left = options.output.count.unwrap_or(u64::MAX);
    let outcome = loop {
        if left == 0 {
            break Ok(());
        }
        match reader.next_frame() {
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

/// The kind of a file, by its first byte that is not a newline.
enum InputKind {
    Recording,
    /// The bytes that a server sent, without the reply that contains the offset.
    BareRecording,
    Commands,
    Snapshot,
    Nothing,
    Unknown(redtail::resp::Byte),
}

impl InputKind {
    fn facts(&self) -> Facts {
        match self {
            Self::Recording => RECORDING,
            Self::BareRecording => BARE_RECORDING,
            Self::Commands => COMMANDS,
            Self::Snapshot => DUMP,
            Self::Nothing | Self::Unknown(_) => ANY_FILE,
        }
    }
}

fn kind(head: &[u8]) -> InputKind {
    let start = head.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(head.len());
    match head.get(start..).unwrap_or_default() {
        [] => InputKind::Nothing,
        rest if rest.starts_with(b"redtai") || rest.starts_with(b"+FULLR") => InputKind::Recording,
        [b'+' | b'-' | b'$', ..] => InputKind::BareRecording,
        [b'*' | b'#', ..] => InputKind::Commands,
        rest if rest.starts_with(b"REDIS") || rest.starts_with(b"VALKEY") => InputKind::Snapshot,
        [byte, ..] => InputKind::Unknown(redtail::resp::Byte(*byte)),
    }
}

/// Reads until the kind is known: after leading newlines, six bytes are enough.
fn head(input: &mut impl Read, file: &Path) -> Result<Vec<u8>, Failure> {
    const LONGEST: usize = 4096;
    let mut head = Vec::new();
    let mut byte = [0];
    let mut significant = 0;
    while significant < 6 && head.len() < LONGEST {
        match input.read(&mut byte) {
            Ok(0) => break,
            Ok(_) => {
                head.extend_from_slice(&byte);
                significant += usize::from(significant > 0 || !matches!(byte, [b'\r' | b'\n']));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(file, &error)),
        }
    }
    Ok(head)
}

/// Decompresses the input twice: a server may have compressed its snapshot, and somebody the file.
fn open(options: &Decode) -> Result<Box<dyn Read + Send>, Failure> {
    let input: Box<dyn Read + Send> = match options.is_standard_input() {
        true => Box::new(io::stdin()),
        false => Box::new(File::open(&options.file).map_err(|error| unreadable(&options.file, &error))?),
    };
    Ok(Box::new(DecompressReader::new(DecompressReader::new(input))))
}

/// The file at the path.
fn is_compressed(path: &Path) -> Result<bool, Failure> {
    let mut file = DecompressReader::new(File::open(path).map_err(|error| unreadable(path, &error))?);
    let _count = file.read(&mut [0]).map_err(|error| unreadable(path, &error))?;
    Ok(file.compression().is_some())
}

fn unreadable(file: &Path, error: &io::Error) -> Failure {
    Failure::Message(format!("can't read {}: {error}", file.display()))
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Snapshot(error) => Self::Message(format!("{error}{}", failure::rdb_hint(&error.kind))),
            error => Self::Message(error.to_string()),
        }
    }
}
