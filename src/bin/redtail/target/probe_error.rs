//! Failures of commands to a server.

use std::io;
use std::time::Duration;

use redtail::net::{ClientError, ClientErrorKind};
use redtail::topology::SentinelError;

/// The time limit for an answer.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

/// Why a server can't be asked.
#[derive(Debug)]
pub(crate) enum ProbeError {
    /// The Sentinels do not know the server.
    Sentinels(SentinelError),
    /// The connect failed.
    Connect(io::Error),
    /// The server does not answer, or not in its protocol.
    Client(ClientError),
    /// The server refuses the client; its message.
    Refused(String),
}

impl From<ClientError> for ProbeError {
    fn from(error: ClientError) -> Self {
        match error.kind {
            ClientErrorKind::Refused(message) => Self::Refused(message),
            _ => Self::Client(error),
        }
    }
}
