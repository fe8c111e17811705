//! Standard output, which all shards of a cluster share.

use std::io::{self, BufWriter, Stdout, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redtail::rdb::Item;
use redtail::topology::{Notice, Shard};
use redtail::{Event, OnGap};

use super::told::told;
use crate::args::{Format, Output, Tail};
use crate::failure::Failure;
use crate::notes;
use crate::stats::Beside;

pub(super) struct Page {
    out: Mutex<BufWriter<Beside<Stdout>>>,
    format: Format,
    on_gap: OnGap,
    count: Option<u64>,
    printed: AtomicU64,
    /// A shard has a place to go on from since the last save.
    begun: AtomicBool,
    failure: Mutex<Option<Failure>>,
}

impl Page {
    pub(super) fn new(options: &Tail) -> Self {
        let out = Beside::new(io::stdout(), &options.output);
        let Output { format, count, .. } = options.output;
        Self {
            out: Mutex::new(BufWriter::with_capacity(64 << 10, out)),
            format,
            on_gap: options.on_gap.into(),
            count,
            printed: AtomicU64::new(0),
            begun: AtomicBool::new(false),
            failure: Mutex::new(None),
        }
    }

    pub(super) fn flush(&self) -> Result<(), Failure> {
        Ok(self.out().flush()?)
    }

    pub(super) fn failure(&self) -> MutexGuard<'_, Option<Failure>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first failure is the one that counts.
    pub(super) fn fail(&self, failure: Failure) {
        self.failure().get_or_insert(failure);
    }

    /// Commands and keys that were printed.
    pub(super) fn printed(&self) -> u64 {
        self.printed.load(Ordering::Acquire)
    }

    /// Whether a shard has attached, or its snapshot is whole, since this was last asked.
    pub(super) fn take_begun(&self) -> bool {
        self.begun.swap(false, Ordering::AcqRel)
    }

    /// Tells it on standard error, and in JSON; gives whether that is the end. One shard that ends, ends all: a cluster without one of its
    /// shards is not what was asked for.
    pub(super) fn notice(&self, notice: Notice) -> bool {
        let (words, line) = told(&notice);
        notes::say(words);
        if let (Format::Json, Some(line)) = (self.format, line)
            && let Err(error) = writeln!(self.out(), "{line}")
        {
            self.fail(error.into());
            return true;
        }
        match notice {
            Notice::Ended { error: Some(error), .. } => {
                self.fail(Failure::Follower(error));
                true
            }
            Notice::Lost(_) if self.on_gap == OnGap::Stop => {
                self.fail(Failure::HistoryLost(
                    "somebody has to decide whether to go on without it: --on-gap continue does. Until then the checkpoint keeps the place".into(),
                ));
                true
            }
            _ => false,
        }
    }

    fn out(&self) -> MutexGuard<'_, BufWriter<Beside<Stdout>>> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The output of one shard: whole lines, marked with the shard, go to the page.
pub(super) struct Lines {
    shard: Shard,
    page: Arc<Page>,
    held: Vec<u8>,
}

impl Lines {
    pub(super) fn of(shard: &Shard, page: &Arc<Page>) -> Self {
        Self { shard: shard.clone(), page: Arc::clone(page), held: Vec::new() }
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.held.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let Some(end) = self.held.iter().rposition(|&byte| byte == b'\n') else { return Ok(()) };
        let target = self.shard.target();
        let mut out = self.page.out();
        for line in self.held[..=end].split_inclusive(|&byte| byte == b'\n') {
            match (self.page.format, line.strip_prefix(b"{")) {
                (Format::Json, Some(rest)) => {
                    write!(out, "{{\"shard\":\"{}\",", self.shard.id())?;
                    out.write_all(rest)?;
                }
                _ => {
                    write!(out, "{target} ")?;
                    out.write_all(line)?;
                }
            }
        }
        drop(out);
        self.held.drain(..=end);
        Ok(())
    }
}

/// Counts what one shard prints, for `--count`.
pub(super) struct Count {
    page: Arc<Page>,
    all: bool,
    /// A transaction is open: half of one is nothing that anybody could use.
    is_open: bool,
}

impl Count {
    pub(super) fn new(page: &Arc<Page>, options: &Output) -> Self {
        Self { page: Arc::clone(page), all: options.all, is_open: false }
    }

    /// Takes note of an event, and tells whether it was the last one wanted.
    pub(super) fn is_enough(&mut self, event: &Event<'_>, is_printed: bool) -> bool {
        let is_one = match event {
            Event::Command(_) | Event::SnapshotItem(Item::KeyEnd) => true,
            Event::Control(_) => self.all,
            Event::Part(part) => part.offset.is_some(),
            Event::Multi(_) => {
                self.is_open = true;
                false
            }
            Event::Exec(_) | Event::Gap(_) | Event::Disconnected(_) => {
                self.is_open = false;
                false
            }
            Event::Attached(_) | Event::SnapshotEnd(_) => {
                self.page.begun.store(true, Ordering::Release);
                false
            }
            _ => false,
        };
        let one = u64::from(is_one && is_printed);
        let printed = self.page.printed.fetch_add(one, Ordering::AcqRel) + one;
        !self.is_open && self.page.count.is_some_and(|count| printed >= count)
    }
}
