//! Talk with a server, and what may stand in its way.

use std::io;
use std::time::Duration;

use redtail::net::ClientError;
use redtail::topology::SentinelError;

/// How long a server may think about an answer.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

/// Why there can be no talk at all.
#[derive(Debug)]
pub(crate) enum ProbeError {
    /// The Sentinels do not tell where the server is.
    Lost(SentinelError),
    /// Nobody is reached.
    Connect(io::Error),
    /// There are no answers.
    Talk(ClientError),
    /// The server refuses to talk to us: its words.
    Refused(String),
}

impl From<ClientError> for ProbeError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused(words) => Self::Refused(words),
            error => Self::Talk(error),
        }
    }
}
