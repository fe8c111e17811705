//! A program with its tests, which need no server: `cargo test --example replay_test`.
//!
//! The program counts the writes of a server to each database, a transaction once it is complete:
//! `cargo run --example replay_test 127.0.0.1:6379`. Its tests follow an embedded primary, which sends a recording:
//! commands that the test names, or `Recording::open` of a file that `redtail record` has written.

use std::collections::BTreeMap;

use redtail::{Event, Follower};

/// The number of writes to each database.
#[derive(Default)]
struct Writes {
    of: BTreeMap<Option<u32>, u64>,
    /// Databases of the commands since MULTI.
    open: Vec<Option<u32>>,
}

impl Writes {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Command(command) if command.is_write() == Some(false) => {}
            Event::Command(command) if command.tx.is_some() => self.open.push(command.db),
            Event::Command(command) => *self.of.entry(command.db).or_default() += 1,
            Event::Exec(_) => self.open.drain(..).for_each(|db| *self.of.entry(db).or_default() += 1),
            Event::Disconnected(_) => self.open.clear(), // the transaction is delivered again
            _ => {}
        }
    }
}

fn main() {
    if let Err(error) = run() {
        eprintln!("replay_test: {error}");
        std::process::exit(1);
    }
}

fn run() -> Result<(), redtail::Error> {
    let target = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:6379".into());
    let mut follower = Follower::builder(target).connect()?;
    let mut writes = Writes::default();
    while let Some(event) = follower.next_event()? {
        writes.take(event);
        println!("{:?}", writes.of);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use redtail::replay::{Cut, Playback, Primary, Recording};
    use redtail::{Backoff, Start};

    use super::*;

    type Failure = Box<dyn std::error::Error>;

    /// Follows the recording from its beginning to its end, over connections that break at `cuts`.
    fn counted(recording: Recording, cuts: Vec<Cut>) -> Result<BTreeMap<Option<u32>, u64>, Failure> {
        let (start, end) = (recording.first().start_position(), recording.last().end_offset());
        let mut playback = Playback::default();
        playback.cuts = cuts;
        let primary = Primary::serve_as(recording, playback)?;
        let builder = Follower::builder(primary.address().to_string()).start(Start::At(start));
        let pauses = Backoff::new(Duration::from_millis(1), Duration::from_millis(1));
        let mut follower = builder.reconnect(pauses).connect()?;
        let mut writes = Writes::default();
        while follower.position().is_none_or(|position| position.offset < end) {
            match follower.next_event()? {
                Some(event) => writes.take(event),
                None => return Err("the follower has ended".into()),
            }
        }
        Ok(writes.of)
    }

    /// Wherever the connection breaks, inside of the transaction too, each write is counted once.
    #[test]
    fn a_lost_connection_repeats_no_write() -> Result<(), Failure> {
        let commands = ["SELECT 3", "SET a 1", "MULTI", "INCR b", "INCR c", "EXEC", "PUBLISH channel text"];
        let recording = || Recording::of(commands.map(|line| line.split(' ').collect::<Vec<_>>()));
        for offset in recording()?.first().start_position().offset + 1..recording()?.last().end_offset() {
            let counted = counted(recording()?, vec![Cut::Offset(offset)])?;
            assert_eq!(counted, BTreeMap::from([(Some(3), 3)]), "cut at {offset}");
        }
        Ok(())
    }
}
