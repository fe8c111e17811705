//! Which arguments of a command are keys.
//!
//! The servers tell of their commands where the keys lie (`COMMAND`); what they tell stands in `table.rs`, which is made from their
//! answers. The lookup allocates nothing and does not look at values.

mod finder;
mod lookup;
mod shape;
#[rustfmt::skip]
mod table;

use core::iter::FusedIterator;

pub use finder::{KeyFinder, KeyIndices, Reach};

use crate::resp::command::{Args, Command};

/// What a command touches: from [`Command::keys`].
#[derive(Debug, Clone)]
pub enum Keys<'a> {
    /// It touches no key, such as PUBLISH; or it counts its keys and counts none, such as `EVAL … 0`.
    None,
    /// It touches these.
    Some(KeyArgs<'a>),
    /// It touches keys that it does not name, any there are: FLUSHALL, FLUSHDB, SWAPDB, CLUSTER FLUSHSLOT.
    All,
    /// Not known: a command that none of the servers has which this version knows (a module's, a renamed or a newer one), or one that no
    /// server would take.
    Unknown,
}

impl<'a> Command<'a> {
    /// The arguments that are keys, as the servers say themselves (Redis 6.2 to 8.2, Valkey 8.1 to 9.1).
    ///
    /// A key is one that is read or written: the source and the destination of a RENAME. A script's or function's are those it declares.
    /// What SORT reads by its patterns is not among them: that hangs on the data.
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

/// What a command with these arguments touches, and the numbers of its keys. No more arguments are looked at than it takes.
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

/// The keys of a [`Command`], in the order of its arguments: the number of the argument (the name is 0) and the key.
///
/// They are found as one goes on: a DEL of a million keys costs nothing before the first.
#[derive(Debug, Clone)]
pub struct KeyArgs<'a> {
    args: Args<'a>,
    /// Arguments that `args` is past.
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
