//! Files of an append-only folder, their events and their ends.

use std::fmt;
use std::ops::Deref;
use std::path::PathBuf;

use crate::replication::Event;

/// A file of an [`AppendOnly`](crate::io::AppendOnly).
///
/// ```no_run
/// use redtail::io::{AppendOnly, FileKind};
///
/// let reader = AppendOnly::open("/var/lib/redis/appendonlydir")?;
/// if reader.file().kind == FileKind::Base {
///     println!("{} has the data set at the last rewrite", reader.file().name());
/// }
/// # Ok::<(), redtail::io::AppendOnlyError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AppendOnlyFile {
    /// Its path; for a reader given to [`AppendOnly::of`](crate::io::AppendOnly::of), the caller's name for it.
    pub path: PathBuf,
    /// Its kind.
    pub kind: FileKind,
    /// Its number in the manifest; `None` without a manifest.
    pub seq: Option<u64>,
}

/// The kind of a file.
///
/// ```
/// use redtail::io::FileKind;
///
/// println!("{}", FileKind::Increment.as_str());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// A single file.
    Single,
    /// The data set at the last rewrite.
    Base,
    /// Commands since the last rewrite.
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

/// An event, its file and its end. It dereferences to the event.
///
/// ```no_run
/// use redtail::Event;
/// use redtail::io::AppendOnly;
///
/// let mut reader = AppendOnly::open("/var/lib/redis/appendonlydir")?;
/// while let Some(found) = reader.next_event()? {
///     if let Event::Command(command) = found.event {
///         println!("{} up to byte {}: {command}", found.file.name(), found.end);
///     }
/// }
/// # Ok::<(), redtail::io::AppendOnlyError>(())
/// ```
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct FileEvent<'a> {
    /// The event.
    pub event: Event<'a>,
    /// The file that contains it.
    pub file: &'a AppendOnlyFile,
    /// The number of the byte after its last, counted in the file.
    pub end: u64,
    /// The last time annotation (`#TS:`, written if `aof-timestamp-enabled` is set) before it in its file, in Unix
    /// seconds: the time at which the server executed the command.
    pub time: Option<u64>,
}

impl<'a> Deref for FileEvent<'a> {
    type Target = Event<'a>;

    fn deref(&self) -> &Event<'a> {
        &self.event
    }
}

/// An unfinished command or transaction at the end of the last file. Servers leave it out when they load the file
/// (`aof-load-truncated`), and so must a caller that received parts of it.
///
/// ```
/// use redtail::io::{AppendOnly, UnfinishedKind};
///
/// fn report(reader: &AppendOnly) {
///     match reader.unfinished() {
///         Some(end) if end.kind == UnfinishedKind::Transaction => println!("no EXEC after byte {}", end.start),
///         Some(end) => println!("{} bytes are left out", end.end - end.start),
///         None => {}
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unfinished {
    /// Its kind.
    pub kind: UnfinishedKind,
    /// The number of its first byte. All bytes before it are valid.
    pub start: u64,
    /// The length of the file.
    pub end: u64,
}

/// The kind of an unfinished end.
///
/// ```
/// # use redtail::io::{Unfinished, UnfinishedKind};
/// fn is_crash(unfinished: &Unfinished) -> bool {
///     matches!(unfinished.kind, UnfinishedKind::Command | UnfinishedKind::Transaction)
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnfinishedKind {
    /// A command, or a line between commands.
    Command,
    /// A transaction: its EXEC is missing. Its last command may be cut off too.
    Transaction,
    /// Bytes after the snapshot of a single file that are not commands. Servers ignore them when they load a
    /// snapshot, and refuse them in an append-only file.
    Trailing,
    /// Bytes that are not commands, at the end of the last file, in the size that
    /// [`AppendOnly::max_corrupt_tail`](crate::io::AppendOnly::max_corrupt_tail) accepts. They begin with the command
    /// or transaction that contains the first wrong byte.
    Corrupt,
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { start, end, .. } = self;
        match self.kind {
            UnfinishedKind::Command => write!(f, "the command that begins at byte {start} is cut off at byte {end}"),
            UnfinishedKind::Trailing => {
                write!(f, "the {} bytes from byte {start} on, after the snapshot, are not commands", end - start)
            }
            UnfinishedKind::Corrupt => write!(f, "the last {} bytes, from byte {start} on, are corrupt", end - start),
            UnfinishedKind::Transaction => {
                write!(
                    f,
                    "the transaction that begins with the MULTI at byte {start} has no EXEC before the end at byte {end}"
                )
            }
        }
    }
}
