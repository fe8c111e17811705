//! One file, from its first byte: perhaps a snapshot, then commands.

use std::io;
use std::path::Path;

use crate::base::compression::Compression;
use crate::base::error::{Byte, ProtocolErrorKind};
use crate::io::append_only::error::AppendOnlyError;
use crate::io::append_only::file::{AppendOnlyFile, FileEvent, FileKind, Unfinished, UnfinishedKind};
use crate::io::append_only::folder::{Opened, is_replaced};
use crate::io::append_only::source::Source;
use crate::io::buffered_reader::{BufferedReader, ReadError};
use crate::io::compression::DecompressReader;
use crate::io::snapshot_reader::{Look, SnapshotReader};
use crate::rdb::{Decoder, RdbError};
use crate::replication::{
    Event, Options, Progress, Session, SessionError, SnapshotBegin, SnapshotEnd, SnapshotForm, StreamPart,
};
use crate::resp::Part;

/// A file that is being read.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) file: AppendOnlyFile,
    options: Options,
    /// The offset before the first command, if it is not the number of its first byte.
    first: Option<u64>,
    /// `None` only while the stage is replaced.
    stage: Option<ReadingState>,
    /// The event found last.
    found: Found,
}

#[derive(Debug)]
enum ReadingState {
    /// At the first byte, or after a snapshot.
    Border {
        feed: BufferedReader<DecompressReader<Source>>,
        behind: bool,
    },
    Snapshot(SnapshotReader<Source>),
    Commands(Box<Commands>),
    /// In bytes that are not commands, to the end of the file.
    Tail(Tail),
}

#[derive(Debug)]
struct Tail {
    feed: BufferedReader<DecompressReader<Source>>,
    kind: UnfinishedKind,
    start: u64,
    /// The most bytes that are accepted, and the error if there are more.
    most: u64,
    error: TailError,
}

/// An error without its file.
#[derive(Debug, Clone, Copy)]
enum TailError {
    Unknown { expected: &'static str, found: Byte, at: u64 },
    Protocol { kind: ProtocolErrorKind, at: u64, offset: u64, valid: u64 },
}

#[derive(Debug)]
struct Commands {
    feed: BufferedReader<DecompressReader<Source>>,
    session: Session,
    /// The difference between the offset of an event and the number of its byte, modulo 2^64.
    shift: u64,
    /// The start of the MULTI of the open transaction.
    transaction: Option<u64>,
    /// The start of the command that is delivered in parts.
    begun: Option<u64>,
}

#[derive(Debug, Clone, Copy)]
enum Found {
    Nothing,
    Begin(u64),
    Item,
    Bytes,
    End(u64, Option<RdbError>),
    Command,
}

/// The result of a step.
pub(super) enum Step {
    Event,
    /// At least this number of bytes is missing.
    Need(usize),
}

impl Reading {
    pub(super) fn new(opened: Opened, options: Options, first: Option<u64>) -> Self {
        let feed = BufferedReader::new(DecompressReader::new(opened.source)).with_limits(&options.limits);
        let stage = Some(ReadingState::Border { feed, behind: false });
        Self { file: opened.file, options, first, stage, found: Found::Nothing }
    }

    /// Finds the next event in the buffered bytes.
    pub(super) fn step(&mut self) -> Result<Step, AppendOnlyError> {
        loop {
            let need = match &mut self.stage {
                None => 1,
                Some(ReadingState::Border { feed, behind }) => match border(feed.unread(), *behind) {
                    Border::Snapshot => {
                        let begin = feed.start();
                        self.begin_snapshot();
                        self.found = Found::Begin(begin);
                        return Ok(Step::Event);
                    }
                    Border::Commands => {
                        self.begin_commands();
                        continue;
                    }
                    Border::Nothing => 1,
                    Border::Unknown { found, after, expected } => {
                        let (path, at) = (self.file.path.clone(), feed.start() + after as u64);
                        return Err(AppendOnlyError::Unknown { path, expected, found, at });
                    }
                },
                Some(ReadingState::Snapshot(reader)) => {
                    let (look, found) = match self.options.snapshot {
                        SnapshotForm::Items => (reader.look(), Found::Item),
                        SnapshotForm::Bytes => (reader.look_at_bytes(), Found::Bytes),
                    };
                    let look =
                        look.map_err(|source| AppendOnlyError::Snapshot { path: self.file.path.clone(), source })?;
                    match look {
                        Look::Found => {
                            self.found = found;
                            return Ok(Step::Event);
                        }
                        Look::Need(need) => need,
                        Look::Over => {
                            self.found = Found::End(reader.offset(), None);
                            self.end_snapshot();
                            return Ok(Step::Event);
                        }
                    }
                }
                Some(ReadingState::Commands(commands)) => match commands.step() {
                    Ok(Step::Event) => {
                        self.found = Found::Command;
                        return Ok(Step::Event);
                    }
                    Ok(Step::Need(need)) => need,
                    Err(error) => return Err(self.broken(error)),
                },
                Some(ReadingState::Tail(tail)) => {
                    tail.feed.consume(tail.feed.unread().len());
                    if tail.feed.end() - tail.start > tail.most {
                        return Err(tail.error.in_file(&self.file.path));
                    }
                    1
                }
            };
            return Ok(Step::Need(need));
        }
    }

    /// After an error of [`step`](Self::step): passes the rest of the file over if servers do.
    ///
    /// # Errors
    /// The same error.
    pub(super) fn pass_over(&mut self, error: AppendOnlyError, most: u64) -> Result<Step, AppendOnlyError> {
        let (kind, tail_error, most) = match error {
            AppendOnlyError::Unknown { expected, found, at, .. } => {
                let error = TailError::Unknown { expected, found, at };
                match (&self.stage, self.file.kind) {
                    (Some(ReadingState::Border { behind: true, .. }), FileKind::Single) => {
                        (UnfinishedKind::Trailing, error, u64::MAX)
                    }
                    (Some(ReadingState::Border { .. }), FileKind::Base | FileKind::Increment) if most > 0 => {
                        (UnfinishedKind::Corrupt, error, most)
                    }
                    _ => return Err(error.in_file(&self.file.path)),
                }
            }
            AppendOnlyError::Protocol { kind, at, offset, valid, .. } if most > 0 => {
                (UnfinishedKind::Corrupt, TailError::Protocol { kind, at, offset, valid }, most)
            }
            error => return Err(error),
        };
        let start = match &self.stage {
            Some(ReadingState::Commands(commands)) => commands.valid(),
            Some(ReadingState::Border { feed, .. }) => feed.start(),
            _ => return Err(tail_error.in_file(&self.file.path)),
        };
        let feed = match self.stage.take() {
            Some(ReadingState::Border { feed, .. }) => feed,
            Some(ReadingState::Commands(commands)) => commands.feed,
            _ => return Ok(Step::Need(1)),
        };
        self.stage = Some(ReadingState::Tail(Tail { feed, kind, start, most, error: tail_error }));
        self.step()
    }

    /// The event found by the last step.
    #[inline]
    pub(super) fn event(&mut self) -> FileEvent<'_> {
        let (file, found) = (&self.file, self.found);
        match (&mut self.stage, found) {
            (Some(ReadingState::Commands(commands)), Found::Command) => commands.event(file),
            (Some(ReadingState::Snapshot(reader)), Found::Item | Found::Bytes) => {
                let end = reader.offset();
                if let (Found::Item, Some(item)) = (found, reader.found()) {
                    return FileEvent { event: Event::SnapshotItem(item), file, end, time: None };
                }
                FileEvent { event: Event::SnapshotBytes(reader.found_bytes()), file, end, time: None }
            }
            (_, Found::End(bytes, unknown)) => {
                let end = SnapshotEnd {
                    bytes,
                    verified: unknown.map_or(bytes, |error| error.offset),
                    beyond_templates: unknown.and_then(|error| error.kind.template_limit()),
                    offset: bytes,
                    db: None,
                    position: None,
                };
                FileEvent { event: Event::SnapshotEnd(end), file, end: bytes, time: None }
            }
            (_, Found::Begin(offset)) => {
                let begin = SnapshotBegin { replid: None, offset, length: None };
                FileEvent { event: Event::SnapshotBegin(begin), file, end: offset, time: None }
            }
            _ => FileEvent { event: Event::SnapshotBytes(b""), file, end: 0, time: None },
        }
    }

    /// Reads once; `false` if there are no bytes for now. A server that could write only a part of a command cuts it
    /// off again; reading then continues from the cut.
    pub(super) fn fill(&mut self, at_least: usize) -> Result<bool, AppendOnlyError> {
        let Some(feed) = self.feed() else { return Ok(false) };
        let filled = match feed.fill(at_least) {
            Err(ReadError::Io(source)) => {
                return Err(AppendOnlyError::Io { path: self.file.path.clone(), source });
            }
            Err(ReadError::Compression(source)) => {
                return Err(AppendOnlyError::Compression { path: self.file.path.clone(), source });
            }
            filled => filled.unwrap_or(false),
        };
        if filled {
            return Ok(true);
        }
        let (start, read) = (feed.start(), feed.end());
        let length = feed.source().plain().map_or(Ok(None), Source::length);
        let length = length.map_err(|source| AppendOnlyError::Io { path: self.file.path.clone(), source })?;
        let Some(now) = length.filter(|&now| now < read) else { return Ok(false) };
        let cut = || AppendOnlyError::Cut { path: self.file.path.clone(), now, read };
        match &mut self.stage {
            Some(ReadingState::Commands(commands)) if now >= start && !commands.is_in_the_middle() => {
                let begun_anew = commands.begin_anew(&self.options);
                begun_anew.map_err(|source| AppendOnlyError::Io { path: self.file.path.clone(), source })?;
                Ok(now > start)
            }
            _ => Err(cut()),
        }
    }

    /// At the end of the file: ends a snapshot with unknown data, whose own end can't be found.
    ///
    /// # Errors
    /// The error of the unknown data, if the file does not end as a snapshot does.
    pub(super) fn end_unknown(&mut self) -> Result<bool, AppendOnlyError> {
        let Some(ReadingState::Snapshot(reader)) = &self.stage else { return Ok(false) };
        let Some(unknown) = reader.unknown() else { return Ok(false) };
        let error = unknown.map_err(|source| AppendOnlyError::Snapshot { path: self.file.path.clone(), source })?;
        self.found = Found::End(reader.offset(), Some(error));
        self.end_snapshot();
        Ok(true)
    }

    /// The unfinished command or transaction at the end of the bytes read.
    ///
    /// # Errors
    /// A snapshot that ends early.
    pub(super) fn unfinished(&self) -> Result<Option<Unfinished>, AppendOnlyError> {
        match &self.stage {
            Some(ReadingState::Snapshot(reader)) => match reader.finish() {
                Ok(()) => Ok(None),
                Err(source) => Err(AppendOnlyError::Snapshot { path: self.file.path.clone(), source }),
            },
            Some(ReadingState::Commands(commands)) => Ok(commands.unfinished()),
            Some(ReadingState::Tail(Tail { feed, kind, start, .. })) => {
                Ok(Some(Unfinished { kind: *kind, start: *start, end: feed.end() }))
            }
            Some(ReadingState::Border { .. }) | None => Ok(None),
        }
    }

    /// Whether it was replaced at its path.
    pub(super) fn is_replaced(&mut self, path: &Path) -> io::Result<bool> {
        match self.feed().and_then(|feed| feed.source().plain()) {
            Some(Source::File(file)) => is_replaced(path, file),
            _ => Ok(false),
        }
    }

    pub(super) fn compression(&mut self) -> Option<Compression> {
        self.feed()?.source().compression()
    }

    fn feed(&mut self) -> Option<&mut BufferedReader<DecompressReader<Source>>> {
        Some(match self.stage.as_mut()? {
            ReadingState::Border { feed, .. } => feed,
            ReadingState::Snapshot(reader) => reader.feed(),
            ReadingState::Commands(commands) => &mut commands.feed,
            ReadingState::Tail(tail) => &mut tail.feed,
        })
    }

    // The new stage is tens of kilobytes large: not inlined, to keep it off the stack of the steps.
    #[inline(never)]
    fn begin_snapshot(&mut self) {
        let decoder = match self.options.snapshot {
            // The bytes are delivered as they are; only their end matters.
            SnapshotForm::Bytes => Decoder::new().skip_damaged(),
            SnapshotForm::Items if self.options.lenient => Decoder::new().skip_damaged(),
            SnapshotForm::Items => Decoder::new(),
        };
        if let Some(ReadingState::Border { feed, .. }) = self.stage.take() {
            self.stage = Some(ReadingState::Snapshot(SnapshotReader::of_feed(feed, decoder, &self.options.limits)));
        }
    }

    #[inline(never)]
    fn end_snapshot(&mut self) {
        if let Some(ReadingState::Snapshot(reader)) = self.stage.take() {
            self.stage = Some(ReadingState::Border { feed: reader.into_feed(), behind: true });
        }
    }

    #[inline(never)]
    fn begin_commands(&mut self) {
        let Some(ReadingState::Border { feed, behind }) = self.stage.take() else { return };
        let offset = self.first.unwrap_or(feed.start());
        let mut session = Session::commands(self.options, offset);
        // A file of commands may be a part of a stream.
        if behind || self.file.kind != FileKind::Single {
            session = session.in_database(0);
        }
        let shift = offset.wrapping_sub(feed.start());
        self.stage =
            Some(ReadingState::Commands(Box::new(Commands { feed, session, shift, transaction: None, begun: None })));
    }

    fn broken(&self, error: SessionError) -> AppendOnlyError {
        let path = self.file.path.clone();
        let (shift, valid) = match &self.stage {
            Some(ReadingState::Commands(commands)) => (commands.shift, commands.valid()),
            _ => (0, 0),
        };
        match error {
            SessionError::Protocol { source, .. } => AppendOnlyError::Protocol {
                path,
                kind: source.kind,
                at: source.offset.wrapping_sub(shift),
                offset: source.offset,
                valid,
            },
            other => AppendOnlyError::Io { path, source: io::Error::other(other) },
        }
    }
}

impl Commands {
    fn step(&mut self) -> Result<Step, SessionError> {
        self.feed.drop_pending();
        match self.session.poll(self.feed.unread(), 0) {
            Progress::Event => Ok(Step::Event),
            Progress::Space { at_least } => {
                self.feed.consume(self.session.consumed());
                Ok(Step::Need(at_least))
            }
            Progress::Failed(error) => Err(error),
            // A session over commands can't lose a connection.
            Progress::Reconnect { .. } | Progress::Ended => Ok(Step::Need(1)),
        }
    }

    #[inline]
    fn event<'a>(&'a mut self, file: &'a AppendOnlyFile) -> FileEvent<'a> {
        let used = self.session.consumed();
        self.feed.set_pending(used);
        let end = self.feed.start() + used as u64;
        let time = self.session.timestamp();
        let event = self.session.event(self.feed.unread());
        match &event {
            // A MULTI inside a MULTI opens no transaction.
            Event::Multi(multi) if multi.tx == Some(multi.offset) => {
                self.transaction = Some(end.saturating_sub(multi.raw().len() as u64));
            }
            Event::Exec(_) => self.transaction = None,
            // The count line. Bytes without an event may precede it.
            Event::Part(StreamPart { part: Part::Begin { argc }, .. }) => {
                self.begun = Some(end.saturating_sub(format!("*{argc}\r\n").len() as u64));
            }
            Event::Part(StreamPart { part: Part::End, .. }) => self.begun = None,
            _ => {}
        }
        FileEvent { event, file, end, time }
    }

    fn unfinished(&self) -> Option<Unfinished> {
        let end = self.feed.end();
        let torn = self.begun.or((!self.feed.unread().is_empty()).then_some(self.feed.start()));
        match (self.transaction, torn) {
            (Some(start), _) => Some(Unfinished { kind: UnfinishedKind::Transaction, start, end }),
            (None, Some(start)) => Some(Unfinished { kind: UnfinishedKind::Command, start, end }),
            (None, None) => None,
        }
    }

    /// The number of the byte after the last whole command or transaction.
    fn valid(&self) -> u64 {
        self.transaction.or(self.begun).unwrap_or(self.feed.start())
    }

    /// An unfinished command or transaction was delivered.
    fn is_in_the_middle(&self) -> bool {
        self.transaction.is_some() || self.begun.is_some()
    }

    /// Between two commands: forgets the buffered bytes of the next one.
    #[inline(never)]
    fn begin_anew(&mut self, options: &Options) -> io::Result<()> {
        self.feed.reread(|source, to| source.plain_mut().map_or(Ok(()), |source| source.go_back(to)))?;
        let session = Session::commands(*options, self.feed.start().wrapping_add(self.shift));
        self.session = match self.session.database() {
            Some(db) => session.in_database(db),
            None => session,
        };
        Ok(())
    }
}

impl TailError {
    fn in_file(self, path: &Path) -> AppendOnlyError {
        let path = path.into();
        match self {
            Self::Unknown { expected, found, at } => AppendOnlyError::Unknown { path, expected, found, at },
            Self::Protocol { kind, at, offset, valid } => AppendOnlyError::Protocol { path, kind, at, offset, valid },
        }
    }
}

enum Border {
    Snapshot,
    Commands,
    /// Not known without a byte.
    Nothing,
    Unknown {
        found: Byte,
        after: usize,
        expected: &'static str,
    },
}

fn border(unread: &[u8], behind: bool) -> Border {
    let newlines = unread.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    match unread.get(newlines) {
        None => Border::Nothing,
        Some(b'*' | b'#') => Border::Commands,
        Some(b'R' | b'V') if !behind && newlines == 0 => Border::Snapshot,
        Some(&found) => Border::Unknown {
            found: Byte(found),
            after: newlines,
            expected: if behind {
                "'*' or '#' of commands after the snapshot"
            } else {
                "'*' or '#' of commands, or REDIS or VALKEY of a snapshot"
            },
        },
    }
}
