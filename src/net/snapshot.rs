//! The items of a snapshot from any source of bytes.

use std::io::{Cursor, Read};

use crate::net::ReadError;
use crate::net::feed::Feed;
use crate::rdb::{Decoder, Item, Poll, RdbError};

/// Gives what stands in a snapshot, from any [`Read`]: a dump file, the front of an append-only file. See [`Decoder`] for what that is.
///
/// ```
/// use redtail::net::SnapshotReader;
/// use redtail::rdb::Item;
///
/// let bytes = b"REDIS0011\xfe\x00\x00\x05hello\x05world\xff\0\0\0\0\0\0\0\0*1\r\n$4\r\nPING\r\n";
/// let mut reader = SnapshotReader::new(bytes.as_slice());
/// while let Some(item) = reader.next()? {
///     if let Item::Key(key) = item {
///         assert_eq!(key.name.bytes, b"hello");
///     }
/// }
/// let mut behind = String::new();
/// std::io::Read::read_to_string(&mut reader.into_rest(), &mut behind)?;
/// assert_eq!(behind, "*1\r\n$4\r\nPING\r\n");
/// # Ok::<(), redtail::net::ReadError>(())
/// ```
#[derive(Debug)]
pub struct SnapshotReader<R> {
    feed: Feed<R>,
    decoder: Box<Decoder>,
    /// What a look ahead has found.
    ahead: Option<Result<Poll, RdbError>>,
}

impl<R: Read> SnapshotReader<R> {
    /// A reader of `source`. It reads ahead, so the source needs no buffer of its own.
    pub fn new(source: R) -> Self {
        Self::with(source, Decoder::new())
    }

    /// With a decoder that was told what to do about what is unknown or broken.
    pub fn with(source: R, decoder: Decoder) -> Self {
        let feed = Feed::new(source).starting_at(decoder.offset());
        Self { feed, decoder: Box::new(decoder), ahead: None }
    }

    /// The next item, borrowed until the next call; `None` behind the end of the snapshot.
    ///
    /// # Errors
    /// [`ReadError::Snapshot`] for bytes that are no snapshot, and for a source that ends before the snapshot does, and
    /// [`ReadError::Io`].
    #[allow(clippy::should_implement_trait, reason = "the items are borrowed, which Iterator has no words for")]
    pub fn next(&mut self) -> Result<Option<Item<'_>>, ReadError> {
        loop {
            match self.poll()? {
                Poll::Complete { used } => {
                    self.feed.lend(used);
                    return Ok(self.decoder.item(self.feed.unread()));
                }
                Poll::Incomplete { used, needed } => {
                    self.feed.consume(used);
                    if self.decoder.is_over() {
                        return Ok(None);
                    }
                    if !self.feed.fill(needed)? {
                        self.decoder.finish()?;
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Whether nothing whole is left in the buffer, so that the next item has to be read from the source: the moment to flush what was
    /// written so far.
    pub fn is_drained(&mut self) -> bool {
        let poll = self.poll();
        self.ahead = Some(poll);
        !matches!(poll, Ok(Poll::Complete { .. }))
    }

    /// Bytes of the source that are used up, those of an item that was looked ahead at included.
    pub fn offset(&self) -> u64 {
        self.decoder.offset()
    }

    /// What follows in the source behind what is used up: behind the snapshot, once [`next`](Self::next) has given `None`.
    pub fn into_rest(mut self) -> impl Read {
        self.feed.take_back();
        if let Some(Ok(poll)) = self.ahead {
            self.feed.consume(poll.used());
        }
        let unread = self.feed.unread().to_vec();
        Cursor::new(unread).chain(self.feed.into_source())
    }

    fn poll(&mut self) -> Result<Poll, RdbError> {
        if let Some(poll) = self.ahead.take() {
            return poll;
        }
        self.feed.take_back();
        self.decoder.poll(self.feed.unread())
    }
}
