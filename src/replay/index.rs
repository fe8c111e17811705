//! An index of the segments of a recording.

use std::io::Read;

use crate::io::recording::{Mark, RecordingFault, passing_by};
use crate::io::{ReadError, RecordingReader};
use crate::replay::error::RecordingError;
use crate::replay::segment::{ByteRange, Piece, Segment};
use crate::replication::{AttachMethod, Attached, Event, SnapshotEnd};

#[derive(Debug)]
pub(super) struct Index {
    pub(super) segments: Vec<Segment>,
    /// The starts of blocks, in their order.
    pub(super) marks: Vec<Mark>,
    /// The recording has no blocks: its first byte is that of a connection.
    pub(super) bare: bool,
    pub(super) cut_off: Option<RecordingFault>,
}

/// Reads a recording to its end.
pub(super) fn read(source: impl Read) -> Result<Index, RecordingError> {
    let mut reader = RecordingReader::marking(source, passing_by());
    let mut found = Found::default();
    let cut_off = loop {
        let noted = match reader.next_event() {
            Ok(Some(event)) => Noted::of(&event),
            Ok(None) => break None,
            Err(ReadError::Recording(fault @ RecordingFault::Torn { .. })) => break Some(fault),
            Err(ReadError::Truncated { what, end, .. }) => break Some(RecordingFault::Torn { at: end, what }),
            Err(error) => return Err(RecordingError::Read(error)),
        };
        if let Some(noted) = noted {
            let at = LinkPosition { link: reader.link_number(), at: reader.link_bytes() };
            found.note(noted, at, reader.link().map(|link| link.asked_ms))?;
        }
    };
    found.end_stream(reader.position().map(|position| position.offset));
    if found.segments.is_empty() {
        return Err(RecordingError::Nothing);
    }
    Ok(Index { segments: found.segments, bare: reader.is_bare(), marks: reader.take_marks(), cut_off })
}

/// An event at which a segment begins or ends.
#[derive(Debug, Clone, Copy)]
enum Noted {
    Gap,
    Attached(Attached),
    SnapshotBegin,
    SnapshotEnd(SnapshotEnd),
    LinkEnd { resume: Option<u64> },
}

impl Noted {
    fn of(event: &Event<'_>) -> Option<Self> {
        Some(match event {
            Event::Gap(_) => Self::Gap,
            Event::Attached(attached) => Self::Attached(*attached),
            Event::SnapshotBegin(_) => Self::SnapshotBegin,
            Event::SnapshotEnd(end) => Self::SnapshotEnd(*end),
            Event::Disconnected(lost) => Self::LinkEnd { resume: lost.resume.map(|resume| resume.offset) },
            _ => return None,
        })
    }
}

/// A position in the bytes of a connection.
#[derive(Debug, Clone, Copy)]
struct LinkPosition {
    link: usize,
    at: u64,
}

#[derive(Debug, Default)]
struct Found {
    segments: Vec<Segment>,
    /// The next events do not continue the history before.
    fresh: bool,
    /// A segment with an unfinished snapshot, and the start of that.
    begun: Option<(Segment, u64)>,
    /// The last piece of the last segment has no end yet.
    streams: bool,
}

impl Found {
    fn note(&mut self, noted: Noted, at: LinkPosition, asked_ms: Option<u64>) -> Result<(), RecordingError> {
        match noted {
            Noted::Gap => self.fresh = true,
            Noted::LinkEnd { resume } => self.end_stream(resume),
            Noted::SnapshotBegin => {
                if let Some((_, begin)) = &mut self.begun {
                    *begin = at.at;
                }
            }
            Noted::SnapshotEnd(end) => {
                if let Some((mut segment, begin)) = self.begun.take() {
                    segment.snapshot = Some(ByteRange { link: at.link, at: begin, length: end.bytes });
                    segment.db = end.db;
                    self.segments.push(segment);
                    self.stream(at, end.offset);
                }
            }
            Noted::Attached(attached) => self.attached(&attached, at, asked_ms)?,
        }
        Ok(())
    }

    fn attached(&mut self, attached: &Attached, at: LinkPosition, asked_ms: Option<u64>) -> Result<(), RecordingError> {
        let id = match (attached.method, attached.replid) {
            (AttachMethod::Sync, _) => return Err(RecordingError::NoPositions),
            (_, None) => return Err(RecordingError::NoOffset),
            (_, Some(id)) => id,
        };
        let Attached { method, offset, db, .. } = *attached;
        // An unfinished snapshot follows a gap: the next events do not continue the history before both.
        let is_broken = self.begun.take().is_some();
        let fresh = std::mem::take(&mut self.fresh) || is_broken || method == AttachMethod::Filtered;
        let new = Segment::new(id, offset, db, asked_ms);
        if method == AttachMethod::Full {
            self.begun = Some((new, at.at));
            return Ok(());
        }
        match self.segments.last_mut().filter(|last| !fresh && last.start <= offset) {
            Some(segment) => {
                segment.cut(offset);
                segment.rename(id);
            }
            None => self.segments.push(new),
        }
        self.stream(at, offset);
        Ok(())
    }

    /// The stream continues at this position, after `offset`.
    fn stream(&mut self, LinkPosition { link, at }: LinkPosition, offset: u64) {
        if let Some(segment) = self.segments.last_mut() {
            segment.stream.push(Piece { offset, bytes: ByteRange { link, at, length: u64::MAX } });
            self.streams = true;
        }
    }

    /// The stream of this connection ends at `offset`.
    fn end_stream(&mut self, offset: Option<u64>) {
        if let Some(segment) = self.segments.last_mut().filter(|_| std::mem::take(&mut self.streams)) {
            let begins = segment.stream.last().map(|piece| piece.offset);
            segment.cut(offset.or(begins).unwrap_or_default());
        }
    }
}
