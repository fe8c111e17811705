//! Bytes in transit from the primary to us: in order, some of them later, up to the byte at which a fault occurs.

use std::collections::VecDeque;

/// What a byte belongs to, so that a fault can be placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    Reply,
    Header,
    Snapshot,
    Mark,
    Stream,
}

#[derive(Debug, Default)]
pub(crate) struct Wire {
    bytes: Vec<u8>,
    later: VecDeque<(u64, Vec<u8>)>,
    last_at: u64,
    /// All bytes, in transit or to arrive later.
    pub(crate) total: usize,
    pub(crate) delivered: usize,
    /// A fault occurs after N bytes of this kind.
    trigger: Option<(Tag, usize)>,
    trigger_at: Option<usize>,
}

impl Wire {
    pub(crate) fn new(trigger: Option<(Tag, usize)>) -> Self {
        Self { trigger, ..Self::default() }
    }

    /// More bytes, not before the time `at`. Gives where they end, counted from the first byte of the link.
    pub(crate) fn queue(&mut self, at: u64, tag: Tag, bytes: &[u8]) -> usize {
        if let Some((wanted, left)) = &mut self.trigger
            && *wanted == tag
        {
            if *left < bytes.len() {
                self.trigger_at = Some(self.total + *left);
                self.trigger = None;
            } else {
                *left -= bytes.len();
            }
        }
        self.total += bytes.len();
        self.last_at = self.last_at.max(at);
        self.later.push_back((self.last_at, bytes.to_vec()));
        self.total
    }

    pub(crate) fn settle(&mut self, now: u64) {
        while let Some((at, bytes)) = self.later.front()
            && *at <= now
        {
            self.bytes.extend_from_slice(bytes);
            self.later.pop_front();
        }
    }

    /// Bytes that may come now.
    pub(crate) fn ready(&self) -> usize {
        self.bytes.len().min(self.trigger_at.unwrap_or(usize::MAX)) - self.delivered
    }

    pub(crate) fn take(&mut self, count: usize) -> &[u8] {
        let from = self.delivered;
        self.delivered += count;
        &self.bytes[from..self.delivered]
    }

    pub(crate) fn next_at(&self) -> Option<u64> {
        self.later.front().map(|(at, _)| *at)
    }

    /// The byte at which a fault occurs has been reached.
    pub(crate) fn is_triggered(&self) -> bool {
        self.trigger_at == Some(self.delivered)
    }

    pub(crate) fn go_on(&mut self) {
        self.trigger_at = None;
    }

    /// Breaks the next byte; false if there is none.
    pub(crate) fn corrupt(&mut self, with: u8) -> bool {
        match self.bytes.get_mut(self.delivered) {
            Some(byte) if *byte != with => {
                *byte = with;
                true
            }
            _ => false,
        }
    }
}
