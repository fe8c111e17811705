//! Events not delivered yet.

use crate::replication::event::{Attached, Disconnected, Event, Forking, Gap, SnapshotBegin, SnapshotEnd};

/// An event that borrows nothing.
#[derive(Debug, Clone, Copy)]
pub(super) enum Queued {
    Forking(Forking),
    Attached(Attached),
    SnapshotBegin(SnapshotBegin),
    SnapshotEnd(SnapshotEnd),
    Gap(Gap),
    Disconnected(Disconnected),
}

impl Queued {
    pub(super) const fn event(self) -> Event<'static> {
        match self {
            Self::Forking(event) => Event::Forking(event),
            Self::Attached(event) => Event::Attached(event),
            Self::SnapshotBegin(event) => Event::SnapshotBegin(event),
            Self::SnapshotEnd(event) => Event::SnapshotEnd(event),
            Self::Gap(event) => Event::Gap(event),
            Self::Disconnected(event) => Event::Disconnected(event),
        }
    }
}

/// First in, first out. One change of state makes at most three events: a gap, the attach, and the beginning of a
/// snapshot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Queue([Option<Queued>; 3]);

impl Queue {
    pub(super) const EMPTY: Self = Self([None; 3]);

    pub(super) fn push(&mut self, event: Queued) {
        if let Some(slot) = self.0.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some(event);
        }
    }

    pub(super) fn pop(&mut self) -> Option<Queued> {
        let first = self.0[0].take()?;
        self.0.rotate_left(1);
        Some(first)
    }
}
