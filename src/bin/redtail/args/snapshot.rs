//! `redtail snapshot`.

use clap::Args;
use redtail::{Backoff, Checkpoint, Start};

use super::filter::Filter;
use super::output::{Format, Output};
use super::server::Server;
use super::tail::{AckChoice, GapChoice, Tail};

const SNAPSHOT_EXAMPLES: &str = "\
Examples:
  redtail snapshot localhost:6379
  redtail snapshot localhost:6379 --format json | jq -r .key
  redtail snapshot old:6379 --format resp | redis-cli -h new --pipe

The server forks and sends everything, as to a new replica. What is written
meanwhile is not in it: `redtail tail --from snapshot` prints it after the keys,
without a gap, and so does `redtail tail --from POSITION` with the position that
is said at the end.

Exit codes: 0 done, 1 failed or cut off in the middle, 2 wrong usage.";

#[derive(Debug, Args)]
#[command(after_help = SNAPSHOT_EXAMPLES)]
pub(crate) struct Snapshot {
    #[command(flatten)]
    pub(crate) server: Server,

    /// text: one line a key; json: one object a line, for programs; resp: commands that `redis-cli --pipe` loads
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// End after N keys
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// Print what stands beside the keys too
    #[arg(long)]
    all: bool,

    /// With --format json: print each element of a key on a line of its own, and long strings in pieces
    ///
    /// Memory then does not depend on how much a key holds. `redtail help decode` tells which lines there are.
    #[arg(long)]
    elements: bool,

    /// Leave out strings longer than this, and say how long they are [default: 16777216]
    #[arg(long, value_name = "BYTES")]
    max_arg: Option<u64>,
}

impl Snapshot {
    /// Following a server, but not beyond its snapshot.
    pub(crate) fn as_tail(&self) -> Tail {
        let Self { server, format, count, all, elements, max_arg } = self;
        let (format, count, all, elements, max_arg) = (*format, *count, *all, *elements, *max_arg);
        Tail {
            server: server.clone(),
            from: Some(Start::Snapshot),
            checkpoint: None,
            checkpoint_commands: Checkpoint::COMMANDS,
            checkpoint_interval: Checkpoint::INTERVAL,
            allow_probe: false,
            on_gap: GapChoice::Stop,
            ack: AckChoice::Observe,
            reconnect: Some(Backoff::OFF),
            heartbeat: None,
            output: Output {
                format,
                count,
                until: None,
                all,
                elements,
                max_arg,
                assume_db: None,
                keys: false,
                stats: false,
                filter: Filter::default(),
            },
            only_snapshot: true,
        }
    }
}
