//! Patterns of keys, as KEYS and SCAN read them.

/// Whether a whole key matches a pattern of KEYS and SCAN: `*` is any bytes, `?` is one byte, `[abc]`, `[a-z]` and
/// `[^x]` are one byte of a class, `\` escapes a byte.
///
/// The time is at most proportional to the product of both lengths. A class without a closing bracket ends with the
/// pattern, as on the servers (`stringmatchlen` in their `util.c`).
///
/// ```
/// use redtail::resp::glob_matches;
///
/// assert!(glob_matches(b"user:*", b"user:1000"));
/// assert!(!glob_matches(b"user:[^0-9]*", b"user:1000"));
/// ```
#[must_use]
pub fn glob_matches(pattern: &[u8], key: &[u8]) -> bool {
    let (mut pattern, mut rest) = (pattern, key);
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
