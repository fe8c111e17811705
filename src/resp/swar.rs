//! Lengths and counts read in one load of eight bytes (SWAR: one word used as a vector of bytes).

/// Reads `*`, one or two digits and CR LF. Returns the count and the index of the CR.
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

/// Reads CR LF, `$`, a length of at most three digits and CR LF. Returns the index of the payload and the length.
///
/// A whole argument has at least eight bytes from the CR LF before it, so the load fails only on an unfinished one.
/// Lengths of one and two digits take the same path without a branch, because the branch would be unpredictable.
#[inline(always)]
pub(super) fn fast_argument(command: &[u8], at: usize) -> Option<(usize, usize)> {
    // Positions have 32 bits. The cast tells the compiler that the sums below do not overflow.
    let at = at as u32 as usize;
    let bytes: &[u8; 8] = command.get(at..at + 8)?.first_chunk()?;
    let word = u64::from_le_bytes(*bytes);
    // A digit has this bit set; CR has not.
    let more = (word >> 36) as usize & 1;
    // The last digit with the CR LF after it, then the first digit with the bytes before it. Both are below ten in a
    // valid line.
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

/// As [`fast_argument`], for a length of two digits. Fewer steps lead from the load to the result.
#[inline(always)]
pub(super) fn two_digits(command: &[u8], at: usize) -> Option<(usize, usize)> {
    let at = at as u32 as usize;
    let bytes: &[u8; 8] = command.get(at..at + 8)?.first_chunk()?;
    let (tens, units) = (u32::from(bytes[3]).wrapping_sub(0x30), u32::from(bytes[4]).wrapping_sub(0x30));
    let line = u64::from_le_bytes(*bytes) & 0x00ff_ff00_00ff_ffff;
    let fits = line == u64::from_le_bytes(*b"\r\n$\0\0\r\n\0") && tens.wrapping_sub(1) < 9 && units < 10;
    fits.then_some((at + 7, (10 * tens + units) as usize))
}

#[inline(always)]
fn three_digits(word: u64) -> Option<usize> {
    let left = word ^ u64::from_le_bytes(*b"\r\n$000\r\n");
    let fits = is_digits(left, 0x0000_7676_7600_0000, 0xffff_8080_80ff_ffff) && left & 0xff00_0000 != 0;
    fits.then_some((digit(left, 24) * 100 + digit(left, 32) * 10 + digit(left, 40)) as usize)
}

/// Whether each byte of `left` that `mask` selects whole is 0, and each byte of which it selects the top bit is below
/// 10. `carry` sets that bit for a larger byte.
#[inline(always)]
pub(super) fn is_digits(left: u64, carry: u64, mask: u64) -> bool {
    (left.wrapping_add(carry) | left) & mask == 0
}

#[inline(always)]
fn digit(left: u64, shift: u32) -> u64 {
    (left >> shift) & 0xff
}

/// As [`fast_argument`], for a length of four digits that is at most `longest`.
#[cold]
#[inline(never)]
pub(super) fn long_argument(command: &[u8], at: usize, longest: usize) -> Option<(usize, usize)> {
    let line: &[u8; 9] = command.get(at..)?.first_chunk()?;
    let left = u64::from_le_bytes(*line.first_chunk()?) ^ u64::from_le_bytes(*b"\r\n$0000\r");
    let fits = is_digits(left, 0x0076_7676_7600_0000, 0xff80_8080_80ff_ffff) && left & 0xff00_0000 != 0;
    let length = (digit(left, 24) * 1000 + digit(left, 32) * 100 + digit(left, 40) * 10 + digit(left, 48)) as usize;
    (fits && line.ends_with(b"\n") && length <= longest).then_some((at + line.len(), length))
}

/// The eight bytes from index `at`. Fewer bytes that end with LF are followed by zeros; other ones are `None`.
#[inline(always)]
pub(super) fn load(bytes: &[u8], at: usize) -> Option<u64> {
    match bytes.get(at..at + 8) {
        Some(word) => Some(u64::from_le_bytes(*word.first_chunk()?)),
        None => load_last(bytes.get(at..)?),
    }
}

/// Fewer than eight bytes.
#[inline(never)]
fn load_last(bytes: &[u8]) -> Option<u64> {
    let word = |part: &[u8; 4]| u64::from(u32::from_le_bytes(*part));
    if bytes.last() != Some(&b'\n') {
        return None;
    }
    match (bytes.first_chunk(), bytes.last_chunk()) {
        (Some(first), Some(last)) => Some(word(first) | word(last) << (8 * (bytes.len() - 4))),
        _ => Some(bytes.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte))),
    }
}
