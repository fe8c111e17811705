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

use crate::io::append_only::folder::{Opened, Origin};
use crate::io::append_only::reading::{Reading, Step};
use crate::io::append_only::source::Source;
use crate::replication::Options;

pub use error::AppendOnlyError;
pub use file::{AppendOnlyFile, FileEvent, FileKind, Unfinished, UnfinishedKind};
pub use manifest::{Listed, Manifest, ManifestError};

/// Gives what stands in append-only files, as events with the file and the byte they stand at.
///
/// [`open`](Self::open) takes what a server writes: a single file (Redis up to 6.2), or a directory of several with its manifest (Redis
/// 7.0 and later, Valkey). Of a directory the base comes first, then the increments in their order, each with all that servers demand
/// of it. A snapshot at the front of a file comes as [`Event::SnapshotBegin`], in the form that [`Options::snapshot`] says, and
/// [`Event::SnapshotEnd`]; then the commands come.
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
/// `None` says that there is no more for now. The next call looks again: for what was written meanwhile, and for the increment that a
/// rewrite has begun. So whoever waits a little and goes on calling gets every command once, across rewrites, as long as the files are
/// read before a second rewrite removes them; else [`AppendOnlyError::Missed`] says what is gone. A new base holds nothing new and does
/// not come. A single file that a rewrite replaces can't be followed over ([`AppendOnlyError::Replaced`]). What a server does while it
/// has its append-only file switched off is in none of them, nor is the data set that a replica receives as a snapshot: both look like a
/// rewrite here, and are not noticed. A server that starts again after a crash may cut what is not whole off the end of its file; that is
/// seen as long as the file has not grown past it again before the next call.
///
/// # Offsets
///
/// There are no replication offsets in such files: those of the events are numbers of bytes, counted in each file from its first. All
/// of a file is one stream, whose database is 0 until it says otherwise; but in a single file without a snapshot, which may be a part of
/// another stream, it is unknown until then.
#[derive(Debug)]
pub struct AppendOnly {
    options: Options,
    origin: Origin,
    waiting: VecDeque<Opened>,
    current: Reading,
    /// What a look ahead has found.
    ahead: Option<Result<Turn, AppendOnlyError>>,
    /// There was no more at the last call.
    paused: bool,
    /// The file that is read is no longer the one at its path.
    replaced: bool,
    /// Reads since the last look for what else there is.
    reads: u32,
}

/// So often, in reads of a buffer, a reader that never comes to the end looks for new files, lest a rewrite removes them before.
const READS: u32 = 8;

#[derive(Debug)]
enum Turn {
    Event,
    Pause,
}

impl AppendOnly {
    /// The append-only file or directory at `path`: a file, a directory that holds one manifest, or a manifest (its name ends in
    /// `.manifest`). All files that are listed are opened at once, so that a rewrite meanwhile does no harm.
    ///
    /// # Errors
    /// What is not there, can't be opened, or would be refused by a server: [`AppendOnlyError`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, AppendOnlyError> {
        Self::with(path, Options::default())
    }

    /// The same. Of `options` those count that say what is delivered: `control`, `parts`, `snapshot`, `lenient`, `limits`.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn with(path: impl AsRef<Path>, options: Options) -> Result<Self, AppendOnlyError> {
        let (origin, files) = folder::open(path.as_ref())?;
        Self::new(origin, files, options).ok_or_else(|| AppendOnlyError::Nothing { path: path.as_ref().into() })
    }

    /// A single file from any source of bytes, which errors call `name`. `first` is the offset before its first command, where that is
    /// to be another than the number of its first byte. The same options count.
    ///
    /// ```
    /// use redtail::io::AppendOnly;
    /// use redtail::{Event, Options};
    ///
    /// let bytes = b"#TS:1700000000\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*1\r\n$8\r\nFLUSHALL\r\n";
    /// let mut file = AppendOnly::of(bytes.as_slice(), "the input", None, Options::default());
    /// let event = file.next()?.expect("there is one");
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

    fn new(origin: Origin, mut files: VecDeque<Opened>, options: Options) -> Option<Self> {
        let current = Reading::new(files.pop_front()?, options, None);
        Some(Self::reading(origin, current, files, options))
    }

    fn reading(origin: Origin, current: Reading, waiting: VecDeque<Opened>, options: Options) -> Self {
        Self { options, origin, waiting, current, ahead: None, paused: false, replaced: false, reads: 0 }
    }

    /// The next event, borrowed until the next call; `None` where there is no more for now.
    ///
    /// # Errors
    /// [`AppendOnlyError`]. Only after one of [`AppendOnlyError::Io`] is there a use in calling again.
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

    /// Whether nothing whole is left in the buffer, so that the next event has to be read from the file, or there is none: the moment to
    /// flush what was written so far.
    pub fn is_drained(&mut self) -> bool {
        if self.ahead.is_none() {
            match self.current.step() {
                Ok(Step::Event) => self.ahead = Some(Ok(Turn::Event)),
                Ok(Step::Need(_)) => {}
                Err(error) => self.ahead = Some(Err(error)),
            }
        }
        self.ahead.is_none()
    }

    /// The file that is read, or was read last.
    pub fn file(&self) -> &AppendOnlyFile {
        &self.current.file
    }

    /// After `None`: what is not whole at the end. More of it may come; if none comes, it is as if it was not there.
    pub fn unfinished(&self) -> Option<Unfinished> {
        self.current.unfinished().ok().flatten()
    }

    fn turn(&mut self) -> Result<Turn, AppendOnlyError> {
        if std::mem::take(&mut self.paused) {
            self.look(true)?;
        }
        loop {
            let at_least = match self.current.step()? {
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

    /// Looks for what a rewrite has changed. Whoever does not come back after the end does not care what becomes of a file.
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
