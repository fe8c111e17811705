//! The entries of the table of commands: where the keys of a command are among its arguments.

/// A command, or a subcommand in its container: its name in lower case, and its shape.
pub(super) type TableEntry = (&'static str, Shape);

/// What a command touches.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// No key.
    Nothing,
    /// Keys that it does not name.
    All,
    /// The keys that lie where these say.
    Named(&'static [Spec]),
    /// That hangs on its subcommand.
    Container(&'static [TableEntry]),
}

/// Where keys lie among the arguments: the servers' key specifications. The name of the command is argument 0.
#[derive(Debug, Clone, Copy)]
pub(super) enum Spec {
    /// From argument `.0` to the one `.1` behind it (below 0: so many from the end, -1 being the last), each `.2`th.
    At(usize, isize, usize),
    /// As many as argument `.0` says, from argument `.1` on, each `.2`th.
    Counted(usize, usize, usize),
    /// The same as `At`, behind the first `.0` among the arguments from `.1` on: to `.2`, each `.3`th; only the first of `.4` equal
    /// parts of what follows, if that is not 0.
    After(&'static str, usize, isize, usize, usize),
    /// What follows SORT's last STORE.
    Store,
    /// What follows MIGRATE's KEYS, in the place of the one key where that is empty.
    MigrateKeys,
}

/// The most specifications that one command has.
pub(super) const MOST_SPECS: usize = 3;

/// The longest name in the table is not longer.
pub(super) const LONGEST_NAME: usize = 24;
