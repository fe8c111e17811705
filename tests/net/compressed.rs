//! Compressed files: whole, cut, damaged, hostile, and without the feature that decompresses them.

use std::io::{self, Read};

use redtail::Compression;
use redtail::io::{CompressionError, CompressionErrorKind, DecompressReader, ReadError, SnapshotReader};
use redtail::rdb::{Decoder, Poll, RdbErrorKind};

/// Made by `tests/data/compressed/make`, each of the same snapshot.
const GZIP: &[u8] = include_bytes!("../data/compressed/dump.rdb.gz");
const LZ4: &[u8] = include_bytes!("../data/compressed/dump.rdb.lz4");
const XZ: &[u8] = include_bytes!("../data/compressed/dump.rdb.xz");
const ZSTD: &[u8] = include_bytes!("../data/compressed/dump.rdb.zst");

fn vcs(codec: u8, frame: &[u8]) -> Vec<u8> {
    [&[b'V', b'C', b'S', 1, codec, 0, 1], frame].concat()
}

fn files() -> Vec<(Compression, Vec<u8>)> {
    vec![
        (Compression::Gzip, GZIP.to_vec()),
        (Compression::Lz4, LZ4.to_vec()),
        (Compression::Xz, XZ.to_vec()),
        (Compression::Zstd, ZSTD.to_vec()),
        (Compression::VcsLz4, vcs(1, LZ4)),
        (Compression::VcsZstd, vcs(2, ZSTD)),
    ]
}

/// The decompressed bytes before the end or the error.
fn read(source: impl Read) -> (Vec<u8>, Result<(), io::Error>) {
    let mut bytes = Vec::new();
    let end = DecompressReader::new(source).read_to_end(&mut bytes).map(drop);
    (bytes, end)
}

fn error_of(source: impl Read) -> CompressionError {
    let (bytes, end) = read(source);
    let error: CompressionError = end.unwrap_err().downcast().unwrap();
    assert_eq!(error.delivered, bytes.len() as u64, "{error}");
    assert!(!error.to_string().contains('\n'), "{error}");
    error
}

#[test]
fn compressed_files_are_recognized() {
    for (compression, file) in files() {
        assert_eq!(Compression::of(&file), Some(compression));
        // By the decoder of bytes, too, however they arrive.
        for length in 1..=7 {
            let mut decoder = Decoder::new();
            match decoder.poll(&file[..length]) {
                Ok(Poll::Incomplete { used: 0, needed: 1.. }) => assert!(length < 7),
                Err(error) => {
                    assert_eq!((error.kind, error.offset), (RdbErrorKind::Compressed(compression), 0));
                    let command = compression.command().unwrap();
                    let expected =
                        format!("the snapshot is compressed ({compression}; `{command}` decompresses it), at byte 0");
                    assert_eq!(error.to_string(), expected);
                }
                other => panic!("{compression} {length} {other:?}"),
            }
        }
    }
    let unknown = *b"VCS\x01\x03\x00\x01the codec of a later version";
    assert_eq!(Compression::of(&unknown), Some(Compression::VcsUnknown));
    let error = error_of(unknown.as_slice());
    assert_eq!(error.kind, CompressionErrorKind::UnknownEnvelope(*b"VCS\x01\x03\x00\x01"));
    assert_eq!(
        error.to_string(),
        "unknown VCS envelope: expected 56 43 53 01, codec 01 or 02, 00 and content 01, found 56 43 53 01 03 00 01; a \
         later version of redtail may read it"
    );
}

#[test]
fn a_plain_source_passes_through_unchanged() {
    for plain in [
        &b""[..],
        b"V",
        b"VC",
        b"VCS",
        b"VCS\x01\x01\x00",
        b"VALKEY081",
        b"\x1f\x8b",
        b"\xfd7zXZ",
        b"*1\r\n$4\r\nPING\r\n",
    ] {
        for piece in 1..=8 {
            let (bytes, end) = read(Pieces { bytes: plain, piece, error: None });
            assert!(end.is_ok() && bytes == plain, "{plain:?} {piece}");
            let mut reader = DecompressReader::new(plain);
            let one_by_one: Vec<u8> = std::iter::from_fn(|| {
                let mut one = [0];
                (reader.read(&mut []).unwrap() == 0 && reader.read(&mut one).unwrap() == 1).then_some(one[0])
            })
            .collect();
            assert_eq!(one_by_one, plain);
        }
    }
}

/// At most `piece` bytes at once; at the end an error.
struct Pieces<'a> {
    bytes: &'a [u8],
    piece: usize,
    error: Option<io::ErrorKind>,
}

impl Read for Pieces<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        match self.error {
            Some(kind) if self.bytes.is_empty() => Err(kind.into()),
            _ => (&mut self.bytes).take(self.piece as u64).read(space),
        }
    }
}

#[test]
fn a_timeout_before_the_first_bytes_have_decided_loses_nothing() {
    let mut source = Pieces { bytes: b"V", piece: 1, error: Some(io::ErrorKind::TimedOut) };
    let mut reader = DecompressReader::new(&mut source);
    let mut space = [0; 16];
    assert_eq!(reader.read(&mut space).unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert_eq!(reader.read(&mut space).unwrap_err().kind(), io::ErrorKind::TimedOut);
    assert_eq!(reader.compression(), None);
}

#[cfg(not(feature = "compression"))]
#[test]
fn without_the_feature_a_compressed_file_is_named_with_a_remedy() {
    for (compression, file) in files() {
        let error = error_of(file.as_slice());
        assert_eq!((error.compression, &error.kind), (compression, &CompressionErrorKind::NotBuilt));
        let words = format!(
            "the file is compressed ({compression}), and this build has no feature compression: `{}` decompresses it",
            compression.command().unwrap()
        );
        assert_eq!(error.to_string(), words);
        let read = SnapshotReader::new(file.as_slice()).next_item().unwrap_err();
        assert!(matches!(&read, ReadError::Compression(other) if *other == error), "{read}");
        let mut files = redtail::io::AppendOnly::of(io::Cursor::new(file), "dump.rdb", None, Default::default());
        let read = files.next_event().unwrap_err();
        assert!(
            matches!(&read, redtail::io::AppendOnlyError::Compression { source, .. } if *source == error),
            "{read}"
        );
        assert_eq!(read.to_string(), format!("{words}, in dump.rdb"));
    }
}

#[cfg(feature = "compression")]
mod decompressed {
    use std::io::Write;
    use std::path::Path;

    use redtail::io::{AppendOnly, FileKind, MAX_WINDOW};
    use redtail::{Event, SnapshotForm};

    use super::*;
    use crate::folder::Folder;

    /// The snapshot before its compression.
    fn dump() -> Vec<u8> {
        let mut dump = include_bytes!("../data/valkey-9.1.2.rdb").to_vec();
        let checksum = dump.len() - 8;
        dump[checksum..].fill(0);
        dump
    }

    #[test]
    fn compressed_files_are_their_contents() {
        for (compression, file) in files() {
            for piece in [1, 2, 7, 64, 100_000] {
                let (bytes, end) = read(Pieces { bytes: &file, piece, error: None });
                assert!(end.is_ok() && bytes == dump(), "{compression} {piece} {end:?}");
            }
            let mut reader = DecompressReader::new(file.as_slice());
            for expected in dump() {
                let mut one = [0];
                assert_eq!(reader.read(&mut []).unwrap(), 0);
                assert_eq!((reader.read(&mut one).unwrap(), one[0]), (1, expected));
            }
            assert_eq!(reader.read(&mut [0]).unwrap(), 0);
            assert_eq!(reader.compression(), Some(compression));
        }
    }

    #[test]
    fn every_reader_of_snapshots_decompresses() {
        let plain = dump();
        for (compression, file) in files() {
            let mut bytes = Vec::new();
            let mut reader = SnapshotReader::new(file.as_slice());
            while let Some(piece) = reader.next_bytes().unwrap() {
                bytes.extend_from_slice(piece);
            }
            assert!(bytes == plain && reader.offset() == plain.len() as u64, "{compression}");
            let mut items = [SnapshotReader::new(file.as_slice()), SnapshotReader::new(plain.as_slice())];
            loop {
                let [one, other] = items.each_mut().map(|reader| format!("{:?}", reader.next_item().unwrap()));
                assert_eq!(one, other);
                if one == "None" {
                    break;
                }
            }
            let folder = Folder::new("compressed");
            let path = folder.write("dump.rdb", &file);
            let options = options! { snapshot: SnapshotForm::Bytes };
            let mut files = AppendOnly::with(path, options).unwrap();
            let mut bytes = Vec::new();
            while let Some(event) = files.next_event().unwrap() {
                match event.event {
                    Event::SnapshotBytes(piece) => bytes.extend_from_slice(piece),
                    Event::SnapshotEnd(end) => assert_eq!((end.bytes, event.end), (3044, 3044)),
                    _ => {}
                }
            }
            assert!(bytes == plain && files.unfinished().is_none(), "{compression}");
        }
    }

    #[test]
    fn a_base_may_be_compressed() {
        for (compression, file) in files() {
            let folder = Folder::new("base");
            folder.write("a.1.base.rdb", &file);
            folder.write("a.1.incr.aof", "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n");
            folder.write("a.manifest", "file a.1.base.rdb seq 1 type b\nfile a.1.incr.aof seq 1 type i\n");
            let mut files = AppendOnly::open(&folder.0).unwrap();
            let mut seen = Vec::new();
            while let Some(event) = files.next_event().unwrap() {
                match (event.file.kind, event.event) {
                    (FileKind::Base, Event::SnapshotEnd(end)) => seen.push(format!("end {}", end.bytes)),
                    (FileKind::Increment, Event::Command(command)) => seen.push(command.to_string()),
                    (FileKind::Base, Event::SnapshotBegin(_) | Event::SnapshotBytes(_)) => {}
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(seen, ["end 3044", "27 [0] \"SET\" \"k\" \"v\""], "{compression}");
            // A base that is cut off ends the reading with its name, both offsets, and before its snapshot ends.
            folder.write("a.1.base.rdb", &file[..file.len() - 1]);
            let mut files = AppendOnly::open(&folder.0).unwrap();
            let error = loop {
                match files.next_event() {
                    Ok(event) => assert!(!matches!(event.unwrap().event, Event::SnapshotEnd(_))),
                    Err(error) => break error.to_string(),
                }
            };
            let expected = format!("the compressed data ({compression}) is cut off at byte {}, after ", file.len() - 1);
            assert!(error.starts_with(&expected), "{error}");
            assert!(error.ends_with(" decompressed bytes, in ") || error.ends_with("a.1.base.rdb"), "{error}");
        }
    }

    #[test]
    fn compressed_commands_are_read_behind_and_without_a_snapshot() {
        let commands = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n";
        for (snapshot, offset) in [(dump(), 3071), (Vec::new(), 27)] {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gzip.write_all(&snapshot).unwrap();
            gzip.write_all(commands).unwrap();
            let folder = Folder::new("commands");
            let path = folder.write("appendonly.aof", gzip.finish().unwrap());
            let mut files = AppendOnly::open(path).unwrap();
            let mut last = None;
            while let Some(event) = files.next_event().unwrap() {
                last = Some(event.end);
            }
            assert_eq!(last, Some(offset));
        }
    }

    #[test]
    fn a_file_cut_at_any_byte_is_named_with_its_length() {
        for (compression, file) in files() {
            let envelope = matches!(compression, Compression::VcsLz4 | Compression::VcsZstd);
            let magic = if envelope { 7 } else { (1..8).find(|&n| Compression::of(&file[..n]).is_some()).unwrap() };
            for length in magic..file.len() {
                // All of the head and the end, and a part of the middle.
                if length % 11 > 0 && (64..file.len() - 64).contains(&length) {
                    continue;
                }
                for piece in [1, 100_000] {
                    let error = error_of(Pieces { bytes: &file[..length], piece, error: None });
                    assert_eq!(error.kind, CompressionErrorKind::Truncated, "{compression} {length}: {error}");
                    assert_eq!(error.offset, length as u64, "{compression}");
                }
                let mut reader = SnapshotReader::new(&file[..length]);
                let error = loop {
                    match reader.next_bytes() {
                        Ok(bytes) => assert!(bytes.is_some(), "{compression} {length}"),
                        Err(error) => break error,
                    }
                };
                assert!(matches!(error, ReadError::Compression(_)), "{error}");
                assert_eq!(reader.next_bytes().unwrap_err().to_string(), error.to_string());
            }
        }
    }

    #[test]
    fn no_damage_goes_unnoticed() {
        let plain = dump();
        for (compression, file) in files() {
            for at in 0..file.len() {
                let mut file = file.clone();
                file[at] ^= 1 << (at % 8);
                let (bytes, end) = read(file.as_slice());
                // Some bytes mean nothing (the time in the head of gzip), and without its magic a file is plain.
                if end.is_ok() && bytes != plain {
                    assert!(bytes == file && at < 7, "{compression} {at}");
                }
            }
        }
    }

    #[test]
    fn the_end_of_a_snapshot_is_delivered_after_its_checksum() {
        // The last bytes are the checksum of LZ4 and zstd, and checksums lie before them in the others.
        for ((compression, mut file), from_the_end) in files().into_iter().zip([8, 4, 48, 4, 4, 4]) {
            let at = file.len() - from_the_end;
            file[at] ^= 1;
            let error = error_of(file.as_slice());
            assert!(matches!(error.kind, CompressionErrorKind::Corrupt(_)), "{error}");
            assert!(error.delivered < 3044, "{error}");
            assert!(error.offset > at as u64 && error.offset <= file.len() as u64, "{error}");
            let mut reader = SnapshotReader::new(file.as_slice());
            let error =
                std::iter::from_fn(|| reader.next_item().map(|item| item.map(drop)).transpose()).find_map(Result::err);
            assert!(matches!(error, Some(ReadError::Compression(_))), "{compression} {error:?}");
        }
    }

    #[test]
    fn members_follow_one_another() {
        let twice = [dump(), dump()].concat();
        let skippable = b"\x5e\x2a\x4d\x18\x05\0\0\0hello";
        let between: [&[&[u8]]; 4] = [&[b"", &[0; 512]], &[b"", skippable], &[b"", &[0; 4]], &[b"", skippable]];
        for ((compression, file), between) in files().into_iter().zip(between) {
            for between in between {
                for end in [&b""[..], between] {
                    let file = [&file, *between, &file, end].concat();
                    let (bytes, end) = read(Pieces { bytes: &file, piece: 10, error: None });
                    assert!(end.is_ok() && bytes == twice, "{compression} {end:?}");
                }
            }
            let error = error_of([&file[..], b"garbage"].concat().as_slice());
            assert_eq!(error.offset, file.len() as u64);
            let expected = CompressionErrorKind::Corrupt("expected a frame or the end, found bytes 67 61 72 62".into());
            assert_eq!(error.kind, expected);
            let error = error_of([&file[..], &file[..2]].concat().as_slice());
            assert_eq!((error.kind, error.offset), (CompressionErrorKind::Truncated, file.len() as u64 + 2));
        }
        // As Valkey does.
        for file in [vcs(1, LZ4), vcs(2, ZSTD)] {
            let (bytes, end) = read([&file[..], b"garbage"].concat().as_slice());
            assert!(end.is_ok() && bytes == dump());
        }
    }

    #[test]
    fn large_data_passes_through_bounded_buffers() {
        let mut seed = 1_u64;
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 58) as u8
        };
        let words: Vec<[u8; 40]> = (0..64).map(|_| std::array::from_fn(|_| random())).collect();
        let data: Vec<u8> = (0..100_000).flat_map(|_| words[usize::from(random())]).collect();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&data).unwrap();
        let zstd = ruzstd::encoding::compress_to_vec(data.as_slice(), ruzstd::encoding::CompressionLevel::Fastest);
        let mut files = vec![gzip.finish().unwrap(), vcs(2, &zstd)];
        for mode in [lz4_flex::frame::BlockMode::Linked, lz4_flex::frame::BlockMode::Independent] {
            let info = lz4_flex::frame::FrameInfo::new().block_mode(mode).block_checksums(true).content_checksum(true);
            let mut lz4 = lz4_flex::frame::FrameEncoder::with_frame_info(info, Vec::new());
            lz4.write_all(&data).unwrap();
            files.push(lz4.finish().unwrap());
        }
        for file in files {
            assert!(file.len() < data.len() / 2, "{}", file.len());
            let (bytes, end) = read(file.as_slice());
            assert!(end.is_ok() && bytes == data, "{end:?}");
            let error = error_of(&file[..file.len() / 2]);
            assert_eq!((error.kind, error.offset), (CompressionErrorKind::Truncated, file.len() as u64 / 2));
        }
    }

    #[test]
    fn a_declared_window_beyond_the_limit_is_refused() {
        // A frame header without content size: the window descriptor is its last byte.
        let zstd = |window: u8| [&b"\x28\xb5\x2f\xfd\0"[..], &[window], &[0; 64]].concat();
        let error = error_of(zstd(0xff).as_slice());
        assert!(matches!(error.kind, CompressionErrorKind::Corrupt(_) | CompressionErrorKind::Window), "{error}");
        assert_eq!(error_of(zstd(0x89).as_slice()).kind, CompressionErrorKind::Window);
        assert_ne!(error_of(zstd(0x88).as_slice()).kind, CompressionErrorKind::Window);
        assert_eq!(MAX_WINDOW, 1 << (10 + (0x88 >> 3)));
        assert_eq!(
            error_of(zstd(0x90).as_slice()).to_string(),
            "the compressed data (zstd) needs a window of more than 134217728 bytes, before byte 6; `zstd -dc FILE` \
             decompresses it"
        );
        // The head of a block: size, flags, the filter LZMA2 with one byte that codes the size of the dictionary.
        let xz = |dictionary: u8| {
            let head = [2, 0, 0x21, 1, dictionary, 0, 0, 0];
            [&XZ[..12], &head, &crc32(&head).to_le_bytes(), &[0; 64]].concat()
        };
        assert_eq!(error_of(xz(40).as_slice()).kind, CompressionErrorKind::Window);
        assert_eq!(error_of(xz(31).as_slice()).kind, CompressionErrorKind::Window);
        assert_ne!(error_of(xz(30).as_slice()).kind, CompressionErrorKind::Window);
    }

    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
        })
    }

    #[test]
    fn a_source_that_fails_is_named_and_not_read_on() {
        for (compression, file) in files() {
            // Nothing is read after the frame of an envelope.
            let is_envelope = matches!(compression, Compression::VcsLz4 | Compression::VcsZstd);
            for length in [7, 100, file.len() - usize::from(is_envelope)] {
                let source = Pieces { bytes: &file[..length], piece: 50, error: Some(io::ErrorKind::TimedOut) };
                let mut reader = DecompressReader::new(source);
                let mut space = [0; 100_000];
                let error = loop {
                    match reader.read(&mut space) {
                        Ok(count) => assert!(count > 0),
                        Err(error) => break error,
                    }
                };
                assert_eq!(error.kind(), io::ErrorKind::TimedOut);
                assert!(error.get_ref().is_none(), "{error}");
                let again: CompressionError = reader.read(&mut space).unwrap_err().downcast().unwrap();
                assert_eq!(again.kind, CompressionErrorKind::Source(io::ErrorKind::TimedOut));
                assert!(again.to_string().contains("can't be continued: timed out"), "{again}");
            }
        }
    }

    /// Made by hand: see its `about.json`.
    #[test]
    fn envelopes_of_the_corpus_are_read() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus-new/handmade-rdb/valkey-81");
        let Ok(lz4) = std::fs::read(folder.join("compressed-lz4.rdb.vcs")) else {
            println!("no files at {}", folder.display());
            return;
        };
        let zstd = std::fs::read(folder.join("compressed-zstd.rdb.vcs")).unwrap();
        let (lz4, zstd) = (read(lz4.as_slice()), read(zstd.as_slice()));
        assert!(lz4.1.is_ok() && zstd.1.is_ok());
        assert!(lz4.0 == zstd.0 && lz4.0.len() == 4277 && lz4.0.starts_with(b"VALKEY081") && lz4.0.ends_with(&[0; 8]));
    }
}
