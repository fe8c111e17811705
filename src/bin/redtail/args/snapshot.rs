//! `redtail snapshot`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use redtail::{Ack, Backoff, OnGap, Start};

use crate::args::fact::{EMPTIED, Facts, KEYS, NO_KEYS, either};
use crate::args::filter::Filter;
use crate::args::follow::{Follow, SnapshotTo};
use crate::args::output::{Output, OutputFormat};
use crate::args::parse::{TARGET_VERSION, facts_of_file};
use crate::args::server::Server;
use crate::args::watch::Watch;

const SNAPSHOT_EXAMPLES: &str = "\
Examples:
  Every key, one per line:
    redtail snapshot localhost:6379
    redtail snapshot localhost:6379 --format json | jq -r .key
  Into another server:
    redtail snapshot old:6379 --format resp --empty-target |
      redtail load new:6379
  Into a file that redis-server and valkey-server load:
    redtail snapshot localhost:6379 -o dump.rdb
  To another machine:
    redtail snapshot localhost:6379 -o - | ssh backup 'cat > dump.rdb'

The server forks and sends all data, as to a new replica. The snapshot does not
contain writes made meanwhile. `redtail tail --from snapshot` prints them after
the keys, without a gap. `redtail tail --from POSITION` does the same with the
position that is printed at the end.

With -o FILE the data is first written to FILE.unfinished-XXXXXXXX. That file is
renamed to FILE once it is complete, verified and synced. Only its owner can
read it; on Windows, it has the permissions of its folder. A failed or
interrupted run removes it; kill -9 leaves it behind.

Exit codes: 0 done, 1 failed or cut off in the middle, 2 wrong usage.";

#[derive(Debug, Args)]
#[command(after_help = SNAPSHOT_EXAMPLES)]
pub(crate) struct Snapshot {
    #[command(flatten)]
    server: Server,

    /// Write the snapshot, a dump.rdb, to FILE (- is standard output) instead of printing keys
    #[arg(short = 'o', long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Let -o replace an existing file
    #[arg(long, requires = "output")]
    force: bool,

    /// text: one line per key; json: one object per line; resp: commands for `redtail load` [default: text]
    #[arg(long, value_enum, hide_default_value = true)]
    format: Option<OutputFormat>,

    /// End after N keys
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// With --format resp: delete the selected keys of the target before each snapshot
    ///
    /// Without filters this is FLUSHALL and FUNCTION FLUSH, with --db FLUSHDB in each of these databases. With --key a
    /// script deletes the keys that match. Nothing outside of the filters is touched. A snapshot needs this option,
    /// because the target may hold selected keys that the server does not have.
    #[arg(long)]
    empty_target: bool,

    /// With --format resp: delete nothing in the target, since it holds no selected keys that the server lacks
    ///
    /// For several sources with different keys, such as the shards of a cluster, and one target.
    #[arg(long, conflicts_with = "empty_target")]
    target_is_empty: bool,

    /// With --format resp: print only what this version understands, such as redis-7.0 or valkey-8.1
    ///
    /// Newer commands and options are rewritten. A RESTORE that the target would refuse gets its version, or is opened
    /// into plain commands. What can't be expressed is left out, with one message per kind. See docs/migration.md.
    #[arg(long, value_name = "VERSION", value_parser = TARGET_VERSION, hide_possible_values = true)]
    target_version: Option<redtail::Server>,

    /// Print only keys of database N
    #[arg(long, value_name = "N", value_delimiter = ',')]
    db: Vec<u32>,

    /// Print only keys that match the pattern, as for KEYS and SCAN: 'user:*', h?llo, [a-c]*
    #[arg(long, value_name = "GLOB")]
    key: Vec<OsString>,

    /// Leave out keys that match the pattern: 'cache:*'. For --format text and json
    #[arg(long, value_name = "GLOB")]
    not_key: Vec<OsString>,

    /// Also print the metadata of the snapshot
    #[arg(long)]
    all: bool,

    /// With --format json: print each element of a key on a line of its own, and long strings in pieces
    ///
    /// Memory is then independent of the size of a key. `redtail help decode` lists the kinds of lines.
    #[arg(long)]
    elements: bool,

    /// Replace strings longer than N bytes by their length [default: 16777216]
    #[arg(long, value_name = "N")]
    max_arg: Option<u64>,

    /// With --format text: print UTF-8 as it is, and other bytes with escapes
    ///
    /// This is the default if the output is a terminal and the locale (LC_ALL, LC_CTYPE, LANG) is UTF-8.
    #[arg(long, overrides_with = "no_raw")]
    raw: bool,

    /// With --format text: print each byte that is not printable ASCII as an escape, as redis-cli --no-raw does
    ///
    /// This is the default for files, pipes and other terminals.
    #[arg(long, overrides_with = "raw")]
    no_raw: bool,
}

impl Snapshot {
    /// Follows a server until its snapshot is complete.
    pub(crate) fn follow(self) -> Follow {
        let force = self.force;
        Follow {
            verb: "snapshot",
            output: self.printing(),
            server: self.server,
            cluster: false,
            start: Some(Start::Snapshot),
            only_snapshot: true,
            checkpoint: None,
            snapshot_to: self.output.map(|path| SnapshotTo { path, force }),
            allow_probe: false,
            on_gap: OnGap::Stop,
            ack: Ack::Observe,
            reconnect: Some(Backoff::OFF),
            heartbeat: None,
            watch: Watch::default(),
            positions: false,
            until_caught_up: false,
        }
    }

    fn printing(&self) -> Output {
        let Self { format, count, all, elements, max_arg, .. } = *self;
        Output {
            format: format.unwrap_or(OutputFormat::Text),
            output: None,
            count,
            until: None,
            all,
            elements,
            max_arg,
            raw: self.raw,
            no_raw: self.no_raw,
            assume_db: None,
            empty_target: self.empty_target,
            target_version: self.target_version,
            keys: false,
            stats: false,
            filter: Filter {
                db: self.db.clone(),
                key: self.key.clone(),
                not_key: self.not_key.clone(),
                ..Filter::default()
            },
        }
    }

    pub(super) fn facts(&self) -> Facts {
        let file = self.output.as_deref().map_or(0, facts_of_file);
        let keys = either(self.output.is_none(), KEYS, NO_KEYS);
        self.server.facts() | self.printing().facts() | file | keys | either(self.target_is_empty, EMPTIED, 0)
    }
}
