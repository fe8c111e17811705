//! The compressed bytes: buffered and counted.

use std::io::{self, BufRead, Read};

use crate::base::limits::BUFFER_CAPACITY;
use crate::io::receive_buffer::ReceiveBuffer;

/// A source of compressed bytes. It remembers the end and the errors of the source, which decompressors hide in errors
/// of their own.
pub(super) struct Input<R> {
    source: R,
    buffer: ReceiveBuffer,
    used: u64,
    /// A read has reached the end of the source.
    pub(super) ended: bool,
    pub(super) failure: Option<io::Error>,
}

impl<R: Read> Input<R> {
    /// `head`: bytes that were read from the source already.
    pub(super) fn new(source: R, head: &[u8]) -> Self {
        let mut buffer = ReceiveBuffer::with_capacity(BUFFER_CAPACITY.max(head.len()));
        buffer.space().iter_mut().zip(head).for_each(|(space, byte)| *space = *byte);
        buffer.filled(head.len());
        Self { source, buffer, used: 0, ended: false, failure: None }
    }

    /// The number of bytes used.
    pub(super) fn used(&self) -> u64 {
        self.used
    }

    /// The number of bytes read from the source.
    pub(super) fn end(&self) -> u64 {
        self.used + self.buffer.len() as u64
    }

    /// The next `count` bytes, which stay unread: fewer only at the end of the source.
    pub(super) fn peek(&mut self, count: usize) -> io::Result<&[u8]> {
        while self.buffer.len() < count && self.read_once()? {}
        let unread = self.buffer.readable();
        Ok(unread.get(..count).unwrap_or(unread))
    }

    fn read_once(&mut self) -> io::Result<bool> {
        self.buffer.make_room(1, self.buffer.capacity()).map_err(io::Error::other)?;
        loop {
            match self.source.read(self.buffer.space()) {
                Ok(count) => {
                    self.buffer.filled(count);
                    self.ended |= count == 0;
                    return Ok(count > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let kind = error.kind();
                    self.failure = Some(error);
                    return Err(kind.into());
                }
            }
        }
    }
}

impl<R: Read> BufRead for Input<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.buffer.is_empty() {
            self.read_once()?;
        }
        Ok(self.buffer.readable())
    }

    fn consume(&mut self, count: usize) {
        self.used += count.min(self.buffer.len()) as u64;
        self.buffer.consume(count);
    }
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(space)?;
        self.consume(count);
        Ok(count)
    }
}
