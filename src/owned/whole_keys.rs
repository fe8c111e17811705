//! The whole keys of a snapshot, from any source of bytes.

use std::io::Read;

use crate::io::{ReadError, SnapshotReader};
use crate::owned::snapshot::Collector;
use crate::owned::whole::Whole;

/// An iterator over the keys of a snapshot, and over its libraries, auxiliary fields and module data, from any
/// [`Read`].
///
/// It ends after the snapshot, and after the first error. A key that exceeds the limit or is damaged is passed over
/// and named ([`Whole::Omitted`]), and the keys after it follow.
///
/// ```
/// use redtail::owned::{Value, Whole, WholeKeys};
///
/// let file: &[u8] = b"REDIS0011\x00\x05hello\x05world\xff\0\0\0\0\0\0\0\0";
/// for whole in WholeKeys::new(file, 1 << 20) {
///     if let Whole::Key(key) = whole? {
///         assert_eq!((&key.name[..], &key.value), (&b"hello"[..], &Value::String(b"world".to_vec())));
///     }
/// }
/// # Ok::<(), redtail::io::ReadError>(())
/// ```
#[derive(Debug)]
pub struct WholeKeys<R: Read> {
    reader: SnapshotReader<R>,
    collector: Collector,
    ended: bool,
}

impl<R: Read> WholeKeys<R> {
    /// The keys of `source`, each of at most `limit` bytes of memory: see [`Collector::new`].
    pub fn new(source: R, limit: usize) -> Self {
        Self::of(SnapshotReader::new(source), limit)
    }

    /// The keys that `reader` has not delivered yet.
    pub fn of(reader: SnapshotReader<R>, limit: usize) -> Self {
        Self { reader, collector: Collector::new(limit), ended: false }
    }

    fn advance(&mut self) -> Result<Option<Whole>, ReadError> {
        while let Some(item) = self.reader.next_item()? {
            if let Some(whole) = self.collector.take(item) {
                return Ok(Some(whole));
            }
        }
        Ok(None)
    }
}

impl<R: Read> Iterator for WholeKeys<R> {
    type Item = Result<Whole, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.advance().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

impl<R: Read> std::iter::FusedIterator for WholeKeys<R> {}
