//! The payload of RESTORE and FUNCTION RESTORE, for a target that refuses its version.
//!
//! A payload whose type the target knows gets the version of the target. Another one is opened into commands.

use redtail::Server;
use redtail::rdb::{Crc64, Dump, Format, Item, Magic, RdbError, Role, Text};

use crate::failure::Failure;
use crate::output::dialect::Rewriter;
use crate::output::keys::resp::RespKeys;
use crate::output::keys::shared_names::SharedNames;
use crate::output::payload_command::PayloadCommand;

/// The last version that Redis and Valkey share.
const SHARED: u16 = 11;

const MODULE: u8 = 7;
const FUNCTION: u8 = 245;

impl Rewriter {
    /// RESTORE, RESTORE-ASKING or a subcommand of FUNCTION.
    pub(super) fn restore(&mut self, mut args: Vec<Vec<u8>>, depth: usize) -> Vec<Vec<Vec<u8>>> {
        let is_function = args.first().is_some_and(|name| name.eq_ignore_ascii_case(b"FUNCTION"));
        let is_restore = args.get(1).is_some_and(|word| word.eq_ignore_ascii_case(b"RESTORE"));
        if is_function && (!self.has_functions() || !is_restore) {
            return self.function(args);
        }
        let first = |at: usize| args.get(at).map(Vec::as_slice).unwrap_or_default();
        let Some(command) = PayloadCommand::of(first(0), first(1)) else { return vec![args] };
        let Some(payload) = args.get(command.payload()) else { return vec![args] };
        // The target says what is wrong with a damaged one.
        let Ok(dump) = Dump::new(payload) else { return vec![args] };
        let kind = payload.first().copied().unwrap_or_default();
        if kind == MODULE && !self.has_module(payload) {
            return Vec::new();
        }
        if self.target.reads(dump.format()) {
            return vec![args];
        }
        let version = shared_version(&self.target);
        if kind == FUNCTION || last_type(version).is_some_and(|last| kind <= last) {
            let payload = stamped(payload, version);
            if let Some(old) = args.get_mut(command.payload()) {
                *old = payload;
            }
            return vec![args];
        }
        match opened(&mut self.keys, command, &args, payload) {
            Ok(commands) => commands.into_iter().flat_map(|args| self.translate(args, depth + 1)).collect(),
            Err(why) => {
                self.say_lost(&format!(
                    "the payload of a RESTORE can't be opened for {{}} ({why}): those keys are missing"
                ));
                Vec::new()
            }
        }
    }

    fn has_functions(&self) -> bool {
        self.target.is_since(Some((7, 0)), Some((7, 2)))
    }

    fn function(&mut self, args: Vec<Vec<u8>>) -> Vec<Vec<Vec<u8>>> {
        if self.has_functions() {
            return vec![args];
        }
        if !args.get(1).is_some_and(|word| word.eq_ignore_ascii_case(b"FLUSH")) {
            self.say_lost("{} does not have functions: they are left out");
        }
        Vec::new()
    }

    /// Says once that the target needs the module of a value. Vector sets are a part of Redis 8.
    fn has_module(&mut self, payload: &[u8]) -> bool {
        let mut dump = match Dump::new(payload) {
            Ok(dump) => dump,
            Err(_) => return true,
        };
        while let Ok(Some(item)) = dump.next_item() {
            if let Item::Module(id) = item {
                if id.to_string().starts_with("vectorset") && !self.target.is_since(Some((8, 0)), None) {
                    self.say_lost("{} does not have vector sets: those keys are missing");
                    return false;
                }
                self.say("values of modules are printed as they are: the target needs the modules");
                return true;
            }
        }
        true
    }
}

/// The version of payloads for the target whose types have the same numbers everywhere.
pub(super) fn shared_version(target: &Server) -> u16 {
    match target.snapshot_format() {
        Format { magic: Magic::Redis, version } => version.min(SHARED),
        _ => SHARED,
    }
}

/// Whether a value of this type gets the version of the target, which reads it.
pub(super) fn is_shared(kind: u8, version: u16) -> bool {
    kind != MODULE && last_type(version).is_some_and(|last| kind <= last)
}

/// The last type of a version with the numbers that all servers share.
fn last_type(version: u16) -> Option<u8> {
    match version {
        ..9 => None,
        9 => Some(15),
        10 => Some(19),
        _ => Some(21),
    }
}

/// The same payload with another version.
fn stamped(payload: &[u8], version: u16) -> Vec<u8> {
    let mut bytes = payload.get(..payload.len().saturating_sub(10)).unwrap_or_default().to_vec();
    bytes.extend_from_slice(&version.to_le_bytes());
    let crc = Crc64::new().update(&bytes).value();
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

/// The commands that make the key of a RESTORE. The error says why there are none.
fn opened(
    keys: &mut RespKeys,
    command: PayloadCommand,
    args: &[Vec<u8>],
    payload: &[u8],
) -> Result<Vec<Vec<Vec<u8>>>, String> {
    let has = |word: &[u8]| args.iter().skip(command.options()).any(|arg| arg.eq_ignore_ascii_case(word));
    let (Some(key), Some(time)) = (args.get(1), args.get(2)) else { return Err("it has no key".to_owned()) };
    let mut made = Vec::new();
    if has(b"REPLACE") {
        made.push(vec![b"DEL".to_vec(), key.clone()]);
    }
    let bytes = commands(keys, key, payload)?;
    let mut rest = bytes.as_slice();
    let mut parser = redtail::CommandParser::stream();
    while !rest.is_empty() {
        let Ok(redtail::Status::Complete(command)) = parser.next(&mut rest) else {
            return Err("a command of it is incomplete".to_owned());
        };
        if PayloadCommand::may_be(command.name()) {
            return Err("only RESTORE makes its value".to_owned());
        }
        made.push(command.args().map(<[u8]>::to_vec).collect());
    }
    if time.as_slice() != b"0" {
        let verb: &[u8] = if has(b"ABSTTL") { b"PEXPIREAT" } else { b"PEXPIRE" };
        made.push(vec![verb.to_vec(), key.clone(), time.clone()]);
    }
    Ok(made)
}

/// The bytes of the commands that make the value of a payload.
fn commands(keys: &mut RespKeys, key: &[u8], payload: &[u8]) -> Result<Vec<u8>, String> {
    let unreadable = |error: RdbError| format!("{}, at byte {}", error.kind, error.offset);
    let unwritable = |failure| match failure {
        Failure::Message(message) => message,
        _ => "its value can't be written as commands".to_owned(),
    };
    let mut out = Vec::new();
    let mut names = SharedNames::default();
    let mut dump = Dump::new(payload).map_err(unreadable)?;
    keys.begin_payload(key);
    while let Some(item) = dump.next_item().map_err(unreadable)? {
        if let Some(name) = names.before(&item) {
            let name = Text { role: Role::EntryField, bytes: name, at: 0, length: name.len() as u64 };
            keys.item(&Item::Text(name), &mut Some(0), &mut out).map_err(unwritable)?;
        }
        keys.item(&item, &mut Some(0), &mut out).map_err(unwritable)?;
    }
    Ok(out)
}
