//! Options for the output.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use redtail::{Limits, Options, Server, SnapshotForm};

use crate::args::fact::{ALL_COMMANDS, EMPTIED, Facts, JSON, RESP, TEXT, either};
use crate::args::filter::Filter;
use crate::args::parse::TARGET_VERSION;

/// The output options of `tail` and `decode`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Output {
    /// text: one line per command or key; json: one object per line; resp: commands for `redtail load`
    ///
    /// A snapshot of a tool that merges files may hold a key twice, which makes servers refuse it. redtail needs
    /// constant memory, prints both, and the target of resp keeps the second one or a mixture of both.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    pub(crate) format: OutputFormat,

    /// Write to FILE instead of standard output
    ///
    /// FILE is appended to; an unfinished line at its end is ended first. SIGHUP opens it again, at the end of a line,
    /// or with --format resp of a command or transaction: rename it, then send SIGHUP. With --checkpoint it is synced
    /// to disk before each save.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// End after N printed commands or keys, but not inside a transaction
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// End at this replication offset, but not inside a transaction
    #[arg(long, value_name = "OFFSET")]
    pub(crate) until: Option<u64>,

    /// Also print SELECT, PING and REPLCONF, and the metadata of snapshots
    #[arg(long)]
    pub(crate) all: bool,

    /// With --format json: print each element of a key on a line of its own, and long strings in pieces
    ///
    /// Memory is then independent of the size of a key.
    #[arg(long)]
    pub(crate) elements: bool,

    /// With --format json: add "keys", the keys that a command touches, and "write"
    ///
    /// Each key has its "db" and its "access": "read", "write" or "removed". An empty list means no key. With
    /// "all_keys", an empty list means every key of these databases (FLUSHDB, SWAPDB), or with true of all databases
    /// (FLUSHALL). null means unknown: a command that neither redtail nor the followed server describes, or a command
    /// too large to hold with more than a megabyte of keys. "write" is false for commands that change nothing, such as
    /// PUBLISH.
    #[arg(long)]
    pub(crate) keys: bool,

    /// Replace arguments longer than N bytes by their length [default: 16777216]
    #[arg(long, value_name = "N")]
    pub(crate) max_arg: Option<u64>,

    /// With --format text: print UTF-8 as it is, and other bytes with escapes
    ///
    /// This is the default if the output is a terminal and the locale (LC_ALL, LC_CTYPE, LANG) is UTF-8.
    #[arg(long, overrides_with = "no_raw")]
    pub(crate) raw: bool,

    /// With --format text: print each byte that is not printable ASCII as an escape, as redis-cli --no-raw does
    ///
    /// This is the default for files, pipes and other terminals.
    #[arg(long, overrides_with = "raw")]
    pub(crate) no_raw: bool,

    /// With --format resp: the database of commands before the first SELECT
    ///
    /// The default for an append-only file is 0, as for servers that load it.
    #[arg(long, value_name = "N")]
    pub(crate) assume_db: Option<u32>,

    /// With --format resp: delete the selected keys of the target before each snapshot
    ///
    /// Without filters this is FLUSHALL and FUNCTION FLUSH, with --db FLUSHDB in each of these databases. With --key a
    /// script deletes the keys that match. Nothing outside of the filters is touched. A snapshot of a server needs this
    /// option, because the target may hold selected keys that the server does not have. Without it a snapshot in a
    /// file replaces keys of the same name, and other keys of the target stay.
    #[arg(long)]
    pub(crate) empty_target: bool,

    /// With --format resp: print only what this version understands, such as redis-7.0 or valkey-8.1
    ///
    /// Newer commands and options are rewritten. A RESTORE that the target would refuse gets its version, or is opened
    /// into plain commands. What can't be expressed is left out, with one message per kind. A few commands of more than
    /// 64 MiB can't be rewritten: they are printed unchanged, and counted in a message at the end. See
    /// docs/migration.md.
    #[arg(long, value_name = "VERSION", value_parser = TARGET_VERSION, hide_possible_values = true)]
    pub(crate) target_version: Option<Server>,

    /// Print the number of commands and bytes, and their rates, on standard error
    ///
    /// They are printed at the end, and in a terminal also once per second. A terminal also shows the lag: the number
    /// of bytes that the server is ahead. The lag needs INFO over a second connection, and is not available with
    /// --cluster.
    #[arg(long)]
    pub(crate) stats: bool,

    #[command(flatten)]
    pub(crate) filter: Filter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    Text,
    Json,
    Resp,
}

/// A snapshot of a server as commands, without --empty-target.
pub(crate) const SNAPSHOT_NEEDS_EMPTYING: &str = "--format resp of a snapshot needs --empty-target: the target may hold keys that the server does not have. It \
     deletes only keys that the filters select; without filters, all keys and functions of the target. --target-is-empty deletes \
     nothing";

impl Output {
    pub(crate) const MAX_ARG: u64 = 16 << 20;

    /// The length of the longest argument to print, in bytes.
    pub(crate) fn max_arg(&self) -> u64 {
        self.max_arg.unwrap_or(Self::MAX_ARG)
    }

    /// The options of the library: which events it delivers, and their size.
    pub(crate) fn settings(&self) -> Options {
        let parts = match self.format {
            OutputFormat::Resp => 64 << 10,
            OutputFormat::Text | OutputFormat::Json => self.max_arg().saturating_add(1),
        };
        // Larger commands arrive in parts, so this bounds the memory. A large argument is never held as a whole, so it
        // may be longer than servers allow by default.
        let mut limits = Limits::default();
        (limits.command, limits.bulk) = (parts.saturating_mul(2).max(4 << 20), 1 << 40);
        let mut options = Options::default();
        (options.control, options.parts, options.limits) = (true, Some(parts), limits);
        options.snapshot = SnapshotForm::Items;
        options
    }

    pub(super) fn facts(&self) -> Facts {
        let format = match self.format {
            OutputFormat::Text => TEXT,
            OutputFormat::Json => JSON,
            OutputFormat::Resp => RESP,
        };
        let Filter { command, .. } = &self.filter;
        format | either(self.empty_target, EMPTIED, 0) | either(command.is_empty(), ALL_COMMANDS, 0)
    }
}
