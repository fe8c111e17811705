//! When to end by ourselves: `--count` and `--until`.

use redtail::Event;
use redtail::rdb::Item;

use crate::args;

/// Counts what was printed. Never ends inside a transaction: half of one is nothing that anybody could use or resume from.
#[derive(Debug)]
pub(crate) struct End {
    count: Option<u64>,
    until: Option<u64>,
    all: bool,
    printed: u64,
    /// What was printed before the open transaction, which is what counts if the link breaks inside it.
    before: u64,
    /// The offset of the MULTI of an open transaction.
    open: Option<u64>,
}

impl End {
    pub(crate) fn new(options: &args::Output) -> Self {
        let args::Output { count, until, all, .. } = *options;
        Self { all, ..Self::at(count, until) }
    }

    /// After so many commands, or once this offset is reached.
    pub(crate) fn at(count: Option<u64>, until: Option<u64>) -> Self {
        Self { count, until, all: false, printed: 0, before: 0, open: None }
    }

    /// Takes note of an event, and tells whether it was the last one wanted. What a filter keeps back is not counted.
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
                (self.open, self.before) = (Some(multi.offset), self.printed);
                return false;
            }
            Event::SnapshotItem(Item::KeyEnd) => {
                self.printed += u64::from(is_printed);
                return self.count.is_some_and(|count| self.printed >= count);
            }
            Event::SnapshotEnd(end) => end.offset,
            Event::Exec(exec) => {
                self.open = None;
                exec.offset
            }
            Event::Gap(_) | Event::Disconnected(_) => {
                if self.open.take().is_some() {
                    self.printed = self.before;
                }
                return false;
            }
            _ => return false,
        };
        self.open.is_none()
            && (self.count.is_some_and(|count| self.printed >= count)
                || self.until.is_some_and(|until| offset >= until))
    }

    /// Takes note of a key of a snapshot, likewise; `offset` is where in the snapshot it ends.
    pub(crate) fn after_key(&mut self, offset: u64, is_printed: bool) -> bool {
        self.printed += u64::from(is_printed);
        self.count.is_some_and(|count| self.printed >= count) || self.until.is_some_and(|until| offset >= until)
    }

    /// The offset of the MULTI whose EXEC has not come.
    pub(crate) fn open_transaction(&self) -> Option<u64> {
        self.open
    }

    fn one_more(&mut self, offset: u64, is_printed: bool) -> u64 {
        self.printed += u64::from(is_printed);
        offset
    }
}
