//! Fast path for the common elements of a reply. Each head is read in one load of eight bytes.
//!
//! Any other element, also an incomplete or malformed one, takes the slow path of the [lexer](super::lexer).

use crate::resp::kind::Kind;
use crate::resp::lexeme::{Lexeme, Shape};
use crate::resp::number;
use crate::resp::number::Scanned;
use crate::resp::swar::{is_digits, load};

/// The most elements of an aggregate on the fast path, and the longest text or payload in bytes.
pub(super) const MOST_FAST_ELEMENTS: u64 = 2 * 99;
pub(super) const LONGEST_FAST: u64 = 999;

/// The longest text that is searched here, in bytes.
const LONGEST_TEXT: usize = 64;

/// As [`fast_lexeme`], if the element begins with a short number: nearly all do.
#[inline(always)]
pub(super) fn short_lexeme(bytes: &[u8], at: usize) -> Option<Lexeme> {
    // Positions have 32 bits. The cast tells the compiler that the sums below do not overflow.
    let at = at as u32 as usize;
    let head = u64::from_le_bytes(*bytes.get(at..at + 8)?.first_chunk()?);
    let (kind, line) = (head as u8, head >> 8);
    if kind == b'$' {
        let (length, used) = short_length(line)?;
        let start = at + 1 + used;
        let end = start + length + 2;
        let is_whole = bytes.get(end - 2..end)? == b"\r\n";
        return is_whole.then_some(Lexeme::new(Shape::Scalar(Kind::BulkString), start, length, end));
    }
    if kind == b':' {
        let length = short_integer(line)?;
        return Some(Lexeme::new(Shape::Scalar(Kind::Integer), at + 1, length, at + 1 + length + 2));
    }
    if kind == b'+' {
        let length = short_text(line)?;
        return Some(Lexeme::new(Shape::Scalar(Kind::SimpleString), at + 1, length, at + 1 + length + 2));
    }
    let (kind, per) = match kind {
        b'*' => (Kind::Array, 0),
        b'%' => (Kind::Map, 1),
        b'~' => (Kind::Set, 0),
        _ => return None,
    };
    let (count, used) = short_length(line)?;
    Some(Lexeme::new(Shape::Begin(kind), at + 1 + used, count << per, at + 1 + used))
}

/// The element at index `at`, if it is whole and common.
#[inline(always)]
pub(super) fn fast_lexeme(bytes: &[u8], at: usize) -> Option<Lexeme> {
    let at = at as u32 as usize;
    let head = load(bytes, at)?;
    let line = head >> 8;
    let text = at + 1;
    let scalar = |kind, text, stop| Some(Lexeme::new(Shape::Scalar(kind), text, stop - text, stop + 2));
    match head as u8 {
        b'$' => {
            let Some((length, used)) = length(line) else {
                let is_null = line as u32 == u32::from_le_bytes(*b"-1\r\n");
                return is_null.then_some(Lexeme::new(Shape::Scalar(Kind::Null), text + 2, 0, text + 4));
            };
            let start = text + used;
            let stop = start + length;
            if bytes.get(stop..stop + 2)? != b"\r\n" {
                return None;
            }
            scalar(Kind::BulkString, start, stop)
        }
        b':' => scalar(Kind::Integer, text, text + short_integer(line).or_else(|| long_integer(bytes, text))?),
        b'+' => scalar(Kind::SimpleString, text, text + text_length(bytes, text)?),
        b'-' => scalar(Kind::Error, text, text + text_length(bytes, text)?),
        b'_' if line as u16 == CR_LF => scalar(Kind::Null, text, text),
        b'#' if matches!(line as u8, b't' | b'f') && (line >> 8) as u16 == CR_LF => {
            scalar(Kind::Boolean, text, text + 1)
        }
        b',' => scalar(Kind::Double, text, text + decimal(bytes, text)?),
        _ => None,
    }
}

const CR_LF: u16 = u16::from_le_bytes(*b"\r\n");

/// A length of one or two digits with its CR LF. Returns the length and the number of bytes read. `line` holds seven
/// bytes.
#[inline(always)]
fn short_length(line: u64) -> Option<(usize, usize)> {
    // A digit has this bit set; CR has not.
    let more = (line >> 12) as usize & 1;
    let units = (line >> (8 * more)) as u32 & 0x00ff_ffff ^ 0x000a_0d30;
    let first = (line as u32 & 0xff) ^ 0x30;
    // Of two digits the first is not 0.
    if units > 9 || first.wrapping_sub(more as u32) > 9 - more as u32 {
        return None;
    }
    let tens = first as usize & more.wrapping_neg();
    Some((10 * tens + units as usize, 3 + more))
}

/// The same, of at most three digits.
#[inline(always)]
fn length(line: u64) -> Option<(usize, usize)> {
    short_length(line).or_else(|| {
        let left = line ^ 0x000a_0d30_3030;
        let fits = is_digits(left, 0x0076_7676, 0x00ff_ff80_8080) && left & 0xff != 0;
        let digit = |shift: u32| (left >> shift) as usize & 0xff;
        fits.then_some((100 * digit(0) + 10 * digit(8) + digit(16), 5))
    })
}

/// The length of an integer of at most five digits. `line` holds seven bytes.
#[inline(always)]
fn short_integer(line: u64) -> Option<usize> {
    let left = line ^ 0x0030_3030_3030_3030;
    // The lowest set bit belongs to the first byte that is not a digit.
    let digits = ((left.wrapping_add(0x0076_7676_7676_7676) | left) & 0x0080_8080_8080_8080).trailing_zeros() / 8;
    let leading_zero = digits > 1 && left & 0xff == 0;
    let ends = digits > 0 && digits < 6 && (line >> (8 * digits)) as u16 == CR_LF;
    (ends && !leading_zero).then_some(digits as usize)
}

/// The length of a text of at most five bytes. `line` holds seven bytes.
#[inline(always)]
fn short_text(line: u64) -> Option<usize> {
    let length = line_ends(line).trailing_zeros() / 8;
    (length < 6 && (line >> (8 * length)) as u16 == CR_LF).then_some(length as usize)
}

/// The lowest set bit belongs to the first byte that is CR or LF.
#[inline(always)]
fn line_ends(word: u64) -> u64 {
    let find = |byte: u64| {
        let left = word ^ byte.wrapping_mul(0x0101_0101_0101_0101);
        left.wrapping_sub(0x0101_0101_0101_0101) & !left & 0x8080_8080_8080_8080
    };
    find(u64::from(b'\r')) | find(u64::from(b'\n'))
}

#[inline(never)]
fn long_integer(bytes: &[u8], at: usize) -> Option<usize> {
    match number::integer(bytes.get(at..)?) {
        Ok(Scanned::Whole { end }) => Some(end - 2),
        _ => None,
    }
}

/// The length of the text at index `at`.
#[inline(always)]
fn text_length(bytes: &[u8], at: usize) -> Option<usize> {
    for length in (0..LONGEST_TEXT).step_by(8) {
        let word = load(bytes, at + length)?;
        let ends = line_ends(word);
        if ends != 0 {
            let length = length + ends.trailing_zeros() as usize / 8;
            return (bytes.get(at + length..at + length + 2)? == b"\r\n").then_some(length);
        }
    }
    None
}

/// The length of the number at index `at`: a sign at most, digits, and digits after a point.
#[inline(always)]
fn decimal(bytes: &[u8], at: usize) -> Option<usize> {
    let text = bytes.get(at..)?;
    let digits =
        |from: usize| text.get(from..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count();
    let first = usize::from(text.first() == Some(&b'-'));
    let mut end = first + digits(first);
    if end == first {
        return None;
    }
    if text.get(end) == Some(&b'.') {
        let fraction = digits(end + 1);
        if fraction == 0 {
            return None;
        }
        end += 1 + fraction;
    }
    (end as u64 <= LONGEST_FAST && text.get(end..end + 2)? == b"\r\n").then_some(end)
}
