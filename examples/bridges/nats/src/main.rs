//! Every write of a Redis or Valkey server, or of a whole cluster, into one stream of NATS JetStream: each exactly once after the broker's
//! deduplication, in order, transactions whole. See docs/bridges.md.
//!
//! One thread for each shard makes messages of its events ([`reader`]) and puts them into a queue of limited size ([`outbox`]); one
//! publishes them and waits for the broker's word on each, in order ([`publisher`]); this one saves how far that word goes ([`place`]).

mod args;
mod broker;
mod end;
mod lane;
mod message;
mod outbox;
mod place;
mod publisher;
mod reader;
mod route;
mod source;

use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::Parser;

use crate::args::Args;
use crate::end::{End, Failure};
use crate::outbox::Outbox;
use crate::publisher::Publisher;
use crate::reader::Settings;

/// How often the place is saved, and so how much of the stream comes twice after a crash, for the broker to drop.
const EVERY: Duration = Duration::from_secs(1);
/// How long an orderly end waits for the broker's word on what is on its way.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let end = Arc::new(End::default());
    let failed = run(&Args::parse(), &end).err().or_else(|| end.failure());
    match failed {
        None => ExitCode::SUCCESS,
        Some(Failure { code, words }) => {
            eprintln!("redtail-nats: {words}");
            ExitCode::from(code)
        }
    }
}

fn run(args: &Args, end: &Arc<End>) -> Result<(), Failure> {
    let on_signal = Arc::clone(end);
    ctrlc::set_handler(move || on_signal.stop()).map_err(|error| Failure::new(1, format!("no signals: {error}")))?;
    let _lock = place::lock(args)?;
    let outbox = Arc::new(Outbox::new(args.memory << 20));
    // Before anything is asked of the server: a wrong broker or stream is to show at once.
    let publisher = Publisher::connect(args, Arc::clone(&outbox), Arc::clone(end))?;
    let settings = Arc::new(Settings::of(args, publisher.largest()));
    let publishing = thread::Builder::new()
        .name("publisher".into())
        .spawn(move || publisher.run())
        .map_err(|error| Failure::new(1, format!("can't start a thread: {error}")))?;
    let source = source::start(args, &settings, &outbox, end);

    let outcome = source.and_then(|mut source| {
        while !end.wait(EVERY) {
            source.save()?;
        }
        // A thread that waits for room would be waited for.
        outbox.seal();
        source.stop();
        // Nothing more comes; what is there may still be confirmed.
        outbox.finish(PATIENCE);
        source.save()
    });
    outbox.close();
    end.stop();
    // Its panic was printed.
    let _ = publishing.join();
    outcome
}
