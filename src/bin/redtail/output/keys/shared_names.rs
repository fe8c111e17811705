//! Shared field names of stream entries.

use redtail::rdb::{Item, Role};

/// The field names that entries of a stream share. Entries arrive without them if the names are long.
#[derive(Debug, Default)]
pub(crate) struct SharedNames {
    names: Vec<Vec<u8>>,
    /// More names of the same node may follow.
    gathering: bool,
    /// The current entry has no names; the index of the next name.
    unnamed: Option<usize>,
}

impl SharedNames {
    /// Returns the field name that belongs before this item.
    pub(crate) fn before(&mut self, item: &Item<'_>) -> Option<&[u8]> {
        match item {
            Item::Text(text) if text.role == Role::SharedField => {
                if !std::mem::replace(&mut self.gathering, true) {
                    self.names.clear();
                }
                if text.is_first() {
                    self.names.push(Vec::new());
                }
                self.names.last_mut()?.extend_from_slice(text.bytes);
                None
            }
            Item::Text(text) if text.role == Role::EntryValue && text.is_first() => {
                let next = self.unnamed.as_mut()?;
                *next += 1;
                self.names.get(*next - 1).map(Vec::as_slice)
            }
            Item::Text(_) => None,
            Item::Entry(entry) => {
                self.gathering = false;
                self.unnamed = (!entry.named).then_some(0);
                None
            }
            _ => {
                self.gathering = false;
                None
            }
        }
    }
}
