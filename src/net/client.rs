//! Questions to a server, and its answers.

use std::io;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::base::limits::Limits;
use crate::io::{FrameReader, ReadError};
use crate::net::login::Login;
use crate::net::socket::Socket;
use crate::resp;
use crate::resp::{Frame, Kind};

/// A link on which one side asks and the other answers: for looking around on a server beside following it.
///
/// ```no_run
/// use redtail::net::{Login, Socket, Talk, Timeouts};
///
/// let link = Socket::connect(&"127.0.0.1:6379".parse()?, &Timeouts::default())?;
/// let mut talk = Talk::begin(link, &Login::default())?;
/// let role = talk.ask(&["ROLE"])?;
/// println!("{:?}", role.list().first());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Talk {
    reader: FrameReader<Listened>,
}

/// An answer that owns what it says. Bytes that are no UTF-8 are replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answer {
    /// A string, a status, or the digits of a number.
    Text(String),
    /// The words of an error.
    Error(String),
    /// Elements; of a map its names and values in turn.
    List(Vec<Answer>),
    /// Nothing.
    Null,
}

/// Why there was no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TalkError {
    /// The server closed the connection.
    #[error("the server closed the connection")]
    Closed {
        /// The name of the command it closed at.
        asked: String,
    },
    /// Nothing came within the time-out for reads, or no whole answer within 60 s.
    #[error("no answer in time")]
    Silent,
    /// The connection broke.
    #[error(transparent)]
    Broken(#[from] io::Error),
    /// What came is not the protocol of these servers.
    #[error("what answers does not speak the protocol of Redis and Valkey: \"{}\"", heard.escape_ascii())]
    Foreign {
        /// The first bytes that came over the link, 80 at the most.
        heard: Vec<u8>,
    },
    /// The server does not take user or password: its words.
    #[error("{0}")]
    Refused(String),
}

/// Many times what INFO takes, or what a cluster's thousand nodes have to tell.
const LIMITS: Limits = Limits { bulk: 16 << 20, command: 16 << 20, ..Limits::DEFAULT };

/// An answer that comes bit by bit is waited for no longer than this.
const ANSWER: Duration = Duration::from_secs(60);

impl Talk {
    /// Begins to talk over this link, as whoever `login` says.
    ///
    /// # Errors
    /// As [`ask`](Self::ask), and [`TalkError::Refused`]. A server that asks for no password is no error.
    pub fn begin(link: Socket, login: &Login) -> Result<Self, TalkError> {
        let listened = Listened { socket: link, heard: Vec::new(), until: Instant::now() + ANSWER };
        let mut talk = Self { reader: FrameReader::new(listened).with_limits(LIMITS) };
        let Some(password) = &login.password else { return Ok(talk) };
        let answer = match &login.user {
            Some(user) => talk.exchange(&[b"AUTH", user.as_bytes(), password])?,
            None => talk.exchange(&[b"AUTH", password])?,
        };
        match answer {
            Answer::Error(words) if words.contains("without any password") || words.contains("no password is set") => {
                Ok(talk)
            }
            Answer::Error(words) => Err(TalkError::Refused(words)),
            _ => Ok(talk),
        }
    }

    /// Asks, and waits for the answer. An error that the server answers is an [`Answer::Error`].
    ///
    /// # Errors
    /// If no answer comes; the link is then of no more use.
    pub fn ask(&mut self, words: &[&str]) -> Result<Answer, TalkError> {
        self.exchange(&words.iter().map(|word| word.as_bytes()).collect::<Vec<_>>())
    }

    /// The next thing the server says by itself, after SUBSCRIBE.
    ///
    /// # Errors
    /// As [`ask`](Self::ask); after [`TalkError::Silent`] it may be called again.
    pub fn listen(&mut self) -> Result<Answer, TalkError> {
        self.hear("")
    }

    /// The link.
    pub fn link(&mut self) -> &mut Socket {
        &mut self.reader.source_mut().socket
    }

    /// The link, between two answers.
    pub fn into_link(self) -> Socket {
        self.reader.into_source().socket
    }

    fn exchange(&mut self, command: &[&[u8]]) -> Result<Answer, TalkError> {
        let mut bytes = vec![0; resp::encoded_len(command)];
        let _enough_room = resp::encode_command(&mut bytes, command);
        let sent = self.link().write_all(&bytes);
        let name = String::from_utf8_lossy(command.first().copied().unwrap_or_default()).into_owned();
        // A server that does not want us has said why before it closed.
        match (self.hear(&name), sent) {
            (Err(TalkError::Closed { .. }), Err(error)) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(error.into())
            }
            (heard, _) => heard,
        }
    }

    fn hear(&mut self, asked: &str) -> Result<Answer, TalkError> {
        let closed = || TalkError::Closed { asked: asked.to_owned() };
        self.reader.source_mut().until = Instant::now() + ANSWER;
        match self.reader.next_frame() {
            Ok(Some(frame)) => Ok(Answer::of(frame.item)),
            Ok(None) => Err(closed()),
            Err(ReadError::Io(error)) => Err(match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => TalkError::Silent,
                io::ErrorKind::ConnectionReset => closed(),
                _ => error.into(),
            }),
            // Something that ends within a line, too.
            Err(_) => Err(TalkError::Foreign { heard: self.reader.source_mut().heard.clone() }),
        }
    }
}

impl Answer {
    /// The text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The words of an error, if it is one.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        match self {
            Self::Error(words) => Some(words),
            _ => None,
        }
    }

    /// The elements; none if it is no list.
    #[must_use]
    pub fn list(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// Whether it says that our user may not ask this.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        self.error().is_some_and(|words| words.starts_with("NOPERM"))
    }

    /// The value behind a name in a list of names and values. Upper and lower case are the same.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Self> {
        self.list().chunks_exact(2).find_map(|pair| match pair {
            [key, value] if key.text().is_some_and(|key| key.eq_ignore_ascii_case(name)) => Some(value),
            _ => None,
        })
    }

    pub(crate) fn of(frame: Frame<'_>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match frame.kind() {
            Kind::Error | Kind::BulkError => Self::Error(text(frame.as_bytes().unwrap_or_default())),
            _ if frame.is_null() => Self::Null,
            _ => match (frame.as_bytes(), frame.as_i64()) {
                (Some(bytes), _) => Self::Text(text(bytes)),
                (None, Some(number)) => Self::Text(number.to_string()),
                (None, None) => Self::List(frame.items().map(Self::of).collect()),
            },
        }
    }
}

impl From<TalkError> for io::Error {
    fn from(error: TalkError) -> Self {
        let kind = match error {
            TalkError::Broken(error) => return error,
            TalkError::Closed { .. } => io::ErrorKind::UnexpectedEof,
            TalkError::Silent => io::ErrorKind::TimedOut,
            TalkError::Foreign { .. } => io::ErrorKind::InvalidData,
            TalkError::Refused(_) => io::ErrorKind::PermissionDenied,
        };
        Self::new(kind, error)
    }
}

/// The socket, and the first bytes that came from it: they tell what listens there if it is no server of ours.
#[derive(Debug)]
struct Listened {
    socket: Socket,
    heard: Vec<u8>,
    /// When the answer that is awaited must be whole.
    until: Instant,
}

impl Read for Listened {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        const ENOUGH: usize = 80;
        if Instant::now() >= self.until {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let count = self.socket.read(space)?;
        let missing = ENOUGH.saturating_sub(self.heard.len());
        self.heard.extend(space.iter().take(count.min(missing)));
        Ok(count)
    }
}
