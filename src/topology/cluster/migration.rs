//! The commands of a slot migration.

use crate::resp::Command;
use crate::topology::cluster::slots::Slots;

/// A command that moves slots between shards. No client has sent it.
///
/// [`Migration::of`] recognises such a command, as far as a single command shows it. The shard that gives slots away
/// deletes the keys with DEL or UNLINK, like any client. `docs/cluster.md` lists all commands of a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Migration<'a> {
    /// A key arrives with its value: RESTORE-ASKING, which MIGRATE sends (`redis-cli --cluster reshard`).
    Key(&'a [u8]),
    /// The keys of these slots begin to arrive (Valkey 9, `CLUSTER SYNCSLOTS ESTABLISH`). Until the end of the job all
    /// writes to these slots are from the other shard: first its data, then its clients' writes.
    Begins {
        /// The name of the job.
        job: &'a [u8],
        /// The id of the node that gives the slots away.
        source: &'a [u8],
        /// The slots.
        slots: Slots,
    },
    /// The job has ended (Valkey 9, `CLUSTER SYNCSLOTS FINISH`). If it failed, the keys that have arrived are void.
    Ends {
        /// The name of the job.
        job: &'a [u8],
        /// Whether the slots have moved.
        moved: bool,
    },
    /// All keys of these slots are deleted, without a command for each (`TRIMSLOTS`, Redis 8.4).
    Trimmed(Slots),
    /// Another command between the nodes: any other `CLUSTER` command.
    Word,
}

impl<'a> Migration<'a> {
    /// The meaning of this command of a stream; `None` if a client may have sent it.
    ///
    /// ```
    /// # use redtail::{CommandParser, Status};
    /// # use redtail::topology::Migration;
    /// let bytes = b"*4\r\n$14\r\nRESTORE-ASKING\r\n$1\r\nk\r\n$1\r\n0\r\n$1\r\nx\r\n";
    /// let mut input = &bytes[..];
    /// let mut parser = CommandParser::stream();
    /// let Status::Complete(command) = parser.next(&mut input)? else { panic!() };
    /// assert_eq!(Migration::of(&command), Some(Migration::Key(b"k")));
    /// # Ok::<(), redtail::ProtocolError>(())
    /// ```
    pub fn of(command: &Command<'a>) -> Option<Self> {
        Self::of_args(command.args())
    }

    /// The same for a command's arguments, its name first. Of a client's command only the name is read.
    ///
    /// ```
    /// # use redtail::topology::Migration;
    /// let owned = [b"RESTORE-ASKING".to_vec(), b"k".to_vec(), b"0".to_vec(), b"x".to_vec()];
    /// assert_eq!(Migration::of_args(owned.iter().map(Vec::as_slice)), Some(Migration::Key(b"k")));
    /// ```
    pub fn of_args(args: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let mut args = args.into_iter();
        let name = args.next()?;
        if name.eq_ignore_ascii_case(b"RESTORE-ASKING") {
            return args.next().map(Self::Key);
        }
        if name.eq_ignore_ascii_case(b"TRIMSLOTS") {
            let args: Vec<_> = args.collect();
            // RANGES, their number, the ranges.
            return Some(Self::Trimmed(ranges(args.get(2..).unwrap_or_default())));
        }
        if !name.eq_ignore_ascii_case(b"CLUSTER") {
            return None;
        }
        let args: Vec<&'a [u8]> = args.collect();
        let after = |word: &[u8]| args.iter().position(|arg| arg.eq_ignore_ascii_case(word)).map(|at| at + 1);
        let value = |word: &[u8]| after(word).and_then(|at| args.get(at)).copied();
        let is = |at: usize, word: &[u8]| args.get(at).is_some_and(|arg| arg.eq_ignore_ascii_case(word));
        if !is(0, b"SYNCSLOTS") {
            return Some(Self::Word);
        }
        Some(match (value(b"NAME"), value(b"SOURCE"), value(b"STATE")) {
            (Some(job), Some(source), _) if is(1, b"ESTABLISH") => {
                let at = after(b"SLOTSRANGE").unwrap_or(args.len());
                Self::Begins { job, source, slots: ranges(args.get(at..).unwrap_or_default()) }
            }
            (Some(job), _, Some(state)) if is(1, b"FINISH") => {
                Self::Ends { job, moved: state.eq_ignore_ascii_case(b"SUCCESS") }
            }
            _ => Self::Word,
        })
    }

    /// The term for it in the tool's JSON lines and the bridges' messages: `key`, `begins`, `ends` (the slots have
    /// moved), `failed` (the slots have not moved), `trimmed`, `word`.
    ///
    /// ```
    /// # use redtail::topology::Migration;
    /// assert_eq!(Migration::Key(b"k").as_str(), "key");
    /// assert_eq!(Migration::Ends { job: b"55c1", moved: false }.as_str(), "failed");
    /// ```
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Begins { .. } => "begins",
            Self::Ends { moved: true, .. } => "ends",
            Self::Ends { moved: false, .. } => "failed",
            Self::Trimmed(_) => "trimmed",
            Self::Word => "word",
        }
    }
}

/// The ranges in a list of their first and last slots.
fn ranges(bounds: &[&[u8]]) -> Slots {
    let numbers: Vec<u16> = bounds.iter().map_while(|bound| std::str::from_utf8(bound).ok()?.parse().ok()).collect();
    Slots::from_ranges(numbers.chunks_exact(2).filter_map(|pair| pair.first().copied().zip(pair.last().copied())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::status::Status;
    use crate::resp::CommandParser;

    fn told(words: &str, check: impl FnOnce(Option<Migration<'_>>)) {
        let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
        let mut bytes = vec![0; crate::resp::encoded_len(&words)];
        assert!(crate::resp::encode_command(&mut bytes, &words).is_ok());
        let mut parser = CommandParser::stream();
        let mut input = &bytes[..];
        let Ok(Status::Complete(command)) = parser.next(&mut input) else { panic!("a command") };
        check(Migration::of(&command));
    }

    /// Recorded from Valkey 9.1.2 and Redis 7.0.15; TRIMSLOTS as in the sources of Redis 8.4.
    #[test]
    fn commands_of_servers_are_distinguished_from_those_of_clients() {
        let slots = |text: &str| text.parse::<Slots>().unwrap_or_default();
        told("SET k v", |told| assert_eq!(told, None));
        told("DEL k", |told| assert_eq!(told, None));
        told("RESTORE k 0 x", |told| assert_eq!(told, None));
        told("RESTORE-ASKING k 1795375866787 x ABSTTL", |told| assert_eq!(told, Some(Migration::Key(b"k"))));
        told("CLUSTER SYNCSLOTS ESTABLISH SOURCE a0fe NAME 55c1 SLOTSRANGE 7365 7365 1 9", |told| {
            let slots = slots("1-9,7365");
            assert_eq!(told, Some(Migration::Begins { job: b"55c1", source: b"a0fe", slots }));
        });
        told("CLUSTER SYNCSLOTS SNAPSHOT-EOF", |told| assert_eq!(told, Some(Migration::Word)));
        told("CLUSTER SYNCSLOTS FINISH STATE SUCCESS NAME 55c1 MESSAGE ", |told| {
            assert_eq!(told, Some(Migration::Ends { job: b"55c1", moved: true }));
        });
        told("CLUSTER SYNCSLOTS FINISH STATE FAILED NAME 55c1 MESSAGE x", |told| {
            assert_eq!(told, Some(Migration::Ends { job: b"55c1", moved: false }));
        });
        told("TRIMSLOTS RANGES 2 0 9 20 29", |told| {
            assert_eq!(told, Some(Migration::Trimmed(slots("0-9,20-29"))));
        });
        told("CLUSTER", |told| assert_eq!(told, Some(Migration::Word)));
        told("TRIMSLOTS", |told| assert_eq!(told, Some(Migration::Trimmed(Slots::default()))));
    }
}
