//! TLS: what is trusted, and who we are. The links themselves are in `stream`.

mod error;
mod stream;
mod trust;

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use rustls::ClientConfig;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::ServerName;

pub use error::TlsError;
pub use stream::TlsStream;

/// How to speak TLS with a server: whom to trust, which name to expect, and who we are.
///
/// Unless told otherwise, the server's certificate must come from an authority that the system trusts and must name the host that was
/// connected to. Files are read anew for every link, so that certificates may be replaced while a follower runs.
///
/// ```no_run
/// use redtail::Follower;
/// use redtail::net::Tls;
///
/// let tls = Tls::new().ca_file("/etc/redis/ca.crt").identity("/etc/redis/cdc.crt", "/etc/redis/cdc.key");
/// let follower = Follower::builder("redis.internal:6380").tls(tls).connect()?;
/// # Ok::<(), redtail::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    authorities: Vec<Authority>,
    identity: Option<Identity>,
    server_name: Option<String>,
    verify: Verify,
}

/// How much of the server's certificate is verified. That the server has the certificate's key is verified always.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verify {
    /// The chain up to a trusted authority, the dates, and the name.
    #[default]
    Full,
    /// The chain and the dates, but not the name: for certificates that name nobody, as many were made for servers whose clients never
    /// looked. A certificate that stands among the trusted ones itself is accepted as it is, even if it is an authority's.
    Authority,
    /// Nothing: whoever sits between us and the server can read and change everything, the password included.
    Nothing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Authority {
    File(PathBuf),
    Folder(PathBuf),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Identity {
    certificate: PathBuf,
    key: PathBuf,
}

impl Tls {
    /// The authorities the system trusts, the whole certificate verified, and no certificate of our own.
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts the certificates in this PEM file, and no longer those of the system.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.authorities.push(Authority::File(path.into()));
        self
    }

    /// Trusts the certificates in all PEM files of this folder, and no longer those of the system. Files without one are passed over.
    pub fn ca_folder(mut self, path: impl Into<PathBuf>) -> Self {
        self.authorities.push(Authority::Folder(path.into()));
        self
    }

    /// Shows the server this certificate, if it asks for one: two PEM files, the first with the certificate and whatever stands
    /// between it and the authority, the second with its private key.
    pub fn identity(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.identity = Some(Identity { certificate: certificate.into(), key: key.into() });
        self
    }

    /// The name to ask the server for (SNI) and to expect in its certificate, instead of the host that was connected to.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// How much of the server's certificate is verified.
    pub fn verify(mut self, verify: Verify) -> Self {
        self.verify = verify;
        self
    }

    /// Makes a link out of a connected socket. `host` is what was connected to; a name that was
    /// [chosen](Self::server_name) goes before it. `limit` is the time for the whole handshake.
    ///
    /// The socket's time-outs are what the handshake has left when it is done: set them as you want them.
    ///
    /// # Errors
    /// [`TlsError`], as the inner error of an [`io::Error`]; what the system says of the socket.
    pub fn connect(&self, host: &str, socket: TcpStream, limit: Duration) -> io::Result<TlsStream> {
        let name = self.server_name.as_deref().unwrap_or(host);
        let expected = ServerName::try_from(name.to_owned()).map_err(|_| TlsError::NotAName(name.into()))?;
        let (config, verifier) = self.config()?;
        TlsStream::connect(config, verifier, expected, socket, limit)
    }

    fn config(&self) -> Result<(ClientConfig, Arc<dyn ServerCertVerifier>), TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = trust::verifier(self.verify, &self.authorities, &provider)?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::other)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&verifier));
        let Some(Identity { certificate, key }) = &self.identity else {
            return Ok((builder.with_no_client_auth(), verifier));
        };
        let chain = trust::certificates(certificate)?;
        let private = trust::key(key)?;
        let config = builder.with_client_auth_cert(chain, private).map_err(|error| TlsError::Identity {
            certificate: certificate.clone(),
            key: key.clone(),
            words: error.to_string(),
        })?;
        Ok((config, verifier))
    }
}

impl fmt::Display for Verify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "full",
            Self::Authority => "ca",
            Self::Nothing => "nothing",
        })
    }
}

fn file_error(path: &Path, words: impl fmt::Display) -> TlsError {
    TlsError::File { path: path.to_owned(), words: words.to_string() }
}
