//! The unwelcome answers of servers, and how the session must take each.

/// The questions of a session, in the order in which they must be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Question {
    Auth,
    Ping,
    Label,
    Port,
    Info,
    Version,
    ClientReply,
    Eof,
    Psync2,
    Filter,
    Attach,
}

pub(crate) const QUESTIONS: &[Question] = &[
    Question::Auth,
    Question::Ping,
    Question::Label,
    Question::Port,
    Question::Info,
    Question::Version,
    Question::ClientReply,
    Question::Eof,
    Question::Psync2,
    Question::Filter,
    Question::Attach,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    GoOn,
    Retry,
    RetryMuchLater,
    RetryAFewTimes,
    Fatal,
}

use Verdict::{Fatal, GoOn, Retry, RetryAFewTimes, RetryMuchLater};

pub(crate) type Row = (&'static str, Verdict);

pub(crate) const NOPERM_INFO: &str = "-NOPERM User cdc has no permissions to run the 'info' command";
pub(crate) const NOPERM_CLIENT: &str = "-NOPERM User cdc has no permissions to run the 'client|reply' command";
pub(crate) const UNRECOGNIZED: &str = "-ERR Unrecognized REPLCONF option: x";

/// Error replies to each question.
pub(crate) fn errors(question: Question) -> &'static [Row] {
    match question {
        Question::Auth => &[
            ("-WRONGPASS invalid username-password pair or user is disabled.", Fatal),
            ("-ERR invalid password", Fatal),
            (
                "-ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is \
                 correct?",
                GoOn,
            ),
            ("-ERR Client sent AUTH, but no password is set", GoOn),
            ("-LOADING Redis is loading the dataset in memory", Retry),
        ],
        Question::Ping => &[
            ("-LOADING Redis is loading the dataset in memory", Retry),
            ("-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", Retry),
            ("-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", Retry),
            ("-NOPERM this user has no permissions to run the 'ping' command or its subcommand", GoOn),
            ("-NOAUTH Authentication required.", Fatal),
            ("-ERR operation not permitted", Fatal),
        ],
        Question::Label | Question::Port => &[
            (UNRECOGNIZED, GoOn),
            ("-NOPERM this user has no permissions to run the 'replconf' command", GoOn),
            ("-ERR unknown command 'REPLCONF'", GoOn),
        ],
        Question::Info => &[(NOPERM_INFO, GoOn), ("-ERR unknown command 'INFO', with args beginning with: ", GoOn)],
        Question::Version => &[(UNRECOGNIZED, GoOn)],
        Question::ClientReply => {
            &[(NOPERM_CLIENT, GoOn), ("-ERR unknown command 'CLIENT', with args beginning with: 'REPLY' 'ON' ", GoOn)]
        }
        Question::Eof | Question::Psync2 => &[
            (UNRECOGNIZED, GoOn),
            ("-NOPERM this user has no permissions to run the 'replconf' command", Fatal),
            ("-ERR unknown command 'REPLCONF'", Fatal),
            ("-ERR syntax error", Fatal),
        ],
        Question::Filter => &[
            (UNRECOGNIZED, GoOn),
            ("-ERR Unsupported rdb-filter-only option: x", Fatal),
            ("-ERR wrong number of arguments for 'replconf' command", Fatal),
        ],
        Question::Attach => &[
            ("-NOMASTERLINK Can't SYNC while not connected with my master", Retry),
            ("-NOMASTERLINK Can't SYNC while failing over", Retry),
            ("-LOADING Redis is loading the dataset in memory", Retry),
            ("-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", Retry),
            ("-BUSY Redis is busy running a script.", Retry),
            ("-ERR BGSAVE failed, replication can't continue", RetryMuchLater),
            ("-ERR SYNC and PSYNC are invalid with pending output", RetryAFewTimes),
            ("-READONLY You can't write against a read only replica.", RetryAFewTimes),
            ("-CLUSTERDOWN The cluster is down", RetryAFewTimes),
            ("-ERR what nobody has ever said", RetryAFewTimes),
            ("-NOPERM this user has no permissions to run the 'psync' command", Fatal),
            ("-ERR unknown command `PSYNC`, with args beginning with: `?`", Fatal),
            ("-ERR value is not an integer or out of range", Fatal),
            ("-ERR Filtered replica requires EOF capability", Fatal),
        ],
    }
}

/// Said on the bare connection, before anything was asked.
pub(crate) const UNASKED: &[Row] = &[
    ("-DENIED Redis is running in protected mode because protected mode is enabled and no password is set.", Fatal),
    ("-ERR max number of clients reached", Retry),
];

/// Sent instead of a snapshot.
pub(crate) const INSTEAD: &[Row] = &[
    ("-ERR BGSAVE failed, replication can't continue", RetryMuchLater),
    ("-LOADING Redis is loading the dataset in memory", Retry),
    ("-ERR what nobody has ever said", RetryAFewTimes),
];

/// No answer to PSYNC.
pub(crate) const WRONG: &[&str] = &[
    "+RDBCHANNELSYNC 12",
    "+DUALCHANNELSYNC",
    "+OK",
    "+FULLRESYNC abc 1",
    "+FULLRESYNC 26e9aa58837d8095338f33e660463dbdf56c86c9 -1",
    "+CONTINUE short",
    ":1",
    "HTTP/1.1 400 Bad Request",
];
