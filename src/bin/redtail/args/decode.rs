//! `redtail decode`.

use std::path::PathBuf;

use clap::Args;

use super::output::{Format, Output};

const DECODE_EXAMPLES: &str = "\
Examples:
  redtail decode dump.rdb
  redtail decode --format json dump.rdb | jq -c 'select(.event == \"key\") | [.key, .type]'
  redtail decode --format resp dump.rdb | redis-cli -h new --pipe
  redtail decode appendonlydir/appendonly.aof.1.incr.aof
  redtail decode appendonly.aof --command DEL,UNLINK --key 'user:*'
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

Exit codes: 0 done, 1 failed or cut off in the middle, 2 wrong usage.";

#[derive(Debug, Args)]
#[command(after_help = DECODE_EXAMPLES)]
pub(crate) struct Decode {
    /// The file, or - for standard input
    ///
    /// A snapshot (dump.rdb), an append-only file (with a binary preamble or without), a recording (of `redtail record`, or the bytes
    /// that came after PSYNC or SYNC was sent), or a bare stream of commands.
    #[arg(default_value = "-")]
    pub(crate) file: PathBuf,

    /// The replication offset before the first byte of the stream, where the bytes do not tell it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..1 << 63))]
    pub(crate) offset: Option<u64>,

    /// Take the input as RESP of any kind, and print one frame a line
    #[arg(long, conflicts_with_all = ["offset", "all", "until", "assume_db", "elements", "skip_damaged",
          "db", "command", "key", "keys", "stats"])]
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
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if self.frames && self.output.format == Format::Resp {
            return Err("--frames prints text or json: use --format text or --format json");
        }
        self.output.check()
    }
}
