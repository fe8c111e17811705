//! Readers over sources that give what they like, when they like.

use std::io::{self, Read};

use redtail::io::{CommandReader, FrameReader, PartsReader, ReadError, RecordingReader, RequestReader, SnapshotReader};
use redtail::owned::{Omission, Value, Whole, WholeKeys};
use redtail::resp::{Part, PartsItem, Request};
use redtail::{BUFFER_CAPACITY, Limits, ProtocolErrorKind};

/// Gives at most `piece` bytes at once and, before each piece, what `hiccup` says.
struct Source<'a> {
    bytes: &'a [u8],
    piece: usize,
    hiccup: Option<io::ErrorKind>,
    well: bool,
    /// The most space it was ever offered.
    offered: usize,
}

impl<'a> Source<'a> {
    fn new(bytes: &'a [u8], piece: usize) -> Self {
        Self { bytes, piece, hiccup: None, well: false, offered: 0 }
    }
}

impl Read for Source<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        self.offered = self.offered.max(space.len());
        self.well = !self.well;
        if let Some(kind) = self.hiccup.filter(|_| self.well) {
            return Err(kind.into());
        }
        let piece = self.piece;
        (&mut self.bytes).take(piece as u64).read(space)
    }
}

const FRAMES: &[u8] = b"+PONG\r\n:-42\r\n$5\r\nhe\r\no\r\n*2\r\n$-1\r\n*1\r\n#t\r\n%1\r\n+a\r\n,1.5\r\n>1\r\n+push\r\n-ERR no\r\n$0\r\n\r\n";
const FRAME_ENDS: [u64; 8] = [7, 13, 24, 41, 55, 66, 75, 81];

const COMMANDS: &[u8] =
    b"\n*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*0\r\n\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\n\r\n*1\r\n*1\r\n$4\r\nPING\r\n";
const COMMAND_PLACES: [(u64, u64); 3] = [(1, 24), (30, 60), (60, 74)];

fn frame_ends(mut reader: FrameReader<impl Read>) -> Result<Vec<u64>, ReadError> {
    let mut ends = Vec::new();
    while let Some(frame) = reader.next_frame()? {
        assert_eq!(frame.raw().len() as u64, frame.end - frame.start);
        assert_eq!(frame.start, ends.last().copied().unwrap_or(0));
        ends.push(frame.end);
    }
    Ok(ends)
}

fn command_places(mut reader: CommandReader<impl Read>) -> Result<Vec<(u64, u64)>, ReadError> {
    let mut places = Vec::new();
    while let Some(command) = reader.next_command()? {
        assert_eq!(command.raw().len() as u64, command.end - command.start);
        places.push((command.start, command.end));
    }
    Ok(places)
}

#[test]
fn frames_and_commands_are_the_same_in_pieces_of_any_size() {
    for piece in 1..=FRAMES.len() {
        assert_eq!(frame_ends(FrameReader::new(Source::new(FRAMES, piece))).unwrap(), FRAME_ENDS);
    }
    for piece in 1..=COMMANDS.len() {
        assert_eq!(command_places(CommandReader::stream(Source::new(COMMANDS, piece))).unwrap(), COMMAND_PLACES);
    }
}

#[test]
fn places_count_from_where_they_are_told_to() {
    let mut reader = CommandReader::stream(COMMANDS).starting_at(1000);
    let command = reader.next_command().unwrap().unwrap();
    assert_eq!((command.start, command.end), (1001, 1024));
    assert_eq!(command.item.name(), b"SELECT");
    let mut reader = FrameReader::new(b":x\r\n".as_slice()).starting_at(1000);
    let error = reader.next_frame().unwrap_err();
    assert!(matches!(error, ReadError::Protocol(error) if error.offset == 1001), "{error}");
}

#[test]
fn an_append_only_file_has_annotations_and_a_stream_has_none() {
    let bytes = b"#TS:1700000000\r\n*1\r\n$4\r\nPING\r\n#TS:1700000001\r\n";
    let mut reader = CommandReader::aof(bytes.as_slice());
    assert_eq!(reader.next_command().unwrap().unwrap().name(), b"PING");
    assert_eq!(reader.timestamp(), Some(1_700_000_000));
    assert!(reader.next_command().unwrap().is_none());
    assert_eq!(reader.timestamp(), Some(1_700_000_001));
    assert!(
        matches!(CommandReader::stream(bytes.as_slice()).next_command(), Err(ReadError::Protocol(error)) if error.offset == 0)
    );
}

#[test]
fn a_source_that_ends_early_says_where_and_how_much_is_missing() {
    for cut in 0..FRAMES.len() {
        let whole: Vec<u64> = FRAME_ENDS.iter().copied().filter(|end| *end <= cut as u64).collect();
        let mut reader = FrameReader::new(Source::new(&FRAMES[..cut], 7));
        for end in &whole {
            assert_eq!(reader.next_frame().unwrap().unwrap().end, *end);
        }
        let begins = whole.last().copied().unwrap_or(0);
        match reader.next_frame() {
            Ok(None) => assert_eq!(begins, cut as u64),
            Err(ReadError::Truncated { start, end, missing, .. }) => {
                assert_eq!((start, end), (begins, cut as u64));
                assert!(missing > 0 && missing <= FRAMES.len() - cut);
            }
            other => panic!("cut at {cut}: {other:?}"),
        }
    }
    let error = FrameReader::new(b"$10\r\nabc".as_slice()).next_frame().unwrap_err();
    let words = "the source ends at byte 8, within a frame that begins at byte 0: at least 9 bytes are missing";
    assert_eq!(error.to_string(), words);
}

#[test]
fn a_source_may_be_interrupted_or_late() {
    let interrupted = Source { hiccup: Some(io::ErrorKind::Interrupted), ..Source::new(FRAMES, 3) };
    assert_eq!(frame_ends(FrameReader::new(interrupted)).unwrap(), FRAME_ENDS);
    for kind in [io::ErrorKind::WouldBlock, io::ErrorKind::TimedOut] {
        let late = Source { hiccup: Some(kind), ..Source::new(COMMANDS, 3) };
        let mut reader = CommandReader::stream(late);
        let (mut places, mut waits) = (Vec::new(), 0);
        loop {
            match reader.next_command() {
                Ok(Some(command)) => places.push((command.start, command.end)),
                Ok(None) => break,
                Err(ReadError::Io(error)) if error.kind() == kind => waits += 1,
                Err(error) => panic!("{error}"),
            }
        }
        assert_eq!(places, COMMAND_PLACES);
        assert_eq!(waits, COMMANDS.len().div_ceil(3) + 1);
    }
}

#[test]
fn a_protocol_error_is_final() {
    let mut reader = FrameReader::new(b"+OK\r\n?\r\n+OK\r\n".as_slice());
    assert!(reader.next_frame().unwrap().is_some());
    for _ in 0..3 {
        let Err(ReadError::Protocol(error)) = reader.next_frame() else { panic!("no error") };
        assert_eq!(error.offset, 5);
    }
}

#[test]
fn a_declared_length_is_no_reason_to_grow() {
    let bytes = b"$524288000\r\n0123456789";
    let mut reader = FrameReader::new(Source::new(bytes, usize::MAX));
    let Err(ReadError::Truncated { end: 22, missing, .. }) = reader.next_frame() else { panic!("no error") };
    assert_eq!(missing, 524_288_000 - 10 + 2);
    assert!(reader.into_source().offered <= BUFFER_CAPACITY);

    let bytes = b"*2\r\n$3\r\nSET\r\n$524288000\r\n0123456789";
    let mut reader = CommandReader::stream(Source::new(bytes, usize::MAX));
    assert!(matches!(reader.next_command(), Err(ReadError::Truncated { end: 35, .. })));
    assert!(reader.into_source().offered <= BUFFER_CAPACITY);

    for hostile in [b"$1000000000000000000\r\n".as_slice(), b"*1000000000000000000\r\n", b"%9223372036854775807\r\n"] {
        assert!(matches!(FrameReader::new(hostile).next_frame(), Err(ReadError::Protocol(error)) if error.offset == 1));
    }
}

#[test]
fn the_buffer_grows_with_what_comes_up_to_the_limit() {
    const LIMIT: usize = 1 << 20;
    const BOUND: usize = LIMIT + (64 << 10) + 3;
    let mut limits = Limits::default();
    limits.command = LIMIT as u64;
    let value = vec![b'x'; LIMIT - "$1048565\r\n".len() - 2];
    let frame = [format!("${}\r\n", value.len()).as_bytes(), &value, b"\r\n"].concat();
    assert_eq!(frame.len(), LIMIT);
    let twice = [frame.as_slice(), &frame].concat();
    let mut reader = FrameReader::new(Source::new(&twice, 100_000)).with_limits(limits);
    for _ in 0..2 {
        assert_eq!(reader.next_frame().unwrap().unwrap().raw().len(), LIMIT);
    }
    assert!(reader.next_frame().unwrap().is_none());
    assert!(reader.into_source().offered <= BOUND);

    // Without end, each element small: only the arriving bytes show that it is too long.
    let mut endless = b"*10000000\r\n".to_vec();
    endless.resize(2 * LIMIT, b'\n');
    for element in endless[11..].chunks_exact_mut(4) {
        element.copy_from_slice(b":1\r\n");
    }
    let mut reader = FrameReader::new(Source::new(&endless, usize::MAX)).with_limits(limits);
    let Err(ReadError::Protocol(error)) = reader.next_frame() else { panic!("no error") };
    assert!(matches!(error.kind, ProtocolErrorKind::CommandTooLong { .. }), "{error}");
    assert!(reader.into_source().offered <= BOUND);
}

#[test]
fn large_values_pass_in_parts_through_a_small_buffer() {
    let value: Vec<u8> = (0..3_000_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    let head = format!("*3\r\n$3\r\nSET\r\n$0\r\n\r\n${}\r\n", value.len());
    let command = [head.as_bytes(), &value, b"\r\n"].concat();
    let bytes = [COMMANDS, &command, COMMANDS].concat();
    let mut reader = PartsReader::stream(Source::new(&bytes, 70_000), Some(1 << 20));
    let (mut whole, mut ends, mut arguments, mut last) = (0, 0, Vec::new(), 0);
    while let Some(item) = reader.next_item().unwrap() {
        assert!(item.start >= last && item.end > item.start);
        last = item.end;
        match *item {
            PartsItem::Command(_) => whole += 1,
            PartsItem::Part(Part::Begin { argc }) => assert_eq!((argc, item.start), (3, COMMANDS.len() as u64)),
            PartsItem::Part(Part::Argument { index, length }) => arguments.push((index, length, Vec::new())),
            PartsItem::Part(Part::Piece(piece)) => arguments.last_mut().unwrap().2.extend_from_slice(piece),
            PartsItem::Part(Part::End) => {
                ends += 1;
                assert_eq!(item.end, (COMMANDS.len() + command.len()) as u64);
            }
        }
    }
    assert_eq!((whole, ends, last), (6, 1, bytes.len() as u64));
    assert_eq!(arguments, [(0, 3, b"SET".to_vec()), (1, 0, vec![]), (2, value.len() as u64, value)]);
    assert!(reader.into_source().offered <= BUFFER_CAPACITY);
}

#[test]
fn a_command_in_parts_that_ends_early_is_an_error() {
    let command = [b"*2\r\n$3\r\nDEL\r\n$2000\r\n".as_slice(), &[b'k'; 2000], b"\r\n"].concat();
    for cut in (1..30).chain([1000, command.len() - 3, command.len() - 2, command.len() - 1]) {
        let mut reader = PartsReader::aof(&command[..cut], Some(1024));
        let error = loop {
            match reader.next_item() {
                Ok(item) => assert!(item.is_some(), "cut at {cut}"),
                Err(error) => break error,
            }
        };
        assert!(
            matches!(error, ReadError::Truncated { start: 0, end, missing: 1.., .. } if end == cut as u64),
            "{error:?}"
        );
    }
}

#[test]
fn requests_come_from_any_source_in_any_pieces() {
    let bytes = b"PING\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\nset a \"b c\"\r\n*1\r\n$4\r\nQU";
    for piece in 1..bytes.len() {
        let mut reader = RequestReader::new(Source::new(bytes, piece)).starting_at(100);
        let mut seen = Vec::new();
        let error = loop {
            match reader.next_request() {
                Ok(Some(request)) => {
                    let args: Vec<Vec<u8>> = if let Request::Command(command) = request.item {
                        command.args().map(<[u8]>::to_vec).collect()
                    } else if let Request::Inline(line) = request.item {
                        line.args().map(|arg| arg.bytes().collect()).collect()
                    } else {
                        unreachable!()
                    };
                    seen.push((request.start, request.end, args.join(&b'|')));
                }
                Ok(None) => panic!("the last request is cut off"),
                Err(error) => break error,
            }
        };
        let expected = [(100, 106, b"PING".to_vec()), (106, 126, b"GET|k".to_vec()), (126, 139, b"set|a|b c".to_vec())];
        assert_eq!(seen, expected, "pieces of {piece}");
        assert!(matches!(error, ReadError::Truncated { start: 139, end: 149, .. }), "{error:?}");
    }
}

#[test]
fn whole_keys_end_with_the_snapshot_or_the_first_error() {
    let file = b"REDIS0011\xfa\x03ver\x017\x00\x05hello\x05world\xff\0\0\0\0\0\0\0\0";
    let file = [&file[..], b"what follows"].concat();
    let expected = |keys: &mut WholeKeys<Source<'_>>| {
        let aux = Whole::Aux { name: b"ver".to_vec(), value: b"7".to_vec() };
        assert_eq!(keys.next().unwrap().unwrap(), aux);
        let Some(Ok(Whole::Key(key))) = keys.next() else { panic!("a key") };
        assert_eq!((key.db, &key.name[..], &key.value), (0, &b"hello"[..], &Value::String(b"world".to_vec())));
    };
    for piece in [1, 7, 1000] {
        let mut keys = WholeKeys::new(Source::new(&file, piece), 1 << 20);
        expected(&mut keys);
        assert!(keys.next().is_none() && keys.next().is_none(), "pieces of {piece}");
        let mut keys = WholeKeys::new(Source::new(&file[..29], piece), 1 << 20);
        expected(&mut keys);
        assert!(matches!(keys.next(), Some(Err(ReadError::Snapshot(_)))), "the end is missing");
        assert!(keys.next().is_none(), "an error is final");
        let mut keys = WholeKeys::new(Source::new(&file, piece), 100);
        assert!(keys.next().unwrap().is_ok());
        let Some(Ok(Whole::Omitted(omitted))) = keys.next() else { panic!("the key is named") };
        assert_eq!((omitted.name.as_deref(), omitted.reason), (Some(&b"hello"[..]), Omission::TooLarge { limit: 100 }));
        assert!(keys.next().is_none(), "the snapshot ends");
    }
}

#[test]
fn final_errors_of_every_reader_are_returned_again() {
    /// Calls until the first error, and then three times more: each call returns that error.
    fn check(name: &str, bad: &[u8], mut next: impl FnMut() -> Option<Result<(), ReadError>>) {
        let error = std::iter::from_fn(&mut next).find_map(Result::err);
        let error = error.unwrap_or_else(|| panic!("{name}: {}", bad.escape_ascii())).to_string();
        for _ in 0..3 {
            let again = next().map(|result| result.map_err(|error| error.to_string()));
            assert_eq!(again, Some(Err(error.clone())), "{name}: {}", bad.escape_ascii());
        }
    }

    let good = b"*1\r\n$4\r\nPING\r\n".repeat(20);
    let large = b"*1\r\n$99999999999\r\n".as_slice();
    for piece in [1, 7, 1000] {
        for bad in [b"redtail recording 9\n".as_slice(), b"redtail recording 1\ndata x 0\n"] {
            let mut events = RecordingReader::new(Source::new(bad, piece));
            check("recording", bad, || events.next_event().map(|found| found.map(|_| ())).transpose());
        }
        for bad in [b"*1\r\n$x\r\n", large] {
            let bytes = [bad, &good].concat();
            let mut frames = FrameReader::new(Source::new(&bytes, piece));
            check("frames", bad, || frames.next_frame().map(|found| found.map(|_| ())).transpose());
            for aof in [false, true] {
                let source = Source::new(&bytes, piece);
                let mut commands = if aof { CommandReader::aof(source) } else { CommandReader::stream(source) };
                check("commands", bad, || commands.next_command().map(|found| found.map(|_| ())).transpose());
            }
            let mut requests = RequestReader::new(Source::new(&bytes, piece));
            check("requests", bad, || requests.next_request().map(|found| found.map(|_| ())).transpose());
            let mut parts = PartsReader::stream(Source::new(&bytes, piece), Some(1024));
            check("parts", bad, || parts.next_item().map(|found| found.map(|_| ())).transpose());
        }
        for bad in [b"REDIS0011\xf0".as_slice(), b"REDIS0011\x14\x01s\x01x", b"no magic"] {
            let bytes = [bad, b"\x00\x01k\x01v\xff\0\0\0\0\0\0\0\0"].concat();
            let mut items = SnapshotReader::new(Source::new(&bytes, piece));
            check("items", bad, || items.next_item().map(|found| found.map(|_| ())).transpose());
            let mut snapshot = SnapshotReader::new(Source::new(&bytes, piece));
            check("bytes", bad, || snapshot.next_bytes().map(|found| found.map(|_| ())).transpose());
        }
    }
}
