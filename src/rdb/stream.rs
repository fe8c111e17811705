//! Streams: their state, groups, consumers and producers.

use crate::rdb::decoder::Decoder;
use crate::rdb::item::{Item, Role, StreamState};
use crate::rdb::packed::PackedForm;
use crate::rdb::primitives::{Attempt, Cursor, Peek, StringHeader, invalid};
use crate::rdb::state::{AfterPacked, DecoderState, StreamNode};
use crate::rdb::template_memory::TemplateMemory;

impl<M: TemplateMemory> Decoder<M> {
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
}
