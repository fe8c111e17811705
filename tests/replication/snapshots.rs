//! Snapshots delivered as items: those that the decoder alone finds, and then the stream, however the bytes are cut.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use redtail::rdb::{Decoder, Item, RdbErrorKind, Text};
use redtail::replication::{Closed, Progress, Session};
use redtail::{Event, Options, SessionError, SnapshotForm, Status};

const MARK: &str = "398c1a683d14df9f2e290fd53a6174729509e866";
const ID: &str = "26e9aa58837d8095338f33e660463dbdf56c86c9";
const STREAM: &[u8] = b"*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n";

/// Items with their bytes put together again.
type Items = Vec<(Item<'static>, Vec<u8>)>;

fn note(items: &mut Items, item: &Item<'_>) {
    let goes_on = match item {
        Item::Text(Text { at, .. }) => *at > 0,
        Item::Raw { .. } => matches!(items.last(), Some((Item::Raw { last: false, .. }, _))),
        _ => false,
    };
    match items.last_mut().filter(|_| goes_on) {
        Some((before, bytes)) => {
            bytes.extend_from_slice(item.bytes());
            if let Item::Raw { .. } = item {
                *before = item.with_bytes(b"");
            }
        }
        None => items.push((item.with_bytes(b""), item.bytes().to_vec())),
    }
}

fn decoded(rdb: &[u8]) -> Items {
    let (mut items, mut input, mut decoder) = (Vec::new(), rdb, Decoder::new());
    while let Status::Complete(item) = decoder.next(&mut input).unwrap() {
        note(&mut items, &item);
    }
    decoder.finish().unwrap();
    items
}

/// The events that a session makes of recorded bytes.
#[derive(Debug, PartialEq)]
struct Ran {
    items: Items,
    /// Begin, end, commands: as they print.
    others: Vec<String>,
    end: Progress,
}

fn run(options: Options, bytes: &[u8], cuts: &[usize]) -> Ran {
    let mut session = Session::recorded(options, None);
    let mut ran = Ran { items: Vec::new(), others: Vec::new(), end: Progress::Ended };
    let (mut unread, mut at, mut closed) = (Vec::new(), 0, false);
    let mut pieces = cuts.iter().copied().chain([bytes.len()]);
    loop {
        match session.poll(&unread, 0) {
            Progress::Event => match session.event(&unread) {
                Event::SnapshotItem(item) => note(&mut ran.items, &item),
                other => ran.others.push(format!("{other:?}")),
            },
            Progress::Space { at_least } => {
                assert!(at_least > 0 && !closed);
                let consumed = session.consumed();
                unread.drain(..consumed);
                match pieces.next() {
                    Some(cut) => {
                        unread.extend_from_slice(&bytes[at..cut]);
                        at = cut;
                    }
                    None => {
                        session.closed(Closed::ByPeer, 0);
                        closed = true;
                    }
                }
                continue;
            }
            end => return Ran { end, ..ran },
        }
        let consumed = session.consumed();
        unread.drain(..consumed);
    }
}

fn items() -> Options {
    options! { snapshot: SnapshotForm::Items }
}

/// Two connections that bring this snapshot, one for each framing, and then the stream.
fn connections(rdb: &[u8]) -> [Vec<u8>; 2] {
    let answer = format!("+FULLRESYNC {ID} 1000\r\n");
    [
        [format!("\n{answer}\n${}\r\n", rdb.len()).as_bytes(), rdb, STREAM].concat(),
        [format!("{answer}\n$EOF:{MARK}\r\n").as_bytes(), rdb, MARK.as_bytes(), STREAM].concat(),
    ]
}

fn carried() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let names = ["redis-6.2.14.rdb", "redis-7.0.15.rdb", "redis-8.2.3.rdb", "valkey-9.1.2.rdb"];
    names.map(|name| fs::read(folder.join(name)).unwrap()).into()
}

/// A key `k` with this string as its value.
fn with_value(value: &[u8]) -> Vec<u8> {
    let length = u32::try_from(value.len()).unwrap().to_be_bytes();
    [b"REDIS0010\xfa\x0erepl-stream-db\xc0\x07\xfe\0\0\x01k\x80", &length[..], value, b"\xff\0\0\0\0\0\0\0\0"].concat()
}

#[test]
fn the_items_are_those_of_the_decoder_and_the_stream_follows() {
    for rdb in carried() {
        let expected = decoded(&rdb);
        for bytes in connections(&rdb) {
            let ran = run(items(), &bytes, &[]);
            assert_eq!(ran.items, expected);
            assert_eq!(ran.end, Progress::Ended);
            let [attached, begin, end, incr] = &ran.others[..] else { panic!("{:?}", ran.others) };
            assert!(attached.starts_with("Attached") && attached.contains("method: Full"), "{attached}");
            assert!(begin.starts_with("SnapshotBegin") && begin.contains("offset: 1000"), "{begin}");
            assert!(
                end.starts_with("SnapshotEnd")
                    && end.contains(&format!(
                        "bytes: {0}, verified: {0}, beyond_templates: None, offset: 1000",
                        rdb.len()
                    )),
                "{end}"
            );
            assert!(incr.contains(&format!("{} [3] \"INCR\" \"n\"", 1000 + STREAM.len())), "{incr}");
        }
    }
}

#[test]
fn cuts_change_nothing() {
    for rdb in carried() {
        for bytes in connections(&rdb) {
            let whole = run(items(), &bytes, &[]);
            let one_by_one: Vec<usize> = (0..bytes.len()).collect();
            assert!(run(items(), &bytes, &one_by_one) == whole);
            for step in [2, 7, 40, 41, 1460] {
                let cuts: Vec<usize> = (0..bytes.len()).step_by(step).collect();
                assert!(run(items(), &bytes, &cuts) == whole, "pieces of {step}");
            }
        }
    }
}

#[test]
fn a_value_that_holds_the_mark_and_its_surroundings_is_a_value() {
    let value = [b"\xff12345678", MARK.as_bytes(), STREAM, MARK.as_bytes()].concat();
    for form in [SnapshotForm::Items, SnapshotForm::Bytes] {
        for bytes in connections(&with_value(&value)) {
            for cut in 0..bytes.len() {
                let ran = run(options! { snapshot: form }, &bytes, &[cut]);
                assert_eq!(ran.end, Progress::Ended);
                let commands =
                    ran.others.iter().filter(|event| event.contains("INCR") && event.starts_with("Command")).count();
                assert_eq!(commands, 1, "{:?}", ran.others);
                if form == SnapshotForm::Items {
                    assert!(ran.items.iter().any(|(_, bytes)| *bytes == value));
                }
            }
        }
    }
}

#[test]
fn the_snapshot_tells_the_database_the_stream_goes_on_in() {
    for bytes in connections(&with_value(b"v")) {
        let ran = run(items(), &bytes, &[]);
        assert!(ran.others[2].contains("db: Some(7)"), "{}", ran.others[2]);
    }
}

#[test]
fn a_snapshot_that_breaks_off_anywhere_is_void() {
    for rdb in carried().iter().take(1) {
        for bytes in connections(rdb) {
            let head = bytes.windows(5).position(|window| window == b"REDIS").unwrap();
            let stream = bytes.len() - STREAM.len();
            for end in (head..stream).step_by(if cfg!(debug_assertions) { 13 } else { 1 }).chain(stream - 50..stream) {
                let ran = run(items(), &bytes[..end], &[]);
                let Progress::Failed(SessionError::SnapshotBroken { received, .. }) = ran.end else {
                    panic!("{:?} at {end}", ran.end)
                };
                assert!(received <= (end - head) as u64);
                assert!(!ran.others.iter().any(|event| event.starts_with("SnapshotEnd")), "at {end}");
            }
        }
    }
}

#[test]
fn what_is_broken_is_an_error_with_its_place_in_the_snapshot() {
    let mut rdb = with_value(b"value");
    rdb[32] = 0xc4; // no length is encoded so
    for bytes in connections(&rdb) {
        let ran = run(items(), &bytes, &[]);
        let Progress::Failed(SessionError::Snapshot(error)) = ran.end else { panic!("{:?}", ran.end) };
        assert!(error.offset > 20 && error.offset < rdb.len() as u64, "{error}");
        assert!(ran.others.iter().all(|event| !event.starts_with("Command")), "{:?}", ran.others);
    }
}

#[test]
fn a_future_version_is_read_up_to_the_first_unknown_number() {
    let rdb = [&b"REDIS0079"[..], &with_value(b"value")[9..]].concat();
    for bytes in connections(&rdb) {
        assert_eq!(run(items(), &bytes, &[]).end, Progress::Ended);
        assert_eq!(run(Options::default(), &bytes, &[]).end, Progress::Ended, "bytes are handed on as they are");
    }
    // A type of the future in front of the end.
    let end = rdb.len() - 9;
    let rdb = [&rdb[..end], b"\x63\x01k\x05abcde", &rdb[end..]].concat();
    for bytes in connections(&rdb) {
        let ran = run(items(), &bytes, &[]);
        let Progress::Failed(SessionError::Snapshot(error)) = ran.end else { panic!("{:?}", ran.end) };
        assert!(matches!(error.kind, RdbErrorKind::UnknownNumber { number: 99, .. }), "{error}");
        assert_eq!(error.offset, end as u64);
        assert!(ran.items.iter().any(|(_, bytes)| bytes == b"value"), "the key before it: {:?}", ran.items);
        assert_eq!(run(Options::default(), &bytes, &[]).end, Progress::Ended, "bytes are handed on as they are");
    }
}

/// A sync of Valkey 9.2 without a fork, as a file with a length and with an end mark: the commands between the keys are
/// items, and those after it are the stream.
#[test]
fn commands_between_the_keys_are_no_commands_of_the_stream() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/handmade");
    let rdb = fs::read(folder.join("valkey-81-forkless-sync.rdb")).unwrap();
    for bytes in connections(&rdb) {
        let whole = run(items(), &bytes, &[]);
        assert_eq!((&whole.items, &whole.end), (&decoded(&rdb), &Progress::Ended));
        let commands = whole.items.iter().filter(|(item, _)| matches!(item, Item::Command { .. })).count();
        assert_eq!(commands, 6);
        let streamed: Vec<_> = whole.others.iter().filter(|event| event.starts_with("Command")).collect();
        assert!(streamed.len() == 1 && streamed[0].contains("INCR"), "{streamed:?}");
        for cut in 0..bytes.len() {
            assert_eq!(run(items(), &bytes, &[cut]), whole, "cut at {cut}");
        }
        assert_eq!(run(items(), &bytes, &(0..bytes.len()).collect::<Vec<_>>()), whole, "byte by byte");
        assert_eq!(run(Options::default(), &bytes, &[]).end, Progress::Ended);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a snapshot holds: an end, an error, no panic, and the same however it is cut.
    #[test]
    fn a_byte_changed_anywhere_never_hangs(which in 0..4_usize, framing in 0..2_usize, at in any::<prop::sample::Index>(), bit in 0..8_u8, lenient: bool) {
        let mut bytes = connections(&carried()[which])[framing].clone();
        let place = at.index(bytes.len());
        bytes[place] ^= 1 << bit;
        let options = options! { lenient, ..items() };
        let whole = run(options, &bytes, &[]);
        let cuts: Vec<usize> = (0..bytes.len()).step_by(100).collect();
        let in_pieces = run(options, &bytes, &cuts);
        prop_assert_eq!(std::mem::discriminant(&whole.end), std::mem::discriminant(&in_pieces.end));
    }
}
