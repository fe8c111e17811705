//! Streams: entries in listpacks, then what the stream knows, its groups and its producers.

use crate::rdb::SHARED_FIELDS;
use crate::rdb::decoder::Decoder;
use crate::rdb::item::{Entry, Item, Role, StreamId, StreamState};
use crate::rdb::lzf::Place;
use crate::rdb::packed::{Form, mismatch};
use crate::rdb::primitives::{Ahead, Cursor, Header, Step, invalid};
use crate::rdb::state::{AfterPacked, Found, Stage};
use crate::rdb::value::Element;

/// The names that entries of one node share, as far as there is room.
#[derive(Debug, Clone)]
pub(super) struct Names {
    /// Each: two bytes of length, then the name.
    bytes: [u8; SHARED_FIELDS],
    length: usize,
    /// There was room for all.
    fits: bool,
}

/// How far the walk through a node's listpack has come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    master: StreamId,
    phase: Phase,
    live: u64,
    deleted: u64,
    seen_live: u64,
    seen_deleted: u64,
    shared: u64,
    id: StreamId,
    flags: i64,
}

/// The meaning of the next element.
#[derive(Debug, Clone, Copy)]
enum Phase {
    Live,
    Deleted,
    SharedCount,
    SharedField {
        left: u64,
    },
    SharedEnd,
    Flags,
    Ms,
    Seq,
    Count,
    /// No element: a shared name is told.
    Name {
        left: u64,
        at: usize,
    },
    SharedValue {
        left: u64,
        at: usize,
    },
    Field {
        left: u64,
    },
    Value {
        left: u64,
    },
    /// An element of a deleted entry.
    Unwanted {
        left: u64,
    },
    /// How many elements the entry had.
    Back,
}

const FLAG_DELETED: i64 = 1;
const FLAG_SHARED: i64 = 2;

impl Names {
    pub(super) const NONE: Self = Self { bytes: [0; SHARED_FIELDS], length: 0, fits: true };

    pub(super) fn part(&self, from: usize, to: usize) -> &[u8] {
        self.bytes.get(from..to).unwrap_or_default()
    }

    fn clear(&mut self) {
        (self.length, self.fits) = (0, true);
    }

    fn push(&mut self, name: &[u8]) {
        let text = self.length + 2;
        let end = text + name.len();
        let Ok(length) = u16::try_from(name.len()) else { return self.fits = false };
        match self.bytes.get_mut(self.length..end).and_then(|place| place.split_first_chunk_mut()) {
            Some((head, place)) => {
                *head = length.to_le_bytes();
                place.copy_from_slice(name);
                self.length = end;
            }
            None => self.fits = false,
        }
    }

    /// Where the name lies whose length stands at `at`.
    fn name(&self, at: usize) -> (usize, usize) {
        let length =
            self.bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |head| u16::from_le_bytes(*head));
        (at + 2, at + 2 + usize::from(length))
    }
}

impl Node {
    pub(super) const NONE: Self = Self::new(StreamId { ms: 0, seq: 0 });

    const fn new(master: StreamId) -> Self {
        Self {
            master,
            phase: Phase::Live,
            live: 0,
            deleted: 0,
            seen_live: 0,
            seen_deleted: 0,
            shared: 0,
            id: master,
            flags: 0,
        }
    }

    fn is_deleted(&self) -> bool {
        self.flags & FLAG_DELETED != 0
    }
}

impl Decoder {
    /// Everything of a stream that is not inside a node's listpack.
    pub(super) fn stream(&mut self, cursor: &mut Cursor<'_>) -> Step<bool> {
        match self.stage {
            Stage::StreamNodes { left: 0 } => self.to(Stage::StreamState),
            Stage::StreamNodes { left } => self.stream_node_begin(cursor, left - 1),
            Stage::StreamState => self.stream_state(cursor),
            Stage::Groups { left: 0 } if self.generation >= 4 => self.to(Stage::Idempotence),
            Stage::Groups { left: 0 } => self.to(Stage::KeyEnd),
            Stage::Groups { left } => self.string(cursor, Role::GroupName, Stage::Group { left: left - 1 }),
            Stage::Group { left: groups } => {
                let counted = self.generation >= 2;
                let (last, read, pending) = cursor.number(|ahead| {
                    let last = ahead.id_lengths()?;
                    let read = if counted { Some(ahead.length()?).filter(|read| *read != u64::MAX) } else { None };
                    Ok((last, read, ahead.length()?))
                })?;
                self.tell(Item::Group { last, read, pending }, Stage::PendingEntries { left: pending, groups })
            }
            Stage::PendingEntries { left: 0, groups } => {
                let count = cursor.number(Ahead::length)?;
                self.tell(Item::Consumers { count }, Stage::Consumers { left: count, groups })
            }
            Stage::PendingEntries { left, groups } => {
                let (id, delivered_at_ms, deliveries) =
                    cursor.number(|ahead| Ok((ahead.id()?, ahead.i64()?, ahead.length()?)))?;
                let next = Stage::PendingEntries { left: left - 1, groups };
                self.tell(Item::Pending { id, delivered_at_ms, deliveries }, next)
            }
            Stage::Consumers { left: 0, groups } if self.generation >= 5 => self.to(Stage::ReturnedCount { groups }),
            Stage::Consumers { left: 0, groups } => self.to(Stage::Groups { left: groups }),
            Stage::Consumers { left, groups } => {
                self.string(cursor, Role::ConsumerName, Stage::Consumer { left: left - 1, groups })
            }
            Stage::Consumer { left: consumers, groups } => {
                let dated = self.generation >= 3;
                let (seen_at_ms, active_at_ms, pending) = cursor.number(|ahead| {
                    let seen = ahead.i64()?;
                    Ok((seen, if dated { Some(ahead.i64()?) } else { None }, ahead.length()?))
                })?;
                let next = Stage::ConsumerPending { left: pending, consumers, groups };
                self.tell(Item::Consumer { seen_at_ms, active_at_ms, pending }, next)
            }
            Stage::ConsumerPending { left: 0, consumers: left, groups } => self.to(Stage::Consumers { left, groups }),
            Stage::ConsumerPending { left, consumers, groups } => {
                let id = cursor.number(Ahead::id)?;
                self.tell(Item::ConsumerPending(id), Stage::ConsumerPending { left: left - 1, consumers, groups })
            }
            Stage::ReturnedCount { groups } => {
                let left = cursor.number(Ahead::length)?;
                self.to(Stage::Returned { left, groups })
            }
            Stage::Returned { left: 0, groups } => self.to(Stage::Groups { left: groups }),
            Stage::Returned { left, groups } => {
                let id = cursor.number(Ahead::id)?;
                self.tell(Item::Returned(id), Stage::Returned { left: left - 1, groups })
            }
            _ => self.producers(cursor),
        }
    }

    fn producers(&mut self, cursor: &mut Cursor<'_>) -> Step<bool> {
        match self.stage {
            Stage::Idempotence => {
                let (duration_s, most, producers) =
                    cursor.number(|ahead| Ok((ahead.length()?, ahead.length()?, ahead.length()?)))?;
                self.tell(Item::Idempotence { duration_s, most, producers }, Stage::Producers { left: producers })
            }
            Stage::Producers { left: 0 } => self.to(Stage::IdempotenceCounts),
            Stage::Producers { left } => self.string(cursor, Role::ProducerName, Stage::Producer { left: left - 1 }),
            Stage::Producer { left: producers } => {
                let keys = cursor.number(Ahead::length)?;
                self.tell(Item::Producer { keys }, Stage::IdempotencyKeys { left: keys, producers })
            }
            Stage::IdempotencyKeys { left: 0, producers: left } => self.to(Stage::Producers { left }),
            Stage::IdempotencyKeys { left, producers } => {
                let next = Stage::Idempotent { left: left - 1, producers };
                self.string(cursor, Role::IdempotencyKey, next)
            }
            Stage::Idempotent { left, producers } => {
                let id = cursor.number(Ahead::id_lengths)?;
                self.tell(Item::Idempotent(id), Stage::IdempotencyKeys { left, producers })
            }
            // All other stages are taken before it comes here.
            _ => {
                let (added, duplicates) = cursor.number(|ahead| Ok((ahead.length()?, ahead.length()?)))?;
                self.tell(Item::IdempotenceCounts { added, duplicates }, Stage::KeyEnd)
            }
        }
    }

    fn stream_state(&mut self, cursor: &mut Cursor<'_>) -> Step<bool> {
        let counted = self.generation >= 2;
        let state = cursor.number(|ahead| {
            let (length, last) = (ahead.length()?, ahead.id_lengths()?);
            let (first, max_deleted, added) = match counted {
                true => (Some(ahead.id_lengths()?), Some(ahead.id_lengths()?), Some(ahead.length()?)),
                false => (None, None, None),
            };
            Ok(StreamState { length, last, first, max_deleted, added, groups: ahead.length()? })
        })?;
        self.tell(Item::Stream(state), Stage::Groups { left: state.groups })
    }

    fn stream_node_begin(&mut self, cursor: &mut Cursor<'_>, left: u64) -> Step<bool> {
        let mut ahead = cursor.ahead();
        let Header::Plain(16) = ahead.header()? else {
            return Err(invalid("stream", "a node's key of 16 bytes"));
        };
        let master = ahead.id()?;
        let key = ahead.used;
        // The key and the header behind it are used up together, so that nothing has to remember being between them.
        ahead.header()?;
        cursor.at += key;
        self.node = Node::new(master);
        self.names.clear();
        self.open(cursor, Form::Listpack, AfterPacked::StreamNodes(left))
    }

    /// The next element of a node's listpack, by its meaning.
    pub(super) fn stream_node(&mut self, cursor: &mut Cursor<'_>, after: AfterPacked) -> Step<bool> {
        if let Phase::Name { left, at } = self.node.phase {
            let (from, to) = self.names.name(at);
            self.node.phase = Phase::SharedValue { left, at: to };
            let (role, length) = (Role::EntryField, (to - from) as u64);
            self.found = Found::Text { role, place: Place::Names(from, to), at: 0, length };
            return Ok(true);
        }
        let Some(element) = self.element(cursor)? else {
            let Phase::Flags = self.node.phase else {
                return Err(invalid("stream", "whole entries: the last one of a node lacks a part"));
            };
            let Node { live, deleted, seen_live, seen_deleted, .. } = self.node;
            if live != seen_live {
                return Err(mismatch("entries of a stream's node", live, seen_live));
            }
            if deleted != seen_deleted {
                return Err(mismatch("deleted entries of a stream's node", deleted, seen_deleted));
            }
            return self.to(after.stage());
        };
        let next = match self.node.phase {
            Phase::Live => {
                self.node.live = count(element)?;
                Phase::Deleted
            }
            Phase::Deleted => {
                self.node.deleted = count(element)?;
                Phase::SharedCount
            }
            Phase::SharedCount => {
                self.node.shared = count(element)?;
                shared_field(self.node.shared)
            }
            Phase::SharedField { left } => {
                self.node.phase = shared_field(left - 1);
                match element {
                    Element::Integer(value) => {
                        self.integer(Role::SharedField, value)?;
                        self.names.push(self.digits.text());
                        return Ok(true);
                    }
                    Element::Text { place, .. } => {
                        let Self { names, flow, .. } = self;
                        match place {
                            Place::Input(from, to) => names.push(cursor.input.get(from..to).unwrap_or_default()),
                            Place::Window(from, to) => names.push(flow.undone(from, to)),
                            Place::Names(..) | Place::Number => {}
                        }
                    }
                    Element::Long { .. } => self.names.fits = false,
                }
                return self.tell_element(cursor, Role::SharedField, element);
            }
            Phase::SharedEnd => match element {
                Element::Integer(0) => Phase::Flags,
                _ => return Err(invalid("stream", "0 after the shared fields of a node")),
            },
            Phase::Flags => {
                self.node.flags = integer(element)?;
                Phase::Ms
            }
            Phase::Ms => {
                self.node.id.ms = self.node.master.ms.wrapping_add_signed(integer(element)?);
                Phase::Seq
            }
            Phase::Seq => {
                self.node.id.seq = self.node.master.seq.wrapping_add_signed(integer(element)?);
                if self.node.flags & FLAG_SHARED == 0 {
                    Phase::Count
                } else {
                    let fields = self.node.shared;
                    let first = self.shared_value(fields, 0);
                    return self.entry(fields, first, fields);
                }
            }
            Phase::Count => {
                let fields = count(element)?;
                return self.entry(fields, own_field(fields), fields.saturating_mul(2));
            }
            Phase::SharedValue { left, at } => {
                self.node.phase = self.shared_value(left - 1, at);
                return self.tell_element(cursor, Role::EntryValue, element);
            }
            Phase::Field { left } => {
                self.node.phase = Phase::Value { left };
                return self.tell_element(cursor, Role::EntryField, element);
            }
            Phase::Value { left } => {
                self.node.phase = own_field(left - 1);
                return self.tell_element(cursor, Role::EntryValue, element);
            }
            Phase::Unwanted { left } => {
                self.drop_element(element);
                unwanted(left - 1)
            }
            Phase::Back => {
                integer(element)?;
                Phase::Flags
            }
            // Taken before.
            Phase::Name { left, at } => Phase::Name { left, at },
        };
        self.node.phase = next;
        Ok(false)
    }

    /// An entry begins whose elements are `first` and so on, `elements` of them.
    fn entry(&mut self, fields: u64, first: Phase, elements: u64) -> Step<bool> {
        if self.node.is_deleted() {
            self.node.seen_deleted += 1;
            self.node.phase = unwanted(elements);
            return Ok(false);
        }
        self.node.seen_live += 1;
        self.node.phase = first;
        let named = self.node.flags & FLAG_SHARED == 0 || self.names.fits;
        self.tell(Item::Entry(Entry { id: self.node.id, fields, named }), self.stage)
    }

    fn shared_value(&self, left: u64, at: usize) -> Phase {
        match left {
            0 => Phase::Back,
            left if self.names.fits => Phase::Name { left, at },
            left => Phase::SharedValue { left, at },
        }
    }
}

fn shared_field(left: u64) -> Phase {
    if left == 0 { Phase::SharedEnd } else { Phase::SharedField { left } }
}

fn own_field(left: u64) -> Phase {
    if left == 0 { Phase::Back } else { Phase::Field { left } }
}

fn unwanted(left: u64) -> Phase {
    if left == 0 { Phase::Back } else { Phase::Unwanted { left } }
}

fn integer(element: Element) -> Step<i64> {
    match element {
        Element::Integer(value) => Ok(value),
        _ => Err(invalid("stream", "an integer in a node's listpack")),
    }
}

fn count(element: Element) -> Step<u64> {
    u64::try_from(integer(element)?).map_err(|_| invalid("stream", "a count in a node's listpack, not below 0"))
}
