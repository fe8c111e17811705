//! Tries a server that does not answer with TLS, or without.

use redtail::net::{ClientError, ClientErrorKind, Target};

use crate::target::address::Address;
use crate::target::probe_error::ProbeError;

/// The protocol that the server expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaks {
    Tls,
    #[cfg(feature = "tls")]
    Plain,
}

/// Tries the other protocol if the error suggests it. Sends no password.
#[cfg(feature = "tls")]
pub(super) fn speaks(address: &Address, target: &Target, met: &ProbeError) -> Option<Speaks> {
    use std::time::Duration;

    use redtail::net::{Client, Login, Socket, Timeouts, Tls, TlsError, Verify};

    use crate::target::address::Security;

    let short = Duration::from_secs(2);
    let timeouts = Timeouts::all(short);
    let of_tls = |error: &std::io::Error| TlsError::find(error).cloned();
    let is_none =
        |error: &TlsError| matches!(error, TlsError::NotTls { .. } | TlsError::Closed | TlsError::TimedOut(_));
    match (&address.security, met) {
        (Security::Plain, ProbeError::Client(error)) if matches!(&error.kind, ClientErrorKind::Closed { asked } if matches!(asked.as_str(), "AUTH" | "PING")) =>
        {
            let tried = Socket::connect_tls(target, &timeouts, &Tls::new().verify(Verify::Nothing));
            // A server that requires a client certificate supports TLS too.
            let is_tls = tried.map_or_else(|error| of_tls(&error).is_some_and(|error| !is_none(&error)), |_| true);
            is_tls.then_some(Speaks::Tls)
        }
        (Security::Plain, ProbeError::Client(error)) => is_alert(error).then_some(Speaks::Tls),
        (Security::Tls(_), ProbeError::Connect(error)) if of_tls(error).is_some_and(|error| is_none(&error)) => {
            let link = Socket::connect(target, &timeouts).ok()?;
            let answer = Client::new(target, link, &Login::default()).and_then(|mut client| client.ask(&["PING"]));
            answer.is_ok().then_some(Speaks::Plain)
        }
        _ => None,
    }
}

/// Without the feature `tls`, only a TLS alert of the server shows it.
#[cfg(not(feature = "tls"))]
pub(super) fn speaks(_: &Address, _: &Target, met: &ProbeError) -> Option<Speaks> {
    match met {
        ProbeError::Client(error) => is_alert(error).then_some(Speaks::Tls),
        _ => None,
    }
}

/// Whether the server answered with a TLS alert.
fn is_alert(error: &ClientError) -> bool {
    matches!(&error.kind, ClientErrorKind::Protocol { heard } if heard.starts_with(&[0x15, 0x03]))
}
