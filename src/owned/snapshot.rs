//! Collects the items of a snapshot into whole keys. Allocates, up to a limit.

use crate::owned::whole::{
    Consumer, Group, HashField, Metadata, Omission, Omitted, PathFields, Producer, SetMember, Stream, StreamEntry,
    Value, Whole, WholeKey,
};
use crate::rdb::{Entry, Item, Key, ModuleId, Role, Text, Type};

/// Collects the items of a [`Decoder`](crate::rdb::Decoder) into whole keys. Allocates for bytes received, never for a
/// declared length or count, up to a limit for each key. [`WholeKeys`](crate::owned::WholeKeys) is the iterator.
///
/// A key that exceeds the limit or has a damaged part is passed over and named: [`Whole::Omitted`].
///
/// ```
/// use redtail::rdb::Decoder;
/// use redtail::owned::{Collector, Value, Whole};
/// use redtail::resp::Status;
///
/// let mut input: &[u8] = b"REDIS0011\x01\x04list\x02\x01a\x01b\xff\0\0\0\0\0\0\0\0";
/// let (mut decoder, mut collector) = (Decoder::new(), Collector::new(1 << 20));
/// while let Status::Complete(item) = decoder.next(&mut input)? {
///     if let Some(Whole::Key(key)) = collector.take(item) {
///         assert_eq!(key.name, b"list");
///         assert_eq!(key.value, Value::List(vec![b"a".to_vec(), b"b".to_vec()]));
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Collector {
    limit: usize,
    held: usize,
    /// The string being read.
    text: Vec<u8>,
    /// The string before, which belongs to what comes next: a name, a field.
    before: Vec<u8>,
    /// The name of an auxiliary field whose value is awaited.
    aux_name: Option<Vec<u8>>,
    key: Option<Box<WholeKey>>,
    kind: Option<Type>,
    /// The name of the key alone exceeds the limit.
    nameless: bool,
    /// The reason why the rest of the current key, library or field is passed over.
    omitting: Option<Omission>,
    /// Names that entries share, and whether more of them may come.
    shared: Vec<Vec<u8>>,
    sharing: bool,
    /// The entry being read comes without names.
    unnamed: bool,
    module_aux: Option<(ModuleId, u64, Vec<u8>)>,
    /// The database of the next command.
    db: u32,
    /// A command and the number of its missing arguments.
    command: Option<(Vec<Vec<u8>>, u64)>,
    metadata: Vec<Metadata>,
}

/// About the memory of an element besides its bytes.
const OVERHEAD: usize = 48;

impl Collector {
    /// A collector with a limit of about `limit` bytes of memory for each key: the bytes of strings, and 48 for each
    /// element.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self {
            limit,
            held: 0,
            text: Vec::new(),
            before: Vec::new(),
            aux_name: None,
            key: None,
            kind: None,
            nameless: false,
            omitting: None,
            shared: Vec::new(),
            sharing: false,
            unnamed: false,
            module_aux: None,
            db: 0,
            command: None,
            metadata: Vec::new(),
        }
    }

    /// Takes the next item. Returns what it completes.
    #[inline]
    pub fn take(&mut self, item: Item<'_>) -> Option<Whole> {
        if let Item::Text(text) = item
            && self.take_element(text)
        {
            return None;
        }
        self.take_any(item)
    }

    /// Fast path for an element that is a whole text. Returns false if it is not one, or if it is too large.
    #[inline]
    fn take_element(&mut self, text: Text<'_>) -> bool {
        let held = self.held.saturating_add(size(text.length));
        let roles = matches!(text.role, Role::Value | Role::Element | Role::Member | Role::Field | Role::FieldValue);
        let taken = roles && text.is_whole() && held <= self.limit && self.omitting.is_none();
        if taken {
            self.held = held;
            self.element(text.role, text.bytes.to_vec());
        }
        taken
    }

    #[inline(never)]
    fn take_any(&mut self, item: Item<'_>) -> Option<Whole> {
        if self.omitting.is_some() {
            return self.pass_over(item);
        }
        self.collect(item).unwrap_or_else(|reason| {
            self.omit(reason);
            self.pass_over(item)
        })
    }

    fn collect(&mut self, item: Item<'_>) -> Result<Option<Whole>, Omission> {
        match item {
            Item::Text(text) => return self.text(text),
            Item::Key(key) => {
                self.hold(name_size(key))?;
                self.begin(key);
            }
            Item::KeyEnd => {
                self.held = 0;
                self.shared.clear();
                return Ok(self.key.take().map(Whole::Key));
            }
            Item::Skipped { error, .. } => return Err(Omission::Damaged(error)),
            Item::Raw { bytes: raw, last } => {
                self.hold(raw.len())?;
                let value = self.key.as_mut().map(|key| &mut key.value);
                match (value, &mut self.module_aux, self.metadata.last_mut()) {
                    (Some(Value::Module { raw: bytes, .. }), ..)
                    | (None, Some((_, _, bytes)), _)
                    | (None, None, Some(Metadata { raw: bytes, .. })) => bytes.extend_from_slice(raw),
                    _ => {}
                }
                if let Some((module, when, raw)) = self.module_aux.take_if(|_| last) {
                    self.held = 0;
                    return Ok(Some(Whole::ModuleAux { module, when, raw }));
                }
            }
            Item::ModuleAux { module, when } => self.module_aux = Some((module, when, Vec::new())),
            Item::Database(db) => {
                self.held = 0;
                self.db = db;
            }
            Item::Command { argc: 0 } => return Ok(Some(Whole::Command { db: self.db, args: Vec::new() })),
            Item::Command { argc } => self.command = Some((Vec::new(), argc)),
            Item::KeyMetadata { class } => {
                self.hold(OVERHEAD)?;
                self.metadata.push(Metadata { class, raw: Vec::new() });
            }
            // Hints, which hold nothing.
            _ if self.key.is_none() => self.held = 0,
            item => {
                self.hold(OVERHEAD)?;
                self.fact(item);
            }
        }
        Ok(None)
    }

    fn hold(&mut self, bytes: usize) -> Result<(), Omission> {
        self.held = self.held.saturating_add(bytes);
        if self.held > self.limit { Err(Omission::TooLarge { limit: self.limit }) } else { Ok(()) }
    }

    /// Frees what is collected, but the names. The rest is passed over.
    fn omit(&mut self, reason: Omission) {
        self.omitting = Some(reason);
        (self.text, self.before, self.shared, self.metadata) = Default::default();
        self.sharing = false;
        if let Some(key) = &mut self.key {
            key.value = Value::default();
            key.metadata = Vec::new();
        }
        if let Some((_, _, raw)) = &mut self.module_aux {
            *raw = Vec::new();
        }
        if let Some((args, _)) = &mut self.command {
            *args = Vec::new();
        }
    }

    /// Takes an item of data that is omitted.
    fn pass_over(&mut self, item: Item<'_>) -> Option<Whole> {
        let ends = match item {
            Item::Key(key) => {
                self.begin(key);
                false
            }
            Item::Text(text) if text.role == Role::KeyName => {
                self.extend_name(text);
                false
            }
            Item::KeyEnd => true,
            Item::Text(text) if text.role == Role::Argument => {
                if let Some((_, left)) = &mut self.command {
                    *left -= u64::from(text.is_last());
                }
                self.command.take_if(|(_, left)| *left == 0).is_some()
            }
            Item::Text(text) => {
                self.key.is_none() && matches!(text.role, Role::AuxValue | Role::Function) && text.is_last()
            }
            // Outside a key, nothing of a damaged string follows.
            Item::Skipped { .. } => self.key.is_none(),
            Item::Raw { last, .. } => self.module_aux.take_if(|_| last).is_some(),
            _ => false,
        };
        let reason = self.omitting.take_if(|_| ends)?;
        self.held = 0;
        let aux_name = self.aux_name.take();
        Some(Whole::Omitted(match self.key.take() {
            Some(key) => {
                let WholeKey { db, name, .. } = *key;
                Omitted { db, name: (!self.nameless).then_some(name), kind: self.kind, reason }
            }
            None => Omitted { db: 0, name: aux_name, kind: None, reason },
        }))
    }

    fn begin(&mut self, key: Key<'_>) {
        let module = ModuleId(0);
        self.nameless = name_size(key) > self.limit;
        self.kind = Some(key.kind);
        self.key = Some(Box::new(WholeKey {
            db: key.db,
            name: Vec::new(),
            number: key.number,
            expire_at_ms: key.expire_at_ms,
            idle_s: key.idle_s,
            frequency: key.frequency,
            no_evict: key.no_evict,
            metadata: core::mem::take(&mut self.metadata),
            value: match key.kind {
                Type::String => Value::String(Vec::new()),
                Type::List => Value::List(Vec::new()),
                Type::Set => Value::Set(Vec::new()),
                Type::Zset => Value::Zset(Vec::new()),
                Type::Hash => Value::Hash(Vec::new()),
                Type::Stream => Value::Stream(Box::default()),
                Type::Module => Value::Module { module, raw: Vec::new() },
                Type::Array => Value::Array { last_insert: None, elements: Vec::new() },
                Type::PathHash => Value::PathHash(Vec::new()),
                Type::Rate => Value::Rate(0),
            },
        }));
        self.extend_name(key.name);
    }

    fn extend_name(&mut self, text: Text<'_>) {
        if let (Some(key), false) = (&mut self.key, self.nameless) {
            key.name.extend_from_slice(text.bytes);
        }
    }

    fn text(&mut self, text: Text<'_>) -> Result<Option<Whole>, Omission> {
        match text.role {
            Role::KeyName => {
                self.extend_name(text);
                return Ok(None);
            }
            Role::SlotImport => return Ok(None),
            // Its name was damaged, and the field is omitted.
            Role::AuxValue if self.aux_name.is_none() => return Ok(None),
            _ => {}
        }
        if text.is_first() {
            self.hold(size(text.length))?;
        }
        let bytes = if text.is_whole() {
            text.bytes.to_vec()
        } else {
            self.text.extend_from_slice(text.bytes);
            if !text.is_last() {
                return Ok(None);
            }
            core::mem::take(&mut self.text)
        };
        match text.role {
            Role::AuxName => self.aux_name = Some(bytes),
            Role::AuxValue => {
                self.held = 0;
                return Ok(self.aux_name.take().map(|name| Whole::Aux { name, value: bytes }));
            }
            Role::Function => {
                self.held = 0;
                return Ok(Some(Whole::Function(bytes)));
            }
            Role::Argument => {
                if let Some((args, left)) = &mut self.command {
                    args.push(bytes);
                    *left -= 1;
                }
                if let Some((args, _)) = self.command.take_if(|(_, left)| *left == 0) {
                    self.held = 0;
                    return Ok(Some(Whole::Command { db: self.db, args }));
                }
            }
            Role::SharedField => {
                if !self.sharing {
                    self.shared.clear();
                }
                self.sharing = true;
                self.shared.push(bytes);
            }
            role => self.element(role, bytes),
        }
        Ok(None)
    }

    fn element(&mut self, role: Role, bytes: Vec<u8>) {
        let value = self.key.as_mut().map(|key| &mut key.value);
        match (role, value) {
            (Role::Value, Some(Value::String(value))) => *value = bytes,
            (Role::Element, Some(Value::List(list))) => list.push(bytes),
            (Role::Element, Some(Value::Array { elements, .. })) => {
                if let Some((_, element)) = elements.last_mut() {
                    *element = bytes;
                }
            }
            (Role::Member, Some(Value::Set(set))) => set.push(SetMember { member: bytes, expire_at_ms: None }),
            (Role::FieldValue, Some(Value::PathHash(paths))) => {
                let field = core::mem::take(&mut self.before);
                if let Some(path) = paths.last_mut() {
                    path.fields.push((field, bytes));
                }
            }
            (Role::FieldValue, Some(Value::Hash(hash))) => {
                let field = core::mem::take(&mut self.before);
                hash.push(HashField { field, value: bytes, expire_at_ms: None });
            }
            (Role::EntryValue, Some(Value::Stream(stream))) => {
                if let Some(entry) = stream.entries.last_mut() {
                    let shared = || self.shared.get(entry.fields.len()).cloned().unwrap_or_default();
                    let field = if self.unnamed { shared() } else { core::mem::take(&mut self.before) };
                    entry.fields.push((field, bytes));
                }
            }
            _ => self.before = bytes,
        }
    }

    /// An item that is neither string nor frame.
    fn fact(&mut self, item: Item<'_>) {
        let Some(key) = &mut self.key else { return };
        match (item, &mut key.value) {
            (Item::Score(score), Value::Zset(zset)) => zset.push((core::mem::take(&mut self.before), score)),
            (Item::FieldExpiry { at_ms }, Value::Hash(hash)) => {
                if let Some(field) = hash.last_mut() {
                    field.expire_at_ms = Some(at_ms);
                }
            }
            (Item::FieldExpiry { at_ms }, Value::Set(set)) => {
                if let Some(member) = set.last_mut() {
                    member.expire_at_ms = Some(at_ms);
                }
            }
            (Item::Path { .. }, Value::PathHash(paths)) => {
                paths.push(PathFields { path: core::mem::take(&mut self.before), fields: Vec::new() });
            }
            (Item::Module(id), Value::Module { module, .. }) => *module = id,
            (Item::Array { last_insert: at, .. }, Value::Array { last_insert, .. }) => *last_insert = at,
            (Item::Index(at), Value::Array { elements, .. }) => elements.push((at, Vec::new())),
            (Item::Rate(value), Value::Rate(rate)) => *rate = value,
            (item, Value::Stream(stream)) => {
                self.sharing = false;
                if let Item::Entry(entry) = item {
                    self.unnamed = !entry.named;
                }
                stream.fact(item, &mut self.before);
            }
            _ => {}
        }
    }
}

impl Stream {
    fn fact(&mut self, item: Item<'_>, before: &mut Vec<u8>) {
        match (item, self.groups.last_mut(), self.producers.last_mut()) {
            (Item::Entry(Entry { id, .. }), ..) => self.entries.push(StreamEntry { id, fields: Vec::new() }),
            (Item::Stream(state), ..) => self.state = Some(state),
            (Item::Group { last, read, .. }, ..) => {
                let (pending, consumers, returned) = (Vec::new(), Vec::new(), Vec::new());
                self.groups.push(Group { name: core::mem::take(before), last, read, pending, consumers, returned });
            }
            (Item::Pending { id, delivered_at_ms, deliveries }, Some(group), _) => {
                group.pending.push((id, delivered_at_ms, deliveries));
            }
            (Item::Consumer { seen_at_ms, active_at_ms, .. }, Some(group), _) => {
                group.consumers.push(Consumer {
                    name: core::mem::take(before),
                    seen_at_ms,
                    active_at_ms,
                    pending: Vec::new(),
                });
            }
            (Item::ConsumerPending(id), Some(group), _) => {
                if let Some(consumer) = group.consumers.last_mut() {
                    consumer.pending.push(id);
                }
            }
            (Item::Returned(id), Some(group), _) => group.returned.push(id),
            (Item::Idempotence { duration_s, most, .. }, ..) => self.idempotence = Some((duration_s, most)),
            (Item::Producer { .. }, ..) => {
                self.producers.push(Producer { name: core::mem::take(before), keys: Vec::new() });
            }
            (Item::Idempotent(id), _, Some(producer)) => {
                producer.keys.push((core::mem::take(before), id));
            }
            (Item::IdempotenceCounts { added, duplicates }, ..) => {
                self.idempotence_counts = Some((added, duplicates));
            }
            _ => {}
        }
    }
}

/// The memory of a string of `length` bytes.
fn size(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX).saturating_add(OVERHEAD)
}

/// The memory of a key's name.
fn name_size(key: Key<'_>) -> usize {
    size(key.name.length)
}
