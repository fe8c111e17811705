//! The items of a snapshot from any source of bytes.

use std::io::{Cursor, Read};
use std::ops::ControlFlow;

use crate::base::limits::Limits;
use crate::base::status::Status;
use crate::io::buffered_reader::{BufferedReader, ReadError};
use crate::io::compression::DecompressReader;
use crate::io::template_buffer::TemplateBuffer;
use crate::rdb::{Decoder, Item, Poll, RdbError};

/// Delivers the items of a snapshot, from any [`Read`]: a dump file, the front of an append-only file. See [`Decoder`]
/// for the items.
///
/// ```
/// use redtail::io::SnapshotReader;
/// use redtail::rdb::Item;
///
/// let bytes = b"REDIS0011\xfe\x00\x00\x05hello\x05world\xff\0\0\0\0\0\0\0\0*1\r\n$4\r\nPING\r\n";
/// let mut reader = SnapshotReader::new(bytes.as_slice());
/// while let Some(item) = reader.next_item()? {
///     if let Item::Key(key) = item {
///         assert_eq!(key.name.bytes, b"hello");
///     }
/// }
/// let mut after = String::new();
/// std::io::Read::read_to_string(&mut reader.into_rest(), &mut after)?;
/// assert_eq!(after, "*1\r\n$4\r\nPING\r\n");
/// # Ok::<(), redtail::io::ReadError>(())
/// ```
#[derive(Debug)]
pub struct SnapshotReader<R: Read> {
    feed: BufferedReader<DecompressReader<R>>,
    decoder: Box<Decoder<TemplateBuffer>>,
    /// The result of peeking.
    ahead: Option<Result<Poll, RdbError>>,
    /// As bytes, unknown data is no error: the rest of the source is the rest of the snapshot.
    passes_unknown: bool,
    /// The error of unknown data that was passed.
    unknown: Option<RdbError>,
    /// The last bytes from there on: at the end 255 and the checksum.
    tail: [u8; 9],
}

impl<R: Read> SnapshotReader<R> {
    /// A reader of `source`. It reads ahead, so the source needs no buffer of its own.
    pub fn new(source: R) -> Self {
        Self::with(source, Decoder::new())
    }

    /// With a decoder that skips damaged values or ignores the checksum.
    pub fn with(source: R, decoder: Decoder) -> Self {
        let feed = BufferedReader::new(DecompressReader::new(source)).starting_at(decoder.offset());
        let decoder = Box::new(decoder.with_templates(TemplateBuffer::default()));
        Self { feed, decoder, ahead: None, passes_unknown: false, unknown: None, tail: [0; 9] }
    }

    /// With other limits than [`Limits::DEFAULT`]. Only [`Limits::templates`] has an effect. To be called before the
    /// first item.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        let templates = TemplateBuffer::with_limit(limits.templates);
        Self { decoder: Box::new(self.decoder.with_templates(templates)), ..self }
    }

    /// The next item, borrowed until the next call; `None` after the end of the snapshot.
    ///
    /// # Errors
    /// [`ReadError::Snapshot`] for bytes that are not a snapshot, or end early; and [`ReadError::Io`].
    pub fn next_item(&mut self) -> Result<Option<Item<'_>>, ReadError> {
        loop {
            match self.look()? {
                Look::Found => return Ok(self.found()),
                Look::Over => return Ok(None),
                Look::Need(at_least) => {
                    if !self.feed.fill(at_least)? {
                        self.decoder.finish()?;
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// The next bytes of the snapshot instead of its items, borrowed until the next call; `None` after its end. Their
    /// structure is parsed and their checksum is verified, as for items. After an item, the bytes after it.
    ///
    /// ```
    /// use redtail::io::SnapshotReader;
    ///
    /// let file = b"REDIS0011\xfe\x00\x00\x05hello\x05world\xff\0\0\0\0\0\0\0\0*1\r\n$4\r\nPING\r\n";
    /// let (mut reader, mut snapshot) = (SnapshotReader::new(file.as_slice()), Vec::new());
    /// while let Some(bytes) = reader.next_bytes()? {
    ///     snapshot.extend_from_slice(bytes);
    /// }
    /// assert_eq!(snapshot, &file[..33]);
    /// # Ok::<(), redtail::io::ReadError>(())
    /// ```
    ///
    /// # Errors
    /// As [`next_item`](Self::next_item). The bytes before the error are then not a valid snapshot.
    pub fn next_bytes(&mut self) -> Result<Option<&[u8]>, ReadError> {
        loop {
            match self.look_at_bytes()? {
                Look::Found => return Ok(Some(self.found_bytes())),
                Look::Over => return Ok(None),
                Look::Need(at_least) => {
                    if !self.feed.fill(at_least)? {
                        self.decoder.finish()?;
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Whether no whole item is buffered, so that the next call reads from the source: the moment to flush output.
    pub fn is_drained(&mut self) -> bool {
        let poll = self.poll();
        self.ahead = Some(poll);
        !matches!(poll, Ok(Poll::Complete { .. }))
    }

    /// Bytes of the source consumed so far, those of a peeked item included.
    pub fn offset(&self) -> u64 {
        match self.unknown {
            Some(_) => self.feed.end(),
            None => self.decoder.offset(),
        }
    }

    /// The rest of the source, after the bytes consumed: after the snapshot, once [`next_item`](Self::next_item) has
    /// returned `None`.
    pub fn into_rest(mut self) -> impl Read {
        self.feed.drop_pending();
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
        self.feed.drop_pending();
        self.decoder.poll(self.feed.unread())
    }
}

/// The kind of the first unread bytes.
pub(super) enum Look {
    /// An item or bytes to deliver.
    Found,
    /// The snapshot has ended before them.
    Over,
    /// The number of bytes missing.
    Need(usize),
}

/// The steps of [`SnapshotReader::next_item`], for readers that continue with the same buffer.
impl<R: Read> SnapshotReader<R> {
    pub(super) fn of_feed(feed: BufferedReader<DecompressReader<R>>, decoder: Decoder, limits: &Limits) -> Self {
        let templates = TemplateBuffer::with_limit(limits.templates);
        let decoder = Box::new(decoder.starting_at(feed.start()).with_templates(templates));
        Self { feed, decoder, ahead: None, passes_unknown: true, unknown: None, tail: [0; 9] }
    }

    pub(super) fn look(&mut self) -> Result<Look, RdbError> {
        Ok(match self.poll()? {
            Poll::Complete { used } => {
                self.feed.set_pending(used);
                Look::Found
            }
            Poll::Incomplete { used, needed } => {
                self.feed.consume(used);
                if self.decoder.is_finished() { Look::Over } else { Look::Need(needed) }
            }
        })
    }

    pub(super) fn found(&self) -> Option<Item<'_>> {
        self.decoder.item(self.feed.unread())
    }

    pub(super) fn look_at_bytes(&mut self) -> Result<Look, RdbError> {
        self.feed.drop_pending();
        // A peeked item counts as consumed already.
        let mut used = self.ahead.take().transpose()?.map_or(0, |poll| poll.used());
        if used == 0 {
            if self.unknown.is_some() {
                return Ok(self.look_at_all());
            }
            let mut rest = self.feed.unread();
            let status = match self.decoder.batch(&mut rest, |_| ControlFlow::Continue(())) {
                Err(error) if self.passes_unknown && error.kind.is_unknown(self.decoder.format) => {
                    self.unknown = Some(error);
                    return Ok(self.look_at_all());
                }
                status => status?,
            };
            used = self.feed.unread().len() - rest.len();
            if let (0, Status::Incomplete { needed }) = (used, status) {
                return Ok(if self.decoder.is_finished() { Look::Over } else { Look::Need(needed) });
            }
        }
        self.feed.set_pending(used);
        Ok(Look::Found)
    }

    fn look_at_all(&mut self) -> Look {
        match self.feed.unread().len() {
            0 => Look::Need(1),
            all => {
                for &byte in self.feed.unread().iter().skip(all.saturating_sub(self.tail.len())) {
                    self.tail.rotate_left(1);
                    self.tail[8] = byte;
                }
                self.feed.set_pending(all);
                Look::Found
            }
        }
    }

    /// The error of unknown data that was passed.
    ///
    /// `Err` if the bytes so far do not end as a snapshot does.
    pub(super) fn unknown(&self) -> Option<Result<RdbError, RdbError>> {
        const END: u8 = 255;
        self.unknown.map(|error| if self.tail[0] == END { Ok(error) } else { Err(error) })
    }

    pub(super) fn found_bytes(&self) -> &[u8] {
        self.feed.pending()
    }

    /// The error, if the snapshot has not ended.
    pub(super) fn finish(&self) -> Result<(), RdbError> {
        self.decoder.finish()
    }

    pub(super) fn feed(&mut self) -> &mut BufferedReader<DecompressReader<R>> {
        &mut self.feed
    }

    pub(super) fn into_feed(mut self) -> BufferedReader<DecompressReader<R>> {
        self.feed.drop_pending();
        self.feed
    }
}
