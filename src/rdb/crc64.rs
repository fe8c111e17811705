//! The servers' checksum: CRC-64 with the Jones polynomial, reflected, initial value 0, no final XOR. Source: the
//! servers' `crc64.c`.

/// A running checksum over the bytes of a snapshot or of a `DUMP` payload.
///
/// ```
/// assert_eq!(redtail::rdb::Crc64::new().update(b"123456789").value(), 0xe9c6_d914_c4b8_d9ca);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Crc64(u64);

impl Crc64 {
    /// The checksum of no bytes.
    #[must_use]
    pub const fn new() -> Self {
        Self(0)
    }

    /// The checksum with `bytes` appended.
    #[must_use]
    pub fn update(self, bytes: &[u8]) -> Self {
        let (chunks, rest) = bytes.as_chunks::<16>();
        let mut crc = self.0;
        for chunk in chunks {
            let [a, b, c, d, e, f, g, h, tail @ ..] = *chunk;
            // Only these eight lookups depend on the previous chunk. The other eight run in parallel.
            let [a, b, c, d, e, f, g, h] = (crc ^ u64::from_le_bytes([a, b, c, d, e, f, g, h])).to_le_bytes();
            let [i, j, k, l, m, n, o, p] = tail;
            crc = (at(15, a) ^ at(14, b) ^ at(13, c) ^ at(12, d))
                ^ (at(11, e) ^ at(10, f) ^ at(9, g) ^ at(8, h))
                ^ ((at(7, i) ^ at(6, j) ^ at(5, k) ^ at(4, l)) ^ (at(3, m) ^ at(2, n) ^ at(1, o) ^ at(0, p)));
        }
        for &byte in rest {
            crc = at(0, crc as u8 ^ byte) ^ crc >> 8;
        }
        Self(crc)
    }

    /// The checksum of the bytes so far.
    #[must_use]
    pub const fn value(self) -> u64 {
        self.0
    }
}

/// The Jones polynomial, bit-reversed.
pub(super) const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;

/// `TABLES[n][b]`: the checksum of byte `b` and `n` zero bytes after it.
static TABLES: [[u64; 256]; 16] = tables();

#[inline(always)]
fn at(distance: usize, byte: u8) -> u64 {
    TABLES[distance][usize::from(byte)]
}

const fn tables() -> [[u64; 256]; 16] {
    let mut tables = [[0; 256]; 16];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut distance = 1;
    while distance < 16 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[distance - 1][byte];
            tables[distance][byte] = tables[0][(before & 255) as usize] ^ before >> 8;
            byte += 1;
        }
        distance += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_add_up() {
        let bytes: Vec<u8> = (0..100u8).map(|byte| byte.wrapping_mul(37)).collect();
        let slow = bytes.iter().fold(Crc64::new(), |crc, byte| crc.update(&[*byte]));
        for cut in 0..=bytes.len() {
            assert_eq!(Crc64::new().update(&bytes[..cut]).update(&bytes[cut..]), slow);
        }
    }
}
