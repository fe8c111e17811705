//! The command line as a whole.

use std::ffi::OsString;
use std::fmt::Display;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};

use crate::args::decode::Decode;
use crate::args::doctor::Doctor;
use crate::args::manual::{Completions, Man};
use crate::args::record::Record;
use crate::args::replay::Replay;
use crate::args::snapshot::Snapshot;
use crate::args::tail::Tail;
#[cfg(feature = "tls")]
use crate::args::tls::without_redis_cli_key;

const EXAMPLES: &str = "\
Examples:
  redtail                                    a demonstration; needs no server
  redtail tail localhost:6379                every write from now on, one a line
  redtail tail localhost:6379 --format json  the same for programs
  redtail snapshot localhost:6379            everything a server holds
  redtail snapshot localhost:6379 -o x.rdb   the same as a file for servers
  redtail decode appendonly.aof              the same from a file
  redtail decode appendonlydir               the same from several
  redtail decode dump.rdb                    the keys of a snapshot
  redtail record localhost:6379 -o some.rec  what it sends, byte for byte
  redtail replay some.rec                    a primary that plays it again
  redtail doctor localhost:6379              can it be followed, and how well?

`redtail help tail` says more about following a server.";

/// Follow the replication stream of a Redis or Valkey server: every write, in order, with its exact position.
#[derive(Debug, Parser)]
#[command(name = "redtail", version, after_help = EXAMPLES, disable_help_subcommand = false)]
pub(crate) struct Arguments {
    /// Without one: a demonstration.
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Follow a server and print every write
    Tail(Tail),
    /// Print everything a server holds
    Snapshot(Snapshot),
    /// Print what is in a file: a snapshot, an append-only file, a recording, a bare stream
    Decode(Decode),
    /// Write what a server sends into a file, byte for byte
    Record(Record),
    /// Be a primary that plays a recording to any follower
    Replay(Replay),
    /// Tell whether a server can be followed, and how well
    Doctor(Doctor),
    /// Print what makes a shell complete the arguments
    Completions(Completions),
    /// Print the manual page, or write one for each verb into a folder
    Man(Man),
}

impl Arguments {
    /// What was typed. Ends the process after help (exit code 0), and with words on what is wrong (2).
    pub(crate) fn read() -> Self {
        let arguments = Self::parse_from(typed());
        let checked = match &arguments.verb {
            Some(Verb::Tail(tail)) => tail.check(),
            Some(Verb::Snapshot(snapshot)) => snapshot.check(),
            Some(Verb::Decode(decode)) => decode.check(),
            Some(Verb::Record(record)) => record.check(),
            Some(Verb::Replay(_) | Verb::Doctor(_) | Verb::Completions(_) | Verb::Man(_)) | None => Ok(()),
        };
        if let (Some(verb), Err(message)) = (&arguments.verb, checked) {
            wrong_usage(verb.name(), message);
        }
        arguments
    }
}

fn typed() -> Vec<OsString> {
    let typed = std::env::args_os();
    #[cfg(feature = "tls")]
    return without_redis_cli_key(typed);
    #[cfg(not(feature = "tls"))]
    typed.collect()
}

impl Verb {
    fn name(&self) -> &'static str {
        match self {
            Self::Tail(_) => "tail",
            Self::Snapshot(_) => "snapshot",
            Self::Decode(_) => "decode",
            Self::Record(_) => "record",
            Self::Replay(_) => "replay",
            Self::Doctor(_) => "doctor",
            Self::Completions(_) => "completions",
            Self::Man(_) => "man",
        }
    }
}

/// Ends the process with exit code 2, the message and the usage of the verb.
pub(crate) fn wrong_usage(verb: &str, message: impl Display) -> ! {
    let mut command = Arguments::command();
    command.build();
    match command.find_subcommand_mut(verb) {
        Some(verb) => verb.error(ErrorKind::ValueValidation, message).exit(),
        None => command.error(ErrorKind::ValueValidation, message).exit(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two options of one name are found only when somebody types them.
    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }
}
