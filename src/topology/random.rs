//! Random choice among servers.

/// Takes out any of them, so that several followers don't all choose the same.
pub(super) fn take_any<T>(servers: &mut Vec<T>) -> Option<T> {
    let count = servers.len() as u64;
    let chosen = crate::io::random().checked_rem(count)?;
    Some(servers.swap_remove(usize::try_from(chosen).ok()?))
}
