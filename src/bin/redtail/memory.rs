//! The memory that a run needs.

use std::hint::black_box;

use crate::failure::Failure;

/// The stacks of the threads, each of 2 MiB, and the buffers of a run, in bytes.
const NEEDED: usize = 32 << 20;

/// Reserves the address space of a run once, and returns it: later, the system ends a process that gets no memory.
pub(crate) fn check() -> Result<(), Failure> {
    let mut space: Vec<u8> = Vec::new();
    match black_box(&mut space).try_reserve_exact(NEEDED) {
        Ok(()) => Ok(()),
        Err(_) => Err(Failure::Message(
            "the limit of memory (ulimit -v) is too low: the threads and buffers of a run need 32 MiB; raise it".into(),
        )),
    }
}
