//! The checksum of a whole snapshot, at several times the speed of tables.
//!
//! A polynomial over two elements has multiples of few terms. By such a multiple each byte of the message can be struck out if it
//! is added to a few later bytes instead, which leaves the remainder as it is. A byte counts for the same bits wherever it stands,
//! and a multiple stays one if all its exponents are multiplied by 8 (a power of two), so the distances are whole bytes. All but
//! the last [`DEGREE`] bytes of the message vanish that way, by nothing but XOR over long runs of bytes, which compilers make
//! vector instructions of; only those last ones are looked up in tables.

use crate::rdb::crc64::{Crc64, POLYNOMIAL};

/// How far behind each byte those lie that it takes in: `x^4002 + x^(4002 - 405) + ... + 1` is a multiple of the polynomial.
const LAGS: [usize; 7] = [405, 795, 2116, 2268, 3550, 3712, DEGREE];
const DEGREE: usize = 4002;

/// Bytes taken in at once: no more than the shortest lag, since they must not depend on each other.
const BLOCK: usize = 256;
/// Bytes gathered before any are taken in.
const GATHER: usize = 8 << 10;
/// Where they end then.
const FULL: usize = DEGREE + GATHER;
/// How many bytes a small span may have.
const SMALL: usize = 64;

/// A running checksum.
#[derive(Debug, Clone)]
pub(super) struct RunningChecksum {
    /// [`DEGREE`] bytes that have taken in those before them, then those that are gathered, then room for more.
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

    /// Takes in the first `count` bytes of `input`. The others may be copied too, where nobody looks before they are overwritten:
    /// a fixed number of bytes is copied much faster.
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

    /// Lets the gathered bytes take in those before them, and keeps the last.
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
            // These have not been struck out, so what each has taken in of the others here is given back.
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
