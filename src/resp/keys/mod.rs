//! The arguments of a command that are keys.
//!
//! The servers describe the keys of their commands (`COMMAND`). `table.rs` is generated from these descriptions. The
//! search allocates nothing and ignores values.

mod command_spec;
mod finder;
mod indices;
mod lookup;
mod shape;
#[rustfmt::skip]
mod subcommands;
#[rustfmt::skip]
mod table;

use core::iter::FusedIterator;

pub use command_spec::CommandSpec;
pub use finder::{KeyFinder, Reach};
pub use indices::{KeyIndex, KeyIndices};
pub use shape::Access;

use crate::resp::command::{Args, Command};

/// The keys that a command touches: the result of [`Command::keys`]. The enum is closed.
///
/// ```
/// use redtail::resp::Keys;
/// use redtail::{CommandParser, Status};
///
/// let mut input: &[u8] = b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n";
/// if let Status::Complete(command) = CommandParser::stream().next(&mut input)? {
///     assert!(matches!(command.keys(), Keys::Some(_)));
/// }
/// # Ok::<(), redtail::ProtocolError>(())
/// ```
#[derive(Debug, Clone)]
pub enum Keys<'a> {
    /// The command touches no key, such as PUBLISH or `EVAL … 0`.
    None,
    /// The command touches these keys.
    Some(KeyArgs<'a>),
    /// The command touches keys that it does not name, possibly all: FLUSHALL, FLUSHDB, SWAPDB, CLUSTER FLUSHSLOT.
    All,
    /// Unknown: no server of the table has the command (it is renamed, newer, or of a module that does not ship with
    /// Redis), or no server would accept it.
    Unknown,
}

impl<'a> Command<'a> {
    /// The arguments that are keys. The source is `COMMAND` of Redis 6.2 to 8.10 and Valkey 8.1 to 9.1. Commands of
    /// Redis 8.12, of Valkey 9.2 and of the modules that ship with Redis 8 are known by their documentation.
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
        self.keys_of(&find_keys(self.argc(), self.args(), None))
    }

    /// As [`keys`](Self::keys), but a command that the table does not have is looked up in a server's description.
    #[must_use]
    pub fn keys_by(&self, spec: &CommandSpec) -> Keys<'a> {
        self.keys_of(&find_keys(self.argc(), self.args(), Some(spec)))
    }

    fn keys_of(&self, finder: &KeyFinder<'_>) -> Keys<'a> {
        match finder.reach().unwrap_or(Reach::Unknown) {
            Reach::None => Keys::None,
            Reach::Some => Keys::Some(KeyArgs { args: self.args(), passed: 0, ranges: finder.keys() }),
            Reach::All => Keys::All,
            Reach::Unknown => Keys::Unknown,
        }
    }

    /// Whether the command can change keys, functions or scripts: the server flags it as a write, or it is EVAL, FCALL,
    /// SCRIPT LOAD or SCRIPT FLUSH. `None` if the command is unknown.
    ///
    /// A replication stream also holds commands that change none of these. Clients send PUBLISH, SPUBLISH and PFCOUNT,
    /// which refreshes the cached cardinality inside of its key. The server itself sends PING, SELECT, REPLCONF, MULTI,
    /// EXEC, CLUSTER SETSLOT and CLUSTER SYNCSLOTS.
    ///
    /// ```
    /// use redtail::owned::OwnedCommand;
    ///
    /// let is_write = |args: &[&str]| OwnedCommand::new(0, args).command().is_write();
    /// assert_eq!(is_write(&["PUBLISH", "channel", "text"]), Some(false));
    /// assert_eq!(is_write(&["FUNCTION", "LOAD", "#!lua name=a"]), Some(true));
    /// assert_eq!(is_write(&["OTHERMODULE.SET", "k"]), None);
    /// ```
    #[must_use]
    pub fn is_write(&self) -> Option<bool> {
        KeyFinder::of_name(self.argc(), self.args()).is_write()
    }
}

/// The keys of a command with these arguments. Reads only the arguments that decide it. `spec` describes a command that
/// the table does not have.
pub fn find_keys<'s, 'a>(
    argc: usize,
    args: impl Iterator<Item = &'a [u8]>,
    spec: Option<&'s CommandSpec>,
) -> KeyFinder<'s> {
    let mut finder = KeyFinder::with(argc);
    for arg in args {
        finder.argument(Some(arg));
        if let Some(spec) = spec {
            finder.learn(spec);
        }
        if finder.is_settled() {
            break;
        }
    }
    finder
}

/// The keys of a [`Command`], in the order of its arguments. Each item is the index of the argument (the name has index
/// 0) and the key.
///
/// The walk is lazy: a DEL of a million keys costs nothing before the first key.
///
/// ```
/// use redtail::CommandParser;
/// use redtail::resp::{Keys, Status};
///
/// let mut input: &[u8] = b"*3\r\n$3\r\nDEL\r\n$1\r\na\r\n$1\r\nb\r\n";
/// let mut parser = CommandParser::stream();
/// let Status::Complete(command) = parser.next(&mut input)? else { panic!() };
/// let Keys::Some(keys) = command.keys() else { panic!() };
/// assert!(keys.eq([(1, b"a".as_slice()), (2, b"b".as_slice())]));
/// # Ok::<(), redtail::ProtocolError>(())
/// ```
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
        // MOVE has the same key twice.
        let index = self.ranges.find(|key| key.index >= self.passed)?.index;
        let key = self.args.nth(index - self.passed)?;
        self.passed = index + 1;
        Some((index, key))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.ranges.size_hint()
    }
}

impl FusedIterator for KeyArgs<'_> {}
