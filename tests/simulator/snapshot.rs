//! Snapshots as servers write them: small, valid, of every kind that has a frame of its own in the file; and their
//! contents.

use crate::build::{File, atoms, intset, listpack, ziplist};
use crate::profile::Profile;
use crate::rng::Rng;

/// What a snapshot is to hold.
pub(crate) struct Content<'a> {
    /// AUX `repl-stream-db`, where there is one.
    pub(crate) stream_db: Option<u32>,
    /// No keys at all.
    pub(crate) empty: bool,
    /// The mark that will end the snapshot, to appear in keys and values.
    pub(crate) mark: Option<&'a str>,
}

/// One thing in a snapshot.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fact {
    Text(Vec<u8>),
    Database(u32),
    Sizes(u64, u64),
    Key { name: Vec<u8>, expire_at_ms: Option<i64>, frequency: Option<u8> },
    Score(f64),
}

/// A snapshot's bytes, and its contents.
pub(crate) struct Made {
    pub(crate) bytes: Vec<u8>,
    pub(crate) facts: Vec<Fact>,
}

/// A whole snapshot of a server of this kind.
pub(crate) fn snapshot(profile: &Profile, content: &Content<'_>, rng: &mut Rng) -> Made {
    let version = profile.rdb_version();
    let mut writer = Writer { file: File::new(profile.magic), facts: Vec::new() };
    if version >= 7 {
        writer.aux(profile, content, rng);
    }
    if !content.empty {
        for db in 0..rng.between(1, 3) as u64 {
            writer.file = writer.file.number(254).len(db * 3);
            writer.facts.push(Fact::Database(db as u32 * 3));
            if version >= 7 {
                writer.file = writer.file.number(251).lens(&[10, 2]);
                writer.facts.push(Fact::Sizes(10, 2));
            }
            for key in 0..rng.below(12) {
                writer.key(version, key, content, rng);
            }
        }
    }
    let bytes = match rng.chance(30) {
        // Without its checksum, as servers write it when told so.
        true => writer.file.number(255).raw([0; 8]).0,
        false => writer.file.end(),
    };
    Made { bytes, facts: writer.facts }
}

/// One that is too large to be taken for empty.
pub(crate) fn large(profile: &Profile) -> Made {
    let value = vec![b'v'; 1 << 20];
    let file =
        (0..2).fold(File::new(profile.magic), |file, key| file.key(0, format!("key:{key}")).string(&value)).number(255);
    Made { bytes: file.raw([0; 8]).0, facts: Vec::new() }
}

struct Writer {
    file: File,
    facts: Vec<Fact>,
}

impl Writer {
    fn put(&mut self, with: impl FnOnce(File) -> File) {
        self.file = with(std::mem::replace(&mut self.file, File(Vec::new())));
    }

    /// Bytes, and the text they mean.
    fn raw(&mut self, bytes: &[u8], means: &str) {
        self.put(|file| file.raw(bytes));
        self.facts.push(Fact::Text(means.into()));
    }

    fn text(&mut self, text: impl AsRef<[u8]>) {
        self.put(|file| file.string(text.as_ref()));
        self.facts.push(Fact::Text(text.as_ref().to_vec()));
    }

    /// A value that is one packed string of these texts.
    fn packed(&mut self, packed: &[u8], texts: &[&[u8]]) {
        self.put(|file| file.string(packed));
        self.facts.extend(texts.iter().map(|text| Fact::Text(text.to_vec())));
    }

    fn aux(&mut self, profile: &Profile, content: &Content<'_>, rng: &mut Rng) {
        let mut field = |name: &str, value: Result<&str, (&[u8], &str)>| {
            self.put(|file| file.number(250));
            self.text(name);
            match value {
                Ok(text) => self.text(text),
                Err((bytes, means)) => self.raw(bytes, means),
            }
        };
        if let Some(version) = profile.valkey_version {
            field("valkey-ver", Ok(version));
        } else if let Some(version) = profile.redis_version {
            field("redis-ver", Ok(version));
        }
        field("redis-bits", Err((&[0xc0, 64], "64")));
        field("ctime", Err((&[0xc2, 1, 2, 3, 4], "67305985")));
        if let Some(db) = content.stream_db {
            let (text, number) = (db.to_string(), [0xc0, db as u8]);
            field("repl-stream-db", if rng.chance(50) { Err((&number, &text)) } else { Ok(&text) });
            field("repl-id", Ok(&rng.id()));
            field("repl-offset", Ok("12345"));
        }
        field("aof-base", Err((&[0xc0, 0], "0")));
    }

    fn key(&mut self, version: u32, key: usize, content: &Content<'_>, rng: &mut Rng) {
        let name = match content.mark {
            Some(mark) if rng.chance(20) => mark.to_owned(),
            _ => format!("key:{key}"),
        };
        let expire_at_ms = rng.chance(20).then_some(1_700_000_000_000 + key as i64);
        let frequency = (version >= 9 && rng.chance(10)).then_some(200);
        if let Some(ms) = expire_at_ms {
            self.put(|file| file.number(252).ms(ms));
        }
        if let Some(frequency) = frequency {
            self.put(|file| file.number(249).raw([frequency]));
        }
        let kind = rng.below(if version >= 10 { 10 } else { 7 });
        let number = [0, 0, 0, 1, 4, 11, 12, 16, 17, 18][kind];
        self.put(|file| file.key(number, &name));
        self.facts.push(Fact::Key { name: name.into(), expire_at_ms, frequency });
        let text = text(content, rng);
        match kind {
            0 | 1 => self.text(text),
            2 => self.raw(&[0xc1, 0x39, 0x30], "12345"),
            3 => {
                self.put(|file| file.len(2));
                self.text(text);
                self.text("b");
            }
            4 => {
                self.put(|file| file.len(2));
                self.text("f");
                self.text(text);
                self.text("g");
                self.text("");
            }
            5 => self.packed(&intset(2, &[1, 2, 300]), &[b"1", b"2", b"300"]),
            6 => {
                self.packed(&ziplist(&atoms!["a", 1, "b", 2]), &[]);
                for (member, score) in [("a", 1.0), ("b", 2.0)] {
                    self.facts.extend([Fact::Text(member.into()), Fact::Score(score)]);
                }
            }
            7 => self.packed(&listpack(&atoms!["f", &text[..], "g", 12]), &[b"f", &text, b"g", b"12"]),
            8 => {
                self.packed(&listpack(&atoms!["member", 5]), &[b"member"]);
                self.facts.push(Fact::Score(5.0));
            }
            _ => {
                self.put(|file| file.len(1).len(2));
                self.packed(&listpack(&atoms![&text[..], "y"]), &[&text, b"y"]);
            }
        }
    }
}

/// A value; some hold the mark: in the middle, twice, cut short, or with all bytes that precede it at a true end.
fn text(content: &Content<'_>, rng: &mut Rng) -> Vec<u8> {
    let size = match rng.below(100) {
        0 => rng.between(5000, 20_000),
        1..=5 => rng.between(100, 3000),
        _ => rng.below(60),
    };
    let filler: Vec<u8> = (0..size).map(|_| rng.pick(b"abc\r\n$\xff\0")).collect();
    match (content.mark, rng.below(9)) {
        (Some(mark), 0) => [&filler[..], mark.as_bytes(), b"after"].concat(),
        (Some(mark), 1) => [mark.as_bytes(), mark.as_bytes(), &filler].concat(),
        (Some(mark), 2) => [&filler[..], &mark.as_bytes()[..39]].concat(),
        (Some(mark), 3) => [b"\xff\0\0\0\0\0\0\0\0", mark.as_bytes(), &filler].concat(),
        _ => filler,
    }
}
