//! `redtail record`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use redtail::{Backoff, Start};

use crate::args::fact::{Facts, NOW, POSITION, either};
use crate::args::parse::{BACKOFF, START, facts_of_file, facts_of_start, seconds};
use crate::args::server::Server;
use crate::args::tail::{GapChoice, facts_of_gap};
use crate::args::watch::Watch;

const RECORD_EXAMPLES: &str = "\
Examples:
  Every write from now on, until Ctrl-C:
    redtail record localhost:6379 -o monday.rec
  All data, then the writes of one minute:
    redtail record localhost:6379 -o bug.rec --from snapshot --duration 60
  Continue that recording:
    redtail record localhost:6379 -o bug.rec --append
  Compressed:
    redtail record localhost:6379 -o - | gzip > monday.rec.gz
  Use a recording:
    redtail decode monday.rec
    redtail replay monday.rec

A recording contains the bytes that the server sent, and their times. Data is
only appended, so a recording can be read while it grows. A recording that was
cut off can be read, replayed and continued up to its last complete command.

Exit codes: 0 done, 1 failed, 2 wrong usage, 4 history lost.";

#[derive(Debug, Args)]
#[command(after_help = RECORD_EXAMPLES)]
pub(crate) struct Record {
    #[command(flatten)]
    pub(crate) server: Server,

    /// The file to write, or - for standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// Continue the recording in FILE, if there is one
    #[arg(long)]
    pub(crate) append: bool,

    /// Overwrite an existing file
    #[arg(long, conflicts_with = "append")]
    pub(crate) force: bool,

    /// Where to start: one of the values below, or a position (replid:offset:db) to resume after [default: now]
    #[arg(long, value_name = "START", value_parser = START)]
    pub(crate) from: Option<Start>,

    /// For --from now on a server before Redis 7.0 without a backlog: let it dump its data to its own disk once
    #[arg(long)]
    pub(crate) allow_probe: bool,

    /// What to do if the server no longer has the writes after the position
    #[arg(long, value_name = "CHOICE", value_enum, default_value_t = GapChoice::Stop)]
    pub(crate) on_gap: GapChoice,

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
    pub(crate) reconnect: Option<Backoff>,

    /// End after N commands, but not inside a transaction
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// End at this replication offset, but not inside a transaction
    #[arg(long, value_name = "OFFSET")]
    pub(crate) until: Option<u64>,

    /// End after N seconds, but not inside a transaction
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) duration: Option<Duration>,

    #[command(flatten)]
    pub(crate) watch: Watch,
}

impl Record {
    pub(super) fn facts(&self) -> Facts {
        let start = self.from.map_or(NOW, facts_of_start);
        // The recording that is continued may have a position.
        let resumes = either(self.append, POSITION, 0);
        self.server.facts() | start | resumes | facts_of_gap(self.on_gap) | facts_of_file(&self.output)
    }

    pub(crate) fn is_standard_output(&self) -> bool {
        self.output.as_os_str() == "-"
    }
}
