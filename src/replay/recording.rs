//! What a primary once sent to a replica, taken apart.

use std::fs::File;
use std::io;
use std::io::Read;
use std::path::Path;
use std::sync::Mutex;

use crate::base::compression::Compression;
use crate::base::error::Byte;
use crate::io::recording::{Blocks, Mark, RecordingFault};
use crate::replay::error::RecordingError;
use crate::replay::index::Index;
use crate::replay::segment::{ByteRange, Piece, Segment};
use crate::replay::source::Source;
use crate::replay::{empty_rdb, index, replies, source};
use crate::replication::ReplicationId;

/// A recording: of a [`Recorder`](crate::io::recording::Recorder), or what a server sent after a replica had asked for
/// a full resynchronisation, from the first byte on.
///
/// It is read through once to learn what is in it. Its bytes stay where they are: of a file as large as you like a few
/// numbers for each MiB and each link are kept.
///
/// ```
/// use redtail::replay::Recording;
///
/// let recording = Recording::parse(
///     b"+FULLRESYNC 26e9aa58837d8095338f33e660463dbdf56c86c9 100\r\n\
///       $18\r\nREDIS0010\xff\0\0\0\0\0\0\0\0*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nPI",
/// )?;
/// let segment = recording.first();
/// assert_eq!((segment.start_offset(), segment.end_offset()), (100, 114));
/// assert!(recording.cut_off().is_some());
/// # Ok::<(), redtail::replay::RecordingError>(())
/// ```
#[derive(Debug)]
pub struct Recording {
    source: Source,
    index: Index,
}

impl Recording {
    /// Opens a file. Its bytes must not change while it is in use, but a recorder may append to it.
    ///
    /// # Errors
    /// [`RecordingError`]. That the end is missing is none: see [`cut_off`](Self::cut_off).
    pub fn open(path: impl AsRef<Path>) -> Result<Self, RecordingError> {
        let file = File::open(path)?;
        if file.metadata()?.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory).into());
        }
        Self::index(Source::File(Mutex::new(file)))
    }

    /// Takes the same from memory.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordingError> {
        Self::index(Source::Memory(bytes.to_vec()))
    }

    /// Makes a recording of these commands, each a list of arguments, for tests: an empty snapshot at offset 0 of
    /// database 0, and the commands after it. The offset after a command is the sum of the lengths so far, each as
    /// RESP encodes it.
    ///
    /// ```
    /// use redtail::replay::{Primary, Recording};
    /// use redtail::{Event, Follower, Start};
    ///
    /// let recording = Recording::of([vec!["SET", "k", "v"], vec!["DEL", "k"]])?;
    /// let primary = Primary::serve(recording)?;
    /// let start = Start::At(primary.recording().first().start_position());
    /// let mut follower = Follower::builder(primary.address().to_string()).start(start).connect()?;
    /// loop {
    ///     if let Some(Event::Command(command)) = follower.next_event()? {
    ///         assert_eq!(command.to_string(), r#"27 [0] "SET" "k" "v""#);
    ///         break;
    ///     }
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`RecordingError::Read`] where a command is longer than [`Limits::DEFAULT`](crate::Limits::DEFAULT) allows.
    pub fn of<C>(commands: impl IntoIterator<Item = C>) -> Result<Self, RecordingError>
    where
        C: IntoIterator,
        C::Item: AsRef<[u8]>,
    {
        let start = Segment::new(ReplicationId::EXAMPLE, 0, Some(0), None);
        let snapshot = empty_rdb::snapshot(&start);
        let mut bytes = format!("+FULLRESYNC {} 0\r\n${}\r\n", start.replid(), snapshot.len()).into_bytes();
        bytes.extend_from_slice(&snapshot);
        for command in commands {
            let args: Vec<C::Item> = command.into_iter().collect();
            bytes.extend_from_slice(format!("*{}\r\n", args.len()).as_bytes());
            args.iter().for_each(|arg| bytes.extend_from_slice(&replies::bulk(arg.as_ref())));
        }
        Self::index(Source::Memory(bytes))
    }

    fn index(source: Source) -> Result<Self, RecordingError> {
        let mut first = [0; LOOK];
        let count = source.from(0).read(&mut first)?;
        if let Some(compression) = Compression::of(first.get(..count).unwrap_or_default()) {
            return Err(RecordingError::Compressed(compression));
        }
        match first.get(..count).and_then(|first| first.iter().find(|byte| !matches!(byte, b'\r' | b'\n'))) {
            None | Some(b'+' | b'-' | b'$' | b'r') => {}
            Some(&other) => return Err(RecordingError::Foreign(Byte(other))),
        }
        let index = index::read(source.from(0))?;
        Ok(Self { source, index })
    }

    /// What lies between the gaps; at least one.
    pub fn segments(&self) -> &[Segment] {
        &self.index.segments
    }

    /// The first of them.
    pub fn first(&self) -> &Segment {
        // `index` refuses a recording without one.
        Segment::or_none(self.segments().first())
    }

    /// The last of them.
    pub fn last(&self) -> &Segment {
        Segment::or_none(self.segments().last())
    }

    /// Where the recording breaks off in the middle of something. What is whole before that is what is played.
    pub fn cut_off(&self) -> Option<&RecordingFault> {
        self.index.cut_off.as_ref()
    }

    /// The recorded snapshot of a segment: an RDB file. Nothing where there is none.
    pub fn snapshot(&self, segment: &Segment) -> SegmentReader<'_> {
        SegmentReader { recording: self, ranges: segment.snapshot.into_iter().collect(), from: None, received_ms: None }
    }

    /// The stream of a segment.
    pub fn stream(&self, segment: &Segment) -> SegmentReader<'_> {
        self.stream_after(segment, segment.start_offset())
    }

    /// The stream of a segment after an offset in it.
    pub fn stream_after(&self, segment: &Segment, offset: u64) -> SegmentReader<'_> {
        let rest = |piece: &Piece| {
            let passed = offset.saturating_sub(piece.offset).min(piece.bytes.length);
            let ByteRange { link, at, length } = piece.bytes;
            ByteRange { link, at: at + passed, length: length - passed }
        };
        // The next one is taken from the end.
        let ranges = segment.stream.iter().rev().map(rest).filter(|range| range.length > 0).collect();
        SegmentReader { recording: self, ranges, from: None, received_ms: None }
    }

    fn open_at(&self, link: usize, at: u64) -> io::Result<Blocks<source::From<'_>>> {
        let gone = || io::Error::new(io::ErrorKind::UnexpectedEof, "the recording was changed while it was in use");
        let marks = &self.index.marks;
        let behind = marks.partition_point(|mark| (mark.link, mark.given) <= (link, at));
        let Mark { given, at: byte, .. } =
            *behind.checked_sub(1).and_then(|index| marks.get(index)).ok_or_else(gone)?;
        if self.index.bare {
            return Ok(Blocks::from_mark(self.source.from(byte + at), true));
        }
        let mut blocks = Blocks::from_mark(self.source.from(byte), false);
        if blocks.skip(at - given)? { Ok(blocks) } else { Err(gone()) }
    }
}

/// Far enough for newlines before an answer.
const LOOK: usize = 4096;

/// Reads bytes of a recording that belong together, from wherever they lie in it.
///
/// ```
/// use std::io::Read;
/// use redtail::replay::Recording;
///
/// let recording = Recording::parse(
///     b"+FULLRESYNC 26e9aa58837d8095338f33e660463dbdf56c86c9 100\r\n\
///       $18\r\nREDIS0010\xff\0\0\0\0\0\0\0\0*1\r\n$4\r\nPING\r\n",
/// )?;
///
/// let mut reader = recording.stream(recording.first());
/// assert_eq!(reader.left(), 14);
/// let mut stream = Vec::new();
/// reader.read_to_end(&mut stream)?;
/// assert_eq!(stream, b"*1\r\n$4\r\nPING\r\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SegmentReader<'a> {
    recording: &'a Recording,
    /// Those to come, the next one last.
    ranges: Vec<ByteRange>,
    from: Option<Blocks<source::From<'a>>>,
    received_ms: Option<u64>,
}

impl SegmentReader<'_> {
    /// When the bytes read last were received, in milliseconds since 1970, where the recording tells it.
    pub fn received_ms(&self) -> Option<u64> {
        self.received_ms
    }

    /// How many bytes are still to come.
    pub fn left(&self) -> u64 {
        self.ranges.iter().map(|range| range.length).sum()
    }
}

impl Read for SegmentReader<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let Some(range) = self.ranges.last_mut() else { return Ok(0) };
        let from = match &mut self.from {
            Some(from) => from,
            closed => closed.insert(self.recording.open_at(range.link, range.at)?),
        };
        let most = usize::try_from(range.length).unwrap_or(usize::MAX).min(space.len());
        let count = from.read(space.get_mut(..most).unwrap_or_default())?;
        if count == 0 && most > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the recording was changed while it was in use"));
        }
        self.received_ms = from.received_ms();
        range.at += count as u64;
        range.length -= count as u64;
        if range.length == 0 {
            self.ranges.pop();
            self.from = None;
        }
        Ok(count)
    }
}
