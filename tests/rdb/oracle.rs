//! A second decoder. It holds the whole snapshot in memory, decompresses every string at once, and panics on unexpected
//! bytes.
//!
//! It shares nothing with the library but the names of the items.

use std::collections::HashMap;

use redtail::rdb::{Checksum, Entry, Format, Item, Magic, ModuleId, Role, SHARED_FIELDS, StreamId, StreamState};

use crate::build::crc;
use crate::run::{Seen, key_facts};

/// Everything in the snapshot at the front of `bytes`, and its length.
pub(crate) fn read(bytes: &[u8]) -> (Vec<Seen>, usize) {
    let mut oracle = Oracle { bytes, at: 0, seen: Vec::new(), redis: true, version: 0, templates: HashMap::new() };
    oracle.snapshot();
    (oracle.seen, oracle.at)
}

struct Oracle<'a> {
    bytes: &'a [u8],
    at: usize,
    seen: Vec<Seen>,
    redis: bool,
    version: u16,
    templates: HashMap<u64, Vec<Vec<u8>>>,
}

/// An element of a packed string.
#[derive(Clone, Debug)]
enum Atom {
    Number(i64),
    Bytes(Vec<u8>),
}

impl Atom {
    fn text(&self) -> Vec<u8> {
        match self {
            Self::Number(value) => value.to_string().into_bytes(),
            Self::Bytes(bytes) => bytes.clone(),
        }
    }

    fn number(&self) -> i64 {
        match self {
            Self::Number(value) => *value,
            Self::Bytes(bytes) => panic!("no number: {bytes:?}"),
        }
    }

    fn score(&self) -> f64 {
        match self {
            Self::Number(value) => *value as f64,
            Self::Bytes(bytes) => String::from_utf8(bytes.clone()).unwrap().parse().unwrap(),
        }
    }
}

impl Oracle<'_> {
    fn take(&mut self, count: usize) -> Vec<u8> {
        let bytes = self.bytes[self.at..self.at + count].to_vec();
        self.at += count;
        bytes
    }

    fn byte(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn ms(&mut self) -> i64 {
        i64::from_le_bytes(self.take(8).try_into().unwrap())
    }

    fn double(&mut self) -> f64 {
        f64::from_le_bytes(self.take(8).try_into().unwrap())
    }

    fn big(&mut self, count: usize) -> u64 {
        self.take(count).iter().fold(0, |value, byte| value * 256 + u64::from(*byte))
    }

    fn len(&mut self) -> u64 {
        let first = self.byte();
        match first / 64 {
            0 => first.into(),
            1 => u64::from(first % 64) * 256 + u64::from(self.byte()),
            2 if first == 128 => self.big(4),
            2 if first == 129 => self.big(8),
            _ => panic!("length {first} at {}", self.at),
        }
    }

    fn string(&mut self) -> Vec<u8> {
        match self.bytes[self.at] {
            0xc0 => {
                self.at += 1;
                (self.byte() as i8).to_string().into_bytes()
            }
            0xc1 => {
                self.at += 1;
                i16::from_le_bytes(self.take(2).try_into().unwrap()).to_string().into_bytes()
            }
            0xc2 => {
                self.at += 1;
                i32::from_le_bytes(self.take(4).try_into().unwrap()).to_string().into_bytes()
            }
            0xc3 => {
                self.at += 1;
                let (packed, length) = (self.len(), self.len());
                let packed = self.take(packed as usize);
                undo(&packed, length as usize)
            }
            _ => {
                let length = self.len();
                self.take(length as usize)
            }
        }
    }

    fn raw_id(&mut self) -> StreamId {
        StreamId { ms: self.big(8), seq: self.big(8) }
    }

    fn len_id(&mut self) -> StreamId {
        StreamId { ms: self.len(), seq: self.len() }
    }

    fn tell(&mut self, item: Item<'_>) {
        self.seen.push(Seen::Other(format!("{item:?}")));
    }

    fn text(&mut self, role: Role, bytes: Vec<u8>) {
        self.seen.push(Seen::Text(role, bytes));
    }

    fn tell_string(&mut self, role: Role) {
        let bytes = self.string();
        self.text(role, bytes);
    }

    fn snapshot(&mut self) {
        let magic = String::from_utf8(self.take(9)).unwrap();
        self.redis = magic.starts_with("REDIS");
        let version: u16 = magic.trim_start_matches(|c: char| c.is_ascii_alphabetic()).parse().unwrap();
        self.version = version;
        let magic = if self.redis { Magic::Redis } else { Magic::Valkey };
        self.tell(Item::Start(Format { magic, version }));
        let mut database = 0;
        let (mut expire, mut idle, mut frequency, mut no_evict) = (None, None, None, false);
        loop {
            match self.byte() {
                255 => break,
                254 => {
                    database = u32::try_from(self.len()).unwrap();
                    self.tell(Item::Database(database));
                }
                253 => expire = Some(i64::from(i32::from_le_bytes(self.take(4).try_into().unwrap())) * 1000),
                252 => expire = Some(self.ms()),
                251 => {
                    let item = Item::Sizes { keys: self.len(), expires: self.len() };
                    self.tell(item);
                }
                250 => {
                    self.tell_string(Role::AuxName);
                    self.tell_string(Role::AuxValue);
                }
                249 => frequency = Some(self.byte()),
                248 => idle = Some(self.len()),
                247 => {
                    let module = ModuleId(self.len());
                    assert_eq!(self.len(), 2);
                    let when = self.len();
                    self.tell(Item::ModuleAux { module, when });
                    let start = self.at;
                    self.module(start);
                }
                245 => self.tell_string(Role::Function),
                246 => {
                    let (name, engine) = (self.string(), self.string());
                    if self.len() > 0 {
                        self.string();
                    }
                    let code = self.string();
                    self.text(Role::Function, [b"#!", &engine[..], b" name=", &name, b"\n", &code].concat());
                }
                number @ (107 | 121) => {
                    let value = self.len();
                    self.tell(Item::Foreign { number, value });
                }
                244 => {
                    let item = Item::Slot { slot: self.len(), keys: self.len(), expires: self.len() };
                    self.tell(item);
                }
                243 if self.redis => {
                    for _ in 0..self.len() {
                        let class = self.take(4).try_into().unwrap();
                        self.tell(Item::KeyMetadata { class });
                        let start = self.at;
                        self.module(start);
                    }
                }
                243 => {
                    self.tell_string(Role::SlotImport);
                    for _ in 0..self.len() {
                        let item = Item::SlotRange { first: self.len(), last: self.len() };
                        self.tell(item);
                    }
                }
                241 => no_evict = true,
                242 if self.redis => {
                    let (id, count) = (self.len(), self.len());
                    let names = (0..count).map(|_| self.string()).collect();
                    assert!(self.templates.insert(id, names).is_none());
                }
                242 => {
                    let argc = self.line('*');
                    self.tell(Item::Command { argc });
                    for _ in 0..argc {
                        let length = self.line('$') as usize;
                        let bytes = self.take(length);
                        self.text(Role::Argument, bytes);
                        assert_eq!(self.take(2), b"\r\n");
                    }
                }
                number => {
                    let name = self.string();
                    let facts = key_facts(
                        database,
                        number,
                        expire.take(),
                        idle.take(),
                        frequency.take(),
                        std::mem::take(&mut no_evict),
                    );
                    self.seen.push(Seen::Key(name, format!("{} {facts}", self.kind(number))));
                    self.value(number);
                    self.tell(Item::KeyEnd);
                }
            }
        }
        let computed = crc(&self.bytes[..self.at]);
        let checksum = match (version, if version < 5 { 0 } else { self.ms() as u64 }) {
            (..5, _) | (_, 0) => Checksum::Absent,
            (_, stored) => {
                assert_eq!(stored, computed);
                Checksum::Verified
            }
        };
        self.tell(Item::End(checksum));
    }

    fn line(&mut self, kind: char) -> u64 {
        assert_eq!(self.byte() as char, kind);
        let mut digits = String::new();
        loop {
            match self.byte() {
                b'\r' => break,
                digit => digits.push(digit as char),
            }
        }
        assert_eq!(self.byte(), b'\n');
        digits.parse().unwrap()
    }

    fn module(&mut self, start: usize) {
        loop {
            match self.len() {
                0 => break,
                1 | 2 => {
                    self.len();
                }
                3 => self.at += 4,
                4 => self.at += 8,
                5 => {
                    self.string();
                }
                other => panic!("module opcode {other}"),
            }
        }
        self.seen.push(Seen::Raw(self.bytes[start..self.at].to_vec()));
        self.seen.push(Seen::Other("end of raw bytes".into()));
    }

    fn value(&mut self, number: u8) {
        match number {
            0 => self.tell_string(Role::Value),
            1 | 2 => {
                for _ in 0..self.len() {
                    self.tell_string(if number == 1 { Role::Element } else { Role::Member });
                }
            }
            3 | 5 => {
                for _ in 0..self.len() {
                    self.tell_string(Role::Member);
                    let score = if number == 5 { self.double() } else { self.old_score() };
                    self.tell(Item::Score(score));
                }
            }
            4 => {
                for _ in 0..self.len() {
                    self.tell_string(Role::Field);
                    self.tell_string(Role::FieldValue);
                }
            }
            7 => {
                let start = self.at;
                let id = ModuleId(self.len());
                self.tell(Item::Module(id));
                self.module(start);
            }
            9 => {
                let blob = self.string();
                self.zipmap(&blob);
            }
            10 | 11 | 12 | 13 | 16 | 17 | 20 => {
                let blob = self.string();
                let atoms = match number {
                    11 => intset(&blob),
                    10 | 12 | 13 => ziplist(&blob),
                    _ => listpack(&blob),
                };
                match number {
                    10 => atoms.iter().for_each(|atom| self.text(Role::Element, atom.text())),
                    11 | 20 => atoms.iter().for_each(|atom| self.text(Role::Member, atom.text())),
                    12 | 17 => atoms.chunks(2).for_each(|pair| {
                        self.text(Role::Member, pair[0].text());
                        self.tell(Item::Score(pair[1].score()));
                    }),
                    _ => atoms.chunks(2).for_each(|pair| {
                        self.text(Role::Field, pair[0].text());
                        self.text(Role::FieldValue, pair[1].text());
                    }),
                }
            }
            14 | 18 => {
                for _ in 0..self.len() {
                    let container = if number == 18 { self.len() } else { 0 };
                    let string = self.string();
                    match container {
                        1 => self.text(Role::Element, string),
                        0 => ziplist(&string).iter().for_each(|atom| self.text(Role::Element, atom.text())),
                        _ => listpack(&string).iter().for_each(|atom| self.text(Role::Element, atom.text())),
                    }
                }
            }
            23 if !self.redis => {
                for _ in 0..self.len() {
                    self.tell_string(Role::Path);
                    let fields = self.len();
                    self.tell(Item::Path { fields });
                    for _ in 0..fields {
                        self.tell_string(Role::Field);
                        self.tell_string(Role::FieldValue);
                    }
                }
            }
            22 if !self.redis => {
                for _ in 0..self.len() {
                    self.tell_string(Role::Field);
                    self.tell_string(Role::FieldValue);
                    let at_ms = self.ms();
                    self.expiry(at_ms, -1);
                }
            }
            22 | 24 => {
                let earliest = if number == 24 { self.ms() } else { 1 };
                for _ in 0..self.len() {
                    let relative = self.len() as i64;
                    self.tell_string(Role::Field);
                    self.tell_string(Role::FieldValue);
                    if relative != 0 {
                        self.expiry(earliest + relative - 1, -1);
                    }
                }
            }
            23 | 25 => {
                if number == 25 {
                    self.ms();
                }
                let blob = self.string();
                for row in listpack(&blob).chunks(3) {
                    self.text(Role::Field, row[0].text());
                    self.text(Role::FieldValue, row[1].text());
                    self.expiry(row[2].number(), 0);
                }
            }
            15 => self.stream(1),
            19 => self.stream(2),
            21 => self.stream(3),
            26 => self.stream(4),
            27 => self.stream(5),
            28 => {
                let count = self.len();
                let last_insert = (self.len() == 1).then(|| self.len());
                self.tell(Item::Array { count, last_insert });
                for _ in 0..count {
                    let index = self.len();
                    self.tell(Item::Index(index));
                    match self.len() {
                        1 => {
                            let value = self.ms();
                            self.text(Role::Element, value.to_string().into_bytes());
                        }
                        2 => {
                            let value = self.double();
                            // No exponent, and at least one decimal.
                            let text = format!("{value}");
                            let text = if text.contains('.') { text } else { text + ".0" };
                            self.text(Role::Element, text.into_bytes());
                        }
                        _ => self.tell_string(Role::Element),
                    }
                }
            }
            29 if self.version < 15 => {
                let value = self.len();
                self.tell(Item::Rate(value));
            }
            33 => {
                let value = self.len();
                self.tell(Item::Rate(value));
            }
            29 | 31 => {
                let names: Vec<Vec<u8>> = match self.len() {
                    0 => listpack(&self.string()).iter().map(Atom::text).collect(),
                    _ => (0..self.len()).map(|_| self.string()).collect(),
                };
                let values = match number {
                    29 => listpack(&self.string())[1..].iter().map(Atom::text).collect(),
                    _ => names.iter().map(|_| self.string()).collect(),
                };
                self.pairs(names, values);
            }
            30 => {
                let atoms = listpack(&self.string());
                let names = self.templates[&(atoms[0].number() as u64)].clone();
                self.pairs(names, atoms[1..].iter().map(Atom::text).collect());
            }
            32 => {
                let id = self.len();
                let names = self.templates[&id].clone();
                let values = names.iter().map(|_| self.string()).collect();
                self.pairs(names, values);
            }
            34 => {
                self.ms();
                for row in listpack(&self.string()).chunks(2) {
                    self.text(Role::Member, row[0].text());
                    self.expiry(row[1].number(), 0);
                }
            }
            35 => {
                let earliest = self.ms();
                for _ in 0..self.len() {
                    let relative = self.len() as i64;
                    self.tell_string(Role::Member);
                    if relative != 0 {
                        self.expiry(earliest + relative - 1, -1);
                    }
                }
            }
            _ => panic!("type {number}"),
        }
    }

    fn pairs(&mut self, names: Vec<Vec<u8>>, values: Vec<Vec<u8>>) {
        assert_eq!(names.len(), values.len());
        for (name, value) in names.into_iter().zip(values) {
            self.text(Role::Field, name);
            self.text(Role::FieldValue, value);
        }
    }

    fn kind(&self, number: u8) -> &'static str {
        match number {
            23 if !self.redis => "PathHash",
            29 if self.version < 15 => "Rate",
            number => kind(number),
        }
    }

    fn expiry(&mut self, at_ms: i64, never: i64) {
        if at_ms != never {
            self.tell(Item::FieldExpiry { at_ms });
        }
    }

    fn old_score(&mut self) -> f64 {
        match self.byte() {
            253 => f64::NAN,
            254 => f64::INFINITY,
            255 => f64::NEG_INFINITY,
            length => String::from_utf8(self.take(length.into())).unwrap().parse().unwrap(),
        }
    }

    fn zipmap(&mut self, blob: &[u8]) {
        let mut at = 1;
        let length = |at: &mut usize| match blob[*at] {
            254 => {
                *at += 5;
                u32::from_le_bytes(blob[*at - 4..*at].try_into().unwrap()) as usize
            }
            short => {
                *at += 1;
                short.into()
            }
        };
        while blob[at] != 255 {
            let field = length(&mut at);
            self.text(Role::Field, blob[at..at + field].to_vec());
            at += field;
            let value = length(&mut at);
            let unused = usize::from(blob[at]);
            at += 1;
            self.text(Role::FieldValue, blob[at..at + value].to_vec());
            at += value + unused;
        }
        assert_eq!(at + 1, blob.len());
    }

    fn stream(&mut self, generation: u8) {
        for _ in 0..self.len() {
            let key = self.string();
            assert_eq!(key.len(), 16);
            let master = StreamId {
                ms: u64::from_be_bytes(key[..8].try_into().unwrap()),
                seq: u64::from_be_bytes(key[8..].try_into().unwrap()),
            };
            let blob = self.string();
            self.node(master, &listpack(&blob));
        }
        let (length, last) = (self.len(), self.len_id());
        let (first, max_deleted, added) = match generation {
            1 => (None, None, None),
            _ => (Some(self.len_id()), Some(self.len_id()), Some(self.len())),
        };
        let groups = self.len();
        let mut state = StreamState::default();
        (state.length, state.last, state.groups) = (length, last, groups);
        (state.first, state.max_deleted, state.added) = (first, max_deleted, added);
        self.tell(Item::Stream(state));
        for _ in 0..groups {
            self.tell_string(Role::GroupName);
            let last = self.len_id();
            let read = if generation >= 2 { Some(self.len()).filter(|read| *read != u64::MAX) } else { None };
            let pending = self.len();
            self.tell(Item::Group { last, read, pending });
            for _ in 0..pending {
                let item = Item::Pending { id: self.raw_id(), delivered_at_ms: self.ms(), deliveries: self.len() };
                self.tell(item);
            }
            let count = self.len();
            self.tell(Item::Consumers { count });
            for _ in 0..count {
                self.tell_string(Role::ConsumerName);
                let seen_at_ms = self.ms();
                let active_at_ms = if generation >= 3 { Some(self.ms()) } else { None };
                let pending = self.len();
                self.tell(Item::Consumer { seen_at_ms, active_at_ms, pending });
                for _ in 0..pending {
                    let id = self.raw_id();
                    self.tell(Item::ConsumerPending(id));
                }
            }
            if generation >= 5 {
                for _ in 0..self.len() {
                    let id = self.raw_id();
                    self.tell(Item::Returned(id));
                }
            }
        }
        if generation >= 4 {
            let item = Item::Idempotence { duration_s: self.len(), most: self.len(), producers: self.len() };
            self.tell(item);
            let Item::Idempotence { producers, .. } = item else { unreachable!() };
            for _ in 0..producers {
                self.tell_string(Role::ProducerName);
                let keys = self.len();
                self.tell(Item::Producer { keys });
                for _ in 0..keys {
                    self.tell_string(Role::IdempotencyKey);
                    let id = self.len_id();
                    self.tell(Item::Idempotent(id));
                }
            }
            let item = Item::IdempotenceCounts { added: self.len(), duplicates: self.len() };
            self.tell(item);
        }
    }

    fn node(&mut self, master: StreamId, atoms: &[Atom]) {
        let fields = atoms[2].number() as usize;
        let names: Vec<Vec<u8>> = atoms[3..3 + fields].iter().map(Atom::text).collect();
        let named = names.iter().map(|name| name.len() + 2).sum::<usize>() <= SHARED_FIELDS;
        names.iter().for_each(|name| self.text(Role::SharedField, name.clone()));
        let mut rest = &atoms[3 + fields + 1..];
        while !rest.is_empty() {
            let flags = rest[0].number();
            let id = StreamId {
                ms: (master.ms as i128 + rest[1].number() as i128) as u64,
                seq: (master.seq as i128 + rest[2].number() as i128) as u64,
            };
            let shared = flags & 2 != 0;
            let count = if shared { fields } else { rest[3].number() as usize };
            rest = &rest[if shared { 3 } else { 4 }..];
            let deleted = flags & 1 != 0;
            if !deleted {
                let mut entry = Entry::default();
                (entry.id, entry.fields, entry.named) = (id, count as u64, !shared || named);
                self.tell(Item::Entry(entry));
            }
            for index in 0..count {
                let (name, value) = match shared {
                    true => (names[index].clone(), &rest[index]),
                    false => (rest[2 * index].text(), &rest[2 * index + 1]),
                };
                if !deleted {
                    if !shared || named {
                        self.text(Role::EntryField, name);
                    }
                    self.text(Role::EntryValue, value.text());
                }
            }
            rest = &rest[if shared { count } else { 2 * count } + 1..];
        }
    }
}

fn kind(number: u8) -> &'static str {
    match number {
        0 => "String",
        1 | 10 | 14 | 18 => "List",
        2 | 11 | 20 | 34 | 35 => "Set",
        3 | 5 | 12 | 17 => "Zset",
        4 | 9 | 13 | 16 | 22..=25 | 29..=32 => "Hash",
        7 => "Module",
        15 | 19 | 21 | 26 | 27 => "Stream",
        28 => "Array",
        33 => "Rate",
        _ => panic!("type {number}"),
    }
}

fn undo(packed: &[u8], length: usize) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    while at < packed.len() {
        let control = usize::from(packed[at]);
        at += 1;
        if control < 32 {
            out.extend_from_slice(&packed[at..=at + control]);
            at += control + 1;
            continue;
        }
        let mut count = control / 32;
        if count == 7 {
            count += usize::from(packed[at]);
            at += 1;
        }
        let from = out.len() - (control % 32 * 256 + usize::from(packed[at])) - 1;
        at += 1;
        for index in from..from + count + 2 {
            out.push(out[index]);
        }
    }
    assert_eq!(out.len(), length);
    out
}

fn signed(bytes: &[u8]) -> i64 {
    let value = bytes.iter().rev().fold(0i128, |value, byte| value * 256 + i128::from(*byte));
    let range = 1i128 << (8 * bytes.len());
    (if value >= range / 2 { value - range } else { value }) as i64
}

fn intset(blob: &[u8]) -> Vec<Atom> {
    let width = blob[0] as usize;
    blob[8..].chunks(width).map(|number| Atom::Number(signed(number))).collect()
}

fn listpack(blob: &[u8]) -> Vec<Atom> {
    assert_eq!(u32::from_le_bytes(blob[..4].try_into().unwrap()) as usize, blob.len());
    let (mut at, mut atoms) = (6, Vec::new());
    while blob[at] != 255 {
        let c = usize::from(blob[at]);
        let (head, size) = match c {
            0x00..=0x7f => (1, 0),
            0x80..=0xbf => (1, c % 64),
            0xc0..=0xdf => (2, 0),
            0xe0..=0xef => (2, c % 16 * 256 + usize::from(blob[at + 1])),
            0xf0 => (5, u32::from_le_bytes(blob[at + 1..at + 5].try_into().unwrap()) as usize),
            0xf1..=0xf3 => (1, c - 0xf1 + 2),
            0xf4 => (1, 8),
            _ => panic!("listpack {c}"),
        };
        let data = &blob[at + head..at + head + size];
        atoms.push(match c {
            0x00..=0x7f => Atom::Number(c as i64),
            0xc0..=0xdf => {
                let value = (c % 32 * 256 + usize::from(blob[at + 1])) as i64;
                Atom::Number(if value > 4095 { value - 8192 } else { value })
            }
            0xf1..=0xf4 => Atom::Number(signed(data)),
            _ => Atom::Bytes(data.to_vec()),
        });
        let size = head + size;
        at += size + [127, 16_383, 2_097_151, 268_435_455].iter().filter(|most| size > **most).count() + 1;
    }
    assert_eq!(at + 1, blob.len());
    atoms
}

fn ziplist(blob: &[u8]) -> Vec<Atom> {
    assert_eq!(u32::from_le_bytes(blob[..4].try_into().unwrap()) as usize, blob.len());
    let (mut at, mut atoms) = (10, Vec::new());
    while blob[at] != 255 {
        at += if blob[at] == 254 { 5 } else { 1 };
        let e = usize::from(blob[at]);
        let number = |width: usize| (1 + width, Atom::Number(signed(&blob[at + 1..at + 1 + width])));
        let text = |head: usize, size: usize| (head + size, Atom::Bytes(blob[at + head..at + head + size].to_vec()));
        let (size, atom) = match e {
            0x00..=0x3f => text(1, e),
            0x40..=0x7f => text(2, e % 64 * 256 + usize::from(blob[at + 1])),
            0x80..=0xbf => text(5, u32::from_be_bytes(blob[at + 1..at + 5].try_into().unwrap()) as usize),
            0xc0 => number(2),
            0xd0 => number(4),
            0xe0 => number(8),
            0xf0 => number(3),
            0xfe => number(1),
            0xf1..=0xfd => (1, Atom::Number(e as i64 - 0xf1)),
            _ => panic!("ziplist {e}"),
        };
        atoms.push(atom);
        at += size;
    }
    assert_eq!(at + 1, blob.len());
    atoms
}
