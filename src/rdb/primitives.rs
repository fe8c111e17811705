//! The primitives of the format: a cursor over the input, lengths, string headers, numbers.

use crate::rdb::error::RdbErrorKind;
use crate::rdb::item::StreamId;

/// The reason why a step stops.
#[derive(Debug, Clone, Copy)]
pub(super) enum Halt {
    /// At least this number of further bytes is needed.
    Need(usize),
    /// The bytes are invalid.
    Error(RdbErrorKind),
}

pub(super) type Attempt<T> = Result<T, Halt>;

pub(super) const fn invalid(what: &'static str, expected: &'static str) -> Halt {
    Halt::Error(RdbErrorKind::Invalid { what, expected })
}

/// The input of one call, and the number of bytes used up.
#[derive(Debug)]
pub(super) struct Cursor<'i> {
    pub(super) input: &'i [u8],
    pub(super) at: usize,
}

impl<'i> Cursor<'i> {
    #[inline]
    pub(super) fn rest(&self) -> &'i [u8] {
        self.input.get(self.at..).unwrap_or_default()
    }

    /// Reads numbers. They are used up together or not at all.
    #[inline]
    pub(super) fn number<T>(&mut self, read: impl FnOnce(&mut Peek<'i>) -> Attempt<T>) -> Attempt<T> {
        let mut peek = self.peek();
        let value = read(&mut peek)?;
        self.pass(&peek);
        Ok(value)
    }

    /// Peeks at the rest. [`pass`](Self::pass) uses up the bytes read.
    #[inline]
    pub(super) fn peek(&self) -> Peek<'i> {
        Peek { bytes: self.rest(), used: 0 }
    }

    #[inline]
    pub(super) fn pass(&mut self, peek: &Peek<'_>) {
        self.at += peek.used;
    }
}

/// Bytes that are read but not used up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peek<'i> {
    pub(super) bytes: &'i [u8],
    pub(super) used: usize,
}

/// The header of a string.
#[derive(Debug, Clone, Copy)]
pub(super) enum StringHeader {
    /// This number of bytes follows.
    Plain(u64),
    /// The string is the decimal text of this number.
    Integer(i64),
    /// An LZF-compressed string of `packed` bytes, `length` bytes when decompressed.
    Lzf { packed: u64, length: u64 },
}

impl Peek<'_> {
    #[inline]
    pub(super) fn byte(&mut self) -> Attempt<u8> {
        let byte = *self.bytes.get(self.used).ok_or(Halt::Need(1))?;
        self.used += 1;
        Ok(byte)
    }

    #[inline]
    pub(super) fn array<const N: usize>(&mut self) -> Attempt<[u8; N]> {
        let rest = self.bytes.get(self.used..).unwrap_or_default();
        let array = *rest.first_chunk::<N>().ok_or(Halt::Need(N - rest.len().min(N)))?;
        self.used += N;
        Ok(array)
    }

    pub(super) fn i64(&mut self) -> Attempt<i64> {
        Ok(i64::from_le_bytes(self.array()?))
    }

    pub(super) fn f64(&mut self) -> Attempt<f64> {
        Ok(f64::from_le_bytes(self.array()?))
    }

    /// A stream id in 16 bytes.
    pub(super) fn id(&mut self) -> Attempt<StreamId> {
        Ok(StreamId { ms: u64::from_be_bytes(self.array()?), seq: u64::from_be_bytes(self.array()?) })
    }

    /// A stream id as two lengths.
    pub(super) fn id_lengths(&mut self) -> Attempt<StreamId> {
        Ok(StreamId { ms: self.length()?, seq: self.length()? })
    }

    #[inline]
    pub(super) fn length(&mut self) -> Attempt<u64> {
        let first = self.byte()?;
        match first >> 6 {
            3 => Err(invalid("length", "a number, found the encoding of a string")),
            _ => self.length_after(first),
        }
    }

    #[inline]
    fn length_after(&mut self, first: u8) -> Attempt<u64> {
        Ok(match first {
            0..=63 => u64::from(first),
            64..=127 => u64::from(first & 63) << 8 | u64::from(self.byte()?),
            0x80 => u64::from(u32::from_be_bytes(self.array()?)),
            0x81 => u64::from_be_bytes(self.array()?),
            _ => {
                return Err(Halt::Error(RdbErrorKind::UnknownEncoding {
                    what: "length encoding",
                    number: first.into(),
                    expected: "0 to 129",
                }));
            }
        })
    }

    #[inline]
    pub(super) fn header(&mut self) -> Attempt<StringHeader> {
        let first = self.byte()?;
        if first < 0xc0 {
            return Ok(StringHeader::Plain(self.length_after(first)?));
        }
        Ok(match first & 63 {
            0 => StringHeader::Integer(i8::from_le_bytes(self.array()?).into()),
            1 => StringHeader::Integer(i16::from_le_bytes(self.array()?).into()),
            2 => StringHeader::Integer(i32::from_le_bytes(self.array()?).into()),
            3 => match (self.length()?, self.length()?) {
                (0, _) | (_, 0) => {
                    return Err(invalid("compressed string", "at least one byte before and after compression"));
                }
                (packed, length) => StringHeader::Lzf { packed, length },
            },
            number => {
                return Err(Halt::Error(RdbErrorKind::UnknownEncoding {
                    what: "string encoding",
                    number: number.into(),
                    expected: "0 to 2 (integers) or 3 (compressed)",
                }));
            }
        })
    }
}

/// The decimal text of an integer, kept by value.
#[derive(Debug, Clone, Copy)]
pub(super) struct DecimalText {
    eights: [[u8; 8]; 3],
    start: u8,
}

impl DecimalText {
    pub(super) const NONE: Self = Self { eights: [[0; 8]; 3], start: 24 };

    #[inline]
    pub(super) fn set(&mut self, value: i64) {
        match u32::try_from(value) {
            Ok(value @ ..100_000_000) => {
                let digits = eight_digits(value.into());
                let [.., last] = &mut self.eights;
                *last = (digits | 0x3030_3030_3030_3030).to_le_bytes();
                self.start = 16 + leading_zeros(digits);
            }
            _ => self.set_any(value),
        }
    }

    #[inline(never)]
    fn set_any(&mut self, value: i64) {
        let (mut rest, mut start) = (value.unsigned_abs(), 24);
        for range in self.eights.iter_mut().rev() {
            let digits = eight_digits(rest % 100_000_000);
            *range = (digits | 0x3030_3030_3030_3030).to_le_bytes();
            rest /= 100_000_000;
            start -= 8;
            if rest == 0 {
                start += leading_zeros(digits);
                break;
            }
        }
        if value < 0 {
            // The longest number has 19 digits, so one position is left.
            start -= 1;
            if let Some(range) = self.eights.as_flattened_mut().get_mut(usize::from(start)) {
                *range = b'-';
            }
        }
        self.start = start;
    }

    #[inline]
    pub(super) fn text(&self) -> &[u8] {
        self.eights.as_flattened().get(usize::from(self.start)..).unwrap_or_default()
    }
}

/// The last digit is kept even if it is 0.
#[inline(always)]
fn leading_zeros(digits: u64) -> u8 {
    (digits | 1 << 56).trailing_zeros() as u8 / 8
}

/// The eight digits of a number below 100 million, one per byte, the first digit in the lowest byte. Each step halves
/// all groups of digits at once. The multiplications divide by 100 and by 10, and are exact for the numbers that fit a
/// group.
#[inline(always)]
fn eight_digits(number: u64) -> u64 {
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = hundreds | ((fours - hundreds * 100) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | ((twos - tens * 10) << 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_as_text() {
        let powers = (0..19)
            .map(|power| 10_i64.pow(power))
            .flat_map(|power| [power - 1, power, power + 1, -power, 7 * (power / 10)]);
        for value in (-10_100..10_100).chain(powers).chain([99_999_999, i64::from(i32::MIN), i64::MAX, i64::MIN]) {
            let mut digits = DecimalText::NONE;
            digits.set(value);
            assert_eq!(digits.text(), value.to_string().as_bytes());
        }
    }
}
