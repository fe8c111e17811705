//! Snapshot items: what stands in an RDB file, one thing after another

use std::ffi::{c_char, c_int};

use crate::capi::basics::*;
use crate::rdb::{Checksum, Entry, Item, Key, Magic, ModuleId, Role, StreamId, StreamState, Text, Type};

/// What an item is. Ignore kinds that you do not know: later versions add some. Behind each stand the fields that mean something;
/// in the others is what was there before.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_rdb_kind {
    /// The first item. magic, number: the version of the format.
    REDTAIL_RDB_START = 1,
    /// A string, or a piece of one. role, bytes, at, length. One of up to 16 KiB comes whole.
    REDTAIL_RDB_TEXT = 2,
    /// The keys that follow stand in this database. number.
    REDTAIL_RDB_DATABASE = 3,
    /// How many keys the database has; a hint. count: keys, expires: those that expire.
    REDTAIL_RDB_SIZES = 4,
    /// How many keys of a cluster slot follow; a hint. number: the slot; count, expires.
    REDTAIL_RDB_SLOT = 5,
    /// A range of slots that are being imported. number: the first, count: the last.
    REDTAIL_RDB_SLOT_RANGE = 6,
    /// A command stands in the snapshot (Valkey's forkless save); its arguments follow. count: their number.
    REDTAIL_RDB_COMMAND = 7,
    /// What a module keeps beside the keys; RAW follows. module, number: 1 before the keys, 2 after them.
    REDTAIL_RDB_MODULE_AUX = 8,
    /// Metadata of the key that follows; RAW follows. module: the class, four letters.
    REDTAIL_RDB_KEY_METADATA = 9,
    /// A key begins; its value follows up to KEY_END. key_type, number: the number of type and encoding in the file; bytes, length: its
    /// name, or the beginning of it (the rest follows as TEXT of role KEY_NAME); db, time_ms: when it expires; idle_s, frequency.
    REDTAIL_RDB_KEY = 10,
    /// The score of the member before. score.
    REDTAIL_RDB_SCORE = 11,
    /// When the field before expires. time_ms.
    REDTAIL_RDB_FIELD_EXPIRY = 12,
    /// A stream entry begins. id, count: its fields; flag: not 0 if names come with the values. Else only values come, and the names are
    /// the TEXTs of role SHARED_FIELD that came last.
    REDTAIL_RDB_ENTRY = 13,
    /// All entries of the stream have come. count: its length, id: the last ever added; first, max_deleted, added; number: its groups.
    REDTAIL_RDB_STREAM = 14,
    /// The consumer group whose name was before. id: the last delivered, added: entries delivered so far; count: pending.
    REDTAIL_RDB_GROUP = 15,
    /// A pending entry of the group. id, time_ms: when it was last delivered, count: how often.
    REDTAIL_RDB_PENDING = 16,
    /// All pending entries of the group have come; its consumers follow. count: their number.
    REDTAIL_RDB_CONSUMERS = 17,
    /// The consumer whose name was before. time_ms: when it last asked; active_ms: when it last got something (-1: never), or
    /// REDTAIL_NO_TIME; count: pending.
    REDTAIL_RDB_CONSUMER = 18,
    /// An entry pending for the consumer. id.
    REDTAIL_RDB_CONSUMER_PENDING = 19,
    /// An entry of the group that was given back. id.
    REDTAIL_RDB_RETURNED = 20,
    /// How the stream tells repeated additions. idle_s: how long keys are kept in seconds, number: how many for each producer; count:
    /// producers.
    REDTAIL_RDB_IDEMPOTENCE = 21,
    /// The idempotent producer whose name was before. count: its keys.
    REDTAIL_RDB_PRODUCER = 22,
    /// The entry to which the idempotency key before belongs. id.
    REDTAIL_RDB_IDEMPOTENT = 23,
    /// The last of a stream with idempotence. added: keys ever added, count: duplicates ever met.
    REDTAIL_RDB_IDEMPOTENCE_COUNTS = 24,
    /// A module's value begins; RAW follows: its bytes as they stand, id included. module, number: the version of its encoding.
    REDTAIL_RDB_MODULE = 25,
    /// Bytes of a module as they stand. bytes, flag: not 0 if they are the last.
    REDTAIL_RDB_RAW = 26,
    /// A sparse array begins. count: its elements; added: where the next insertion goes, or REDTAIL_UNKNOWN.
    REDTAIL_RDB_ARRAY = 27,
    /// The place of the array element that follows. number.
    REDTAIL_RDB_INDEX = 28,
    /// An array element that is a floating-point number. score.
    REDTAIL_RDB_DOUBLE = 29,
    /// A rate limiter's state. number.
    REDTAIL_RDB_RATE = 30,
    /// Something broken was passed over: only where that was asked for. count: its bytes in the file. The message has the words.
    REDTAIL_RDB_SKIPPED = 31,
    /// The key is at its end.
    REDTAIL_RDB_KEY_END = 32,
    /// The snapshot is at its end. checksum.
    REDTAIL_RDB_END = 33,
}

/// Whose numbers a snapshot uses.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_rdb_magic {
    /// REDIS and four digits: every Redis, and Valkey before 9.0.
    REDTAIL_RDB_MAGIC_REDIS = 1,
    /// VALKEY and three digits: Valkey 9.0 and later.
    REDTAIL_RDB_MAGIC_VALKEY = 2,
}

/// What a key holds.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_rdb_type {
    /// One TEXT of role VALUE.
    REDTAIL_RDB_STRING = 1,
    /// TEXTs of role ELEMENT, from head to tail.
    REDTAIL_RDB_LIST = 2,
    /// TEXTs of role MEMBER.
    REDTAIL_RDB_SET = 3,
    /// TEXT of role MEMBER, SCORE, and so on.
    REDTAIL_RDB_ZSET = 4,
    /// TEXT of role FIELD, TEXT of role FIELD_VALUE, FIELD_EXPIRY where the field expires, and so on.
    REDTAIL_RDB_HASH = 5,
    /// Entries, then STREAM, groups and so on.
    REDTAIL_RDB_STREAM_TYPE = 6,
    /// MODULE, then RAW.
    REDTAIL_RDB_MODULE_TYPE = 7,
    /// ARRAY, then for each slot INDEX and TEXT of role ELEMENT or DOUBLE.
    REDTAIL_RDB_ARRAY_TYPE = 8,
    /// One RATE.
    REDTAIL_RDB_RATE_TYPE = 9,
}

/// What a text is.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_rdb_role {
    /// The name of an auxiliary field; its value follows.
    REDTAIL_RDB_AUX_NAME = 1,
    /// The value of an auxiliary field.
    REDTAIL_RDB_AUX_VALUE = 2,
    /// The code of a function library.
    REDTAIL_RDB_FUNCTION = 3,
    /// The name of a slot import; SLOT_RANGEs follow.
    REDTAIL_RDB_SLOT_IMPORT = 4,
    /// An argument of a command that stands in the snapshot.
    REDTAIL_RDB_ARGUMENT = 5,
    /// More of a key's name.
    REDTAIL_RDB_KEY_NAME = 6,
    /// The value of a string.
    REDTAIL_RDB_VALUE = 7,
    /// An element of a list or array.
    REDTAIL_RDB_ELEMENT = 8,
    /// A member of a set or sorted set.
    REDTAIL_RDB_MEMBER = 9,
    /// A field of a hash.
    REDTAIL_RDB_FIELD = 10,
    /// The value of the field before.
    REDTAIL_RDB_FIELD_VALUE = 11,
    /// A field name that entries of a stream share.
    REDTAIL_RDB_SHARED_FIELD = 12,
    /// A field of a stream entry.
    REDTAIL_RDB_ENTRY_FIELD = 13,
    /// A value of a stream entry.
    REDTAIL_RDB_ENTRY_VALUE = 14,
    /// The name of a consumer group; GROUP follows.
    REDTAIL_RDB_GROUP_NAME = 15,
    /// The name of a consumer; CONSUMER follows.
    REDTAIL_RDB_CONSUMER_NAME = 16,
    /// The name of an idempotent producer; PRODUCER follows.
    REDTAIL_RDB_PRODUCER_NAME = 17,
    /// An idempotency key of the producer before; IDEMPOTENT follows.
    REDTAIL_RDB_IDEMPOTENCY_KEY = 18,
}

/// What became of a snapshot's checksum.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_rdb_checksum {
    /// It is that of the bytes.
    REDTAIL_RDB_CHECKSUM_VERIFIED = 1,
    /// There is none: the server is configured without, or the format is older than 5.
    REDTAIL_RDB_CHECKSUM_ABSENT = 2,
    /// There is one that was not looked at, as was asked.
    REDTAIL_RDB_CHECKSUM_IGNORED = 3,
}

pub(super) use redtail_rdb_checksum::*;
pub(super) use redtail_rdb_kind::*;
pub(super) use redtail_rdb_magic::*;
pub(super) use redtail_rdb_role::*;
pub(super) use redtail_rdb_type::*;

/// No time: a key or field that does not expire.
pub const REDTAIL_NO_TIME: i64 = i64::MIN;

/// The id of a stream entry, printed as ms-seq.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct redtail_stream_id {
    /// Milliseconds since 1970, where the server made it.
    pub ms: u64,
    /// Number among those of the same millisecond.
    pub seq: u64,
}

/// What stands next in a snapshot. Ours: it and its bytes live until you ask for the next.
#[repr(C)]
#[derive(Debug)]
pub struct redtail_rdb_item {
    /// One of redtail_rdb_kind, whose comment says which of the other fields mean something.
    pub kind: c_int,
    /// TEXT: one of redtail_rdb_role.
    pub role: c_int,
    /// KEY: one of redtail_rdb_type.
    pub key_type: c_int,
    /// START: one of redtail_rdb_magic.
    pub magic: c_int,
    /// END: one of redtail_rdb_checksum.
    pub checksum: c_int,
    /// ENTRY: names come with the values. RAW: the last of it. STREAM: first, max_deleted and added are known.
    pub flag: c_int,
    /// KEY: how often it is used (a logarithm, 0 to 255), if the server evicts by that; else -1.
    pub frequency: c_int,
    /// KEY: the database.
    pub db: u64,
    /// TEXT: the bytes, or the next of them; integers stand here as decimal text. KEY: its name. RAW: the bytes.
    pub bytes: redtail_slice,
    /// TEXT: where the bytes stand in the string: 0 for the first piece.
    pub at: u64,
    /// TEXT, KEY: the length of the whole string in bytes.
    pub length: u64,
    /// A number, see the kind.
    pub number: u64,
    /// A count, see the kind.
    pub count: u64,
    /// SIZES, SLOT: the keys that expire.
    pub expires: u64,
    /// STREAM: entries ever added. GROUP: entries delivered so far. Else see the kind. REDTAIL_UNKNOWN where it is not known.
    pub added: u64,
    /// KEY: seconds since it was last used, if the server evicts by that; else REDTAIL_UNKNOWN.
    pub idle_s: u64,
    /// A time in milliseconds since 1970, or REDTAIL_NO_TIME.
    pub time_ms: i64,
    /// CONSUMER: when it last got something, in milliseconds since 1970.
    pub active_ms: i64,
    /// SCORE, DOUBLE.
    pub score: f64,
    /// The id of a stream entry.
    pub id: redtail_stream_id,
    /// STREAM: the id of its first entry (Redis 7.0 and later).
    pub first: redtail_stream_id,
    /// STREAM: the highest id ever deleted (Redis 7.0 and later).
    pub max_deleted: redtail_stream_id,
    /// MODULE, MODULE_AUX: the name of its type, nine letters; KEY_METADATA: four; and a NUL.
    pub module: [c_char; 10],
}

impl redtail_rdb_item {
    pub(super) const NOTHING: Self = Self {
        kind: 0,
        role: 0,
        key_type: 0,
        magic: 0,
        checksum: 0,
        flag: 0,
        frequency: -1,
        db: 0,
        bytes: redtail_slice::NONE,
        at: 0,
        length: 0,
        number: 0,
        count: 0,
        expires: 0,
        added: REDTAIL_UNKNOWN,
        idle_s: REDTAIL_UNKNOWN,
        time_ms: REDTAIL_NO_TIME,
        active_ms: REDTAIL_NO_TIME,
        score: 0.0,
        id: redtail_stream_id { ms: 0, seq: 0 },
        first: redtail_stream_id { ms: 0, seq: 0 },
        max_deleted: redtail_stream_id { ms: 0, seq: 0 },
        module: [0; 10],
    };

    /// Writes the fields that mean something for the item.
    #[inline]
    pub(super) fn show(&mut self, item: &Item<'_>) {
        match item {
            Item::Text(text) => self.text(REDTAIL_RDB_TEXT, text),
            Item::Key(key) => self.key(key),
            Item::KeyEnd => self.kind = REDTAIL_RDB_KEY_END as c_int,
            Item::Score(score) => {
                self.kind = REDTAIL_RDB_SCORE as c_int;
                self.score = *score;
            }
            other => self.rare(other),
        }
    }

    fn text(&mut self, kind: redtail_rdb_kind, text: &Text<'_>) {
        self.kind = kind as c_int;
        self.role = role(text.role) as c_int;
        self.bytes = redtail_slice::of(text.bytes);
        self.at = text.at;
        self.length = text.length;
    }

    fn key(&mut self, key: &Key<'_>) {
        self.text(REDTAIL_RDB_KEY, &key.name);
        self.key_type = match key.kind {
            Type::String => REDTAIL_RDB_STRING,
            Type::List => REDTAIL_RDB_LIST,
            Type::Set => REDTAIL_RDB_SET,
            Type::Zset => REDTAIL_RDB_ZSET,
            Type::Hash => REDTAIL_RDB_HASH,
            Type::Stream => REDTAIL_RDB_STREAM_TYPE,
            Type::Module => REDTAIL_RDB_MODULE_TYPE,
            Type::Array => REDTAIL_RDB_ARRAY_TYPE,
            Type::Rate => REDTAIL_RDB_RATE_TYPE,
        } as c_int;
        self.number = u64::from(key.number);
        self.db = key.database;
        self.time_ms = key.expire_at_ms.unwrap_or(REDTAIL_NO_TIME);
        self.idle_s = key.idle_s.unwrap_or(REDTAIL_UNKNOWN);
        self.frequency = key.frequency.map_or(-1, c_int::from);
    }

    fn rare(&mut self, item: &Item<'_>) {
        let kind = match *item {
            Item::Start(format) => {
                self.magic = match format.magic {
                    Magic::Redis => REDTAIL_RDB_MAGIC_REDIS,
                    Magic::Valkey => REDTAIL_RDB_MAGIC_VALKEY,
                } as c_int;
                self.number(REDTAIL_RDB_START, u64::from(format.version))
            }
            Item::Database(database) => self.number(REDTAIL_RDB_DATABASE, database),
            Item::Sizes { keys, expires } => {
                self.expires = expires;
                self.count(REDTAIL_RDB_SIZES, keys)
            }
            Item::Slot { slot, keys, expires } => {
                (self.number, self.expires) = (slot, expires);
                self.count(REDTAIL_RDB_SLOT, keys)
            }
            Item::SlotRange { first, last } => {
                self.number = first;
                self.count(REDTAIL_RDB_SLOT_RANGE, last)
            }
            Item::Command { argc } => self.count(REDTAIL_RDB_COMMAND, argc),
            Item::ModuleAux { module, when } => {
                self.module(module);
                self.number(REDTAIL_RDB_MODULE_AUX, when)
            }
            Item::KeyMetadata { class } => {
                self.name(&class);
                REDTAIL_RDB_KEY_METADATA
            }
            Item::FieldExpiry { at_ms } => self.time(REDTAIL_RDB_FIELD_EXPIRY, at_ms),
            Item::Entry(Entry { id, fields, named }) => {
                self.flag = c_int::from(named);
                self.count = fields;
                self.id(REDTAIL_RDB_ENTRY, id)
            }
            Item::Stream(state) => self.stream(&state),
            Item::Group { last, read, pending } => {
                (self.added, self.count) = (read.unwrap_or(REDTAIL_UNKNOWN), pending);
                self.id(REDTAIL_RDB_GROUP, last)
            }
            Item::Pending { id, delivered_at_ms, deliveries } => {
                (self.time_ms, self.count) = (delivered_at_ms, deliveries);
                self.id(REDTAIL_RDB_PENDING, id)
            }
            Item::Consumers { count } => self.count(REDTAIL_RDB_CONSUMERS, count),
            Item::Consumer { seen_at_ms, active_at_ms, pending } => {
                (self.active_ms, self.count) = (active_at_ms.unwrap_or(REDTAIL_NO_TIME), pending);
                self.time(REDTAIL_RDB_CONSUMER, seen_at_ms)
            }
            Item::ConsumerPending(id) => self.id(REDTAIL_RDB_CONSUMER_PENDING, id),
            Item::Returned(id) => self.id(REDTAIL_RDB_RETURNED, id),
            Item::Idempotence { duration_s, most, producers } => {
                (self.idle_s, self.number) = (duration_s, most);
                self.count(REDTAIL_RDB_IDEMPOTENCE, producers)
            }
            Item::Producer { keys } => self.count(REDTAIL_RDB_PRODUCER, keys),
            Item::Idempotent(id) => self.id(REDTAIL_RDB_IDEMPOTENT, id),
            Item::IdempotenceCounts { added, duplicates } => {
                self.added = added;
                self.count(REDTAIL_RDB_IDEMPOTENCE_COUNTS, duplicates)
            }
            Item::Module(module) => {
                self.module(module);
                self.number(REDTAIL_RDB_MODULE, u64::from(module.version()))
            }
            Item::Raw { bytes, last } => {
                (self.bytes, self.flag) = (redtail_slice::of(bytes), c_int::from(last));
                REDTAIL_RDB_RAW
            }
            Item::Array { count, insert_at } => {
                self.added = insert_at.unwrap_or(REDTAIL_UNKNOWN);
                self.count(REDTAIL_RDB_ARRAY, count)
            }
            Item::Index(index) => self.number(REDTAIL_RDB_INDEX, index),
            Item::Double(number) => {
                self.score = number;
                REDTAIL_RDB_DOUBLE
            }
            Item::Rate(state) => self.number(REDTAIL_RDB_RATE, state),
            Item::Skipped { bytes, .. } => self.count(REDTAIL_RDB_SKIPPED, bytes),
            Item::End(checksum) => {
                self.checksum = match checksum {
                    Checksum::Verified => REDTAIL_RDB_CHECKSUM_VERIFIED,
                    Checksum::Absent => REDTAIL_RDB_CHECKSUM_ABSENT,
                    Checksum::Ignored => REDTAIL_RDB_CHECKSUM_IGNORED,
                } as c_int;
                REDTAIL_RDB_END
            }
            // Shown above.
            Item::Text(_) | Item::Key(_) | Item::KeyEnd | Item::Score(_) => return,
        };
        self.kind = kind as c_int;
    }

    fn stream(&mut self, state: &StreamState) -> redtail_rdb_kind {
        (self.count, self.number) = (state.length, state.groups);
        self.flag = c_int::from(state.first.is_some());
        self.first = id(state.first.unwrap_or_default());
        self.max_deleted = id(state.max_deleted.unwrap_or_default());
        self.added = state.added.unwrap_or(REDTAIL_UNKNOWN);
        self.id(REDTAIL_RDB_STREAM, state.last)
    }

    const fn number(&mut self, kind: redtail_rdb_kind, number: u64) -> redtail_rdb_kind {
        self.number = number;
        kind
    }

    const fn count(&mut self, kind: redtail_rdb_kind, count: u64) -> redtail_rdb_kind {
        self.count = count;
        kind
    }

    const fn time(&mut self, kind: redtail_rdb_kind, time_ms: i64) -> redtail_rdb_kind {
        self.time_ms = time_ms;
        kind
    }

    const fn id(&mut self, kind: redtail_rdb_kind, from: StreamId) -> redtail_rdb_kind {
        self.id = id(from);
        kind
    }

    fn module(&mut self, module: ModuleId) {
        self.name(&module.name());
    }

    fn name(&mut self, name: &[u8]) {
        self.module = [0; 10];
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
        Role::AuxName => REDTAIL_RDB_AUX_NAME,
        Role::AuxValue => REDTAIL_RDB_AUX_VALUE,
        Role::Function => REDTAIL_RDB_FUNCTION,
        Role::SlotImport => REDTAIL_RDB_SLOT_IMPORT,
        Role::Argument => REDTAIL_RDB_ARGUMENT,
        Role::KeyName => REDTAIL_RDB_KEY_NAME,
        Role::Value => REDTAIL_RDB_VALUE,
        Role::Element => REDTAIL_RDB_ELEMENT,
        Role::Member => REDTAIL_RDB_MEMBER,
        Role::Field => REDTAIL_RDB_FIELD,
        Role::FieldValue => REDTAIL_RDB_FIELD_VALUE,
        Role::SharedField => REDTAIL_RDB_SHARED_FIELD,
        Role::EntryField => REDTAIL_RDB_ENTRY_FIELD,
        Role::EntryValue => REDTAIL_RDB_ENTRY_VALUE,
        Role::GroupName => REDTAIL_RDB_GROUP_NAME,
        Role::ConsumerName => REDTAIL_RDB_CONSUMER_NAME,
        Role::ProducerName => REDTAIL_RDB_PRODUCER_NAME,
        Role::IdempotencyKey => REDTAIL_RDB_IDEMPOTENCY_KEY,
    }
}
