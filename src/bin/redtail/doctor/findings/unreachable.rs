//! The finding about a server that does not answer.

use std::io;

use redtail::net::ClientErrorKind;

use crate::doctor::findings::access::FEW;
use crate::doctor::findings::finding::{CONNECTION, Finding};
#[cfg(feature = "tls")]
use crate::doctor::findings::tls;
use crate::doctor::tls_probe::Speaks;
use crate::target::probe_error::{ProbeError, TIMEOUT};

const PERMISSION: &str = "permission";

/// `target`: with its scheme. `speaks`: the protocol that the server expects, if it is known.
pub(super) fn finding(error: &ProbeError, target: &str, speaks: Option<Speaks>) -> Finding {
    if speaks == Some(Speaks::Tls) {
        return wants_tls(target);
    }
    match error {
        ProbeError::Sentinels(error) => {
            Finding::bad("sentinel", error.to_string()).why("the address of the primary is known to the Sentinels only")
        }
        ProbeError::Connect(error) => connect(error, target, speaks),
        ProbeError::Client(error) => client(&error.kind, target),
        ProbeError::Refused(message) => refused(message),
    }
}

fn wants_tls(target: &str) -> Finding {
    let finding = Finding::bad(CONNECTION, "the server requires TLS");
    match cfg!(feature = "tls") {
        true => finding
            .why("it closes connections without TLS; use --tls, or rediss:// before the address")
            .fix(format!("redtail doctor rediss://{target}")),
        false => finding
            .why("this build has no TLS: build with --features cli,tls, or use the port of the server without TLS"),
    }
}

fn client(error: &ClientErrorKind, target: &str) -> Finding {
    match error {
        #[cfg(feature = "tls")]
        ClientErrorKind::Io(error) if tls::is_tls(error) => tls::finding(error, target, None),
        ClientErrorKind::Protocol { .. } => foreign(error),
        ClientErrorKind::Closed { asked } if !matches!(asked.as_str(), "AUTH" | "PING") => {
            Finding::bad(CONNECTION, format!("the connection was closed after {asked}"))
                .why("a proxy that permits few commands does so; connect to the server itself")
        }
        ClientErrorKind::Closed { .. } => {
            let finding = Finding::bad(CONNECTION, "the connection was closed without an answer");
            match target.starts_with("rediss://") {
                true => finding.why(
                    "the server may require a client certificate (--cert FILE --cert-key FILE), or have too many \
                     clients",
                ),
                false => finding.why(
                    "the server may require TLS (--tls) or have too many clients; or this is a proxy without a server",
                ),
            }
        }
        ClientErrorKind::TimedOut => Finding::bad(CONNECTION, format!("no answer for {} seconds", TIMEOUT.as_secs())).why(
            "another program may listen there, or the server hangs: in a long command, in swapped memory, on a slow \
             disk",
        ),
        error => Finding::bad(CONNECTION, format!("the connection broke: {error}")),
    }
}

#[cfg_attr(not(feature = "tls"), expect(unused_variables, reason = "used with TLS only"))]
fn connect(error: &io::Error, target: &str, speaks: Option<Speaks>) -> Finding {
    #[cfg(feature = "tls")]
    if tls::is_tls(error) {
        return tls::finding(error, target, speaks);
    }
    let finding = Finding::bad(CONNECTION, format!("can't connect to {error}"));
    match error.kind() {
        io::ErrorKind::ConnectionRefused => finding
            .why("nothing listens there, or the server listens on another address of that host (`bind` in redis.conf)"),
        io::ErrorKind::TimedOut => {
            finding.why("the host does not answer: the address is wrong, or a firewall blocks it")
        }
        io::ErrorKind::NotFound => finding.why("there is no such socket (`unixsocket` in redis.conf)"),
        io::ErrorKind::PermissionDenied => {
            finding.why("the permissions of the socket deny access (`unixsocketperm` in redis.conf)")
        }
        _ => finding.why("check host and port"),
    }
}

fn foreign(error: &ClientErrorKind) -> Finding {
    Finding::bad(CONNECTION, error.to_string()).why("check host and port")
}

fn refused(message: &str) -> Finding {
    let says = |prefix: &str| message.starts_with(prefix);
    if says("DENIED") {
        return Finding::bad(PERMISSION, "the server is in protected mode")
            .why(
                "it has no password, so it accepts connections from its own host only; set a password, or run redtail \
                 there",
            )
            .fix("CONFIG SET requirepass PASSWORD")
            .fix("CONFIG SET protected-mode no   # behind a firewall");
    }
    if says("ERR max number of clients") {
        return Finding::bad(CONNECTION, "the server has reached its limit of clients (maxclients)")
            .why("it refuses further connections")
            .fix("CONFIG SET maxclients 20000");
    }
    if says("NOAUTH") || says("ERR operation not permitted") {
        return Finding::bad(PERMISSION, "the server requires a password, and none was given").why(
            "use --password-file, or the environment variable REDTAIL_PASSWORD; add --user if the server has ACL users",
        );
    }
    if says("WRONGPASS") || says("ERR invalid password") {
        return Finding::bad(PERMISSION, "wrong user or password, or the user is disabled")
            .why(format!("the server answered: {message}"))
            .fix(format!("ACL SETUSER NAME on >PASSWORD {FEW}"));
    }
    Finding::bad(CONNECTION, "the server refuses the client").why(format!("it answered: {message}"))
}
