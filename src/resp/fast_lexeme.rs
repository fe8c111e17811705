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

/// The eight bytes at index `at`.
#[inline(always)]
pub(super) fn first_word(bytes: &[u8], at: usize) -> Option<u64> {
    // Positions have 32 bits. The cast tells the compiler that the sums do not overflow, here and below.
    let at = at as u32 as usize;
    Some(u64::from_le_bytes(*bytes.get(at..at + 8)?.first_chunk()?))
}

/// As [`fast_lexeme`], if the element begins with a short number: nearly all do.
#[inline(always)]
pub(super) fn short_lexeme(bytes: &[u8], at: usize) -> Option<Lexeme> {
    let head = first_word(bytes, at)?;
    if head as u8 == b'$' {
        let (length, used) = short_length(head >> 8)?;
        let start = at as u32 as usize + 1 + used;
        let end = start + length + 2;
        let is_whole = bytes.get(end - 2..end)? == b"\r\n";
        return is_whole.then_some(Lexeme::new(Shape::Scalar(Kind::BulkString), start, length, end));
    }
    short_scalar(head, at).or_else(|| short_begin(head, at))
}

/// A whole bulk string at the front with a length of one or two digits. Its first eight bytes are `head`.
#[inline(always)]
pub(super) fn short_bulk(head: u64, bytes: &[u8]) -> Option<Lexeme> {
    // A digit has this bit set; CR has not.
    let more = (head >> 20) as usize & 1;
    // The first digit with the type before it, then the last digit with the CR LF after it. Both are below ten in a
    // valid line.
    let first = (((head as u32) << 16) ^ 0x3024_0000).rotate_left(8);
    let units = (head >> 8 >> (8 * more)) as u32 & 0x00ff_ffff ^ 0x000a_0d30;
    // Of two digits the first is not 0.
    if first > 9 || units > 9 || (first as usize) < more {
        return None;
    }
    let tens = first & (more as u32).wrapping_neg();
    let (start, length) = (4 + more, (10 * tens + units) as usize);
    let end = start + length + 2;
    let is_whole = bytes.get(end - 2..end)? == b"\r\n";
    is_whole.then_some(Lexeme::new(Shape::Scalar(Kind::BulkString), start, length, end))
}

/// An integer of at most five digits or a simple string of at most five bytes. Its first eight bytes are `head`.
#[inline(always)]
pub(super) fn short_scalar(head: u64, at: usize) -> Option<Lexeme> {
    let (kind, length) = match head as u8 {
        b':' => (Kind::Integer, short_integer(head >> 8)?),
        b'+' => (Kind::SimpleString, short_text(head >> 8)?),
        _ => return None,
    };
    let start = at as u32 as usize + 1;
    Some(Lexeme::new(Shape::Scalar(kind), start, length, start + length + 2))
}

/// The head of a common aggregate, likewise.
#[inline(always)]
pub(super) fn short_begin(head: u64, at: usize) -> Option<Lexeme> {
    let (kind, per) = match head as u8 {
        b'*' => (Kind::Array, 0),
        b'%' => (Kind::Map, 1),
        b'~' => (Kind::Set, 0),
        _ => return None,
    };
    let (count, used) = short_length(head >> 8)?;
    let end = at as u32 as usize + 1 + used;
    Some(Lexeme::new(Shape::Begin(kind), end, count << per, end))
}

/// The element at index `at`, if it is whole and common.
#[inline(always)]
pub(super) fn fast_lexeme(bytes: &[u8], at: usize) -> Option<Lexeme> {
    let at = at as u32 as usize;
    let head = load(bytes, at)?;
    let (line, text) = (head >> 8, at + 1);
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

/// The length of any integer at index `at`.
#[inline(always)]
fn long_integer(bytes: &[u8], at: usize) -> Option<usize> {
    let text = bytes.get(at..)?;
    let digits = digits(text);
    // Every number of 18 digits fits.
    if (6..19).contains(&digits) && text.first() != Some(&b'0') && text.get(digits..digits + 2)? == b"\r\n" {
        return Some(digits);
    }
    match number::integer(text) {
        Ok(Scanned::Whole { end }) => Some(end - 2),
        _ => None,
    }
}

/// The number of digits at the front.
#[inline(always)]
fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// The value of `length` digits at the front. `None` if they are not followed by enough bytes, or are no digits.
#[inline(always)]
pub fn digits_value(text: &[u8], length: usize) -> Option<u64> {
    let word = u64::from_le_bytes(*text.first_chunk()?) ^ 0x3030_3030_3030_3030;
    if length == 0 || length > 8 || word as u8 > 9 {
        return None;
    }
    // The digits become the last ones of eight, which are then added in pairs.
    let ones = word << (64 - 8 * length);
    let tens = ones.wrapping_mul(10).wrapping_add(ones >> 8) & 0x00ff_00ff_00ff_00ff;
    let hundreds = tens.wrapping_mul(100).wrapping_add(tens >> 16) & 0x0000_ffff_0000_ffff;
    Some(hundreds.wrapping_mul(10_000).wrapping_add(hundreds >> 32) & 0xffff_ffff)
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
    let count = |from: usize| digits(text.get(from..).unwrap_or_default());
    let first = usize::from(text.first() == Some(&b'-'));
    let mut end = first + count(first);
    if end == first {
        return None;
    }
    if text.get(end) == Some(&b'.') {
        let fraction = count(end + 1);
        if fraction == 0 {
            return None;
        }
        end += 1 + fraction;
    }
    (end as u64 <= LONGEST_FAST && text.get(end..end + 2)? == b"\r\n").then_some(end)
}
