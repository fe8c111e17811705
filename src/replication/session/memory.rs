//! The memory of a session for hash templates, which the caller supplies.

use crate::rdb::TemplateMemory;
use crate::replication::session::Session;

impl<M: TemplateMemory> Session<M> {
    /// Keeps the hash templates of a snapshot (Redis 8.10) in this memory. Call it before the first byte.
    /// [`BufferedSession`](crate::io::BufferedSession) does this. Without memory, the first template of a snapshot is
    /// an [`RdbErrorKind::Templates`](crate::rdb::RdbErrorKind::Templates).
    ///
    /// ```
    /// use redtail::Options;
    /// use redtail::io::TemplateBuffer;
    /// use redtail::replication::Session;
    ///
    /// let options = Options::default();
    /// let session = Session::new(options).with_templates(TemplateBuffer::with_limit(options.limits.templates));
    /// # let _ = session;
    /// ```
    #[must_use]
    pub fn with_templates<N: TemplateMemory>(self, memory: N) -> Session<N> {
        let Self {
            options,
            phase,
            handshake,
            stream,
            snapshot,
            outbox,
            queue,
            current,
            consumed,
            link_bytes,
            left,
            position,
            found,
            start,
            ever_attached,
            attempts,
            unknown,
            cut_snapshots,
            random,
            recorded,
            psync_request,
            awaits_first_byte,
            commits,
            received_ms,
            last_received_ms,
            next_ack_ms,
            polled_ms,
        } = self;
        Session {
            snapshot: snapshot.with_templates(memory),
            options,
            phase,
            handshake,
            stream,
            outbox,
            queue,
            current,
            consumed,
            link_bytes,
            left,
            position,
            found,
            start,
            ever_attached,
            attempts,
            unknown,
            cut_snapshots,
            random,
            recorded,
            psync_request,
            awaits_first_byte,
            commits,
            received_ms,
            last_received_ms,
            next_ack_ms,
            polled_ms,
        }
    }
}
