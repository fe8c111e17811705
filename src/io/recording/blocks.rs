//! The blocks of a recording: the bytes of each connection, one after another.

use std::io;
use std::io::{BufRead, BufReader, Read};

use thiserror::Error;

use crate::io::recording::link::Link;
use crate::io::recording::{LONGEST_HEAD, LONGEST_LINE, TITLE, VERSION};

/// Reads the bytes of one connection, then reports the end until [`next_link`](Self::next_link) begins the next one. A
/// source that does not begin like a recording is read as the bytes of one connection, without a head.
///
/// After a timeout of the source, reading can continue.
#[derive(Debug)]
pub(crate) struct Blocks<R> {
    source: BufReader<R>,
    state: State,
    /// Buffered bytes: a line, a head, or the beginning of a file that is not a recording.
    held: Vec<u8>,
    /// The number of the next byte of the source.
    at: u64,
    /// Unread bytes of the present data block.
    left: u64,
    received_ms: Option<u64>,
    next: Option<Link>,
    /// Connections begun.
    links: usize,
    /// Bytes read of the present connection.
    given: u64,
    /// The end of the last whole block.
    whole: u64,
    torn: bool,
    marks: Option<Vec<Mark>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Title,
    Version,
    /// Between two blocks.
    Line,
    Head {
        length: u64,
        now_ms: u64,
    },
    Data,
    Skipped,
    /// Not a recording.
    Bare,
}

/// The start of a data block in a recording, to read from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Its connection, counted from 1.
    pub(crate) link: usize,
    /// The bytes of that connection before it.
    pub(crate) given: u64,
    /// The number of the block's first byte in the file.
    pub(crate) at: u64,
}

/// The least number of bytes between two marks of a connection.
const STRIDE: u64 = 1 << 20;

/// An error in a file that begins like a recording. Bytes are counted from its first.
///
/// ```
/// use redtail::io::recording::RecordingFault;
/// use redtail::io::{ReadError, RecordingReader};
///
/// let error = RecordingReader::new(b"redtail recording 2\n".as_slice()).next_event().unwrap_err();
/// assert!(matches!(error, ReadError::Recording(RecordingFault::Version(version)) if version == "2"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RecordingFault {
    /// It does not begin like one.
    #[error("this is not a recording of redtail: it does not begin with \"redtail recording\"")]
    Foreign,
    /// It was written by a later version.
    #[error("this is a recording of version {0}, and this version of redtail reads version 1: use a newer redtail")]
    Version(String),
    /// A block was expected, and there is none.
    #[error("at byte {at} of the recording a block should begin, and none does: the file was damaged or changed")]
    NoBlock {
        /// The number of the byte.
        at: u64,
    },
    /// The head of a connection can't be read.
    #[error(
        "the link that begins at byte {at} of the recording has no {field} that can be read: the file was damaged or changed"
    )]
    Link {
        /// The number of the byte.
        at: u64,
        /// The field.
        field: &'static str,
    },
    /// It can't be continued.
    #[error("this was recorded with the old SYNC: its stream has no positions, so it can't be continued")]
    NoPosition,
    /// The file ends in the middle of something.
    #[error(
        "the recording ends at byte {at} in the middle of {what}: it was cut off there, or is still being written; all before that is \
         whole"
    )]
    Torn {
        /// The number of the byte that would have been next.
        at: u64,
        /// The incomplete item.
        what: &'static str,
    },
}

impl From<RecordingFault> for io::Error {
    fn from(fault: RecordingFault) -> Self {
        Self::new(io::ErrorKind::InvalidData, fault)
    }
}

impl<R: Read> Blocks<R> {
    /// A source that may be a recording.
    pub(crate) fn new(source: R) -> Self {
        Self::beginning(source, State::Title, 0)
    }

    /// A source that is not a recording.
    pub(crate) fn bare(source: R) -> Self {
        Self::beginning(source, State::Bare, 0)
    }

    /// A source that begins with a data block, or inside of the bytes of a connection if `bare`.
    pub(crate) fn from_mark(source: R, bare: bool) -> Self {
        Self { links: 1, ..Self::beginning(source, if bare { State::Bare } else { State::Line }, 0) }
    }

    fn beginning(source: R, state: State, at: u64) -> Self {
        Self {
            source: BufReader::with_capacity(BUFFER, source),
            state,
            held: Vec::new(),
            at,
            left: 0,
            received_ms: None,
            next: None,
            links: 0,
            given: 0,
            whole: 0,
            torn: false,
            marks: None,
        }
    }

    /// Notes the starts of blocks from now on.
    pub(crate) fn with_marks(mut self) -> Self {
        self.marks = Some(Vec::new());
        self
    }

    pub(crate) fn take_marks(&mut self) -> Vec<Mark> {
        self.marks.take().unwrap_or_default()
    }

    /// Whether the source is not a recording.
    pub(crate) fn is_bare(&self) -> bool {
        self.state == State::Bare
    }

    /// The next connection, after the end of the one before.
    pub(crate) fn next_link(&mut self) -> Option<Link> {
        let link = self.next.take()?;
        self.links += 1;
        self.given = 0;
        Some(link)
    }

    /// The number of the connection, counted from 1; 0 before the first.
    pub(crate) const fn links(&self) -> usize {
        self.links
    }

    /// The time at which the bytes read last were received.
    pub(crate) const fn received_ms(&self) -> Option<u64> {
        self.received_ms
    }

    /// The end of the last whole block, in bytes of the source.
    pub(crate) const fn whole(&self) -> u64 {
        self.whole
    }

    /// The number of bytes read from the source.
    pub(crate) const fn at(&self) -> u64 {
        self.at
    }

    /// Whether the source ended in the middle of a block.
    pub(crate) const fn is_torn(&self) -> bool {
        self.torn
    }

    /// Skips this number of bytes of the connection; `false` if it has fewer.
    pub(crate) fn skip(&mut self, mut count: u64) -> io::Result<bool> {
        let mut space = [0; 4096];
        while count > 0 {
            let most = usize::try_from(count).unwrap_or(usize::MAX).min(space.len());
            match self.read(space.get_mut(..most).unwrap_or_default())? {
                0 => return Ok(false),
                read => count -= read as u64,
            }
        }
        Ok(true)
    }

    /// Buffers bytes of the source until `enough` accepts them, at most `limit` bytes; `false` if the source ends
    /// before.
    fn hold(&mut self, limit: usize, enough: impl Fn(&[u8]) -> bool) -> io::Result<bool> {
        while !enough(&self.held) {
            if self.held.len() >= limit {
                return Err(self.no_block());
            }
            // Byte by byte, since the bytes after it must not be buffered.
            let Some(&byte) = self.source.fill_buf()?.first() else {
                self.torn = !self.held.is_empty() || !matches!(self.state, State::Line | State::Title);
                return Ok(false);
            };
            self.source.consume(1);
            self.at += 1;
            self.held.push(byte);
        }
        Ok(true)
    }

    fn no_block(&self) -> io::Error {
        RecordingFault::NoBlock { at: self.at - self.held.len() as u64 }.into()
    }

    /// One step towards bytes of data; `false` at the end of the connection or of the source.
    fn step(&mut self) -> io::Result<bool> {
        match self.state {
            State::Title => {
                let held = self.hold(TITLE.len(), |held| !TITLE.starts_with(held) || held.len() == TITLE.len())?;
                if !held || self.held != TITLE {
                    self.state = State::Bare;
                    self.torn = false;
                    self.mark(0);
                    return Ok(!self.held.is_empty());
                }
                self.held.clear();
                self.state = State::Version;
            }
            State::Version => {
                if !self.hold(LONGEST_LINE, is_line)? {
                    return Ok(false);
                }
                if self.held != VERSION {
                    let version = String::from_utf8_lossy(&self.held).trim_end().escape_default().to_string();
                    return Err(RecordingFault::Version(version).into());
                }
                self.between();
            }
            State::Line => {
                if !self.hold(LONGEST_LINE, is_line)? {
                    return Ok(false);
                }
                let begins = self.at - self.held.len() as u64;
                let (kind, length, now_ms) = block(&self.held).ok_or_else(|| self.no_block())?;
                match kind {
                    b"link" if length <= LONGEST_HEAD => self.state = State::Head { length, now_ms },
                    b"data" if self.links > 0 => {
                        self.mark(begins);
                        self.received_ms = Some(now_ms);
                        self.state = State::Data;
                    }
                    b"link" | b"data" => return Err(self.no_block()),
                    _ => self.state = State::Skipped,
                }
                self.left = length;
                self.held.clear();
            }
            State::Head { length, now_ms } => {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                if !self.hold(usize::MAX, |held| held.len() == length)? {
                    return Ok(false);
                }
                let link = Link::read(&self.held, now_ms);
                let at = self.whole;
                self.next = Some(link.map_err(|field| RecordingFault::Link { at, field })?);
                self.between();
                return Ok(false);
            }
            State::Skipped => {
                let skipped = io::copy(&mut self.source.by_ref().take(self.left), &mut io::sink())?;
                self.at += skipped;
                self.left -= skipped;
                if self.left > 0 {
                    self.torn = true;
                    return Ok(false);
                }
                self.between();
            }
            State::Data | State::Bare => {}
        }
        Ok(true)
    }

    /// A block is whole.
    fn between(&mut self) {
        self.held.clear();
        self.whole = self.at;
        self.state = State::Line;
    }

    fn mark(&mut self, at: u64) {
        let Some(marks) = &mut self.marks else { return };
        let mark = Mark { link: self.links, given: self.given, at };
        if marks.last().is_none_or(|last| last.link != mark.link || mark.given - last.given >= STRIDE) {
            marks.push(mark);
        }
    }

    fn read_data(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(space.len());
        let count = self.source.read(space.get_mut(..most).unwrap_or_default())?;
        self.at += count as u64;
        self.given += count as u64;
        self.left -= count as u64;
        self.torn = count == 0 && most > 0;
        Ok(count)
    }

    fn read_bare(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let count = if self.held.is_empty() {
            let count = self.source.read(space)?;
            self.at += count as u64;
            count
        } else {
            let count = self.held.as_slice().read(space)?;
            self.held.drain(..count);
            count
        };
        self.given += count as u64;
        Ok(count)
    }
}

impl<R: Read> Read for Blocks<R> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        while self.next.is_none() && !space.is_empty() {
            match self.state {
                State::Bare => return self.read_bare(space),
                State::Data if self.left > 0 => return self.read_data(space),
                State::Data => self.between(),
                _ => {
                    if !self.step()? {
                        break;
                    }
                }
            }
        }
        Ok(0)
    }
}

/// Kind, length and time in the line of a block.
fn block(line: &[u8]) -> Option<(&[u8], u64, u64)> {
    let mut words = line.strip_suffix(b"\n")?.split(|byte| *byte == b' ');
    let (kind, length, now_ms) = (words.next()?, words.next()?, words.next()?);
    let named = !kind.is_empty() && kind.iter().all(u8::is_ascii_lowercase) && words.next().is_none();
    named.then_some((kind, number(length)?, number(now_ms)?))
}

fn number(text: &[u8]) -> Option<u64> {
    let digits = text.iter().all(u8::is_ascii_digit).then_some(text)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn is_line(held: &[u8]) -> bool {
    held.ends_with(b"\n")
}

const BUFFER: usize = 64 << 10;
