//! What is printed, and how.

use clap::{Args, ValueEnum};
use redtail::{Limits, Options, SnapshotForm};

use super::filter::Filter;

/// What both verbs know about printing.
#[derive(Debug, Clone, Args)]
pub(crate) struct Output {
    /// text: one line a command or key; json: one object a line, for programs; resp: commands that `redis-cli --pipe` loads
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,

    /// End after N printed commands or keys, but not inside a transaction
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// End once this offset is reached, but not inside a transaction
    #[arg(long, value_name = "OFFSET")]
    pub(crate) until: Option<u64>,

    /// Print (and count) SELECT, PING and REPLCONF too, as they pass; of a snapshot what stands beside the keys
    #[arg(long)]
    pub(crate) all: bool,

    /// With --format json: print each element of a key on a line of its own, and long strings in pieces
    ///
    /// Memory then does not depend on how much a key holds.
    #[arg(long)]
    pub(crate) elements: bool,

    /// With --format json: tell of each command which keys it touches
    ///
    /// In "keys", those it names; an empty list if none, with "all_keys":true if any there are (FLUSHALL, FLUSHDB, SWAPDB); null if nobody
    /// knows, as of a module's command, or of one that was too large to hold and names more than a megabyte of keys.
    #[arg(long)]
    pub(crate) keys: bool,

    /// Leave out arguments longer than this, and say how long they are [default: 16777216]
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_arg: Option<u64>,

    /// With --format resp: the database of the first commands, while the stream has not told it
    #[arg(long, value_name = "N")]
    pub(crate) assume_db: Option<u32>,

    /// Say on standard error how much comes, and how fast
    ///
    /// In a terminal a line each second, and at the end, everywhere, what all of it came to. The lag is how many bytes the server is
    /// ahead of us; it is asked for in a terminal only, with INFO, over a connection of its own, where our user may (not with --cluster).
    #[arg(long)]
    pub(crate) stats: bool,

    #[command(flatten)]
    pub(crate) filter: Filter,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
    Resp,
}

impl Output {
    pub(crate) const MAX_ARG: u64 = 16 << 20;

    /// The longest argument to print.
    pub(crate) fn max_arg(&self) -> u64 {
        self.max_arg.unwrap_or(Self::MAX_ARG)
    }

    /// What the library is told: what it delivers, and how much of it at once.
    pub(crate) fn settings(&self) -> Options {
        let parts = match self.format {
            Format::Resp => 64 << 10,
            Format::Text | Format::Json => self.max_arg().saturating_add(1),
        };
        // What is larger flows through in parts, so this is what bounds our memory.
        // Nothing has to be held of a large argument, so it may be longer than servers allow by default.
        let limits = Limits { command: parts.saturating_mul(2).max(4 << 20), bulk: 1 << 40, ..Limits::default() };
        let mut options = Options::default();
        (options.control, options.parts, options.limits) = (true, Some(parts), limits);
        options.snapshot = SnapshotForm::Items;
        options
    }

    pub(super) fn check(&self) -> Result<(), &'static str> {
        match self {
            Self { format: Format::Resp, all: true, .. } => Err(
                "--all can't be used with --format resp: that stream always carries SELECT, and PING and REPLCONF can't be loaded; \
                 remove --all, or choose --format json",
            ),
            Self { format: Format::Resp, max_arg: Some(_), .. } => Err(
                "--max-arg can't be used with --format resp: a command with an argument left out can't be loaded; remove --max-arg \
                 (values of any size pass in little memory)",
            ),
            Self { format: Format::Text | Format::Resp, elements: true, .. } => Err(
                "--elements is for --format json only: text shortens long keys, and resp holds no whole key anyway; add --format json, \
                 or remove --elements",
            ),
            Self { format: Format::Text | Format::Resp, keys: true, .. } => {
                Err("--keys adds a field to JSON lines: add --format json, or remove --keys")
            }
            Self { format: Format::Text | Format::Json, assume_db: Some(_), .. } => Err(
                "--assume-db is for --format resp only: text and json show an unknown database as unknown; remove --assume-db",
            ),
            _ => self.filter.check(),
        }
    }
}
