//! The command-line tool.

mod alive;
mod args;
mod checkpoint;
mod decode;
mod demo;
mod end;
mod failure;
mod filter;
mod notes;
mod output;
mod paint;
mod stats;
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
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
