//! Data of a snapshot that is not in keys, as JSON.

use std::io::{self, Write};

use redtail::rdb::{Checksum, Item, Role};

use crate::output::argument::Argument;
use crate::output::keys::key_facts::KeyFacts;
use crate::output::keys::object::Object;

pub(super) struct NonKeys {
    all: bool,
    object: Object,
    /// The owner of the raw bytes.
    raw: Raw,
    /// The metadata of the next key: classes and their sizes in bytes.
    metadata: Vec<(String, u64)>,
    database: u32,
    /// The number of missing arguments of a command.
    arguments: u64,
}

#[derive(Clone, Copy)]
enum Raw {
    Module,
    Metadata,
}

impl NonKeys {
    pub(super) fn new(all: bool) -> Self {
        let (object, metadata) = (Object::default(), Vec::new());
        Self { all, object, raw: Raw::Metadata, metadata, database: 0, arguments: 0 }
    }

    /// Writes the fields of a key after its name.
    pub(super) fn key(&mut self, key: &KeyFacts, object: &mut Object) {
        object.name("type").plain(key.kind.name());
        object.name("expire_at_ms").optional(key.expire_at_ms);
        self.attributes(key, object);
    }

    /// Writes the fields after the expiry.
    pub(super) fn attributes(&mut self, key: &KeyFacts, object: &mut Object) {
        if let Some(idle) = key.idle_s {
            object.name("idle_s").number(idle);
        }
        if let Some(frequency) = key.frequency {
            object.name("frequency").number(frequency);
        }
        if key.no_evict {
            object.name("no_evict").number(true);
        }
        if !self.metadata.is_empty() {
            object.name("metadata").array();
            let depth = object.depth();
            for (class, bytes) in self.metadata.drain(..) {
                object.element().object();
                object.name("class").text(&class);
                object.name("bytes").number(bytes);
                object.close_to(depth);
            }
            object.close_to(depth - 1);
        }
    }

    /// Whether a string with this role is printed.
    pub(super) fn wants(&self, role: Role) -> bool {
        self.all || matches!(role, Role::Function | Role::Argument)
    }

    pub(super) fn text(&mut self, role: Role, argument: Argument<'_>, out: &mut impl Write) -> io::Result<()> {
        let event = match role {
            Role::Function => {
                self.object.begin();
                self.object.name("code");
                "function"
            }
            Role::AuxName if self.all => {
                self.object.begin();
                self.object.name("name");
                return self.object.argument(argument, out);
            }
            Role::AuxValue if self.all => {
                if !self.object.is_open() {
                    // The name was damaged.
                    self.object.begin();
                    self.object.name("name").null();
                }
                self.object.name("value");
                "aux"
            }
            Role::SlotImport if self.all => {
                self.object.begin();
                self.object.name("job");
                "slot_import"
            }
            Role::Argument => {
                self.object.element().argument(argument, out)?;
                return self.one_argument(out);
            }
            _ => return Ok(()),
        };
        self.object.argument(argument, out)?;
        self.object.end(event, out)
    }

    pub(super) fn fact(&mut self, item: &Item<'_>, out: &mut impl Write) -> io::Result<()> {
        let object = &mut self.object;
        match *item {
            Item::Database(database) => {
                self.database = database;
                Ok(())
            }
            Item::Command { argc } => {
                object.begin();
                object.name("db").number(self.database);
                object.name("args").array();
                self.arguments = argc;
                if argc == 0 { object.end("snapshot_command", out) } else { Ok(()) }
            }
            Item::KeyMetadata { class } => {
                self.raw = Raw::Metadata;
                self.metadata.push((class.escape_ascii().to_string(), 0));
                Ok(())
            }
            Item::ModuleAux { module, when } => {
                self.raw = Raw::Module;
                self.metadata = vec![(module.to_string(), 0)];
                object.begin();
                object.name("module").text(&module.to_string());
                object.name("when").number(when);
                Ok(())
            }
            Item::Raw { bytes, last } => {
                if let Some((_, count)) = self.metadata.last_mut() {
                    *count += bytes.len() as u64;
                }
                if let (true, Raw::Module) = (last, self.raw) {
                    let bytes = self.metadata.pop().map_or(0, |(_, bytes)| bytes);
                    object.name("bytes").number(bytes);
                    return if self.all { object.end("module_aux", out) } else { object.void(out) };
                }
                Ok(())
            }
            Item::Skipped { .. } if self.arguments > 0 => {
                object.element().null();
                self.one_argument(out)
            }
            _ if self.all => self.detail(item, out),
            _ => Ok(()),
        }
    }

    /// An item that is printed with `--all` only.
    fn detail(&mut self, item: &Item<'_>, out: &mut impl Write) -> io::Result<()> {
        let object = &mut self.object;
        let event = match *item {
            Item::Start(format) => {
                object.begin();
                object.name("format").plain(format);
                "format"
            }
            Item::Sizes { keys, expires } => {
                object.begin();
                object.name("db").number(self.database);
                object.name("keys").number(keys);
                object.name("expires").number(expires);
                "sizes"
            }
            Item::Slot { slot, keys, expires } => {
                object.begin();
                object.name("slot").number(slot);
                object.name("keys").number(keys);
                object.name("expires").number(expires);
                "slot"
            }
            Item::Foreign { number, value } => {
                object.begin();
                object.name("opcode").number(u64::from(number));
                object.name("value").number(value);
                "foreign"
            }
            Item::SlotRange { first, last } => {
                object.begin();
                object.name("first").number(first);
                object.name("last").number(last);
                "slot_range"
            }
            Item::End(checksum) => {
                object.begin();
                object.name("checksum").plain(match checksum {
                    Checksum::Verified => "verified",
                    Checksum::Absent => "absent",
                    Checksum::Ignored => "ignored",
                });
                "checksum"
            }
            _ => return Ok(()),
        };
        object.end(event, out)
    }

    /// An argument of a command is complete.
    fn one_argument(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.arguments = self.arguments.saturating_sub(1);
        if self.arguments == 0 { self.object.end("snapshot_command", out) } else { Ok(()) }
    }

    /// The snapshot is cut off.
    pub(super) fn abandon(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.metadata.clear();
        self.object.void(out)
    }
}
