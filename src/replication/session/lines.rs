//! Lines and errors between the handshake and the stream.

use crate::base::error::{ProtocolError, ProtocolErrorKind};
use crate::base::excerpt::Excerpt;
use crate::rdb::TemplateMemory;
use crate::replication::error::{SessionError, SessionStage};
use crate::replication::event::DisconnectReason;
use crate::replication::reply::{Question, judge};
use crate::replication::session::request::Request;
use crate::replication::session::{Session, Step};

impl<M: TemplateMemory> Session<M> {
    pub(super) fn skip_newlines<'a>(&mut self, unread: &'a [u8]) -> &'a [u8] {
        self.skip(unread, b"\r\n")
    }

    pub(super) fn skip<'a>(&mut self, unread: &'a [u8], bytes: &[u8]) -> &'a [u8] {
        let count = unread.iter().take_while(|b| bytes.contains(b)).count();
        self.consume(count);
        unread.get(count..).unwrap_or_default()
    }

    /// The first line of `unread` without its end, and its whole length; `None` while its end has not arrived.
    pub(super) fn line<'a>(
        &self,
        unread: &'a [u8],
        stage: SessionStage,
        limit: usize,
    ) -> Result<Option<(&'a [u8], usize)>, SessionError> {
        let end = memchr::memchr(b'\n', unread);
        let line = unread.get(..end.unwrap_or(unread.len())).unwrap_or_default();
        let text = line.strip_suffix(b"\r").unwrap_or(line);
        if text.len() > limit {
            return Err(self.broken(stage, ProtocolErrorKind::LineTooLong { limit }));
        }
        Ok(end.map(|end| (text, end + 1)))
    }

    pub(super) fn broken(&self, stage: SessionStage, kind: ProtocolErrorKind) -> SessionError {
        let source = ProtocolError { kind, offset: self.link_bytes };
        SessionError::Protocol { stage, source, heard: Excerpt::EMPTY }
    }

    pub(super) fn error_line(&mut self, asked: Question, message: &[u8]) -> Step {
        if self.recorded && self.psync_request.is_some() {
            return self.refused_recorded(DisconnectReason::Refused(Excerpt::new(message)));
        }
        self.refused(judge(asked, message), Excerpt::new(message))
    }

    /// The stream has no command at the front of `unread`. A line of the server that begins with `-` is its reason.
    #[cold]
    pub(super) fn no_command(&mut self, unread: &[u8], source: ProtocolError) -> Step {
        let keepalives = unread.iter().take_while(|&&b| b == b'\n' || b == b'\r').count();
        let message = unread.get(keepalives..).unwrap_or_default().strip_prefix(b"-");
        let (Some(message), false) = (message, self.stream.in_parts()) else {
            let heard = Excerpt::EMPTY;
            return self.fail(SessionError::Protocol { stage: SessionStage::Stream, source, heard });
        };
        let end = memchr::memchr2(b'\r', b'\n', message);
        if end.is_none() && message.len() < LONGEST_MESSAGE {
            return Step::Wait(1);
        }
        let message = Excerpt::new(message.get(..end.unwrap_or(message.len())).unwrap_or_default());
        self.fail(SessionError::Refused { message, advice: "the server ended the stream with an error" })
    }

    pub(super) fn unexpected(&mut self, request: Request, answer: &[u8]) -> Step {
        self.fail(SessionError::Unexpected { asked: request.asked().name(), answer: Excerpt::new(answer) })
    }
}

/// The bytes of a server's message that an error keeps.
const LONGEST_MESSAGE: usize = 200;
