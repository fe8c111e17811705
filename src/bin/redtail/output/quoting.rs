//! Strings in quotes, as the text format prints them.

use std::fmt;

use redtail::resp::Quoted;

use crate::args;
use crate::terminal::capability::is_utf8_terminal;

/// How a string is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quoting {
    /// With an escape for each byte that is not printable ASCII.
    Escaped,
    /// With its UTF-8, and an escape for each other byte.
    Utf8,
}

impl Quoting {
    /// As chosen, else by the terminal, so that pipes and files always receive escapes.
    pub(super) fn of(options: &args::Output) -> Self {
        let is_utf8 = options.raw || (!options.no_raw && options.output.is_none() && is_utf8_terminal());
        if is_utf8 { Self::Utf8 } else { Self::Escaped }
    }

    pub(super) const fn of_bytes(self, bytes: &[u8]) -> QuotedText<'_> {
        QuotedText { quoting: self, bytes }
    }

    /// The beginning of a string, without the bytes of a character that is cut off.
    pub(super) fn of_beginning(self, bytes: &[u8]) -> QuotedText<'_> {
        let cut = match (self, bytes.utf8_chunks().last()) {
            (Self::Utf8, Some(last))
                if std::str::from_utf8(last.invalid()).is_err_and(|it| it.error_len().is_none()) =>
            {
                last.invalid().len()
            }
            _ => 0,
        };
        self.of_bytes(bytes.get(..bytes.len().saturating_sub(cut)).unwrap_or_default())
    }
}

/// A string in quotes.
pub(super) struct QuotedText<'a> {
    quoting: Quoting,
    bytes: &'a [u8],
}

impl fmt::Display for QuotedText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.quoting == Quoting::Escaped {
            return Quoted(self.bytes).fmt(f);
        }
        f.write_str("\"")?;
        for chunk in self.bytes.utf8_chunks() {
            let mut rest = chunk.valid();
            while let Some((at, shown)) = rest.char_indices().find(|&(_, char)| is_shown(char)) {
                let (before, from) = rest.split_at(at);
                escape(f, before.as_bytes())?;
                let (char, behind) = from.split_at(shown.len_utf8());
                f.write_str(char)?;
                rest = behind;
            }
            escape(f, rest.as_bytes())?;
            escape(f, chunk.invalid())?;
        }
        f.write_str("\"")
    }
}

fn escape(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    let quoted = Quoted(bytes).to_string();
    f.write_str(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default())
}

/// Whether a character is printed as it is. ASCII keeps its escapes; a character that is invisible or changes the order
/// of others is escaped.
fn is_shown(char: char) -> bool {
    !char.is_ascii()
        && !char.is_control()
        && !matches!(char,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e000}'..='\u{f8ff}'
            | '\u{e0000}'..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf8_is_shown_and_other_bytes_are_escaped() {
        let utf8 = |bytes: &[u8]| Quoting::Utf8.of_bytes(bytes).to_string();
        for text in ["Grüße", "日本語", "naïve 🦀", "हिन्दी", "می‌خواهم"] {
            assert_eq!(utf8(text.as_bytes()), format!("\"{text}\""));
            assert_eq!(Quoting::Escaped.of_bytes(text.as_bytes()).to_string(), Quoted(text.as_bytes()).to_string());
        }
        for (bytes, shown) in [
            (&b"a\"\\\n\x1b"[..], r#""a\"\\\n\x1b""#),
            (b"\xc3\xbc\xff\xc3", r#""ü\xff\xc3""#),
            // A control character, and one that reverses the text after it.
            (b"\xc2\x9b31m", r#""\xc2\x9b31m""#),
            (b"x\xe2\x80\xaey", r#""x\xe2\x80\xaey""#),
            (b"", r#""""#),
        ] {
            assert_eq!(utf8(bytes), shown);
        }
    }

    #[test]
    fn a_character_that_is_cut_off_is_left_out() {
        let beginning = |bytes| Quoting::Utf8.of_beginning(bytes).to_string();
        assert_eq!(beginning(b"ab\xe6\x97"), "\"ab\"");
        assert_eq!(beginning(b"ab\xff"), r#""ab\xff""#);
        assert_eq!(Quoting::Escaped.of_beginning(b"ab\xe6").to_string(), r#""ab\xe6""#);
    }
}
