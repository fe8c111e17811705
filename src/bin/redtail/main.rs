//! The command-line tool.

mod alive;
mod args;
mod ask;
mod checkpoint;
mod decode;
mod demo;
mod doctor;
mod end;
mod failure;
mod filter;
mod notes;
mod output;
mod paint;
mod place;
mod progress;
mod record;
mod replay;
mod save;
mod stats;
mod status;
mod tail;
mod target;

use std::process::ExitCode;

use args::{Arguments, Verb};

fn main() -> ExitCode {
    let outcome = match Arguments::read().verb {
        None => demo::run(),
        Some(Verb::Tail(options)) => tail::run(&options),
        Some(Verb::Snapshot(options)) => tail::run(&options.as_tail()),
        Some(Verb::Decode(options)) => decode::run(&options),
        Some(Verb::Record(options)) => record::run(&options),
        Some(Verb::Replay(options)) => replay::run(&options),
        Some(Verb::Doctor(options)) => doctor::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
