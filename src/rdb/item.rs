//! What a decoder hands out.

use core::fmt;

use crate::rdb::error::RdbError;
use crate::rdb::format::Format;

/// What a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Type {
    /// A string: one [`Role::Value`].
    String,
    /// A list: [`Role::Element`]s from head to tail.
    List,
    /// A set: [`Role::Member`]s.
    Set,
    /// A sorted set: [`Role::Member`], [`Item::Score`], and so on.
    Zset,
    /// A hash: [`Role::Field`], [`Role::FieldValue`], and [`Item::FieldExpiry`] where the field expires.
    Hash,
    /// A stream: entries, then its state, groups and so on.
    Stream,
    /// A module's value: [`Item::Module`], then [`Item::Raw`].
    Module,
    /// A sparse array: [`Item::Array`], then for each slot [`Item::Index`] and [`Role::Element`] or [`Item::Double`].
    Array,
    /// A rate limiter's state: one [`Item::Rate`].
    Rate,
}

impl Type {
    /// The name the servers' `TYPE` gives, where there is one: `string`, `list`, `set`, `zset`, `hash`, `stream`, `module`, `array`, `gcra`.
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
        }
    }
}

/// What a [`Text`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// The name of an auxiliary field. Its value follows.
    AuxName,
    /// The value of an auxiliary field.
    AuxValue,
    /// The code of a function library.
    Function,
    /// The name of a slot import (Valkey, 40 bytes).
    SlotImport,
    /// An argument of a command that stands in the snapshot (Valkey's forkless save).
    Argument,
    /// More of a key's name: only after an [`Item::Key`] whose name is not whole.
    KeyName,
    /// The value of a string.
    Value,
    /// An element of a list or array.
    Element,
    /// A member of a set or sorted set.
    Member,
    /// A field of a hash.
    Field,
    /// The value of the field before.
    FieldValue,
    /// A field name that entries of a stream share, see [`Entry::named`].
    SharedField,
    /// A field of a stream entry.
    EntryField,
    /// A value of a stream entry.
    EntryValue,
    /// The name of a consumer group; [`Item::Group`] follows.
    GroupName,
    /// The name of a consumer; [`Item::Consumer`] follows.
    ConsumerName,
    /// The name of an idempotent producer; [`Item::Producer`] follows.
    ProducerName,
    /// An idempotency key of the producer before; [`Item::Idempotent`] follows.
    IdempotencyKey,
}

/// A string, or a piece of one.
///
/// One of up to [`WHOLE_TEXT`](super::WHOLE_TEXT) bytes comes whole. A longer one comes in pieces of at least one byte each, in
/// order, with nothing in between.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    /// What it is.
    pub role: Role,
    /// The bytes, or the next of them. Integers stand here as the decimal text they mean.
    pub bytes: &'a [u8],
    /// Where the bytes stand in the string: 0 for the first piece.
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

    /// Whether this is the first piece, or the whole.
    #[must_use]
    pub const fn is_first(&self) -> bool {
        self.at == 0
    }

    /// Whether this is the last piece, or the whole.
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Key<'a> {
    /// The number of its database.
    pub database: u32,
    /// Its name, or the beginning of it: then the rest follows as [`Role::KeyName`].
    pub name: Text<'a>,
    /// What it holds.
    pub kind: Type,
    /// The number of its type and encoding in the snapshot. What it means hangs on the magic.
    pub number: u8,
    /// When it expires, in milliseconds since 1970. It may have expired already: a replica keeps it until the primary says DEL.
    pub expire_at_ms: Option<i64>,
    /// Seconds since it was last used, if the server evicts by that.
    pub idle_s: Option<u64>,
    /// How often it is used (a logarithm, 0 to 255), if the server evicts by that.
    pub frequency: Option<u8>,
}

/// The id of a stream entry. Prints as `1700000000000-0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StreamId {
    /// Milliseconds since 1970, where the server made it.
    pub ms: u64,
    /// Number among those of the same millisecond.
    pub seq: u64,
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// The beginning of a stream entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Entry {
    /// Its id.
    pub id: StreamId,
    /// The number of its fields.
    pub fields: u64,
    /// Whether field names come with the values. They do, unless this entry shares its names with the first of its node and
    /// these are longer than [`SHARED_FIELDS`](super::SHARED_FIELDS) together: then only values come, and the names are the
    /// [`Role::SharedField`]s that came last, in order.
    pub named: bool,
}

/// What a stream knows of itself. It comes after the entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct StreamState {
    /// The number of its entries.
    pub length: u64,
    /// The id of the last entry ever added.
    pub last: StreamId,
    /// The id of its first entry (Redis 7.0 and later).
    pub first: Option<StreamId>,
    /// The highest id ever deleted (Redis 7.0 and later).
    pub max_deleted: Option<StreamId>,
    /// Entries ever added (Redis 7.0 and later).
    pub added: Option<u64>,
    /// The number of its consumer groups.
    pub groups: u64,
}

/// The id of a module's type: a name of nine characters and a version of its encoding. Prints as the name.
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

/// What became of the checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// It is that of the bytes.
    Verified,
    /// There is none: the server is configured without, or the version is below 5.
    Absent,
    /// There is one that was not looked at, see [`Decoder::without_checksum`](super::Decoder::without_checksum).
    Ignored,
}

/// The next thing that stands in a snapshot.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Item<'a> {
    /// The magic and version: always the first item.
    Start(Format),
    /// A string, or a piece of one.
    Text(Text<'a>),
    /// The keys that follow stand in this database.
    Database(u32),
    /// How many keys the database has; a hint.
    Sizes {
        /// Keys.
        keys: u64,
        /// Those of them that expire.
        expires: u64,
    },
    /// How many keys of a cluster slot follow; a hint.
    Slot {
        /// The slot.
        slot: u64,
        /// Keys.
        keys: u64,
        /// Those of them that expire.
        expires: u64,
    },
    /// A range of slots that are being imported, after a [`Role::SlotImport`].
    SlotRange {
        /// The first slot.
        first: u64,
        /// The last slot.
        last: u64,
    },
    /// A command of so many arguments stands in the snapshot (Valkey's forkless save); they follow.
    Command {
        /// Number of arguments.
        argc: u64,
    },
    /// What a module keeps beside the keys. [`Item::Raw`] follows: everything behind the number that says when.
    ModuleAux {
        /// Whose it is.
        module: ModuleId,
        /// 1 before the keys, 2 after them.
        when: u64,
    },
    /// Metadata of the key that follows (Redis). [`Item::Raw`] follows: the class's value.
    KeyMetadata {
        /// The class, as it stands.
        class: [u8; 4],
    },
    /// A key begins. Its value follows up to [`Item::KeyEnd`].
    Key(Key<'a>),
    /// The score of the member before.
    Score(f64),
    /// When the field before expires, in milliseconds since 1970.
    FieldExpiry {
        /// Milliseconds since 1970.
        at_ms: i64,
    },
    /// A stream entry begins.
    Entry(Entry),
    /// All entries of the stream have come.
    Stream(StreamState),
    /// The consumer group whose name was before.
    Group {
        /// The id of the last entry delivered.
        last: StreamId,
        /// Entries delivered so far, where the server knows (Redis 7.0 and later).
        read: Option<u64>,
        /// The number of entries pending.
        pending: u64,
    },
    /// A pending entry of the group.
    Pending {
        /// The id of the entry.
        id: StreamId,
        /// When it was last delivered, in milliseconds since 1970.
        delivered_at_ms: i64,
        /// How often.
        deliveries: u64,
    },
    /// All pending entries of the group have come; its consumers follow.
    Consumers {
        /// Their number.
        count: u64,
    },
    /// The consumer whose name was before.
    Consumer {
        /// When it last asked, in milliseconds since 1970.
        seen_at_ms: i64,
        /// When it last got something, in milliseconds since 1970; -1 for never (Redis 7.2 and later).
        active_at_ms: Option<i64>,
        /// The number of entries pending for it.
        pending: u64,
    },
    /// An entry pending for the consumer.
    ConsumerPending(StreamId),
    /// An entry of the group that was given back (Redis, RDB 14).
    Returned(StreamId),
    /// How the stream tells repeated additions (Redis, RDB 13).
    Idempotence {
        /// How long keys are kept, in seconds.
        duration_s: u64,
        /// How many keys are kept for each producer.
        most: u64,
        /// The number of producers.
        producers: u64,
    },
    /// The idempotent producer whose name was before.
    Producer {
        /// The number of its keys.
        keys: u64,
    },
    /// The entry to which the idempotency key before belongs.
    Idempotent(StreamId),
    /// The last of a stream with idempotence.
    IdempotenceCounts {
        /// Keys ever added.
        added: u64,
        /// Duplicates ever met.
        duplicates: u64,
    },
    /// A module's value begins. [`Item::Raw`] follows: its bytes as they stand, id included, which is what `RESTORE` wants
    /// between the type byte and the version.
    Module(ModuleId),
    /// Bytes of a module as they stand.
    Raw {
        /// The next of them, at least one.
        bytes: &'a [u8],
        /// Whether these are the last of the value.
        last: bool,
    },
    /// A sparse array begins.
    Array {
        /// The number of its elements.
        count: u64,
        /// Where the next insertion goes, if the array has such a place.
        insert_at: Option<u64>,
    },
    /// The place of the array element that follows.
    Index(u64),
    /// An array element that is a floating-point number.
    Double(f64),
    /// A rate limiter's state.
    Rate(u64),
    /// Something broken was passed over, see [`Decoder::skip_damaged`](super::Decoder::skip_damaged).
    Skipped {
        /// What was wrong.
        error: RdbError,
        /// The length of the broken string as it stands in the snapshot. Elements that were told before the break are part of it.
        bytes: u64,
    },
    /// The key is at its end.
    KeyEnd,
    /// The snapshot is at its end.
    End(Checksum),
}

impl<'a> Item<'a> {
    /// The bytes it borrows: those of a text, a key's name, or raw ones; else none.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        match self {
            Self::Text(Text { bytes, .. })
            | Self::Key(Key { name: Text { bytes, .. }, .. })
            | Self::Raw { bytes, .. } => bytes,
            _ => &[],
        }
    }

    /// The same item, with other [`bytes`](Self::bytes): a copy, for example, that lives longer.
    #[must_use]
    pub const fn with_bytes<'b>(&self, bytes: &'b [u8]) -> Item<'b> {
        match *self {
            Self::Text(Text { role, at, length, .. }) => Item::Text(Text { role, bytes, at, length }),
            Self::Key(Key { database, name, kind, number, expire_at_ms, idle_s, frequency }) => {
                let name = Text { role: name.role, bytes, at: name.at, length: name.length };
                Item::Key(Key { database, name, kind, number, expire_at_ms, idle_s, frequency })
            }
            Self::Raw { last, .. } => Item::Raw { bytes, last },
            Self::Start(inner) => Item::Start(inner),
            Self::Database(inner) => Item::Database(inner),
            Self::Sizes { keys, expires } => Item::Sizes { keys, expires },
            Self::Slot { slot, keys, expires } => Item::Slot { slot, keys, expires },
            Self::SlotRange { first, last } => Item::SlotRange { first, last },
            Self::Command { argc } => Item::Command { argc },
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
            Self::Array { count, insert_at } => Item::Array { count, insert_at },
            Self::Index(inner) => Item::Index(inner),
            Self::Double(inner) => Item::Double(inner),
            Self::Rate(inner) => Item::Rate(inner),
            Self::Skipped { error, bytes } => Item::Skipped { error, bytes },
            Self::KeyEnd => Item::KeyEnd,
            Self::End(inner) => Item::End(inner),
        }
    }
}
