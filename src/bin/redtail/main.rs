//! The command-line tool.

mod args;
mod background;
mod blocked;
mod compare;
mod decode;
mod demo;
mod doctor;
mod failure;
mod filter;
mod follow;
mod held_command;
mod keepalive;
mod load;
mod manual;
mod memory;
mod named;
mod output;
mod output_writer;
mod record;
mod releases;
mod replay;
mod signals;
mod snapshot_file;
mod stats;
mod stop_condition;
mod target;
mod terminal;

use std::process::ExitCode;

use crate::args::{Arguments, Verb};
use crate::failure::Failure;
use crate::terminal::line_start::stamp_lines;

fn main() -> ExitCode {
    let verb = Arguments::read().verb;
    if let Some(Verb::Tail(_) | Verb::Snapshot(_) | Verb::Record(_) | Verb::Replay(_) | Verb::Load(_)) = &verb {
        stamp_lines();
    }
    let report = match &verb {
        Some(Verb::Compare(_)) => Failure::report_of_comparison,
        _ => Failure::report,
    };
    let outcome = memory::check().and_then(|()| run(verb));
    outcome.map_or_else(|failure| report(&failure), |()| ExitCode::SUCCESS)
}

fn run(verb: Option<Verb>) -> Result<(), Failure> {
    match verb {
        None => demo::run(),
        Some(Verb::Tail(options)) => follow::run(&options.follow()).map_err(Failure::of_feed),
        Some(Verb::Snapshot(options)) => follow::run(&options.follow()).map_err(Failure::of_feed),
        Some(Verb::Decode(options)) if options.follow => decode::run(&options).map_err(Failure::of_feed),
        Some(Verb::Decode(options)) => decode::run(&options),
        Some(Verb::Record(options)) => record::run(&options),
        Some(Verb::Replay(options)) => replay::run(&options),
        Some(Verb::Load(options)) => load::run(&options),
        Some(Verb::Compare(options)) => compare::run(&options),
        Some(Verb::Doctor(options)) => doctor::run(&options),
        Some(Verb::Completions(options)) => manual::completions(&options),
        Some(Verb::Man(options)) => manual::man(&options),
    }
}
