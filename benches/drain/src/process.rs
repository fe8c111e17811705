//! Resource usage of a process, from Linux's /proc.

use std::fs;
use std::io;
use std::process::{Child, ExitStatus};
use std::time::Duration;

/// Clock ticks per second in /proc: 100 on every common Linux.
const TICKS: f64 = 100.0;

/// Of this process, user and system.
pub fn cpu_seconds() -> io::Result<f64> {
    Ok((stat(13)? + stat(14)?) / TICKS)
}

/// Of its finished children.
pub fn children_cpu_seconds() -> io::Result<f64> {
    Ok((stat(15)? + stat(16)?) / TICKS)
}

/// Peak memory in KiB.
pub fn peak_kib() -> io::Result<u64> {
    peak_kib_of("self")
}

/// Waits for a child to exit and returns its last observed peak memory, in KiB.
pub fn wait(child: &mut Child) -> io::Result<(ExitStatus, u64)> {
    let mut peak = 0;
    loop {
        // A finished process has no memory.
        peak = peak.max(peak_kib_of(&child.id().to_string()).unwrap_or(0));
        if let Some(status) = child.try_wait()? {
            return Ok((status, peak));
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Of another process.
pub fn peak_kib_of(process: &str) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| io::Error::other(format!("no VmHWM in /proc/{process}/status")))
}

/// A field of /proc/self/stat, counted from 0.
fn stat(field: usize) -> io::Result<f64> {
    let text = fs::read_to_string("/proc/self/stat")?;
    // The name may contain blanks; two fields precede its end.
    let rest = text.rsplit(')').next().unwrap_or_default();
    let word = rest.split_whitespace().nth(field - 2).and_then(|word| word.parse().ok());
    word.ok_or_else(|| io::Error::other("/proc/self/stat can't be read"))
}
