//! What stands in a snapshot: one writer for each format, fed with the items of a decoder, wherever they come from.

mod command;
mod elements;
mod groups;
mod json;
mod object;
mod rare;
mod resp;
mod text;

pub(super) use elements::Elements;
pub(super) use json::Keys as JsonKeys;
pub(super) use resp::Keys as RespKeys;
pub(super) use text::Keys as TextKeys;

use redtail::rdb::{Item, Key, Role, Text, Type};

use super::Argument;

/// A key without its name, which may not have come yet.
#[derive(Debug, Clone, Copy)]
struct Facts {
    database: u32,
    kind: Type,
    expire_at_ms: Option<i64>,
    idle_s: Option<u64>,
    frequency: Option<u8>,
}

impl From<&Key<'_>> for Facts {
    fn from(key: &Key<'_>) -> Self {
        let Key { database, kind, expire_at_ms, idle_s, frequency, .. } = *key;
        Self { database, kind, expire_at_ms, idle_s, frequency }
    }
}

/// Puts strings together that come in pieces. Holds at most one, and none longer than allowed.
#[derive(Debug)]
struct Held {
    most: u64,
    bytes: Vec<u8>,
}

/// What one held string may leave reserved for the next.
const KEPT: usize = 64 << 10;

impl Held {
    fn new(most: u64) -> Self {
        Self { most, bytes: Vec::new() }
    }

    /// The string that this piece completes, if it does.
    fn text<'a>(&'a mut self, text: &Text<'a>) -> Option<Argument<'a>> {
        if text.is_whole() {
            return Some(Argument::of(text.bytes, self.most));
        }
        if text.is_first() {
            self.bytes.clear();
            self.bytes.shrink_to(KEPT);
        }
        if text.length > self.most {
            return text.is_last().then_some(Argument::Omitted(text.length));
        }
        self.bytes.extend_from_slice(text.bytes);
        text.is_last().then_some(Argument::Whole(&self.bytes))
    }
}

/// The field names that entries of a stream share, for those entries that come without them because the names are long.
#[derive(Debug, Default)]
pub(super) struct SharedNames {
    names: Vec<Vec<u8>>,
    /// More names of the same node may come.
    gathering: bool,
    /// The entry being read comes without names; the number of the next.
    unnamed: Option<usize>,
}

impl SharedNames {
    /// The field name that belongs in front of this item.
    pub(super) fn before(&mut self, item: &Item<'_>) -> Option<&[u8]> {
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
