//! Reads all keys of a server, each with its value: `cargo run --example snapshot 127.0.0.1:6379`.
//!
//! The server forks and sends its data set, as to a new replica. Keys are kept until the snapshot is complete: one that
//! ends early is void. `io::SnapshotReader` reads a file instead, and needs no memory for whole keys.

use std::collections::BTreeMap;
use std::error::Error;
use std::process;

use redtail::owned::{Collector, Value, Whole};
use redtail::{Event, Follower, SnapshotForm, Start};

/// A key that needs more bytes of memory is passed over.
const LARGEST_KEY: usize = 64 << 20;

fn main() {
    if let Err(error) = run() {
        eprintln!("snapshot: {error}");
        process::exit(1);
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let target = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:6379".into());
    let mut follower = Follower::builder(target).start(Start::Snapshot).snapshot(SnapshotForm::Items).connect()?;
    let (mut collector, mut keys) = (Collector::new(LARGEST_KEY), BTreeMap::new());
    while let Some(event) = follower.next_event()? {
        match event {
            Event::SnapshotBegin(_) => {
                collector = Collector::new(LARGEST_KEY);
                keys.clear();
            }
            Event::SnapshotItem(item) => match collector.take(item) {
                Some(Whole::Key(key)) => drop(keys.insert((key.db, key.name), key.value)),
                Some(Whole::Omitted(omitted)) => eprintln!("passed over: {:?}: {}", omitted.name, omitted.reason),
                Some(Whole::Command { .. }) => return Err("a snapshot made without a fork: apply its commands".into()),
                _ => {} // libraries, and facts about the snapshot
            },
            Event::SnapshotEnd(_) => {
                for ((db, name), value) in &keys {
                    println!("[{db}] \"{}\" {}", name.escape_ascii(), described(value));
                }
                return Ok(());
            }
            _ => {}
        }
    }
    Ok(())
}

fn described(value: &Value) -> String {
    match value {
        Value::String(text) => format!("\"{}\"", text.escape_ascii()),
        Value::List(elements) => format!("a list of {}", elements.len()),
        Value::Set(members) => format!("a set of {}", members.len()),
        Value::Zset(members) => format!("a sorted set of {}", members.len()),
        Value::Hash(fields) => format!("a hash of {}", fields.len()),
        Value::Stream(stream) => format!("a stream of {}", stream.entries.len()),
        other => format!("{other:?}"),
    }
}
