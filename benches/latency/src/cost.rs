//! What a process costs, from Linux's /proc and perf.

use std::fs;
use std::io;
use std::process::{Child, Command, Stdio};

/// The cost of a process, from now on.
pub struct Cost {
    process: u32,
    cpu: u64,
    perf: Option<Child>,
}

impl Cost {
    pub fn begin(process: u32) -> io::Result<Self> {
        let perf = Command::new("perf")
            .args(["stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p", &process.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        if perf.is_ok() {
            // perf does not tell when it begins to count.
            std::thread::sleep(std::time::Duration::from_millis(300));
        }
        Ok(Self { process, cpu: nanoseconds(process)?, perf: perf.ok() })
    }

    /// CPU seconds, and system calls where perf can count them.
    pub fn end(self) -> io::Result<(f64, Option<u64>)> {
        let cpu = nanoseconds(self.process)? - self.cpu;
        let Some(perf) = self.perf else { return Ok((cpu as f64 / 1e9, None)) };
        // perf reports when it is interrupted.
        Command::new("kill").args(["-INT", &perf.id().to_string()]).status()?;
        let output = perf.wait_with_output()?;
        let report = String::from_utf8_lossy(&output.stderr).into_owned();
        let calls = report.lines().find_map(|line| line.split(',').next()?.parse().ok());
        Ok((cpu as f64 / 1e9, calls))
    }
}

/// On the CPU, all threads.
fn nanoseconds(process: u32) -> io::Result<u64> {
    let mut sum = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let text = fs::read_to_string(thread?.path().join("schedstat"))?;
        let number = text.split(' ').next().and_then(|word| word.parse::<u64>().ok());
        sum += number.ok_or_else(|| io::Error::other("schedstat has no number"))?;
    }
    Ok(sum)
}
