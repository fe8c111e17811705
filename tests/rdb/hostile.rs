//! Truncated, damaged and inconsistent snapshots.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::ops::ControlFlow;

use redtail::io::TemplateBuffer;
use redtail::rdb::{Decoder, Item, RdbError, RdbErrorKind, Role};

use crate::build::{File, atoms, intset, len, listpack, lzf, string, ziplist, zipmap};
use crate::corpus::carried;
use crate::encodings::{large, small};
use crate::run::{Seen, one_byte_at_a_time, run, run_with, run_within};

fn names() -> Vec<(String, Vec<u8>)> {
    let small = small().into_iter().map(|(name, bytes)| (name.to_owned(), bytes));
    small.chain(carried().into_iter().map(|snapshot| (snapshot.name, snapshot.bytes))).collect()
}

#[test]
fn snapshots_are_truncated_at_every_byte() {
    for (name, bytes) in names() {
        for length in 0..bytes.len() {
            let (_, end) = run(&bytes[..length], &[]);
            let error = end.unwrap_err();
            assert!(matches!(error.kind, RdbErrorKind::Truncated(_)), "{name} cut at {length}: {error}");
            assert!(error.offset <= length as u64, "{name} cut at {length}: {error}");
        }
    }
}

#[test]
fn long_values_are_truncated_anywhere() {
    for (name, bytes) in large() {
        for length in (0..bytes.len()).step_by(bytes.len() / 50 + 1) {
            let error = run(&bytes[..length], &[]).1.unwrap_err();
            assert!(matches!(error.kind, RdbErrorKind::Truncated(_)), "{name} cut at {length}: {error}");
        }
    }
}

/// A damaged snapshot ends with an error and its offset, the same for every division of the input. A checksum finds
/// every damage.
fn check_broken(name: &str, bytes: &[u8], checked: bool) {
    let (seen, end) = run(bytes, &[]);
    match end {
        Ok(_) => assert!(!checked, "{name}: nobody noticed"),
        Err(error) => assert!(error.offset <= bytes.len() as u64, "{name}: {error}"),
    }
    let lenient = || Decoder::new().without_checksum();
    let unchecked = run_with(lenient(), bytes, &[]);
    // Only the end says that the checksum was ignored.
    let before = &seen[..seen.len() - usize::from(end.is_ok())];
    assert!(unchecked.0.starts_with(before), "{name}: {end:?}, {:?}", unchecked.1);
    let cuts = one_byte_at_a_time(bytes);
    assert!(run_with(lenient(), bytes, &cuts) == unchecked, "{name}: {:?}", unchecked.1);
    let skipping = run_with(lenient().skip_damaged(), bytes, &[]);
    assert!(run_with(lenient().skip_damaged(), bytes, &cuts) == skipping, "{name}: {:?}", skipping.1);
}

#[test]
fn snapshots_are_broken_at_every_byte() {
    for (name, mut bytes) in names() {
        // The version and a missing checksum find no damage.
        let checked = !matches!(name.as_str(), "version 1" | "version 4" | "old scores" | "no checksum");
        let small = bytes.len() < 1000;
        for at in (0..bytes.len()).step_by(if small { 1 } else { 61 }) {
            let right = bytes[at];
            let wrongs = [right ^ 1, right ^ 0x80, right.wrapping_add(1), !right, 0, 0xff, right ^ 0x40];
            for wrong in wrongs.into_iter().filter(|wrong| *wrong != right) {
                bytes[at] = wrong;
                check_broken(&format!("{name}, byte {at} is {wrong}"), &bytes, checked && at >= 9);
            }
            bytes[at] = right;
        }
    }
}

#[test]
fn snapshots_are_broken_in_many_bytes() {
    let files = names();
    let places = proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6);
    let mut runner = TestRunner::new(Config { cases: 600, failure_persistence: None, ..Config::default() });
    runner
        .run(&(0..files.len(), places), |(file, places)| {
            let (name, mut bytes) = files[file].clone();
            for (at, wrong) in places {
                let at = at.index(bytes.len());
                bytes[at] = wrong;
            }
            check_broken(&name, &bytes, false);
            Ok(())
        })
        .unwrap();
}

#[test]
fn noise_is_refused_in_each_type() {
    let noise = proptest::collection::vec(prop_oneof![0..8u8, any::<u8>()], 0..200);
    let mut runner = TestRunner::new(Config { cases: 1000, failure_persistence: None, ..Config::default() });
    runner
        .run(&(any::<bool>(), 0..32u8, noise), |(redis, number, noise)| {
            let file = File::new(if redis { "REDIS0014" } else { "VALKEY081" });
            check_broken("noise", &file.key(number, "k").raw(&noise).0, false);
            Ok(())
        })
        .unwrap();
}

#[test]
fn noise_is_refused_in_each_packed_form() {
    let noise = proptest::collection::vec(prop_oneof![0..8u8, any::<u8>()], 0..60);
    let mut runner = TestRunner::new(Config { cases: 1000, failure_persistence: None, ..Config::default() });
    runner
        .run(&(0..4, any::<bool>(), noise), |(form, packed, noise)| {
            let (number, mut blob) = match form {
                0 => (20, listpack(&[])),
                1 => (10, ziplist(&[])),
                2 => (11, intset(2, &[])),
                _ => (9, zipmap(&[])),
            };
            blob.pop();
            blob.extend(&noise);
            let size = (blob.len() as u32).to_le_bytes();
            if form < 2 {
                blob[..4].copy_from_slice(&size);
            }
            let string = if packed { lzf(&blob) } else { string(&blob) };
            check_broken("noise", &File::new("REDIS0014").key(number, "k").raw(string).end(), false);
            Ok(())
        })
        .unwrap();
}

/// The error of a snapshot with a valid checksum, and its offset.
fn error(file: File) -> (String, u64) {
    let bytes = file.end();
    let error = run(&bytes, &[]).1.unwrap_err();
    assert_eq!(run(&bytes, &one_byte_at_a_time(&bytes)).1, Err(error));
    (error.kind.to_string(), error.offset)
}

fn redis() -> File {
    File::new("REDIS0014")
}

#[track_caller]
fn says(file: File, words: &str, offset: u64) {
    let (kind, at) = error(file);
    assert!(kind.contains(words), "{kind}");
    assert_eq!(at, offset, "{kind}");
}

/// The list in the message against the numbers that the decoder takes.
#[test]
fn a_format_has_exactly_these_numbers() {
    for (magic, numbers) in [
        ("REDIS0009", "a type 0 to 5, 7, 9 to 29 or an opcode 243 to 255"),
        ("REDIS0014", "a type 0 to 5, 7, 9 to 29 or an opcode 243 to 255"),
        ("REDIS0015", "a type 0 to 5, 7, 9 to 33 or an opcode 242 to 255"),
        ("REDIS0016", "a type 0 to 5, 7, 9 to 32 or an opcode 241 to 255"),
        ("REDIS0017", "a type 0 to 5, 7, 9 to 35 or an opcode 241 to 255"),
        ("VALKEY080", "a type 0 to 5, 7, 9 to 23 or an opcode 242 to 245, 247 to 255"),
    ] {
        let listed = |number: u8| {
            let words = numbers.replace("a type ", "").replace(" or an opcode ", ", ");
            words.split(", ").any(|range| {
                let (from, to) = range.split_once(" to ").unwrap_or((range, range));
                (from.parse().unwrap()..=to.parse().unwrap()).contains(&number)
            })
        };
        for number in (0..=u8::MAX).filter(|number| !matches!(number, 107 | 121)) {
            let bytes = File::new(magic).number(number).0;
            let refused = matches!(
                run(&bytes, &[]).1,
                Err(RdbError { kind: RdbErrorKind::UnknownNumber { .. } | RdbErrorKind::Refused { .. }, .. })
            );
            assert_eq!(refused, !listed(number), "{magic} {number}");
        }
    }
}

#[test]
fn unknown_numbers_are_named() {
    says(redis().number(100), "unknown type or opcode 100 in REDIS0014 data", 9);
    says(File::new("VALKEY080").number(24), "unknown type or opcode 24 in VALKEY080 data", 9);
    says(redis().number(6), "6 in REDIS0014 data can't be read: values of modules", 9);
    says(File::new("VALKEY080").number(246), "Valkey refuses", 9);
    says(redis().number(246).string([b'a'; 201]), "at most 200 bytes", 10);
    says(redis().number(101), "101 in REDIS0014 data can't be read: an opcode of Redis Enterprise", 9);
    says(File::new("REDIS0009").number(64), "64 in REDIS0009 data can't be read: a cron job of KeyDB", 9);
    says(File::new("REDIS0009").number(30), "30 in REDIS0009 data can't be read: a type of Dragonfly", 9);
    says(File::new("REDIS0009").number(200), "can't be read: an opcode of Dragonfly", 9);
    says(redis().number(30), "unknown type or opcode 30 in REDIS0014 data", 9);
    let by = |name: &str, version: &str, number| redis().number(250).string(name).string(version).number(number);
    says(by("redis-ver", "6.2.11", 99), "99 in REDIS0014 data (redis-ver 6.2.11)", 27);
    says(by("valkey-ver", "9.1.2", 6), "6 in REDIS0014 data (valkey-ver 9.1.2) can't be read", 27);
    says(by("redis-bits", "64", 99), "99 in REDIS0014 data", 24);
    says(redis().number(242), "unknown type or opcode 242", 9);
    says(File::new("REDIS0015").number(36), "unknown type or opcode 36 in REDIS0015 data", 9);
    says(File::new("REDIS0015").number(241), "unknown type or opcode 241 in REDIS0015 data", 9);
    says(File::new("REDIS0016").number(33), "33 in REDIS0016 data can't be read: a rate limiter or a bitmap", 9);
    says(File::new("REDIS0017").number(36), "36 in REDIS0017 data can't be read: probably a roaring bitmap", 9);
    says(File::new("VALKEY081").number(241), "unknown type or opcode 241 in VALKEY081 data", 9);
    says(File::new("REDIS0080"), "unknown version REDIS0080 of a snapshot", 0);
    says(File::new("REDIS0000"), "unknown version REDIS0000 of a snapshot", 0);
    says(File::new("VALKEY200"), "unknown version VALKEY200 of a snapshot", 0);
    says(File::new("VALKEY079"), "unknown version VALKEY079 of a snapshot", 0);
    says(File::new("RADISH123"), "expected REDIS0001 to REDIS0079 or VALKEY080 to VALKEY199, found \"RA\"", 0);
    says(File::new("REDIS00x1"), "found \"REDIS00x1\"", 0);
    says(redis().raw([0, 0xc4]), "unknown string encoding 4", 10);
    says(redis().raw([0, 0x82]), "unknown length encoding 130", 10);
    says(redis().raw([0xfe, 0xc0]), "expected a number, found the encoding of a string", 9);
    says(redis().key(18, "l").lens(&[1, 3]).string(""), "unknown list node 3", 13);
    says(redis().key(7, "m").lens(&[1, 6]), "unknown part of a module's value 6", 13);
    says(redis().key(28, "a").lens(&[1, 0, 0, 4]), "unknown array element 4", 16);
    says(redis().key(20, "s").string(b"\x08\0\0\0\x01\0\xf5\xff"), "unknown listpack encoding 245", 19);
    says(redis().key(10, "s").string(b"\x0d\0\0\0\x0a\0\0\0\x01\0\0\xff\xff"), "unknown ziplist encoding 255", 23);
    says(redis().key(11, "s").string(b"\x03\0\0\0\0\0\0\0"), "unknown intset width 3", 13);
}

/// Unknown versions with unknown numbers. All data before the first such number is delivered. The error names the
/// number, its offset and the writer.
#[test]
fn the_future_is_read_up_to_the_first_unknown_number() {
    for (magic, name) in [("REDIS", "redis-ver"), ("VALKEY", "valkey-ver")] {
        let newest: u16 = if magic == "REDIS" { 17 } else { 81 };
        for version in newest + 1..=newest + 5 {
            let width = 9 - magic.len();
            let magic = format!("{magic}{version:0width$}");
            let file = File::new(&magic).number(250).string(name).string("99.0.1");
            // An auxiliary field and a hint of the future.
            let file =
                file.number(250).string("never-seen").raw([0xc0, 5]).key(16, "h").string(listpack(&atoms!["f", 1]));
            let known = file.clone().end();
            let (seen, end) = run(&known, &[]);
            assert_eq!(end, Ok(known.len()), "{magic}");
            assert!(seen[0] == Seen::Other(format!("{:?}", Item::Start(format(&magic)))) && format(&magic).is_newer());
            for number in [8, 37, 63, 99, 150, 200, 240] {
                let bytes = file.clone().key(number, "k").string("whatever").end();
                for cuts in [Vec::new(), one_byte_at_a_time(&bytes)] {
                    let (found, end) = run(&bytes, &cuts);
                    assert_eq!(found[..], seen[..seen.len() - 1], "{magic} {number}");
                    let error = end.unwrap_err();
                    assert_eq!(error.offset, known.len() as u64 - 9);
                    let expected = format!("unknown type or opcode {number} in {magic} data ({name} 99.0.1)");
                    assert!(error.to_string().starts_with(&expected), "{error}");
                }
            }
        }
    }
}

fn format(magic: &str) -> redtail::rdb::Format {
    let mut input = magic.as_bytes();
    match Decoder::new().next(&mut input).unwrap() {
        redtail::Status::Complete(Item::Start(format)) => format,
        other => panic!("{other:?}"),
    }
}

#[test]
fn invalid_templates_are_refused() {
    let file = || File::new("REDIS0015").number(242).lens(&[7, 2]).string("f").string("g");
    let at = file().0.len() as u64;
    says(file().number(242).lens(&[7, 1]).string("f"), "expected an id that no other template has", at + 5);
    says(file().key(32, "h").len(8), "expected the id of a template defined before it", at + 4);
    let packed = |atoms: &[crate::build::Atom]| file().key(30, "h").string(listpack(atoms));
    says(packed(&atoms![8, "v", "w"]), "expected the id of a template defined before it", at + 12);
    says(packed(&atoms!["a", "v", "w"]), "expected the id of its template before its values", at + 13);
    says(packed(&atoms![7, "v"]), "expected whole rows", at + 16);
    says(packed(&atoms![7, "v", "w", "x"]), "expected one value for each field of its template", at + 21);
    says(file().key(29, "h").len(2), "unknown form of the field names of a hash 2", at + 3);
    // A damaged name can't be skipped: the values would be those of other fields.
    let bytes = File::new("REDIS0015").number(242).lens(&[7, 1]).raw([0xc3]).lens(&[4, 50]).raw(b"\x00a\x40\x09").end();
    assert!(run_with(Decoder::new().skip_damaged(), &bytes, &[]).1.is_err());
}

#[test]
fn templates_need_bounded_memory() {
    // 28 bytes for each template and 4 for each of its fields; 12 for each name and its bytes, once.
    let most = 32 << 10;
    let within = |bytes: &[u8]| run_within(TemplateBuffer::with_limit(most), Decoder::new(), bytes, &[]);
    let define = |count: u64| {
        let own = |id: u64| format!("{id:060}");
        let file = (0..count).fold(File::new("REDIS0015"), |file, id| {
            file.number(242).lens(&[id, 2]).string([b'f'; 100]).string(own(id))
        });
        (0..count).fold(file, |file, id| file.number(32).string(id.to_string()).len(id).string("v").string("w")).end()
    };
    let count = (most as u64 - (12 + 100)) / (28 + 2 * 4 + 12 + 60);
    let (seen, end) = within(&define(count));
    assert!(end.is_ok() && seen.len() as u64 == 2 + count * 6, "{end:?}");
    let last = Seen::Text(redtail::rdb::Role::Field, format!("{:060}", count - 1).into_bytes());
    assert_eq!(seen[seen.len() - 4], last);
    let error = within(&define(count + 1)).1.unwrap_err();
    assert_eq!(
        error.kind.to_string(),
        "the hash templates of the snapshot need more than 32768 bytes of memory (Limits::templates)"
    );
    // A fixed memory has the same limit, and a decoder without memory reads no template.
    let fixed = |size: usize, bytes: &[u8]| {
        let (mut memory, mut input) = (vec![0; size], bytes);
        Decoder::new().with_templates(&mut memory[..]).batch(&mut input, |_| ControlFlow::Continue(())).map(|_| ())
    };
    assert_eq!(fixed(most, &define(count)), Ok(()));
    assert_eq!(fixed(most, &define(count + 1)), Err(error));
    let mut bytes = &define(1)[..];
    let none = Decoder::new().batch(&mut bytes, |_| ControlFlow::Continue(())).unwrap_err();
    assert_eq!(none, RdbError { kind: RdbErrorKind::Templates { limit: 0 }, offset: 9 });
    // Those inside of values take the memory only while their value is read.
    let names: Vec<String> = (0..100).map(|n| format!("{n:0100}")).collect();
    let inside = |file: File, other: &str| {
        let file = names.iter().fold(file.key(31, "h").lens(&[1, 101]).string(other), File::string);
        (0..101).fold(file, |file, n| file.string(n.to_string()))
    };
    let bytes = (0..50).fold(File::new("REDIS0015"), |file, n| inside(file, &format!("{n:0100}!"))).end();
    let (seen, end) = within(&bytes);
    assert_eq!((end, seen.len()), (Ok(bytes.len()), 2 + 50 * (2 + 202)));
    // Declared counts and lengths need no memory.
    says(File::new("REDIS0015").number(242).lens(&[1, u64::MAX]).raw([0]), "unknown string encoding 63", 21);
    let long = File::new("REDIS0015").number(242).lens(&[1, 1]).len(300 << 20).raw(b"f");
    says(long, "need more than 67108864 bytes", 12);
    let long = File::new("REDIS0015").number(242).lens(&[1, 1]).len(300 << 20).raw(b"f").end();
    let most = run_within(TemplateBuffer::with_limit(1 << 30), Decoder::new(), &long, &[]).1.unwrap_err();
    assert_eq!(most.kind, RdbErrorKind::Templates { limit: 256 << 20 });
}

/// Field names of any bytes and lengths, which are prefixes of others or differ in one bit.
#[test]
fn templates_share_names_of_any_bytes() {
    let mut names: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).collect();
    names.extend((0..40).map(|zeros| vec![0; zeros * 2 % 40]));
    names.extend((0..40).map(|end| [&vec![0xff; end][..], &[end as u8]].concat()));
    names.extend((0..300_u32).map(|n| (n.wrapping_mul(2_654_435_761)).to_be_bytes().to_vec()));
    let mut ids = Vec::new();
    let (mut file, mut expected) = (File::new("REDIS0015"), Vec::new());
    for n in 0..400_u64 {
        let id = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (n % 40);
        if ids.contains(&id) {
            continue;
        }
        let start = n as usize * 7 % (names.len() - 12);
        ids.push(id);
        file = names[start..start + 12].iter().fold(file.number(242).lens(&[id, 12]), File::string);
        expected.push(&names[start..start + 12]);
    }
    for id in &ids {
        file = (0..12).fold(file.number(32).string("k").len(*id), |file, _| file.string("v"));
    }
    let bytes = file.end();
    let distinct: std::collections::BTreeSet<&Vec<u8>> = names.iter().collect();
    let shared: usize = distinct.iter().map(|name| name.len() + 12).sum();
    let memory = TemplateBuffer::with_limit(ids.len() * (28 + 12 * 4) + shared);
    let (seen, end) = run_within(memory, Decoder::new(), &bytes, &[]);
    assert_eq!(end, Ok(bytes.len()));
    let fields =
        seen.iter().filter_map(|seen| if let Seen::Text(Role::Field, name) = seen { Some(name) } else { None });
    assert!(fields.eq(expected.into_iter().flatten()));
}

/// A name of more than 16 KiB is delivered in pieces, as every other text.
#[test]
fn templates_have_names_of_any_length() {
    let names = [vec![b'a'; 16_384], vec![b'b'; 16_385], vec![b'c'; 40_000], b"d".to_vec()];
    let compressed = |file: File, name: &[u8]| {
        let packed = crate::build::compress(name);
        file.raw([0xc3]).len(packed.len() as u64).len(name.len() as u64).raw(&packed)
    };
    let plain = names.iter().fold(File::new("REDIS0015").number(242).lens(&[1, 4]), File::string);
    let lzf = names.iter().fold(plain.number(242).lens(&[2, 4]), |file, name| compressed(file, name));
    let values = |file: File| (0..4).fold(file, |file, n| file.string(n.to_string()));
    let file = values(values(lzf.number(32).string("p").len(1)).number(32).string("q").len(2));
    let packed = listpack(&atoms![1, "v", "w", "x", "y"]);
    let inside = names
        .iter()
        .fold(file.number(30).string("r").string(&packed).number(31).string("s").lens(&[1, 4]), File::string);
    let bytes = values(inside).end();
    for cuts in [vec![], one_byte_at_a_time(&bytes)] {
        let (seen, end) = run(&bytes, &cuts);
        assert_eq!(end, Ok(bytes.len()));
        let fields =
            seen.iter().filter_map(|seen| if let Seen::Text(Role::Field, name) = seen { Some(name) } else { None });
        assert!(fields.eq([&names; 4].into_iter().flatten()));
    }
}

/// The largest part of a decoder is the window of compressed strings.
#[test]
fn the_sizes_are_what_the_pages_say() {
    assert!((52 << 10..54 << 10).contains(&size_of::<Decoder>()), "{}", size_of::<Decoder>());
    assert!(
        (105 << 10..107 << 10).contains(&size_of::<redtail::rdb::Dump<'_>>()),
        "{}",
        size_of::<redtail::rdb::Dump<'_>>()
    );
    assert!(size_of::<Decoder<TemplateBuffer>>() - size_of::<Decoder>() <= 64);
}

#[test]
fn invalid_compression_is_refused() {
    let packed =
        |length: u64, bytes: &[u8]| redis().key(0, "k").raw([0xc3]).len(bytes.len() as u64).len(length).raw(bytes);
    let at = 15;
    says(packed(5, b"\x00a\x40\x01"), "a reference points before the beginning", at + 2);
    says(packed(5, b"\x00a\x20\x00\x01bc"), "a run of literal bytes exceeds the declared length", at + 4);
    says(packed(3, b"\x00a\x20\x00"), "a reference exceeds the declared length", at + 2);
    says(packed(9, b"\x00a\x20\x00"), "it ends before the declared length is reached", at + 4);
    says(packed(9, b"\x00a\x20"), "it ends before the declared length is reached", at + 2);
    says(packed(9, b"\x00a\xe0\x00"), "it ends before the declared length is reached", at + 2);
    says(packed(9, b"\x05abc"), "a run of literal bytes exceeds the compressed bytes", at);
    says(packed(1, b"\x00abc"), "bytes are left over", at + 2);
    says(packed(0, b"\x00a"), "at least one byte", 12);
    says(packed(1, b""), "at least one byte", 12);
    // The same inside a packed value.
    let good = crate::build::compress(&listpack(&atoms!["aaaaaaaaaaaaaaaaa"]));
    let more = [&good[..], b"\x00x"].concat();
    let blob = redis().key(20, "s").raw([0xc3]).len(more.len() as u64).len(26).raw(&more);
    says(blob, "bytes are left over", at + good.len() as u64);
}

#[test]
fn invalid_packed_values_are_refused() {
    let set = |blob: &[u8]| redis().key(20, "s").string(blob);
    let list = |blob: &[u8]| redis().key(10, "l").string(blob);
    let (lp, zl) = (listpack(&atoms!["abc", 1]), ziplist(&atoms!["abc", 1]));
    let with = |blob: &[u8], at: usize, byte: u8| {
        let mut blob = blob.to_vec();
        blob[at] = byte;
        blob
    };
    says(set(&with(&lp, 0, 99)), "bytes of a packed value: 99 declared, 14 found", 13);
    says(set(&with(&lp, 4, 3)), "elements of a packed value: 3 declared, 2 found", 26);
    says(set(&with(&lp, 6, 0x8a)), "an element of at least 12 bytes exceeds its container, which has 8 bytes left", 19);
    says(set(&with(&lp, 10, 9)), "size after a listpack's element: 9 declared, 4 found", 19);
    says(set(&with(&lp, 13, 1)), "exceeds its container", 26);
    says(set(&with(&lp, 6, 0xff)), "bytes up to the end mark of a packed value: 14 declared, 7 found", 19);
    says(set(b"\x06\0\0\0\0"), "header of at least 6 bytes exceeds its container, which has 5 bytes left", 13);
    says(list(&with(&zl, 10, 7)), "length of the previous element in a ziplist: 7 declared, 0 found", 23);
    says(list(&with(&zl, 4, 11)), "position of the last element of a ziplist: 11 declared, 15 found", 30);
    says(list(&with(&zl, 11, 0x3f)), "exceeds its container", 23);
    says(redis().key(11, "s").string(&intset(4, &[1])[..11]), "bytes of a packed value: 12 declared, 11 found", 13);
    says(redis().key(9, "h").string(b"\x01\x01f\xff"), "elements of a packed value: 2 declared, 1 found", 16);
    says(redis().key(9, "h").string(b"\xfe\x01f\xff"), "a value for each field", 16);
    says(redis().key(16, "h").string(listpack(&atoms!["f"])), "whole rows", 23);
    says(redis().key(17, "z").string(listpack(&atoms!["f", "x"])), "invalid score: expected a number", 25);
    says(redis().key(16, "h").raw([0xc0, 7]), "found an integer", 12);
    // Nested: a valid compression of an invalid listpack.
    says(redis().key(20, "s").lzf(with(&lp, 0, 99)), "99 declared, 14 found", 15);
}

#[test]
fn invalid_streams_are_refused() {
    let stream = |atoms: &[crate::build::Atom]| {
        redis().key(15, "s").len(1).raw([16]).id(1, 1).string(listpack(atoms)).lens(&[0, 0, 0, 0])
    };
    let message = |atoms: &[crate::build::Atom]| error(stream(atoms)).0;
    assert!(message(&atoms![2, 0, 0, 0, 0, 0, 0, 0, 4]).contains("entries of a stream's node: 2 declared, 1 found"));
    assert!(message(&atoms![1, 1, 0, 0, 0, 0, 0, 0, 4]).contains("deleted entries of a stream's node: 1 declared"));
    assert!(message(&atoms![0, 0, 0, 1]).contains("0 after the shared fields"));
    assert!(message(&atoms![1, 0, 1, "f", 0, 2, 0, 0]).contains("whole entries"));
    assert!(message(&atoms![1, 0, -1]).contains("not below 0"));
    assert!(message(&atoms!["x"]).contains("an integer in a node's listpack"));
    says(redis().key(15, "s").len(1).string("short"), "a node's key of 16 bytes", 13);
}

#[test]
fn a_wrong_checksum_shows_both_sums() {
    let mut bytes = redis().key(0, "k").string("v").end();
    bytes[11] = b'l';
    let error = run(&bytes, &[]).1.unwrap_err();
    assert!(matches!(error.kind, RdbErrorKind::Checksum { .. }));
    assert_eq!(error.offset, bytes.len() as u64 - 8);
    let (seen, end) = run_with(Decoder::new().without_checksum(), &bytes, &[]);
    assert_eq!(end, Ok(bytes.len()));
    assert_eq!(format!("{:?}", seen.last().unwrap()), "End(Ignored)");
}

#[test]
fn damaged_values_are_skipped_on_request() {
    let mut broken = listpack(&atoms!["a", "b", "c", "d"]);
    broken[12] = 0xf5;
    let bad_text = [&[0xc3][..], &len(4), &len(50), b"\x00a\x40\x09"].concat();
    let long = [&[0xc3][..], &len(5), &len(1 << 40), b"\x01ab\xe0\x00"].concat();
    let bytes = redis()
        .key(16, "h")
        .string(&broken)
        .key(20, "s")
        .lzf(&broken)
        .key(18, "l")
        .lens(&[2, 2])
        .string(&broken)
        .len(1)
        .string("whole")
        .key(2, "t")
        .len(2)
        .raw(&bad_text)
        .string("member")
        .key(0, "u")
        .raw(&long)
        .key(0, "k")
        .string("v")
        .end();
    let (seen, end) = run_with(Decoder::new().skip_damaged(), &bytes, &[]);
    assert_eq!(end, Ok(bytes.len()));
    let told: Vec<String> = seen
        .iter()
        .map(|seen| match seen {
            Seen::Other(text) if text.starts_with("Skipped") => {
                text.split("bytes: ").last().unwrap().replace(" }", " skipped")
            }
            Seen::Other(text) => text.clone(),
            Seen::Text(_, bytes) | Seen::Key(bytes, _) | Seen::Raw(bytes) => String::from_utf8(bytes.clone()).unwrap(),
        })
        .collect();
    assert_eq!(
        told[1..].join(" "),
        "h a b 19 skipped KeyEnd s a b 20 skipped KeyEnd l a b 19 skipped whole KeyEnd t 4 skipped member KeyEnd \
         u ab 5 skipped KeyEnd k v KeyEnd End(Verified)"
    );
    assert_eq!(run_with(Decoder::new().skip_damaged(), &bytes, &one_byte_at_a_time(&bytes)), (seen, end));
}

#[test]
fn errors_have_offsets_in_the_whole_snapshot() {
    const LAST: u64 = i64::MAX as u64;
    // Offsets beyond the largest one can't be counted.
    for (begin, first) in [(1000, 1000), (LAST, LAST), (u64::MAX, LAST)] {
        let mut decoder = Decoder::new().starting_at(begin);
        let bytes = redis().number(100).0;
        let mut input = &bytes[..];
        assert!(matches!(decoder.next(&mut input), Ok(redtail::Status::Complete(Item::Start(_)))));
        let error = decoder.next(&mut input).unwrap_err();
        assert_eq!(error.offset, first + 9);
        assert!(error.to_string().ends_with(&format!(", at byte {}", first + 9)), "{error}");
    }
}

#[test]
fn huge_lengths_and_counts_wait_for_their_bytes() {
    const MANY: u64 = 1_000_000_000_000_000_000;
    for number in [1, 2, 3, 4, 5, 14, 15, 18, 22] {
        let (_, end) = run(&redis().key(number, "k").len(MANY).0, &[]);
        assert!(matches!(end.unwrap_err().kind, RdbErrorKind::Truncated(_)), "type {number}");
    }
    let bytes = redis().key(0, "k").len(MANY).raw([b'x'; 50_000]).0;
    let mut decoder = Decoder::new();
    let (mut input, mut taken) = (&bytes[..], 0);
    while let Ok(redtail::Status::Complete(item)) = decoder.next(&mut input) {
        if let Item::Text(text) = item {
            assert_eq!(text.length, MANY);
            taken += text.bytes.len();
        }
    }
    assert_eq!((taken, input), (50_000, &b""[..]));
    for packed in [9, 10, 11, 12, 13, 16, 17, 20] {
        let lie = redis().key(packed, "k").len(MANY).raw([0xff; 100]).0;
        assert!(run(&lie, &[]).1.is_err(), "type {packed}");
    }
}
