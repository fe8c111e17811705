//! What a client is sent once it has asked for the stream.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::io::Read;
use std::time::{Duration, Instant};

use crate::replay::client::Client;
use crate::replay::empty_rdb;
use crate::replay::primary::{SegmentOffset, Shared};
use crate::replay::rate_limit::Pace;
use crate::replay::segment::Segment;
use crate::replay::writer::Outlet;

/// What is played.
#[derive(Debug)]
pub(super) enum Part {
    /// A segment: snapshot, then stream. With the line that tells id and offset, or after SYNC without.
    All { segment: usize, told: bool },
    /// The stream after this place, which the follower knows by this id.
    Rest { place: SegmentOffset, id: String },
}

/// Where a follower stands in the recording.
pub(super) enum Found {
    At(SegmentOffset),
    /// Nowhere; what follows from there on begins with this segment.
    Behind(usize),
}

/// The most of the stream handed over at once, where nothing slows it down.
const CHUNK: usize = 64 << 10;

const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

/// Looks for the place after `offset` in the history of this id. The end of a segment is none, unless it is the last one: what came
/// next was a gap.
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

impl Client<'_> {
    pub(super) fn play(&mut self, part: &Part) -> io::Result<()> {
        let mut outlet = Outlet::new(self.stream, self.shared.play.piece);
        outlet.cut_after(self.shared.next_cut());
        match self.play_into(&mut outlet, part) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => self.see_off(),
            other => other,
        }
    }

    fn play_into(&mut self, outlet: &mut Outlet<'_>, part: &Part) -> io::Result<()> {
        let recording = &self.shared.recording;
        let segment = |number: usize| recording.segments().get(number).unwrap_or(recording.first());
        let place = match part {
            Part::Rest { place, id } => {
                let line = if self.takes_new_id { format!("+CONTINUE {id}\r\n") } else { "+CONTINUE\r\n".into() };
                outlet.send(line.as_bytes())?;
                *place
            }
            Part::All { segment: number, told } => {
                let segment = segment(*number);
                let start = segment.start_offset();
                if *told {
                    outlet.send(format!("+FULLRESYNC {} {start}\r\n", segment.replid()).as_bytes())?;
                }
                self.send_snapshot(outlet, segment)?;
                if self.snapshot_only {
                    return Ok(());
                }
                SegmentOffset { segment: *number, offset: start }
            }
        };
        self.send_stream(outlet, segment(place.segment), place)?;
        if place.segment + 1 < recording.segments().len() {
            return outlet.close();
        }
        let left = self.linger(outlet, place.offset);
        self.shared.played();
        left
    }

    fn send_snapshot(&mut self, outlet: &mut Outlet<'_>, segment: &Segment) -> io::Result<()> {
        let recorded = segment.has_snapshot() && !self.filtered;
        let (empty, mut data);
        let (snapshot, length): (&mut dyn Read, u64) = if recorded {
            data = self.shared.recording.snapshot(segment);
            let length = data.left();
            (&mut data, length)
        } else {
            empty = empty_rdb::snapshot(segment);
            (&mut empty.as_slice(), empty.len() as u64)
        };
        if !self.takes_mark {
            outlet.send(format!("${length}\r\n").as_bytes())?;
            return send_all(outlet, snapshot);
        }
        let mark = mark();
        outlet.send(&[b"$EOF:", mark.as_slice(), b"\r\n"].concat())?;
        send_all(outlet, snapshot)?;
        // As with the server, only an acknowledgement from after the mark starts the stream: those that have come are used up.
        while self.hear_acknowledgement(Some(Duration::ZERO))? {}
        outlet.send(&mark)?;
        while !self.snapshot_only && !self.hear_acknowledgement(None)? {}
        Ok(())
    }

    fn send_stream(&mut self, outlet: &mut Outlet<'_>, segment: &Segment, place: SegmentOffset) -> io::Result<()> {
        let mut stream = self.shared.recording.stream_after(segment, place.offset);
        let mut pace = Pace::of(&self.shared.play);
        let (mut space, mut unread) = (vec![0; CHUNK], Vec::new());
        let SegmentOffset { segment, mut offset } = place;
        loop {
            let count = stream.read(&mut space)?;
            unread.extend_from_slice(space.get(..count).unwrap_or_default());
            let mut rest = unread.as_slice();
            while !rest.is_empty() {
                let (length, due) = pace.next(rest, count == 0, stream.received_ms());
                let Some((next, after)) = rest.split_at_checked(length).filter(|_| length > 0) else { break };
                rest = after;
                while let Some(wait) =
                    due.and_then(|due| due.checked_duration_since(Instant::now())).filter(|it| !it.is_zero())
                {
                    self.hear_acknowledgement(Some(wait))?;
                }
                offset += length as u64;
                // Before it is sent: whoever has received it may ask INFO at once.
                self.shared.reached(SegmentOffset { segment, offset });
                outlet.send(next)?;
            }
            unread.drain(..unread.len() - rest.len());
            if count == 0 {
                return Ok(());
            }
        }
    }

    /// Stays with a client that was sent everything, until it leaves. `from` is the offset it has asked for.
    fn linger(&mut self, outlet: &mut Outlet<'_>, from: u64) -> io::Result<()> {
        let recording = &self.shared.recording;
        let (segment, end) = (recording.segments().len() - 1, recording.last().end_offset());
        let mut sent = from.saturating_sub(end);
        let length = PING.len() as u64;
        loop {
            let Some(interval) = self.shared.play.ping else {
                self.hear_acknowledgement(None)?;
                continue;
            };
            let (pings, wait) = self.shared.ping(interval, length);
            while sent < pings {
                let start = usize::try_from(sent % length).unwrap_or_default();
                let rest = PING.get(start..).unwrap_or_default();
                sent += rest.len() as u64;
                self.shared.reached(SegmentOffset { segment, offset: end + sent });
                outlet.send(rest)?;
            }
            self.hear_acknowledgement(Some(wait))?;
        }
    }

    /// Takes what the client still says until it closes too, for a while: see [`Outlet::send`].
    fn see_off(&self) -> io::Result<()> {
        const PATIENCE: Duration = Duration::from_secs(1);
        let mut stream = self.stream;
        stream.set_read_timeout(Some(PATIENCE))?;
        let until = Instant::now() + PATIENCE;
        while stream.read(&mut [0; 4096])? > 0 && Instant::now() < until {}
        Ok(())
    }
}

fn send_all(outlet: &mut Outlet<'_>, from: &mut dyn Read) -> io::Result<()> {
    let mut space = vec![0; CHUNK];
    loop {
        match from.read(&mut space)? {
            0 => return Ok(()),
            count => outlet.send(space.get(..count).unwrap_or_default())?,
        }
    }
}

/// The mark around a snapshot whose length is not told beforehand: 40 digits that differ each time, so that none holds them.
fn mark() -> [u8; 40] {
    let random = RandomState::new();
    let mut mark = [0; 40];
    for (digit, seed) in mark.iter_mut().zip(0_u64..) {
        *digit = b"0123456789abcdef"[(random.hash_one(seed) % 16) as usize];
    }
    mark
}
