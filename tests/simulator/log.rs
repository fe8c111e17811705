//! The truth: every byte of a primary's stream, and what it means.

use crate::rng::Rng;

pub(crate) type Words = Vec<Vec<u8>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Write,
    Multi,
    Exec,
    Select,
    /// PING and REPLCONF.
    Control,
    GetAck,
    /// Bytes that are counted and carry no command.
    Nothing,
}

/// One command of the stream, or bytes between two.
#[derive(Debug, Clone)]
pub(crate) struct Unit {
    /// Offsets before its first byte and after its last.
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// The database selected after it.
    pub(crate) db: u32,
    /// The offset after the MULTI it belongs to.
    pub(crate) tx: Option<u64>,
    pub(crate) what: What,
    pub(crate) args: Words,
}

impl Unit {
    /// The stream can be resumed after it.
    pub(crate) fn is_boundary(&self) -> bool {
        self.tx.is_none() || self.what == What::Exec
    }
}

/// One history of writes, as far as it exists.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    /// The offset before the first byte that is kept.
    base: u64,
    base_db: u32,
    bytes: Vec<u8>,
    pub(crate) units: Vec<Unit>,
    tx: Option<u64>,
}

impl Log {
    pub(crate) fn new(base: u64, db: u32) -> Self {
        Self { base, base_db: db, bytes: Vec::new(), units: Vec::new(), tx: None }
    }

    pub(crate) fn end(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }

    pub(crate) fn db(&self) -> u32 {
        self.units.last().map_or(self.base_db, |unit| unit.db)
    }

    pub(crate) fn push(&mut self, what: What, args: &[&[u8]]) {
        let start = self.end();
        encode(&mut self.bytes, args);
        let end = self.end();
        if what == What::Multi {
            self.tx = Some(end);
        }
        let db = match what {
            What::Select => std::str::from_utf8(args[1]).unwrap().parse().unwrap(),
            _ => self.db(),
        };
        let args = args.iter().map(|arg| arg.to_vec()).collect();
        self.units.push(Unit { start, end, db, tx: self.tx, what, args });
        if what == What::Exec {
            self.tx = None;
        }
    }

    pub(crate) fn push_nothing(&mut self, bytes: &[u8]) {
        let (start, db) = (self.end(), self.db());
        self.bytes.extend_from_slice(bytes);
        self.units.push(Unit { start, end: self.end(), db, tx: self.tx, what: What::Nothing, args: Vec::new() });
    }

    pub(crate) fn slice(&self, from: u64, to: u64) -> &[u8] {
        &self.bytes[(from - self.base) as usize..(to - self.base) as usize]
    }

    /// The number of the first unit that ends after `offset`.
    pub(crate) fn after(&self, offset: u64) -> usize {
        self.units.partition_point(|unit| unit.end <= offset)
    }

    /// Whether the next unit after `offset` is a newline.
    pub(crate) fn is_newline_next(&self, offset: u64) -> bool {
        let next = self.units.get(self.after(offset));
        next.is_some_and(|unit| matches!(self.slice(unit.start, unit.end), b"\n" | b"\r\n"))
    }

    /// The database selected after the byte at `offset`.
    pub(crate) fn db_at(&self, offset: u64) -> u32 {
        self.after(offset).checked_sub(1).map_or(self.base_db, |at| self.units[at].db)
    }

    /// An offset from `low` on where the stream can be resumed, the end among them.
    pub(crate) fn boundary(&self, low: u64, rng: &mut Rng) -> u64 {
        let first = self.after(low).saturating_sub(1);
        let count = self.units.len() - first;
        if count == 0 {
            return self.end();
        }
        let unit = self.units[first + rng.below(count)..].iter().find(|unit| unit.is_boundary());
        unit.map_or(self.end(), |unit| unit.end).max(low).min(self.end())
    }

    /// The boundaries from the last byte up to `offset` that may have changed data, that one among them, to `offset`.
    pub(crate) fn harmless(&self, offset: u64, is_harmless: impl Fn(&Unit) -> bool) -> Vec<u64> {
        let (mut boundaries, mut changes) = (vec![self.base], false);
        for unit in self.units.iter().take_while(|unit| unit.end <= offset) {
            changes |= !is_harmless(unit);
            if unit.is_boundary() {
                if std::mem::take(&mut changes) {
                    boundaries.clear();
                }
                boundaries.push(unit.end);
            }
        }
        boundaries
    }

    /// Forgets everything after `offset`, a boundary.
    pub(crate) fn truncate(&mut self, offset: u64) {
        self.units.truncate(self.after(offset));
        self.bytes.truncate((offset - self.base) as usize);
    }
}

pub(crate) fn encode(into: &mut Vec<u8>, args: &[&[u8]]) {
    into.extend_from_slice(format!("*{}\r\n", args.len()).as_bytes());
    for arg in args {
        into.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        into.extend_from_slice(arg);
        into.extend_from_slice(b"\r\n");
    }
}

/// Decodes the first command of `bytes`, as the session sends it: an array of bulk strings, or a bare newline (one
/// empty argument). Returns its arguments and its length; `None` while it is incomplete; an error for anything else.
pub(crate) fn decode(bytes: &[u8]) -> Result<Option<(Words, usize)>, String> {
    fn line<'a>(bytes: &'a [u8], sign: u8, at: &mut usize) -> Result<Option<&'a str>, String> {
        let rest = &bytes[*at..];
        let Some(end) = rest.iter().position(|&b| b == b'\n') else { return Ok(None) };
        *at += end + 1;
        match rest[..end].strip_suffix(b"\r").and_then(|line| line.strip_prefix(&[sign])) {
            Some(text) => Ok(std::str::from_utf8(text).ok()),
            None => Err(format!("not a command: {:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(60)]))),
        }
    }
    if bytes.first() == Some(&b'\n') {
        return Ok(Some((vec![Vec::new()], 1)));
    }
    let mut at = 0;
    let Some(count) = line(bytes, b'*', &mut at)? else { return Ok(None) };
    let mut words = Vec::new();
    for _ in 0..count.parse::<usize>().map_err(|error| error.to_string())? {
        let Some(length) = line(bytes, b'$', &mut at)? else { return Ok(None) };
        let length: usize = length.parse().map_err(|error| format!("{error}: {length:?}"))?;
        let Some(word) = bytes.get(at..at + length + 2) else { return Ok(None) };
        if !word.ends_with(b"\r\n") {
            return Err("a word without its end".into());
        }
        words.push(word[..length].to_vec());
        at += length + 2;
    }
    Ok(Some((words, at)))
}
