//! `redtail doctor`.

use std::time::Duration;

use clap::Args;

use crate::args::fact::{Facts, ONE_SERVER};
use crate::args::parse::{TARGET_VERSION, seconds};
use crate::args::server::Server;

const DOCTOR_EXAMPLES: &str = "\
Examples:
  redtail doctor localhost:6379
  redtail doctor redis://cdc@localhost --password-file pw
  redtail doctor localhost:6379 --sample 60     # a more precise write rate
  redtail doctor node:7000 --cluster            # all shards, one report
  redtail doctor redis+sentinel://a,b,c/mymaster   # Sentinels included
  redtail doctor localhost:6379 --target-version valkey-9.1   # before a move
  redtail doctor localhost:6379 --json | jq -r '.findings[].fix[].command'

Use the credentials of the follower, since many findings depend on its
permissions. +psync +replconf +ping +info are enough to find out whether the
server can be followed. For all checks the user also needs
  +config|get +command|info +command|list +acl|whoami +acl|dryrun
(before Redis 7.0 +acl|getuser instead of +acl|dryrun).

Nothing on the server is changed, and no replication begins. A user without
ACL DRYRUN, but with INFO, is tested with a PSYNC that every server since 6.2
refuses. Each command that the user may not use leaves an entry in the server's
ACL LOG.

With --json the report is one object:
  target, verdict (good, warnings, impossible), exit_code
  findings   severity (good, warn, bad, unknown, or note: not checked, and not
             needed to follow), about, what, why, fix
  starts     start, possible (true, false, null), how, fix
  fix        an array of remedies, each with kind and command: server (typed in
             redis-cli), shell, or config (a sentence about redis.conf)
  sentinels  the answers of each Sentinel
  facts      null if the server did not answer; with --cluster: shards, each
             with slots, primary, replicas and the facts of its primary

Exit codes: 0 all good, 1 it can't be followed, 2 wrong usage, 3 with warnings:
it can be followed, or a check is missing. (A script notices a warning by its
code; one that accepts warnings treats 3 as 0.)";

#[derive(Debug, Args)]
#[command(after_help = DOCTOR_EXAMPLES)]
pub(crate) struct Doctor {
    #[command(flatten)]
    pub(crate) server: Server,

    /// Examine all nodes of the cluster that TARGET belongs to
    ///
    /// A problem of several shards is reported once. The user also needs +cluster|myid +cluster|shards +cluster|info
    /// +role (before Redis 7.0 +cluster|slots), as for `tail --cluster`.
    #[arg(long)]
    pub(crate) cluster: bool,

    /// Print the report as one JSON object
    #[arg(long)]
    pub(crate) json: bool,

    /// Measure the write rate for N seconds
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) sample: Duration,

    /// Examine what does not survive a move to this server, such as redis-7.0 or valkey-8.1
    ///
    /// Names commands that were called, functions, fields that expire and modules that the other server does not have,
    /// and whether it loads a dump.rdb of this one.
    #[arg(long, value_name = "VERSION", value_parser = TARGET_VERSION, hide_possible_values = true)]
    pub(crate) target_version: Option<redtail::Server>,
}

impl Doctor {
    pub(super) fn facts(&self) -> Facts {
        self.server.facts() | ONE_SERVER
    }
}
