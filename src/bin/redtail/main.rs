//! The command-line tool.

mod alive;
mod append_only;
mod args;
mod ask;
mod checkpoint;
mod cluster;
mod decode;
mod demo;
mod doctor;
mod end;
mod failure;
mod filter;
mod heartbeat;
mod manual;
mod notes;
mod output;
mod paint;
mod place;
mod progress;
mod record;
mod replay;
mod save;
mod snapshot_to;
mod stats;
mod status;
mod stop;
mod tail;
mod target;
mod terminal;

use std::process::ExitCode;

use args::{Arguments, Verb};

fn main() -> ExitCode {
    let outcome = match Arguments::read().verb {
        None => demo::run(),
        Some(Verb::Tail(options)) if options.cluster => cluster::run(&options),
        Some(Verb::Tail(options)) => tail::run(&options),
        Some(Verb::Snapshot(options)) => tail::run(&options.as_tail()),
        Some(Verb::Decode(options)) => decode::run(&options),
        Some(Verb::Record(options)) => record::run(&options),
        Some(Verb::Replay(options)) => replay::run(&options),
        Some(Verb::Doctor(options)) => doctor::run(&options),
        Some(Verb::Completions(options)) => manual::completions(&options),
        Some(Verb::Man(options)) => manual::man(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
