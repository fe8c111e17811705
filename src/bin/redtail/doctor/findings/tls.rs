//! Findings about certificates, of the server or the client.

use std::io;
use std::time::Duration;

use redtail::net::TlsError;

use crate::doctor::facts::address;
use crate::doctor::findings::finding::{CONNECTION, Finding, time};
use crate::doctor::findings::subject::Subject;
use crate::doctor::tls_probe::Speaks;

const ABOUT: &str = "certificate";

pub(super) fn is_tls(error: &io::Error) -> bool {
    TlsError::find(error).is_some()
}

/// The finding about a failed TLS connection. `target` begins with `rediss://`.
pub(super) fn finding(error: &io::Error, target: &str, speaks: Option<Speaks>) -> Finding {
    let again = |options: &str| format!("redtail doctor {target} {options}");
    let Some(tls) = TlsError::find(error) else {
        return Finding::bad(CONNECTION, format!("the TLS connection failed: {error}"));
    };
    let certificate = Finding::bad(ABOUT, tls.to_string());
    match tls {
        TlsError::Name { presented, .. } => {
            let names = presented.iter().map(|name| address(name, ""));
            let finding =
                certificate.why("the name of the server differs from its certificate, or another server answers");
            let finding = match names.into_iter().find(|name| name != "?") {
                Some(name) => finding.fix(again(&format!("--sni {name}"))),
                None => finding,
            };
            finding.fix(again("--verify ca   # any name"))
        }
        TlsError::Expired { .. } => certificate
            .why("clients that verify it can't connect; a follower can't reconnect after a lost connection")
            .fix("CONFIG SET tls-cert-file FILE   # once it is renewed"),
        TlsError::NotYet { .. } => certificate
            .why("the clock of this machine is wrong, or the clock of the machine that issued it was")
            .fix("date --utc   # on both machines"),
        TlsError::UnknownAuthority | TlsError::NobodyTrusted => certificate
            .why(
                "--cacert takes the CA certificate that signed the server's; it is often the server's own \
                 tls-ca-cert-file",
            )
            .fix(again("--cacert FILE"))
            .fix("CONFIG GET tls-ca-cert-file   # on the server"),
        TlsError::AuthorityAsServer => certificate
            .why("strict clients refuse it")
            .fix(again("--verify ca --cacert FILE   # with that certificate")),
        TlsError::CertificateWanted => certificate
            .why("it accepts client certificates signed by a CA in its tls-ca-cert-file")
            .fix(again("--cert FILE --cert-key FILE"))
            .fix("CONFIG SET tls-auth-clients optional   # requires none"),
        TlsError::CertificateRefused(_) => certificate
            .why("it accepts certificates that a CA in its tls-ca-cert-file has signed and that have not expired")
            .fix("openssl verify -CAfile THE-SERVERS-CA.crt OURS.crt"),
        TlsError::NotTls { .. } | TlsError::Closed | TlsError::TimedOut(_) => {
            let plain = format!("redtail doctor {}", target.trim_start_matches("rediss://"));
            match speaks {
                Some(Speaks::Plain) => Finding::bad(CONNECTION, "the server does not speak TLS")
                    .why("it answers without TLS: this is the plain port (see `tls-port` in redis.conf)")
                    .fix(plain),
                _ => Finding::bad(CONNECTION, format!("the TLS connection failed: {tls}"))
                    .fix(format!("{plain}   # without TLS")),
            }
        }
        _ => certificate,
    }
}

/// The finding about a valid certificate that expires soon.
pub(super) fn findings(subject: Subject<'_>) -> Vec<Finding> {
    subject.facts.certificate.map(expires).into_iter().collect()
}

fn expires(left: Duration) -> Finding {
    Finding::warn(ABOUT, format!("the server's certificate expires in {}", time(left.as_secs_f64())))
        .why("open connections continue after that, but a lost one can't be restored")
        .fix("CONFIG SET tls-cert-file FILE   # once it is renewed")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed, in a helper too")]
mod tests {
    use super::*;
    use crate::doctor::facts::Facts;
    use crate::doctor::findings::all;
    use crate::doctor::findings::finding::Severity;

    fn found(error: TlsError, speaks: Option<Speaks>) -> Finding {
        let finding = finding(&error.into(), "rediss://db:1", speaks);
        assert_eq!(finding.severity, Severity::Bad);
        finding
    }

    #[test]
    fn what_is_wrong_with_a_certificate_has_a_command_that_mends_it() {
        let name = |presented: &str| TlsError::Name { expected: "db".into(), presented: vec![presented.into()] };
        for (error, fix) in [
            (name("db.test"), "redtail doctor rediss://db:1 --sni db.test"),
            // Text of a certificate never becomes part of a command.
            (name("*.test;reboot"), "redtail doctor rediss://db:1 --verify ca"),
            (TlsError::Expired { ago: Duration::from_secs(5) }, "CONFIG SET tls-cert-file FILE"),
            (TlsError::NotYet { valid_in: Duration::from_secs(5) }, "date --utc"),
            (TlsError::UnknownAuthority, "redtail doctor rediss://db:1 --cacert FILE"),
            (TlsError::NobodyTrusted, "redtail doctor rediss://db:1 --cacert FILE"),
            (TlsError::AuthorityAsServer, "redtail doctor rediss://db:1 --verify ca"),
            (TlsError::CertificateWanted, "redtail doctor rediss://db:1 --cert FILE --cert-key FILE"),
            (TlsError::CertificateRefused("x".into()), "openssl verify"),
            (TlsError::NotTls { heard: Vec::new() }, "redtail doctor db:1"),
            (TlsError::Closed, "redtail doctor db:1"),
        ] {
            let finding = found(error, None);
            assert!(finding.fix[0].text.starts_with(fix), "{finding:?}");
            assert!(finding.fix.iter().all(|remedy| !remedy.text.contains("reboot")), "{finding:?}");
        }
        let plain = found(TlsError::Closed, Some(Speaks::Plain));
        assert_eq!(plain.what, "the server does not speak TLS");
    }

    #[test]
    fn a_certificate_that_ends_soon_is_a_warning() {
        let certificate = Some(Duration::from_secs(3 * 86_400 + 7));
        let soon = all(&Facts { certificate, ..Facts::default() }, "rediss://db:1", "rediss://");
        let soon = soon.iter().find(|finding| finding.about == ABOUT).unwrap();
        assert_eq!((soon.severity, soon.what.ends_with("expires in 3 days")), (Severity::Warn, true), "{soon:?}");
        let good = all(&Facts::default(), "rediss://db:1", "rediss://");
        assert!(good.iter().all(|finding| finding.about != ABOUT));
    }
}
