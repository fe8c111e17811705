//! `redtail tail`.

use std::fmt::Display;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use redtail::{Backoff, Checkpoint, OnGap, Position, Start};

use super::output::Output;
use super::server::Server;

const TAIL_EXAMPLES: &str = "\
Examples:
  Every write from now on:
    redtail tail localhost:6379
  For programs, as a user of its own:
    redtail tail redis://cdc@localhost --password-file pw --format json
  What is done to some keys of database 0, and how fast it comes:
    redtail tail localhost:6379 --db 0 --key 'user:*' --stats
  After the place where an earlier run ended:
    redtail tail localhost:6379 --from REPLID:OFFSET:DB
  Everything, and every write after it, into another server:
    redtail tail old:6379 --from snapshot --format resp |
      redis-cli -h new --pipe
  A dump.rdb that servers load, and every write after it, one a line:
    redtail tail localhost:6379 --from snapshot --snapshot-to dump.rdb
  All shards of a cluster at their replicas, and on from there next time:
    redtail tail node:7000 --cluster --prefer-replica --checkpoint FILE

A user needs no more than
  ACL SETUSER cdc on >PASSWORD +psync +replconf +ping
and +info for the server's name, for --from now-without-fork, and for
every start before Redis 7.0 but from a snapshot or a position. For --cluster:
  +cluster|shards +cluster|slots +cluster|info +role

Standard output has the writes, standard error has words for you.
Exit codes: 0 done, 1 failed, 2 wrong usage, 4 history lost.";

pub(super) const STARTS: &str = "\
Where to start

Possible values:
- now:              With the next write. The server forks once, for a
  snapshot without data that tells position and database (Redis 7.0
  and later, Valkey; older servers are asked with INFO)
- now-without-fork: The same with INFO alone. Needs a backlog, and the
  database is unknown until a SELECT passes
- snapshot:         With everything the server holds, key by key, then
  the writes after it, no gap between. The server forks and sends
  all of it
- sync:             The same with the old SYNC, for servers that know
  no PSYNC; there is no position to resume from
- POSITION:         After the place where an earlier run ended
  (replid:offset:db)";

#[derive(Debug, Args)]
#[command(after_help = TAIL_EXAMPLES)]
pub(crate) struct Tail {
    #[command(flatten)]
    pub(crate) server: Server,

    /// Follow every primary of the cluster that TARGET is a node of; each line says the shard it is from
    ///
    /// Text begins with the address of the shard's primary; JSON has "shard", a name that stays across failovers. A command that is there
    /// because slots move, and not because a client wrote, is marked: (migration WORD), and "migration":WORD. WORD is key, begins, ends,
    /// failed, trimmed or word. The checkpoint then holds the positions of all shards, and --stats counts them together. --count is for all,
    /// and those that print on until they hear of its end come on top. It ends when one shard can't be followed any more.
    #[arg(long)]
    pub(crate) cluster: bool,

    /// Where to start: now, now-without-fork, snapshot, sync, or a position [default: now]
    #[arg(long, value_name = "START", value_parser = start, long_help = STARTS)]
    pub(crate) from: Option<Start>,

    /// Keep the position of what was printed in this file, and go on from it in the next run
    ///
    /// It is written when we attach (with --from snapshot: once the snapshot is whole), then each time only after the output before it
    /// has been flushed (and synced, where it is a regular file), and replaced as a whole. After a crash at any moment nothing is missing
    /// from what the runs print together; what came after the last save comes twice.
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Option<PathBuf>,

    /// Save the position after so many commands
    #[arg(long, value_name = "N", default_value_t = Checkpoint::COMMANDS, requires = "checkpoint",
          value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) checkpoint_commands: u64,

    /// Save the position after so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "1", requires = "checkpoint", value_parser = seconds,
          allow_negative_numbers = true)]
    pub(crate) checkpoint_interval: Duration,

    /// With --from snapshot: put the snapshot itself into this file, which a server loads, and print only what comes after it
    ///
    /// The file is there only once it is whole (see `redtail help snapshot`). Its keys are not printed. With --on-gap snapshot a later
    /// snapshot replaces it.
    #[arg(long, value_name = "FILE")]
    pub(crate) snapshot_to: Option<PathBuf>,

    /// Let --snapshot-to replace a file that is there already
    #[arg(long, requires = "snapshot_to")]
    pub(crate) force: bool,

    /// Let a server before 7.0 that keeps no backlog dump its data set to its own disk once, to learn the position
    #[arg(long)]
    pub(crate) allow_probe: bool,

    /// What to do when the server no longer has what came after our position
    #[arg(long, value_name = "CHOICE", value_enum, default_value_t = GapChoice::Stop)]
    pub(crate) on_gap: GapChoice,

    /// What to acknowledge
    #[arg(long, value_name = "POLICY", value_enum, default_value_t = AckChoice::Observe)]
    pub(crate) ack: AckChoice,

    /// When the link is lost: try again forever, never, or so many times in a row [default: forever]
    ///
    /// Without this option the very first connect is tried once, so that a wrong address or password shows at once.
    #[arg(long, value_name = "TRIES", value_parser = backoff)]
    pub(crate) reconnect: Option<Backoff>,

    /// Say the position whenever nothing was printed for so many seconds (with --cluster for each shard, at most once a second)
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) heartbeat: Option<Duration>,

    #[command(flatten)]
    pub(crate) output: Output,

    /// End behind the snapshot.
    #[arg(skip)]
    pub(crate) only_snapshot: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum GapChoice {
    /// End with exit code 4
    Stop,
    /// Go on with the writes from now on
    Continue,
    /// Take a snapshot, then go on with the writes after it
    Snapshot,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AckChoice {
    /// Nothing that WAIT or FAILOVER would count on
    Observe,
    /// What --checkpoint has saved: WAIT then means that it has been printed and written
    Applied,
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

impl Tail {
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if self.cluster {
            self.check_cluster()?;
        }
        if self.ack == AckChoice::Applied && self.checkpoint.is_none() {
            return Err(
                "--ack applied acknowledges what a checkpoint has saved: add --checkpoint FILE, or use --ack observe",
            );
        }
        if self.checkpoint.is_some() && matches!(self.from, Some(Start::Sync)) {
            return Err("--checkpoint needs positions, and --from sync has none; use another start");
        }
        if let Some(file) = &self.snapshot_to
            && !self.only_snapshot
        {
            if !matches!(self.from, Some(Start::Snapshot | Start::Sync)) {
                return Err("--snapshot-to needs a snapshot: add --from snapshot");
            }
            if file.as_os_str() == "-" {
                return Err(
                    "standard output has the writes already, so the snapshot needs a file: --snapshot-to FILE (or take it alone: \
                     redtail snapshot TARGET -o -)",
                );
            }
            if self.output.elements {
                return Err(
                    "--elements is about the keys of the snapshot, which --snapshot-to puts into a file; remove one of them",
                );
            }
        }
        self.output.check()
    }

    /// Ends the process with exit code 2.
    pub(crate) fn wrong_usage(&self, words: impl Display) -> ! {
        super::wrong_usage(if self.only_snapshot { "snapshot" } else { "tail" }, words)
    }
}

pub(super) fn start(text: &str) -> Result<Start, String> {
    match text {
        "now" => Ok(Start::Now),
        "now-without-fork" => Ok(Start::NowWithoutFork),
        "snapshot" => Ok(Start::Snapshot),
        "sync" => Ok(Start::Sync),
        text => match text.parse::<Position>() {
            Ok(position) => Ok(Start::At(position)),
            Err(error) if text.contains(':') => Err(error.to_string()),
            Err(_) => Err("choose now, now-without-fork, snapshot, sync, or a position (replid:offset:db)".into()),
        },
    }
}

pub(super) fn backoff(text: &str) -> Result<Backoff, &'static str> {
    match text {
        "forever" => Ok(Backoff::default()),
        "never" => Ok(Backoff::OFF),
        number => match number.parse() {
            Ok(attempts) => Ok(Backoff::default().give_up_after(attempts)),
            Err(_) => Err("choose forever, never, or how often to try in a row"),
        },
    }
}

pub(super) fn seconds(text: &str) -> Result<Duration, &'static str> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.filter(|&it| it >= Duration::from_millis(1)).ok_or("give a number of seconds, for example 5 or 0.5")
}
