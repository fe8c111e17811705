//! Publishes every write of a Redis or Valkey server, or of a whole cluster, into one NATS JetStream stream. After the
//! broker's deduplication each write is there exactly once, in order, transactions whole. See docs/bridge-nats.md.
//!
//! One thread for each shard converts events to messages ([`reader`]) and puts them into a queue of limited size
//! ([`outbox`]). One thread publishes them and waits for each confirmation, in order ([`publisher`]). The main thread
//! saves the confirmed position ([`state`]).

mod args;
mod broker;
mod end;
mod filter;
mod lane;
mod message;
mod metrics;
mod outbox;
mod publisher;
mod reader;
mod route;
mod snapshot;
mod source;
mod state;
mod target;
mod value;

use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::args::Args;
use crate::end::{End, Failure};
use crate::metrics::Metrics;
use crate::outbox::Outbox;
use crate::publisher::Publisher;
use crate::reader::Settings;

/// The interval of saves: the part of the stream that is repeated after a crash, for the broker to drop.
const EVERY: Duration = Duration::from_secs(1);
/// The timeout of an orderly end for the confirmation of messages in transit.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let end = Arc::new(End::default());
    let failed = run(&Args::read(), &end).err().or_else(|| end.failure());
    match failed {
        None => ExitCode::SUCCESS,
        Some(Failure { code, words }) => {
            eprintln!("redtail-nats: {words}");
            ExitCode::from(code)
        }
    }
}

fn run(args: &Args, end: &Arc<End>) -> Result<(), Failure> {
    args.check().map_err(|error| Failure::new(2, error))?;
    let on_signal = Arc::clone(end);
    ctrlc::set_handler(move || on_signal.stop())
        .map_err(|error| Failure::new(1, format!("can't install the signal handler: {error}")))?;
    let _lock = state::lock(args)?;
    let metrics = Metrics::new();
    if let Some(address) = &args.metrics {
        metrics.serve(address)?;
    }
    let outbox = Arc::new(Outbox::new(args.memory << 20, Arc::clone(&metrics)));
    // Before any request to the server: an invalid broker or stream is reported at once.
    let publisher = Publisher::connect(args, Arc::clone(&outbox), Arc::clone(end), Arc::clone(&metrics))?;
    let settings = Arc::new(Settings::of(args, publisher.largest(), Arc::clone(&metrics)));
    let publishing = thread::Builder::new()
        .name("publisher".into())
        .spawn(move || publisher.run())
        .map_err(|error| Failure::new(1, format!("can't start a thread: {error}")))?;
    let source = source::start(args, &settings, &outbox, end);

    let outcome = source.and_then(|mut source| {
        while !end.wait(EVERY) {
            if source.save()? {
                metrics.saved();
            }
        }
        // The join would otherwise wait for threads that wait for room.
        outbox.seal();
        source.stop();
        // No new messages; those inside may still be confirmed.
        outbox.finish(PATIENCE);
        source.save().map(drop)
    });
    outbox.close();
    end.stop();
    // The thread has already printed its panic.
    let _ = publishing.join();
    outcome
}
