//! Findings about certificates, of the server or the client.

use std::io;
use std::time::Duration;

use redtail::net::TlsError;

use crate::doctor::facts::address;
use crate::doctor::findings::finding::CONNECTION;
use crate::doctor::findings::finding::{Finding, time};
use crate::doctor::findings::subject::Subject;
use crate::doctor::tls_probe::Speaks;

const ABOUT: &str = "certificate";

pub(super) fn is_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|error| error.is::<TlsError>())
}

/// The finding about a failed TLS connection. `target` begins with `rediss://`.
pub(super) fn finding(error: &io::Error, target: &str, speaks: Option<Speaks>) -> Finding {
    let again = |options: &str| format!("redtail doctor {target} {options}");
    let Some(tls) = error.get_ref().and_then(|error| error.downcast_ref::<TlsError>()) else {
        return Finding::bad(CONNECTION, format!("no link over TLS: {error}"));
    };
    let certificate = Finding::bad(ABOUT, tls.to_string());
    match tls {
        TlsError::Name { presented, .. } => {
            let names = presented.iter().map(|name| address(name, ""));
            let finding = certificate
                .why("the server is called otherwise than in its certificate, or somebody else answers in its place");
            let finding = match names.into_iter().find(|name| name != "?") {
                Some(name) => finding.fix(again(&format!("--sni {name}"))),
                None => finding,
            };
            finding.fix(again("--verify ca   # whatever the name"))
        }
        TlsError::Expired { .. } => certificate
            .why("nobody who verifies it gets in: a follower that loses its link does not come back")
            .fix("CONFIG SET tls-cert-file FILE   # once it is renewed"),
        TlsError::NotYet { .. } => certificate
            .why("the clock of this machine is wrong, or was that of the one where it was made")
            .fix("date --utc   # here and there"),
        TlsError::UnknownAuthority | TlsError::NobodyTrusted => certificate
            .why("--cacert takes the certificate of whoever signed the server's; on the server's side it is often the same file")
            .fix(again("--cacert FILE"))
            .fix("CONFIG GET tls-ca-cert-file   # on the server"),
        TlsError::AuthorityAsServer => certificate
            .why("clients that follow the rules refuse it")
            .fix(again("--verify ca --cacert FILE   # that one")),
        TlsError::CertificateWanted => certificate
            .why("it lets in whoever has one that an authority in its tls-ca-cert-file has signed")
            .fix(again("--cert FILE --cert-key FILE"))
            .fix("CONFIG SET tls-auth-clients optional   # then nobody needs one"),
        TlsError::CertificateRefused(_) => certificate
            .why("it takes what an authority in its tls-ca-cert-file has signed and what has not expired")
            .fix("openssl verify -CAfile THE-SERVERS-CA.crt OURS.crt"),
        TlsError::NotTls | TlsError::Closed | TlsError::TimedOut(_) => {
            let plain = format!("redtail doctor {}", target.trim_start_matches("rediss://"));
            match speaks {
                Some(Speaks::Plain) => Finding::bad(CONNECTION, "what listens there does not speak TLS")
                    .why("without TLS it answers: it is the plain port (the other is `tls-port` in redis.conf)")
                    .fix(plain),
                _ => Finding::bad(CONNECTION, format!("no link over TLS: {tls}"))
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
        .why("links that stand then go on, but one that is lost does not come back")
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
            (TlsError::Expired { seconds: 5 }, "CONFIG SET tls-cert-file FILE"),
            (TlsError::NotYet { seconds: 5 }, "date --utc"),
            (TlsError::UnknownAuthority, "redtail doctor rediss://db:1 --cacert FILE"),
            (TlsError::NobodyTrusted, "redtail doctor rediss://db:1 --cacert FILE"),
            (TlsError::AuthorityAsServer, "redtail doctor rediss://db:1 --verify ca"),
            (TlsError::CertificateWanted, "redtail doctor rediss://db:1 --cert FILE --cert-key FILE"),
            (TlsError::CertificateRefused("x".into()), "openssl verify"),
            (TlsError::NotTls, "redtail doctor db:1"),
            (TlsError::Closed, "redtail doctor db:1"),
        ] {
            let finding = found(error, None);
            assert!(finding.fix[0].starts_with(fix), "{finding:?}");
            assert!(!finding.fix.concat().contains("reboot"), "{finding:?}");
        }
        let plain = found(TlsError::Closed, Some(Speaks::Plain));
        assert_eq!(plain.what, "what listens there does not speak TLS");
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
