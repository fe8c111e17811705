//! The replication offset of a server.

use std::fmt::Display;

use redtail::ReplicationId;
use redtail::net::{Client, ClientError, ClientErrorKind, Reply, Timeouts};

use crate::target::address::Address;
use crate::target::probe_error::TIMEOUT;

/// Why the offset is unknown.
pub(crate) enum OffsetError {
    /// INFO is not allowed. Each attempt would add an entry to the server's ACL LOG.
    Denied(String),
    /// A temporary failure.
    Other(String),
}

impl OffsetError {
    pub(crate) fn other(error: impl Display) -> Self {
        Self::Other(error.to_string())
    }
}

impl From<ClientError> for OffsetError {
    fn from(error: ClientError) -> Self {
        match error.kind {
            ClientErrorKind::Refused(_) => Self::Denied(error.to_string()),
            _ => Self::other(error),
        }
    }
}

/// The offset of the last write that the server has, over a connection of its own.
pub(crate) fn offset(address: &Address, replid: ReplicationId) -> Result<u64, OffsetError> {
    let target = address.server().map_err(OffsetError::other)?;
    let socket = address.connect(&target, &Timeouts::all(TIMEOUT)).map_err(OffsetError::other)?;
    let login = address.login.read().map_err(OffsetError::other)?;
    offset_of(&mut Client::new(&target, socket, &login)?, Some(replid))
}

/// The offset of the last write that the server has, from INFO. An offset of another history is an error: the address
/// may lead to another server since a failover.
pub(crate) fn offset_of(client: &mut Client, replid: Option<ReplicationId>) -> Result<u64, OffsetError> {
    let info = match client.ask(&["INFO", "replication"])? {
        Reply::Text(text) => text,
        answer if answer.is_denied() => {
            return Err(OffsetError::Denied(answer.error().unwrap_or_default().to_owned()));
        }
        Reply::Error(text) => return Err(OffsetError::Other(text)),
        _ => return Err(OffsetError::other("the answer to INFO is no text: check for a proxy in front of the server")),
    };
    let replid = replid.map(|replid| replid.to_string());
    let offset = field(&info, "master_repl_offset").filter(|_| field(&info, "master_replid") == replid.as_deref());
    let why = "INFO has no offset in the followed history; the server may have failed over";
    offset.and_then(|offset| offset.parse().ok()).ok_or_else(|| OffsetError::other(why))
}

/// A field of INFO.
pub(crate) fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    info.lines().find_map(|line| line.trim_end().strip_prefix(name)?.strip_prefix(':'))
}
