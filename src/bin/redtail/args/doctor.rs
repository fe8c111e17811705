//! `redtail doctor`.

use std::time::Duration;

use clap::Args;

use crate::args::parse::seconds;
use crate::args::server::Server;

const DOCTOR_EXAMPLES: &str = "\
Examples:
  redtail doctor localhost:6379
  redtail doctor redis://cdc@localhost --password-file pw
  redtail doctor localhost:6379 --sample 60     # under load: a truer write rate
  redtail doctor node:7000 --cluster            # all shards, on one page
  redtail doctor redis+sentinel://a,b,c/mymaster   # and what the Sentinels say
  redtail doctor localhost:6379 --json | jq -r '.findings[].mend[]'

Ask as the user that will follow: half of the answers hang on what it may do.
Whoever has +info +config|get +command|info +acl|whoami +acl|dryrun as well can
have everything checked (before Redis 7.0 it is +acl|getuser).

Nothing on the server is changed, and PSYNC is never tried. Each command that
the user may not use leaves an entry in the server's ACL LOG.

With --json: one object with `target`, `verdict` (good, warnings, impossible),
`exit_code`, `findings` (each with `severity`: good, warn, bad or unknown;
`about`, `what`, `why`, and `mend`: an array of commands), `starts` (`start`,
`possible`: true, false or null, `how`, `mend`), `sentinels` (what each says),
and `facts`, which is null where nothing was learned; with --cluster it has
`shards`, each with `slots`, `primary`, `replicas` and its primary's `facts`.

Exit codes: 0 all good, 1 it can't be followed, 2 wrong usage, 3 with warnings,
or not all could be checked.";

#[derive(Debug, Args)]
#[command(after_help = DOCTOR_EXAMPLES)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) server: Server,

    /// Examine all nodes of the cluster that TARGET is one of, and what they say of each other
    ///
    /// What is wrong with several shards is said once. Besides what is asked of one server that takes +cluster|shards (before 7.0
    /// +cluster|slots) +cluster|info +role, which `tail --cluster` asks too.
    #[arg(long)]
    pub(crate) cluster: bool,

    /// Print one JSON object instead of a page
    #[arg(long)]
    pub(crate) json: bool,

    /// How long to watch the stream grow, for the write rate
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) sample: Duration,
}

impl Doctor {}
