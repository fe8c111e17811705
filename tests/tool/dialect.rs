//! `--target-version`: what older servers, or the other product, do not understand.

use redtail::rdb::Crc64;

use crate::run::{command, commands, run, run_on};
use crate::snapshots::small;
use crate::target_filters::for_target;

/// The message is a part of the only line on standard error. Empty: there is none.
#[test]
fn each_command_becomes_what_the_target_understands() {
    let old = "redis-7.0";
    for (target, line, expected, message) in [
        (old, "SET k v", "SET k v", ""),
        (old, "SET k IFEQ IFEQ x", "SET k IFEQ", ""),
        (old, "SET k v PXAT 4000000000000", "SET k v PXAT 4000000000000", ""),
        ("valkey-8.1", "SET k v IFEQ x", "SET k v IFEQ x", ""),
        ("valkey-8.1", "SET k v IFNE x", "SET k v", ""),
        ("redis-8.4", "DELEX k", "DELEX k", ""),
        (old, "DELEX k", "DEL k", ""),
        ("valkey-9.1", "DELEX k", "DEL k", ""),
        (old, "DELIFEQ k v", "DEL k", ""),
        (old, "MSETEX 2 a 1 b 2 NX PXAT 4000000000000", "SET a 1 PXAT 4000000000000|SET b 2 PXAT 4000000000000", ""),
        (old, "MSETEX 1 a NX KEEPTTL", "SET a NX KEEPTTL", ""),
        ("valkey-9.1", "MSETEX 1 a 1 KEEPTTL", "MSETEX 1 a 1 KEEPTTL", ""),
        ("redis-7.4", "HSETEX h PXAT 9 FIELDS 2 f 1 g 2", "HSET h f 1 g 2|HPEXPIREAT h 9 FIELDS 2 f g", ""),
        ("redis-7.4", "HSETEX h FNX FIELDS 1 f PXAT", "HSET h f PXAT", ""),
        (
            "redis-7.4",
            "HSETEX h KEEPTTL FIELDS 1 f 1",
            "HSET h f 1",
            "redis-7.4 does not have HSETEX with KEEPTTL: the fields",
        ),
        (old, "HSETEX h PXAT 9 FIELDS 1 f 1", "HSET h f 1", "redis-7.0 does not have the expiry of hash fields"),
        (old, "HPEXPIREAT h 9 FIELDS 1 f", "", "redis-7.0 does not have the expiry of hash fields"),
        ("valkey-9.0", "HPEXPIREAT h 9 FIELDS 1 f", "HPEXPIREAT h 9 FIELDS 1 f", ""),
        ("valkey-8.1", "HPERSIST h FIELDS 1 f", "", ""),
        ("valkey-9.0", "HGETDEL h FIELDS 2 f g", "HDEL h f g", ""),
        (old, "SPEXPIREAT s 9 MEMBERS 1 m", "", "the expiry of set members"),
        (old, "VADD v VALUES 1 1 e", "", "vector sets"),
        ("redis-8.0", "VADD v VALUES 1 1 e", "VADD v VALUES 1 1 e", ""),
        (old, "ARSET a 1 x", "", "arrays"),
        (old, "PHSET p a f v", "", "path hashes"),
        (old, "BITOP ONE d a b", "DEL d", "BITOP DIFF, DIFF1, ANDOR and ONE"),
        (old, "BITOP AND d a b", "BITOP AND d a b", ""),
        (old, "ZUNIONSTORE d 1 a AGGREGATE COUNT", "DEL d", "AGGREGATE COUNT"),
        (old, "GEOSEARCHSTORE d a BYPOLYGON 3 1 1 2 2 3 3", "DEL d", "BYPOLYGON"),
        (old, "XADD s KEEPREF MAXLEN = 3 1-1 KEEPREF DELREF", "XADD s MAXLEN = 3 1-1 KEEPREF DELREF", ""),
        (old, "XADD s MAXLEN = 3 DELREF 1-1 f v", "XADD s MAXLEN = 3 1-1 f v", "references in consumer groups"),
        (old, "XTRIM s MAXLEN = 3 ACKED", "XTRIM s MAXLEN = 3", "references in consumer groups"),
        (old, "XDELEX s KEEPREF IDS 2 1-1 2-1", "XDEL s 1-1 2-1", ""),
        (old, "XDELEX s DELREF IDS 1 1-1", "XDEL s 1-1", "references in consumer groups"),
        (old, "XDELEX s ACKED IDS 2 1-1 2-1", "", "references in consumer groups"),
        (old, "XACKDEL s g IDS 1 1-1", "XACK s g 1-1|XDEL s 1-1", ""),
        (old, "XACKDEL s g ACKED IDS 1 1-1", "XACK s g 1-1", "references in consumer groups"),
        (old, "XADD s IDMP p i 1-1 f v", "XADD s 1-1 f v", "the idempotency ids of streams"),
        (old, "XNACK s g FAIL IDS 1 1-1", "", "redis-7.0 does not have XNACK: entries stay"),
        ("redis-6.2", "XGROUP CREATE s g 0 MKSTREAM ENTRIESREAD 5", "XGROUP CREATE s g 0 MKSTREAM", ""),
        ("redis-6.2", "XSETID s 1-1 ENTRIESADDED 5 MAXDELETEDID 0-1", "XSETID s 1-1", ""),
        ("redis-6.2", "PEXPIREAT k 9 NX", "PEXPIREAT k 9", ""),
        (old, "BLMOVEM a b LEFT RIGHT 0", "", "redis-7.0 does not have BLMOVEM: this command is left out"),
        ("redis-6.2", "SADDEX s 9 m", "", "redis-6.2 does not have SADDEX"),
        ("valkey-9.1", "BZMOVE a b m", "", "valkey-9.1 does not have BZMOVE"),
        ("valkey-9.1", "ZMOVEMEMBER a b m", "", "valkey-9.1 does not have ZMOVEMEMBER"),
        (
            old,
            "NOSUCH a b",
            "NOSUCH a b",
            "NOSUCH is printed as it is: it is in no table of redtail, and redis-7.0 may",
        ),
        ("valkey-9.1", "XGROUP DESTROY s g", "XGROUP DESTROY s g", ""),
        ("redis-6.2", "PEXPIREAT k 9 XX GT", "PEXPIREAT k 9", ""),
        ("redis-6.2", "PEXPIREAT k 9 LT XX", "PEXPIREAT k 9", ""),
        ("redis-7.0", "PEXPIREAT k 9 LT XX", "PEXPIREAT k 9 LT XX", ""),
        // Names of options that are data.
        ("valkey-8.1", "SET k v IFEQ IFNE", "SET k v IFEQ IFNE", ""),
        (old, "SET k v IFEQ IFNE", "SET k v", ""),
        (old, "SET k v KEEPTTL IFEQ PXAT", "SET k v KEEPTTL", ""),
        (old, "ZUNIONSTORE d 2 AGGREGATE COUNT", "ZUNIONSTORE d 2 AGGREGATE COUNT", ""),
        (old, "ZINTERSTORE d 2 a b WEIGHTS 1 2 AGGREGATE COUNT", "DEL d", "redis-7.0 does not have AGGREGATE COUNT"),
        (
            old,
            "GEOSEARCHSTORE d s FROMMEMBER BYPOLYGON BYRADIUS 1 km",
            "GEOSEARCHSTORE d s FROMMEMBER BYPOLYGON BYRADIUS 1 km",
            "",
        ),
        (old, "XTRIM KEEPREF MAXLEN ~ 3 LIMIT 9 KEEPREF", "XTRIM KEEPREF MAXLEN ~ 3 LIMIT 9", ""),
        (old, "XACKDEL s IDS IDS 1 1-1", "XACK s IDS 1-1|XDEL s 1-1", ""),
        ("redis-6.2", "FUNCTION FLUSH", "", ""),
        ("redis-6.2", "FUNCTION LOAD x", "", "functions"),
        ("redis-6.2", "SPUBLISH c m", "", "redis-6.2 does not have sharded channels"),
        ("valkey-9.1", "JSON.SET k $ 1", "JSON.SET k $ 1", "are printed unchanged: valkey-9.1 needs these modules"),
        ("redis-8.12", "SPEXPIREAT s 9 MEMBERS 1 m", "SPEXPIREAT s 9 MEMBERS 1 m", ""),
    ] {
        let (out, errors) = for_target(&["--target-version", target], &commands(&["SELECT 0", "MULTI", line, "EXEC"]));
        let expected = ["SELECT 0", "MULTI", expected, "EXEC"].into_iter().filter(|part| !part.is_empty());
        assert_eq!(out, expected.collect::<Vec<_>>().join("|"), "{target}: {line}");
        let expected = usize::from(!message.is_empty());
        assert!(errors.contains(message) && errors.lines().count() == expected, "{target}: {line}: {errors}");
    }
}

/// A payload of this version.
fn payload(value: &[u8], version: u16, has_checksum: bool) -> Vec<u8> {
    let mut bytes = [value, &version.to_le_bytes()].concat();
    let crc = if has_checksum { Crc64::new().update(&bytes).value() } else { 0 };
    bytes.extend(crc.to_le_bytes());
    bytes
}

#[test]
fn payloads_get_the_version_of_the_target_or_are_opened() {
    let string = b"\x00\x03abc";
    // A hash with one field that expires, with its expiry times inside: only since Redis 7.4.
    let hash = [&b"\x18"[..], &4_000_000_000_000_u64.to_le_bytes(), b"\x01\x01\x01f\x01v"].concat();
    let restore =
        |bytes: &[u8], rest: &[&[u8]]| command(&[&[&b"RESTORE"[..], b"k", rest[0], bytes], &rest[1..]].concat());
    let on = |target: &str, input: Vec<u8>| {
        let input = [commands(&["SELECT 0"]), input].concat();
        let ran = run_on(&["decode", "--format", "resp", "--target-version", target], &input).ok();
        (ran.out[23..].to_vec(), ran.err)
    };
    for (target, version, made) in [
        ("redis-7.0", 10, 10),
        ("redis-7.0", 9, 9),
        ("redis-7.0", 15, 10),
        ("redis-7.0", 80, 10),
        ("redis-8.10", 80, 11),
        ("redis-6.2", 11, 9),
        ("valkey-9.1", 80, 80),
        ("valkey-9.1", 11, 11),
        ("valkey-9.1", 12, 11),
        ("valkey-8.1", 80, 11),
    ] {
        let input = restore(&payload(string, version, true), &[b"0", b"REPLACE"]);
        let expected = restore(&payload(string, made, true), &[b"0", b"REPLACE"]);
        assert_eq!(on(target, input), (expected, String::new()), "{target}, {version}");
    }
    let input = restore(&payload(&hash, 12, true), &[b"5000000000000", b"REPLACE", b"ABSTTL"]);
    let opened =
        commands(&["DEL k", "HSET k f v", "HPEXPIREAT k 4000000000000 FIELDS 1 f", "PEXPIREAT k 5000000000000"]);
    assert_eq!(on("valkey-9.1", input.clone()), (opened, String::new()));
    assert_eq!(on("redis-7.4", input.clone()).0, input);
    let (out, errors) = on("redis-7.0", restore(&payload(&hash, 12, true), &[b"7000"]));
    assert_eq!(out, commands(&["HSET k f v", "PEXPIRE k 7000"]));
    assert!(errors.contains("redis-7.0 does not have the expiry of hash fields"), "{errors}");
    // Functions.
    let library = payload(b"\xf5\x0d#!lua name=l\n", 12, true);
    let input = command(&[b"FUNCTION", b"RESTORE", &library, b"FLUSH"]);
    let expected = command(&[b"FUNCTION", b"RESTORE", &payload(b"\xf5\x0d#!lua name=l\n", 10, true), b"FLUSH"]);
    assert_eq!(on("redis-7.0", input.clone()).0, expected);
    assert_eq!(on("redis-6.2", input).0, b"");
}

/// Large commands are examined as far as their names decide, and pass otherwise.
#[test]
fn large_commands_pass_through_the_dialect() {
    let value = vec![b'v'; 3_000_000];
    let input = [
        commands(&["SELECT 0"]),
        command(&[b"SET", b"k", &value]),
        command(&[b"VADD", b"v", &value]),
        command(&[b"MSETEX", b"1", b"k", &value[..500_000], b"KEEPTTL"]),
        command(&[b"DELEX", b"k"]),
    ]
    .concat();
    let ran = run_on(&["decode", "--format", "resp", "--target-version", "redis-7.0"], &input).ok();
    let expected = [
        commands(&["SELECT 0"]),
        command(&[b"SET", b"k", &value]),
        command(&[b"SET", b"k", &value[..500_000], b"KEEPTTL"]),
        commands(&["DEL k"]),
    ];
    assert!(ran.out == expected.concat());
    assert!(ran.err.contains("vector sets") && ran.err.lines().count() == 1, "{}", ran.err);
}

/// A type that redis-7.0 does not know, with a value that is not of this type.
#[test]
fn a_payload_that_can_not_be_opened_says_why() {
    let damaged = command(&[b"RESTORE", b"r", b"0", &payload(b"\x19\x05value", 12, true)]);
    let input = [commands(&["SELECT 0"]), damaged].concat();
    let ran = run_on(&["decode", "--format", "resp", "--target-version", "redis-7.0"], &input).ok();
    assert_eq!(ran.out, commands(&["SELECT 0"]));
    let shown = "redtail: the payload of a RESTORE can't be opened for redis-7.0 (";
    assert!(ran.err.starts_with(shown) && ran.err.contains(", at byte "), "{}", ran.err);
    assert!(ran.err.ends_with("): those keys are missing\n"), "{}", ran.err);
}

/// Held in memory, up to 64 MiB.
#[test]
fn large_commands_are_examined() {
    let value = vec![b'v'; 3_000_000];
    let input = [
        commands(&["SELECT 0"]),
        command(&[b"MSETEX", b"2", b"a", &value, b"b", &value, b"PXAT", b"4000000000000"]),
        command(&[b"XADD", b"s", b"KEEPREF", b"1-1", b"f", &value]),
        command(&[b"SET", b"k", &value, b"IFEQ", b"x"]),
    ];
    let ran = run_on(&["decode", "--format", "resp", "--target-version", "redis-7.0"], &input.concat()).ok();
    let expected = [
        commands(&["SELECT 0"]),
        command(&[b"SET", b"a", &value, b"PXAT", b"4000000000000"]),
        command(&[b"SET", b"b", &value, b"PXAT", b"4000000000000"]),
        command(&[b"XADD", b"s", b"1-1", b"f", &value]),
        command(&[b"SET", b"k", &value]),
    ];
    assert!(ran.out == expected.concat());
    assert_eq!(ran.err, "");
}

/// Larger ones are rewritten as they arrive, where their beginning and their end are enough.
#[test]
fn commands_too_large_to_hold_are_rewritten_as_they_arrive() {
    let large = vec![b'v'; 65 << 20];
    let string = [&b"\x00\x80"[..], &u32::try_from(large.len()).unwrap().to_be_bytes(), &large].concat();
    let set = |key: &[u8], options: &[&[u8]]| command(&[&[b"SET", key, &large], options].concat());
    let kept = |key: &[u8]| set(key, &[b"KEEPTTL"]);
    let target = "redis-7.0";
    let unchanged =
        |what: &str| format!("redtail: {what} is larger than 64 MiB, and printed as it is: {target} may refuse it\n");
    let restore = |version| command(&[b"RESTORE", b"r", b"0", &payload(&string, version, true), b"REPLACE"]);
    let mut hash = string.clone();
    hash[0] = 25;
    // One at a time: a process of 32 bits has no room for all of them.
    let check = |line: Vec<u8>, expected: Vec<u8>, message: String| {
        // What follows is read from its first byte.
        let input = [commands(&["SELECT 0"]), line.clone(), commands(&["DELEX k"])].concat();
        let ran = run_on(&["decode", "--format", "resp", "--target-version", target], &input).ok();
        let name = String::from_utf8_lossy(&line[..60]).into_owned();
        assert!(ran.out == [commands(&["SELECT 0"]), expected, commands(&["DEL k"])].concat(), "{name}");
        let summary = "redtail: 1 commands of more than 64 MiB are printed unchanged: redis-7.0 may refuse them\n";
        let form = "redtail: a command is too large to find out whether clients may send it: it is printed as it is\n";
        let form = if name.contains("RESTORE") { form } else { "" };
        let summary = if message.is_empty() { "" } else { summary };
        assert_eq!(ran.err, format!("{form}{message}{summary}"), "{name}");
    };
    check(set(b"k", &[b"IFEQ", b"x"]), [kept(b"k"), commands(&["PERSIST k"])].concat(), String::new());
    let expected = [kept(b"k"), commands(&["PEXPIREAT k 9"])].concat();
    check(set(b"k", &[b"IFDEQ", b"PXAT", b"pxat", b"9"]), expected, String::new());
    check(set(b"k", &[b"IFNE", &large[..100], b"KEEPTTL"]), kept(b"k"), String::new());
    check(
        command(&[b"XADD", b"s", b"KEEPREF", b"MAXLEN", b"=", b"3", b"1-1", b"KEEPREF", &large]),
        command(&[b"XADD", b"s", b"MAXLEN", b"=", b"3", b"1-1", b"KEEPREF", &large]),
        String::new(),
    );
    check(restore(80), restore(10), String::new());
    check(restore(9), restore(9), String::new());
    check(command(&[b"RESTORE", b"r", b"0", &payload(&string, 9, false), b"REPLACE"]), restore(9), String::new());
    let line = command(&[b"RESTORE", b"r", b"0", &payload(&hash, 12, true)]);
    check(line.clone(), line, unchanged("RESTORE of the key \"r\""));
    let line = command(&[b"MSETEX", b"1", b"m", &large]);
    check(line.clone(), line, unchanged("MSETEX of the key \"m\""));
}

/// A snapshot of a server without functions leaves none in a target that may have some.
#[test]
fn a_snapshot_for_a_known_target() {
    let args = ["decode", "--format", "resp", "--empty-target", "--target-version"];
    let ran = run_on(&[&args[..], &["redis-6.2"]].concat(), &small()).ok();
    assert!(ran.text().starts_with("*1\r\n$8\r\nFLUSHALL\r\n*2\r\n$6\r\nSELECT\r\n"), "{}", ran.text());
    assert!(!ran.text().contains("FUNCTION") && ran.err.contains("redis-6.2 does not have functions"), "{}", ran.err);
    let empty = b"REDIS0009\xff\0\0\0\0\0\0\0\0";
    let ran = run_on(&[&args[..], &["redis-7.0"]].concat(), empty).ok();
    assert_eq!(ran.out, commands(&["FLUSHALL", "FUNCTION FLUSH"]));
}

#[test]
fn targets_are_named_by_product_and_version() {
    for (target, message) in [
        ("redis", "not a server: the product and its version, such as redis-7.0 or valkey-8.1"),
        ("redis-5.0", "targets are supported from redis-6.2 and valkey-7.2 on"),
    ] {
        let ran = run(&["tail", "h:1", "--format", "resp", "--target-version", target]);
        assert!(ran.code == 2 && ran.err.contains(message), "{}", ran.err);
    }
    let ran = run(&["tail", "h:1", "--target-version", "redis-7.0"]);
    assert!(ran.code == 2 && ran.err.contains("--target-version is for --format resp only"), "{}", ran.err);
}

/// HIMPORT and slot migrations write it. Only Redis 8.10 accepts it from a client.
#[test]
fn a_payload_without_a_checksum_gets_one() {
    for length in [3, 100_000, 2_000_000] {
        let value = [&b"\x00\x80"[..], &u32::try_from(length).unwrap().to_be_bytes(), &vec![b'v'; length]].concat();
        for (name, rest) in [(&b"RESTORE"[..], &b"REPLACE"[..]), (b"restore-asking", b"ABSTTL")] {
            let restore = |name, has| command(&[name, b"k", b"0", &payload(&value, 11, has), rest]);
            let made = [commands(&["SELECT 0"]), restore(b"RESTORE", true)].concat();
            for has in [false, true] {
                let input = [commands(&["SELECT 0"]), restore(name, has)].concat();
                let ran = run_on(&["decode", "--format", "resp"], &input).ok();
                assert!(ran.out == made, "{length}, {name:?}, {has}");
                let ran = run_on(&["decode", "--format", "resp", "--target-version", "valkey-8.1"], &input).ok();
                assert!(ran.out == made, "{length}, {name:?}, {has}");
            }
        }
    }
    let library = |has| command(&[b"FUNCTION", b"RESTORE", &payload(b"\xf5\x01l", 10, has), b"REPLACE"]);
    let select = commands(&["SELECT 0"]);
    let ran = run_on(&["decode", "--format", "resp"], &[&select[..], &library(false)].concat()).ok();
    assert_eq!(ran.out, [&select[..], &library(true)].concat());
}
