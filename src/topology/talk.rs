//! Questions to a server, and its answers.

use std::io::{self, Write};

use crate::net::{FrameReader, Login, ReadError, Socket};
use crate::resp::{self, Frame, Kind};

/// A link on which one side asks and the other answers.
pub(super) struct Talk {
    reader: FrameReader<Socket>,
}

/// An answer that owns what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    /// A string, a status, or the digits of a number.
    Text(Vec<u8>),
    /// The words of an error.
    Error(String),
    /// Elements; of a map its names and values in turn.
    List(Vec<Answer>),
    /// Nothing.
    Null,
}

/// More than any answer about a topology takes: a cluster's thousand nodes tell less than a mebibyte.
const LIMITS: crate::Limits = crate::Limits { bulk: 1 << 20, command: 16 << 20, ..crate::Limits::DEFAULT };

impl Talk {
    /// Begins to talk over this link, as whoever `login` says.
    pub(super) fn begin(link: Socket, login: &Login) -> io::Result<Self> {
        let mut talk = Self { reader: FrameReader::new(link).with_limits(LIMITS) };
        let Some(password) = &login.password else { return Ok(talk) };
        let answer = match &login.user {
            Some(user) => talk.ask(&[b"AUTH", user.as_bytes(), password])?,
            None => talk.ask(&[b"AUTH", password])?,
        };
        match answer {
            // Who asks for no password is not told one.
            Answer::Error(words) if words.contains("without any password") || words.contains("no password is set") => {
                Ok(talk)
            }
            Answer::Error(words) => Err(io::Error::new(io::ErrorKind::PermissionDenied, words)),
            _ => Ok(talk),
        }
    }

    pub(super) fn ask(&mut self, command: &[&[u8]]) -> io::Result<Answer> {
        let mut bytes = vec![0; resp::encoded_len(command)];
        resp::encode_command(&mut bytes, command).map_err(io::Error::other)?;
        self.reader.source_mut().write_all(&bytes)?;
        self.listen()
    }

    /// The next thing the server says by itself, after SUBSCRIBE.
    pub(super) fn listen(&mut self) -> io::Result<Answer> {
        match self.reader.next() {
            Ok(Some(frame)) => Ok(Answer::of(frame.item)),
            Ok(None) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection")),
            Err(ReadError::Io(error))
                if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
            {
                Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time"))
            }
            Err(ReadError::Io(error)) => Err(error),
            Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
        }
    }

    pub(super) fn link(&mut self) -> &mut Socket {
        self.reader.source_mut()
    }

    /// The link, between two answers.
    pub(super) fn into_link(self) -> Socket {
        self.reader.into_source()
    }
}

impl Answer {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => std::str::from_utf8(text).ok(),
            _ => None,
        }
    }

    pub(super) fn list(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// The value behind a name in names and values.
    pub(super) fn field(&self, name: &str) -> Option<&Self> {
        let mut pairs = self.list().chunks_exact(2);
        pairs.find_map(|pair| match pair {
            [key, value] if key.text() == Some(name) => Some(value),
            _ => None,
        })
    }

    pub(super) fn of(frame: Frame<'_>) -> Self {
        match frame.kind() {
            Kind::Error | Kind::BulkError => {
                Self::Error(String::from_utf8_lossy(frame.as_bytes().unwrap_or_default()).into_owned())
            }
            _ if frame.is_null() => Self::Null,
            _ => match (frame.as_bytes(), frame.as_i64()) {
                (Some(bytes), _) => Self::Text(bytes.to_vec()),
                (None, Some(number)) => Self::Text(number.to_string().into_bytes()),
                (None, None) => Self::List(frame.items().map(Self::of).collect()),
            },
        }
    }
}
