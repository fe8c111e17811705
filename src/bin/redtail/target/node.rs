//! A connection for many commands, which are sent ahead of their replies.

use std::fmt::Display;
use std::io::Write;
use std::time::{Duration, Instant};

use redtail::io::FrameReader;
use redtail::net::{Client, Reply, Socket, Target, Timeouts};
use redtail::resp::{Frame, encode_command, encoded_len};
use redtail::{Limits, Server};

use crate::failure::Failure;
use crate::named::named;
use crate::target::address::Address;
use crate::target::claim::Claim;
use crate::target::introduction::introduce;
use crate::target::offset::field;

/// Servers may close a connection over which nothing is sent for `timeout` seconds, at least one second.
pub(crate) const SILENCE: Duration = Duration::from_millis(300);

pub(crate) struct Node {
    pub(crate) target: Target,
    identity: Option<Identity>,
    /// Product and version.
    server: Option<String>,
    claim: Option<Claim>,
    /// The selected database.
    db: u32,
    last_sent: Instant,
    /// The bytes of the replies.
    pub(crate) received: u64,
    replies: FrameReader<Socket>,
}

/// The process of a server, and whether it is a primary. A process that started later may lack confirmed writes, and
/// has no SCAN of the one before.
#[derive(Debug, PartialEq, Eq)]
struct Identity {
    run_id: String,
    role: String,
}

impl Node {
    pub(crate) fn open(address: &Address, target: &Target) -> Result<Self, Failure> {
        let mut client = connect(address, target)?;
        let info = client.ask(&["INFO"]).map_err(|error| unreachable(target, &error))?;
        let field = |name| field(info.text()?, name).map(str::to_owned);
        let identity = field("run_id").zip(field("role")).map(|(run_id, role)| Identity { run_id, role });
        let product = field("valkey_version").map(|version| format!("valkey {version}"));
        let product = product.or_else(|| Some(format!("redis {}", field("redis_version")?)));
        let server = product.and_then(|product| Some(product.parse::<Server>().ok()?.to_string()));
        let mut limits = Limits::default();
        // A reply has as many elements and bytes as the commands make it.
        (limits.command, limits.bulk, limits.arguments) = (u64::MAX, u64::MAX, u64::MAX);
        let replies = FrameReader::new(client.into_socket()).with_limits(limits);
        let target = target.clone();
        Ok(Self { target, identity, server, claim: None, db: 0, last_sent: Instant::now(), received: 0, replies })
    }

    /// The id of the process, where INFO is allowed.
    pub(crate) fn run_id(&self) -> Option<&str> {
        self.identity.as_ref().map(|identity| identity.run_id.as_str())
    }

    /// Product and version, where INFO is allowed.
    pub(crate) fn server(&self) -> Option<&str> {
        self.server.as_deref()
    }

    pub(crate) fn is_replica(&self) -> bool {
        self.identity.as_ref().is_some_and(|identity| identity.role == "slave")
    }

    pub(crate) fn db(&self) -> u32 {
        self.db
    }

    /// A SELECT was executed that was sent as bytes.
    pub(crate) fn has_selected(&mut self, db: u32) {
        self.db = db;
    }

    /// Fails if another process has this claim. No reply may be missing.
    pub(crate) fn claim(&mut self, claim: &Claim) -> Result<(), Failure> {
        let target = self.target.clone();
        claim.enforce(&target, |args| self.ask(args))?;
        self.claim = Some(claim.clone());
        Ok(())
    }

    /// Sends bytes. The error is its message.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.last_sent = Instant::now();
        self.replies.source_mut().write_all(bytes).map_err(|error| error.to_string())
    }

    /// Asks a server that was not asked just now, and replaces a connection that the server has closed because it was
    /// not used. The server must be the same process, in the same role. No reply may be missing. Returns whether the
    /// connection is a new one.
    pub(crate) fn keep_alive(&mut self, address: &Address) -> Result<bool, Failure> {
        if self.last_sent.elapsed() < SILENCE {
            return Ok(false);
        }
        let Err(error) = self.write(&encoded(&[b"PING"])).and_then(|()| self.reply().map(drop)) else {
            return Ok(false);
        };
        let mut again = match Self::open(address, &self.target) {
            Err(Failure::Message(why)) => return Err(self.lost(&format_args!("{error}; {why}"))),
            again => again?,
        };
        if self.identity.is_none() {
            return Err(self.lost(&format_args!("{error}; load and compare open a new one if they have +info")));
        }
        if self.identity != again.identity {
            return Err(self.lost(&"the server has restarted or changed its role since"));
        }
        if let Some(claim) = &self.claim {
            again.claim(claim)?;
        }
        if self.db != 0 {
            again.select(self.db)?;
        }
        *self = again;
        Ok(true)
    }

    /// Sends a command and reads its reply. No reply may be missing.
    pub(crate) fn ask(&mut self, args: &[&[u8]]) -> Result<Reply, Failure> {
        match self.write(&encoded(args)).and_then(|()| self.reply().map(|frame| reply_of(&frame))) {
            Ok(reply) => Ok(reply),
            Err(error) => Err(self.lost(&error)),
        }
    }

    /// Selects a database. No reply may be missing.
    pub(crate) fn select(&mut self, db: u32) -> Result<(), Failure> {
        let reply = self.ask(&[b"SELECT", db.to_string().as_bytes()])?;
        match reply.error() {
            Some(text) => Err(Failure::Message(format!("{} refused SELECT {db}: {text}", self.target))),
            None => {
                self.db = db;
                Ok(())
            }
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

fn reply_of(frame: &Frame<'_>) -> Reply {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match (frame.as_bytes(), frame.as_i64()) {
        (error, _) if frame.is_error() => Reply::Error(text(error.unwrap_or_default())),
        _ if frame.is_null() => Reply::Null,
        (Some(bytes), _) => Reply::Text(text(bytes)),
        (None, Some(number)) => Reply::Text(number.to_string()),
        (None, None) => Reply::List(frame.items().map(|item| reply_of(&item)).collect()),
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
