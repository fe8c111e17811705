//! Commands that recreate the keys of a snapshot.

use std::io::{self, Write};

use redtail::rdb::{Crc64, Format, Item, Role, Text, Type, WHOLE_TEXT};

use crate::failure::Failure;
use crate::output::argument::Argument;
use crate::output::keys::command::{Batch, Command, GiveUp, SHORT, append, write};
use crate::output::keys::emptying::Emptying;
use crate::output::keys::groups::Groups;
use crate::output::keys::held_text::HeldText;
use crate::output::keys::key_facts::KeyFacts;
use crate::output::keys::loss::{Loss, Losses, MODULE};
use crate::output::keys::object::Number;
use crate::terminal::log;

/// The type number of a module value, the first byte for RESTORE.
const MODULE_TYPE: u8 = 7;

pub(in crate::output) struct RespKeys {
    format: Option<Format>,
    /// `None` for payloads.
    emptying: Option<Emptying>,
    /// The name of the key of a payload, which does not contain it.
    given: Vec<u8>,
    database: u32,
    key: Option<KeyFacts>,
    name: Vec<u8>,
    /// The target may hold a key of this name, which is deleted before the first command for it.
    replaces: bool,
    command: Command,
    batch: Batch,
    /// Commands after the batch: expiries of its fields.
    after: Vec<u8>,
    held: HeldText,
    /// The field, member or index whose value, score or expiry is next.
    first: Option<Vec<u8>>,
    /// The path whose fields are next.
    path: Vec<u8>,
    /// The index of the last insertion into an array.
    last_insert: Option<u64>,
    groups: Groups,
    /// The value of a module. `None` if it is too long.
    raw: Option<Vec<u8>>,
    /// The next auxiliary value is the code of a script.
    is_script: bool,
    losses: Losses,
}

impl RespKeys {
    pub(in crate::output) fn new(emptying: Emptying) -> Self {
        Self { emptying: Some(emptying), ..Self::of_payloads() }
    }

    /// For the payloads of RESTORE.
    pub(in crate::output) fn of_payloads() -> Self {
        Self {
            format: None,
            emptying: None,
            given: Vec::new(),
            database: 0,
            key: None,
            name: Vec::new(),
            replaces: false,
            command: Command::default(),
            batch: Batch::default(),
            after: Vec::new(),
            held: HeldText::new(u64::MAX),
            first: None,
            path: Vec::new(),
            last_insert: None,
            groups: Groups::default(),
            raw: None,
            is_script: false,
            losses: Losses::default(),
        }
    }

    /// A payload begins, of the key with this name.
    pub(in crate::output) fn begin_payload(&mut self, name: &[u8]) {
        self.given.clear();
        self.given.extend_from_slice(name);
    }

    /// `selected`: the database selected by the output.
    pub(in crate::output) fn item(
        &mut self,
        item: &Item<'_>,
        selected: &mut Option<u32>,
        out: &mut impl Write,
    ) -> Result<(), Failure> {
        let has_value = !matches!(item, Item::Key(_) | Item::KeyEnd | Item::Skipped { .. });
        if has_value && std::mem::take(&mut self.replaces) {
            write(out, &[b"DEL", &self.name])?;
        }
        match *item {
            Item::Start(format) => {
                self.format = Some(format);
                if let Some(emptying) = &mut self.emptying {
                    emptying.begin(format, selected, out)?;
                }
            }
            Item::Text(text) => self.text(&text, selected, out)?,
            Item::Key(key) => {
                self.key = Some((&key).into());
                self.first = None;
                self.name.clear();
                self.name.shrink_to(SHORT);
                self.text(&key.name, selected, out)?;
            }
            Item::Database(database) => self.database = database,
            Item::Command { argc } => {
                select(self.database, selected, out)?;
                self.command.begin(&[], argc);
            }
            Item::ModuleAux { module, .. } => {
                self.raw = None;
                self.losses.say_of(Loss::ModuleAux, module);
            }
            Item::KeyMetadata { .. } => {
                self.raw = None;
                self.losses.say(Loss::Metadata);
            }
            Item::Skipped { .. } => self.damaged(out)?,
            Item::KeyEnd => {
                self.replaces = false;
                self.end(out)?;
            }
            _ => self.value(item, out)?,
        }
        Ok(())
    }

    /// The output is outside of commands and keys.
    pub(in crate::output) fn is_between_keys(&self) -> bool {
        self.key.is_none() && !self.command.is_flowing()
    }

    /// The output ends.
    pub(in crate::output) fn finish(&self) {
        if let Some(emptying) = &self.emptying {
            emptying.finish();
        }
    }

    /// The snapshot is cut off.
    pub(in crate::output) fn abandon(&mut self, out: &mut impl Write) -> Result<(), Failure> {
        let key = self.key.take();
        if self.command.is_flowing() {
            return Err(Failure::Message(
                "the snapshot was cut off inside a large value that is partly written: the output ends inside a \
                 command and can't be loaded"
                    .into(),
            ));
        }
        self.command = Command::default();
        self.batch.clear();
        self.after.clear();
        match key {
            // A part of the key may have been written.
            Some(_) if !self.name.is_empty() => Ok(write(out, &[b"DEL", &self.name])?),
            _ => Ok(()),
        }
    }

    fn text(&mut self, text: &Text<'_>, selected: &mut Option<u32>, out: &mut impl Write) -> Result<(), Failure> {
        match text.role {
            Role::KeyName => {
                self.name.extend_from_slice(text.bytes);
                self.name.extend_from_slice(&self.given);
                if text.is_last() {
                    self.begin(selected, out)?;
                }
            }
            Role::AuxName => self.is_script = text.bytes == b"lua",
            Role::AuxValue if self.is_script => self.alone(&[b"SCRIPT", b"LOAD"], text, out)?,
            Role::Function => self.alone(&[b"FUNCTION", b"LOAD", b"REPLACE"], text, out)?,
            Role::Argument | Role::EntryField | Role::EntryValue => self.command.text(text, out)?,
            Role::Value => {
                let name = std::mem::take(&mut self.name);
                self.alone(&[b"SET", &name], text, out)?;
                self.name = name;
            }
            Role::Element if self.is(Type::Array) => self.field_value(text, out)?,
            Role::Element | Role::Member if !self.is(Type::Zset) && !self.has_expiring_members() => {
                self.element(text, out)?;
            }
            Role::FieldValue => self.field_value(text, out)?,
            Role::Path | Role::Field | Role::Member | Role::GroupName | Role::ConsumerName => {
                let Some(Argument::Whole(bytes)) = self.held.text(text) else { return Ok(()) };
                match text.role {
                    Role::GroupName => self.groups.name(bytes),
                    Role::ConsumerName => self.groups.consumer_name(bytes),
                    Role::Path => bytes.clone_into(&mut self.path),
                    _ => self.first = Some(bytes.to_vec()),
                }
                if let (true, Some(member)) = (self.has_expiring_members(), &self.first) {
                    self.batch.push(&[member]);
                    self.flush_full(out)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, selected: &mut Option<u32>, out: &mut impl Write) -> io::Result<()> {
        let Some(key) = self.key else { return Ok(()) };
        if key.idle_s.is_some() || key.frequency.is_some() {
            self.losses.say(Loss::Use);
        }
        match key.kind {
            Type::Array => self.last_insert = None,
            Type::Stream => self.groups.begin(),
            _ => {}
        }
        select(key.db, selected, out)?;
        // SET replaces a key. Other commands would add to its elements. A key without elements is none for servers.
        let keeps = self.emptying.as_ref().is_some_and(Emptying::leaves_keys);
        self.replaces = keeps && key.kind != Type::String;
        Ok(())
    }

    /// Writes a command with this string, or a piece of it, as its last argument.
    fn alone(&mut self, args: &[&[u8]], text: &Text<'_>, out: &mut impl Write) -> io::Result<()> {
        if text.is_first() {
            self.command.begin(args, 1);
        }
        self.command.text(text, out)
    }

    fn element(&mut self, text: &Text<'_>, out: &mut impl Write) -> io::Result<()> {
        let Some(verb) = self.verb() else { return Ok(()) };
        if is_short(text) {
            self.batch.push(&[text.bytes]);
            return self.flush_full(out);
        }
        self.flush(out)?;
        let name = std::mem::take(&mut self.name);
        self.alone(&[verb.as_bytes(), &name], text, out)?;
        self.name = name;
        Ok(())
    }

    fn field_value(&mut self, text: &Text<'_>, out: &mut impl Write) -> io::Result<()> {
        // Without a field, the field was damaged.
        let Some(field) = self.first.take() else { return Ok(()) };
        match self.verb() {
            Some(_) if is_short(text) => {
                self.flush_full(out)?;
                self.batch.push(&[&field, text.bytes]);
            }
            verb => {
                self.flush(out)?;
                let (name, path) = (std::mem::take(&mut self.name), std::mem::take(&mut self.path));
                match verb {
                    Some(verb) => self.alone(&[verb.as_bytes(), &name, &field], text, out)?,
                    None => self.alone(&[b"PHSET", &name, &path, &field], text, out)?,
                }
                (self.name, self.path) = (name, path);
            }
        }
        // Its expiry may follow, and needs the field again.
        self.first = Some(field);
        Ok(())
    }

    fn value(&mut self, item: &Item<'_>, out: &mut impl Write) -> io::Result<()> {
        match *item {
            Item::Score(score) => {
                let Some(member) = self.first.take() else { return Ok(()) };
                if score.is_nan() {
                    self.losses.say(Loss::Nan);
                    return Ok(());
                }
                self.batch.push(&[Number(score).to_string().as_bytes(), &member]);
                self.flush_full(out)?;
            }
            Item::FieldExpiry { at_ms } => {
                let Some(field) = self.first.take() else { return Ok(()) };
                let at = at_ms.to_string();
                let (verb, what): (&[u8], &[u8]) = match self.is(Type::Set) {
                    true => (b"SPEXPIREAT", b"MEMBERS"),
                    false => (b"HPEXPIREAT", b"FIELDS"),
                };
                append(&mut self.after, &[verb, &self.name, at.as_bytes(), what, b"1", &field]);
            }
            Item::Entry(entry) => {
                self.groups.entry(entry.id);
                let id = entry.id.to_string();
                self.command.begin(&[b"XADD", &self.name, id.as_bytes()], entry.fields.saturating_mul(2));
            }
            Item::Stream(state) => self.groups.state(&self.name, state, out)?,
            Item::Group { last, read, .. } => self.groups.group(&self.name, last, read, out)?,
            Item::Pending { id, delivered_at_ms, deliveries } => {
                self.groups.pending(id, delivered_at_ms, deliveries, &mut self.losses);
            }
            Item::Consumers { count } => {
                self.groups.consumers();
                if count > 0 {
                    self.losses.say(Loss::Seen);
                }
            }
            Item::Consumer { .. } => self.groups.consumer(&self.name, out)?,
            Item::ConsumerPending(id) => self.groups.consumer_pending(&self.name, id, out)?,
            Item::Returned(_) => self.losses.say(Loss::Returned),
            Item::Idempotence { duration_s: 0, most: 0, producers: 0 } => {}
            Item::Idempotence { .. } => self.losses.say(Loss::Idempotence),
            Item::Array { last_insert, .. } => self.last_insert = last_insert,
            Item::Index(index) => self.first = Some(index.to_string().into_bytes()),
            Item::Rate(value) => {
                let number = self.key.map_or(0, |key| key.number);
                // A length of 64 bits.
                let payload = [&[number, 0x81][..], &value.to_be_bytes()].concat();
                self.restore(payload, out)?;
            }
            Item::Module(id) => {
                self.raw = Some(vec![MODULE_TYPE]);
                self.losses.module = id.to_string();
            }
            Item::Raw { bytes, last } => self.raw(bytes, last, out)?,
            _ => {}
        }
        Ok(())
    }

    fn raw(&mut self, bytes: &[u8], last: bool, out: &mut impl Write) -> io::Result<()> {
        let Some(raw) = &mut self.raw else { return Ok(()) };
        if raw.len() + bytes.len() > MODULE {
            self.raw = None;
            self.losses.say_of(Loss::LongModule, self.losses.module.clone());
            return Ok(());
        }
        raw.extend_from_slice(bytes);
        if !last {
            return Ok(());
        }
        let payload = std::mem::take(raw);
        self.raw = None;
        self.restore(payload, out)
    }

    /// Writes a type and a value, for a type without commands.
    fn restore(&self, mut payload: Vec<u8>, out: &mut impl Write) -> io::Result<()> {
        let version = self.format.map_or(0, |format| format.version);
        payload.extend_from_slice(&version.to_le_bytes());
        let crc = Crc64::new().update(&payload).value();
        payload.extend_from_slice(&crc.to_le_bytes());
        write(out, &[b"RESTORE", &self.name, b"0", &payload])
    }

    /// Damaged data was skipped, in a key or outside of keys.
    fn damaged(&mut self, out: &mut impl Write) -> Result<(), Failure> {
        // A field without its value, or a member without its score, is dropped.
        self.first = None;
        self.groups.damaged();
        match self.command.give_up(out) {
            Ok(false) => Ok(()),
            Ok(true) => {
                log::say("a large value is damaged: its rest is filled up with zero bytes");
                Ok(())
            }
            Err(GiveUp::Output(error)) => Err(error.into()),
            Err(GiveUp::TooLong) => Err(Failure::Message(
                "a damaged value has an implausible length: the output ends inside a command and can't be loaded"
                    .into(),
            )),
        }
    }

    fn end(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.flush(out)?;
        self.groups.begin();
        let Some(key) = self.key.take() else { return Ok(()) };
        // Of an array. The index of the next insertion is the last one plus one.
        if let Some(next) = self.last_insert.take().and_then(|last| last.checked_add(1)) {
            write(out, &[b"ARSEEK", &self.name, next.to_string().as_bytes()])?;
        }
        if key.no_evict {
            write(out, &[b"BLESS", b"SET", &self.name, b"NO-EVICT"])?;
        }
        match key.expire_at_ms {
            Some(at) => write(out, &[b"PEXPIREAT", &self.name, at.to_string().as_bytes()]),
            None => Ok(()),
        }
    }

    fn flush_full(&mut self, out: &mut impl Write) -> io::Result<()> {
        if self.batch.is_full() || self.after.len() > SHORT { self.flush(out) } else { Ok(()) }
    }

    fn flush(&mut self, out: &mut impl Write) -> io::Result<()> {
        if let Some(verb) = self.verb() {
            self.batch.write(verb, &self.name, out)?;
        }
        out.write_all(&self.after)?;
        self.after.clear();
        Ok(())
    }

    /// The command that adds elements to the key.
    fn verb(&self) -> Option<&'static str> {
        Some(match self.key?.kind {
            Type::List => "RPUSH",
            Type::Set => "SADD",
            Type::Zset => "ZADD",
            Type::Hash => "HSET",
            Type::Array => "ARMSET",
            _ => return None,
        })
    }

    fn has_expiring_members(&self) -> bool {
        self.key.is_some_and(|key| key.has_expiring_members())
    }

    fn is(&self, kind: Type) -> bool {
        self.key.is_some_and(|key| key.kind == kind)
    }
}

/// Whether the string goes into a batch. Independent of how it arrived.
fn is_short(text: &Text<'_>) -> bool {
    text.length <= WHOLE_TEXT as u64
}

fn select(database: u32, selected: &mut Option<u32>, out: &mut impl Write) -> io::Result<()> {
    if selected.replace(database) == Some(database) {
        return Ok(());
    }
    write(out, &[b"SELECT", database.to_string().as_bytes()])
}
