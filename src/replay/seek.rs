//! Finds the part of a recording that a follower asks for.

use crate::replay::segment::Segment;
use crate::replay::shared::{SegmentOffset, Shared};

/// What is played.
#[derive(Debug)]
pub(super) enum Part {
    /// A segment: snapshot, then stream. With the line that tells id and offset, or after SYNC without.
    All { segment: usize, has_line: bool },
    /// The stream after this position, of a history that the follower knows by this id.
    Rest { after: SegmentOffset, id: String },
}

/// The position of a follower in the recording.
pub(super) enum Found {
    At(SegmentOffset),
    /// Not in the recording, which continues after it with this segment.
    Behind(usize),
}

/// Finds the position after `offset` in the history of this id. The end of a segment counts only in the last one:
/// after any other there is a gap.
pub(super) fn find(shared: &Shared, id: &[u8], offset: u64) -> Found {
    let segments = shared.recording.segments();
    let last = segments.len().saturating_sub(1);
    let from_behind = || segments.iter().enumerate().rev().filter(|(_, segment)| segment.knows(id));
    let inside = |segment: &Segment, end: u64| (segment.start_offset()..end).contains(&offset);
    for (number, segment) in from_behind() {
        let end = segment.end_offset();
        let end = if number == last { end + shared.pings() + 1 } else { end };
        if inside(segment, end) {
            return Found::At(SegmentOffset { segment: number, offset });
        }
    }
    let next = from_behind().find(|(_, segment)| segment.start_offset() <= offset).map(|(number, _)| number + 1);
    Found::Behind(next.map_or(0, |next| next.min(last)))
}
