//! The verifier of certificates, and the PEM files it reads.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem};
use rustls::server::ParsedCertificate;
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::net::tls::error::{TlsError, is_unread};
use crate::net::tls::public_key;
use crate::net::tls::verify::{Authority, Verify};

pub(super) fn verifier(
    verify: Verify,
    authorities: &[Authority],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    let algorithms = provider.signature_verification_algorithms;
    if verify == Verify::Nothing {
        return Ok(Arc::new(Lenient { algorithms, chain: None }));
    }
    let trusted = trusted(authorities)?;
    let mut roots = RootCertStore::empty();
    let (taken, _) = roots.add_parsable_certificates(trusted.iter().cloned());
    if taken == 0 {
        return Err(TlsError::NobodyTrusted);
    }
    let roots = Arc::new(roots);
    match verify {
        Verify::Full => {
            let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider)).build();
            Ok(verifier.map_err(TlsError::other)?)
        }
        _ => Ok(Arc::new(Lenient { algorithms, chain: Some(Chain { roots, trusted }) })),
    }
}

pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match found {
        Ok(found) if found.is_empty() => Err(TlsError::file(path, "there is no certificate in it (PEM is expected)")),
        Ok(found) => Ok(found),
        Err(error) => Err(unreadable(path, error)),
    }
}

pub(super) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| match error {
        pem::Error::NoItemsFound => {
            TlsError::file(path, "there is no private key in it that is not encrypted (PEM is expected)")
        }
        error => unreadable(path, error),
    })
}

fn trusted(authorities: &[Authority]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    if authorities.is_empty() {
        // Unreadable parts of the system's store do not matter as long as others can be read.
        let found = rustls_native_certs::load_native_certs();
        return match found.errors.into_iter().next() {
            Some(error) if found.certs.is_empty() => {
                Err(TlsError::other(format_args!("this system's certificates can't be read: {error}")))
            }
            _ => Ok(found.certs),
        };
    }
    let mut trusted = Vec::new();
    for authority in authorities {
        match authority {
            Authority::File(path) => trusted.extend(certificates(path)?),
            Authority::Folder(path) => {
                let before = trusted.len();
                let files = fs::read_dir(path).map_err(|error| TlsError::file(path, error))?;
                // OpenSSL's folders also contain other files, and the same certificate under several names.
                let files = files.flatten().map(|file| file.path()).filter(|path| path.is_file());
                let mut failed = None;
                for file in files {
                    match certificates(&file) {
                        Ok(found) => trusted.extend(found),
                        Err(error) => failed = failed.or(Some(error)),
                    }
                }
                if trusted.len() == before {
                    let why = failed.map_or_else(String::new, |error| format!("; {error}"));
                    let message = format!("there is no certificate in it (PEM files are expected){why}");
                    return Err(TlsError::file(path, message));
                }
            }
        }
    }
    Ok(trusted)
}

fn unreadable(path: &Path, error: pem::Error) -> TlsError {
    match error {
        pem::Error::Io(error) => TlsError::file(path, error),
        error => TlsError::file(path, format_args!("not PEM: {error}")),
    }
}

/// Verifies no name. Without a chain it verifies the signatures of the handshake only.
#[derive(Debug)]
struct Lenient {
    algorithms: WebPkiSupportedAlgorithms,
    chain: Option<Chain>,
}

#[derive(Debug)]
struct Chain {
    roots: Arc<RootCertStore>,
    trusted: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(Chain { roots, trusted }) = &self.chain {
            let is_trusted = trusted.iter().any(|it| it == certificate);
            if !is_trusted {
                let parsed = ParsedCertificate::try_from(certificate)?;
                let all = self.algorithms.all;
                verify_server_cert_signed_by_trust_anchor(&parsed, roots, intermediates, now, all)?;
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match verify_tls12_signature(message, certificate, signed, &self.algorithms) {
            Err(error) if is_unread(&error) => public_key::verify_tls12(message, certificate, signed, &self.algorithms),
            verified => verified,
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match verify_tls13_signature(message, certificate, signed, &self.algorithms) {
            Err(error) if is_unread(&error) => public_key::verify_tls13(message, certificate, signed, &self.algorithms),
            verified => verified,
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rustls::server::{ClientHello, ResolvesServerCert};
    use rustls::sign::CertifiedKey;
    use rustls::{
        CertificateError, ClientConfig, ClientConnection, ServerConfig, ServerConnection, SupportedProtocolVersion,
    };

    use super::*;

    /// Shows the certificate of version 1, and signs with any key.
    #[derive(Debug)]
    struct Shows(Arc<CertifiedKey>);

    impl ResolvesServerCert for Shows {
        fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            Some(Arc::clone(&self.0))
        }
    }

    fn handshake(version: &'static SupportedProtocolVersion, verify: Verify, key_file: &str) -> Result<(), Error> {
        let file = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/tls").join(name);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let authorities = [Authority::File(file("version1.crt"))];
        let verifier = verifier(verify, &authorities, &provider).unwrap();
        let config =
            ClientConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(&[version]).unwrap();
        let config = config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let mut client = ClientConnection::new(Arc::new(config), name).unwrap();

        let signing = provider.key_provider.load_private_key(key(&file(key_file)).unwrap()).unwrap();
        let shows = Shows(Arc::new(CertifiedKey::new(certificates(&file("version1.crt")).unwrap(), signing)));
        let config = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
        let config = config.with_no_client_auth().with_cert_resolver(Arc::new(shows));
        let mut server = ServerConnection::new(Arc::new(config)).unwrap();

        while client.is_handshaking() {
            let mut bytes = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut bytes).unwrap();
            }
            server.read_tls(&mut bytes.as_slice()).unwrap();
            server.process_new_packets()?;
            bytes.clear();
            while server.wants_write() {
                server.write_tls(&mut bytes).unwrap();
            }
            client.read_tls(&mut bytes.as_slice()).unwrap();
            client.process_new_packets()?;
        }
        Ok(())
    }

    #[test]
    fn a_wrong_signature_with_a_certificate_of_version_1_is_refused() {
        for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
            for verify in [Verify::Nothing, Verify::Authority] {
                handshake(version, verify, "version1.key").unwrap();
                let error = handshake(version, verify, "server.key").unwrap_err();
                assert_eq!(error, CertificateError::BadSignature.into(), "{version:?} {verify:?}");
            }
        }
    }
}
