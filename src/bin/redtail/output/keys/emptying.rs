//! A snapshot as commands empties the target of what the filters select, with `--empty-target`.
//!
//! Nothing outside of the filters is touched, and nothing inside stays that the source does not have. Without the
//! option a snapshot of a server is refused before the run, and one in a file replaces keys of the same name only.

use std::io::Write;

use redtail::rdb::{Format, Magic};

use crate::args;
use crate::failure::Failure;
use crate::filter::deletion;
use crate::output::keys::command::write;
use crate::terminal::log;

#[derive(Debug)]
pub(in crate::output) struct Emptying {
    is_wanted: bool,
    dbs: Vec<u32>,
    patterns: Vec<Vec<u8>>,
    has_begun: bool,
    /// With --target-version, FUNCTION FLUSH is left out only for a target without functions.
    is_target_known: bool,
}

impl Emptying {
    pub(in crate::output) fn new(options: &args::Output) -> Self {
        let patterns = options.filter.key.iter().map(|glob| glob.clone().into_encoded_bytes()).collect();
        let (dbs, is_target_known) = (options.filter.db.clone(), options.target_version.is_some());
        Self { is_wanted: options.empty_target, dbs, patterns, has_begun: false, is_target_known }
    }

    /// Whether a key of the snapshot may exist in the target.
    pub(super) const fn leaves_keys(&self) -> bool {
        !self.is_wanted
    }

    /// A snapshot begins: empties the target, or says once that it is not emptied.
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
        if is_first {
            log::say(
                "without --empty-target the target is not emptied: keys of the same name are replaced, and other keys \
                 stay that the input does not have",
            );
        }
        Ok(())
    }

    /// The output ends.
    pub(in crate::output) fn finish(&self) {
        if self.is_wanted && !self.has_begun {
            log::say("--empty-target: there was no snapshot, so the target is not emptied");
        }
    }

    fn empty(&self, format: Format, selected: &mut Option<u32>, out: &mut impl Write) -> Result<(), Failure> {
        for command in deletion(&self.dbs, &self.patterns, &[]) {
            if let Some(db) = command.db.filter(|&db| selected.replace(db) != Some(db)) {
                write(out, &[b"SELECT", db.to_string().as_bytes()])?;
            }
            write(out, &command.args.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
        }
        match (self.dbs.is_empty(), self.patterns.is_empty()) {
            (true, true) => {
                match format {
                    Format { magic: Magic::Redis, version: ..10 } if !self.is_target_known => {}
                    _ => write(out, &[b"FUNCTION", b"FLUSH"])?,
                }
                log::say("the output empties the target before the snapshot: all keys and functions");
            }
            (true, false) => log::say("the output empties the target before the snapshot: all keys that match --key"),
            (false, true) => {
                log::say("the output empties the target before the snapshot: all keys of the databases of --db");
            }
            (false, false) => {
                log::say(
                    "the output empties the target before the snapshot: all keys that match --key in the databases of \
                     --db",
                );
            }
        }
        Ok(())
    }
}
