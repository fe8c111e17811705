//! Requests to a server, and its replies.

use std::io;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::base::error::ProtocolErrorKind;
use crate::base::limits::Limits;
use crate::base::speaker::Answers;
use crate::io::{FrameReader, ReadError};
use crate::net::login::Login;
use crate::net::named::{at, named};
use crate::net::socket::Socket;
use crate::net::target::Target;
use crate::resp;
use crate::resp::{CommandSpec, Frame, Kind};

/// A connection for requests and replies: to inspect a server that is followed over another connection.
///
/// ```no_run
/// use redtail::net::{Client, Login, Socket, Timeouts};
///
/// let target = "127.0.0.1:6379".parse()?;
/// let socket = Socket::connect(&target, &Timeouts::default())?;
/// let mut client = Client::new(&target, socket, &Login::default())?;
/// let role = client.ask(&["ROLE"])?;
/// println!("{:?}", role.list().first());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Client {
    target: Target,
    reader: FrameReader<ClientSocket>,
}

/// A reply that owns its text. Bytes that are not UTF-8 are replaced.
///
/// ```
/// use redtail::net::Reply;
///
/// fn text(reply: &Reply) -> Option<&str> {
///     match reply {
///         Reply::Text(text) => Some(text),
///         _ => None,
///     }
/// }
/// assert_eq!(text(&Reply::Text("PONG".into())), Some("PONG"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// A string, a status, or the digits of a number.
    Text(String),
    /// The message of an error.
    Error(String),
    /// Elements; of a map its names and values in turn.
    List(Vec<Reply>),
    /// Null.
    Null,
}

/// The reason why a request has no reply, and the server.
///
/// ```
/// use redtail::net::{Client, ClientError, ClientErrorKind};
///
/// fn replicas(client: &mut Client) -> Result<Option<String>, ClientError> {
///     match client.ask(&["INFO", "replication"]) {
///         Ok(reply) => Ok(reply.text().map(str::to_owned)),
///         Err(error) if matches!(error.kind, ClientErrorKind::TimedOut) => Ok(None),
///         Err(error) => Err(error),
///     }
/// }
/// ```
#[derive(Debug, Error)]
#[error("{}", named(target, kind))]
#[non_exhaustive]
pub struct ClientError {
    /// The address that the client was made with.
    pub target: Target,
    /// The reason.
    #[source]
    pub kind: ClientErrorKind,
}

/// The reason why a request has no reply.
///
/// ```
/// use redtail::net::ClientErrorKind;
///
/// let closed = ClientErrorKind::Closed { asked: "PING".into() };
/// assert_eq!(closed.to_string(), "the server closed the connection");
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientErrorKind {
    /// The server closed the connection.
    #[error("the server closed the connection")]
    Closed {
        /// The name of the command that was not answered.
        asked: String,
    },
    /// Nothing was received within the read timeout, or no whole reply within 60 s.
    #[error("no reply within the time limit: the server is busy or stopped, or the network drops packets")]
    TimedOut,
    /// The connection failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The bytes received are not RESP.
    #[error("the server does not speak the protocol of Redis and Valkey: {}", Answers(heard))]
    Protocol {
        /// The first bytes received over the connection, at most 80.
        heard: Vec<u8>,
    },
    /// The server refuses user, password or command, with this message.
    #[error("{0}")]
    Refused(String),
}

/// Many times the size of INFO, and of a cluster's thousand nodes.
const LIMITS: Limits = Limits { bulk: 16 << 20, command: 16 << 20, ..Limits::DEFAULT };

/// The time for a reply that arrives bit by bit.
const REPLY_TIMEOUT: Duration = Duration::from_secs(60);

impl Client {
    /// A client over this connection, after AUTH if `login` has a password. Errors name `target`.
    ///
    /// # Errors
    /// As [`ask`](Self::ask), and [`ClientErrorKind::Refused`]. [`ClientErrorKind::Io`] with
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) for a user without a password. A server that needs no password is
    /// not an error.
    pub fn new(target: &Target, socket: Socket, login: &Login) -> Result<Self, ClientError> {
        let socket = ClientSocket { socket, heard: Vec::new(), until: Instant::now() + REPLY_TIMEOUT };
        let mut client = Self { target: target.clone(), reader: FrameReader::new(socket).with_limits(LIMITS) };
        if let Some(error) = login.incomplete() {
            return Err(client.failed(error));
        }
        let Some(password) = &login.password else { return Ok(client) };
        let reply = match &login.user {
            Some(user) => client.exchange(&[b"AUTH", user.as_bytes(), password])?,
            None => client.exchange(&[b"AUTH", password])?,
        };
        match reply {
            Reply::Error(text) if text.contains("without any password") || text.contains("no password is set") => {
                Ok(client)
            }
            Reply::Error(text) => Err(client.failed(ClientErrorKind::Refused(text))),
            _ => Ok(client),
        }
    }

    /// Sends a command and waits for its reply. An error reply is [`Reply::Error`].
    ///
    /// # Errors
    /// If there is no reply. The connection is unusable then.
    pub fn ask(&mut self, command: &[&str]) -> Result<Reply, ClientError> {
        self.exchange(&command.iter().map(|argument| argument.as_bytes()).collect::<Vec<_>>())
    }

    /// Tells the server which program this is, for its `CLIENT LIST`: the name and the version of this library
    /// (`CLIENT SETINFO`, which servers have since 7.2), and `name`, if there is one (`CLIENT SETNAME`). A refusal is
    /// no error.
    ///
    /// Returns whether the user may tell it. If not, don't repeat it: each denial adds an entry to the server's ACL
    /// LOG.
    ///
    /// ```no_run
    /// use redtail::net::{Client, Login, Socket, Timeouts};
    ///
    /// let target = "127.0.0.1:6379".parse()?;
    /// let socket = Socket::connect(&target, &Timeouts::default())?;
    /// let mut client = Client::new(&target, socket, &Login::default())?;
    /// let is_allowed = client.introduce(Some("orders"))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn introduce(&mut self, name: Option<&str>) -> Result<bool, ClientError> {
        if let Some(name) = name
            && self.ask(&["CLIENT", "SETNAME", name])?.is_denied()
        {
            return Ok(false);
        }
        let reply = self.ask(&["CLIENT", "SETINFO", "LIB-NAME", env!("CARGO_PKG_NAME")])?;
        if reply.error().is_none() {
            self.ask(&["CLIENT", "SETINFO", "LIB-VER", env!("CARGO_PKG_VERSION")])?;
        }
        Ok(!reply.is_denied())
    }

    /// The server's description of a command (`COMMAND INFO`), which gives the keys of a command that the table of this
    /// library does not have. `None` if the server does not have the command either, or if its description does not
    /// determine the keys.
    ///
    /// # Errors
    /// As [`ask`](Self::ask), and [`ClientErrorKind::Refused`] if the user may not run `COMMAND`.
    pub fn command_spec(&mut self, name: &[u8]) -> Result<Option<CommandSpec>, ClientError> {
        let described = self.exchange_with(&[b"COMMAND", b"INFO", name], |reply| match Reply::of(reply) {
            Reply::Error(text) => Err(ClientErrorKind::Refused(text)),
            _ => Ok(reply.items().next().and_then(CommandSpec::read)),
        });
        described?.map_err(|kind| self.failed(kind))
    }

    /// The next message that the server pushes after SUBSCRIBE.
    ///
    /// # Errors
    /// As [`ask`](Self::ask); after [`ClientErrorKind::TimedOut`] it may be called again.
    pub fn listen(&mut self) -> Result<Reply, ClientError> {
        self.receive("", Reply::of).map_err(|kind| self.failed(kind))
    }

    /// The connection.
    pub fn socket(&mut self) -> &mut Socket {
        &mut self.reader.source_mut().socket
    }

    /// The connection, to be used between two replies.
    pub fn into_socket(self) -> Socket {
        self.reader.into_source().socket
    }

    fn exchange(&mut self, command: &[&[u8]]) -> Result<Reply, ClientError> {
        self.exchange_with(command, Reply::of)
    }

    fn exchange_with<T>(&mut self, command: &[&[u8]], read: impl FnOnce(Frame<'_>) -> T) -> Result<T, ClientError> {
        let mut bytes = vec![0; resp::encoded_len(command)];
        let _enough_room = resp::encode_command(&mut bytes, command);
        let sent = self.socket().write_all(&bytes);
        let name = String::from_utf8_lossy(command.first().copied().unwrap_or_default()).into_owned();
        // A server that refuses a client sends the reason before it closes.
        let received = match (self.receive(&name, read), sent) {
            (Err(ClientErrorKind::Closed { .. }), Err(error)) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(error.into())
            }
            (received, _) => received,
        };
        received.map_err(|kind| self.failed(kind))
    }

    fn failed(&self, kind: impl Into<ClientErrorKind>) -> ClientError {
        ClientError { target: self.target.clone(), kind: kind.into() }
    }

    fn receive<T>(&mut self, asked: &str, read: impl FnOnce(Frame<'_>) -> T) -> Result<T, ClientErrorKind> {
        let closed = || ClientErrorKind::Closed { asked: asked.to_owned() };
        self.reader.source_mut().until = Instant::now() + REPLY_TIMEOUT;
        match self.reader.next_frame() {
            Ok(Some(frame)) => Ok(read(frame.item)),
            Ok(None) => Err(closed()),
            Err(ReadError::Io(error)) => Err(match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ClientErrorKind::TimedOut,
                io::ErrorKind::ConnectionReset => closed(),
                _ => error.into(),
            }),
            Err(ReadError::Protocol(error)) if is_too_long(&error.kind) => Err(io::Error::other(error).into()),
            // Also an end within a line.
            Err(_) => Err(ClientErrorKind::Protocol { heard: self.reader.source_mut().heard.clone() }),
        }
    }
}

fn is_too_long(kind: &ProtocolErrorKind) -> bool {
    use ProtocolErrorKind as Kind;
    matches!(kind, Kind::BulkTooLong { .. } | Kind::CommandTooLong { .. } | Kind::TooManyArguments { .. })
}

impl Reply {
    /// The text of a [`Reply::Text`].
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The message of a [`Reply::Error`].
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        match self {
            Self::Error(text) => Some(text),
            _ => None,
        }
    }

    /// The elements of a [`Reply::List`]; of any other reply none.
    #[must_use]
    pub fn list(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// Whether the server denied the command to this user (NOPERM).
    #[must_use]
    pub fn is_denied(&self) -> bool {
        self.error().is_some_and(|text| text.starts_with("NOPERM"))
    }

    /// The value of a name in a list of names and values. The case of letters does not matter.
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

impl From<ClientError> for io::Error {
    fn from(error: ClientError) -> Self {
        let kind = match error.kind {
            ClientErrorKind::Io(source) => return at(&error.target, source),
            ClientErrorKind::Closed { .. } => io::ErrorKind::UnexpectedEof,
            ClientErrorKind::TimedOut => io::ErrorKind::TimedOut,
            ClientErrorKind::Protocol { .. } => io::ErrorKind::InvalidData,
            ClientErrorKind::Refused(_) => io::ErrorKind::PermissionDenied,
        };
        Self::new(kind, error)
    }
}

/// The socket, and the first bytes received from it: they identify a server that is neither Redis nor Valkey.
#[derive(Debug)]
struct ClientSocket {
    socket: Socket,
    heard: Vec<u8>,
    /// The deadline of the present reply.
    until: Instant,
}

impl Read for ClientSocket {
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
