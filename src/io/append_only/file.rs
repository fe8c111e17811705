//! Files of an append-only folder, and what is known of their events and ends.

use std::fmt;
use std::ops::Deref;
use std::path::PathBuf;

use crate::replication::Event;

/// A file of an [`AppendOnly`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppendOnlyFile {
    /// Where it is; of a reader that was given to [`AppendOnly::of`], what the caller calls it.
    pub path: PathBuf,
    /// What it is for.
    pub kind: FileKind,
    /// Its number in the manifest, where there is one.
    pub seq: Option<u64>,
}

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// All there is.
    Single,
    /// The data set at the last rewrite.
    Base,
    /// Commands since.
    Increment,
}

impl FileKind {
    /// The name used in the tool's JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Base => "base",
            Self::Increment => "increment",
        }
    }
}

impl AppendOnlyFile {
    /// Its name without the folder.
    pub fn name(&self) -> std::borrow::Cow<'_, str> {
        self.path.file_name().map_or_else(|| self.path.to_string_lossy(), |name| name.to_string_lossy())
    }
}

/// An event and where it stands. It dereferences to the event.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct FileEvent<'a> {
    /// The event.
    pub event: Event<'a>,
    /// The file it stands in.
    pub file: &'a AppendOnlyFile,
    /// The number of the byte after its last, counted in the file.
    pub end: u64,
    /// The last time annotation (`#TS:`, written where `aof-timestamp-enabled` is set) before it in its file, in Unix seconds: when the
    /// server took the command.
    pub time: Option<u64>,
}

impl<'a> Deref for FileEvent<'a> {
    type Target = Event<'a>;

    fn deref(&self) -> &Event<'a> {
        &self.event
    }
}

/// What is not whole at the end of the last file. Servers leave it out when they load the file (`aof-load-truncated`), and so must those
/// who were given parts of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unfinished {
    /// What it is.
    pub kind: UnfinishedKind,
    /// Where it begins: what is before it counts.
    pub start: u64,
    /// Where the file ends.
    pub end: u64,
}

/// What can be unfinished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnfinishedKind {
    /// A command, or a line between commands.
    Command,
    /// A transaction: its EXEC is missing. Its last command may be cut off too.
    Transaction,
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start, end, .. } = self;
        match self.kind {
            UnfinishedKind::Command => write!(f, "the command that begins at byte {start} is cut off at byte {end}"),
            UnfinishedKind::Transaction => {
                write!(
                    f,
                    "the transaction that begins with the MULTI at byte {start} has no EXEC before the end at byte {end}"
                )
            }
        }
    }
}
