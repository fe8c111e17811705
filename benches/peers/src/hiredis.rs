//! hiredis, and the CPU time of this thread.

use crate::Outcome;
use crate::feed::FEED;

unsafe extern "C" {
    fn hiredis_run(
        data: *const u8,
        length: usize,
        feed: usize,
        default_replies: i32,
        visit: i32,
        out: *mut Outcome,
    ) -> i32;
    fn thread_seconds() -> f64;
}

pub fn noop<const VISIT: bool>(corpus: &[u8]) -> Outcome {
    run(hiredis_run, corpus, 0, VISIT.into())
}

pub fn default_replies<const VISIT: bool>(corpus: &[u8]) -> Outcome {
    run(hiredis_run, corpus, 1, VISIT.into())
}

/// hiredis.c's loop, around hiredis or libvalkey.
pub type Loop = unsafe extern "C" fn(*const u8, usize, usize, i32, i32, *mut Outcome) -> i32;

pub fn run(library: Loop, corpus: &[u8], default_replies: i32, visit: i32) -> Outcome {
    let mut out = Outcome::default();
    // SAFETY: the bytes outlive the call, and `Outcome` is the struct of the C side.
    let status = unsafe { library(corpus.as_ptr(), corpus.len(), FEED, default_replies, visit, &mut out) };
    assert_eq!(status, 0, "the peer refuses the corpus");
    out
}

/// CPU time of this thread in seconds.
pub fn cpu() -> f64 {
    // SAFETY: the call only reads a clock.
    unsafe { thread_seconds() }
}
