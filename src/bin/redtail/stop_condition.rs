//! `--count` and `--until`: when to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use redtail::Event;
use redtail::rdb::Item;

use crate::args;

/// Counts what was printed. Never stops inside a transaction, since half of one can't be used or resumed from.
#[derive(Debug)]
pub(crate) struct StopCondition {
    count: Option<u64>,
    until: Option<u64>,
    all: bool,
    printed: Arc<AtomicU64>,
    open: Option<Transaction>,
}

#[derive(Debug)]
struct Transaction {
    /// The offset of its MULTI.
    offset: u64,
    /// Commands printed since.
    printed: u64,
}

impl StopCondition {
    pub(crate) fn new(options: &args::Output) -> Self {
        Self::shared(options, &Arc::default())
    }

    /// Counts together with the other streams that have the same counter.
    pub(crate) fn shared(options: &args::Output, printed: &Arc<AtomicU64>) -> Self {
        let args::Output { count, until, all, .. } = *options;
        Self { all, printed: Arc::clone(printed), ..Self::at(count, until) }
    }

    /// Stops after `count` commands, or at the offset `until`.
    pub(crate) fn at(count: Option<u64>, until: Option<u64>) -> Self {
        Self { count, until, all: false, printed: Arc::default(), open: None }
    }

    /// Stops at this offset. Returns whether everything before `reached` includes it.
    pub(crate) fn set_until(&mut self, offset: u64, reached: u64) -> bool {
        self.until = Some(offset);
        self.open.is_none() && reached >= offset
    }

    /// Counts an event unless a filter dropped it. Returns whether it is the last one wanted.
    pub(crate) fn after(&mut self, event: &Event<'_>, is_printed: bool) -> bool {
        let offset = match event {
            Event::Attached(attached) => attached.offset,
            Event::Command(command) => self.one_more(command.offset, is_printed),
            Event::Control(command) if self.all => self.one_more(command.offset, is_printed),
            Event::Control(command) => command.offset,
            Event::Part(part) => match part.offset {
                Some(offset) => self.one_more(offset, is_printed),
                None => return false,
            },
            Event::Multi(multi) => {
                self.open = Some(Transaction { offset: multi.offset, printed: 0 });
                return false;
            }
            // A key has no replication offset.
            Event::SnapshotItem(Item::KeyEnd) => return self.one_more_key(is_printed),
            Event::SnapshotEnd(end) => end.offset,
            Event::Exec(exec) => {
                self.open = None;
                exec.offset
            }
            Event::Gap(_) | Event::Disconnected(_) => {
                // The server sends an unfinished transaction again.
                if let Some(open) = self.open.take() {
                    self.printed.fetch_sub(open.printed, Ordering::AcqRel);
                }
                return false;
            }
            _ => return false,
        };
        self.open.is_none() && (self.is_enough() || self.until.is_some_and(|until| offset >= until))
    }

    /// Counts a key of a snapshot file likewise. `offset` is its end in the file.
    pub(crate) fn after_key(&mut self, offset: u64, is_printed: bool) -> bool {
        self.one_more_key(is_printed) || self.until.is_some_and(|until| offset >= until)
    }

    /// The offset of the MULTI of an open transaction.
    pub(crate) fn open_transaction(&self) -> Option<u64> {
        self.open.as_ref().map(|open| open.offset)
    }

    fn one_more(&mut self, offset: u64, is_printed: bool) -> u64 {
        if self.count.is_none() {
            return offset;
        }
        let one = u64::from(is_printed);
        self.printed.fetch_add(one, Ordering::AcqRel);
        if let Some(open) = &mut self.open {
            open.printed += one;
        }
        offset
    }

    fn one_more_key(&mut self, is_printed: bool) -> bool {
        self.printed.fetch_add(u64::from(is_printed), Ordering::AcqRel);
        self.is_enough()
    }

    fn is_enough(&self) -> bool {
        self.count.is_some_and(|count| self.printed.load(Ordering::Acquire) >= count)
    }
}
