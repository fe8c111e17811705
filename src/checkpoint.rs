//! A position in a file, so that following survives the end of the process.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use thiserror::Error;

use crate::fresh::{Access, Fresh};
use crate::rdb::Crc64;
use crate::replication::{Position, PositionError};

/// Keeps a [`Position`] in a file that is replaced as a whole: after a crash at any moment it holds the last position saved, or the one
/// before.
///
/// Save a position only once everything up to it is safe where it went: then nothing is lost by a crash, and what came after the last
/// saved position comes again.
///
/// ```no_run
/// use redtail::{Ack, Checkpoint, Event, Follower, Start};
///
/// let target = "127.0.0.1:6379";
/// let mut checkpoint = Checkpoint::open("orders.position", target)?;
/// let start = checkpoint.position().map_or(Start::Now, Start::At);
/// let mut follower = Follower::builder(target).start(start).ack(Ack::Applied).connect()?;
/// while let Some(event) = follower.next()? {
///     if let Event::Command(command) = event {
///         println!("{command}"); // and whatever makes it safe
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
pub struct Checkpoint {
    path: PathBuf,
    target: String,
    saved: Option<Saved>,
    commands: u64,
    interval: Duration,
    /// Since the last save.
    counted: u64,
    last: Instant,
}

/// What a checkpoint file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// The position.
    pub position: Position,
    /// What was followed, in the words of whoever saved it.
    pub target: String,
    /// When it was saved, in milliseconds since 1970.
    pub saved_ms: u64,
}

/// Why a checkpoint can't be read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// It can't be read.
    #[error("can't read the checkpoint {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// It can't be written. What was there before is still there.
    #[error("can't write the checkpoint {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// It is something else, or was cut or changed.
    #[error("{path} is no whole checkpoint: {reason}; to start afresh on purpose, remove it")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The position in it is none.
    #[error("{path} is no whole checkpoint: {source}; to start afresh on purpose, remove it")]
    Position {
        /// The file.
        path: PathBuf,
        /// What is wrong with the position.
        source: PositionError,
    },
}

const TITLE: &str = "redtail checkpoint 1";
/// Far more than any checkpoint has.
const LONGEST: u64 = 64 << 10;

impl Checkpoint {
    /// Commands between two saves, unless said otherwise.
    pub const COMMANDS: u64 = 10_000;
    /// Time between two saves, unless said otherwise.
    pub const INTERVAL: Duration = Duration::from_secs(1);

    /// Reads the file, where there is one. `target` is what is being followed; the next save writes it down.
    ///
    /// # Errors
    /// A file that is there and is no whole checkpoint, or can't be read, is an error, never a fresh start.
    pub fn open(path: impl Into<PathBuf>, target: &str) -> Result<Self, CheckpointError> {
        let path = path.into();
        // Through a link the file behind it is replaced, not the link.
        let path = fs::canonicalize(&path).unwrap_or(path);
        let saved = read(&path)?;
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

    /// When a save is due: after so many commands, or so much time, whichever comes first.
    #[must_use]
    pub fn every(mut self, commands: u64, interval: Duration) -> Self {
        self.commands = commands;
        self.interval = interval;
        self
    }

    /// What the file holds; `None` while there is no file.
    #[must_use]
    pub fn saved(&self) -> Option<&Saved> {
        self.saved.as_ref()
    }

    /// The position in the file; `None` while there is no file.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.saved.as_ref().map(|saved| saved.position)
    }

    /// So many more commands are done with.
    pub fn count(&mut self, commands: u64) {
        self.counted = self.counted.saturating_add(commands);
    }

    /// Whether enough commands were counted, or enough time has passed, since the last save.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.counted >= self.commands || self.last.elapsed() >= self.interval
    }

    /// How long until a save is due, if no more commands are counted.
    #[must_use]
    pub fn due_in(&self) -> Duration {
        if self.is_due() { Duration::ZERO } else { self.interval.saturating_sub(self.last.elapsed()) }
    }

    /// Puts a position into the file: into another file first, which is synced and takes its place. Nothing is written if the position is
    /// the one that is there.
    ///
    /// # Errors
    /// [`CheckpointError::Write`]; what was there before is still there.
    pub fn save(&mut self, position: Position) -> Result<(), CheckpointError> {
        self.counted = 0;
        self.last = Instant::now();
        if self.saved.as_ref().is_some_and(|saved| saved.position == position && saved.target == self.target) {
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

fn text(saved: &Saved) -> String {
    let Saved { position, target, saved_ms } = saved;
    let body = format!("{TITLE}\nposition {position}\ntarget {target}\nsaved-ms {saved_ms}\n");
    let sum = Crc64::new().update(body.as_bytes()).value();
    format!("{body}checksum {sum:016x}\n")
}

fn read(path: &Path) -> Result<Option<Saved>, CheckpointError> {
    let failed = |source| CheckpointError::Read { path: path.into(), source };
    let invalid = |reason| CheckpointError::Invalid { path: path.into(), reason };
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        metadata => metadata.map_err(failed)?,
    };
    if !metadata.is_file() {
        return Err(invalid("it is not a regular file"));
    }
    if metadata.len() > LONGEST {
        return Err(invalid("it is far too long"));
    }
    let bytes = fs::read(path).map_err(failed)?;
    if bytes.is_empty() {
        return Err(invalid("it is empty"));
    }
    if !bytes.starts_with(TITLE.as_bytes()) {
        return Err(invalid("it does not begin with \"redtail checkpoint 1\""));
    }
    let torn = || invalid("it is cut or was changed: its checksum does not fit");
    let text = String::from_utf8(bytes).map_err(|_| torn())?;
    let (body, sum) = text.rsplit_once("checksum ").ok_or_else(torn)?;
    let computed = Crc64::new().update(body.as_bytes()).value();
    if sum != format!("{computed:016x}\n") {
        return Err(torn());
    }
    let field = |name: &str| body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let position = field("position").ok_or_else(|| invalid("it has no position"))?;
    let position = position.parse().map_err(|source| CheckpointError::Position { path: path.into(), source })?;
    let saved_ms = field("saved-ms").and_then(|text| text.parse().ok()).unwrap_or(0);
    Ok(Some(Saved { position, target: field("target").unwrap_or_default().into(), saved_ms }))
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    let mut fresh = Fresh::create(path, Access::Usual)?;
    fresh.write_all(text.as_bytes())?;
    fresh.replace()
}
