//! Snapshots through C and through Rust: the same items, however the bytes are cut.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use redtail::Status;
use redtail::io::TemplateBuffer;
use redtail::rdb::{Checksum, Crc64, Decoder, Dump, Item, Role, StreamId, StreamState, Type};

use crate::build::{How, program, root, stdout, valgrind};

fn carried() -> Vec<PathBuf> {
    let names = ["redis-6.2.14.rdb", "redis-7.0.15.rdb", "redis-8.2.3.rdb", "redis-8.10.2.rdb", "valkey-9.1.2.rdb"];
    names.map(|name| root().join("tests/data").join(name)).into()
}

/// All snapshots of the shared corpus, where it is at hand.
fn corpus() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rdb") {
                found.push(path);
            }
        }
    }
    let folder = std::env::var_os("REDTAIL_CORPUS").map_or_else(|| root().join("../shared/corpus"), PathBuf::from);
    let mut found = Vec::new();
    walk(&folder, &mut found);
    found
}

/// The output expected of `tests/c/snapshots.c`.
fn in_rust(rdb: &[u8]) -> String {
    let mut decoder = Decoder::new().with_templates(TemplateBuffer::default());
    let (mut lines, mut input) = (Lines::default(), rdb);
    loop {
        match decoder.next(&mut input) {
            Ok(Status::Complete(item)) => lines.item(&item),
            Ok(Status::Incomplete { .. }) => break,
            Err(_) => break,
        }
    }
    if let Err(error) = decoder.finish() {
        writeln!(lines.text, "REDTAIL_ERROR_SNAPSHOT: {error}").unwrap();
    }
    lines.text
}

/// The same for a payload.
fn payload_in_rust(payload: &[u8]) -> String {
    let mut lines = Lines::default();
    let end = Dump::new(payload).and_then(|mut dump| {
        while let Some(item) = dump.next_item()? {
            lines.item(&item);
        }
        Ok(())
    });
    if let Err(error) = end {
        writeln!(lines.text, "REDTAIL_ERROR_SNAPSHOT: {error}").unwrap();
    }
    lines.text
}

/// Each key of a snapshot as the payload that RESTORE takes.
fn payloads(rdb: &[u8]) -> Vec<Vec<u8>> {
    let (mut decoder, mut input, mut payloads) =
        (Decoder::new().with_templates(TemplateBuffer::default()), rdb, Vec::new());
    let (mut version, mut number, mut begin) = (0, 0, 0);
    while let Status::Complete(item) = decoder.next(&mut input).unwrap() {
        match item {
            Item::Start(format) => version = format.version,
            Item::Key(key) => (number, begin) = (key.number, rdb.len() - input.len()),
            Item::KeyEnd => {
                let value = &rdb[begin..rdb.len() - input.len()];
                let mut payload = [&[number], value, &version.to_le_bytes()].concat();
                payload.extend(Crc64::new().update(&payload).value().to_le_bytes());
                payloads.push(payload);
            }
            _ => {}
        }
    }
    payloads
}

const HASH: u64 = 14695981039346656037;

struct Lines {
    text: String,
    hash: u64,
    raw: usize,
}

impl Default for Lines {
    fn default() -> Self {
        Self { text: String::new(), hash: HASH, raw: 0 }
    }
}

impl Lines {
    fn mix(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(1099511628211));
    }

    fn item(&mut self, item: &Item<'_>) {
        let id = |id: StreamId| format!("{}-{}", id.ms, id.seq);
        let unknown = |number: Option<u64>| number.unwrap_or(u64::MAX);
        let line = match *item {
            Item::Text(text) => {
                if text.is_first() {
                    self.hash = HASH;
                }
                self.mix(text.bytes);
                if text.is_last() {
                    let line = format!("2 {} {} {:016x}", role(text.role), text.length, self.hash);
                    self.text += &line;
                    self.text.push('\n');
                }
                return;
            }
            Item::Raw { bytes, last } => {
                self.raw += bytes.len();
                self.mix(bytes);
                if last {
                    writeln!(self.text, "26 {} {:016x}", self.raw, self.hash).unwrap();
                    self.raw = 0;
                }
                return;
            }
            Item::Key(key) => {
                self.hash = HASH;
                self.mix(key.name.bytes);
                let (expires, idle) = (key.expire_at_ms.unwrap_or(i64::MIN), unknown(key.idle_s));
                let frequency = key.frequency.map_or(-1, i32::from);
                let (kind, hash) = (kind(key.kind), self.hash);
                let (number, db, length) = (key.number, key.db, key.name.length);
                format!(
                    "10 {kind} {number} {db} {length} {hash:016x} {expires} {idle} {frequency} {}",
                    u8::from(key.no_evict)
                )
            }
            Item::Start(format) => {
                format!("1 {} {} {}", format.magic as u8 + 1, format.version, u8::from(format.is_newer()))
            }
            Item::Database(number) => format!("3 {number}"),
            Item::Sizes { keys, expires } => format!("4 {keys} {expires}"),
            Item::Slot { slot, keys, expires } => format!("5 {slot} {keys} {expires}"),
            Item::SlotRange { first, last } => format!("6 {first} {last}"),
            Item::Command { argc } => format!("7 {argc}"),
            Item::Foreign { number, value } => format!("34 {number} {value}"),
            Item::ModuleAux { module, when } => format!("8 {module} {when}"),
            Item::KeyMetadata { class } => format!("9 {}", String::from_utf8_lossy(&class)),
            Item::Score(score) => format!("11 {:016x}", score.to_bits()),
            Item::FieldExpiry { at_ms } => format!("12 {at_ms}"),
            Item::Entry(entry) => format!("13 {} {} {}", entry.id, entry.fields, u8::from(entry.named)),
            Item::Stream(StreamState { length, last, first, max_deleted, added, groups, .. }) => format!(
                "14 {last} {length} {groups} {} {} {} {}",
                u8::from(first.is_some()),
                unknown(added),
                id(first.unwrap_or_default()),
                id(max_deleted.unwrap_or_default())
            ),
            Item::Group { last, read, pending } => format!("15 {last} {} {pending}", unknown(read)),
            Item::Pending { id, delivered_at_ms, deliveries } => format!("16 {id} {delivered_at_ms} {deliveries}"),
            Item::Consumers { count } => format!("17 {count}"),
            Item::Consumer { seen_at_ms, active_at_ms, pending } => {
                format!("18 {seen_at_ms} {} {pending}", active_at_ms.unwrap_or(i64::MIN))
            }
            Item::ConsumerPending(id) => format!("19 {id}"),
            Item::Returned(id) => format!("20 {id}"),
            Item::Idempotence { duration_s, most, producers } => format!("21 {duration_s} {most} {producers}"),
            Item::Producer { keys } => format!("22 {keys}"),
            Item::Idempotent(id) => format!("23 {id}"),
            Item::IdempotenceCounts { added, duplicates } => format!("24 {added} {duplicates}"),
            Item::Module(module) => format!("25 {module} {}", module.version()),
            Item::Array { count, last_insert } => format!("27 {count} {}", unknown(last_insert)),
            Item::Index(index) => format!("28 {index}"),
            Item::Path { fields } => format!("29 {fields}"),
            Item::Rate(state) => format!("30 {state}"),
            Item::Skipped { bytes, .. } => format!("31 {bytes}"),
            Item::KeyEnd => "32".into(),
            Item::End(checksum) => format!(
                "33 {}",
                match checksum {
                    Checksum::Verified => 1,
                    Checksum::Absent => 2,
                    Checksum::Ignored => 3,
                }
            ),
            _ => panic!("an item that C does not know: {item:?}"),
        };
        self.hash = HASH;
        self.text += &line;
        self.text.push('\n');
    }
}

fn kind(kind: Type) -> u8 {
    match kind {
        Type::String => 1,
        Type::List => 2,
        Type::Set => 3,
        Type::Zset => 4,
        Type::Hash => 5,
        Type::Stream => 6,
        Type::Module => 7,
        Type::Array => 8,
        Type::Rate => 9,
        Type::PathHash => 10,
        _ => panic!("a type that C does not know: {kind:?}"),
    }
}

fn role(role: Role) -> u8 {
    match role {
        Role::AuxName => 1,
        Role::AuxValue => 2,
        Role::Function => 3,
        Role::SlotImport => 4,
        Role::Argument => 5,
        Role::KeyName => 6,
        Role::Value => 7,
        Role::Element => 8,
        Role::Member => 9,
        Role::Field => 10,
        Role::FieldValue => 11,
        Role::SharedField => 12,
        Role::EntryField => 13,
        Role::EntryValue => 14,
        Role::GroupName => 15,
        Role::ConsumerName => 16,
        Role::ProducerName => 17,
        Role::IdempotencyKey => 18,
        Role::Path => 19,
        _ => panic!("a role that C does not know: {role:?}"),
    }
}

/// A link that brings this snapshot.
fn link(rdb: &Path, name: &str) -> PathBuf {
    let bytes = fs::read(rdb).unwrap();
    let head = format!("+FULLRESYNC 26e9aa58837d8095338f33e660463dbdf56c86c9 7\r\n$EOF:{}\r\n", "0123456789".repeat(4));
    let file = std::env::temp_dir().join(format!("redtail-link-{}-{name}", std::process::id()));
    let ping = b"*1\r\n$4\r\nPING\r\n".as_slice();
    fs::write(&file, [head.as_bytes(), &bytes, "0123456789".repeat(4).as_bytes(), ping].concat()).unwrap();
    file
}

fn in_c(mut command: Command, how: &str, file: &Path, seed: u32) -> String {
    stdout(command.arg(how).arg(file).arg(seed.to_string()))
}

#[test]
fn snapshots_give_in_c_what_they_give_in_rust() {
    let snapshot = program("tests/c/snapshots.c", How::Debug);
    let mut kinds = std::collections::BTreeSet::new();
    for (number, file) in carried().into_iter().chain(corpus()).enumerate() {
        let expected = in_rust(&fs::read(&file).unwrap());
        kinds.extend(expected.lines().filter_map(|line| line.split(' ').next()?.parse::<u8>().ok()));
        let link = link(&file, &number.to_string());
        for seed in [0, 1, 2] {
            let over_rdb = in_c(Command::new(&snapshot), "rdb", &file, seed);
            assert!(over_rdb == expected, "{}, seed {seed}", file.display());
            if expected.ends_with("33 1\n") || expected.ends_with("33 2\n") {
                let over_session = in_c(Command::new(&snapshot), "session", &link, seed);
                assert!(over_session == expected, "{} in a session, seed {seed}", file.display());
            }
        }
        fs::remove_file(link).unwrap();
    }
    for kind in [1, 2, 3, 10, 11, 13, 14, 15, 16, 17, 18, 19, 32, 33] {
        assert!(kinds.contains(&kind), "no item of kind {kind} was met");
    }
}

#[test]
fn payloads_give_in_c_what_they_give_in_rust() {
    let snapshot = program("tests/c/snapshots.c", How::Debug);
    let file = std::env::temp_dir().join(format!("redtail-payload-{}", std::process::id()));
    for payload in carried().iter().flat_map(|file| payloads(&fs::read(file).unwrap())) {
        for bytes in [&payload[..], &payload[..payload.len() - 1], &[0], &[]] {
            fs::write(&file, bytes).unwrap();
            assert_eq!(in_c(Command::new(&snapshot), "dump", &file, 0), payload_in_rust(bytes));
        }
    }
    fs::remove_file(file).unwrap();
}

#[test]
fn a_snapshot_that_is_cut_or_broken_is_an_error_in_c_too() {
    let snapshot = program("tests/c/snapshots.c", How::Debug);
    let whole = fs::read(&carried()[1]).unwrap();
    let file = std::env::temp_dir().join(format!("redtail-broken-{}", std::process::id()));
    let mut changed = whole.clone();
    changed[200] ^= 0x40;
    for bytes in [&whole[..whole.len() - 3], &whole[..100], b"", b"hello", &changed] {
        fs::write(&file, bytes).unwrap();
        let expected = in_rust(bytes);
        assert!(expected.contains("REDTAIL_ERROR_SNAPSHOT"), "{expected}");
        assert_eq!(in_c(Command::new(&snapshot), "rdb", &file, 1), expected);
    }
    fs::remove_file(file).unwrap();
}

#[test]
#[ignore = "needs valgrind: tests/tools"]
fn snapshots_under_valgrind_and_address_sanitizer() {
    let (plain, sanitized) =
        (program("tests/c/snapshots.c", How::Debug), program("tests/c/snapshots.c", How::Sanitized));
    for (number, file) in carried().into_iter().enumerate() {
        let expected = in_rust(&fs::read(&file).unwrap());
        let link = link(&file, &format!("checked-{number}"));
        assert_eq!(in_c(valgrind(&plain), "rdb", &file, 7), expected);
        assert_eq!(in_c(Command::new(&sanitized), "rdb", &file, 8), expected);
        assert_eq!(in_c(valgrind(&plain), "session", &link, 7), expected);
        assert_eq!(in_c(Command::new(&sanitized), "session", &link, 8), expected);
        fs::remove_file(link).unwrap();
    }
}

fn example(mut command: Command, rdb: &[u8]) -> std::process::Output {
    use std::io::Write;
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(rdb);
    child.wait_with_output().unwrap()
}

const SMALL: &[u8] = b"REDIS0010\xfa\x01a\x01b\xfe\x02\x05\x01z\x01\x01m\0\0\0\0\0\0\xf8\x3f\x04\x01h\x01\x01f\x02vv\x00\x01s\x05hello\xff\0\0\0\0\0\0\0\0";
const SHOWN: &str = "\n2 zset z\n    m 1.5\n2 hash h\n    f = vv\n2 string s\n    hello\n";

#[test]
fn the_snapshot_example() {
    let snapshot = program("examples/c/snapshot.c", How::Debug);
    let shown = example(Command::new(&snapshot), SMALL);
    assert_eq!(String::from_utf8(shown.stdout).unwrap(), SHOWN);
    assert!(shown.status.success());
    let cut = example(Command::new(&snapshot), &SMALL[..30]);
    assert_eq!(cut.status.code(), Some(1));
    assert!(String::from_utf8(cut.stderr).unwrap().contains("cut short"));
}

#[test]
#[ignore = "needs valgrind: tests/tools"]
fn the_snapshot_example_under_valgrind_and_address_sanitizer() {
    let (plain, sanitized) =
        (program("examples/c/snapshot.c", How::Debug), program("examples/c/snapshot.c", How::Sanitized));
    for file in carried() {
        let rdb = fs::read(&file).unwrap();
        let checked = example(valgrind(&plain), &rdb);
        assert!(checked.status.success(), "{checked:?}");
        assert_eq!(example(Command::new(&sanitized), &rdb).stdout, checked.stdout);
    }
    assert_eq!(String::from_utf8(example(Command::new(&sanitized), SMALL).stdout).unwrap(), SHOWN);
}
