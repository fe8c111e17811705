//! Bytes of a source, buffered, each with its number.

use std::io;
use std::io::Read;

use thiserror::Error;

use crate::base::error::ProtocolError;
use crate::base::limits::{BUFFER_CAPACITY, LAST_OFFSET, Limits, MAX_COMMAND};
use crate::io::receive_buffer::{LINE_END, ReceiveBuffer};
use crate::io::recording::RecordingFault;
use crate::rdb::RdbError;
use crate::replication::SessionError;
use crate::resp::Poll;

/// A source and what was read from it and not yet used. Bounded: the buffer grows only when it is full, up to `limit`.
#[derive(Debug)]
pub(super) struct BufferedReader<R> {
    source: R,
    buffer: ReceiveBuffer,
    limit: usize,
    /// The number of the first unread byte.
    offset: u64,
    /// What the item given last occupies: used up at the next call, because until then it is borrowed.
    pending: usize,
}

impl<R: Read> BufferedReader<R> {
    pub(super) fn new(source: R) -> Self {
        let buffer = ReceiveBuffer::with_capacity(BUFFER_CAPACITY);
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

    /// The number of the byte after those that were read.
    pub(super) fn end(&self) -> u64 {
        self.offset + self.buffer.len() as u64
    }

    /// The number of the byte after the item given last.
    pub(super) fn after_pending(&self) -> u64 {
        self.offset + self.pending.min(self.buffer.len()) as u64
    }

    pub(super) fn set_pending(&mut self, count: usize) {
        self.pending = count;
    }

    /// The bytes that are pending.
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

    /// Reads once, at least a byte; `false` at the end of the source. `at_least` is what the reader waits for.
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
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Polls and reads until an item is there, and lends it: `poll` of the bytes that [`unread`](Self::unread) then gives.
    /// `None` at the end of the source between two items; `what` they are and where one has begun that is given in parts, tells the
    /// error otherwise.
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

    /// Forgets what was read and not used, for `rewind` to put the source back to the first of it.
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

/// The parser refuses what passes its limit once it has seen the end of a line beyond it: so much more must the buffer hold.
fn limit_of(limits: &Limits) -> usize {
    let command = usize::try_from(limits.command.min(MAX_COMMAND)).unwrap_or(usize::MAX);
    command.saturating_add(limits.line).saturating_add(LINE_END)
}

/// Why a reader gives no item. Bytes are counted from the first of the source, or from the number the reader was told to start at.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The source failed, or there was no memory. After a time-out (`WouldBlock`, `TimedOut`) the reader goes on with the next call.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The bytes break the protocol or pass a limit. Final.
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    /// The bytes begin as a recording does, and are not one, or end before it does. Final. Only a
    /// [`RecordingReader`](crate::io::RecordingReader) gives this.
    #[error(transparent)]
    Recording(#[from] RecordingFault),
    /// The source ended within an item.
    #[error(
        "the source ends at byte {end}, within {what} that begins at byte {start}: at least {missing} bytes are missing"
    )]
    Truncated {
        /// Within what it ended.
        what: &'static str,
        /// Where that begins.
        start: u64,
        /// The number of the byte that would have been next.
        end: u64,
        /// The least number of bytes that could complete it.
        missing: usize,
    },
    /// The bytes are not those of a replication link. Final. Only a [`RecordingReader`](crate::io::RecordingReader) gives this.
    #[error(transparent)]
    Session(#[from] Box<SessionError>),
    /// The bytes are no snapshot, or a broken one, or end before it does. Final. Only a
    /// [`SnapshotReader`](crate::io::SnapshotReader) gives this.
    #[error(transparent)]
    Snapshot(#[from] RdbError),
}
