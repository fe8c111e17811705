//! `redtail decode`.

use std::path::{Path, PathBuf};

use clap::Args;
use redtail::{Options, SnapshotForm};

use crate::args::fact::{
    BY_PATH, COMPRESSED, DIRECTORY, Facts, KEYS, NO_FRAMES, NO_KEYS, ONE_FILE, PLAIN, READ_ONCE, either,
};
use crate::args::output::Output;
use crate::args::parse::facts_of_file;
use crate::args::rules::Given;

const DECODE_EXAMPLES: &str = "\
Examples:
  redtail decode dump.rdb
  redtail decode --format json dump.rdb | jq -c 'select(.event == \"key\") | [.key, .type]'
  redtail decode --format resp --empty-target dump.rdb |
    redtail load new:6379
  redtail decode /var/lib/redis/appendonlydir
  redtail decode --format resp --empty-target appendonlydir |
    redtail load new:6379
  redtail decode --follow --commands-only appendonlydir
  redtail decode --snapshot-to base.rdb appendonly.aof >commands.txt
  redtail decode --commands-only --command DEL,UNLINK --key 'user:*' appendonlydir
  redtail decode --format json --offset 1310 recording.bin
  printf 'PING\\r\\n' | nc -q1 localhost 6379 | redtail decode --frames

With --elements a key begins with a `key_begin` line and ends with a `key_end`
line. A key without `key_end` is incomplete. Between them is one `element` line
per element, with these fields:
  string, list   value
  set            member
  sorted set     member, score
  hash           field, value, expire_at_ms
  array          index, value
A stream has `entry` (`id`, `fields`), `stream`, `group`, `pending`, `consumer`
and `consumer_pending` lines; a value of a module has one `module` line.
A string of more than 16 KiB is split into `piece` lines (`of`, `at`, `length`,
`value`) before its line, which then has {\"pieces\":LENGTH}.

Of an append-only directory (Redis 7.0 and later, Valkey) the base is printed
first, then the increments in the order of the manifest. Offsets count the bytes
of each file. A crash may leave a cut-off command or a transaction without EXEC
at the end. Servers ignore it on load, so redtail prints a message and exits
with code 0. Anywhere else it is an error. Bytes after a snapshot that are not
commands give a message and exit code 0 too.

Exit codes: 0 done, 1 failed or cut off in the middle, 2 wrong usage, 4 a
followed directory lost writes before they were read.";

#[derive(Debug, Args)]
#[command(after_help = DECODE_EXAMPLES)]
pub(crate) struct Decode {
    /// The file or append-only directory, or - for standard input
    ///
    /// One of: a snapshot (dump.rdb); an append-only file, with or without a binary preamble; an append-only directory
    /// or its manifest; a recording, from `redtail record` or as sent by a server after PSYNC or SYNC; a stream of
    /// commands. Each may be compressed: with gzip, LZ4, xz or zstd, or in the VCS envelope of Valkey 9.2. Offsets
    /// count the decompressed bytes.
    #[arg(default_value = "-")]
    pub(crate) file: PathBuf,

    /// The replication offset before the first byte of the stream, if the input does not contain it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..1 << 63))]
    pub(crate) offset: Option<u64>,

    /// Follow an append-only file or directory as it grows, until interrupted
    ///
    /// An incomplete command is printed once it is complete. After a rewrite (BGREWRITEAOF) of a directory the new
    /// increment is printed, but not the new base, which repeats old data. The run ends if a rewrite replaces a single
    /// file (Redis before 7.0). Writes made while appendonly is off, and snapshots received by a replica, are in no
    /// file and go unnoticed. A compressed file can't be followed.
    #[arg(long)]
    pub(crate) follow: bool,

    /// Skip the snapshot at the start of the file or directory, and print only the commands
    ///
    /// The base of a directory is not opened if it is a snapshot (its name ends in .rdb), so it may be of any version.
    #[arg(long)]
    pub(crate) commands_only: bool,

    /// Write the snapshot at the start of the file or directory to FILE, and print only the commands
    ///
    /// FILE appears once the snapshot is complete and verified. It is not compressed.
    #[arg(long, value_name = "FILE")]
    pub(crate) snapshot_to: Option<PathBuf>,

    /// Let --snapshot-to replace an existing file
    #[arg(long, requires = "snapshot_to")]
    pub(crate) force: bool,

    /// Read the input as any kind of RESP, and print one frame per line
    #[arg(long)]
    pub(crate) frames: bool,

    /// Skip damaged values in a snapshot, with one message each
    ///
    /// This works if the length of the damaged data is known. Without this option the run ends at the first damage.
    #[arg(long)]
    pub(crate) skip_damaged: bool,

    /// Accept a corrupt end of an append-only file or directory, of up to BYTES bytes
    ///
    /// A loss of power can leave zeros at the end of the last file. Everything before them is printed, and the exit
    /// code is 0. Redis 8.4 and later do the same if aof-load-corrupt-tail-max-size is set.
    #[arg(long, value_name = "BYTES", default_value_t = 0, hide_default_value = true)]
    pub(crate) max_corrupt_tail: u64,

    #[command(flatten)]
    pub(crate) output: Output,

    #[arg(skip)]
    pub(super) given: Given,
}

impl Decode {
    pub(crate) fn is_standard_input(&self) -> bool {
        self.file == Path::new("-")
    }

    /// Whether the input is a directory, or its manifest.
    pub(crate) fn is_directory(&self) -> bool {
        let is_directory = || self.file.is_dir() || self.file.extension().is_some_and(|it| it == "manifest");
        !self.is_standard_input() && is_directory()
    }

    /// Whether the keys of a snapshot are not printed.
    pub(crate) fn without_keys(&self) -> bool {
        self.commands_only || self.snapshot_to.is_some()
    }

    /// The options of the library.
    pub(crate) fn settings(&self) -> Options {
        let mut options = self.output.settings();
        options.snapshot = if self.without_keys() { SnapshotForm::Bytes } else { SnapshotForm::Items };
        options.lenient = self.skip_damaged;
        options
    }

    pub(super) fn facts(&self) -> Facts {
        self.facts_of(either(self.is_directory(), DIRECTORY, ONE_FILE))
    }

    /// `input`: the kind of the input, or all kinds that it may have.
    fn facts_of(&self, input: Facts) -> Facts {
        input
            | self.output.facts()
            | either(self.is_standard_input(), 0, BY_PATH)
            | either(self.follow, 0, READ_ONCE)
            | either(input & COMPRESSED == 0, PLAIN, 0)
            | either(self.frames, 0, NO_FRAMES)
            | either(self.without_keys(), NO_KEYS, KEYS)
            | self.snapshot_to.as_deref().map_or(0, facts_of_file)
    }

    /// Refuses options that have no effect on an input of this kind.
    pub(crate) fn check_input(&self, input: Facts) -> Result<(), String> {
        self.given.check(self.facts_of(input))
    }
}
