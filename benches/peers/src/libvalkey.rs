//! libvalkey, in the loop of hiredis.

use crate::Outcome;
use crate::hiredis::run;

unsafe extern "C" {
    fn libvalkey_run(data: *const u8, len: usize, feed: usize, default: i32, visit: i32, out: *mut Outcome) -> i32;
}

pub fn noop<const VISIT: bool>(corpus: &[u8]) -> Outcome {
    run(libvalkey_run, corpus, 0, VISIT.into())
}

pub fn default_replies<const VISIT: bool>(corpus: &[u8]) -> Outcome {
    run(libvalkey_run, corpus, 1, VISIT.into())
}
