//! Whole keys of a snapshot and their values.

use thiserror::Error;

use crate::rdb::{ModuleId, RdbError, StreamId, StreamState, Type};

/// A result of a [`Collector`](crate::owned::Collector).
///
/// ```
/// use redtail::owned::Whole;
///
/// fn name(whole: &Whole) -> Option<&[u8]> {
///     match whole {
///         Whole::Key(key) => Some(&key.name),
///         _ => None,
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Whole {
    /// A key.
    Key(Box<WholeKey>),
    /// An auxiliary field.
    Aux {
        /// Its name.
        name: Vec<u8>,
        /// Its value.
        value: Vec<u8>,
    },
    /// The code of a function library.
    Function(Vec<u8>),
    /// A command between the keys (Valkey's forkless save). It changes keys that were delivered before it, or creates
    /// keys.
    Command {
        /// The number of its database.
        db: u32,
        /// Its arguments.
        args: Vec<Vec<u8>>,
    },
    /// Data of a module outside of the keys.
    ModuleAux {
        /// The module.
        module: ModuleId,
        /// 1 before the keys, 2 after them.
        when: u64,
        /// The bytes after that, undecoded.
        raw: Vec<u8>,
    },
    /// Data that was passed over. The keys after it follow.
    Omitted(Omitted),
}

/// A key, library, command, auxiliary field or module data that was passed over. A part of it is never delivered.
///
/// ```
/// use redtail::owned::{Omission, Whole};
///
/// fn report(whole: &Whole) {
///     if let Whole::Omitted(omitted) = whole {
///         let name = omitted.name.as_deref().unwrap_or_default().escape_ascii();
///         match omitted.reason {
///             Omission::TooLarge { limit } => eprintln!("{name} has more than {limit} bytes"),
///             reason => eprintln!("{name}: {reason}"),
///         }
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Omitted {
    /// The number of the key's database; 0 if `kind` is `None`.
    pub db: u32,
    /// The name of the key or auxiliary field. `None` if it has no name, or if the name alone exceeds the limit.
    pub name: Option<Vec<u8>>,
    /// The type of the key's value. `None` for a library, a command, an auxiliary field or module
    /// data.
    pub kind: Option<Type>,
    /// The reason.
    pub reason: Omission,
}

/// A key with its value.
///
/// ```
/// use redtail::owned::{Value, WholeKey};
///
/// fn text(key: &WholeKey) -> Option<&[u8]> {
///     match &key.value {
///         Value::String(text) => Some(text),
///         _ => None,
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct WholeKey {
    /// The number of its database.
    pub db: u32,
    /// Its name.
    pub name: Vec<u8>,
    /// The number of its type and encoding in the snapshot.
    pub number: u8,
    /// When it expires, in milliseconds since 1970.
    pub expire_at_ms: Option<i64>,
    /// Seconds since it was last used, if the server evicts by that.
    pub idle_s: Option<u64>,
    /// How often it is used (a logarithm, 0 to 255), if the server evicts by that.
    pub frequency: Option<u8>,
    /// Whether the server never evicts it (`BLESS`, Redis 8.12).
    pub no_evict: bool,
    /// Its metadata (Redis).
    pub metadata: Vec<Metadata>,
    /// Its value.
    pub value: Value,
}

/// Metadata of a key.
///
/// ```
/// use redtail::owned::WholeKey;
///
/// fn classes(key: &WholeKey) -> Vec<[u8; 4]> {
///     key.metadata.iter().map(|metadata| metadata.class).collect()
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Metadata {
    /// The class, undecoded.
    pub class: [u8; 4],
    /// The class's value, undecoded.
    pub raw: Vec<u8>,
}

/// The value of a key.
///
/// ```
/// use redtail::owned::Value;
///
/// let value = Value::List(vec![b"a".to_vec(), b"b".to_vec()]);
/// assert!(matches!(value, Value::List(elements) if elements.len() == 2));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A string.
    String(Vec<u8>),
    /// A list, from head to tail.
    List(Vec<Vec<u8>>),
    /// A set.
    Set(Vec<SetMember>),
    /// A sorted set, in the order of the snapshot.
    Zset(Vec<(Vec<u8>, f64)>),
    /// A hash.
    Hash(Vec<HashField>),
    /// A stream.
    Stream(Box<Stream>),
    /// A module's value, undecoded.
    Module {
        /// Its type.
        module: ModuleId,
        /// Its bytes, id included.
        raw: Vec<u8>,
    },
    /// A sparse array.
    Array {
        /// The index of the last insertion, if there was one.
        last_insert: Option<u64>,
        /// Indexes and elements.
        elements: Vec<(u64, Vec<u8>)>,
    },
    /// A rate limiter's state.
    Rate(u64),
    /// A path hash (Valkey 9.2), in the order of its paths.
    PathHash(Vec<PathFields>),
}

/// An empty string.
impl Default for Value {
    fn default() -> Self {
        Self::String(Vec::new())
    }
}

/// A member of a set.
///
/// ```
/// use redtail::owned::Value;
///
/// fn print(value: &Value) {
///     if let Value::Set(members) = value {
///         for member in members {
///             println!("{} {:?}", member.member.escape_ascii(), member.expire_at_ms);
///         }
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SetMember {
    /// The member.
    pub member: Vec<u8>,
    /// When it expires, in milliseconds since 1970 (Redis 8.12).
    pub expire_at_ms: Option<i64>,
}

/// A path of a path hash.
///
/// ```
/// use redtail::owned::Value;
///
/// fn print(value: &Value) {
///     if let Value::PathHash(paths) = value {
///         paths.iter().for_each(|path| println!("{}: {} fields", path.path.escape_ascii(), path.fields.len()));
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct PathFields {
    /// The path.
    pub path: Vec<u8>,
    /// Fields and values.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A field of a hash.
///
/// ```
/// use redtail::owned::{HashField, Value};
///
/// fn find<'a>(value: &'a Value, name: &[u8]) -> Option<&'a HashField> {
///     let Value::Hash(fields) = value else { return None };
///     fields.iter().find(|field| field.field == name)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct HashField {
    /// The field.
    pub field: Vec<u8>,
    /// Its value.
    pub value: Vec<u8>,
    /// When it expires, in milliseconds since 1970.
    pub expire_at_ms: Option<i64>,
}

/// A stream.
///
/// ```
/// use redtail::owned::{Stream, Value};
///
/// fn print(value: &Value) {
///     let Value::Stream(stream) = value else { return };
///     for entry in &stream.entries {
///         println!("{} with {} fields", entry.id, entry.fields.len());
///     }
///     for group in &stream.groups {
///         println!("{} has read up to {}", group.name.escape_ascii(), group.last);
///         for consumer in &group.consumers {
///             println!("  {}: {} pending", consumer.name.escape_ascii(), consumer.pending.len());
///         }
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Stream {
    /// Its entries.
    pub entries: Vec<StreamEntry>,
    /// Its counters and ids.
    pub state: Option<StreamState>,
    /// Its consumer groups.
    pub groups: Vec<Group>,
    /// How it tells repeated additions: seconds that keys are kept, keys kept for each producer.
    pub idempotence: Option<(u64, u64)>,
    /// Its idempotent producers.
    pub producers: Vec<Producer>,
    /// Idempotency keys ever added, and duplicates ever met.
    pub idempotence_counts: Option<(u64, u64)>,
}

/// An entry of a stream.
///
/// ```
/// # use redtail::owned::StreamEntry;
/// fn field<'a>(entry: &'a StreamEntry, name: &[u8]) -> Option<&'a Vec<u8>> {
///     entry.fields.iter().find(|(field, _)| field == name).map(|(_, value)| value)
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct StreamEntry {
    /// Its id.
    pub id: StreamId,
    /// Fields and values.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A consumer group.
///
/// ```
/// # use redtail::owned::Group;
/// fn oldest_delivery_ms(group: &Group) -> Option<i64> {
///     group.pending.iter().map(|(_, delivered_at_ms, _)| *delivered_at_ms).min()
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Group {
    /// Its name.
    pub name: Vec<u8>,
    /// The id of the last entry delivered.
    pub last: StreamId,
    /// Entries delivered so far, where the server knows.
    pub read: Option<u64>,
    /// Pending entries: id, when last delivered in milliseconds since 1970, how often.
    pub pending: Vec<(StreamId, i64, u64)>,
    /// Its consumers.
    pub consumers: Vec<Consumer>,
    /// Entries that were given back.
    pub returned: Vec<StreamId>,
}

/// A consumer.
///
/// ```
/// # use redtail::owned::Consumer;
/// fn is_idle(consumer: &Consumer, since_ms: i64) -> bool {
///     consumer.pending.is_empty() && consumer.seen_at_ms < since_ms
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Consumer {
    /// Its name.
    pub name: Vec<u8>,
    /// When it last asked, in milliseconds since 1970.
    pub seen_at_ms: i64,
    /// When it last got something, in milliseconds since 1970; -1 for never.
    pub active_at_ms: Option<i64>,
    /// The ids of the entries pending for it.
    pub pending: Vec<StreamId>,
}

/// An idempotent producer.
///
/// ```
/// # use redtail::owned::Stream;
/// fn idempotency_keys(stream: &Stream) -> usize {
///     stream.producers.iter().map(|producer| producer.keys.len()).sum()
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Producer {
    /// Its name.
    pub name: Vec<u8>,
    /// Idempotency keys and the entries they belong to.
    pub keys: Vec<(Vec<u8>, StreamId)>,
}

/// The reason why a key, library or field was passed over.
///
/// ```
/// use redtail::owned::Omission;
///
/// let reason = Omission::TooLarge { limit: 1024 };
/// assert_eq!(reason.to_string(), "a key, library or field takes more than the limit of 1024 bytes");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Omission {
    /// It takes more memory than allowed. A [`Decoder`](crate::rdb::Decoder) delivers it item by item.
    #[error("a key, library or field takes more than the limit of {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// A part of it is damaged and was skipped.
    #[error("a value is damaged: {0}")]
    Damaged(RdbError),
}
