//! Decodes a large snapshot to JSON with programs, in turns: `redtail decode`, the JSON formatter of the `rdb` crate,
//! and rdbtools in Python.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::data;
use crate::readers;
use crate::server::Server;

/// The argument that makes this program the `rdb` crate's.
pub const OF_THE_CRATE: &str = "json-of-the-rdb-crate";

struct Program {
    name: &'static str,
    path: PathBuf,
    args: &'static [&'static str],
    /// Too slow for the whole file: it reads one of a sixteenth of the size.
    slow: bool,
}

fn programs() -> io::Result<Vec<Program>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ours = here.join("../../target/release/redtail");
    Ok(vec![
        Program {
            name: "redtail decode --format json",
            path: ours.clone(),
            args: &["decode", "--format", "json"],
            slow: false,
        },
        Program {
            name: "the same, --elements",
            path: ours,
            args: &["decode", "--format", "json", "--elements"],
            slow: false,
        },
        Program { name: "rdb 0.4", path: std::env::current_exe()?, args: &[OF_THE_CRATE], slow: false },
        Program {
            name: "rdbtools 0.1.15",
            path: here.join("target/rdbtools/bin/rdb"),
            args: &["--command", "json"],
            slow: true,
        },
    ])
}

pub fn compare(server: &Server, size: u64, rounds: u64) -> io::Result<()> {
    let small = data::make(server, &data::MIXED, size / 16)?;
    let keys = keys(server)?;
    let mut programs = programs()?;
    programs.retain(|program| match program.keys(&small) {
        Ok(found) if found == keys => true,
        found => {
            println!("{} is left out: it finds {found:?}, not {keys} keys", program.name);
            false
        }
    });
    let small_kept = small.with_file_name("small.rdb");
    std::fs::rename(small, &small_kept)?;
    let large = data::make(server, &data::MIXED, size)?;
    let mut times: Vec<Vec<(f64, f64)>> = programs.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (program, times) in programs.iter().zip(&mut times) {
            let (began, before) = (Instant::now(), readers::cpu_seconds()?);
            program.run(if program.slow { &small_kept } else { &large })?;
            times.push((began.elapsed().as_secs_f64(), readers::cpu_seconds()? - before));
        }
    }
    println!("{:<32}{:>8}{:>10}{:>10}{:>12}{:>10}{:>10}", "", "MiB", "wall s", "CPU s", "MB/s of CPU", "wall", "CPU");
    let mut first = None;
    for (program, times) in programs.iter().zip(times) {
        let bytes = std::fs::metadata(if program.slow { &small_kept } else { &large })?.len() as f64;
        let (wall, cpu) = (median(&times, |times| times.0), median(&times, |times| times.1));
        let each = (wall / bytes, cpu / bytes);
        let first = *first.get_or_insert(each);
        println!(
            "{:<32}{:>8.0}{wall:>10.2}{cpu:>10.2}{:>12.1}{:>9.1}x{:>9.1}x",
            program.name,
            bytes / f64::from(1 << 20),
            bytes / cpu / 1e6,
            each.0 / first.0,
            each.1 / first.1
        );
    }
    Ok(())
}

impl Program {
    fn run(&self, file: &Path) -> io::Result<()> {
        let status = self.command(file).stdout(Stdio::null()).status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("{}: {status}", self.name))) }
    }

    /// The number of keys in its output.
    fn keys(&self, file: &Path) -> io::Result<u64> {
        let output = self.command(file).stderr(Stdio::null()).output()?;
        let name = b"\"key:";
        Ok(output.stdout.windows(name.len()).filter(|bytes| bytes == name).count() as u64)
    }

    fn command(&self, file: &Path) -> Command {
        let mut command = Command::new(&self.path);
        command.args(self.args).arg(file);
        command
    }
}

fn keys(server: &Server) -> io::Result<u64> {
    let database = server.info("db0")?;
    let keys = database.strip_prefix("keys=").and_then(|rest| rest.split(',').next());
    keys.unwrap_or_default().parse().map_err(io::Error::other)
}

/// As the crate's own program does it, with a larger buffer.
pub fn of_the_crate(file: &str) -> io::Result<()> {
    let file = BufReader::with_capacity(readers::BUFFER, File::open(file)?);
    rdb::parse(file, rdb::formatter::JSON::new(None), rdb::filter::Simple::new())
        .map_err(|error| io::Error::other(format!("{error:?}")))
}

fn median(times: &[(f64, f64)], of: fn(&(f64, f64)) -> f64) -> f64 {
    let mut times: Vec<f64> = times.iter().map(of).collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
