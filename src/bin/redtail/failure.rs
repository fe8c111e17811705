//! Failures, their messages and exit codes.

use std::fmt::{self, Display};
use std::io;
use std::process::ExitCode;

#[cfg(feature = "tls")]
use redtail::net::TlsError;
use redtail::rdb::RdbErrorKind;
use redtail::{Byte, DisconnectReason, Error, ProtocolError, ProtocolErrorKind, SessionError, SessionStage};

use crate::terminal::log;

/// Why a run fails.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The reader of standard output has closed it: the run ends with exit code 0.
    ClosedPipe,
    /// Standard output can't be written.
    Output(io::Error),
    /// The follower or a reader failed.
    Follower(Error),
    /// The report has been printed; the exit code.
    Reported(u8),
    /// Data was lost for good: exit code 4.
    HistoryLost(String),
    /// Any other failure, as a message.
    Message(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ClosedPipe,
            _ => Self::Output(error),
        }
    }
}

impl From<String> for Failure {
    fn from(words: String) -> Self {
        Self::Message(words)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Follower(error)
    }
}

impl Failure {
    /// Whether the position can't be resumed from any longer.
    pub(crate) fn is_history_lost(&self) -> bool {
        matches!(self, Self::Follower(Error::Session(error)) if matches!(**error, SessionError::HistoryLost(_)))
    }

    /// Prints the failure on standard error. Returns the exit code: 1, or 4 if history was lost.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            Self::ClosedPipe => ExitCode::SUCCESS,
            Self::Reported(code) => ExitCode::from(*code),
            Self::Output(error) => failed(format_args!("can't write to standard output: {error}")),
            Self::Message(words) => failed(words),
            Self::HistoryLost(words) => {
                log::say(words);
                ExitCode::from(4)
            }
            // The event of the gap has reported the lost bytes.
            Self::Follower(_) if self.is_history_lost() => {
                log::say(
                    "what came in between is not to be had any more. --on-gap continue goes on with the writes from now on. \
                     Bytes that are missing: a larger repl-backlog-size on the server bridges longer outages. Another history: the \
                     server was restarted without saving, or is another one",
                );
                ExitCode::from(4)
            }
            Self::Follower(error @ Error::Connect { source, .. }) => match source.kind() {
                io::ErrorKind::ConnectionRefused => failed(format_args!(
                    "{error}; check host and port: either nothing listens there, or on another address"
                )),
                io::ErrorKind::NotFound => failed(format_args!("{error}; check the path of the socket")),
                #[cfg(feature = "tls")]
                _ if source.get_ref().is_some_and(|source| source.is::<TlsError>()) => {
                    failed(format_args!("{error}{}", tls_hint(source)))
                }
                _ => failed(error),
            },
            Self::Follower(Error::Session(error)) => failed(Hinted(error)),
            Self::Follower(error) => failed(error),
        }
    }
}

/// A session error, with the options of this tool that solve it.
struct Hinted<'a>(&'a SessionError);

impl Display for Hinted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        f.write_str(match self.0 {
            SessionError::Protocol { stage: SessionStage::Handshake, .. } => {
                ": what answers there does not speak the protocol of Redis and Valkey; check host and port"
            }
            SessionError::Lost { reason: DisconnectReason::Silence(_), .. } => {
                "; check that a Redis or Valkey server listens there"
            }
            SessionError::Snapshot(error) => unknown(&error.kind),
            SessionError::NoBacklog => ": --from snapshot, or --allow-probe",
            SessionError::InfoNeeded => ": that is --from now",
            SessionError::NotResumable(_) => "; --from now and --from snapshot can be",
            _ => "",
        })
    }
}

impl Failure {
    /// Adds advice about TLS to a failure that looks like a server that requires it. For a connection without TLS that
    /// never attached.
    pub(crate) fn without_tls(self) -> Self {
        let Self::Follower(Error::Session(error)) = &self else { return self };
        const OURS: &str = if cfg!(feature = "tls") {
            "--tls, or rediss:// before the address"
        } else {
            "it is not in this build (--features cli,tls)"
        };
        match **error {
            // A TLS alert: the server's answer to input that is not TLS.
            SessionError::Protocol {
                stage: SessionStage::Handshake,
                source: ProtocolError { kind: ProtocolErrorKind::Unexpected { found: Byte(0x15), .. }, offset: 0 },
            } => Self::Message(format!("what listens there wants TLS: {OURS}")),
            SessionError::Lost { reason, .. } if is_hung_up(reason) => {
                Self::Message(format!("{error}; if it wants TLS: {OURS}"))
            }
            _ => self,
        }
    }
}

/// Whether the server has closed or reset the connection, as servers that require TLS do.
fn is_hung_up(reason: DisconnectReason) -> bool {
    match reason {
        DisconnectReason::Closed => true,
        DisconnectReason::Io(words) => words.to_string().to_ascii_lowercase().contains("reset"),
        _ => false,
    }
}

/// The options of this tool that solve a TLS error.
#[cfg(feature = "tls")]
pub(crate) fn tls_hint(error: &io::Error) -> &'static str {
    match error.get_ref().and_then(|error| error.downcast_ref::<TlsError>()) {
        Some(TlsError::Name { .. }) => "; connect to that name, or give it with --sni, or use --verify ca",
        Some(TlsError::UnknownAuthority | TlsError::NobodyTrusted) => ": --cacert FILE",
        Some(TlsError::AuthorityAsServer) => ": --verify ca, with that certificate as --cacert",
        Some(TlsError::CertificateWanted) => ": --cert FILE --cert-key FILE",
        Some(TlsError::NotTls | TlsError::Closed | TlsError::TimedOut(_)) => {
            " That would be without --tls, or redis://"
        }
        _ => "",
    }
}

/// Advice for an unreadable snapshot in a file.
pub(crate) fn rdb_hint(kind: &RdbErrorKind) -> &'static str {
    match kind {
        RdbErrorKind::UnknownVersion(_) | RdbErrorKind::UnknownNumber { .. } => unknown(kind),
        RdbErrorKind::Checksum { .. } => {
            "; what was printed may be wrong: the file was damaged after the server wrote it"
        }
        RdbErrorKind::Truncated(_) => {
            "; what was printed is not all: the copy of the file, or the writing of it, did not come to its end"
        }
        RdbErrorKind::Refused { .. } | RdbErrorKind::NotRdb(_) => "",
        _ => "; --skip-damaged passes over broken values where it can",
    }
}

/// Advice for unknown data in a snapshot.
pub(crate) fn unknown(kind: &RdbErrorKind) -> &'static str {
    match kind {
        RdbErrorKind::UnknownVersion(_) | RdbErrorKind::UnknownNumber { .. } => {
            "; it may come from a server that is newer than this version of redtail"
        }
        _ => "",
    }
}

fn failed(words: impl Display) -> ExitCode {
    log::fail(words);
    ExitCode::FAILURE
}

/// Returns the first of two failures, and prints the second.
pub(crate) fn first(outcome: Result<(), Failure>, finished: Result<(), Failure>) -> Result<(), Failure> {
    if let (Err(Failure::Follower(_) | Failure::Message(_)), Err(Failure::Message(words))) = (&outcome, &finished) {
        log::say(words);
    }
    outcome.and(finished)
}
