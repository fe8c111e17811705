//! The attributes of a key in a snapshot.

use redtail::rdb::{Key, Type};

/// The attributes of a key, without its name.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyFacts {
    pub(super) db: u32,
    pub(super) kind: Type,
    pub(super) expire_at_ms: Option<i64>,
    pub(super) idle_s: Option<u64>,
    pub(super) frequency: Option<u8>,
}

impl From<&Key<'_>> for KeyFacts {
    fn from(key: &Key<'_>) -> Self {
        let Key { db, kind, expire_at_ms, idle_s, frequency, .. } = *key;
        Self { db, kind, expire_at_ms, idle_s, frequency }
    }
}
