//! TLS: the configuration of connections.

mod error;
mod public_key;
mod stream;
mod trust;
mod verify;

use std::io;
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::ServerName;

use crate::net::tls::verify::Authority;

pub use error::TlsError;
pub use stream::TlsStream;
pub use verify::Verify;

/// The TLS configuration of connections: trusted authorities, the expected name, and the client's certificate.
///
/// By default the server's certificate must be signed by an authority that the system trusts, and must contain the host
/// of the connection. The files are read again for every connection, so that certificates may be replaced meanwhile.
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

#[derive(Debug, Clone, PartialEq, Eq)]
struct Identity {
    certificate: PathBuf,
    key: PathBuf,
}

impl Tls {
    /// The default: the system's authorities, full verification, and no client certificate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts the certificates in this PEM file, instead of the system's.
    pub fn ca_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.authorities.push(Authority::File(path.into()));
        self
    }

    /// Trusts the certificates in all PEM files of this folder, instead of the system's. Other files are skipped.
    pub fn ca_folder(mut self, path: impl Into<PathBuf>) -> Self {
        self.authorities.push(Authority::Folder(path.into()));
        self
    }

    /// The client's certificate, for servers that ask for one. Both files are PEM: `certificate` has the certificate
    /// and any intermediate ones, `key` its private key.
    pub fn identity(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.identity = Some(Identity { certificate: certificate.into(), key: key.into() });
        self
    }

    /// The name to send to the server (SNI) and to expect in its certificate, instead of the host of the connection.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// How much of the server's certificate is verified.
    pub fn verify(mut self, verify: Verify) -> Self {
        self.verify = verify;
        self
    }

    /// Makes the handshake over a connected socket. `host` is the host of the connection;
    /// [`server_name`](Self::server_name) replaces it. `limit` is the time for the whole handshake.
    ///
    /// The handshake changes the socket's timeouts. Set them again afterwards.
    ///
    /// # Errors
    /// The socket's errors, and [`TlsError`] inside an [`io::Error`].
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
            reason: error.to_string(),
        })?;
        Ok((config, verifier))
    }
}
