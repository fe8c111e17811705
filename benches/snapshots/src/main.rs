//! Decodes snapshots of a real server with redtail, with the `rdb` crate and with the server's own `redis-check-rdb`,
//! in turns.
//!
//! `./run [--rounds N] [--size MIB] [--check]`, `./run --json [--rounds N] [--size MIB]`
//!
//! Before timing, all must agree on the number of keys and on the bytes of their elements. With `--check` nothing else
//! is done. Times are CPU time of the process (user and system), to reduce the effect of other work on the machine.
//! Each round runs each reader once.

mod data;
mod json;
mod readers;

#[path = "../../corpora/server.rs"]
#[allow(dead_code, reason = "shared with the other benches")]
mod server;

use std::io;
use std::path::Path;

use readers::{Found, READERS};
use server::Server;

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, file] = args.as_slice()
        && mode == json::OF_THE_CRATE
    {
        return json::of_the_crate(file);
    }
    let check = args.iter().any(|arg| arg == "--check");
    let option = |name: &str, default: u64| {
        let at = args.iter().position(|arg| arg == name);
        at.and_then(|at| args.get(at + 1)).map_or(Ok(default), |text| text.parse().map_err(io::Error::other))
    };
    let rounds = option("--rounds", 7)?.max(1);
    let size = option("--size", if check { 2 } else { 96 })? << 20;
    let Some(server) = Server::start(1 << 20)? else {
        return Err(io::Error::other("there is no redis-server on the PATH"));
    };
    println!("redis-server {}", server.info("redis_version")?.trim());
    if args.iter().any(|arg| arg == "--json") {
        return json::compare(&server, option("--size", 1024)? << 20, option("--rounds", 3)?.max(1));
    }
    println!("{:<16}{:>8}  {}", "", "MiB", READERS.map(|reader| format!("{:>24}", reader.name)).concat());
    for set in data::SETS {
        let file = data::make(&server, &set, size)?;
        agree(&file)?;
        if !check {
            measure(set.name, &file, rounds)?;
        }
    }
    if check {
        println!("all agree");
    }
    Ok(())
}

/// Checks that all decoders agree.
fn agree(file: &Path) -> io::Result<()> {
    let mut first: Option<Found> = None;
    for reader in READERS {
        let Some(found) = (reader.run)(file)? else { continue };
        match first {
            None => first = Some(found),
            Some(first) if first == found => {}
            Some(first) => {
                return Err(io::Error::other(format!(
                    "{}: {} finds {found:?}, not {first:?}",
                    file.display(),
                    reader.name
                )));
            }
        }
    }
    Ok(())
}

/// Prints GB/s of each reader (medians), and its time relative to the first.
fn measure(name: &str, file: &Path, rounds: u64) -> io::Result<()> {
    let bytes = std::fs::metadata(file)?.len() as f64;
    let mut times = READERS.map(|_| Vec::new());
    for _ in 0..rounds {
        for (reader, times) in READERS.iter().zip(&mut times) {
            let before = readers::cpu_seconds()?;
            (reader.run)(file)?;
            times.push(readers::cpu_seconds()? - before);
        }
    }
    print!("{name:<16}{:>8.1}  ", bytes / f64::from(1 << 20));
    let mut ours = None;
    for times in &mut times {
        times.sort_by(f64::total_cmp);
        let median = times[times.len() / 2];
        let ours = *ours.get_or_insert(median);
        print!("{:>24}", format!("{:.2} GB/s  {:>6.2}x", bytes / median / 1e9, median / ours));
    }
    println!();
    Ok(())
}
