//! The snapshot of a full resynchronisation: its header, its data and its end.

use crate::base::error::{Byte, ProtocolErrorKind};
use crate::base::limits::FILTERED_SNAPSHOT;
use crate::rdb::TemplateMemory;
use crate::replication::error::{SessionError, SessionStage};
use crate::replication::event::{AttachMethod, SnapshotBegin, SnapshotEnd};
use crate::replication::options::SnapshotForm;
use crate::replication::reply::Question;
use crate::replication::session::queue::Queued;
use crate::replication::session::request::Purpose;
use crate::replication::session::snapshot::{Framing, HEADER_LENGTH, Next};
use crate::replication::session::{Current, Phase, Session, Step};

impl<M: TemplateMemory> Session<M> {
    /// Not inlined into [`advance`](Self::advance): a new snapshot is made in about 100 KB of stack, whose pages each
    /// call would touch.
    #[inline(never)]
    pub(super) fn read_header(&mut self, purpose: Purpose, unread: &[u8]) -> Step {
        let unread = self.skip_newlines(unread);
        let is_error = unread.first() == Some(&b'-');
        let limit = if is_error { self.options.limits.line } else { HEADER_LENGTH };
        if let Some(&found) = unread.first().filter(|&&b| b != b'$' && b != b'-') {
            let kind = ProtocolErrorKind::Unexpected { expected: "'$' before a snapshot", found: Byte(found) };
            return self.fail(self.broken(SessionStage::SnapshotHeader, kind));
        }
        let (line, used) = match self.line(unread, SessionStage::SnapshotHeader, limit) {
            Ok(Some(found)) => found,
            Ok(None) => return Step::Wait(1),
            Err(error) => return self.fail(error),
        };
        if let Some(message) = line.strip_prefix(b"-") {
            self.consume(used);
            return self.error_line(Question::Psync, message);
        }
        let Some(framing) = Framing::read(line) else {
            let kind = ProtocolErrorKind::InvalidLength("a snapshot begins with $<length> or $EOF:<mark of 40 bytes>");
            return self.fail(self.broken(SessionStage::SnapshotHeader, kind));
        };
        self.consume(used);
        let form = match purpose {
            Purpose::Deliver => self.options.snapshot,
            Purpose::Learn { .. } => SnapshotForm::Bytes,
        };
        self.snapshot.begin(framing, form, self.options.lenient);
        self.phase = Phase::Snapshot(purpose);
        if matches!(purpose, Purpose::Deliver) {
            self.queue.push(Queued::SnapshotBegin(SnapshotBegin {
                replid: self.stream.lineage.map(|lineage| lineage.replid),
                offset: self.stream.reached.offset,
                length: self.snapshot.length(),
            }));
        }
        Step::Again
    }

    pub(super) fn read_snapshot(&mut self, purpose: Purpose, unread: &[u8], now_ms: u64) -> Step {
        match self.snapshot.next(unread) {
            Next::Need(needed) => Step::Wait(needed),
            Next::Broken(error) => self.fail(error),
            Next::Passed(count) => {
                self.consume(count);
                Step::Again
            }
            Next::Item(count) => {
                let start = self.consumed;
                self.consume(count);
                self.current = Current::SnapshotItem { start };
                Step::Event
            }
            Next::Data(count) => {
                let start = self.consumed;
                self.consume(count);
                match purpose {
                    Purpose::Deliver => {
                        self.current = Current::SnapshotBytes { start, end: start + count };
                        Step::Event
                    }
                    Purpose::Learn { .. } if self.snapshot.received() > FILTERED_SNAPSHOT => {
                        self.fail(SessionError::SnapshotNotEmpty { limit: FILTERED_SNAPSHOT })
                    }
                    Purpose::Learn { .. } => Step::Again,
                }
            }
            Next::End(frame) => {
                self.consume(frame);
                self.stream.select(self.snapshot.aux().stream_db);
                self.awaits_first_byte = frame > 0;
                if let (Purpose::Learn { gap: Some(from) }, Some(to)) = (purpose, self.stream.position()) {
                    self.gap(from, to);
                }
                self.follow(now_ms);
                match purpose {
                    Purpose::Learn { .. } => self.announce(AttachMethod::Filtered, None),
                    Purpose::Deliver => self.queue.push(Queued::SnapshotEnd(SnapshotEnd {
                        bytes: self.snapshot.received(),
                        verified: self.snapshot.verified(),
                        beyond_templates: self.snapshot.beyond_templates(),
                        offset: self.stream.reached.offset,
                        db: self.stream.reached.db,
                        position: self.stream.position(),
                    })),
                }
                Step::Again
            }
        }
    }
}
