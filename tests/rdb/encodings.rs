//! Every type and encoding, written by hand: those that the recordings lack, and the limits of all.

use proptest::test_runner::{Config, TestRunner};
use redtail::rdb::{Item, Role};

use crate::build::{Atom, File, atoms, intset, listpack, lzf, ziplist, zipmap};
use crate::oracle;
use crate::run::{Seen, one_byte_at_a_time, run};

/// Names and snapshots. They are small enough to be cut and broken at every byte.
pub(crate) fn small() -> Vec<(&'static str, Vec<u8>)> {
    let redis = || File::new("REDIS0014");
    let newest = || File::new("REDIS0017");
    let valkey = || File::new("VALKEY081");
    let templates = || {
        let file = newest().number(242).lens(&[257, 2]).string("f").string("gg").number(242).lens(&[1, 2]);
        let file = file.raw([0xc0, 5]).lzf("ffffffffff");
        // In the same bucket as the first.
        file.number(242).lens(&[70_000, 1]).string("name").number(242).lens(&[513, 1]).string("h")
    };
    let entries = atoms![2, 1, 2, "f", "g", 0, 2, 0, 0, "1", -5, 5, 3, 1, 1, 2, "x", 5, 0, 5, -1, 1, "own", "v", 6];
    let stream = |number: u8| {
        let file = redis().key(number, "s").len(1).raw([16]).id(1_700_000_000_000, 3).string(listpack(&entries));
        let file = file.lens(&[2, 1_700_000_000_005, 2]);
        if number == 15 { file } else { file.lens(&[1_700_000_000_000, 3, 1_700_000_000_000, 4, 3]) }
    };
    let groups = |file: File, number: u8| {
        let mut file = file.len(2);
        for name in ["g1", "g2"] {
            file = file.string(name).lens(&[1_700_000_000_000, 3]);
            if number > 15 {
                file = file.len(if name == "g1" { u64::MAX } else { 7 });
            }
            file = file.len(1).id(1_700_000_000_000, 3).ms(123_456).len(9).len(1).string("consumer").ms(5);
            if number > 19 {
                file = file.ms(-1);
            }
            file = file.len(1).id(1_700_000_000_000, 3);
            if number == 27 {
                file = file.len(1).id(1, 2);
            }
        }
        if number >= 26 {
            file = file.lens(&[3600, 100, 1]).string("producer").len(1).string("key").lens(&[5, 6]).lens(&[11, 12]);
        }
        file.end()
    };
    let module =
        || File(Vec::new()).len(u64::MAX - 5).raw(b"\x01\x05\x02\x40\x41\x03abcd\x04abcdefgh\x05\xc1\x01\x02\x05");
    vec![
        ("nothing", redis().end()),
        ("version 1", File::new("REDIS0001").number(254).len(3).key(0, "k").string("v").end()),
        ("version 4", File::new("REDIS0004").number(253).raw([1, 0, 0, 128]).key(0, "k").string("v").end()),
        ("no checksum", redis().key(0, "k").string("v").number(255).raw([0; 8]).0),
        (
            "around a key",
            redis()
                .raw(b"\xfa\x09redis-ver\xc0\x07\xfe\x0f\xfb\x01\x01\xf4\x07\x02\x01\xfc")
                .ms(1_700_000_000_123)
                .raw(b"\xf9\x80\x00\x01k\x01v\xf8\x40\x64")
                .raw(b"\x00\x01l\x00\x00\x01m\x01v")
                .end(),
        ),
        (
            "early libraries",
            redis()
                .number(246)
                .string("lib1")
                .string("LUA")
                .len(0)
                .string("code 1")
                .number(246)
                .lzf("library_library_library_library")
                .lzf("LUALUALUALUALUALUALUALUALUA")
                .len(1)
                .lzf("description description description")
                .lzf("code code code code code code code")
                .raw(b"\xf6\xc0\x07\xc0\x08\x01\xc0\x09\xc0\x0a")
                .number(246)
                .string("")
                .string("")
                .len(0)
                .string("")
                .end(),
        ),
        (
            "opcodes of Redis Enterprise",
            redis().raw(b"\x6b\x05\x00\x01k\x01v\x79\x70\x00\x6b\x81\0\0\0\0\0\0\0\x02\x00\x01l\x01w").end(),
        ),
        ("integers", redis().raw(b"\x00\xc0\x80\xc1\x00\x80\x00\xc2\x00\x00\x00\x80\xc2\xff\xff\xff\x7f").end()),
        ("compressed name and value", redis().number(0).lzf("kkkkkkkkkk").lzf("abcabcabcabcabcabcabcd").end()),
        ("long lengths", redis().raw(b"\x00\x80\0\0\0\x01k\x81\0\0\0\0\0\0\0\x01v").end()),
        ("list", redis().key(1, "l").len(3).string("a").lzf("bbbbbbb").raw([0xc0, 200]).end()),
        ("set", redis().key(2, "s").len(2).string("a").string("").end()),
        ("old scores", old_scores()),
        ("hash", redis().key(4, "h").len(2).string("f").string("v").string("g").raw([0xc0, 1]).end()),
        (
            "scores",
            redis()
                .key(5, "z")
                .len(4)
                .string("a")
                .double(1.5)
                .string("b")
                .double(f64::INFINITY)
                .string("c")
                .double(f64::NAN)
                .string("d")
                .double(-0.0)
                .end(),
        ),
        ("module", redis().key(7, "m").raw(module().0).raw(lzf(b"xxxxxxx")).raw([0]).end()),
        ("zipmap", redis().key(9, "h").string(zipmap(&[(b"f", b"v", 0), (b"g", b"", 3), (b"", b"vvv", 1)])).end()),
        ("ziplist", redis().key(10, "l").string(ziplist(&numbers())).end()),
        ("ziplist, nothing in it", redis().key(10, "l").string(ziplist(&[])).end()),
        ("intset 2", redis().key(11, "s").string(intset(2, &[-32_768, -1, 0, 32_767])).end()),
        ("intset 4", redis().key(11, "s").lzf(intset(4, &[i64::from(i32::MIN), -1, 0, 70_000])).end()),
        ("intset 8", redis().key(11, "s").string(intset(8, &[i64::MIN, -1, 0, i64::MAX])).end()),
        ("zset ziplist", redis().key(12, "z").string(ziplist(&atoms!["a", 1, "b", "2.5", 7, "-inf"])).end()),
        ("hash ziplist", redis().key(13, "h").lzf(ziplist(&atoms!["a", 1, "b", "2.5", 7, "aaaaaaaaaaaaa"])).end()),
        (
            "quicklist",
            redis().key(14, "l").len(2).string(ziplist(&atoms!["a", 1])).lzf(ziplist(&atoms!["a", "aaaaaaaaaa"])).end(),
        ),
        ("hash listpack", redis().key(16, "h").string(listpack(&numbers())).end()),
        ("zset listpack", redis().key(17, "z").lzf(listpack(&atoms!["a", 1, "b", "2.5", 7, "nan"])).end()),
        (
            "quicklist 2",
            redis()
                .key(18, "l")
                .len(4)
                .len(1)
                .string("plain")
                .len(2)
                .string(listpack(&atoms!["a", 1]))
                .len(1)
                .lzf("ppppppppp")
                .len(2)
                .lzf(listpack(&atoms!["aaaaaaaaaaaaa", "b"]))
                .end(),
        ),
        ("set listpack", redis().key(20, "s").string(listpack(&atoms!["a", 1, ""])).end()),
        ("stream 1", groups(stream(15), 15)),
        ("stream 2", groups(stream(19), 19)),
        ("stream 3", groups(stream(21), 21)),
        ("stream 4", groups(stream(26), 26)),
        ("stream 5", groups(stream(27), 27)),
        ("stream without entries or groups", redis().key(21, "s").len(0).lens(&[0, 5, 1, 0, 0, 5, 1, 1, 0]).end()),
        ("hash 22", redis().key(22, "h").len(2).len(0).string("f").string("v").len(99).string("g").string("w").end()),
        ("hash 23", redis().key(23, "h").string(listpack(&atoms!["f", "v", 0, "g", "w", 1_700_000_000_000])).end()),
        (
            "hash 24",
            redis()
                .key(24, "h")
                .ms(1_700_000_000_000)
                .len(2)
                .len(0)
                .string("f")
                .string("v")
                .len(99)
                .string("g")
                .string("w")
                .end(),
        ),
        (
            "hash 25",
            redis()
                .key(25, "h")
                .ms(1_700_000_000_000)
                .lzf(listpack(&atoms!["ffffffffff", "v", 0, "g", "w", 1_700_000_000_000]))
                .end(),
        ),
        (
            "array",
            redis()
                .key(28, "a")
                .lens(&[4, 1, 17])
                .lens(&[0, 0])
                .string("v")
                .lens(&[5, 1])
                .ms(-5)
                .lens(&[9, 2])
                .double(2.5)
                .lens(&[10, 3])
                .lzf("vvvvvvvvv")
                .key(28, "b")
                .lens(&[0, 0])
                .end(),
        ),
        (
            "doubles",
            [3.0, 0.1, -0.0, 1e16, -1.25e-7, 5e-324, f64::MAX]
                .iter()
                .zip(0..)
                .fold(redis().key(28, "a").lens(&[7, 0]), |file, (value, index)| file.lens(&[index, 2]).double(*value))
                .end(),
        ),
        ("rate", redis().key(29, "g").len(1 << 40).end()),
        ("rate, later", newest().key(33, "g").len(1 << 40).end()),
        (
            "hash templates",
            templates()
                .key(30, "a")
                .string(listpack(&atoms![1, "x", -7]))
                .key(30, "b")
                .lzf(listpack(&atoms![70_000, "xxxxxxxxxxxxxxxx"]))
                .key(32, "c")
                .len(1)
                .lzf("xxxxxxxxxx")
                .raw([0xc0, 1])
                .key(32, "d")
                .len(257)
                .string("one")
                .string("two")
                .end(),
        ),
        (
            "hash template inside",
            templates()
                .key(29, "a")
                .len(0)
                .string(listpack(&atoms!["f", 7]))
                .string(listpack(&atoms![0, "x", ""]))
                .key(29, "b")
                .lens(&[1, 2])
                .string("g")
                .lzf("gggggggggg")
                .lzf(listpack(&atoms![0, "xxxxxxxxxx", 5]))
                .key(31, "c")
                .len(0)
                .lzf(listpack(&atoms!["ffffffffff", "g"]))
                .string("x")
                .string("y")
                .key(31, "d")
                .lens(&[1, 1])
                .string("f")
                .raw([0xc0, 1])
                .key(30, "e")
                .string(listpack(&atoms![1, "x", "y"]))
                .end(),
        ),
        (
            "set 34",
            newest()
                .raw([241])
                .key(34, "s")
                .ms(1_700_000_000_000)
                .string(listpack(&atoms!["m", 1_700_000_000_000, 7, 1_700_000_000_001, "", 0]))
                .key(2, "t")
                .len(1)
                .string("m")
                .end(),
        ),
        (
            "set 35",
            newest()
                .key(35, "s")
                .ms(1_700_000_000_000)
                .lens(&[3, 1])
                .string("m")
                .len(99)
                .lzf("mmmmmmmmmm")
                .len(0)
                .raw([0xc0, 1])
                .end(),
        ),
        (
            "path hash",
            valkey()
                .key(23, "p")
                .len(2)
                .string("")
                .len(1)
                .string("f")
                .string("v")
                .lzf("/a")
                .len(2)
                .string("f")
                .lzf("vvvvvvvvvv")
                .raw([0xc0, 1])
                .string("")
                .key(23, "q")
                .len(0)
                .end(),
        ),
        ("function", redis().number(245).string("#!lua name=f").number(245).lzf("function function").end()),
        (
            "module's own",
            redis().raw(b"\xf7\x81abcdefgh\x02\x01").raw(b"\x05\x03abc\x00").key(0, "k").string("v").end(),
        ),
        (
            "metadata",
            redis()
                .raw(b"\xfc")
                .ms(5)
                .raw(b"\xf3\x02clas\x02\x07\x00ssal\x00")
                .key(0, "k")
                .string("v")
                .key(0, "l")
                .string("v")
                .end(),
        ),
        (
            "valkey hash 22",
            valkey().key(22, "h").len(2).string("f").string("v").ms(-1).string("g").lzf("wwwwwww").ms(99).end(),
        ),
        ("slot import", valkey().number(243).string([b'a'; 40]).lens(&[2, 0, 5, 7, 16_383]).end()),
        ("command", valkey().number(242).raw("*2\r\n$3\r\nDEL\r\n$0\r\n\r\n").key(0, "k").string("v").end()),
    ]
}

fn old_scores() -> Vec<u8> {
    let file = File::new("REDIS0003").key(3, "z").len(5).string("a").raw(b"\x061.5e-5").string("b").raw([253]);
    file.string("c").raw([254]).string("d").raw([255]).string("e").raw(b"\x0217").end()
}

/// Integers and strings of every width.
fn numbers() -> Vec<Atom> {
    let mut atoms: Vec<Atom> = [0, 12, 13, 127, 128, -1, 4095, 4096, -4096, -4097, 32_767, -32_768, 32_768]
        .into_iter()
        .chain([-32_769, 8_388_607, 8_388_608, -8_388_608, -8_388_609, i64::from(i32::MAX), i64::from(i32::MIN)])
        .chain([1 << 31, i64::MAX, i64::MIN, -128])
        .map(Atom::Int)
        .collect();
    atoms.extend([0, 1, 63, 64, 126].map(|length| Atom::Str(vec![b'x'; length])));
    atoms.extend(atoms!["last"]);
    assert!(atoms.len().is_multiple_of(2));
    atoms
}

/// Values longer than the decoder's own buffers, plain and compressed.
pub(crate) fn large() -> Vec<(&'static str, Vec<u8>)> {
    let redis = || File::new("REDIS0014");
    let noise = |length: usize| -> Vec<u8> {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..length).map(|_| next()).collect()
    };
    // Repetitions with a period of nearly the whole window, and with a short one.
    let far = |length: usize| -> Vec<u8> { noise(8192).into_iter().cycle().take(length).collect() };
    let near = |length: usize| -> Vec<u8> { b"abcdefghijk".iter().copied().cycle().take(length).collect() };
    let sizes = [16_383, 16_384, 16_385, 40_000, 100_000];
    let texts: Vec<Vec<u8>> = sizes.iter().flat_map(|&size| [noise(size), far(size), near(size)]).collect();
    let strings =
        texts.iter().fold(redis(), |file, text| file.number(0).string(&text[..20_000.min(text.len())]).string(text));
    let packed = texts.iter().fold(redis(), |file, text| file.number(0).lzf(&text[..20_000.min(text.len())]).lzf(text));
    let elements: Vec<Atom> = texts.iter().map(|text| Atom::Str(text.clone())).chain(numbers()).collect();
    let rows: Vec<Atom> = (0..20_000).flat_map(|n| atoms![n, format!("value of {n}").as_str()]).collect();
    let fields: Vec<(&[u8], &[u8], u8)> = texts.iter().map(|text| (&text[..text.len() / 3], &text[..], 250)).collect();
    let many: Vec<i64> = (0..70_000).collect();
    let name = |length: usize| Atom::Str(near(length));
    // The shared names fit exactly, then are one byte too long, then one of them is longer than any whole string.
    let shared = |lengths: &[usize]| {
        let mut atoms = atoms![2, 1, lengths.len() as i64].to_vec();
        atoms.extend(lengths.iter().map(|length| name(*length)));
        atoms.extend(atoms![0]);
        for flags in [2, 3, 2] {
            atoms.extend(atoms![flags, 1, 1]);
            atoms.extend(lengths.iter().map(|length| name(*length * 3)));
            atoms.extend(atoms![lengths.len() as i64 + 3]);
        }
        listpack(&atoms)
    };
    let nodes = [shared(&[4094, 4094]), shared(&[4094, 4095]), shared(&[20_000, 5])];
    let stream = |pack: fn(&[u8]) -> Vec<u8>| {
        let file = nodes.iter().fold(redis().key(15, "s").len(3), |file, node| file.raw([16]).id(5, 5).raw(pack(node)));
        file.lens(&[6, 5, 9, 0]).end()
    };
    let early = texts.iter().fold(redis(), |file, text| {
        let file = file.number(246).string("name").string("LUA").len(1).lzf(text).string(text);
        file.number(246).string("name").string("LUA").len(1).string(text).lzf(text)
    });
    let plain = crate::build::string;
    vec![
        ("strings", strings.end()),
        ("compressed strings", packed.end()),
        ("long list", redis().key(10, "l").string(ziplist(&elements)).end()),
        ("long list, compressed", redis().key(10, "l").lzf(ziplist(&elements)).end()),
        ("long listpack", redis().key(20, "l").string(listpack(&elements)).end()),
        ("long listpack, compressed", redis().key(20, "l").lzf(listpack(&elements)).end()),
        ("long hash", redis().key(16, "h").string(listpack(&rows)).end()),
        ("long hash, compressed", redis().key(16, "h").lzf(listpack(&rows)).end()),
        ("long hash, old, compressed", redis().key(13, "h").lzf(ziplist(&rows)).end()),
        ("zipmap", redis().key(9, "h").string(zipmap(&fields)).end()),
        ("zipmap, compressed", redis().key(9, "h").lzf(zipmap(&fields)).end()),
        ("intset", redis().key(11, "s").string(intset(4, &many)).end()),
        ("intset, compressed", redis().key(11, "s").lzf(intset(8, &many)).end()),
        ("stream", stream(plain)),
        ("stream, compressed", stream(lzf)),
        ("module", redis().key(7, "m").len(5).raw([5]).string(&texts[12]).raw([5]).lzf(&texts[13]).raw([0]).end()),
        ("early libraries with long code", early.end()),
        ("function", redis().number(245).string(&texts[12]).number(245).lzf(&texts[13]).end()),
    ]
}

fn check(name: &str, bytes: &[u8], cuts: &[usize], expected: &(Vec<Seen>, usize)) {
    let (seen, end) = run(bytes, cuts);
    let first = seen.iter().zip(&expected.0).find(|(found, wanted)| found != wanted);
    assert!(first.is_none(), "{name}: (found, wanted) {first:?}");
    assert_eq!(end, Ok(expected.1), "{name}: last {:?}", seen.last());
    assert_eq!(seen.len(), expected.0.len(), "{name}");
}

#[test]
fn encodings_agree_with_the_oracle_however_cut() {
    for (name, bytes) in small().into_iter().chain(large()) {
        let expected = oracle::read(&bytes);
        assert_eq!(expected.1, bytes.len(), "{name}");
        check(name, &bytes, &[], &expected);
        check(name, &bytes, &one_byte_at_a_time(&bytes), &expected);
        let cuts = proptest::collection::vec(0..=bytes.len(), 0..40);
        let mut runner = TestRunner::new(Config { cases: 8, failure_persistence: None, ..Config::default() });
        runner
            .run(&cuts, |mut cuts| {
                cuts.sort_unstable();
                check(name, &bytes, &cuts, &expected);
                Ok(())
            })
            .unwrap();
    }
}

fn seen(name: &str) -> Vec<Seen> {
    let (_, bytes) = small().into_iter().find(|(found, _)| *found == name).unwrap();
    let (seen, end) = run(&bytes, &[]);
    assert_eq!(end, Ok(bytes.len()));
    // Without the start and the end, which are always the same.
    seen[1..seen.len() - 1].to_vec()
}

fn text(role: Role, text: &str) -> Seen {
    Seen::Text(role, text.into())
}

fn other(item: Item<'_>) -> Seen {
    Seen::Other(format!("{item:?}"))
}

fn key(name: &str, facts: &str) -> Seen {
    Seen::Key(name.into(), facts.into())
}

// The oracle's result, once in a form that a person can check.

#[test]
fn early_libraries_begin_with_their_engine_and_name() {
    assert_eq!(
        seen("early libraries"),
        [
            text(Role::Function, "#!LUA name=lib1\ncode 1"),
            text(
                Role::Function,
                "#!LUALUALUALUALUALUALUALUALUA name=library_library_library_library\n\
                 code code code code code code code"
            ),
            text(Role::Function, "#!8 name=7\n10"),
            text(Role::Function, "#! name=\n"),
        ]
    );
}

#[test]
fn opcodes_of_redis_enterprise_are_passed_over() {
    let name = |name| key(name, "String db 0 type 0 expires None idle None frequency None");
    assert_eq!(
        seen("opcodes of Redis Enterprise"),
        [
            other(Item::Foreign { number: 107, value: 5 }),
            name("k"),
            text(Role::Value, "v"),
            other(Item::KeyEnd),
            other(Item::Foreign { number: 121, value: 0x3000 }),
            other(Item::Foreign { number: 107, value: 2 }),
            name("l"),
            text(Role::Value, "w"),
            other(Item::KeyEnd),
        ]
    );
}

#[test]
fn attributes_belong_to_the_next_key_alone() {
    assert_eq!(
        seen("around a key"),
        [
            text(Role::AuxName, "redis-ver"),
            text(Role::AuxValue, "7"),
            other(Item::Database(15)),
            other(Item::Sizes { keys: 1, expires: 1 }),
            other(Item::Slot { slot: 7, keys: 2, expires: 1 }),
            key("k", "String db 15 type 0 expires Some(1700000000123) idle None frequency Some(128)"),
            text(Role::Value, "v"),
            other(Item::KeyEnd),
            key("l", "String db 15 type 0 expires None idle Some(100) frequency None"),
            text(Role::Value, ""),
            other(Item::KeyEnd),
            key("m", "String db 15 type 0 expires None idle None frequency None"),
            text(Role::Value, "v"),
            other(Item::KeyEnd),
        ]
    );
}

#[test]
fn expiries_of_fields_follow_the_field() {
    let hash = |number: u8, at_ms: i64| {
        [
            key("h", &format!("Hash db 0 type {number} expires None idle None frequency None")),
            text(Role::Field, "f"),
            text(Role::FieldValue, "v"),
            text(Role::Field, "g"),
            text(Role::FieldValue, "w"),
            other(Item::FieldExpiry { at_ms }),
            other(Item::KeyEnd),
        ]
    };
    assert_eq!(seen("hash 22"), hash(22, 99));
    assert_eq!(seen("hash 23"), hash(23, 1_700_000_000_000));
    assert_eq!(seen("hash 24"), hash(24, 1_700_000_000_098));
}

#[test]
fn deleted_entries_are_skipped_and_names_repeated() {
    let (_, bytes) = small().into_iter().find(|(found, _)| *found == "stream 1").unwrap();
    let (seen, _) = run(&bytes, &[]);
    let entries: Vec<String> =
        seen.iter().map(|seen| format!("{seen:?}")).filter(|text| text.starts_with("Entry")).collect();
    assert_eq!(
        entries,
        [
            "Entry(Entry { id: StreamId { ms: 1700000000000, seq: 3 }, fields: 2, named: true })",
            "EntryField f (1)",
            "EntryValue 1 (1)",
            "EntryField g (1)",
            "EntryValue -5 (2)",
            "Entry(Entry { id: StreamId { ms: 1700000000005, seq: 2 }, fields: 1, named: true })",
            "EntryField own (3)",
            "EntryValue v (1)",
        ]
    );
}
