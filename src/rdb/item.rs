//! The items that a decoder delivers.

use core::fmt;

use crate::rdb::error::RdbError;
use crate::rdb::format::Format;

/// The type of a key's value.
///
/// ```
/// use redtail::rdb::Type;
///
/// assert_eq!(Type::Zset.name(), "zset");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Type {
    /// A string: one [`Role::Value`].
    String,
    /// A list: [`Role::Element`]s from head to tail.
    List,
    /// A set: for each member [`Role::Member`], and [`Item::FieldExpiry`] if the member expires.
    Set,
    /// A sorted set: for each member [`Role::Member`], then [`Item::Score`].
    Zset,
    /// A hash: for each field [`Role::Field`], [`Role::FieldValue`], and [`Item::FieldExpiry`] if the field expires.
    Hash,
    /// A stream: its entries, then [`Item::Stream`], its groups and its producers.
    Stream,
    /// A module's value: [`Item::Module`], then [`Item::Raw`].
    Module,
    /// A sparse array: [`Item::Array`], then for each element [`Item::Index`] and [`Role::Element`].
    Array,
    /// A rate limiter's state: one [`Item::Rate`].
    Rate,
    /// A path hash (Valkey 9.2): for each path [`Role::Path`], [`Item::Path`], and its fields as [`Role::Field`] and
    /// [`Role::FieldValue`].
    PathHash,
}

impl Type {
    /// The name that the servers' `TYPE` returns: `string`, `list`, `set`, `zset`, `hash`, `stream`, `array`,
    /// `gcra` or `pathhash`.
    /// For a module's value `module`, where `TYPE` returns a name of the module.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::List => "list",
            Self::Set => "set",
            Self::Zset => "zset",
            Self::Hash => "hash",
            Self::Stream => "stream",
            Self::Module => "module",
            Self::Array => "array",
            Self::Rate => "gcra",
            Self::PathHash => "pathhash",
        }
    }
}

/// The role of a [`Text`].
///
/// ```
/// use redtail::rdb::{Item, Role};
///
/// fn print_members(item: &Item<'_>) {
///     match item {
///         Item::Text(text) if text.role == Role::Member => println!("{}", text.bytes.escape_ascii()),
///         Item::Score(score) => println!("  {score}"),
///         _ => {}
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// The name of an auxiliary field. Its value is the next text.
    ///
    /// KeyDB stores the expiry of a member after its key, in the fields `keydb-subexpire-key` (the member) and
    /// `keydb-subexpire-when` (milliseconds since 1970).
    AuxName,
    /// The value of an auxiliary field.
    AuxValue,
    /// The code of a function library. A library of a release candidate of Redis 7.0 receives the first line that Redis
    /// 7.0 adds to it when it loads the library.
    Function,
    /// The name of a slot import (Valkey, 40 bytes).
    SlotImport,
    /// An argument of a command inside the snapshot (Valkey's forkless save).
    Argument,
    /// The rest of a key's name, after an [`Item::Key`] whose name is incomplete.
    KeyName,
    /// The value of a string.
    Value,
    /// An element of a list or array. A floating-point number of an array is delivered as the text that servers show.
    Element,
    /// A member of a set or sorted set.
    Member,
    /// A path of a path hash. [`Item::Path`] is the next item.
    Path,
    /// A field of a hash or of a path.
    Field,
    /// The value of the previous field.
    FieldValue,
    /// A field name that stream entries share; see [`Entry::named`].
    SharedField,
    /// A field of a stream entry.
    EntryField,
    /// A value of a stream entry.
    EntryValue,
    /// The name of a consumer group. [`Item::Group`] is the next item.
    GroupName,
    /// The name of a consumer. [`Item::Consumer`] is the next item.
    ConsumerName,
    /// The name of an idempotent producer. [`Item::Producer`] is the next item.
    ProducerName,
    /// An idempotency key of the last producer. [`Item::Idempotent`] is the next item.
    IdempotencyKey,
}

/// A string, or a piece of one.
///
/// A string of up to [`WHOLE_TEXT`](super::WHOLE_TEXT) bytes is delivered whole. A longer one is delivered in pieces of
/// at least one byte, in order, with no other item between them.
///
/// The fields are complete: a caller may build texts.
///
/// ```
/// use redtail::rdb::{Role, Text};
///
/// let piece = Text { role: Role::Value, bytes: b"hel", at: 0, length: 5 };
/// assert!(piece.is_first() && !piece.is_last());
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    /// The role of the string.
    pub role: Role,
    /// The bytes of the string or piece. An integer is delivered as decimal text.
    pub bytes: &'a [u8],
    /// The index of the bytes in the string: 0 for the first piece.
    pub at: u64,
    /// The length of the whole string in bytes.
    pub length: u64,
}

impl Text<'_> {
    /// Whether this is the whole string.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.bytes.len() as u64 == self.length
    }

    /// Whether this is the first piece or the whole string.
    #[must_use]
    pub const fn is_first(&self) -> bool {
        self.at == 0
    }

    /// Whether this is the last piece or the whole string.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        self.at + self.bytes.len() as u64 == self.length
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} \"{}\"", self.role, self.bytes.escape_ascii())?;
        if self.is_whole() { Ok(()) } else { write!(f, " at {} of {}", self.at, self.length) }
    }
}

/// The beginning of a key.
///
/// ```
/// use redtail::rdb::Item;
///
/// fn print(item: &Item<'_>) {
///     if let Item::Key(key) = item {
///         println!("{} {} in database {}", key.kind.name(), key.name.bytes.escape_ascii(), key.db);
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Key<'a> {
    /// The database number.
    pub db: u32,
    /// The name of the key, or its beginning. The rest is delivered as [`Role::KeyName`].
    pub name: Text<'a>,
    /// The type of its value.
    pub kind: Type,
    /// The number of the type and encoding in the snapshot. Its meaning depends on the [`Magic`](super::Magic).
    pub number: u8,
    /// The expiry in milliseconds since 1970. It may be in the past: a replica keeps the key until the primary sends
    /// DEL.
    pub expire_at_ms: Option<i64>,
    /// Seconds since the last access, if the server evicts by access time.
    pub idle_s: Option<u64>,
    /// The access frequency (a logarithm, 0 to 255), if the server evicts by frequency.
    pub frequency: Option<u8>,
    /// Whether the server never evicts the key (`BLESS`, Redis 8.12).
    pub no_evict: bool,
}

/// The id of a stream entry. Prints as `1700000000000-0`.
///
/// The fields are complete: they are the two numbers of an id.
///
/// ```
/// use redtail::rdb::Item;
///
/// fn print(item: &Item<'_>) {
///     if let Item::ConsumerPending(id) = item {
///         println!("{}-{}, or {id}", id.ms, id.seq);
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StreamId {
    /// The first number: milliseconds since 1970, if the server generated the id.
    pub ms: u64,
    /// The second number, which orders ids of one millisecond.
    pub seq: u64,
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// The beginning of a stream entry.
///
/// ```
/// use redtail::rdb::Item;
///
/// fn print(item: &Item<'_>) {
///     if let Item::Entry(entry) = item {
///         println!("{} with {} fields", entry.id, entry.fields);
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Entry {
    /// The id of the entry.
    pub id: StreamId,
    /// The number of fields.
    pub fields: u64,
    /// Whether the field names are delivered with the values.
    ///
    /// They are not if the entry shares its names with the first entry of its node and the names together exceed
    /// [`SHARED_FIELDS`](super::SHARED_FIELDS). Then only values are delivered. The names are the last
    /// [`Role::SharedField`]s, in order.
    pub named: bool,
}

/// The counters of a stream. They are delivered after its entries.
///
/// ```
/// use redtail::rdb::Item;
///
/// fn print(item: &Item<'_>) {
///     if let Item::Stream(state) = item {
///         println!("{} entries up to {}, {} groups", state.length, state.last, state.groups);
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct StreamState {
    /// The number of entries.
    pub length: u64,
    /// The id of the last entry ever added.
    pub last: StreamId,
    /// The id of the first entry (Redis 7.0 and later).
    pub first: Option<StreamId>,
    /// The highest id ever deleted (Redis 7.0 and later).
    pub max_deleted: Option<StreamId>,
    /// The number of entries ever added (Redis 7.0 and later).
    pub added: Option<u64>,
    /// The number of consumer groups.
    pub groups: u64,
}

/// The id of a module's type: a name of nine characters and an encoding version. Prints the name.
///
/// The field is the 64-bit number in the snapshot.
///
/// ```
/// use redtail::rdb::ModuleId;
///
/// let module = ModuleId(0x45e2_5238_df91_2c03);
/// assert_eq!((module.to_string(), module.version()), ("ReJSON-RL".to_owned(), 3));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ModuleId(pub u64);

impl ModuleId {
    /// The name: nine characters of `A-Z a-z 0-9 - _`.
    #[must_use]
    pub fn name(self) -> [u8; 9] {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut name = [0; 9];
        let mut rest = self.0 >> 10;
        for character in name.iter_mut().rev() {
            *character = ALPHABET[(rest & 63) as usize];
            rest >>= 6;
        }
        name
    }

    /// The version of the encoding: 0 to 1023.
    #[must_use]
    pub const fn version(self) -> u16 {
        (self.0 & 1023) as u16
    }
}

impl fmt::Display for ModuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name().iter().try_for_each(|&byte| fmt::Write::write_char(f, byte as char))
    }
}

/// The result of the checksum. The enum is closed.
///
/// ```
/// use redtail::rdb::{Checksum, Item};
///
/// fn warn(item: &Item<'_>) {
///     if let Item::End(Checksum::Absent) = item {
///         eprintln!("the snapshot has no checksum");
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// The checksum is that of the bytes.
    Verified,
    /// The snapshot has no checksum: the server does not compute one, or the version is below 5.
    Absent,
    /// The snapshot has a checksum that was not verified; see
    /// [`Decoder::without_checksum`](super::Decoder::without_checksum).
    Ignored,
}

/// The next item of a snapshot.
///
/// ```
/// use redtail::rdb::Item;
///
/// fn count(item: &Item<'_>, keys: &mut u64) {
///     if let Item::KeyEnd = item {
///         *keys += 1;
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Item<'a> {
    /// The magic and version: always the first item.
    Start(Format),
    /// A string, or a piece of one.
    Text(Text<'a>),
    /// The keys after it belong to this database.
    Database(u32),
    /// The number of keys in the database. A hint.
    Sizes {
        /// The number of keys.
        keys: u64,
        /// The number of keys that expire.
        expires: u64,
    },
    /// The number of keys of a cluster slot after this item. A hint.
    Slot {
        /// The slot number.
        slot: u64,
        /// The number of keys.
        keys: u64,
        /// The number of keys that expire.
        expires: u64,
    },
    /// A range of slots in import, after a [`Role::SlotImport`].
    SlotRange {
        /// The first slot.
        first: u64,
        /// The last slot.
        last: u64,
    },
    /// A command inside the snapshot (Valkey's forkless save). Its arguments follow.
    Command {
        /// The number of arguments.
        argc: u64,
    },
    /// An opcode of Redis Enterprise, which other servers neither write nor load. Its value is a hint.
    Foreign {
        /// The opcode: 107 (memory) or 121 (slot).
        number: u8,
        /// The value after the opcode.
        value: u64,
    },
    /// Data of a module beside the keys. [`Item::Raw`] follows, with all bytes after `when`.
    ModuleAux {
        /// The type that the data belongs to.
        module: ModuleId,
        /// 1 before the keys, 2 after them.
        when: u64,
    },
    /// Metadata of the next key (Redis). [`Item::Raw`] follows with its value.
    KeyMetadata {
        /// The class, as in the snapshot.
        class: [u8; 4],
    },
    /// A key begins. Its value follows, and then [`Item::KeyEnd`].
    ///
    /// A snapshot of a tool that merges files may hold a key twice, which makes servers refuse it. The decoder needs
    /// constant memory and delivers both.
    Key(Key<'a>),
    /// The score of the last member.
    Score(f64),
    /// The expiry of the last field of a hash or member of a set.
    FieldExpiry {
        /// The expiry in milliseconds since 1970.
        at_ms: i64,
    },
    /// A stream entry begins.
    Entry(Entry),
    /// The stream has no further entries.
    Stream(StreamState),
    /// The consumer group with the last name.
    Group {
        /// The id of the last delivered entry.
        last: StreamId,
        /// The number of entries read, if the server knows it (Redis 7.0 and later).
        read: Option<u64>,
        /// The number of pending entries.
        pending: u64,
    },
    /// A pending entry of the group.
    Pending {
        /// The id of the entry.
        id: StreamId,
        /// The time of the last delivery, in milliseconds since 1970.
        delivered_at_ms: i64,
        /// The number of deliveries.
        deliveries: u64,
    },
    /// The group has no further pending entries. Its consumers follow.
    Consumers {
        /// The number of consumers.
        count: u64,
    },
    /// The consumer with the last name.
    Consumer {
        /// The time of its last request, in milliseconds since 1970.
        seen_at_ms: i64,
        /// The time of its last successful read, in milliseconds since 1970; -1 if none was successful (Redis 7.2 and
        /// later).
        active_at_ms: Option<i64>,
        /// The number of its pending entries.
        pending: u64,
    },
    /// A pending entry of the consumer.
    ConsumerPending(StreamId),
    /// An entry of the group that a consumer returned (Redis, RDB 14).
    Returned(StreamId),
    /// The deduplication of additions to the stream (Redis, RDB 13).
    Idempotence {
        /// The lifetime of keys in seconds.
        duration_s: u64,
        /// The most keys of one producer.
        most: u64,
        /// The number of producers.
        producers: u64,
    },
    /// The idempotent producer with the last name.
    Producer {
        /// The number of its keys.
        keys: u64,
    },
    /// The entry of the last idempotency key.
    Idempotent(StreamId),
    /// The counters of idempotence: the last item of a stream that has it.
    IdempotenceCounts {
        /// The number of keys ever added.
        added: u64,
        /// The number of duplicates ever rejected.
        duplicates: u64,
    },
    /// The value of a module begins. [`Item::Raw`] follows with all its bytes, including the id. `RESTORE` expects
    /// these bytes between the type byte and the version.
    Module(ModuleId),
    /// Bytes of a module, unchanged.
    Raw {
        /// The next bytes: at least one.
        bytes: &'a [u8],
        /// Whether these are the last bytes of the value.
        last: bool,
    },
    /// A sparse array begins.
    Array {
        /// The number of elements.
        count: u64,
        /// The index of the last insertion (`ARINSERT`, `ARRING`), if there was one. The next insertion has the next
        /// index, or begins again at 0 in a ring.
        last_insert: Option<u64>,
    },
    /// The index of the next array element.
    Index(u64),
    /// A rate limiter's state.
    Rate(u64),
    /// The path hash's path with the last name.
    Path {
        /// The number of fields.
        fields: u64,
    },
    /// Damaged data was skipped; see [`Decoder::skip_damaged`](super::Decoder::skip_damaged).
    Skipped {
        /// The error in the data.
        error: RdbError,
        /// The length of the damaged string in the snapshot, in bytes. It includes elements that were delivered before
        /// the damage.
        bytes: u64,
    },
    /// The key ends.
    KeyEnd,
    /// The snapshot ends.
    End(Checksum),
}

impl<'a> Item<'a> {
    /// The bytes that the item borrows: those of a text, a key's name or raw data. Empty for other items.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        match self {
            Self::Text(Text { bytes, .. })
            | Self::Key(Key { name: Text { bytes, .. }, .. })
            | Self::Raw { bytes, .. } => bytes,
            _ => &[],
        }
    }

    /// The same item with other [`bytes`](Self::bytes), for example with a copy that lives longer.
    #[must_use]
    pub const fn with_bytes<'b>(&self, bytes: &'b [u8]) -> Item<'b> {
        match *self {
            Self::Text(Text { role, at, length, .. }) => Item::Text(Text { role, bytes, at, length }),
            Self::Key(Key { db, name, kind, number, expire_at_ms, idle_s, frequency, no_evict }) => {
                let name = Text { role: name.role, bytes, at: name.at, length: name.length };
                Item::Key(Key { db, name, kind, number, expire_at_ms, idle_s, frequency, no_evict })
            }
            Self::Raw { last, .. } => Item::Raw { bytes, last },
            Self::Start(inner) => Item::Start(inner),
            Self::Database(inner) => Item::Database(inner),
            Self::Sizes { keys, expires } => Item::Sizes { keys, expires },
            Self::Slot { slot, keys, expires } => Item::Slot { slot, keys, expires },
            Self::SlotRange { first, last } => Item::SlotRange { first, last },
            Self::Command { argc } => Item::Command { argc },
            Self::Foreign { number, value } => Item::Foreign { number, value },
            Self::ModuleAux { module, when } => Item::ModuleAux { module, when },
            Self::KeyMetadata { class } => Item::KeyMetadata { class },
            Self::Score(inner) => Item::Score(inner),
            Self::FieldExpiry { at_ms } => Item::FieldExpiry { at_ms },
            Self::Entry(inner) => Item::Entry(inner),
            Self::Stream(inner) => Item::Stream(inner),
            Self::Group { last, read, pending } => Item::Group { last, read, pending },
            Self::Pending { id, delivered_at_ms, deliveries } => Item::Pending { id, delivered_at_ms, deliveries },
            Self::Consumers { count } => Item::Consumers { count },
            Self::Consumer { seen_at_ms, active_at_ms, pending } => {
                Item::Consumer { seen_at_ms, active_at_ms, pending }
            }
            Self::ConsumerPending(inner) => Item::ConsumerPending(inner),
            Self::Returned(inner) => Item::Returned(inner),
            Self::Idempotence { duration_s, most, producers } => Item::Idempotence { duration_s, most, producers },
            Self::Producer { keys } => Item::Producer { keys },
            Self::Idempotent(inner) => Item::Idempotent(inner),
            Self::IdempotenceCounts { added, duplicates } => Item::IdempotenceCounts { added, duplicates },
            Self::Module(inner) => Item::Module(inner),
            Self::Array { count, last_insert } => Item::Array { count, last_insert },
            Self::Index(inner) => Item::Index(inner),
            Self::Rate(inner) => Item::Rate(inner),
            Self::Path { fields } => Item::Path { fields },
            Self::Skipped { error, bytes } => Item::Skipped { error, bytes },
            Self::KeyEnd => Item::KeyEnd,
            Self::End(inner) => Item::End(inner),
        }
    }
}
