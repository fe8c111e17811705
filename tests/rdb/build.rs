//! Writes snapshots that no server at hand writes.

/// A snapshot being written.
#[derive(Clone)]
pub(crate) struct File(pub(crate) Vec<u8>);

impl File {
    pub(crate) fn new(magic: &str) -> Self {
        assert_eq!(magic.len(), 9);
        Self(magic.as_bytes().to_vec())
    }

    pub(crate) fn raw(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.extend_from_slice(bytes.as_ref());
        self
    }

    pub(crate) fn len(self, value: u64) -> Self {
        self.raw(len(value))
    }

    pub(crate) fn lens(self, values: &[u64]) -> Self {
        values.iter().fold(self, |file, value| file.len(*value))
    }

    pub(crate) fn string(self, bytes: impl AsRef<[u8]>) -> Self {
        self.raw(string(bytes.as_ref()))
    }

    pub(crate) fn lzf(self, bytes: impl AsRef<[u8]>) -> Self {
        self.raw(lzf(bytes.as_ref()))
    }

    /// A type or opcode.
    pub(crate) fn number(self, number: u8) -> Self {
        self.raw([number])
    }

    /// A type and a key's name.
    pub(crate) fn key(self, number: u8, name: impl AsRef<[u8]>) -> Self {
        self.number(number).string(name)
    }

    pub(crate) fn ms(self, value: i64) -> Self {
        self.raw(value.to_le_bytes())
    }

    pub(crate) fn double(self, value: f64) -> Self {
        self.raw(value.to_le_bytes())
    }

    /// A stream id as raw bytes.
    pub(crate) fn id(self, ms: u64, seq: u64) -> Self {
        self.raw(ms.to_be_bytes()).raw(seq.to_be_bytes())
    }

    /// The end, with a checksum if the version has one.
    pub(crate) fn end(self) -> Vec<u8> {
        let mut file = self.number(255);
        let digits = file.0[5..9].iter().filter(|byte| byte.is_ascii_digit());
        let version = digits.fold(0, |version, digit| version * 10 + u32::from(digit - b'0'));
        if version >= 5 {
            let crc = crc(&file.0);
            file = file.raw(crc.to_le_bytes());
        }
        file.0
    }
}

/// The checksum, one bit at a time.
pub(crate) fn crc(bytes: &[u8]) -> u64 {
    let mut crc: u64 = 0;
    for byte in bytes {
        for bit in 0..8 {
            let high = (crc >> 63) ^ u64::from(byte >> bit & 1);
            crc = (crc << 1) ^ if high == 1 { 0xad93_d235_94c9_35a9 } else { 0 };
        }
    }
    crc.reverse_bits()
}

pub(crate) fn len(value: u64) -> Vec<u8> {
    match value {
        0..64 => vec![value as u8],
        64..16_384 => vec![64 | (value >> 8) as u8, value as u8],
        _ if u32::try_from(value).is_ok() => [&[0x80][..], &(value as u32).to_be_bytes()].concat(),
        _ => [&[0x81][..], &value.to_be_bytes()].concat(),
    }
}

pub(crate) fn string(bytes: &[u8]) -> Vec<u8> {
    [len(bytes.len() as u64), bytes.to_vec()].concat()
}

/// A compressed string, even if compression makes it longer.
pub(crate) fn lzf(bytes: &[u8]) -> Vec<u8> {
    let packed = compress(bytes);
    [vec![0xc3], len(packed.len() as u64), len(bytes.len() as u64), packed].concat()
}

/// Greedy: the latest position with the same three bytes.
pub(crate) fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut places = std::collections::HashMap::new();
    let (mut out, mut literals, mut at) = (Vec::new(), Vec::new(), 0);
    let flush = |out: &mut Vec<u8>, literals: &mut Vec<u8>| {
        for run in literals.chunks(32) {
            out.push(run.len() as u8 - 1);
            out.extend_from_slice(run);
        }
        literals.clear();
    };
    while at < bytes.len() {
        let three = bytes.get(at..at + 3);
        let from = three.and_then(|three| places.insert(three, at)).filter(|from| at - from <= 8192);
        let Some(from) = from else {
            literals.push(bytes[at]);
            at += 1;
            continue;
        };
        let most = (bytes.len() - at).min(264);
        let length = (0..most).find(|index| bytes[from + index] != bytes[at + index]).unwrap_or(most);
        flush(&mut out, &mut literals);
        let (count, distance) = (length - 2, at - from - 1);
        if count < 7 {
            out.push((count << 5 | distance >> 8) as u8);
        } else {
            out.push((7 << 5 | distance >> 8) as u8);
            out.push((count - 7) as u8);
        }
        out.push(distance as u8);
        at += length;
    }
    flush(&mut out, &mut literals);
    out
}

/// An element of a packed form.
#[derive(Clone, Debug)]
pub(crate) enum Atom {
    Int(i64),
    Str(Vec<u8>),
}

impl From<i64> for Atom {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<&str> for Atom {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}

impl From<&[u8]> for Atom {
    fn from(bytes: &[u8]) -> Self {
        Self::Str(bytes.into())
    }
}

/// A list of [`Atom`]s from numbers and strings.
macro_rules! atoms {
    ($($atom:expr),* $(,)?) => { [$($crate::build::Atom::from($atom)),*] };
}
pub(crate) use atoms;

pub(crate) fn listpack(atoms: &[Atom]) -> Vec<u8> {
    let mut entries = Vec::new();
    for atom in atoms {
        let entry = listpack_entry(atom);
        let size = entry.len();
        entries.extend(entry);
        let bytes = 1 + [127, 16_383, 2_097_151, 268_435_455].iter().filter(|most| size > **most).count();
        for index in (0..bytes).rev() {
            let group = (size >> (7 * index) & 127) as u8;
            entries.push(if index + 1 == bytes { group } else { group | 128 });
        }
    }
    let total = entries.len() as u32 + 7;
    let count = u16::try_from(atoms.len()).unwrap_or(u16::MAX);
    [&total.to_le_bytes()[..], &count.to_le_bytes(), &entries, &[255]].concat()
}

fn listpack_entry(atom: &Atom) -> Vec<u8> {
    match atom {
        Atom::Int(value @ 0..=127) => vec![*value as u8],
        Atom::Int(value @ -4096..=4095) => {
            let value = value & 0x1fff;
            vec![0xc0 | (value >> 8) as u8, value as u8]
        }
        Atom::Int(value) => {
            let (code, width) = match value.unsigned_abs().leading_zeros() {
                49.. => (0xf1, 2),
                41.. => (0xf2, 3),
                33.. => (0xf3, 4),
                _ => (0xf4, 8),
            };
            [&[code][..], &value.to_le_bytes()[..width]].concat()
        }
        Atom::Str(bytes) => match bytes.len() {
            size @ 0..64 => [&[0x80 | size as u8], &bytes[..]].concat(),
            size @ 64..4096 => [&[0xe0 | (size >> 8) as u8, size as u8], &bytes[..]].concat(),
            size => [&[0xf0][..], &(size as u32).to_le_bytes(), bytes].concat(),
        },
    }
}

pub(crate) fn ziplist(atoms: &[Atom]) -> Vec<u8> {
    let (mut entries, mut before, mut tail) = (Vec::new(), 0, 10);
    for atom in atoms {
        tail = 10 + entries.len();
        let start = entries.len();
        match before {
            0..254 => entries.push(before as u8),
            _ => entries.extend([&[254][..], &(before as u32).to_le_bytes()].concat()),
        }
        entries.extend(ziplist_entry(atom));
        before = entries.len() - start;
    }
    let total = entries.len() as u32 + 11;
    let count = u16::try_from(atoms.len()).unwrap_or(u16::MAX);
    [&total.to_le_bytes()[..], &(tail as u32).to_le_bytes(), &count.to_le_bytes(), &entries, &[255]].concat()
}

fn ziplist_entry(atom: &Atom) -> Vec<u8> {
    match atom {
        Atom::Int(value @ 0..=12) => vec![0xf1 + *value as u8],
        Atom::Int(value) => {
            let (code, width) = match value.unsigned_abs().leading_zeros() {
                57.. => (0xfe, 1),
                49.. => (0xc0, 2),
                41.. => (0xf0, 3),
                33.. => (0xd0, 4),
                _ => (0xe0, 8),
            };
            [&[code][..], &value.to_le_bytes()[..width]].concat()
        }
        Atom::Str(bytes) => match bytes.len() {
            size @ 0..64 => [&[size as u8], &bytes[..]].concat(),
            size @ 64..16_384 => [&[0x40 | (size >> 8) as u8, size as u8], &bytes[..]].concat(),
            size => [&[0x80][..], &(size as u32).to_be_bytes(), bytes].concat(),
        },
    }
}

pub(crate) fn intset(width: usize, values: &[i64]) -> Vec<u8> {
    let values: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()[..width].to_vec()).collect();
    [&(width as u32).to_le_bytes()[..], &((values.len() / width) as u32).to_le_bytes(), &values].concat()
}

/// Each pair with the given number of unused bytes after the value.
pub(crate) fn zipmap(pairs: &[(&[u8], &[u8], u8)]) -> Vec<u8> {
    let size = |bytes: &[u8]| match bytes.len() {
        short @ 0..254 => vec![short as u8],
        long => [&[254][..], &(long as u32).to_le_bytes()].concat(),
    };
    let mut out = vec![pairs.len().min(254) as u8];
    for (field, value, unused) in pairs {
        out.extend([&size(field)[..], field, &size(value), &[*unused], value, &vec![b'?'; (*unused).into()]].concat());
    }
    out.push(255);
    out
}

#[test]
fn built_snapshots_are_valid() {
    let bytes: Vec<u8> = (0..100_000u32).map(|n| (n % 8000 * 7) as u8).collect();
    assert!(compress(&[b'a'; 1000]).len() < 20);
    assert!(compress(&bytes).len() < bytes.len());
    assert_eq!(listpack(&[]), b"\x07\0\0\0\0\0\xff");
    assert_eq!(listpack(&atoms![1, "a"]), b"\x0c\0\0\0\x02\0\x01\x01\x81a\x02\xff");
    assert_eq!(ziplist(&atoms![1, "a"]), b"\x10\0\0\0\x0c\0\0\0\x02\0\0\xf2\x02\x01a\xff");
}
