#![no_main]
//! The snapshot decoder: pieces and whole agree, memory is bounded, and the oracle reads an accepted snapshot alike.
//!
//! Byte 0: options. Byte 1: the number of following bytes that are lengths of pieces, as in `parser_splits`. The rest
//! is the snapshot. With bit 1 of the options the rest is a version, a type and a value of a payload of `DUMP`.
#![allow(clippy::unwrap_used, reason = "a panic is how a fuzz target fails")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use libfuzzer_sys::fuzz_target;
use redtail::Status;
use redtail::io::TemplateBuffer;
use redtail::owned::Collector;
use redtail::owned::Whole;
use redtail::rdb::{Decoder, Dump, Item, RdbError};

#[allow(dead_code, reason = "shared with the tests")]
#[path = "../../tests/rdb/build.rs"]
mod build;
#[allow(dead_code, reason = "shared with the tests")]
#[path = "../../tests/rdb/oracle.rs"]
mod oracle;
#[allow(dead_code, reason = "shared with the tests")]
#[path = "../../tests/rdb/run.rs"]
mod run;

use run::{one_byte_at_a_time, run_within};

/// The most memory for hash templates. Inputs exceed it.
const TEMPLATES: usize = 1 << 10;

fn run_with(decoder: Decoder, bytes: &[u8], cuts: &[usize]) -> (Vec<run::Seen>, Result<usize, RdbError>) {
    run_within(TemplateBuffer::with_limit(TEMPLATES), decoder, bytes, cuts)
}

fuzz_target!(|data: &[u8]| {
    let [choice, count, rest @ ..] = data else { return };
    let (lengths, bytes) = rest.split_at(usize::from(*count % 16).min(rest.len()));
    if choice & 2 != 0 {
        return payload(bytes);
    }
    let decoder = || {
        let mut decoder = Decoder::new();
        // A checksum would reject all damaged input.
        if choice & 1 == 0 {
            decoder = decoder.without_checksum();
        }
        if choice & 4 != 0 {
            decoder = decoder.skip_damaged();
        }
        decoder
    };
    let whole = run_with(decoder(), bytes, &[]);
    let pieces = run_with(decoder(), bytes, &places(lengths, bytes.len()));
    assert!(pieces == whole, "{:?} in pieces, {:?} at once", pieces.1, whole.1);
    if bytes.len() < 2000 {
        let pieces = run_with(decoder(), bytes, &one_byte_at_a_time(bytes));
        assert!(pieces == whole, "{:?} byte by byte, {:?} at once", pieces.1, whole.1);
    }
    if let (0, &Ok(length)) = (choice & 7, &whole.1) {
        let expected = by_the_oracle(&bytes[..length]);
        let seen = &whole.0[..whole.0.len() - 1];
        assert!(seen == &expected[..expected.len() - 1], "{seen:?}\n{expected:?}");
    }
    let limit = 1 << (6 + (choice >> 4));
    let at_once = collect(decoder(), bytes, &[], limit);
    let in_pieces = collect(decoder(), bytes, &places(lengths, bytes.len()), limit);
    // Compared by their text form: NaN does not equal itself.
    assert_eq!(format!("{in_pieces:?}"), format!("{at_once:?}"));
});

/// A payload is read to its end, or to an error that is final. A snapshot with the same value has the same items.
fn payload(bytes: &[u8]) {
    let [version, value @ ..] = bytes else { return };
    let payload = [value, &[*version, 0], &[0; 8]].concat();
    let Ok(mut dump) = Dump::new(&payload) else { return };
    let mut seen = Vec::new();
    let end = loop {
        match dump.next_item() {
            Ok(Some(Item::End(_))) => break Ok(()),
            Ok(Some(item)) => run::take(&mut seen, item),
            Ok(None) => panic!("no end"),
            Err(error) => break Err(error),
        }
    };
    match end {
        Ok(()) => assert_eq!(dump.next_item(), Ok(None)),
        Err(error) => {
            assert!(error.offset <= payload.len() as u64);
            return assert_eq!(dump.next_item(), Err(error));
        }
    }
    let [number, value @ ..] = value else { return };
    let magic = dump.format().to_string();
    if !(1..240).contains(number) || magic.len() != 9 || magic == "REDIS0000" || *version > 199 {
        return;
    }
    let snapshot = [magic.as_bytes(), &[*number, 0], value, &[255; 1], &[0; 8]].concat();
    let (found, end) = run_within(TemplateBuffer::default(), Decoder::new(), &snapshot, &[]);
    assert!(end.is_ok() || *version < 5, "{end:?}");
    assert_eq!(found[..seen.len()], seen[..]);
}

/// The oracle requires the right checksum. Its checksum item is the last one, and is not compared here.
fn by_the_oracle(snapshot: &[u8]) -> Vec<run::Seen> {
    let mut snapshot = snapshot.to_vec();
    let is_old = matches!(&snapshot[..9], b"REDIS0001" | b"REDIS0002" | b"REDIS0003" | b"REDIS0004");
    if !is_old {
        let sum = snapshot.len() - 8;
        let crc = build::crc(&snapshot[..sum]);
        snapshot[sum..].copy_from_slice(&crc.to_le_bytes());
    }
    let (seen, length) = oracle::read(&snapshot);
    assert_eq!(length, snapshot.len());
    seen
}

fn places(lengths: &[u8], total: usize) -> Vec<usize> {
    let arrived = lengths.iter().cycle().scan(0, |arrived, length| {
        *arrived += usize::from(*length).max(1);
        Some(*arrived)
    });
    arrived.take_while(|arrived| *arrived < total).collect()
}

#[derive(Debug)]
#[allow(dead_code, reason = "shown")]
enum End {
    Over,
    Broken(RdbError),
}

/// Whole keys: each takes at most a few times the limit in memory.
fn collect(decoder: Decoder, bytes: &[u8], cuts: &[usize], limit: usize) -> (Vec<Whole>, End) {
    let mut decoder = decoder.with_templates(TemplateBuffer::with_limit(TEMPLATES));
    let (mut wholes, mut used) = (Vec::new(), 0);
    let mut collector = Collector::new(limit);
    for &arrived in cuts.iter().chain([&bytes.len()]) {
        let mut input = &bytes[used..arrived];
        loop {
            match decoder.next(&mut input) {
                Ok(Status::Complete(item)) => {
                    let before = HELD.load(Ordering::Relaxed);
                    let taken = collector.take(item);
                    let more = HELD.load(Ordering::Relaxed).saturating_sub(before);
                    assert!(more <= 4 * limit + 4096, "{more} bytes for an item, under a limit of {limit}");
                    wholes.extend(taken);
                }
                Ok(Status::Incomplete { .. }) => break,
                Err(error) => return (wholes, End::Broken(error)),
            }
        }
        used = arrived - input.len();
    }
    (wholes, End::Over)
}

/// Bytes of the heap in use.
static HELD: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: the system's allocator does all the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
