//! Spreads writes over threads by key, and saves positions in order: `cargo run --example workers 127.0.0.1:6379 FILE`.
//!
//! One thread works on all writes to a key, in their order. A transaction is one unit of work. A unit with keys of
//! several threads, or with keys that it does not name, is worked on alone, after all earlier units. A position is
//! saved once all units before it are done, so a crash loses none: the next run repeats those after the saved position.

use std::collections::{BTreeSet, VecDeque};
use std::error::Error;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io::Write;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel, sync_channel};
use std::{io, mem, process, thread};

use redtail::owned::OwnedCommand;
use redtail::replication::Touches;
use redtail::{Ack, Checkpoint, Event, Follower, Start};

const THREADS: usize = 4;
/// Units that wait for each thread, at most. Beyond that nothing is read from the server.
const WAITING: usize = 1_000;

fn main() {
    if let Err(error) = run() {
        eprintln!("workers: {error}");
        process::exit(1);
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let target = args.next().unwrap_or_else(|| "127.0.0.1:6379".into());
    let mut checkpoint = Checkpoint::open(args.next().unwrap_or_else(|| "position.txt".into()), &target)?;
    let start = checkpoint.position().map_or(Start::Now, Start::At);
    let mut follower = Follower::builder(target).start(start).ack(Ack::Applied).connect()?;
    let mut threads = Vec::new();
    for number in 0..THREADS {
        let (send, units) = sync_channel(WAITING);
        thread::Builder::new().spawn(move || work_off(number, units))?;
        threads.push(send);
    }
    let (mut unit, mut open, mut reached) = (Vec::new(), VecDeque::new(), None);
    while let Some(event) = follower.next_timeout(Checkpoint::INTERVAL)? {
        let is_whole = match event {
            Event::Command(command) => {
                unit.push(OwnedCommand::from(&command));
                command.tx.is_none()
            }
            Event::Exec(_) => true,
            Event::Disconnected(lost) => {
                eprintln!("{lost}");
                unit.clear(); // an open transaction is delivered again from its beginning
                false
            }
            _ => false,
        };
        if is_whole {
            let unit = mem::take(&mut unit);
            if let Some(thread) = thread_of(&unit).and_then(|thread| threads.get(thread)) {
                let (done, is_done) = channel();
                thread.send((unit, done))?;
                open.push_back((follower.position(), is_done));
            } else {
                open.drain(..).try_for_each(|(_, is_done)| is_done.recv())?;
                work(THREADS, &unit)?;
            }
        }
        while let Some((position, is_done)) = open.front() {
            match is_done.try_recv() {
                Err(TryRecvError::Empty) => break,
                Err(error) => return Err(error.into()), // its thread has failed: the next run repeats the unit
                Ok(()) => reached = *position,
            }
            open.pop_front();
        }
        reached = if open.is_empty() { follower.position() } else { reached };
        if let Some(position) = reached.filter(|_| checkpoint.is_due()) {
            checkpoint.save(position)?;
            follower.commit(position); // WAIT on the server waits for it
        }
    }
    Ok(())
}

/// The thread that has all keys of a unit.
fn thread_of(unit: &[OwnedCommand]) -> Option<usize> {
    let hash = BuildHasherDefault::<DefaultHasher>::new();
    let mut threads = BTreeSet::new();
    for command in unit {
        match command.touches() {
            Touches::None => {}
            Touches::Keys(keys) => threads.extend(keys.map(|key| hash.hash_one((key.db, key.key)) as usize % THREADS)),
            Touches::All(_) | Touches::Unknown => return None,
        }
    }
    (threads.len() <= 1).then(|| threads.first().copied().unwrap_or(0))
}

fn work_off(thread: usize, units: Receiver<(Vec<OwnedCommand>, Sender<()>)>) {
    for (unit, done) in units {
        match work(thread, &unit) {
            Ok(()) => drop(done.send(())), // an error only if the program ends
            Err(error) => return eprintln!("thread {thread}: {error}"),
        }
    }
}

/// Work of your own goes here.
fn work(thread: usize, unit: &[OwnedCommand]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    unit.iter().try_for_each(|command| writeln!(out, "{thread}: {command}"))?;
    out.flush()
}
