//! The time from a client's write to the event in the reader's hands, for redtail and for others; and what an event
//! costs the reader in CPU time and system calls.
//!
//! `./run [--rates 100,10000,100000] [--rounds N] [--seconds N] [--reader NAME]`, `./run --starts [--rounds N]`
//!
//! Each reader has a server and a process of its own. The key of each write holds the time at which it was sent. The
//! readers take turns, and each figure is the median of the rounds: other processes delay single rounds.

mod arrivals;
mod cost;
mod readers;
mod starts;
mod writer;

#[path = "../../corpora/server.rs"]
#[allow(dead_code, reason = "the other benches use the rest")]
mod server;

use std::io::{self, BufRead, BufReader, Lines};
use std::process::{ChildStdout, Command, Stdio};
use std::time::Duration;

use arrivals::Arrivals;
use cost::Cost;
use server::Server;
use writer::Writer;

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [mode, reader, port] = args.as_slice()
        && mode == "reader"
    {
        return read(reader, port.parse().map_err(io::Error::other)?);
    }
    let option = |name: &str| args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1));
    let number = |name: &str| option(name).map(|text| text.parse::<u64>()).transpose().map_err(io::Error::other);
    if args.iter().any(|arg| arg == "--starts") {
        return starts::compare(number("--rounds")?.unwrap_or(9) as usize);
    }
    let (rounds, seconds) = (number("--rounds")?.unwrap_or(5).max(1), number("--seconds")?.unwrap_or(3));
    for rate in option("--rates").map_or("100,10000,100000", String::as_str).split(',') {
        let rate = rate.parse().map_err(|error| io::Error::other(format!("--rates {rate}: {error}")))?;
        compare(rate, rounds, seconds, option("--reader").map(String::as_str))?;
    }
    Ok(())
}

/// In a process of its own. It lives until it has been measured: until its standard input ends.
fn read(reader: &str, port: u16) -> io::Result<()> {
    let run = readers::READERS.iter().find(|(name, _)| *name == reader).map(|(_, run)| run);
    let run = run.ok_or_else(|| io::Error::other(format!("there is no reader {reader}")))?;
    let mut arrivals = Arrivals::new();
    run(port, &mut arrivals)?;
    arrivals.report();
    io::copy(&mut io::stdin(), &mut io::sink())?;
    readers::end_child()
}

fn compare(rate: u64, rounds: u64, seconds: u64, only: Option<&str>) -> io::Result<()> {
    println!("{rate} writes/s for {seconds} s, medians of {rounds} rounds");
    println!(
        "{:<24}{:>9}{:>9}{:>9}{:>9}{:>10}{:>9}{:>9}",
        "", "p50 us", "p99 us", "p99.9", "of bare", "us CPU/ev", "of bare", "calls/ev"
    );
    let bare = readers::READERS[0].0;
    let names = readers::READERS.iter().map(|(name, _)| *name);
    let names: Vec<&str> = names.filter(|name| *name == bare || only.is_none_or(|only| only == *name)).collect();
    let mut rows = vec![Vec::new(); names.len()];
    for _ in 0..rounds {
        for (rows, name) in rows.iter_mut().zip(&names) {
            rows.push(measure(name, rate, seconds)?);
        }
    }
    let base = Row::median(&rows[0]);
    for (reader, row) in names.iter().zip(rows.iter().map(|rows| Row::median(rows))) {
        println!(
            "{reader:<24}{:>9.0}{:>9.0}{:>9.0}{:>9.2}{:>10.2}{:>9.2}{:>9}",
            row.p50 / 1e3,
            row.p99 / 1e3,
            row.p999 / 1e3,
            row.p99 / base.p99,
            row.cpu * 1e6,
            row.cpu / base.cpu,
            row.calls.map_or("-".to_owned(), |calls| format!("{calls:.2}")),
        );
    }
    println!();
    Ok(())
}

/// Latencies in nanoseconds; CPU seconds and system calls per event.
#[derive(Clone, Copy)]
struct Row {
    p50: f64,
    p99: f64,
    p999: f64,
    cpu: f64,
    calls: Option<f64>,
}

impl Row {
    /// The median of each figure.
    fn median(rows: &[Self]) -> Self {
        let middle = |figure: fn(&Self) -> f64| {
            let mut figures: Vec<f64> = rows.iter().map(figure).collect();
            figures.sort_by(f64::total_cmp);
            figures[figures.len() / 2]
        };
        Self {
            p50: middle(|row| row.p50),
            p99: middle(|row| row.p99),
            p999: middle(|row| row.p999),
            cpu: middle(|row| row.cpu),
            calls: rows.iter().all(|row| row.calls.is_some()).then(|| middle(|row| row.calls.unwrap_or(0.0))),
        }
    }
}

fn measure(reader: &str, rate: u64, seconds: u64) -> io::Result<Row> {
    let Some(server) = Server::start(64 << 20)? else {
        return Err(io::Error::other("there is no redis-server on the path"));
    };
    if reader.starts_with("keyspace") {
        io::Write::write_all(&mut server.connect()?, b"CONFIG SET notify-keyspace-events E$\r\n")?;
    }
    let mut child = Command::new(std::env::current_exe()?)
        .args(["reader", reader, &server.port.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(child.stdout.take().ok_or_else(|| io::Error::other("no pipe"))?).lines();
    let mut writer = Writer::new(server.connect()?)?;
    let process = attached(&mut lines, &mut writer, child.id())?;

    let cost = Cost::begin(process)?;
    writer.write(rate, seconds)?;
    writer.last()?;
    let results = line(&mut lines)?;
    let (cpu, calls) = cost.end()?;
    drop(child.stdin.take());
    child.wait()?;

    let numbers: Vec<f64> = results.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [count, p50, p99, p999] = numbers[..] else {
        return Err(io::Error::other(format!("{reader} said {results}")));
    };
    if count as u64 != rate * seconds {
        return Err(io::Error::other(format!("{reader} saw {count} of {} writes", rate * seconds)));
    }
    Ok(Row { p50, p99, p999, cpu: cpu / count, calls: calls.map(|calls| calls as f64 / count) })
}

/// Writes until the reader has seen one. Returns the process to measure.
fn attached(lines: &mut Lines<BufReader<ChildStdout>>, writer: &mut Writer, reader: u32) -> io::Result<u32> {
    std::thread::scope(|scope| {
        let seen = scope.spawn(|| -> io::Result<u32> {
            let mut process = reader;
            loop {
                let line = line(lines)?;
                match line.strip_prefix("pid ") {
                    Some(child) => process = child.parse().map_err(io::Error::other)?,
                    None if line == "ready" => return Ok(process),
                    None => return Err(io::Error::other(format!("the reader said {line}"))),
                }
            }
        });
        while !seen.is_finished() {
            writer.warm()?;
            std::thread::sleep(Duration::from_millis(20));
        }
        // The primary still reaps the child of its snapshot, and the reader has read the earlier keys.
        std::thread::sleep(Duration::from_millis(300));
        seen.join().unwrap_or_else(|_| Err(io::Error::other("the reader can't be watched")))
    })
}

fn line(lines: &mut Lines<BufReader<ChildStdout>>) -> io::Result<String> {
    lines.next().unwrap_or_else(|| Err(io::Error::other("the reader ended early")))
}
