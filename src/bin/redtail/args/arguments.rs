//! The command line as a whole.

use std::ffi::OsString;
use std::fmt::Display;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::args::compare::Compare;
use crate::args::decode::Decode;
use crate::args::doctor::Doctor;
use crate::args::load::Load;
use crate::args::manual::{Completions, Man};
use crate::args::record::Record;
use crate::args::replay::Replay;
use crate::args::rules::Given;
use crate::args::snapshot::Snapshot;
use crate::args::tail::Tail;
#[cfg(feature = "tls")]
use crate::args::tls::without_redis_cli_key;

const EXAMPLES: &str = "\
Examples:
  redtail                                    a demonstration; needs no server
  redtail tail localhost:6379                every write from now on
  redtail tail localhost:6379 --format json  every write, as JSON lines
  redtail snapshot localhost:6379            every key of a server
  redtail snapshot localhost:6379 -o x.rdb   a dump.rdb that servers load
  redtail decode appendonly.aof              the writes in a file
  redtail decode appendonlydir               the writes in several files
  redtail decode dump.rdb                    the keys in a file
  redtail load localhost:6379 commands.resp  commands into a server
  redtail compare old:6379 new:6379          do both have the same keys?
  redtail record localhost:6379 -o some.rec  the stream, byte for byte
  redtail replay some.rec                    a primary that replays it
  redtail doctor localhost:6379              can this server be followed?

`redtail help tail` explains how to follow a server.";

/// What `--version` prints: the features of this build, too.
#[cfg(feature = "tls")]
const LONG_VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\nfeatures: compression, tls");
#[cfg(not(feature = "tls"))]
const LONG_VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\nfeatures: compression (without tls)");

/// Follow the replication stream of a Redis or Valkey server: every write, in order, with its exact position.
#[derive(Debug, Parser)]
#[command(name = "redtail", version, long_version = LONG_VERSION, after_help = EXAMPLES, disable_help_subcommand = false)]
pub(crate) struct Arguments {
    /// `None` runs the demonstration.
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,

    #[arg(skip)]
    given: Given,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Follow a server and print every write
    Tail(Box<Tail>),
    /// Print all keys of a server, or save them as a dump.rdb
    Snapshot(Snapshot),
    /// Print the contents of a snapshot, an append-only file, a recording or a stream of commands
    Decode(Decode),
    /// Send the commands of a file or of `tail --format resp` to a server
    Load(Load),
    /// Compare the keys of two servers or clusters
    Compare(Compare),
    /// Save the stream of a server to a file, byte for byte
    Record(Record),
    /// Serve a recording to followers, as a primary
    Replay(Replay),
    /// Check whether a server can be followed, and report problems
    Doctor(Doctor),
    /// Print a shell completion script
    Completions(Completions),
    /// Print the manual page, or write one page per verb into a folder
    Man(Man),
}

impl Arguments {
    /// Reads the command line. Ends the process after --help (exit code 0) and after wrong usage (2).
    pub(crate) fn read() -> Self {
        let arguments = Self::parsed(typed()).unwrap_or_else(|error| error.exit());
        if let (Some(verb), Err(message)) = (&arguments.verb, arguments.check()) {
            wrong_usage(verb.name(), message);
        }
        arguments
    }

    fn parsed(typed: Vec<OsString>) -> Result<Self, clap::Error> {
        let mut command = Self::command();
        let matches = command.try_get_matches_from_mut(typed)?;
        let mut arguments = Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        if let (Some(verb), Some((name, matches))) = (&mut arguments.verb, matches.subcommand()) {
            let given = command.find_subcommand(name).map(|command| Given::of(verb.name(), command, matches));
            arguments.given = given.unwrap_or_default();
            if let Verb::Decode(decode) = verb {
                decode.given = arguments.given.clone();
            }
        }
        Ok(arguments)
    }

    /// Refuses options without an effect, and values that contradict each other.
    fn check(&self) -> Result<(), String> {
        let facts = match &self.verb {
            Some(Verb::Tail(tail)) => tail.facts(),
            Some(Verb::Snapshot(snapshot)) => snapshot.facts(),
            Some(Verb::Decode(decode)) => decode.facts(),
            Some(Verb::Record(record)) => record.facts(),
            Some(Verb::Doctor(doctor)) => doctor.facts(),
            Some(Verb::Load(load)) => load.facts(),
            Some(Verb::Compare(compare)) => compare.facts(),
            Some(Verb::Replay(_) | Verb::Completions(_) | Verb::Man(_)) | None => return Ok(()),
        };
        self.given.check(facts)?;
        match &self.verb {
            Some(Verb::Tail(tail)) => tail.filter().check(),
            Some(Verb::Decode(decode)) => decode.output.filter.check(),
            _ => Ok(()),
        }
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
            Self::Load(_) => "load",
            Self::Compare(_) => "compare",
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
mod tests;
