//! Fast path for the common elements of a reply. Each head is read in one load of eight bytes.
//!
//! Any other element, also an incomplete or malformed one, takes the slow path: of a parser in
//! [`frames`](super::frames), of a walk in [`element`](mod@super::element).

use crate::resp::swar::is_digits;

/// A common element.
pub(super) enum FastElement {
    /// A whole element; `end` is the index after it. Its text or payload is from `text` to the CR LF before `end`.
    Scalar { text: usize, end: usize },
    /// The head of an aggregate; `end` is the index after it. A pair of a map counts as two elements.
    Open { elements: u32, end: usize },
}

/// The most elements of an aggregate on the fast path, and the longest text or payload in bytes.
pub(super) const MOST_FAST_ELEMENTS: u64 = 2 * 99;
pub(super) const LONGEST_FAST: u64 = 999;

/// The element at index `at`, if it is whole and common.
#[inline(always)]
pub(super) fn fast_element(bytes: &[u8], at: usize) -> Option<FastElement> {
    // Positions have 32 bits. The cast tells the compiler that the sums below do not overflow.
    let at = at as u32 as usize;
    let chunk: &[u8; 8] = bytes.get(at..at + 8)?.first_chunk()?;
    let line = u64::from_le_bytes(*chunk) >> 8;
    let (text, end) = match chunk[0] {
        b'$' => {
            let (length, used) = length(line)?;
            let text = at + 1 + used;
            let stop = text + length;
            if bytes.get(stop..stop + 2)? != b"\r\n" {
                return None;
            }
            (text, stop + 2)
        }
        b':' => (at + 1, at + 1 + integer(line)?),
        b'+' | b'-' => (at + 1, at + 1 + self::text(line)?),
        kind @ (b'*' | b'~' | b'%') => {
            let (count, used) = length(line).filter(|(count, _)| *count < 100)?;
            let elements = count as u32 * if kind == b'%' { 2 } else { 1 };
            return Some(FastElement::Open { elements, end: at + 1 + used });
        }
        b'_' if line as u16 == CR_LF => (at + 1, at + 3),
        b'#' if matches!(line as u8, b't' | b'f') && (line >> 8) as u16 == CR_LF => (at + 1, at + 4),
        _ => return None,
    };
    Some(FastElement::Scalar { text, end })
}

const CR_LF: u16 = u16::from_le_bytes(*b"\r\n");

/// A length of at most three digits with its CR LF. Returns the length and the number of bytes read. `line` holds seven
/// bytes.
#[inline(always)]
fn length(line: u64) -> Option<(usize, usize)> {
    // A digit has this bit set; CR has not.
    let more = (line >> 12) as usize & 1;
    let units = (line >> (8 * more)) as u32 & 0x00ff_ffff ^ 0x000a_0d30;
    let first = (line as u32 & 0xff) ^ 0x30;
    if units > 9 || first > 9 {
        let left = line ^ 0x000a_0d30_3030;
        let fits = is_digits(left, 0x0076_7676, 0x00ff_ff80_8080) && left & 0xff != 0;
        let digit = |shift: u32| (left >> shift) as usize & 0xff;
        return fits.then_some((100 * digit(0) + 10 * digit(8) + digit(16), 5));
    }
    if (first as usize) < more {
        return None;
    }
    let tens = first as usize & more.wrapping_neg();
    Some((10 * tens + units as usize, 3 + more))
}

/// An integer of at most five digits with its CR LF. Returns the number of bytes.
#[inline(always)]
fn integer(line: u64) -> Option<usize> {
    let left = line ^ 0x0030_3030_3030_3030;
    // The lowest set bit belongs to the first byte that is not a digit.
    let digits = ((left.wrapping_add(0x0076_7676_7676_7676) | left) & 0x0080_8080_8080_8080).trailing_zeros() / 8;
    let leading_zero = digits > 1 && left & 0xff == 0;
    let ends = digits > 0 && digits < 6 && (line >> (8 * digits)) as u16 == CR_LF;
    (ends && !leading_zero).then_some(digits as usize + 2)
}

/// A text of at most five bytes with its CR LF. Returns the number of bytes.
#[inline(always)]
fn text(line: u64) -> Option<usize> {
    // The lowest set bit belongs to the first byte equal to `byte`.
    let find = |byte: u64| {
        let left = line ^ byte.wrapping_mul(0x0001_0101_0101_0101);
        (left.wrapping_sub(0x0001_0101_0101_0101) & !left & 0x0080_8080_8080_8080).trailing_zeros() / 8
    };
    let (cr, lf) = (find(u64::from(b'\r')), find(u64::from(b'\n')));
    (lf == cr + 1 && cr < 6).then_some(cr as usize + 2)
}
