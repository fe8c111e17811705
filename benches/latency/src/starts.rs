//! The time from `connect()` to the first event, and to the first write, for each start.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use redtail::{Event, Follower, OnGap, Position, Start};

use crate::server::{Remote, Server};
use crate::writer::Writer;

/// Keys in the server, which a snapshot with data contains.
const KEYS: u64 = 100_000;

/// On a server that a client writes to 1,000 times a second.
pub fn compare(rounds: usize) -> io::Result<()> {
    let Some(server) = Server::start(64 << 20)? else {
        return Err(io::Error::other("there is no redis-server on the path"));
    };
    let mut link = server.connect()?;
    link.write_all(format!("DEBUG POPULATE {KEYS}\r\n").as_bytes())?;
    link.read_exact(&mut [0; 5])?;
    server.begin_backlog()?;
    println!("{KEYS} keys, 1000 writes/s; medians of {rounds} rounds, in ms after connect()");
    println!("{:<28}{:>12}{:>14}", "", "attached", "first write");
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let mut writer = Writer::new(server.connect()?)?;
        let over = &over;
        let load = scope.spawn(move || -> io::Result<()> {
            while !over.load(Ordering::Relaxed) {
                writer.write(1000, 1)?;
            }
            Ok(())
        });
        let measured = all(&server, rounds);
        over.store(true, Ordering::Relaxed);
        load.join().unwrap_or_else(|_| Err(io::Error::other("the load broke off")))?;
        measured
    })
}

fn all(server: &Server, rounds: usize) -> io::Result<()> {
    let id = server.info("master_replid")?;
    let mut results = vec![Vec::new(); 6];
    for _ in 0..rounds {
        let position = |offset| format!("{}:{offset}:0", id.trim()).parse::<Position>().map_err(io::Error::other);
        let starts = [
            ("Start::Now", Start::Now),
            ("Start::NowWithoutFork", Start::NowWithoutFork),
            ("Start::At", Start::At(position(server.offset()?)?)),
            ("Start::Snapshot", Start::Snapshot),
            ("Start::Sync", Start::Sync),
        ];
        for (index, (name, start)) in starts.into_iter().enumerate() {
            results[index].push((name, follow(server.port, start)?));
        }
        results[5].push(("bare PSYNC ? -1", bare(server.port)?));
    }
    for rows in results {
        let middle = |of: fn(&(Duration, Duration)) -> Duration| {
            let mut values: Vec<Duration> = rows.iter().map(|(_, times)| of(times)).collect();
            values.sort_unstable();
            values[values.len() / 2].as_secs_f64() * 1e3
        };
        println!("{:<28}{:>12.1}{:>14.1}", rows[0].0, middle(|times| times.0), middle(|times| times.1));
    }
    Ok(())
}

fn follow(port: u16, start: Start) -> io::Result<(Duration, Duration)> {
    let began = Instant::now();
    let builder = Follower::builder(format!("127.0.0.1:{port}")).start(start).on_gap(OnGap::Stop);
    let mut follower = builder.connect().map_err(io::Error::other)?;
    let mut attached = None;
    while let Some(event) = follower.next_event().map_err(io::Error::other)? {
        match (event, attached) {
            (Event::Attached(_), _) => attached = Some(began.elapsed()),
            (Event::Command(_), Some(attached)) => return Ok((attached, began.elapsed())),
            _ => {}
        }
    }
    Err(io::Error::other("the stream ended"))
}

/// A replica that searches the snapshot's end and does nothing else.
fn bare(port: u16) -> io::Result<(Duration, Duration)> {
    let began = Instant::now();
    let mut link = Remote { port }.connect()?;
    link.write_all(b"PSYNC ? -1\r\n")?;
    let mut bytes = Vec::new();
    let mut chunk = vec![0; 256 << 10];
    let mut attached = None;
    let finder = memchr::memmem::Finder::new(b"\r\n$3\r\nSET\r\n");
    loop {
        match link.read(&mut chunk)? {
            0 => return Err(io::Error::other("the stream ended")),
            count => bytes.extend_from_slice(&chunk[..count]),
        }
        if attached.is_none() && bytes.windows(2).any(|pair| pair == b"\r\n") {
            attached = Some(began.elapsed());
        }
        if let Some(attached) = attached
            && finder.find(&bytes).is_some()
        {
            return Ok((attached, began.elapsed()));
        }
    }
}
