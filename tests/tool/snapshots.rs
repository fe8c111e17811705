//! Handmade snapshots: formats, limits, cut and damaged data.

use serde_json::{Value, json};

use crate::run::{Ran, command, commands, run_on};

/// A snapshot without a checksum.
struct Snapshot(Vec<u8>);

impl Snapshot {
    fn new() -> Self {
        Self(b"REDIS0012\xfa\x09redis-ver\x057.4.0".to_vec())
    }

    fn raw(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.extend_from_slice(bytes.as_ref());
        self
    }

    fn len(self, length: usize) -> Self {
        match length {
            0..64 => self.raw([length as u8]),
            _ => self.raw([0x80]).raw((length as u32).to_be_bytes()),
        }
    }

    fn string(self, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        self.len(bytes.len()).raw(bytes)
    }

    fn key(self, number: u8, name: impl AsRef<[u8]>) -> Self {
        self.raw([number]).string(name)
    }

    fn end(self) -> Vec<u8> {
        self.raw([0xff]).raw([0; 8]).0
    }
}

/// One key of each simple kind.
pub(crate) fn small() -> Vec<u8> {
    let list = Snapshot::new().key(0, "s").string("value").key(1, "l").len(2).string("a").string("b");
    let hash = list.raw([0xfc]).raw(4_000_000_000_000_i64.to_le_bytes()).key(4, "h").len(1).string("f").string("v");
    let zset = hash.raw([0xfe, 3]).key(5, "z").len(2).string("m").raw(1.5_f64.to_le_bytes());
    let zset = zset.string("n").raw(f64::INFINITY.to_le_bytes());
    zset.raw([0xf8, 9, 0xf9, 7]).key(2, "t").len(1).string("x").raw([0xf5]).string("#!lua name=l\n").end()
}

fn json(input: &[u8], arguments: &[&str]) -> Ran {
    run_on(&[&["decode", "--format", "json"], arguments].concat(), input)
}

#[test]
fn a_key_is_one_line() {
    let ran = json(&small(), &[]).ok();
    assert_eq!(ran.err, "");
    assert_eq!(
        ran.json(),
        [
            json!({"event": "key", "db": 0, "key": "s", "type": "string", "expire_at_ms": null, "value": "value"}),
            json!({"event": "key", "db": 0, "key": "l", "type": "list", "expire_at_ms": null, "value": ["a", "b"]}),
            json!({
                "event": "key", "db": 0, "key": "h", "type": "hash", "expire_at_ms": 4_000_000_000_000_i64,
                "value": [["f", "v"]],
            }),
            json!({"event": "key", "db": 3, "key": "z", "type": "zset", "expire_at_ms": null, "value": [["m", 1.5], ["n", "inf"]]}),
            json!({
                "event": "key", "db": 3, "key": "t", "type": "set", "expire_at_ms": null, "idle_s": 9, "frequency": 7,
                "value": ["x"],
            }),
            json!({"event": "function", "code": "#!lua name=l\n"}),
            json!({"event": "snapshot", "bytes": small().len(), "offset": null, "db": null, "keys": 5}),
        ]
    );
    assert!(ran.text().starts_with(r#"{"event":"key","db":0,"key":"s""#));
}

#[test]
fn an_element_is_one_line() {
    let ran = json(&small(), &["--elements"]).ok();
    let lines = ran.json();
    assert_eq!(
        lines[7..14],
        [
            json!({"event": "key_begin", "db": 0, "key": "h", "type": "hash", "expire_at_ms": 4_000_000_000_000_i64}),
            json!({"event": "element", "field": "f", "value": "v"}),
            json!({"event": "key_end", "elements": 1}),
            json!({"event": "key_begin", "db": 3, "key": "z", "type": "zset", "expire_at_ms": null}),
            json!({"event": "element", "member": "m", "score": 1.5}),
            json!({"event": "element", "member": "n", "score": "inf"}),
            json!({"event": "key_end", "elements": 2}),
        ]
    );
}

#[test]
fn text_is_one_short_line_a_key() {
    let ran = run_on(&["decode"], &small()).ok();
    assert_eq!(
        ran.text(),
        "[0] \"s\" string \"value\"\n[0] \"l\" list \"a\" \"b\" (2 elements)\n\
         [0] \"h\" hash \"f\" \"v\" (1 field) (expires at 4000000000000)\n\
         [3] \"z\" zset \"m\" 1.5 \"n\" inf (2 elements)\n[3] \"t\" set \"x\" (1 element)\nfunction \"#!lua name=l\\n\"\n"
    );
    let many = (0..5000).fold(Snapshot::new().key(1, "l").len(5000), |list, n| list.string(n.to_string()));
    let input = many.key(0, vec![b'k'; 100_000]).string(vec![b'v'; 300_000]).end();
    let ran = run_on(&["decode", "--all"], &input).ok();
    assert!(ran.text().lines().all(|line| line.len() < 600), "{}", ran.text());
    assert!(ran.text().contains(" ... (5000 elements)") && ran.text().contains("... (300000 bytes)"), "{}", ran.text());
    assert!(ran.text().starts_with("aux \"redis-ver\" \"7.4.0\"\n"), "{}", ran.text());
}

#[test]
fn resp_makes_the_keys_again() {
    let ran = run_on(&["decode", "--format", "resp", "--empty-target"], &small()).ok();
    let expected = [
        commands(&["FLUSHALL", "FUNCTION FLUSH", "SELECT 0", "SET s value", "RPUSH l a b", "HSET h f v"]),
        commands(&["PEXPIREAT h 4000000000000", "SELECT 3"]),
        commands(&["ZADD z 1.5 m inf n", "SADD t x"]),
        command(&[b"FUNCTION", b"LOAD", b"REPLACE", b"#!lua name=l\n"]),
    ];
    assert_eq!(ran.text(), String::from_utf8(expected.concat()).unwrap());
    assert_eq!(
        ran.err,
        "redtail: the output empties the target before the snapshot: all keys and functions\nredtail: no command \
         recreates the times and frequencies of access, which the server uses for eviction\n"
    );
}

/// A file is not a server that is followed: its keys are printed, and one message says what stays.
#[test]
fn resp_of_a_file_needs_no_empty_target() {
    for input in [small(), [small(), commands(&["SELECT 0", "SET k v"])].concat()] {
        let ran = run_on(&["decode", "--format", "resp"], &input).ok();
        let expected = [
            commands(&["SELECT 0", "SET s value", "DEL l", "RPUSH l a b", "DEL h", "HSET h f v"]),
            commands(&["PEXPIREAT h 4000000000000", "SELECT 3"]),
            commands(&["DEL z", "ZADD z 1.5 m inf n", "DEL t", "SADD t x"]),
            command(&[b"FUNCTION", b"LOAD", b"REPLACE", b"#!lua name=l\n"]),
        ];
        assert!(ran.text().starts_with(&String::from_utf8(expected.concat()).unwrap()), "{}", ran.text());
        let message = "redtail: without --empty-target the target is not emptied: keys of the same name are replaced, \
                       and other keys stay that the input does not have\n";
        assert_eq!(ran.err.matches(message).count(), 1, "{}", ran.err);
    }
}

#[test]
fn many_elements_come_in_batches() {
    let list = (0..1000).fold(Snapshot::new().key(1, "l").len(1001), |list, n| list.string(n.to_string()));
    let input = list.string(vec![b'x'; 100_000]).end();
    let ran = run_on(&["decode", "--format", "resp", "--empty-target"], &input).ok();
    let numbers: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
    let mut expected = commands(&["FLUSHALL", "FUNCTION FLUSH", "SELECT 0"]);
    for batch in numbers.chunks(128) {
        expected.extend(commands(&[&format!("RPUSH l {}", batch.join(" "))]));
    }
    expected.extend(command(&[b"RPUSH", b"l", &vec![b'x'; 100_000]]));
    assert!(ran.out == expected);
}

/// Strings far longer than any buffer.
#[test]
fn long_strings_flow() {
    let long: Vec<u8> = (0..40_000_000_u32).map(|n| b'a' + (n / 1000 % 26) as u8).collect();
    let input = Snapshot::new().key(0, "s").string(&long).key(4, "h").len(1).string("f").string(&long).end();
    let ran = run_on(&["decode", "--format", "resp", "--empty-target"], &input).ok();
    let expected = [
        commands(&["FLUSHALL", "FUNCTION FLUSH", "SELECT 0"]),
        command(&[b"SET", b"s", &long]),
        command(&[b"HSET", b"h", b"f", &long]),
    ];
    assert!(ran.out == expected.concat());
    let ran = json(&input, &["--elements"]).ok();
    let mut found = Vec::new();
    for line in ran.json().iter().filter(|line| line["event"] == "piece") {
        assert_eq!(line["at"], found.len() % long.len());
        assert_eq!(line["length"], long.len());
        found.extend_from_slice(line["value"].as_str().unwrap().as_bytes());
    }
    assert!(found == [&long[..], &long].concat());
    assert!(ran.text().contains(r#"{"event":"element","field":"f","value":{"pieces":40000000}}"#));
    let ran = json(&input, &["--elements", "--max-arg", "1000"]).ok();
    assert!(ran.text().contains(r#"{"event":"element","field":"f","value":{"omitted":40000000}}"#), "{}", ran.text());
    let ran = json(&input, &[]).ok();
    assert_eq!(ran.json()[0]["value"], json!({"omitted": 40_000_000}));
    let ran = json(&input, &["--max-arg", "40000000"]).ok();
    assert_eq!(ran.json()[1]["value"][0][1].as_str().unwrap().as_bytes(), long);
}

#[test]
fn pieces_end_between_characters() {
    let text = "é€😀".repeat(10_000);
    for shift in 0..10 {
        let value = [&"x".repeat(shift), text.as_str()].concat();
        let ran = json(&Snapshot::new().key(0, "s").string(&value).end(), &["--elements"]).ok();
        let pieces: Vec<String> = ran
            .json()
            .iter()
            .filter(|line| line["event"] == "piece")
            .map(|line| line["value"].as_str().unwrap().to_owned())
            .collect();
        assert!(pieces.len() > 3 && pieces.concat() == value);
    }
}

/// A snapshot to cut at every byte: keys of several lengths, in lines that are held and lines that are not.
fn large() -> Vec<u8> {
    let list = (0..3000).fold(Snapshot::new().key(1, "list").len(3000), |list, n| {
        list.string(format!("element {n}, which is not short"))
    });
    list.key(0, "s").string(vec![b'v'; 90_000]).key(2, "t").len(1).string("x").end()
}

#[test]
fn cut_short_it_is_void_and_says_so() {
    let whole = large();
    let step = whole.len() / 60;
    for length in (12..whole.len()).step_by(step).chain([whole.len() - 1]) {
        let cut = &whole[..length];
        for arguments in [&["--format", "json"][..], &["--format", "json", "--elements"]] {
            let ran = run_on(&[&["decode"], arguments].concat(), cut);
            assert_eq!(ran.code, 1, "{length}");
            assert!(ran.err.contains("cut short") && ran.err.lines().count() == 1, "{}", ran.err);
            let lines = ran.json();
            let keys = lines.iter().filter(|line| line["event"] == "key" || line["event"] == "key_end").count();
            assert_eq!(lines.last(), Some(&json!({"event": "void", "of": "snapshot", "keys": keys})), "{length}");
            assert!(lines.iter().all(|line| line["event"] != "snapshot"));
            for key in lines.iter().filter(|line| line["key"] == "list" && line["event"] == "key") {
                assert_eq!(key["value"].as_array().unwrap().len(), 3000);
            }
        }
        let ran = run_on(&["decode"], cut);
        assert!(ran.code == 1 && ran.err.contains("cut short"), "{}", ran.err);
        let ran = run_on(&["decode", "--format", "resp", "--empty-target"], cut);
        assert_eq!(ran.code, 1);
        // Complete commands, with half a key deleted again; or a message that this is impossible.
        match loaded(&ran.out) {
            Some(commands) => {
                let last = commands.last().map_or("".into(), |command| command[..command.len().min(2)].join(" "));
                let is_emptying = ["", "FUNCTION FLUSH"].contains(&last.as_str());
                assert!(
                    is_emptying || last.starts_with("DEL") || last.starts_with("SET s") || last == "SADD t",
                    "{length}: {last}"
                );
            }
            None => assert!(ran.err.contains("can't be loaded"), "{}", ran.err),
        }
    }
}

/// The commands, if all are complete.
fn loaded(mut bytes: &[u8]) -> Option<Vec<Vec<String>>> {
    let number = |bytes: &mut &[u8]| {
        let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
        let number: usize = std::str::from_utf8(&bytes[1..end]).ok()?.parse().ok()?;
        *bytes = &bytes[end + 2..];
        Some(number)
    };
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let mut command = Vec::new();
        for _ in 0..number(&mut bytes)? {
            let length = number(&mut bytes)?;
            command.push(String::from_utf8_lossy(bytes.get(..length)?).into_owned());
            bytes = bytes.get(length + 2..)?;
        }
        found.push(command);
    }
    Some(found)
}

#[test]
fn a_line_that_flows_is_void_where_it_is_cut() {
    let whole = large();
    let ran = json(&whole[..90_000], &[]);
    let lines = ran.json();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["event"], &lines[0]["key"]), (&json!("void"), &json!("list")));
    assert!(lines[0]["value"].as_array().unwrap().len() > 1000);
    let ran = json(&whole, &[]).ok();
    assert!(ran.text().starts_with(r#"{"db":0,"key":"list","#), "its event stands at the end");
    assert_eq!(ran.json()[0]["event"], "key");
}

#[test]
fn count_and_until_end_behind_a_key() {
    let names = |arguments: &[&str]| -> Vec<Value> {
        let ran = json(&small(), arguments).ok();
        ran.json().iter().filter(|line| line["event"] == "key").map(|line| line["key"].clone()).collect()
    };
    assert_eq!(names(&["--count", "2"]), ["s", "l"]);
    assert_eq!(names(&["--count", "9"]).len(), 5);
    // The first key ends at byte 35.
    assert_eq!(names(&["--until", "35"]), ["s"]);
    assert_eq!(names(&["--until", "36"]), ["s", "l"]);
    let ran = run_on(&["decode", "--format", "resp", "--empty-target", "--count", "1"], &small()).ok();
    assert_eq!(ran.out, commands(&["FLUSHALL", "FUNCTION FLUSH", "SELECT 0", "SET s value"]));
}

#[test]
fn commands_follow_in_an_append_only_file() {
    let before = small();
    let input =
        [&before[..], b"#TS:1628217470\r\n", &commands(&["SELECT 2", "SET k v", "MULTI", "INCR n", "EXEC"])].concat();
    let ran = json(&input, &[]).ok();
    let lines = ran.json();
    assert_eq!(lines.len(), 7 + 4);
    assert_eq!(lines[6]["event"], "snapshot");
    let end = before.len() + 16 + 23 + 27;
    assert_eq!(
        lines[7],
        json!({"event": "command", "id": null, "offset": end, "db": 2, "tx": false, "time": 1_628_217_470, "args": ["SET", "k", "v"]})
    );
    let ran = json(&input, &["--offset", "16"]).ok();
    assert_eq!(ran.json()[7]["offset"], 16 + 16 + 23 + 27);
    let ran = run_on(&["decode", "--format", "resp", "--empty-target"], &input).ok();
    assert!(ran.out.ends_with(&commands(&["SELECT 2", "SET k v", "MULTI", "INCR n", "EXEC"])));
    let ran = run_on(&["decode", "--count", "6"], &input).ok();
    assert_eq!(ran.text().lines().last(), Some(format!("{end} [2] \"SET\" \"k\" \"v\"").as_str()));
    // Its errors contain offsets in the file.
    let ran = run_on(&["decode"], &input[..input.len() - 3]).ok();
    assert!(ran.err.contains(&format!("byte {}", input.len() - 3)), "{}", ran.err);
    let ran = run_on(&["decode"], &[&input[..], b"hello\r\n"].concat());
    assert!(ran.err.contains("'h'") && ran.err.contains(&format!("byte {}", input.len())), "{}", ran.err);
    // Servers load a dump.rdb with other bytes after it.
    let ran = run_on(&["decode"], &[&before[..], b"hello\r\n"].concat()).ok();
    let words = format!(
        "redtail: the input: the 7 bytes from byte {} on, after the snapshot, are not commands; servers ignore them in \
         a dump.rdb, and refuse them in an append-only file\n",
        before.len()
    );
    assert_eq!(ran.err, words);
    let whole = run_on(&["decode"], &before).ok();
    assert_eq!(ran.text(), whole.text());
}

/// A hash as a ziplist whose second entry says it is longer than the ziplist, between two good keys.
fn damaged() -> Vec<u8> {
    let ziplist = b"\x15\0\0\0\x0d\0\0\0\x02\0\0\x03abc\x05\x3fde\xff\0";
    Snapshot::new().key(0, "a").string("1").key(13, "h").string(ziplist).key(0, "b").string("2").end()
}

#[test]
fn damage_ends_it_or_is_passed_over() {
    let ran = json(&damaged(), &[]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("at byte ") && ran.err.contains("--skip-damaged"), "{}", ran.err);
    assert_eq!(ran.json().last(), Some(&json!({"event": "void", "of": "snapshot", "keys": 1})));

    let ran = json(&damaged(), &["--skip-damaged"]).ok();
    let lines = ran.json();
    assert_eq!(lines[1]["value"], json!([["abc", null]]));
    assert!(lines[1]["damaged"].as_str().unwrap().contains("at byte"), "{}", lines[1]);
    assert_eq!((&lines[2]["key"], lines.len()), (&json!("b"), 4));
    assert!(ran.err.contains("skipped a damaged value, or its rest, of 21 bytes"), "{}", ran.err);

    let ran = json(&damaged(), &["--skip-damaged", "--elements"]).ok();
    assert!(ran.json().iter().any(|line| line["event"] == "key_end" && line["damaged"].is_string()), "{}", ran.text());
    let ran = run_on(&["decode", "--skip-damaged"], &damaged()).ok();
    assert!(ran.text().contains("(damaged)"), "{}", ran.text());
    let ran = run_on(&["decode", "--skip-damaged", "--format", "resp", "--empty-target"], &damaged()).ok();
    assert_eq!(ran.out, commands(&["FLUSHALL", "FUNCTION FLUSH", "SELECT 0", "SET a 1", "SET b 2"]));
}

/// A compressed string whose second half is damaged, after a part of it has been written.
#[test]
fn damage_inside_a_command_is_filled_up() {
    let packed = [&[0x1f][..], &[b'x'; 32], &[0xe0, 0xff, 0].repeat(400), &[0x20, 0xff].repeat(400)].concat();
    let input = Snapshot::new()
        .key(0, "a")
        .raw([0xc3])
        .len(packed.len())
        .len(200_000)
        .raw(&packed)
        .key(0, "b")
        .string("2")
        .end();
    let ran = run_on(&["decode", "--skip-damaged", "--format", "resp", "--empty-target"], &input).ok();
    let commands = loaded(&ran.out).unwrap();
    assert_eq!(commands.last().unwrap().join(" "), "SET b 2");
    assert_eq!((commands.len(), commands[3][2].len()), (5, 200_000));
    assert!(ran.err.contains("filled up with zero bytes"), "{}", ran.err);
    let ran = json(&input, &["--skip-damaged"]).ok();
    assert_eq!((&ran.json()[0]["key"], &ran.json()[0]["value"]), (&json!("a"), &Value::Null));
}

#[test]
fn what_is_unknown_names_number_place_and_remedy() {
    let input = Snapshot::new().key(0, "a").string("1").key(99, "x").end();
    let ran = json(&input, &[]);
    assert_eq!(ran.code, 1);
    for word in ["99", "at byte 31, ", "newer than this version"] {
        assert!(ran.err.contains(word), "{}", ran.err);
    }
    let ran = json(b"REDIS0079\x00\x01k\x01v\xff\0\0\0\0\0\0\0\0", &[]);
    let expected = "redtail: the snapshot has the format REDIS0079, which is newer than this version of redtail: it is \
                    read up to the first unknown type or opcode\n";
    assert_eq!((ran.code, ran.err.as_str(), &ran.json()[0]["value"]), (0, expected, &json!("v")));
    let ran = json(b"REDIS0079\x00\x01k\x01v\x63\x01k", &[]);
    assert!(ran.code == 1 && ran.json()[0]["value"] == json!("v"), "{}", ran.err);
    for word in ["99", "REDIS0079", "at byte 14, ", "newer than this version"] {
        assert!(ran.err.contains(word), "{}", ran.err);
    }
    let ran = json(b"REDISXXXX\xff\0\0\0\0\0\0\0\0", &[]);
    assert!(ran.code == 1 && ran.err.contains("not a snapshot"), "{}", ran.err);
    let mut wrong = small();
    let last = wrong.len() - 1;
    wrong[last] = 1;
    let ran = json(&wrong, &[]);
    assert!(ran.code == 1 && ran.err.contains("checksum") && ran.err.contains("damaged"), "{}", ran.err);
}

#[test]
fn data_of_other_products_gives_one_warning_per_kind() {
    let mut input = Snapshot::new().key(0, "a").string("1").raw([107, 5, 121, 7, 107, 6]).key(0, "b").string("2");
    for (name, value) in [("keydb-subexpire-key", "m"), ("keydb-subexpire-when", "9"), ("keydb-subexpire-key", "n")] {
        input = input.raw([250]).string(name).string(value);
    }
    let input = input.end();
    for format in [&["text"][..], &["json"], &["resp", "--empty-target"]] {
        let ran = run_on(&[&["decode", "--format"], format].concat(), &input).ok();
        for message in [
            "skipped opcode 107, a hint of Redis Enterprise",
            "skipped opcode 121, a hint of Redis Enterprise",
            "(keydb-subexpire-key). Those members are printed without their expiry",
        ] {
            assert_eq!(ran.err.matches(message).count(), 1, "{format:?}: {}", ran.err);
        }
    }
    let commands = loaded(&run_on(&["decode", "--format", "resp", "--empty-target"], &input).ok().out).unwrap();
    assert!(commands.contains(&vec!["SET".into(), "b".into(), "2".into()]), "{commands:?}");
}

#[test]
fn an_unknown_number_is_named_with_its_writer() {
    let ran = json(&Snapshot::new().raw([99]).end(), &[]);
    assert_eq!(ran.code, 1);
    let message = "opcode 99 in REDIS0012 data (redis-ver 7.4.0)";
    assert!(ran.err.contains(message), "{}", ran.err);
    let hint = "; another product or a server newer than this version of redtail wrote it";
    assert!(ran.err.contains(hint), "{}", ran.err);
}
