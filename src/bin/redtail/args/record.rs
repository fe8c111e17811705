//! `redtail record`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use redtail::{Backoff, Start};

use crate::args::parse::{backoff, seconds, start};
use crate::args::server::Server;
use crate::args::tail::{GapChoice, STARTS};

const RECORD_EXAMPLES: &str = "\
Examples:
  Everything from now on, until Ctrl-C:
    redtail record localhost:6379 -o monday.rec
  With all data before it, for a minute:
    redtail record localhost:6379 -o bug.rec --from snapshot --duration 60
  On from where that ended:
    redtail record localhost:6379 -o bug.rec --append
  Compressed:
    redtail record localhost:6379 -o - | gzip > monday.rec.gz
  What to do with it:
    redtail decode monday.rec
    redtail replay monday.rec

A recording is what the server sent, byte for byte, and when. It is only ever
written at its end, so it can be read while it grows; one that was cut off can
be read, played and appended to up to the last whole command.

Exit codes: 0 done, 1 failed, 2 wrong usage, 4 history lost.";

#[derive(Debug, Args)]
#[command(after_help = RECORD_EXAMPLES)]
pub(crate) struct Record {
    #[command(flatten)]
    pub(crate) server: Server,

    /// The file to write, or - for standard output
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,

    /// Go on where the recording in the file ends, if there is one
    #[arg(long)]
    pub(crate) append: bool,

    /// Write over a file that is there
    #[arg(long, conflicts_with = "append")]
    pub(crate) force: bool,

    /// Where to start: now, now-without-fork, snapshot, sync, or a position [default: now]
    #[arg(long, value_name = "START", value_parser = start, long_help = STARTS)]
    pub(crate) from: Option<Start>,

    /// Let a server before 7.0 that keeps no backlog dump its data set to its own disk once, to learn the position
    #[arg(long)]
    pub(crate) allow_probe: bool,

    /// What to do when the server no longer has what came after our position
    #[arg(long, value_name = "CHOICE", value_enum, default_value_t = GapChoice::Stop)]
    pub(crate) on_gap: GapChoice,

    /// When the link is lost: try again forever, never, or so many times in a row [default: forever]
    ///
    /// Without this option the very first connect is tried once, so that a wrong address or password shows at once.
    #[arg(long, value_name = "TRIES", value_parser = backoff)]
    pub(crate) reconnect: Option<Backoff>,

    /// End after N commands, but not inside a transaction
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,

    /// End once this offset is reached, but not inside a transaction
    #[arg(long, value_name = "OFFSET")]
    pub(crate) until: Option<u64>,

    /// End after so many seconds, but not inside a transaction
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    pub(crate) duration: Option<Duration>,
}

impl Record {
    pub(super) fn check(&self) -> Result<(), &'static str> {
        if self.append && self.is_standard_output() {
            return Err("--append goes on in a file, and -o - writes to standard output; name a file");
        }
        if self.force && self.is_standard_output() {
            return Err("--force is about a file, and -o - writes to standard output; remove it");
        }
        Ok(())
    }

    pub(crate) fn is_standard_output(&self) -> bool {
        self.output.as_os_str() == "-"
    }
}
