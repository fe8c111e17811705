//! Snapshots: each byte once, or each thing in them once.

use redtail::SnapshotForm;
use redtail::rdb::Item;

use super::{Check, Judge, ensure, text};
use crate::snapshot::Fact;
use crate::tally::{Fault, Sight, Tally};

/// The snapshots of a whole life, on all its links.
#[derive(Default)]
pub(super) struct Snapshots {
    /// The number of those delivered to their end.
    whole: u32,
    /// One has begun, and not ended.
    is_open: bool,
    /// The last one broke off.
    is_broken: bool,
    /// A gap was delivered since the last whole one.
    pub(super) may_begin_again: bool,
}

impl Snapshots {
    /// What a caller has from a whole snapshot stays valid, unless a gap says otherwise: a second one would repeat it.
    pub(super) fn begin(&mut self, tally: &mut Tally) -> Check {
        ensure!(!self.is_open, "a snapshot begins inside another one");
        ensure!(self.whole == 0 || self.may_begin_again, "a second snapshot, and no gap before it");
        if self.is_broken {
            tally.sight(Sight::SnapshotsAgain);
        }
        (self.is_open, self.is_broken) = (true, false);
        Ok(())
    }

    pub(super) fn end(&mut self, tally: &mut Tally) {
        if self.whole > 0 {
            tally.sight(Sight::SecondSnapshots);
        }
        self.whole += 1;
        (self.is_open, self.may_begin_again) = (false, false);
    }

    /// The link is lost.
    pub(super) fn breaks(&mut self, tally: &mut Tally) {
        if std::mem::take(&mut self.is_open) {
            self.is_broken = true;
            if self.whole > 0 {
                tally.fault(Fault::SecondSnapshotBreaks);
            }
        }
    }
}

impl Judge {
    pub(super) fn snapshot_bytes(&mut self, bytes: &[u8], used: usize) -> Check {
        let delivered = self.delivered;
        let as_bytes = self.options.snapshot == SnapshotForm::Bytes;
        let Some(own) = self.link.snapshot.as_mut().filter(|own| own.is_wanted && as_bytes) else {
            return Err("bytes of a snapshot that nobody wants".into());
        };
        ensure!(used >= bytes.len() && !bytes.is_empty(), "{} bytes used up, {} told", used, bytes.len());
        let rest = &own.data[own.told..];
        ensure!(
            rest.starts_with(bytes),
            "other bytes of the snapshot from {} of {} on: {:?}",
            own.told,
            own.data.len(),
            text(bytes)
        );
        own.told += bytes.len();
        ensure!(own.header_end + own.told <= delivered, "bytes that have not come");
        Ok(())
    }

    pub(super) fn snapshot_item(&mut self, item: &Item<'_>) -> Check {
        let as_items = self.options.snapshot == SnapshotForm::Items;
        let delivered = self.delivered;
        let Some(own) = self.link.snapshot.as_mut().filter(|own| own.is_wanted && as_items) else {
            return Err(format!("an item of a snapshot that nobody wants: {item:?}"));
        };
        ensure!(own.header_end < delivered, "an item before its bytes: {item:?}");
        let (at, came) = own.facts_told;
        let expected = own.facts.get(at);
        let told = match item {
            Item::Text(told) => {
                let Some(Fact::Text(whole)) = expected else { return Err(format!("{item:?}, and not {expected:?}")) };
                let same = whole[came..].starts_with(told.bytes) && told.at == came as u64;
                ensure!(same && told.length == whole.len() as u64, "{item:?}, and not {expected:?}");
                let is_last = came + told.bytes.len() == whole.len();
                own.facts_told = if is_last { (at + 1, 0) } else { (at, came + told.bytes.len()) };
                return Ok(());
            }
            Item::Database(db) => Fact::Database(*db),
            Item::Sizes { keys, expires } => Fact::Sizes(*keys, *expires),
            Item::Key(key) => {
                Fact::Key { name: key.name.bytes.to_vec(), expire_at_ms: key.expire_at_ms, frequency: key.frequency }
            }
            Item::Score(score) => Fact::Score(*score),
            Item::Start(_) | Item::KeyEnd { .. } | Item::End { .. } => return Ok(()),
            other => return Err(format!("nobody wrote {other:?}")),
        };
        ensure!(expected == Some(&told), "{told:?}, and not {expected:?}");
        own.facts_told = (at + 1, 0);
        Ok(())
    }
}
