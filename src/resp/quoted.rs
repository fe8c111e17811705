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

/// The bytes with escapes and without quotes.
pub(super) fn escaped(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    for part in bytes.utf8_chunks() {
        escape(f, part.valid().as_bytes(), part.valid())?;
        for byte in part.invalid() {
            write!(f, "\\x{byte:02x}")?;
        }
    }
    Ok(())
}

/// Writes runs of plain bytes in one piece: a formatter is slow per call, not per byte.
fn escape(f: &mut fmt::Formatter<'_>, bytes: &[u8], text: &str) -> fmt::Result {
    let mut plain = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        if matches!(byte, 0x20..=0x7e) && byte != b'"' && byte != b'\\' {
            continue;
        }
        f.write_str(text.get(plain..at).unwrap_or_default())?;
        plain = at + 1;
        match byte {
            b'\n' => f.write_str("\\n")?,
            b'\r' => f.write_str("\\r")?,
            b'\t' => f.write_str("\\t")?,
            0x07 => f.write_str("\\a")?,
            0x08 => f.write_str("\\b")?,
            b'"' => f.write_str("\\\"")?,
            b'\\' => f.write_str("\\\\")?,
            _ => write!(f, "\\x{byte:02x}")?,
        }
    }
    f.write_str(text.get(plain..).unwrap_or_default())
}
