//! One client: its requests before the stream, and its acknowledgements during it.

use std::io;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::base::limits::Limits;
use crate::base::status::Status;
use crate::replay::replies;
use crate::replay::seek::{Found, Part, find};
use crate::replay::shared::{SegmentOffset, Shared};
use crate::resp::{Request, RequestParser};

pub(super) struct Client<'a> {
    pub(super) stream: &'a TcpStream,
    pub(super) shared: &'a Shared,
    parser: RequestParser,
    unread: Vec<u8>,
    authenticated: bool,
    pub(super) takes_mark: bool,
    pub(super) takes_new_id: bool,
    pub(super) filtered: bool,
    pub(super) snapshot_only: bool,
}

/// The requests of a replica are short. This also bounds `unread`.
const LIMITS: Limits = Limits { bulk: 64 << 10, command: 256 << 10, arguments: 1024, ..Limits::DEFAULT };

type Arguments = Vec<Vec<u8>>;

enum Answer {
    Reply(Vec<u8>),
    Silence,
    Quit,
    /// The part to play.
    Play(Part),
}

impl<'a> Client<'a> {
    pub(super) fn new(stream: &'a TcpStream, shared: &'a Shared) -> Self {
        Self {
            stream,
            shared,
            parser: RequestParser::new().with_limits(LIMITS),
            unread: Vec::new(),
            authenticated: shared.playback.password.is_none(),
            takes_mark: false,
            takes_new_id: false,
            filtered: false,
            snapshot_only: false,
        }
    }

    /// Serves the client until either side disconnects.
    pub(super) fn serve(mut self) -> io::Result<()> {
        loop {
            let Some(request) = self.hear(None)? else { continue };
            match self.answer(&request) {
                Answer::Silence => {}
                Answer::Reply(reply) => self.send(&reply)?,
                Answer::Quit => return self.send(replies::OK),
                Answer::Play(part) => return self.play(&part),
            }
        }
    }

    fn answer(&mut self, request: &[Vec<u8>]) -> Answer {
        let [name, args @ ..] = request else { return Answer::Silence };
        let name = name.to_ascii_lowercase();
        if !self.authenticated && !matches!(name.as_slice(), b"auth" | b"quit") {
            return Answer::Reply(replies::NO_AUTH.to_vec());
        }
        match (name.as_slice(), args) {
            (b"auth", [password] | [_, password]) => Answer::Reply(self.authenticate(password).to_vec()),
            (b"ping", []) => Answer::Reply(b"+PONG\r\n".to_vec()),
            (b"ping", [text]) => Answer::Reply(replies::bulk(text)),
            (b"replconf", options) => self.configure(options),
            (b"info", []) => Answer::Reply(self.info(None)),
            (b"info", [section, ..]) => Answer::Reply(self.info(Some(section))),
            (b"role", []) => Answer::Reply(replies::role(self.shared.reached().offset)),
            (b"psync", [id, offset]) => self.synchronise(id, offset),
            (b"sync", []) => self.full(0, false),
            (b"quit", _) => Answer::Quit,
            (b"auth" | b"ping" | b"role" | b"psync" | b"sync", _) => {
                Answer::Reply(replies::wrong_arguments(&String::from_utf8_lossy(&name)))
            }
            _ => Answer::Reply(replies::error_about("unknown command ", &name)),
        }
    }

    fn authenticate(&mut self, given: &[u8]) -> &'static [u8] {
        match &self.shared.playback.password {
            None => replies::NO_PASSWORD_SET,
            Some(password) if password == given => {
                self.authenticated = true;
                replies::OK
            }
            Some(_) => replies::WRONG_PASSWORD,
        }
    }

    fn info(&self, section: Option<&[u8]>) -> Vec<u8> {
        let SegmentOffset { segment, offset } = self.shared.reached();
        let segment = self.shared.recording.segments().get(segment).unwrap_or(self.shared.recording.first());
        replies::info(section, segment, offset)
    }

    /// Options are pairs; those before an invalid one are kept, as by a server.
    fn configure(&mut self, options: &[Vec<u8>]) -> Answer {
        let (pairs, rest) = options.as_chunks::<2>();
        if !rest.is_empty() {
            return Answer::Reply(replies::SYNTAX_ERROR.to_vec());
        }
        for [option, value] in pairs {
            match option.to_ascii_lowercase().as_slice() {
                b"ack" | b"getack" => return Answer::Silence,
                b"ip-address" => {}
                b"listening-port" if number(value).is_some() => {}
                b"rdb-only" if number(value).is_some() => self.snapshot_only = number(value) != Some(0),
                b"listening-port" | b"rdb-only" => return Answer::Reply(replies::NOT_AN_INTEGER.to_vec()),
                b"capa" => {
                    self.takes_mark |= value.eq_ignore_ascii_case(b"eof");
                    self.takes_new_id |= value.eq_ignore_ascii_case(b"psync2");
                }
                b"rdb-filter-only" => {
                    let words = value.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
                    for word in words {
                        // Recordings have no functions apart from their data, so `functions` changes nothing.
                        if !word.eq_ignore_ascii_case(b"functions") {
                            return Answer::Reply(replies::error_about("Unsupported rdb-filter-only option: ", word));
                        }
                    }
                    self.filtered = true;
                }
                _ => return Answer::Reply(replies::error_about("Unrecognized REPLCONF option: ", option)),
            }
        }
        Answer::Reply(replies::OK.to_vec())
    }

    /// A replica requests the byte after its last one.
    fn synchronise(&self, id: &[u8], next: &[u8]) -> Answer {
        let Some(next) = number(next) else { return Answer::Reply(replies::NOT_AN_INTEGER.to_vec()) };
        let after = u64::try_from(next).ok().and_then(|next| next.checked_sub(1));
        match after.map(|after| find(self.shared, id, after)) {
            Some(Found::At(after)) => {
                let id = String::from_utf8_lossy(id).to_ascii_lowercase();
                Answer::Play(Part::Rest { after, id })
            }
            Some(Found::Behind(segment)) => self.full(segment, true),
            None => self.full(0, true),
        }
    }

    fn full(&self, segment: usize, has_line: bool) -> Answer {
        if self.filtered && !self.takes_mark {
            return Answer::Reply(replies::FILTER_NEEDS_EOF.to_vec());
        }
        Answer::Play(Part::All { segment, has_line })
    }

    /// Whether an acknowledgement arrives within `limit`. A replica may send nothing else here: a server can't reply on
    /// the connection of the stream, and closes it instead.
    pub(super) fn hear_acknowledgement(&mut self, limit: Option<Duration>) -> io::Result<bool> {
        let Some(request) = self.hear(limit)? else { return Ok(false) };
        match request.as_slice() {
            [name, option, ..] if name.eq_ignore_ascii_case(b"replconf") && option.eq_ignore_ascii_case(b"ack") => {
                Ok(true)
            }
            [name, option, ..] if name.eq_ignore_ascii_case(b"replconf") && option.eq_ignore_ascii_case(b"getack") => {
                Ok(false)
            }
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the replica said something that has a reply")),
        }
    }

    /// The next request; `None` if there is no whole one after one read, or none within `limit` (`None`: no limit).
    fn hear(&mut self, limit: Option<Duration>) -> io::Result<Option<Arguments>> {
        if let Some(request) = self.take_request()? {
            return Ok(Some(request));
        }
        // The standard library refuses a timeout of zero.
        self.stream.set_read_timeout(limit.map(|limit| limit.max(Duration::from_millis(1))))?;
        let mut space = [0; 4096];
        let mut stream = self.stream;
        match stream.read(&mut space) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                self.unread.extend_from_slice(space.get(..count).unwrap_or_default());
                self.take_request()
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted => Ok(None),
                _ => Err(error),
            },
        }
    }

    fn take_request(&mut self) -> io::Result<Option<Arguments>> {
        let mut rest = self.unread.as_slice();
        let request = match self.parser.next(&mut rest) {
            Ok(Status::Complete(request)) => Some(arguments(&request)),
            Ok(Status::Incomplete { .. }) => None,
            Err(error) => {
                let words = error.to_string();
                // The connection is closed in any case.
                let _ = self.send(&replies::error_about("Protocol error: ", words.as_bytes()));
                return Err(io::Error::new(io::ErrorKind::InvalidData, words));
            }
        };
        let used = self.unread.len() - rest.len();
        self.unread.drain(..used);
        Ok(request)
    }

    fn send(&self, bytes: &[u8]) -> io::Result<()> {
        let mut stream = self.stream;
        stream.write_all(bytes)
    }
}

fn arguments(request: &Request<'_>) -> Arguments {
    match request {
        Request::Command(command) => command.args().map(<[u8]>::to_vec).collect(),
        Request::Inline(line) => line.args().map(|argument| argument.bytes().collect()).collect(),
    }
}

/// A number as a server reads it: decimal, with a minus sign or none.
fn number(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    text.parse().ok().filter(|_| !text.starts_with('+'))
}
