//! Consumer groups of a stream, as commands that recreate them.

use std::io::{self, Write};

use redtail::rdb::{StreamId, StreamState};

use crate::output::keys::command::write;
use crate::output::keys::loss::{Loss, Losses};

/// The current group. Its pending entries arrive before their consumers, so they are held, at 32 bytes each.
#[derive(Debug, Default)]
pub(super) struct Groups {
    state: Option<StreamState>,
    /// The ids of the first and the last entry of the stream.
    entries: Option<(StreamId, StreamId)>,
    name: Vec<u8>,
    consumer: Vec<u8>,
    pending: Vec<Pending>,
    /// Its name is known, so it can be recreated.
    is_known: bool,
}

#[derive(Debug, Clone, Copy)]
struct Pending {
    id: StreamId,
    delivered_at_ms: i64,
    deliveries: u64,
}

impl Groups {
    pub(super) fn begin(&mut self) {
        *self = Self::default();
    }

    pub(super) fn entry(&mut self, id: StreamId) {
        self.entries = Some(self.entries.map_or((id, id), |(first, _)| (first, id)));
    }

    /// Writes the counts of the stream, after its entries.
    pub(super) fn state(&mut self, key: &[u8], state: StreamState, out: &mut impl Write) -> io::Result<()> {
        self.state = Some(state);
        let last = state.last.to_string();
        let (Some(added), Some(deleted)) = (state.added, state.max_deleted) else {
            if self.entries.is_none() {
                // An entry that creates the stream would count as added.
                write(out, &[b"XGROUP", b"CREATE", key, b"x", b"0", b"MKSTREAM"])?;
                write(out, &[b"XGROUP", b"DESTROY", key, b"x"])?;
            }
            return write(out, &[b"XSETID", key, last.as_bytes()]);
        };
        if self.entries.is_none() {
            // Servers create an empty stream likewise.
            write(out, &[b"XADD", key, b"MAXLEN", b"0", b"0-1", b"x", b"y"])?;
        }
        let (added, deleted) = (added.to_string(), deleted.to_string());
        let counts: [&[u8]; 4] = [b"ENTRIESADDED", added.as_bytes(), b"MAXDELETEDID", deleted.as_bytes()];
        write(out, &[&[b"XSETID", key, last.as_bytes()][..], &counts].concat())
    }

    pub(super) fn name(&mut self, name: &[u8]) {
        name.clone_into(&mut self.name);
        self.is_known = true;
    }

    pub(super) fn group(
        &mut self,
        key: &[u8],
        last: StreamId,
        read: Option<u64>,
        out: &mut impl Write,
    ) -> io::Result<()> {
        self.pending = Vec::new();
        if !self.is_known {
            return Ok(());
        }
        let id = last.to_string();
        let create: [&[u8]; 5] = [b"XGROUP", b"CREATE", key, &self.name, id.as_bytes()];
        if let Some(read) = read {
            return write(out, &[&create[..], &[b"ENTRIESREAD", read.to_string().as_bytes()]].concat());
        }
        write(out, &create)?;
        match self.read_before_7(last) {
            Some(read) => {
                let read = read.to_string();
                // A server before 7.0 refuses this, and has no use for it. An error inside EXEC ends no program.
                write(out, &[b"MULTI"])?;
                write(out, &[b"XGROUP", b"SETID", key, &self.name, id.as_bytes(), b"ENTRIESREAD", read.as_bytes()])?;
                write(out, &[b"EXEC"])
            }
            None => Ok(()),
        }
    }

    /// The number of entries that a group has read, for a stream from before Redis 7.0, which does not count them: the
    /// estimate that Redis 7.0 makes when it loads such a stream.
    fn read_before_7(&self, last: StreamId) -> Option<u64> {
        let state = self.state.filter(|state| state.added.is_none())?;
        match self.entries {
            None => Some(0),
            Some(_) if last == state.last => Some(state.length),
            Some(_) if last > state.last => None,
            Some((first, _)) if last < first => Some(0),
            Some((first, _)) if last == first => Some(1),
            // Between the first and the last entry only a walk over the entries would tell.
            Some(_) => None,
        }
    }

    pub(super) fn pending(&mut self, id: StreamId, delivered_at_ms: i64, deliveries: u64, losses: &mut Losses) {
        // Since 7.0 XCLAIM ignores entries that are not in the stream.
        let checked = self.state.is_some_and(|state| state.added.is_some());
        let (is_gone, may_be_gone) = match (self.entries, self.state) {
            (None, _) => (true, true),
            (Some((first, last)), state) => {
                let deleted = state.and_then(|state| state.max_deleted).unwrap_or_default();
                (id < first || id > last, id <= deleted)
            }
        };
        if checked && is_gone {
            losses.say(Loss::PendingOfDeleted);
        } else if checked && may_be_gone {
            losses.say(Loss::PendingOfDeletedPerhaps);
        }
        self.pending.push(Pending { id, delivered_at_ms, deliveries });
    }

    /// All pending entries have arrived.
    pub(super) fn consumers(&mut self) {
        // They are in order, except in a handmade snapshot.
        self.pending.sort_by_key(|pending| pending.id);
        self.consumer.clear();
    }

    pub(super) fn consumer_name(&mut self, name: &[u8]) {
        name.clone_into(&mut self.consumer);
    }

    pub(super) fn consumer(&mut self, key: &[u8], out: &mut impl Write) -> io::Result<()> {
        match self.is_known {
            true => write(out, &[b"XGROUP", b"CREATECONSUMER", key, &self.name, &self.consumer]),
            false => Ok(()),
        }
    }

    pub(super) fn consumer_pending(&mut self, key: &[u8], id: StreamId, out: &mut impl Write) -> io::Result<()> {
        let found = self.pending.binary_search_by_key(&id, |pending| pending.id);
        let Some(pending) = found.ok().and_then(|at| self.pending.get(at)).filter(|_| self.is_known) else {
            return Ok(());
        };
        let (id, at, times) = (id.to_string(), pending.delivered_at_ms.to_string(), pending.deliveries.to_string());
        let claim: [&[u8]; 6] = [b"XCLAIM", key, &self.name, &self.consumer, b"0", id.as_bytes()];
        let how: [&[u8]; 6] = [b"TIME", at.as_bytes(), b"RETRYCOUNT", times.as_bytes(), b"JUSTID", b"FORCE"];
        write(out, &[claim, how].concat())
    }

    /// A name, or all of the rest, was damaged.
    pub(super) fn damaged(&mut self) {
        self.is_known = false;
    }
}
