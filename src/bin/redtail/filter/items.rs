//! The filter for keys of snapshots.

use redtail::owned::OwnedItem;
use redtail::rdb::{Item, Role, Text};

use crate::filter::decision::{Decision, MOST_HELD};
use crate::filter::event_filter::EventFilter;

#[derive(Debug, Default)]
pub(crate) struct ItemFilter {
    /// The decision about the current key.
    open: Option<Decision>,
    /// The items of a key whose name is incomplete.
    held: Vec<OwnedItem>,
    name: Vec<u8>,
}

impl ItemFilter {
    /// Decides about an item. With [`Decision::Print`], the caller prints the held items first.
    pub(crate) fn item(&mut self, filter: &mut EventFilter, item: &Item<'_>) -> Decision {
        match (item, self.open) {
            (Item::Key(key), _) => {
                self.clear();
                let is_left_out = !filter.dbs.is_empty() && !filter.dbs.contains(&key.db);
                let verdict = match () {
                    () if !filter.commands.is_empty() => {
                        filter.warn_once.no_keys();
                        Decision::Drop
                    }
                    () if is_left_out => Decision::Drop,
                    () if !filter.chooses_keys() => Decision::Print,
                    () => self.name(filter, &key.name),
                };
                self.decide(verdict, item)
            }
            (Item::Text(text), Some(Decision::Hold)) if text.role == Role::KeyName => {
                let verdict = self.name(filter, text);
                self.decide(verdict, item)
            }
            (Item::KeyEnd, Some(verdict)) => {
                self.open = None;
                verdict
            }
            (_, Some(verdict)) => verdict,
            (Item::Text(text), None) => match text.role {
                // They belong to no database and are not keys.
                Role::Function | Role::AuxName | Role::AuxValue if is_narrow(filter) => Decision::Drop,
                _ => Decision::Print,
            },
            _ => Decision::Print,
        }
    }

    /// Returns the held items of a key that passes.
    pub(crate) fn take(&mut self) -> Vec<OwnedItem> {
        std::mem::take(&mut self.held)
    }

    /// The current key has no end.
    pub(crate) fn clear(&mut self) {
        self.open = None;
        self.held.clear();
        self.name.clear();
    }

    fn name(&mut self, filter: &mut EventFilter, text: &Text<'_>) -> Decision {
        if text.length > MOST_HELD && filter.is_for_target() {
            filter.warn_once.large_left_out();
            return Decision::Drop;
        }
        if text.length > MOST_HELD {
            return Decision::Print;
        }
        self.name.extend_from_slice(text.bytes);
        match text.is_last() {
            false => Decision::Hold,
            true if filter.passes_key(&self.name) => Decision::Print,
            true => Decision::Drop,
        }
    }

    fn decide(&mut self, verdict: Decision, item: &Item<'_>) -> Decision {
        if verdict == Decision::Hold {
            self.held.push(item.into());
        }
        self.open = Some(verdict);
        verdict
    }
}

/// Whether commands or keys are filtered.
fn is_narrow(filter: &EventFilter) -> bool {
    !filter.commands.is_empty() || filter.chooses_keys()
}
