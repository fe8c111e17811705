//! Append-only files: one, or those of a directory, in the order of its manifest.

mod error;
mod file;
mod folder;
mod manifest;
mod reading;
mod source;

use std::collections::VecDeque;
use std::io::Read;
use std::path::Path;

use crate::base::compression::Compression;
use crate::io::append_only::folder::{Opened, Origin, Snapshots};
use crate::io::append_only::reading::{Reading, Step};
use crate::io::append_only::source::Source;
use crate::replication::Options;

pub use error::AppendOnlyError;
pub use file::{AppendOnlyFile, FileEvent, FileKind, Unfinished, UnfinishedKind};
pub use manifest::{Listed, Manifest, ManifestError};

/// Reads append-only files, as events with their file and byte.
///
/// [`open`](Self::open) accepts a single file (Redis up to 6.2), or a directory of files with its manifest (Redis 7.0
/// and later, Valkey). In a directory the base is read first, then the increments in their order, checked as servers
/// check them. A snapshot at the front of a file is delivered as [`Event::SnapshotBegin`](crate::Event::SnapshotBegin),
/// in the form of [`Options::snapshot`], and [`Event::SnapshotEnd`](crate::Event::SnapshotEnd). The commands follow.
///
/// ```no_run
/// use redtail::Event;
/// use redtail::io::AppendOnly;
///
/// let mut files = AppendOnly::open("/var/lib/redis/appendonlydir")?;
/// while let Some(event) = files.next_event()? {
///     if let Event::Command(command) = event.event {
///         println!("{} {} {command}", event.file.name(), event.end);
///     }
/// }
/// if let Some(unfinished) = files.unfinished() {
///     eprintln!("{unfinished}"); // as after a crash: servers leave it out when they load the files
/// }
/// # Ok::<(), redtail::io::AppendOnlyError>(())
/// ```
///
/// # Following
///
/// `None` means that there is no event for now. The next call checks for new bytes, and for the next increment after a
/// rewrite. A caller that pauses and calls again receives every command once, also across rewrites.
///
/// - Files must be read before a second rewrite removes them. Otherwise [`AppendOnlyError::Missed`] names the lost
///   ones.
/// - A new base has no new data and is not read.
/// - A single file can't be followed across a rewrite ([`AppendOnlyError::Replaced`]).
/// - Writes of a server whose append-only file is switched off are in no file, and neither is the data set that a
///   replica receives as a snapshot. Both are like a rewrite here, and are not detected.
/// - A server that restarts after a crash may cut an unfinished command off its file. This is detected unless the file
///   has grown beyond that length before the next call.
///
/// # Offsets
///
/// Append-only files have no replication offsets: the offsets of the events count the bytes of each file. The database
/// is 0 until the first SELECT of a file. It is unknown until then in a single file without a snapshot, which may be a
/// part of another stream.
#[derive(Debug)]
pub struct AppendOnly {
    options: Options,
    origin: Origin,
    waiting: VecDeque<Opened>,
    current: Reading,
    /// The result of peeking.
    ahead: Option<Result<Turn, AppendOnlyError>>,
    /// The last call returned no event.
    paused: bool,
    /// The file was replaced at its path.
    replaced: bool,
    /// Reads since the last check for new files.
    reads: u32,
    max_corrupt_tail: u64,
}

/// The number of reads after which a reader that is not at the end checks for new files, before a rewrite removes them.
const READS: u32 = 8;

#[derive(Debug)]
enum Turn {
    Event,
    Pause,
}

impl AppendOnly {
    /// The append-only file or directory at `path`: a file, a directory that holds one manifest, or a manifest (its
    /// name ends in `.manifest`). All listed files are opened at once, so that a rewrite can't remove them.
    ///
    /// # Errors
    /// [`AppendOnlyError`]: a path that does not exist or can't be opened, or files that a server would refuse.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, AppendOnlyError> {
        Self::with(path, Options::default())
    }

    /// As [`open`](Self::open), with these options: `control`, `parts`, `snapshot`, `lenient` and `limits`. Others are
    /// ignored.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn with(path: impl AsRef<Path>, options: Options) -> Result<Self, AppendOnlyError> {
        Self::at(path.as_ref(), Snapshots::Read, options)
    }

    /// As [`with`](Self::with), without the snapshot of a directory: a base whose name ends in `.rdb` is not opened, so
    /// that it may be of any format, or missing. A base of commands is read.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn commands(path: impl AsRef<Path>, options: Options) -> Result<Self, AppendOnlyError> {
        Self::at(path.as_ref(), Snapshots::Skipped, options)
    }

    fn at(path: &Path, snapshots: Snapshots, options: Options) -> Result<Self, AppendOnlyError> {
        let (origin, files) = folder::open(path, snapshots)?;
        Self::new(origin, files, options).ok_or_else(|| AppendOnlyError::Nothing { path: path.into() })
    }

    /// A single file from any source of bytes, with `name` for errors. `first` is the offset before its first command;
    /// `None`: the number of its first byte. The options are those of [`with`](Self::with).
    ///
    /// ```
    /// use redtail::io::AppendOnly;
    /// use redtail::{Event, Options};
    ///
    /// let bytes = b"#TS:1700000000\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*1\r\n$8\r\nFLUSHALL\r\n";
    /// let mut file = AppendOnly::of(bytes.as_slice(), "the input", None, Options::default());
    /// let event = file.next_event()?.expect("there is one");
    /// let Event::Command(command) = event.event else { panic!() };
    /// assert_eq!(command.to_string(), r#"57 [3] "FLUSHALL""#);
    /// assert_eq!((event.end, event.time), (57, Some(1_700_000_000)));
    /// # Ok::<(), redtail::io::AppendOnlyError>(())
    /// ```
    pub fn of(source: impl Read + Send + 'static, name: &str, first: Option<u64>, options: Options) -> Self {
        let file = AppendOnlyFile { path: name.into(), kind: FileKind::Single, seq: None };
        let current = Reading::new(Opened { file, source: Source::Other(Box::new(source)) }, options, first);
        Self::reading(Origin::Given, current, VecDeque::new(), options)
    }

    /// Accepts up to `bytes` bytes at the end of the last file that are not commands, as servers do whose
    /// `aof-load-corrupt-tail-max-size` is set (Redis 8.4 and later). A loss of power can leave zeros there. Everything
    /// before them is delivered; then [`unfinished`](Self::unfinished) returns [`UnfinishedKind::Corrupt`]. The
    /// default, 0, accepts none. Not for files that are followed: bytes that are appended later belong to the corrupt
    /// end.
    #[must_use]
    pub fn max_corrupt_tail(mut self, bytes: u64) -> Self {
        self.max_corrupt_tail = bytes;
        self
    }

    fn new(origin: Origin, mut files: VecDeque<Opened>, options: Options) -> Option<Self> {
        let current = Reading::new(files.pop_front()?, options, None);
        Some(Self::reading(origin, current, files, options))
    }

    fn reading(origin: Origin, current: Reading, waiting: VecDeque<Opened>, options: Options) -> Self {
        Self {
            options,
            origin,
            waiting,
            current,
            ahead: None,
            paused: false,
            replaced: false,
            reads: 0,
            max_corrupt_tail: 0,
        }
    }

    /// The next event, borrowed until the next call; `None` if there is none for now.
    ///
    /// # Errors
    /// [`AppendOnlyError`]. Final, except [`AppendOnlyError::Io`].
    #[inline]
    pub fn next_event(&mut self) -> Result<Option<FileEvent<'_>>, AppendOnlyError> {
        let turn = match self.ahead.take() {
            Some(turn) => turn?,
            None => self.turn()?,
        };
        match turn {
            Turn::Event => Ok(Some(self.current.event())),
            Turn::Pause => Ok(None),
        }
    }

    /// Whether no whole event is buffered, so that the next call reads from the file: the moment to flush output.
    pub fn is_drained(&mut self) -> bool {
        if self.ahead.is_none() {
            match self.step() {
                Ok(Step::Event) => self.ahead = Some(Ok(Turn::Event)),
                Ok(Step::Need(_)) => {}
                Err(error) => self.ahead = Some(Err(error)),
            }
        }
        self.ahead.is_none()
    }

    /// The file of the last event.
    pub fn file(&self) -> &AppendOnlyFile {
        &self.current.file
    }

    /// The compression of the file of the last event. Nothing is appended to a compressed file: it can't be followed.
    pub fn compression(&mut self) -> Option<Compression> {
        self.current.compression()
    }

    /// After `None`: the unfinished command or transaction at the end, whose rest may be written later, or the bytes at
    /// the end that are not commands.
    pub fn unfinished(&self) -> Option<Unfinished> {
        self.current.unfinished().ok().flatten()
    }

    fn step(&mut self) -> Result<Step, AppendOnlyError> {
        self.current.step().or_else(|error| {
            let most = if self.waiting.is_empty() { self.max_corrupt_tail } else { 0 };
            self.current.pass_over(error, most)
        })
    }

    fn turn(&mut self) -> Result<Turn, AppendOnlyError> {
        if std::mem::take(&mut self.paused) {
            self.look(true)?;
        }
        loop {
            let at_least = match self.step()? {
                Step::Event => return Ok(Turn::Event),
                Step::Need(at_least) => at_least,
            };
            self.reads += 1;
            if self.reads > READS {
                self.look(false)?;
            }
            if self.current.fill(at_least)? {
                continue;
            }
            if self.current.end_unknown()? {
                return Ok(Turn::Event);
            }
            let unfinished = self.current.unfinished()?;
            let Some(next) = self.waiting.pop_front() else {
                return match self.replaced {
                    true => Err(AppendOnlyError::Replaced { path: self.current.file.path.clone() }),
                    false => {
                        self.paused = true;
                        Ok(Turn::Pause)
                    }
                };
            };
            if let Some(unfinished) = unfinished {
                self.waiting.push_front(next);
                return Err(AppendOnlyError::Torn { path: self.current.file.path.clone(), unfinished });
            }
            self.current = Reading::new(next, self.options, None);
        }
    }

    /// Checks for the changes of a rewrite. Not done at the first end, so that a caller that stops there sees no error.
    fn look(&mut self, came_back: bool) -> Result<(), AppendOnlyError> {
        self.reads = 0;
        match &mut self.origin {
            Origin::File(path) if came_back => {
                let replaced = self.current.is_replaced(path);
                self.replaced = replaced.map_err(|source| AppendOnlyError::Io { path: path.clone(), source })?;
            }
            Origin::Given | Origin::File(_) => {}
            Origin::Manifest(folder) => self.waiting.append(&mut folder.look()?),
        }
        Ok(())
    }
}
