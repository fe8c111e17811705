//! A connection for many commands, which are sent ahead of their replies.

use std::fmt::Display;
use std::io::Write;
use std::time::{Duration, Instant};

use redtail::Limits;
use redtail::io::FrameReader;
use redtail::net::{Client, Socket, Target, Timeouts};
use redtail::resp::{Frame, encode_command, encoded_len};

use crate::failure::Failure;
use crate::named::named;
use crate::target::address::Address;
use crate::target::introduction::introduce;

/// Servers may close a connection over which nothing is sent for `timeout` seconds, at least one second.
pub(crate) const SILENCE: Duration = Duration::from_millis(300);

pub(crate) struct Node {
    pub(crate) target: Target,
    last_sent: Instant,
    /// The bytes of the replies.
    pub(crate) received: u64,
    replies: FrameReader<Socket>,
}

impl Node {
    pub(crate) fn open(address: &Address, target: &Target) -> Result<Self, Failure> {
        Ok(Self::new(target.clone(), connect(address, target)?))
    }

    pub(crate) fn new(target: Target, client: Client) -> Self {
        let mut limits = Limits::default();
        // A reply has as many elements and bytes as the commands make it.
        (limits.command, limits.bulk, limits.arguments) = (u64::MAX, u64::MAX, u64::MAX);
        let replies = FrameReader::new(client.into_socket()).with_limits(limits);
        Self { target, last_sent: Instant::now(), received: 0, replies }
    }

    /// Sends bytes. The error is its message.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.last_sent = Instant::now();
        self.replies.source_mut().write_all(bytes).map_err(|error| error.to_string())
    }

    /// Whether the connection was not used for a while.
    pub(crate) fn is_idle(&self) -> bool {
        self.last_sent.elapsed() >= SILENCE
    }

    /// Whether the server answers. A connection that was used just now is not asked. No reply may be missing.
    pub(crate) fn is_alive(&mut self) -> bool {
        !self.is_idle() || self.write(&encoded(&[b"PING"])).and_then(|()| self.reply()).is_ok()
    }

    /// Selects a database. No reply may be missing.
    pub(crate) fn select(&mut self, db: u32) -> Result<(), Failure> {
        let refused = match self.write(&encoded(&[b"SELECT", db.to_string().as_bytes()])).and_then(|()| self.reply()) {
            Ok(frame) => {
                frame.is_error().then(|| String::from_utf8_lossy(frame.as_bytes().unwrap_or_default()).into_owned())
            }
            Err(error) => return Err(self.lost(&error)),
        };
        match refused {
            Some(text) => Err(Failure::Message(format!("{} refused SELECT {db}: {text}", self.target))),
            None => Ok(()),
        }
    }

    pub(crate) fn lost(&self, error: &dyn Display) -> Failure {
        Failure::Message(format!("lost the connection to {}: {error}", self.target))
    }

    /// The next reply. The error is the reason why there is none.
    pub(crate) fn reply(&mut self) -> Result<Frame<'_>, String> {
        match self.replies.next_frame() {
            Ok(Some(frame)) => {
                self.received = frame.end;
                Ok(frame.item)
            }
            Ok(None) => Err("the server closed it".into()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// The bytes of a command.
pub(crate) fn encoded(args: &[&[u8]]) -> Vec<u8> {
    let mut bytes = vec![0; encoded_len(args)];
    // The buffer has exactly the required size.
    let _ = encode_command(&mut bytes, args);
    bytes
}

/// Connects and logs in. Finds a missing password and a port of something else before anything is sent.
pub(crate) fn connect(address: &Address, target: &Target) -> Result<Client, Failure> {
    let failed = |error: &dyn Display| unreachable(target, error);
    // A command takes a server as long as it takes. Keepalive finds a dead server.
    let mut timeouts = Timeouts::default();
    (timeouts.read, timeouts.write) = (None, None);
    let socket = address.connect(target, &timeouts).map_err(|error| failed(&error))?;
    let login = address.login.read().map_err(|error| Failure::Message(error.to_string()))?;
    let mut client = Client::new(target, socket, &login).map_err(|error| failed(&error))?;
    if let Some(message) = client.ask(&["PING"]).map_err(|error| failed(&error))?.error() {
        return Err(failed(&message));
    }
    introduce(&mut client, address.login.is_acl_user()).map_err(|error| failed(&error))?;
    Ok(client)
}

pub(crate) fn unreachable(target: &Target, error: &dyn Display) -> Failure {
    Failure::Message(format!("can't connect to {}", named(&target.to_string(), error)))
}
