//! Resumes where the last run ended: `cargo run --example resume 127.0.0.1:6379 position.txt`.
//!
//! The position is saved after the work on an event, never before. A crash between the two repeats the event. Each line
//! begins with the event's permanent name (`history:offset`), which identifies the repetition. While nobody writes, the
//! position is saved each second. Each saved position is acknowledged, so WAIT on the server waits for the file.

use std::error::Error;
use std::fs;
use std::io::ErrorKind;
use std::process;
use std::time::Duration;

use redtail::{Ack, Event, Follower, OnGap, Start};

fn main() {
    if let Err(error) = run() {
        eprintln!("resume: {error}");
        process::exit(1);
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let target = args.next().unwrap_or_else(|| "127.0.0.1:6379".into());
    let file = args.next().unwrap_or_else(|| "position.txt".into());
    let start = match fs::read_to_string(&file) {
        Ok(text) => Start::At(text.trim().parse().map_err(|error| format!("{file}: {error}"))?),
        Err(error) if error.kind() == ErrorKind::NotFound => Start::Now,
        Err(error) => return Err(format!("{file}: {error}").into()),
    };
    // A wrong address ends the first run at once. A later run waits for a server that is down or loads its data.
    let builder = Follower::builder(target).start(start).ack(Ack::Applied).retry_first(matches!(start, Start::At(_)));
    let mut follower = builder.on_gap(OnGap::Continue).connect()?;
    let mut saved = None;
    // `Event::Idle` after a second without an event; `None` only after a stop.
    while let Some(event) = follower.next_timeout(Duration::from_secs(1))? {
        match &event {
            Event::Command(command) => match command.history() {
                Some(history) => println!("{history}:{} {}", command.offset, command.command()),
                None => println!("{command}"),
            },
            Event::Attached(at) => eprintln!("attached at {}", at.offset),
            Event::Gap(gap) => eprintln!("history lost, read the data anew: {gap}"),
            Event::Disconnected(lost) => eprintln!("{lost}"),
            _ => {}
        }
        // The last resumable position: inside a transaction, the one before its MULTI.
        if let Some(position) = follower.position().filter(|position| saved != Some(*position)) {
            let new = format!("{file}.new");
            fs::write(&new, position.to_string())?;
            fs::rename(new, &file)?;
            follower.commit(position);
            saved = Some(position);
        }
    }
    Ok(())
}
