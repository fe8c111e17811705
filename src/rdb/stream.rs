//! Streams: their state, groups, consumers and producers.

use crate::rdb::decoder::Decoder;
use crate::rdb::item::{Entry, Item, Role, StreamState};
use crate::rdb::packed::{PackedForm, mismatch};
use crate::rdb::primitives::{Attempt, Cursor, Peek, StringHeader, invalid};
use crate::rdb::state::{AfterPacked, DecoderState, FLAG_SHARED, FoundItem, NodePhase, StreamNode};
use crate::rdb::text_range::TextRange;
use crate::rdb::value::PackedElement;

impl Decoder {
    /// Reads the parts of a stream outside the listpacks of its nodes.
    pub(super) fn stream(&mut self, cursor: &mut Cursor<'_>) -> Attempt<bool> {
        match self.state {
            DecoderState::StreamNodes { left: 0 } => self.advance_to(DecoderState::StreamState),
            DecoderState::StreamNodes { left } => self.stream_node_begin(cursor, left - 1),
            DecoderState::StreamState => self.stream_state(cursor),
            DecoderState::Groups { left: 0 } if self.generation >= 4 => self.advance_to(DecoderState::Idempotence),
            DecoderState::Groups { left: 0 } => self.advance_to(DecoderState::KeyEnd),
            DecoderState::Groups { left } => {
                self.string(cursor, Role::GroupName, DecoderState::Group { left: left - 1 })
            }
            DecoderState::Group { left: groups } => {
                let counted = self.generation >= 2;
                let (last, read, pending) = cursor.number(|peek| {
                    let last = peek.id_lengths()?;
                    let read = if counted { Some(peek.length()?).filter(|read| *read != u64::MAX) } else { None };
                    Ok((last, read, peek.length()?))
                })?;
                self.emit(Item::Group { last, read, pending }, DecoderState::PendingEntries { left: pending, groups })
            }
            DecoderState::PendingEntries { left: 0, groups } => {
                let count = cursor.number(Peek::length)?;
                self.emit(Item::Consumers { count }, DecoderState::Consumers { left: count, groups })
            }
            DecoderState::PendingEntries { left, groups } => {
                let (id, delivered_at_ms, deliveries) =
                    cursor.number(|peek| Ok((peek.id()?, peek.i64()?, peek.length()?)))?;
                let next = DecoderState::PendingEntries { left: left - 1, groups };
                self.emit(Item::Pending { id, delivered_at_ms, deliveries }, next)
            }
            DecoderState::Consumers { left: 0, groups } if self.generation >= 5 => {
                self.advance_to(DecoderState::ReturnedCount { groups })
            }
            DecoderState::Consumers { left: 0, groups } => self.advance_to(DecoderState::Groups { left: groups }),
            DecoderState::Consumers { left, groups } => {
                self.string(cursor, Role::ConsumerName, DecoderState::Consumer { left: left - 1, groups })
            }
            DecoderState::Consumer { left: consumers, groups } => {
                let dated = self.generation >= 3;
                let (seen_at_ms, active_at_ms, pending) = cursor.number(|peek| {
                    let seen = peek.i64()?;
                    Ok((seen, if dated { Some(peek.i64()?) } else { None }, peek.length()?))
                })?;
                let next = DecoderState::ConsumerPending { left: pending, consumers, groups };
                self.emit(Item::Consumer { seen_at_ms, active_at_ms, pending }, next)
            }
            DecoderState::ConsumerPending { left: 0, consumers: left, groups } => {
                self.advance_to(DecoderState::Consumers { left, groups })
            }
            DecoderState::ConsumerPending { left, consumers, groups } => {
                let id = cursor.number(Peek::id)?;
                self.emit(
                    Item::ConsumerPending(id),
                    DecoderState::ConsumerPending { left: left - 1, consumers, groups },
                )
            }
            DecoderState::ReturnedCount { groups } => {
                let left = cursor.number(Peek::length)?;
                self.advance_to(DecoderState::Returned { left, groups })
            }
            DecoderState::Returned { left: 0, groups } => self.advance_to(DecoderState::Groups { left: groups }),
            DecoderState::Returned { left, groups } => {
                let id = cursor.number(Peek::id)?;
                self.emit(Item::Returned(id), DecoderState::Returned { left: left - 1, groups })
            }
            _ => self.producers(cursor),
        }
    }

    fn producers(&mut self, cursor: &mut Cursor<'_>) -> Attempt<bool> {
        match self.state {
            DecoderState::Idempotence => {
                let (duration_s, most, producers) =
                    cursor.number(|peek| Ok((peek.length()?, peek.length()?, peek.length()?)))?;
                self.emit(
                    Item::Idempotence { duration_s, most, producers },
                    DecoderState::Producers { left: producers },
                )
            }
            DecoderState::Producers { left: 0 } => self.advance_to(DecoderState::IdempotenceCounts),
            DecoderState::Producers { left } => {
                self.string(cursor, Role::ProducerName, DecoderState::Producer { left: left - 1 })
            }
            DecoderState::Producer { left: producers } => {
                let keys = cursor.number(Peek::length)?;
                self.emit(Item::Producer { keys }, DecoderState::IdempotencyKeys { left: keys, producers })
            }
            DecoderState::IdempotencyKeys { left: 0, producers: left } => {
                self.advance_to(DecoderState::Producers { left })
            }
            DecoderState::IdempotencyKeys { left, producers } => {
                let next = DecoderState::Idempotent { left: left - 1, producers };
                self.string(cursor, Role::IdempotencyKey, next)
            }
            DecoderState::Idempotent { left, producers } => {
                let id = cursor.number(Peek::id_lengths)?;
                self.emit(Item::Idempotent(id), DecoderState::IdempotencyKeys { left, producers })
            }
            // All other states are handled by the callers.
            _ => {
                let (added, duplicates) = cursor.number(|peek| Ok((peek.length()?, peek.length()?)))?;
                self.emit(Item::IdempotenceCounts { added, duplicates }, DecoderState::KeyEnd)
            }
        }
    }

    fn stream_state(&mut self, cursor: &mut Cursor<'_>) -> Attempt<bool> {
        let counted = self.generation >= 2;
        let state = cursor.number(|peek| {
            let (length, last) = (peek.length()?, peek.id_lengths()?);
            let (first, max_deleted, added) = match counted {
                true => (Some(peek.id_lengths()?), Some(peek.id_lengths()?), Some(peek.length()?)),
                false => (None, None, None),
            };
            Ok(StreamState { length, last, first, max_deleted, added, groups: peek.length()? })
        })?;
        self.emit(Item::Stream(state), DecoderState::Groups { left: state.groups })
    }

    fn stream_node_begin(&mut self, cursor: &mut Cursor<'_>, left: u64) -> Attempt<bool> {
        let mut peek = cursor.peek();
        let StringHeader::Plain(16) = peek.header()? else {
            return Err(invalid("stream", "a node's key of 16 bytes"));
        };
        let master = peek.id()?;
        let key = peek.used;
        // The key and the header after it are used up together, so that no state is needed between them.
        peek.header()?;
        cursor.at += key;
        self.node = StreamNode::new(master);
        self.names.clear();
        self.open(cursor, PackedForm::Listpack, AfterPacked::StreamNodes(left))
    }

    /// Reads the next element of a node's listpack.
    pub(super) fn stream_node(&mut self, cursor: &mut Cursor<'_>, after: AfterPacked) -> Attempt<bool> {
        if let NodePhase::Name { left, at } = self.node.phase {
            let (from, to) = self.names.name(at);
            self.node.phase = NodePhase::SharedValue { left, at: to };
            let (role, length) = (Role::EntryField, (to - from) as u64);
            self.found = FoundItem::Text { role, range: TextRange::Names(from, to), at: 0, length };
            return Ok(true);
        }
        let Some(element) = self.element(cursor)? else {
            let NodePhase::Flags = self.node.phase else {
                return Err(invalid("stream", "whole entries: the last one of a node lacks a part"));
            };
            let StreamNode { live, deleted, seen_live, seen_deleted, .. } = self.node;
            if live != seen_live {
                return Err(mismatch("entries of a stream's node", live, seen_live));
            }
            if deleted != seen_deleted {
                return Err(mismatch("deleted entries of a stream's node", deleted, seen_deleted));
            }
            return self.advance_to(after.state());
        };
        let next = match self.node.phase {
            NodePhase::Live => {
                self.node.live = count(element)?;
                NodePhase::Deleted
            }
            NodePhase::Deleted => {
                self.node.deleted = count(element)?;
                NodePhase::SharedCount
            }
            NodePhase::SharedCount => {
                self.node.shared = count(element)?;
                shared_field(self.node.shared)
            }
            NodePhase::SharedField { left } => {
                self.node.phase = shared_field(left - 1);
                match element {
                    PackedElement::Integer(value) => {
                        self.integer(Role::SharedField, value)?;
                        self.names.push(self.decimal.text());
                        return Ok(true);
                    }
                    PackedElement::Text { range, .. } => {
                        let Self { names, window, .. } = self;
                        match range {
                            TextRange::Input(from, to) => names.push(cursor.input.get(from..to).unwrap_or_default()),
                            TextRange::Window(from, to) => names.push(window.text(from, to)),
                            TextRange::Names(..) | TextRange::Number => {}
                        }
                    }
                    PackedElement::Long { .. } => self.names.fits = false,
                }
                return self.emit_element(cursor, Role::SharedField, element);
            }
            NodePhase::SharedEnd => match element {
                PackedElement::Integer(0) => NodePhase::Flags,
                _ => return Err(invalid("stream", "0 after the shared fields of a node")),
            },
            NodePhase::Flags => {
                self.node.flags = integer(element)?;
                NodePhase::Ms
            }
            NodePhase::Ms => {
                self.node.id.ms = self.node.master.ms.wrapping_add_signed(integer(element)?);
                NodePhase::Seq
            }
            NodePhase::Seq => {
                self.node.id.seq = self.node.master.seq.wrapping_add_signed(integer(element)?);
                if self.node.flags & FLAG_SHARED == 0 {
                    NodePhase::Count
                } else {
                    let fields = self.node.shared;
                    let first = self.shared_value(fields, 0);
                    return self.entry(fields, first, fields);
                }
            }
            NodePhase::Count => {
                let fields = count(element)?;
                return self.entry(fields, own_field(fields), fields.saturating_mul(2));
            }
            NodePhase::SharedValue { left, at } => {
                self.node.phase = self.shared_value(left - 1, at);
                return self.emit_element(cursor, Role::EntryValue, element);
            }
            NodePhase::Field { left } => {
                self.node.phase = NodePhase::Value { left };
                return self.emit_element(cursor, Role::EntryField, element);
            }
            NodePhase::Value { left } => {
                self.node.phase = own_field(left - 1);
                return self.emit_element(cursor, Role::EntryValue, element);
            }
            NodePhase::Unwanted { left } => {
                self.drop_element(element);
                unwanted(left - 1)
            }
            NodePhase::Back => {
                integer(element)?;
                NodePhase::Flags
            }
            // Handled above.
            NodePhase::Name { left, at } => NodePhase::Name { left, at },
        };
        self.node.phase = next;
        Ok(false)
    }

    /// Begins an entry. It has `elements` elements, and `first` is the phase of the first one.
    fn entry(&mut self, fields: u64, first: NodePhase, elements: u64) -> Attempt<bool> {
        if self.node.is_deleted() {
            self.node.seen_deleted += 1;
            self.node.phase = unwanted(elements);
            return Ok(false);
        }
        self.node.seen_live += 1;
        self.node.phase = first;
        let named = self.node.flags & FLAG_SHARED == 0 || self.names.fits;
        self.emit(Item::Entry(Entry { id: self.node.id, fields, named }), self.state)
    }

    fn shared_value(&self, left: u64, at: usize) -> NodePhase {
        match left {
            0 => NodePhase::Back,
            left if self.names.fits => NodePhase::Name { left, at },
            left => NodePhase::SharedValue { left, at },
        }
    }
}

fn shared_field(left: u64) -> NodePhase {
    if left == 0 { NodePhase::SharedEnd } else { NodePhase::SharedField { left } }
}

fn own_field(left: u64) -> NodePhase {
    if left == 0 { NodePhase::Back } else { NodePhase::Field { left } }
}

fn unwanted(left: u64) -> NodePhase {
    if left == 0 { NodePhase::Back } else { NodePhase::Unwanted { left } }
}

fn integer(element: PackedElement) -> Attempt<i64> {
    match element {
        PackedElement::Integer(value) => Ok(value),
        _ => Err(invalid("stream", "an integer in a node's listpack")),
    }
}

fn count(element: PackedElement) -> Attempt<u64> {
    u64::try_from(integer(element)?).map_err(|_| invalid("stream", "a count in a node's listpack, not below 0"))
}
