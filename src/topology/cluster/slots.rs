//! Sets of hash slots.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The number of slots of a cluster: they are 0 to 16383.
const COUNT: u16 = 16_384;

/// A set of hash slots, as ranges.
///
/// ```
/// # use redtail::topology::Slots;
/// let slots: Slots = "0-5460,7365".parse()?;
/// assert!(slots.contains(7365) && !slots.contains(5461));
/// assert_eq!((slots.len(), slots.to_string()), (5462, "0-5460,7365".to_owned()));
/// # Ok::<(), redtail::topology::SlotsError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Hash)]
pub struct Slots {
    /// In ascending order, both ends included. No two are adjacent.
    ranges: Vec<(u16, u16)>,
}

/// The slot of a key. If there is text between its first `{` and the next `}`, that text alone decides.
///
/// ```
/// # use redtail::topology::slot;
/// assert_eq!(slot(b"123456789"), 12739); // the example of the cluster specification
/// assert_eq!(slot(b"user:{1000}:name"), slot(b"1000"));
/// ```
#[must_use]
pub fn slot(key: &[u8]) -> u16 {
    crc16(tag(key)) % COUNT
}

fn tag(key: &[u8]) -> &[u8] {
    let Some(open) = memchr::memchr(b'{', key) else { return key };
    let inside = key.get(open + 1..).unwrap_or_default();
    match memchr::memchr(b'}', inside) {
        None | Some(0) => key,
        Some(close) => inside.get(..close).unwrap_or_default(),
    }
}

/// CRC-16/XMODEM: polynomial 0x1021, from zero.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum, &byte| {
        (0..8).fold(sum ^ (u16::from(byte) << 8), |sum, _| (sum << 1) ^ if sum & 0x8000 == 0 { 0 } else { 0x1021 })
    })
}

impl Slots {
    /// The set of these ranges, in any order, both ends included. Invalid ranges are skipped.
    pub fn from_ranges(ranges: impl IntoIterator<Item = (u16, u16)>) -> Self {
        let mut all: Vec<_> = ranges.into_iter().filter(|&(first, last)| first <= last && last < COUNT).collect();
        all.sort_unstable();
        let mut ranges: Vec<(u16, u16)> = Vec::new();
        for (first, last) in all {
            match ranges.last_mut() {
                Some(before) if first <= before.1 + 1 => before.1 = before.1.max(last),
                _ => ranges.push((first, last)),
            }
        }
        Self { ranges }
    }

    /// The ranges in ascending order, both ends included.
    pub fn ranges(&self) -> &[(u16, u16)] {
        &self.ranges
    }

    /// Whether the set contains the slot.
    pub fn contains(&self, slot: u16) -> bool {
        self.ranges.iter().any(|&(first, last)| (first..=last).contains(&slot))
    }

    /// The number of slots.
    pub fn len(&self) -> usize {
        self.ranges.iter().map(|&(first, last)| usize::from(last - first) + 1).sum()
    }

    /// Whether the set has no slot.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The slots in both sets.
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        let overlap = |a: &(u16, u16), b: &(u16, u16)| (a.0.max(b.0), a.1.min(b.1));
        Self::from_ranges(self.ranges.iter().flat_map(|a| other.ranges.iter().map(move |b| overlap(a, b))))
    }

    /// The slots that are not in the other set.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        let mut left = Vec::new();
        for &(first, last) in &self.ranges {
            let mut from = first;
            for &(a, b) in other.ranges.iter().filter(|&&(a, b)| a <= last && b >= first) {
                if a > from {
                    left.push((from, a - 1));
                }
                from = b + 1;
            }
            left.push((from, last));
        }
        Self::from_ranges(left)
    }
}

/// As `0-5460,7365`; the empty set is empty text.
impl fmt::Display for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (first, last)) in self.ranges.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { "," })?;
            write!(f, "{first}")?;
            if first != last {
                write!(f, "-{last}")?;
            }
        }
        Ok(())
    }
}

/// The reason why a text is not [`Slots`].
///
/// ```
/// use redtail::topology::Slots;
///
/// let error = "5460-0".parse::<Slots>().unwrap_err();
/// assert!(error.to_string().starts_with("\"5460-0\" is not a range of slots"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0:?} is not a range of slots: write 0-5460,7365 with numbers from 0 to 16383")]
pub struct SlotsError(String);

impl FromStr for Slots {
    type Err = SlotsError;

    fn from_str(text: &str) -> Result<Self, SlotsError> {
        let number = |text: &str| {
            let digits = text.bytes().all(|b| b.is_ascii_digit());
            text.parse().ok().filter(|&slot: &u16| digits && slot < COUNT)
        };
        let range = |text: &str| {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            let range = number(first).zip(number(last)).filter(|(first, last)| first <= last);
            range.ok_or_else(|| SlotsError(text.into()))
        };
        let words = text.split(',').filter(|_| !text.is_empty());
        Ok(Self::from_ranges(words.map(range).collect::<Result<Vec<_>, _>>()?))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed, in a helper too")]
mod tests {
    use super::*;

    fn slots(text: &str) -> Slots {
        text.parse().unwrap()
    }

    #[test]
    fn sets_of_slots_follow_their_text() {
        assert_eq!(Slots::from_ranges([(7, 9), (0, 3), (4, 4), (8, 20), (9, 2), (3, 16_384)]), slots("0-4,7-20"));
        assert_eq!(slots("0-100").without(&slots("0,50-60,99-200")), slots("1-49,61-98"));
        assert_eq!(slots("0-100").without(&slots("0-100")), Slots::default());
        assert_eq!(slots("0-16383").without(&slots("16383")), slots("0-16382"));
        assert_eq!(slots("0-10,20-30").common(&slots("5-25")), slots("5-10,20-25"));
        assert_eq!(slots("").to_string(), "");
        for wrong in ["a", "1-", "-1", "5-4", "16384", "+1", "1,,2", ","] {
            assert!(wrong.parse::<Slots>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_tag_alone_decides_the_slot() {
        for (key, same) in [("{a}b", "a"), ("x{a}{b}", "a"), ("{}a", "{}a"), ("{a", "{a"), ("x{a}", "a")] {
            assert_eq!(slot(key.as_bytes()), crc16(same.as_bytes()) % COUNT, "{key}");
        }
        // As CLUSTER KEYSLOT replies.
        assert_eq!((slot(b"a"), slot(b"b"), slot(b"c"), slot(b"foo")), (15_495, 3300, 7365, 12_182));
    }
}
