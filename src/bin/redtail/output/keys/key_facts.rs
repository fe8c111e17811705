//! The attributes of a key in a snapshot.

use redtail::rdb::{Key, Type};

/// The attributes of a key, without its name.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyFacts {
    pub(super) db: u32,
    pub(super) kind: Type,
    pub(super) number: u8,
    pub(super) expire_at_ms: Option<i64>,
    pub(super) idle_s: Option<u64>,
    pub(super) frequency: Option<u8>,
    pub(super) no_evict: bool,
}

impl From<&Key<'_>> for KeyFacts {
    fn from(key: &Key<'_>) -> Self {
        let Key { db, kind, number, expire_at_ms, idle_s, frequency, no_evict, .. } = *key;
        Self { db, kind, number, expire_at_ms, idle_s, frequency, no_evict }
    }
}

impl KeyFacts {
    /// Whether single members may expire: a set of Redis 8.12.
    pub(super) const fn has_expiring_members(&self) -> bool {
        matches!((self.kind, self.number), (Type::Set, 34 | 35))
    }
}
