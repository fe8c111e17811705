//! Where a snapshot ends.

use memchr::memmem;

use crate::rdb::Head;

/// How the primary frames a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// `$<length>`: so many bytes.
    Length(u64),
    /// `$EOF:<mark>`: until these 40 bytes.
    Mark([u8; MARK_LENGTH]),
}

pub(super) const MARK_LENGTH: usize = 40;
/// The opcode that ends a snapshot, and its checksum.
const TRAILER_LENGTH: usize = 9;
const OPCODE_END: u8 = 255;
/// `$EOF:` and the mark, the longest header line there is.
pub(super) const HEADER_LENGTH: usize = 5 + MARK_LENGTH;

impl Framing {
    /// Reads the header line, without its CRLF. The error names what a valid one would be.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        let rest = line.strip_prefix(b"$")?;
        if let Some(mark) = rest.strip_prefix(b"EOF:") {
            let mark: [u8; MARK_LENGTH] = mark.try_into().ok()?;
            return mark.iter().all(u8::is_ascii_graphic).then_some(Self::Mark(mark));
        }
        let digits = core::str::from_utf8(rest).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
        digits.parse().ok().map(Self::Length)
    }
}

/// A snapshot on its way: tells data from what follows it.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    framing: Framing,
    head: Head,
    received: u64,
    /// The last bytes of the data, newest last: at a true end they are the end opcode and the checksum.
    tail: [u8; TRAILER_LENGTH],
}

/// What the next bytes of a snapshot are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// So many bytes of data.
    Data(usize),
    /// The end: so many bytes of frame (the mark), then the stream.
    End(usize),
    /// Not known before so many further bytes.
    Need(usize),
}

impl Snapshot {
    pub(super) const fn new(framing: Framing) -> Self {
        Self { framing, head: Head::new(), received: 0, tail: [0; TRAILER_LENGTH] }
    }

    pub(super) const fn head(&self) -> &Head {
        &self.head
    }

    /// Bytes of data so far.
    pub(super) const fn received(&self) -> u64 {
        self.received
    }

    pub(super) const fn length(&self) -> Option<u64> {
        match self.framing {
            Framing::Length(length) => Some(length),
            Framing::Mark(_) => None,
        }
    }

    /// What `input`, the unread bytes, begins with. Data is counted as read.
    pub(super) fn next(&mut self, input: &[u8]) -> Next {
        let next = match self.framing {
            Framing::Length(length) => {
                let left = length - self.received;
                match usize::try_from(left).unwrap_or(usize::MAX).min(input.len()) {
                    _ if left == 0 => Next::End(0),
                    0 => Next::Need(1),
                    here => Next::Data(here),
                }
            }
            Framing::Mark(mark) => self.until_mark(input, &mark),
        };
        if let Next::Data(count) = next {
            self.data(input.get(..count).unwrap_or_default());
        }
        next
    }

    fn until_mark(&self, input: &[u8], mark: &[u8; MARK_LENGTH]) -> Next {
        if input.is_empty() {
            return Next::Need(1);
        }
        match memmem::find(input, mark) {
            Some(0) if self.may_end() => Next::End(MARK_LENGTH),
            // The mark's bytes inside the data: a value may hold them, since one server process uses one mark for all its syncs.
            Some(0) => Next::Data(1),
            Some(data) => Next::Data(data),
            None => {
                let (most, held) = (input.len(), longest_overlap(input, mark));
                if held == most { Next::Need(MARK_LENGTH - held) } else { Next::Data(most - held) }
            }
        }
    }

    /// Every snapshot that is sent with a mark ends with the end opcode and eight bytes of checksum (RDB 5 and later).
    fn may_end(&self) -> bool {
        !self.head.is_rdb() || self.tail.first() == Some(&OPCODE_END)
    }

    fn data(&mut self, data: &[u8]) {
        self.head.read(data);
        self.received += data.len() as u64;
        let newest = data.get(data.len().saturating_sub(TRAILER_LENGTH)..).unwrap_or_default();
        self.tail.rotate_left(newest.len());
        if let Some(place) = self.tail.get_mut(TRAILER_LENGTH - newest.len()..) {
            place.copy_from_slice(newest);
        }
    }
}

/// The length of the longest end of `input` with which `mark` begins.
fn longest_overlap(input: &[u8], mark: &[u8; MARK_LENGTH]) -> usize {
    (1..=input.len().min(MARK_LENGTH - 1))
        .rev()
        .find(|&length| mark.get(..length) == input.get(input.len() - length..))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: &[u8; 40] = b"398c1a683d14df9f2e290fd53a6174729509e866";

    /// Feeds `pieces` as they arrive; gives the data and what is left after the end.
    fn run(framing: Framing, pieces: &[&[u8]]) -> (Vec<u8>, Option<Vec<u8>>) {
        let mut snapshot = Snapshot::new(framing);
        let (mut unread, mut data) = (Vec::new(), Vec::new());
        for piece in pieces {
            unread.extend_from_slice(piece);
            loop {
                match snapshot.next(&unread) {
                    Next::Data(count) => data.extend(unread.drain(..count)),
                    Next::End(count) => return (data, Some(unread.split_off(count))),
                    Next::Need(count) => {
                        assert!(count > 0);
                        break;
                    }
                }
            }
        }
        (data, None)
    }

    fn snapshot(value: &[u8]) -> Vec<u8> {
        [b"REDIS0010\xfa\x03abc\x01d\x00\x01k", &[value.len() as u8][..], value, b"\xff12345678"].concat()
    }

    #[test]
    fn headers() {
        assert_eq!(Framing::read(b"$172"), Some(Framing::Length(172)));
        assert_eq!(Framing::read(&[&b"$EOF:"[..], MARK].concat()), Some(Framing::Mark(*MARK)));
        for bad in [&b"$"[..], b"$-1", b"$+1", b"$EOF:", b"$EOF:abc", b"$99999999999999999999", b"*1", b"", b"$1 "] {
            assert_eq!(Framing::read(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_mark_split_anywhere_is_found_and_what_follows_is_kept() {
        let rdb = snapshot(b"value");
        let bytes = [&rdb[..], MARK, b"*1\r\n"].concat();
        for first in 0..bytes.len() {
            for second in first..bytes.len() {
                let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                let (data, rest) = run(Framing::Mark(*MARK), &pieces);
                assert_eq!(data, rdb);
                let seen = if second >= rdb.len() + 40 { second - rdb.len() - 40 } else { 4 };
                assert!(rest.unwrap().len() <= 4.max(seen));
            }
        }
    }

    #[test]
    fn a_mark_inside_a_value_does_not_end_it() {
        let rdb = snapshot(MARK);
        let bytes = [&rdb[..], MARK].concat();
        for cut in 0..bytes.len() {
            let (data, rest) = run(Framing::Mark(*MARK), &[&bytes[..cut], &bytes[cut..]]);
            assert_eq!((data, rest), (rdb.clone(), Some(Vec::new())), "cut at {cut}");
        }
    }

    #[test]
    fn a_mark_that_never_comes_is_only_data() {
        let (data, rest) = run(Framing::Mark(*MARK), &[&snapshot(b"value"), &MARK[..39]]);
        assert_eq!((data, rest), (snapshot(b"value"), None));
    }

    #[test]
    fn a_length_is_exact() {
        assert_eq!(run(Framing::Length(3), &[b"ab", b"c*1"]), (b"abc".to_vec(), Some(b"*1".to_vec())));
        assert_eq!(run(Framing::Length(0), &[b"*1"]), (vec![], Some(b"*1".to_vec())));
        assert_eq!(run(Framing::Length(3), &[b"ab"]), (b"ab".to_vec(), None));
    }
}
