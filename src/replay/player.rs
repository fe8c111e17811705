//! Plays a recording to a client that has requested the stream.

use std::io;
use std::io::Read;
use std::time::{Duration, Instant};

use crate::io::random;
use crate::replay::client::Client;
use crate::replay::empty_rdb;
use crate::replay::playback::Cut;
use crate::replay::rate_limit::Pace;
use crate::replay::seek::Part;
use crate::replay::segment::Segment;
use crate::replay::shared::SegmentOffset;
use crate::replay::writer::Writer;

/// The largest number of bytes of the stream sent at once, without a rate limit.
const CHUNK: usize = 64 << 10;

const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";

impl Client<'_> {
    pub(super) fn play(&mut self, part: &Part) -> io::Result<()> {
        let mut writer = Writer::new(self.stream, self.shared.playback.piece);
        let cut = self.shared.next_cut();
        if let Some(Cut::AnswerBytes(bytes)) = cut {
            writer.cut_after(bytes);
        }
        match self.play_into(&mut writer, part, cut) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => self.see_off(),
            other => other,
        }
    }

    fn play_into(&mut self, writer: &mut Writer<'_>, part: &Part, cut: Option<Cut>) -> io::Result<()> {
        let recording = &self.shared.recording;
        let segment = |number: usize| recording.segments().get(number).unwrap_or(recording.first());
        let after = match part {
            Part::Rest { after, id } => {
                let line = if self.takes_new_id { format!("+CONTINUE {id}\r\n") } else { "+CONTINUE\r\n".into() };
                writer.send(line.as_bytes())?;
                *after
            }
            Part::All { segment: number, has_line } => {
                let segment = segment(*number);
                let start = segment.start_offset();
                if *has_line {
                    writer.send(format!("+FULLRESYNC {} {start}\r\n", segment.replid()).as_bytes())?;
                }
                self.send_snapshot(writer, segment)?;
                if self.snapshot_only {
                    return Ok(());
                }
                SegmentOffset { segment: *number, offset: start }
            }
        };
        if let Some(Cut::Offset(offset)) = cut {
            writer.cut_after(offset.saturating_sub(after.offset));
        }
        self.send_stream(writer, segment(after.segment), after)?;
        if after.segment + 1 < recording.segments().len() {
            return writer.close();
        }
        let left = self.linger(writer, after.offset);
        self.shared.played();
        left
    }

    fn send_snapshot(&mut self, writer: &mut Writer<'_>, segment: &Segment) -> io::Result<()> {
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
            writer.send(format!("${length}\r\n").as_bytes())?;
            return send_all(writer, snapshot);
        }
        let mark = mark();
        writer.send(&[b"$EOF:", mark.as_slice(), b"\r\n"].concat())?;
        send_all(writer, snapshot)?;
        // As with a server, only an acknowledgement after the mark starts the stream: earlier ones are discarded.
        while self.hear_acknowledgement(Some(Duration::ZERO))? {}
        writer.send(&mark)?;
        while !self.snapshot_only && !self.hear_acknowledgement(None)? {}
        Ok(())
    }

    fn send_stream(&mut self, writer: &mut Writer<'_>, segment: &Segment, after: SegmentOffset) -> io::Result<()> {
        let mut stream = self.shared.recording.stream_after(segment, after.offset);
        let mut pace = Pace::of(&self.shared.playback);
        let (mut space, mut unread) = (vec![0; CHUNK], Vec::new());
        let SegmentOffset { segment, mut offset } = after;
        loop {
            let count = stream.read(&mut space)?;
            unread.extend_from_slice(space.get(..count).unwrap_or_default());
            let mut rest = unread.as_slice();
            while !rest.is_empty() {
                let (length, due) = pace.next(rest, count == 0, stream.received_ms());
                let Some((next, behind)) = rest.split_at_checked(length).filter(|_| length > 0) else { break };
                rest = behind;
                while let Some(wait) =
                    due.and_then(|due| due.checked_duration_since(Instant::now())).filter(|it| !it.is_zero())
                {
                    self.hear_acknowledgement(Some(wait))?;
                }
                offset += length as u64;
                // Before it is sent: its receiver may send INFO at once.
                self.shared.advance(SegmentOffset { segment, offset });
                writer.send(next)?;
            }
            unread.drain(..unread.len() - rest.len());
            if count == 0 {
                return Ok(());
            }
        }
    }

    /// Serves a client that was sent everything, until it disconnects. `from` is the offset it requested.
    fn linger(&mut self, writer: &mut Writer<'_>, from: u64) -> io::Result<()> {
        let recording = &self.shared.recording;
        let (segment, end) = (recording.segments().len() - 1, recording.last().end_offset());
        let mut sent = from.saturating_sub(end);
        let length = PING.len() as u64;
        loop {
            let Some(interval) = self.shared.playback.ping else {
                self.hear_acknowledgement(None)?;
                continue;
            };
            let (pings, wait) = self.shared.ping(interval, length);
            while sent < pings {
                let start = usize::try_from(sent % length).unwrap_or_default();
                let rest = PING.get(start..).unwrap_or_default();
                sent += rest.len() as u64;
                self.shared.advance(SegmentOffset { segment, offset: end + sent });
                writer.send(rest)?;
            }
            self.hear_acknowledgement(Some(wait))?;
        }
    }

    /// Reads until the client closes, too, for a limited time: see [`Writer::send`].
    fn see_off(&self) -> io::Result<()> {
        const PATIENCE: Duration = Duration::from_secs(1);
        let mut stream = self.stream;
        stream.set_read_timeout(Some(PATIENCE))?;
        let until = Instant::now() + PATIENCE;
        while stream.read(&mut [0; 4096])? > 0 && Instant::now() < until {}
        Ok(())
    }
}

fn send_all(writer: &mut Writer<'_>, from: &mut dyn Read) -> io::Result<()> {
    let mut space = vec![0; CHUNK];
    loop {
        match from.read(&mut space)? {
            0 => return Ok(()),
            count => writer.send(space.get(..count).unwrap_or_default())?,
        }
    }
}

/// The mark around a snapshot whose length is not announced: 40 random digits, so that no value holds them.
fn mark() -> [u8; 40] {
    let mut mark = [0; 40];
    for digit in &mut mark {
        *digit = b"0123456789abcdef"[(random() % 16) as usize];
    }
    mark
}
