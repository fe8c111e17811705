//! A position in a file, so that following survives the end of the process.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{error, fs, io};

use thiserror::Error;

use crate::io::atomic_file::{Access, Fresh, resolved};
use crate::rdb::Crc64;
use crate::replication::Position;

/// Keeps the [`Position`] in one server's stream. (For a cluster there is
/// [`ClusterCheckpoint`](crate::topology::ClusterCheckpoint).)
pub type Checkpoint = CheckpointFile<Position>;

/// Saves a position in a file that is replaced as a whole. After a crash at any moment it has the last position saved,
/// or the one before.
///
/// Save a position only once the sink has every event up to it. Then a crash loses no event, and those after the last
/// saved position are delivered again.
///
/// ```no_run
/// use redtail::{Ack, Checkpoint, Event, Follower, Start};
///
/// let target = "127.0.0.1:6379";
/// let mut checkpoint = Checkpoint::open("orders.position", target)?;
/// let start = checkpoint.position().map_or(Start::Now, Start::At);
/// let mut follower = Follower::builder(target).start(start).ack(Ack::Applied).connect()?;
/// // If nobody writes, the last position is saved, too.
/// while let Some(event) = follower.next_timeout(Checkpoint::INTERVAL)? {
///     if let Event::Command(command) = event {
///         println!("{command}"); // and everything that makes it durable
///         checkpoint.count(1);
///     }
///     if let Some(position) = follower.position().filter(|_| checkpoint.is_due()) {
///         checkpoint.save(position)?;
///         follower.commit(position);
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct CheckpointFile<P> {
    path: PathBuf,
    target: String,
    saved: Option<Saved<P>>,
    commands: u64,
    interval: Duration,
    /// Since the last save.
    counted: u64,
    last: Instant,
}

/// The content of a checkpoint file.
///
/// ```no_run
/// use redtail::Checkpoint;
///
/// let checkpoint = Checkpoint::open("orders.position", "127.0.0.1:6379")?;
/// if let Some(saved) = checkpoint.saved() {
///     println!("{} of {}, saved at {} ms", saved.position, saved.target, saved.saved_ms);
/// }
/// # Ok::<(), redtail::CheckpointError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Saved<P = Position> {
    /// A position, or those of all shards.
    pub position: P,
    /// The server or cluster followed, as the program that saved it named it.
    pub target: String,
    /// When it was saved, in milliseconds since 1970.
    pub saved_ms: u64,
}

/// A checkpoint can't be read or written.
///
/// ```no_run
/// use redtail::{Checkpoint, CheckpointError};
///
/// match Checkpoint::open("orders.position", "127.0.0.1:6379") {
///     Err(CheckpointError::Invalid { path, reason }) => eprintln!("{} is no checkpoint: {reason}", path.display()),
///     other => drop(other?),
/// }
/// # Ok::<(), CheckpointError>(())
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// It can't be read.
    #[error("can't read the checkpoint {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// It can't be written. The previous file is unchanged.
    #[error("can't write the checkpoint {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// It is something else, or was cut or changed.
    #[error("{path} is no whole checkpoint: {reason}; to start afresh on purpose, remove it")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The error.
        reason: &'static str,
    },
    /// Its position is invalid.
    #[error("{path} is no whole checkpoint: {source}; to start afresh on purpose, remove it")]
    Position {
        /// The file.
        path: PathBuf,
        /// The error of the position.
        source: Box<dyn error::Error + Send + Sync>,
    },
}

/// A position that a checkpoint can save: a [`Position`], or the [`Positions`](crate::topology::Positions) of a
/// cluster.
pub trait CheckpointPosition: sealed::Lines + Clone + PartialEq {}

impl CheckpointPosition for Position {}

pub(crate) mod sealed {
    use std::error::Error as StdError;

    use thiserror::Error;

    type Failure = Box<dyn StdError + Send + Sync>;

    /// Its form in the file: lines of its own.
    pub trait Lines: Sized {
        /// The first line of the file.
        const TITLE: &'static str;
        /// The first word of each of its lines.
        const NAME: &'static str;
        /// The error of a file that begins with another line.
        const FOREIGN: &'static str;
        /// More bytes than such a file has.
        const LONGEST: u64;

        fn lines(&self) -> Vec<String>;

        /// Reads the lines, without their first word.
        fn read<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Self, Failure>;
    }

    /// The file has no such line.
    #[derive(Debug, Error)]
    #[error("it has no position")]
    pub(crate) struct Missing;
}

impl sealed::Lines for Position {
    const TITLE: &'static str = "redtail checkpoint 1";
    const NAME: &'static str = "position";
    const FOREIGN: &'static str = "it does not begin with \"redtail checkpoint 1\"";
    const LONGEST: u64 = 64 << 10;

    fn lines(&self) -> Vec<String> {
        vec![self.to_string()]
    }

    fn read<'a>(mut lines: impl Iterator<Item = &'a str>) -> Result<Self, Box<dyn error::Error + Send + Sync>> {
        Ok(lines.next().ok_or(sealed::Missing)?.parse()?)
    }
}

/// The first lines of both kinds of files, without the number.
const TITLES: [(&str, &str); 2] = [
    ("redtail checkpoint ", "it is the checkpoint of a single server"),
    ("redtail cluster checkpoint ", "it is the checkpoint of a cluster"),
];

impl<P> CheckpointFile<P> {
    /// Default number of commands between two saves.
    pub const COMMANDS: u64 = 10_000;
    /// Default time between two saves.
    pub const INTERVAL: Duration = Duration::from_secs(1);

    /// The file that [`save`](Self::save) replaces for this path: the file that a symbolic link leads to, which may not
    /// exist yet. Without a link it is `path`.
    ///
    /// A lock against a second program needs a name that does not depend on the link through which a program reaches
    /// the checkpoint:
    ///
    /// ```no_run
    /// use redtail::Checkpoint;
    /// use std::fs::File;
    ///
    /// let path = "orders.position";
    /// let mut lock = Checkpoint::file(path).into_os_string();
    /// lock.push(".lock");
    /// let lock = File::create(lock)?;
    /// // and lock.try_lock(), before the checkpoint is opened
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn file(path: impl AsRef<Path>) -> PathBuf {
        resolved(path.as_ref())
    }
}

impl<P: CheckpointPosition> CheckpointFile<P> {
    /// Reads the file, if it exists. `target` names the server or cluster followed; the next save of another position
    /// writes it.
    ///
    /// A temporary file is written to its folder and removed, so that a position which could never be saved is reported
    /// before a server is asked for anything. The file is not locked: use it in one follower at a time.
    ///
    /// # Errors
    /// A file that exists and is not a valid checkpoint, or can't be read, is an error, never a fresh start.
    /// [`CheckpointError::Write`]: the folder can't be written.
    pub fn open(path: impl Into<PathBuf>, target: &str) -> Result<Self, CheckpointError> {
        let path = path.into();
        // A symbolic link is followed: its target is replaced, not the link.
        let path = fs::canonicalize(&path).unwrap_or(path);
        let saved = read(&path)?;
        let tried = Fresh::create(&path, Access::Usual).and_then(|mut fresh| fresh.write_all(P::TITLE.as_bytes()));
        tried.map_err(|source| CheckpointError::Write { path: path.clone(), source })?;
        Ok(Self {
            path,
            target: target.replace(['\n', '\r'], " "),
            saved,
            commands: Self::COMMANDS,
            interval: Self::INTERVAL,
            counted: 0,
            last: Instant::now(),
        })
    }

    /// Sets when a save is due: after this number of commands, or this time, whichever is first.
    #[must_use]
    pub fn every(mut self, commands: u64, interval: Duration) -> Self {
        self.commands = commands;
        self.interval = interval;
        self
    }

    /// The content of the file; `None` while there is no file.
    #[must_use]
    pub fn saved(&self) -> Option<&Saved<P>> {
        self.saved.as_ref()
    }

    /// The position in the file; `None` while there is no file.
    #[must_use]
    pub fn position(&self) -> Option<P> {
        self.saved.as_ref().map(|saved| saved.position.clone())
    }

    /// Counts further processed commands.
    pub fn count(&mut self, commands: u64) {
        self.counted = self.counted.saturating_add(commands);
    }

    /// Whether enough commands were counted, or enough time has passed, since the last save.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.counted >= self.commands || self.last.elapsed() >= self.interval
    }

    /// The time until a save is due, if no more commands are counted.
    #[must_use]
    pub fn due_in(&self) -> Duration {
        if self.is_due() { Duration::ZERO } else { self.interval.saturating_sub(self.last.elapsed()) }
    }

    /// Saves a position: to a temporary file, which is synced and then renamed. Nothing is written if the file has this
    /// position already, or if it has no shard.
    ///
    /// # Errors
    /// [`CheckpointError::Write`]. The previous file is unchanged.
    pub fn save(&mut self, position: P) -> Result<(), CheckpointError> {
        self.counted = 0;
        self.last = Instant::now();
        // A cluster without a position of any shard yet.
        if position.lines().is_empty() {
            return Ok(());
        }
        // Also a position of another target: this one may not have accepted it.
        if self.saved.as_ref().is_some_and(|saved| saved.position == position) {
            return Ok(());
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let saved_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        let saved = Saved { position, target: self.target.clone(), saved_ms };
        replace(&self.path, &text(&saved))
            .map_err(|source| CheckpointError::Write { path: self.path.clone(), source })?;
        self.saved = Some(saved);
        Ok(())
    }
}

fn text<P: CheckpointPosition>(saved: &Saved<P>) -> String {
    let Saved { position, target, saved_ms } = saved;
    let lines: String = position.lines().iter().map(|line| format!("{} {line}\n", P::NAME)).collect();
    let body = format!("{}\n{lines}target {target}\nsaved-ms {saved_ms}\n", P::TITLE);
    let sum = Crc64::new().update(body.as_bytes()).value();
    format!("{body}checksum {sum:016x}\n")
}

fn read<P: CheckpointPosition>(path: &Path) -> Result<Option<Saved<P>>, CheckpointError> {
    let failed = |source| CheckpointError::Read { path: path.into(), source };
    let invalid = |reason| CheckpointError::Invalid { path: path.into(), reason };
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        metadata => metadata.map_err(failed)?,
    };
    if !metadata.is_file() {
        return Err(invalid("it is not a regular file"));
    }
    if metadata.len() > P::LONGEST {
        return Err(invalid("it is far too long"));
    }
    let bytes = fs::read(path).map_err(failed)?;
    if bytes.is_empty() {
        return Err(invalid("it is empty"));
    }
    if !bytes.starts_with(P::TITLE.as_bytes()) {
        let other =
            TITLES.into_iter().find(|(title, _)| bytes.starts_with(title.as_bytes()) && !P::TITLE.starts_with(title));
        return Err(invalid(other.map_or(P::FOREIGN, |(_, words)| words)));
    }
    let torn = || invalid("it is cut or was changed: its checksum does not fit");
    let text = String::from_utf8(bytes).map_err(|_| torn())?;
    let (body, sum) = text.rsplit_once("checksum ").ok_or_else(torn)?;
    let computed = Crc64::new().update(body.as_bytes()).value();
    if sum != format!("{computed:016x}\n") {
        return Err(torn());
    }
    let field = |name: &str| body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let lines = body.lines().filter_map(|line| line.strip_prefix(P::NAME)?.strip_prefix(' '));
    let position = P::read(lines).map_err(|source| CheckpointError::Position { path: path.into(), source })?;
    let saved_ms = field("saved-ms").and_then(|text| text.parse().ok()).unwrap_or(0);
    Ok(Some(Saved { position, target: field("target").unwrap_or_default().into(), saved_ms }))
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut fresh = Fresh::create(path, Access::Usual)?;
    fresh.write_all(text.as_bytes())?;
    fresh.replace()
}
