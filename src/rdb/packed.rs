//! The packed forms: strings of many small elements, read forward one element at a time.

use crate::rdb::error::RdbErrorKind;
use crate::rdb::primitives::{Attempt, Halt, invalid};

/// The form of a packed string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PackedForm {
    Listpack,
    Ziplist,
    Intset,
    Zipmap,
}

/// The position of a walk through a packed string.
#[derive(Debug, Clone, Copy)]
pub(super) struct PackedWalk {
    form: PackedForm,
    /// The length of the whole string in bytes.
    total: u64,
    begun: bool,
    /// The number of elements in the header, if it is known there.
    declared: Option<u64>,
    seen: u64,
    /// Ziplist: the length of the previous element, and the position of the last element in the header.
    before: u64,
    last: u64,
    /// Intset: the length of an element in bytes.
    width: u8,
    /// Zipmap: the next element is a value.
    value: bool,
    /// The tail of a long element that is not read yet.
    pub(super) tail: Tail,
}

/// The bytes after the bytes of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    Nothing,
    /// Listpack: the size of an element, written for reading backwards.
    Size(u64),
    /// Zipmap: this number of unused bytes.
    Unused(u8),
}

/// The bytes at the front.
#[derive(Debug, Clone, Copy)]
pub(super) enum Parsed {
    /// At least this number of bytes is needed.
    Need(usize),
    /// The end mark. It has this number of bytes.
    End(usize),
    /// A number. `size` is its length in bytes, including the tail.
    Integer { size: usize, value: i64 },
    /// A string.
    Text { head: usize, length: u64, tail: Tail },
}

/// A common element: a string whose head has `head` bytes, or a number.
#[derive(Debug, Clone, Copy)]
pub(super) enum Short {
    Text { head: usize, length: usize },
    Integer(i64),
}

impl PackedWalk {
    pub(super) const NONE: Self = Self::new(PackedForm::Listpack, 0);

    pub(super) const fn new(form: PackedForm, total: u64) -> Self {
        Self {
            form,
            total,
            begun: false,
            declared: None,
            seen: 0,
            before: 0,
            last: 0,
            width: 8,
            value: false,
            tail: Tail::Nothing,
        }
    }

    /// The length of the header in bytes.
    pub(super) fn header_length(&self) -> usize {
        match self.form {
            PackedForm::Listpack => 6,
            PackedForm::Ziplist => 10,
            PackedForm::Intset => 8,
            PackedForm::Zipmap => 1,
        }
    }

    pub(super) fn is_begun(&self) -> bool {
        self.begun
    }

    /// The length of a number in bytes, if the string is an intset whose header was read.
    #[inline(always)]
    pub(super) fn number_width(&self) -> Option<usize> {
        (self.begun && self.form == PackedForm::Intset).then_some(self.width.into())
    }

    /// Fast path: the element at the front of `bytes` and its size, if it is common and fully buffered.
    #[inline(always)]
    pub(super) fn short(&self, bytes: &[u8]) -> Option<(Short, usize)> {
        if !self.begun || self.tail != Tail::Nothing {
            return None;
        }
        match self.form {
            PackedForm::Listpack => short_listpack(bytes),
            PackedForm::Ziplist => self.short_ziplist(bytes),
            PackedForm::Intset => match (self.width, bytes) {
                (2, &[a, b, ..]) => Some((Short::Integer(i16::from_le_bytes([a, b]).into()), 2)),
                (4, &[a, b, c, d, ..]) => Some((Short::Integer(i32::from_le_bytes([a, b, c, d]).into()), 4)),
                (8, &[a, b, c, d, e, f, g, h, ..]) => {
                    Some((Short::Integer(i64::from_le_bytes([a, b, c, d, e, f, g, h])), 8))
                }
                _ => None,
            },
            PackedForm::Zipmap => None,
        }
    }

    #[inline(always)]
    fn short_ziplist(&self, bytes: &[u8]) -> Option<(Short, usize)> {
        let (&before, rest) = bytes.split_first()?;
        if before >= 254 || u64::from(before) != self.before {
            return None;
        }
        Some(match *rest {
            [length @ 0..=63, ..] => {
                let length = usize::from(length);
                rest.get(length)?;
                (Short::Text { head: 2, length }, 2 + length)
            }
            [high @ 0x40..=0x7f, low, ..] => {
                let length = usize::from(high & 63) << 8 | usize::from(low);
                rest.get(1 + length)?;
                (Short::Text { head: 3, length }, 3 + length)
            }
            [0xc0, a, b, ..] => (Short::Integer(i16::from_le_bytes([a, b]).into()), 4),
            [0xd0, a, b, c, d, ..] => (Short::Integer(i32::from_le_bytes([a, b, c, d]).into()), 6),
            [0xf0, a, b, c, ..] => (Short::Integer((i32::from_le_bytes([0, a, b, c]) >> 8).into()), 5),
            [0xfe, a, ..] => (Short::Integer(i8::from_le_bytes([a]).into()), 3),
            [small @ 0xf1..=0xfd, ..] => (Short::Integer(i64::from(small & 15) - 1), 2),
            _ => return None,
        })
    }

    pub(super) fn name(&self) -> &'static str {
        match self.form {
            PackedForm::Listpack => "a listpack",
            PackedForm::Ziplist => "a ziplist",
            PackedForm::Intset => "an intset",
            PackedForm::Zipmap => "a zipmap",
        }
    }

    /// Reads the header, which is fully buffered.
    pub(super) fn begin(&mut self, bytes: &[u8]) -> Attempt<()> {
        let size = match (self.form, bytes) {
            (PackedForm::Listpack, &[a, b, c, d, e, f, ..]) => {
                self.declared = count16([e, f]);
                u32::from_le_bytes([a, b, c, d]).into()
            }
            (PackedForm::Ziplist, &[a, b, c, d, e, f, g, h, i, j, ..]) => {
                self.declared = count16([i, j]);
                self.last = u32::from_le_bytes([e, f, g, h]).into();
                u32::from_le_bytes([a, b, c, d]).into()
            }
            (PackedForm::Intset, &[a, b, c, d, e, f, g, h, ..]) => {
                let width = u32::from_le_bytes([a, b, c, d]);
                self.width = match width {
                    2 | 4 | 8 => width as u8,
                    _ => {
                        return Err(Halt::Error(RdbErrorKind::UnknownEncoding {
                            what: "intset width",
                            number: width.into(),
                            expected: "2, 4 or 8 bytes",
                        }));
                    }
                };
                let count = u64::from(u32::from_le_bytes([e, f, g, h]));
                self.declared = Some(count);
                8 + count * u64::from(width)
            }
            (PackedForm::Zipmap, &[count, ..]) => {
                // A pair counts as two elements.
                self.declared = (count < 254).then_some(u64::from(count) * 2);
                self.total
            }
            _ => return Err(Halt::Need(1)),
        };
        if size != self.total {
            return Err(mismatch("bytes of a packed value", size, self.total));
        }
        self.begun = true;
        Ok(())
    }

    /// Reads the front of `bytes`, where an element begins. `left` is the number of bytes left in the string.
    #[inline(always)]
    pub(super) fn parse(&self, bytes: &[u8], left: u64) -> Attempt<Parsed> {
        match self.form {
            PackedForm::Listpack => listpack(bytes),
            PackedForm::Ziplist => self.ziplist(bytes),
            PackedForm::Intset if left == 0 => Ok(Parsed::End(0)),
            PackedForm::Intset => Ok(intset(bytes, self.width)),
            PackedForm::Zipmap => self.zipmap(bytes),
        }
    }

    /// Counts an element of `size` bytes, including its tail.
    #[inline]
    pub(super) fn passed(&mut self, size: u64) {
        self.seen += 1;
        self.before = size;
        self.value = !self.value;
    }

    /// Counts numbers of an intset.
    #[inline(always)]
    pub(super) fn passed_numbers(&mut self, count: u64) {
        self.seen += count;
    }

    /// Checks the end mark. `left` bytes of the string are left after it.
    pub(super) fn end(&self, left: u64) -> Attempt<()> {
        if left != 0 {
            return Err(mismatch("bytes up to the end mark of a packed value", self.total, self.total - left));
        }
        if let Some(declared) = self.declared.filter(|declared| *declared != self.seen) {
            return Err(mismatch("elements of a packed value", declared, self.seen));
        }
        if self.form == PackedForm::Zipmap && self.value {
            return Err(invalid("zipmap", "a value for each field"));
        }
        let last = self.total.saturating_sub(1 + self.before);
        if self.form == PackedForm::Ziplist && self.last != last {
            return Err(mismatch("position of the last element of a ziplist", self.last, last));
        }
        Ok(())
    }

    fn ziplist(&self, bytes: &[u8]) -> Attempt<Parsed> {
        let (before, skip) = match *bytes {
            [] => return Ok(Parsed::Need(1)),
            [255, ..] => return Ok(Parsed::End(1)),
            [254, a, b, c, d, ..] => (u64::from(u32::from_le_bytes([a, b, c, d])), 5),
            [254, ..] => return Ok(Parsed::Need(5)),
            [short, ..] => (short.into(), 1),
        };
        if before != self.before {
            return Err(mismatch("length of the previous element in a ziplist", before, self.before));
        }
        let rest = bytes.get(skip..).unwrap_or_default();
        let text = |head: usize, length: u64| Ok(Parsed::Text { head: skip + head, length, tail: Tail::Nothing });
        let Some(&encoding) = rest.first() else { return Ok(Parsed::Need(skip + 1)) };
        let integer = |width: usize| {
            let value = rest.get(1..=width).map(little_endian);
            Ok(match value {
                Some(value) => Parsed::Integer { size: skip + 1 + width, value },
                None => Parsed::Need(skip + 1 + width),
            })
        };
        match (encoding, rest) {
            (0x00..=0x3f, _) => text(1, encoding.into()),
            (0x40..=0x7f, &[a, b, ..]) => text(2, u64::from(a & 63) << 8 | u64::from(b)),
            (0x40..=0x7f, _) => Ok(Parsed::Need(skip + 2)),
            (0x80..=0xbf, &[_, a, b, c, d, ..]) => text(5, u32::from_be_bytes([a, b, c, d]).into()),
            (0x80..=0xbf, _) => Ok(Parsed::Need(skip + 5)),
            (0xc0, _) => integer(2),
            (0xd0, _) => integer(4),
            (0xe0, _) => integer(8),
            (0xf0, _) => integer(3),
            (0xfe, _) => integer(1),
            (0xf1..=0xfd, _) => Ok(Parsed::Integer { size: skip + 1, value: i64::from(encoding & 15) - 1 }),
            _ => Err(Halt::Error(RdbErrorKind::UnknownEncoding {
                what: "ziplist encoding",
                number: encoding.into(),
                expected: "0 to 192, 208, 224, 240 to 254",
            })),
        }
    }

    fn zipmap(&self, bytes: &[u8]) -> Attempt<Parsed> {
        let (length, head) = match *bytes {
            [] => return Ok(Parsed::Need(1)),
            [255, ..] => return Ok(Parsed::End(1)),
            [254, a, b, c, d, ..] => (u64::from(u32::from_le_bytes([a, b, c, d])), 5),
            [254, ..] => return Ok(Parsed::Need(5)),
            [short, ..] => (short.into(), 1),
        };
        if !self.value {
            return Ok(Parsed::Text { head, length, tail: Tail::Nothing });
        }
        Ok(match bytes.get(head) {
            Some(&unused) => Parsed::Text { head: head + 1, length, tail: Tail::Unused(unused) },
            None => Parsed::Need(head + 1),
        })
    }
}

impl Tail {
    #[inline]
    pub(super) fn length(self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Size(size) => size_length(size),
            Self::Unused(count) => count.into(),
        }
    }

    /// Checks a tail. `bytes` has the [`length`](Self::length) of the tail.
    #[inline]
    pub(super) fn check(self, bytes: &[u8]) -> Attempt<()> {
        let Self::Size(size) = self else { return Ok(()) };
        // The lowest seven bits are last. In every byte but the first, the highest bit says that another byte precedes
        // it.
        let found = bytes.iter().fold(0, |found: u64, byte| found << 7 | u64::from(byte & 127));
        if found != size {
            return Err(mismatch("size after a listpack's element", found, size));
        }
        Ok(())
    }
}

#[inline(always)]
fn listpack(bytes: &[u8]) -> Attempt<Parsed> {
    let Some(&first) = bytes.first() else { return Ok(Parsed::Need(1)) };
    let text = |head: usize, length: u64| Ok(Parsed::Text { head, length, tail: Tail::Size(head as u64 + length) });
    let integer = |width: usize| match (bytes.get(1..=width), bytes.get(1 + width)) {
        (Some(number), Some(&tail)) => {
            Tail::Size(1 + width as u64).check(&[tail])?;
            Ok(Parsed::Integer { size: width + 2, value: little_endian(number) })
        }
        _ => Ok(Parsed::Need(width + 2)),
    };
    match (first, bytes) {
        (0x00..=0x7f, &[_, tail, ..]) => {
            Tail::Size(1).check(&[tail])?;
            Ok(Parsed::Integer { size: 2, value: first.into() })
        }
        (0x00..=0x7f, _) => Ok(Parsed::Need(2)),
        (0x80..=0xbf, _) => text(1, u64::from(first & 63)),
        (0xc0..=0xdf, &[_, second, tail, ..]) => {
            Tail::Size(2).check(&[tail])?;
            let value = i64::from(first & 31) << 8 | i64::from(second);
            Ok(Parsed::Integer { size: 3, value: if value < 1 << 12 { value } else { value - (1 << 13) } })
        }
        (0xc0..=0xdf, _) => Ok(Parsed::Need(3)),
        (0xe0..=0xef, &[_, second, ..]) => text(2, u64::from(first & 15) << 8 | u64::from(second)),
        (0xe0..=0xef, _) => Ok(Parsed::Need(2)),
        (0xf0, &[_, a, b, c, d, ..]) => text(5, u32::from_le_bytes([a, b, c, d]).into()),
        (0xf0, _) => Ok(Parsed::Need(5)),
        (0xf1, _) => integer(2),
        (0xf2, _) => integer(3),
        (0xf3, _) => integer(4),
        (0xf4, _) => integer(8),
        (0xff, _) => Ok(Parsed::End(1)),
        _ => Err(Halt::Error(RdbErrorKind::UnknownEncoding {
            what: "listpack encoding",
            number: first.into(),
            expected: "0 to 244 or 255 (end)",
        })),
    }
}

#[inline(always)]
fn short_listpack(bytes: &[u8]) -> Option<(Short, usize)> {
    Some(match *bytes {
        [first @ 0x80..=0xbf, ..] => {
            let length = usize::from(first & 63);
            if bytes.get(1 + length) != Some(&(1 + (first & 63))) {
                return None;
            }
            (Short::Text { head: 1, length }, 2 + length)
        }
        [value @ 0x00..=0x7f, 1, ..] => (Short::Integer(value.into()), 2),
        [high @ 0xc0..=0xdf, low, 2, ..] => {
            // A number of thirteen bits with its sign in the highest bit.
            let value = i16::from_be_bytes([high << 3, 0]) >> 3 | i16::from(low);
            (Short::Integer(value.into()), 3)
        }
        [0xf1, a, b, 3, ..] => (Short::Integer(i16::from_le_bytes([a, b]).into()), 4),
        [0xf2, a, b, c, 4, ..] => (Short::Integer((i32::from_le_bytes([0, a, b, c]) >> 8).into()), 5),
        [0xf3, a, b, c, d, 5, ..] => (Short::Integer(i32::from_le_bytes([a, b, c, d]).into()), 6),
        [0xf4, a, b, c, d, e, f, g, h, 9, ..] => (Short::Integer(i64::from_le_bytes([a, b, c, d, e, f, g, h])), 10),
        [high @ 0xe0..=0xef, low, ..] => {
            let length = usize::from(high & 15) << 8 | usize::from(low);
            let (size, tail) = match *bytes.get(2 + length..)? {
                [low @ 0..=127, ..] if length < 126 => (usize::from(low), 1),
                [high @ 0..=127, low @ 128..=255, ..] => (usize::from(high) << 7 | usize::from(low & 127), 2),
                _ => return None,
            };
            if size != 2 + length || (tail == 2) != (size > 127) {
                return None;
            }
            (Short::Text { head: 2, length }, size + tail)
        }
        _ => return None,
    })
}

fn intset(bytes: &[u8], width: u8) -> Parsed {
    let size = usize::from(width);
    match bytes.get(..size) {
        Some(number) => Parsed::Integer { size, value: little_endian(number) },
        None => Parsed::Need(size),
    }
}

/// A signed number of at most eight bytes.
#[inline]
fn little_endian(bytes: &[u8]) -> i64 {
    let mut wide = [0; 8];
    for (to, from) in wide.iter_mut().rev().zip(bytes.iter().rev()) {
        *to = *from;
    }
    // In the highest bytes, so that the shift extends the sign.
    i64::from_le_bytes(wide) >> (64 - 8 * bytes.len().clamp(1, 8))
}

/// A count of 16 bits; `None` for the highest value, which means unknown.
fn count16(bytes: [u8; 2]) -> Option<u64> {
    match u16::from_le_bytes(bytes) {
        u16::MAX => None,
        count => Some(count.into()),
    }
}

/// The length of the tail of a listpack element, in bytes.
#[inline]
fn size_length(size: u64) -> usize {
    match size {
        0..=127 => 1,
        128..=16_383 => 2,
        16_384..=2_097_151 => 3,
        2_097_152..=268_435_455 => 4,
        _ => 5,
    }
}

pub(super) fn mismatch(what: &'static str, declared: u64, found: u64) -> Halt {
    Halt::Error(RdbErrorKind::Mismatch { what, declared, found })
}
