//! What is wrong with a certificate, in words.

use std::io;
use std::path::PathBuf;

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError};
use thiserror::Error;

/// Why a link over TLS could not be made, or ended. Found inside an [`io::Error`] with [`get_ref`](io::Error::get_ref).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificate names somebody else.
    #[error("the server's certificate is not for {expected}: {}", names(presented))]
    Name {
        /// The name that was expected.
        expected: String,
        /// The names it has.
        presented: Vec<String>,
    },
    /// The certificate is too old.
    #[error("the server's certificate expired {} ago", days(*seconds))]
    Expired {
        /// For how many seconds.
        seconds: u64,
    },
    /// The certificate is too new, or our clock is wrong.
    #[error("the server's certificate is valid only in {} from now, by the clock of this machine", days(*seconds))]
    NotYet {
        /// In how many seconds it will be valid.
        seconds: u64,
    },
    /// No trusted authority stands behind the certificate.
    #[error(
        "the server's certificate comes from nobody who is trusted here: the authority's own certificate is needed"
    )]
    UnknownAuthority,
    /// The certificate is one of an authority, which is no server's.
    #[error(
        "the server's certificate is one of a certificate authority (CA:TRUE), which is not for servers; make one that the authority \
         signs, or trust exactly this certificate and verify no name"
    )]
    AuthorityAsServer,
    /// Something else is wrong with the certificate.
    #[error("the server's certificate is not valid: {0}")]
    Certificate(String),
    /// The server asks for a certificate, and was shown none.
    #[error("the server wants to see a certificate of ours: give one, with its key")]
    CertificateWanted,
    /// The server refuses the certificate it was shown.
    #[error("the server does not accept our certificate: {0}")]
    CertificateRefused(String),
    /// The server refuses, for another reason.
    #[error("the server broke off the TLS handshake: {0}")]
    Alert(String),
    /// What answers is not TLS.
    #[error("what answers at this port is not TLS: is it the port without TLS?")]
    NotTls,
    /// The other side closed within the handshake.
    #[error("the server closed the connection within the TLS handshake: is it the port without TLS?")]
    Closed,
    /// The handshake took too long.
    #[error("the TLS handshake was not done within {0} ms: is it the port without TLS?")]
    TimedOut(u128),
    /// A file can't be used.
    #[error("{}: {words}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        words: String,
    },
    /// Certificate and key don't belong together, or are of a kind that can't be used.
    #[error("{} and {} can't be used as certificate and key: {words}", certificate.display(), key.display())]
    Identity {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// Why.
        words: String,
    },
    /// There are no authorities to trust.
    #[error(
        "this system trusts no certificate authority (or its list was not found): give the authority's certificate"
    )]
    NobodyTrusted,
    /// The text is neither a host name nor an address.
    #[error("{0:?} is neither a host name nor an address, so no certificate can be for it")]
    NotAName(String),
    /// Anything else.
    #[error("TLS: {0}")]
    Other(String),
}

impl TlsError {
    pub(super) fn other(error: impl std::fmt::Display) -> Self {
        Self::Other(error.to_string())
    }

    /// What rustls says, in words that say what to do. `with_identity`: whether we could show a certificate.
    pub(super) fn of(error: rustls::Error, with_identity: bool) -> Self {
        use AlertDescription as Alert;
        match error {
            rustls::Error::InvalidCertificate(error) => Self::of_certificate(error),
            rustls::Error::AlertReceived(alert) => match alert {
                Alert::CertificateRequired => Self::CertificateWanted,
                // What older protocols, or servers that check late, say instead.
                Alert::HandshakeFailure | Alert::BadCertificate if !with_identity => Self::CertificateWanted,
                Alert::UnknownCA => Self::CertificateRefused("its authority is unknown there".into()),
                Alert::CertificateExpired => Self::CertificateRefused("it has expired".into()),
                Alert::BadCertificate | Alert::UnsupportedCertificate | Alert::CertificateUnknown => {
                    Self::CertificateRefused(format!("{alert:?}"))
                }
                alert => Self::Alert(format!("{alert:?}")),
            },
            rustls::Error::InvalidMessage(_) => Self::NotTls,
            error => Self::other(error),
        }
    }

    fn of_certificate(error: CertificateError) -> Self {
        let apart = |one: UnixTime, other: UnixTime| one.as_secs().saturating_sub(other.as_secs());
        match error {
            CertificateError::NotValidForNameContext { expected, presented } => Self::Name {
                expected: expected.to_str().into_owned(),
                presented: presented.iter().map(|name| plain(name)).collect(),
            },
            CertificateError::ExpiredContext { time, not_after } => Self::Expired { seconds: apart(time, not_after) },
            CertificateError::NotValidYetContext { time, not_before } => {
                Self::NotYet { seconds: apart(not_before, time) }
            }
            CertificateError::UnknownIssuer => Self::UnknownAuthority,
            CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
                Self::AuthorityAsServer
            }
            error => Self::Certificate(error.to_string()),
        }
    }
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
        [] => "it names nobody (a common name does not count, only a subjectAltName)".into(),
        names => format!("it is for {}", names.join(", ")),
    }
}

/// The name in `DnsName("a.b")`.
fn plain(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    inner.trim_matches('"').to_owned()
}

fn days(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} seconds"),
        120..=7_199 => format!("{} minutes", seconds / 60),
        7_200..=172_799 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
