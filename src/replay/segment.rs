//! What lies between two gaps of a recording.

use crate::replication::{Position, ReplicationId};

/// One history, from a snapshot or a position on, without a gap.
///
/// ```
/// use redtail::replay::Recording;
///
/// let recording = Recording::parse(
///     b"+FULLRESYNC 26e9aa58837d8095338f33e660463dbdf56c86c9 100\r\n\
///       $18\r\nREDIS0010\xff\0\0\0\0\0\0\0\0*1\r\n$4\r\nPING\r\n",
/// )?;
///
/// for segment in recording.segments() {
///     println!("{} from {} to {}", segment.replid(), segment.start_offset(), segment.end_offset());
///     assert!(segment.has_snapshot());
/// }
/// # Ok::<(), redtail::replay::RecordingError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The ids under which the server knew this history, in their order: a failover gives it another.
    pub(super) ids: Vec<ReplicationId>,
    pub(super) start: u64,
    pub(super) db: Option<u32>,
    pub(super) began_ms: Option<u64>,
    pub(super) snapshot: Option<ByteRange>,
    /// One for each link.
    pub(super) stream: Vec<Piece>,
}

/// Bytes that came on one link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ByteRange {
    pub(super) link: usize,
    /// How many came before them.
    pub(super) at: u64,
    pub(super) length: u64,
}

/// Bytes of the stream, which begin after `offset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) offset: u64,
    pub(super) bytes: ByteRange,
}

/// What no recording has.
static NONE: Segment =
    Segment { ids: Vec::new(), start: 0, db: None, began_ms: None, snapshot: None, stream: Vec::new() };

impl Segment {
    pub(super) fn or_none(segment: Option<&Self>) -> &Self {
        segment.unwrap_or(&NONE)
    }

    pub(super) fn new(id: ReplicationId, start: u64, db: Option<u32>, began_ms: Option<u64>) -> Self {
        Self { ids: vec![id], start, db, began_ms, snapshot: None, stream: Vec::new() }
    }

    /// The replication id at its beginning.
    pub fn replid(&self) -> ReplicationId {
        // All but `NONE` have one.
        self.ids.first().copied().unwrap_or(ReplicationId::ZERO)
    }

    /// The offset of the snapshot, or the one asked for: the first byte of the stream is the one after it.
    pub const fn start_offset(&self) -> u64 {
        self.start
    }

    /// The position in front of the stream's first byte.
    pub fn start_position(&self) -> Position {
        Position::new(self.replid(), self.start, self.db)
    }

    /// The offset of the stream's last byte. What was recorded after it, a command or transaction that is not whole,
    /// is left out: it can be resumed from there.
    pub fn end_offset(&self) -> u64 {
        self.stream.last().map_or(self.start, |piece| piece.offset + piece.bytes.length)
    }

    /// The database selected where the stream begins; `None` where that was not known.
    pub const fn db(&self) -> Option<u32> {
        self.db
    }

    /// When its first link was opened, in milliseconds since 1970, where the recording tells it.
    pub const fn began_ms(&self) -> Option<u64> {
        self.began_ms
    }

    /// Whether the data was recorded, too: a snapshot requested for its data. One requested for its position has no
    /// data.
    pub const fn has_snapshot(&self) -> bool {
        self.snapshot.is_some()
    }

    pub(super) fn knows(&self, id: &[u8]) -> bool {
        self.ids.iter().any(|own| id.eq_ignore_ascii_case(own.as_str().as_bytes()))
    }

    /// The server goes by this id from now on.
    pub(super) fn rename(&mut self, id: ReplicationId) {
        if !self.ids.contains(&id) {
            self.ids.push(id);
        }
    }

    /// What came after `offset` is void: it comes again on the next link, or is not part of this history.
    pub(super) fn cut(&mut self, offset: u64) {
        self.stream.retain_mut(|piece| {
            let left = offset.saturating_sub(piece.offset);
            piece.bytes.length = piece.bytes.length.min(left);
            piece.bytes.length > 0
        });
    }
}
