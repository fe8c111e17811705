//! What a snapshot means to a target that may hold keys already.
//!
//! Nothing outside of the filters is touched. With `--empty-target` the target is emptied of what the filters select.
//! Without it, nothing is deleted but keys that the snapshot holds, and a snapshot that would leave other selected keys
//! behind unnoticed is refused: a filtered one, and every one after the first.

use std::io::Write;

use redtail::rdb::{Format, Magic};

use crate::args;
use crate::failure::Failure;
use crate::output::keys::command::write;
use crate::terminal::log;

/// Deletes the keys that match a pattern, in the selected database.
const DELETE_MATCHES: &str = concat!(
    "for _, pattern in ipairs(ARGV) do local cursor = '0' repeat ",
    "local found = redis.call('SCAN', cursor, 'MATCH', pattern, 'COUNT', 1000) cursor = found[1] ",
    "for _, key in ipairs(found[2]) do redis.call('DEL', key) end until cursor == '0' end",
);

/// The same in every database: their number is unknown.
const DELETE_MATCHES_EVERYWHERE: &str = concat!(
    "local db = 0 while true do if redis.pcall('SELECT', db).err then break end ",
    "for _, pattern in ipairs(ARGV) do local cursor = '0' repeat ",
    "local found = redis.call('SCAN', cursor, 'MATCH', pattern, 'COUNT', 1000) cursor = found[1] ",
    "for _, key in ipairs(found[2]) do redis.call('DEL', key) end until cursor == '0' end db = db + 1 end",
);

#[derive(Debug)]
pub(in crate::output) struct Emptying {
    is_wanted: bool,
    dbs: Vec<u32>,
    patterns: Vec<Vec<u8>>,
    has_begun: bool,
}

impl Emptying {
    pub(in crate::output) fn new(options: &args::Output) -> Self {
        let patterns = options.filter.key.iter().map(|glob| glob.clone().into_encoded_bytes()).collect();
        Self { is_wanted: options.empty_target, dbs: options.filter.db.clone(), patterns, has_begun: false }
    }

    /// Whether a key of the snapshot may exist in the target.
    pub(super) const fn leaves_keys(&self) -> bool {
        !self.is_wanted
    }

    /// A snapshot begins: empties the target, or refuses.
    pub(super) fn begin(
        &mut self,
        format: Format,
        selected: &mut Option<u32>,
        out: &mut impl Write,
    ) -> Result<(), Failure> {
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        if self.is_wanted {
            return self.empty(format, selected, out);
        }
        if !is_first {
            return Err(Failure::Message(
                "a second snapshot begins, and the target holds keys of the first one: use --empty-target, which \
                 deletes them before each snapshot"
                    .into(),
            ));
        }
        if !self.dbs.is_empty() || !self.patterns.is_empty() {
            return Err(Failure::Message(args::FILTERED_SNAPSHOT.into()));
        }
        log::say(
            "the snapshot replaces keys of the same name in the target, and leaves its other keys: --empty-target \
             deletes them first",
        );
        Ok(())
    }

    /// The output ends.
    pub(in crate::output) fn finish(&self) {
        if self.is_wanted && !self.has_begun {
            log::say("--empty-target: there was no snapshot, so the target is not emptied");
        }
    }

    fn empty(&self, format: Format, selected: &mut Option<u32>, out: &mut impl Write) -> Result<(), Failure> {
        let matches = |script: &'static str| {
            [&[&b"EVAL"[..], script.as_bytes(), b"0"][..], &self.patterns.iter().map(Vec::as_slice).collect::<Vec<_>>()]
                .concat()
        };
        for &db in &self.dbs {
            if selected.replace(db) != Some(db) {
                write(out, &[b"SELECT", db.to_string().as_bytes()])?;
            }
            if self.patterns.is_empty() {
                write(out, &[b"FLUSHDB"])?;
            } else {
                write(out, &matches(DELETE_MATCHES))?;
            }
        }
        match (self.dbs.is_empty(), self.patterns.is_empty()) {
            (true, true) => {
                write(out, &[b"FLUSHALL"])?;
                match format {
                    Format { magic: Magic::Redis, version: ..10 } => {}
                    _ => write(out, &[b"FUNCTION", b"FLUSH"])?,
                }
                log::say("emptied the target before the snapshot: all keys and functions");
            }
            (true, false) => {
                write(out, &matches(DELETE_MATCHES_EVERYWHERE))?;
                log::say("emptied the target before the snapshot: all keys that match --key");
            }
            (false, true) => log::say("emptied the target before the snapshot: all keys of the databases of --db"),
            (false, false) => {
                log::say("emptied the target before the snapshot: all keys that match --key in the databases of --db");
            }
        }
        Ok(())
    }
}
