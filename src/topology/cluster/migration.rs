//! What moving slots looks like in a stream.

use crate::resp::Command;
use crate::topology::cluster::slots::Slots;

/// A command that is there because slots move between shards, not because a client wrote.
///
/// What can be told from one command is told by [`Migration::of`]; see `docs/cluster.md` for all that arrives, and for
/// what can't be told: on the shard that gives slots away the keys are deleted by DEL or UNLINK as any client's would
/// be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Migration<'a> {
    /// A key arrives with its value: RESTORE-ASKING, which MIGRATE sends (`redis-cli --cluster reshard`).
    Key(&'a [u8]),
    /// The keys of these slots begin to arrive (Valkey 9, `CLUSTER SYNCSLOTS ESTABLISH`). Until the end of the job,
    /// what is written to keys of these slots comes from the other shard: its data first, then its clients' writes.
    Begins {
        /// The name of the job.
        job: &'a [u8],
        /// The id of the node they come from.
        source: &'a [u8],
        /// The slots.
        slots: Slots,
    },
    /// The slots are ours (Valkey 9, `CLUSTER SYNCSLOTS FINISH`); or the job failed, and what came of it is void.
    Ends {
        /// The name of the job.
        job: &'a [u8],
        /// Whether the slots have moved.
        moved: bool,
    },
    /// All keys of these slots are gone, without a word about each (`TRIMSLOTS`, Redis 8.4).
    Trimmed(Slots),
    /// Another word between the nodes: any other `CLUSTER` command.
    Word,
}

impl<'a> Migration<'a> {
    /// What this command of a stream tells; `None` where it may be a client's.
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

    /// The same of a command's arguments, its name first. No more of them are asked for than it takes: a command that
    /// may be a client's is told by its name.
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

    /// One word for what it is, as the tool's JSON lines and the bridges' messages have it: `key`, `begins`, `ends`
    /// (the slots have moved), `failed` (the job ended, and they have not), `trimmed`, `word`.
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

/// First and last of each.
fn ranges(words: &[&[u8]]) -> Slots {
    let numbers: Vec<u16> = words.iter().map_while(|word| std::str::from_utf8(word).ok()?.parse().ok()).collect();
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

    /// The words of Valkey 9.1.2 and Redis 7.0.15, as they came; TRIMSLOTS as the sources of Redis 8.4 write it.
    #[test]
    fn the_words_of_the_servers_are_told_from_those_of_clients() {
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
