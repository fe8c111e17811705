//! Lengths and counts read in one load of eight bytes (SWAR: one word as a vector of bytes).

use memchr::memchr;

/// `*`, one or two digits, CR LF: the count and the index of the CR.
#[inline(always)]
pub(super) fn fast_count(command: &[u8]) -> Option<(usize, usize)> {
    let word = u64::from_le_bytes(*command.first_chunk()?);
    let one = word.wrapping_sub(0x0a0d_302a);
    let units = (one >> 8) & 0xff;
    if one & 0xffff_00ff == 0 && units.wrapping_sub(1) < 9 {
        return Some((units as usize, 2));
    }
    let two = word.wrapping_sub(0x0a_0d30_302a);
    let (tens, units) = ((two >> 8) & 0xff, (two >> 16) & 0xff);
    if two & 0xff_ff00_00ff == 0 && tens.wrapping_sub(1) < 9 && units < 10 {
        return Some(((tens * 10 + units) as usize, 3));
    }
    None
}

/// CR LF, `$`, a length of up to three digits, CR LF, in one load of eight bytes: where the payload begins, and its length.
///
/// A whole argument has at least eight bytes from the CR LF before it, so that the load fails only on an unfinished one.
/// One digit or two make no difference to the path taken: which it is can seldom be foretold.
#[inline(always)]
pub(super) fn fast_argument(command: &[u8], at: usize) -> Option<(usize, usize)> {
    // Positions have 32 bits; told so, the compiler knows that nothing overflows here.
    let at = at as u32 as usize;
    let bytes: &[u8; 8] = command.get(at..at + 8)?.first_chunk()?;
    let word = u64::from_le_bytes(*bytes);
    // A digit has this bit set, CR has not.
    let more = (word >> 36) as usize & 1;
    // The last digit and what follows, then what precedes and the first digit: below ten where all is as it should be.
    let units = (word >> 24 >> (8 * more)) as u32 & 0x00ff_ffff ^ 0x000a_0d30;
    let first = (word as u32 ^ 0x3024_0a0d).rotate_left(8);
    if units > 9 || first > 9 {
        return three_digits(word).map(|length| (at + 8, length));
    }
    if (first as usize) < more {
        return None;
    }
    let tens = first & (more as u32).wrapping_neg();
    Some((at + 6 + more, (10 * tens + units) as usize))
}

#[inline(always)]
fn three_digits(word: u64) -> Option<usize> {
    let left = word ^ u64::from_le_bytes(*b"\r\n$000\r\n");
    let fits = is_digits(left, 0x0000_7676_7600_0000, 0xffff_8080_80ff_ffff) && left & 0xff00_0000 != 0;
    fits.then_some((digit(left, 24) * 100 + digit(left, 32) * 10 + digit(left, 40)) as usize)
}

/// All bytes of `left` that `mask` looks at are 0, and those that it looks at the top bit of are below 10: `carry` lifts any
/// other to where that bit shows.
#[inline(always)]
pub(super) fn is_digits(left: u64, carry: u64, mask: u64) -> bool {
    (left.wrapping_add(carry) | left) & mask == 0
}

#[inline(always)]
fn digit(left: u64, place: u32) -> u64 {
    (left >> place) & 0xff
}

/// As [`fast_argument`], with four digits that make at most `longest`.
#[cold]
#[inline(never)]
pub(super) fn long_argument(command: &[u8], at: usize, longest: usize) -> Option<(usize, usize)> {
    let line: &[u8; 9] = command.get(at..)?.first_chunk()?;
    let left = u64::from_le_bytes(*line.first_chunk()?) ^ u64::from_le_bytes(*b"\r\n$0000\r");
    let fits = is_digits(left, 0x0076_7676_7600_0000, 0xff80_8080_80ff_ffff) && left & 0xff00_0000 != 0;
    let length = (digit(left, 24) * 1000 + digit(left, 32) * 100 + digit(left, 40) * 10 + digit(left, 48)) as usize;
    (fits && line.ends_with(b"\n") && length <= longest).then_some((at + line.len(), length))
}

/// Where the first CR is.
#[inline(always)]
pub(super) fn line_length(line: &[u8]) -> Option<usize> {
    if let Some(chunk) = line.first_chunk() {
        let left = u64::from_le_bytes(*chunk) ^ 0x0d0d_0d0d_0d0d_0d0d;
        let found = left.wrapping_sub(0x0101_0101_0101_0101) & !left & 0x8080_8080_8080_8080;
        if found != 0 {
            return Some(found.trailing_zeros() as usize / 8);
        }
    }
    memchr(b'\r', line)
}
