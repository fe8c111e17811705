//! What lies where in a recording.

use std::io::Read;

use crate::io::recording::{Mark, RecordingFault, passing_by};
use crate::io::{ReadError, RecordingReader};
use crate::replay::error::RecordingError;
use crate::replay::segment::{ByteRange, Piece, Segment};
use crate::replication::{AttachMethod, Attached, Event, SnapshotEnd};

#[derive(Debug)]
pub(super) struct Index {
    pub(super) segments: Vec<Segment>,
    /// Where blocks begin, in their order.
    pub(super) marks: Vec<Mark>,
    /// The recording has no blocks: its first byte is that of a link.
    pub(super) bare: bool,
    pub(super) cut_off: Option<RecordingFault>,
}

/// Reads a recording through.
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
            let place = LinkPosition { link: reader.link_number(), at: reader.link_bytes() };
            found.note(noted, place, reader.link().map(|link| link.asked_ms))?;
        }
    };
    found.end_stream(reader.position().map(|position| position.offset));
    if found.segments.is_empty() {
        return Err(RecordingError::Nothing);
    }
    Ok(Index { segments: found.segments, bare: reader.is_bare(), marks: reader.take_marks(), cut_off })
}

/// An event that says where something begins or ends.
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

/// A number of bytes of a link.
#[derive(Debug, Clone, Copy)]
struct LinkPosition {
    link: usize,
    at: u64,
}

#[derive(Debug, Default)]
struct Found {
    segments: Vec<Segment>,
    /// What comes is not the history before.
    fresh: bool,
    /// A segment whose snapshot is not whole yet, and where that begins.
    begun: Option<(Segment, u64)>,
    /// The last piece of the last segment has no end yet.
    streams: bool,
}

impl Found {
    fn note(&mut self, noted: Noted, place: LinkPosition, asked_ms: Option<u64>) -> Result<(), RecordingError> {
        match noted {
            Noted::Gap => self.fresh = true,
            Noted::LinkEnd { resume } => self.end_stream(resume),
            Noted::SnapshotBegin => {
                if let Some((_, at)) = &mut self.begun {
                    *at = place.at;
                }
            }
            Noted::SnapshotEnd(end) => {
                if let Some((mut segment, at)) = self.begun.take() {
                    segment.snapshot = Some(ByteRange { link: place.link, at, length: end.bytes });
                    segment.db = end.db;
                    self.segments.push(segment);
                    self.stream(place, end.offset);
                }
            }
            Noted::Attached(attached) => self.attached(&attached, place, asked_ms)?,
        }
        Ok(())
    }

    fn attached(
        &mut self,
        attached: &Attached,
        place: LinkPosition,
        asked_ms: Option<u64>,
    ) -> Result<(), RecordingError> {
        let id = match (attached.method, attached.replid) {
            (AttachMethod::Sync, _) => return Err(RecordingError::NoPositions),
            (_, None) => return Err(RecordingError::NoOffset),
            (_, Some(id)) => id,
        };
        let Attached { method, offset, db, .. } = *attached;
        // A snapshot that never came to its end is what the gap before it led to: what comes does not continue what was before both.
        let is_broken = self.begun.take().is_some();
        let fresh = std::mem::take(&mut self.fresh) || is_broken || method == AttachMethod::Filtered;
        let new = Segment::new(id, offset, db, asked_ms);
        if method == AttachMethod::Full {
            self.begun = Some((new, place.at));
            return Ok(());
        }
        match self.segments.last_mut().filter(|last| !fresh && last.start <= offset) {
            Some(segment) => {
                segment.cut(offset);
                segment.rename(id);
            }
            None => self.segments.push(new),
        }
        self.stream(place, offset);
        Ok(())
    }

    /// The stream goes on at this place, after `offset`.
    fn stream(&mut self, LinkPosition { link, at }: LinkPosition, offset: u64) {
        if let Some(segment) = self.segments.last_mut() {
            segment.stream.push(Piece { offset, bytes: ByteRange { link, at, length: u64::MAX } });
            self.streams = true;
        }
    }

    /// It goes no further on this link than `offset`.
    fn end_stream(&mut self, offset: Option<u64>) {
        if let Some(segment) = self.segments.last_mut().filter(|_| std::mem::take(&mut self.streams)) {
            let begins = segment.stream.last().map(|piece| piece.offset);
            segment.cut(offset.or(begins).unwrap_or_default());
        }
    }
}
