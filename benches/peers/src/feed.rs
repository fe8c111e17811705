//! Simulates `read()`: copies a corpus into a buffer piece by piece, and keeps the unfinished tail.

/// The size of a read, which the first-level cache holds. hiredis is slow with more: after each reply it moves the rest
/// of its buffer.
pub const FEED: usize = 16 << 10;

/// Copies `corpus` into a buffer, `feed` bytes at a time. `parse` gets all unread bytes and returns the number it
/// consumed.
#[inline(always)]
pub fn feed(corpus: &[u8], feed: usize, mut parse: impl FnMut(&[u8]) -> usize) {
    let mut buffer = vec![0; 8 * feed];
    let (mut start, mut end) = (0, 0);
    for piece in corpus.chunks(feed) {
        if start > 0 {
            buffer.copy_within(start..end, 0);
            end -= start;
        }
        if buffer.len() - end < piece.len() {
            buffer.resize(2 * buffer.len(), 0);
        }
        buffer[end..end + piece.len()].copy_from_slice(piece);
        end += piece.len();
        start = parse(&buffer[..end]);
    }
    assert_eq!(start, end, "the corpus was not read to its end");
}
