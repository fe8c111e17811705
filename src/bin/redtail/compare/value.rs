//! The value of a key, as a digest that servers of different versions have in common.

use std::collections::hash_map::DefaultHasher;
use std::hash::{BuildHasher, Hasher, RandomState};

use redtail::rdb::{Dump, Item, Role, StreamId, Text, Type};

use crate::output::SharedNames;

/// The value of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Value {
    /// `None`: the payload of DUMP can't be read, and its bytes are compared.
    pub(super) kind: Option<Type>,
    digest: u64,
}

/// Reads the payloads of DUMP. Its digests are those of one run, so that nobody can choose values with the same one.
#[derive(Debug, Default)]
pub(super) struct Digester(RandomState);

impl Digester {
    pub(super) fn value(&self, payload: &[u8]) -> Value {
        self.decoded(payload).unwrap_or_else(|| Value { kind: None, digest: self.0.hash_one(payload) })
    }

    fn decoded(&self, payload: &[u8]) -> Option<Value> {
        let mut dump = Dump::new(payload).ok()?;
        let mut sum = Sum::new(&self.0);
        while let Some(item) = dump.next_item().ok()? {
            sum.item(&item);
        }
        sum.end_unit();
        Some(Value { kind: Some(sum.kind?), digest: sum.total })
    }
}

/// The sum of the digests of the units: the members of a set or sorted set and the fields of a hash, whose order
/// differs between servers. Any other value is one unit.
struct Sum<'a> {
    states: &'a RandomState,
    kind: Option<Type>,
    unit: DefaultHasher,
    total: u64,
    /// The path that the next fields of a path hash belong to.
    path: u64,
    names: SharedNames,
    in_module: bool,
}

impl<'a> Sum<'a> {
    fn new(states: &'a RandomState) -> Self {
        Self {
            states,
            kind: None,
            unit: states.build_hasher(),
            total: 0,
            path: 0,
            names: SharedNames::default(),
            in_module: false,
        }
    }

    fn end_unit(&mut self) {
        let unit = std::mem::replace(&mut self.unit, self.states.build_hasher());
        self.total = self.total.wrapping_add(unit.finish());
    }

    /// Counters of streams, times of consumers and idempotence are left out: no command of every version copies them.
    fn item(&mut self, item: &Item<'_>) {
        if let Some(name) = self.names.before(item) {
            self.unit.write(name);
            self.unit.write_u64(name.len() as u64);
        }
        let unit = &mut self.unit;
        match *item {
            Item::Key(key) => self.kind = Some(key.kind),
            Item::Text(text) => self.text(&text),
            Item::Score(score) => unit.write_u64(score.to_bits()),
            Item::FieldExpiry { at_ms } => unit.write_i64(at_ms),
            Item::Entry(entry) => {
                id(unit, entry.id);
                unit.write_u64(entry.fields);
            }
            Item::Stream(state) => id(unit, state.last),
            Item::Group { last, pending, .. } => {
                id(unit, last);
                unit.write_u64(pending);
            }
            Item::Pending { id: of, deliveries, .. } => {
                id(unit, of);
                unit.write_u64(deliveries);
            }
            Item::Consumer { pending, .. } => unit.write_u64(pending),
            Item::ConsumerPending(of) | Item::Returned(of) => id(unit, of),
            Item::Module(_) => self.in_module = true,
            Item::Raw { bytes, .. } if self.in_module => unit.write(bytes),
            Item::Array { count, last_insert } => {
                unit.write_u64(count);
                unit.write_u64(last_insert.map_or(0, |index| index.wrapping_add(1)));
            }
            Item::Index(index) => unit.write_u64(index),
            Item::Rate(rate) => unit.write_u64(rate),
            Item::Path { .. } => self.path = unit.finish(),
            _ => {}
        }
    }

    fn text(&mut self, text: &Text<'_>) {
        match text.role {
            Role::SharedField | Role::ProducerName | Role::IdempotencyKey => return,
            Role::Member | Role::Path if text.is_first() => self.end_unit(),
            Role::Field if text.is_first() => {
                self.end_unit();
                self.unit.write_u64(self.path);
            }
            _ => {}
        }
        self.unit.write(text.bytes);
        if text.is_last() {
            self.unit.write_u64(text.length);
        }
    }
}

fn id(unit: &mut DefaultHasher, id: StreamId) {
    unit.write_u64(id.ms);
    unit.write_u64(id.seq);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A long string arrives in pieces, whose sizes depend on its encoding.
    #[test]
    fn pieces_have_the_digest_of_the_whole() {
        let states = RandomState::new();
        let digest = |pieces: &[&[u8]]| {
            let mut unit = states.build_hasher();
            pieces.iter().for_each(|piece| unit.write(piece));
            unit.finish()
        };
        assert_eq!(digest(&[b"a long string of bytes"]), digest(&[b"a", b" long stri", b"ng of bytes"]));
        assert_ne!(digest(&[b"ab"]), digest(&[b"ba"]));
    }
}
