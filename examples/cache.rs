//! A cache that forgets a key as soon as a server changes it: `cargo run --example cache 127.0.0.1:6379`.
//!
//! Each line of standard input names a string of database 0. Its value is printed, and whether the cache had it. While
//! the server is not followed, nothing is cached. A key that expires is forgotten when the server deletes it.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{io, process, thread};

use redtail::net::{Client, ClientError, Login, Reply, Socket, Timeouts};
use redtail::owned::OwnedCommand;
use redtail::replication::Touches;
use redtail::resp::Access;
use redtail::{Event, Follower, OnGap};

#[derive(Default)]
struct Cache {
    is_following: bool,
    tickets: u64,
    /// Values, and keys whose value is being read by the holder of this ticket.
    entries: HashMap<Vec<u8>, (u64, Option<Reply>)>,
}

impl Cache {
    fn forget(&mut self, touched: Touches<'_>) {
        match touched {
            Touches::None => {}
            Touches::Keys(keys) => keys
                .filter(|touch| touch.access != Access::Read && touch.db.is_none_or(|db| db == 0))
                .for_each(|touch| drop(self.entries.remove(touch.key))),
            Touches::All(databases) if !databases.contains(0) => {}
            Touches::All(_) | Touches::Unknown => self.entries.clear(),
        }
    }
}

fn lock(cache: &Mutex<Cache>) -> MutexGuard<'_, Cache> {
    cache.lock().unwrap_or_else(PoisonError::into_inner)
}

fn get(cache: &Mutex<Cache>, client: &mut Client, key: &str) -> Result<(&'static str, Reply), ClientError> {
    let mut held = lock(cache);
    if let Some((_, Some(value))) = held.entries.get(key.as_bytes()) {
        return Ok(("cache", value.clone()));
    }
    held.tickets += 1;
    let ticket = held.tickets;
    if held.is_following {
        held.entries.insert(key.into(), (ticket, None));
    }
    drop(held);
    let value = client.ask(&["GET", key])?;
    // If the key has changed meanwhile, the ticket is gone, and so is the value.
    if value.error().is_none()
        && let Some((holder, entry)) = lock(cache).entries.get_mut(key.as_bytes())
        && *holder == ticket
    {
        *entry = Some(value.clone());
    }
    Ok(("server", value))
}

fn follow(mut follower: Follower, cache: &Mutex<Cache>) -> Result<(), redtail::Error> {
    let mut transaction = Vec::<OwnedCommand>::new();
    while let Some(event) = follower.next_event()? {
        match event {
            Event::Attached(_) => lock(cache).is_following = true,
            Event::Command(command) if command.tx.is_some() => transaction.push((&command).into()),
            Event::Command(command) => lock(cache).forget(command.touches()),
            Event::Exec(_) => {
                let mut cache = lock(cache); // its keys change at once
                transaction.drain(..).for_each(|command| cache.forget(command.touches()));
            }
            Event::Disconnected(lost) => {
                eprintln!("{lost}");
                transaction.clear();
                let mut cache = lock(cache);
                cache.entries.clear();
                cache.is_following = false;
            }
            _ => {}
        }
    }
    Ok(())
}

fn main() {
    if let Err(error) = run() {
        eprintln!("cache: {error}");
        process::exit(1);
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let target = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:6379".into());
    let follower = Follower::builder(target.as_str()).on_gap(OnGap::Continue).connect()?;
    let target = target.parse()?;
    let mut client = Client::new(&target, Socket::connect(&target, &Timeouts::default())?, &Login::default())?;
    let cache = Arc::<Mutex<Cache>>::default();
    let followed = Arc::clone(&cache);
    thread::Builder::new().spawn(move || {
        follow(follower, &followed).unwrap_or_else(|error| eprintln!("cache: {error}"));
        process::exit(1); // nothing is forgotten any more
    })?;
    for key in io::stdin().lines() {
        let (source, value) = get(&cache, &mut client, &key?)?;
        println!("{source}: {value:?}");
    }
    Ok(())
}
