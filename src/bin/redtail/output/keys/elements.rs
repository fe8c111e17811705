//! One JSON line per element, and lines for the pieces of long strings. Memory is independent of the snapshot.

use std::io::{self, Write};

use redtail::rdb::{Item, Role, Text, Type, WHOLE_TEXT};

use crate::output::argument::Argument;
use crate::output::json_argument::push_argument;
use crate::output::keys::key_facts::KeyFacts;
use crate::output::keys::non_keys::NonKeys;
use crate::output::keys::object::Object;

pub(in crate::output) struct Elements {
    pieces: Pieces,
    lines: Lines,
    non_keys: NonKeys,
}

impl Elements {
    /// Without `max_arg` no string is omitted.
    pub(in crate::output) fn new(all: bool, max_arg: Option<u64>) -> Self {
        let pieces = Pieces { most: max_arg.unwrap_or(u64::MAX), at: 0, bytes: Vec::new() };
        let lines = Lines {
            object: Object::default(),
            event: "element",
            key: None,
            elements: 0,
            is_half: false,
            module: String::new(),
            raw: 0,
            damage: None,
        };
        Self { pieces, lines, non_keys: NonKeys::new(all) }
    }

    pub(in crate::output) fn item(&mut self, item: &Item<'_>, out: &mut impl Write) -> io::Result<()> {
        let Self { pieces, lines, non_keys } = self;
        let text = match item {
            Item::Text(text) => *text,
            Item::Key(key) => {
                lines.key = Some(key.into());
                key.name
            }
            _ if lines.key.is_some() => return lines.fact(item, out),
            item => return non_keys.fact(item, out),
        };
        if text.is_first() && lines.begins(text.role) {
            // Ends the previous line before the pieces of the next.
            lines.end(out)?;
        }
        let argument = match text.role {
            // The entries contain them too.
            Role::SharedField => None,
            role if lines.key.is_none() && !non_keys.wants(role) => None,
            _ => pieces.text(&text, out)?,
        };
        match argument {
            None => Ok(()),
            Some(name) if text.role == Role::KeyName => lines.begin_key(name, non_keys, out),
            Some(argument) if lines.key.is_some() => lines.text(text.role, argument, out),
            Some(argument) => non_keys.text(text.role, argument, out),
        }
    }

    /// The snapshot is cut off.
    pub(in crate::output) fn abandon(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.lines.key = None;
        self.lines.object.void(out)?;
        self.non_keys.abandon(out)
    }
}

/// The lines of a key.
struct Lines {
    /// The current line. It may be complete only when the next begins.
    object: Object,
    event: &'static str,
    key: Option<KeyFacts>,
    elements: u64,
    /// A pair lacks its second value.
    is_half: bool,
    module: String,
    raw: u64,
    damage: Option<String>,
}

/// The depth of the pairs of a stream entry in its line.
const PAIRS: usize = 2;

impl Lines {
    /// Whether a string with this role begins a line.
    fn begins(&self, role: Role) -> bool {
        let is_array = self.key.is_some_and(|key| key.kind == Type::Array);
        match role {
            Role::FieldValue | Role::EntryField | Role::EntryValue => false,
            Role::Element => !is_array,
            _ => true,
        }
    }

    fn begin_key(&mut self, name: Argument<'_>, non_keys: &mut NonKeys, out: &mut impl Write) -> io::Result<()> {
        let Some(key) = self.key else { return Ok(()) };
        (self.raw, self.is_half, self.damage) = (0, false, None);
        let fields = self.begin("key_begin", out)?;
        fields.name("db").number(key.db);
        fields.name("key").argument(name, out)?;
        non_keys.key(&key, fields);
        self.end(out)?;
        self.elements = 0;
        Ok(())
    }

    fn text(&mut self, role: Role, argument: Argument<'_>, out: &mut impl Write) -> io::Result<()> {
        let (event, name) = match role {
            Role::FieldValue => {
                self.second("field", out)?;
                ("", "value")
            }
            Role::EntryField => {
                self.close_pair();
                self.object.element().array();
                self.object.element();
                self.is_half = true;
                ("", "")
            }
            Role::EntryValue => {
                if !std::mem::take(&mut self.is_half) {
                    self.object.close_to(PAIRS);
                    self.object.element().array();
                    self.object.element().null();
                }
                self.object.element();
                ("", "")
            }
            Role::Element if !self.begins(role) => ("", "value"),
            Role::Field => ("element", "field"),
            Role::Member => ("element", "member"),
            Role::Path => ("path", "name"),
            Role::GroupName => ("group", "name"),
            Role::ConsumerName => ("consumer", "name"),
            Role::ProducerName => ("producer", "name"),
            Role::IdempotencyKey => ("idempotency_key", "key"),
            _ => ("element", "value"),
        };
        if !event.is_empty() {
            self.begin(event, out)?;
            self.is_half = !matches!(role, Role::Value | Role::Element);
        }
        if !name.is_empty() {
            self.object.name(name);
        }
        self.object.argument(argument, out)
    }

    fn fact(&mut self, item: &Item<'_>, out: &mut impl Write) -> io::Result<()> {
        match *item {
            Item::KeyEnd => return self.end_key(out),
            Item::Skipped { error, .. } => {
                self.damage.get_or_insert_with(|| error.to_string());
            }
            Item::Score(score) => {
                self.second("member", out)?;
                self.object.name("score").double(score);
            }
            Item::FieldExpiry { at_ms } => self.object.name("expire_at_ms").number(at_ms),
            Item::Module(id) => self.module = id.to_string(),
            Item::Raw { bytes, .. } => self.raw += bytes.len() as u64,
            Item::Array { last_insert, .. } => self.begin("array", out)?.name("last_insert").optional(last_insert),
            Item::Index(index) => self.begin("element", out)?.name("index").number(index),
            Item::Path { fields } => {
                self.name_of("path", out)?;
                self.object.name("fields").number(fields);
            }
            Item::Rate(value) => self.begin("element", out)?.name("value").number(value),
            _ => self.stream(item, out)?,
        }
        Ok(())
    }

    fn stream(&mut self, item: &Item<'_>, out: &mut impl Write) -> io::Result<()> {
        match *item {
            Item::Entry(entry) => {
                let fields = self.begin("entry", out)?;
                fields.name("id").plain(entry.id);
                fields.name("fields").array();
            }
            Item::Stream(state) => self.begin("stream", out)?.state(&state),
            Item::Group { last, read, .. } => {
                self.name_of("group", out)?;
                self.object.name("last_id").plain(last);
                self.object.name("entries_read").optional(read);
            }
            Item::Pending { id, delivered_at_ms, deliveries } => {
                let fields = self.begin("pending", out)?;
                fields.name("id").plain(id);
                fields.name("delivered_at_ms").number(delivered_at_ms);
                fields.name("deliveries").number(deliveries);
            }
            Item::Consumer { seen_at_ms, active_at_ms, .. } => {
                self.name_of("consumer", out)?;
                self.object.name("seen_at_ms").number(seen_at_ms);
                self.object.name("active_at_ms").optional(active_at_ms);
            }
            Item::ConsumerPending(id) => self.begin("consumer_pending", out)?.name("id").plain(id),
            Item::Returned(id) => self.begin("returned", out)?.name("id").plain(id),
            Item::Idempotence { duration_s, most, .. } => {
                let fields = self.begin("idempotence", out)?;
                fields.name("duration_s").number(duration_s);
                fields.name("most").number(most);
            }
            Item::Producer { .. } => self.name_of("producer", out)?,
            Item::Idempotent(id) => {
                self.second("key", out)?;
                self.object.name("id").plain(id);
            }
            Item::IdempotenceCounts { added, duplicates } => {
                let fields = self.begin("idempotence_counts", out)?;
                fields.name("added").number(added);
                fields.name("duplicates").number(duplicates);
            }
            _ => {}
        }
        Ok(())
    }

    fn end_key(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.end(out)?;
        if self.key.take().is_some_and(|key| key.kind == Type::Module) {
            let (module, bytes) = (std::mem::take(&mut self.module), self.raw);
            let fields = self.begin("module", out)?;
            fields.name("module").text(&module);
            fields.name("bytes").number(bytes);
            self.end(out)?;
        }
        let (elements, damage) = (self.elements, self.damage.take());
        let fields = self.begin("key_end", out)?;
        fields.name("elements").number(elements);
        if let Some(damage) = damage {
            fields.name("damaged").text(&damage);
        }
        self.end(out)
    }

    /// Begins the next line.
    fn begin(&mut self, event: &'static str, out: &mut impl Write) -> io::Result<&mut Object> {
        self.end(out)?;
        self.elements += u64::from(matches!(event, "element" | "entry"));
        self.event = event;
        self.object.begin();
        Ok(&mut self.object)
    }

    /// Completes the line.
    fn end(&mut self, out: &mut impl Write) -> io::Result<()> {
        if !self.object.is_open() {
            return Ok(());
        }
        if self.event == "entry" {
            self.close_pair();
        }
        self.is_half = false;
        self.object.end(self.event, out)
    }

    /// The second value of an element is next. If the first, with this name, is missing, it was damaged.
    fn second(&mut self, first: &str, out: &mut impl Write) -> io::Result<()> {
        if !std::mem::take(&mut self.is_half) {
            self.begin("element", out)?.name(first).null();
        }
        Ok(())
    }

    /// Writes null for a damaged name.
    fn name_of(&mut self, event: &'static str, out: &mut impl Write) -> io::Result<()> {
        if !std::mem::take(&mut self.is_half) {
            self.begin(event, out)?.name("name").null();
        }
        Ok(())
    }

    fn close_pair(&mut self) {
        if std::mem::take(&mut self.is_half) {
            self.object.element().null();
        }
        self.object.close_to(PAIRS);
    }
}

/// Splits long strings into lines.
struct Pieces {
    most: u64,
    /// The offset of the held bytes in the string.
    at: u64,
    bytes: Vec<u8>,
}

/// The length of a piece in bytes, except for an incomplete character at its end.
const PIECE: usize = WHOLE_TEXT;

impl Pieces {
    /// Writes the available pieces. Returns the argument for the line of the string, at its end.
    fn text<'a>(&mut self, text: &Text<'a>, out: &mut impl Write) -> io::Result<Option<Argument<'a>>> {
        if text.length <= WHOLE_TEXT as u64 {
            return Ok(Some(Argument::of(text.bytes, self.most)));
        }
        if text.length > self.most {
            return Ok(text.is_last().then_some(Argument::Omitted(text.length)));
        }
        if text.is_first() {
            (self.at, self.bytes) = (0, Vec::with_capacity(2 * PIECE));
        }
        let mut rest = text.bytes;
        while !rest.is_empty() {
            let (here, later) = rest.split_at(rest.len().min(PIECE - self.bytes.len()));
            self.bytes.extend_from_slice(here);
            rest = later;
            if self.bytes.len() == PIECE || (later.is_empty() && text.is_last()) {
                self.piece(text, out)?;
            }
        }
        // The rest is an incomplete character.
        if text.is_last() && !self.bytes.is_empty() {
            self.write(self.bytes.len(), text, out)?;
        }
        Ok(text.is_last().then_some(Argument::Pieces(text.length)))
    }

    /// Writes the held bytes, except for an incomplete character at the end.
    fn piece(&mut self, text: &Text<'_>, out: &mut impl Write) -> io::Result<()> {
        let whole = match std::str::from_utf8(&self.bytes) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.bytes.len(),
        };
        self.write(whole, text, out)
    }

    fn write(&mut self, count: usize, text: &Text<'_>, out: &mut impl Write) -> io::Result<()> {
        let of = match text.role {
            Role::KeyName => "key",
            Role::Member => "member",
            Role::Field | Role::EntryField => "field",
            Role::GroupName | Role::ConsumerName | Role::ProducerName => "name",
            Role::Function => "code",
            Role::IdempotencyKey => "key",
            _ => "value",
        };
        write!(out, "{{\"event\":\"piece\",\"of\":\"{of}\",\"at\":{},\"length\":{},\"value\":", self.at, text.length)?;
        let piece = self.bytes.get(..count).unwrap_or_default();
        push_argument(out, Argument::Whole(piece))?;
        out.write_all(b"}\n")?;
        self.bytes.drain(..count);
        self.at += count as u64;
        Ok(())
    }
}
