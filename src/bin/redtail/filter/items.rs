//! Keys of snapshots: left out from their beginning to their end, or not.

use redtail::owned::OwnedItem;
use redtail::rdb::{Item, Role, Text};

use super::{Filter, MOST_HELD, Verdict};

#[derive(Debug, Default)]
pub(crate) struct Items {
    /// What was decided of the key that is open.
    open: Option<Verdict>,
    /// The beginning of a key whose name has not come whole.
    held: Vec<OwnedItem>,
    name: Vec<u8>,
}

impl Items {
    /// What becomes of this item. With [`Verdict::Print`], what is held comes before it.
    pub(crate) fn item(&mut self, filter: &mut Filter, item: &Item<'_>) -> Verdict {
        match (item, self.open) {
            (Item::Key(key), _) => {
                self.forget();
                let is_left_out = !filter.dbs.is_empty() && !filter.dbs.contains(&key.database);
                let verdict = match () {
                    () if !filter.commands.is_empty() => {
                        filter.said.no_keys();
                        Verdict::Drop
                    }
                    () if is_left_out => Verdict::Drop,
                    () if filter.keys.is_empty() => Verdict::Print,
                    () => self.name(filter, &key.name),
                };
                self.decide(verdict, item)
            }
            (Item::Text(text), Some(Verdict::Hold)) if text.role == Role::KeyName => {
                let verdict = self.name(filter, text);
                self.decide(verdict, item)
            }
            (Item::KeyEnd, Some(verdict)) => {
                self.open = None;
                verdict
            }
            (_, Some(verdict)) => verdict,
            (Item::Text(text), None) => match text.role {
                // They belong to no database, and are no keys.
                Role::Function | Role::AuxName | Role::AuxValue if is_narrow(filter) => Verdict::Drop,
                _ => Verdict::Print,
            },
            _ => Verdict::Print,
        }
    }

    /// What is held of the key that passes now.
    pub(crate) fn take(&mut self) -> Vec<OwnedItem> {
        std::mem::take(&mut self.held)
    }

    /// No end comes of the key that is open.
    pub(crate) fn forget(&mut self) {
        self.open = None;
        self.held.clear();
        self.name.clear();
    }

    fn name(&mut self, filter: &mut Filter, text: &Text<'_>) -> Verdict {
        if text.length > MOST_HELD {
            return Verdict::Print;
        }
        self.name.extend_from_slice(text.bytes);
        match text.is_last() {
            false => Verdict::Hold,
            true if filter.passes_key(&self.name) => Verdict::Print,
            true => Verdict::Drop,
        }
    }

    fn decide(&mut self, verdict: Verdict, item: &Item<'_>) -> Verdict {
        if verdict == Verdict::Hold {
            self.held.push(item.into());
        }
        self.open = Some(verdict);
        verdict
    }
}

/// Commands or keys were chosen.
fn is_narrow(filter: &Filter) -> bool {
    !filter.commands.is_empty() || !filter.keys.is_empty()
}
