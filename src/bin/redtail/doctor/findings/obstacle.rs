//! The finding about a server that does not answer.

use std::io;

use redtail::net::TalkError;

use crate::doctor::findings::finding::CONNECTION;
use crate::doctor::findings::finding::Finding;
#[cfg(feature = "tls")]
use crate::doctor::findings::tls;
use crate::doctor::tls_probe::Speaks;
use crate::target::probe_error::{ProbeError, TIMEOUT};

const PERMISSION: &str = "permission";

/// `target`: with its scheme. `speaks`: the protocol that the server expects, if it is known.
pub(super) fn finding(obstacle: &ProbeError, target: &str, speaks: Option<Speaks>) -> Finding {
    if speaks == Some(Speaks::Tls) {
        return wants_tls(target);
    }
    match obstacle {
        ProbeError::Lost(error) => Finding::bad("sentinel", error.to_string())
            .why("Sentinels tell where the primary is; without them it can't be found"),
        ProbeError::Connect(error) => connect(error, target, speaks),
        ProbeError::Talk(error) => talk(error, target),
        ProbeError::Refused(words) => refused(words),
    }
}

fn wants_tls(target: &str) -> Finding {
    let finding = Finding::bad(CONNECTION, "what listens there wants TLS");
    match cfg!(feature = "tls") {
        true => finding
            .why("it closes where it is asked without; --tls speaks it, or rediss:// before the address")
            .fix(format!("redtail doctor rediss://{target}")),
        false => finding.why(
            "TLS is not in this build: build it with --features cli,tls, or reach the server at its port without TLS",
        ),
    }
}

fn talk(error: &TalkError, target: &str) -> Finding {
    match error {
        #[cfg(feature = "tls")]
        TalkError::Broken(error) if tls::is_tls(error) => tls::finding(error, target, None),
        TalkError::Foreign { heard } => foreign(heard),
        TalkError::Closed { asked } if !matches!(asked.as_str(), "AUTH" | "PING") => {
            Finding::bad(CONNECTION, format!("the connection was closed when it was asked {asked}"))
                .why("a proxy that lets but few commands through does so; reach the server itself")
        }
        TalkError::Closed { .. } => {
            let finding = Finding::bad(CONNECTION, "the connection was closed without a word");
            match target.starts_with("rediss://") {
                true => finding.why("a server that wants a certificate of ours does so (--cert FILE --cert-key FILE), and one with too many clients"),
                false => finding.why("a port that wants TLS does so (--tls), a proxy without a server behind it, and a server with too many clients"),
            }
        }
        TalkError::Silent => Finding::bad(CONNECTION, format!("nothing came for {} seconds", TIMEOUT.as_secs()))
            .why("another program may listen there, or the server hangs: in a long command, in swapped memory, on a slow disk"),
        error => Finding::bad(CONNECTION, format!("the connection broke: {error}")),
    }
}

#[cfg_attr(not(feature = "tls"), expect(unused_variables, reason = "what only TLS is about"))]
fn connect(error: &io::Error, target: &str, speaks: Option<Speaks>) -> Finding {
    #[cfg(feature = "tls")]
    if tls::is_tls(error) {
        return tls::finding(error, target, speaks);
    }
    let finding = Finding::bad(CONNECTION, format!("can't connect: {error}"));
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            finding.why("nothing listens there, or on another address of that host (`bind` in redis.conf)")
        }
        io::ErrorKind::TimedOut => {
            finding.why("the host does not answer: a wrong address, or a firewall that lets nothing through")
        }
        io::ErrorKind::NotFound => finding.why("there is no such socket (`unixsocket` in redis.conf)"),
        io::ErrorKind::PermissionDenied => {
            finding.why("the file of the socket does not let you in (`unixsocketperm` in redis.conf)")
        }
        _ => finding.why("check host and port"),
    }
}

fn foreign(bytes: &[u8]) -> Finding {
    let what = "what listens there does not speak the protocol of Redis and Valkey";
    Finding::bad(CONNECTION, what)
        .why(format!("it answers \"{}\"; check host and port", bytes[..bytes.len().min(32)].escape_ascii()))
}

fn refused(words: &str) -> Finding {
    let says = |prefix: &str| words.starts_with(prefix);
    if says("DENIED") {
        return Finding::bad(PERMISSION, "the server is in protected mode")
            .why("it has no password, so it takes connections from its own host only; set a password, or run redtail on that host")
            .fix("CONFIG SET requirepass PASSWORD")
            .fix("CONFIG SET protected-mode no   # where a firewall keeps strangers away");
    }
    if says("ERR max number of clients") {
        return Finding::bad(CONNECTION, "the server has as many clients as it takes (maxclients)")
            .why("it turns everybody else away")
            .fix("CONFIG SET maxclients 20000");
    }
    if says("NOAUTH") || says("ERR operation not permitted") {
        return Finding::bad(PERMISSION, "the server asks for a password, and none was given")
            .why("give one with --password-file, or as REDTAIL_PASSWORD in the environment; with --user, if it has ACL users");
    }
    if says("WRONGPASS") || says("ERR invalid password") {
        return Finding::bad(PERMISSION, "wrong user or password, or the user is disabled")
            .why(format!("the server said: {words}"))
            .fix("ACL SETUSER NAME on >PASSWORD +psync +replconf +ping");
    }
    Finding::bad(CONNECTION, "the server refuses to talk to us").why(format!("it said: {words}"))
}
