//! Bytes in the quotes and escapes of redis-cli.

use core::fmt;

/// Prints bytes in double quotes as redis-cli does: printable ASCII unchanged, `\n \r \t \a \b \\ \"`, all other bytes
/// as `\xHH`.
///
/// ```
/// use redtail::resp::Quoted;
/// assert_eq!(Quoted(b"say \"hi\"\r\n\xff").to_string(), r#""say \"hi\"\r\n\xff""#);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Quoted<'a>(pub &'a [u8]);

impl Quoted<'_> {
    /// Whether all bytes are printed unchanged: printable ASCII without `"` and `\`. Such bytes in quotes are a JSON
    /// string, too.
    ///
    /// ```
    /// use redtail::resp::Quoted;
    /// assert!(Quoted(b"key:1").is_plain());
    /// assert!(!Quoted(b"a\nb").is_plain());
    /// ```
    pub fn is_plain(&self) -> bool {
        plain_prefix(self.0) == self.0.len()
    }
}

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        escaped(f, self.0)?;
        f.write_str("\"")
    }
}

impl fmt::Debug for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The bytes with escapes and without quotes. Runs of plain bytes are written in one piece: a formatter is slow per
/// call, not per byte.
pub(super) fn escaped(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    let mut rest = bytes;
    loop {
        let (plain, others) = rest.split_at(plain_prefix(rest));
        f.write_str(str::from_utf8(plain).unwrap_or_default())?;
        let Some((&byte, others)) = others.split_first() else { return Ok(()) };
        escape(f, byte)?;
        rest = others;
    }
}

fn escape(f: &mut fmt::Formatter<'_>, byte: u8) -> fmt::Result {
    match byte {
        b'\n' => f.write_str("\\n"),
        b'\r' => f.write_str("\\r"),
        b'\t' => f.write_str("\\t"),
        0x07 => f.write_str("\\a"),
        0x08 => f.write_str("\\b"),
        b'"' => f.write_str("\\\""),
        b'\\' => f.write_str("\\\\"),
        _ => write!(f, "\\x{byte:02x}"),
    }
}

/// The number of bytes before the first that needs an escape.
fn plain_prefix(bytes: &[u8]) -> usize {
    // The compiler compares the bytes of a block at once.
    let (blocks, _) = bytes.as_chunks::<BLOCK>();
    let is_plain = |block: &&[u8; BLOCK]| block.iter().fold(0, |any, &byte| any | escapes(byte)) == 0;
    let plain = BLOCK * blocks.iter().take_while(is_plain).count();
    plain + plain_words(bytes.get(plain..).unwrap_or_default())
}

/// The bytes compared at once.
const BLOCK: usize = 32;

/// 1 for a byte that needs an escape. A number and no branch, so that the compiler has vectors of it.
const fn escapes(byte: u8) -> u8 {
    (byte.wrapping_sub(0x20) > 0x5e) as u8 | (byte == b'"') as u8 | (byte == b'\\') as u8
}

/// The same, eight bytes at a time.
fn plain_words(bytes: &[u8]) -> usize {
    let Some(last) = bytes.last_chunk() else {
        let word = bytes.iter().rev().fold(EACH * 0x20, |word, &byte| word << 8 | u64::from(byte));
        return bytes.len().min(marks(word).trailing_zeros() as usize / 8);
    };
    let (words, _) = bytes.as_chunks();
    for (index, word) in words.iter().enumerate() {
        let marks = marks(u64::from_le_bytes(*word));
        if marks != 0 {
            return index * 8 + marks.trailing_zeros() as usize / 8;
        }
    }
    // The last word begins before the rest: its first bytes are plain.
    match marks(u64::from_le_bytes(*last)) {
        0 => bytes.len(),
        marks => bytes.len() - 8 + marks.trailing_zeros() as usize / 8,
    }
}

/// The lowest bit of each of eight bytes.
const EACH: u64 = 0x0101_0101_0101_0101;

/// Eight bytes: the top bit of the first one that needs an escape is set, and none before it. Bits after it have no
/// meaning: a difference borrows from the byte after.
fn marks(word: u64) -> u64 {
    let below = |limit: u64, word: u64| word.wrapping_sub(EACH * limit) & !word;
    let equal = |byte: u8| below(1, word ^ (EACH * u64::from(byte)));
    let beyond = word | word.wrapping_add(EACH);
    (below(0x20, word) | beyond | equal(b'"') | equal(b'\\')) & (EACH << 7)
}

#[cfg(test)]
mod tests {
    use super::{escaped, plain_prefix};
    use core::fmt;

    struct Escaped<'a>(&'a [u8]);

    impl fmt::Display for Escaped<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            escaped(f, self.0)
        }
    }

    #[test]
    fn each_byte_is_found_at_each_place() {
        for length in 0..=72 {
            for at in 0..length {
                for byte in 0..=u8::MAX {
                    let mut bytes = vec![b'~'; length];
                    bytes[at] = byte;
                    // A byte after it that needs an escape changes nothing.
                    bytes[length - 1] = if at + 1 < length { 0xff } else { byte };
                    let plain = (0x20..=0x7e).contains(&byte) && byte != b'"' && byte != b'\\';
                    let first = if plain && at + 1 < length { length - 1 } else { at };
                    assert_eq!(plain_prefix(&bytes), if plain && at + 1 == length { length } else { first });
                    let text =
                        String::from_utf8(bytes.iter().flat_map(|byte| byte.escape_ascii()).collect::<Vec<u8>>());
                    let text = text.unwrap().replace("\\'", "'").replace("\\x07", "\\a").replace("\\x08", "\\b");
                    assert_eq!(Escaped(&bytes).to_string(), text);
                }
            }
        }
    }
}
