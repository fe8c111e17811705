//! Bytes that a session sends.

use crate::base::limits::OUTBOX_LENGTH;
use crate::resp::{BufferTooSmall, encode_command};

/// A fixed buffer of bytes to send. It contains one command at a time: nothing is pipelined before PSYNC, and after it
/// an acknowledgement waits until the one before it was sent.
#[derive(Clone)]
pub(super) struct Outbox {
    bytes: [u8; OUTBOX_LENGTH],
    start: usize,
    end: usize,
}

impl Outbox {
    pub(super) const EMPTY: Self = Self { bytes: [0; OUTBOX_LENGTH], start: 0, end: 0 };

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    pub(super) const fn capacity(&self) -> usize {
        self.bytes.len()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(super) fn sent(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
        if self.is_empty() {
            self.clear();
        }
    }

    pub(super) fn clear(&mut self) {
        // Credentials stay in memory no longer than needed. Nothing was written past the end.
        self.bytes.get_mut(..self.end).unwrap_or_default().fill(0);
        (self.start, self.end) = (0, 0);
    }

    pub(super) fn command(&mut self, arguments: &[&[u8]]) -> Result<(), BufferTooSmall> {
        let free = self.bytes.get_mut(self.end..).unwrap_or_default();
        self.end += encode_command(free, arguments)?;
        Ok(())
    }

    pub(super) fn newline(&mut self) {
        if let Some(free) = self.bytes.get_mut(self.end) {
            *free = b'\n';
            self.end += 1;
        }
    }
}

impl core::fmt::Debug for Outbox {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // Not the bytes: they may hold a password.
        write!(f, "Outbox({} bytes)", self.end - self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_overwritten() {
        let mut outbox = Outbox::EMPTY;
        outbox.command(&[b"AUTH", &[b'x'; 100]]).unwrap();
        outbox.sent(50);
        outbox.sent(usize::MAX);
        assert!(outbox.is_empty());
        assert_eq!(outbox.bytes, [0; OUTBOX_LENGTH]);
        outbox.newline();
        assert_eq!(outbox.bytes(), b"\n");
    }
}
