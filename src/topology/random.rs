//! Random choice among servers.

use crate::net::Target;

/// Takes out any of them, so that several followers don't all choose the same.
pub(super) fn take_any(targets: &mut Vec<Target>) -> Option<Target> {
    let count = targets.len() as u64;
    let chosen = crate::io::random().checked_rem(count)?;
    Some(targets.swap_remove(usize::try_from(chosen).ok()?))
}
