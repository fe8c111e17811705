//! Errors of Sentinel deployments.

use std::{fmt, io};

use thiserror::Error;

use crate::net::{Target, TargetError, bare};
use crate::topology::error::each;

/// The reason why Sentinels name no server. A follower reports it inside an [`io::Error`].
///
/// ```
/// use redtail::topology::{Sentinel, SentinelError};
///
/// let error = Sentinel::builder([] as [&str; 0], "mymaster").unwrap_err();
/// assert_eq!(error, SentinelError::NoSentinel);
/// ```
#[derive(Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SentinelError {
    /// No Sentinel answered.
    #[error("no Sentinel tells where {name} is: {}", each(tried))]
    Silent {
        /// The name of the primary.
        name: String,
        /// The Sentinels, each with its error.
        tried: Vec<(Target, String)>,
    },
    /// No Sentinel that answered knows the name.
    #[error("the Sentinels know no primary called {name:?}: `SENTINEL MASTERS` lists those they know{}", others(tried))]
    UnknownName {
        /// The name of the primary.
        name: String,
        /// The Sentinels that did not answer, each with its error.
        tried: Vec<(Target, String)>,
    },
    /// The server is a replica, although the Sentinels name it as the primary. This passes once the Sentinels agree.
    #[error("{target}, the address from the Sentinel {told_by}, is a replica and not the primary of {name}")]
    NotPrimary {
        /// The name of the primary.
        name: String,
        /// The server.
        target: Target,
        /// The Sentinel that named it.
        told_by: Target,
    },
    /// The address of the server leads to another server than the one that the Sentinel monitors.
    #[error(
        "{target}, the address from the Sentinel {told_by}, is another server: run id {run_id}, not {expected}. The \
         Sentinel may know {name} by an address that is valid there only (127.0.0.1, NAT): see replica-announce-ip"
    )]
    OtherServer {
        /// The name of the primary.
        name: String,
        /// The server.
        target: Target,
        /// The Sentinel that named it.
        told_by: Target,
        /// The run id of the server that answers.
        run_id: String,
        /// The run id of the server that the Sentinel monitors.
        expected: String,
    },
    /// The Sentinel denies SUBSCRIBE to this user, so that the Sentinels are asked for the primary every 5 s instead.
    #[error(
        "the Sentinel {target} denies SUBSCRIBE: {reason}. The Sentinels are asked for the primary {name} every 5 s \
         instead. To learn of a failover at once, run ACL SETUSER USER +subscribe &+switch-master on that Sentinel and \
         connect again"
    )]
    NotSubscribed {
        /// The name of the primary.
        name: String,
        /// The Sentinel.
        target: Target,
        /// The message of the Sentinel.
        reason: String,
    },
    /// The thread that watches the Sentinels can't be started. A failover is noticed when the connection to the primary
    /// ends.
    #[error(
        "can't start the thread that watches the Sentinels of {name}: {reason}. A primary that hangs is left only \
         after the timeout of a silent connection. Raise the limit of threads or memory"
    )]
    NotWatched {
        /// The name of the primary.
        name: String,
        /// The message of the system.
        reason: String,
    },
    /// The list of Sentinels is empty.
    #[error("there is no Sentinel to ask: give at least one host:port")]
    NoSentinel,
    /// The address of a Sentinel is invalid.
    #[error(transparent)]
    Target(#[from] TargetError),
}

impl fmt::Debug for SentinelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

fn others(tried: &[(Target, String)]) -> String {
    if tried.is_empty() { String::new() } else { format!(" (and no answer of {})", each(tried)) }
}

impl From<SentinelError> for io::Error {
    fn from(error: SentinelError) -> Self {
        Self::other(error)
    }
}

/// A server that the Sentinels name, and that can't be used.
#[derive(Debug, Error)]
#[error("{target}, the address from the Sentinel {told_by}: {}", bare(target, source))]
pub(super) struct ServerError {
    pub(super) target: Target,
    pub(super) told_by: Target,
    pub(super) source: io::Error,
}

impl From<ServerError> for io::Error {
    fn from(error: ServerError) -> Self {
        Self::new(error.source.kind(), error)
    }
}
