//! Converts the items of a snapshot into messages: each key into one or more.

use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use redtail::io::RecordingReader;
use redtail::rdb::{Item, Role, Text, Type};
use redtail::resp::{encode_command, encoded_len};
use redtail::topology::slot;
use redtail::{Event, Options, SnapshotBegin, StreamCommand};

use crate::filter::Filter;
use crate::message::{self, Message};
use crate::route::{Route, route};
use crate::value::{Limit, Value};

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
    limit: Limit,
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
    /// `None` if its value is not published.
    value: Option<Value>,
    part: u32,
}

struct Head {
    partition: u16,
    /// The fields of the key.
    fields: Vec<u8>,
}

impl Snapshot {
    /// Begins a snapshot, with a message to each partition.
    pub(crate) fn begin(begin: &SnapshotBegin, shard: Option<&str>, partitions: u16, limit: Limit) -> Self {
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
            limit,
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
                let (kind, db, expire_at_ms) = (key.kind, key.db, key.expire_at_ms);
                self.key = Some(OpenKey { kind, db, expire_at_ms, head: None, value: None, part: 1 });
                self.text(&key.name, filter)
            }
            Item::Text(text) => self.text(text, filter),
            Item::KeyEnd => {
                if let Some(OpenKey { head: Some(head), mut value, part, .. }) = self.key.take() {
                    let last = match &mut value {
                        Some(value) => value.end()?,
                        None => b"null".to_vec(),
                    };
                    let parts = value.as_mut().map(Value::take).unwrap_or_default();
                    self.publish(&head, part, parts, Some(last))?;
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
            item => {
                if let Some(OpenKey { value: Some(value), .. }) = &mut self.key {
                    value.fact(item)?;
                }
                self.publish_parts().map(|()| false)
            }
        }
    }

    fn text(&mut self, text: &Text<'_>, filter: &Filter) -> io::Result<bool> {
        if text.is_first() {
            self.text.clear();
        }
        let is_too_long = text.length > self.limit.largest as u64;
        if !is_too_long {
            self.text.extend_from_slice(text.bytes);
        }
        if !text.is_last() {
            return Ok(false);
        }
        let bytes = std::mem::take(&mut self.text);
        let is_published = match (text.role, &mut self.key) {
            (Role::KeyName, _) => self.name(&bytes, text.length, filter)?,
            (Role::Argument, None) => self.argument(&bytes, text.length, filter)?,
            (Role::Function, None) if filter.passes_functions() => {
                self.function(&bytes, text.length)?;
                false
            }
            (role, Some(OpenKey { value: Some(value), .. })) => {
                value.string(role, &bytes, text.length)?;
                self.publish_parts()?;
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
            return self.limit.leave_out("a function library", length);
        }
        self.note("function", &fields);
        Ok(())
    }

    /// Returns whether it completes a command that is published.
    fn argument(&mut self, arg: &[u8], length: u64, filter: &Filter) -> io::Result<bool> {
        let Some(mut command) = self.command.take() else { return Ok(false) };
        command.left = command.left.saturating_sub(1);
        command.length += length;
        match command.length > self.limit.largest as u64 {
            true => command.args.clear(),
            false => command.args.push(arg.to_vec()),
        }
        if command.left > 0 {
            self.command = Some(command);
            return Ok(false);
        }
        if command.args.is_empty() {
            return self.limit.leave_out("a command", command.length).map(|()| false);
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
            return self.limit.leave_out("a command", fields.len() as u64).map(|()| false);
        }
        message::copies(&mut fields, &partitions);
        self.push("snapshot_command", &fields, partitions);
        Ok(true)
    }

    fn name(&mut self, name: &[u8], length: u64, filter: &Filter) -> io::Result<bool> {
        let Some(key) = self.key.as_mut() else { return Ok(false) };
        let (db, kind, expire_at_ms) = (key.db, key.kind, key.expire_at_ms);
        // Each message of the key has its name, with escapes.
        if length > self.limit.largest as u64 / 8 {
            return self.limit.leave_out("a key, because of its name,", length).map(|()| false);
        }
        if !filter.passes_db(db) || !filter.passes_key(name) {
            return Ok(false);
        }
        let mut fields = Vec::new();
        write!(fields, ",\"db\":{db},\"key\":")?;
        message::argument(&mut fields, name)?;
        write!(fields, ",\"type\":\"{}\",\"expire_at_ms\":", kind.name())?;
        match expire_at_ms {
            Some(at) => write!(fields, "{at}")?,
            None => fields.extend_from_slice(b"null"),
        }
        let room = self.limit.largest.saturating_sub(fields.len() + HEAD);
        key.value = Value::of(kind, name, room, self.limit);
        if key.value.is_none() && !std::mem::replace(&mut self.has_warned, true) {
            eprintln!("redtail-nats: the values of type {} are null in the snapshot's messages", kind.name());
        }
        key.head = Some(Head { partition: slot(name) % self.partitions, fields });
        Ok(true)
    }

    fn publish_parts(&mut self) -> io::Result<()> {
        let Some(mut key) = self.key.take() else { return Ok(()) };
        let parts = key.value.as_mut().map(Value::take).unwrap_or_default();
        if let Some(head) = &key.head {
            key.part = self.publish(head, key.part, parts, None)?;
        }
        self.key = Some(key);
        Ok(())
    }

    /// A message with each part of the value. Returns the number of the next part.
    fn publish(&mut self, head: &Head, mut part: u32, parts: Vec<Vec<u8>>, last: Option<Vec<u8>>) -> io::Result<u32> {
        let parts = parts.into_iter().map(|value| (value, false)).chain(last.map(|value| (value, true)));
        for (value, is_last) in parts {
            let mut fields = head.fields.clone();
            write!(fields, ",\"part\":{part},\"last\":{is_last},\"value\":")?;
            fields.extend(value);
            self.push("key", &fields, vec![head.partition]);
            part += 1;
        }
        Ok(part)
    }

    /// A message to each partition.
    fn note(&mut self, event: &str, fields: &[u8]) {
        self.push(event, fields, (0..self.partitions).collect());
    }

    /// A message with these fields after those of every event.
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
        fields.len() + HEAD > self.limit.largest
    }
}

fn encoded(args: &[&[u8]]) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; encoded_len(args)];
    encode_command(&mut bytes, args).map_err(io::Error::other)?;
    Ok(bytes)
}
