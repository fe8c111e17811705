//! Counts the events of one stream.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use redtail::rdb::Item;
use redtail::resp::Part;
use redtail::{Event, Position, ReplicationId};

use crate::stats::moment::Moment;
use crate::stats::offset_history::OffsetHistory;

/// Counts the events of one stream.
pub(crate) struct Tally {
    pub(super) counters: Arc<Counters>,
    /// The numbers of events and of commands at the last flush.
    flushed: (u64, u64),
}

impl Tally {
    /// Of a file: nobody watches it.
    pub(crate) fn of_file() -> Self {
        Self::new(None)
    }

    pub(super) fn new(shard: Option<&str>) -> Self {
        let counters = Arc::new(Counters { shard: shard.map(Into::into), ..Counters::default() });
        Self { counters, flushed: (0, 0) }
    }

    /// Notes the address of the server.
    pub(crate) fn set_address(&self, address: String) {
        self.counters.change_about(|about| about.address = Some(address));
    }

    /// Notes product and version, and the process, of the target of `load`.
    pub(crate) fn set_server(&self, server: Option<&str>, run_id: Option<&str>) {
        self.counters.change_about(|about| {
            (about.server, about.run_id) = (server.map(str::to_owned), run_id.map(str::to_owned));
        });
    }

    /// Notes that there is a connection to the target of `load`.
    pub(crate) fn attached(&self) {
        self.counters.set_attached(true);
    }

    /// Notes how many commands and bytes the target of `load` has confirmed, how many commands it has refused, and the
    /// position that it stores.
    pub(crate) fn loaded(&mut self, commands: u64, bytes: u64, refused: u64, position: Option<Position>) {
        let counters = &self.counters;
        for counter in [&counters.commands, &counters.printed, &counters.events] {
            counter.store(commands, Ordering::Relaxed);
        }
        counters.bytes.store(bytes, Ordering::Relaxed);
        counters.refused.store(refused, Ordering::Relaxed);
        if let Some(position) = position {
            counters.offset.store(position.offset, Ordering::Relaxed);
            counters.db.store(position.db.map_or(0, |db| u64::from(db) + 1), Ordering::Relaxed);
        }
        *counters.replid.lock().unwrap_or_else(PoisonError::into_inner) = position.map(|position| position.replid);
        counters.may_ask.store(position.is_some(), Ordering::Relaxed);
        self.flush();
    }

    /// Whether the primary is asked how far it is ahead.
    pub(crate) fn is_asked(&self) -> bool {
        self.counters.is_asked.load(Ordering::Relaxed)
    }

    /// How far the primary is ahead, if it was asked.
    pub(crate) fn lag(&self) -> Option<Behind> {
        self.counters.lag()
    }

    /// Notes the times of the events since the last flush. A clock that is read for each event would be slow.
    pub(crate) fn flush(&mut self) {
        let counters = &self.counters;
        let now = (counters.events.load(Ordering::Relaxed), counters.commands.load(Ordering::Relaxed));
        if now.0 != self.flushed.0 {
            counters.last_byte.set();
        }
        if now.1 != self.flushed.1 {
            counters.last_write.set();
        }
        self.flushed = now;
    }

    /// Counts an event. `is_printed`: no filter dropped it.
    pub(crate) fn event(&self, event: &Event<'_>, is_printed: bool) {
        let counters = &self.counters;
        match event {
            Event::Command(_)
            | Event::Multi(_)
            | Event::Exec(_)
            | Event::Control(_)
            | Event::Part(_)
            | Event::SnapshotItem(_)
            | Event::SnapshotBytes(_) => add(&counters.events, 1),
            _ => {}
        }
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
            Event::Gap(gap) => {
                add(&counters.gaps, 1);
                return add(&counters.missed, gap.missed.unwrap_or(0));
            }
            Event::Disconnected(_) => {
                counters.in_snapshot.store(false, Ordering::Relaxed);
                return counters.set_attached(false);
            }
            Event::SnapshotBegin(begin) => {
                counters.snapshot_length.store(begin.length.map_or(0, |length| length + 1), Ordering::Relaxed);
                counters.before_snapshot.store(counters.bytes.load(Ordering::Relaxed), Ordering::Relaxed);
                return counters.in_snapshot.store(true, Ordering::Relaxed);
            }
            Event::SnapshotItem(item) => return self.item(item, is_printed),
            Event::SnapshotBytes(bytes) => return add(&counters.bytes, bytes.len() as u64),
            Event::SnapshotEnd(end) => {
                counters.in_snapshot.store(false, Ordering::Relaxed);
                (end.offset, end.db)
            }
            Event::Attached(attached) => {
                *counters.replid.lock().unwrap_or_else(PoisonError::into_inner) = attached.replid;
                counters.may_ask.store(attached.server.is_some(), Ordering::Relaxed);
                if counters.changed.age().is_some() {
                    add(&counters.reconnects, 1);
                }
                counters.change_about(|about| about.server = attached.server.map(|server| server.to_string()));
                counters.set_attached(true);
                (attached.offset, attached.db)
            }
            _ => return,
        };
        counters.offset.store(offset.0, Ordering::Relaxed);
        counters.db.store(offset.1.map_or(0, |db| u64::from(db) + 1), Ordering::Relaxed);
    }

    fn command(&self, is_printed: bool) {
        add(&self.counters.commands, 1);
        add(&self.counters.printed, u64::from(is_printed));
    }

    /// Counts an item of a snapshot.
    pub(crate) fn item(&self, item: &Item<'_>, is_printed: bool) {
        let counters = &self.counters;
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
        self.counters.in_snapshot.store(false, Ordering::Relaxed);
    }
}

impl Drop for Tally {
    fn drop(&mut self) {
        self.counters.set_attached(false);
        self.counters.is_over.store(true, Ordering::Relaxed);
    }
}

/// The counters of one stream. One thread writes them, others read them in any order.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) commands: AtomicU64,
    pub(super) keys: AtomicU64,
    pub(super) printed: AtomicU64,
    pub(super) bytes: AtomicU64,
    /// Commands that the target of `load` has refused.
    pub(super) refused: AtomicU64,
    /// The offset after the last command, and its database plus one, or 0.
    pub(super) offset: AtomicU64,
    pub(super) db: AtomicU64,
    /// The offset of the primary plus one, or 0 while it is unknown.
    pub(super) primary: AtomicU64,
    /// Its earlier offsets.
    pub(super) primary_history: Mutex<OffsetHistory>,
    pub(super) in_snapshot: AtomicBool,
    /// The lag is measured.
    pub(super) is_asked: AtomicBool,
    /// The follower is attached.
    pub(super) is_attached: AtomicBool,
    /// INFO is allowed.
    pub(super) may_ask: AtomicBool,
    pub(super) is_over: AtomicBool,
    pub(super) replid: Mutex<Option<ReplicationId>>,
    /// The shard of a cluster.
    pub(super) shard: Option<String>,
    pub(super) events: AtomicU64,
    pub(super) gaps: AtomicU64,
    /// The bytes that are missing in gaps.
    pub(super) missed: AtomicU64,
    pub(super) reconnects: AtomicU64,
    /// The length of the present snapshot plus one, or 0 while it is unknown.
    pub(super) snapshot_length: AtomicU64,
    /// The bytes received before the present snapshot.
    pub(super) before_snapshot: AtomicU64,
    /// When the follower attached or lost its connection.
    pub(super) changed: Moment,
    pub(super) last_write: Moment,
    pub(super) last_byte: Moment,
    about: Mutex<About>,
}

/// How far a server is ahead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Behind {
    pub(crate) bytes: u64,
    /// The time since the server had nothing that is missing here.
    pub(crate) time: Option<Duration>,
}

/// The followed server, as far as it is known.
#[derive(Debug, Clone, Default)]
pub(super) struct About {
    pub(super) address: Option<String>,
    /// Its name and version.
    pub(super) server: Option<String>,
    pub(super) run_id: Option<String>,
}

impl Counters {
    fn set_attached(&self, is_attached: bool) {
        if self.is_attached.swap(is_attached, Ordering::Relaxed) != is_attached {
            self.changed.set();
        }
    }

    pub(super) fn about(&self) -> About {
        self.about.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn change_about(&self, change: impl FnOnce(&mut About)) {
        change(&mut self.about.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn lag(&self) -> Option<Behind> {
        // The offset of the primary is read first, so that the lag is never negative.
        let primary = self.primary.load(Ordering::Relaxed).checked_sub(1)?;
        let offset = self.offset.load(Ordering::Relaxed);
        self.replid()?;
        let mut history = self.primary_history.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Behind { bytes: primary.saturating_sub(offset), time: history.behind(offset, Instant::now()) })
    }

    pub(super) fn replid(&self) -> Option<ReplicationId> {
        *self.replid.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds to a counter with a single writer.
fn add(to: &AtomicU64, count: u64) {
    to.store(to.load(Ordering::Relaxed) + count, Ordering::Relaxed);
}
