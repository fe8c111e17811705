//! The arguments of a command that are keys.
//!
//! The servers describe the keys of their commands (`COMMAND`). `table.rs` is generated from these descriptions. The
//! search allocates nothing and ignores values.

mod finder;
mod lookup;
mod shape;
#[rustfmt::skip]
mod table;

use core::iter::FusedIterator;

pub use finder::{KeyFinder, KeyIndices, Reach};

use crate::resp::command::{Args, Command};

/// The keys that a command touches: the result of [`Command::keys`]. The enum is closed.
#[derive(Debug, Clone)]
pub enum Keys<'a> {
    /// The command touches no key, such as PUBLISH or `EVAL … 0`.
    None,
    /// The command touches these keys.
    Some(KeyArgs<'a>),
    /// The command touches keys that it does not name, possibly all: FLUSHALL, FLUSHDB, SWAPDB, CLUSTER FLUSHSLOT.
    All,
    /// Unknown: no server of the table has the command (it is a module's, renamed or newer), or no server would accept
    /// it.
    Unknown,
}

impl<'a> Command<'a> {
    /// The arguments that are keys. The source is `COMMAND` of Redis 6.2 to 8.2 and Valkey 8.1 to 9.1.
    ///
    /// Keys are read or written: the source and the destination of RENAME are both keys. The keys of a script or
    /// function are those it declares. Keys that SORT reads by patterns are not included, because they depend on the
    /// data.
    ///
    /// ```
    /// use redtail::resp::{CommandParser, Keys, Status};
    ///
    /// let mut parser = CommandParser::stream();
    /// let mut input: &[u8] = b"*5\r\n$4\r\nmset\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n*1\r\n$8\r\nFLUSHALL\r\n";
    /// let Status::Complete(command) = parser.next(&mut input)? else { panic!() };
    /// let Keys::Some(keys) = command.keys() else { panic!() };
    /// assert_eq!(keys.collect::<Vec<_>>(), [(1, b"a" as &[u8]), (3, b"b")]);
    /// let Status::Complete(command) = parser.next(&mut input)? else { panic!() };
    /// assert!(matches!(command.keys(), Keys::All));
    /// # Ok::<(), redtail::ProtocolError>(())
    /// ```
    #[must_use]
    pub fn keys(&self) -> Keys<'a> {
        let (reach, ranges) = find_keys(self.argc(), self.args());
        match reach {
            Reach::None => Keys::None,
            Reach::Some => Keys::Some(KeyArgs { args: self.args(), passed: 0, ranges }),
            Reach::All => Keys::All,
            Reach::Unknown => Keys::Unknown,
        }
    }
}

/// The keys that a command with these arguments touches, and the indices of its keys. Reads only the arguments that
/// decide it.
pub fn find_keys<'a>(argc: usize, args: impl Iterator<Item = &'a [u8]>) -> (Reach, KeyIndices) {
    let mut finder = KeyFinder::with(argc);
    for arg in args {
        finder.argument(Some(arg));
        if finder.is_settled() {
            break;
        }
    }
    (finder.reach().unwrap_or(Reach::Unknown), finder.ranges())
}

/// The keys of a [`Command`], in the order of its arguments. Each item is the index of the argument (the name has index
/// 0) and the key.
///
/// The walk is lazy: a DEL of a million keys costs nothing before the first key.
#[derive(Debug, Clone)]
pub struct KeyArgs<'a> {
    args: Args<'a>,
    /// The number of arguments that `args` has passed.
    passed: usize,
    ranges: KeyIndices,
}

impl<'a> Iterator for KeyArgs<'a> {
    type Item = (usize, &'a [u8]);

    fn next(&mut self) -> Option<(usize, &'a [u8])> {
        let index = self.ranges.next()?;
        let key = self.args.nth(index.checked_sub(self.passed)?)?;
        self.passed = index + 1;
        Some((index, key))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ranges.size_hint()
    }
}

impl FusedIterator for KeyArgs<'_> {}
