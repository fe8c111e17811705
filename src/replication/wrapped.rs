//! Writes that a KeyDB active replica wraps in RREPLAY.
//!
//! `RREPLAY uuid commands [db [mvcc]]`: the server that executed the write, the write as commands in RESP, its
//! database, and its version. KeyDB rewrites some commands, so one write may be several commands. A server that
//! forwards a write of another one may wrap it again. Source: KeyDB's `replication.cpp` (`replicationFeedSlavesCore`,
//! `replicaReplayCommand`).

use crate::resp::Command;

/// The write that a KeyDB active replica (`active-replica yes`) wraps in one `RREPLAY` command.
///
/// The stream of such a server has no SELECT: each write has a database of its own. Position and transaction are those
/// of the command that contains the write.
///
/// ```
/// use redtail::replication::Wrapped;
/// use redtail::{CommandParser, Status};
///
/// let uuid = "8ff2fb4c-0b1f-4e2c-a9f3-1b1c6a4d7e55";
/// let write = "*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n";
/// let stream = format!("*4\r\n$7\r\nRREPLAY\r\n$36\r\n{uuid}\r\n${}\r\n{write}\r\n$1\r\n2\r\n", write.len());
///
/// let mut parser = CommandParser::stream();
/// let Status::Complete(command) = parser.next(&mut stream.as_bytes())? else { panic!() };
/// let wrapped = Wrapped::of(&command).unwrap();
/// assert_eq!((wrapped.origin, wrapped.db, wrapped.mvcc), (uuid.as_bytes(), Some(2), None));
///
/// let (mut inner, mut commands) = (CommandParser::stream(), wrapped.commands);
/// while let Status::Complete(command) = inner.next(&mut commands)? {
///     assert_eq!(command.to_string(), r#""DEL" "k""#);
/// }
/// # Ok::<(), redtail::ProtocolError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wrapped<'a> {
    /// The id (a UUID of 36 characters) of the server that a client sent the write to.
    pub origin: &'a [u8],
    /// The write: one or more commands in RESP, for [`CommandParser::stream`](crate::CommandParser::stream). They are
    /// not verified.
    pub commands: &'a [u8],
    /// The database of the write; `None` if the server does not tell it.
    pub db: Option<u32>,
    /// The version of the write, which grows with each write of its origin; `None` if the server does not tell it.
    pub mvcc: Option<u64>,
}

/// The length of a UUID as text.
pub(super) const ORIGIN: usize = 36;

const NAME: &[u8] = b"RREPLAY";

impl<'a> Wrapped<'a> {
    /// The write inside of this command. `None` if the command is no valid RREPLAY. A write that was wrapped several
    /// times is the innermost one.
    #[must_use]
    pub fn of(command: &Command<'a>) -> Option<Self> {
        Self::from_args(&mut command.args())
    }

    /// The same for a command by its arguments.
    pub(crate) fn from_args(arguments: &mut impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let mut wrapped = Self::among(arguments)?;
        while let Some(inner) = only_command(wrapped.commands).and_then(|mut arguments| Self::among(&mut arguments)) {
            wrapped = Self { db: inner.db.or(wrapped.db), ..inner };
        }
        Some(wrapped)
    }

    /// The name of the only command inside, without its arguments. `None` for a write of several commands, and for one
    /// that is too long for MULTI, EXEC, PING and REPLCONF.
    pub(super) fn short(&self) -> Option<BulkStrings<'a>> {
        const LONGEST: usize = 128;
        only_command(self.commands).filter(|_| self.commands.len() <= LONGEST)
    }

    fn among(arguments: &mut impl Iterator<Item = &'a [u8]>) -> Option<Self> {
        let name = arguments.next()?;
        if !name.eq_ignore_ascii_case(NAME) {
            return None;
        }
        let (origin, commands) = (arguments.next()?, arguments.next()?);
        let (db, mvcc) = (number(arguments.next()), number(arguments.next()));
        is_uuid(origin).then_some(Self { origin, commands, db, mvcc })
    }
}

/// The arguments of a command, by its bytes.
pub(super) struct BulkStrings<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Iterator for BulkStrings<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        let (length, rest) = header(b'$', self.rest)?;
        let (bytes, rest) = rest.split_at_checked(length)?;
        self.rest = rest.strip_prefix(b"\r\n")?;
        Some(bytes)
    }
}

/// The arguments of `commands`, if that is one command with the arguments of RREPLAY or fewer.
fn only_command(commands: &[u8]) -> Option<BulkStrings<'_>> {
    const MOST: usize = 5;
    let (argc, rest) = header(b'*', commands)?;
    let arguments = BulkStrings { rest, left: argc };
    let mut walked = (argc <= MOST).then_some(BulkStrings { ..arguments })?;
    while walked.left > 0 {
        walked.next()?;
    }
    walked.rest.is_empty().then_some(arguments)
}

/// The number after `mark`, and the bytes after its line.
fn header(mark: u8, bytes: &[u8]) -> Option<(usize, &[u8])> {
    let line = bytes.strip_prefix(&[mark])?;
    // More digits than any length has.
    let end = line.iter().take(20).position(|&byte| byte == b'\r')?;
    let (digits, rest) = line.split_at_checked(end)?;
    Some((number(Some(digits))?, rest.strip_prefix(b"\r\n")?))
}

fn is_uuid(text: &[u8]) -> bool {
    text.len() == ORIGIN && text.iter().all(|&byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn number<N: core::str::FromStr>(text: Option<&[u8]>) -> Option<N> {
    core::str::from_utf8(text?).ok()?.parse().ok()
}
