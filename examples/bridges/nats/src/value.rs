//! The value of a key of a snapshot: JSON in one or more parts. docs/bridge-messages.md describes them.

use std::io::{self, Write};

use redtail::rdb::{Item, Role, StreamId, Type};

use crate::args::TooLarge;
use crate::message;

/// The size of a part above which the value continues in another one.
const PART: usize = 256 << 10;

/// The largest body of a message, and what happens to a larger one.
#[derive(Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) largest: usize,
    pub(crate) too_large: TooLarge,
}

impl Limit {
    /// Ends the bridge, or reports that something is not in the messages.
    pub(crate) fn leave_out(&self, what: &str, length: u64) -> io::Result<()> {
        if self.too_large == TooLarge::Stop {
            return Err(io::Error::other(format!(
                "{what} ({length} bytes) is larger than a message may be ({} bytes). Make max_payload of the broker larger, or \
                 let long values be left out (--too-large omit)",
                self.largest
            )));
        }
        eprintln!("redtail-nats: {what} ({length} bytes) is left out of the snapshot's messages");
        Ok(())
    }
}

pub(crate) struct Value {
    kind: Type,
    /// The key, for messages.
    key: String,
    limit: Limit,
    /// The largest value of a message.
    room: usize,
    /// The present part, without its last brackets.
    body: Vec<u8>,
    is_empty: bool,
    place: Place,
    element: Element,
    /// The names of fields that the next entries of a stream share, and the next of them.
    shared: Vec<Shared>,
    next_shared: usize,
    /// More names of the same node may follow.
    is_sharing: bool,
    /// The last name of a group or consumer, and the fields of those that are open.
    name: Vec<u8>,
    group: Vec<u8>,
    consumer: Vec<u8>,
    /// The last fields of a stream.
    state: String,
    parts: Vec<Vec<u8>>,
}

/// The name of a field that entries of a stream share.
struct Shared {
    /// `None` if it is larger than a message.
    json: Option<Vec<u8>>,
    length: u64,
}

/// The list that the next element belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Of the value, or the entries of a stream.
    Elements,
    Groups,
    Pending,
    Consumers,
    ConsumerPending,
    Returned,
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

impl Value {
    /// `None` for types whose values are not published. `room`: the largest value of a message.
    pub(crate) fn of(kind: Type, key: &[u8], room: usize, limit: Limit) -> Option<Self> {
        if !matches!(kind, Type::String | Type::List | Type::Set | Type::Zset | Type::Hash | Type::Stream) {
            return None;
        }
        let mut value = Self {
            kind,
            key: String::from_utf8_lossy(key).into_owned(),
            limit,
            room,
            body: Vec::new(),
            is_empty: true,
            place: Place::Elements,
            element: Element::default(),
            shared: Vec::new(),
            next_shared: 0,
            is_sharing: false,
            name: Vec::new(),
            group: Vec::new(),
            consumer: Vec::new(),
            state: String::new(),
            parts: Vec::new(),
        };
        value.body = value.opening();
        Some(value)
    }

    /// The complete parts since the last call.
    pub(crate) fn take(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.parts)
    }

    /// The last part.
    pub(crate) fn end(&mut self) -> io::Result<Vec<u8>> {
        self.close()?;
        let state = std::mem::take(&mut self.state);
        Ok(self.complete(&state))
    }

    /// A string of the value. `bytes` is empty if it is larger than a message.
    pub(crate) fn string(&mut self, role: Role, bytes: &[u8], length: u64) -> io::Result<()> {
        match role {
            Role::Value | Role::Element | Role::Member | Role::Field => self.close()?,
            Role::SharedField => {
                self.close()?;
                if !std::mem::replace(&mut self.is_sharing, true) {
                    self.shared.clear();
                }
                let mut json = Vec::new();
                message::argument(&mut json, bytes)?;
                let json = (length == bytes.len() as u64).then_some(json);
                self.shared.push(Shared { json, length });
                return Ok(());
            }
            Role::GroupName | Role::ConsumerName => return self.name(bytes, length),
            _ => {}
        }
        let Self { element, kind, shared, next_shared, .. } = self;
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
                match shared.get(*next_shared) {
                    Some(Shared { json, length }) => {
                        element.json.extend_from_slice(json.as_deref().unwrap_or_default());
                        (element.length, element.is_too_long) =
                            (element.length + length, element.is_too_long || json.is_none());
                    }
                    None => element.json.extend_from_slice(b"null"),
                }
                element.json.push(b',');
                (element.fields, *next_shared) = (element.fields + 1, *next_shared + 1);
            }
            _ => return Ok(()),
        }
        (element.is_open, element.length) = (true, element.length + length);
        element.is_too_long |= length > bytes.len() as u64 || element.json.len() > self.room;
        if !element.is_too_long {
            message::argument(&mut element.json, bytes)?;
        }
        if role == Role::EntryValue {
            element.json.push(b']');
        }
        Ok(())
    }

    pub(crate) fn fact(&mut self, item: &Item<'_>) -> io::Result<()> {
        let element = &mut self.element;
        match *item {
            Item::Score(score) if element.is_open => match score.is_finite() {
                true => write!(element.json, ",{score}")?,
                false => write!(element.json, ",\"{}\"", score.to_string().to_ascii_lowercase())?,
            },
            Item::FieldExpiry { at_ms } if element.is_open => {
                if self.kind == Type::Set {
                    element.json.insert(0, b'[');
                    element.tail = "]";
                }
                write!(element.json, ",{at_ms}")?;
            }
            Item::Entry(entry) => {
                self.close()?;
                (self.next_shared, self.is_sharing) = (0, false);
                (self.element.is_open, self.element.tail) = (true, "]]");
                write!(self.element.json, "[\"{}\",[", entry.id)?;
            }
            Item::Stream(state) => {
                self.close()?;
                let id = |id: Option<StreamId>| id.map_or_else(|| "null".into(), |id| format!("\"{id}\""));
                let added = state.added.map_or_else(|| "null".into(), |added| added.to_string());
                self.state = format!(
                    ",\"length\":{},\"last_id\":\"{}\",\"first_id\":{},\"max_deleted_id\":{},\"entries_added\":{added}",
                    state.length,
                    state.last,
                    id(state.first),
                    id(state.max_deleted)
                );
                self.body.extend_from_slice(b"],\"groups\":[");
                self.place = Place::Groups;
            }
            _ => self.group(item)?,
        }
        Ok(())
    }

    fn group(&mut self, item: &Item<'_>) -> io::Result<()> {
        match *item {
            Item::Group { last, read, .. } => {
                self.body.extend_from_slice(self.end_of_group());
                self.place = Place::Groups;
                let read = read.map_or_else(|| "null".into(), |read| read.to_string());
                let fields = format!(",\"last_id\":\"{last}\",\"entries_read\":{read}");
                self.group = [b"{\"name\":", &self.name[..], fields.as_bytes()].concat();
                self.append(&[&self.group[..], b",\"pending\":["].concat());
                self.place = Place::Pending;
            }
            Item::Pending { id, delivered_at_ms, deliveries } => {
                self.append(format!("[\"{id}\",{delivered_at_ms},{deliveries}]").as_bytes());
            }
            Item::Consumers { .. } => {
                self.body.extend_from_slice(b"],\"consumers\":[");
                self.place = Place::Consumers;
            }
            Item::Consumer { seen_at_ms, active_at_ms, .. } => {
                self.end_consumer();
                let active = active_at_ms.map_or_else(|| "null".into(), |at| at.to_string());
                let fields = format!(",\"seen_at_ms\":{seen_at_ms},\"active_at_ms\":{active}");
                self.consumer = [b"{\"name\":", &self.name[..], fields.as_bytes()].concat();
                self.append(&[&self.consumer[..], b",\"pending\":["].concat());
                self.place = Place::ConsumerPending;
            }
            Item::ConsumerPending(id) => self.append(format!("\"{id}\"").as_bytes()),
            Item::Returned(id) => {
                if self.place != Place::Returned {
                    self.end_consumer();
                    self.body.extend_from_slice(b"],\"returned\":[");
                    self.place = Place::Returned;
                }
                self.append(format!("\"{id}\"").as_bytes());
            }
            _ => {}
        }
        Ok(())
    }

    /// Each part of a group or consumer has its name, with escapes.
    fn name(&mut self, bytes: &[u8], length: u64) -> io::Result<()> {
        self.name.clear();
        if length > self.room as u64 / 32 {
            self.limit.leave_out(&format!("the name of a group or consumer of the key {}", self.key), length)?;
            return write!(self.name, "{{\"omitted\":{length}}}");
        }
        message::argument(&mut self.name, bytes)
    }

    fn end_consumer(&mut self) {
        if self.place == Place::ConsumerPending {
            self.body.extend_from_slice(b"]}");
            self.place = Place::Consumers;
        }
    }

    /// Completes the element.
    fn close(&mut self) -> io::Result<()> {
        let element = std::mem::take(&mut self.element);
        if !element.is_open {
            return Ok(());
        }
        let mut json = element.json;
        json.extend_from_slice(element.tail.as_bytes());
        if element.is_too_long || json.len() > self.room {
            self.limit.leave_out(&format!("an element of the key {}", self.key), element.length)?;
            json = format!("{{\"omitted\":{}}}", element.length).into_bytes();
        }
        self.append(&json);
        Ok(())
    }

    /// Appends to the list, in another part if this one is large enough.
    fn append(&mut self, json: &[u8]) {
        if !self.is_empty && self.body.len() + json.len() > PART.min(self.room) {
            let part = self.complete("");
            self.parts.push(part);
        }
        if !matches!(self.body.last(), None | Some(b'[')) {
            self.body.push(b',');
        }
        self.body.extend_from_slice(json);
        self.is_empty = false;
    }

    /// The part with its last fields. Another one begins.
    fn complete(&mut self, fields: &str) -> Vec<u8> {
        let mut part = std::mem::take(&mut self.body);
        match self.kind {
            Type::String => {}
            Type::Stream => {
                part.extend_from_slice(self.end_of_group());
                part.push(b']');
                part.extend_from_slice(fields.as_bytes());
                part.push(b'}');
            }
            _ => part.push(b']'),
        }
        self.body = self.opening();
        self.is_empty = true;
        part
    }

    fn opening(&self) -> Vec<u8> {
        let (group, consumer) = (&self.group[..], &self.consumer[..]);
        let groups: &[u8] = b"{\"entries\":[],\"groups\":[";
        match (self.kind, self.place) {
            (Type::String, _) => Vec::new(),
            (Type::Stream, Place::Elements) => b"{\"entries\":[".to_vec(),
            (Type::Stream, Place::Groups) => groups.to_vec(),
            (Type::Stream, Place::Pending) => [groups, group, b",\"pending\":["].concat(),
            (Type::Stream, Place::Consumers) => [groups, group, b",\"pending\":[],\"consumers\":["].concat(),
            (Type::Stream, Place::ConsumerPending) => {
                [groups, group, b",\"pending\":[],\"consumers\":[", consumer, b",\"pending\":["].concat()
            }
            (Type::Stream, Place::Returned) => {
                [groups, group, b",\"pending\":[],\"consumers\":[],\"returned\":["].concat()
            }
            _ => b"[".to_vec(),
        }
    }

    /// Ends the open group, up to the list of groups.
    const fn end_of_group(&self) -> &'static [u8] {
        match self.place {
            Place::Elements | Place::Groups => b"",
            Place::Pending => b"],\"consumers\":[]}",
            Place::Consumers | Place::Returned => b"]}",
            Place::ConsumerPending => b"]}]}",
        }
    }
}
