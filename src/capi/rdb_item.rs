//! Snapshot items: the contents of an RDB file, one item at a time

use std::ffi::{c_char, c_int};

use crate::capi::basics::*;
use crate::capi::names::name_of;

/// The kinds of items. Ignore unknown kinds: later versions add some.
///
/// The comment of a kind names the fields that it sets. All other fields are 0 or NULL.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_rdb_item_kind {
    /// The first item. magic; number: the version of the format; flag: 1 if this library does not know the version. It
    /// then decodes the snapshot as the newest version that it knows, until the first unknown type or opcode.
    REDTAIL_RDB_ITEM_START = 1,
    /// A string or a piece of one. role, bytes, at, length. A string of up to 16 KiB is never split.
    REDTAIL_RDB_ITEM_TEXT = 2,
    /// Selects the database of the keys that follow. number.
    REDTAIL_RDB_ITEM_DATABASE = 3,
    /// Number of keys in the database; a hint. count: all keys; expires: keys with an expiry time.
    REDTAIL_RDB_ITEM_SIZES = 4,
    /// Number of keys in a cluster slot; a hint. number: the slot; count: all keys; expires: keys with an
    /// expiry time.
    REDTAIL_RDB_ITEM_SLOT = 5,
    /// A range of slots that are being imported. number: the first slot; count: the last slot.
    REDTAIL_RDB_ITEM_SLOT_RANGE = 6,
    /// A command inside the snapshot (Valkey's forkless save). Its arguments follow. count: number of arguments.
    REDTAIL_RDB_ITEM_COMMAND = 7,
    /// Data that a module keeps outside the keys. RAW follows. module; number: 1 before all keys, 2 after them.
    REDTAIL_RDB_ITEM_MODULE_AUX = 8,
    /// Metadata of the next key. RAW follows. module: the class, four letters.
    REDTAIL_RDB_ITEM_KEY_METADATA = 9,
    /// A key begins. Its value follows, then KEY_END. key_type; number: the number of type and encoding in the
    /// file; bytes, length: its name or the first piece of it (the rest follows as TEXT with role KEY_NAME);
    /// db; time_ms: its expiry time; idle_s; frequency. flag: 1 if the server never evicts the key (BLESS).
    REDTAIL_RDB_ITEM_KEY = 10,
    /// The score of the previous member. score.
    REDTAIL_RDB_ITEM_SCORE = 11,
    /// The expiry time of the previous field of a hash or member of a set. time_ms.
    REDTAIL_RDB_ITEM_FIELD_EXPIRY = 12,
    /// A stream entry begins. id; count: number of fields; flag: 1 if each value follows its field name. With
    /// flag 0 only values follow; the names are the latest TEXTs with role SHARED_FIELD.
    REDTAIL_RDB_ITEM_ENTRY = 13,
    /// All entries of the stream were delivered. count: number of entries; id: the last id ever added; number:
    /// number of groups; flag: 1 if first, max_deleted and added are known; first; max_deleted; added.
    REDTAIL_RDB_ITEM_STREAM = 14,
    /// A consumer group. The previous TEXT is its name. id: the last delivered id; added: number of entries delivered;
    /// count: number of pending entries.
    REDTAIL_RDB_ITEM_GROUP = 15,
    /// A pending entry of the group. id; time_ms: the time of its last delivery; count: number of deliveries.
    REDTAIL_RDB_ITEM_PENDING = 16,
    /// All pending entries of the group were delivered. The consumers follow. count: number of consumers.
    REDTAIL_RDB_ITEM_CONSUMERS = 17,
    /// A consumer. The previous TEXT is its name. time_ms: its last request; active_ms: the last time it received an
    /// entry (-1: never; REDTAIL_NO_TIME: not recorded); count: number of its pending entries.
    REDTAIL_RDB_ITEM_CONSUMER = 18,
    /// An entry pending for the consumer. id.
    REDTAIL_RDB_ITEM_CONSUMER_PENDING = 19,
    /// An entry that a consumer returned to the group. id.
    REDTAIL_RDB_ITEM_RETURNED = 20,
    /// The stream detects repeated additions by idempotency keys. idle_s: retention of these keys in seconds;
    /// number: maximum number of these keys for each producer; count: number of producers.
    REDTAIL_RDB_ITEM_IDEMPOTENCE = 21,
    /// An idempotent producer. The previous TEXT is its name. count: number of its idempotency keys.
    REDTAIL_RDB_ITEM_PRODUCER = 22,
    /// The entry that the previous idempotency key belongs to. id.
    REDTAIL_RDB_ITEM_IDEMPOTENT = 23,
    /// The last item of a stream with idempotency keys. added: number of these keys ever added; count: number of
    /// duplicates detected.
    REDTAIL_RDB_ITEM_IDEMPOTENCE_COUNTS = 24,
    /// The value of a module begins. RAW follows: its bytes as in the file, id included. module; number: the
    /// version of its encoding.
    REDTAIL_RDB_ITEM_MODULE = 25,
    /// Bytes of a module, as in the file. bytes; flag: 1 for the last of them.
    REDTAIL_RDB_ITEM_RAW = 26,
    /// A sparse array begins. count: number of elements; added: the index of the last insertion, or REDTAIL_UNKNOWN if
    /// there was none.
    REDTAIL_RDB_ITEM_ARRAY = 27,
    /// The index of the array element that follows. number.
    REDTAIL_RDB_ITEM_INDEX = 28,
    /// A path of a path hash. The previous TEXT is the path. Its fields follow. count: number of fields.
    REDTAIL_RDB_ITEM_PATH = 29,
    /// The state of a rate limiter. number.
    REDTAIL_RDB_ITEM_RATE = 30,
    /// Damaged data was skipped. Only with REDTAIL_RDB_FLAG_LENIENT. count: number of bytes in the file. The
    /// message of the handle describes the damage.
    REDTAIL_RDB_ITEM_SKIPPED = 31,
    /// The key ends.
    REDTAIL_RDB_ITEM_KEY_END = 32,
    /// The snapshot ends. checksum.
    REDTAIL_RDB_ITEM_END = 33,
    /// An opcode of Redis Enterprise, which other servers neither write nor load: a hint. number: the opcode, 107
    /// (memory) or 121 (slot); count: its value.
    REDTAIL_RDB_ITEM_FOREIGN = 34,
}

/// The server family that numbers the versions of a snapshot's format.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_rdb_magic {
    /// REDIS and four digits: every Redis, and Valkey before 9.0.
    REDTAIL_RDB_MAGIC_REDIS = 1,
    /// VALKEY and three digits: Valkey 9.0 and later.
    REDTAIL_RDB_MAGIC_VALKEY = 2,
}

/// The type of a key's value, and the items that deliver it.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_rdb_type {
    /// One TEXT with role VALUE.
    REDTAIL_RDB_TYPE_STRING = 1,
    /// A TEXT with role ELEMENT for each element, from head to tail.
    REDTAIL_RDB_TYPE_LIST = 2,
    /// For each member: TEXT with role MEMBER, and FIELD_EXPIRY if the member expires.
    REDTAIL_RDB_TYPE_SET = 3,
    /// For each member: TEXT with role MEMBER, then SCORE.
    REDTAIL_RDB_TYPE_ZSET = 4,
    /// For each field: TEXT with role FIELD, TEXT with role FIELD_VALUE, and FIELD_EXPIRY if the field expires.
    REDTAIL_RDB_TYPE_HASH = 5,
    /// Entries, then STREAM, then groups with their pending entries and consumers.
    REDTAIL_RDB_TYPE_STREAM = 6,
    /// MODULE, then RAW.
    REDTAIL_RDB_TYPE_MODULE = 7,
    /// ARRAY, then for each element INDEX and TEXT with role ELEMENT.
    REDTAIL_RDB_TYPE_ARRAY = 8,
    /// One RATE.
    REDTAIL_RDB_TYPE_RATE = 9,
    /// For each path: TEXT with role PATH, then PATH, then for each field TEXT with role FIELD and TEXT with role
    /// FIELD_VALUE.
    REDTAIL_RDB_TYPE_PATH_HASH = 10,
}

/// The role of a TEXT.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_rdb_role {
    /// The name of an auxiliary field. Its value follows.
    REDTAIL_RDB_ROLE_AUX_NAME = 1,
    /// The value of an auxiliary field.
    REDTAIL_RDB_ROLE_AUX_VALUE = 2,
    /// The code of a function library.
    REDTAIL_RDB_ROLE_FUNCTION = 3,
    /// The name of a slot import. SLOT_RANGEs follow.
    REDTAIL_RDB_ROLE_SLOT_IMPORT = 4,
    /// An argument of a command inside the snapshot.
    REDTAIL_RDB_ROLE_ARGUMENT = 5,
    /// The next piece of a key's name.
    REDTAIL_RDB_ROLE_KEY_NAME = 6,
    /// The value of a string.
    REDTAIL_RDB_ROLE_VALUE = 7,
    /// An element of a list or array. Floating-point numbers of an array are delivered as the text that servers
    /// show.
    REDTAIL_RDB_ROLE_ELEMENT = 8,
    /// A member of a set or sorted set.
    REDTAIL_RDB_ROLE_MEMBER = 9,
    /// A field of a hash or of a path.
    REDTAIL_RDB_ROLE_FIELD = 10,
    /// The value of the previous field.
    REDTAIL_RDB_ROLE_FIELD_VALUE = 11,
    /// A field name shared by entries of a stream.
    REDTAIL_RDB_ROLE_SHARED_FIELD = 12,
    /// A field of a stream entry.
    REDTAIL_RDB_ROLE_ENTRY_FIELD = 13,
    /// A value of a stream entry.
    REDTAIL_RDB_ROLE_ENTRY_VALUE = 14,
    /// The name of a consumer group. GROUP follows.
    REDTAIL_RDB_ROLE_GROUP_NAME = 15,
    /// The name of a consumer. CONSUMER follows.
    REDTAIL_RDB_ROLE_CONSUMER_NAME = 16,
    /// The name of an idempotent producer. PRODUCER follows.
    REDTAIL_RDB_ROLE_PRODUCER_NAME = 17,
    /// An idempotency key of the previous producer. IDEMPOTENT follows.
    REDTAIL_RDB_ROLE_IDEMPOTENCY_KEY = 18,
    /// A path of a path hash. PATH follows.
    REDTAIL_RDB_ROLE_PATH = 19,
}

/// The result of a snapshot's checksum.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum redtail_rdb_checksum {
    /// The checksum matches the bytes.
    REDTAIL_RDB_CHECKSUM_VERIFIED = 1,
    /// No checksum: the server is configured without it, or the format is older than version 5.
    REDTAIL_RDB_CHECKSUM_ABSENT = 2,
    /// The checksum was not verified, because of REDTAIL_RDB_FLAG_NO_CHECKSUM.
    REDTAIL_RDB_CHECKSUM_IGNORED = 3,
}

pub(super) use redtail_rdb_checksum::*;
pub(super) use redtail_rdb_item_kind::*;
pub(super) use redtail_rdb_magic::*;
pub(super) use redtail_rdb_role::*;
pub(super) use redtail_rdb_type::*;

/// No time: a key without an expiry time.
pub const REDTAIL_NO_TIME: i64 = i64::MIN;

/// The id of a stream entry, printed as ms-seq.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct redtail_stream_id {
    /// Milliseconds since 1970, if the server generated the id.
    pub ms: u64,
    /// Sequence number within the millisecond.
    pub seq: u64,
}

/// The next item of a snapshot. Owned by the handle; the item and its bytes are valid until the next item is
/// requested.
#[repr(C)]
#[derive(Debug)]
pub struct redtail_rdb_item {
    /// One of redtail_rdb_item_kind. Its comment names the fields that it sets.
    pub kind: c_int,
    /// TEXT: one of redtail_rdb_role.
    pub role: c_int,
    /// KEY: one of redtail_rdb_type.
    pub key_type: c_int,
    /// START: one of redtail_rdb_magic.
    pub magic: c_int,
    /// END: one of redtail_rdb_checksum.
    pub checksum: c_int,
    /// ENTRY: each value follows its field name. RAW: the last bytes. STREAM: first, max_deleted and added are
    /// known. START: the version is newer than those that this library knows. KEY: the server never evicts it.
    pub flag: c_int,
    /// KEY: access frequency (logarithmic, 0 to 255); -1 unless the server evicts by frequency.
    pub frequency: c_int,
    /// KEY: the database.
    pub db: u64,
    /// TEXT: the string or a piece of it; integers as decimal text. KEY: its name. RAW: the bytes.
    pub bytes: redtail_slice,
    /// TEXT: offset of the bytes in the whole string; 0 for the first piece.
    pub at: u64,
    /// TEXT, KEY: the length of the whole string in bytes.
    pub length: u64,
    /// See the kind.
    pub number: u64,
    /// See the kind.
    pub count: u64,
    /// SIZES, SLOT: number of keys with an expiry time.
    pub expires: u64,
    /// STREAM: number of entries ever added. GROUP: number of entries delivered. Otherwise see the kind.
    /// REDTAIL_UNKNOWN if the snapshot does not contain it.
    pub added: u64,
    /// KEY: seconds since the last access; REDTAIL_UNKNOWN unless the server evicts by idle time. IDEMPOTENCE:
    /// see the kind.
    pub idle_s: u64,
    /// KEY, FIELD_EXPIRY, PENDING, CONSUMER: milliseconds since 1970, or REDTAIL_NO_TIME.
    pub time_ms: i64,
    /// CONSUMER: the last time it received an entry, in milliseconds since 1970.
    pub active_ms: i64,
    /// SCORE.
    pub score: f64,
    /// The id of a stream entry.
    pub id: redtail_stream_id,
    /// STREAM: the id of its first entry (Redis 7.0 and later).
    pub first: redtail_stream_id,
    /// STREAM: the highest id ever deleted (Redis 7.0 and later).
    pub max_deleted: redtail_stream_id,
    /// MODULE, MODULE_AUX: the name of the module type, nine letters and a NUL. KEY_METADATA: four letters and
    /// a NUL.
    pub module: [c_char; 10],
}

/// The name of a redtail_rdb_item_kind, for example "text"; "unknown" for other numbers. Static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_rdb_item_name(kind: c_int) -> *const c_char {
    name_of!(kind, "REDTAIL_RDB_ITEM_",
        REDTAIL_RDB_ITEM_START
        REDTAIL_RDB_ITEM_TEXT
        REDTAIL_RDB_ITEM_DATABASE
        REDTAIL_RDB_ITEM_SIZES
        REDTAIL_RDB_ITEM_SLOT
        REDTAIL_RDB_ITEM_SLOT_RANGE
        REDTAIL_RDB_ITEM_COMMAND
        REDTAIL_RDB_ITEM_MODULE_AUX
        REDTAIL_RDB_ITEM_KEY_METADATA
        REDTAIL_RDB_ITEM_KEY
        REDTAIL_RDB_ITEM_SCORE
        REDTAIL_RDB_ITEM_FIELD_EXPIRY
        REDTAIL_RDB_ITEM_ENTRY
        REDTAIL_RDB_ITEM_STREAM
        REDTAIL_RDB_ITEM_GROUP
        REDTAIL_RDB_ITEM_PENDING
        REDTAIL_RDB_ITEM_CONSUMERS
        REDTAIL_RDB_ITEM_CONSUMER
        REDTAIL_RDB_ITEM_CONSUMER_PENDING
        REDTAIL_RDB_ITEM_RETURNED
        REDTAIL_RDB_ITEM_IDEMPOTENCE
        REDTAIL_RDB_ITEM_PRODUCER
        REDTAIL_RDB_ITEM_IDEMPOTENT
        REDTAIL_RDB_ITEM_IDEMPOTENCE_COUNTS
        REDTAIL_RDB_ITEM_MODULE
        REDTAIL_RDB_ITEM_RAW
        REDTAIL_RDB_ITEM_ARRAY
        REDTAIL_RDB_ITEM_INDEX
        REDTAIL_RDB_ITEM_PATH
        REDTAIL_RDB_ITEM_RATE
        REDTAIL_RDB_ITEM_SKIPPED
        REDTAIL_RDB_ITEM_KEY_END
        REDTAIL_RDB_ITEM_END
        REDTAIL_RDB_ITEM_FOREIGN
    )
}

/// The name of a redtail_rdb_type, for example "list"; "unknown" for other numbers. Static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_rdb_type_name(key_type: c_int) -> *const c_char {
    name_of!(key_type, "REDTAIL_RDB_TYPE_",
        REDTAIL_RDB_TYPE_STRING
        REDTAIL_RDB_TYPE_LIST
        REDTAIL_RDB_TYPE_SET
        REDTAIL_RDB_TYPE_ZSET
        REDTAIL_RDB_TYPE_HASH
        REDTAIL_RDB_TYPE_STREAM
        REDTAIL_RDB_TYPE_MODULE
        REDTAIL_RDB_TYPE_ARRAY
        REDTAIL_RDB_TYPE_RATE
        REDTAIL_RDB_TYPE_PATH_HASH
    )
}

/// The name of a redtail_rdb_role, for example "aux_value"; "unknown" for other numbers. Static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_rdb_role_name(role: c_int) -> *const c_char {
    name_of!(role, "REDTAIL_RDB_ROLE_",
        REDTAIL_RDB_ROLE_AUX_NAME
        REDTAIL_RDB_ROLE_AUX_VALUE
        REDTAIL_RDB_ROLE_FUNCTION
        REDTAIL_RDB_ROLE_SLOT_IMPORT
        REDTAIL_RDB_ROLE_ARGUMENT
        REDTAIL_RDB_ROLE_KEY_NAME
        REDTAIL_RDB_ROLE_VALUE
        REDTAIL_RDB_ROLE_ELEMENT
        REDTAIL_RDB_ROLE_MEMBER
        REDTAIL_RDB_ROLE_FIELD
        REDTAIL_RDB_ROLE_FIELD_VALUE
        REDTAIL_RDB_ROLE_SHARED_FIELD
        REDTAIL_RDB_ROLE_ENTRY_FIELD
        REDTAIL_RDB_ROLE_ENTRY_VALUE
        REDTAIL_RDB_ROLE_GROUP_NAME
        REDTAIL_RDB_ROLE_CONSUMER_NAME
        REDTAIL_RDB_ROLE_PRODUCER_NAME
        REDTAIL_RDB_ROLE_IDEMPOTENCY_KEY
        REDTAIL_RDB_ROLE_PATH
    )
}

/// The name of a redtail_rdb_magic, for example "valkey"; "unknown" for other numbers. Static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_rdb_magic_name(magic: c_int) -> *const c_char {
    name_of!(magic, "REDTAIL_RDB_MAGIC_",
        REDTAIL_RDB_MAGIC_REDIS
        REDTAIL_RDB_MAGIC_VALKEY
    )
}

/// The name of a redtail_rdb_checksum, for example "absent"; "unknown" for other numbers. Static. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn redtail_rdb_checksum_name(checksum: c_int) -> *const c_char {
    name_of!(checksum, "REDTAIL_RDB_CHECKSUM_",
        REDTAIL_RDB_CHECKSUM_VERIFIED
        REDTAIL_RDB_CHECKSUM_ABSENT
        REDTAIL_RDB_CHECKSUM_IGNORED
    )
}

impl redtail_rdb_item {
    pub(super) const ZERO: Self = Self {
        kind: 0,
        role: 0,
        key_type: 0,
        magic: 0,
        checksum: 0,
        flag: 0,
        frequency: 0,
        db: 0,
        bytes: redtail_slice::NONE,
        at: 0,
        length: 0,
        number: 0,
        count: 0,
        expires: 0,
        added: 0,
        idle_s: 0,
        time_ms: 0,
        active_ms: 0,
        score: 0.0,
        id: redtail_stream_id { ms: 0, seq: 0 },
        first: redtail_stream_id { ms: 0, seq: 0 },
        max_deleted: redtail_stream_id { ms: 0, seq: 0 },
        module: [0; 10],
    };
}
