//! Live: a server under load, and the lag of each reader.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::corpora::server::Server;
use crate::process;

/// The lag of one reader.
struct Kept {
    load_seconds: f64,
    /// The maximum of bytes that waited in the server during the load, and the number at its end.
    most: u64,
    behind: u64,
    caught_up_seconds: f64,
    commands: u64,
    peak_kib: u64,
}

/// Attaches each reader in turn and loads the server with `bytes` of stream. Reports the bytes that wait in the server
/// for the replica, the time until they are gone after the load, and the cost.
pub fn compare(tool: &Path, bytes: u64) -> io::Result<()> {
    println!(
        "{:<22}{:>8}{:>10}{:>12}{:>12}{:>13}{:>12}{:>10}",
        "live", "load s", "K cmd/s", "most MiB", "behind MiB", "caught up s", "ns CPU/cmd", "peak KiB"
    );
    let readers: [(&str, &[&str]); 4] = [
        ("tail --format resp", &["tail", "ADDRESS", "--format", "resp"]),
        ("tail --format json", &["tail", "ADDRESS", "--format", "json"]),
        ("tail --format text", &["tail", "ADDRESS", "--format", "text"]),
        ("redis-cli --replica", &["-p", "PORT", "--replica"]),
    ];
    for (name, args) in readers {
        // A server for each: one reader's backlog must not burden the next.
        let Some(server) = Server::start(64 << 20)? else { return Err(io::Error::other("no redis-server")) };
        let address = format!("127.0.0.1:{}", server.port);
        let args = args.iter().map(|arg| arg.replace("ADDRESS", &address).replace("PORT", &server.port.to_string()));
        let program = if name.starts_with("redis") { Path::new("redis-cli") } else { tool };
        let mut child = Command::new(program).args(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let kept = keep_up(&server, bytes, child.id());
        // The total also counts the CPU time of the load, but equally before and after.
        let before = process::children_cpu_seconds()?;
        child.kill()?;
        child.wait()?;
        let (kept, cpu) = (kept?, process::children_cpu_seconds()? - before);
        println!(
            "{name:<22}{:>8.1}{:>10.0}{:>12.1}{:>12.1}{:>13.2}{:>12.0}{:>10}",
            kept.load_seconds,
            kept.commands as f64 / kept.load_seconds / 1e3,
            mebibytes(kept.most),
            mebibytes(kept.behind),
            kept.caught_up_seconds,
            cpu * 1e9 / kept.commands as f64,
            kept.peak_kib,
        );
    }
    Ok(())
}

fn keep_up(server: &Server, bytes: u64, replica: u32) -> io::Result<Kept> {
    let began = Instant::now();
    while waiting(server)?.is_none() {
        if began.elapsed() > A_MINUTE {
            return Err(io::Error::other("the replica never came online"));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let before = commands(server)?;
    let began = Instant::now();
    let mut most = 0;
    std::thread::scope(|scope| {
        let load = scope.spawn(|| server.fill(bytes));
        while !load.is_finished() {
            most = most.max(waiting(server)?.unwrap_or(0));
            std::thread::sleep(Duration::from_millis(100));
        }
        load.join().unwrap_or_else(|_| Err(io::Error::other("the load broke off")))
    })?;
    let load_seconds = began.elapsed().as_secs_f64();
    let behind = waiting(server)?.unwrap_or(0);
    let commands = commands(server)? - before;
    let began = Instant::now();
    while waiting(server)?.unwrap_or(0) > A_BLOCK && began.elapsed() < A_MINUTE {
        std::thread::sleep(Duration::from_millis(20));
    }
    let caught_up_seconds = began.elapsed().as_secs_f64();
    let peak_kib = process::peak_kib_of(&replica.to_string())?;
    Ok(Kept { load_seconds, most: most.max(behind), behind, caught_up_seconds, commands, peak_kib })
}

const A_MINUTE: Duration = Duration::from_secs(60);

/// Servers keep unsent data in blocks; one of them is never empty.
const A_BLOCK: u64 = 64 << 10;

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Bytes that wait for the replica; `None` while there is none.
fn waiting(server: &Server) -> io::Result<Option<u64>> {
    let mut link = server.connect()?;
    link.write_all(b"CLIENT LIST TYPE replica\r\nQUIT\r\n")?;
    let mut text = String::new();
    link.read_to_string(&mut text)?;
    let number = |name: &str| text.split(' ').find_map(|word| word.strip_prefix(name)?.trim().parse::<u64>().ok());
    let online = server.info("slave0").is_ok_and(|line| line.contains("state=online"));
    Ok(number("omem=").filter(|_| online))
}

fn commands(server: &Server) -> io::Result<u64> {
    server.info("total_commands_processed")?.trim().parse().map_err(io::Error::other)
}
