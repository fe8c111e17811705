//! No talk at all: what stands in the way.

use std::io;

use redtail::net::TalkError;

use super::super::ask::{Obstacle, PATIENCE};
use super::Finding;

const CONNECTION: &str = "connection";
const PERMISSION: &str = "permission";

/// How to reach a server that wants TLS.
const TLS: &str = if cfg!(feature = "tls") {
    "speak it with --tls, or write rediss:// before the host"
} else {
    "TLS is not in this build: build it with --features cli,tls, or reach the server at its port without TLS"
};

pub(super) fn finding(obstacle: &Obstacle) -> Finding {
    match obstacle {
        Obstacle::Lost(error) => Finding::bad("sentinel", error.to_string()).why("Sentinels tell where the primary is; without them it can't be found"),
        Obstacle::Connect(error) => connect(error),
        Obstacle::Talk(TalkError::Foreign { heard }) => foreign(heard),
        Obstacle::Talk(TalkError::Closed { asked }) if !matches!(asked.as_str(), "AUTH" | "PING") => {
            Finding::bad(CONNECTION, format!("the connection was closed when it was asked {asked}"))
                .why("a proxy that lets but few commands through does so; reach the server itself")
        }
        Obstacle::Talk(TalkError::Closed { .. }) => Finding::bad(CONNECTION, "the connection was closed without a word")
            .why("a port that wants TLS does so (--tls), a proxy without a server behind it, and a server with too many clients"),
        Obstacle::Talk(TalkError::Silent) => Finding::bad(CONNECTION, format!("nothing came for {} seconds", PATIENCE.as_secs()))
            .why("another program may listen there, or the server hangs: in a long command, in swapped memory, on a slow disk"),
        Obstacle::Talk(error) => Finding::bad(CONNECTION, format!("the connection broke: {error}")),
        Obstacle::Refused(words) => refused(words),
    }
}

fn connect(error: &io::Error) -> Finding {
    #[cfg(feature = "tls")]
    if error.get_ref().is_some_and(|error| error.is::<redtail::net::TlsError>()) {
        let hint = crate::failure::tls_hint(error);
        return Finding::bad(CONNECTION, format!("no link over TLS: {error}{hint}"));
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
    let what = match bytes {
        [b'H', b'T', b'T', b'P', b'/', ..] => "what listens there speaks HTTP",
        [0x15, 0x03, ..] => "what listens there wants TLS",
        [b'S', b'S', b'H', b'-', ..] => "what listens there is an SSH server",
        [b'E', b'R', b'R', b'O', b'R', b'\r', ..] => "what listens there may be memcached",
        _ => "what listens there does not speak the protocol of Redis and Valkey",
    };
    let finding = Finding::bad(CONNECTION, what);
    match bytes {
        [0x15, 0x03, ..] => finding.why(TLS),
        _ => {
            finding.why(format!("it answers \"{}\"; check host and port", bytes[..bytes.len().min(32)].escape_ascii()))
        }
    }
}

fn refused(words: &str) -> Finding {
    let says = |prefix: &str| words.starts_with(prefix);
    if says("DENIED") {
        return Finding::bad(PERMISSION, "the server is in protected mode")
            .why("it has no password, so it takes connections from its own host only; set a password, or run redtail on that host")
            .mend("CONFIG SET requirepass PASSWORD")
            .mend("CONFIG SET protected-mode no   # where a firewall keeps strangers away");
    }
    if says("ERR max number of clients") {
        return Finding::bad(CONNECTION, "the server has as many clients as it takes (maxclients)")
            .why("it turns everybody else away")
            .mend("CONFIG SET maxclients 20000");
    }
    if says("NOAUTH") || says("ERR operation not permitted") {
        return Finding::bad(PERMISSION, "the server asks for a password, and none was given")
            .why("give one with --password-file, or as REDTAIL_PASSWORD in the environment; with --user, if it has ACL users");
    }
    if says("WRONGPASS") || says("ERR invalid password") {
        return Finding::bad(PERMISSION, "wrong user or password, or the user is disabled")
            .why(format!("the server said: {words}"))
            .mend("ACL SETUSER NAME on >PASSWORD +psync +replconf +ping");
    }
    Finding::bad(CONNECTION, "the server refuses to talk to us").why(format!("it said: {words}"))
}
