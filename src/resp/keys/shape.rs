//! The entries of the table of commands: the positions of a command's keys among its arguments.

/// A command, or a subcommand of a container: its name in lower case, its effect, and its shape.
pub(super) type TableEntry = (&'static str, Effect, Shape);

/// Whether a command can change keys, functions or scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Changes,
    Keeps,
}

/// The keys that a command touches.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// No key.
    Nothing,
    /// Keys that the command does not name.
    All,
    /// The keys at these positions.
    Named(&'static [KeySpec]),
    /// The keys depend on the subcommand.
    Container(&'static [TableEntry]),
}

/// What a command does to a key. The enum is closed.
///
/// ```
/// use redtail::resp::Access;
///
/// // A cache drops the keys that are not only read.
/// let is_dropped = |access: Access| access != Access::Read;
/// assert!(is_dropped(Access::Removed));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// The key is only read, such as the source of COPY.
    Read,
    /// The key may be created or changed. It may also be removed, for example with its last element.
    Write,
    /// The key is removed: by DEL, UNLINK, GETDEL, DELEX or DELIFEQ, or as the source of RENAME or MOVE.
    Removed,
}

impl Access {
    /// `read`, `write` or `removed`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Removed => "removed",
        }
    }
}

/// What a command does to some of its keys, and their positions.
pub(super) type KeySpec = (Access, Spec);

/// A key specification of the servers: the positions of keys among the arguments. The command's name is argument 0.
#[derive(Debug, Clone, Copy)]
pub(super) enum Spec {
    /// From argument `.0` to the argument `.1` after it, every `.2`th. A negative `.1` counts from the end; -1 is the
    /// last argument.
    At(usize, isize, usize),
    /// As many as argument `.0` says, from argument `.1`, every `.2`th.
    Counted(usize, usize, usize),
    /// As `At`, from the argument after the first `.0` found at or after argument `.1`: to `.2`, every `.3`th. If `.4`
    /// is not 0, only the first of `.4` equal parts of the rest.
    After(Word, usize, isize, usize, usize),
    /// The argument after the last STORE of SORT.
    Store,
    /// The argument after the last STORE or STOREDIST of GEORADIUS, found at or after argument `.0`.
    GeoStore(usize),
    /// The arguments after KEYS of MIGRATE, if its one key argument is empty.
    MigrateKeys,
    /// Argument 1 of MOVE, in the database that argument 2 names.
    MoveTarget,
    /// Argument 2 of COPY, in the database after the last DB.
    CopyTarget,
}

/// A keyword among the arguments, in lower case.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word {
    bytes: [u8; LONGEST_NAME],
    length: usize,
}

impl Word {
    /// The first bytes of `text`, at most [`LONGEST_NAME`].
    pub(super) const fn new(text: &str) -> Self {
        Self::from_bytes(text.as_bytes())
    }

    #[allow(clippy::indexing_slicing, reason = "both indices are below the lengths; `get` is not const")]
    pub(super) const fn from_bytes(text: &[u8]) -> Self {
        let mut word = Self { bytes: [0; LONGEST_NAME], length: 0 };
        while word.length < text.len() && word.length < LONGEST_NAME {
            word.bytes[word.length] = text[word.length].to_ascii_lowercase();
            word.length += 1;
        }
        word
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// The most specifications of one command.
pub(super) const MOST_SPECS: usize = 3;

/// The length in bytes of the longest name in the table.
pub(super) const LONGEST_NAME: usize = 24;
