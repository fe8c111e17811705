//! `redtail load`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum, ValueHint};

use crate::args::fact::{ALL_SHARDS, Facts, ONE_SERVER, SENTINELS, TLS_IN_ADDRESS, either};
use crate::args::scheme::Scheme;
use crate::args::server::Server;
use crate::args::watch::Watch;

const LOAD_EXAMPLES: &str = "\
Examples:
  All data of old, and every write after it, into new:
    redtail tail old:6379 --from snapshot --empty-target --format resp \\
      --positions | redtail load new:6379
  Continue after an interruption, and end with the last write of old:
    redtail tail old:6379 --from $(redtail load new:6379 --print-position) \\
      --format resp --positions --until-caught-up | \
      redtail load new:6379 --until-caught-up
  Into a cluster; one node of it is enough:
    redtail tail old:6379 --from snapshot --empty-target --format resp \\
      --positions | redtail load node:7000 --cluster
  A snapshot or an append-only file:
    redtail decode dump.rdb --format resp | redtail load new:6379

Commands are sent without waiting for each reply, and every reply is read. The
writes between two positions of the input (`tail --positions`) are one
transaction of the target, which also stores the position in a key. A run that
continues at that position loses no write, and applies none twice. Delete the
key (redtail:position in database 0) when the move is done.

With --cluster, the position is stored after the writes, not with them: a run
that continues may apply the writes after the last position a second time. A
repetition that the target refuses is named, and does not end the run.

SIGINT and SIGTERM let it read standard input to its end; a second one ends it
at once.

Exit codes: 0 done, 1 failed or commands were refused, 2 wrong usage.";

#[derive(Debug, Args)]
#[command(after_help = LOAD_EXAMPLES)]
pub(crate) struct Load {
    #[command(flatten)]
    pub(crate) server: Server,

    /// The file with the commands, or - for standard input
    #[arg(default_value = "-", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,

    /// Send each command to the node of the cluster that serves its keys; TARGET is any node of it
    ///
    /// Slots may migrate meanwhile. PUBLISH and SPUBLISH go to the node that serves the slot of the channel, other
    /// commands without keys to every primary. A transaction with keys of several slots is applied command by command.
    #[arg(long)]
    pub(crate) cluster: bool,

    /// After a refused command: stop, or count it and continue
    ///
    /// Each refused command is named with the message of the server. A refusal of everything, such as READONLY, OOM or
    /// NOPERM, ends the run in any case. With continue, commands are not grouped into transactions: after an
    /// interruption, writes after the last position are applied again.
    #[arg(long, value_name = "CHOICE", value_enum, default_value_t = OnError::Stop)]
    pub(crate) on_error: OnError,

    /// The key of the target that stores the position, in database 0
    #[arg(long, value_name = "KEY", default_value = "redtail:position")]
    pub(crate) position_key: String,

    /// Fail unless the input is complete: the output of `tail --positions --until-caught-up`
    ///
    /// A program that was killed, or that has failed, ends a pipe as any other does. With this option the exit code is
    /// 0 only if the target has every write that the source had when `tail` asked for its offset.
    #[arg(long)]
    pub(crate) until_caught_up: bool,

    /// Report how far this server, from which the input comes, is ahead of the target
    ///
    /// Once the target stores a position (`tail --positions`), the server is asked for its offset once per second
    /// (INFO, permission +info). The progress, --metrics and --status show the distance between both in bytes and in
    /// seconds; until then the lag is unknown. ADDR is written as TARGET; TLS needs rediss:// before it.
    #[arg(long, value_name = "ADDR", value_hint = ValueHint::Hostname)]
    pub(crate) source: Option<String>,

    /// The file with the password for --source; without it REDTAIL_SOURCE_PASSWORD is read
    #[arg(long, value_name = "FILE", requires = "source")]
    pub(crate) source_password_file: Option<PathBuf>,

    /// Print the position that the target stores, and load nothing
    #[arg(long, conflicts_with_all = ["file", "on_error", "until_caught_up", "source", "metrics", "status"])]
    pub(crate) print_position: bool,

    #[command(flatten)]
    pub(crate) watch: Watch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnError {
    /// End with exit code 1
    Stop,
    /// Count refused commands, and end with exit code 1 at the end of the input
    Continue,
}

impl Load {
    pub(crate) fn is_standard_input(&self) -> bool {
        self.file == Path::new("-")
    }

    pub(super) fn facts(&self) -> Facts {
        let source = self.source.as_deref().and_then(Scheme::split).unwrap_or_default().0;
        self.server.facts()
            | either(self.cluster, ALL_SHARDS, ONE_SERVER)
            | either(source.tls, TLS_IN_ADDRESS, 0)
            | either(source.sentinels, SENTINELS, 0)
    }
}
