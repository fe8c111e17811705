#![no_main]
//! Recordings: the same events however they are read, an end for each, and what is played is what was told.
//!
//! Byte 0: the length of the pieces they are read in; 0: as large as they come. The rest is the file.
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

/// Events, and how they ended. Where the pieces of a snapshot end has no meaning.
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
            // How much is missing is a guess that more bytes make better.
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
