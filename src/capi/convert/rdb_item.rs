//! Snapshot items of the library as those of the header.

use std::ffi::{c_char, c_int};

use crate::capi::basics::*;
use crate::capi::rdb_item::*;
use crate::rdb::{Checksum, Entry, Item, Key, Magic, ModuleId, Role, StreamId, StreamState, Text, Type};

impl redtail_rdb_item {
    /// Sets every field. Fields without a meaning for the item become 0.
    #[inline]
    pub(in crate::capi) fn convert(&mut self, item: &Item<'_>) {
        match item {
            Item::Text(text) => self.text(text),
            Item::Key(key) => self.key(key),
            Item::KeyEnd => self.clear(REDTAIL_RDB_ITEM_KEY_END),
            Item::Score(score) => {
                self.clear(REDTAIL_RDB_ITEM_SCORE);
                self.score = *score;
            }
            other => self.rare(other),
        }
    }

    #[inline]
    fn clear(&mut self, kind: redtail_rdb_item_kind) {
        *self = Self { kind: kind as c_int, ..Self::ZERO };
    }

    #[inline]
    fn text(&mut self, text: &Text<'_>) {
        // Every text sets the same four fields, so a run of texts needs no clearing.
        if self.kind != REDTAIL_RDB_ITEM_TEXT as c_int {
            self.clear(REDTAIL_RDB_ITEM_TEXT);
        }
        self.role = role(text.role) as c_int;
        self.bytes = redtail_slice::of(text.bytes);
        self.at = text.at;
        self.length = text.length;
    }

    fn key(&mut self, key: &Key<'_>) {
        self.clear(REDTAIL_RDB_ITEM_KEY);
        self.bytes = redtail_slice::of(key.name.bytes);
        self.length = key.name.length;
        self.key_type = match key.kind {
            Type::String => REDTAIL_RDB_TYPE_STRING,
            Type::List => REDTAIL_RDB_TYPE_LIST,
            Type::Set => REDTAIL_RDB_TYPE_SET,
            Type::Zset => REDTAIL_RDB_TYPE_ZSET,
            Type::Hash => REDTAIL_RDB_TYPE_HASH,
            Type::Stream => REDTAIL_RDB_TYPE_STREAM,
            Type::Module => REDTAIL_RDB_TYPE_MODULE,
            Type::Array => REDTAIL_RDB_TYPE_ARRAY,
            Type::Rate => REDTAIL_RDB_TYPE_RATE,
            Type::PathHash => REDTAIL_RDB_TYPE_PATH_HASH,
        } as c_int;
        self.number = u64::from(key.number);
        self.db = key.db.into();
        self.time_ms = key.expire_at_ms.unwrap_or(REDTAIL_NO_TIME);
        self.idle_s = key.idle_s.unwrap_or(REDTAIL_UNKNOWN);
        self.frequency = key.frequency.map_or(-1, c_int::from);
        self.flag = c_int::from(key.no_evict);
    }

    fn rare(&mut self, item: &Item<'_>) {
        *self = Self::ZERO;
        let kind = match *item {
            Item::Start(format) => {
                self.magic = match format.magic {
                    Magic::Redis => REDTAIL_RDB_MAGIC_REDIS,
                    Magic::Valkey => REDTAIL_RDB_MAGIC_VALKEY,
                } as c_int;
                self.flag = c_int::from(format.is_newer());
                self.number(REDTAIL_RDB_ITEM_START, u64::from(format.version))
            }
            Item::Database(database) => self.number(REDTAIL_RDB_ITEM_DATABASE, database.into()),
            Item::Sizes { keys, expires } => {
                self.expires = expires;
                self.count(REDTAIL_RDB_ITEM_SIZES, keys)
            }
            Item::Slot { slot, keys, expires } => {
                (self.number, self.expires) = (slot, expires);
                self.count(REDTAIL_RDB_ITEM_SLOT, keys)
            }
            Item::SlotRange { first, last } => {
                self.number = first;
                self.count(REDTAIL_RDB_ITEM_SLOT_RANGE, last)
            }
            Item::Command { argc } => self.count(REDTAIL_RDB_ITEM_COMMAND, argc),
            Item::Foreign { number, value } => {
                self.number = number.into();
                self.count(REDTAIL_RDB_ITEM_FOREIGN, value)
            }
            Item::ModuleAux { module, when } => {
                self.module(module);
                self.number(REDTAIL_RDB_ITEM_MODULE_AUX, when)
            }
            Item::KeyMetadata { class } => {
                self.name(&class);
                REDTAIL_RDB_ITEM_KEY_METADATA
            }
            Item::FieldExpiry { at_ms } => self.time(REDTAIL_RDB_ITEM_FIELD_EXPIRY, at_ms),
            Item::Entry(Entry { id, fields, named }) => {
                self.flag = c_int::from(named);
                self.count = fields;
                self.id(REDTAIL_RDB_ITEM_ENTRY, id)
            }
            Item::Stream(state) => self.stream(&state),
            Item::Group { last, read, pending } => {
                (self.added, self.count) = (read.unwrap_or(REDTAIL_UNKNOWN), pending);
                self.id(REDTAIL_RDB_ITEM_GROUP, last)
            }
            Item::Pending { id, delivered_at_ms, deliveries } => {
                (self.time_ms, self.count) = (delivered_at_ms, deliveries);
                self.id(REDTAIL_RDB_ITEM_PENDING, id)
            }
            Item::Consumers { count } => self.count(REDTAIL_RDB_ITEM_CONSUMERS, count),
            Item::Consumer { seen_at_ms, active_at_ms, pending } => {
                (self.active_ms, self.count) = (active_at_ms.unwrap_or(REDTAIL_NO_TIME), pending);
                self.time(REDTAIL_RDB_ITEM_CONSUMER, seen_at_ms)
            }
            Item::ConsumerPending(id) => self.id(REDTAIL_RDB_ITEM_CONSUMER_PENDING, id),
            Item::Returned(id) => self.id(REDTAIL_RDB_ITEM_RETURNED, id),
            Item::Idempotence { duration_s, most, producers } => {
                (self.idle_s, self.number) = (duration_s, most);
                self.count(REDTAIL_RDB_ITEM_IDEMPOTENCE, producers)
            }
            Item::Producer { keys } => self.count(REDTAIL_RDB_ITEM_PRODUCER, keys),
            Item::Idempotent(id) => self.id(REDTAIL_RDB_ITEM_IDEMPOTENT, id),
            Item::IdempotenceCounts { added, duplicates } => {
                self.added = added;
                self.count(REDTAIL_RDB_ITEM_IDEMPOTENCE_COUNTS, duplicates)
            }
            Item::Module(module) => {
                self.module(module);
                self.number(REDTAIL_RDB_ITEM_MODULE, u64::from(module.version()))
            }
            Item::Raw { bytes, last } => {
                (self.bytes, self.flag) = (redtail_slice::of(bytes), c_int::from(last));
                REDTAIL_RDB_ITEM_RAW
            }
            Item::Array { count, last_insert } => {
                self.added = last_insert.unwrap_or(REDTAIL_UNKNOWN);
                self.count(REDTAIL_RDB_ITEM_ARRAY, count)
            }
            Item::Index(index) => self.number(REDTAIL_RDB_ITEM_INDEX, index),
            Item::Path { fields } => self.count(REDTAIL_RDB_ITEM_PATH, fields),
            Item::Rate(state) => self.number(REDTAIL_RDB_ITEM_RATE, state),
            Item::Skipped { bytes, .. } => self.count(REDTAIL_RDB_ITEM_SKIPPED, bytes),
            Item::End(checksum) => {
                self.checksum = match checksum {
                    Checksum::Verified => REDTAIL_RDB_CHECKSUM_VERIFIED,
                    Checksum::Absent => REDTAIL_RDB_CHECKSUM_ABSENT,
                    Checksum::Ignored => REDTAIL_RDB_CHECKSUM_IGNORED,
                } as c_int;
                REDTAIL_RDB_ITEM_END
            }
            // Converted above.
            Item::Text(_) | Item::Key(_) | Item::KeyEnd | Item::Score(_) => return,
        };
        self.kind = kind as c_int;
    }

    fn stream(&mut self, state: &StreamState) -> redtail_rdb_item_kind {
        (self.count, self.number) = (state.length, state.groups);
        self.flag = c_int::from(state.first.is_some());
        self.first = id(state.first.unwrap_or_default());
        self.max_deleted = id(state.max_deleted.unwrap_or_default());
        self.added = state.added.unwrap_or(REDTAIL_UNKNOWN);
        self.id(REDTAIL_RDB_ITEM_STREAM, state.last)
    }

    const fn number(&mut self, kind: redtail_rdb_item_kind, number: u64) -> redtail_rdb_item_kind {
        self.number = number;
        kind
    }

    const fn count(&mut self, kind: redtail_rdb_item_kind, count: u64) -> redtail_rdb_item_kind {
        self.count = count;
        kind
    }

    const fn time(&mut self, kind: redtail_rdb_item_kind, time_ms: i64) -> redtail_rdb_item_kind {
        self.time_ms = time_ms;
        kind
    }

    const fn id(&mut self, kind: redtail_rdb_item_kind, from: StreamId) -> redtail_rdb_item_kind {
        self.id = id(from);
        kind
    }

    fn module(&mut self, module: ModuleId) {
        self.name(&module.name());
    }

    fn name(&mut self, name: &[u8]) {
        for (to, from) in self.module.iter_mut().take(9).zip(name) {
            *to = *from as c_char;
        }
    }
}

const fn id(id: StreamId) -> redtail_stream_id {
    redtail_stream_id { ms: id.ms, seq: id.seq }
}

const fn role(role: Role) -> redtail_rdb_role {
    match role {
        Role::AuxName => REDTAIL_RDB_ROLE_AUX_NAME,
        Role::AuxValue => REDTAIL_RDB_ROLE_AUX_VALUE,
        Role::Function => REDTAIL_RDB_ROLE_FUNCTION,
        Role::SlotImport => REDTAIL_RDB_ROLE_SLOT_IMPORT,
        Role::Argument => REDTAIL_RDB_ROLE_ARGUMENT,
        Role::KeyName => REDTAIL_RDB_ROLE_KEY_NAME,
        Role::Value => REDTAIL_RDB_ROLE_VALUE,
        Role::Element => REDTAIL_RDB_ROLE_ELEMENT,
        Role::Member => REDTAIL_RDB_ROLE_MEMBER,
        Role::Field => REDTAIL_RDB_ROLE_FIELD,
        Role::FieldValue => REDTAIL_RDB_ROLE_FIELD_VALUE,
        Role::SharedField => REDTAIL_RDB_ROLE_SHARED_FIELD,
        Role::EntryField => REDTAIL_RDB_ROLE_ENTRY_FIELD,
        Role::EntryValue => REDTAIL_RDB_ROLE_ENTRY_VALUE,
        Role::GroupName => REDTAIL_RDB_ROLE_GROUP_NAME,
        Role::ConsumerName => REDTAIL_RDB_ROLE_CONSUMER_NAME,
        Role::ProducerName => REDTAIL_RDB_ROLE_PRODUCER_NAME,
        Role::IdempotencyKey => REDTAIL_RDB_ROLE_IDEMPOTENCY_KEY,
        Role::Path => REDTAIL_RDB_ROLE_PATH,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rdb::{Format, RdbError, RdbErrorKind};

    const ID: StreamId = StreamId { ms: 3, seq: 4 };

    /// An item of every kind, whose fields are all set.
    fn items() -> Vec<Item<'static>> {
        let text = Text { role: Role::Member, bytes: b"member", at: 1, length: 9 };
        let module = ModuleId(u64::MAX);
        vec![
            Item::Start(Format { magic: Magic::Valkey, version: 90 }),
            Item::Text(text),
            Item::Database(1),
            Item::Sizes { keys: 1, expires: 2 },
            Item::Slot { slot: 1, keys: 2, expires: 3 },
            Item::SlotRange { first: 1, last: 2 },
            Item::Command { argc: 3 },
            Item::ModuleAux { module, when: 2 },
            Item::KeyMetadata { class: *b"meta" },
            Item::Key(Key {
                name: text,
                kind: Type::Hash,
                number: 4,
                db: 5,
                expire_at_ms: Some(6),
                idle_s: Some(7),
                frequency: Some(8),
                no_evict: true,
            }),
            Item::Score(1.5),
            Item::FieldExpiry { at_ms: 1 },
            Item::Entry(Entry { id: ID, fields: 2, named: true }),
            Item::Stream(StreamState {
                length: 1,
                last: ID,
                first: Some(ID),
                max_deleted: Some(ID),
                added: Some(2),
                groups: 3,
            }),
            Item::Group { last: ID, read: Some(1), pending: 2 },
            Item::Pending { id: ID, delivered_at_ms: 1, deliveries: 2 },
            Item::Consumers { count: 1 },
            Item::Consumer { seen_at_ms: 1, active_at_ms: Some(2), pending: 3 },
            Item::ConsumerPending(ID),
            Item::Returned(ID),
            Item::Idempotence { duration_s: 1, most: 2, producers: 3 },
            Item::Producer { keys: 1 },
            Item::Idempotent(ID),
            Item::IdempotenceCounts { added: 1, duplicates: 2 },
            Item::Module(module),
            Item::Raw { bytes: b"raw", last: true },
            Item::Array { count: 1, last_insert: Some(2) },
            Item::Index(1),
            Item::Path { fields: 3 },
            Item::Rate(1),
            Item::Skipped { error: RdbError { kind: RdbErrorKind::Truncated("more"), offset: 1 }, bytes: 2 },
            Item::KeyEnd,
            Item::End(Checksum::Verified),
            Item::Foreign { number: 107, value: 9 },
        ]
    }

    fn converted(items: &[Item<'_>]) -> redtail_rdb_item {
        let mut converted = redtail_rdb_item::ZERO;
        items.iter().for_each(|item| converted.convert(item));
        converted
    }

    #[test]
    fn no_field_keeps_the_value_of_the_item_before() {
        for item in items() {
            let expected = format!("{:?}", converted(&[item]));
            for before in items() {
                assert_eq!(format!("{:?}", converted(&[before, item])), expected, "after {before:?}");
            }
        }
    }

    /// The header documents the meaningful fields of each kind beside its number.
    #[test]
    fn every_field_that_is_not_zero_is_documented_for_its_kind() {
        let comments = comments();
        let items = items();
        assert_eq!(items.len(), comments.len());
        for (item, (number, comment)) in items.iter().zip(comments) {
            let converted = converted(&[*item]);
            assert_eq!(converted.kind.to_string(), number);
            for field in changed(&converted) {
                let mut named = comment.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
                assert!(named.any(|name| name == field), "{item:?} sets {field}: {comment}");
            }
        }
    }

    /// The number and the comment of each kind.
    fn comments() -> Vec<(String, String)> {
        let source = include_str!("../rdb_item.rs");
        let kinds = source.split("pub enum redtail_rdb_item_kind {").nth(1).and_then(|rest| rest.split('}').next());
        let (mut comments, mut comment) = (Vec::new(), String::new());
        for line in kinds.unwrap().lines().map(str::trim) {
            match (line.strip_prefix("///"), line.split_once(" = ")) {
                (Some(more), _) => comment += more,
                (None, Some((_, number))) => {
                    comments.push((number.trim_end_matches(',').to_owned(), std::mem::take(&mut comment)));
                }
                (None, None) => {}
            }
        }
        comments
    }

    fn changed(item: &redtail_rdb_item) -> Vec<&'static str> {
        let mut fields = Vec::new();
        macro_rules! compare {
            ($($field:ident)*) => {$(
                if format!("{:?}", item.$field) != format!("{:?}", redtail_rdb_item::ZERO.$field) {
                    fields.push(stringify!($field));
                }
            )*};
        }
        compare!(
            role key_type magic checksum flag frequency db bytes at length number count expires added idle_s time_ms
            active_ms score id first max_deleted module
        );
        fields
    }
}
