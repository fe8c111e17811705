//! Every error reply before the stream, and its meaning.
//!
//! From the servers' `src/replication.c`, `acl.c` and `networking.c`, and from the answers of real servers.

/// A request of the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    Auth,
    Ping,
    Label,
    Port,
    Info,
    Version,
    ClientReply,
    CapaEof,
    CapaPsync2,
    Filter,
    Psync,
    Sync,
}

impl Question {
    /// Its name in errors.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Auth => "AUTH",
            Self::Ping => "PING",
            Self::Label => "REPLCONF ip-address",
            Self::Port => "REPLCONF listening-port",
            Self::Info => "INFO",
            Self::Version => "REPLCONF version",
            Self::ClientReply => "CLIENT REPLY",
            Self::CapaEof => "REPLCONF capa eof",
            Self::CapaPsync2 => "REPLCONF capa psync2",
            Self::Filter => "REPLCONF rdb-filter-only",
            Self::Psync => "PSYNC",
            Self::Sync => "SYNC",
        }
    }

    /// Whether the handshake can do without it.
    const fn is_optional(self) -> bool {
        matches!(self, Self::Ping | Self::Label | Self::Port | Self::Info | Self::Version | Self::ClientReply)
    }

    const fn is_capability(self) -> bool {
        matches!(self, Self::CapaEof | Self::CapaPsync2 | Self::Filter)
    }

    const fn attaches(self) -> bool {
        matches!(self, Self::Psync | Self::Sync)
    }
}

/// The meaning of an error reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The server does not support this; the handshake continues without it.
    Continue,
    /// Temporary: retry later.
    Retry,
    /// Temporary, but each attempt costs the server: retry much later.
    RetryMuchLater,
    /// Unknown: retry a few times.
    RetryAFewTimes,
    /// Permanent, until the advice is followed.
    Fatal(&'static str),
}

use Verdict::{Continue, Fatal, Retry, RetryAFewTimes, RetryMuchLater};

/// The meaning of the error line `message` (without its `-`) as an answer to `asked`.
pub(crate) fn judge(asked: Question, message: &[u8]) -> Verdict {
    // These two are sent on accept, before any request.
    if message.starts_with(b"DENIED") {
        return Fatal(
            "the server is in protected mode and takes connections from its own host only: set a password on it, or \
             protected-mode no, or follow it from the same host",
        );
    }
    if message.starts_with(b"ERR max number of clients") {
        return Retry;
    }
    let code = message.split(|&b| b == b' ').next().unwrap_or_default();
    match code {
        b"NOAUTH" => Fatal("the server asks for a password: set the password (and the user, if it has ACL users)"),
        b"WRONGPASS" => Fatal("wrong user or password, or the user is disabled: compare with ACL GETUSER name"),
        b"NOPERM" if asked.is_optional() => Continue,
        b"NOPERM" => Fatal(
            "the user may not replicate: ACL SETUSER name +psync +replconf +ping (and +info for all that INFO tells; +sync for SYNC); \
             no key patterns are needed",
        ),
        b"LOADING" | b"MASTERDOWN" | b"NOMASTERLINK" | b"BUSY" | b"TRYAGAIN" => Retry,
        b"ERR" => judge_plain(asked, message.get(4..).unwrap_or_default()),
        _ if asked.is_optional() => Continue,
        _ => RetryAFewTimes,
    }
}

fn judge_plain(asked: Question, message: &[u8]) -> Verdict {
    let says =
        |prefix: &str| message.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()));
    if says("invalid password") {
        return Fatal("wrong password");
    }
    if says("operation not permitted") {
        return Fatal("the server asks for a password: set the password");
    }
    if asked == Question::Auth
        && (says("AUTH <password> called without any password") || says("Client sent AUTH, but no password is set"))
    {
        return Continue;
    }
    if says("unknown command") || says("unknown subcommand") {
        return match asked {
            Question::Psync | Question::Sync => Fatal(
                "the server does not serve replication to clients: PSYNC is renamed or blocked (as managed services do), or this is not \
                 Redis or Valkey",
            ),
            Question::CapaEof | Question::CapaPsync2 => Fatal(
                "the server knows no REPLCONF: it is renamed or blocked (as managed services do), or this is not Redis or Valkey",
            ),
            Question::Auth => Fatal("the server knows no AUTH: check host and port, another service may listen there"),
            Question::Ping => Fatal("the server knows no PING: check host and port, another service may listen there"),
            _ => Continue,
        };
    }
    if says("Unrecognized REPLCONF option") && !asked.attaches() {
        return Continue;
    }
    if says("BGSAVE failed") {
        return RetryMuchLater;
    }
    if asked.attaches() && says("value is not an unsigned") {
        return Fatal("the server has a PSYNC of its own that is not Redis replication (Kvrocks answers so)");
    }
    let request_errors = [
        "value is not an integer",
        "wrong number of arguments",
        "syntax error",
        "Unsupported rdb-filter-only option",
        "Filtered replica requires EOF capability",
    ];
    if (asked.attaches() || asked.is_capability()) && request_errors.iter().any(|&error| says(error)) {
        return Fatal(
            "the server did not understand a request of ours: it speaks another dialect, or this is a defect of redtail, please report it",
        );
    }
    if asked.is_optional() { Continue } else { RetryAFewTimes }
}

#[cfg(test)]
mod tests {
    use super::Question::*;
    use super::*;

    fn fatal(asked: Question, message: &str, advice: &str) {
        match judge(asked, message.as_bytes()) {
            Fatal(text) => assert!(text.contains(advice), "{message}: {text}"),
            other => panic!("{asked:?} {message}: {other:?}"),
        }
    }

    /// One row for each reply that real servers were seen to give, or have in their source.
    #[test]
    fn each_reply_is_judged() {
        for (asked, message, verdict) in [
            (
                Auth,
                "ERR AUTH <password> called without any password configured for the default user. Are you sure?",
                Continue,
            ),
            (Auth, "ERR Client sent AUTH, but no password is set", Continue),
            (Ping, "NOPERM this user has no permissions to run the 'ping' command", Continue),
            (Label, "NOPERM this user has no permissions to run the 'replconf' command", Continue),
            (Label, "ERR unknown command 'REPLCONF'", Continue),
            (Info, "NOPERM User cdc has no permissions to run the 'info' command", Continue),
            (Info, "ERR unknown command 'INFO', with args beginning with: ", Continue),
            (Version, "ERR Unrecognized REPLCONF option: version", Continue),
            (ClientReply, "NOPERM User cdc has no permissions to run the 'client|reply' command", Continue),
            (ClientReply, "ERR unknown command 'CLIENT', with args beginning with: 'REPLY' 'ON' ", Continue),
            (Filter, "ERR Unrecognized REPLCONF option: rdb-filter-only", Continue),
            (CapaEof, "ERR Unrecognized REPLCONF option: capa", Continue),
            (Ping, "LOADING Redis is loading the dataset in memory", Retry),
            (Psync, "LOADING Redis is loading the dataset in memory", Retry),
            (Psync, "NOMASTERLINK Can't SYNC while not connected with my master", Retry),
            (Psync, "NOMASTERLINK Can't SYNC while failing over", Retry),
            (Ping, "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", Retry),
            (Ping, "BUSY Redis is busy running a script.", Retry),
            (Psync, "ERR max number of clients reached", Retry),
            (Ping, "ERR max number of clients reached", Retry),
            (Psync, "ERR BGSAVE failed, replication can't continue", RetryMuchLater),
            (Psync, "ERR SYNC and PSYNC are invalid with pending output", RetryAFewTimes),
            (Psync, "READONLY You can't write against a read only replica.", RetryAFewTimes),
            (Psync, "CLUSTERDOWN The cluster is down", RetryAFewTimes),
            (Psync, "ERR what nobody has ever said", RetryAFewTimes),
        ] {
            assert_eq!(judge(asked, message.as_bytes()), verdict, "{asked:?} {message}");
        }
        fatal(Ping, "NOAUTH Authentication required.", "password");
        fatal(Ping, "ERR operation not permitted", "password");
        fatal(Auth, "WRONGPASS invalid username-password pair or user is disabled.", "wrong user or password");
        fatal(Auth, "ERR invalid password", "wrong password");
        fatal(CapaEof, "NOPERM this user has no permissions to run the 'replconf' command", "+psync +replconf +ping");
        fatal(Psync, "NOPERM this user has no permissions to run the 'psync' command", "+psync +replconf +ping");
        fatal(Psync, "ERR unknown command 'PSYNC'", "does not serve replication");
        fatal(Psync, "ERR unknown command `PSYNC`, with args beginning with: `?`", "does not serve replication");
        fatal(CapaEof, "ERR unknown command 'REPLCONF'", "renamed or blocked");
        fatal(Ping, "DENIED Redis is running in protected mode because", "protected mode");
        fatal(Psync, "ERR value is not an integer or out of range", "report");
        fatal(Psync, "ERR value is not an unsigned long long", "Kvrocks");
        fatal(Filter, "ERR Unsupported rdb-filter-only option: x", "report");
        fatal(Psync, "ERR Filtered replica requires EOF capability", "report");
        fatal(CapaEof, "ERR syntax error", "report");
    }

    #[test]
    fn anything_at_all_gets_a_verdict() {
        for message in [&b""[..], b" ", b"ERR", b"ERR ", b"\xff\xfe", b"ERR \xff"] {
            for asked in [Auth, Ping, Info, CapaEof, Filter, Psync, Sync] {
                let _ = judge(asked, message);
            }
        }
    }
}
