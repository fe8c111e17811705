//! A buffered source that counts its bytes.

use std::io;
use std::io::Read;

use thiserror::Error;

use crate::base::error::ProtocolError;
use crate::base::limits::{BUFFER_CAPACITY, LAST_OFFSET, Limits, MAX_COMMAND};
use crate::io::compression::CompressionError;
use crate::io::receive_buffer::{LINE_END, ReceiveBuffer, SMALL};
use crate::io::recording::RecordingFault;
use crate::rdb::RdbError;
use crate::replication::SessionError;
use crate::resp::Poll;

/// A source, and the bytes that were read from it and not consumed. The buffer grows only when it is full, up to
/// `limit`.
#[derive(Debug)]
pub(super) struct BufferedReader<R> {
    source: R,
    buffer: ReceiveBuffer,
    limit: usize,
    /// The number of the first unread byte.
    offset: u64,
    /// Bytes of the last item. They are consumed at the next call, because the item borrows them.
    pending: usize,
}

impl<R: Read> BufferedReader<R> {
    pub(super) fn new(source: R) -> Self {
        let buffer = ReceiveBuffer::with_capacity(SMALL).growing_to(BUFFER_CAPACITY);
        Self { source, buffer, limit: limit_of(&Limits::DEFAULT), offset: 0, pending: 0 }
    }

    pub(super) fn with_limits(self, limits: &Limits) -> Self {
        Self { limit: limit_of(limits), ..self }
    }

    pub(super) fn starting_at(self, offset: u64) -> Self {
        Self { offset: offset.min(LAST_OFFSET), ..self }
    }

    pub(super) fn unread(&self) -> &[u8] {
        self.buffer.readable()
    }

    /// The number of the first unread byte.
    pub(super) fn start(&self) -> u64 {
        self.offset
    }

    /// The number of the byte after the last that was read.
    pub(super) fn end(&self) -> u64 {
        self.offset + self.buffer.len() as u64
    }

    /// The number of the byte after the last item.
    pub(super) fn after_pending(&self) -> u64 {
        self.offset + self.pending.min(self.buffer.len()) as u64
    }

    pub(super) fn set_pending(&mut self, count: usize) {
        self.pending = count;
    }

    /// The bytes of the last item.
    pub(super) fn pending(&self) -> &[u8] {
        self.unread().get(..self.pending).unwrap_or_default()
    }

    pub(super) fn drop_pending(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        self.consume(pending);
    }

    pub(super) fn consume(&mut self, count: usize) {
        self.offset += count.min(self.buffer.len()) as u64;
        self.buffer.consume(count);
    }

    /// Reads once, at least a byte; `false` at the end of the source. `at_least` is how many bytes the parser waits
    /// for.
    pub(super) fn fill(&mut self, at_least: usize) -> Result<bool, ReadError> {
        self.buffer.shrink(BUFFER_CAPACITY);
        let room = self.buffer.make_room(at_least, self.limit);
        room.map_err(|full| io::Error::new(io::ErrorKind::OutOfMemory, full))?;
        loop {
            match self.source.read(self.buffer.space()) {
                Ok(count) => {
                    self.buffer.filled(count);
                    return Ok(count > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(of_source(error)),
            }
        }
    }

    /// Polls and reads until an item is complete, and returns its length: it is at the front of
    /// [`unread`](Self::unread). `None` at the end of the source between two items. Otherwise the error names `what`
    /// the items are, and where the item has begun: at `begun` if it is delivered in parts.
    pub(super) fn find(
        &mut self,
        what: &'static str,
        begun: Option<u64>,
        mut poll: impl FnMut(&[u8]) -> Result<Poll, ProtocolError>,
    ) -> Result<Option<usize>, ReadError> {
        self.drop_pending();
        loop {
            let found = poll(self.unread())?;
            match found {
                Poll::Complete { length, .. } => {
                    self.set_pending(found.used());
                    return Ok(Some(length));
                }
                Poll::Incomplete { skipped, needed } => {
                    self.consume(skipped);
                    if self.fill(needed)? {
                        continue;
                    }
                    if self.unread().is_empty() && begun.is_none() {
                        return Ok(None);
                    }
                    let start = begun.unwrap_or(self.offset);
                    return Err(ReadError::Truncated { what, start, end: self.end(), missing: needed });
                }
            }
        }
    }

    pub(super) fn source(&self) -> &R {
        &self.source
    }

    /// Drops the unread bytes. `rewind` sets the source back to the first of them.
    pub(super) fn reread(&mut self, rewind: impl FnOnce(&mut R, u64) -> io::Result<()>) -> io::Result<()> {
        self.buffer.consume(self.buffer.len());
        rewind(&mut self.source, self.offset)
    }

    pub(super) fn source_mut(&mut self) -> &mut R {
        &mut self.source
    }

    pub(super) fn into_source(self) -> R {
        self.source
    }
}

/// Tells an error of decompressing from those of the system.
fn of_source(error: io::Error) -> ReadError {
    match error.downcast() {
        Ok(compression) => ReadError::Compression(compression),
        Err(error) => ReadError::Io(error),
    }
}

/// A parser refuses a command that passes its limit once it has read the end of the line after it. The buffer must have
/// room for both.
fn limit_of(limits: &Limits) -> usize {
    let command = usize::try_from(limits.command.min(MAX_COMMAND)).unwrap_or(usize::MAX);
    command.saturating_add(limits.line).saturating_add(LINE_END)
}

/// Why a reader returns no item. Bytes are counted from the first of the source, or from the number set with
/// `starting_at`.
///
/// ```
/// use redtail::io::{CommandReader, ReadError};
///
/// let mut reader = CommandReader::aof(b"*1\r\n$4\r\nPI".as_slice());
/// let error = reader.next_command().unwrap_err();
/// assert!(matches!(error, ReadError::Truncated { start: 0, end: 10, .. }));
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The source failed, or there was no memory. After a timeout (`WouldBlock`, `TimedOut`) the next call continues.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The bytes break the protocol or pass a limit. Final.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The bytes begin as a recording does, and are not one, or end before it does. Final. Only a
    /// [`RecordingReader`](crate::io::RecordingReader) returns this.
    #[error(transparent)]
    Recording(#[from] RecordingFault),
    /// The source is compressed and can't be decompressed. Final.
    #[error(transparent)]
    Compression(#[from] CompressionError),
    /// The source ended within an item.
    #[error(
        "the source ends at byte {end}, within {what} that begins at byte {start}: at least {missing} bytes are missing"
    )]
    Truncated {
        /// The kind of item.
        what: &'static str,
        /// The number of its first byte.
        start: u64,
        /// The number of the byte after the last of the source.
        end: u64,
        /// The least number of bytes that can complete the item.
        missing: usize,
    },
    /// The bytes are not those of a replication connection. Final. Only a
    /// [`RecordingReader`](crate::io::RecordingReader) returns this.
    #[error(transparent)]
    Session(#[from] Box<SessionError>),
    /// The bytes are no snapshot, or a broken one, or end before it does. Final. Only a
    /// [`SnapshotReader`](crate::io::SnapshotReader) returns this.
    #[error(transparent)]
    Snapshot(#[from] RdbError),
}
