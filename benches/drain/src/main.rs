//! Drains the backlog of a real server with redtail, with other readers and with a bare `read()` loop, in turns.
//!
//! `./run [--rounds N] [--size MIB] [--live]`
//!
//! Each reader runs in a process of its own, which reports its elapsed time, CPU time and peak memory. The tool then
//! drains to /dev/null in each format.

mod live;
mod process;
mod readers;

#[path = "../../corpora/mod.rs"]
mod corpora;

use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use corpora::server::Server;

/// The key of the last command, for readers without offsets.
pub const LAST_KEY: &str = "redtail:last";

/// The backlog to drain.
pub struct Job {
    pub port: u16,
    pub id: String,
    pub offset: u64,
    pub end: u64,
}

impl Job {
    pub fn target(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn position(&self) -> String {
        format!("{}:{}:0", self.id, self.offset)
    }

    pub(crate) fn server(&self) -> corpora::server::Remote {
        corpora::server::Remote { port: self.port }
    }
}

/// The cost of one run.
struct Cost {
    commands: u64,
    seconds: f64,
    cpu: f64,
    peak_kib: u64,
}

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [reader, port, id, offset, end] = args.as_slice() {
        let number = |text: &String| text.parse::<u64>().map_err(io::Error::other);
        let job = Job { port: number(port)? as u16, id: id.clone(), offset: number(offset)?, end: number(end)? };
        return one(reader, &job);
    }
    let option = |name: &str, default: usize| {
        let value = args.iter().position(|arg| arg == name).and_then(|at| args.get(at + 1)?.parse().ok());
        value.unwrap_or(default)
    };
    if args.iter().any(|arg| arg == "--live") {
        return live::compare(&tool(), (option("--size", 200) << 20) as u64);
    }
    let (rounds, size) = (option("--rounds", 5), option("--size", 400) << 20);
    all(rounds, size)
}

/// Runs in a process of its own.
fn one(reader: &str, job: &Job) -> io::Result<()> {
    let run = readers::READERS.iter().find(|(name, _)| *name == reader).map(|(_, run)| run);
    let run = run.ok_or_else(|| io::Error::other(format!("there is no reader {reader}")))?;
    let began = Instant::now();
    let commands = run(job)?;
    let seconds = began.elapsed().as_secs_f64();
    println!("{commands} {seconds} {} {}", process::cpu_seconds()?, process::peak_kib()?);
    Ok(())
}

fn all(rounds: usize, size: usize) -> io::Result<()> {
    let Some(server) = Server::start(size + (64 << 20))? else {
        return Err(io::Error::other("there is no redis-server on the path"));
    };
    speak_tls(&server)?;
    let (id, offset) = server.begin_backlog()?;
    server.fill(size as u64)?;
    let mut link = server.connect()?;
    link.write_all(format!("SET {LAST_KEY} 1\r\n").as_bytes())?;
    // The reply: the command is in the stream.
    std::io::Read::read_exact(&mut link, &mut [0; 5])?;
    let job = Job { port: server.port, id, offset, end: server.offset()? };
    println!("a backlog of {} MiB", (job.end - job.offset) >> 20);

    let mut results: Vec<(String, Vec<Cost>)> = Vec::new();
    let tool = tool();
    for _ in 0..rounds {
        for (reader, _) in readers::READERS {
            note(&mut results, reader, child(reader, &job)?);
        }
        for format in ["resp", "json", "text"] {
            if tool.exists() {
                note(&mut results, &format!("tail --format {format}"), tail(&tool, format, &job)?);
            }
        }
    }
    let commands = results.iter().flat_map(|(_, costs)| costs).map(|cost| cost.commands).max().unwrap_or(0);
    print(&results, commands, job.end - job.offset);
    Ok(())
}

/// A second port, with the test certificates.
fn speak_tls(server: &Server) -> io::Result<()> {
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let file = |name| format!("{CERTIFICATES}/{name}");
    let (ca, certificate, key) = (file("ca.crt"), file("server.crt"), file("server.key"));
    let mut link = server.connect()?;
    let words = format!("tls-ca-cert-file {ca} tls-cert-file {certificate} tls-key-file {key} tls-auth-clients no");
    link.write_all(format!("CONFIG SET {words} tls-port {port}\r\n").as_bytes())?;
    let mut answer = [0; 5];
    std::io::Read::read_exact(&mut link, &mut answer)?;
    if &answer == b"+OK\r\n" { Ok(()) } else { Err(io::Error::other("this redis-server has no TLS")) }
}

pub const CERTIFICATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/tls");

/// The tool, built by `./run`.
fn tool() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/release/redtail")
}

fn note(results: &mut Vec<(String, Vec<Cost>)>, name: &str, cost: Cost) {
    match results.iter_mut().find(|(known, _)| known == name) {
        Some((_, costs)) => costs.push(cost),
        None => results.push((name.to_owned(), vec![cost])),
    }
}

fn child(reader: &str, job: &Job) -> io::Result<Cost> {
    let output = Command::new(std::env::current_exe()?)
        .args([reader, &job.port.to_string(), &job.id, &job.offset.to_string(), &job.end.to_string()])
        .stderr(Stdio::inherit())
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [commands, seconds, cpu, peak] = numbers[..] else {
        return Err(io::Error::other(format!("{reader} failed: {}", output.status)));
    };
    Ok(Cost { commands: commands as u64, seconds, cpu, peak_kib: peak as u64 })
}

fn tail(tool: &std::path::Path, format: &str, job: &Job) -> io::Result<Cost> {
    let began = Instant::now();
    let before = process::children_cpu_seconds()?;
    let mut child = Command::new(tool)
        .args(["tail", &job.target(), "--from", &job.position(), "--until", &job.end.to_string(), "--format", format])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let (status, peak_kib) = process::wait(&mut child)?;
    let seconds = began.elapsed().as_secs_f64();
    if !status.success() {
        return Err(io::Error::other(format!("redtail tail: {status}")));
    }
    Ok(Cost { commands: 0, seconds, cpu: process::children_cpu_seconds()? - before, peak_kib })
}

fn print(results: &[(String, Vec<Cost>)], commands: u64, bytes: u64) {
    let middle = |costs: &[Cost], of: fn(&Cost) -> f64| {
        let mut values: Vec<f64> = costs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let read = middle(&results[0].1, |cost| cost.seconds);
    println!(
        "{commands} commands, {:.1} bytes each; medians of {} rounds",
        bytes as f64 / commands as f64,
        results[0].1.len()
    );
    println!(
        "{:<22}{:>9}{:>9}{:>9}{:>13}{:>12}{:>10}",
        "", "seconds", "least", "of read", "M commands/s", "ns CPU/cmd", "peak KiB"
    );
    for (name, costs) in results {
        let seconds = middle(costs, |cost| cost.seconds);
        let least = costs.iter().map(|cost| cost.seconds).fold(f64::INFINITY, f64::min);
        let cpu = middle(costs, |cost| cost.cpu) * 1e9 / commands as f64;
        let peak = middle(costs, |cost| cost.peak_kib as f64);
        println!(
            "{name:<22}{seconds:>9.3}{least:>9.3}{:>9.3}{:>13.2}{cpu:>12.1}{peak:>10.0}",
            read / seconds,
            commands as f64 / seconds / 1e6
        );
    }
}
