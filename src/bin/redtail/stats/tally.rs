//! Counts the events of one stream.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use redtail::rdb::Item;
use redtail::resp::Part;
use redtail::{Event, ReplicationId};

/// Counts the events of one stream.
pub(crate) struct Tally(pub(super) Arc<Counters>);

impl Tally {
    /// Counts an event. `is_printed`: no filter dropped it.
    pub(crate) fn event(&self, event: &Event<'_>, is_printed: bool) {
        let counters = &self.0;
        let offset = match event {
            Event::Command(command) => {
                self.command(is_printed);
                add(&counters.bytes, command.raw().len() as u64);
                (command.offset, command.db)
            }
            Event::Multi(command) | Event::Exec(command) | Event::Control(command) => {
                add(&counters.bytes, command.raw().len() as u64);
                (command.offset, command.db)
            }
            Event::Part(part) => {
                if let Part::Piece(bytes) = part.part {
                    add(&counters.bytes, bytes.len() as u64);
                }
                let Some(offset) = part.offset else { return };
                self.command(is_printed);
                (offset, part.db)
            }
            Event::Disconnected(_) => return counters.is_attached.store(false, Ordering::Relaxed),
            Event::SnapshotBegin(_) => return counters.in_snapshot.store(true, Ordering::Relaxed),
            Event::SnapshotItem(item) => return self.item(item, is_printed),
            Event::SnapshotBytes(bytes) => return add(&counters.bytes, bytes.len() as u64),
            Event::SnapshotEnd(end) => {
                counters.in_snapshot.store(false, Ordering::Relaxed);
                (end.offset, end.db)
            }
            Event::Attached(attached) => {
                *counters.replid.lock().unwrap_or_else(PoisonError::into_inner) = attached.replid;
                counters.may_ask.store(attached.server.is_some(), Ordering::Relaxed);
                counters.is_attached.store(true, Ordering::Relaxed);
                (attached.offset, attached.db)
            }
            _ => return,
        };
        counters.offset.store(offset.0, Ordering::Relaxed);
        counters.db.store(offset.1.map_or(0, |db| u64::from(db) + 1), Ordering::Relaxed);
    }

    fn command(&self, is_printed: bool) {
        add(&self.0.commands, 1);
        add(&self.0.printed, u64::from(is_printed));
    }

    /// Counts an item of a snapshot.
    pub(crate) fn item(&self, item: &Item<'_>, is_printed: bool) {
        let counters = &self.0;
        add(&counters.bytes, item.bytes().len() as u64);
        match item {
            Item::Start(_) => counters.in_snapshot.store(true, Ordering::Relaxed),
            Item::KeyEnd => {
                add(&counters.keys, 1);
                add(&counters.printed, u64::from(is_printed));
            }
            _ => {}
        }
    }

    /// The snapshot of a file is complete.
    pub(crate) fn snapshot_end(&self) {
        self.0.in_snapshot.store(false, Ordering::Relaxed);
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.0.is_attached.store(false, Ordering::Relaxed);
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}

/// The counters of one stream. One thread writes them, others read them in any order.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) commands: AtomicU64,
    pub(super) keys: AtomicU64,
    pub(super) printed: AtomicU64,
    pub(super) bytes: AtomicU64,
    /// The offset after the last command, and its database plus one, or 0.
    pub(super) offset: AtomicU64,
    pub(super) db: AtomicU64,
    /// The offset of the primary plus one, or 0 while it is unknown.
    pub(super) primary: AtomicU64,
    pub(super) in_snapshot: AtomicBool,
    /// The lag is measured.
    pub(super) is_asked: AtomicBool,
    /// The follower is attached.
    pub(super) is_attached: AtomicBool,
    /// INFO is allowed.
    pub(super) may_ask: AtomicBool,
    pub(super) is_over: AtomicBool,
    pub(super) replid: Mutex<Option<ReplicationId>>,
}

impl Counters {
    pub(super) fn replid(&self) -> Option<ReplicationId> {
        *self.replid.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds to a counter with a single writer.
fn add(to: &AtomicU64, count: u64) {
    to.store(to.load(Ordering::Relaxed) + count, Ordering::Relaxed);
}
