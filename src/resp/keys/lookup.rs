//! The search for a command in the table.

use crate::resp::keys::shape::{Effect, LONGEST_NAME, Shape, TableEntry};
use crate::resp::keys::table;

/// The effect and the keys of a command with this name; `None` if no server has it.
pub(super) fn find_command(name: &[u8]) -> Option<(Effect, Shape)> {
    find_entry(table::BY_LENGTH.get(name.len())?, name)
}

/// The same for a subcommand.
pub(super) fn find_entry(entries: &'static [TableEntry], name: &[u8]) -> Option<(Effect, Shape)> {
    let mut lower = [0; LONGEST_NAME];
    let lower = lower.get_mut(..name.len())?;
    lower.copy_from_slice(name);
    lower.make_ascii_lowercase();
    let index = entries.binary_search_by(|(name, ..)| name.as_bytes().cmp(lower)).ok()?;
    entries.get(index).map(|&(_, effect, shape)| (effect, shape))
}
