//! Marks inside the commands of `--format resp`: a PING, which any server accepts.

use redtail::{Position, ReplicationId};

use crate::output::keys::command::append;

const PREFIX: &str = "redtail:position ";

/// A snapshot begins: there is no position until it is complete.
const NONE: &str = "none";

/// The text of the last mark with `--until-caught-up`: the input is complete.
pub(crate) const CAUGHT_UP: &[u8] = b"redtail:caught-up";

/// The beginning of the mark before that of a snapshot: the history of the source.
const SOURCE: &str = "redtail:source ";

/// The PING that names the source.
pub(super) fn source_mark(replid: ReplicationId) -> Vec<u8> {
    let mut command = Vec::new();
    append(&mut command, &[b"PING", format!("{SOURCE}{replid}").as_bytes()]);
    command
}

/// The replication id in the argument of a PING. `None` for another PING.
pub(crate) fn read_source_mark(argument: &[u8]) -> Option<&str> {
    std::str::from_utf8(argument).ok()?.strip_prefix(SOURCE)
}

/// The mark before a snapshot, or after everything up to a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PositionMark(pub(crate) Option<Position>);

impl PositionMark {
    /// Reads the argument of a PING. `None` for another PING.
    pub(crate) fn read(argument: &[u8]) -> Option<Self> {
        match std::str::from_utf8(argument).ok()?.strip_prefix(PREFIX)? {
            NONE => Some(Self(None)),
            position => position.parse().ok().map(|position| Self(Some(position))),
        }
    }

    /// The PING.
    pub(super) fn command(self) -> Vec<u8> {
        let argument = match self.0 {
            None => format!("{PREFIX}{NONE}"),
            Some(position) => format!("{PREFIX}{position}"),
        };
        let mut command = Vec::new();
        append(&mut command, &[b"PING", argument.as_bytes()]);
        command
    }
}
