//! The handshake: one request at a time, each reply read before the next request.

use crate::base::error::ProtocolError;
use crate::base::excerpt::Excerpt;
use crate::base::limits::{HANDSHAKE_REPLY, Limits};
use crate::base::status::Status;
use crate::replication::error::{SessionError, SessionStage};
use crate::replication::info::Info;
use crate::replication::options::{Credentials, Options, Start};
use crate::replication::reply::{Question, Verdict, judge};
use crate::replication::server::{Product, Server, Version};
use crate::replication::session::outbox::Outbox;
use crate::resp::{FrameParser, Kind};

/// The part of a connection before PSYNC. Its facts about the server are kept for the session.
#[derive(Debug, Clone)]
pub(super) struct Handshake {
    asked: Question,
    parser: Option<FrameParser>,
    filter: Filter,
    info: Option<Info>,
    /// INFO was denied. It is not sent again, since each denial is an entry in the server's ACL LOG.
    info_denied: bool,
    version: Announced,
    /// Announce the version of the server itself: it can't write its data in the format of [`VERSION`].
    own_version: bool,
    /// CLIENT REPLY was denied, and is not sent again either.
    client_denied: bool,
}

/// The version that the server holds for this connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Announced {
    None,
    /// It stays until the connection ends: the user may not run CLIENT REPLY.
    Kept,
    /// It is withdrawn when the stream begins.
    Withdrawable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Filter {
    Unwanted,
    Wanted,
    Set,
    Unsupported,
}

/// The reply to the last request.
#[derive(Debug)]
pub(super) enum Reply {
    /// Not a whole reply. At least `needed` bytes are missing.
    Part { needed: usize },
    /// A reply. The next request is in the outbox.
    Next,
    /// The last reply.
    All,
    /// An error reply that ends this connection.
    Refusal { verdict: Verdict, message: Excerpt<200> },
    /// Bytes that are not a reply.
    Broken(SessionError),
}

impl Handshake {
    pub(super) const fn new() -> Self {
        Self {
            asked: Question::Ping,
            parser: None,
            filter: Filter::Unwanted,
            info: None,
            info_denied: false,
            version: Announced::None,
            own_version: false,
            client_denied: false,
        }
    }

    pub(super) fn begin(
        &mut self,
        options: &Options,
        (filter, own_version): (bool, bool),
        credentials: Credentials<'_>,
        outbox: &mut Outbox,
    ) -> Result<(), SessionError> {
        self.parser = None;
        self.info = None;
        self.version = Announced::None;
        self.own_version = own_version;
        self.filter = if filter { Filter::Wanted } else { Filter::Unwanted };
        let Some(password) = credentials.password else {
            if credentials.user.is_some() {
                return Err(SessionError::PasswordMissing);
            }
            self.ask(Question::Ping, options, outbox);
            return Ok(());
        };
        self.asked = Question::Auth;
        let limit = outbox.capacity();
        match credentials.user {
            Some(user) => outbox.command(&[b"AUTH", user, password]),
            None => outbox.command(&[b"AUTH", password]),
        }
        .map_err(|_| SessionError::CredentialsTooLong { limit })
    }

    /// The reply to INFO on this connection.
    pub(super) const fn info(&self) -> Option<&Info> {
        self.info.as_ref()
    }

    /// Family and version of the server, from INFO.
    pub(super) fn server(&self) -> Option<Server> {
        self.info.as_ref().and_then(Info::server)
    }

    /// The server, if it was asked for snapshots in a format of an earlier release than its own. It may hold data that
    /// this format can't hold.
    pub(super) fn newer_server(&self) -> Option<Server> {
        self.server().filter(|server| {
            server.product == Product::Valkey
                && self.version != Announced::None
                && server.version.release() > self.announced().release()
        })
    }

    /// The version to announce.
    fn announced(&self) -> Version {
        match self.server() {
            Some(Server { product: Product::Valkey, version }) if self.own_version => version.max(VERSION),
            _ => VERSION,
        }
    }

    /// Permission for INFO may have been given meanwhile.
    pub(super) fn ask_info_again(&mut self) {
        self.info_denied = false;
    }

    /// Whether the next snapshot has no data.
    pub(super) fn is_filtered(&self) -> bool {
        self.filter == Filter::Set
    }

    /// Withdraws the version, once the server has used it. While the server holds one, Valkey's `CLUSTER SETSLOT` waits
    /// for an acknowledgement of this replica.
    ///
    /// A replica that causes a reply is disconnected, so the reply is suppressed.
    pub(super) fn withdraw_version(&mut self, outbox: &mut Outbox) {
        if self.version == Announced::Withdrawable {
            self.version = Announced::None;
            // The outbox holds one acknowledgement at most.
            let _ = outbox.command(&[b"CLIENT", b"REPLY", b"SKIP"]);
            let _ = outbox.command(&[b"REPLCONF", b"version", b"0.0.0"]);
        }
    }

    /// Reads the reply to the last request, and makes the next one. Returns the bytes consumed.
    pub(super) fn read(
        &mut self,
        unread: &[u8],
        link_bytes: u64,
        options: &Options,
        outbox: &mut Outbox,
    ) -> (usize, Reply) {
        // A busy server sends empty lines to keep the connection alive, at any point before a reply.
        let empty = unread.iter().take_while(|&&b| b == b'\n' || b == b'\r').count();
        let skipped = if self.parser.is_none() { empty } else { 0 };
        let begin = || FrameParser::new().with_limits(LIMITS).starting_at(link_bytes + skipped as u64);
        let mut parser = self.parser.take().unwrap_or_else(begin);
        let bytes = unread.get(skipped..).unwrap_or_default();
        let mut rest = bytes;
        if bytes.is_empty() {
            return (skipped, Reply::Part { needed: LEAST_REPLY });
        }
        let heard = match parser.next(&mut rest) {
            Ok(Status::Incomplete { needed }) => {
                self.parser = Some(parser);
                return (skipped, Reply::Part { needed });
            }
            Err(source) => Reply::Broken(broken(source, bytes)),
            Ok(Status::Complete(frame)) => match (frame.kind(), self.asked) {
                (Kind::Error | Kind::BulkError, asked) => {
                    let message = frame.as_bytes().unwrap_or_default();
                    match judge(asked, message) {
                        Verdict::Continue => self.skip_refused(asked, message),
                        verdict => Reply::Refusal { verdict, message: Excerpt::new(message) },
                    }
                }
                (Kind::BulkString | Kind::VerbatimString, Question::Info) => {
                    self.info = Some(Info::read(frame.as_bytes().unwrap_or_default()));
                    Reply::Next
                }
                (Kind::SimpleString, Question::Filter) => {
                    self.filter = Filter::Set;
                    Reply::Next
                }
                (Kind::SimpleString, Question::Version) => {
                    self.version = Announced::Kept;
                    Reply::Next
                }
                (Kind::SimpleString, Question::ClientReply) => {
                    self.version = Announced::Withdrawable;
                    Reply::Next
                }
                (Kind::SimpleString, _) => Reply::Next,
                // An answer of the future to an option of ours. The option has no known effect.
                (_, asked) if !matches!(asked, Question::Auth | Question::Ping) => self.skip_refused(asked, b""),
                (_, asked) => {
                    Reply::Broken(SessionError::Unexpected { asked: asked.name(), answer: Excerpt::new(frame.raw()) })
                }
            },
        };
        let used = skipped + (bytes.len() - rest.len());
        match heard {
            Reply::Next => (used, self.ask_next(options, outbox)),
            heard => (used, heard),
        }
    }

    fn skip_refused(&mut self, asked: Question, message: &[u8]) -> Reply {
        match asked {
            Question::Filter => self.filter = Filter::Unsupported,
            Question::Info => self.info_denied |= message.starts_with(b"NOPERM"),
            Question::ClientReply => self.client_denied |= message.starts_with(b"NOPERM"),
            _ => {}
        }
        Reply::Next
    }

    fn ask_next(&mut self, options: &Options, outbox: &mut Outbox) -> Reply {
        let mut next = self.asked;
        loop {
            next = match next {
                Question::Auth => Question::Ping,
                Question::Ping => Question::Label,
                Question::Label => Question::Port,
                Question::Port => Question::Info,
                Question::Info => Question::Version,
                Question::Version => Question::ClientReply,
                Question::ClientReply => Question::CapaEof,
                Question::CapaEof => Question::CapaPsync2,
                Question::CapaPsync2 => Question::Filter,
                Question::Filter | Question::Psync | Question::Sync => return Reply::All,
            };
            let wanted = match next {
                Question::Port => options.listening_port.is_some(),
                Question::Info => !self.info_denied,
                // Since Valkey 9.1 the version selects the format of a snapshot with data. It has no other use.
                Question::Version => {
                    self.filter == Filter::Unwanted
                        && self.server().as_ref().is_none_or(|server| server.is_since(None, Some((9, 1))))
                }
                Question::ClientReply => self.version == Announced::Kept && !self.client_denied,
                Question::CapaPsync2 => options.start != Start::Sync,
                Question::Filter => self.filter == Filter::Wanted,
                _ => true,
            };
            if wanted {
                self.ask(next, options, outbox);
                return Reply::Next;
            }
        }
    }

    /// Each option has a command of its own: a server that does not know an option ignores all that follow in the same
    /// command.
    fn ask(&mut self, next: Question, options: &Options, outbox: &mut Outbox) {
        self.asked = next;
        let port: Excerpt<5> = Excerpt::of(options.listening_port.unwrap_or_default());
        let version: Excerpt<17> = Excerpt::of(self.announced());
        let replconf: [&[u8]; 3] = match next {
            Question::Label => [b"REPLCONF", b"ip-address", options.label.as_bytes()],
            Question::Port => [b"REPLCONF", b"listening-port", port.as_bytes()],
            // Without a version, Valkey 9.1 writes RDB 11, which can't hold hashes with field expiry: every snapshot
            // would end early.
            Question::Version => [b"REPLCONF", b"version", version.as_bytes()],
            // Changes nothing. The reply shows whether `withdraw_version` is permitted.
            Question::ClientReply => [b"CLIENT", b"REPLY", b"ON"],
            Question::CapaEof => [b"REPLCONF", b"capa", b"eof"],
            Question::CapaPsync2 => [b"REPLCONF", b"capa", b"psync2"],
            Question::Filter => [b"REPLCONF", b"rdb-filter-only", b""],
            Question::Ping | Question::Info | Question::Auth | Question::Psync | Question::Sync => {
                [next.name().as_bytes(), b"", b""]
            }
        };
        let arguments = if replconf[1].is_empty() { &replconf[..1] } else { &replconf[..] };
        // The outbox is empty between two requests, and larger than each of them.
        let _ = outbox.command(arguments);
    }
}

/// The release of Valkey whose snapshot format is the latest that `rdb` reads.
const VERSION: Version = Version { major: 9, minor: 2, patch: 0 };

const LIMITS: Limits = Limits {
    bulk: HANDSHAKE_REPLY,
    command: HANDSHAKE_REPLY,
    arguments: 1024,
    depth: 8,
    line: 64 << 10,
    reply_line: 64 << 10,
    ..Limits::DEFAULT
};

/// `+` or `-`, CR, LF.
const LEAST_REPLY: usize = 3;

/// `reply`: the bytes of the reply that have arrived.
fn broken(source: ProtocolError, reply: &[u8]) -> SessionError {
    let is_reply = reply.first().is_some_and(|first| b"+-:$*_,#!=(%~>|".contains(first));
    let heard = if is_reply { Excerpt::EMPTY } else { Excerpt::new(reply) };
    SessionError::Protocol { stage: SessionStage::Handshake, source, heard }
}
