//! Commits and acknowledgements: the offset that the primary receives, and whether it waits for one.

use crate::replication::options::Ack;
use crate::replication::position::{Position, ReplicationId};

/// The commits in one history, and the primary's requests for an acknowledgement.
///
/// The session has one. A follower also shares a copy with its handles, so that a commit from another thread can
/// answer the primary while the follower waits for bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Commits {
    ack: Ack,
    /// Commits in other histories are ignored, except in `earlier`.
    history: Option<ReplicationId>,
    /// The histories that this one continues, the last one first, and the offsets where they were left.
    earlier: [Option<(ReplicationId, u64)>; EARLIER],
    committed: Option<u64>,
    /// The last bytes of the stream that no event delivers: the offsets before and after them.
    unseen: (u64, u64),
    /// The lowest and the highest offset that the primary has requested and not received yet.
    asked: Option<(u64, u64)>,
    version: u32,
}

/// The failovers that a commit may be late by.
const EARLIER: usize = 4;

impl Commits {
    pub(crate) const fn new(ack: Ack) -> Self {
        Self { ack, history: None, earlier: [None; EARLIER], committed: None, unseen: (0, 0), asked: None, version: 0 }
    }

    /// Differs from that of a copy which was made before the last change.
    #[inline]
    pub(crate) const fn version(&self) -> u32 {
        self.version
    }

    /// The stream of this history begins after `offset`. Commits beyond it are void: other bytes may follow there.
    pub(crate) fn begin(&mut self, history: Option<ReplicationId>, offset: u64) {
        self.history = history;
        self.committed = self.committed.map(|committed| committed.min(offset));
        let (from, to) = self.unseen;
        self.unseen = (if (from..=to).contains(&offset) { from } else { offset }, offset);
        self.asked = None;
        self.change();
    }

    /// Another history continues this one after `offset`. Commits in this one count up to there.
    pub(crate) fn rewind(&mut self, history: Option<ReplicationId>, offset: u64) {
        // An earlier one was left before this offset, or lost its end too.
        for (_, left) in self.earlier.iter_mut().flatten() {
            *left = offset.min(*left);
        }
        self.earlier.rotate_right(1);
        if let Some(last) = self.earlier.first_mut() {
            *last = self.history.map(|before| (before, offset));
        }
        self.begin(history, offset);
    }

    /// A gap has ended the history, and the offsets of its commits mean nothing in the next one.
    pub(crate) fn end(&mut self, next: Option<ReplicationId>) {
        *self = Self { history: next, version: self.version, ..Self::new(self.ack) };
        self.change();
    }

    /// The stream has bytes between these offsets that no event delivers. Once everything before them is committed,
    /// they count as committed: there is nothing in them to store.
    pub(crate) fn pass(&mut self, from: u64, to: u64) {
        if from == to {
            return;
        }
        self.unseen = (if self.unseen.1 == from { self.unseen.0 } else { from }, to);
        self.cover();
    }

    /// The primary requests an acknowledgement of `offset`.
    pub(crate) fn ask(&mut self, offset: u64) {
        if !matches!(self.ack, Ack::Observe) {
            self.asked = Some((self.asked.map_or(offset, |(lowest, _)| lowest), offset));
            self.change();
        }
    }

    /// Everything up to this position is stored.
    pub(crate) fn commit(&mut self, position: Position) {
        let Position { history, offset, .. } = position;
        let left = self.earlier.iter().flatten().find(|(earlier, _)| *earlier == history);
        let counted = match left {
            _ if self.history == Some(history) => offset,
            Some(&(_, left)) => offset.min(left),
            None => return,
        };
        self.committed = self.committed.max(Some(counted));
        self.cover();
    }

    /// The offset to acknowledge after the stream was read up to `reached`.
    #[inline]
    pub(crate) fn offset(&self, reached: u64) -> u64 {
        match self.ack {
            Ack::Observe => 0,
            Ack::Received => reached,
            Ack::Applied => self.committed.unwrap_or(0).min(reached),
        }
    }

    /// Whether an acknowledgement would now satisfy a request of the primary.
    pub(crate) fn is_awaited(&self, reached: u64) -> bool {
        self.asked.is_some_and(|(lowest, _)| self.offset(reached) >= lowest)
    }

    /// The [offset](Self::offset) of an acknowledgement that is sent now.
    pub(crate) fn acknowledge(&mut self, reached: u64) -> u64 {
        let offset = self.offset(reached);
        if let Some((lowest, highest)) = self.asked.filter(|&(lowest, _)| offset >= lowest) {
            // Which offsets between the two were requested is not known: each further commit is acknowledged.
            self.asked = (offset < highest).then_some((lowest.max(offset.saturating_add(1)), highest));
            self.change();
        }
        offset
    }

    fn cover(&mut self) {
        let (from, to) = self.unseen;
        if self.committed.is_some_and(|committed| committed >= from) {
            self.committed = self.committed.max(Some(to));
        }
        self.change();
    }

    fn change(&mut self) {
        self.version = self.version.wrapping_add(1);
    }
}

impl Default for Commits {
    fn default() -> Self {
        Self::new(Ack::Observe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ReplicationId = ReplicationId::EXAMPLE;
    const B: ReplicationId = ReplicationId::ZERO;

    fn from(offset: u64) -> Commits {
        let mut commits = Commits::new(Ack::Applied);
        commits.begin(Some(A), offset);
        commits
    }

    #[test]
    fn bytes_without_an_event_are_committed_with_the_last_event() {
        let mut commits = from(100);
        commits.pass(100, 114);
        assert_eq!(commits.offset(114), 0, "the start itself is not committed");
        commits.commit(Position::new(A, 100, None));
        assert_eq!(commits.offset(114), 114);
        commits.pass(114, 128);
        assert_eq!(commits.offset(128), 128);
        // An event up to 149, then bytes without one in two pieces.
        commits.pass(149, 163);
        commits.pass(163, 164);
        assert_eq!(commits.offset(164), 128);
        commits.commit(Position::new(B, 149, None));
        assert_eq!(commits.offset(164), 128, "of another history");
        commits.commit(Position::new(A, 149, None));
        assert_eq!(commits.offset(164), 164);
        commits.commit(Position::new(A, 149, None));
        assert_eq!(commits.offset(164), 164, "an acknowledgement never decreases");
    }

    #[test]
    fn a_reconnect_keeps_them() {
        let mut commits = from(100);
        commits.pass(121, 135);
        commits.begin(Some(A), 135);
        commits.pass(135, 149);
        assert_eq!(commits.offset(149), 0);
        commits.commit(Position::new(A, 121, None));
        assert_eq!(commits.offset(149), 149);
        // Resumed before bytes that were received: others may follow.
        commits.begin(Some(A), 121);
        assert_eq!(commits.offset(200), 121);
        commits.end(Some(B));
        commits.begin(Some(B), 500);
        commits.pass(500, 514);
        assert_eq!(commits.offset(514), 0);
    }

    #[test]
    fn a_late_commit_counts_up_to_where_its_history_was_left() {
        let third = ReplicationId::from_bytes(&[b'c'; 40]).unwrap();
        let mut commits = from(100);
        commits.commit(Position::new(A, 110, None));
        commits.rewind(Some(B), 150);
        commits.commit(Position::new(A, 130, None));
        assert_eq!(commits.offset(200), 130);
        commits.commit(Position::new(A, 190, None));
        assert_eq!(commits.offset(200), 150, "the bytes after it are of the new history");
        commits.rewind(Some(third), 180);
        commits.commit(Position::new(A, 190, None));
        assert_eq!(commits.offset(200), 150);
        commits.commit(Position::new(B, 170, None));
        assert_eq!(commits.offset(200), 170);
        commits.end(Some(B));
        commits.commit(Position::new(A, 150, None));
        assert_eq!(commits.offset(200), 0, "a gap has ended its history");
    }

    #[test]
    fn a_second_rewind_before_the_first_one_shortens_both_histories() {
        let third = ReplicationId::from_bytes(&[b'c'; 40]).unwrap();
        let mut commits = from(100);
        commits.rewind(Some(B), 150);
        commits.rewind(Some(third), 120);
        commits.commit(Position::new(A, 140, None));
        assert_eq!(commits.offset(200), 120, "the bytes after it are of the third history");
    }

    #[test]
    fn a_request_is_remembered_until_a_commit_reaches_it() {
        let mut commits = from(100);
        commits.commit(Position::new(A, 100, None));
        commits.ask(121);
        assert!(!commits.is_awaited(158));
        assert_eq!(commits.acknowledge(121), 100);
        commits.ask(179);
        commits.ask(237);
        commits.commit(Position::new(A, 110, None));
        assert!(!commits.is_awaited(237));
        for offset in [121, 200, 237] {
            commits.commit(Position::new(A, offset, None));
            assert!(commits.is_awaited(237));
            assert_eq!(commits.acknowledge(237), offset);
            assert!(!commits.is_awaited(237), "once for each commit");
        }
        commits.commit(Position::new(A, 237, None));
        assert!(!commits.is_awaited(237));
    }

    #[test]
    fn other_policies_ignore_commits() {
        for (ack, offset) in [(Ack::Observe, 0), (Ack::Received, 121)] {
            let mut commits = Commits::new(ack);
            commits.begin(Some(A), 100);
            commits.commit(Position::new(A, 110, None));
            commits.ask(121);
            assert_eq!(commits.acknowledge(121), offset);
            assert!(!commits.is_awaited(121));
        }
    }
}
