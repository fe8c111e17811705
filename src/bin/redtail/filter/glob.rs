//! Patterns of keys.

use redtail::resp::glob_matches;

/// A pattern, as KEYS and SCAN read it.
#[derive(Debug, Clone)]
pub(crate) struct Glob(Vec<u8>);

impl Glob {
    pub(crate) fn new(pattern: Vec<u8>) -> Self {
        Self(pattern)
    }

    pub(super) fn pattern(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn matches(&self, key: &[u8]) -> bool {
        glob_matches(&self.0, key)
    }
}
