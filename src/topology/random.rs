//! Random choice among servers.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use crate::net::Target;

/// Takes out any of them, so that several followers don't all choose the same.
pub(super) fn take_any(targets: &mut Vec<Target>) -> Option<Target> {
    let count = targets.len() as u64;
    // The hasher's keys are the only random numbers the standard library has.
    let chosen = RandomState::new().hash_one(count).checked_rem(count)?;
    Some(targets.swap_remove(usize::try_from(chosen).ok()?))
}
