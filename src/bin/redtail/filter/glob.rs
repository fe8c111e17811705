//! Patterns of keys, as KEYS and SCAN read them.

/// A pattern: `*` is any bytes, `?` is one byte, `[abc]`, `[a-z]` and `[^x]` are one byte of a class, `\` escapes a
/// byte.
#[derive(Debug, Clone)]
pub(crate) struct Glob(Vec<u8>);

impl Glob {
    pub(crate) fn new(pattern: Vec<u8>) -> Self {
        Self(pattern)
    }

    pub(super) fn pattern(&self) -> &[u8] {
        &self.0
    }

    /// Whether the whole key matches. The time is at most proportional to the product of both lengths.
    pub(crate) fn matches(&self, key: &[u8]) -> bool {
        let (mut pattern, mut rest) = (self.0.as_slice(), key);
        // The pattern after the last star, and the rest of the key for it.
        let mut star: Option<(&[u8], &[u8])> = None;
        loop {
            if let [b'*', after @ ..] = pattern {
                pattern = after;
                star = Some((pattern, rest));
                continue;
            }
            let Some((&byte, after)) = rest.split_first() else { return pattern.is_empty() };
            if let Some(next) = one(pattern, byte) {
                (pattern, rest) = (next, after);
                continue;
            }
            // Only the last star has to take one more byte.
            let Some((behind, [_, left @ ..])) = star else { return false };
            star = Some((behind, left));
            (pattern, rest) = (behind, left);
        }
    }
}

/// Matches one byte. Returns the rest of the pattern.
fn one(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    match pattern {
        [] => None,
        [b'?', rest @ ..] => Some(rest),
        [b'[', rest @ ..] => class(rest, byte),
        [b'\\', meant, rest @ ..] | [meant, rest @ ..] => (*meant == byte).then_some(rest),
    }
}

/// Matches a class in brackets. A class without a closing bracket ends with the pattern.
fn class(pattern: &[u8], byte: u8) -> Option<&[u8]> {
    let (is_not, mut rest) = match pattern {
        [b'^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut is_in = false;
    loop {
        rest = match rest {
            [] => break,
            [b']', after @ ..] => {
                rest = after;
                break;
            }
            [b'\\', meant, after @ ..] => {
                is_in |= *meant == byte;
                after
            }
            [from, b'-', to, after @ ..] => {
                is_in |= (*from.min(to)..=*from.max(to)).contains(&byte);
                after
            }
            [meant, after @ ..] => {
                is_in |= *meant == byte;
                after
            }
        };
    }
    (is_in != is_not).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, key: &str) -> bool {
        Glob::new(pattern.into()).matches(key.as_bytes())
    }

    /// `tests/live/filters.rs` asks real servers for the same matches.
    #[test]
    fn patterns_match_as_on_a_server() {
        for (pattern, yes, no) in [
            ("*", &["", "a", "a\nb"][..], &[][..]),
            ("", &[""], &["a"]),
            ("user:*", &["user:", "user:1"], &["user", "xuser:1"]),
            ("*:*:x", &["a:b:x", "::x", "a:x:b:x"], &["a:x", "a:b:xx"]),
            ("h?llo", &["hello", "h?llo"], &["hllo", "heello"]),
            ("h[ae]llo", &["hallo", "hello"], &["hillo"]),
            ("h[^e]llo", &["hallo"], &["hello", "hllo"]),
            ("h[a-c]llo", &["hbllo"], &["hdllo"]),
            ("h[c-a]llo", &["hbllo"], &["hdllo"]),
            ("h[a-", &["ha", "h-"], &["h]", "h"]),
            ("h[a", &["ha"], &["hb"]),
            ("[]a]", &[], &["a", "]", "]a]"]),
            ("[^]a", &["xa"], &["a"]),
            ("[\\]]", &["]"], &["\\"]),
            ("a\\*b", &["a*b"], &["axb", "a\\b"]),
            ("a\\", &["a\\"], &["a"]),
            ("**a**b**", &["ab", "xaxbx"], &["ba"]),
        ] {
            yes.iter().for_each(|key| assert!(matches(pattern, key), "{pattern} {key}"));
            no.iter().for_each(|key| assert!(!matches(pattern, key), "{pattern} {key}"));
        }
    }

    #[test]
    fn no_pattern_takes_for_ever() {
        assert!(!matches(&"*a".repeat(1000), &"a".repeat(999)));
        assert!(!matches(&("a*".repeat(50) + "c"), &"ab".repeat(5_000)));
    }
}
