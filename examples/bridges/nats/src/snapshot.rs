//! Converts the items of a snapshot into messages: each key into one or more.

use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use redtail::io::RecordingReader;
use redtail::rdb::{Item, Role, Text, Type};
use redtail::resp::{encode_command, encoded_len};
use redtail::topology::slot;
use redtail::{Event, Options, SnapshotBegin, StreamCommand};

use crate::args::TooLarge;
use crate::filter::Filter;
use crate::message::{self, Message};
use crate::route::{Route, route};

/// The size of a body above which the value of a key continues in another message.
const PART: usize = 256 << 10;
/// More than the fields of every event take, and the state of a stream.
const HEAD: usize = 640;

/// The messages of one snapshot.
pub(crate) struct Snapshot {
    shard: Option<String>,
    /// The name of this snapshot. Another one at the same offset has another name: its keys may be in another order.
    id: String,
    offset: u64,
    /// The number of the last message.
    number: u64,
    partitions: u16,
    /// The largest body of a message.
    largest: usize,
    too_large: TooLarge,
    /// The database of the items.
    db: u32,
    command: Option<OpenCommand>,
    key: Option<OpenKey>,
    text: Vec<u8>,
    out: Vec<Message>,
    has_warned: bool,
}

/// A command among the keys, which may lack arguments.
struct OpenCommand {
    left: u64,
    /// Empty once they are larger than a message.
    args: Vec<Vec<u8>>,
    length: u64,
}

struct OpenKey {
    kind: Type,
    db: u32,
    expire_at_ms: Option<i64>,
    /// After its name is complete. `None`: it is left out.
    head: Option<Head>,
    /// The elements of the current part.
    body: Vec<u8>,
    part: u32,
    element: Element,
    /// The names of fields that entries of a stream share, and the next of them.
    shared: Vec<Vec<u8>>,
    next_shared: usize,
    /// The last fields of the value, behind the list.
    end: String,
}

struct Head {
    partition: u16,
    /// The fields of the key, without braces.
    fields: Vec<u8>,
    name: String,
}

/// The element that may not be complete yet.
#[derive(Default)]
struct Element {
    json: Vec<u8>,
    tail: &'static str,
    is_open: bool,
    /// The bytes of its strings.
    length: u64,
    is_too_long: bool,
    /// A field of an entry lacks its value.
    is_half: bool,
    fields: usize,
}

impl Snapshot {
    /// Begins a snapshot, with a message to each partition.
    pub(crate) fn begin(
        begin: &SnapshotBegin,
        shard: Option<&str>,
        partitions: u16,
        largest: usize,
        too_large: TooLarge,
    ) -> Self {
        let ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let replid = begin.replid.map(|id| id.to_string()).unwrap_or_default();
        let id = format!("{replid}:{}:{ms}", begin.offset);
        let (offset, shard) = (begin.offset, shard.map(str::to_owned));
        let mut snapshot = Self {
            shard,
            id,
            offset,
            number: 0,
            partitions,
            largest,
            too_large,
            db: 0,
            command: None,
            key: None,
            text: Vec::new(),
            out: Vec::new(),
            has_warned: false,
        };
        snapshot.note("snapshot_begin", b"");
        snapshot
    }

    /// Ends it, with a message to each partition.
    pub(crate) fn end(&mut self) {
        self.note("snapshot", b"");
    }

    /// The messages since the last call.
    pub(crate) fn take(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.out)
    }

    /// Returns whether a key or command is published: for the item that completes its name, or the command.
    pub(crate) fn item(&mut self, item: &Item<'_>, filter: &Filter) -> io::Result<bool> {
        match item {
            Item::Key(key) => {
                self.key = Some(OpenKey {
                    kind: key.kind,
                    db: key.db,
                    expire_at_ms: key.expire_at_ms,
                    head: None,
                    body: Vec::new(),
                    part: 1,
                    element: Element::default(),
                    shared: Vec::new(),
                    next_shared: 0,
                    end: String::new(),
                });
                self.text(&key.name, filter)
            }
            Item::Text(text) => self.text(text, filter),
            Item::KeyEnd => {
                self.close()?;
                if let Some(key) = self.key.take()
                    && let Some(head) = key.head.as_ref()
                {
                    self.publish(&key, head, true)?;
                }
                Ok(false)
            }
            Item::Database(db) => {
                self.db = *db;
                Ok(false)
            }
            Item::Command { argc } => {
                self.command = Some(OpenCommand { left: *argc, args: Vec::new(), length: 0 });
                Ok(false)
            }
            item => self.fact(item).map(|()| false),
        }
    }

    fn text(&mut self, text: &Text<'_>, filter: &Filter) -> io::Result<bool> {
        if text.is_first() {
            self.text.clear();
        }
        let is_too_long = text.length > self.largest as u64;
        if !is_too_long {
            self.text.extend_from_slice(text.bytes);
        }
        if !text.is_last() {
            return Ok(false);
        }
        let bytes = std::mem::take(&mut self.text);
        let is_published = match (text.role, &self.key) {
            (Role::KeyName, _) => self.name(&bytes, text.length, filter)?,
            (Role::Argument, None) => self.argument(&bytes, text.length, filter)?,
            (Role::Function, None) if filter.passes_functions() => {
                self.function(&bytes, text.length)?;
                false
            }
            (_, Some(key)) if key.head.is_some() && is_known(key.kind) => {
                self.element(text.role, &bytes, text.length, is_too_long)?;
                false
            }
            _ => false,
        };
        self.text = bytes;
        Ok(is_published)
    }

    fn function(&mut self, code: &[u8], length: u64) -> io::Result<()> {
        let mut fields = b",\"code\":".to_vec();
        message::argument(&mut fields, code)?;
        if length > code.len() as u64 || self.is_large(&fields) {
            return self.leave_out("a function library", length);
        }
        self.note("function", &fields);
        Ok(())
    }

    /// Returns whether it completes a command that is published.
    fn argument(&mut self, arg: &[u8], length: u64, filter: &Filter) -> io::Result<bool> {
        let Some(mut command) = self.command.take() else { return Ok(false) };
        command.left = command.left.saturating_sub(1);
        command.length += length;
        match command.length > self.largest as u64 {
            true => command.args.clear(),
            false => command.args.push(arg.to_vec()),
        }
        if command.left > 0 {
            self.command = Some(command);
            return Ok(false);
        }
        if command.args.is_empty() {
            return self.leave_out("a command", command.length).map(|()| false);
        }
        let args: Vec<&[u8]> = command.args.iter().map(Vec::as_slice).collect();
        // The snapshot is consistent at its end, not between its keys.
        if args[0].eq_ignore_ascii_case(b"MULTI") || args[0].eq_ignore_ascii_case(b"EXEC") {
            return Ok(false);
        }
        let select = self.db.to_string();
        let stream = [encoded(&[b"SELECT", select.as_bytes()])?, encoded(&args)?].concat();
        let mut reader = RecordingReader::commands(&stream[..], Options::default(), 0);
        match reader.next_event().map_err(io::Error::other)? {
            Some(Event::Command(command)) if filter.passes(&command) => self.command(&command),
            _ => Ok(false),
        }
    }

    /// Returns whether it is published.
    fn command(&mut self, command: &StreamCommand<'_>) -> io::Result<bool> {
        let partitions = match route(&command.command(), self.partitions) {
            Route::Nowhere => return Ok(false),
            Route::Some(partitions) => partitions,
            Route::All => (0..self.partitions).collect(),
        };
        let mut fields = format!(",\"db\":{},\"args\":", self.db).into_bytes();
        message::arguments(&mut fields, command.args())?;
        if self.is_large(&fields) {
            return self.leave_out("a command", fields.len() as u64).map(|()| false);
        }
        message::copies(&mut fields, &partitions);
        self.push("snapshot_command", &fields, partitions);
        Ok(true)
    }

    fn name(&mut self, name: &[u8], length: u64, filter: &Filter) -> io::Result<bool> {
        let Some(key) = self.key.as_mut() else { return Ok(false) };
        let (db, kind, expire_at_ms) = (key.db, key.kind, key.expire_at_ms);
        // Each message of the key has its name, with escapes.
        if length > self.largest as u64 / 8 {
            return self.leave_out("a key, because of its name,", length).map(|()| false);
        }
        if !filter.passes_db(db) || !filter.passes_key(name) {
            return Ok(false);
        }
        let mut fields = Vec::new();
        write!(fields, "\"db\":{db},\"key\":")?;
        message::argument(&mut fields, name)?;
        write!(fields, ",\"type\":\"{}\",\"expire_at_ms\":", kind.name())?;
        match expire_at_ms {
            Some(at) => write!(fields, "{at}")?,
            None => fields.extend_from_slice(b"null"),
        }
        let partition = slot(name) % self.partitions;
        key.head = Some(Head { partition, fields, name: String::from_utf8_lossy(name).into_owned() });
        if !is_known(kind) && !std::mem::replace(&mut self.has_warned, true) {
            eprintln!("redtail-nats: the values of type {} are null in the snapshot's messages", kind.name());
        }
        Ok(true)
    }

    /// A string of the value.
    fn element(&mut self, role: Role, bytes: &[u8], length: u64, is_too_long: bool) -> io::Result<()> {
        match role {
            Role::Value | Role::Element | Role::Member | Role::Field => self.close()?,
            Role::SharedField => {
                self.close()?;
                let Some(key) = &mut self.key else { return Ok(()) };
                if key.next_shared > 0 {
                    key.shared.clear();
                    key.next_shared = 0;
                }
                let mut json = Vec::new();
                message::argument(&mut json, bytes)?;
                key.shared.push(json);
                return Ok(());
            }
            _ => {}
        }
        let Some(OpenKey { element, kind, shared, next_shared, .. }) = &mut self.key else { return Ok(()) };
        match (role, kind) {
            (Role::Value | Role::Element, _) | (Role::Member, Type::Set) => {}
            (Role::Member | Role::Field, _) => {
                element.json.push(b'[');
                element.tail = "]";
            }
            (Role::FieldValue, _) => element.json.push(b','),
            (Role::EntryField, _) => {
                element.json.extend_from_slice(if element.fields > 0 { b",[" } else { b"[" });
                (element.fields, element.is_half) = (element.fields + 1, true);
            }
            (Role::EntryValue, _) if std::mem::take(&mut element.is_half) => element.json.push(b','),
            (Role::EntryValue, _) => {
                element.json.extend_from_slice(if element.fields > 0 { b",[" } else { b"[" });
                element.json.extend_from_slice(shared.get(*next_shared).map_or(b"null", Vec::as_slice));
                element.json.push(b',');
                (element.fields, *next_shared) = (element.fields + 1, *next_shared + 1);
            }
            _ => return Ok(()),
        }
        (element.is_open, element.length) = (true, element.length + length);
        element.is_too_long |= is_too_long || element.json.len() > self.largest;
        if !element.is_too_long {
            message::argument(&mut element.json, bytes)?;
        }
        if role == Role::EntryValue {
            element.json.push(b']');
        }
        Ok(())
    }

    fn fact(&mut self, item: &Item<'_>) -> io::Result<()> {
        if let Item::Entry(_) | Item::Stream(_) = item {
            self.close()?;
        }
        let Some(OpenKey { element, end, next_shared, kind, .. }) = &mut self.key else { return Ok(()) };
        match item {
            Item::Score(score) if element.is_open => match score.is_finite() {
                true => write!(element.json, ",{score}")?,
                false => write!(element.json, ",\"{}\"", score.to_string().to_ascii_lowercase())?,
            },
            Item::FieldExpiry { at_ms } if element.is_open => {
                if *kind == Type::Set {
                    element.json.insert(0, b'[');
                    element.tail = "]";
                }
                write!(element.json, ",{at_ms}")?;
            }
            Item::Entry(entry) => {
                *next_shared = 0;
                (element.is_open, element.tail) = (true, "]]");
                write!(element.json, "[\"{}\",[", entry.id)?;
            }
            Item::Stream(state) => *end = format!(",\"length\":{},\"last_id\":\"{}\"", state.length, state.last),
            _ => {}
        }
        Ok(())
    }

    /// Completes the element, and publishes a part of the value if it is large enough.
    fn close(&mut self) -> io::Result<()> {
        let Some(mut key) = self.key.take() else { return Ok(()) };
        let element = std::mem::take(&mut key.element);
        if let Some(head) = key.head.take_if(|_| element.is_open) {
            let mut json = element.json;
            json.extend_from_slice(element.tail.as_bytes());
            let room = self.largest.saturating_sub(head.fields.len() + HEAD);
            if element.is_too_long || json.len() > room {
                self.leave_out(&format!("an element of the key {}", head.name), element.length)?;
                json = format!("{{\"omitted\":{}}}", element.length).into_bytes();
            }
            if !key.body.is_empty() && key.body.len() + json.len() > PART.min(room) {
                self.publish(&key, &head, false)?;
                (key.part, key.body) = (key.part + 1, Vec::new());
            }
            if !key.body.is_empty() {
                key.body.push(b',');
            }
            key.body.extend_from_slice(&json);
            key.head = Some(head);
        }
        self.key = Some(key);
        Ok(())
    }

    /// A message with the elements so far.
    fn publish(&mut self, key: &OpenKey, head: &Head, is_last: bool) -> io::Result<()> {
        let mut fields = head.fields.clone();
        fields.reserve(key.body.len() + 256);
        write!(fields, ",\"part\":{},\"last\":{is_last},\"value\":", key.part)?;
        let (open, close): (&[u8], &[u8]) = match key.kind {
            Type::String => (b"", b""),
            Type::Stream => (b"{\"entries\":[", b"]"),
            _ => (b"[", b"]"),
        };
        if is_known(key.kind) {
            fields.extend_from_slice(open);
            fields.extend_from_slice(&key.body);
            fields.extend_from_slice(close);
            if key.kind == Type::Stream {
                fields.extend_from_slice(if is_last { key.end.as_bytes() } else { b"" });
                fields.push(b'}');
            }
        } else {
            fields.extend_from_slice(b"null");
        }
        self.push("key", &fields, vec![head.partition]);
        Ok(())
    }

    /// A message to each partition.
    fn note(&mut self, event: &str, fields: &[u8]) {
        self.push(event, fields, (0..self.partitions).collect());
    }

    /// A message with these fields behind those of every event.
    fn push(&mut self, event: &str, fields: &[u8], partitions: Vec<u16>) {
        self.number += 1;
        let (snapshot, offset) = (&self.id, self.offset);
        let id = format!("{snapshot}:{}", self.number);
        let shard = self.shard.as_ref().map(|shard| format!(",\"shard\":\"{shard}\"")).unwrap_or_default();
        let head = format!(
            "{{\"event\":\"{event}\",\"id\":\"{id}\",\"offset\":{offset},\"snapshot_id\":\"{snapshot}\"{shard}"
        );
        let body = Bytes::from([head.as_bytes(), fields, b"}"].concat());
        self.out.extend(Message::copies(partitions, &id, &body));
    }

    /// Whether a message with these fields is larger than it may be.
    fn is_large(&self, fields: &[u8]) -> bool {
        fields.len() + HEAD > self.largest
    }

    /// Ends the bridge, or reports that something is not in the messages.
    fn leave_out(&self, what: &str, length: u64) -> io::Result<()> {
        if self.too_large == TooLarge::Stop {
            return Err(io::Error::other(format!(
                "{what} ({length} bytes) is larger than a message may be ({} bytes). Make max_payload of the broker larger, \
                 or let long values be left out (--too-large omit)",
                self.largest
            )));
        }
        eprintln!("redtail-nats: {what} ({length} bytes) is left out of the snapshot's messages");
        Ok(())
    }
}

fn encoded(args: &[&[u8]]) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; encoded_len(args)];
    encode_command(&mut bytes, args).map_err(io::Error::other)?;
    Ok(bytes)
}

/// The types whose values are published.
fn is_known(kind: Type) -> bool {
    matches!(kind, Type::String | Type::List | Type::Set | Type::Zset | Type::Hash | Type::Stream)
}
