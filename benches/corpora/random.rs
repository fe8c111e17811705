//! Pseudo-random numbers, the same at every run.

/// The splitmix64 generator by Sebastiano Vigna.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From `low` to `high`, both included.
    pub(crate) const fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    /// Appends `length` random bytes.
    pub(crate) fn bytes(&mut self, to: &mut Vec<u8>, length: usize) {
        let end = to.len() + length;
        while to.len() < end {
            to.extend_from_slice(&self.next().to_le_bytes());
        }
        to.truncate(end);
    }
}
