//! The streams that this run follows, for everybody who watches it: one of a server, or one of each shard.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::stats::moment::{Moment, run_age};
use crate::stats::tally::{Counters, Tally};

static STREAMS: Mutex<Vec<Arc<Counters>>> = Mutex::new(Vec::new());
static SAVED: Moment = Moment::never();

/// The tally of a server, or of this shard of a cluster.
pub(crate) fn tally_of_stream(shard: Option<&str>) -> Tally {
    // The run begins with its first stream at the latest.
    let _ = run_age();
    let tally = Tally::new(shard);
    streams().push(Arc::clone(&tally.counters));
    tally
}

/// Every stream of this run, with those that have ended.
pub(super) fn all() -> Vec<Arc<Counters>> {
    streams().clone()
}

/// Notes that a checkpoint was saved.
pub(crate) fn checkpoint_saved() {
    SAVED.set();
}

/// The time since the last checkpoint.
pub(super) fn checkpoint_age() -> Option<Duration> {
    SAVED.age()
}

fn streams() -> MutexGuard<'static, Vec<Arc<Counters>>> {
    STREAMS.lock().unwrap_or_else(PoisonError::into_inner)
}
