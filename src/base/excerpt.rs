//! A short text kept by value. It keeps a message of a server beyond the buffer that held it.

use core::fmt;

/// The first `N` bytes of a text, kept by value without allocation. Prints control characters and bytes that are not
/// UTF-8 as `?`.
///
/// ```
/// # use redtail::Excerpt;
/// let words: Excerpt<8> = Excerpt::new(b"-NOAUTH Authentication required.");
/// assert_eq!(words.to_string(), "-NOAUTH ");
/// assert!(words.is_cut());
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Excerpt<const N: usize> {
    bytes: [u8; N],
    length: usize,
    cut: bool,
}

impl<const N: usize> Excerpt<N> {
    /// The empty text.
    pub const EMPTY: Self = Self { bytes: [0; N], length: 0, cut: false };

    /// The first `N` bytes of `text`.
    pub fn new(text: &[u8]) -> Self {
        let mut excerpt = Self::EMPTY;
        excerpt.append(text);
        excerpt
    }

    /// The text that `value` prints, cut at `N` bytes.
    pub fn of(value: impl fmt::Display) -> Self {
        let mut excerpt = Self::EMPTY;
        // Cutting is this type's purpose, not an error: `write_str` below never fails.
        let _ = fmt::Write::write_fmt(&mut excerpt, format_args!("{value}"));
        excerpt
    }

    /// The bytes kept: at most `N`.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Whether the text was longer than `N` bytes.
    pub const fn is_cut(&self) -> bool {
        self.cut
    }

    pub(crate) fn append(&mut self, text: &[u8]) {
        let room = N - self.length;
        let kept = text.len().min(room);
        if let (Some(to), Some(from)) = (self.bytes.get_mut(self.length..self.length + kept), text.get(..kept)) {
            to.copy_from_slice(from);
        }
        self.length += kept;
        self.cut |= text.len() > kept;
    }
}

impl<const N: usize> fmt::Write for Excerpt<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.append(text.as_bytes());
        Ok(())
    }
}

impl<const N: usize> fmt::Display for Excerpt<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.as_bytes().utf8_chunks() {
            for c in chunk.valid().chars() {
                // The text of a server goes to a terminal: no control character may reach it.
                fmt::Write::write_char(f, if c.is_control() { '?' } else { c })?;
            }
            if !chunk.invalid().is_empty() {
                f.write_str("?")?;
            }
        }
        Ok(())
    }
}

impl<const N: usize> fmt::Debug for Excerpt<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}
