//! Patterns of keys.

use redtail::resp::glob_matches;

fn matches(pattern: &str, key: &str) -> bool {
    glob_matches(pattern.as_bytes(), key.as_bytes())
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
