//! The entries of the table of commands: the positions of a command's keys among its arguments.

/// A command, or a subcommand of a container: its name in lower case, and its shape.
pub(super) type TableEntry = (&'static str, Shape);

/// The keys that a command touches.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// No key.
    Nothing,
    /// Keys that the command does not name.
    All,
    /// The keys at these positions.
    Named(&'static [Spec]),
    /// The keys depend on the subcommand.
    Container(&'static [TableEntry]),
}

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
    After(&'static str, usize, isize, usize, usize),
    /// The argument after the last STORE of SORT.
    Store,
    /// The arguments after KEYS of MIGRATE, if its one key argument is empty.
    MigrateKeys,
}

/// The most specifications of one command.
pub(super) const MOST_SPECS: usize = 3;

/// The length in bytes of the longest name in the table.
pub(super) const LONGEST_NAME: usize = 24;
