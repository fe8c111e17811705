//! A plain connection: one question, one answer.

use std::io::{self, Read, Write};
use std::time::Duration;

use redtail::Limits;
use redtail::net::{FrameReader, Login, ReadError, Socket};
use redtail::resp::{self, Frame, Kind};
use redtail::topology::SentinelError;

/// How long a server may think about an answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Bytes that an answer may have: many times what INFO has.
const LONGEST: u64 = 16 << 20;

/// Why there can be no talk at all.
#[derive(Debug)]
pub(crate) enum Obstacle {
    /// The Sentinels do not tell where the server is.
    Lost(SentinelError),
    /// Nobody is reached.
    Connect(io::Error),
    /// What came first is not the protocol of these servers; its first bytes.
    Foreign(Vec<u8>),
    /// The connection was closed instead of an answer to this command.
    Closed(String),
    /// Nothing came within [`PATIENCE`].
    Silent,
    /// The connection broke.
    Broken(io::Error),
    /// The server refuses to talk to us: its words.
    Refused(String),
}

/// An answer, detached from the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reply {
    /// A string, a status, a number: its text.
    Text(String),
    /// An error: its words.
    Error(String),
    /// An array or a map, its keys and values one after another.
    List(Vec<Reply>),
    Null,
}

impl Reply {
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn error(&self) -> Option<&str> {
        match self {
            Self::Error(words) => Some(words),
            _ => None,
        }
    }

    pub(crate) fn list(&self) -> &[Reply] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// The user may not ask this.
    pub(crate) fn is_denied(&self) -> bool {
        self.error().is_some_and(|words| words.starts_with("NOPERM"))
    }

    /// The value behind a name in a list of names and values.
    pub(crate) fn field(&self, name: &str) -> Option<&Reply> {
        let mut pairs = self.list().chunks_exact(2);
        pairs.find(|pair| pair[0].text().is_some_and(|it| it.eq_ignore_ascii_case(name))).map(|pair| &pair[1])
    }

    fn of(frame: Frame<'_>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match frame.kind() {
            Kind::Error | Kind::BulkError => Self::Error(text(frame.as_bytes().unwrap_or_default())),
            Kind::Null => Self::Null,
            _ if frame.is_null() => Self::Null,
            _ => match (frame.as_bytes(), frame.as_i64()) {
                (Some(bytes), _) => Self::Text(text(bytes)),
                (None, Some(number)) => Self::Text(number.to_string()),
                (None, None) => Self::List(frame.items().map(Self::of).collect()),
            },
        }
    }
}

pub(crate) struct Connection {
    reader: FrameReader<Listened>,
}

impl Connection {
    pub(crate) fn over(socket: Socket) -> Self {
        let limits = Limits { bulk: LONGEST, command: LONGEST, ..Limits::default() };
        Self { reader: FrameReader::new(Listened { socket, heard: Vec::new() }).with_limits(limits) }
    }

    /// Logs in, where there is a password. Gives the words of a server that asks for none.
    pub(crate) fn log_in(&mut self, login: &Login) -> Result<Option<String>, Obstacle> {
        let Some(password) = &login.password else { return Ok(None) };
        let reply = match &login.user {
            Some(user) => self.exchange(&[b"AUTH", user.as_bytes(), password])?,
            None => self.exchange(&[b"AUTH", password])?,
        };
        match reply {
            Reply::Error(words) if words.contains("without any password") || words.contains("no password is set") => {
                Ok(Some(words))
            }
            Reply::Error(words) => Err(Obstacle::Refused(words)),
            _ => Ok(None),
        }
    }

    pub(crate) fn ask(&mut self, words: &[&str]) -> Result<Reply, Obstacle> {
        self.exchange(&words.iter().map(|word| word.as_bytes()).collect::<Vec<_>>())
    }

    fn exchange(&mut self, command: &[&[u8]]) -> Result<Reply, Obstacle> {
        let mut bytes = vec![0; resp::encoded_len(command)];
        let _enough_room = resp::encode_command(&mut bytes, command);
        // A server that does not want us has said why before it closed.
        let sent = self.reader.source_mut().socket.write_all(&bytes);
        let closed = || {
            Obstacle::Closed(command.first().map(|name| String::from_utf8_lossy(name).into_owned()).unwrap_or_default())
        };
        match self.reader.next() {
            Ok(Some(frame)) => Ok(Reply::of(frame.item)),
            Ok(None) => match sent {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Obstacle::Broken(error)),
                _ => Err(closed()),
            },
            Err(ReadError::Io(error)) => Err(match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Obstacle::Silent,
                io::ErrorKind::ConnectionReset => closed(),
                _ => Obstacle::Broken(error),
            }),
            // Something that ends within a line.
            Err(_) => Err(Obstacle::Foreign(self.reader.source_mut().heard.clone())),
        }
    }
}

/// The socket, and the first bytes that came from it: they tell what listens there if it is no server of ours.
struct Listened {
    socket: Socket,
    heard: Vec<u8>,
}

impl Read for Listened {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        const ENOUGH: usize = 80;
        let count = self.socket.read(space)?;
        let missing = ENOUGH.saturating_sub(self.heard.len());
        self.heard.extend(space.iter().take(count.min(missing)));
        Ok(count)
    }
}
