//! Failures, their messages and exit codes.

use std::fmt::{self, Display};
use std::io;
use std::process::ExitCode;

#[cfg(feature = "tls")]
use redtail::net::TlsError;
use redtail::rdb::RdbErrorKind;
use redtail::replication::SessionStage;
use redtail::resp::Byte;
use redtail::topology::ClusterError;
use redtail::{DisconnectReason, Error, ProtocolError, ProtocolErrorKind, SessionError};

use crate::named::named;
use crate::output_writer;
use crate::terminal::log;

/// Why a run fails.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The reader of standard output has closed it: the run ends with exit code 0, as for `| head`.
    ClosedPipe,
    /// The output can't be written.
    Output(io::Error),
    /// The follower or a reader failed.
    Follower(Error),
    /// The report has been printed; the exit code.
    Reported(u8),
    /// Options that the library refuses, as those that the tool refuses: exit code 2.
    Usage(String),
    /// Data was lost for good: exit code 4.
    HistoryLost(String),
    /// The servers of `compare` differ, as a message.
    Different(String),
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
    fn from(message: String) -> Self {
        Self::Message(message)
    }
}

impl From<ClusterError> for Failure {
    /// The cause decides the exit code, as for a single server.
    fn from(error: ClusterError) -> Self {
        let message = error.to_string();
        match error {
            ClusterError::NoNode
            | ClusterError::Target(_)
            | ClusterError::SingleLink
            | ClusterError::StartAt
            | ClusterError::Options(_) => Self::Usage(message),
            _ => Self::Message(message),
        }
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

    /// A reader that leaves a feed is a failure: a supervisor has to start both again.
    pub(crate) fn of_feed(self) -> Self {
        match self {
            Self::ClosedPipe => {
                Self::Message(format!("the reader of {} has ended: its own messages say why", output_writer::name()))
            }
            failure => failure,
        }
    }

    /// Prints the failure on standard error. Returns the exit code: 1, 2 for options that the library refuses, or 4 if
    /// history was lost.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            Self::ClosedPipe => ExitCode::SUCCESS,
            Self::Reported(code) => ExitCode::from(*code),
            Self::Output(error) => failed(format_args!("can't write to {}: {error}", output_writer::name())),
            Self::Different(message) | Self::Message(message) => failed(message),
            Self::HistoryLost(message) => {
                log::fail(message);
                ExitCode::from(4)
            }
            // The event of the gap has reported the lost bytes, and the reason.
            Self::Follower(_) if self.is_history_lost() => {
                log::fail(
                    "the writes in between are lost. Start once with --on-gap snapshot, which prints the data set before \
                     the next write, or with --on-gap continue, which prints the next write. If bytes are missing, a \
                     larger repl-backlog-size on the server covers longer outages",
                );
                ExitCode::from(4)
            }
            Self::Follower(error @ Error::Connect { source, .. }) => match source.kind() {
                io::ErrorKind::ConnectionRefused => failed(format_args!(
                    "{error}; check host and port: nothing listens there, or the server listens on another address"
                )),
                io::ErrorKind::NotFound => failed(format_args!("{error}; check the path of the socket")),
                #[cfg(feature = "tls")]
                _ if TlsError::find(source).is_some() => failed(format_args!("{error}{}", tls_hint(source))),
                _ => failed(error),
            },
            Self::Follower(Error::Session(error)) => failed(Hinted(error)),
            Self::Usage(message) => wrong_usage(message),
            Self::Follower(error @ (Error::Options(_) | Error::Target(_))) => wrong_usage(error),
            Self::Follower(error) => failed(error),
        }
    }
}

impl Failure {
    /// As [`report`](Self::report), for `compare`: as for cmp and diff, exit code 1 means a difference, and 2 any
    /// failure.
    pub(crate) fn report_of_comparison(&self) -> ExitCode {
        let code = self.report();
        if matches!(self, Self::Different(_)) { code } else { ExitCode::from(2) }
    }
}

/// A session error, with the options of this tool that solve it.
struct Hinted<'a>(&'a SessionError);

impl Display for Hinted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        f.write_str(match self.0 {
            SessionError::Protocol { heard, .. } if !heard.as_bytes().is_empty() => "; check host and port",
            SessionError::Protocol { stage: SessionStage::Handshake, .. } => {
                ": the server does not speak the protocol of Redis and Valkey; check host and port"
            }
            SessionError::Lost { reason: DisconnectReason::Silence(_), .. } => {
                "; check that a Redis or Valkey server listens there"
            }
            SessionError::SnapshotBroken { .. } => {
                ". `redtail tail` and `redtail record` request it again with --reconnect forever"
            }
            SessionError::Snapshot(error) => unknown(&error.kind),
            SessionError::NoBacklog => ": use --from snapshot or --allow-probe",
            SessionError::InfoNeeded => ": use --from now",
            SessionError::NotResumable(_) => "; use --from now or --from snapshot",
            _ => "",
        })
    }
}

impl Failure {
    /// Names the server in the failure of a connection to it.
    pub(crate) fn at(self, server: &str) -> Self {
        match &self {
            Self::Follower(Error::Session(error)) if matches!(**error, SessionError::Lost { .. }) => {
                Self::Message(named(server, &Hinted(error)))
            }
            _ => self,
        }
    }

    /// Adds advice about TLS to a failure that suggests it. For a connection without TLS that never attached.
    pub(crate) fn without_tls(self, server: &str) -> Self {
        let Self::Follower(Error::Session(error)) = &self else { return self };
        const OURS: &str = if cfg!(feature = "tls") {
            "use --tls, or rediss:// before the address"
        } else {
            "this build has no TLS; build with --features cli,tls"
        };
        match **error {
            // A TLS alert: the server's answer to input that is not TLS.
            SessionError::Protocol {
                stage: SessionStage::Handshake,
                source: ProtocolError { kind: ProtocolErrorKind::Unexpected { found: Byte(0x15), .. }, offset: 0 },
                ..
            } => Self::Message(format!("{server}: the server requires TLS: {OURS}")),
            SessionError::Lost { reason, .. } if is_hung_up(reason) => {
                Self::Message(named(server, &format_args!("{error}; if the server requires TLS, {OURS}")))
            }
            _ => self,
        }
    }
}

/// Whether the server has closed or reset the connection, as servers that require TLS do.
fn is_hung_up(reason: DisconnectReason) -> bool {
    match reason {
        DisconnectReason::Closed => true,
        DisconnectReason::Io(message) => message.to_string().to_ascii_lowercase().contains("reset"),
        _ => false,
    }
}

/// The options of this tool that solve a TLS error.
#[cfg(feature = "tls")]
pub(crate) fn tls_hint(error: &io::Error) -> &'static str {
    match TlsError::find(error) {
        Some(TlsError::Name { .. }) => "; connect to that name, or use --sni NAME or --verify ca",
        Some(TlsError::UnknownAuthority | TlsError::NobodyTrusted) => ": use --cacert FILE",
        Some(TlsError::AuthorityAsServer | TlsError::Version1) => {
            ": use --verify ca --cacert FILE with that certificate"
        }
        Some(TlsError::CertificateWanted) => ": use --cert FILE --cert-key FILE",
        Some(TlsError::NotTls { .. } | TlsError::Closed | TlsError::TimedOut(_)) => {
            "; if it has no TLS, remove --tls, or use redis://"
        }
        _ => "",
    }
}

/// Advice for an unreadable snapshot in a file.
pub(crate) fn rdb_hint(kind: &RdbErrorKind) -> &'static str {
    match kind {
        RdbErrorKind::UnknownNumber { .. } => unknown(kind),
        RdbErrorKind::Checksum { .. } => {
            "; the printed data may be wrong: the file was damaged after the server wrote it"
        }
        RdbErrorKind::Truncated(_) => "; the printed data is incomplete: the file was not written or copied completely",
        RdbErrorKind::Templates { .. } => TEMPLATES_HINT,
        RdbErrorKind::Refused { .. } | RdbErrorKind::NotRdb(_) | RdbErrorKind::UnknownVersion(_) => "",
        _ => "; --skip-damaged skips damaged values where possible",
    }
}

/// Advice for more hash templates than the decoder has memory for.
const TEMPLATES_HINT: &str = "; no option raises this limit, and no key after it is read: snapshot -o FILE and \
                              tail --snapshot-to FILE save the bytes all the same, for a server of the source's \
                              version";

/// Advice for unknown data in a snapshot.
pub(crate) fn unknown(kind: &RdbErrorKind) -> &'static str {
    match kind {
        RdbErrorKind::UnknownNumber { .. } => {
            "; another product or a server newer than this version of redtail wrote it"
        }
        _ => "",
    }
}

fn failed(message: impl Display) -> ExitCode {
    log::fail(message);
    ExitCode::FAILURE
}

fn wrong_usage(message: impl Display) -> ExitCode {
    log::fail(message);
    ExitCode::from(2)
}

/// Returns the first of two failures, and prints the second.
pub(crate) fn first(outcome: Result<(), Failure>, finished: Result<(), Failure>) -> Result<(), Failure> {
    if let (Err(Failure::Follower(_) | Failure::Message(_)), Err(Failure::Message(message))) = (&outcome, &finished) {
        log::say(message);
    }
    outcome.and(finished)
}

#[cfg(test)]
mod tests {
    use redtail::net::Target;

    use super::*;

    #[test]
    fn options_that_the_library_refuses_are_wrong_usage() {
        let failure = Failure::Follower(Error::Options("allow_probe has no effect on this start"));
        assert_eq!(failure.report(), ExitCode::from(2));
    }

    #[test]
    fn each_error_of_a_cluster_has_its_exit_code() {
        let target = || "x".parse::<Target>().unwrap_err();
        let silent = || ClusterError::Silent { tried: Vec::new() };
        for (error, code) in [
            (ClusterError::NoNode, 2),
            (ClusterError::Target(target()), 2),
            (ClusterError::SingleLink, 2),
            (ClusterError::StartAt, 2),
            (ClusterError::Options("allow_probe has no effect on this start"), 2),
            (silent(), 1),
            (ClusterError::Thread(io::ErrorKind::WouldBlock.into()), 1),
        ] {
            let message = error.to_string();
            assert_eq!(Failure::from(error).report(), ExitCode::from(code), "{message}");
        }
        assert_eq!(Failure::Follower(Error::Target(target())).report(), ExitCode::from(2));
    }
}
