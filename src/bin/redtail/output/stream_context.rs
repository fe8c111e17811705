//! The position of a command in the stream.

use redtail::{ReplicationId, StreamCommand, StreamPart};

/// The position and transaction of a command or part.
#[derive(Debug, Clone, Copy)]
pub(super) struct StreamContext {
    pub(super) db: Option<u32>,
    pub(super) tx: Option<u64>,
    pub(super) received_ms: Option<u64>,
    /// The offset, in the last part only.
    pub(super) offset: Option<u64>,
    pub(super) history: Option<ReplicationId>,
}

impl From<&StreamPart<'_>> for StreamContext {
    fn from(part: &StreamPart<'_>) -> Self {
        let StreamPart { db, tx, received_ms, offset, .. } = *part;
        Self { db, tx, received_ms, offset, history: part.history() }
    }
}

impl From<&StreamCommand<'_>> for StreamContext {
    fn from(command: &StreamCommand<'_>) -> Self {
        let StreamCommand { db, tx, received_ms, offset, .. } = *command;
        Self { db, tx, received_ms, offset: Some(offset), history: command.history() }
    }
}
