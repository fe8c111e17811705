//! The checksum of a whole snapshot, several times as fast as with tables.
//!
//! The checksum is the remainder of a polynomial over two elements. Such a polynomial has multiples with few terms. By
//! such a multiple, a byte of the message can be set to zero if it is added to a few later bytes instead; the remainder
//! stays the same.
//!
//! This works at every position. If all exponents of a multiple are multiplied by 8, a power of two, the result is a
//! multiple too, so the distances are whole bytes. All bytes of the message vanish like this except the last
//! [`DEGREE`]. The additions are XORs over long runs of bytes, which compilers turn into vector instructions. Only the
//! last bytes need tables.

use crate::rdb::crc64::{Crc64, POLYNOMIAL};

/// The distances between a byte and the earlier bytes added to it: `x^4002 + x^(4002 - 405) + ... + 1` is a multiple of
/// the polynomial.
const LAGS: [usize; 7] = [405, 795, 2116, 2268, 3550, 3712, DEGREE];
const DEGREE: usize = 4002;

/// The number of bytes added at once. It is at most the shortest distance, so that the bytes do not depend on each
/// other.
const BLOCK: usize = 256;
/// The number of bytes gathered before any is added.
const GATHER: usize = 8 << 10;
/// The end of the gathered bytes.
const FULL: usize = DEGREE + GATHER;
/// The length of a small update.
const SMALL: usize = 64;

/// A running checksum.
#[derive(Debug, Clone)]
pub(super) struct RunningChecksum {
    /// [`DEGREE`] bytes with all earlier bytes added, then the gathered bytes, then spare room.
    bytes: [u8; FULL + SMALL],
    /// The end of the gathered bytes.
    end: usize,
    /// The first [`DEGREE`] bytes are not all 0.
    begun: bool,
}

impl RunningChecksum {
    pub(super) const fn new() -> Self {
        Self { bytes: [0; FULL + SMALL], end: DEGREE, begun: false }
    }

    /// Adds the first `count` bytes of `input`. The bytes after them may be copied too and are overwritten later: to
    /// copy a fixed number of bytes is much faster.
    #[inline(always)]
    pub(super) fn update(&mut self, input: &[u8], count: usize) {
        let range = self.bytes.get_mut(self.end..).and_then(|range| range.first_chunk_mut::<SMALL>());
        match (range, input.first_chunk::<SMALL>()) {
            (Some(range), Some(bytes)) if count <= SMALL => {
                *range = *bytes;
                self.end += count;
            }
            _ => self.gather(input.get(..count).unwrap_or_default()),
        }
    }

    fn gather(&mut self, mut bytes: &[u8]) {
        loop {
            if self.end >= FULL {
                self.fold();
            }
            let (now, later) = bytes.split_at(bytes.len().min(FULL.saturating_sub(self.end)));
            let Some(range) = self.bytes.get_mut(self.end..self.end + now.len()) else { return };
            range.copy_from_slice(now);
            self.end += now.len();
            bytes = later;
            if bytes.is_empty() {
                return;
            }
        }
    }

    /// Adds the earlier bytes to the gathered bytes, and keeps the last ones.
    fn fold(&mut self) {
        for at in (DEGREE..FULL).step_by(BLOCK) {
            let (before, now) = self.bytes.split_at_mut(at);
            let source = |lag: usize| before.get(at - lag..).and_then(|source| source.first_chunk::<BLOCK>());
            let [a, b, c, d, e, f, g] = LAGS.map(source);
            let (Some(now), Some(a), Some(b), Some(c), Some(d), Some(e), Some(f), Some(g)) =
                (now.first_chunk_mut::<BLOCK>(), a, b, c, d, e, f, g)
            else {
                return;
            };
            for i in 0..BLOCK {
                now[i] ^= (a[i] ^ b[i]) ^ (c[i] ^ d[i]) ^ (e[i] ^ f[i]) ^ g[i];
            }
        }
        self.bytes.copy_within(FULL - DEGREE.., 0);
        self.end -= FULL - DEGREE;
        self.begun = true;
    }

    /// The checksum of all bytes so far.
    pub(super) fn value(&self) -> u64 {
        let (last, gathered) = self.bytes.get(..self.end).unwrap_or_default().split_at(DEGREE);
        let mut crc = Crc64::new();
        if self.begun {
            // The last bytes were not set to zero. The sum in each one that belongs to the others is taken back.
            for (at, byte) in last.iter().enumerate() {
                let taken = LAGS.iter().filter_map(|lag| last.get(at.checked_sub(*lag)?));
                crc = crc.update(&[taken.fold(*byte, |byte, taken| byte ^ taken)]);
            }
        }
        crc.update(gathered).value()
    }
}

const fn is_multiple() -> bool {
    // The powers are reflected, as the polynomial is.
    let (mut power, mut sum, mut exponent) = (1 << 63, 0, 0);
    while exponent <= DEGREE {
        let mut term = 0;
        while term < LAGS.len() {
            if exponent == DEGREE - LAGS[term] {
                sum ^= power;
            }
            term += 1;
        }
        if exponent == DEGREE {
            sum ^= power;
        }
        power = if power & 1 == 1 { power >> 1 ^ POLYNOMIAL } else { power >> 1 };
        exponent += 1;
    }
    sum == 0
}

const _: () = assert!(is_multiple());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_as_tables() {
        let mut state = 1u64;
        let bytes: Vec<u8> = (0..100_000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            })
            .collect();
        for most in [1, 7, 63, 64, 65, 200, 5000, 20_000, 100_000] {
            let (mut digest, mut used) = (RunningChecksum::new(), 0);
            while used < bytes.len() {
                let count = (1 + used * 31 % most).min(bytes.len() - used);
                digest.update(&bytes[used..], count);
                used += count;
                if most > 1000 || used % 97 == 0 {
                    assert_eq!(
                        digest.value(),
                        Crc64::new().update(&bytes[..used]).value(),
                        "{used} bytes, at most {most}"
                    );
                }
            }
            assert_eq!(digest.value(), Crc64::new().update(&bytes).value());
        }
    }
}
