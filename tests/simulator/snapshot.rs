//! Snapshots as servers write them: small, valid, of every kind that has a frame of its own in the file.

use crate::build::{File, atoms, intset, listpack, ziplist};
use crate::profile::Profile;
use crate::rng::Rng;

/// What a snapshot is to hold.
pub(crate) struct Content<'a> {
    /// AUX `repl-stream-db`, where there is one.
    pub(crate) stream_db: Option<u32>,
    /// No keys at all.
    pub(crate) empty: bool,
    /// The mark that will end it, to stand in keys and values.
    pub(crate) mark: Option<&'a str>,
}

/// A whole snapshot of a server of this kind.
pub(crate) fn snapshot(profile: &Profile, content: &Content<'_>, rng: &mut Rng) -> Vec<u8> {
    loop {
        let bytes = file(profile, content, rng);
        if FALSE_ENDS || !content.mark.is_some_and(|mark| has_false_end(&bytes, mark)) {
            return bytes;
        }
    }
}

/// Whether false ends may occur: the opcode that ends a file, eight bytes, and the mark. Only a walk through the file's structure tells
/// such a place from the true end, so that this must stay off as long as the session looks for the mark alone.
const FALSE_ENDS: bool = false;

fn has_false_end(bytes: &[u8], mark: &str) -> bool {
    bytes.windows(49).any(|window| window[0] == 255 && &window[9..] == mark.as_bytes())
}

fn file(profile: &Profile, content: &Content<'_>, rng: &mut Rng) -> Vec<u8> {
    let version = profile.rdb_version();
    let mut file = File::new(profile.magic);
    if version >= 7 {
        file = aux(file, profile, content, rng);
    }
    if !content.empty {
        for db in 0..rng.between(1, 3) {
            file = file.number(254).len(db as u64 * 3);
            if version >= 7 {
                file = file.number(251).lens(&[10, 2]);
            }
            for key in 0..rng.below(12) {
                file = entry(file, version, key, content, rng);
            }
        }
    }
    match rng.chance(30) {
        // Without its checksum, as servers write it when told so.
        true => file.number(255).raw([0; 8]).0,
        false => file.end(),
    }
}

/// One that is too large to be taken for empty.
pub(crate) fn large(profile: &Profile) -> Vec<u8> {
    let value = vec![b'v'; 1 << 20];
    (0..2)
        .fold(File::new(profile.magic), |file, key| file.key(0, format!("key:{key}")).string(&value))
        .number(255)
        .raw([0; 8])
        .0
}

fn aux(mut file: File, profile: &Profile, content: &Content<'_>, rng: &mut Rng) -> File {
    let field = |file: File, name: &str, value: &str| file.number(250).string(name).string(value);
    if let Some(version) = profile.valkey_version {
        file = field(file, "valkey-ver", version);
    } else if let Some(version) = profile.redis_version {
        file = field(file, "redis-ver", version);
    }
    file = file.number(250).string("redis-bits").raw([0xc0, 64]);
    file = file.number(250).string("ctime").raw([0xc2, 1, 2, 3, 4]);
    if let Some(db) = content.stream_db {
        file = file.number(250).string("repl-stream-db");
        file = if rng.chance(50) { file.raw([0xc0, db as u8]) } else { file.string(db.to_string()) };
        file = field(file, "repl-id", &rng.id());
        file = field(file, "repl-offset", "12345");
    }
    file.number(250).string("aof-base").raw([0xc0, 0])
}

fn entry(mut file: File, version: u32, key: usize, content: &Content<'_>, rng: &mut Rng) -> File {
    let name = match content.mark {
        Some(mark) if rng.chance(20) => mark.to_owned(),
        _ => format!("key:{key}"),
    };
    if rng.chance(20) {
        file = file.number(252).ms(1_700_000_000_000 + key as i64);
    }
    if version >= 9 && rng.chance(10) {
        file = file.number(249).raw([200]);
    }
    match rng.below(if version >= 10 { 10 } else { 7 }) {
        0 | 1 => file.key(0, name).string(text(content, rng)),
        2 => file.key(0, name).raw([0xc1, 0x39, 0x30]),
        3 => file.key(1, name).len(2).string(text(content, rng)).string("b"),
        4 => file.key(4, name).len(2).string("f").string(text(content, rng)).string("g").string(""),
        5 => file.key(11, name).string(intset(2, &[1, 2, 300])),
        6 => file.key(12, name).string(ziplist(&atoms!["a", 1, "b", 2])),
        7 => file.key(16, name).string(listpack(&atoms!["f", &text(content, rng)[..], "g", 12])),
        8 => file.key(17, name).string(listpack(&atoms!["member", 5])),
        _ => file.key(18, name).len(1).len(2).string(listpack(&atoms![&text(content, rng)[..], "y"])),
    }
}

/// A value; one in three holds the mark, in a place of its own, cut short, or twice.
fn text(content: &Content<'_>, rng: &mut Rng) -> Vec<u8> {
    let size = if rng.chance(5) { rng.between(100, 3000) } else { rng.below(60) };
    let filler: Vec<u8> = (0..size).map(|_| rng.pick(b"abc\r\n$\xff\0")).collect();
    match (content.mark, rng.below(9)) {
        (Some(mark), 0) => [&filler[..], mark.as_bytes(), b"after"].concat(),
        (Some(mark), 1) => [mark.as_bytes(), mark.as_bytes(), &filler].concat(),
        (Some(mark), 2) => [&filler[..], &mark.as_bytes()[..39]].concat(),
        // The end of a file and its mark, as somebody would write them who wants the file to end there.
        (Some(mark), 3) if FALSE_ENDS => [b"\xff\0\0\0\0\0\0\0\0", mark.as_bytes(), &filler].concat(),
        _ => filler,
    }
}
