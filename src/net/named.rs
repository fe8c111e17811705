//! Addresses in the errors of connections. The system names none.

use std::fmt::Display;
use std::io;

use thiserror::Error;

/// An error of a connection to this address.
#[derive(Debug, Error)]
#[error("{}", named(address, source))]
struct AtAddress {
    address: String,
    source: io::Error,
}

/// The error with its address in front, of the same kind.
pub(crate) fn at(address: &impl Display, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), AtAddress { address: address.to_string(), source: error })
}

/// The message with its address in front, once.
pub(crate) fn named(address: &impl Display, error: &impl Display) -> String {
    format!("{address}: {}", bare(address, error))
}

/// The message without its address, which the caller names.
pub(crate) fn bare(address: &impl Display, error: &impl Display) -> String {
    let message = error.to_string();
    match message.strip_prefix(&format!("{address}: ")) {
        Some(rest) => rest.to_owned(),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_named_once() {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let error = at(&"db:1", at(&"db:1", refused()));
        assert_eq!(error.to_string(), "db:1: connection refused");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(bare(&"db:1", &error), "connection refused");
        assert_eq!(named(&"db:2", &refused()), "db:2: connection refused");
    }
}
