//! Errors of TLS.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, io};

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError};

use crate::base::speaker::Answers;

/// The reason why a TLS connection failed. Inside an [`io::Error`]: see [`TlsError::find`].
///
/// ```
/// use redtail::net::TlsError;
///
/// fn advice(error: &std::io::Error) -> &'static str {
///     match TlsError::find(error) {
///         Some(TlsError::Expired { .. }) => "renew the certificate of the server",
///         Some(TlsError::UnknownAuthority) => "name the authority with Tls::ca_file",
///         _ => "",
///     }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificate is for other names.
    #[error("the server's certificate is not for {expected}: {}", names(presented))]
    Name {
        /// The name that was expected.
        expected: String,
        /// The names in the certificate.
        presented: Vec<String>,
    },
    /// The certificate has expired.
    #[error("the server's certificate expired {} ago", days(*ago))]
    Expired {
        /// The time since then.
        ago: Duration,
    },
    /// The certificate is not valid yet, or the clock of this machine is wrong.
    #[error("the server's certificate is valid only in {} from now, by the clock of this machine", days(*valid_in))]
    NotYet {
        /// The time until then.
        valid_in: Duration,
    },
    /// No trusted authority has signed the certificate.
    #[error("the server's certificate is not signed by a trusted authority: the authority's own certificate is needed")]
    UnknownAuthority,
    /// The certificate is an authority's, not a server's.
    #[error(
        "the server's certificate is that of a certificate authority (CA:TRUE), not of a server; create one that the \
         authority signs, or trust exactly this certificate and verify no name"
    )]
    AuthorityAsServer,
    /// The certificate is of X.509 version 1, which has no names.
    #[error(
        "the server's certificate is of X.509 version 1, which has no names and can't be verified. Make a new one: \
         openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -extfile <(echo subjectAltName=DNS:HOST) -out \
         server.crt. Or trust exactly this certificate and verify no name"
    )]
    Version1,
    /// The certificate is invalid for another reason.
    #[error("the server's certificate is not valid: {0}")]
    Certificate(String),
    /// The server requires a client certificate, and there is none.
    #[error("the server requires a client certificate: give one, with its key")]
    CertificateWanted,
    /// The server refuses the client certificate.
    #[error("the server refuses the client certificate: {0}")]
    CertificateRefused(String),
    /// The server ended the handshake for another reason.
    #[error("the server ended the TLS handshake: {0}")]
    Alert(String),
    /// The server does not speak TLS.
    #[error("the server's reply is not TLS: is it the port without TLS? {}", Answers(heard))]
    NotTls {
        /// The first bytes of the reply, at most 80.
        heard: Vec<u8>,
    },
    /// The server closed the connection during the handshake.
    #[error("the server closed the connection during the TLS handshake: is it the port without TLS?")]
    Closed,
    /// The handshake was not complete in this time.
    #[error("the TLS handshake was not complete within {} ms: is it the port without TLS?", .0.as_millis())]
    TimedOut(Duration),
    /// A file can't be used.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// Certificate and key don't belong together, or are of an unsupported kind.
    #[error("{} and {} can't be used as certificate and key: {reason}", certificate.display(), key.display())]
    Identity {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// The reason.
        reason: String,
    },
    /// No authority is trusted.
    #[error(
        "this system trusts no certificate authority (or its list was not found): give the authority's certificate"
    )]
    NobodyTrusted,
    /// The name is neither a host name nor an address.
    #[error("{0:?} is neither a host name nor an address, so no certificate can be for it")]
    NotAName(String),
    /// Anything else.
    #[error("TLS: {0}")]
    Other(String),
}

impl TlsError {
    /// The TLS error inside an I/O error, however deep: a follower through Sentinels adds the server's address to it.
    #[must_use]
    pub fn find(error: &io::Error) -> Option<&Self> {
        let mut inner = error.get_ref().map(|inner| inner as &(dyn Error + 'static));
        while let Some(error) = inner {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            // The source of an I/O error is not the error inside it, but that one's source.
            inner = match error.downcast_ref::<io::Error>() {
                Some(error) => error.get_ref().map(|inner| inner as &(dyn Error + 'static)),
                None => error.source(),
            };
        }
        None
    }

    pub(super) fn file(path: &Path, reason: impl fmt::Display) -> Self {
        Self::File { path: path.to_owned(), reason: reason.to_string() }
    }

    pub(super) fn other(error: impl fmt::Display) -> Self {
        Self::Other(error.to_string())
    }

    /// The error of rustls. `with_identity`: whether there is a client certificate.
    pub(super) fn of(error: rustls::Error, with_identity: bool) -> Self {
        use AlertDescription as Alert;
        match error {
            rustls::Error::InvalidCertificate(error) => Self::of_certificate(error),
            rustls::Error::AlertReceived(alert) => match alert {
                Alert::CertificateRequired => Self::CertificateWanted,
                // Older protocols, and servers that check late, send these alerts instead.
                Alert::HandshakeFailure | Alert::BadCertificate if !with_identity => Self::CertificateWanted,
                Alert::UnknownCA => Self::CertificateRefused("its authority is unknown there".into()),
                Alert::CertificateExpired => Self::CertificateRefused("it has expired".into()),
                Alert::BadCertificate | Alert::UnsupportedCertificate | Alert::CertificateUnknown => {
                    Self::CertificateRefused(format!("{alert:?}"))
                }
                alert => Self::Alert(format!("{alert:?}")),
            },
            rustls::Error::InvalidMessage(_) => Self::NotTls { heard: Vec::new() },
            error => Self::other(error),
        }
    }

    fn of_certificate(error: CertificateError) -> Self {
        let apart = |one: UnixTime, other: UnixTime| Duration::from_secs(one.as_secs().saturating_sub(other.as_secs()));
        match error {
            CertificateError::NotValidForNameContext { expected, presented } => Self::Name {
                expected: expected.to_str().into_owned(),
                presented: presented.iter().map(|name| plain(name)).collect(),
            },
            CertificateError::ExpiredContext { time, not_after } => Self::Expired { ago: apart(time, not_after) },
            CertificateError::NotValidYetContext { time, not_before } => {
                Self::NotYet { valid_in: apart(not_before, time) }
            }
            CertificateError::UnknownIssuer => Self::UnknownAuthority,
            CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
                Self::AuthorityAsServer
            }
            CertificateError::Other(other) if other.to_string().contains(VERSION1) => Self::Version1,
            error => Self::Certificate(error.to_string()),
        }
    }
}

/// The name of the error at rustls, which has no variant for it.
const VERSION1: &str = "UnsupportedCertVersion";

/// Whether the certificate is of X.509 version 1.
pub(super) fn is_unread(error: &rustls::Error) -> bool {
    matches!(error, rustls::Error::InvalidCertificate(CertificateError::Other(other)) if other.to_string().contains(VERSION1))
}

impl From<TlsError> for io::Error {
    fn from(error: TlsError) -> Self {
        let kind = match error {
            TlsError::TimedOut(_) => io::ErrorKind::TimedOut,
            TlsError::Closed => io::ErrorKind::UnexpectedEof,
            TlsError::File { .. } | TlsError::Identity { .. } | TlsError::NotAName(_) => io::ErrorKind::InvalidInput,
            _ => io::ErrorKind::InvalidData,
        };
        Self::new(kind, error)
    }
}

fn names(presented: &[String]) -> String {
    match presented {
        [] => "it has no name (only a subjectAltName counts, not a common name)".into(),
        names => format!("it is for {}", names.join(", ")),
    }
}

/// The name in `DnsName("a.b")`.
fn plain(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    inner.trim_matches('"').to_owned()
}

fn days(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..=119 => format!("{seconds} seconds"),
        seconds @ 120..=7_199 => format!("{} minutes", seconds / 60),
        seconds @ 7_200..=172_799 => format!("{} hours", seconds / 3_600),
        seconds => format!("{} days", seconds / 86_400),
    }
}
