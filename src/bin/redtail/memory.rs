//! The memory that a run needs.

use std::fs;
use std::hint::black_box;

use crate::failure::Failure;

/// The stacks of the threads, each of 2 MiB, and the buffers of a run, in bytes.
const NEEDED: usize = 32 << 20;

/// Whether the address space of a run is available: later, the system ends a process that gets no memory.
pub(crate) fn check() -> Result<(), Failure> {
    let limits = fs::read_to_string("/proc/self/limits");
    let status = fs::read_to_string("/proc/self/status");
    let left = limits.ok().zip(status.ok()).and_then(|(limits, status)| left(&limits, &status));
    let is_enough = match left {
        Some(bytes) => bytes >= NEEDED as u64,
        None => can_reserve(),
    };
    if is_enough {
        return Ok(());
    }
    Err(Failure::Message(
        "the limit of memory (ulimit -v) is too low: the threads and buffers of a run need 32 MiB; raise it".into(),
    ))
}

/// The bytes of address space that Linux still allows. `None` without a limit. An allocator may have reserved some, so
/// its answer to a request does not tell.
fn left(limits: &str, status: &str) -> Option<u64> {
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    let limit: u64 = limit.split_whitespace().next()?.parse().ok()?;
    let used = status.lines().find_map(|line| line.strip_prefix("VmSize:"))?;
    let used: u64 = used.split_whitespace().next()?.parse().ok()?;
    Some(limit.saturating_sub(used << 10))
}

/// On other systems the allocator is asked. It returns the space at once.
fn can_reserve() -> bool {
    let mut space: Vec<u8> = Vec::new();
    black_box(&mut space).try_reserve_exact(NEEDED).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_and_the_use_of_linux_are_read() {
        let limits = |soft: &str| {
            format!(
                "Limit                     Soft Limit           Hard Limit           Units     \n\
                 Max cpu time              unlimited            unlimited            seconds   \n\
                 Max address space         {soft:<20} unlimited            bytes     \n"
            )
        };
        let status = "Name:\tredtail\nVmPeak:\t   30000 kB\nVmSize:\t   20000 kB\n";
        assert_eq!(left(&limits("41943040"), status), Some(41_943_040 - 20_480_000));
        assert_eq!(left(&limits("1024"), status), Some(0));
        assert_eq!(left(&limits("unlimited"), status), None);
        assert_eq!(left("", status), None);
    }
}
