#![no_main]
//! Recordings: the same events for any reading, one end each, and a replay equal to the delivered events.
//!
//! Byte 0: the length of the pieces; 0: as large as possible. The rest is the file.
#![allow(clippy::unwrap_used, reason = "a panic is how a fuzz target fails")]

use std::io::{self, Read};

use libfuzzer_sys::fuzz_target;
use redtail::Options;
use redtail::io::ReadError;
use redtail::io::RecordingReader;
use redtail::owned::OwnedEvent;
use redtail::replay::Recording;

fuzz_target!(|data: &[u8]| {
    let [piece, bytes @ ..] = data else { return };
    let whole = read(bytes);
    if *piece > 0 {
        let pieces = read(Pieces { bytes, length: usize::from(*piece) });
        assert!(pieces == whole, "{pieces:?} in pieces, {whole:?} at once");
    }
    let Ok(recording) = Recording::parse(bytes) else { return };
    assert!(!recording.segments().is_empty());
    for segment in recording.segments() {
        let (start, end) = (segment.start_offset(), segment.end_offset());
        let stream = all(recording.stream(segment));
        assert_eq!(stream.len() as u64, end - start);
        let middle = start + (end - start) * u64::from(*piece) / 256;
        assert_eq!(all(recording.stream_after(segment, middle)), stream[(middle - start) as usize..]);
        assert_eq!(recording.snapshot(segment).left(), all(recording.snapshot(segment)).len() as u64);
    }
});

/// Events, and their end. The ends of a snapshot's pieces have no meaning.
fn read(source: impl Read) -> (Vec<String>, String) {
    let mut options = Options::default();
    (options.control, options.parts) = (true, Some(1024));
    let mut reader = RecordingReader::with(source, options, None);
    let (mut events, mut snapshot) = (Vec::new(), 0);
    loop {
        match reader.next_event() {
            Ok(Some(event)) => match event.to_owned_event() {
                OwnedEvent::SnapshotBytes(bytes) => snapshot += bytes.len(),
                OwnedEvent::Part(_) => {}
                event => events.push(format!("{snapshot} {event:?}")),
            },
            Ok(None) => return (events, "the end".into()),
            // The missing count is an estimate that more bytes improve.
            Err(ReadError::Truncated { end, .. }) => return (events, format!("cut off at {end}")),
            Err(error) => return (events, error.to_string()),
        }
    }
}

struct Pieces<'a> {
    bytes: &'a [u8],
    length: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let most = space.len().min(self.length);
        self.bytes.read(&mut space[..most])
    }
}

fn all(mut from: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).unwrap();
    bytes
}
