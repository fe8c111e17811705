//! The buffer between a source of bytes and a parser.

use std::fmt;

use thiserror::Error;

/// A buffer that is filled at its end and read at its front, both as one slice.
///
/// The storage is linear. When its end is reached, the unread bytes, and only those, move to the front; that happens
/// only when at least as many bytes were consumed since the last move, so no byte is moved more than once on average.
/// Storage grows only with bytes that were received, never with a declared length.
///
/// ```
/// # use redtail::io::ReceiveBuffer;
/// let mut buffer = ReceiveBuffer::with_capacity(1024);
/// buffer.make_room(1, 1024)?;
/// buffer.space()[..5].copy_from_slice(b"hello");
/// buffer.filled(5);
/// buffer.consume(2);
/// assert_eq!(buffer.readable(), b"llo");
/// # Ok::<(), redtail::io::BufferFull>(())
/// ```
pub struct ReceiveBuffer {
    storage: Vec<u8>,
    start: usize,
    end: usize,
    moved: u64,
    /// The storage grows to this size at once when a read fills it.
    base: usize,
}

/// The storage that suffices for a source from which little arrives.
pub(super) const SMALL: usize = 16 << 10;

/// With less space at the end of the storage, and where a move is cheap, a read is not worth its system call.
const SHORT_TAIL: usize = 16 << 10;

/// CR LF, and the type byte before a line.
pub(super) const LINE_END: usize = 3;

/// Beyond this size storage grows in steps of it. `Vec` doubles what it reserves, but only the step that is about to be
/// filled is touched.
const GROWTH_STEP: usize = 1 << 20;

impl ReceiveBuffer {
    /// A buffer with `capacity` bytes of storage.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { storage: vec![0; capacity], start: 0, end: 0, moved: 0, base: capacity }
    }

    /// The same, where a lack of memory is an error.
    ///
    /// # Errors
    /// [`BufferFull::Memory`].
    pub fn try_with_capacity(capacity: usize) -> Result<Self, BufferFull> {
        let mut storage = Vec::new();
        storage.try_reserve_exact(capacity).map_err(|_| BufferFull::Memory { wanted: capacity })?;
        storage.resize(capacity, 0);
        Ok(Self { storage, start: 0, end: 0, moved: 0, base: capacity })
    }

    /// Grows to `base` bytes as soon as a read fills the storage: more bytes wait then.
    pub(super) fn growing_to(self, base: usize) -> Self {
        Self { base, ..self }
    }

    /// The bytes filled in and not yet consumed. Borrowed until the next change.
    #[inline]
    pub fn readable(&self) -> &[u8] {
        self.storage.get(self.start..self.end).unwrap_or_else(nothing)
    }

    /// The free space after the readable bytes; report with [`filled`](Self::filled) how many bytes were written to it.
    /// It may be empty before [`make_room`](Self::make_room).
    pub fn space(&mut self) -> &mut [u8] {
        self.storage.get_mut(self.end..).unwrap_or_default()
    }

    /// Makes the first `count` bytes of [`space`](Self::space) readable; at most all of it.
    pub fn filled(&mut self, count: usize) {
        self.end += count.min(self.storage.len() - self.end);
    }

    /// Drops the first `count` readable bytes; at most all of them.
    pub fn consume(&mut self, count: usize) {
        self.start += count.min(self.len());
    }

    /// How many bytes are readable.
    pub const fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether nothing is readable.
    pub const fn is_empty(&self) -> bool {
        self.end == self.start
    }

    /// The size of the storage in bytes.
    pub const fn capacity(&self) -> usize {
        self.storage.len()
    }

    /// How many bytes were moved to the front in all. Bytes that the allocator copies when the storage grows are not
    /// counted.
    pub const fn moved(&self) -> u64 {
        self.moved
    }

    /// Makes [`space`](Self::space) not empty. `at_least` is how many bytes the reader waits for: a hint when to move,
    /// and never a reason to grow. `limit` is the most storage allowed, in bytes.
    ///
    /// # Errors
    /// [`BufferFull`] if `limit` bytes are unread, or if there is no memory. The bytes stay readable.
    pub fn make_room(&mut self, at_least: usize, limit: usize) -> Result<(), BufferFull> {
        // Without memory for that, smaller steps may do.
        let base = self.base.min(limit);
        if self.end == self.storage.len() && self.storage.len() < base && self.replace(base).is_ok() {
            return Ok(());
        }
        if self.is_empty() {
            self.start = 0;
            self.end = 0;
        }
        let tail = self.storage.len() - self.end;
        let short = SHORT_TAIL.min(self.storage.len() / 16);
        // At least as many bytes were consumed as are to be moved.
        let cheap = self.start > 0 && self.len() <= self.start;
        if tail < at_least.max(short) && cheap {
            self.move_to_front();
        } else if tail == 0 {
            if self.storage.len() < limit {
                self.grow(limit)?;
            } else if self.start > 0 {
                self.move_to_front();
            } else {
                return Err(BufferFull::Limit { limit });
            }
        }
        Ok(())
    }

    /// Shrinks the storage to `base` bytes, once at most half of that is unread. Storage of up to four times `base`
    /// stays, so that a stream of commands a little longer than `base` does not allocate for each of them. A call that
    /// changes nothing is cheap.
    pub fn shrink(&mut self, base: usize) {
        if self.storage.len() / 4 <= base || self.len() > base / 2 {
            return;
        }
        self.move_to_front();
        self.storage.truncate(base);
        self.storage.shrink_to_fit();
    }

    /// Frees storage beyond [`SMALL`], if nothing is unread. It [grows](Self::growing_to) again.
    pub(super) fn rest(&mut self) {
        let small = self.base.min(SMALL);
        if self.is_empty() && self.storage.len() > small {
            // Without memory for another one, the storage stays as it is.
            let _ = self.replace(small);
        }
    }

    /// Moves the unread bytes to the front of another storage, which is large enough.
    fn replace(&mut self, capacity: usize) -> Result<(), BufferFull> {
        let (mut new, unread) = (Self::try_with_capacity(capacity)?, self.readable());
        if let Some(front) = new.storage.get_mut(..unread.len()) {
            front.copy_from_slice(unread);
        }
        *self = Self { end: unread.len(), moved: self.moved, base: self.base, ..new };
        Ok(())
    }

    fn move_to_front(&mut self) {
        self.storage.copy_within(self.start..self.end, 0);
        self.moved += self.len() as u64;
        self.end -= self.start;
        self.start = 0;
    }

    fn grow(&mut self, limit: usize) -> Result<(), BufferFull> {
        let length = self.storage.len();
        let step = length.clamp(1, GROWTH_STEP).min(limit - length);
        if length + step > self.storage.capacity() {
            let doubled = length.saturating_mul(2).clamp(length + step, limit);
            self.storage.try_reserve_exact(doubled - length).map_err(|_| BufferFull::Memory { wanted: doubled })?;
        }
        self.storage.resize(length + step, 0);
        Ok(())
    }
}

/// Cold, so that the compiler expects bytes: it would compute both results otherwise, for each event twice.
#[cold]
fn nothing<'a>() -> &'a [u8] {
    &[]
}

impl fmt::Debug for ReceiveBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiveBuffer").field("unread", &self.len()).field("capacity", &self.capacity()).finish()
    }
}

/// A buffer has no room left and may not grow.
///
/// ```
/// use redtail::io::BufferFull;
///
/// let full = BufferFull::Limit { limit: 1024 };
/// assert_eq!(
///     full.to_string(),
///     "the buffer is full: 1024 bytes are unread, and it may not grow; raise the limit for commands (Limits::command)"
/// );
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BufferFull {
    /// The buffer is full of unread bytes, and may not grow.
    #[error(
        "the buffer is full: {limit} bytes are unread, and it may not grow; raise the limit for commands (Limits::command)"
    )]
    Limit {
        /// The limit in bytes.
        limit: usize,
    },
    /// The system has no memory left.
    #[error("no memory for a buffer of {wanted} bytes: raise the limit of the process (ulimit -v, cgroup)")]
    Memory {
        /// The size asked for in bytes.
        wanted: usize,
    },
}
