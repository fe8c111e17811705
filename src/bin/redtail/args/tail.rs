//! `redtail tail`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use redtail::{Ack, Backoff, OnGap, Start};

use crate::args::fact::{
    ALL_SHARDS, CHECKPOINT, EMPTIED, Facts, GAP_CONTINUE, GAP_STOP, KEYS, NO_KEYS, NOW, OBSERVE, ONE_SERVER, either,
};
use crate::args::filter::Filter;
use crate::args::follow::{Checkpoint, Follow, SnapshotTo};
use crate::args::output::Output;
use crate::args::parse::{BACKOFF, START, facts_of_file, facts_of_start, seconds};
use crate::args::server::Server;
use crate::args::watch::Watch;

const TAIL_EXAMPLES: &str = "\
Examples:
  Every write from now on:
    redtail tail localhost:6379
  For programs, with a separate ACL user:
    redtail tail redis://cdc@localhost --password-file pw --format json
  Commands on some keys of database 0, with the write rate:
    redtail tail localhost:6379 --db 0 --key 'user:*' --stats
  From the position where an earlier run ended:
    redtail tail localhost:6379 --from REPLID:OFFSET:DB
  All data, and every write after it, into another server:
    redtail tail old:6379 --from snapshot --empty-target --format resp \\
      --positions | redtail load new:6379
  A dump.rdb that servers load, and every later write, one per line:
    redtail tail localhost:6379 --from snapshot --snapshot-to dump.rdb
  All shards of a cluster from their replicas, resuming in the next run:
    redtail tail node:7000 --cluster --prefer-replica --checkpoint FILE

The user needs these permissions:
  redis-cli ACL SETUSER cdc on '>PASSWORD' +psync +replconf +ping
Add +info for the server's name and for --from now-without-fork. Servers
before Redis 7.0 need it for --from now too. For --cluster add
  +cluster|myid +cluster|shards +cluster|slots +cluster|info +role
For `redtail doctor`, to check all of this, add
  +info +config|get +command|info +command|list +acl|whoami +acl|dryrun

The writes go to standard output, messages to standard error.
SIGTERM and SIGINT end the run, SIGHUP opens the file of --output again,
SIGUSR1 prints the status.
Exit codes: 0 done, 1 failed, 2 wrong usage or damaged checkpoint,
4 history lost.";

#[derive(Debug, Args)]
#[command(after_help = TAIL_EXAMPLES)]
pub(crate) struct Tail {
    #[command(flatten)]
    server: Server,

    /// Follow every primary of the cluster that TARGET belongs to; each line names its shard
    ///
    /// A text line begins with the address of the shard's primary. JSON has "shard", a name that survives failovers. A
    /// command that moves slots is marked with (migration KIND) or "migration":KIND. KIND is key (a key arrives),
    /// begins, ends, failed (the slots have not moved), imported (a write to slots that a task imports), trimmed (all
    /// keys of slots are deleted) or word (any other). With begins, ends, failed and imported the task is printed.
    /// The checkpoint holds the positions of all shards. --stats and --count count all shards together; a few commands
    /// more than --count may be printed. The run ends when one shard can't be followed any longer.
    #[arg(long)]
    cluster: bool,

    /// Where to start: one of the values below, or a position (replid:offset:db) to resume after [default: now]
    #[arg(long, value_name = "START", value_parser = START)]
    from: Option<Start>,

    /// Save the position of the output in FILE, and resume from it in the next run
    ///
    /// FILE is first written once the server has accepted the start; with --from snapshot, once the snapshot is
    /// complete. Before each save the output is flushed; a regular output file is also synced to disk. FILE is replaced
    /// atomically. After a crash no write is missing; writes after the last save are printed again.
    /// A position in FILE takes precedence over --from, so that one command line serves the first run and every
    /// restart. One run at a time can use FILE, which is locked by FILE.lock.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,

    /// Save the position every N commands
    #[arg(long, value_name = "N", default_value_t = redtail::Checkpoint::COMMANDS, requires = "checkpoint",
          value_parser = clap::value_parser!(u64).range(1..))]
    checkpoint_commands: u64,

    /// Save the position every N seconds
    #[arg(long, value_name = "SECONDS", default_value = "1", requires = "checkpoint", value_parser = seconds,
          allow_negative_numbers = true)]
    checkpoint_interval: Duration,

    /// With --from snapshot: write the snapshot to FILE, a dump.rdb, and print only the writes after it
    ///
    /// FILE appears once the snapshot is complete (see `redtail help snapshot`). The keys of the snapshot are not
    /// printed. With --on-gap snapshot a later snapshot replaces FILE.
    #[arg(long, value_name = "FILE")]
    snapshot_to: Option<PathBuf>,

    /// Let --snapshot-to replace an existing file
    #[arg(long, requires = "snapshot_to")]
    force: bool,

    /// Let a server dump its data to its own disk once: for --from now before Redis 7.0, without a backlog
    #[arg(long)]
    allow_probe: bool,

    /// What to do if the server no longer has the writes after the position
    #[arg(long, value_name = "CHOICE", value_enum, default_value_t = GapChoice::Stop)]
    on_gap: GapChoice,

    /// What to acknowledge to the server
    #[arg(long, value_name = "POLICY", value_enum, default_value_t = AckChoice::Observe)]
    ack: AckChoice,

    /// After a lost connection: reconnect forever, never, or N times in a row [default: forever]
    ///
    /// Lost connections and temporary refusals are retried after 0.1 to 10 seconds. A refusal that a person can fix,
    /// such as a wrong password, a missing permission or the answer of something that is not a server, is retried every
    /// 10 seconds; with N it ends the run. Each time the message of the server is printed. With this option or --on-gap
    /// snapshot, a snapshot that breaks off is requested again. Lost history (see --on-gap) and damaged data end the
    /// run. With --from sync the first connect and the snapshot are retried; a connection lost after them ends the run.
    ///
    /// Without this option the first connect is tried once, so that a wrong address or password is reported at once.
    #[arg(long, value_name = "TRIES", value_parser = BACKOFF, hide_possible_values = true)]
    reconnect: Option<Backoff>,

    /// With --format resp: add positions, which `redtail load` stores in the target
    ///
    /// A position follows everything that is received, and each 64 KiB; it precedes a transaction. It is a PING with a
    /// text, so that other programs load the output too.
    #[arg(long)]
    positions: bool,

    /// End with the last write that the server had when the run attached, or at the end of its snapshot
    ///
    /// The server is asked for its offset (INFO, permission +info). If no client writes now, this is the last write.
    /// With --positions the output ends with a mark, which `redtail load` requires with the same option. A signal
    /// before that is a failure, exit code 1.
    #[arg(long, conflicts_with_all = ["until", "count"])]
    until_caught_up: bool,

    /// Print the position after N seconds without output
    ///
    /// With --cluster, this applies to each shard, at most once per second.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    heartbeat: Option<Duration>,

    /// With --format resp: delete nothing in the target, since it holds no selected keys that the server lacks
    ///
    /// For several sources with different keys, such as the shards of a cluster, and one target.
    #[arg(long, conflicts_with = "empty_target")]
    target_is_empty: bool,

    #[command(flatten)]
    watch: Watch,

    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum GapChoice {
    /// End with exit code 4
    Stop,
    /// Continue with the next write
    Continue,
    /// Take a snapshot, then continue with the writes after it
    Snapshot,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AckChoice {
    /// Offset 0, so that WAIT and FAILOVER do not count this run
    Observe,
    /// The position saved by --checkpoint, so that WAIT waits until a write is printed and saved
    Applied,
}

impl From<AckChoice> for Ack {
    fn from(choice: AckChoice) -> Self {
        match choice {
            AckChoice::Observe => Self::Observe,
            AckChoice::Applied => Self::Applied,
        }
    }
}

impl From<GapChoice> for OnGap {
    fn from(choice: GapChoice) -> Self {
        match choice {
            GapChoice::Stop => Self::Stop,
            GapChoice::Continue => Self::Continue,
            GapChoice::Snapshot => Self::Snapshot,
        }
    }
}

pub(super) fn facts_of_gap(choice: GapChoice) -> Facts {
    match choice {
        GapChoice::Stop => GAP_STOP,
        GapChoice::Continue => GAP_CONTINUE,
        GapChoice::Snapshot => 0,
    }
}

impl Tail {
    pub(super) fn facts(&self) -> Facts {
        let begins = matches!(self.from, Some(Start::Snapshot | Start::Sync));
        let prints = self.snapshot_to.is_none() && (begins || matches!(self.on_gap, GapChoice::Snapshot));
        self.server.facts()
            | self.output.facts()
            | self.from.map_or(NOW, facts_of_start)
            | facts_of_gap(self.on_gap)
            | self.snapshot_to.as_deref().map_or(0, facts_of_file)
            | either(self.cluster, ALL_SHARDS, ONE_SERVER)
            | either(prints, KEYS, NO_KEYS)
            | either(self.ack == AckChoice::Observe, OBSERVE, 0)
            | either(self.checkpoint.is_some(), CHECKPOINT, 0)
            | either(self.target_is_empty, EMPTIED, 0)
    }

    pub(super) fn filter(&self) -> &Filter {
        &self.output.filter
    }

    pub(crate) fn follow(self) -> Follow {
        let (commands, interval) = (self.checkpoint_commands, self.checkpoint_interval);
        let force = self.force;
        Follow {
            verb: "tail",
            server: self.server,
            cluster: self.cluster,
            start: self.from,
            only_snapshot: false,
            checkpoint: self.checkpoint.map(|path| Checkpoint { path, commands, interval }),
            snapshot_to: self.snapshot_to.map(|path| SnapshotTo { path, force }),
            allow_probe: self.allow_probe,
            on_gap: self.on_gap.into(),
            ack: self.ack.into(),
            reconnect: self.reconnect,
            heartbeat: self.heartbeat,
            watch: self.watch,
            positions: self.positions,
            until_caught_up: self.until_caught_up,
            output: self.output,
        }
    }
}
