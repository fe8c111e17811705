//! The keys that a command of the stream touches, with their databases.

use core::iter::FusedIterator;

use crate::replication::event::StreamCommand;
use crate::resp::{Access, Args, Command, CommandSpec, KeyIndices, Reach, find_keys};

/// The keys that a command touches: the result of [`StreamCommand::touches`]. The enum is closed.
///
/// ```
/// use redtail::replication::Touches;
///
/// # fn react(command: redtail::StreamCommand<'_>) {
/// match command.touches() {
///     Touches::Keys(keys) => keys.for_each(|touch| println!("drop {:?}", touch.key)),
///     Touches::All(databases) => println!("drop {databases:?}"),
///     Touches::Unknown => println!("drop everything"),
///     _ => {}
/// }
/// # }
/// ```
#[derive(Debug, Clone)]
pub enum Touches<'a> {
    /// The command touches no key, such as PUBLISH or `EVAL … 0`.
    None,
    /// The command touches these keys.
    Keys(TouchedKeys<'a>),
    /// The command touches keys of these databases that it does not name, possibly all: FLUSHALL, FLUSHDB, SWAPDB,
    /// TRIMSLOTS, CLUSTER FLUSHSLOT.
    All(Databases),
    /// As [`Keys::Unknown`](crate::resp::Keys::Unknown).
    Unknown,
}

/// A key that a command touches.
///
/// ```
/// use redtail::replication::Touches;
///
/// # fn react(command: redtail::StreamCommand<'_>) {
/// if let Touches::Keys(keys) = command.touches() {
///     for touch in keys {
///         println!("{:?} of database {:?}: {:?}", touch.key, touch.db, touch.access);
///     }
/// }
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Touch<'a> {
    /// The index of the argument; the name of the command has index 0.
    pub index: usize,
    /// The name of the key.
    pub key: &'a [u8],
    /// The database of the key; `None` while no SELECT has passed.
    pub db: Option<u32>,
    /// What the command does to the key.
    pub access: Access,
}

/// Databases whose keys a command does not name. The enum is closed.
///
/// ```
/// use redtail::replication::Databases;
///
/// assert!(Databases::Two(0, 3).contains(3));
/// assert!(!Databases::Selected(Some(0)).contains(3));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Databases {
    /// All databases: FLUSHALL, TRIMSLOTS, CLUSTER FLUSHSLOT.
    All,
    /// The selected database, `None` while no SELECT has passed: FLUSHDB.
    Selected(Option<u32>),
    /// The two databases of SWAPDB.
    Two(u32, u32),
}

impl Databases {
    /// Whether `db` may be one of them.
    #[must_use]
    pub fn contains(self, db: u32) -> bool {
        match self {
            Self::All => true,
            Self::Selected(selected) => selected.is_none_or(|selected| selected == db),
            Self::Two(first, second) => first == db || second == db,
        }
    }

    /// The databases of a command with these arguments, which touches keys that it does not name.
    pub(crate) fn of<'a>(mut args: impl Iterator<Item = &'a [u8]>, selected: Option<u32>) -> Self {
        let name = args.next().unwrap_or_default();
        let mut number = || core::str::from_utf8(args.next()?).ok()?.parse().ok();
        if name.eq_ignore_ascii_case(b"FLUSHDB") {
            return Self::Selected(selected);
        }
        if name.eq_ignore_ascii_case(b"SWAPDB")
            && let (Some(first), Some(second)) = (number(), number())
        {
            return Self::Two(first, second);
        }
        Self::All
    }
}

impl<'a> StreamCommand<'a> {
    /// The keys that this command touches, each with its database and what the command does to it. A cache forgets the
    /// keys that are written or removed.
    ///
    /// MOVE has its key twice, in both databases. The target of COPY may be in another database. Which arguments are
    /// keys is explained at [`Command::keys`].
    ///
    /// ```
    /// use redtail::io::RecordingReader;
    /// use redtail::replication::Touches;
    /// use redtail::resp::Access;
    /// use redtail::{Event, Options};
    ///
    /// let stream: &[u8] = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*5\r\n$4\r\nCOPY\r\n$1\r\na\r\n$1\r\nb\r\n$2\r\nDB\r\n$1\r\n3\r\n";
    /// let mut reader = RecordingReader::commands(stream, Options::default(), 0);
    /// while let Some(Event::Command(command)) = reader.next_event()? {
    ///     let Touches::Keys(keys) = command.touches() else { panic!() };
    ///     let keys: Vec<_> = keys.map(|touch| (touch.key, touch.db, touch.access)).collect();
    ///     assert_eq!(keys, [(b"a" as &[u8], Some(0), Access::Read), (b"b", Some(3), Access::Write)]);
    /// }
    /// # Ok::<(), redtail::io::ReadError>(())
    /// ```
    #[must_use]
    pub fn touches(&self) -> Touches<'a> {
        Touches::of(self.command, self.db)
    }

    /// As [`touches`](Self::touches), but a command that the table does not have is looked up in a server's
    /// description.
    #[must_use]
    pub fn touches_by(&self, spec: &CommandSpec) -> Touches<'a> {
        Touches::with(self.command, self.db, Some(spec))
    }
}

impl<'a> Touches<'a> {
    /// The keys that a command touches while database `db` is selected.
    #[must_use]
    pub fn of(command: Command<'a>, db: Option<u32>) -> Self {
        Self::with(command, db, None)
    }

    fn with(command: Command<'a>, db: Option<u32>, spec: Option<&CommandSpec>) -> Self {
        let finder = find_keys(command.argc(), command.args(), spec);
        match finder.reach().unwrap_or(Reach::Unknown) {
            Reach::None => Self::None,
            Reach::Some => {
                Self::Keys(TouchedKeys { args: command.args(), passed: 0, last: b"", keys: finder.keys(), db })
            }
            Reach::All => Self::All(Databases::of(command.args(), db)),
            Reach::Unknown => Self::Unknown,
        }
    }
}

/// The keys of [`Touches::Keys`], in the order of the arguments. The walk is lazy.
///
/// ```
/// use redtail::CommandParser;
/// use redtail::replication::Touches;
/// use redtail::resp::Status;
///
/// let mut input: &[u8] = b"*3\r\n$6\r\nRENAME\r\n$1\r\na\r\n$1\r\nb\r\n";
/// let mut parser = CommandParser::stream();
/// let Status::Complete(command) = parser.next(&mut input)? else { panic!() };
/// if let Touches::Keys(keys) = Touches::of(command, Some(0)) {
///     assert!(keys.map(|touch| touch.key).eq([b"a", b"b"]));
/// }
/// # Ok::<(), redtail::ProtocolError>(())
/// ```
#[derive(Debug, Clone)]
pub struct TouchedKeys<'a> {
    args: Args<'a>,
    /// The number of arguments that `args` has passed.
    passed: usize,
    /// The last of these.
    last: &'a [u8],
    keys: KeyIndices,
    db: Option<u32>,
}

impl<'a> Iterator for TouchedKeys<'a> {
    type Item = Touch<'a>;

    fn next(&mut self) -> Option<Touch<'a>> {
        let found = self.keys.next()?;
        // MOVE has the same key twice.
        if let Some(skipped) = found.index.checked_sub(self.passed) {
            self.last = self.args.nth(skipped)?;
            self.passed = found.index + 1;
        }
        Some(Touch { index: found.index, key: self.last, db: found.db.or(self.db), access: found.access })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.keys.size_hint()
    }
}

impl FusedIterator for TouchedKeys<'_> {}
