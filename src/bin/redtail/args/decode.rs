//! `redtail decode`.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use clap::Args;
use redtail::{Options, SnapshotForm};

use super::output::{Format, Output};

const DECODE_EXAMPLES: &str = "\
Examples:
  redtail decode dump.rdb
  redtail decode --format json dump.rdb | jq -c 'select(.event == \"key\") | [.key, .type]'
  redtail decode --format resp dump.rdb | redis-cli -h new --pipe
  redtail decode /var/lib/redis/appendonlydir
  redtail decode --format resp appendonlydir | redis-cli -h new --pipe
  redtail decode --follow --commands-only appendonlydir
  redtail decode --snapshot-to base.rdb appendonly.aof >commands.txt
  redtail decode --commands-only --command DEL,UNLINK --key 'user:*' appendonlydir
  redtail decode --format json --offset 1310 recording.bin
  printf 'PING\\r\\n' | nc -q1 localhost 6379 | redtail decode --frames

With --elements the lines of a key are one `key_begin`; in order an `element`
each (`value` of a string or list; `member` of a set; `member` and `score`;
`field`, `value` and `expire_at_ms`; of an array `index` and `value`), of a
stream `entry` (`id`, `fields`), `stream`, `group`, `pending`, `consumer`,
`consumer_pending`, of a module's value `module`; at last one `key_end`, without
which it is not whole. A string of more than 16 KiB stands in `piece` lines
(`of`, `at`, `length`, `value`) before the line it belongs to, and there as
{\"pieces\":LENGTH}.

Append-only files: of a directory (Redis 7.0 and later, Valkey) the base comes
first, then the increments, as its manifest lists them. Offsets count bytes
in each file. A command cut off at the very end, or a transaction without its
EXEC there, is left behind by a crash; servers load what is before it, so this
is said on standard error and is no failure. Anywhere else it is one.

Exit codes: 0 done, 1 failed or cut off in the middle, 2 wrong usage, 4 what a
followed directory has lost before it was read.";

#[derive(Debug, Args)]
#[command(after_help = DECODE_EXAMPLES)]
pub(crate) struct Decode {
    /// The file or append-only directory, or - for standard input
    ///
    /// A snapshot (dump.rdb), an append-only file (with a binary preamble or without), the directory of one in several files or its
    /// manifest, a recording (of `redtail record`, or the bytes that came after PSYNC or SYNC was sent), or a bare stream of commands.
    #[arg(default_value = "-")]
    pub(crate) file: PathBuf,

    /// The replication offset before the first byte of the stream, where the bytes do not tell it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..1 << 63))]
    pub(crate) offset: Option<u64>,

    /// Go on when the end of an append-only file or directory is reached, as it grows, until interrupted
    ///
    /// A command that is there in part is waited for. In a directory a rewrite (BGREWRITEAOF) is followed to the increment that it begins;
    /// the new base, which holds nothing new, is not printed. A single file that is replaced by a rewrite (Redis before 7.0) ends it.
    /// What is written while appendonly is set to no stands in no file, nor does what a replica receives as a snapshot: this is not noticed.
    #[arg(long)]
    pub(crate) follow: bool,

    /// Pass over the snapshot at the front of the file, or the base that is one, and print only the commands
    #[arg(long)]
    pub(crate) commands_only: bool,

    /// Write the snapshot at the front of the file, or the base that is one, into this file, and print only the commands
    ///
    /// It gets its name only once it is whole and verified.
    #[arg(long, value_name = "FILE")]
    pub(crate) snapshot_to: Option<PathBuf>,

    /// Let --snapshot-to replace a file that is there already
    #[arg(long, requires = "snapshot_to")]
    pub(crate) force: bool,

    /// Take the input as RESP of any kind, and print one frame a line
    #[arg(long, conflicts_with_all = [
        "offset", "all", "until", "assume_db", "elements", "skip_damaged", "follow", "commands_only", "snapshot_to",
        "db", "command", "key", "keys", "stats",
    ])]
    pub(crate) frames: bool,

    /// Pass over what is broken inside a value of a snapshot, and say what and where
    ///
    /// Possible where the length of the broken part is known. Without it the first broken byte is the end.
    #[arg(long)]
    pub(crate) skip_damaged: bool,

    #[command(flatten)]
    pub(crate) output: Output,
}

impl Decode {
    pub(crate) fn is_standard_input(&self) -> bool {
        self.file == Path::new("-")
    }

    /// Whether a snapshot is passed over, or goes elsewhere.
    pub(crate) fn without_keys(&self) -> bool {
        self.commands_only || self.snapshot_to.is_some()
    }

    /// What the library is told.
    pub(crate) fn settings(&self) -> Options {
        let mut options = self.output.settings();
        options.snapshot = if self.without_keys() { SnapshotForm::Bytes } else { SnapshotForm::Items };
        options.lenient = self.skip_damaged;
        options
    }

    /// Ends the process with words on what the arguments ask for and can't have.
    pub(crate) fn wrong_usage(&self, words: impl Display) -> ! {
        super::wrong_usage("decode", words)
    }

    pub(super) fn check(&self) -> Result<(), &'static str> {
        if self.frames && self.output.format == Format::Resp {
            return Err("--frames prints text or json: use --format text or --format json");
        }
        if self.follow && self.is_standard_input() {
            return Err("--follow needs a file or directory; standard input is read to its end anyway");
        }
        if self.snapshot_to.as_deref().is_some_and(|file| file == Path::new("-")) {
            return Err("standard output has the commands already, so the snapshot needs a file: --snapshot-to FILE");
        }
        self.output.check()
    }
}
