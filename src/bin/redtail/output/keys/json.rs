//! One JSON line per key, written while it is decoded. The payload of a RESTORE is a JSON object.

use std::io::{self, Write};

use redtail::rdb::{Item, Role, Type};

use crate::output::argument::Argument;
use crate::output::keys::held_text::HeldText;
use crate::output::keys::key_facts::KeyFacts;
use crate::output::keys::non_keys::NonKeys;
use crate::output::keys::object::Object;

/// Depths in the line. The elements of a value:
const ELEMENTS: usize = 2;
/// The fields of a path.
const PATH_FIELDS: usize = 4;
/// The fields of a stream or an array, and their lists: entries, groups, elements.
const FIELDS: usize = 2;
const LISTED: usize = 3;
/// The pairs of a stream entry.
const PAIRS: usize = 5;
/// The fields of a group, and its pending entries or consumers.
const GROUP: usize = 4;
const CONSUMERS: usize = 5;
/// The idempotent producers, and the keys of one.
const PRODUCERS: usize = 4;
const PRODUCER_KEYS: usize = 6;

pub(in crate::output) struct JsonKeys {
    held: HeldText,
    line: KeyLine,
    non_keys: NonKeys,
}

/// The line of a key.
struct KeyLine {
    /// The object of a payload, which has no name, database or expiry.
    is_payload: bool,
    object: Object,
    key: Option<KeyFacts>,
    module: String,
    /// The size of a module's value in bytes.
    raw: u64,
    /// A pair lacks its second value.
    is_half: bool,
    /// The list of returned entries is open.
    has_returned: bool,
    has_value: bool,
    damage: Option<String>,
}

impl JsonKeys {
    pub(in crate::output) fn new(all: bool, max_arg: u64) -> Self {
        let line = KeyLine {
            is_payload: false,
            object: Object::default(),
            key: None,
            module: String::new(),
            raw: 0,
            is_half: false,
            has_returned: false,
            has_value: false,
            damage: None,
        };
        Self { held: HeldText::new(max_arg), line, non_keys: NonKeys::new(all) }
    }

    pub(in crate::output) fn of_payload(max_arg: u64) -> Self {
        let mut keys = Self::new(false, max_arg);
        keys.line.is_payload = true;
        keys.line.object.begin();
        keys
    }

    /// Completes the object of a payload.
    pub(in crate::output) fn end_payload(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.line.object.end_value(out)
    }

    pub(in crate::output) fn item(&mut self, item: &Item<'_>, out: &mut impl Write) -> io::Result<()> {
        let Self { held, line, non_keys } = self;
        let text = match item {
            Item::Text(text) => *text,
            Item::Key(key) => {
                line.key = Some(key.into());
                key.name
            }
            _ if line.key.is_some() => {
                line.fact(item, out)?;
                return line.object.part(out);
            }
            _ if line.is_payload && !matches!(item, Item::KeyMetadata { .. } | Item::Raw { .. }) => return Ok(()),
            item => return non_keys.fact(item, out),
        };
        match held.text(&text) {
            None => Ok(()),
            Some(name) if text.role == Role::KeyName => line.begin(name, non_keys, out),
            Some(argument) if line.key.is_some() => {
                line.text(text.role, argument, out)?;
                line.object.part(out)
            }
            Some(argument) if line.is_payload => line.function(argument, out),
            Some(argument) => non_keys.text(text.role, argument, out),
        }
    }

    /// The snapshot is cut off.
    pub(in crate::output) fn abandon(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.line.key = None;
        self.non_keys.abandon(out)?;
        self.line.object.void(out)
    }
}

impl KeyLine {
    fn begin(&mut self, name: Argument<'_>, non_keys: &mut NonKeys, out: &mut impl Write) -> io::Result<()> {
        let Some(key) = self.key else { return Ok(()) };
        (self.raw, self.is_half, self.has_returned, self.has_value, self.damage) = (0, false, false, false, None);
        let object = &mut self.object;
        object.begin();
        if self.is_payload {
            object.name("type").plain(key.kind.name());
            non_keys.attributes(&key, object);
        } else {
            object.name("db").number(key.db);
            object.name("key").argument(name, out)?;
            non_keys.key(&key, object);
        }
        match key.kind {
            Type::List | Type::Set | Type::Zset | Type::Hash | Type::PathHash => object.name("value").array(),
            Type::Stream => {
                object.name("value").object();
                object.name("entries").array();
            }
            _ => {}
        }
        Ok(())
    }

    fn function(&mut self, code: Argument<'_>, out: &mut impl Write) -> io::Result<()> {
        if self.object.depth() < ELEMENTS {
            self.object.name("functions").array();
        }
        self.object.element().argument(code, out)
    }

    fn text(&mut self, role: Role, argument: Argument<'_>, out: &mut impl Write) -> io::Result<()> {
        match role {
            Role::Value => {
                self.has_value = true;
                self.object.name("value");
            }
            Role::Element if self.is(Type::Array) => self.second(LISTED),
            Role::Element => {
                self.object.element();
            }
            Role::Member if self.key.is_some_and(|key| key.has_expiring_members()) => {
                self.close_to(ELEMENTS);
                self.object.element().array();
                self.object.element();
            }
            Role::Member if self.is(Type::Set) => {
                self.object.element();
            }
            Role::Path => {
                self.close_to(ELEMENTS);
                self.object.element().array();
                self.object.element();
            }
            Role::Field if self.is(Type::PathHash) => self.first(PATH_FIELDS),
            Role::FieldValue if self.is(Type::PathHash) => self.second(PATH_FIELDS),
            Role::Member | Role::Field => self.first(ELEMENTS),
            Role::FieldValue => self.second(ELEMENTS),
            Role::EntryField => self.first(PAIRS),
            Role::EntryValue => self.second(PAIRS),
            Role::GroupName => self.named(LISTED),
            Role::ConsumerName => self.named(CONSUMERS),
            Role::ProducerName => self.named(PRODUCERS),
            Role::IdempotencyKey => self.first(PRODUCER_KEYS),
            // The entries contain the shared names too.
            _ => return Ok(()),
        }
        self.object.argument(argument, out)
    }

    fn fact(&mut self, item: &Item<'_>, out: &mut impl Write) -> io::Result<()> {
        match *item {
            Item::KeyEnd => return self.end(out),
            Item::Skipped { error, .. } => {
                self.damage.get_or_insert_with(|| error.to_string());
            }
            Item::Score(score) => {
                self.second(ELEMENTS);
                self.object.double(score);
            }
            Item::FieldExpiry { at_ms } => self.object.element().number(at_ms),
            Item::Module(id) => self.module = id.to_string(),
            Item::Raw { bytes, .. } => self.raw += bytes.len() as u64,
            Item::Path { .. } => {
                if self.object.depth() == ELEMENTS {
                    // The path was damaged.
                    self.object.element().array();
                    self.object.element().null();
                }
                self.object.element().array();
            }
            Item::Array { last_insert, .. } => {
                self.object.name("value").object();
                self.object.name("last_insert").optional(last_insert);
                self.object.name("elements").array();
                self.has_value = true;
            }
            Item::Index(index) => {
                self.first(LISTED);
                self.object.number(index);
            }
            Item::Rate(value) => {
                self.has_value = true;
                self.object.name("value").number(value);
            }
            _ => self.stream(item),
        }
        Ok(())
    }

    fn stream(&mut self, item: &Item<'_>) {
        match *item {
            Item::Entry(entry) => {
                self.close_to(LISTED);
                self.object.element().array();
                self.object.element().plain(entry.id);
                self.object.element().array();
            }
            Item::Stream(state) => {
                self.close_to(FIELDS);
                self.object.state(&state);
                self.object.name("groups").array();
            }
            Item::Group { last, read, .. } => {
                self.has_returned = false;
                self.name_of(GROUP);
                self.object.name("last_id").plain(last);
                self.object.name("entries_read").optional(read);
                self.object.name("pending").array();
            }
            Item::Pending { id, delivered_at_ms, deliveries } => {
                self.object.element().array();
                self.object.element().plain(id);
                self.object.element().number(delivered_at_ms);
                self.object.element().number(deliveries);
                self.object.close_to(CONSUMERS);
            }
            Item::Consumers { .. } => {
                self.object.close_to(GROUP);
                self.object.name("consumers").array();
            }
            Item::Consumer { seen_at_ms, active_at_ms, .. } => {
                self.name_of(CONSUMERS + 1);
                self.object.name("seen_at_ms").number(seen_at_ms);
                self.object.name("active_at_ms").optional(active_at_ms);
                self.object.name("pending").array();
            }
            Item::ConsumerPending(id) => self.object.element().plain(id),
            Item::Returned(id) => {
                if !std::mem::replace(&mut self.has_returned, true) {
                    self.object.close_to(GROUP);
                    self.object.name("returned").array();
                }
                self.object.element().plain(id);
            }
            Item::Idempotence { duration_s, most, .. } => {
                self.object.close_to(FIELDS);
                self.object.name("idempotence").object();
                self.object.name("duration_s").number(duration_s);
                self.object.name("most").number(most);
                self.object.name("producers").array();
            }
            Item::Producer { .. } => {
                self.name_of(PRODUCERS + 1);
                self.object.name("keys").array();
            }
            Item::Idempotent(id) => {
                self.second(PRODUCER_KEYS);
                self.object.plain(id);
            }
            Item::IdempotenceCounts { added, duplicates } => {
                self.close_to(PRODUCERS - 1);
                self.object.name("added").number(added);
                self.object.name("duplicates").number(duplicates);
            }
            _ => {}
        }
    }

    fn end(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.close_to(1);
        if self.is(Type::Module) {
            self.object.name("value").object();
            self.object.name("module").text(&self.module);
            self.object.name("bytes").number(self.raw);
            self.object.close_to(1);
        } else if !self.has_value && [Type::String, Type::Array, Type::Rate].iter().any(|kind| self.is(*kind)) {
            self.object.name("value").null();
        }
        if let Some(damage) = self.damage.take() {
            self.object.name("damaged").text(&damage);
        }
        self.key = None;
        if self.is_payload { Ok(()) } else { self.object.end("key", out) }
    }

    fn is(&self, kind: Type) -> bool {
        self.key.is_some_and(|key| key.kind == kind)
    }

    /// Begins a pair at this depth. Its first value is next.
    fn first(&mut self, depth: usize) {
        self.close_to(depth);
        self.object.element().array();
        self.object.element();
        self.is_half = true;
    }

    /// The second value is next. A missing first value was damaged.
    fn second(&mut self, depth: usize) {
        if !std::mem::take(&mut self.is_half) {
            self.close_to(depth);
            self.object.element().array();
            self.object.element().null();
        }
        self.object.element();
    }

    /// Begins an object with a name, in a list at this depth. The name is next.
    fn named(&mut self, depth: usize) {
        self.close_to(depth);
        self.object.element().object();
        self.object.name("name");
    }

    /// Writes null for the damaged name of an object with fields at this depth.
    fn name_of(&mut self, depth: usize) {
        if self.object.depth() != depth {
            self.named(depth - 1);
            self.object.null();
        }
    }

    /// Closes deeper levels. Adds null for a damaged second value.
    fn close_to(&mut self, depth: usize) {
        if std::mem::take(&mut self.is_half) {
            self.object.element().null();
        }
        self.object.close_to(depth);
    }
}
