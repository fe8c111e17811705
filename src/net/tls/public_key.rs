//! The public key of a certificate of X.509 version 1, which the parser of the certificates' chains refuses.

use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use rustls::{CertificateError, DigitallySignedStruct, Error};

use rustls::client::danger::HandshakeSignatureValid;

const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
const EXPLICIT_VERSION: u8 = 0xa0;

/// Verifies a signature of a TLS 1.3 handshake with the key of `certificate`.
pub(super) fn verify_tls13(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let key = SubjectPublicKeyInfoDer::from(find(certificate)?);
    verify_tls13_signature_with_raw_key(message, &key, signed, algorithms)
}

/// Verifies a signature of a TLS 1.2 handshake with the key of `certificate`.
pub(super) fn verify_tls12(
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
    algorithms: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let info = value(find(certificate)?, SEQUENCE)?.0;
    let (algorithm, rest) = value(info, SEQUENCE)?;
    let key = match value(rest, BIT_STRING)?.0 {
        // No unused bits.
        [0, key @ ..] => key,
        _ => return Err(CertificateError::BadEncoding.into()),
    };
    let fitting = algorithms.mapping.iter().filter(|(scheme, _)| *scheme == signed.scheme).flat_map(|(_, all)| *all);
    let is_valid = fitting
        .filter(|one| one.public_key_alg_id().as_ref() == algorithm)
        .any(|one| one.verify_signature(key, message, signed.signature()).is_ok());
    match is_valid {
        true => Ok(HandshakeSignatureValid::assertion()),
        false => Err(CertificateError::BadSignature.into()),
    }
}

/// The SubjectPublicKeyInfo, with its header.
fn find<'a>(certificate: &'a CertificateDer<'_>) -> Result<&'a [u8], Error> {
    let (certificate, _) = value(certificate.as_ref(), SEQUENCE)?;
    let (mut fields, _) = value(certificate, SEQUENCE)?;
    if fields.first() == Some(&EXPLICIT_VERSION) {
        fields = element(fields)?.2;
    }
    // Serial number, signature algorithm, issuer, validity, subject.
    for _ in 0..5 {
        fields = element(fields)?.2;
    }
    let rest = element(fields)?.2;
    fields.get(..fields.len() - rest.len()).ok_or_else(|| CertificateError::BadEncoding.into())
}

/// The value of the first element, which must have this tag, and the bytes after it.
fn value(bytes: &[u8], tag: u8) -> Result<(&[u8], &[u8]), Error> {
    match element(bytes)? {
        (found, value, rest) if found == tag => Ok((value, rest)),
        _ => Err(CertificateError::BadEncoding.into()),
    }
}

/// Tag and value of the first element in DER, and the bytes after it.
fn element(bytes: &[u8]) -> Result<(u8, &[u8], &[u8]), Error> {
    let split = || {
        let (&tag, rest) = bytes.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81 | 0x82 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (digits.iter().fold(0, |length, &digit| length << 8 | usize::from(digit)), rest)
            }
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(length)?;
        Some((tag, value, rest))
    };
    split().ok_or_else(|| CertificateError::BadEncoding.into())
}
