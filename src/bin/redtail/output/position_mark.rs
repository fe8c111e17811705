//! Positions inside the commands of `--format resp`: a PING, which any server accepts.

use redtail::Position;

const PREFIX: &str = "redtail:position ";

/// A snapshot begins: there is no position until it is complete.
const NONE: &str = "none";

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
        format!("*2\r\n$4\r\nPING\r\n${}\r\n{argument}\r\n", argument.len()).into_bytes()
    }
}
