#![no_main]
//! Compressed files: the same bytes and the same error for any reading, and bounded memory.
//!
//! Byte 0: the length of the pieces; 0: as large as possible. The rest is the file.
#![allow(clippy::unwrap_used, reason = "a panic is how a fuzz target fails")]

use std::io::{self, Read};

use libfuzzer_sys::fuzz_target;
use redtail::Compression;
use redtail::io::{CompressionError, DecompressReader};

/// A small file may contain any number of bytes.
const MOST: u64 = 1 << 20;

fuzz_target!(|data: &[u8]| {
    let [piece, bytes @ ..] = data else { return };
    let (whole, end) = read(bytes, 1 << 16);
    match (Compression::of(bytes), &end) {
        (None, end) => assert!(end.is_none() && whole == bytes[..bytes.len().min(MOST as usize)]),
        (Some(compression), Some(error)) => {
            assert_eq!(error.compression, compression);
            assert!(error.offset <= bytes.len() as u64);
            assert_eq!(error.delivered, whole.len() as u64);
            assert!(!error.to_string().contains('\n'));
        }
        (Some(_), None) => {}
    }
    if *piece > 0 {
        let pieces = read(Pieces { bytes, length: usize::from(*piece) }, usize::from(*piece));
        // A reader with less space receives what was decompressed before the error in more calls.
        let (shorter, longer) = if whole.len() < pieces.0.len() { (&whole, &pieces.0) } else { (&pieces.0, &whole) };
        assert!(longer.starts_with(shorter));
        let kinds = [&pieces.1, &end].map(|error| error.as_ref().map(|error| (error.offset, error.kind.clone())));
        assert_eq!(kinds[0], kinds[1]);
        assert!(end.is_some() || pieces.0 == whole);
    }
});

fn read(source: impl Read, space: usize) -> (Vec<u8>, Option<CompressionError>) {
    let (mut reader, mut bytes, mut space) = (DecompressReader::new(source), Vec::new(), vec![0; space]);
    while (bytes.len() as u64) < MOST {
        match reader.read(&mut space) {
            Ok(0) => return (bytes, None),
            Ok(count) => bytes.extend_from_slice(&space[..count]),
            Err(error) => {
                let error: CompressionError = error.downcast().unwrap();
                let again: CompressionError = reader.read(&mut space).unwrap_err().downcast().unwrap();
                assert_eq!(again, error);
                return (bytes, Some(error));
            }
        }
    }
    bytes.truncate(MOST as usize);
    (bytes, None)
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
