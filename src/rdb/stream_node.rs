//! The nodes of a stream: listpacks of entries, read one element at a time.

use crate::rdb::decoder::Decoder;
use crate::rdb::item::{Entry, Item, Role};
use crate::rdb::packed::mismatch;
use crate::rdb::primitives::{Attempt, Cursor, invalid};
use crate::rdb::state::{AfterPacked, FLAG_SHARED, FoundItem, NodePhase, StreamNode};
use crate::rdb::template_memory::TemplateMemory;
use crate::rdb::text_range::TextRange;
use crate::rdb::value::PackedElement;

impl<M: TemplateMemory> Decoder<M> {
    /// Reads the next element of a node's listpack.
    pub(super) fn stream_node(&mut self, cursor: &mut Cursor<'_>, after: AfterPacked) -> Attempt<bool> {
        if let NodePhase::Name { left, at } = self.node.phase {
            return self.shared_name(left, at);
        }
        let Some(element) = self.element(cursor)? else {
            self.check_node_end()?;
            return self.advance_to(after.state());
        };
        match self.node.phase {
            NodePhase::SharedField { left } => self.shared_field(cursor, left, element),
            NodePhase::Flags | NodePhase::Ms | NodePhase::Seq | NodePhase::Count => self.entry_head(element),
            NodePhase::SharedValue { .. } | NodePhase::Field { .. } | NodePhase::Value { .. } => {
                self.entry_text(cursor, element)
            }
            NodePhase::Unwanted { left } => {
                self.drop_element(element);
                self.set_phase(unwanted(left - 1))
            }
            NodePhase::Back => {
                integer(element)?;
                self.set_phase(NodePhase::Flags)
            }
            _ => self.node_head(element),
        }
    }

    /// Delivers a shared name in front of its value.
    fn shared_name(&mut self, left: u64, at: usize) -> Attempt<bool> {
        let (from, to) = self.names.name(at);
        self.node.phase = NodePhase::SharedValue { left, at: to };
        let (role, length) = (Role::EntryField, (to - from) as u64);
        self.found = FoundItem::Text { role, range: TextRange::Names(from, to), at: 0, length };
        Ok(true)
    }

    /// Checks the counts of a node at its end.
    fn check_node_end(&self) -> Attempt<()> {
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
        Ok(())
    }

    /// Reads a number of the node's first entry, which holds the counts and the shared names.
    fn node_head(&mut self, element: PackedElement) -> Attempt<bool> {
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
            _ => match element {
                PackedElement::Integer(0) => NodePhase::Flags,
                _ => return Err(invalid("stream", "0 after the shared fields of a node")),
            },
        };
        self.set_phase(next)
    }

    /// Delivers a shared name and keeps it, if it fits.
    fn shared_field(&mut self, cursor: &mut Cursor<'_>, left: u64, element: PackedElement) -> Attempt<bool> {
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
                    TextRange::Names(..) | TextRange::Templates(..) | TextRange::Number => {}
                }
            }
            PackedElement::Long { .. } => self.names.fits = false,
        }
        self.emit_element(cursor, Role::SharedField, element)
    }

    /// Reads a number of an entry: its flags, its id, its count of fields.
    fn entry_head(&mut self, element: PackedElement) -> Attempt<bool> {
        match self.node.phase {
            NodePhase::Flags => {
                self.node.flags = integer(element)?;
                self.set_phase(NodePhase::Ms)
            }
            NodePhase::Ms => {
                self.node.id.ms = self.node.master.ms.wrapping_add_signed(integer(element)?);
                self.set_phase(NodePhase::Seq)
            }
            NodePhase::Seq => {
                self.node.id.seq = self.node.master.seq.wrapping_add_signed(integer(element)?);
                if self.node.flags & FLAG_SHARED == 0 {
                    return self.set_phase(NodePhase::Count);
                }
                let fields = self.node.shared;
                let first = self.shared_value(fields, 0);
                self.entry(fields, first, fields)
            }
            _ => {
                let fields = count(element)?;
                self.entry(fields, own_field(fields), fields.saturating_mul(2))
            }
        }
    }

    /// Delivers a field or a value of an entry.
    fn entry_text(&mut self, cursor: &mut Cursor<'_>, element: PackedElement) -> Attempt<bool> {
        let (next, role) = match self.node.phase {
            NodePhase::SharedValue { left, at } => (self.shared_value(left - 1, at), Role::EntryValue),
            NodePhase::Field { left } => (NodePhase::Value { left }, Role::EntryField),
            NodePhase::Value { left } => (own_field(left - 1), Role::EntryValue),
            other => (other, Role::EntryValue),
        };
        self.node.phase = next;
        self.emit_element(cursor, role, element)
    }

    fn set_phase(&mut self, next: NodePhase) -> Attempt<bool> {
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
